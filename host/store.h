/* SPDX-License-Identifier: MIT */
/*
 * JSON documents in files of the state directory. A file is replaced whole or not at all: written
 * under another name, synced, renamed over the old one, and the directory synced. Blocking; the
 * documents are small and change rarely.
 */
#ifndef GL_STORE_H
#define GL_STORE_H

#include <jansson.h>

#include "why.h"

#define GL_STORE_MAX (16u * 1024 * 1024) /* bytes of a document */

/*
 * Reads the document at path, which must be an object with "schema": `schema`. UV_ENOENT;
 * UV_EINVAL: no JSON, or not such an object; UV_ENOTSUP: of another version's schema; UV_EFBIG;
 * what reading may give. *ret_doc is the
 * caller's (json_decref).
 */
int gl_store_load(const char *path, json_int_t schema, json_t **ret_doc, struct gl_why *why);

/*
 * Writes doc to path, for this account alone. Negative: the old content is still there, whole;
 * or, if the directory could not be synced, the new one is, but may not last.
 */
int gl_store_save(const char *path, const json_t *doc, struct gl_why *why);

#endif
