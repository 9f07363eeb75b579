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

/*
 * For patterns that people write: NULL, or what is wrong. Refused is what other patterns have and
 * these do not, [ and {, unless a \ stands before it: whoever writes it expects something else.
 */
const char *gl_glob_fault(const char *pattern);
/*
 * Likewise for patterns of absolute paths as they are judged, without links: one with a part '.' or
 * '..', an empty one, or a slash at the end matches none, and whoever wrote a deny rule with it
 * would think himself safe.
 */
const char *gl_glob_path_fault(const char *pattern);

#endif
