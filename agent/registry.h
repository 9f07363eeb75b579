/* SPDX-License-Identifier: MIT */
/* The services of this agent: one sorted table, nothing is found by scanning. */
#ifndef GL_AGENT_REGISTRY_H
#define GL_AGENT_REGISTRY_H

#include "call.h"

/* Sorted by name, ends with NULL: what gl_dispatch wants. */
const struct gl_service *const *gl_registry_services(void);

#endif
