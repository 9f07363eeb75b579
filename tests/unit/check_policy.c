/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include <string.h>

#include "sys.h"
#include "unit.h"

#define ASK(policy, ...)                                                                           \
    gl_policy_ask((policy), &(struct gl_policy_question){__VA_ARGS__}, false, &text)
#define ASK_OPEN(policy, ...)                                                                      \
    gl_policy_ask((policy), &(struct gl_policy_question){__VA_ARGS__}, true, &text)

static const char *text;

static struct gl_policy_rule *rule(struct gl_policy *policy, bool deny, const char *why,
                                   const char *field, const char *pattern)
{
    struct gl_policy_rule *made = gl_policy_add(policy, deny, why);
    ck_assert(gl_policy_rule_add(made, field, pattern));
    return made;
}

START_TEST(default_decides)
{
    struct gl_policy *policy = gl_policy_new(true, NULL);
    ck_assert_int_eq(ASK(policy, .service = "exec"), GL_POLICY_ALLOW);
    gl_policy_free(policy);
    policy = gl_policy_new(false, "agent.conf:3: nothing is allowed");
    ck_assert_int_eq(ASK(policy, .service = "exec"), GL_POLICY_DENY);
    ck_assert_str_eq(text, "agent.conf:3: nothing is allowed");
    gl_policy_free(policy);
    gl_policy_free(NULL);
}
END_TEST

START_TEST(deny_wins_and_first_is_named)
{
    struct gl_policy *policy = gl_policy_new(false, "default");
    rule(policy, false, "a", "service", "*");
    rule(policy, true, "first", "path", "/etc/*");
    rule(policy, true, "second", "path", "/etc/ssh/*");
    ck_assert_int_eq(ASK(policy, .service = "file", .path = "/home/x"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .service = "file", .path = "/etc/ssh/x"), GL_POLICY_DENY);
    ck_assert_str_eq(text, "first");
    gl_policy_free(policy);
}
END_TEST

/* Here no path has two meanings: one that begins with two slashes is judged as any other. */
START_TEST(two_slashes)
{
    struct gl_policy *policy = gl_policy_new(true, NULL);
    rule(policy, true, "secret", "path", "/secret/*");
    rule(policy, true, "shell", "program", "/bin/sh");
    enum gl_policy_answer other = gl_sys_path_eludes("//x/y") ? GL_POLICY_DENY : GL_POLICY_ALLOW;
    ck_assert_int_eq(ASK(policy, .service = "file", .path = "//x/y"), other);
    ck_assert_int_eq(ASK(policy, .service = "exec", .program = "//x/y"), other);
    ck_assert_int_eq(ASK(policy, .service = "file", .path = "/x/y"), GL_POLICY_ALLOW);
    gl_policy_free(policy);
}
END_TEST

START_TEST(conditions_are_joined)
{
    struct gl_policy *policy = gl_policy_new(false, "default");
    struct gl_policy_rule *made = rule(policy, false, "", "service", "exec");
    ck_assert(gl_policy_rule_add(made, "user", "nobody"));
    ck_assert(gl_policy_rule_add(made, "user", "web*"));
    ck_assert(!gl_policy_rule_add(made, "colour", "red"));
    ck_assert_int_eq(ASK(policy, .service = "exec", .user = "nobody"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .service = "exec", .user = "web1"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .service = "exec", .user = "root"), GL_POLICY_DENY);
    ck_assert_int_eq(ASK(policy, .service = "file", .user = "nobody"), GL_POLICY_DENY);
    ck_assert_int_eq(ASK(policy, .service = "exec"), GL_POLICY_DENY);
    gl_policy_free(policy);
}
END_TEST

START_TEST(every_field_counts)
{
    static const char *const names[] = {"service", "method", "group", "caller",
                                        "program", "path",   "user"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct gl_policy *policy = gl_policy_new(true, NULL);
        rule(policy, true, names[i], names[i], names[i]);
        struct gl_policy_question question = {"service", "method", "group", "caller",
                                              "program", "path",   "user",  NULL};
        ck_assert_int_eq(gl_policy_ask(policy, &question, false, &text), GL_POLICY_DENY);
        ck_assert_str_eq(text, names[i]);
        question = (struct gl_policy_question){"x", "x", "x", "x", "x", "x", "x", NULL};
        ck_assert_int_eq(gl_policy_ask(policy, &question, false, &text), GL_POLICY_ALLOW);
        gl_policy_free(policy);
    }
}
END_TEST

/* What the gate hears before the handler knows program and path. */
START_TEST(open_questions)
{
    struct gl_policy *policy = gl_policy_new(true, NULL);
    rule(policy, true, "no shells", "program", "/bin/*sh");
    ck_assert_int_eq(ASK_OPEN(policy, .service = "exec"), GL_POLICY_MORE);
    ck_assert_int_eq(ASK(policy, .service = "exec"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .service = "exec", .program = "/bin/dash"), GL_POLICY_DENY);
    gl_policy_free(policy);

    policy = gl_policy_new(false, "default");
    struct gl_policy_rule *made = rule(policy, false, "", "program", "/usr/bin/uptime");
    ck_assert(gl_policy_rule_add(made, "service", "exec"));
    ck_assert_int_eq(ASK_OPEN(policy, .service = "exec"), GL_POLICY_MORE);
    ck_assert_int_eq(ASK_OPEN(policy, .service = "file"), GL_POLICY_DENY);
    ck_assert_int_eq(ASK(policy, .service = "exec"), GL_POLICY_DENY);
    ck_assert_int_eq(ASK_OPEN(policy, .group = "run"), GL_POLICY_DENY);
    rule(policy, true, "never", "service", "exec");
    ck_assert_int_eq(ASK_OPEN(policy, .service = "exec"), GL_POLICY_DENY);
    ck_assert_str_eq(text, "never");
    gl_policy_free(policy);
}
END_TEST

/* Variables are asked about one by one; a rule about programs is not to be void by them. */
START_TEST(variables)
{
    struct gl_policy *policy = gl_policy_new(false, "default");
    rule(policy, false, "", "program", "/bin/date");
    struct gl_policy_rule *made = rule(policy, false, "", "program", "/opt/deploy");
    ck_assert(gl_policy_rule_add(made, "env", "DEPLOY_*"));
    rule(policy, false, "", "user", "nobody");
    ck_assert_int_eq(ASK(policy, .program = "/bin/date", .user = "root"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .program = "/bin/date", .user = "root", .env = "LD_PRELOAD"),
                     GL_POLICY_DENY);
    ck_assert_str_eq(text, "default");
    ck_assert_int_eq(ASK(policy, .program = "/bin/date", .user = "root", .env = "DEPLOY_X"),
                     GL_POLICY_DENY);
    ck_assert_int_eq(ASK(policy, .program = "/opt/deploy"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .program = "/opt/deploy", .env = "DEPLOY_X"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .program = "/opt/deploy", .env = "BASH_ENV"), GL_POLICY_DENY);
    /* Who may run anything may set anything. */
    ck_assert_int_eq(ASK(policy, .program = "/bin/sh", .user = "nobody", .env = "BASH_ENV"),
                     GL_POLICY_ALLOW);
    gl_policy_free(policy);
}
END_TEST

#define AS_ROOT .service = "exec", .user = "root"

START_TEST(variables_beside_denied_programs)
{
    struct gl_policy *policy = gl_policy_new(true, NULL);
    ck_assert_int_eq(ASK(policy, AS_ROOT, .program = "/bin/ls", .env = "X"), GL_POLICY_ALLOW);
    struct gl_policy_rule *made = rule(policy, true, "no shells", "program", "/bin/*sh");
    ck_assert(gl_policy_rule_add(made, "user", "root"));
    ck_assert_int_eq(ASK(policy, AS_ROOT, .program = "/bin/ls"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, AS_ROOT, .program = "/bin/ls", .env = "X"), GL_POLICY_DENY);
    ck_assert_ptr_nonnull(strstr(text, "env"));
    /* The rule is about another user. */
    ck_assert_int_eq(
        ASK(policy, .service = "exec", .user = "nobody", .program = "/bin/ls", .env = "X"),
        GL_POLICY_ALLOW);
    rule(policy, false, "", "service", "exec");
    ck_assert_int_eq(ASK(policy, AS_ROOT, .program = "/bin/ls", .env = "X"), GL_POLICY_DENY);
    rule(policy, false, "", "env", "X");
    ck_assert_int_eq(ASK(policy, AS_ROOT, .program = "/bin/ls", .env = "X"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, AS_ROOT, .program = "/bin/sh", .env = "X"), GL_POLICY_DENY);
    ck_assert_str_eq(text, "no shells");
    gl_policy_free(policy);
}
END_TEST

START_TEST(conditions_on_variables_alone)
{
    struct gl_policy *policy = gl_policy_new(true, NULL);
    rule(policy, true, "no LD", "env", "LD_*");
    ck_assert_int_eq(ASK_OPEN(policy, .service = "exec"), GL_POLICY_MORE);
    ck_assert_int_eq(ASK(policy, .program = "/bin/ls"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .program = "/bin/ls", .env = "X"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .program = "/bin/ls", .env = "LD_AUDIT"), GL_POLICY_DENY);
    ck_assert_str_eq(text, "no LD");
    gl_policy_free(policy);

    /* It allows programs, nothing else. */
    policy = gl_policy_new(false, "default");
    rule(policy, false, "", "env", "X");
    ck_assert_int_eq(ASK_OPEN(policy, .service = "exec"), GL_POLICY_MORE);
    ck_assert_int_eq(ASK(policy, .program = "/bin/ls"), GL_POLICY_ALLOW);
    ck_assert_int_eq(ASK(policy, .program = "/bin/ls", .env = "Y"), GL_POLICY_DENY);
    ck_assert_int_eq(ASK(policy, .service = "file", .path = "/etc/shadow"), GL_POLICY_DENY);
    gl_policy_free(policy);
}
END_TEST

START_TEST(harmless_variables)
{
    static const char *const yes[] = {
        "LANG=de_DE.UTF-8", "LC_ALL=C",   "LC_TIME=",   "TERM=xterm-256color",
        "TZ=Europe/Berlin", "NO_COLOR=1", "COLUMNS=80", "LINES=24"};
    static const char *const no[] = {"LD_PRELOAD=x",
                                     "BASH_FUNC_x%%=() { id; }",
                                     "BASH_ENV=x",
                                     "PATH=/tmp",
                                     "LANGX=C",
                                     "lang=C",
                                     "LANG",
                                     "LANG=/tmp/x",
                                     "LC_ALL=../x",
                                     "LC_MESSAGES=%s",
                                     "TZ=:/etc/shadow",
                                     "TZ=/etc/shadow",
                                     "TERM=/tmp/x",
                                     "=x",
                                     "",
                                     "NLSPATH=x",
                                     "LOCPATH=/tmp",
                                     "TERMINFO=/tmp"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        ck_assert_msg(gl_policy_env_harmless(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        ck_assert_msg(!gl_policy_env_harmless(no[i]), "%s", no[i]);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("policy", default_decides, deny_wins_and_first_is_named, two_slashes,
                         conditions_are_joined, every_field_counts, open_questions, variables,
                         variables_beside_denied_programs, conditions_on_variables_alone,
                         harmless_variables);
}

GL_UNIT_MAIN(suite)
