/* SPDX-License-Identifier: MIT */
#include "windows/exec-launch.h"

#include <string.h>
#include <uv.h>

#include "windows/exec-environment.h"
#include "windows/exec-image.h"
#include "windows/exec-quote.h"
#include "windows/wide.h"

/* What mingw-w64's headers lack, or have for the newest systems only: winerror.h ("System Error
 * Codes", learn.microsoft.com), winbase.h. */
#define VIRUS_INFECTED     225u
#define INVALID_IMAGE_HASH 577u
#define ELEVATION_REQUIRED 740u
#define PSEUDOCONSOLE      0x20016u /* PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE */

/* ------------------------------------------------------------------ the request */

static char **copy_list(const char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    char **copy = GL_NEW0_ARRAY(char *, count + 1);
    for (size_t i = 0; i < count; i++)
        copy[i] = gl_strdup(list[i]);
    return copy;
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        gl_free(list[i]);
    gl_free(list);
}

void gl_exec_launch_init(struct gl_exec_launch *launch, const struct gl_exec_spec *spec)
{
    *launch = (struct gl_exec_launch){
        .argv = copy_list(spec->argv),
        .env = copy_list(spec->env),
        .directory = gl_strdup(spec->directory),
        .user = gl_strdup(spec->user),
        .password = gl_strdup(spec->password),
        .session = gl_strdup(spec->session),
        .term = gl_strdup(spec->term),
        .login_shell = spec->login_shell,
        .local_only = spec->local_only,
        .terminal = spec->terminal,
        .columns = spec->columns ? spec->columns : 80,
        .rows = spec->rows ? spec->rows : 24,
    };
}

/* ------------------------------------------------------------------ what is to run */

/* As OpenSSH for Windows has it ("OpenSSH Server configuration for Windows Server and Windows",
 * learn.microsoft.com): the administrator's choice, else cmd.exe. For gl_free(). */
static char *login_shell(void)
{
    wchar_t path[MAX_PATH] = L"";
    DWORD size = sizeof(path);
    if (RegGetValueW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\OpenSSH", L"DefaultShell", RRF_RT_REG_SZ, NULL,
                     path, &size) != 0 ||
        !*path) {
        UINT length = GetSystemDirectoryW(path, MAX_PATH - 16);
        wcscpy(path + length, L"\\cmd.exe");
    }
    return gl_narrow_lossy(path);
}

/* The system's own, whatever ComSpec says: that may come from the caller. For gl_free(). */
static wchar_t *batch_interpreter(void)
{
    wchar_t path[MAX_PATH] = L"";
    UINT length = GetSystemDirectoryW(path, MAX_PATH - 16);
    wcscpy(path + length, L"\\cmd.exe");
    return gl_memdup(path, (wcslen(path) + 1) * sizeof(*path));
}

static int make_environment(struct gl_exec_launch *launch)
{
    size_t count = 0;
    while (launch->env[count])
        count++;
    const char **changes = GL_NEW0_ARRAY(const char *, count + 2);
    char *term = launch->terminal && launch->term ? gl_asprintf("TERM=%s", launch->term) : NULL;
    size_t at = 0;
    if (term)
        changes[at++] = term;
    for (size_t i = 0; i < count; i++)
        changes[at++] = launch->env[i];
    launch->environment = gl_exec_environment(launch->account.variables, changes);
    gl_free(changes);
    gl_free(term);
    if (launch->environment)
        return 0;
    return gl_exec_fail(&launch->failure, GL_STATUS_INVALID,
                        "an environment variable is not UTF-8");
}

static int find_program(struct gl_exec_launch *launch)
{
    const wchar_t *home = gl_exec_environment_get(launch->environment, L"USERPROFILE");
    launch->folder = gl_exec_directory(launch->directory, home, launch->local_only, &launch->where,
                                       &launch->failure);
    if (!launch->folder)
        return -1;
    return gl_exec_search(launch->argv[0], launch->folder, launch->environment, launch->local_only,
                          &launch->program, &launch->failure);
}

/* As the user, so that what he may not enter or run is not entered or run. */
static int find_program_as_user(struct gl_exec_launch *launch)
{
    if (launch->account.own)
        return find_program(launch);
    if (!ImpersonateLoggedOnUser(launch->account.token))
        return gl_exec_fail(&launch->failure, GL_STATUS_DENIED, "cannot become user '%s'",
                            launch->account.name);
    int err = find_program(launch);
    /* A thread of the pool that stays somebody else must not do anything any more. */
    if (!RevertToSelf())
        abort();
    return err;
}

static int make_line(struct gl_exec_launch *launch)
{
    const char *const *argv = (const char *const *)launch->argv;
    const char *why = "";
    char *line = NULL, *interpreter = NULL;
    bool batch = gl_exec_is_batch(launch->program.name);
    int err;
    if (batch) {
        launch->interpreter = batch_interpreter();
        interpreter = gl_narrow_lossy(launch->interpreter);
        err = gl_exec_quote_batch(interpreter, launch->program.name, argv, &line, &why);
    } else {
        err = gl_exec_quote_program(argv, &line, &why);
    }
    gl_free(interpreter);
    if (err)
        return gl_exec_fail(&launch->failure, GL_STATUS_INVALID, "'%s': %s", launch->program.name,
                            why);
    launch->line = gl_wide(line);
    gl_free(line);
    if (!launch->line)
        return gl_exec_fail(&launch->failure, GL_STATUS_INVALID,
                            "'%s': an argument is not UTF-8, and Windows has no other ones",
                            launch->program.name);
    size_t max = batch ? GL_EXEC_BATCH_LINE_MAX : GL_EXEC_LINE_MAX;
    if (wcslen(launch->line) >= max)
        return gl_exec_fail(&launch->failure, GL_STATUS_TOO_BIG,
                            "'%s': Windows takes command lines up to %zu characters%s",
                            launch->program.name, max - 1, batch ? " for batch files" : "");
    return 0;
}

static void wipe_password(struct gl_exec_launch *launch)
{
    if (launch->password)
        gl_secure_free(launch->password, strlen(launch->password));
    launch->password = NULL;
}

char *gl_exec_launch_identify(const struct gl_exec_launch *launch)
{
    return gl_exec_account_identify(launch->user);
}

int gl_exec_launch_prepare(struct gl_exec_launch *launch)
{
    if (launch->login_shell) {
        free_list(launch->argv);
        launch->argv = GL_NEW0_ARRAY(char *, 2);
        launch->argv[0] = login_shell();
    }
    int err = gl_exec_account_find(launch->user, launch->password, launch->session,
                                   &launch->account, &launch->failure);
    wipe_password(launch);
    if (err)
        return -1;
    if (make_environment(launch) != 0 || find_program_as_user(launch) != 0)
        return -1;
    return make_line(launch);
}

/* ------------------------------------------------------------------ the job */

static bool set_limits(HANDLE job, DWORD flags)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags = flags};
    return SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof(limits));
}

/* It dies when its last handle is closed, by the system if need be. With a terminal a process may
 * say that it outlives it, as setsid does on Linux: by CREATE_BREAKAWAY_FROM_JOB. As there, neither
 * a cancelled call nor its timeout ends such a one; see exec-process.h and guestlink(1). */
static HANDLE make_job(bool terminal)
{
    HANDLE job = CreateJobObjectW(NULL, NULL);
    if (!job)
        return NULL;
    DWORD flags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    if (set_limits(job, terminal ? flags | JOB_OBJECT_LIMIT_BREAKAWAY_OK : flags))
        return job;
    CloseHandle(job);
    return NULL;
}

void gl_exec_job_release(HANDLE job)
{
    set_limits(job, 0);
}

void gl_exec_job_kill(HANDLE job, unsigned code)
{
    TerminateJobObject(job, code);
}

unsigned gl_exec_job_count(HANDLE job)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION info;
    if (!QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &info, sizeof(info),
                                   NULL))
        return 0;
    return info.ActiveProcesses;
}

/* ------------------------------------------------------------------ the process */

static int fail_run(struct gl_exec_launch *launch, DWORD error)
{
    char *why = gl_exec_error_text(error);
    enum gl_status status;
    switch (error) {
    case ERROR_DIRECTORY:
        gl_exec_fail(&launch->failure, GL_STATUS_NOT_DIRECTORY, "working directory '%s': %s",
                     launch->directory ? launch->directory : "", why);
        break;
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_ACCESS_DENIED:
    case ERROR_BAD_EXE_FORMAT:
    case ERROR_EXE_MACHINE_TYPE_MISMATCH:
    case ELEVATION_REQUIRED:
    case ERROR_ACCESS_DISABLED_BY_POLICY:
    case VIRUS_INFECTED:
    case ERROR_SHARING_VIOLATION:
    case INVALID_IMAGE_HASH:
        gl_exec_fail(&launch->failure, GL_STATUS_NOT_EXECUTABLE, "'%s': %s", launch->program.name,
                     why);
        break;
    default:
        status = gl_status_from_errno(uv_translate_sys_error((int)error));
        gl_exec_fail(&launch->failure, status, "'%s': %s", launch->program.name, why);
        break;
    }
    gl_free(why);
    return -1;
}

#define ATTRIBUTES 3

struct start {
    STARTUPINFOEXW info;
    HANDLE inherited[3];
    HANDLE jobs[1];
};

static LPPROC_THREAD_ATTRIBUTE_LIST new_attributes(void)
{
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, ATTRIBUTES, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST list = gl_alloc0(size);
    if (InitializeProcThreadAttributeList(list, ATTRIBUTES, 0, &size))
        return list;
    gl_free(list);
    return NULL;
}

/*
 * Only these handles go to the program, whatever else can be inherited. The job, so that there is
 * no moment in which it is in none; where that is not known it is put there before it runs.
 */
static bool fill_attributes(struct gl_exec_launch *launch, struct start *start)
{
    LPPROC_THREAD_ATTRIBUTE_LIST list = start->info.lpAttributeList;
    start->jobs[0] = launch->job;
    (void)UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST, start->jobs,
                                    sizeof(start->jobs), NULL, NULL);
    if (launch->console)
        return UpdateProcThreadAttribute(list, 0, PSEUDOCONSOLE,
                                         gl_exec_console_pseudo(launch->console), sizeof(void *),
                                         NULL, NULL);
    memcpy(start->inherited, launch->std, sizeof(start->inherited));
    return UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, start->inherited,
                                     sizeof(start->inherited), NULL, NULL);
}

/* Whether ours lead to a file or a pipe: then the system passes them on, unasked. */
static bool has_redirected_handles(void)
{
    static const DWORD all[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    for (size_t i = 0; i < GL_ARRAY_SIZE(all); i++) {
        HANDLE handle = GetStdHandle(all[i]);
        if (handle && handle != INVALID_HANDLE_VALUE && GetFileType(handle) != FILE_TYPE_CHAR)
            return true;
    }
    return false;
}

/*
 * A console gives handles of its own to whoever has none; so none are given, if that needs to be
 * said. The desktop: that of a session; for another user none, so that the system makes one which
 * he may use ("Process Connection to a Window Station", learn.microsoft.com).
 */
static void fill_info(const struct gl_exec_launch *launch, STARTUPINFOW *info)
{
    static wchar_t of_session[] = L"winsta0\\default", own[] = L"";
    info->cb = sizeof(STARTUPINFOEXW);
    if (!launch->console || has_redirected_handles())
        info->dwFlags = STARTF_USESTDHANDLES;
    if (!launch->console) {
        info->hStdInput = launch->std[0];
        info->hStdOutput = launch->std[1];
        info->hStdError = launch->std[2];
    }
    if (launch->account.desktop)
        info->lpDesktop = of_session;
    else if (!launch->account.own)
        info->lpDesktop = own;
}

/*
 * Into another session handles are passed on as anywhere since Windows Vista, where a process is
 * made by the kernel with its token's session at once; what "CreateProcessAsUserW function" says of
 * it is from when that session's own server made it.
 */
static BOOL create(struct gl_exec_launch *launch, struct start *start,
                   PROCESS_INFORMATION *ret_info)
{
    /* A console that nobody sees: programs find one, and Ctrl-C reaches them alone. */
    DWORD flags = CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | CREATE_DEFAULT_ERROR_MODE |
                  EXTENDED_STARTUPINFO_PRESENT | (launch->console ? 0 : CREATE_NO_WINDOW);
    const wchar_t *file = launch->interpreter ? launch->interpreter : launch->program.path;
    STARTUPINFOW *info = &start->info.StartupInfo;
    BOOL inherit = !launch->console;
    if (launch->account.own)
        return CreateProcessW(file, launch->line, NULL, NULL, inherit, flags, launch->environment,
                              launch->folder, info, ret_info);
    return CreateProcessAsUserW(launch->account.token, file, launch->line, NULL, NULL, inherit,
                                flags, launch->environment, launch->folder, info, ret_info);
}

/* How often a start is tried that the system itself could not do, for no reason of the program's:
 * so Wine says, of many at once, that the new process did not get up. Nothing of it has run. */
#define TRIES 4

static DWORD enter_job(HANDLE process, HANDLE job)
{
    BOOL inside = FALSE;
    if (IsProcessInJob(process, job, &inside) && inside)
        return 0;
    return AssignProcessToJobObject(job, process) ? 0 : GetLastError();
}

/* What was judged is what is to run. A batch file's image is cmd.exe, which we have named. */
static int check_image(struct gl_exec_launch *launch)
{
    char *other;
    if (launch->interpreter || gl_exec_image_is(launch->process, launch->program.file, &other))
        return 0;
    gl_exec_fail(&launch->failure, GL_STATUS_NOT_EXECUTABLE, "'%s': Windows would run '%s' instead",
                 launch->program.name, other);
    gl_free(other);
    return -1;
}

int gl_exec_launch_run(struct gl_exec_launch *launch)
{
    struct start start = {.jobs = {NULL}};
    PROCESS_INFORMATION made;
    if (launch->terminal) {
        HANDLE token = launch->account.own ? NULL : launch->account.token;
        int err = gl_exec_console_new(token, launch->columns, launch->rows, launch->std[0],
                                      launch->std[1], &launch->console);
        if (err)
            return gl_exec_fail(&launch->failure, gl_status_from_errno(err),
                                "no terminal can be made: %s", uv_strerror(err));
    }
    launch->job = make_job(launch->terminal);
    start.info.lpAttributeList = new_attributes();
    if (!launch->job || !start.info.lpAttributeList || !fill_attributes(launch, &start)) {
        DWORD error = GetLastError();
        gl_free(start.info.lpAttributeList);
        return fail_run(launch, error);
    }
    fill_info(launch, &start.info.StartupInfo);
    BOOL ok = create(launch, &start, &made);
    for (int tries = 1; !ok && GetLastError() == ERROR_INTERNAL_ERROR && tries < TRIES; tries++)
        ok = create(launch, &start, &made);
    DWORD error = ok ? enter_job(made.hProcess, launch->job) : GetLastError();
    DeleteProcThreadAttributeList(start.info.lpAttributeList);
    gl_free(start.info.lpAttributeList);
    if (ok) {
        launch->process = made.hProcess;
        launch->thread = made.hThread;
        launch->pid = made.dwProcessId;
    }
    int err = error ? fail_run(launch, error) : check_image(launch);
    if (ok && err)
        TerminateProcess(made.hProcess, 1);
    return err;
}

static void close_handle(HANDLE *handle)
{
    if (*handle)
        CloseHandle(*handle);
    *handle = NULL;
}

/*
 * Between now and the moment in which cmd.exe opens a batch file, somebody who may write to its
 * folder can put another there; but who may do that can change the file at any time, and cmd.exe
 * reads it line by line.
 */
void gl_exec_launch_started(struct gl_exec_launch *launch)
{
    for (size_t i = 0; i < 3; i++)
        close_handle(&launch->std[i]);
    close_handle(&launch->program.file);
}

void gl_exec_launch_done(struct gl_exec_launch *launch)
{
    gl_exec_launch_started(launch);
    close_handle(&launch->thread);
    close_handle(&launch->process);
    close_handle(&launch->job);
    gl_exec_program_done(&launch->program);
    gl_exec_account_done(&launch->account);
    free_list(launch->argv);
    free_list(launch->env);
    wipe_password(launch);
    gl_free(launch->directory);
    gl_free(launch->user);
    gl_free(launch->session);
    gl_free(launch->term);
    gl_free(launch->environment);
    gl_free(launch->folder);
    gl_free(launch->where);
    gl_free(launch->line);
    gl_free(launch->interpreter);
    gl_free(launch->failure.text);
}
