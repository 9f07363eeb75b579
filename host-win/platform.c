/* SPDX-License-Identifier: MIT */
#include "platform.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include "escape.h"
#include "glob.h"
#include "mem.h"
#include "user.h"
#include "windows/principal.h"
#include "windows/service.h"
#include "windows/wide.h"

const bool gl_platform_uids_are_shown = false;
const char *const gl_platform_help_stays =
    "the command guestlink uses. Runs in this console until Ctrl-C, or as a Windows service:\n"
    "'sc control guestlink-hostd paramchange' has that one read its file again (rules, trust,\n"
    "log level).\n";
const char *const gl_platform_help_more = gl_service_help;
const char *const gl_platform_superusers = "SYSTEM and Administrators";
const char *const gl_platform_no_modes =
    "modes are for Unix sockets; the control pipe is open to SYSTEM, Administrators, Hyper-V "
    "Administrators and control-group";
/* What libuv makes of ^C, Ctrl-Break and a console that is closed, after which Windows waits for a
 * few seconds. No signal has the file read again: gl_orders_give() does. */
const int gl_platform_stop_signals[] = {SIGINT, SIGBREAK, SIGHUP, 0};
const int gl_platform_reload_signal = 0;

uint32_t gl_platform_uid(void)
{
    return gl_principal_self();
}

bool gl_platform_is_superuser(uint32_t uid)
{
    return gl_principal_is_superuser(uid);
}

/* ------------------------------------------------------------------ users and groups */

int gl_platform_group(const char *name, uint32_t *ret_gid)
{
    return gl_principal_group_by_name(name, ret_gid);
}

int gl_platform_user(const char *name, uint32_t *ret_uid)
{
    return gl_principal_by_name(name, ret_uid);
}

/* There is no group of ours: Hyper-V Administrators are let in without being named. */
bool gl_platform_serves_group(const char *name)
{
    (void)name;
    return false;
}

struct gl_user *gl_user_lookup(uint32_t uid, uint32_t gid)
{
    struct gl_user *user = GL_NEW0(struct gl_user);
    char *name = gl_principal_name(uid);
    user->uid = uid;
    gl_escape(user->name, sizeof user->name, name, strlen(name));
    gl_free(name);
    user->n_names = gl_principal_aliases(uid, &user->names);
    user->n_groups = gl_principal_group_aliases(gid, GL_USER_GROUPS_MAX, &user->groups);
    return user;
}

static void free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gl_free(names[i]);
    gl_free(names);
}

void gl_user_free(struct gl_user *user)
{
    if (!user)
        return;
    free_names(user->groups, user->n_groups);
    free_names(user->names, user->n_names);
    gl_free(user);
}

/* ------------------------------------------------------------------ names in rules */

/* In capitals, and with slashes in place of backslashes, which are special to gl_glob_match() and
 * which no name has ("Naming conventions", learn.microsoft.com). NULL: not UTF-8. */
static char *fold(const char *text)
{
    wchar_t *wide = gl_wide(text);
    int len = wide ? (int)wcslen(wide) : 0;
    char *folded = NULL;
    /* Of a simple mapping, as LCMAP_UPPERCASE alone asks for, the length does not change. */
    if (wide && (len == 0 || LCMapStringEx(LOCALE_NAME_INVARIANT, LCMAP_UPPERCASE, wide, len, wide,
                                           len, NULL, NULL, 0) == len))
        folded = gl_narrow(wide);
    for (char *c = folded; c && *c; c++)
        if (*c == '\\')
            *c = '/';
    gl_free(wide);
    return folded;
}

/* A pattern without a domain must not fit a domain's name by its beginning. */
static bool fits(const char *pattern, const char *name)
{
    return strcmp(pattern, "*") == 0 ||
           (!strchr(pattern, '/') == !strchr(name, '/') && gl_glob_match(pattern, name));
}

static bool means(const char *pattern, char *const *names, size_t n)
{
    char *folded = fold(pattern);
    bool found = false;
    for (size_t i = 0; i < n && folded && !found; i++) {
        char *name = fold(names[i]);
        found = name && fits(folded, name);
        gl_free(name);
    }
    gl_free(folded);
    return found;
}

bool gl_user_is(const struct gl_user *user, const char *pattern)
{
    return means(pattern, user->names, user->n_names);
}

bool gl_user_is_in(const struct gl_user *user, const char *pattern)
{
    return means(pattern, user->groups, user->n_groups);
}

/* ------------------------------------------------------------------ the service manager */

/* Windows' hands nothing over. */
int gl_platform_take_socket(int *ret_fd, struct gl_why *why)
{
    (void)why;
    *ret_fd = -1;
    return 0;
}
