/* SPDX-License-Identifier: MIT */
/*
 * A trust store in a folder of its own, and guests that come to it, for tests. Included by one file
 * of a test program; setup() and teardown() are a checked fixture.
 */
#ifndef GL_TRUST_STORE_H
#define GL_TRUST_STORE_H

#include <stdio.h>
#include <string.h>

#include "log.h"
#include "scratch.h"
#include "trust.h"
#include "unit.h"

#define NOW 1700000000u

static char directory[GL_SCRATCH_PATH], path[GL_SCRATCH_PATH + 32];

static inline void setup(void)
{
    gl_scratch_new(directory, "trust");
    snprintf(path, sizeof path, "%s/guests.json", directory);
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_log_set_level(GL_LOG_ERROR);
}

static inline void teardown(void)
{
    gl_scratch_remove(directory);
}

static inline struct gl_trust *open_with(enum gl_trust_policy policy)
{
    struct gl_trust *trust = NULL;
    struct gl_why why;
    int err = gl_trust_open(path, policy, &trust, &why);
    ck_assert_msg(err == 0, "%s", why.text);
    return trust;
}

/* Keys need not be real ones here. */
static uint8_t keys[6000][GL_KEY_SIZE];

static inline const uint8_t *key(unsigned n)
{
    keys[n][0] = (uint8_t)n;
    keys[n][1] = (uint8_t)(n >> 8);
    return keys[n];
}

static inline struct gl_trust_claim claim_of(unsigned n, const char *proposal)
{
    return (struct gl_trust_claim){
        .key = key(n),
        .proposal = proposal,
        .place = "vsock:3",
        .quota = 8,
        .address = "vsock:3:600",
        .software = "guestlink-agent 0.1.0",
        .now_s = NOW,
    };
}

static inline struct gl_trust_entry *judge(struct gl_trust *trust, struct gl_trust_claim claim,
                                           enum gl_status expected)
{
    struct gl_trust_entry *entry = NULL;
    struct gl_why why = {""};
    enum gl_status status = gl_trust_judge(trust, &claim, &entry, &why);
    ck_assert_msg(status == expected, "%s: %s", gl_status_name(status), why.text);
    if (status != GL_STATUS_OK)
        ck_assert_str_ne(why.text, "");
    return entry;
}

#endif
