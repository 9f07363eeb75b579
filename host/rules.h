/* SPDX-License-Identifier: MIT */
/*
 * Which local user may do what with which guest: the `allow` sections of hostd.conf.
 *
 *     allow { user = {alice, "1000"}  group = ops  guest = "web*"  service = "file.receive" }
 *
 * A rule allows a call if each of its fields does; a field that is left out allows all. A field is
 * one pattern (glob.h) or a list of them, of which one must fit. `user` is a name or a number,
 * `group` one of the user's groups, `guest` a name or an id, `service` a service, or
 * service.method.
 *
 * Without any rule whoever may open the control socket may do all. With rules, what none allows is
 * denied. Root and the daemon's own user may always do all: they could change the rules. Who may do
 * anything with a guest may also look at it (list, get, wait); nobody learns of other guests.
 */
#ifndef GL_RULES_H
#define GL_RULES_H

#include <confuse.h>
#include <stdbool.h>

#include "user.h"

struct gl_rules;

/* The options of an `allow` section, for CFG_SEC("allow", gl_rules_options, CFGF_MULTI). */
extern cfg_opt_t gl_rules_options[];

/* From the `allow` sections of a configuration that was read. `own_uid`: the daemon's. */
struct gl_rules *gl_rules_new(cfg_t *cfg, uint32_t own_uid);
void gl_rules_free(struct gl_rules *rules); /* NULL is fine */
size_t gl_rules_count(const struct gl_rules *rules);
/* Calls back for each pattern of each rule; they are counted from 1. */
void gl_rules_walk(const struct gl_rules *rules,
                   void (*on_pattern)(void *ctx, size_t rule, const char *field,
                                      const char *pattern),
                   void *ctx);

struct gl_rules_guest {
    const char *name, *id;
};
/* guest NULL: a call that is about no guest; rules with a guest field do not allow it. */
bool gl_rules_allow(const struct gl_rules *rules, const struct gl_user *user,
                    const struct gl_rules_guest *guest, const char *service, const char *method);
/* May the user know of the guest? guest NULL: may he do anything at all? */
bool gl_rules_see(const struct gl_rules *rules, const struct gl_user *user,
                  const struct gl_rules_guest *guest);

#endif
