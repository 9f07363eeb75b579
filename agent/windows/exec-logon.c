/* SPDX-License-Identifier: MIT */
/* The part of exec-account.h that decides and asks nobody. */
#include <string.h>

/* First the types of the system, as these headers want them. */
#include <windows.h>

#include <ntsecapi.h>

#include "windows/exec-account.h"

bool gl_exec_session_parse(const char *text, DWORD console, DWORD *ret_session)
{
    if (_stricmp(text, "console") == 0) {
        if (console == 0xFFFFFFFF) /* "WTSGetActiveConsoleSessionId function": being changed */
            return false;
        *ret_session = console;
        return true;
    }
    uint64_t number = 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9' || p - text > 9)
            return false;
        number = number * 10 + (uint64_t)(*p - '0');
    }
    if (!*text || number > 0xFFFFFFFE)
        return false;
    *ret_session = (DWORD)number;
    return true;
}

char *gl_exec_account_name(const char *domain, const char *name, const char *computer,
                           bool well_known)
{
    if (well_known || !*domain || _stricmp(domain, computer) == 0)
        return gl_strdup(name);
    return gl_asprintf("%s\\%s", domain, name);
}

enum gl_exec_logon gl_exec_logon_kind(const char *domain, const char *computer)
{
    return _stricmp(domain, computer) == 0 ? GL_EXEC_LOGON_LOCAL : GL_EXEC_LOGON_DOMAIN;
}

/* ------------------------------------------------------------------ passwords */

#define GUESSERS 64u

static struct {
    SRWLOCK lock;
    struct guesser {
        char user[64]; /* what is longer is cut: then several share a limit */
        uint64_t since_ms;
        unsigned count; /* 0: free */
    } all[GUESSERS];
} guesses = {.lock = SRWLOCK_INIT};

/* Whoever it is, or a free place; NULL: there is none, too many are being guessed. */
static struct guesser *find_guesser(const char *user)
{
    struct guesser *place = NULL;
    for (size_t i = 0; i < GUESSERS; i++) {
        struct guesser *g = &guesses.all[i];
        if (g->count && _strnicmp(g->user, user, sizeof(g->user) - 1) == 0)
            return g;
        if (!g->count && !place)
            place = g;
    }
    return place;
}

static void forget_old(uint64_t now_ms)
{
    for (size_t i = 0; i < GUESSERS; i++)
        if (now_ms - guesses.all[i].since_ms >= GL_EXEC_GUESSES_MS)
            guesses.all[i].count = 0;
}

bool gl_exec_guess_take(const char *user, uint64_t now_ms)
{
    AcquireSRWLockExclusive(&guesses.lock);
    forget_old(now_ms);
    struct guesser *g = find_guesser(user);
    bool may = g && g->count < GL_EXEC_GUESSES_MAX;
    if (may && g->count++ == 0) {
        g->since_ms = now_ms;
        strncpy(g->user, user, sizeof(g->user) - 1);
    }
    ReleaseSRWLockExclusive(&guesses.lock);
    return may;
}

void gl_exec_guess_was_right(const char *user)
{
    AcquireSRWLockExclusive(&guesses.lock);
    struct guesser *g = find_guesser(user);
    if (g && g->count)
        g->count--;
    ReleaseSRWLockExclusive(&guesses.lock);
}

/* "System Error Codes (1300-1699)", "(1700-3999)", learn.microsoft.com. */
char *gl_exec_logon_failure(DWORD error)
{
    switch (error) {
    case ERROR_LOGON_FAILURE:
    case ERROR_NO_SUCH_USER:
    case ERROR_NONE_MAPPED:
    case ERROR_WRONG_PASSWORD:
        return gl_strdup("the user name or the password is wrong");
    case ERROR_ACCOUNT_LOCKED_OUT:
        return gl_strdup("the account is locked, after too many wrong passwords");
    case ERROR_ACCOUNT_DISABLED:
        return gl_strdup("the account is disabled");
    case ERROR_ACCOUNT_EXPIRED:
        return gl_strdup("the account has expired");
    case ERROR_PASSWORD_EXPIRED:
    case ERROR_PASSWORD_MUST_CHANGE:
        return gl_strdup("the password has expired and must be changed first");
    case ERROR_LOGON_TYPE_NOT_GRANTED:
        return gl_strdup("the account may log on neither interactively nor as a batch job");
    default:
        return gl_exec_error_text(error);
    }
}

/* ------------------------------------------------------------------ without one */

static void put(UNICODE_STRING *text, wchar_t **at, const wchar_t *from, USHORT bytes)
{
    text->Length = text->MaximumLength = bytes;
    text->Buffer = *at;
    memcpy(*at, from, bytes);
    *at += bytes / sizeof(wchar_t);
}

void *gl_exec_logon_message(enum gl_exec_logon kind, const wchar_t *user, const wchar_t *domain,
                            ULONG *ret_size)
{
    size_t user_bytes = wcslen(user) * sizeof(*user), domain_bytes = wcslen(domain) * sizeof(*user);
    if (user_bytes > 2048 || domain_bytes > 2048)
        return NULL;
    size_t head = kind == GL_EXEC_LOGON_LOCAL ? sizeof(MSV1_0_S4U_LOGON) : sizeof(KERB_S4U_LOGON);
    char *message = gl_alloc0(head + user_bytes + domain_bytes);
    wchar_t *at = (wchar_t *)(void *)(message + head);
    if (kind == GL_EXEC_LOGON_LOCAL) {
        MSV1_0_S4U_LOGON *logon = (MSV1_0_S4U_LOGON *)(void *)message;
        logon->MessageType = MsV1_0S4ULogon;
        put(&logon->UserPrincipalName, &at, user, (USHORT)user_bytes);
        put(&logon->DomainName, &at, domain, (USHORT)domain_bytes);
    } else {
        KERB_S4U_LOGON *logon = (KERB_S4U_LOGON *)(void *)message;
        logon->MessageType = KerbS4ULogon;
        put(&logon->ClientUpn, &at, user, (USHORT)user_bytes);
        put(&logon->ClientRealm, &at, domain, (USHORT)domain_bytes);
    }
    *ret_size = (ULONG)(head + user_bytes + domain_bytes);
    return message;
}
