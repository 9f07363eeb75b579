/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include <string.h>

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
                                              "program", "path",   "user"};
        ck_assert_int_eq(gl_policy_ask(policy, &question, false, &text), GL_POLICY_DENY);
        ck_assert_str_eq(text, names[i]);
        question = (struct gl_policy_question){"x", "x", "x", "x", "x", "x", "x"};
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

static Suite *suite(void)
{
    return GL_UNIT_SUITE("policy", default_decides, deny_wins_and_first_is_named,
                         conditions_are_joined, every_field_counts, open_questions);
}

GL_UNIT_MAIN(suite)
