/* SPDX-License-Identifier: MIT */
#include "exec-job.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"

/* As login(1) sets it where nothing is configured (ENV_SUPATH and ENV_PATH of login.defs(5)). */
#define ROOT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define USER_PATH "/usr/local/bin:/usr/bin:/bin"

static bool parse_uid(const char *text, uid_t *ret_uid)
{
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || errno || value >= UINT32_MAX)
        return false;
    *ret_uid = (uid_t)value;
    return true;
}

static const char *or_default(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

int gl_exec_account_find(struct gl_exec_job *job)
{
    struct gl_exec_account *account = &job->account;
    uid_t uid = geteuid();
    struct passwd *entry;
    errno = 0;
    if (*job->user) {
        entry = getpwnam(job->user);
        if (!entry && parse_uid(job->user, &uid)) {
            errno = 0;
            entry = getpwuid(uid);
        }
    } else {
        entry = getpwuid(uid);
    }
    if (!entry && *job->user) {
        /* getpwnam(3): not found is 0 or one of several errors. */
        int error = errno;
        if (error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)
            error = 0;
        gl_exec_report(GL_EXEC_FAILED, GL_EXEC_STAGE_USER, error, 0, job->user, NULL);
        return -1;
    }
    if (!entry) {
        *account = (struct gl_exec_account){.uid = uid, .gid = getegid()};
        account->name = gl_asprintf("%lu", (unsigned long)uid);
        account->home = gl_strdup("/");
        account->shell = gl_strdup("/bin/sh");
        return 0;
    }
    *account = (struct gl_exec_account){
        .uid = entry->pw_uid,
        .gid = entry->pw_gid,
        .name = gl_strdup(entry->pw_name),
        .home = gl_strdup(or_default(entry->pw_dir, "/")),
        .shell = gl_strdup(or_default(entry->pw_shell, "/bin/sh")),
        .known = true,
    };
    return 0;
}

/* ------------------------------------------------------------------ environment */

static size_t name_length(const char *pair)
{
    const char *equals = strchr(pair, '=');
    return equals ? (size_t)(equals - pair) : strlen(pair);
}

/* The place of a variable in list, or where the next one goes. */
static size_t find(char *const *list, const char *pair)
{
    size_t len = name_length(pair), i = 0;
    for (; list[i]; i++) {
        if (name_length(list[i]) == len && memcmp(list[i], pair, len) == 0)
            break;
    }
    return i;
}

static void set(char **list, char *pair)
{
    size_t place = find(list, pair);
    gl_free(list[place]);
    list[place] = pair;
}

void gl_exec_account_environment(struct gl_exec_job *job, char *const *pam)
{
    const struct gl_exec_account *account = &job->account;
    size_t room = 16 + job->request->envc;
    for (size_t i = 0; pam && pam[i]; i++)
        room++;
    char **list = GL_NEW0_ARRAY(char *, room);

    set(list, gl_asprintf("HOME=%s", account->home));
    set(list, gl_asprintf("USER=%s", account->name));
    set(list, gl_asprintf("LOGNAME=%s", account->name));
    set(list, gl_asprintf("SHELL=%s", account->shell));
    set(list, gl_asprintf("PATH=%s", account->uid == 0 ? ROOT_PATH : USER_PATH));
    /* The system's: the service manager gives it to the agent. */
    set(list, gl_asprintf("LANG=%s", or_default(getenv("LANG"), "C.UTF-8")));
    if (job->request->terminal)
        set(list, gl_asprintf("TERM=%s", or_default(job->term, "xterm")));
    for (size_t i = 0; pam && pam[i]; i++)
        set(list, gl_strdup(pam[i]));
    for (size_t i = 0; job->env[i]; i++)
        set(list, gl_strdup(job->env[i]));
    job->environment = list;
}

const char *gl_exec_account_variable(const struct gl_exec_job *job, const char *name)
{
    const char *pair = job->environment[find(job->environment, name)];
    return pair ? pair + name_length(pair) + 1 : NULL;
}
