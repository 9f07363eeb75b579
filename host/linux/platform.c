/* SPDX-License-Identifier: MIT */
#include "platform.h"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "escape.h"
#include "glob.h"
#include "log.h"
#include "user.h"

#define DATABASE_BUFFER (256u * 1024) /* a group with many members is long */

uint32_t gl_platform_uid(void)
{
    return geteuid();
}

const bool gl_platform_uids_are_shown = true;
const char *const gl_platform_help_stays =
    "the command guestlink uses. Stays in the foreground; SIGTERM ends it, SIGHUP has the\n"
    "file read again (rules, trust, log level).\n";
const char *const gl_platform_help_more = "";
const char *const gl_platform_superusers = "root";
const char *const gl_platform_no_modes = NULL;
const int gl_platform_stop_signals[] = {SIGTERM, SIGINT, 0};
const int gl_platform_reload_signal = SIGHUP;

bool gl_platform_is_superuser(uint32_t uid)
{
    return uid == 0;
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

int gl_platform_user(const char *name, uint32_t *ret_uid)
{
    char *buffer = gl_alloc(DATABASE_BUFFER);
    struct passwd entry, *found = NULL;
    int err = getpwnam_r(name, &entry, buffer, DATABASE_BUFFER, &found);
    if (found)
        *ret_uid = found->pw_uid;
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

bool gl_user_is(const struct gl_user *user, const char *pattern)
{
    char number[16];
    snprintf(number, sizeof number, "%u", user->uid);
    return gl_glob_match(pattern, user->name) || gl_glob_match(pattern, number);
}

bool gl_user_is_in(const struct gl_user *user, const char *pattern)
{
    for (size_t i = 0; i < user->n_groups; i++)
        if (gl_glob_match(pattern, user->groups[i]))
            return true;
    return false;
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
