/* SPDX-License-Identifier: MIT */
#include "principal.h"

#include <sddl.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "mem.h"
#include "wide.h"

#define USERS_MAX  65536u
#define SETS_MAX   4096u /* that come from tokens; the oldest goes for a new one */
#define NAMED_MAX  1024u /* that come from names: what a configuration says */
#define GROUPS_MAX 1024u /* of a token: Windows itself allows about as many */
/* Numbers of named sets: away from those of tokens, which count up from 1. */
#define NAMED_FIRST 0x80000000u

struct sid {
    union {
        SID sid;
        BYTE bytes[SECURITY_MAX_SID_SIZE];
    } u;
    DWORD len;
};

struct user {
    struct sid sid;
    bool superuser;
};

struct set {
    uint32_t gid;
    size_t n;
    struct sid *sids; /* in the token's order */
};

static uv_once_t once;  /* UV_ONCE_INIT is all zero, and lacks braces */
static uv_mutex_t lock; /* of all below */
static struct user *users;
static size_t n_users, users_room;
static struct set sets[SETS_MAX];
static uint32_t last_gid;
static struct set *named;
static size_t n_named;
static uint32_t self;

/* ------------------------------------------------------------------ SIDs */

static bool copy_sid(PSID from, struct sid *ret_sid)
{
    DWORD len = IsValidSid(from) ? GetLengthSid(from) : 0;
    if (!len || len > SECURITY_MAX_SID_SIZE)
        return false;
    *ret_sid = (struct sid){.len = len};
    memcpy(ret_sid->u.bytes, from, len);
    return true;
}

static bool same_sid(const struct sid *a, const struct sid *b)
{
    return a->len == b->len && memcmp(a->u.bytes, b->u.bytes, a->len) == 0;
}

static bool is_well_known(const struct sid *sid, WELL_KNOWN_SID_TYPE type)
{
    return IsWellKnownSid((PSID)(uintptr_t)sid->u.bytes, type);
}

static void format_sid(const struct sid *sid, char out[GL_PRINCIPAL_SID_SIZE])
{
    LPSTR text;
    out[0] = '\0';
    if (!ConvertSidToStringSidA((PSID)(uintptr_t)sid->u.bytes, &text))
        return;
    snprintf(out, GL_PRINCIPAL_SID_SIZE, "%s", text);
    LocalFree(text);
}

/* ------------------------------------------------------------------ the tables */

/* With the lock. */
static int intern_user(const struct sid *sid, bool superuser, uint32_t *ret_uid)
{
    for (size_t i = 0; i < n_users; i++) {
        if (users[i].superuser == superuser && same_sid(&users[i].sid, sid)) {
            *ret_uid = (uint32_t)i;
            return 0;
        }
    }
    if (n_users == USERS_MAX)
        return UV_ENOMEM;
    if (n_users == users_room) {
        users_room = users_room ? 2 * users_room : 16;
        users = gl_realloc_array(users, users_room, sizeof(*users));
    }
    users[n_users] = (struct user){*sid, superuser};
    *ret_uid = (uint32_t)n_users++;
    return 0;
}

static bool same_set(const struct set *set, const struct sid *sids, size_t n)
{
    if (set->n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!same_sid(&set->sids[i], &sids[i]))
            return false;
    return true;
}

/* With the lock. Takes sids. */
static uint32_t intern_set(struct sid *sids, size_t n)
{
    if (n == 0) {
        gl_free(sids);
        return GL_PRINCIPAL_NO_GROUPS;
    }
    for (size_t i = 0; i < SETS_MAX; i++) {
        if (sets[i].gid && same_set(&sets[i], sids, n)) {
            gl_free(sids);
            return sets[i].gid;
        }
    }
    if (++last_gid == NAMED_FIRST)
        last_gid = 1; /* the sets of those numbers have long been forgotten */
    struct set *set = &sets[last_gid % SETS_MAX];
    gl_free(set->sids);
    *set = (struct set){last_gid, n, sids};
    return last_gid;
}

/* With the lock. NULL: not known (any more), or of no groups. */
static const struct set *find_set(uint32_t gid)
{
    if (gid >= NAMED_FIRST)
        return gid - NAMED_FIRST < n_named ? &named[gid - NAMED_FIRST] : NULL;
    const struct set *set = &sets[gid % SETS_MAX];
    return gid && set->gid == gid ? set : NULL;
}

static int of_token(HANDLE token, uint32_t *ret_uid, uint32_t *ret_gid);

static void init(void)
{
    struct sid system = {.len = SECURITY_MAX_SID_SIZE};
    uint32_t uid, gid;
    HANDLE token;
    if (uv_mutex_init(&lock) != 0 ||
        !CreateWellKnownSid(WinLocalSystemSid, NULL, system.u.bytes, &system.len))
        abort();
    intern_user(&system, true, &uid); /* the first: number 0 */
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        abort();
    if (of_token(token, &self, &gid) < 0)
        abort();
    CloseHandle(token);
}

/* ------------------------------------------------------------------ tokens */

/* For gl_free(); NULL with *ret_error. */
static void *token_information(HANDLE token, TOKEN_INFORMATION_CLASS class, int *ret_error)
{
    DWORD len = 0;
    GetTokenInformation(token, class, NULL, 0, &len);
    if (GetLastError() != ERROR_INSUFFICIENT_BUFFER) {
        *ret_error = uv_translate_sys_error((int)GetLastError());
        return NULL;
    }
    void *information = gl_alloc(len);
    if (GetTokenInformation(token, class, information, len, &len))
        return information;
    *ret_error = uv_translate_sys_error((int)GetLastError());
    gl_free(information);
    return NULL;
}

/* Groups that are for denying only do not count: they are what UAC leaves of Administrators. */
static struct sid *enabled_groups(const TOKEN_GROUPS *groups, size_t *ret_n, bool *ret_admin)
{
    size_t n = 0, room = groups->GroupCount < GROUPS_MAX ? groups->GroupCount : GROUPS_MAX;
    struct sid *sids = GL_NEW0_ARRAY(struct sid, room + 1);
    *ret_admin = false;
    for (DWORD i = 0; i < groups->GroupCount; i++) {
        const SID_AND_ATTRIBUTES *group = &groups->Groups[i];
        struct sid sid;
        if (!(group->Attributes & SE_GROUP_ENABLED) ||
            (group->Attributes & SE_GROUP_USE_FOR_DENY_ONLY) || !copy_sid(group->Sid, &sid))
            continue;
        *ret_admin |= is_well_known(&sid, WinBuiltinAdministratorsSid);
        if (n < room)
            sids[n++] = sid;
    }
    *ret_n = n;
    return sids;
}

static int of_token(HANDLE token, uint32_t *ret_uid, uint32_t *ret_gid)
{
    struct sid sid;
    bool admin;
    size_t n;
    int r = UV_EINVAL;
    TOKEN_GROUPS *groups = NULL;
    TOKEN_USER *user = token_information(token, TokenUser, &r);
    if (user && copy_sid(user->User.Sid, &sid))
        groups = token_information(token, TokenGroups, &r);
    if (groups) {
        struct sid *sids = enabled_groups(groups, &n, &admin);
        uv_mutex_lock(&lock);
        r = intern_user(&sid, admin || is_well_known(&sid, WinLocalSystemSid), ret_uid);
        if (r == 0)
            *ret_gid = intern_set(sids, n);
        else
            gl_free(sids);
        uv_mutex_unlock(&lock);
    }
    gl_free(groups);
    gl_free(user);
    return r;
}

int gl_principal_of_token(HANDLE token, uint32_t *ret_uid, uint32_t *ret_gid)
{
    uv_once(&once, init);
    return of_token(token, ret_uid, ret_gid);
}

uint32_t gl_principal_self(void)
{
    uv_once(&once, init);
    return self;
}

/* ------------------------------------------------------------------ what a number stands for */

static bool find_user(uint32_t uid, struct user *ret_user)
{
    uv_once(&once, init);
    uv_mutex_lock(&lock);
    bool found = uid < n_users;
    if (found)
        *ret_user = users[uid];
    uv_mutex_unlock(&lock);
    return found;
}

bool gl_principal_is_superuser(uint32_t uid)
{
    struct user user;
    return find_user(uid, &user) && user.superuser;
}

int gl_principal_sid(uint32_t uid, char out[GL_PRINCIPAL_SID_SIZE])
{
    struct user user;
    if (!find_user(uid, &user))
        return UV_ENOENT;
    format_sid(&user.sid, out);
    return 0;
}

/* ------------------------------------------------------------------ names */

static char *name_of(const struct sid *sid)
{
    /* Accounts have at most 256 characters and domains 255 (UNLEN and DNLEN in lmcons.h, and DNS).
     */
    wchar_t name[512], domain[512], both[1024];
    DWORD name_len = GL_ARRAY_SIZE(name), domain_len = GL_ARRAY_SIZE(domain);
    char text[GL_PRINCIPAL_SID_SIZE], *narrow = NULL;
    SID_NAME_USE use;
    if (LookupAccountSidW(NULL, (PSID)(uintptr_t)sid->u.bytes, name, &name_len, domain, &domain_len,
                          &use)) {
        _snwprintf(both, GL_ARRAY_SIZE(both), L"%ls%ls%ls", domain, *domain ? L"\\" : L"", name);
        both[GL_ARRAY_SIZE(both) - 1] = L'\0';
        narrow = gl_narrow(both);
    }
    if (narrow)
        return narrow;
    format_sid(sid, text);
    return gl_strdup(text);
}

char *gl_principal_name(uint32_t uid)
{
    struct user user;
    return find_user(uid, &user) ? name_of(&user.sid) : gl_asprintf("%u", uid);
}

/* For gl_free(); NULL if there are none. */
static struct sid *sids_of(uint32_t gid, size_t max, size_t *ret_n)
{
    struct sid *sids = NULL;
    *ret_n = 0;
    uv_once(&once, init);
    uv_mutex_lock(&lock);
    const struct set *set = find_set(gid);
    if (set) {
        *ret_n = set->n < max ? set->n : max;
        sids = gl_memdup(set->sids, *ret_n * sizeof(*sids));
    }
    uv_mutex_unlock(&lock);
    return sids;
}

size_t gl_principal_groups(uint32_t gid, size_t max, char ***ret_names)
{
    size_t n;
    struct sid *sids = sids_of(gid, max, &n);
    char **names = GL_NEW0_ARRAY(char *, n + 1);
    for (size_t i = 0; i < n; i++)
        names[i] = name_of(&sids[i]);
    gl_free(sids);
    *ret_names = names;
    return n;
}

/* "Well-known SIDs", learn.microsoft.com: S-1-1-0, S-1-5-N, S-1-5-32-N. */
static bool is_systems_own(const struct sid *sid)
{
    static const SID_IDENTIFIER_AUTHORITY world = {SECURITY_WORLD_SID_AUTHORITY},
                                          nt = {SECURITY_NT_AUTHORITY};
    const SID *s = &sid->u.sid;
    if (memcmp(&s->IdentifierAuthority, &world, sizeof world) == 0)
        return true;
    return memcmp(&s->IdentifierAuthority, &nt, sizeof nt) == 0 &&
           (s->SubAuthorityCount == 1 || s->SubAuthority[0] == SECURITY_BUILTIN_DOMAIN_RID);
}

static bool is_computers_own(const char *name)
{
    wchar_t wide[MAX_COMPUTERNAME_LENGTH + 1];
    DWORD len = GL_ARRAY_SIZE(wide);
    char *computer = GetComputerNameW(wide, &len) ? gl_narrow(wide) : NULL;
    size_t n = computer ? strlen(computer) : 0;
    bool own = n > 0 && _strnicmp(name, computer, n) == 0 && name[n] == '\\';
    gl_free(computer);
    return own;
}

/* Three at most. Returns how many. */
static size_t add_aliases(const struct sid *sid, char **names)
{
    char text[GL_PRINCIPAL_SID_SIZE], *name = name_of(sid);
    const char *slash = strchr(name, '\\');
    size_t n = 0;
    format_sid(sid, text);
    names[n++] = gl_strdup(text);
    if (slash && (is_systems_own(sid) || is_computers_own(name)))
        names[n++] = gl_strdup(slash + 1);
    if (strcmp(name, text) == 0)
        gl_free(name);
    else
        names[n++] = name;
    return n;
}

size_t gl_principal_aliases(uint32_t uid, char ***ret_names)
{
    struct user user;
    *ret_names = GL_NEW0_ARRAY(char *, 4);
    return find_user(uid, &user) ? add_aliases(&user.sid, *ret_names) : 0;
}

size_t gl_principal_group_aliases(uint32_t gid, size_t max, char ***ret_names)
{
    size_t n, total = 0;
    struct sid *sids = sids_of(gid, max, &n);
    *ret_names = GL_NEW0_ARRAY(char *, 3 * n + 1);
    for (size_t i = 0; i < n; i++)
        total += add_aliases(&sids[i], *ret_names + total);
    gl_free(sids);
    return total;
}

/* Whether an account of this kind is a user, for what can be told by a name. */
static bool is_user(SID_NAME_USE use)
{
    return use == SidTypeUser || use == SidTypeComputer;
}

static bool is_group(SID_NAME_USE use)
{
    return use == SidTypeGroup || use == SidTypeAlias || use == SidTypeWellKnownGroup;
}

static int lookup_name(const char *text, struct sid *ret_sid, SID_NAME_USE *ret_use)
{
    wchar_t domain[512], *wide = gl_wide(text);
    DWORD domain_len = GL_ARRAY_SIZE(domain);
    PSID parsed;
    int r = UV_ENOENT;
    if (!wide)
        return UV_ENOENT;
    if (strncmp(text, "S-1-", 4) == 0 && ConvertStringSidToSidW(wide, &parsed)) {
        wchar_t name[512];
        DWORD name_len = GL_ARRAY_SIZE(name);
        if (copy_sid(parsed, ret_sid) &&
            LookupAccountSidW(NULL, parsed, name, &name_len, domain, &domain_len, ret_use))
            r = 0;
        LocalFree(parsed);
    } else {
        struct sid sid = {.len = SECURITY_MAX_SID_SIZE};
        if (LookupAccountNameW(NULL, wide, sid.u.bytes, &sid.len, domain, &domain_len, ret_use) &&
            copy_sid(sid.u.bytes, ret_sid))
            r = 0;
    }
    gl_free(wide);
    return r;
}

int gl_principal_by_name(const char *name, uint32_t *ret_uid)
{
    struct sid sid;
    SID_NAME_USE use;
    int r = lookup_name(name, &sid, &use);
    if (r == 0 && !is_user(use) && !is_well_known(&sid, WinLocalSystemSid))
        r = UV_ENOENT;
    if (r)
        return r;
    uv_once(&once, init);
    uv_mutex_lock(&lock);
    r = intern_user(&sid, is_well_known(&sid, WinLocalSystemSid), ret_uid);
    uv_mutex_unlock(&lock);
    return r;
}

int gl_principal_group_by_name(const char *name, uint32_t *ret_gid)
{
    struct sid sid;
    SID_NAME_USE use;
    int r = lookup_name(name, &sid, &use);
    if (r == 0 && !is_group(use))
        r = UV_ENOENT;
    if (r)
        return r;
    uv_once(&once, init);
    uv_mutex_lock(&lock);
    size_t i = 0;
    while (i < n_named && !same_sid(&named[i].sids[0], &sid))
        i++;
    if (i == NAMED_MAX) {
        r = UV_ENOMEM;
    } else if (i == n_named) {
        named = gl_realloc_array(named, n_named + 1, sizeof(*named));
        named[n_named++] = (struct set){NAMED_FIRST + (uint32_t)i, 1, gl_memdup(&sid, sizeof(sid))};
    }
    if (r == 0)
        *ret_gid = NAMED_FIRST + (uint32_t)i;
    uv_mutex_unlock(&lock);
    return r;
}

int gl_principal_group_sid(uint32_t gid, char out[GL_PRINCIPAL_SID_SIZE])
{
    int r = UV_ENOENT;
    uv_once(&once, init);
    uv_mutex_lock(&lock);
    const struct set *set = gid >= NAMED_FIRST ? find_set(gid) : NULL;
    if (set) {
        format_sid(&set->sids[0], out);
        r = 0;
    }
    uv_mutex_unlock(&lock);
    return r;
}
