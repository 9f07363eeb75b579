/* SPDX-License-Identifier: MIT */
/* Names and paths of a copy: what they may be, and where a copy is just now, for messages. */
#ifndef GL_TRANSFER_PATH_H
#define GL_TRANSFER_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define GL_PATH_REPORT_MAX 4096u /* bytes of a path in a TransferProblem */

/* A path that grows and shrinks by components. Not for system calls. */
struct gl_path {
    char *text; /* NUL-terminated */
    size_t len, room;
};
void gl_path_init(struct gl_path *path, const char *start);
void gl_path_done(struct gl_path *path);
/* Appends a component; returns the length before, for gl_path_pop(). An empty name changes nothing.
 */
size_t gl_path_push(struct gl_path *path, const char *name);
void gl_path_pop(struct gl_path *path, size_t len);
/* At most GL_PATH_REPORT_MAX bytes of it, the end; in path->text, *ret_len bytes. */
const char *gl_path_report(const struct gl_path *path, size_t *ret_len);

/*
 * What a source is called at its destination: the last component of its path, allocated; empty for
 * a path that ends in ".", ".." or the root, whose content goes into the destination itself (as
 * cp(1) does). A path that begins with a drive ("C:\", "C:/") has backslashes as separators too, on
 * any system; on Windows all paths have.
 */
char *gl_path_base(const char *path);
/* The same of a path of the other side, whose system is not known: only what a path begins with
 * tells whether a backslash separates. */
char *gl_path_base_there(const char *path);
/* The path's directory: what is before gl_path_base(), "." if there is nothing, allocated. */
char *gl_path_parent(const char *path);
/* Ends in a separator. */
bool gl_path_has_slash(const char *path);
bool gl_path_has_drive(const char *path);

/* One component, as a peer may send it: not empty, not "." or "..", without separator and NUL. */
bool gl_path_is_component(const uint8_t *name, size_t len);

/*
 * Temporary files are called ".guestlink-HHHHHHHHHHHHHHHH.part", H the hash of the name that they
 * shall get: so an interrupted copy is found again.
 */
#define GL_PART_NAME_SIZE 40u
void gl_part_name(const char *name, char ret_part[GL_PART_NAME_SIZE]);
/* Another that nobody else has, for when the first is in use. */
void gl_part_name_random(char ret_part[GL_PART_NAME_SIZE]);
bool gl_part_is_name(const char *name);

#endif
