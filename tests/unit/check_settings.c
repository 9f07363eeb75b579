/* SPDX-License-Identifier: MIT */
/* agent.conf: what is taken, what is refused, and that an error in the policy denies everything. */
#include "agentconf.h"
#include "place.h"

START_TEST(defaults)
{
    const char *why;
    struct gl_settings *settings = load("");
    ck_assert_uint_eq(settings->n_connect, 1);
    ck_assert_ptr_null(settings->name);
    ck_assert_int_eq(settings->host_trust, GL_HOST_TRUST_PINNED);
    ck_assert_uint_eq(settings->resume_ms, 60000);
    ck_assert_int_eq(settings->log_level, GL_LOG_INFO);
    ck_assert_int_eq(ask(settings, "exec", NULL, &why), GL_POLICY_ALLOW);
    gl_settings_free(settings);
}
END_TEST

static bool is_at(const struct gl_address *address, const char *text)
{
    struct gl_address other;
    const char *why;
    ck_assert_int_eq(gl_address_parse(text, &other, NULL, &why), 0);
    return address->kind == other.kind && strcmp(address->path, other.path) == 0;
}

START_TEST(file_and_options)
{
    static const char text[] = "connect = {'" GL_PLACE_ADDRESS "a', '" GL_PLACE_ADDRESS "b'}\n"
                               "name = web\nlog-level = warn\nstate = /tmp/x\n"
                               "limits { calls = 5 programs = 6 copies = 7 }\n";
    struct gl_settings *settings = load(text);
    ck_assert_uint_eq(settings->n_connect, 2);
    ck_assert(is_at(&settings->connect[0], GL_PLACE_ADDRESS "a"));
    ck_assert_str_eq(settings->name, "web");
    ck_assert_str_eq(settings->state, "/tmp/x");
    ck_assert_int_eq(settings->log_level, GL_LOG_WARN);
    ck_assert_uint_eq(settings->calls_max, 5);
    ck_assert_uint_eq(settings->programs_max, 6);
    ck_assert_uint_eq(settings->copies_max, 7);
    gl_settings_free(settings);

    const char *why;
    options.n_connect = 1;
    ck_assert_int_eq(gl_address_parse(GL_PLACE_ADDRESS "b", &options.connect[0], NULL, &why), 0);
    options.name = "db";
    options.state = "/tmp/y";
    options.has_log_level = true;
    options.log_level = GL_LOG_DEBUG;
    settings = load(text);
    ck_assert_uint_eq(settings->n_connect, 1);
    ck_assert(is_at(&settings->connect[0], GL_PLACE_ADDRESS "b"));
    ck_assert_str_eq(settings->name, "db");
    ck_assert_str_eq(settings->state, "/tmp/y");
    ck_assert_int_eq(settings->log_level, GL_LOG_DEBUG);
    gl_settings_free(settings);
}
END_TEST

START_TEST(refused)
{
    refuse("name = a\nconnect = {'tcp:1.2.3.4:5'}\n", 2, "tcp:1.2.3.4:5");
    refuse("# a comment\n\nhost-trust = everybody\n", 3, "everybody");
    refuse("\n\nhost-trust = everybody\n", 3, "everybody");
    refuse("site-key = abc\n", 1, "64 hexadecimal");
    refuse("hvsock-driver = tcp\n", 1, "tcp");
    refuse("log-level = loud\n", 1, "loud");
    refuse("conect = {}\n", 1, "conect");
    refuse("limits { calls = 0 }\n", 1, "calls");
    refuse("limits { resume-seconds = 99999999 }\n", 1, "resume-seconds");
    refuse("limits {\n", 2, "");
    refuse("host-trust = pinned\nsite-key = "
           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
           0, "host-trust = site");
}
END_TEST

START_TEST(site_key_means_site)
{
    struct gl_settings *settings =
        load("site-key = 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    ck_assert_int_eq(settings->host_trust, GL_HOST_TRUST_SITE);
    ck_assert_uint_eq(strlen(settings->site_key), 64);
    gl_settings_free(settings);
}
END_TEST

START_TEST(missing_file)
{
    struct gl_settings *settings = NULL;
    char *error = NULL;
    gl_scratch_unlink(path);
    ck_assert_int_eq(gl_settings_load(&options, &settings, &error), UV_ENOENT);
    ck_assert_ptr_nonnull(strstr(error, path));
    gl_free(error);
    put("");
}
END_TEST

START_TEST(rules)
{
    const char *why;
    struct gl_settings *settings = load("# policy { in a comment\n"
                                        "name = \"policy {\"\n"
                                        "policy {\n"
                                        "  default = deny # }\n"
                                        "  allow \"a }\" { service = {exec, 'fi*'} }\n"
                                        "  allow deny { service = info }\n"
                                        "\n"
                                        "  deny keys {\n"
                                        "    path = '" GL_PLACE_DRIVE "/etc/ssh/*'\n"
                                        "  }\n"
                                        "  deny more { path = '" GL_PLACE_DRIVE "/etc/*' }\n"
                                        "}\n"
                                        "log-level = warn\n");
    ck_assert_ptr_null(settings->policy_error);
    ck_assert(!settings->cut_short);
    ck_assert_int_eq(settings->log_level, GL_LOG_WARN);
    ck_assert_str_eq(settings->name, "policy {");
    ck_assert_int_eq(ask(settings, "exec", NULL, &why), GL_POLICY_ALLOW);
    ck_assert_int_eq(ask(settings, "file", GL_PLACE_DRIVE "/home", &why), GL_POLICY_ALLOW);
    ck_assert_int_eq(ask(settings, "kv", NULL, &why), GL_POLICY_DENY);
    ck_assert_ptr_nonnull(strstr(why, "default is deny"));
    ck_assert_int_eq(ask(settings, "file", GL_PLACE_DRIVE "/etc/ssh/key", &why), GL_POLICY_DENY);
    char where[sizeof(path) + 64];
    snprintf(where, sizeof(where), "rule \"keys\" of the guest's policy, %s:8", path);
    ck_assert_msg(strstr(why, where) != NULL, "%s", why);
    ck_assert_int_eq(ask(settings, "file", GL_PLACE_DRIVE "/etc/passwd", &why), GL_POLICY_DENY);
    snprintf(where, sizeof(where), "rule \"more\" of the guest's policy, %s:11", path);
    ck_assert_msg(strstr(why, where) != NULL, "%s", why);
    gl_settings_free(settings);
}
END_TEST

START_TEST(broken_policy_denies_everything)
{
    broken("policy { default = maybe }\n", 1, "maybe");
    broken("policy {\n  alow x { service = exec }\n}\n", 2, "alow");
    broken("policy {\n  allow x { servce = exec }\n}\n", 2, "servce");
    broken("policy {\n\n  allow x { }\n}\n", 3, "no condition");
    broken("policy {\n  deny x { program = sh }\n}\n", 2, "'sh'");
    /* An empty list is no pattern that could match, rather than no condition. */
    broken("policy {\n\n  allow x { service = exec  program = {} }\n}\n", 3, "program");
    broken("policy {\n  allow x { service = exec  program += {} }\n}\n", 2, "program");
    broken("policy {\n  allow x { program = '" GL_PLACE_DRIVE
           "/a'  service = exec  program = {} }\n}\n",
           2, "program");
    broken("policy {\n  deny x { service = exec  user = { } }\n}\n", 2, "user");
    broken("policy {\n  deny x { service = '' }\n}\n", 2, "service");
    broken("policy {\n  deny x { service = exec }\n  deny x { service = file }\n}\n", 3, "x");
    broken("policy { default = allow }\nname = a\npolicy { default = allow }\n", 3, "twice");
    broken("policy {\n  deny { service = exec }\n}\n", 2, "");
}
END_TEST

/* A deny rule with a slip would deny nothing. */
START_TEST(patterns_that_match_nothing_are_slips)
{
    broken("policy {\n  deny x { service = exce }\n}\n", 2, "'exce' can match no service");
    broken("policy {\n  deny x { service = {exec, 'fiel*'} }\n}\n", 2, "'fiel*'");
    broken("policy {\n  deny x { method = sned }\n}\n", 2, "'sned' can match no method");
    broken("policy {\n  allow x { group = inspct }\n}\n", 2, "'inspct' can match no group");
    broken("policy {\n  deny x { path = '" GL_PLACE_DRIVE "/etc/../root/*' }\n}\n", 2,
           "'.' and '..'");
    broken("policy {\n  deny x { path = '*/.' }\n}\n", 2, "'.' and '..'");
    broken("policy {\n  deny x { path = '" GL_PLACE_DRIVE "/etc//x' }\n}\n", 2, "two slashes");
    broken("policy {\n  deny x { path = '" GL_PLACE_DRIVE "/root/' }\n}\n", 2, "end with a slash");
    broken("policy {\n  deny x { program = \"" GL_PLACE_DRIVE "/usr/bin/[a-z]*\" }\n}\n", 2,
           "[ is no wildcard");
    broken("policy {\n  deny x { user = '{a,b}' }\n}\n", 2, "{ is no wildcard");
    struct gl_settings *settings =
        load("policy { deny x { path = {'" GL_PLACE_DRIVE "/a\\[b', '" GL_PLACE_DRIVE
             "/*', '*/..x/.y', '" GL_PLACE_DRIVE "/a/*/?'}  "
             "service = 'f*'  method = 's?nd'  group = manage } }\n");
    ck_assert_msg(!settings->policy_error, "%s", settings->policy_error);
    gl_settings_free(settings);
}
END_TEST

/* What stands beside a broken policy still counts, and one that never ends is told apart. */
START_TEST(the_rest_of_a_broken_file)
{
    struct gl_settings *settings =
        load("policy { deny x { oops = 1 } }\nhost-trust = any\nname = web\n");
    ck_assert_int_eq(settings->host_trust, GL_HOST_TRUST_ANY);
    ck_assert_str_eq(settings->name, "web");
    ck_assert(!settings->cut_short);
    gl_settings_free(settings);

    settings = load("name = web\npolicy {\n  default = allow\nhost-trust = site\n");
    ck_assert(settings->cut_short);
    ck_assert_ptr_nonnull(settings->policy_error);
    ck_assert_str_eq(settings->name, "web");
    gl_settings_free(settings);

    refuse("nam = web\npolicy { default = deny }\n", 1, "nam");
    refuse("policy { default = deny }\nnam = web\n", 2, "nam");
    refuse("policy { default = deny } }\n", 1, "");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("settings");
    TCase *tc = tcase_create("settings");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, defaults);
    tcase_add_test(tc, file_and_options);
    tcase_add_test(tc, refused);
    tcase_add_test(tc, site_key_means_site);
    tcase_add_test(tc, missing_file);
    tcase_add_test(tc, rules);
    tcase_add_test(tc, broken_policy_denies_everything);
    tcase_add_test(tc, patterns_that_match_nothing_are_slips);
    tcase_add_test(tc, the_rest_of_a_broken_file);
    suite_add_tcase(s, tc);
    return s;
}

GL_UNIT_MAIN(suite)
