/* SPDX-License-Identifier: MIT */
/* agent.conf on Windows: its addresses, and how paths are written in a policy. */
#include "agentconf.h"

START_TEST(connects_to_the_host)
{
    struct gl_address parent;
    const char *why;
    struct gl_settings *settings = load("");
    ck_assert_int_eq(gl_address_parse("hvsock:parent:1007", &parent, NULL, &why), 0);
    ck_assert_uint_eq(settings->n_connect, 1);
    ck_assert_int_eq(settings->connect[0].kind, GL_ADDRESS_HVSOCK);
    ck_assert_mem_eq(&settings->connect[0].vm, &parent.vm, sizeof(parent.vm));
    ck_assert_mem_eq(&settings->connect[0].service, &parent.service, sizeof(parent.service));
    gl_settings_free(settings);
}
END_TEST

START_TEST(addresses)
{
    refuse("connect = {'unix:/a'}\n", 1, "use pipe:NAME here");
    refuse("\nconnect = {'vsock:host:1007'}\n", 2, "use hvsock: here");
    refuse("connect = {'pipe:a,name=b'}\n", 1, "pipe:a,name=b");
    gl_settings_free(load("connect = {'pipe:agents'}\n"));
}
END_TEST

/* A backslash takes the next character as it is: a path that is written with them fits nothing. */
START_TEST(paths_in_a_policy)
{
    const char *why;
    broken("policy {\n  deny x { path = '/etc/*' }\n}\n", 2, "a path begins with a drive");
    broken("policy {\n  deny x { path = 'C:\\\\Windows\\\\*' }\n}\n", 2, "written with /");
    struct gl_settings *settings =
        load("policy { deny x { path = 'C:/Windows/*' service = file } }\n");
    ck_assert_msg(!settings->policy_error, "%s", settings->policy_error);
    ck_assert_int_eq(ask(settings, "file", "C:\\Windows\\System32", &why), GL_POLICY_DENY);
    ck_assert_int_eq(ask(settings, "file", "c:\\WINDOWS\\notepad.exe", &why), GL_POLICY_DENY);
    ck_assert_int_eq(ask(settings, "file", "C:\\Users", &why), GL_POLICY_ALLOW);
    gl_settings_free(settings);

    /* A drive's root is a path, too. */
    settings = load("policy { deny x { path = 'C:/' service = file } }\n");
    ck_assert_msg(!settings->policy_error, "%s", settings->policy_error);
    ck_assert_int_eq(ask(settings, "file", "c:\\", &why), GL_POLICY_DENY);
    ck_assert_int_eq(ask(settings, "file", "C:\\Users", &why), GL_POLICY_ALLOW);
    gl_settings_free(settings);
    settings = load("policy { allow x { path = '//server/share/*' service = file } }\n");
    ck_assert_ptr_null(settings->policy_error);
    gl_settings_free(settings);
    broken("policy {\n  deny x { path = 'C:/Users/' }\n}\n", 2, "end with a slash");
    broken("policy {\n  deny x { path = '//server//x' }\n}\n", 2, "slash");
    broken("policy {\n  deny x { path = 'C://' }\n}\n", 2, "slash");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("settings");
    TCase *tc = tcase_create("settings");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, connects_to_the_host);
    tcase_add_test(tc, addresses);
    tcase_add_test(tc, paths_in_a_policy);
    suite_add_tcase(s, tc);
    return s;
}

GL_UNIT_MAIN(suite)
