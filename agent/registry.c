/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <stddef.h>

/* One line a service, sorted by name. */
#define SERVICES(X)                                                                                \
    X(gl_service_exec)                                                                             \
    X(gl_service_file)                                                                             \
    X(gl_service_info)                                                                             \
    X(gl_service_link)

#define DECLARE(service) extern const struct gl_service service;
SERVICES(DECLARE)

#define ENTRY(service) &service,
static const struct gl_service *const services[] = {SERVICES(ENTRY) NULL};

const struct gl_service *const *gl_registry_services(void)
{
    return services;
}
