/* SPDX-License-Identifier: MIT */
/* Linux hosts let a guest connect to any port: nothing is registered. */
#include "service-registry.h"

#include <uv.h>

bool gl_service_registry_is_windows(const struct gl_guid *guid)
{
    (void)guid;
    return false;
}

int gl_service_registry_list(struct gl_registered **ret_items, size_t *ret_n)
{
    (void)ret_items;
    (void)ret_n;
    return UV_ENOTSUP;
}

void gl_service_registry_free(struct gl_registered *items, size_t n)
{
    (void)items;
    (void)n;
}

int gl_service_registry_add(const struct gl_guid *guid, const char *name)
{
    (void)guid;
    (void)name;
    return UV_ENOTSUP;
}

int gl_service_registry_remove(const struct gl_guid *guid)
{
    (void)guid;
    return UV_ENOTSUP;
}
