/* SPDX-License-Identifier: MIT */
/* agent.conf on Linux: its addresses, and the example that is shipped. */
#include "agentconf.h"

START_TEST(connects_to_the_host)
{
    struct gl_settings *settings = load("");
    ck_assert_uint_eq(settings->n_connect, 1);
    ck_assert_int_eq(settings->connect[0].kind, GL_ADDRESS_VSOCK);
    ck_assert_uint_eq(settings->connect[0].cid, GL_CID_HOST);
    ck_assert_uint_eq(settings->connect[0].port, 1007);
    gl_settings_free(settings);
}
END_TEST

START_TEST(addresses)
{
    refuse("connect = {'vsock:any:1007'}\n", 1, "no place");
    refuse("connect = {'unix:/a,name=b'}\n", 1, "unix:/a,name=b");
    refuse("connect = {'unix:/a', 'pipe:a'}\n", 1, "named pipes exist on Windows only");
    refuse("\nconnect = {'hvsock:parent:1007'}\n", 2, "hvsock addresses exist on Windows only");
    refuse("connect = {'unix:/01234567890123456789012345678901234567890123456789"
           "01234567890123456789012345678901234567890123456789012345678'}\n",
           1, "too long for a socket");
    gl_settings_free(load("connect = {'unix:/run/a.sock', 'vsock:host:7'}\n"));
}
END_TEST

START_TEST(the_root_in_a_policy)
{
    struct gl_settings *settings = load("policy { deny x { path = '/' } }\n");
    ck_assert_msg(!settings->policy_error, "%s", settings->policy_error);
    gl_settings_free(settings);
}
END_TEST

START_TEST(loopback_only_if_wanted)
{
    refuse("connect = {'vsock:local:1007'}\n", 0, "allow-loopback");
    gl_settings_free(load("connect = {'vsock:local:1007'}\nallow-loopback = true\n"));
}
END_TEST

/* The example that is shipped changes nothing, and its rules are right when they are taken. */
START_TEST(shipped_example)
{
    const char *source = getenv("GL_SRCDIR"), *why;
    char text[8192] = "", line[256];
    char *example = gl_asprintf("%s/packaging/agent.conf.example", source ? source : "../..");
    FILE *file = fopen(example, "rb");
    ck_assert_msg(file != NULL, "%s", example);
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    ck_assert_uint_lt(n, sizeof(text) - 1);
    struct gl_settings *settings = load(text);
    ck_assert_ptr_null(settings->policy_error);
    ck_assert_uint_eq(settings->calls_max, 1024);
    ck_assert_uint_eq(settings->programs_max, 512);
    ck_assert_uint_eq(settings->copies_max, 64);
    ck_assert_int_eq(ask(settings, "exec", NULL, &why), GL_POLICY_ALLOW);
    gl_settings_free(settings);

    /* Without the # before each line of the policy that is none of its prose. */
    text[0] = '\0';
    bool examples = false;
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        examples |= strstr(line, "# Monitoring only") != NULL;
        char *mark = examples ? strchr(line, '#') : NULL;
        if (strncmp(line, "policy {", 8) == 0 || (mark && mark[1] != ' ' && mark[1] != '\n') ||
            (mark && strncmp(mark, "#    ", 5) == 0) || (examples && !mark))
            strcat(text, mark ? mark + 1 : line);
    }
    fclose(file);
    settings = load(text);
    ck_assert_msg(!settings->policy_error, "%s\n%s", settings->policy_error, text);
    ck_assert_int_eq(ask(settings, "file", "/etc/shadow", &why), GL_POLICY_DENY);
    ck_assert_ptr_nonnull(strstr(why, "\"secrets\""));
    ck_assert_int_eq(ask(settings, "file", "/etc/passwd", &why), GL_POLICY_DENY);
    ck_assert_ptr_nonnull(strstr(why, "default is deny"));
    gl_settings_free(settings);
    gl_free(example);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("settings");
    TCase *tc = tcase_create("settings");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, connects_to_the_host);
    tcase_add_test(tc, addresses);
    tcase_add_test(tc, the_root_in_a_policy);
    tcase_add_test(tc, loopback_only_if_wanted);
    tcase_add_test(tc, shipped_example);
    suite_add_tcase(s, tc);
    return s;
}

GL_UNIT_MAIN(suite)
