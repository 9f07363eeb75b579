/* SPDX-License-Identifier: MIT */
/*
 * Sessions under all that a network and a hypervisor can do to them, by seeds.
 *
 * cuts: two muxes over connections that delay, cut anywhere (each direction for itself, each side
 * learning of it when it likes), are taken over and resumed, under random calls of both sides. Not
 * one byte may be lost, doubled or out of order, nothing may hang once the network is calm, every
 * stream ends as somebody ended it, and the session is never refused.
 *
 * reverts: the same, and one side falls back to an earlier time. If the other side has heard
 * anything of the time that was undone, the resume is refused, unless the side has meanwhile said
 * the very same again; else the two go on. Who goes on agrees in every byte, to the end: neither
 * side ever accuses the other.
 *
 * $GL_SIM_SEEDS: how many (default 150 of each kind); $GL_SIM_SEED: this one only; $GL_SIM_FIRST:
 * the first.
 */
#include "../sim/sim.h"
#include "unit.h"

uint64_t sim_seed;

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

struct totals {
    unsigned runs, outcomes[3], reasons[9], reverted, moved, told, told_again, agreed, agreed_moved;
    uint64_t cuts, attaches, takeovers, epoch_gaps, bytes, streams, dropped;
};

static void add(struct totals *t, const struct sim_result *r)
{
    t->runs++;
    t->outcomes[r->outcome]++;
    if (r->outcome == SIM_REFUSED)
        t->reasons[r->reason]++;
    t->reverted += r->reverted;
    t->agreed += r->reverted && r->outcome == SIM_DONE;
    t->moved += r->moved > 0;
    t->told += r->told;
    t->told_again += r->told && r->outcome == SIM_DONE;
    t->agreed_moved += r->moved > 0 && r->outcome == SIM_DONE;
    t->cuts += r->cuts;
    t->attaches += r->attaches;
    t->takeovers += r->takeovers;
    t->epoch_gaps += r->epoch_gaps;
    t->bytes += r->bytes;
    t->streams += r->streams;
    t->dropped += r->dropped;
}

static struct totals run_seeds(bool revert)
{
    struct totals t = {0};
    uint64_t first = number_of("GL_SIM_FIRST", 1), count = number_of("GL_SIM_SEEDS", 150);
    if (getenv("GL_SIM_SEED")) {
        first = number_of("GL_SIM_SEED", 1);
        count = 1;
    }
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct sim_result r = sim_run(seed, revert);
        add(&t, &r);
    }
    printf(
        "%s: %u runs, %llu streams, %.1f MB, %llu cuts, %llu attaches, %llu takeovers, %llu missed "
        "accepts, %llu frames dropped\n",
        revert ? "reverts" : "cuts", t.runs, (unsigned long long)t.streams, (double)t.bytes / 1e6,
        (unsigned long long)t.cuts, (unsigned long long)t.attaches, (unsigned long long)t.takeovers,
        (unsigned long long)t.epoch_gaps, (unsigned long long)t.dropped);
    if (revert) {
        printf("reverts: %u reverted, %u of them past frames, %u past what the other side knew; %u "
               "(%u, %u) still agreed, %u refused, %u ended by a violation\n",
               t.reverted, t.moved, t.told, t.agreed, t.agreed_moved, t.told_again,
               t.outcomes[SIM_REFUSED], t.outcomes[SIM_BROKEN]);
        for (unsigned i = 0; i < 9; i++)
            if (t.reasons[i])
                printf("  %u: %s\n", t.reasons[i], gl_resume_reason_text((enum gl_resume_reason)i));
    }
    return t;
}

START_TEST(cuts)
{
    struct totals t = run_seeds(false);
    if (t.runs < 100)
        return;
    /* What is to be tried was tried. */
    ck_assert_uint_gt(t.cuts, t.runs);
    ck_assert_uint_gt(t.attaches, t.runs);
    ck_assert_uint_gt(t.takeovers, 10);
    ck_assert_uint_gt(t.epoch_gaps, 0);
    ck_assert_uint_gt(t.dropped, 0);
}
END_TEST

START_TEST(reverts)
{
    struct totals t = run_seeds(true);
    if (t.runs < 100)
        return;
    ck_assert_uint_gt(t.outcomes[SIM_REFUSED], t.runs / 4);
    ck_assert_uint_gt(t.reasons[GL_RESUME_COUNTERS], 0);
    ck_assert_uint_gt(t.reasons[GL_RESUME_HASH], 0);
    ck_assert_uint_gt(t.agreed, 0);
    ck_assert_uint_gt(t.told, t.runs / 4);
}
END_TEST

/* One side forgets credit that it had granted: once no resume record told of that. */
START_TEST(forgotten_credit)
{
    static const uint64_t seeds[] = {8462, 19789, 27982, 33113};
    for (unsigned i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        sim_run(seeds[i], true);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sim");
    TCase *of_cuts = tcase_create("cuts"), *of_reverts = tcase_create("reverts");
    tcase_set_timeout(of_cuts, 0);
    tcase_set_timeout(of_reverts, 0);
    tcase_add_test(of_cuts, cuts);
    tcase_add_test(of_reverts, reverts);
    tcase_add_test(of_reverts, forgotten_credit);
    suite_add_tcase(s, of_cuts);
    suite_add_tcase(s, of_reverts);
    return s;
}

GL_UNIT_MAIN(suite)
