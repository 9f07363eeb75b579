/* SPDX-License-Identifier: MIT */
/* "WTSEnumerateSessionsW function", "WTSQuerySessionInformationW function", learn.microsoft.com. */
#include <windows.h>
#include <wtsapi32.h>

#include "mem.h"
#include "windows/info-parts.h"
#include "windows/wide.h"

/* The words of `query session`, as far as there are any. */
static const char *state_name(WTS_CONNECTSTATE_CLASS state)
{
    switch (state) {
    case WTSActive:
        return "active";
    case WTSConnected:
        return "connected";
    case WTSDisconnected:
        return "disconnected";
    case WTSIdle:
        return "idle";
    default:
        return "other";
    }
}

/* "" if it cannot be said. For gl_free(). */
static char *query(DWORD session, WTS_INFO_CLASS class)
{
    wchar_t *wide = NULL;
    DWORD size = 0;
    if (!WTSQuerySessionInformationW(WTS_CURRENT_SERVER_HANDLE, session, class, &wide, &size) ||
        !wide)
        return gl_strdup("");
    char *text = gl_narrow_lossy(wide);
    WTSFreeMemory(wide);
    return text;
}

static void set_user(Gl__Info__Session *to, DWORD session)
{
    char *user = query(session, WTSUserName), *domain = query(session, WTSDomainName);
    char *whole = *user && *domain ? gl_asprintf("%s\\%s", domain, user) : gl_strdup(user);
    gl_info_set(&to->user, whole);
    gl_free(whole);
    gl_free(domain);
    gl_free(user);
}

void gl_info_collect_sessions(Gl__Info *info)
{
    WTS_SESSION_INFOW *all = NULL;
    DWORD count = 0;
    if (!WTSEnumerateSessionsW(WTS_CURRENT_SERVER_HANDLE, 0, 1, &all, &count))
        return;
    for (DWORD i = 0; i < count; i++) {
        /* Those that only listen for others are no sessions to anybody; session 0 is the services',
         * whom nobody logs on to. */
        if (all[i].State == WTSListen || all[i].SessionId == 0)
            continue;
        Gl__Info__Session *session = gl_info_add_session(info);
        if (!session)
            break;
        char *name = gl_narrow_lossy(all[i].pWinStationName);
        gl_info_set(&session->name, name);
        gl_free(name);
        gl_info_set(&session->state, state_name(all[i].State));
        session->id = all[i].SessionId;
        session->console = all[i].SessionId == WTSGetActiveConsoleSessionId();
        set_user(session, all[i].SessionId);
    }
    WTSFreeMemory(all);
}
