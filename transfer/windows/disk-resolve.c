/* SPDX-License-Identifier: MIT */
/* What a path means: gl_disk_resolve() and gl_disk_resolve_any() of disk.h. Answers have '/'
 * between components, the drive in upper case, and the names as the disk has them, long and in its
 * case. */
#include <aclapi.h>
#include <string.h>
#include <uv.h>

#include "disk-windows.h"
#include "mem.h"
#include "windows/private.h"

#define LINKS_MAX 63 /* as NT itself: "Symbolic Link Effects on File Systems Functions" */

/* ------------------------------------------------------------------ names of what is open */

int gl_disk_wide_path_of(HANDLE handle, wchar_t **ret_path)
{
    const DWORD flags = FILE_NAME_NORMALIZED | VOLUME_NAME_DOS;
    wchar_t *path = NULL;
    DWORD size = 512, len;
    for (;;) {
        path = gl_realloc_array(path, size, sizeof *path);
        len = GetFinalPathNameByHandleW(handle, path, size, flags);
        if (len < size)
            break;
        size = len + 1;
    }
    if (!len) {
        int err = gl_disk_last_error();
        gl_free(path);
        return err;
    }
    *ret_path = path;
    return 0;
}

/* Of "\\?\..." or "\??\...", four units either way. */
static char *from_nt(const wchar_t *path)
{
    const wchar_t *rest = path + 4;
    char *text, *start;
    if (_wcsnicmp(rest, L"UNC\\", 4) == 0) {
        text = gl_disk_narrow(rest + 2, wcslen(rest + 2));
        text[0] = '/';
    } else if (rest[0] && rest[1] == L':') {
        text = gl_disk_narrow(rest, wcslen(rest));
        if (text[0] >= 'a' && text[0] <= 'z')
            text[0] = (char)(text[0] - 0x20);
    } else { /* a volume that has no drive */
        start = gl_disk_narrow(rest, wcslen(rest));
        text = gl_asprintf("//?/%s", start);
        gl_free(start);
    }
    for (char *c = text; *c; c++)
        if (*c == '\\')
            *c = '/';
    return text;
}

int gl_disk_path_of(HANDLE handle, char **ret_path)
{
    wchar_t *path;
    int err = gl_disk_wide_path_of(handle, &path);
    if (err)
        return err;
    *ret_path = from_nt(path);
    gl_free(path);
    return 0;
}

/* ------------------------------------------------------------------ links that others have laid */

/* Whether this entry lets one of the groups that everybody is in make something here. */
static bool lets_all_make(const ACCESS_ALLOWED_ACE *ace)
{
    static const WELL_KNOWN_SID_TYPE all[] = {WinWorldSid, WinAuthenticatedUserSid,
                                              WinBuiltinUsersSid, WinInteractiveSid};
    const ACCESS_MASK make = FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY | GENERIC_WRITE | GENERIC_ALL;
    if (ace->Header.AceType != ACCESS_ALLOWED_ACE_TYPE ||
        (ace->Header.AceFlags & INHERIT_ONLY_ACE) || !(ace->Mask & make))
        return false;
    for (size_t i = 0; i < GL_ARRAY_SIZE(all); i++)
        if (IsWellKnownSid((PSID)(uintptr_t)&ace->SidStart, all[i]))
            return true;
    return false;
}

static bool is_shared(PACL dacl)
{
    if (!dacl) /* none at all: everybody may do everything */
        return true;
    for (DWORD i = 0; i < dacl->AceCount; i++) {
        void *ace;
        if (GetAce(dacl, i, &ace) && lets_all_make(ace))
            return true;
    }
    return false;
}

/*
 * As Linux' fs.protected_symlinks: in a folder where all may make things others lay links, and
 * junctions need no privilege, for whoever has more rights. There a link is followed if it is ours
 * (an administrator's or the system's) or the folder's owner's.
 */
static bool may_follow(HANDLE folder, HANDLE link)
{
    PSECURITY_DESCRIPTOR of_folder = NULL, of_link = NULL;
    PSID folder_owner, link_owner;
    PACL dacl;
    bool may = true;
    if (gl_private_judge(link, 0, NULL) == 0)
        return true;
    if (GetSecurityInfo(folder, SE_FILE_OBJECT,
                        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &folder_owner, NULL,
                        &dacl, NULL, &of_folder) == ERROR_SUCCESS &&
        is_shared(dacl))
        may = GetSecurityInfo(link, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &link_owner, NULL,
                              NULL, NULL, &of_link) == ERROR_SUCCESS &&
              EqualSid(link_owner, folder_owner);
    LocalFree(of_folder);
    LocalFree(of_link);
    return may;
}

/* ------------------------------------------------------------------ from the root on */

static int open_step(HANDLE root, const wchar_t *name, size_t len, HANDLE *ret_handle,
                     struct gl_disk_info *ret_info)
{
    int err = gl_disk_open_in(root, name, len, READ_CONTROL, ret_handle, ret_info);
    return err ? gl_disk_open_in(root, name, len, 0, ret_handle, ret_info) : 0;
}

int gl_disk_follow(const struct gl_disk_full *full, size_t at, const char *target,
                   const wchar_t *rest, struct gl_disk_full *ret_full)
{
    bool rooted = gl_disk_separates(target[0]) && !gl_disk_separates(target[1]);
    bool absolute = !rooted && gl_disk_is_absolute(target);
    /* A link to "\x" means that of its own drive. */
    size_t above_len = rooted ? full->root_len : at;
    wchar_t *cut = gl_alloc((above_len + 1) * sizeof *cut);
    memcpy(cut, full->text, above_len * sizeof *cut);
    cut[above_len] = L'\0';
    char *above = from_nt(cut), *below = gl_disk_narrow(rest, wcslen(rest));
    char *path = absolute ? gl_asprintf("%s/%s", target, below)
                          : gl_asprintf("%s/%s/%s", above, target, below);
    int err = gl_disk_full_path(path, ret_full);
    gl_free(path);
    gl_free(above);
    gl_free(below);
    gl_free(cut);
    return err;
}

static bool is_on_share(const struct gl_disk_full *full)
{
    return wcsncmp(full->text, L"\\??\\UNC\\", 8) == 0;
}

/*
 * One way from the root. 0: *ret_path is what it means. 1: there was a link, *full is what to go on
 * with.
 */
static int walk(struct gl_disk_full *full, bool follow, bool everywhere, char **ret_path)
{
    struct gl_disk_info info;
    HANDLE at = NULL, next;
    wchar_t *rest = full->text + full->root_len;
    int err = 0;
    wchar_t after = full->text[full->root_len];
    full->text[full->root_len] = L'\0';
    if (!everywhere && is_on_share(full))
        at = NULL;
    else if (open_step(NULL, full->text, full->root_len, &at, &info))
        at = NULL; /* it cannot be seen: it means itself, and what is below as well */
    full->text[full->root_len] = after;
    while (at && *rest && !err) {
        size_t len = wcscspn(rest, L"\\");
        bool last = !rest[len];
        if (open_step(at, rest, len, &next, &info))
            break;
        char *target;
        if (info.kind == GL_DISK_LINK && (follow || !last) &&
            gl_disk_read_link(next, &target) == 0) {
            struct gl_disk_full other;
            err = may_follow(at, next) ? 0 : UV_EACCES;
            if (!err)
                err = gl_disk_follow(full, (size_t)(rest - full->text), target, rest + len + !last,
                                     &other);
            gl_free(target);
            CloseHandle(next);
            if (!err) {
                gl_disk_full_done(full);
                *full = other;
                err = 1;
            }
            break;
        }
        CloseHandle(at);
        at = next;
        rest += len + !last;
    }
    if (!err) {
        /* As the disk has it as far as there is something, then as it was given. */
        char *found;
        if (!at || gl_disk_path_of(at, &found)) {
            *ret_path = from_nt(full->text);
        } else if (*rest) {
            char *missing = gl_disk_narrow(rest, wcslen(rest));
            size_t len = strlen(found);
            for (char *c = missing; *c; c++)
                if (*c == '\\')
                    *c = '/';
            *ret_path =
                gl_asprintf("%s%s%s", found, len && found[len - 1] == '/' ? "" : "/", missing);
            gl_free(missing);
            gl_free(found);
        } else {
            *ret_path = found;
        }
    }
    if (at)
        CloseHandle(at);
    return err;
}

bool gl_disk_guards_links(void)
{
    return false;
}

static int resolve(const char *path, bool follow, bool everywhere, char **ret_path)
{
    struct gl_disk_full full;
    int err = gl_disk_full_path(path, &full);
    if (err)
        return err;
    err = 1;
    for (int links = 0; err == 1; links++)
        err = links > LINKS_MAX ? UV_ELOOP : walk(&full, follow, everywhere, ret_path);
    gl_disk_full_done(&full);
    return err;
}

/* What is on a share means itself, and is not looked at before somebody was asked: it could be
 * anything, and to look means to log in there. */
int gl_disk_resolve_any(const char *path, bool follow, char **ret_path)
{
    return resolve(path, follow, false, ret_path);
}

int gl_disk_resolve(const char *path, char **ret_path)
{
    struct gl_disk_info info;
    char *resolved;
    int err = resolve(path, true, true, &resolved);
    if (err)
        return err;
    err = gl_disk_stat(resolved, GL_LINKS_NONE, &info);
    if (!err && info.kind == GL_DISK_LINK)
        err = UV_ELOOP;
    if (err)
        gl_free(resolved);
    else
        *ret_path = resolved;
    return err;
}
