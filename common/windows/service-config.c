/* SPDX-License-Identifier: MIT */
/* How the service control manager is to treat the service, beyond starting it. */
#include "mem.h"
#include "service.h"
#include "wide.h"

#define PRESHUTDOWN_MS   15000u
#define FAILURE_FORGET_S 86400u

/* A system that does not know a kind of configuration has nothing to configure there: Wine, of
 * those that there are. */
static bool set(SC_HANDLE handle, DWORD level, void *info)
{
    return ChangeServiceConfig2W(handle, level, info) || GetLastError() == ERROR_INVALID_LEVEL;
}

/* What the manager does when the process is gone, or ended with a status: start it again, soon at
 * first. */
static bool set_recovery(SC_HANDLE handle)
{
    SC_ACTION actions[] = {
        {SC_ACTION_RESTART, 1000}, {SC_ACTION_RESTART, 5000}, {SC_ACTION_RESTART, 60000}};
    SERVICE_FAILURE_ACTIONSW failure = {
        .dwResetPeriod = FAILURE_FORGET_S, .cActions = 3, .lpsaActions = actions};
    SERVICE_FAILURE_ACTIONS_FLAG flag = {.fFailureActionsOnNonCrashFailures = TRUE};
    return set(handle, SERVICE_CONFIG_FAILURE_ACTIONS, &failure) &&
           set(handle, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &flag);
}

bool gl_service_configure(const struct gl_service *service, SC_HANDLE handle)
{
    wchar_t *text = gl_wide(service->description);
    SERVICE_DESCRIPTIONW description = {.lpDescription = text};
    SERVICE_PRESHUTDOWN_INFO preshutdown = {.dwPreshutdownTimeout = PRESHUTDOWN_MS};
    SERVICE_SID_INFO sid = {.dwServiceSidType = SERVICE_SID_TYPE_UNRESTRICTED};
    SERVICE_REQUIRED_PRIVILEGES_INFOW privileges = {.pmszRequiredPrivileges =
                                                        (wchar_t *)(uintptr_t)service->privileges};
    bool ok = set(handle, SERVICE_CONFIG_DESCRIPTION, &description) && set_recovery(handle) &&
              set(handle, SERVICE_CONFIG_PRESHUTDOWN_INFO, &preshutdown) &&
              set(handle, SERVICE_CONFIG_SERVICE_SID_INFO, &sid) &&
              set(handle, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &privileges);
    gl_free(text);
    return ok;
}

/* Room for the answer of QueryServiceConfig2W(), which has its limit: 8 KiB. */
union answer {
    SERVICE_FAILURE_ACTIONSW failure;
    BYTE room[8192];
};

/* Whoever installed the service, or an administrator since, has said what to do: so be it. */
static bool is_configured(SC_HANDLE handle)
{
    union answer answer;
    DWORD size;
    return !QueryServiceConfig2W(handle, SERVICE_CONFIG_FAILURE_ACTIONS, answer.room,
                                 sizeof answer.room, &size) ||
           answer.failure.cActions > 0;
}

void gl_service_configure_own(const struct gl_service *service)
{
    wchar_t *name = gl_wide(service->name);
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE handle =
        manager ? OpenServiceW(manager, name,
                               SERVICE_QUERY_CONFIG | SERVICE_CHANGE_CONFIG | SERVICE_START)
                : NULL;
    if (handle && !is_configured(handle))
        gl_service_configure(service, handle);
    if (handle)
        CloseServiceHandle(handle);
    if (manager)
        CloseServiceHandle(manager);
    gl_free(name);
}
