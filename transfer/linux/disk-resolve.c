/* SPDX-License-Identifier: MIT */
/* What a path means, also if nothing is there: gl_disk_resolve_any() of disk.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "disk.h"
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

int gl_disk_resolve_any(const char *path, bool follow, char **ret_path)
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
        if (strcmp(name, "..") == 0) {
            go_up(&to);
            continue;
        }
        size_t before = gl_path_push(&to, name);
        if (!follow && !rest[strspn(rest, "/")])
            break;
        /* No link, nothing at all, or not for us to see: then it means itself. */
        ssize_t len = readlink(to.text, target, sizeof target - 1);
        if (len < 0)
            continue;
        target[len] = '\0';
        if (++links > LINKS_MAX)
            err = UV_ELOOP;
        gl_path_pop(&to, target[0] == '/' ? 1 : before);
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
