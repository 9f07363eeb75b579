/* SPDX-License-Identifier: MIT */
/*
 * What the files of this folder share.
 *
 * What lies beneath an open directory is opened by NtCreateFile() with the directory's handle as
 * RootDirectory and one checked component as the name ("NtCreateFile function", "OBJECT_ATTRIBUTES
 * structure", learn.microsoft.com): no path is put together, so none can be made to lead elsewhere.
 * FILE_OPEN_REPARSE_POINT opens what is there itself, a link too, and what was opened is looked at
 * by its handle before it is used.
 *
 * Names are WTF-8 (https://simonsapin.github.io/wtf-8/): UTF-8, but a surrogate without its other
 * half, which NTFS takes in names, has a form too. So each name of NTFS has exactly one form on the
 * wire, and comes back as it was. Bytes that are not WTF-8 are refused.
 */
#ifndef GL_DISK_WINDOWS_H
#define GL_DISK_WINDOWS_H

#include <windows.h>
#include <winternl.h>

#include "disk.h"
#include "windows/nt-open.h"

#define GL_DISK_UNITS_MAX 255u /* of UTF-16 in a component */

/* Reparse tags that mingw-w64 does not have ("[MS-FSCC] 2.1.2.1 Reparse Tags"). */
#define GL_TAG_LX_SYMLINK 0xA000001Du
#define GL_TAG_AF_UNIX    0x80000023u
#define GL_TAG_LX_FIFO    0x80000024u
#define GL_TAG_LX_CHR     0x80000025u
#define GL_TAG_LX_BLK     0x80000026u

/* ------------------------------------------------------------------ names: disk-name.c */

/* For gl_free(), *ret_len units and a NUL. NULL: not WTF-8. ret_len may be NULL. */
wchar_t *gl_disk_wide(const char *text, size_t *ret_len);
char *gl_disk_narrow(const wchar_t *text, size_t len); /* for gl_free() */
/* Names and paths that differ by case only are equal so; for gl_free(). NULL: not WTF-8. */
char *gl_disk_fold(const char *text);

struct gl_disk_component {
    wchar_t text[GL_DISK_UNITS_MAX + 1];
    size_t len;
};
/*
 * What may be looked for in a directory, also if it could not be made there ("aux.txt"). UV_EINVAL:
 * "." or "..", a separator, a stream ("a:b"), not WTF-8. UV_ENAMETOOLONG.
 */
int gl_disk_component(const char *name, struct gl_disk_component *ret_component);
bool gl_disk_same_name(const wchar_t *a, size_t a_len, const wchar_t *b, size_t b_len);

/* ------------------------------------------------------------------ opening: disk-open.c */

int gl_disk_nt_error(NTSTATUS status); /* negative UV_E*, or 0 */
int gl_disk_last_error(void);          /* of GetLastError() */

int gl_disk_nt(const struct gl_nt_open *how, HANDLE *ret_handle); /* with an error of ours */
/* A handle that is not inherited and shares everything. root NULL: `name` is an NT path. len 0:
 * root itself, once more. Access gets what every handle has. */
int gl_disk_nt_open(HANDLE root, const wchar_t *name, size_t len, ACCESS_MASK access,
                    ULONG disposition, ULONG options, HANDLE *ret_handle);
/* As above without FILE_SHARE_DELETE: while it is open nobody renames it, or what it is in. */
int gl_disk_nt_pin(HANDLE root, HANDLE *ret_handle);
/* What is there itself, a link too. Content that a filter driver has (of a cloud's placeholder,
 * say) is reached through it. */
int gl_disk_open_in(HANDLE root, const wchar_t *name, size_t len, ACCESS_MASK access,
                    HANDLE *ret_handle, struct gl_disk_info *ret_info);
/* The same, sharing only this. */
int gl_disk_open_sharing(HANDLE root, const wchar_t *name, size_t len, ACCESS_MASK access,
                         ULONG share, HANDLE *ret_handle, struct gl_disk_info *ret_info);
int gl_disk_open(const char *path, enum gl_disk_links links, ACCESS_MASK access, HANDLE *ret_handle,
                 struct gl_disk_info *ret_info);
/* By attributes, and by the tag of a reparse point. */
enum gl_disk_kind gl_disk_kind_of(DWORD attributes, DWORD tag);
/* `alone` and `trusted` are true only for a handle with READ_CONTROL. */
int gl_disk_info_of(HANDLE handle, struct gl_disk_info *ret_info);
int gl_disk_set_attributes(HANDLE handle, uint32_t wanted); /* gl_file_set_attributes() */
int gl_disk_set_handle(HANDLE handle, const uint32_t *mode, const struct gl_disk_time *mtime);

/* An absolute path in NT's form: a root ("\??\C:\", "\??\UNC\server\share\") and components. */
struct gl_disk_full {
    wchar_t *text;
    size_t len, root_len;
    bool directory; /* it ended in a separator */
};
/* "." and ".." and the working directory are taken into account as Windows does it: by the text.
 * Nothing else is changed: no dots are dropped, no name is a device. UV_EINVAL. */
int gl_disk_full_path(const char *path, struct gl_disk_full *ret_full);
void gl_disk_full_done(struct gl_disk_full *full);

/* ------------------------------------------------------------------ who may: disk-access.c */

/* While we write to a part nobody else does, and who once could cannot do so later. */
#define GL_DISK_SHARE_PART (FILE_SHARE_READ | FILE_SHARE_DELETE)

/* A new file that nobody but us may open, so far as the file system knows of such. */
int gl_disk_create_alone(HANDLE root, const struct gl_disk_component *name, ACCESS_MASK access,
                         HANDLE *ret_handle);

/* ------------------------------------------------------------------ links: disk-link.c */

/* Of a reparse point that is open. UV_EINVAL: no link. */
int gl_disk_read_link(HANDLE handle, char **ret_target);
/*
 * Whether what a link in `folder` ("\\?\C:\x") leads to is a directory, as far as that can be seen.
 */
bool gl_disk_leads_to_directory(const wchar_t *folder, const char *target);
/* What FSCTL_SET_REPARSE_POINT takes for a symbolic link to `target`, with backslashes: at most
 * GL_DISK_LINK_MAX bytes. UV_ENAMETOOLONG. */
#define GL_DISK_LINK_MAX 16384u /* MAXIMUM_REPARSE_DATA_BUFFER_SIZE */
int gl_disk_build_link(const wchar_t *target, uint8_t data[GL_DISK_LINK_MAX], size_t *ret_len);
/* From what FSCTL_GET_REPARSE_POINT gives. */
int gl_disk_parse_link(const void *data, size_t len, char **ret_target);

/* ------------------------------------------------------------------ paths: disk-resolve.c */

/* What is open, by its real names: "C:/Users", "//server/share/x". For gl_free(). */
int gl_disk_path_of(HANDLE handle, char **ret_path);
/* The same in the form "\\?\C:\Users". */
int gl_disk_wide_path_of(HANDLE handle, wchar_t **ret_path);

/*
 * What a path means in which a link stands at text[at], leading to target; `rest` of the path comes
 * after it. UV_EINVAL.
 */
int gl_disk_follow(const struct gl_disk_full *full, size_t at, const char *target,
                   const wchar_t *rest, struct gl_disk_full *ret_full);

HANDLE gl_dir_handle(const struct gl_dir *dir);
/* Where a descriptor that gl_alloc() has made is kept as long as the directory: of what new files
 * in it inherit. */
void **gl_dir_inherited(struct gl_dir *dir);

#endif
