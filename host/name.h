/* SPDX-License-Identifier: MIT */
/*
 * Names of guests. Those that people and guests choose have 2 to 63 letters, digits, '.', '_' and
 * '-', beginning with a letter or digit. One letter alone is a drive in `cp`, and 16 hex digits are
 * an id: neither is a name.
 *
 * A hypervisor's names have what people call a machine, "My VM". Of them a guest's name keeps all
 * that can be shown and typed: '-' stands for control characters and those that cannot be seen, and
 * for ':', '/' and '\\', which part a guest from a path; a space for all kinds of it. One that
 * would be an option, a drive or an id has "vm-" before it.
 */
#ifndef GL_NAME_H
#define GL_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GL_NAME_SIZE   256 /* with NUL, of any name */
#define GL_NAME_MAX    63  /* bytes of one that is chosen here or by a guest, */
#define GL_NAME_VM_MAX 252 /* and of one that is a hypervisor's */

/* What is wrong with the name, or NULL. Static. */
const char *gl_name_fault(const char *name);

/* Makes a valid name of whatever a guest proposed: other characters become '-'; nothing usable
 * gives "guest". */
void gl_name_sanitise(const char *proposal, char out[GL_NAME_SIZE]);

/* A guest's name of a virtual machine's. */
void gl_name_of_vm(const char *vm, char out[GL_NAME_SIZE]);
/* Whether gl_name_of_vm() can have made it. True for what gl_name_fault() has no objection to. */
bool gl_name_is_vm(const char *name);
/* Whether the hypervisors of this system name their machines, so that guests may have such names
 * (linux/names.c, host-win/names.c). */
extern const bool gl_name_vms;
/* Why a guest cannot be meant by this, be it a name, the beginning of one or an id; NULL: it can.
 * Static. */
const char *gl_name_ref_fault(const char *ref);

/* out = base with "-number", base cut so that it fits, between characters. */
void gl_name_number(const char *base, unsigned number, char out[GL_NAME_SIZE]);
/* Whether gl_name_number() of base gives this name. */
bool gl_name_is_number(const char *base, const char *name);

/* Whether two names differ at most in the case of ASCII letters. */
bool gl_name_alike(const char *a, const char *b);
/* The same for all that are alike. */
uint32_t gl_name_hash(const char *name);

#endif
