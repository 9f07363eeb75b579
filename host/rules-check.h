/* SPDX-License-Identifier: MIT */
/* Slips in the rules of hostd.conf: what can be meant by nobody is refused, what this system does
 * not know today is told. */
#ifndef GL_RULES_CHECK_H
#define GL_RULES_CHECK_H

#include <confuse.h>
#include <uv.h>

#include "rules.h"

/* Validate callbacks: for each field of an `allow` section, and for the section as a whole. */
int gl_rules_check_pattern(cfg_t *cfg, cfg_opt_t *opt);
int gl_rules_check_section(cfg_t *cfg, cfg_opt_t *opt);

/*
 * Logs a warning for each service or method that this version does not know (a guest's agent may),
 * and for each user and group that the system does not know (they may come later). Users and groups
 * are looked up by a thread of libuv's, since their database may be on a network. `config` is for
 * the texts.
 */
void gl_rules_warn(uv_loop_t *loop, const struct gl_rules *rules, const char *config);

#endif
