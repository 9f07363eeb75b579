/* SPDX-License-Identifier: MIT */
/* What a path means, also if nothing is there: gl_disk_resolve_any() of disk.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <uv.h>

#include "disk-linux.h"
#include "mem.h"
#include "path.h"

#define LINKS_MAX 40 /* as path_resolution(7) */

/* Cuts the first component off *rest, which is changed; NULL: there is none. */
static char *next_component(char **rest)
{
    char *name = *rest + strspn(*rest, "/");
    if (!*name)
        return NULL;
    char *end = name + strcspn(name, "/");
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return name;
}

static void go_up(struct gl_path *path)
{
    char *slash = strrchr(path->text, '/');
    gl_path_pop(path, slash > path->text ? (size_t)(slash - path->text) : 1);
}

static int start_of(const char *path, struct gl_path *ret_start)
{
    char here[GL_DISK_PATH_MAX];
    if (path[0] != '/' && !getcwd(here, sizeof here))
        return -errno;
    gl_path_init(ret_start, path[0] == '/' ? "/" : here);
    return 0;
}

/* Whether root or that user alone can make names in this directory mean something else. */
struct steady {
    uid_t user;
    bool is; /* so far */
};

static void look_at_directory(struct steady *steady, const char *path)
{
    struct stat st;
    if (steady && (stat(path, &st) < 0 || (st.st_uid != 0 && st.st_uid != steady->user) ||
                   (st.st_mode & (S_IWGRP | S_IWOTH))))
        steady->is = false;
}

/* Links of proc(5) lead to what a process has there, whatever reading them says. */
static void look_at_link(struct steady *steady, const char *path)
{
    struct statfs fs;
    if (steady && (statfs(path, &fs) < 0 || (unsigned long)fs.f_type == PROC_SUPER_MAGIC))
        steady->is = false;
}

/* Length of the target, or -1: it is no link. *ret_owner is the owner of that very link. */
static ssize_t read_link(const char *path, char *ret_target, size_t size, uid_t *ret_owner)
{
    struct stat st = {.st_uid = 0};
    if (readlink(path, ret_target, size) < 0)
        return -1;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len = fstat(fd, &st) < 0 ? -1 : readlinkat(fd, "", ret_target, size);
    close(fd);
    *ret_owner = st.st_uid;
    return len;
}

/*
 * The kernel's rule of fs.protected_symlinks (may_follow_link() in fs/namei.c): in a folder like
 * /tmp others lay links for whoever has more rights. The kernel does not see ours, as we follow
 * them ourselves; and we keep to it also where it is switched off there.
 */
static bool may_follow(const char *folder, uid_t owner)
{
    const mode_t shared = S_ISVTX | S_IWOTH;
    struct stat st;
    if (owner == (uid_t)setfsuid((uid_t)-1)) /* changes nothing, and tells */
        return true;
    return stat(folder, &st) == 0 && ((st.st_mode & shared) != shared || st.st_uid == owner);
}

/* steady may be NULL. */
static int resolve(const char *path, bool follow, struct steady *steady, char **ret_path)
{
    struct gl_path to;
    int links = 0, err = start_of(path, &to);
    if (err)
        return err;
    char *all = gl_strdup(path), *rest = all, *name;
    while (!err && (name = next_component(&rest))) {
        char target[GL_DISK_PATH_MAX];
        if (strcmp(name, ".") == 0)
            continue;
        look_at_directory(steady, to.text);
        if (strcmp(name, "..") == 0) {
            go_up(&to);
            continue;
        }
        size_t before = gl_path_push(&to, name);
        if (!follow && !rest[strspn(rest, "/")])
            break;
        /* No link, nothing at all, or not for us to see: then it means itself. */
        uid_t owner = 0;
        ssize_t len = read_link(to.text, target, sizeof target - 1, &owner);
        if (len < 0)
            continue;
        target[len] = '\0';
        gl_path_pop(&to, before);
        if (++links > LINKS_MAX)
            err = UV_ELOOP;
        else if (!may_follow(to.text, owner))
            err = UV_EACCES;
        look_at_link(steady, to.text);
        if (target[0] == '/')
            gl_path_pop(&to, 1);
        char *with_rest = gl_asprintf("%s/%s", target, rest);
        gl_free(all);
        all = rest = with_rest;
    }
    gl_free(all);
    if (err)
        gl_path_done(&to);
    else
        *ret_path = to.text;
    return err;
}

int gl_disk_resolve_any(const char *path, bool follow, char **ret_path)
{
    return resolve(path, follow, NULL, ret_path);
}

int gl_disk_resolve_steady(const char *path, uid_t user, char **ret_path, bool *ret_steady)
{
    struct steady steady = {user, true};
    struct gl_path here;
    int err = start_of(path, &here);
    if (err)
        return err;
    /* From the root on: the way to the working directory counts too. */
    gl_path_push(&here, path + strspn(path, "/"));
    err = resolve(here.text, true, &steady, ret_path);
    gl_path_done(&here);
    if (!err)
        *ret_steady = steady.is;
    return err;
}
