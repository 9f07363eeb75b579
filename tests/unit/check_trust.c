/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "trust-store.h"

static struct gl_trust_entry *judge_fixed(struct gl_trust *trust, unsigned n, const char *name,
                                          enum gl_status expected)
{
    struct gl_trust_claim claim = claim_of(n, "proposal");
    claim.fixed_name = name;
    return judge(trust, claim, expected);
}

static const char *fingerprint_of(unsigned n)
{
    static char text[GL_FINGERPRINT_SIZE];
    gl_key_fingerprint(key(n), text);
    return text;
}

static const char *do_accept(struct gl_trust *trust, const char *ref, enum gl_status expected,
                             bool swapped)
{
    struct gl_trust_entry *entry = NULL;
    struct gl_why why = {""};
    bool was = false;
    enum gl_status status = gl_trust_accept(trust, ref, &entry, &was, &why);
    ck_assert_msg(status == expected, "%s: %s", gl_status_name(status), why.text);
    ck_assert(was == swapped);
    return entry ? entry->name : NULL;
}

START_TEST(first_use_pins_and_remembers)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_trust_entry *entry = judge(trust, claim_of(1, "web1"), GL_STATUS_OK);
    ck_assert_str_eq(entry->name, "web1");
    ck_assert_uint_eq(strlen(entry->id), 16);
    gl_trust_free(trust); /* nothing is flushed: the pin was written before it counted */
    trust = open_with(GL_TRUST_APPROVE);
    entry = judge(trust, claim_of(1, "another"), GL_STATUS_OK);
    ck_assert_str_eq(entry->name, "web1");
    gl_trust_free(trust);
}
END_TEST

START_TEST(approve_waits_for_accept)
{
    struct gl_trust *trust = open_with(GL_TRUST_APPROVE);
    struct gl_trust_entry *entry = judge(trust, claim_of(1, "web1"), GL_STATUS_PENDING);
    ck_assert_int_eq(gl_trust_shown(entry), GL__TRUST_STATE__TRUST_STATE_PENDING);
    judge(trust, claim_of(1, "web1"), GL_STATUS_PENDING);
    ck_assert_str_eq(do_accept(trust, "web1", GL_STATUS_OK, false), "web1");
    judge(trust, claim_of(1, "web1"), GL_STATUS_OK);
    gl_trust_free(trust);
    trust = open_with(GL_TRUST_APPROVE);
    judge(trust, claim_of(1, "web1"), GL_STATUS_OK);
    do_accept(trust, "nobody", GL_STATUS_NOT_FOUND, false);
    gl_trust_free(trust);
}
END_TEST

START_TEST(a_certificate_of_the_site_needs_no_approval)
{
    struct gl_trust *trust = open_with(GL_TRUST_APPROVE);
    struct gl_trust_claim claim = claim_of(1, "web1");
    judge(trust, claim, GL_STATUS_PENDING);
    claim.certified = true;
    judge(trust, claim, GL_STATUS_OK);
    claim.certified = false;
    judge(trust, claim, GL_STATUS_OK);
    claim = claim_of(2, "web2");
    claim.certified = true;
    struct gl_trust_entry *entry = judge(trust, claim, GL_STATUS_OK);
    struct gl_why why;
    ck_assert_int_eq(gl_trust_revoke(trust, entry, &why), GL_STATUS_OK);
    judge(trust, claim, GL_STATUS_REVOKED);
    gl_trust_free(trust);
}
END_TEST

/* Its guest has the certificate still, and other hosts of the site may renew it. */
START_TEST(a_forgotten_key_is_not_let_in_by_its_certificate)
{
    struct gl_trust *trust = open_with(GL_TRUST_APPROVE);
    struct gl_trust_claim claim = claim_of(1, "web1");
    struct gl_why why;
    claim.certified = true;
    claim.certified_s = NOW;
    struct gl_trust_entry *entry = judge(trust, claim, GL_STATUS_OK);
    ck_assert_int_eq(gl_trust_revoke(trust, entry, &why), GL_STATUS_OK);
    ck_assert_int_eq(gl_trust_forget(trust, entry, NOW, &why), GL_STATUS_OK);
    judge(trust, claim, GL_STATUS_PENDING);
    gl_trust_free(trust);
    trust = open_with(GL_TRUST_APPROVE);
    claim.certified_s = claim.now_s = NOW + 100;
    judge(trust, claim, GL_STATUS_PENDING);
    do_accept(trust, fingerprint_of(1), GL_STATUS_OK, false);
    judge(trust, claim, GL_STATUS_OK);
    ck_assert_uint_eq(trust->forgotten.count, 0);
    gl_trust_free(trust);
}
END_TEST

START_TEST(a_key_that_was_replaced_is_not_let_in_by_its_certificate)
{
    struct gl_trust *trust = open_with(GL_TRUST_APPROVE);
    struct gl_trust_claim claim = claim_of(1, "web1");
    claim.fixed_name = "web1";
    claim.certified = true;
    judge(trust, claim, GL_STATUS_OK);
    judge_fixed(trust, 2, "web1", GL_STATUS_KEY_MISMATCH);
    do_accept(trust, fingerprint_of(2), GL_STATUS_OK, true);
    claim.fixed_name = NULL;
    judge(trust, claim, GL_STATUS_PENDING);
    gl_trust_free(trust);
}
END_TEST

/* More than are kept: certificates of before then count for no key that is not known. */
START_TEST(many_forgotten_keys)
{
    struct gl_trust *trust = open_with(GL_TRUST_APPROVE);
    struct gl_trust_claim claim = claim_of(5000, "late");
    struct gl_why why;
    char fingerprint[GL_FINGERPRINT_SIZE];
    claim.certified = true;
    for (unsigned i = 0; i <= GL_FORGOTTEN_MAX; i++) {
        gl_key_fingerprint(key(i), fingerprint);
        gl_forgotten_add(&trust->forgotten, fingerprint, NOW + i);
    }
    ck_assert_uint_eq(trust->forgotten.count, GL_FORGOTTEN_MAX);
    ck_assert_int_eq(gl_trust_save(trust, &why), 0);
    gl_trust_free(trust);
    trust = open_with(GL_TRUST_APPROVE);
    ck_assert_uint_eq(trust->forgotten.count, GL_FORGOTTEN_MAX);
    claim.certified_s = NOW;
    judge(trust, claim, GL_STATUS_PENDING);
    claim.certified_s = NOW + 1;
    judge(trust, claim, GL_STATUS_OK);
    gl_trust_free(trust);
}
END_TEST

START_TEST(names_are_unique_and_stay_with_their_key)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    gl_trust_reserve(trust, (const char *const[]){"db", NULL});
    ck_assert_str_eq(judge(trust, claim_of(1, "web"), GL_STATUS_OK)->name, "web");
    ck_assert_str_eq(judge(trust, claim_of(2, "web"), GL_STATUS_OK)->name, "web-2");
    ck_assert_str_eq(judge(trust, claim_of(3, "WEB"), GL_STATUS_OK)->name, "WEB-3");
    ck_assert_str_eq(judge(trust, claim_of(4, "db"), GL_STATUS_OK)->name, "db-2");
    ck_assert_str_eq(judge(trust, claim_of(5, "../../x y\033[2J"), GL_STATUS_OK)->name, "x-y-2J");
    ck_assert_str_eq(judge(trust, claim_of(6, ""), GL_STATUS_OK)->name, "guest");
    ck_assert_str_eq(judge(trust, claim_of(7, "c"), GL_STATUS_OK)->name, "guest-c");
    ck_assert_str_eq(judge(trust, claim_of(1, "other"), GL_STATUS_OK)->name, "web");
    gl_trust_free(trust);
}
END_TEST

START_TEST(an_id_cannot_be_taken_as_a_name)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_trust_entry *one = judge(trust, claim_of(1, "web"), GL_STATUS_OK);
    struct gl_trust_entry *two = judge(trust, claim_of(2, one->id), GL_STATUS_OK);
    struct gl_why why;
    ck_assert_str_ne(two->name, one->id);
    ck_assert_ptr_eq(gl_trust_find(trust, one->id), one);
    ck_assert_int_eq(gl_trust_rename(trust, two, one->id, &why), GL_STATUS_INVALID);
    gl_trust_free(trust);
}
END_TEST

START_TEST(fixed_name_pins_one_key)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    gl_trust_reserve(trust, (const char *const[]){"web1", NULL});
    struct gl_trust_entry *entry = judge_fixed(trust, 1, "web1", GL_STATUS_OK);
    ck_assert_str_eq(entry->name, "web1");
    ck_assert_ptr_eq(judge_fixed(trust, 2, "web1", GL_STATUS_KEY_MISMATCH), entry);
    ck_assert_int_eq(gl_trust_shown(entry), GL__TRUST_STATE__TRUST_STATE_MISMATCH);
    ck_assert_uint_eq(trust->count, 1);
    judge_fixed(trust, 1, "web1", GL_STATUS_OK); /* the pinned one is let in all the time */

    struct gl_why why;
    ck_assert_int_eq(gl_trust_flush(trust, &why), 0);
    gl_trust_free(trust);
    trust = open_with(GL_TRUST_FIRST_USE);
    do_accept(trust, fingerprint_of(2), GL_STATUS_OK, true);
    judge_fixed(trust, 2, "web1", GL_STATUS_OK);
    entry = judge_fixed(trust, 1, "web1", GL_STATUS_KEY_MISMATCH);
    ck_assert_mem_eq(entry->key, key(2), GL_KEY_SIZE);
    gl_trust_free(trust);
}
END_TEST

START_TEST(an_offer_can_be_dismissed_or_taken_by_fingerprint)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    char offered[GL_FINGERPRINT_SIZE];
    struct gl_trust_entry *entry = judge_fixed(trust, 1, "web1", GL_STATUS_OK);
    judge_fixed(trust, 2, "web1", GL_STATUS_KEY_MISMATCH);
    do_accept(trust, entry->fingerprint, GL_STATUS_OK, false);
    ck_assert_int_eq(gl_trust_shown(entry), GL__TRUST_STATE__TRUST_STATE_ACCEPTED);
    ck_assert_mem_eq(entry->key, key(1), GL_KEY_SIZE);
    judge_fixed(trust, 2, "web1", GL_STATUS_KEY_MISMATCH);
    gl_key_fingerprint(key(2), offered);
    offered[16] = '\0';
    do_accept(trust, offered, GL_STATUS_OK, true);
    ck_assert_mem_eq(entry->key, key(2), GL_KEY_SIZE);
    ck_assert_str_eq(entry->id, offered);
    gl_trust_free(trust);
}
END_TEST

/* Whoever comes second must not be able to slip in between the look and the accept. */
START_TEST(two_pending_keys_are_not_accepted_by_name)
{
    struct gl_trust *trust = open_with(GL_TRUST_APPROVE);
    struct gl_trust_entry *entry = judge_fixed(trust, 1, "web1", GL_STATUS_PENDING);
    judge_fixed(trust, 2, "web1", GL_STATUS_KEY_MISMATCH);
    do_accept(trust, "web1", GL_STATUS_PRECONDITION, false);
    judge_fixed(trust, 1, "web1", GL_STATUS_PENDING);
    do_accept(trust, entry->id, GL_STATUS_OK, false);
    judge_fixed(trust, 1, "web1", GL_STATUS_OK);
    gl_trust_free(trust);
}
END_TEST

/* Nor between the look at an offered key and its acceptance. */
START_TEST(an_offered_key_is_not_accepted_by_name)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_trust_entry *entry = judge_fixed(trust, 1, "web1", GL_STATUS_OK);
    struct gl_why why;
    struct gl_trust_claim claim = claim_of(2, "");
    claim.fixed_name = "web1";
    ck_assert_int_eq(gl_trust_judge(trust, &claim, &entry, &why), GL_STATUS_KEY_MISMATCH);
    char command[128];
    snprintf(command, sizeof command, "guestlink trust accept %s", fingerprint_of(2));
    ck_assert_ptr_nonnull(strstr(why.text, command));
    ck_assert_ptr_nonnull(strstr(entry->reason, command));
    judge_fixed(trust, 3, "web1", GL_STATUS_KEY_MISMATCH);
    do_accept(trust, "web1", GL_STATUS_PRECONDITION, false);
    do_accept(trust, fingerprint_of(2), GL_STATUS_NOT_FOUND, false); /* it is not there any more */
    do_accept(trust, fingerprint_of(3), GL_STATUS_OK, true);
    ck_assert_mem_eq(entry->key, key(3), GL_KEY_SIZE);
    do_accept(trust, "web1", GL_STATUS_OK, false);
    gl_trust_free(trust);
}
END_TEST

/* A place that floods can have its keys dropped and take their names: then a name says nothing. */
START_TEST(a_name_of_a_crowded_place_is_not_enough)
{
    struct gl_trust *trust = open_with(GL_TRUST_APPROVE);
    struct gl_why why;
    judge(trust, claim_of(0, "web"), GL_STATUS_PENDING);
    for (unsigned n = 1; n < 9; n++) {
        struct gl_trust_claim claim = claim_of(n, "x");
        claim.now_s += n;
        judge(trust, claim, GL_STATUS_PENDING);
    }
    struct gl_trust_claim claim = claim_of(9, "web");
    claim.now_s += 9 + GL_TRUST_QUOTA_PERIOD;
    ck_assert_str_eq(judge(trust, claim, GL_STATUS_PENDING)->name, "web");
    ck_assert_int_eq(gl_trust_flush(trust, &why), 0);
    gl_trust_free(trust);
    trust = open_with(GL_TRUST_APPROVE);
    do_accept(trust, "web", GL_STATUS_PRECONDITION, false);
    do_accept(trust, fingerprint_of(9), GL_STATUS_OK, false);
    judge(trust, claim_of(9, "web"), GL_STATUS_OK);
    gl_trust_free(trust);
}
END_TEST

/* Only a key that is let in moves a name. */
START_TEST(a_key_that_is_kept_out_takes_no_name)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_why why;
    struct gl_trust_entry *holder = judge(trust, claim_of(1, "web1"), GL_STATUS_OK);
    struct gl_trust_entry *bad = judge(trust, claim_of(2, "bad"), GL_STATUS_OK);
    gl_trust_reserve(trust, (const char *const[]){"web1", NULL});
    ck_assert_int_eq(gl_trust_revoke(trust, bad, &why), GL_STATUS_OK);
    judge_fixed(trust, 2, "web1", GL_STATUS_REVOKED);
    ck_assert_str_eq(holder->name, "web1");
    ck_assert_str_eq(bad->name, "bad");
    ck_assert(!bad->fixed);
    do_accept(trust, "bad", GL_STATUS_OK, false);
    gl_trust_mark_duplicate(trust, bad, "vsock:4:601");
    judge_fixed(trust, 2, "web1", GL_STATUS_DUPLICATE_KEY);
    ck_assert_str_eq(holder->name, "web1");
    trust->policy = GL_TRUST_APPROVE;
    judge(trust, claim_of(3, "waits"), GL_STATUS_PENDING);
    judge_fixed(trust, 3, "web1", GL_STATUS_PENDING);
    ck_assert_str_eq(holder->name, "web1");
    /* Nor does it make an offer. */
    judge_fixed(trust, 1, "web1", GL_STATUS_OK);
    judge_fixed(trust, 2, "web1", GL_STATUS_DUPLICATE_KEY);
    ck_assert(!holder->has_offered);
    do_accept(trust, "waits", GL_STATUS_OK, false);
    judge_fixed(trust, 3, "web1", GL_STATUS_KEY_MISMATCH);
    gl_trust_free(trust);
}
END_TEST

START_TEST(configuration_wins_over_proposals)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_trust_entry *squatter = judge(trust, claim_of(1, "web1"), GL_STATUS_OK);
    gl_trust_reserve(trust, (const char *const[]){"web1", "web2", NULL});
    struct gl_trust_entry *fixed = judge_fixed(trust, 2, "web1", GL_STATUS_OK);
    ck_assert_str_eq(fixed->name, "web1");
    ck_assert_str_eq(squatter->name, "web1-2");
    /* A guest that was known by its own name comes by a named listener. */
    judge_fixed(trust, 1, "web2", GL_STATUS_OK);
    ck_assert_str_eq(squatter->name, "web2");
    /* The pinned key of one named place at another one: a copied image. */
    judge_fixed(trust, 1, "web1", GL_STATUS_KEY_MISMATCH);
    gl_trust_reserve(trust, (const char *const[]){"web1", "web2", "web3", NULL});
    judge_fixed(trust, 1, "web3", GL_STATUS_DUPLICATE_KEY);
    /* The configuration calls it otherwise now. */
    gl_trust_reserve(trust, (const char *const[]){"web1", "web3", NULL});
    judge_fixed(trust, 1, "web3", GL_STATUS_OK);
    ck_assert_str_eq(squatter->name, "web3");
    gl_trust_free(trust);
}
END_TEST

START_TEST(revoked_and_duplicate_keys_stay_out_until_accepted)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_why why;
    struct gl_trust_entry *entry = judge(trust, claim_of(1, "web"), GL_STATUS_OK);
    ck_assert_int_eq(gl_trust_revoke(trust, entry, &why), GL_STATUS_OK);
    judge(trust, claim_of(1, "web"), GL_STATUS_REVOKED);
    gl_trust_free(trust);
    trust = open_with(GL_TRUST_FIRST_USE);
    judge(trust, claim_of(1, "web"), GL_STATUS_REVOKED);
    do_accept(trust, "web", GL_STATUS_OK, false);
    entry = judge(trust, claim_of(1, "web"), GL_STATUS_OK);
    gl_trust_mark_duplicate(trust, entry, "vsock:4:601");
    judge(trust, claim_of(1, "web"), GL_STATUS_DUPLICATE_KEY);
    do_accept(trust, "web", GL_STATUS_OK, false);
    judge(trust, claim_of(1, "web"), GL_STATUS_OK);
    gl_trust_free(trust);
}
END_TEST

START_TEST(the_copys_new_key_settles_a_duplicate)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_trust_entry *old = judge(trust, claim_of(1, "web"), GL_STATUS_OK);
    gl_trust_mark_duplicate(trust, old, "vsock:4:601");
    struct gl_trust_claim claim = claim_of(2, "web");
    claim.old_key = key(1);
    struct gl_trust_entry *copy = judge(trust, claim, GL_STATUS_OK);
    ck_assert_ptr_ne(copy, old);
    ck_assert_str_eq(copy->name, "web-2"); /* no right of the old one */
    judge(trust, claim_of(1, "web"), GL_STATUS_OK);
    struct gl_why why;
    gl_trust_revoke(trust, old, &why); /* what an administrator decided is not undone by it */
    judge(trust, claim, GL_STATUS_OK);
    judge(trust, claim_of(1, "web"), GL_STATUS_REVOKED);
    gl_trust_free(trust);
}
END_TEST

START_TEST(one_place_cannot_bring_keys_without_end)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    for (unsigned n = 0; n < 8; n++)
        judge(trust, claim_of(n, "web"), GL_STATUS_OK);
    judge(trust, claim_of(8, "web"), GL_STATUS_LIMIT);
    ck_assert_uint_eq(trust->count, 8);
    struct gl_trust_claim elsewhere = claim_of(9, "db");
    elsewhere.place = "vsock:4";
    judge(trust, elsewhere, GL_STATUS_OK);
    judge(trust, claim_of(0, "web"), GL_STATUS_OK);
    struct gl_trust_claim later = claim_of(8, "web");
    later.now_s += GL_TRUST_QUOTA_PERIOD;
    judge(trust, later, GL_STATUS_OK);
    gl_trust_free(trust);
}
END_TEST

/* Entries as a file has them, since to judge so many would write each time. */
static struct gl_trust *open_filled(unsigned count, unsigned (*cid_of)(unsigned n))
{
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    fputs("{\"schema\":1,\"guests\":[", out);
    for (unsigned n = 0; n < count; n++)
        fprintf(out,
                "%s{\"name\":\"g%u\",\"fixed\":false,\"key\":\"%02x%02x%060d\",\"trust\":"
                "\"accepted\",\"first_use\":true,\"first_seen\":%u,\"last_seen\":%u,"
                "\"place\":\"vsock:%u\"}",
                n ? "," : "", n, n & 0xff, n >> 8, 0, 1000 + n, 1000 + n, cid_of(n));
    fputs("]}", out);
    fclose(out);
    return open_with(GL_TRUST_FIRST_USE);
}

static unsigned always_3(unsigned n)
{
    (void)n;
    return 3;
}

static unsigned mostly_7(unsigned n)
{
    return n % 1000 < 5 ? 7 : 100 + n % 1000;
}

/* Nor may it fill the store for everybody, however slowly. */
START_TEST(one_place_keeps_so_many_first_use_keys)
{
    struct gl_trust *trust = open_filled(GL_TRUST_FIRST_USE_MAX, always_3);
    struct gl_why why;
    gl_trust_touch(trust, gl_trust_find_key(trust, key(0)), NULL, 1000 + GL_TRUST_QUOTA_PERIOD);
    gl_trust_revoke(trust, gl_trust_find_key(trust, key(1)), &why);
    do_accept(trust, "g2", GL_STATUS_OK, false);
    /* Two are the administrator's now and do not count. */
    judge(trust, claim_of(300, "web"), GL_STATUS_OK);
    judge(trust, claim_of(301, "web"), GL_STATUS_OK);
    ck_assert_uint_eq(trust->count, GL_TRUST_FIRST_USE_MAX + 2);
    gl_trust_free(trust);
    trust = open_with(GL_TRUST_FIRST_USE);
    for (unsigned n = 302; n < 306; n++)
        judge(trust, claim_of(n, "web"), GL_STATUS_OK);
    ck_assert_uint_eq(trust->count, GL_TRUST_FIRST_USE_MAX + 2);
    for (unsigned n = 0; n < 3; n++) /* has come back; is revoked; is accepted */
        ck_assert_ptr_nonnull(gl_trust_find_key(trust, key(n)));
    for (unsigned n = 3; n < 7; n++)
        ck_assert_ptr_null(gl_trust_find_key(trust, key(n)));
    ck_assert_ptr_nonnull(gl_trust_find_key(trust, key(7)));
    judge_fixed(trust, 400, "db", GL_STATUS_OK); /* the configuration knows what it wants */
    ck_assert_uint_eq(trust->count, GL_TRUST_FIRST_USE_MAX + 3);
    gl_trust_free(trust);
}
END_TEST

static bool all_live(const struct gl_trust_entry *entry)
{
    (void)entry;
    return true;
}

START_TEST(guests_that_are_here_are_not_dropped_for_new_ones)
{
    struct gl_trust *trust = open_filled(GL_TRUST_FIRST_USE_MAX, always_3);
    trust->is_live = all_live;
    judge(trust, claim_of(300, "web"), GL_STATUS_LIMIT);
    struct gl_trust_claim elsewhere = claim_of(301, "db");
    elsewhere.place = "vsock:4";
    judge(trust, elsewhere, GL_STATUS_OK);
    judge(trust, claim_of(5, "web"), GL_STATUS_OK);
    gl_trust_free(trust);
}
END_TEST

START_TEST(a_full_store_drops_of_the_fullest_place)
{
    struct gl_trust *trust = open_filled(GL_TRUST_GUESTS_MAX, mostly_7);
    judge(trust, claim_of(256 * 20, "new"), GL_STATUS_OK);
    ck_assert_uint_eq(trust->count, GL_TRUST_GUESTS_MAX);
    ck_assert_ptr_null(gl_trust_find(trust, "g0"));
    ck_assert_ptr_nonnull(gl_trust_find(trust, "g1"));
    ck_assert_ptr_nonnull(gl_trust_find(trust, "g5"));
    gl_trust_free(trust);
}
END_TEST

START_TEST(pending_keys_are_bounded_and_the_oldest_of_the_place_goes)
{
    struct gl_trust *trust = open_with(GL_TRUST_APPROVE);
    for (unsigned n = 0; n < 20; n++) {
        struct gl_trust_claim claim = claim_of(n, "web");
        claim.now_s += n;
        judge(trust, claim, GL_STATUS_PENDING);
    }
    ck_assert_uint_eq(trust->count, 8);
    ck_assert_ptr_null(gl_trust_find_key(trust, key(11)));
    ck_assert_ptr_nonnull(gl_trust_find_key(trust, key(12)));
    gl_trust_free(trust);
}
END_TEST

START_TEST(rename_and_forget)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_why why;
    gl_trust_reserve(trust, (const char *const[]){"web1", NULL});
    struct gl_trust_entry *fixed = judge_fixed(trust, 1, "web1", GL_STATUS_OK);
    struct gl_trust_entry *entry = judge(trust, claim_of(2, "db"), GL_STATUS_OK);
    ck_assert_int_eq(gl_trust_rename(trust, entry, "WEB1", &why), GL_STATUS_EXISTS);
    ck_assert_int_eq(gl_trust_rename(trust, entry, "-x", &why), GL_STATUS_INVALID);
    ck_assert_int_eq(gl_trust_rename(trust, entry, "store", &why), GL_STATUS_OK);
    ck_assert_int_eq(gl_trust_rename(trust, entry, "STORE", &why), GL_STATUS_OK);
    ck_assert_int_eq(gl_trust_rename(trust, fixed, "web9", &why), GL_STATUS_PRECONDITION);
    ck_assert_int_eq(gl_trust_forget(trust, entry, NOW, &why), GL_STATUS_OK);
    ck_assert_ptr_null(gl_trust_find(trust, "STORE"));
    gl_trust_free(trust);
    trust = open_with(GL_TRUST_FIRST_USE);
    ck_assert_uint_eq(trust->count, 1);
    gl_trust_free(trust);
}
END_TEST

/* No rights are needed for this to fail: a directory is where the file would be. */
START_TEST(a_blocked_write_changes_nothing)
{
    struct gl_trust *trust = open_with(GL_TRUST_FIRST_USE);
    struct gl_trust_entry *entry = judge_fixed(trust, 1, "web1", GL_STATUS_OK);
    judge_fixed(trust, 2, "web1", GL_STATUS_KEY_MISMATCH);
    char aside[GL_SCRATCH_PATH + 64];
    struct gl_why why;
    snprintf(aside, sizeof aside, "%s.aside", path);
    ck_assert_int_eq(rename(path, aside), 0);
    gl_scratch_mkdir(path);
    judge(trust, claim_of(3, "db"), GL_STATUS_INTERNAL);
    do_accept(trust, fingerprint_of(2), GL_STATUS_INTERNAL, false);
    ck_assert_mem_eq(entry->key, key(1), GL_KEY_SIZE);
    ck_assert(entry->has_offered);
    ck_assert_int_eq(gl_trust_revoke(trust, entry, &why), GL_STATUS_INTERNAL);
    judge_fixed(trust, 1, "web1", GL_STATUS_OK);
    ck_assert_int_eq(gl_trust_forget(trust, entry, NOW, &why), GL_STATUS_INTERNAL);
    ck_assert_uint_eq(trust->forgotten.count, 0);
    ck_assert_uint_eq(trust->count, 1);
    gl_scratch_rmdir(path);
    ck_assert_int_eq(rename(aside, path), 0);
    gl_trust_free(trust);
}
END_TEST

static void write_store(const char *text)
{
    gl_scratch_put_text(path, text);
}

#define KEY1 "0100000000000000000000000000000000000000000000000000000000000000"
#define KEY2 "0200000000000000000000000000000000000000000000000000000000000000"
#define GUEST(name, k, more)                                                                       \
    "{\"name\":\"" name "\",\"fixed\":false,\"key\":\"" k "\",\"trust\":\"accepted\"" more "}"
#define STORE(guests) "{\"schema\":1,\"guests\":[" guests "]}"

START_TEST(a_damaged_store_is_refused_whole)
{
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{\"guests\":[]}",
        "{\"schema\":1}",
        "{\"schema\":1,\"schema\":1,\"guests\":[]}",
        STORE("1"),
        "{\"schema\":1,\"guests\":[],\"forgotten\":1}",
        "{\"schema\":1,\"guests\":[],\"forgotten\":[{\"fingerprint\":\"" KEY1 "\"}]}",
        "{\"schema\":1,\"guests\":[],\"forgotten\":[{\"fingerprint\":\"x\",\"at\":1}]}",
        "{\"schema\":1,\"guests\":[],\"issued_from\":-1}",
        STORE("{}"),
        STORE(GUEST("web", "01", "")),
        STORE(GUEST("web", KEY1, ",\"first_seen\":-1")),
        STORE(GUEST("web", KEY1, ",\"last_seen\":\"x\"")),
        STORE(GUEST("web", KEY1, ",\"offered\":\"zz\"")),
        STORE(GUEST("web", KEY1, ",\"place\":7")),
        STORE(GUEST("a b", KEY1, "")),
        STORE(GUEST("web", KEY1, "") "," GUEST("web", KEY2, "")),
        STORE(GUEST("web", KEY1, "") "," GUEST("db", KEY1, "")),
        STORE("{\"name\":\"web\",\"fixed\":false,\"key\":\"" KEY1 "\",\"trust\":\"maybe\"}"),
        STORE("{\"name\":\"web\",\"key\":\"" KEY1 "\",\"trust\":\"accepted\"}"),
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(wrong); i++) {
        struct gl_trust *trust = NULL;
        struct gl_why why = {""};
        write_store(wrong[i]);
        ck_assert_msg(gl_trust_open(path, GL_TRUST_FIRST_USE, &trust, &why) == UV_EINVAL, "%s",
                      wrong[i]);
        ck_assert_ptr_null(trust);
        ck_assert_msg(strstr(why.text, "guests.json"), "%s", why.text);
    }
    struct gl_trust *trust = NULL;
    struct gl_why why;
    write_store("{\"schema\":2,\"guests\":[]}"); /* not damaged: nobody is told to move it away */
    ck_assert_int_eq(gl_trust_open(path, GL_TRUST_FIRST_USE, &trust, &why), UV_ENOTSUP);
    write_store(STORE(GUEST("web", KEY1, "") "," GUEST("db", KEY2, ",\"first_seen\":5")));
    trust = open_with(GL_TRUST_APPROVE);
    judge(trust, claim_of(1, ""), GL_STATUS_OK);
    ck_assert_uint_eq(gl_trust_find(trust, "db")->first_seen, 5);
    gl_trust_free(trust);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("trust");
    TCase *tcase = tcase_create("trust");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, first_use_pins_and_remembers);
    tcase_add_test(tcase, approve_waits_for_accept);
    tcase_add_test(tcase, a_certificate_of_the_site_needs_no_approval);
    tcase_add_test(tcase, a_forgotten_key_is_not_let_in_by_its_certificate);
    tcase_add_test(tcase, a_key_that_was_replaced_is_not_let_in_by_its_certificate);
    tcase_add_test(tcase, many_forgotten_keys);
    tcase_add_test(tcase, names_are_unique_and_stay_with_their_key);
    tcase_add_test(tcase, an_id_cannot_be_taken_as_a_name);
    tcase_add_test(tcase, fixed_name_pins_one_key);
    tcase_add_test(tcase, an_offer_can_be_dismissed_or_taken_by_fingerprint);
    tcase_add_test(tcase, two_pending_keys_are_not_accepted_by_name);
    tcase_add_test(tcase, an_offered_key_is_not_accepted_by_name);
    tcase_add_test(tcase, a_name_of_a_crowded_place_is_not_enough);
    tcase_add_test(tcase, a_key_that_is_kept_out_takes_no_name);
    tcase_add_test(tcase, configuration_wins_over_proposals);
    tcase_add_test(tcase, revoked_and_duplicate_keys_stay_out_until_accepted);
    tcase_add_test(tcase, the_copys_new_key_settles_a_duplicate);
    tcase_add_test(tcase, one_place_cannot_bring_keys_without_end);
    tcase_add_test(tcase, one_place_keeps_so_many_first_use_keys);
    tcase_add_test(tcase, guests_that_are_here_are_not_dropped_for_new_ones);
    tcase_add_test(tcase, a_full_store_drops_of_the_fullest_place);
    tcase_add_test(tcase, pending_keys_are_bounded_and_the_oldest_of_the_place_goes);
    tcase_add_test(tcase, rename_and_forget);
    tcase_add_test(tcase, a_blocked_write_changes_nothing);
    tcase_add_test(tcase, a_damaged_store_is_refused_whole);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
