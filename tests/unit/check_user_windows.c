/* SPDX-License-Identifier: MIT */
/* Whom a rule means on Windows. Wine's user is an administrator, whom rules do not bind. */
#include "platform.h"
#include "user.h"

#include <string.h>

#include "mem.h"
#include "unit.h"
#include "windows/principal.h"

#define STR(s) ((char *)(uintptr_t)(s))

static char *domain_names[] = {STR("S-1-5-21-1-2-3-1104"), STR("CORP\\J\xC3\xBCrgen")};
static char *local_names[] = {STR("S-1-5-21-7-8-9-1001"), STR("anna"), STR("HOST1\\anna")};
static char *group_names[] = {STR("S-1-5-32-578"), STR("Hyper-V Administrators"),
                              STR("BUILTIN\\Hyper-V Administrators"), STR("CORP\\Ops")};
static const struct gl_user domain = {.names = domain_names, .n_names = 2};
static const struct gl_user local = {
    .names = local_names, .n_names = 3, .groups = group_names, .n_groups = 4};

START_TEST(by_full_name_in_any_case)
{
    ck_assert(gl_user_is(&domain, "CORP\\J\xC3\xBCrgen"));
    ck_assert(gl_user_is(&domain, "corp\\j\xC3\x9CRGEN"));
    ck_assert(gl_user_is(&domain, "CORP\\*"));
    ck_assert(!gl_user_is(&domain, "OTHER\\J\xC3\xBCrgen"));
    ck_assert(!gl_user_is(&domain, "CORP\\anna"));
    ck_assert(gl_user_is(&local, "host1\\ANNA"));
}
END_TEST

/* Somebody of a domain may have the name of somebody here: only the latter is meant by it. */
START_TEST(a_name_alone_is_no_domains)
{
    ck_assert(gl_user_is(&local, "Anna"));
    ck_assert(!gl_user_is(&domain, "J\xC3\xBCrgen"));
    ck_assert(!gl_user_is(&domain, "corp*"));
    ck_assert(!gl_user_is(&domain, "*rgen"));
    ck_assert(gl_user_is(&domain, "*"));
}
END_TEST

START_TEST(by_sid)
{
    ck_assert(gl_user_is(&domain, "S-1-5-21-1-2-3-1104"));
    ck_assert(gl_user_is(&domain, "s-1-5-21-1-2-3-*"));
    ck_assert(!gl_user_is(&domain, "S-1-5-21-1-2-3-110"));
    /* The number that stands for a user here means nothing to who writes a rule. */
    ck_assert(!gl_user_is(&domain, "0"));
}
END_TEST

START_TEST(by_group)
{
    ck_assert(gl_user_is_in(&local, "hyper-v administrators"));
    ck_assert(gl_user_is_in(&local, "S-1-5-32-578"));
    ck_assert(gl_user_is_in(&local, "corp\\ops"));
    ck_assert(!gl_user_is_in(&local, "ops"));
    ck_assert(!gl_user_is_in(&domain, "*"));
}
END_TEST

START_TEST(what_is_not_text_means_nobody)
{
    ck_assert(!gl_user_is(&local, "\xFF"));
    ck_assert(!gl_user_is(&local, ""));
}
END_TEST

/* What the system says of this process. */
START_TEST(of_this_process)
{
    uint32_t uid, gid;
    HANDLE token;
    ck_assert(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    ck_assert_int_eq(gl_principal_of_token(token, &uid, &gid), 0);
    CloseHandle(token);
    ck_assert_uint_eq(uid, gl_platform_uid());
    struct gl_user *user = gl_user_lookup(uid, gid);
    char sid[GL_PRINCIPAL_SID_SIZE];
    ck_assert_int_eq(gl_principal_sid(uid, sid), 0);
    ck_assert(gl_user_is(user, sid));
    ck_assert(gl_user_is(user, user->name));
    ck_assert_uint_gt(user->n_groups, 0);
    ck_assert(gl_user_is_in(user, "S-1-1-0")); /* Everyone */
    gl_user_free(user);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("user_windows", by_full_name_in_any_case, a_name_alone_is_no_domains,
                         by_sid, by_group, what_is_not_text_means_nobody, of_this_process);
}

GL_UNIT_MAIN(suite)
