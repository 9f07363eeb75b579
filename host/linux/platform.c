/* SPDX-License-Identifier: MIT */
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "escape.h"
#include "log.h"
#include "user.h"

#define DATABASE_BUFFER (256u * 1024) /* a group with many members is long */

void gl_platform_prepare(void)
{
    umask(077);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

uint32_t gl_platform_uid(void)
{
    return geteuid();
}

/* ------------------------------------------------------------------ users and groups */

int gl_platform_group(const char *name, uint32_t *ret_gid)
{
    char *buffer = gl_alloc(DATABASE_BUFFER);
    struct group entry, *found = NULL;
    int err = getgrnam_r(name, &entry, buffer, DATABASE_BUFFER, &found);
    if (found)
        *ret_gid = found->gr_gid;
    gl_free(buffer);
    return found ? 0 : err ? -err : UV_ENOENT;
}

bool gl_platform_serves_group(const char *name)
{
    uint32_t gid;
    return gl_platform_group(name, &gid) == 0 && (geteuid() == 0 || getegid() == gid);
}

static void add_group(struct gl_user *user, gid_t gid, char *buffer)
{
    struct group entry, *found = NULL;
    if (getgrgid_r(gid, &entry, buffer, DATABASE_BUFFER, &found) == 0 && found)
        user->groups[user->n_groups++] = gl_strdup(found->gr_name);
}

struct gl_user *gl_user_lookup(uint32_t uid, uint32_t gid)
{
    struct gl_user *user = GL_NEW0(struct gl_user);
    char *buffer = gl_alloc(DATABASE_BUFFER);
    struct passwd entry, *found = NULL;
    gid_t *gids = GL_NEW0_ARRAY(gid_t, GL_USER_GROUPS_MAX);
    int n = GL_USER_GROUPS_MAX;

    user->uid = uid;
    snprintf(user->name, sizeof user->name, "%u", uid);
    gids[0] = gid;
    if (getpwuid_r(uid, &entry, buffer, DATABASE_BUFFER, &found) == 0 && found &&
        strlen(found->pw_name) < sizeof user->name) {
        gl_escape(user->name, sizeof user->name, found->pw_name, strlen(found->pw_name));
        if (getgrouplist(found->pw_name, gid, gids, &n) < 0)
            n = GL_USER_GROUPS_MAX; /* more than that: the first of them */
    } else {
        n = 1;
    }
    user->groups = GL_NEW0_ARRAY(char *, (size_t)n);
    for (int i = 0; i < n; i++)
        add_group(user, gids[i], buffer);
    gl_free(gids);
    gl_free(buffer);
    return user;
}

void gl_user_free(struct gl_user *user)
{
    if (!user)
        return;
    for (size_t i = 0; i < user->n_groups; i++)
        gl_free(user->groups[i]);
    gl_free(user->groups);
    gl_free(user);
}

/* ------------------------------------------------------------------ directories */

static int make_directory(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) < 0 ? -errno : 0; /* whatever the umask is */
    return errno == EEXIST ? 0 : -errno;
}

static void make_parents(const char *path)
{
    char *copy = gl_strdup(path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        make_directory(copy, 0755);
        *slash = '/';
    }
    gl_free(copy);
}

void gl_platform_make_parent(const char *path)
{
    if (*path)
        make_parents(path);
}

static int take_lock(const char *directory, struct gl_why *why)
{
    char *path = gl_asprintf("%s/lock", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int err = 0;
    if (fd < 0)
        err = gl_why(why, -errno, "%s: %s", path, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        err = gl_why(why, UV_EBUSY, "%s: another guestlink-hostd uses this directory", directory);
    if (err < 0 && fd >= 0)
        close(fd);
    gl_free(path);
    return err; /* the descriptor stays open as long as the process lives */
}

int gl_platform_claim_state(const char *directory, struct gl_why *why)
{
    struct stat st;
    if (!*directory)
        return gl_why(why, UV_EINVAL, "the state directory has no name");
    make_parents(directory);
    int err = make_directory(directory, 0700);
    if (err < 0)
        return gl_why(why, err, "cannot make %s: %s", directory, strerror(-err));
    if (stat(directory, &st) < 0)
        return gl_why(why, -errno, "%s: %s", directory, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return gl_why(why, UV_ENOTDIR, "%s: it is not a directory", directory);
    if (st.st_uid != geteuid())
        return gl_why(why, UV_EACCES, "%s: it belongs to user %u, not to this one (%u)", directory,
                      st.st_uid, geteuid());
    if (st.st_mode & 022)
        return gl_why(why, UV_EACCES, "%s: others may write to it; chmod 0700 it", directory);
    return take_lock(directory, why);
}

/* ------------------------------------------------------------------ service manager */

#ifdef HAVE_SYSTEMD

void gl_platform_notify(const char *state)
{
    sd_notify(0, state);
}

#else

void gl_platform_notify(const char *state)
{
    (void)state;
}

#endif
