/* SPDX-License-Identifier: MIT */
/*
 * The partitions of a test and who listens in them: files in $GL_HYPERV_DIR, as fake-hyperv.h has
 * them. Ports are TCP's on 127.0.0.1. In any thread.
 */
#ifndef GL_PARTITIONS_H
#define GL_PARTITIONS_H

#include <stdbool.h>
#include <windows.h>

#include "guid.h"

struct gl_partition {
    struct gl_guid vm, parent; /* parent zero: the host */
};

/* Before all else. False: the folder is not said, so this process has nothing to do with it. */
bool gl_partitions_open(void);

/* Says that this process runs in it, until it ends. NULL, "": the host; its child. */
struct gl_partition gl_partition_become(const char *vmid, const char *parent);

/* Where somebody of `me` gets when he dials vm. 0, or an error of Winsock. */
int gl_partition_route(const struct gl_partition *me, const struct gl_guid *vm,
                       struct gl_partition *ret);

/* The port of the listener there that takes who comes from `me`; 0: none does. */
unsigned short gl_partition_find_listener(const struct gl_partition *there,
                                          const struct gl_guid *service,
                                          const struct gl_partition *me);

/* To be found as a listener, until the handle is closed. INVALID_HANDLE_VALUE, GetLastError(). */
HANDLE gl_partition_listen(const struct gl_partition *me, const struct gl_guid *service,
                           const struct gl_guid *bound, unsigned short port);

bool gl_partition_is_silent(const struct gl_guid *service);

/* Says who dials from this port. */
void gl_partition_announce(const struct gl_partition *me, unsigned short port);

/* The VmId of who dialled from that port, as `me` sees it. */
struct gl_guid gl_partition_seen_from(const struct gl_partition *me, unsigned short port);

#endif
