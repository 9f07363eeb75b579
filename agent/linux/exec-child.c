/* SPDX-License-Identifier: MIT */
/*
 * Between fork and execve: session, terminal, user, folder, program. The process has one thread, so
 * anything may be called here. Each step is done as the user that the program runs as wherever that
 * can make a difference: what that user may not enter or run is not entered or run.
 */
#include "exec-job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux/disk-linux.h"
#include "mem.h"

#define CLOSE_CLOEXEC 4u /* CLOSE_RANGE_CLOEXEC of linux/close_range.h, Linux 5.11 */

static int failed_fd;

static void fail(enum gl_exec_stage stage, int error, const char *text) __attribute__((noreturn));

static void fail(enum gl_exec_stage stage, int error, const char *text)
{
    gl_exec_report(GL_EXEC_FAILED, stage, error, 0, text, NULL);
    if (write(failed_fd, "", 1) != 1)
        _exit(126);
    _exit(127);
}

/* ------------------------------------------------------------------ descriptors, session */

static void take_descriptors(const struct gl_exec_job *job)
{
    for (int i = 0; i < 3; i++) {
        int fd = job->fds[i] >= 0 ? job->fds[i] : job->fds[0];
        /* None of them is 0, 1 or 2: those are open in the helper. */
        if (dup2(fd, i) < 0)
            fail(GL_EXEC_STAGE_HELPER, errno, "dup2");
    }
    if (job->request->no_input) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null < 0 || dup2(null, 0) < 0)
            fail(GL_EXEC_STAGE_HELPER, errno, "/dev/null");
    }
    /* All of ours are CLOEXEC; a library's (PAM modules) may not be. */
    if (syscall(SYS_close_range, 3u, ~0u, CLOSE_CLOEXEC) != 0) {
        for (int fd = GL_EXEC_FD; fd < 256; fd++)
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

static void take_session(const struct gl_exec_job *job)
{
    if (setsid() < 0)
        fail(GL_EXEC_STAGE_HELPER, errno, "setsid");
    if (job->request->terminal && ioctl(job->fds[0], TIOCSCTTY, 0) != 0)
        fail(GL_EXEC_STAGE_TERMINAL, errno, "terminal");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A service that the kernel spares when memory is short must not pass that on. */
static void take_oom_score(void)
{
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    char text[16] = "";
    if (read(fd, text, sizeof(text) - 1) > 0 && text[0] == '-' && write(fd, "0", 1) != 1)
        (void)0; /* the worst that happens is that it stays */
    close(fd);
}

/* Groups were set by the helper. */
static void take_user(const struct gl_exec_job *job)
{
    const struct gl_exec_account *account = &job->account;
    bool root = geteuid() == 0;
    if (root && setresgid(account->gid, account->gid, account->gid) != 0)
        fail(GL_EXEC_STAGE_SWITCH, errno, account->name);
    if (root && setresuid(account->uid, account->uid, account->uid) != 0)
        fail(GL_EXEC_STAGE_SWITCH, errno, account->name);
    if (geteuid() != account->uid)
        fail(GL_EXEC_STAGE_SWITCH, EPERM, account->name);
    /* If the helper is killed, nobody would clean up. After the change of user, which undoes it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != job->helper)
        _exit(127);
}

/* Home first, so that a relative directory means one there. */
static void take_directory(const struct gl_exec_job *job)
{
    if (chdir(job->account.home) != 0 && chdir("/") != 0)
        fail(GL_EXEC_STAGE_DIRECTORY, errno, "/");
    if (*job->directory && chdir(job->directory) != 0)
        fail(GL_EXEC_STAGE_DIRECTORY, errno, job->directory);
}

/* ------------------------------------------------------------------ program */

/* Could it be run? 0 or errno. execve(2) has the last word. */
static int judge(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (!S_ISREG(st.st_mode))
        return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/*
 * As execvp(3): what is there but cannot be run is remembered while the search goes on, and is the
 * answer if nothing else is found. An empty element of PATH is the working directory (POSIX, 8.3).
 */
static char *search(const struct gl_exec_job *job, const char *name)
{
    if (strchr(name, '/')) {
        int error = judge(name);
        if (error)
            fail(GL_EXEC_STAGE_SEARCH, error, name);
        return gl_strdup(name);
    }
    const char *path = gl_exec_account_variable(job, "PATH");
    int answer = ENOENT;
    char *found_bad = NULL;
    for (const char *at = path; at && *name;) {
        const char *end = strchrnul(at, ':');
        char *candidate = end == at ? gl_asprintf("./%s", name)
                                    : gl_asprintf("%.*s/%s", (int)(end - at), at, name);
        int error = judge(candidate);
        if (!error) {
            gl_free(found_bad);
            return candidate;
        }
        if (error != ENOENT && error != ENOTDIR && error != ENAMETOOLONG && answer == ENOENT) {
            answer = error;
            found_bad = candidate;
        } else {
            gl_free(candidate);
        }
        at = *end ? end + 1 : NULL;
    }
    fail(GL_EXEC_STAGE_SEARCH, answer, found_bad ? found_bad : name);
}

/* Waits for the agent's word on the program, a path without links. */
static void ask(const struct gl_exec_job *job, const char *resolved)
{
    /* What is not told whole would not be judged whole. */
    if (strlen(resolved) >= PATH_MAX)
        fail(GL_EXEC_STAGE_SEARCH, ENAMETOOLONG, resolved);
    gl_exec_report(GL_EXEC_RESOLVED, 0, 0, 0, job->account.name, resolved);
    struct gl_exec_order order;
    ssize_t n;
    do
        n = recv(GL_EXEC_FD, &order, sizeof(order), 0);
    while (n < 0 && errno == EINTR);
    if (n != sizeof(order) || order.type != GL_EXEC_GO)
        fail(GL_EXEC_STAGE_HELPER, ECANCELED, "cancelled");
}

static void run_resolved(const struct gl_exec_job *job, char *const argv[], const char *resolved)
    __attribute__((noreturn));
static void run_program(const struct gl_exec_job *job, const char *path) __attribute__((noreturn));

/*
 * Runs what has the resolved path and nothing else: in its directory, which is opened without
 * following links, by its name, which is not followed either. (By a descriptor of the program
 * itself it would be called by that number in ps(1).)
 */
static void run_resolved(const struct gl_exec_job *job, char *const argv[], const char *resolved)
{
    const char *name = strrchr(resolved, '/') + 1;
    char *parent = gl_strndup(resolved, (size_t)(name - resolved));
    int dir = gl_disk_open(parent, GL_LINKS_NONE, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        fail(GL_EXEC_STAGE_CHANGED, -dir, resolved);
    syscall(SYS_execveat, dir, name, argv, job->environment, AT_SYMLINK_NOFOLLOW);
    if (errno == ELOOP)
        fail(GL_EXEC_STAGE_CHANGED, errno, resolved);
    if (errno != ENOENT && errno != ENOSYS)
        fail(GL_EXEC_STAGE_EXEC, errno, resolved);
    /*
     * A script (execveat(2), BUGS), whose interpreter opens it by its name in any case, or an old
     * kernel. What is left to a race is small: that somebody puts a link into the way between these
     * two calls, who may write to a folder of the real path, and so could change the program.
     */
    int found = gl_disk_open(resolved, GL_LINKS_NONE, O_PATH | O_CLOEXEC);
    if (found < 0)
        fail(GL_EXEC_STAGE_CHANGED, -found, resolved);
    execve(resolved, argv, job->environment);
    fail(GL_EXEC_STAGE_EXEC, errno, resolved);
}

/*
 * The policy judges where a path leads, so that must be what runs, though somebody changes a link
 * on the way meanwhile. Where only root and the user who runs it could do that (/usr/bin/vi), the
 * path is run as it was given: a script finds the name in $0 by which it was called. Else by its
 * real path. argv[0] is as it was given in both cases.
 */
static void run_program(const struct gl_exec_job *job, const char *path)
{
    /* The prototype is older than const: execve changes neither. */
    char *const *argv = (char *const *)(uintptr_t)job->argv;
    char *resolved;
    bool steady;
    int err = gl_disk_resolve_steady(path, job->account.uid, &resolved, &steady);
    if (err)
        fail(GL_EXEC_STAGE_SEARCH, -err, path);
    ask(job, resolved);
    if (!steady)
        run_resolved(job, argv, resolved);
    execve(path, argv, job->environment);
    fail(GL_EXEC_STAGE_EXEC, errno, path);
}

/* "-bash": the sign of a login shell. */
static void login_shell_arguments(struct gl_exec_job *job)
{
    const char *slash = strrchr(job->account.shell, '/');
    const char **argv = GL_NEW0_ARRAY(const char *, 2);
    argv[0] = gl_asprintf("-%s", slash ? slash + 1 : job->account.shell);
    job->argv = argv;
}

void gl_exec_child_run(struct gl_exec_job *job, int failed)
{
    failed_fd = failed;
    take_session(job);
    take_descriptors(job);
    take_oom_score();
    take_user(job);
    take_directory(job);
    const char *name = job->argv[0];
    if (job->request->login_shell) {
        name = job->account.shell;
        login_shell_arguments(job);
    }
    run_program(job, search(job, name));
}
