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
