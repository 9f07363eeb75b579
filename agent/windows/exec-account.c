/* SPDX-License-Identifier: MIT */
#include "windows/exec-account.h"

#include <sodium.h>
#include <string.h>
#include <userenv.h>
#include <uv.h>
#include <wtsapi32.h>

#include <ntsecapi.h>

#define SECURITY_WIN32
#include <security.h>

#include "windows/wide.h"

#define ORIGIN "guestlink" /* in the event log's records of logons */

/* ------------------------------------------------------------------ names */

struct sid {
    union {
        SID sid;
        BYTE bytes[SECURITY_MAX_SID_SIZE];
    } u;
};

struct found {
    struct sid sid;
    wchar_t name[257], domain[257];
};

static char *computer_name(void)
{
    wchar_t name[MAX_COMPUTERNAME_LENGTH + 1] = L"";
    DWORD length = GL_ARRAY_SIZE(name);
    GetComputerNameW(name, &length);
    return gl_narrow_lossy(name);
}

/* The services' accounts, whose names Windows translates. NULL: another. */
static const char *well_known(PSID sid)
{
    static const struct {
        WELL_KNOWN_SID_TYPE type;
        const char *name;
    } all[] = {{WinLocalSystemSid, "SYSTEM"},
               {WinLocalServiceSid, "LOCAL SERVICE"},
               {WinNetworkServiceSid, "NETWORK SERVICE"}};
    for (size_t i = 0; i < GL_ARRAY_SIZE(all); i++)
        if (IsWellKnownSid(sid, all[i].type))
            return all[i].name;
    return NULL;
}

static char *name_account(PSID sid, const wchar_t *domain, const wchar_t *name)
{
    const char *known = well_known(sid);
    char *computer = computer_name(), *d = gl_narrow_lossy(domain), *n = gl_narrow_lossy(name);
    char *result = gl_exec_account_name(d, known ? known : n, computer, known);
    gl_free(n);
    gl_free(d);
    gl_free(computer);
    return result;
}

/* The user of a token. */
static bool token_sid(HANDLE token, struct sid *ret_sid)
{
    union {
        TOKEN_USER user;
        BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } buffer;
    DWORD got;
    return GetTokenInformation(token, TokenUser, &buffer, sizeof(buffer), &got) &&
           CopySid(SECURITY_MAX_SID_SIZE, &ret_sid->u.sid, buffer.user.User.Sid);
}

static char *name_token(HANDLE token)
{
    struct sid sid;
    wchar_t name[257] = L"", domain[257] = L"";
    DWORD n = GL_ARRAY_SIZE(name), d = GL_ARRAY_SIZE(domain);
    SID_NAME_USE use;
    if (!token_sid(token, &sid))
        return gl_strdup("unknown");
    LookupAccountSidW(NULL, &sid.u.sid, name, &n, domain, &d, &use);
    return name_account(&sid.u.sid, domain, name);
}

static int look_up(const char *user, struct found *ret_found, struct gl_exec_failure *failure)
{
    wchar_t *wide = gl_wide(user);
    DWORD size = SECURITY_MAX_SID_SIZE, d = GL_ARRAY_SIZE(ret_found->domain);
    SID_NAME_USE use = SidTypeUnknown;
    /* ".\name": of this machine, as everywhere in Windows' dialogues. */
    const wchar_t *asked = wide && wide[0] == L'.' && wide[1] == L'\\' ? wide + 2 : wide;
    BOOL ok = asked && LookupAccountNameW(NULL, asked, &ret_found->sid.u.sid, &size,
                                          ret_found->domain, &d, &use);
    DWORD error = ok ? 0 : asked ? GetLastError() : ERROR_NONE_MAPPED;
    gl_free(wide);
    if (ok && use != SidTypeUser && !well_known(&ret_found->sid.u.sid))
        return gl_exec_fail(failure, GL_STATUS_NOT_FOUND, "'%s' is no user", user);
    if (error == ERROR_NONE_MAPPED || error == ERROR_INVALID_PARAMETER)
        return gl_exec_fail(failure, GL_STATUS_NOT_FOUND, "user '%s' does not exist", user);
    if (error) {
        char *why = gl_exec_error_text(error);
        gl_exec_fail(failure, GL_STATUS_UNAVAILABLE, "user '%s' cannot be looked up: %s", user,
                     why);
        gl_free(why);
        return -1;
    }
    /* What was asked for may have been another spelling. */
    DWORD n = GL_ARRAY_SIZE(ret_found->name);
    d = GL_ARRAY_SIZE(ret_found->domain);
    LookupAccountSidW(NULL, &ret_found->sid.u.sid, ret_found->name, &n, ret_found->domain, &d,
                      &use);
    return 0;
}

/* ------------------------------------------------------------------ a logon without a password */

/* user@domain for a domain's account; NULL: nobody knows one. For gl_free(). */
static wchar_t *principal_name(const struct found *found)
{
    wchar_t account[520], name[520];
    ULONG length = GL_ARRAY_SIZE(name);
    _snwprintf(account, GL_ARRAY_SIZE(account) - 1, L"%ls\\%ls", found->domain, found->name);
    account[GL_ARRAY_SIZE(account) - 1] = 0;
    if (!TranslateNameW(account, NameSamCompatible, NameUserPrincipal, name, &length))
        return NULL;
    return gl_memdup(name, (wcslen(name) + 1) * sizeof(*name));
}

static NTSTATUS log_on(HANDLE lsa, enum gl_exec_logon kind, const struct found *found,
                       HANDLE *ret_token)
{
    static char local_package[] = MSV1_0_PACKAGE_NAME, domain_package[] = "Kerberos";
    static char origin_text[] = ORIGIN;
    char *package_text = kind == GL_EXEC_LOGON_LOCAL ? local_package : domain_package;
    LSA_STRING package_name = {(USHORT)strlen(package_text), (USHORT)strlen(package_text),
                               package_text};
    LSA_STRING origin = {(USHORT)strlen(ORIGIN), (USHORT)strlen(ORIGIN), origin_text};
    wchar_t *principal = kind == GL_EXEC_LOGON_DOMAIN ? principal_name(found) : NULL;
    ULONG size = 0, package, profile_size = 0;
    /* A principal's name holds its domain. */
    void *message = gl_exec_logon_message(kind, principal ? principal : found->name,
                                          principal ? L"" : found->domain, &size);
    void *profile = NULL;
    LUID id;
    QUOTA_LIMITS quotas;
    NTSTATUS sub = 0;
    TOKEN_SOURCE source = {.SourceName = "guestln"};
    AllocateLocallyUniqueId(&source.SourceIdentifier);
    NTSTATUS status = LsaLookupAuthenticationPackage(lsa, &package_name, &package);
    if (status == 0 && message)
        status = LsaLogonUser(lsa, &origin, Network, package, message, size, NULL, &source,
                              &profile, &profile_size, &id, ret_token, &quotas, &sub);
    else if (status == 0)
        status = (NTSTATUS)0xC0000106; /* STATUS_NAME_TOO_LONG */
    if (profile)
        LsaFreeReturnBuffer(profile);
    gl_free(message);
    gl_free(principal);
    return status == (NTSTATUS)0xC000006E /* STATUS_ACCOUNT_RESTRICTION */ && sub ? sub : status;
}

/* A network logon gives a token for a thread; a process wants a primary one. */
static DWORD make_primary(HANDLE *token)
{
    HANDLE primary;
    TOKEN_TYPE type;
    DWORD got;
    if (GetTokenInformation(*token, TokenType, &type, sizeof(type), &got) && type == TokenPrimary)
        return 0;
    if (!DuplicateTokenEx(*token, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenPrimary,
                          &primary))
        return GetLastError();
    CloseHandle(*token);
    *token = primary;
    return 0;
}

static int fail_logon(struct gl_exec_failure *failure, const char *name, DWORD error)
{
    char *why = gl_exec_error_text(error);
    if (error == ERROR_PRIVILEGE_NOT_HELD || error == ERROR_ACCESS_DENIED)
        gl_exec_fail(failure, GL_STATUS_DENIED,
                     "the agent does not run as SYSTEM and cannot run programs as '%s'", name);
    else
        gl_exec_fail(failure, GL_STATUS_DENIED, "Windows does not log user '%s' on: %s", name, why);
    gl_free(why);
    return -1;
}

static int become(const struct found *found, struct gl_exec_account *account,
                  struct gl_exec_failure *failure)
{
    static char process_name[] = ORIGIN;
    LSA_STRING name = {(USHORT)strlen(ORIGIN), (USHORT)strlen(ORIGIN), process_name};
    LSA_OPERATIONAL_MODE mode;
    HANDLE lsa;
    NTSTATUS status = LsaRegisterLogonProcess(&name, &lsa, &mode);
    if (status != 0)
        return fail_logon(failure, account->name, LsaNtStatusToWinError(status));
    char *computer = computer_name(), *domain = gl_narrow_lossy(found->domain);
    status = log_on(lsa, gl_exec_logon_kind(domain, computer), found, &account->token);
    gl_free(domain);
    gl_free(computer);
    LsaDeregisterLogonProcess(lsa);
    if (status != 0)
        return fail_logon(failure, account->name, LsaNtStatusToWinError(status));
    DWORD error = make_primary(&account->token);
    return error ? fail_logon(failure, account->name, error) : 0;
}

/* ------------------------------------------------------------------ a logon with a password */

/* An administrator's interactive logon gives a token without his rights, and one with them beside
 * it ("TOKEN_LINKED_TOKEN structure", learn.microsoft.com): that, as the logon without a password
 * has it. */
static void take_whole_token(HANDLE *token)
{
    TOKEN_ELEVATION_TYPE type;
    TOKEN_LINKED_TOKEN linked;
    DWORD got;
    if (!GetTokenInformation(*token, TokenElevationType, &type, sizeof(type), &got) ||
        type != TokenElevationTypeLimited ||
        !GetTokenInformation(*token, TokenLinkedToken, &linked, sizeof(linked), &got))
        return;
    CloseHandle(*token);
    *token = linked.LinkedToken;
}

static DWORD log_on_with(const struct found *found, const char *password, HANDLE *ret_token)
{
    static const DWORD kinds[] = {LOGON32_LOGON_INTERACTIVE, LOGON32_LOGON_BATCH};
    DWORD error = ERROR_LOGON_FAILURE;
    wchar_t *wide = gl_wide(password);
    if (!wide)
        return error;
    for (size_t i = 0; i < GL_ARRAY_SIZE(kinds); i++) {
        error = LogonUserW(found->name, found->domain, wide, kinds[i], LOGON32_PROVIDER_DEFAULT,
                           ret_token)
                    ? 0
                    : GetLastError();
        if (error != ERROR_LOGON_TYPE_NOT_GRANTED)
            break;
    }
    gl_secure_free(wide, wcslen(wide) * sizeof(*wide));
    return error;
}

/* found NULL: there is no such user, which nobody is told. */
static int become_with(const struct found *found, const char *password,
                       struct gl_exec_account *account, struct gl_exec_failure *failure)
{
    if (!gl_exec_guess_take(account->name, GetTickCount64()))
        return gl_exec_fail(failure, GL_STATUS_DENIED,
                            "user '%s': too many wrong passwords; wait for a minute",
                            account->name);
    DWORD error = found ? log_on_with(found, password, &account->token) : ERROR_LOGON_FAILURE;
    if (error) {
        char *why = gl_exec_logon_failure(error);
        account->token = NULL;
        gl_exec_fail(failure, GL_STATUS_DENIED, "Windows does not log user '%s' on: %s",
                     account->name, why);
        gl_free(why);
        return -1;
    }
    gl_exec_guess_was_right(account->name);
    take_whole_token(&account->token);
    error = make_primary(&account->token);
    return error ? fail_logon(failure, account->name, error) : 0;
}

/* ------------------------------------------------------------------ profiles */

static const wchar_t *const profile_privileges[] = {L"SeBackupPrivilege", L"SeRestorePrivilege"};

static void set_privileges(HANDLE token, DWORD attributes)
{
    for (size_t i = 0; i < GL_ARRAY_SIZE(profile_privileges); i++) {
        TOKEN_PRIVILEGES change = {.PrivilegeCount = 1};
        change.Privileges[0].Attributes = attributes;
        if (LookupPrivilegeValueW(NULL, profile_privileges[i], &change.Privileges[0].Luid))
            AdjustTokenPrivileges(token, FALSE, &change, 0, NULL, NULL);
    }
}

/* One at a time, or one would take them from the other. */
static DWORD call_with_process(DWORD (*call)(void *ctx), void *ctx)
{
    static SRWLOCK lock = SRWLOCK_INIT;
    HANDLE token;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
        return GetLastError();
    AcquireSRWLockExclusive(&lock);
    set_privileges(token, SE_PRIVILEGE_ENABLED);
    DWORD error = call(ctx);
    set_privileges(token, 0);
    ReleaseSRWLockExclusive(&lock);
    CloseHandle(token);
    return error;
}

/* To the thread alone: with the process's, any file that the agent opens meanwhile would be opened
 * past its permissions. So that is for a Windows only that asks for the process's. */
DWORD gl_exec_call_privileged(DWORD (*call)(void *ctx), void *ctx)
{
    HANDLE token;
    if (!ImpersonateSelf(SecurityImpersonation))
        return GetLastError();
    if (OpenThreadToken(GetCurrentThread(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, TRUE, &token)) {
        set_privileges(token, SE_PRIVILEGE_ENABLED);
        CloseHandle(token);
    }
    DWORD error = call(ctx);
    /* It must not go on with what it has no business with. */
    if (!RevertToSelf())
        abort();
    return error == ERROR_PRIVILEGE_NOT_HELD ? call_with_process(call, ctx) : error;
}

struct loading {
    struct gl_exec_account *account;
    PROFILEINFOW info;
};

static DWORD do_load(void *ctx)
{
    struct loading *loading = ctx;
    return LoadUserProfileW(loading->account->token, &loading->info) ? 0 : GetLastError();
}

static DWORD do_unload(void *ctx)
{
    struct gl_exec_account *account = ctx;
    return UnloadUserProfile(account->token, account->profile) ? 0 : GetLastError();
}

static int load_profile(const struct found *found, struct gl_exec_account *account,
                        struct gl_exec_failure *failure)
{
    wchar_t name[257];
    memcpy(name, found->name, sizeof(name));
    struct loading loading = {
        .account = account,
        .info = {.dwSize = sizeof(loading.info), .dwFlags = PI_NOUI, .lpUserName = name},
    };
    DWORD error = gl_exec_call_privileged(do_load, &loading);
    if (error == 0) {
        account->profile = loading.info.hProfile;
        return 0;
    }
    char *why = gl_exec_error_text(error);
    gl_exec_fail(failure, GL_STATUS_UNAVAILABLE, "the profile of user '%s' cannot be loaded: %s",
                 account->name, why);
    gl_free(why);
    return -1;
}

/* ------------------------------------------------------------------ a session */

static int open_session(const char *text, struct gl_exec_account *account,
                        struct gl_exec_failure *failure)
{
    DWORD session;
    if (!gl_exec_session_parse(text, WTSGetActiveConsoleSessionId(), &session))
        return gl_exec_fail(failure, GL_STATUS_INVALID,
                            "session '%s': 'console' or a number is expected", text);
    if (WTSQueryUserToken(session, &account->token))
        return 0;
    DWORD error = GetLastError();
    char *why = gl_exec_error_text(error);
    account->token = NULL;
    switch (error) {
    case ERROR_NO_TOKEN:
        gl_exec_fail(failure, GL_STATUS_PRECONDITION, "nobody is logged on in session '%s'", text);
        break;
    case ERROR_PRIVILEGE_NOT_HELD:
    case ERROR_ACCESS_DENIED:
        gl_exec_fail(failure, GL_STATUS_DENIED,
                     "the agent does not run as SYSTEM and cannot enter session '%s'", text);
        break;
    default:
        gl_exec_fail(failure, GL_STATUS_NOT_FOUND, "session '%s': %s", text, why);
        break;
    }
    gl_free(why);
    return -1;
}

static int enter_session(const char *user, const char *session, struct gl_exec_account *account,
                         struct gl_exec_failure *failure)
{
    struct found asked;
    struct sid there;
    if (open_session(session, account, failure) != 0)
        return -1;
    account->desktop = true;
    account->name = name_token(account->token);
    if (!user)
        return 0;
    if (look_up(user, &asked, failure) != 0)
        return -1;
    if (!token_sid(account->token, &there) || !EqualSid(&there.u.sid, &asked.sid.u.sid))
        return gl_exec_fail(failure, GL_STATUS_PRECONDITION,
                            "session '%s' is that of '%s', not of '%s'", session, account->name,
                            user);
    return 0;
}

/* ------------------------------------------------------------------ all of it */

static int find_user(const char *user, struct gl_exec_account *account,
                     struct gl_exec_failure *failure)
{
    struct found found;
    struct sid own;
    HANDLE self;
    if (!OpenProcessToken(GetCurrentProcess(), MAXIMUM_ALLOWED, &self))
        return gl_exec_fail(failure, GL_STATUS_INTERNAL, "the agent's own account is not known");
    if (user && look_up(user, &found, failure) != 0) {
        CloseHandle(self);
        return -1;
    }
    if (!user || (token_sid(self, &own) && EqualSid(&own.u.sid, &found.sid.u.sid))) {
        account->own = true;
        account->token = self;
        account->name = name_token(self);
        return 0;
    }
    CloseHandle(self);
    account->name = name_account(&found.sid.u.sid, found.domain, found.name);
    if (become(&found, account, failure) != 0)
        return -1;
    return load_profile(&found, account, failure);
}

static int find_by_password(const char *user, const char *password, struct gl_exec_account *account,
                            struct gl_exec_failure *failure)
{
    struct gl_exec_failure unknown = {.status = GL_STATUS_OK};
    struct found found;
    bool known = look_up(user, &found, &unknown) == 0;
    bool elsewhere = !known && unknown.status != GL_STATUS_NOT_FOUND;
    if (elsewhere)
        gl_exec_fail(failure, unknown.status, "%s", unknown.text);
    gl_free(unknown.text);
    if (elsewhere)
        return -1;
    account->name =
        known ? name_account(&found.sid.u.sid, found.domain, found.name) : gl_strdup(user);
    if (become_with(known ? &found : NULL, password, account, failure) != 0)
        return -1;
    return load_profile(&found, account, failure);
}

char *gl_exec_account_identify(const char *user)
{
    struct gl_exec_failure unknown = {.status = GL_STATUS_OK};
    struct found found;
    bool known = look_up(user, &found, &unknown) == 0;
    gl_free(unknown.text);
    return known ? name_account(&found.sid.u.sid, found.domain, found.name) : gl_strdup(user);
}

/* The machine's and the user's variables as the registry has them: nothing of the agent's own. */
static void make_variables(struct gl_exec_account *account)
{
    void *block;
    if (!CreateEnvironmentBlock(&block, account->token, FALSE))
        return;
    const wchar_t *end = block;
    while (*end)
        end += wcslen(end) + 1;
    account->variables =
        gl_memdup(block, ((size_t)(end - (const wchar_t *)block) + 1) * sizeof(wchar_t));
    DestroyEnvironmentBlock(block);
}

int gl_exec_account_find(const char *user, const char *password, const char *session,
                         struct gl_exec_account *ret_account, struct gl_exec_failure *failure)
{
    struct gl_exec_account account = {.name = NULL};
    int err = session    ? enter_session(user, session, &account, failure)
              : password ? find_by_password(user, password, &account, failure)
                         : find_user(user, &account, failure);
    if (err) {
        gl_exec_account_done(&account);
        return err;
    }
    make_variables(&account);
    *ret_account = account;
    return 0;
}

void gl_exec_account_done(struct gl_exec_account *account)
{
    if (account->profile)
        gl_exec_call_privileged(do_unload, account);
    if (account->token)
        CloseHandle(account->token);
    gl_free(account->variables);
    gl_free(account->name);
    *account = (struct gl_exec_account){.name = NULL};
}
