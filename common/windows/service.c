/* SPDX-License-Identifier: MIT */
#include "service.h"

#include <stdbool.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "orders.h"
#include "service-events.h"
#include "wide.h"

#define START_HINT_MS 30000u /* a first start makes a key */
#define STOP_HINT_MS  10000u /* links say goodbye, what runs gets its 5 s */

static struct {
    const struct gl_service *service;
    int argc;
    char **argv;
    SERVICE_STATUS_HANDLE handle; /* NULL: in a console */
    SRWLOCK lock;
    SERVICE_STATUS status;
    HANDLE events;
} run;

/* ------------------------------------------------------------------ states */

/* Every state is set here. A state that takes time counts its steps, so that the manager sees that
 * it goes on. */
static void set_state(DWORD state, DWORD hint_ms, DWORD exit_status)
{
    AcquireSRWLockExclusive(&run.lock);
    SERVICE_STATUS *status = &run.status;
    if (status->dwCurrentState == SERVICE_STOPPED && status->dwServiceType) {
        ReleaseSRWLockExclusive(&run.lock); /* an order to stop that came with the end */
        return;
    }
    bool steady = state == SERVICE_RUNNING || state == SERVICE_STOPPED;
    status->dwServiceType = SERVICE_WIN32_OWN_PROCESS;
    status->dwCheckPoint = steady ? 0 : status->dwCheckPoint + 1;
    status->dwCurrentState = state;
    status->dwControlsAccepted =
        state == SERVICE_RUNNING
            ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN | SERVICE_ACCEPT_PARAMCHANGE
            : 0;
    status->dwWaitHint = hint_ms;
    status->dwWin32ExitCode = exit_status ? ERROR_SERVICE_SPECIFIC_ERROR : NO_ERROR;
    status->dwServiceSpecificExitCode = exit_status;
    SetServiceStatus(run.handle, status);
    ReleaseSRWLockExclusive(&run.lock);
}

static DWORD current_state(void)
{
    AcquireSRWLockShared(&run.lock);
    DWORD state = run.status.dwCurrentState;
    ReleaseSRWLockShared(&run.lock);
    return state;
}

void gl_service_notify(const char *state)
{
    if (!run.handle)
        return;
    if (strncmp(state, "READY=1", 7) == 0) {
        set_state(SERVICE_RUNNING, 0, 0);
        gl_service_configure_own(run.service); /* the manager is busy with us until then */
    }
    if (strncmp(state, "STOPPING=1", 10) == 0 || current_state() == SERVICE_STOP_PENDING)
        set_state(SERVICE_STOP_PENDING, STOP_HINT_MS, 0);
}

void gl_service_ended(int status)
{
    if (run.handle)
        set_state(SERVICE_STOPPED, 0, (DWORD)status);
}

/* On a thread of the manager's; must return at once. */
static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *ctx)
{
    (void)type, (void)data, (void)ctx;
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_PRESHUTDOWN:
        set_state(SERVICE_STOP_PENDING, STOP_HINT_MS, 0);
        gl_orders_give(GL_ORDER_STOP);
        return NO_ERROR;
    case SERVICE_CONTROL_PARAMCHANGE:
        gl_orders_give(GL_ORDER_RELOAD);
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

/* ------------------------------------------------------------------ log */

/*
 * The viewer takes %1 or %%1 in a string for a reference to another ("ReportEventW function",
 * learn.microsoft.com), and guests have a say in what is logged: a space without width keeps them
 * apart. For gl_free().
 */
static char *without_references(const char *line)
{
    size_t percents = 0;
    for (const char *p = line; *p; p++)
        percents += *p == '%';
    char *text = gl_alloc(strlen(line) + percents * 3 + 1), *out = text;
    for (const char *p = line; *p; p++) {
        *out++ = *p;
        if (*p == '%' && (p[1] == '%' || (p[1] >= '0' && p[1] <= '9'))) {
            memcpy(out, "\xE2\x80\x8B", 3);
            out += 3;
        }
    }
    *out = '\0';
    return text;
}

/* Strings of events end at 31,839 characters; lines of the log are shorter. */
static void log_event(enum gl_log_level level, const char *line, void *data)
{
    (void)data;
    char *plain = without_references(line);
    wchar_t *wide = gl_wide(plain);
    const wchar_t *strings[] = {wide ? wide : L"(a line that is not UTF-8)"};
    WORD type = level == GL_LOG_ERROR  ? EVENTLOG_ERROR_TYPE
                : level == GL_LOG_WARN ? EVENTLOG_WARNING_TYPE
                                       : EVENTLOG_INFORMATION_TYPE;
    DWORD id = level == GL_LOG_ERROR  ? GL_EVENT_ERROR
               : level == GL_LOG_WARN ? GL_EVENT_WARNING
                                      : GL_EVENT_INFORMATION;
    ReportEventW(run.events, type, 0, id, NULL, 1, 0, strings, NULL);
    gl_free(wide);
    gl_free(plain);
}

static void open_log(void)
{
    wchar_t *name = gl_wide(run.service->name);
    run.events = RegisterEventSourceW(NULL, name);
    gl_free(name);
    if (run.events)
        gl_log_set_sink(log_event, NULL);
}

static void close_log(void)
{
    gl_log_set_sink(NULL, NULL);
    if (run.events)
        DeregisterEventSource(run.events);
}

/* ------------------------------------------------------------------ main */

/* The manager's words for StartService() are not ours: the command line says how to run. */
static void WINAPI service_main(DWORD argc, wchar_t **argv)
{
    (void)argc, (void)argv;
    wchar_t *name = gl_wide(run.service->name);
    run.handle = RegisterServiceCtrlHandlerExW(name, on_control, NULL);
    gl_free(name);
    if (!run.handle)
        return;
    set_state(SERVICE_START_PENDING, START_HINT_MS, 0);
    open_log();
    int status = run.service->run(run.argc, run.argv);
    close_log();
    gl_service_ended(status);
}

/* Takes the option out of the words. */
static bool take_option(int *argc, char **argv)
{
    if (*argc < 2 || strcmp(argv[1], GL_SERVICE_OPTION) != 0)
        return false;
    for (int i = 1; i < *argc; i++)
        argv[i] = argv[i + 1];
    (*argc)--;
    return true;
}

/*
 * Whether the service control manager has started us is said by the command line that it has, not
 * found out by trying StartServiceCtrlDispatcher(): under Wine, that succeeds for a program in a
 * console while a service is just being started.
 */
int gl_service_main(const struct gl_service *service, int argc, char **argv)
{
    int status = gl_service_verb(service, argc, argv);
    if (status >= 0)
        return status;
    if (!take_option(&argc, argv))
        return service->run(argc, argv);
    run.service = service;
    run.argc = argc;
    run.argv = argv;
    wchar_t *name = gl_wide(service->name);
    SERVICE_TABLE_ENTRYW table[] = {{name, service_main}, {NULL, NULL}};
    DWORD error = StartServiceCtrlDispatcherW(table) ? 0 : GetLastError();
    gl_free(name);
    if (!error)
        return 0;
    char *text = gl_service_error(error);
    gl_error(GL_SERVICE_OPTION " is for the service control manager: %s", text);
    gl_free(text);
    return 1;
}
