/* SPDX-License-Identifier: MIT */
/*
 * Services of the Hyper-V host: a guest reaches one over a Hyper-V socket only if its GUID is
 * registered with the host, under a name for people ("Make your own integration services",
 * learn.microsoft.com). Twins: linux/service-registry.c, where there is nothing of the kind,
 * and host-win/service-registry.c.
 */
#ifndef GL_SERVICE_REGISTRY_H
#define GL_SERVICE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "guid.h"

#define GL_SERVICE_NAME_MAX 255u /* bytes of a name that is registered here */

struct gl_registered {
    struct gl_guid guid;
    char *name; /* "": it has none. Others may have registered any text: escape it */
};

/* Whether it is a service of Windows itself, as PowerShell Direct's, which must stay as it is. */
bool gl_service_registry_is_windows(const struct gl_guid *guid);

/*
 * All that are registered, sorted by GUID; *ret_items for gl_service_registry_free(). What is there
 * under another name than a GUID is left out. UV_ENOTSUP: this system has no such thing. Other
 * UV_E*.
 */
int gl_service_registry_list(struct gl_registered **ret_items, size_t *ret_n);
void gl_service_registry_free(struct gl_registered *items, size_t n);

/*
 * Registers a service, name in UTF-8. 0 also if it is there by that name. UV_EEXIST: by another
 * name. UV_EPERM: it is Windows' own. UV_EACCES: the process is not elevated. UV_ENOTSUP; other
 * UV_E*.
 */
int gl_service_registry_add(const struct gl_guid *guid, const char *name);
/* UV_ENOENT: it is not registered. UV_EPERM: it is Windows' own. UV_EACCES, UV_ENOTSUP; other
 * UV_E*. */
int gl_service_registry_remove(const struct gl_guid *guid);

#endif
