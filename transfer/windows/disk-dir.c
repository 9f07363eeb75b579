/* SPDX-License-Identifier: MIT */
/* Directories of disk.h, by handles and names relative to them. */
#include <string.h>
#include <uv.h>

#include "disk-windows.h"
#include "mem.h"

struct gl_dir {
    unsigned refs;
    HANDLE handle;
    struct gl_dir *above; /* by which it was opened, held: NT knows no ".."; NULL: by a path */
    uint64_t device, inode;
    void *inherited; /* gl_dir_inherited(); NULL: nobody has asked */
};

/* "File Access Rights Constants": to list is asked for separately, as one may make files in a
 * directory that one may not list. */
#define DIR_ACCESS      FILE_LIST_DIRECTORY
#define DIR_ACCESS_LESS 0

const char gl_disk_unknown_text[] = "a reparse point of an unknown kind";

int gl_disk_stat(const char *path, enum gl_disk_links links, struct gl_disk_info *ret_info)
{
    struct gl_disk_info info;
    HANDLE handle;
    int err = gl_disk_open(path, links, 0, &handle, &info);
    if (err)
        return err;
    CloseHandle(handle);
    *ret_info = info;
    return 0;
}

/* ------------------------------------------------------------------ opening */

/* Takes the handle in any case. */
static int dir_from(HANDLE handle, const struct gl_disk_info *info, struct gl_dir *above,
                    struct gl_dir **ret_dir)
{
    if (info->kind != GL_DISK_DIRECTORY) {
        CloseHandle(handle);
        return UV_ENOTDIR;
    }
    struct gl_dir *dir = GL_NEW0(struct gl_dir);
    dir->refs = 1;
    dir->handle = handle;
    dir->above = above ? gl_dir_ref(above) : NULL;
    dir->device = info->device;
    dir->inode = info->inode;
    *ret_dir = dir;
    return 0;
}

int gl_dir_open(const char *path, enum gl_disk_links links, struct gl_dir **ret_dir)
{
    struct gl_disk_info info;
    HANDLE handle;
    int err = gl_disk_open(path, links, DIR_ACCESS, &handle, &info);
    if (err == UV_EACCES)
        err = gl_disk_open(path, links, DIR_ACCESS_LESS, &handle, &info);
    if (err)
        return err;
    if (info.kind == GL_DISK_LINK) {
        CloseHandle(handle);
        return UV_ELOOP;
    }
    return dir_from(handle, &info, NULL, ret_dir);
}

int gl_dir_open_at(struct gl_dir *dir, const char *name, struct gl_dir **ret_dir)
{
    struct gl_disk_component component;
    struct gl_disk_info info;
    HANDLE handle;
    int err = gl_disk_component(name, &component);
    if (err)
        return err;
    err = gl_disk_open_in(dir->handle, component.text, component.len, DIR_ACCESS, &handle, &info);
    if (err == UV_EACCES)
        err = gl_disk_open_in(dir->handle, component.text, component.len, DIR_ACCESS_LESS, &handle,
                              &info);
    return err ? err : dir_from(handle, &info, dir, ret_dir);
}

int gl_dir_open_above(struct gl_dir *dir, uint64_t device, uint64_t inode, struct gl_dir **ret_dir)
{
    if (!dir->above || dir->above->device != device || dir->above->inode != inode)
        return UV_ENOENT;
    *ret_dir = gl_dir_ref(dir->above);
    return 0;
}

struct gl_dir *gl_dir_ref(struct gl_dir *dir)
{
    dir->refs++;
    return dir;
}

void gl_dir_unref(struct gl_dir *dir)
{
    while (dir && !--dir->refs) {
        struct gl_dir *above = dir->above;
        CloseHandle(dir->handle);
        gl_free(dir->inherited);
        gl_free(dir);
        dir = above;
    }
}

uint64_t gl_dir_device(const struct gl_dir *dir)
{
    return dir->device;
}

uint64_t gl_dir_inode(const struct gl_dir *dir)
{
    return dir->inode;
}

HANDLE gl_dir_handle(const struct gl_dir *dir)
{
    return dir->handle;
}

void **gl_dir_inherited(struct gl_dir *dir)
{
    return &dir->inherited;
}

/* Opens what is at a name, itself. */
static int open_at(struct gl_dir *dir, const char *name, ACCESS_MASK access, HANDLE *ret_handle,
                   struct gl_disk_info *ret_info)
{
    struct gl_disk_component component;
    int err = gl_disk_component(name, &component);
    if (err)
        return err;
    err = gl_disk_nt_open(dir->handle, component.text, component.len, access, FILE_OPEN,
                          FILE_OPEN_REPARSE_POINT, ret_handle);
    if (err)
        return err;
    err = gl_disk_info_of(*ret_handle, ret_info);
    if (err)
        CloseHandle(*ret_handle);
    return err;
}

int gl_dir_stat(struct gl_dir *dir, const char *name, struct gl_disk_info *ret_info)
{
    struct gl_disk_info info;
    HANDLE handle;
    int err = open_at(dir, name, 0, &handle, &info);
    if (err)
        return err;
    CloseHandle(handle);
    *ret_info = info;
    return 0;
}

int gl_dir_make(struct gl_dir *dir, const char *name, uint32_t mode)
{
    struct gl_disk_component component;
    HANDLE handle;
    (void)mode; /* who may do what is inherited */
    int err = gl_dir_name_trouble(dir, name) ? UV_EINVAL : gl_disk_component(name, &component);
    if (err)
        return err;
    err = gl_disk_nt_open(dir->handle, component.text, component.len, 0, FILE_CREATE,
                          FILE_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT, &handle);
    if (!err)
        CloseHandle(handle);
    return err;
}

/* ------------------------------------------------------------------ names */

/*
 * "FILE_RENAME_INFORMATION structure (ntifs.h)" and "FILE_DISPOSITION_INFORMATION_EX structure
 * (ntddk.h)", learn.microsoft.com. mingw-w64 has no flags for them. POSIX semantics, since Windows
 * 10 1607: who has the old file open keeps it and does not hold up its name.
 */
#define CLASS_RENAME           ((FILE_INFORMATION_CLASS)10)
#define CLASS_RENAME_EX        ((FILE_INFORMATION_CLASS)65)
#define CLASS_DISPOSITION      ((FILE_INFORMATION_CLASS)13)
#define CLASS_DISPOSITION_EX   ((FILE_INFORMATION_CLASS)64)
#define RENAME_REPLACE         0x01u
#define RENAME_POSIX           0x02u
#define RENAME_IGNORE_READONLY 0x40u /* since 1809 */
#define DELETE_IT              0x01u
#define DELETE_POSIX           0x02u
#define DELETE_IGNORE_READONLY 0x10u /* since 1809 */

struct rename_information {
    ULONG flags; /* or a BOOLEAN, ReplaceIfExists */
    HANDLE root;
    ULONG length; /* bytes */
    WCHAR name[GL_DISK_UNITS_MAX + 1];
};

/* This system, or this file system, does not know it. */
static bool is_unknown(int err)
{
    return err == UV_ENOTSUP || err == UV_EINVAL;
}

static int set_information(HANDLE handle, void *data, size_t size, FILE_INFORMATION_CLASS class)
{
    IO_STATUS_BLOCK io;
    return gl_disk_nt_error(NtSetInformationFile(handle, &io, data, (ULONG)size, class));
}

static int rename_handle(HANDLE handle, struct gl_dir *dir, const struct gl_disk_component *to)
{
    struct rename_information rename = {
        .root = dir->handle,
        .length = (ULONG)(to->len * sizeof *to->text),
    };
    memcpy(rename.name, to->text, (to->len + 1) * sizeof *to->text);
    size_t size = offsetof(struct rename_information, name) + rename.length + sizeof *to->text;
    rename.flags = RENAME_REPLACE | RENAME_POSIX | RENAME_IGNORE_READONLY;
    int err = set_information(handle, &rename, size, CLASS_RENAME_EX);
    if (is_unknown(err)) {
        rename.flags = RENAME_REPLACE | RENAME_POSIX;
        err = set_information(handle, &rename, size, CLASS_RENAME_EX);
    }
    if (is_unknown(err)) {
        rename.flags = TRUE;
        err = set_information(handle, &rename, size, CLASS_RENAME);
    }
    return err;
}

/* Gives what is open this mode, by its handle: its name may mean another by now. */
static int set_mode(HANDLE open, uint32_t mode)
{
    HANDLE handle;
    int err = gl_disk_nt_open(open, L"", 0, FILE_WRITE_ATTRIBUTES, FILE_OPEN,
                              FILE_OPEN_REPARSE_POINT, &handle);
    if (err)
        return err;
    err = gl_disk_set_handle(handle, &mode, NULL);
    CloseHandle(handle);
    return err;
}

/* Takes the read-only attribute away from a file, which older systems do not replace or delete with
 * it. */
static int make_writable(HANDLE open, const struct gl_disk_info *info)
{
    bool is = info->kind == GL_DISK_FILE && !(info->mode & 0222);
    return is ? set_mode(open, 0644) : UV_EACCES;
}

/* Then it is not for want of a right that it is not replaced: somebody has it open. */
static bool may_be_deleted(struct gl_dir *dir, const char *name)
{
    struct gl_disk_info info;
    HANDLE handle;
    if (open_at(dir, name, DELETE, &handle, &info))
        return false;
    CloseHandle(handle);
    return true;
}

/* What stood in the way of a rename: 0 if it does not any more. *ret_info is of what was made
 * writable; its kind is GL_DISK_UNKNOWN if nothing was. */
static int clear_way(struct gl_dir *dir, const char *name, struct gl_disk_info *ret_info)
{
    struct gl_disk_info old;
    HANDLE handle;
    ret_info->kind = GL_DISK_UNKNOWN;
    if (open_at(dir, name, 0, &handle, &old))
        return UV_EACCES;
    int err = make_writable(handle, &old);
    CloseHandle(handle); /* what is open is not replaced everywhere */
    if (old.kind == GL_DISK_DIRECTORY)
        return UV_EISDIR;
    /* A link to a directory is itself one to NT, and is not replaced. */
    if (old.kind == GL_DISK_LINK)
        return gl_dir_unlink(dir, name);
    if (!err)
        *ret_info = old;
    return err && may_be_deleted(dir, name) ? UV_EBUSY : err;
}

/* The same file only. */
static void make_read_only(struct gl_dir *dir, const char *name, const struct gl_disk_info *was)
{
    struct gl_disk_info info;
    HANDLE handle;
    if (open_at(dir, name, 0, &handle, &info))
        return;
    if (info.kind == GL_DISK_FILE && info.device == was->device && info.inode == was->inode)
        (void)set_mode(handle, 0444);
    CloseHandle(handle);
}

int gl_dir_rename(struct gl_dir *dir, const char *from, const char *to)
{
    struct gl_disk_component component;
    struct gl_disk_info info, old;
    HANDLE handle;
    int err = gl_dir_name_trouble(dir, to) ? UV_EINVAL : gl_disk_component(to, &component);
    if (err)
        return err;
    err = open_at(dir, from, DELETE | FILE_WRITE_ATTRIBUTES, &handle, &info);
    bool may_set = err == 0;
    if (err == UV_EACCES)
        err = open_at(dir, from, DELETE, &handle, &info);
    if (err)
        return err;
    uint32_t attributes = info.attributes;
    err = rename_handle(handle, dir, &component);
    if (err == UV_EACCES || err == UV_EEXIST || err == UV_EISDIR) {
        int cleared = clear_way(dir, to, &old);
        err = cleared == 0 ? rename_handle(handle, dir, &component) : cleared;
        if (err && old.kind == GL_DISK_FILE)
            make_read_only(dir, to, &old);
    }
    /* A file's new name is a reason for a backup to some file systems. */
    if (!err && may_set && gl_disk_info_of(handle, &info) == 0 && info.attributes != attributes)
        (void)gl_disk_set_attributes(handle, attributes);
    CloseHandle(handle);
    return err;
}

static int delete_handle(HANDLE handle)
{
    ULONG flags = DELETE_IT | DELETE_POSIX | DELETE_IGNORE_READONLY;
    BOOLEAN remove = TRUE;
    int err = set_information(handle, &flags, sizeof flags, CLASS_DISPOSITION_EX);
    if (is_unknown(err)) {
        flags = DELETE_IT | DELETE_POSIX;
        err = set_information(handle, &flags, sizeof flags, CLASS_DISPOSITION_EX);
    }
    if (is_unknown(err))
        err = set_information(handle, &remove, sizeof remove, CLASS_DISPOSITION);
    return err;
}

int gl_dir_unlink(struct gl_dir *dir, const char *name)
{
    struct gl_disk_info info;
    HANDLE handle;
    int err = open_at(dir, name, DELETE, &handle, &info);
    if (err)
        return err;
    if (info.kind == GL_DISK_DIRECTORY) {
        CloseHandle(handle);
        return UV_EISDIR;
    }
    err = delete_handle(handle);
    if (err == UV_EACCES && make_writable(handle, &info) == 0) {
        err = delete_handle(handle);
        if (err)
            (void)set_mode(handle, 0444);
    }
    CloseHandle(handle);
    return err;
}

/* ------------------------------------------------------------------ attributes */

int gl_dir_set_link_time(struct gl_dir *dir, const char *name, struct gl_disk_time mtime)
{
    struct gl_disk_info info;
    HANDLE handle;
    int err = open_at(dir, name, FILE_WRITE_ATTRIBUTES, &handle, &info);
    if (err)
        return err;
    err = gl_disk_set_handle(handle, NULL, &mtime);
    CloseHandle(handle);
    return err;
}

int gl_dir_set_attributes(struct gl_dir *dir, uint32_t attributes)
{
    HANDLE handle;
    if (!attributes)
        return 0;
    int err = gl_disk_nt_open(dir->handle, L"", 0, FILE_WRITE_ATTRIBUTES, FILE_OPEN,
                              FILE_OPEN_REPARSE_POINT, &handle);
    if (err)
        return err;
    err = gl_disk_set_attributes(handle, attributes);
    CloseHandle(handle);
    return err;
}

/* The mode has nothing that a directory could have here. */
int gl_dir_set(struct gl_dir *dir, uint32_t mode, struct gl_disk_time mtime)
{
    HANDLE handle;
    (void)mode;
    int err = gl_disk_nt_open(dir->handle, L"", 0, FILE_WRITE_ATTRIBUTES, FILE_OPEN,
                              FILE_OPEN_REPARSE_POINT, &handle);
    if (err)
        return err;
    err = gl_disk_set_handle(handle, NULL, &mtime);
    CloseHandle(handle);
    return err;
}

/*
 * NTFS and ReFS write names to their journals, in order, and need no help to be whole after a
 * crash; what FlushFileBuffers() adds is that the journal is on the disk. Who may not write to the
 * directory, or a file system that does not flush directories, has to do with less.
 */
int gl_dir_sync(struct gl_dir *dir)
{
    HANDLE handle;
    if (gl_disk_nt_open(dir->handle, L"", 0, FILE_ADD_FILE, FILE_OPEN, FILE_OPEN_REPARSE_POINT,
                        &handle))
        return 0;
    int err = FlushFileBuffers(handle) ? 0 : gl_disk_last_error();
    CloseHandle(handle);
    return err == UV_EIO || err == UV_ENOSPC ? err : 0;
}

/* To flush a volume takes an administrator, and writes what everybody has changed on it. */
bool gl_dir_can_sync_all(const struct gl_dir *dir)
{
    (void)dir;
    return false;
}

int gl_dir_sync_all(struct gl_dir *dir)
{
    (void)dir;
    return UV_ENOTSUP;
}

/* ------------------------------------------------------------------ listing */

static void add_entry(struct gl_disk_list *list, const FILE_ID_BOTH_DIR_INFO *entry)
{
    size_t len = entry->FileNameLength / sizeof *entry->FileName;
    if ((len == 1 && entry->FileName[0] == L'.') ||
        (len == 2 && entry->FileName[0] == L'.' && entry->FileName[1] == L'.'))
        return;
    enum gl_disk_kind kind =
        entry->FileAttributes & (FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DEVICE)
            ? GL_DISK_UNKNOWN
        : entry->FileAttributes & FILE_ATTRIBUTE_DIRECTORY ? GL_DISK_DIRECTORY
                                                           : GL_DISK_FILE;
    gl_disk_list_add(list, gl_disk_narrow(entry->FileName, len), kind,
                     (uint64_t)entry->FileId.QuadPart);
}

/* By a handle of its own: one that was listed before may not see what has come since. */
int gl_dir_list(struct gl_dir *dir, struct gl_disk_list *ret_list)
{
    struct gl_disk_list list = {NULL, 0, 0};
    const DWORD size = 64 * 1024;
    struct gl_disk_info info;
    HANDLE handle;
    int err = gl_disk_open_in(dir->handle, L"", 0, FILE_LIST_DIRECTORY, &handle, &info);
    if (err)
        return err;
    if (info.kind != GL_DISK_DIRECTORY) { /* it has become a link since */
        CloseHandle(handle);
        return UV_ENOTDIR;
    }
    uint8_t *buffer = gl_alloc(size);
    while (GetFileInformationByHandleEx(handle, FileIdBothDirectoryInfo, buffer, size)) {
        const uint8_t *at = buffer;
        for (;;) {
            const FILE_ID_BOTH_DIR_INFO *entry = (const void *)at;
            add_entry(&list, entry);
            if (!entry->NextEntryOffset)
                break;
            at += entry->NextEntryOffset;
        }
    }
    /* An empty root of a drive has no entry at all, not even ".". */
    DWORD error = GetLastError();
    err = error == ERROR_NO_MORE_FILES || error == ERROR_FILE_NOT_FOUND ? 0 : gl_disk_last_error();
    CloseHandle(handle);
    gl_free(buffer);
    if (err)
        gl_disk_list_done(&list);
    else
        *ret_list = list;
    return err;
}
