/* SPDX-License-Identifier: MIT */
/* The daemon with a hypervisor of the test's own: who is found by which name, and what is said. */
#include "vms.h"

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "guest.h"
#include "log.h"
#include "scratch.h"
#include "session.h"
#include "transport-memory.h"
#include "unit-loop.h"

#define OWN_UID 990

static char directory[GL_SCRATCH_PATH], path[GL_SCRATCH_PATH + 32];
static struct gl_daemon daemon_;
static struct gl_settings settings;
static struct gl_user root = {.uid = 0, .name = "root"};
static uv_mutex_t lock; /* of the two below: the source is asked on another thread */
static struct gl_machine present[4];
static size_t n_present;

static int open_it(void **ret_state)
{
    *ret_state = &lock;
    return 0;
}

static int list(void *state, struct gl_machine **ret_items, size_t *ret_n)
{
    ck_assert_ptr_eq(state, &lock);
    uv_mutex_lock(&lock);
    *ret_items = gl_memdup(present, sizeof present);
    *ret_n = n_present;
    uv_mutex_unlock(&lock);
    return 0;
}

static void close_it(void *state)
{
    ck_assert_ptr_eq(state, &lock);
}

static const struct gl_machines_source source = {open_it, list, close_it};

static void setup(void)
{
    static cfg_opt_t options[] = {CFG_SEC("allow", gl_rules_options, CFGF_MULTI), CFG_END()};
    struct gl_why why;
    gl_unit_loop_setup();
    uv_ref((uv_handle_t *)&gl_unit_heart); /* as the daemon's handles keep its loop going */
    gl_log_set_level(GL_LOG_ERROR);
    gl_scratch_new(directory, "vms");
    snprintf(path, sizeof path, "%s/guests.json", directory);
    ck_assert_int_eq(gl_key_global_init(), 0);
    ck_assert_int_eq(uv_mutex_init(&lock), 0);
    memset(&daemon_, 0, sizeof daemon_);
    memset(&settings, 0, sizeof settings);
    cfg_t *cfg = cfg_init(options, CFGF_NONE);
    ck_assert_int_eq(cfg_parse_buf(cfg, "allow { user = someone guest = \"db*\" }"), CFG_SUCCESS);
    settings.rules = gl_rules_new(cfg, OWN_UID);
    settings.resume_ms = 60000;
    cfg_free(cfg);
    daemon_.loop = &loop;
    daemon_.settings = &settings;
    gl_list_init(&daemon_.sessions);
    gl_list_init(&daemon_.waiters);
    gl_list_init(&daemon_.watchers);
    gl_list_init(&daemon_.clients);
    ck_assert_int_eq(gl_trust_open(path, GL_TRUST_FIRST_USE, &daemon_.trust, &why), 0);
    daemon_.trust->ctx = &daemon_;
    n_present = 0;
    root.uid = OWN_UID; /* who may see all */
}

static void teardown(void)
{
    gl_vms_stop(&daemon_);
    gl_guests_free(&daemon_);
    gl_trust_free(daemon_.trust);
    gl_rules_free((struct gl_rules *)(uintptr_t)settings.rules);
    gl_scratch_remove(directory);
    uv_unref((uv_handle_t *)&gl_unit_heart);
    uv_run(&loop, UV_RUN_DEFAULT);
    gl_unit_loop_teardown();
    uv_mutex_destroy(&lock);
}

/* ------------------------------------------------------------------ what happens */

static struct gl_guid id_of(unsigned number)
{
    struct gl_guid id = {{0xAA}};
    id.bytes[15] = (uint8_t)number;
    return id;
}

static void add(unsigned id, const char *name, enum gl_machine_state state)
{
    uv_mutex_lock(&lock);
    present[n_present] = (struct gl_machine){.id = id_of(id), .state = state};
    strcpy(present[n_present++].name, name);
    uv_mutex_unlock(&lock);
}

static struct gl_trust_entry *come_by(unsigned number, unsigned machine, const char *proposal,
                                      const char *fixed_name, enum gl_status expected)
{
    static uint8_t keys[8][GL_KEY_SIZE];
    struct gl_guid id = id_of(machine);
    struct gl_trust_entry *entry = NULL;
    struct gl_why why;
    keys[number][0] = (uint8_t)number;
    const struct gl_trust_claim claim = {.key = keys[number],
                                         .vm = &id,
                                         .fixed_name = fixed_name,
                                         .proposal = proposal,
                                         .place = "p",
                                         .quota = 8,
                                         .address = "a",
                                         .software = "",
                                         .now_s = 1700000000u};
    ck_assert_int_eq(gl_trust_judge(daemon_.trust, &claim, &entry, &why), expected);
    return entry;
}

static struct gl_trust_entry *come(unsigned number, unsigned machine, const char *proposal)
{
    return come_by(number, machine, proposal, NULL, GL_STATUS_OK);
}

static void open_again(void)
{
    struct gl_why why;
    ck_assert_int_eq(gl_trust_flush(daemon_.trust, &why), 0);
    gl_trust_free(daemon_.trust);
    ck_assert_int_eq(gl_trust_open(path, GL_TRUST_FIRST_USE, &daemon_.trust, &why), 0);
    daemon_.trust->ctx = &daemon_;
}

static enum gl_status resolve(const struct gl_user *user, const char *ref, enum gl_guest_lookup how,
                              struct gl_why *why)
{
    struct gl_trust_entry *entry;
    why->text[0] = '\0';
    return gl_guest_resolve(&daemon_, user, ref, how, &entry, why);
}

/* ------------------------------------------------------------------ tests */

START_TEST(a_machine_without_an_agent_is_no_riddle)
{
    struct gl_why why;
    add(1, "My VM", GL_MACHINE_RUNNING);
    add(2, "db 1", GL_MACHINE_OFF);
    gl_vms_start(&daemon_, &source);
    ck_assert_int_eq(resolve(&root, "My VM", GL_LOOKUP_EXACT, &why), GL_STATUS_NOT_FOUND);
    gl_unit_run_until(daemon_.trust->n_vms == 2);
    ck_assert_int_eq(resolve(&root, "My VM", GL_LOOKUP_EXACT, &why), GL_STATUS_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "'My VM'"));
    ck_assert_ptr_nonnull(strstr(why.text, "install and start guestlink-agent"));
    ck_assert_int_eq(resolve(&root, "db 1", GL_LOOKUP_PREFIX, &why), GL_STATUS_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "is off: start it"));
    /* Who may not see it learns nothing of it. */
    struct gl_user someone = {.uid = 12345, .name = "someone"};
    ck_assert_int_eq(resolve(&someone, "My VM", GL_LOOKUP_EXACT, &why), GL_STATUS_NOT_FOUND);
    /* Its guest's name once there is one. */
    come(1, 1, "x");
    ck_assert_int_eq(resolve(&root, "My VM", GL_LOOKUP_EXACT, &why), GL_STATUS_OK);
}
END_TEST

START_TEST(only_silent_machines_are_listed_apart)
{
    add(2, "two", GL_MACHINE_SAVED);
    add(1, "one", GL_MACHINE_RUNNING);
    add(3, "three", GL_MACHINE_PAUSED);
    gl_vms_start(&daemon_, &source);
    gl_unit_run_until(daemon_.trust->n_vms == 3);
    struct gl_trust_entry *entry = come(1, 2, "x");
    const struct gl_trust_vm *vm = gl_vms_next_silent(&daemon_, NULL);
    ck_assert_str_eq(vm->name, "one");
    struct gl_guid id = vm->id;
    vm = gl_vms_next_silent(&daemon_, &id);
    ck_assert_str_eq(vm->name, "three");
    id = vm->id;
    ck_assert_ptr_null(gl_vms_next_silent(&daemon_, &id));
    /* And what the hypervisor says is told of guests too. */
    Gl__Guest guest;
    struct gl_guest_buffer buffer;
    gl_guest_describe(entry, &guest, &buffer);
    ck_assert_str_eq(guest.name, "two");
    ck_assert_str_eq(guest.vm, "aa000000-0000-0000-0000-000000000002");
    ck_assert_int_eq(guest.machine, GL__MACHINE_STATE__MACHINE_STATE_SAVED);
    ck_assert_int_eq(guest.state, GL__GUEST_STATE__GUEST_STATE_GONE);
}
END_TEST

/* It has another name than its machine, and is that machine's agent all the same. */
START_TEST(a_machine_whose_guest_the_configuration_names_is_not_silent)
{
    struct gl_why why;
    add(1, "web", GL_MACHINE_RUNNING);
    add(2, "My VM", GL_MACHINE_RUNNING);
    add(3, "other", GL_MACHINE_RUNNING);
    gl_trust_reserve(daemon_.trust, (const char *const[]){"web", "db", NULL});
    gl_trust_set_vms(daemon_.trust, present, n_present);
    come(2, 2, "x"); /* before it was configured */
    struct gl_trust_entry *web = come_by(1, 1, "x", "web", GL_STATUS_OK);
    struct gl_trust_entry *db = come_by(2, 2, "x", "db", GL_STATUS_OK);
    ck_assert(!web->has_vm && !db->has_vm);
    ck_assert_str_eq(gl_vms_next_silent(&daemon_, NULL)->name, "other");
    ck_assert_int_eq(resolve(&root, "web-2", GL_LOOKUP_EXACT, &why), GL_STATUS_NOT_FOUND);
    /* Nor after a start, when it has not come yet. */
    open_again();
    ck_assert_ptr_null(gl_vms_next_silent(&daemon_, NULL));
    gl_trust_set_vms(daemon_.trust, present, n_present);
    const struct gl_trust_vm *vm = gl_vms_next_silent(&daemon_, NULL);
    ck_assert_str_eq(vm->name, "other");
    ck_assert_ptr_null(gl_vms_next_silent(&daemon_, &vm->id));
    /* Once it is forgotten the machine has none. */
    ck_assert_int_eq(gl_trust_forget(daemon_.trust, gl_trust_find(daemon_.trust, "db"), 1, &why),
                     GL_STATUS_OK);
    ck_assert_str_eq(gl_vms_next_silent(&daemon_, NULL)->name, "My VM");
}
END_TEST

START_TEST(a_machine_whose_guest_waits_for_approval_is_not_silent)
{
    daemon_.trust->policy = GL_TRUST_APPROVE;
    come_by(1, 1, "web1", NULL, GL_STATUS_PENDING);
    add(1, "My VM", GL_MACHINE_RUNNING);
    gl_vms_start(&daemon_, &source);
    gl_unit_run_until(daemon_.trust->n_vms == 1);
    ck_assert_ptr_null(gl_vms_next_silent(&daemon_, NULL));
    gl_vms_stop(&daemon_);
    open_again();
    gl_trust_set_vms(daemon_.trust, present, n_present);
    ck_assert_ptr_null(gl_vms_next_silent(&daemon_, NULL));
}
END_TEST

/* What has the guest's key in another machine is refused, and takes nothing from it. */
START_TEST(a_copy_does_not_make_its_original_silent)
{
    add(1, "origin", GL_MACHINE_RUNNING);
    add(2, "copy", GL_MACHINE_RUNNING);
    gl_trust_reserve(daemon_.trust, (const char *const[]){"web", "db", NULL});
    gl_trust_set_vms(daemon_.trust, present, n_present);
    come_by(1, 1, "x", "web", GL_STATUS_OK);
    come_by(1, 2, "x", "db", GL_STATUS_DUPLICATE_KEY);
    ck_assert_str_eq(gl_vms_next_silent(&daemon_, NULL)->name, "copy");
    come_by(2, 2, "x", "web", GL_STATUS_KEY_MISMATCH);
    ck_assert_str_eq(gl_vms_next_silent(&daemon_, NULL)->name, "copy");
}
END_TEST

/* A guest that was connected before its machine was known; it is not cut off when the machine is
 * removed. */
START_TEST(who_is_connected_gets_the_name_and_keeps_it)
{
    struct gl_transport *ends[2];
    struct gl_session_terms terms = {.payload_max = 16384, .streams_max = 16};
    struct gl_trust_entry *entry = come(1, 1, "web1");
    struct gl_guest *guest = gl_guest_of(&daemon_, entry);
    ck_assert_str_eq(entry->name, "web1");
    gl_memory_pair(&loop, false, ends);
    ends[0]->peer.address = (struct gl_address){.kind = GL_ADDRESS_HVSOCK, .vm = id_of(1)};
    gl_session_start(guest, &terms, ends[0], NULL, 0);
    add(1, "My VM", GL_MACHINE_RUNNING);
    gl_vms_start(&daemon_, &source);
    gl_unit_run_until(strcmp(entry->name, "My VM") == 0);
    ck_assert(entry->has_vm && guest->session);
    gl_trust_set_vms(daemon_.trust, NULL, 0);
    ck_assert_str_eq(entry->name, "My VM");
    ck_assert(guest->session && !entry->vm_there);
    gl_session_end(guest->session, "the test is over");
    gl_transport_close(ends[1]);
    gl_unit_run_until(gl_list_empty(&daemon_.sessions));
}
END_TEST

/* It came before the hypervisor was heard: afterwards it would not have been let in. */
START_TEST(a_copy_that_came_too_early_is_sent_away)
{
    struct gl_transport *ends[2];
    struct gl_session_terms terms = {.payload_max = 16384, .streams_max = 16};
    add(1, "origin", GL_MACHINE_OFF);
    add(2, "copy", GL_MACHINE_RUNNING);
    gl_trust_set_vms(daemon_.trust, present, n_present);
    struct gl_trust_entry *entry = come(1, 1, "x");
    ck_assert_str_eq(entry->name, "origin");
    gl_trust_set_vms(daemon_.trust, NULL, 0); /* as after a start */
    struct gl_guest *guest = gl_guest_of(&daemon_, come(1, 2, "x"));
    ck_assert_ptr_eq(guest->entry, entry);
    gl_memory_pair(&loop, false, ends);
    ends[0]->peer.address = (struct gl_address){.kind = GL_ADDRESS_HVSOCK, .vm = id_of(2)};
    gl_session_start(guest, &terms, ends[0], NULL, 0);
    gl_vms_start(&daemon_, &source);
    gl_unit_run_until(!guest->session);
    ck_assert_str_eq(entry->name, "origin");
    gl_transport_close(ends[1]);
    gl_unit_run_until(gl_list_empty(&daemon_.sessions));
}
END_TEST

START_TEST(without_a_hypervisor)
{
    struct gl_why why;
    gl_vms_start(&daemon_, NULL);
    ck_assert_ptr_null(daemon_.machines);
    ck_assert_ptr_null(gl_vms_next_silent(&daemon_, NULL));
    ck_assert_int_eq(resolve(&root, "My VM", GL_LOOKUP_EXACT, &why), GL_STATUS_NOT_FOUND);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("vms");
    TCase *tcase = tcase_create("vms");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_machine_without_an_agent_is_no_riddle);
    tcase_add_test(tcase, only_silent_machines_are_listed_apart);
    tcase_add_test(tcase, a_machine_whose_guest_the_configuration_names_is_not_silent);
    tcase_add_test(tcase, a_machine_whose_guest_waits_for_approval_is_not_silent);
    tcase_add_test(tcase, a_copy_does_not_make_its_original_silent);
    tcase_add_test(tcase, who_is_connected_gets_the_name_and_keeps_it);
    tcase_add_test(tcase, a_copy_that_came_too_early_is_sent_away);
    tcase_add_test(tcase, without_a_hypervisor);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
