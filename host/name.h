/* SPDX-License-Identifier: MIT */
/*
 * Names of guests: 2 to 63 letters, digits, '.', '_' and '-', beginning with a letter or digit. One
 * letter alone is a drive in `cp`, and 16 hex digits are an id: neither is a name.
 */
#ifndef GL_NAME_H
#define GL_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define GL_NAME_SIZE 64 /* with NUL */

/* What is wrong with the name, or NULL. Static. */
const char *gl_name_fault(const char *name);

/* Makes a valid name of whatever a guest proposed: other characters become '-'; nothing usable
 * gives "guest". */
void gl_name_sanitise(const char *proposal, char out[GL_NAME_SIZE]);

/* out = base with "-number", base cut so that it fits. */
void gl_name_number(const char *base, unsigned number, char out[GL_NAME_SIZE]);

/* Whether two names differ at most in the case of ASCII letters. */
bool gl_name_alike(const char *a, const char *b);

#endif
