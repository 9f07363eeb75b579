/* SPDX-License-Identifier: MIT */
/*
 * /proc is read as a whole, by parent: the children files of /proc/PID/task are an option of the
 * kernel and promise nothing while processes run. A process that forks while we look may be missed;
 * its child is found the next time, since whoever ends things looks until nothing is left.
 *
 * A pid may be somebody else's by the time of the kill: it is held by a pidfd and its start time
 * compared, where the kernel has pidfds (5.3).
 */
#include "exec-tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mem.h"

struct proc {
    pid_t pid, parent, group, session;
    unsigned long long start; /* clock ticks since boot */
    char state;
    bool ours;
};

/* /proc/PID/stat: proc_pid_stat(5). The name in brackets may hold anything, so its last bracket
 * counts. */
static bool read_proc(pid_t pid, struct proc *ret_proc)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    const char *rest = strrchr(text, ')');
    struct proc p = {.pid = pid};
    int parent, group, session;
    if (!rest || sscanf(rest,
                        ") %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                        "%*d %llu",
                        &p.state, &parent, &group, &session, &p.start) != 5)
        return false;
    p.parent = parent;
    p.group = group;
    p.session = session;
    *ret_proc = p;
    return true;
}

static size_t read_all(struct proc **ret_procs)
{
    DIR *dir = opendir("/proc");
    if (!dir)
        return 0;
    struct proc *procs = NULL;
    size_t count = 0, room = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        if (count == room) {
            room = room ? 2 * room : 256;
            procs = gl_realloc_array(procs, room, sizeof(*procs));
        }
        if (read_proc((pid_t)strtol(entry->d_name, NULL, 10), &procs[count]))
            count++;
    }
    closedir(dir);
    *ret_procs = procs;
    return count;
}

static int by_pid(const void *a, const void *b)
{
    pid_t x = ((const struct proc *)a)->pid, y = ((const struct proc *)b)->pid;
    return (x > y) - (x < y);
}

/* Marks who descends from us: children of marked ones, until there are no more. */
static void mark(struct proc *procs, size_t count)
{
    qsort(procs, count, sizeof(*procs), by_pid);
    pid_t self = getpid();
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            if (procs[i].ours)
                continue;
            struct proc key = {.pid = procs[i].parent};
            const struct proc *parent = bsearch(&key, procs, count, sizeof(key), by_pid);
            if (procs[i].parent == self || (parent && parent->ours))
                procs[i].ours = more = true;
        }
    }
}

/* Whether it is there and may be signalled. */
static bool send(const struct proc *p, const int *signals)
{
    int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (fd < 0 && errno != ENOSYS)
        return false;
    struct proc now;
    bool sent = read_proc(p->pid, &now) && now.start == p->start;
    do {
        if (sent && fd >= 0)
            sent = syscall(SYS_pidfd_send_signal, fd, *signals, NULL, 0) == 0;
        else if (sent)
            sent = kill(p->pid, *signals) == 0;
    } while (sent && *signals && *++signals);
    if (fd >= 0)
        close(fd);
    return sent;
}

size_t gl_exec_tree_signal(const struct gl_exec_tree_filter *filter, const int *signals)
{
    struct proc *procs = NULL;
    size_t n = read_all(&procs), count = 0;
    pid_t self = getpid();
    if (n > 0)
        mark(procs, n);
    for (size_t i = 0; i < n; i++) {
        const struct proc *p = &procs[i];
        if (!p->ours || (filter->session && p->session != filter->session) ||
            (filter->group && p->group != filter->group))
            continue;
        bool dead = p->state == 'Z' || p->state == 'X';
        if (dead ? p->parent == self : send(p, signals))
            count++;
    }
    gl_free(procs);
    return count;
}
