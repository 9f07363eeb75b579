/* SPDX-License-Identifier: MIT */
/*
 * The status of a call, as it goes over the wire, into audit records and into JSON. It is the
 * project's own enum since UV_E* numbers differ between systems.
 *
 * A number or a name, once released, never changes its meaning and is never used again: add at the
 * end. A status that is not known (from a newer peer) is treated as INTERNAL.
 */
#ifndef GL_STATUS_H
#define GL_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* X(number, name, text): the text completes 'cannot copy the file: ...'. */
#define GL_STATUS_MAP(X)                                                                           \
    X(0, OK, "success")                                                                            \
    X(1, CANCELLED, "cancelled")                                                                   \
    X(2, INTERNAL, "internal error")                                                               \
    X(3, INVALID, "invalid request or argument")                                                   \
    X(4, NOT_FOUND, "not found")                                                                   \
    X(5, EXISTS, "exists already")                                                                 \
    X(6, PERMISSION_DENIED, "permission denied")                                                   \
    X(7, UNAUTHENTICATED, "identity not proven")                                                   \
    X(8, UNAVAILABLE, "guest or peer not connected")                                               \
    X(9, UNSUPPORTED, "service or method not supported")                                           \
    X(10, LIMIT, "resource limit reached")                                                         \
    X(11, TIMED_OUT, "timed out")                                                                  \
    X(12, PRECONDITION, "not possible in the present state")                                       \
    X(13, PROTOCOL, "protocol violation")                                                          \
    X(14, LOST, "connection lost; the operation may have run")                                     \
    X(15, NOT_STARTED, "not started; safe to try again")                                           \
    X(16, DATA_LOSS, "data damaged: digest mismatch")                                              \
    X(17, NO_SPACE, "no space left")                                                               \
    X(18, READ_ONLY, "read-only file system")                                                      \
    X(19, IS_DIRECTORY, "is a directory")                                                          \
    X(20, NOT_DIRECTORY, "not a directory")                                                        \
    X(21, NOT_EMPTY, "directory not empty")                                                        \
    X(22, NAME_TOO_LONG, "name too long")                                                          \
    X(23, LOOP, "too many symbolic links, or one where none is followed")                          \
    X(24, BUSY, "busy")                                                                            \
    X(25, IO, "input/output error")                                                                \
    X(26, CROSS_DEVICE, "on another file system")                                                  \
    X(27, TOO_BIG, "too big")                                                                      \
    X(28, DUPLICATE_KEY, "one key is in use at two addresses")                     \
    X(29, PENDING, "key awaits approval")                                                          \
    X(30, REVOKED, "key was revoked")                                                              \
    X(31, KEY_MISMATCH, "key differs from the pinned one")                                         \
    X(32, RESUME_REFUSED, "session cannot be resumed")                                             \
    X(33, GOING_AWAY, "peer is shutting down")                                                     \
    X(34, NOT_EXECUTABLE, "found but cannot be run")                                               \
    X(35, PROGRAM_NOT_FOUND, "program not found")

enum gl_status {
#define GL_STATUS_X(number, name, text) GL_STATUS_##name = (number),
    GL_STATUS_MAP(GL_STATUS_X)
#undef GL_STATUS_X
};

/* The short spelling of the one that is meant most often. */
#define GL_STATUS_DENIED GL_STATUS_PERMISSION_DENIED

/* "NOT_FOUND"; "UNKNOWN" for a number that is none. Static. */
const char *gl_status_name(uint32_t status);

/* A text for people, without full stop. Static. */
const char *gl_status_text(uint32_t status);

/* Whether this version knows the number. */
bool gl_status_valid(uint32_t status);

/* Finds a status by its name, case-sensitive. 0, or UV_ENOENT. */
int gl_status_parse(const char *name, enum gl_status *ret_status);

/*
 * What a libuv error (negative UV_E*; 0 is OK) means to the peer. A connection that broke is LOST,
 * one that could not be made UNAVAILABLE; ENOENT is NOT_FOUND, and whoever starts programs says
 * PROGRAM_NOT_FOUND himself. What has no counterpart is INTERNAL.
 */
enum gl_status gl_status_from_errno(int uv_err);

#endif
