/* SPDX-License-Identifier: MIT */
/* What guests are called on a host whose hypervisor names its machines. */
#include "trust.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "log.h"
#include "scratch.h"
#include "unit.h"

#define NOW 1700000000u

static char directory[GL_SCRATCH_PATH], path[GL_SCRATCH_PATH + 32];
static struct gl_trust *trust;
static unsigned renames;
static struct gl_machine machines[8];
static size_t n_machines;

static void on_rename(void *ctx, struct gl_trust_entry *entry)
{
    ck_assert_ptr_eq(ctx, &renames);
    ck_assert_ptr_nonnull(entry);
    renames++;
}

static void open_store(void)
{
    struct gl_why why;
    int err = gl_trust_open(path, GL_TRUST_FIRST_USE, &trust, &why);
    ck_assert_msg(err == 0, "%s", why.text);
    trust->on_rename = on_rename;
    trust->ctx = &renames;
}

static void open_again(void)
{
    struct gl_why why;
    ck_assert_int_eq(gl_trust_flush(trust, &why), 0);
    gl_trust_free(trust);
    open_store();
}

static void setup(void)
{
    gl_scratch_new(directory, "vm-names");
    snprintf(path, sizeof path, "%s/guests.json", directory);
    ck_assert_int_eq(gl_key_global_init(), 0);
    gl_log_set_level(GL_LOG_ERROR);
    n_machines = 0;
    renames = 0;
    open_store();
}

static void teardown(void)
{
    gl_trust_free(trust);
    gl_scratch_remove(directory);
}

/* ------------------------------------------------------------------ what happens */

static struct gl_guid id_of(unsigned number)
{
    struct gl_guid id = {{0xAA}};
    id.bytes[15] = (uint8_t)number;
    return id;
}

/* The hypervisor has this machine too. */
static void add(unsigned id, const char *name)
{
    machines[n_machines] = (struct gl_machine){.id = id_of(id), .state = GL_MACHINE_RUNNING};
    strcpy(machines[n_machines++].name, name);
}

static void announce(void)
{
    gl_trust_set_vms(trust, machines, n_machines);
}

static struct gl_trust_entry *come(unsigned key, unsigned machine, const char *proposal,
                                   enum gl_status expected)
{
    static uint8_t keys[256][GL_KEY_SIZE];
    struct gl_guid id = id_of(machine);
    struct gl_trust_entry *entry = NULL;
    struct gl_why why = {""};
    keys[key][0] = (uint8_t)key;
    const struct gl_trust_claim claim = {
        .key = keys[key],
        .vm = machine ? &id : NULL,
        .proposal = proposal,
        .place = "hvsock:x:1007",
        .quota = 64,
        .address = "hvsock:x:1007",
        .software = "guestlink-agent 0.1.0",
        .now_s = NOW,
    };
    enum gl_status status = gl_trust_judge(trust, &claim, &entry, &why);
    ck_assert_msg(status == expected, "%s: %s", gl_status_name(status), why.text);
    return entry;
}

static struct gl_trust_entry *comes_as(unsigned key, unsigned machine, const char *proposal,
                                       const char *name)
{
    struct gl_trust_entry *entry = come(key, machine, proposal, GL_STATUS_OK);
    ck_assert_str_eq(entry->name, name);
    return entry;
}

static const char *name_of(unsigned machine)
{
    struct gl_guid id = id_of(machine);
    return gl_trust_find_vm(trust, &id)->name;
}

/* ------------------------------------------------------------------ tests */

START_TEST(the_hypervisors_name_wins_over_the_proposal)
{
    add(1, "My VM");
    announce();
    struct gl_trust_entry *entry = comes_as(1, 1, "web1", "My VM");
    ck_assert(entry->fixed && entry->has_vm && entry->vm_there && !entry->first_use);
    ck_assert_ptr_eq(gl_trust_find(trust, "My VM"), entry);
    ck_assert_ptr_null(gl_trust_find(trust, "web1"));
    open_again(); /* also while the hypervisor is silent */
    entry = comes_as(1, 1, "web1", "My VM");
    ck_assert(!entry->vm_there);
}
END_TEST

START_TEST(a_machine_that_is_not_known_is_called_as_it_proposes)
{
    add(1, "My VM");
    announce();
    struct gl_trust_entry *entry = comes_as(1, 2, "web1", "web1");
    ck_assert(!entry->fixed && !entry->has_vm);
    comes_as(2, 0, "My VM", "My-VM");
}
END_TEST

/* Neither a machine with an agent nor one without. */
START_TEST(no_guest_gets_a_machines_name_by_proposing_it)
{
    add(1, "db");
    add(2, "web");
    announce();
    comes_as(1, 1, "x", "db");
    comes_as(2, 0, "db", "db-2");
    comes_as(3, 0, "WEB", "WEB-2");
    comes_as(4, 9, "web", "web-3");
}
END_TEST

START_TEST(a_proposal_that_had_the_name_yields)
{
    struct gl_trust_entry *squatter = comes_as(1, 0, "db", "db");
    comes_as(2, 0, "db-2", "db-2");
    add(1, "DB");
    announce();
    ck_assert_str_eq(name_of(1), "DB");
    ck_assert_str_eq(squatter->name, "db-3");
    ck_assert_uint_eq(renames, 1);
    comes_as(3, 1, "x", "DB");
    comes_as(1, 0, "db", "db-3");
}
END_TEST

START_TEST(another_key_from_the_same_machine_is_refused)
{
    add(1, "My VM");
    announce();
    struct gl_trust_entry *entry = comes_as(1, 1, "x", "My VM");
    ck_assert_ptr_eq(come(2, 1, "x", GL_STATUS_KEY_MISMATCH), entry);
    ck_assert(entry->has_offered);
    /* Nor when the hypervisor is silent, nor when the machine has got another name. */
    open_again();
    come(2, 1, "x", GL_STATUS_KEY_MISMATCH);
    strcpy(machines[0].name, "Other");
    announce();
    come(2, 1, "x", GL_STATUS_KEY_MISMATCH);
    /* The administrator can take it; the machine's name goes with it. */
    struct gl_trust_entry *taken;
    struct gl_why why;
    char offered[GL_FINGERPRINT_SIZE];
    bool swapped;
    gl_key_fingerprint(gl_trust_find(trust, "Other")->offered, offered);
    ck_assert_int_eq(gl_trust_accept(trust, offered, &taken, &swapped, &why), GL_STATUS_OK);
    comes_as(2, 1, "x", "Other");
}
END_TEST

START_TEST(a_key_of_another_machine_is_a_copy)
{
    add(1, "origin");
    add(2, "clone");
    announce();
    struct gl_trust_entry *entry = comes_as(1, 1, "x", "origin");
    come(1, 2, "x", GL_STATUS_DUPLICATE_KEY);
    ck_assert_str_eq(entry->name, "origin");
    /* But a machine may get another id: imported anew, for one. */
    machines[0] = machines[1];
    n_machines = 1;
    announce();
    comes_as(1, 2, "x", "clone");
    ck_assert_uint_eq(trust->count, 1);
}
END_TEST

START_TEST(two_machines_of_one_name)
{
    add(2, "web");
    add(1, "Web");
    announce();
    ck_assert_str_eq(name_of(1), "Web");
    ck_assert_str_eq(name_of(2), "web-2");
    struct gl_trust_entry *two = comes_as(2, 2, "a", "web-2"), *one = comes_as(1, 1, "b", "Web");
    /* Both stay, in whatever order they are told and whoever is new. */
    struct gl_machine first = machines[0];
    machines[0] = machines[1];
    machines[1] = first;
    struct gl_guid least = {{0}};
    add(3, "web");
    machines[2].id = least;
    announce();
    ck_assert_str_eq(one->name, "Web");
    ck_assert_str_eq(two->name, "web-2");
    ck_assert_str_eq(gl_trust_find_vm(trust, &least)->name, "web-3");
    ck_assert_uint_eq(renames, 0);
    /* One that really is called so has the right to it. */
    add(4, "web-2");
    announce();
    ck_assert_str_eq(name_of(4), "web-2");
    ck_assert_str_ne(two->name, "web-2");
    comes_as(4, 4, "x", "web-2");
}
END_TEST

START_TEST(a_rename_is_followed)
{
    add(1, "old name");
    announce();
    struct gl_trust_entry *entry = comes_as(1, 1, "x", "old name");
    strcpy(machines[0].name, "new name");
    announce();
    ck_assert_str_eq(entry->name, "new name");
    ck_assert_ptr_null(gl_trust_find(trust, "old name"));
    ck_assert_uint_eq(renames, 1);
    comes_as(2, 0, "new-name", "new-name");
    announce();
    ck_assert_uint_eq(renames, 1);
    open_again();
    ck_assert_str_eq(comes_as(1, 1, "x", "new name")->name, "new name");
}
END_TEST

START_TEST(a_rename_to_a_name_in_use)
{
    add(1, "one");
    add(2, "two");
    announce();
    struct gl_trust_entry *one = comes_as(1, 1, "x", "one"), *two = comes_as(2, 2, "x", "two");
    strcpy(machines[1].name, "one"); /* who has it keeps it */
    announce();
    ck_assert_str_eq(one->name, "one");
    ck_assert_str_eq(two->name, "one-2");
    strcpy(machines[0].name, "three"); /* now it is free */
    announce();
    ck_assert_str_eq(one->name, "three");
    ck_assert_str_eq(two->name, "one");
    strcpy(machines[0].name, "one"); /* exchanged at a stroke */
    strcpy(machines[1].name, "three");
    announce();
    ck_assert_str_eq(one->name, "one");
    ck_assert_str_eq(two->name, "three");
    struct gl_trust_entry *proposer = comes_as(3, 0, "four", "four");
    strcpy(machines[1].name, "four");
    announce();
    ck_assert_str_eq(two->name, "four");
    ck_assert_str_eq(proposer->name, "four-2");
}
END_TEST

START_TEST(a_machine_that_is_removed)
{
    add(1, "web");
    announce();
    struct gl_trust_entry *entry = comes_as(1, 1, "x", "web");
    n_machines = 0;
    announce(); /* its guest may be connected still */
    ck_assert_str_eq(entry->name, "web");
    ck_assert(!entry->vm_there);
    comes_as(2, 0, "web", "web-2");
    come(3, 1, "web", GL_STATUS_KEY_MISMATCH);
    /* A new machine of that name is what the hypervisor calls so now. */
    add(5, "web");
    announce();
    ck_assert_str_eq(name_of(5), "web");
    ck_assert_str_eq(entry->name, "web-3");
    comes_as(5, 5, "x", "web");
    /* When the old one is back, the name is not free any more. */
    add(1, "web");
    announce();
    ck_assert_str_eq(entry->name, "web-3");
    ck_assert_str_eq(name_of(5), "web");
}
END_TEST

START_TEST(the_configuration_is_above_the_hypervisor)
{
    static const char *const reserved[] = {"web", NULL};
    uint8_t key[GL_KEY_SIZE] = {77};
    struct gl_guid id = id_of(2);
    struct gl_trust_entry *entry;
    struct gl_why why;
    gl_trust_reserve(trust, reserved);
    add(1, "WEB");
    add(2, "other");
    announce();
    comes_as(1, 1, "x", "WEB-2");
    struct gl_trust_claim claim = {.key = key,
                                   .fixed_name = "web",
                                   .vm = &id,
                                   .place = "p",
                                   .quota = 8,
                                   .address = "a",
                                   .software = "",
                                   .now_s = NOW};
    ck_assert_int_eq(gl_trust_judge(trust, &claim, &entry, &why), GL_STATUS_OK);
    ck_assert_str_eq(entry->name, "web");
    ck_assert(!entry->has_vm);
    claim.fixed_name = NULL; /* the same guest at another door */
    ck_assert_int_eq(gl_trust_judge(trust, &claim, &entry, &why), GL_STATUS_OK);
    ck_assert_str_eq(entry->name, "web");
}
END_TEST

START_TEST(who_came_before_the_hypervisor_spoke)
{
    struct gl_trust_entry *entry = comes_as(1, 1, "web1", "web1");
    struct gl_trust_entry *second = comes_as(2, 1, "web1", "web1-2");
    struct gl_guid id = id_of(1), unknown = id_of(9);
    add(1, "My VM");
    announce();
    gl_trust_adopt(trust, entry, &unknown);
    ck_assert_str_eq(entry->name, "web1");
    gl_trust_adopt(trust, entry, &id);
    ck_assert_str_eq(entry->name, "My VM");
    gl_trust_adopt(trust, second, &id); /* one key a machine */
    ck_assert_str_eq(second->name, "web1-2");
    come(2, 1, "web1", GL_STATUS_KEY_MISMATCH);
}
END_TEST

START_TEST(renamed_by_the_hypervisor_alone)
{
    struct gl_why why;
    add(1, "My VM");
    add(2, "silent");
    announce();
    struct gl_trust_entry *entry = comes_as(1, 1, "x", "My VM");
    struct gl_trust_entry *other = comes_as(2, 0, "other", "other");
    ck_assert_int_eq(gl_trust_rename(trust, entry, "mine", &why), GL_STATUS_PRECONDITION);
    ck_assert_int_eq(gl_trust_rename(trust, other, "silent", &why), GL_STATUS_EXISTS);
    n_machines = 0;
    announce();
    ck_assert_int_eq(gl_trust_rename(trust, entry, "mine", &why), GL_STATUS_OK);
    open_again();
    comes_as(1, 1, "x", "mine");
}
END_TEST

/* What is written down is read back, whatever a machine is called. */
START_TEST(odd_names)
{
    static const char *const cases[][2] = {
        {"-rf", "vm--rf"},
        {"C", "vm-C"},
        {"C:\\x", "C--x"},
        {" a\tb ", "a-b"},
        {"0123456789abcdef", "vm-0123456789abcdef"},
        {"M\xc3\xbcller's \"VM\" (1)", "M\xc3\xbcller's \"VM\" (1)"},
        {"\x1b[31mred", "vm--[31mred"},
        {"a\xe2\x80\xae"
         "b",
         "a-b"},
        {"a\xe2\x80\x8b"
         "c",
         "a-c"},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        n_machines = 0;
        add((unsigned)i + 1, cases[i][0]);
        announce();
        struct gl_trust_entry *entry = comes_as((unsigned)i + 1, (unsigned)i + 1, "x", cases[i][1]);
        ck_assert(!gl_name_vms || !gl_name_ref_fault(entry->name));
        open_again();
        ck_assert_ptr_nonnull(gl_trust_find(trust, cases[i][1]));
    }
}
END_TEST

/* Of the processor: what others do on this machine does not count. */
static uint64_t used_ms(void)
{
    uv_rusage_t usage;
    ck_assert_int_eq(uv_getrusage(&usage), 0);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* A store as full as it can be, each guest in a machine of its own. */
static struct gl_machine *fill(void)
{
    struct gl_machine *all = GL_NEW0_ARRAY(struct gl_machine, GL_MACHINES_MAX);
    for (unsigned i = 0; i < GL_MACHINES_MAX; i++) {
        uint8_t key[GL_KEY_SIZE] = {1, (uint8_t)(i >> 8), (uint8_t)i};
        struct gl_trust_entry *entry = gl_trust_entry_new(key);
        all[i].id.bytes[0] = (uint8_t)i;
        all[i].id.bytes[1] = (uint8_t)(i >> 8);
        all[i].state = GL_MACHINE_OFF;
        snprintf(all[i].name, sizeof all[i].name, "virtual machine number %u", i);
        snprintf(entry->name, sizeof entry->name, "guest%u", i);
        entry->fixed = entry->has_vm = true;
        entry->vm = all[i].id;
        entry->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
        gl_trust_append(trust, entry);
        trust->count++;
    }
    return all;
}

/* The links of all guests stand still meanwhile: that a machine starts must cost nothing. */
START_TEST(a_full_store_and_machines_that_start_and_stop)
{
    struct gl_machine *all = fill();
    uint64_t start = used_ms();
    gl_trust_set_vms(trust, all, GL_MACHINES_MAX);
    ck_assert_uint_lt(used_ms() - start, 2000);
    ck_assert_uint_eq(renames, GL_MACHINES_MAX);
    struct gl_trust_entry *entry = gl_trust_find(trust, "virtual machine number 77");
    start = used_ms();
    for (unsigned n = 0; n < 20; n++) {
        all[77].state = n % 2 ? GL_MACHINE_PAUSED : GL_MACHINE_RUNNING;
        gl_trust_set_vms(trust, all, GL_MACHINES_MAX);
        ck_assert_int_eq(entry->vm_state, all[77].state);
        ck_assert_int_eq(gl_trust_find_vm(trust, &all[77].id)->state, all[77].state);
        ck_assert_int_eq(gl_trust_find_vm(trust, &all[78].id)->state, GL_MACHINE_OFF);
    }
    ck_assert_uint_lt(used_ms() - start, 2000);
    ck_assert_uint_eq(renames, GL_MACHINES_MAX);
    gl_free(all);
}
END_TEST

/* The names that the configuration gives away are others: it does not matter that the machines are
 * the same. */
START_TEST(names_are_weighed_again_after_a_reload)
{
    add(1, "web");
    announce();
    struct gl_trust_entry *entry = comes_as(1, 1, "x", "web");
    gl_trust_reserve(trust, (const char *const[]){"web", NULL});
    announce();
    ck_assert_str_eq(name_of(1), "web-2");
    ck_assert_str_eq(entry->name, "web-2");
    gl_trust_reserve(trust, (const char *const[]){NULL});
    announce();
    ck_assert_str_eq(entry->name, "web");
}
END_TEST

/* Nobody means it, but whoever makes machines by a script may call them all alike: the daemon must
 * not stand still for that. */
START_TEST(as_many_as_there_can_be_and_all_of_one_name)
{
    struct gl_machine *all = GL_NEW0_ARRAY(struct gl_machine, GL_MACHINES_MAX);
    for (unsigned i = 0; i < GL_MACHINES_MAX; i++) {
        all[i].id.bytes[0] = (uint8_t)(i >> 8);
        all[i].id.bytes[1] = (uint8_t)i;
        strcpy(all[i].name, i % 2 ? "web server" : "Web Server");
    }
    uint64_t start = used_ms();
    gl_trust_set_vms(trust, all, GL_MACHINES_MAX);
    ck_assert_uint_lt(used_ms() - start, 2000);
    ck_assert_str_eq(gl_trust_find_vm(trust, &all[0].id)->name, "Web Server");
    ck_assert_str_eq(gl_trust_find_vm(trust, &all[1].id)->name, "web server-2");
    ck_assert_str_eq(gl_trust_find_vm(trust, &all[4095].id)->name, "web server-4096");
    gl_free(all);
}
END_TEST

static bool is_first(const struct gl_trust_entry *entry)
{
    return entry->number == 1;
}

/* Machines that come and go do not fill the store for good; guests that are here stay, and all of
 * them while the hypervisor says nothing. */
START_TEST(guests_of_removed_machines_make_room)
{
    uint8_t key[GL_KEY_SIZE] = {9, 9, 9};
    trust->is_live = is_first;
    for (unsigned i = 0; i < GL_TRUST_GUESTS_MAX; i++) {
        uint8_t some[GL_KEY_SIZE] = {1, (uint8_t)(i >> 8), (uint8_t)i};
        struct gl_trust_entry *entry = gl_trust_entry_new(some);
        snprintf(entry->name, sizeof entry->name, "g%u", i);
        entry->fixed = entry->has_vm = true;
        entry->vm = id_of(200);
        entry->vm.bytes[1] = some[1];
        entry->vm.bytes[2] = some[2];
        entry->state = GL__TRUST_STATE__TRUST_STATE_ACCEPTED;
        entry->last_seen = NOW + i;
        gl_trust_append(trust, entry);
        trust->count++;
    }
    struct gl_guid id = id_of(1);
    struct gl_trust_entry *entry;
    struct gl_why why;
    const struct gl_trust_claim claim = {.key = key,
                                         .vm = &id,
                                         .place = "p",
                                         .quota = 8,
                                         .address = "a",
                                         .software = "",
                                         .now_s = NOW};
    ck_assert_int_eq(gl_trust_judge(trust, &claim, &entry, &why), GL_STATUS_LIMIT);
    add(1, "new");
    announce();
    ck_assert_int_eq(gl_trust_judge(trust, &claim, &entry, &why), GL_STATUS_OK);
    ck_assert_str_eq(entry->name, "new");
    ck_assert_ptr_nonnull(gl_trust_find(trust, "g0"));
    ck_assert_ptr_null(gl_trust_find(trust, "g1"));
    ck_assert_ptr_nonnull(gl_trust_find(trust, "g2"));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("vm-names");
    TCase *tcase = tcase_create("vm-names");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_hypervisors_name_wins_over_the_proposal);
    tcase_add_test(tcase, a_machine_that_is_not_known_is_called_as_it_proposes);
    tcase_add_test(tcase, no_guest_gets_a_machines_name_by_proposing_it);
    tcase_add_test(tcase, a_proposal_that_had_the_name_yields);
    tcase_add_test(tcase, another_key_from_the_same_machine_is_refused);
    tcase_add_test(tcase, a_key_of_another_machine_is_a_copy);
    tcase_add_test(tcase, two_machines_of_one_name);
    tcase_add_test(tcase, a_rename_is_followed);
    tcase_add_test(tcase, a_rename_to_a_name_in_use);
    tcase_add_test(tcase, a_machine_that_is_removed);
    tcase_add_test(tcase, the_configuration_is_above_the_hypervisor);
    tcase_add_test(tcase, who_came_before_the_hypervisor_spoke);
    tcase_add_test(tcase, renamed_by_the_hypervisor_alone);
    tcase_add_test(tcase, odd_names);
    tcase_add_test(tcase, a_full_store_and_machines_that_start_and_stop);
    tcase_add_test(tcase, names_are_weighed_again_after_a_reload);
    tcase_add_test(tcase, as_many_as_there_can_be_and_all_of_one_name);
    tcase_add_test(tcase, guests_of_removed_machines_make_room);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
