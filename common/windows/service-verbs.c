/* SPDX-License-Identifier: MIT */
/* install, uninstall, start, stop, status. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error-text.h"
#include "log.h"
#include "mem.h"
#include "private.h"
#include "service.h"
#include "wide.h"

#define WAIT_MS    60000u /* for a service to start or to stop */
#define PATH_CHARS 32768u /* the longest there is */

const char gl_service_help[] =
    "\n"
    "As a Windows service (an elevated console is needed):\n"
    "  install             make it a service that starts with the machine, and its event source\n"
    "  uninstall           stop and remove the service; keys and state stay\n"
    "  start, stop         start or stop it, and wait until that is done\n"
    "  status              say whether it runs; exit status 1 if it does not\n";

struct verb {
    const struct gl_service *service;
    SC_HANDLE manager, handle;
    wchar_t *name;
};

char *gl_service_error(DWORD error)
{
    char *text = gl_error_text(error);
    char *result =
        text ? gl_asprintf("%s (error %lu)", text, error) : gl_asprintf("error %lu", error);
    gl_free(text);
    return result;
}

static int fail(const struct verb *verb, const char *what, DWORD error)
{
    char *text = gl_service_error(error);
    fprintf(stderr, "%s: cannot %s the service: %s%s\n", verb->service->name, what, text,
            error == ERROR_ACCESS_DENIED ? "; run it as administrator" : "");
    gl_free(text);
    return 1;
}

/* ------------------------------------------------------------------ waiting */

static bool query(const struct verb *verb, SERVICE_STATUS_PROCESS *ret_status)
{
    DWORD size;
    return QueryServiceStatusEx(verb->handle, SC_STATUS_PROCESS_INFO, (BYTE *)ret_status,
                                sizeof *ret_status, &size);
}

/*
 * The manager tells of a change only to who waits alertably for it (NotifyServiceStatusChange), and
 * not of every one: asking a few times a second is what its documentation shows.
 */
static int wait_for(const struct verb *verb, DWORD wanted, const char *what)
{
    SERVICE_STATUS_PROCESS status;
    ULONGLONG end = GetTickCount64() + WAIT_MS;
    for (;;) {
        if (!query(verb, &status))
            return fail(verb, what, GetLastError());
        if (status.dwCurrentState == wanted)
            return 0;
        if (wanted == SERVICE_RUNNING && status.dwCurrentState == SERVICE_STOPPED) {
            fprintf(stderr,
                    "%s: the service has ended at once (status %lu); the event log says why\n",
                    verb->service->name,
                    status.dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR
                        ? status.dwServiceSpecificExitCode
                        : status.dwWin32ExitCode);
            return 1;
        }
        if (GetTickCount64() >= end)
            return fail(verb, what, ERROR_SERVICE_REQUEST_TIMEOUT);
        Sleep(100);
    }
}

/* ------------------------------------------------------------------ start and stop */

static int verb_start(struct verb *verb)
{
    if (!StartServiceW(verb->handle, 0, NULL)) {
        DWORD error = GetLastError();
        if (error != ERROR_SERVICE_ALREADY_RUNNING)
            return fail(verb, "start", error);
    }
    return wait_for(verb, SERVICE_RUNNING, "start");
}

static int verb_stop(struct verb *verb)
{
    SERVICE_STATUS status;
    if (!ControlService(verb->handle, SERVICE_CONTROL_STOP, &status)) {
        DWORD error = GetLastError();
        if (error == ERROR_SERVICE_NOT_ACTIVE)
            return 0;
        if (error != ERROR_SERVICE_CANNOT_ACCEPT_CTRL)
            return fail(verb, "stop", error);
    }
    return wait_for(verb, SERVICE_STOPPED, "stop");
}

static const char *state_name(DWORD state)
{
    static const char *const names[] = {
        [SERVICE_STOPPED] = "stopped",
        [SERVICE_START_PENDING] = "starting",
        [SERVICE_STOP_PENDING] = "stopping",
        [SERVICE_RUNNING] = "running",
        [SERVICE_CONTINUE_PENDING] = "continuing",
        [SERVICE_PAUSE_PENDING] = "pausing",
        [SERVICE_PAUSED] = "paused",
    };
    return state < sizeof names / sizeof *names && names[state] ? names[state] : "unknown";
}

static int verb_status(struct verb *verb)
{
    SERVICE_STATUS_PROCESS status;
    if (!query(verb, &status))
        return fail(verb, "ask", GetLastError());
    if (status.dwProcessId)
        printf("%s: %s (process %lu)\n", verb->service->name, state_name(status.dwCurrentState),
               status.dwProcessId);
    else
        printf("%s: %s\n", verb->service->name, state_name(status.dwCurrentState));
    return status.dwCurrentState == SERVICE_RUNNING ? 0 : 1;
}

/* ------------------------------------------------------------------ install */

static wchar_t *own_path(void)
{
    wchar_t *path = gl_alloc_array(PATH_CHARS, sizeof *path);
    DWORD len = GetModuleFileNameW(NULL, path, PATH_CHARS);
    path[len < PATH_CHARS ? len : 0] = L'\0';
    return path;
}

static wchar_t *event_key(const struct verb *verb)
{
    char *key = gl_asprintf("SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\%s",
                            verb->service->name);
    wchar_t *wide = gl_wide(key);
    gl_free(key);
    return wide;
}

/* "Event Sources", learn.microsoft.com: without it the log shows that the text is missing. */
static DWORD add_event_source(const struct verb *verb, const wchar_t *path)
{
    wchar_t *name = event_key(verb);
    DWORD types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
    HKEY key;
    LSTATUS error =
        RegCreateKeyExW(HKEY_LOCAL_MACHINE, name, 0, NULL, 0, KEY_SET_VALUE, NULL, &key, NULL);
    gl_free(name);
    if (error != ERROR_SUCCESS)
        return (DWORD)error;
    error = RegSetValueExW(key, L"EventMessageFile", 0, REG_EXPAND_SZ, (const BYTE *)path,
                           (DWORD)((wcslen(path) + 1) * sizeof *path));
    if (error == ERROR_SUCCESS)
        error = RegSetValueExW(key, L"TypesSupported", 0, REG_DWORD, (const BYTE *)&types,
                               sizeof types);
    RegCloseKey(key);
    return (DWORD)error;
}

static void remove_event_source(const struct verb *verb)
{
    wchar_t *name = event_key(verb);
    RegDeleteKeyW(HKEY_LOCAL_MACHINE, name);
    gl_free(name);
}

/* The path in quotes: else C:\Program.exe would be tried first. */
static SC_HANDLE create(const struct verb *verb, const wchar_t *path)
{
    wchar_t *display = gl_wide(verb->service->display);
    char *narrow = gl_narrow_lossy(path),
         *quoted = gl_asprintf("\"%s\" " GL_SERVICE_OPTION, narrow);
    wchar_t *command = gl_wide(quoted);
    gl_free(narrow);
    gl_free(quoted);
    SC_HANDLE handle = CreateServiceW(verb->manager, verb->name, display, SERVICE_ALL_ACCESS,
                                      SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START,
                                      SERVICE_ERROR_NORMAL, command, NULL, NULL, NULL, NULL, NULL);
    DWORD error = GetLastError();
    if (!handle && error == ERROR_SERVICE_EXISTS) {
        handle = OpenServiceW(verb->manager, verb->name, SERVICE_ALL_ACCESS);
        error = GetLastError();
        /* Of an older version, or from another place: this program is the service from now on. */
        if (handle && !ChangeServiceConfigW(handle, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START,
                                            SERVICE_ERROR_NORMAL, command, NULL, NULL, NULL, NULL,
                                            NULL, display)) {
            error = GetLastError();
            CloseServiceHandle(handle);
            handle = NULL;
        }
    }
    gl_free(display);
    gl_free(command);
    SetLastError(error);
    return handle;
}

/* Whoever can change the program, or what lies beside it, would be SYSTEM. */
static int judge_program(const struct verb *verb, const wchar_t *path)
{
    char *why;
    if (gl_private_judge_program(path, &why) == 0)
        return 0;
    fprintf(stderr,
            "%s: a service cannot be trusted to this program: %s; put it below Program Files\n",
            verb->service->name, why);
    gl_free(why);
    return 1;
}

static int verb_install(struct verb *verb)
{
    wchar_t *path = own_path();
    int status = judge_program(verb, path);
    if (status) {
        gl_free(path);
        return status;
    }
    verb->handle = create(verb, path);
    if (!verb->handle || !gl_service_configure(verb->service, verb->handle))
        status = fail(verb, "install", GetLastError());
    DWORD error = status ? 0 : add_event_source(verb, path);
    if (error)
        status = fail(verb, "register the event source of", error);
    if (!status && verb->service->installed)
        status = verb->service->installed();
    gl_free(path);
    return status;
}

static int verb_uninstall(struct verb *verb)
{
    int status = verb_stop(verb);
    if (status)
        return status;
    if (verb->service->uninstalling && (status = verb->service->uninstalling()) != 0)
        return status;
    if (!DeleteService(verb->handle))
        return fail(verb, "remove", GetLastError());
    remove_event_source(verb);
    return 0;
}

/* ------------------------------------------------------------------ which */

static const struct {
    const char *name;
    int (*run)(struct verb *verb);
    DWORD manager_access, access;
    bool creates;
} verbs[] = {
    {"install", verb_install, SC_MANAGER_CREATE_SERVICE, SERVICE_ALL_ACCESS, true},
    {"start", verb_start, SC_MANAGER_CONNECT, SERVICE_START | SERVICE_QUERY_STATUS, false},
    {"status", verb_status, SC_MANAGER_CONNECT, SERVICE_QUERY_STATUS, false},
    {"stop", verb_stop, SC_MANAGER_CONNECT, SERVICE_STOP | SERVICE_QUERY_STATUS, false},
    {"uninstall", verb_uninstall, SC_MANAGER_CONNECT, SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE,
     false},
};

static int open_and_run(struct verb *verb, size_t which)
{
    verb->manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | verbs[which].manager_access);
    if (!verb->manager)
        return fail(verb, verbs[which].name, GetLastError());
    if (!verbs[which].creates) {
        verb->handle = OpenServiceW(verb->manager, verb->name, verbs[which].access);
        DWORD error = GetLastError();
        if (!verb->handle && error == ERROR_SERVICE_DOES_NOT_EXIST) {
            fprintf(stderr, "%s: the service is not installed (%s install)\n", verb->service->name,
                    verb->service->name);
            return 1;
        }
        if (!verb->handle)
            return fail(verb, verbs[which].name, error);
    }
    return verbs[which].run(verb);
}

int gl_service_verb(const struct gl_service *service, int argc, char **argv)
{
    size_t which = 0;
    while (argc >= 2 && which < sizeof verbs / sizeof *verbs &&
           strcmp(argv[1], verbs[which].name) != 0)
        which++;
    if (argc < 2 || which == sizeof verbs / sizeof *verbs)
        return -1;
    if (argc > 2) {
        fprintf(stderr, "%s: %s takes nothing more; the configuration file says how it runs\n",
                service->name, argv[1]);
        return 2;
    }
    struct verb verb = {.service = service, .name = gl_wide(service->name)};
    int status = open_and_run(&verb, which);
    if (verb.handle)
        CloseServiceHandle(verb.handle);
    if (verb.manager)
        CloseServiceHandle(verb.manager);
    gl_free(verb.name);
    return status;
}
