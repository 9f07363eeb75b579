/* SPDX-License-Identifier: MIT */
/*
 * Small files that only this program's account may read: keys. The systems differ in how that is
 * said and checked, so there is a twin for each, in linux/ and windows/.
 */
#ifndef GL_SECRET_FILE_H
#define GL_SECRET_FILE_H

#include <stdbool.h>
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

/* What to do about UV_EACCES, for a message: "chown it, chmod 600 it". */
extern const char *const gl_secret_file_remedy;

/*
 * Before a file is made anew: keeps hold of what lies at path, so that its bytes can be overwritten
 * where they are, once the new file has taken the name. NULL: there is nothing, or it cannot be
 * held. To be given to gl_secret_file_drop(), with wipe if the file was made anew; without, what
 * was there is as before.
 */
struct gl_secret_kept;
struct gl_secret_kept *gl_secret_file_keep(const char *path);
void gl_secret_file_drop(struct gl_secret_kept *kept, bool wipe); /* NULL is fine */
/* Before the first use of a file: ends what was stopped between the two above. Windows replaces no
 * file that is open, so there what is kept lies at PATH.old meanwhile. */
void gl_secret_file_tidy(const char *path);

#endif
