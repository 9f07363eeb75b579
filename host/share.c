/* SPDX-License-Identifier: MIT */
#include "share.h"

#include "mem.h"

struct gl_share {
    struct gl_list node;
    struct gl_share_owner owner;
    unsigned live;
    unsigned fresh, old; /* lingering: of this turn, and of the one before */
};

#define SHARE_OF(n) GL_CONTAINER_OF(n, struct gl_share, node)

void gl_shares_init(struct gl_shares *shares, unsigned max)
{
    gl_list_init(&shares->list);
    shares->max = max;
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

static enum gl_share_verdict judge(const struct gl_shares *shares,
                                   const struct gl_share_owner *owner, struct gl_share **ret_own)
{
    unsigned client = 0, user = 0, others = 0, all = 0;
    unsigned half = shares->max < 4 ? shares->max : shares->max / 2;
    GL_LIST_FOREACH (node, &shares->list) {
        struct gl_share *share = SHARE_OF(node);
        unsigned n = used(share);
        all += n;
        if (!share->owner.keeper)
            others += n;
        if (share->owner.uid == owner->uid)
            user += n;
        if (share->owner.client == owner->client) {
            client += n;
            *ret_own = share;
        }
    }
    if (client >= half)
        return GL_SHARE_CLIENT;
    if (!owner->keeper && user >= half)
        return GL_SHARE_USER;
    if (all >= shares->max || (!owner->keeper && others >= shares->max - shares->max / 8))
        return GL_SHARE_GUEST;
    return GL_SHARE_OK;
}

enum gl_share_verdict gl_share_take(struct gl_shares *shares, const struct gl_share_owner *owner,
                                    uint64_t now_ms, struct gl_share **ret_share)
{
    struct gl_share *own = NULL;
    turn(shares, now_ms);
    enum gl_share_verdict verdict = judge(shares, owner, &own);
    if (verdict != GL_SHARE_OK)
        return verdict;
    if (!own) {
        own = GL_NEW0(struct gl_share);
        own->owner = *owner;
        gl_list_init(&own->node);
        gl_list_append(&shares->list, &own->node);
    }
    own->live++;
    *ret_share = own;
    return GL_SHARE_OK;
}

void gl_share_give(struct gl_shares *shares, struct gl_share *share, bool lingers, uint64_t now_ms)
{
    turn(shares, now_ms);
    share->live--;
    share->fresh += lingers;
    if (!used(share))
        drop(share);
}
