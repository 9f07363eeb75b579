/* SPDX-License-Identifier: MIT */
/*
 * Small files that only this program's account may read: keys. The systems differ in how that is
 * said and checked, so there is a twin for each, in linux/ and windows/.
 */
#ifndef GL_SECRET_FILE_H
#define GL_SECRET_FILE_H

#include <stddef.h>
#include <stdint.h>

#define GL_SECRET_FILE_MAX 4096u /* bytes */

/*
 * Reads the whole file into buf. UV_ENOENT; UV_EACCES if anybody else may read or write it or it
 * belongs to somebody else (Linux: mode 0600 exactly, owner is the effective uid; Windows: the DACL
 * names SYSTEM, Administrators and the owner alone); UV_ELOOP if path is a symbolic link; UV_EINVAL
 * if it is no plain file; UV_EFBIG if it is longer than `size`; other UV_E* of the system. The
 * caller wipes buf.
 */
int gl_secret_file_read(const char *path, uint8_t *buf, size_t size, size_t *ret_len);

/*
 * Makes the file anew, for this account alone, whatever the umask: written under a temporary name
 * in the same folder, synced, renamed over what was there, and the folder synced. On failure what
 * was there stays, and nothing else is left behind.
 */
int gl_secret_file_write(const char *path, const uint8_t *data, size_t len);

#endif
