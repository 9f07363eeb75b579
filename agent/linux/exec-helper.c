/* SPDX-License-Identifier: MIT */
/*
 * The exec helper's main function: takes the job, forks the program, and stays as its parent.
 *
 * It is a subreaper (prctl(2)), so what the program's children leave behind becomes its own child,
 * whatever session it went to, and can be found and ended. When the program ends by itself the
 * helper goes too, and leaves the rest to init.
 */
#include "exec-helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exec-job.h"
#include "exec-tree.h"
#include "mem.h"

#define KILL_PAUSE_MS 20   /* between two looks for what is left to kill */
#define LOOK_PAUSE_MS 100  /* between two looks at whether TERM was enough */
#define CLOSE_S       30   /* for PAM to end its session, seconds */
#define UNKILLABLE_MS 1000 /* after which we stop trying */

void gl_exec_report(enum gl_exec_report_type type, enum gl_exec_stage stage, int error, int value,
                    const char *text, const char *more)
{
    struct gl_exec_report report = {.type = type, .stage = stage, .error = error, .value = value};
    size_t used = 0;
    const char *texts[] = {text, more};
    for (size_t i = 0; i < 2 && texts[i]; i++) {
        size_t room = sizeof(report.text) - used - (2 - i), len = strlen(texts[i]);
        len = len < room ? len : room;
        memcpy(report.text + used, texts[i], len);
        used += len + 1;
    }
    while (send(GL_EXEC_FD, &report, GL_EXEC_REPORT_HEAD + used, MSG_NOSIGNAL) < 0 &&
           errno == EINTR)
        ;
}

static void give_up(const char *what) __attribute__((noreturn));

static void give_up(const char *what)
{
    gl_exec_report(GL_EXEC_FAILED, GL_EXEC_STAGE_HELPER, errno, 0, what, NULL);
    _exit(1);
}

/* ------------------------------------------------------------------ the job */

/* *ret_memory is the memfd of START. */
static void receive_start(struct gl_exec_job *job, int *ret_memory)
{
    struct gl_exec_order order = {0};
    struct iovec iov = {&order, sizeof(order)};
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t n;
    do
        n = recvmsg(GL_EXEC_FD, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *rights = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (n != sizeof(order) || order.type != GL_EXEC_START || !rights ||
        rights->cmsg_type != SCM_RIGHTS)
        _exit(1); /* the agent is gone, or somebody tried the option by hand */
    int fds[4] = {-1, -1, -1, -1};
    size_t size = rights->cmsg_len - CMSG_LEN(0);
    memcpy(fds, CMSG_DATA(rights), size < sizeof(fds) ? size : sizeof(fds));
    *ret_memory = fds[0];
    memcpy(job->fds, fds + 1, sizeof(job->fds));
}

static const char *next_string(const char **at)
{
    const char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

/* The agent made it, so it is well-formed. */
static void read_request(struct gl_exec_job *job, int memory)
{
    struct stat st;
    if (fstat(memory, &st) != 0)
        give_up("fstat");
    const struct gl_exec_request *request =
        mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, memory, 0);
    if (request == MAP_FAILED)
        give_up("mmap");
    close(memory);
    job->request = request;
    const char *at = (const char *)(request + 1);
    job->user = next_string(&at);
    job->directory = next_string(&at);
    job->term = next_string(&at);
    job->argv = GL_NEW0_ARRAY(const char *, request->argc + 1);
    for (size_t i = 0; i < request->argc; i++)
        job->argv[i] = next_string(&at);
    job->env = GL_NEW0_ARRAY(const char *, request->envc + 1);
    for (size_t i = 0; i < request->envc; i++)
        job->env[i] = next_string(&at);
}

/*
 * What the agent changed for itself. The system call itself, with a struct of zeros (SIG_DFL) of
 * any system's size: the C library keeps its hands on its internal signals, which its
 * posix_spawn(3) leaves ignored.
 */
static void restore_signals(void)
{
    static const unsigned char by_default[256];
    for (int number = 1; number < _NSIG; number++)
        syscall(SYS_rt_sigaction, number, by_default, NULL, _NSIG / 8);
}

static void restore_open_files(const struct gl_exec_job *job)
{
    struct rlimit limit;
    if (!job->request->open_files || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur > job->request->open_files) {
        limit.rlim_cur = (rlim_t)job->request->open_files;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/*
 * Groups before PAM, whose modules may add some (pam_group), as login(1) does it. The terminal is
 * given to the user, so that it can be opened by its name.
 */
static int prepare_user(struct gl_exec_job *job)
{
    const struct gl_exec_account *account = &job->account;
    char tty[64] = "";
    /* A plain command keeps the agent's own account, and its groups. */
    bool login = *job->user || job->request->login_shell;
    if (login && geteuid() == 0 && account->known && initgroups(account->name, account->gid) != 0) {
        gl_exec_report(GL_EXEC_FAILED, GL_EXEC_STAGE_SWITCH, errno, 0, account->name, NULL);
        return -1;
    }
    if (job->request->terminal) {
        const struct group *group = getgrnam("tty");
        if (ttyname_r(job->fds[0], tty, sizeof(tty)) != 0)
            tty[0] = 0;
        if (fchown(job->fds[0], account->uid, group ? group->gr_gid : account->gid) == 0)
            (void)fchmod(job->fds[0], group ? 0620 : 0600);
    }
    char **pam;
    if (gl_exec_pam_open(job, *tty ? tty : NULL, &pam) != 0)
        return -1;
    gl_exec_account_environment(job, pam);
    return 0;
}

/* ------------------------------------------------------------------ the program's parent */

struct parent {
    struct gl_exec_job job;
    pid_t main;      /* the program; 0 when it was reaped */
    pid_t session;   /* of it, which is its pid */
    int signals;     /* signalfd */
    bool ending;     /* all must go */
    int64_t kill_at; /* ms, when ending: from then on by KILL */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void leave(void) __attribute__((noreturn));

static void leave(void)
{
    alarm(CLOSE_S); /* a module that hangs must not hold the call for ever */
    gl_exec_pam_close();
    close(GL_EXEC_FD); /* the agent need not wait until the kernel has taken us apart */
    _exit(0);          /* no destructors: there is nothing to flush, and it is fast */
}

/* Ours and whatever was left to us. Returns whether there are any more. */
static bool reap(struct parent *p)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return pid == 0 || errno != ECHILD;
        if (pid != p->main)
            continue;
        p->main = 0;
        gl_exec_report(GL_EXEC_EXITED, 0, 0, status, NULL, NULL);
    }
}

/* Who must go: with a terminal only its session, see exec-process.h. */
static struct gl_exec_tree_filter victims(const struct parent *p)
{
    return (struct gl_exec_tree_filter){.session = p->job.request->terminal ? p->session : 0};
}

static void begin_ending(struct parent *p, uint32_t kill_after_ms)
{
    /* What is stopped could not act on TERM without CONT. */
    static const int of_terminal[] = {SIGHUP, SIGTERM, SIGCONT, 0};
    static const int plain[] = {SIGTERM, SIGCONT, 0};
    if (p->ending)
        return;
    p->ending = true;
    p->kill_at = now_ms() + kill_after_ms;
    struct gl_exec_tree_filter filter = victims(p);
    gl_exec_tree_signal(&filter, p->job.request->terminal ? of_terminal : plain);
}

/* After each event while ending: leaves when nothing is left. */
static void go_on_ending(struct parent *p, bool children)
{
    static const int count[] = {0}, end[] = {SIGKILL, 0};
    struct gl_exec_tree_filter filter = victims(p);
    int64_t late = now_ms() - p->kill_at;
    if (!children)
        leave();
    /* Without a terminal whoever is left is our child or a child's child: no need to look. */
    if (late < 0 && !p->job.request->terminal)
        return;
    size_t left = gl_exec_tree_signal(&filter, late < 0 ? count : end);
    /* The program itself may be none of ours to kill, if the agent is not root and it is
     * set-user-id. */
    if (left == 0 && (!p->main || late > UNKILLABLE_MS))
        leave();
}

static void forward_signal(const struct parent *p, const struct gl_exec_order *order)
{
    struct gl_exec_tree_filter filter = {.session = p->session, .group = order->group};
    int signals[] = {order->signal, 0};
    if (order->group > 0 && order->group != p->session && gl_exec_tree_signal(&filter, signals) > 0)
        return;
    if (p->main)
        kill(-p->main, order->signal); /* not reaped, so the number is still its own */
}

static void hear_agent(struct parent *p)
{
    struct gl_exec_order order;
    ssize_t n = recv(GL_EXEC_FD, &order, sizeof(order), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == sizeof(order) && order.type == GL_EXEC_SIGNAL)
        forward_signal(p, &order);
    else if (n <= 0)
        begin_ending(p, p->job.request->kill_after_ms);
}

static void hear_signals(struct parent *p)
{
    struct signalfd_siginfo info;
    while (read(p->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD)
            begin_ending(p, p->job.request->kill_after_ms);
    }
}

static int poll_timeout(const struct parent *p)
{
    if (!p->ending)
        return -1;
    int64_t left = p->kill_at - now_ms();
    if (left <= 0)
        return KILL_PAUSE_MS;
    /* With a terminal some are not our children and end without a SIGCHLD to us. */
    return p->job.request->terminal && left > LOOK_PAUSE_MS ? LOOK_PAUSE_MS : (int)left;
}

static void supervise(struct parent *p) __attribute__((noreturn));

static void supervise(struct parent *p)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = p->signals, .events = POLLIN},
                                {.fd = p->ending ? -1 : GL_EXEC_FD, .events = POLLIN}};
        if (poll(fds, 2, poll_timeout(p)) < 0 && errno != EINTR)
            begin_ending(p, 0);
        if (fds[0].revents)
            hear_signals(p);
        if (fds[1].revents)
            hear_agent(p);
        bool children = reap(p);
        if (p->ending)
            go_on_ending(p, children);
        else if (!p->main)
            leave();
    }
}

/* Until the program runs, was given up (a byte came), or nobody wants it any more. */
static void await_exec(struct parent *p, int failed)
{
    struct pollfd fds[2] = {{.fd = failed, .events = POLLIN},
                            {.fd = GL_EXEC_FD, .events = POLLRDHUP}};
    char byte;
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    if (!fds[0].revents) {
        begin_ending(p, 0);
    } else if (read(failed, &byte, 1) == 1) {
        waitpid(p->main, NULL, 0);
        leave();
    } else {
        gl_exec_report(GL_EXEC_STARTED, 0, 0, p->main, NULL, NULL);
    }
    close(failed);
}

static void run(struct parent *p) __attribute__((noreturn));

static void run(struct parent *p)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_SETMASK, &set, NULL);
    p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    int failed[2];
    if (p->signals < 0 || pipe2(failed, O_CLOEXEC) != 0)
        give_up("pipe");
    p->job.helper = getpid();
    p->main = p->session = fork();
    if (p->main < 0)
        give_up("fork");
    if (p->main == 0)
        gl_exec_child_run(&p->job, failed[1]);
    close(failed[1]);
    for (int i = 0; i < 3; i++) {
        if (p->job.fds[i] >= 0)
            close(p->job.fds[i]);
    }
    await_exec(p, failed[0]);
    supervise(p);
}

void gl_exec_helper_main(void)
{
    struct parent parent = {.job = {.fds = {-1, -1, -1}}};
    int memory = -1;
    (void)fcntl(GL_EXEC_FD, F_SETFD, FD_CLOEXEC);
    syscall(SYS_close_range, GL_EXEC_FD + 1u, ~0u, 0u);
    restore_signals();
    umask(022);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "guestlink-exec"); /* not "exe", as /proc/self/exe has it */
    (void)getpwuid(geteuid());            /* what the C library has to read for it, it reads now */
    /* All that does not need the job was before it: see exec-spare.h. */
    receive_start(&parent.job, &memory);
    read_request(&parent.job, memory);
    restore_open_files(&parent.job);
    if (gl_exec_account_find(&parent.job) != 0 || prepare_user(&parent.job) != 0)
        _exit(1);
    run(&parent);
}
