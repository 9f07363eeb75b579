/* SPDX-License-Identifier: MIT */
/* The policy section of agent.conf: apart from the rest of the file, since an error in it has other
 * consequences. */
#ifndef GL_AGENT_POLICY_CONFIG_H
#define GL_AGENT_POLICY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

/*
 * Blanks the policy sections out of text (len bytes, NUL-terminated), in place, and gives a copy in
 * which all else is blank, so that lines keep their numbers: gl_free() it. *ret_closed: the section
 * ended before the file did.
 */
char *gl_policy_split(char *text, size_t len, bool *ret_closed);

/*
 * Makes the policy of what gl_policy_split() gave; path is for texts. Never fails: if something is
 * wrong, the policy denies everything, and *ret_error says why, for gl_free(); otherwise it is
 * NULL.
 */
struct gl_policy *gl_policy_parse(const char *path, char *text, size_t len, char **ret_error);
/* The policy that denies everything because of `error`. */
struct gl_policy *gl_policy_broken(const char *error);

#endif
