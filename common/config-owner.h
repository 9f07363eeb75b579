/* SPDX-License-Identifier: MIT */
/* Who may change a configuration file; linux/ and windows/ have the twins. */
#ifndef GL_CONFIG_OWNER_H
#define GL_CONFIG_OWNER_H

#include <uv.h>

/*
 * A program that can do what others cannot obeys no file that others may change: NULL if this one
 * is fine, or why not. (On Linux, an ordinary user's program reads what it is told.) Static.
 */
const char *gl_config_judge_owner(uv_file fd, const uv_stat_t *st);

#endif
