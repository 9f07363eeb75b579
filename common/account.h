/* SPDX-License-Identifier: MIT */
/*
 * What somebody's streams keep in memory here, over all sessions that they belong to: a mux adds up
 * what it holds for a stream in the stream's account, and in those above it. It refuses by them
 * only what nobody was promised: windows that grow, and messages in pieces. What else is to be
 * refused is decided by whoever made the accounts.
 */
#ifndef GL_ACCOUNT_H
#define GL_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gl_account {
    struct gl_account *up; /* counts all of it as well; NULL: none does */
    size_t held, held_max; /* queued to be sent, and unfinished messages; bytes. max 0: none */
    uint64_t growth, growth_max; /* of windows over their initial size; max 0: none */
};

/* Any of these may be about NULL. */
static inline void gl_account_hold(struct gl_account *account, size_t bytes)
{
    for (; account; account = account->up)
        account->held += bytes;
}

static inline void gl_account_drop(struct gl_account *account, size_t bytes)
{
    for (; account; account = account->up)
        account->held -= bytes;
}

static inline void gl_account_grow(struct gl_account *account, uint64_t by)
{
    for (; account; account = account->up)
        account->growth += by;
}

static inline void gl_account_shrink(struct gl_account *account, uint64_t by)
{
    for (; account; account = account->up)
        account->growth -= by;
}

/* Whether `more` bytes would be too many for it or one above. */
static inline bool gl_account_is_full(const struct gl_account *account, size_t more)
{
    for (; account; account = account->up)
        if (account->held_max && account->held + more > account->held_max)
            return true;
    return false;
}

/* Whether half of what it may hold, or one above, is used up. */
static inline bool gl_account_is_half_full(const struct gl_account *account)
{
    for (; account; account = account->up)
        if (account->held_max && account->held > account->held_max / 2)
            return true;
    return false;
}

static inline bool gl_account_may_grow(const struct gl_account *account, uint64_t by)
{
    for (; account; account = account->up)
        if (account->growth_max && account->growth + by > account->growth_max)
            return false;
    return true;
}

#endif
