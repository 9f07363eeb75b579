/* SPDX-License-Identifier: MIT */
/* The patterns of the rules: of the guest's policy and of who may do what on the host. */
#ifndef GL_GLOB_H
#define GL_GLOB_H

#include <stdbool.h>

/*
 * Whether the whole of text matches the pattern: * is any text, also none and with slashes, ? one
 * byte, \ takes the next one literally (as itself at the end); all else stands for itself. Both
 * may come from a peer: the time is at most the product of the lengths.
 */
bool gl_glob_match(const char *pattern, const char *text);

#endif
