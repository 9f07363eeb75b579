/* SPDX-License-Identifier: MIT */
/*
 * Keys that an administrator told this host to forget, or to take another one for. Their guests
 * have certificates of the site still, which are good for months; here these do not count any more,
 * until the key is accepted again. Part of the trust store, and of its file.
 */
#ifndef GL_FORGOTTEN_H
#define GL_FORGOTTEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "key.h"

#define GL_FORGOTTEN_MAX 1024u

struct gl_forgotten {
    struct gl_forgotten_key {
        char fingerprint[GL_FINGERPRINT_SIZE];
        uint64_t at; /* seconds since 1970 */
    } * keys;        /* the oldest first */
    size_t count;
    /* Of more than GL_FORGOTTEN_MAX keys the oldest are not in the list: no certificate of an
     * unknown key counts that was issued before this. */
    uint64_t issued_from;
};

bool gl_forgotten_has(const struct gl_forgotten *forgotten, const char *fingerprint);
/* true: it was not there before. */
bool gl_forgotten_add(struct gl_forgotten *forgotten, const char *fingerprint, uint64_t now_s);
bool gl_forgotten_remove(struct gl_forgotten *forgotten, const char *fingerprint);
void gl_forgotten_done(struct gl_forgotten *forgotten);

/* A list of objects, and back: NULL, or the name of the field that is wrong. */
json_t *gl_forgotten_to_json(const struct gl_forgotten *forgotten);
const char *gl_forgotten_from_json(struct gl_forgotten *forgotten, const json_t *list);

#endif
