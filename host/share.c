/* SPDX-License-Identifier: MIT */
#include "share.h"

#include "mem.h"

struct gl_share {
    struct gl_list node;
    struct gl_share_owner owner;
    unsigned live;
    unsigned fresh, old; /* lingering: of this turn, and of the one before */
    size_t bytes;
};

#define SHARE_OF(n) GL_CONTAINER_OF(n, struct gl_share, node)

void gl_shares_init(struct gl_shares *shares, unsigned max, size_t bytes_max)
{
    gl_list_init(&shares->list);
    shares->max = max;
    shares->bytes_max = bytes_max;
    shares->turned_ms = 0;
}

static void drop(struct gl_share *share)
{
    gl_list_remove(&share->node);
    gl_free(share);
}

void gl_shares_done(struct gl_shares *shares)
{
    GL_LIST_FOREACH_SAFE (node, &shares->list)
        drop(SHARE_OF(node));
}

/* A turn is over: what lingered through all of it counts no more. */
static void turn(struct gl_shares *shares, uint64_t now_ms)
{
    uint64_t passed = now_ms - shares->turned_ms;
    if (passed < GL_SHARE_AFTER_MS)
        return;
    shares->turned_ms = now_ms;
    GL_LIST_FOREACH_SAFE (node, &shares->list) {
        struct gl_share *share = SHARE_OF(node);
        share->old = passed < 2 * GL_SHARE_AFTER_MS ? share->fresh : 0;
        share->fresh = 0;
        if (!share->live && !share->old)
            drop(share);
    }
}

static unsigned used(const struct gl_share *share)
{
    return share->live + share->fresh + share->old;
}

/* How much of something is in use, and by whom. */
struct tally {
    size_t client, user, others, all;
};

static void count(struct tally *tally, const struct gl_share *share,
                  const struct gl_share_owner *owner, size_t n)
{
    tally->all += n;
    if (!share->owner.keeper)
        tally->others += n;
    if (share->owner.uid == owner->uid)
        tally->user += n;
    if (share->owner.client == owner->client)
        tally->client += n;
}

/* Whether there is room for `more` of `max`. */
static enum gl_share_verdict judge(const struct tally *tally, const struct gl_share_owner *owner,
                                   size_t max, size_t more)
{
    size_t half = max < 4 ? max : max / 2;
    if (tally->client + more > half)
        return GL_SHARE_CLIENT;
    if (!owner->keeper && tally->user + more > half)
        return GL_SHARE_USER;
    if (tally->all + more > max || (!owner->keeper && tally->others + more > max - max / 8))
        return GL_SHARE_GUEST;
    return GL_SHARE_OK;
}

enum gl_share_verdict gl_share_take(struct gl_shares *shares, const struct gl_share_owner *owner,
                                    size_t bytes, uint64_t now_ms, struct gl_share **ret_share)
{
    struct gl_share *own = NULL;
    struct tally calls = {0}, waiting = {0};
    turn(shares, now_ms);
    GL_LIST_FOREACH (node, &shares->list) {
        struct gl_share *share = SHARE_OF(node);
        count(&calls, share, owner, used(share));
        count(&waiting, share, owner, share->bytes);
        if (share->owner.client == owner->client)
            own = share;
    }
    enum gl_share_verdict verdict = judge(&calls, owner, shares->max, 1);
    if (verdict != GL_SHARE_OK)
        return verdict;
    if (judge(&waiting, owner, shares->bytes_max, bytes) != GL_SHARE_OK)
        return GL_SHARE_BYTES;
    if (!own) {
        own = GL_NEW0(struct gl_share);
        own->owner = *owner;
        gl_list_init(&own->node);
        gl_list_append(&shares->list, &own->node);
    }
    own->live++;
    own->bytes += bytes;
    *ret_share = own;
    return GL_SHARE_OK;
}

void gl_share_sent(struct gl_share *share, size_t bytes)
{
    share->bytes -= bytes;
}

void gl_share_give(struct gl_shares *shares, struct gl_share *share, bool lingers, uint64_t now_ms)
{
    turn(shares, now_ms);
    share->live--;
    share->fresh += lingers;
    if (!used(share))
        drop(share);
}
