/* SPDX-License-Identifier: MIT */
/* Opens things by NtCreateFile(), with or without the links on the way: enum gl_disk_links. */
#include <ntstatus.h>
#include <string.h>
#include <uv.h>
#include <wchar.h>

#include "disk-windows.h"
#include "mem.h"
#include "windows/private.h"

#ifndef STATUS_STOPPED_ON_SYMLINK
#define STATUS_STOPPED_ON_SYMLINK ((NTSTATUS)0x8000002D)
#endif
#ifndef ERROR_STOPPED_ON_SYMLINK
#define ERROR_STOPPED_ON_SYMLINK 681
#endif

/* ------------------------------------------------------------------ errors */

/* What uv_translate_sys_error() has no word for, or one that says less. */
static int error_of(DWORD error)
{
    switch (error) {
    case ERROR_SUCCESS:
        return 0;
    case ERROR_ACCESS_DENIED:
        return UV_EACCES;
    case ERROR_DIRECTORY: /* of STATUS_NOT_A_DIRECTORY */
        return UV_ENOTDIR;
    case ERROR_INVALID_NAME:
    case ERROR_INVALID_PARAMETER:
        return UV_EINVAL;
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME:
    case ERROR_INVALID_DRIVE:
        return UV_ENOENT;
    case ERROR_FILE_TOO_LARGE:
        return UV_EFBIG;
    case ERROR_CANT_RESOLVE_FILENAME:
    case ERROR_STOPPED_ON_SYMLINK:
        return UV_ELOOP;
    case ERROR_NOT_SUPPORTED:
    case ERROR_INVALID_FUNCTION:
    case ERROR_CALL_NOT_IMPLEMENTED:
        return UV_ENOTSUP;
    default:
        return uv_translate_sys_error((int)error);
    }
}

int gl_disk_last_error(void)
{
    int err = error_of(GetLastError());
    return err < 0 ? err : UV_EIO;
}

int gl_disk_nt_error(NTSTATUS status)
{
    if (NT_SUCCESS(status))
        return 0;
    switch ((uint32_t)status) {
    case (uint32_t)STATUS_NOT_A_DIRECTORY:
        return UV_ENOTDIR;
    case (uint32_t)STATUS_FILE_IS_A_DIRECTORY:
        return UV_EISDIR;
    case (uint32_t)STATUS_OBJECT_NAME_INVALID:
    case (uint32_t)STATUS_OBJECT_PATH_SYNTAX_BAD:
        return UV_EINVAL;
    case (uint32_t)STATUS_NAME_TOO_LONG:
        return UV_ENAMETOOLONG;
    case (uint32_t)STATUS_STOPPED_ON_SYMLINK:
        return UV_ELOOP;
    case (uint32_t)STATUS_DELETE_PENDING: /* somebody has it open: then it is gone */
        return UV_EBUSY;
    case (uint32_t)STATUS_NOT_IMPLEMENTED:
    case (uint32_t)STATUS_INVALID_INFO_CLASS:
    case (uint32_t)STATUS_INVALID_DEVICE_REQUEST:
        return UV_ENOTSUP;
    default: {
        int err = error_of(RtlNtStatusToDosError(status));
        return err < 0 ? err : UV_EIO;
    }
    }
}

/* ------------------------------------------------------------------ one thing */

int gl_disk_nt(const struct gl_nt_open *how, HANDLE *ret_handle)
{
    HANDLE handle;
    int err = gl_disk_nt_error(gl_nt_open(how, &handle));
    if (!err)
        *ret_handle = handle;
    return err;
}

int gl_disk_nt_open(HANDLE root, const wchar_t *name, size_t len, ACCESS_MASK access,
                    ULONG disposition, ULONG options, HANDLE *ret_handle)
{
    const struct gl_nt_open how = {.root = root,
                                   .name = name,
                                   .len = len,
                                   .access = access,
                                   .share = GL_NT_SHARE_ALL,
                                   .disposition = disposition,
                                   .options = options};
    return gl_disk_nt(&how, ret_handle);
}

int gl_disk_nt_pin(HANDLE root, HANDLE *ret_handle)
{
    const struct gl_nt_open how = {.root = root,
                                   .name = L"",
                                   .access = FILE_TRAVERSE,
                                   .share = FILE_SHARE_READ | FILE_SHARE_WRITE,
                                   .disposition = FILE_OPEN,
                                   .options = FILE_OPEN_REPARSE_POINT};
    return gl_disk_nt(&how, ret_handle);
}

/* ------------------------------------------------------------------ what it is */

static struct gl_disk_time time_of(FILETIME time)
{
    /* 100 ns since 1601-01-01 ("FILETIME structure"); 1970 is so many seconds later. */
    int64_t units = (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
    return (struct gl_disk_time){units / 10000000 - 11644473600,
                                 (uint32_t)(units % 10000000) * 100};
}

/*
 * Whether a filter driver of Windows' own keeps the content of what has this tag: in a cloud, in
 * another form, on a tape ("[MS-FSCC] 2.1.2.1 Reparse Tags"). Of any other nobody knows where it
 * leads, and some of them everybody may set.
 */
static bool has_filter(DWORD tag)
{
    switch (tag) {
    case 0xC0000004: /* HSM */
    case 0x80000006: /* HSM2 */
    case 0x80000007: /* SIS */
    case 0x80000013: /* DEDUP */
    case 0x80000017: /* WOF */
    case 0x8000001E: /* STORAGE_SYNC */
    case 0x80000021: /* ONEDRIVE */
        return true;
    default: /* CLOUD, CLOUD_1 to CLOUD_F */
        return (tag & 0xFFFF0FFF) == 0x9000001A;
    }
}

enum gl_disk_kind gl_disk_kind_of(DWORD attributes, DWORD tag)
{
    if (attributes & FILE_ATTRIBUTE_REPARSE_POINT) {
        switch (tag) {
        case IO_REPARSE_TAG_SYMLINK & 0xFFFFFFFF:
        case IO_REPARSE_TAG_MOUNT_POINT & 0xFFFFFFFF:
        case GL_TAG_LX_SYMLINK:
            return GL_DISK_LINK;
        case GL_TAG_AF_UNIX:
            return GL_DISK_SOCKET;
        case GL_TAG_LX_FIFO:
            return GL_DISK_FIFO;
        case GL_TAG_LX_CHR:
        case GL_TAG_LX_BLK:
            return GL_DISK_DEVICE;
        default:
            if (!has_filter(tag))
                return GL_DISK_UNKNOWN;
        }
    }
    if (attributes & FILE_ATTRIBUTE_DEVICE)
        return GL_DISK_DEVICE;
    return attributes & FILE_ATTRIBUTE_DIRECTORY ? GL_DISK_DIRECTORY : GL_DISK_FILE;
}

/* What Windows has no bits for is as much as there may be: who may do what, the folder says. */
static uint32_t mode_of(enum gl_disk_kind kind, DWORD attributes)
{
    if (kind == GL_DISK_DIRECTORY) /* its read-only attribute is one of the shell's marks */
        return 0755;
    if (kind == GL_DISK_LINK)
        return 0777;
    return attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0644;
}

/* The root of a volume is hidden, for no reason of its own: a copy of it shall not be. */
static bool is_root(HANDLE handle)
{
    FILE_NAME_INFO name; /* has room for one unit, "\\" */
    return GetFileInformationByHandleEx(handle, FileNameInfo, &name, sizeof name) &&
           name.FileNameLength == sizeof *name.FileName;
}

static uint32_t attributes_of(HANDLE handle, DWORD attributes)
{
    uint32_t ours = attributes & (GL_DISK_ATTRIBUTES & ~(DWORD)GL_DISK_PLAIN);
    if ((attributes & FILE_ATTRIBUTE_DIRECTORY) && ours && is_root(handle))
        ours = 0;
    return ours ? ours : GL_DISK_PLAIN;
}

/* The tag of a reparse point, else 0. */
static DWORD tag_of(HANDLE handle, DWORD attributes)
{
    FILE_ATTRIBUTE_TAG_INFO tag;
    if (!(attributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return 0;
    if (!GetFileInformationByHandleEx(handle, FileAttributeTagInfo, &tag, sizeof tag))
        return IO_REPARSE_TAG_MOUNT_POINT & 0xFFFFFFFF; /* the worst that it can be */
    return tag.ReparseTag;
}

/* 128 bits on ReFS ("FILE_ID_INFO structure"), of which NTFS uses 64. */
static void take_id(HANDLE handle, const BY_HANDLE_FILE_INFORMATION *by_handle,
                    struct gl_disk_info *info)
{
    FILE_ID_INFO id;
    if (GetFileInformationByHandleEx(handle, FileIdInfo, &id, sizeof id)) {
        uint64_t halves[2];
        memcpy(halves, &id.FileId, sizeof halves);
        info->device = id.VolumeSerialNumber;
        info->inode = halves[0] ^ (halves[1] << 32 | halves[1] >> 32);
        return;
    }
    info->device = by_handle->dwVolumeSerialNumber;
    info->inode = (uint64_t)by_handle->nFileIndexHigh << 32 | by_handle->nFileIndexLow;
}

static int info_of(HANDLE handle, struct gl_disk_info *ret_info, DWORD *ret_tag)
{
    BY_HANDLE_FILE_INFORMATION by_handle;
    if (!GetFileInformationByHandle(handle, &by_handle))
        return gl_disk_last_error();
    DWORD attributes = by_handle.dwFileAttributes;
    *ret_tag = tag_of(handle, attributes);
    *ret_info = (struct gl_disk_info){
        .kind = gl_disk_kind_of(attributes, *ret_tag),
        .size = (uint64_t)by_handle.nFileSizeHigh << 32 | by_handle.nFileSizeLow,
        .mtime = time_of(by_handle.ftLastWriteTime),
        .sparse = attributes & FILE_ATTRIBUTE_SPARSE_FILE,
    };
    ret_info->mode = mode_of(ret_info->kind, attributes);
    ret_info->attributes = attributes_of(handle, attributes);
    take_id(handle, &by_handle, ret_info);
    ret_info->alone = by_handle.nNumberOfLinks == 1 && ret_info->kind == GL_DISK_FILE &&
                      gl_private_judge(handle, 0, NULL) == 0;
    ret_info->trusted = ret_info->alone && gl_private_judge(handle, GL_PRIVATE_ANY, NULL) == 0;
    return 0;
}

int gl_disk_info_of(HANDLE handle, struct gl_disk_info *ret_info)
{
    DWORD tag;
    return info_of(handle, ret_info, &tag);
}

int gl_disk_open_sharing(HANDLE root, const wchar_t *name, size_t len, ACCESS_MASK access,
                         ULONG share, HANDLE *ret_handle, struct gl_disk_info *ret_info)
{
    struct gl_nt_open how = {.root = root,
                             .name = name,
                             .len = len,
                             .access = access,
                             .share = share,
                             .disposition = FILE_OPEN,
                             .options = FILE_OPEN_REPARSE_POINT};
    HANDLE handle, through;
    struct gl_disk_info info, same;
    DWORD tag;
    int err = gl_disk_nt(&how, &handle);
    if (err)
        return err;
    err = info_of(handle, &info, &tag);
    bool filtered = !err && tag && (info.kind == GL_DISK_FILE || info.kind == GL_DISK_DIRECTORY);
    if (filtered && access) {
        /* Once more through its filter: by what is open, as the name may mean another by now, and
         * that without data, which would have to be shared. */
        err = gl_disk_nt_open(handle, L"", 0, 0, FILE_OPEN, FILE_OPEN_REPARSE_POINT, &through);
        CloseHandle(handle);
        if (err)
            return err;
        handle = through;
        how = (struct gl_nt_open){.root = handle,
                                  .name = L"",
                                  .access = access,
                                  .share = share,
                                  .disposition = FILE_OPEN};
        err = gl_disk_nt(&how, &through);
        CloseHandle(handle);
        if (err)
            return err;
        handle = through;
        err = info_of(handle, &same, &tag);
        if (!err && (!info.inode || same.device != info.device || same.inode != info.inode))
            err = UV_ELOOP;
        info = same;
    }
    if (err) {
        CloseHandle(handle);
        return err;
    }
    *ret_handle = handle;
    *ret_info = info;
    return 0;
}

int gl_disk_open_in(HANDLE root, const wchar_t *name, size_t len, ACCESS_MASK access,
                    HANDLE *ret_handle, struct gl_disk_info *ret_info)
{
    return gl_disk_open_sharing(root, name, len, access, GL_NT_SHARE_ALL, ret_handle, ret_info);
}

int gl_disk_set_attributes(HANDLE handle, uint32_t wanted)
{
    const DWORD ours = GL_DISK_HIDDEN | GL_DISK_SYSTEM | GL_DISK_ARCHIVE;
    FILE_BASIC_INFO info, old;
    if (!wanted)
        return 0;
    if (!GetFileInformationByHandleEx(handle, FileBasicInfo, &old, sizeof old))
        return gl_disk_last_error();
    memset(&info, 0, sizeof info);
    info.FileAttributes = (old.FileAttributes & ~ours) | (wanted & ours);
    if (info.FileAttributes == old.FileAttributes)
        return 0;
    if (!info.FileAttributes) /* would mean: as they are */
        info.FileAttributes = FILE_ATTRIBUTE_NORMAL;
    return SetFileInformationByHandle(handle, FileBasicInfo, &info, sizeof info)
               ? 0
               : gl_disk_last_error();
}

int gl_disk_set_handle(HANDLE handle, const uint32_t *mode, const struct gl_disk_time *mtime)
{
    FILE_BASIC_INFO info, old;
    memset(&info, 0, sizeof info); /* what is 0 stays as it is ("FILE_BASIC_INFO structure") */
    if (mode) {
        if (!GetFileInformationByHandleEx(handle, FileBasicInfo, &old, sizeof old))
            return gl_disk_last_error();
        DWORD attributes = old.FileAttributes & ~(DWORD)FILE_ATTRIBUTE_READONLY;
        if (!(*mode & 0222))
            attributes |= FILE_ATTRIBUTE_READONLY;
        info.FileAttributes = attributes ? attributes : FILE_ATTRIBUTE_NORMAL;
    }
    if (mtime) {
        /* From 1601 on, and not as far as the sign: 0 and -1 mean something else. */
        const int64_t least = -11644473600, most = least + INT64_MAX / 10000000 - 1;
        int64_t s = mtime->s < least ? least : mtime->s > most ? most : mtime->s;
        int64_t units = (s - least) * 10000000 + mtime->ns / 100;
        info.LastWriteTime.QuadPart = units ? units : 1;
    }
    if (SetFileInformationByHandle(handle, FileBasicInfo, &info, sizeof info))
        return 0;
    return gl_disk_last_error();
}

/* ------------------------------------------------------------------ paths */

static bool is_separator(wchar_t c)
{
    return c == L'\\' || c == L'/';
}

static size_t separators(const wchar_t *text)
{
    size_t n = 0;
    while (is_separator(text[n]))
        n++;
    return n;
}

/* Up to the next separator. */
static size_t component(const wchar_t *text)
{
    return wcscspn(text, L"\\/");
}

static bool is_drive(const wchar_t *text)
{
    return ((text[0] | 0x20) >= L'a' && (text[0] | 0x20) <= L'z') && text[1] == L':';
}

static void append(struct gl_disk_full *full, const wchar_t *text, size_t len)
{
    memcpy(full->text + full->len, text, len * sizeof *text);
    full->len += len;
    full->text[full->len] = L'\0';
}

/* Components below the root. `verbatim`: after \\?\, where nothing has a meaning of its own. */
static int append_components(struct gl_disk_full *full, const wchar_t *rest, bool verbatim)
{
    full->directory = full->directory || !*rest;
    while (*(rest += separators(rest))) {
        size_t len = component(rest);
        bool dot = len == 1 && rest[0] == L'.';
        bool dots = len == 2 && rest[0] == L'.' && rest[1] == L'.';
        if ((verbatim && (dot || dots)) || wmemchr(rest, L':', len))
            return UV_EINVAL;
        if (dots) {
            while (full->len > full->root_len && full->text[--full->len] != L'\\')
                ;
            full->text[full->len] = L'\0';
        } else if (!dot) {
            if (full->len > full->root_len)
                append(full, L"\\", 1);
            append(full, rest, len);
        }
        full->directory = dot || dots || is_separator(rest[len]);
        rest += len;
    }
    return 0;
}

/* \??\C:\ and its like; *rest is moved behind it. */
static int take_root(struct gl_disk_full *full, const wchar_t **rest, bool *ret_verbatim)
{
    const wchar_t *at = *rest;
    bool verbatim = separators(at) == 2 && at[2] == L'?' && is_separator(at[3]);
    *ret_verbatim = verbatim && at[0] == L'\\'; /* "//?/" is a form of ours (disk-resolve.c) */
    append(full, L"\\??\\", 4);
    if (verbatim)
        at += 4;
    else if (separators(at) == 2 && at[2] == L'.' && is_separator(at[3]))
        return UV_EINVAL; /* devices */
    bool unc =
        verbatim ? _wcsnicmp(at, L"UNC", 3) == 0 && is_separator(at[3]) : separators(at) == 2;
    if (unc) {
        at += verbatim ? 4 : 2;
        append(full, L"UNC\\", 4);
        for (int i = 0; i < 2; i++) { /* server and share */
            size_t len = component(at);
            if (!len)
                return UV_EINVAL;
            append(full, at, len);
            append(full, L"\\", 1);
            at += len;
            at += is_separator(*at);
        }
    } else if (is_drive(at)) {
        wchar_t drive[] = {(wchar_t)(at[0] & ~0x20), L':', L'\\'};
        append(full, drive, 3);
        at += 2;
    } else if (verbatim && _wcsnicmp(at, L"Volume{", 7) == 0) {
        size_t len = component(at);
        append(full, at, len);
        append(full, L"\\", 1);
        at += len;
    } else {
        return UV_EINVAL;
    }
    full->root_len = full->len;
    *rest = at;
    return 0;
}

/* What a path that is not absolute begins at: for gl_free(), or NULL. *ret_skip units of it are
 * that. */
static wchar_t *start_of(const wchar_t *path, size_t *ret_skip)
{
    wchar_t what[] = L".";
    wchar_t drive[] = L"X:.";
    const wchar_t *relative = what;
    *ret_skip = 0;
    if (is_drive(path) &&
        !is_separator(path[2])) { /* the drive has a working directory of its own */
        drive[0] = path[0];
        relative = drive;
        *ret_skip = 2;
    }
    DWORD size = GetFullPathNameW(relative, 0, NULL, NULL);
    wchar_t *start = gl_alloc(((size_t)size + 1) * sizeof *start);
    DWORD len = size ? GetFullPathNameW(relative, size, start, NULL) : 0;
    if (len && len < size)
        return start;
    gl_free(start);
    return NULL;
}

int gl_disk_full_path(const char *path, struct gl_disk_full *ret_full)
{
    size_t len, start_len = 0, skip = 0;
    wchar_t *wide = gl_disk_wide(path, &len), *start = NULL;
    if (!wide || !len) {
        gl_free(wide);
        return wide ? UV_ENOENT : UV_EINVAL;
    }
    bool rooted = is_separator(wide[0]) && !is_separator(wide[1]);
    bool full_already = (is_drive(wide) && is_separator(wide[2])) || separators(wide) >= 2;
    if (!full_already) {
        start = start_of(wide, &skip);
        if (!start) {
            gl_free(wide);
            return UV_ENOENT;
        }
        start_len = wcslen(start);
    }
    struct gl_disk_full full = {.text = gl_alloc((len + start_len + 32) * sizeof *wide)};
    const wchar_t *rest = start ? start : wide;
    bool verbatim;
    int err = take_root(&full, &rest, &verbatim);
    if (!err && !(start && rooted))
        err = append_components(&full, rest, verbatim);
    if (!err && start)
        err = append_components(&full, wide + skip, false);
    gl_free(wide);
    gl_free(start);
    if (err)
        gl_free(full.text);
    else
        *ret_full = full;
    return err;
}

void gl_disk_full_done(struct gl_disk_full *full)
{
    gl_free(full->text);
    full->text = NULL;
}

/*
 * A volume that is mounted in a folder is a reparse point, too. It is entered, by the volume's own
 * name, if the mount manager calls the volume by this very folder: that only administrators can do,
 * so that what is below has no better path ("Mounting and Dismounting Volumes",
 * learn.microsoft.com).
 */
static int open_mounted(const struct gl_disk_full *full, size_t len, HANDLE link,
                        ACCESS_MASK access, HANDLE *ret_handle, struct gl_disk_info *ret_info)
{
    struct gl_disk_full volume;
    wchar_t *name = NULL;
    char *target;
    HANDLE handle = NULL;
    if (gl_disk_read_link(link, &target))
        return UV_ELOOP;
    bool is = strncmp(target, "//?/Volume{", 11) == 0 && gl_disk_full_path(target, &volume) == 0;
    gl_free(target);
    if (!is)
        return UV_ELOOP;
    int err = volume.len == volume.root_len ? 0 : UV_ELOOP;
    if (!err)
        err = gl_disk_nt_open(NULL, volume.text, volume.len, access, FILE_OPEN, 0, &handle);
    if (!err)
        err = gl_disk_wide_path_of(handle, &name);
    if (!err) { /* "\\\\?\\C:\\mnt\\" and "\\??\\C:\\mnt" */
        size_t name_len = wcslen(name);
        while (name_len && name[name_len - 1] == L'\\')
            name_len--;
        if (name_len < 4 || !gl_disk_same_name(name + 4, name_len - 4, full->text + 4, len - 4))
            err = UV_ELOOP;
    }
    if (!err)
        err = gl_disk_info_of(handle, ret_info);
    if (!err)
        *ret_handle = handle;
    else if (handle)
        CloseHandle(handle);
    gl_free(name);
    gl_disk_full_done(&volume);
    return err;
}

/* From the root on, step by step: UV_ELOOP if something on the way is a link. */
static int open_walk(const struct gl_disk_full *full, ACCESS_MASK access, HANDLE *ret_handle,
                     struct gl_disk_info *ret_info)
{
    HANDLE at, next;
    const wchar_t *rest = full->text + full->root_len;
    int err =
        gl_disk_nt_open(NULL, full->text, full->root_len, *rest ? 0 : access, FILE_OPEN, 0, &at);
    if (err)
        return err;
    err = gl_disk_info_of(at, ret_info);
    while (!err && *rest) {
        size_t len = component(rest);
        bool last = !rest[len];
        err = gl_disk_open_in(at, rest, len, last ? access : 0, &next, ret_info);
        if (err)
            break;
        CloseHandle(at);
        at = next;
        if (ret_info->kind == GL_DISK_LINK &&
            open_mounted(full, (size_t)(rest - full->text) + len, at, last ? access : 0, &next,
                         ret_info) == 0) {
            CloseHandle(at);
            at = next;
        }
        if (!last && ret_info->kind == GL_DISK_LINK)
            err = UV_ELOOP;
        else if (!last && ret_info->kind != GL_DISK_DIRECTORY)
            err = UV_ENOTDIR;
        rest += len + !last;
    }
    if (err)
        CloseHandle(at);
    else
        *ret_handle = at;
    return err;
}

static int open_full(const struct gl_disk_full *full, enum gl_disk_links links, ACCESS_MASK access,
                     HANDLE *ret_handle, struct gl_disk_info *ret_info)
{
    if (links == GL_LINKS_NONE)
        return open_walk(full, access, ret_handle, ret_info);
    if (links == GL_LINKS_BUT_LAST)
        return gl_disk_open_in(NULL, full->text, full->len, access, ret_handle, ret_info);
    int err = gl_disk_nt_open(NULL, full->text, full->len, access, FILE_OPEN, 0, ret_handle);
    if (err)
        return err;
    err = gl_disk_info_of(*ret_handle, ret_info);
    if (err)
        CloseHandle(*ret_handle);
    return err;
}

int gl_disk_open(const char *path, enum gl_disk_links links, ACCESS_MASK access, HANDLE *ret_handle,
                 struct gl_disk_info *ret_info)
{
    struct gl_disk_full full;
    HANDLE handle;
    int err = gl_disk_full_path(path, &full);
    if (err)
        return err;
    err = open_full(&full, links, access, &handle, ret_info);
    bool directory = full.directory;
    gl_disk_full_done(&full);
    if (err)
        return err;
    if (directory && ret_info->kind != GL_DISK_DIRECTORY && ret_info->kind != GL_DISK_LINK) {
        CloseHandle(handle);
        return UV_ENOTDIR;
    }
    *ret_handle = handle;
    return 0;
}
