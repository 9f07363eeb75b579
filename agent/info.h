/* SPDX-License-Identifier: MIT */
/*
 * The system's part of info.get; linux/info.c and windows/info.c implement it. All that is put into
 * the message is allocated by gl_alloc and friends, and freed by
 * protobuf_c_message_free_unpacked(). What cannot be found out stays empty.
 */
#ifndef GL_AGENT_INFO_H
#define GL_AGENT_INFO_H

#include "proto/guestlink.pb-c.h"

#define GL_INFO_ADDRESSES_MAX   256u
#define GL_INFO_FILESYSTEMS_MAX 256u
#define GL_INFO_SESSIONS_MAX    256u

/* All but the following, services and versions. On the loop's thread: reads only what the kernel or
 * a cache answers at once. */
void gl_info_collect(Gl__Info *info);
/*
 * Mounted file systems with storage behind them: neither pseudo file systems nor those of a
 * network. On a thread of the pool: it may hang, on a device that does not answer.
 */
void gl_info_collect_filesystems(Gl__Info *info);
/*
 * What other processes of the system have to answer; names, addresses and sessions at most. On a
 * thread of the pool: they may not.
 */
void gl_info_collect_answers(Gl__Info *info);

/* For the implementations: a copy of the text, with what is not UTF-8 or not printable escaped.
 * NULL or "" leaves the field alone. */
void gl_info_set(char **field, const char *text);
/* Another entry at the end of the list, or NULL if it is full. */
Gl__Info__Address *gl_info_add_address(Gl__Info *info);
Gl__Info__Filesystem *gl_info_add_filesystem(Gl__Info *info);
Gl__Info__Session *gl_info_add_session(Gl__Info *info);

#endif
