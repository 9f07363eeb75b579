/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "harm.h"
#include "mem.h"
#include "scratch.h"
#include "settings.h"
#include "unit.h"

#define OWN_UID 990

static struct gl_rules *rules_of(const char *text)
{
    static cfg_opt_t options[] = {CFG_SEC("allow", gl_rules_options, CFGF_MULTI), CFG_END()};
    char folder[GL_SCRATCH_PATH], *error = NULL;
    gl_scratch_new(folder, "rules");
    char *path = gl_scratch_path(folder, "hostd.conf");
    gl_scratch_put_text(path, text);
    gl_harm_undo(path);
    cfg_t *cfg;
    int err = gl_config_load(path, options, &cfg, &error);
    gl_free(path);
    gl_scratch_remove(folder);
    ck_assert_msg(err == 0, "%s", error ? error : "?");
    struct gl_rules *rules = gl_rules_new(cfg, OWN_UID);
    cfg_free(cfg);
    return rules;
}

/* What rules may say of a user is asked beforehand on Windows, where a name alone is not all. */
static char *ops[] = {(char *)(uintptr_t) "users", (char *)(uintptr_t) "ops"};
static char *alice_names[] = {(char *)(uintptr_t) "alice", (char *)(uintptr_t) "1000"};
static char *carol_names[] = {(char *)(uintptr_t) "carol"};
static const struct gl_user alice = {
    .uid = 1000, .name = "alice", .names = alice_names, .n_names = 2};
static const struct gl_user bob = {.uid = 1001, .name = "bob", .groups = ops, .n_groups = 2};
static const struct gl_user root = {.uid = 0, .name = "root"};
static const struct gl_user own = {.uid = OWN_UID, .name = "guestlink"};
static const struct gl_rules_guest web1 = {"web1", "00112233445566aa"};
static const struct gl_rules_guest db = {"db", "ffeeddccbbaa9988"};

START_TEST(no_rule_allows_all)
{
    struct gl_rules *rules = rules_of("# nothing\n");
    ck_assert(gl_rules_allow(rules, &alice, &web1, "exec", "start"));
    ck_assert(gl_rules_allow(rules, &alice, NULL, "trust", "site_init"));
    ck_assert(gl_rules_see(rules, &alice, &db));
    gl_rules_free(rules);
}
END_TEST

START_TEST(each_field_must_fit)
{
    struct gl_rules *rules =
        rules_of("allow { user = alice guest = \"web*\" service = {exec, \"file.receive\"} }\n"
                 "allow { group = ops guest = db }\n");
    ck_assert(gl_rules_allow(rules, &alice, &web1, "exec", "start"));
    ck_assert(gl_rules_allow(rules, &alice, &web1, "file", "receive"));
    ck_assert(!gl_rules_allow(rules, &alice, &web1, "file", "send"));
    ck_assert(!gl_rules_allow(rules, &alice, &db, "exec", "start"));
    ck_assert(!gl_rules_allow(rules, &alice, NULL, "exec", "start"));
    ck_assert(gl_rules_allow(rules, &bob, &db, "power", "shutdown"));
    ck_assert(!gl_rules_allow(rules, &bob, &web1, "exec", "start"));
    ck_assert(!gl_rules_allow(rules, &bob, NULL, "trust", "site_init"));
    gl_rules_free(rules);
}
END_TEST

START_TEST(root_and_the_daemon_may_all)
{
    struct gl_rules *rules = rules_of("allow { user = alice guest = web1 }\n");
    ck_assert(gl_rules_allow(rules, &root, &db, "exec", "start"));
    ck_assert(gl_rules_allow(rules, &own, NULL, "trust", "site_export"));
    ck_assert(!gl_rules_allow(rules, &bob, &web1, "exec", "start"));
    gl_rules_free(rules);
}
END_TEST

START_TEST(a_rule_lets_one_look_at_its_guests_only)
{
    struct gl_rules *rules = rules_of("allow { user = \"1000\" guest = web1 service = exec }\n"
                                      "allow { user = carol guest = \"ffee*\" }\n");
    const struct gl_user carol = {.uid = 1002, .name = "carol", .names = carol_names, .n_names = 1};
    ck_assert(gl_rules_see(rules, &alice, &web1));
    ck_assert(!gl_rules_see(rules, &alice, &db));
    ck_assert(gl_rules_see(rules, &alice, NULL));
    ck_assert(!gl_rules_see(rules, &bob, NULL));
    ck_assert(gl_rules_see(rules, &carol, &db));
    gl_rules_free(rules);
}
END_TEST

START_TEST(an_empty_list_allows_nobody)
{
    struct gl_rules *rules = rules_of("allow { user = {} }\n");
    ck_assert(!gl_rules_allow(rules, &alice, &web1, "exec", "start"));
    gl_rules_free(rules);
    rules = rules_of("allow { }\n");
    ck_assert(gl_rules_allow(rules, &alice, NULL, "trust", "list"));
    gl_rules_free(rules);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("rules", no_rule_allows_all, each_field_must_fit,
                         root_and_the_daemon_may_all, a_rule_lets_one_look_at_its_guests_only,
                         an_empty_list_allows_nobody);
}

GL_UNIT_MAIN(suite)
