/* SPDX-License-Identifier: MIT */
/* The host's machines, with a hypervisor of the test's own. */
#include "machines.h"

#include <string.h>

#include "log.h"
#include "mem.h"
#include "unit.h"

#define EVERY_MS 5u

static uv_loop_t loop;
static uv_timer_t alive; /* the machines do not keep the loop going, as the daemon's handles do */
static uv_mutex_t lock;  /* of all below: the source is asked on another thread */
static struct gl_machine present[4];
static size_t n_present;
static bool broken; /* it fails when it is asked, */
static int away;    /* it cannot be opened: why */
static unsigned opened, closed, asked;
static uv_sem_t hang; /* it is asked, and does not answer before this */
static bool hangs;

static unsigned tried;
static unsigned changes; /* that were told, */
static size_t told_n;    /* of so many machines the last time: */
static struct gl_machine told[4];
static unsigned warned, informed; /* lines of the log */

static int open_it(void **ret_state)
{
    uv_mutex_lock(&lock);
    int err = away;
    opened += err == 0;
    tried++;
    uv_mutex_unlock(&lock);
    if (err == 0)
        *ret_state = &loop;
    return err;
}

static void on_change(void *ctx, const struct gl_machine *items, size_t n)
{
    ck_assert_ptr_eq(ctx, &changes);
    ck_assert_uint_le(n, 4);
    memcpy(told, items, n * sizeof *items);
    changes++;
    told_n = n;
}

static void on_line(enum gl_log_level level, const char *line, void *data)
{
    (void)line;
    (void)data;
    warned += level == GL_LOG_WARN;
    informed += level == GL_LOG_INFO;
}

static int list(void *state, struct gl_machine **ret_items, size_t *ret_n)
{
    ck_assert_ptr_eq(state, &loop);
    uv_mutex_lock(&lock);
    bool wait = hangs;
    asked++;
    uv_mutex_unlock(&lock);
    if (wait)
        uv_sem_wait(&hang);
    uv_mutex_lock(&lock);
    int err = broken ? UV_EIO : 0;
    if (!err) {
        *ret_items = gl_memdup(present, n_present * sizeof *present);
        *ret_n = n_present;
    }
    uv_mutex_unlock(&lock);
    return err;
}

static void close_it(void *state)
{
    ck_assert_ptr_eq(state, &loop);
    uv_mutex_lock(&lock);
    closed++;
    uv_mutex_unlock(&lock);
}

static const struct gl_machines_source source = {open_it, list, close_it};

static void on_alive(uv_timer_t *timer)
{
    (void)timer;
}

static void set_up(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &alive);
    uv_timer_start(&alive, on_alive, 1, 1);
    ck_assert_int_eq(uv_mutex_init(&lock), 0);
    ck_assert_int_eq(uv_sem_init(&hang, 0), 0);
    n_present = 0;
    opened = closed = asked = 0;
    broken = hangs = false;
    away = 0;
    tried = changes = 0;
    told_n = 0;
    warned = informed = 0;
    gl_log_set_sink(on_line, NULL);
}

static void tear_down(void)
{
    uv_close((uv_handle_t *)&alive, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    gl_log_set_sink(NULL, NULL);
}

static struct gl_guid id_of(unsigned number)
{
    struct gl_guid id = {{0}};
    id.bytes[15] = (uint8_t)number;
    return id;
}

static void put(size_t at, unsigned id, const char *name)
{
    uv_mutex_lock(&lock);
    present[at] = (struct gl_machine){.id = id_of(id), .state = GL_MACHINE_RUNNING};
    strcpy(present[at].name, name);
    if (at >= n_present)
        n_present = at + 1;
    uv_mutex_unlock(&lock);
}

static size_t count(const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < told_n; i++)
        n += strcmp(told[i].name, name) == 0;
    return n;
}

/* Until so many have the name; Check's own limit ends it otherwise. */
static void await(const char *name, size_t wanted)
{
    while (count(name) != wanted)
        uv_run(&loop, UV_RUN_ONCE);
}

/* Until it was asked so many times more. */
static void await_asked(unsigned more)
{
    uv_mutex_lock(&lock);
    unsigned before = asked;
    uv_mutex_unlock(&lock);
    for (bool again = false; !again;) {
        uv_run(&loop, UV_RUN_ONCE);
        uv_mutex_lock(&lock);
        again = asked >= before + more;
        uv_mutex_unlock(&lock);
    }
}

/* Until it was opened so often, or that failed so often. */
static void await_tried(unsigned times)
{
    for (bool enough = false; !enough;) {
        uv_run(&loop, UV_RUN_ONCE);
        uv_mutex_lock(&lock);
        enough = tried >= times;
        uv_mutex_unlock(&lock);
    }
}

START_TEST(what_the_source_has_is_told)
{
    struct gl_guid two = id_of(2);
    put(0, 1, "My VM");
    put(1, 2, "db");
    struct gl_machines *machines = gl_machines_new(&loop, &source, EVERY_MS, on_change, &changes);
    ck_assert_uint_eq(changes, 0); /* nothing was heard yet */
    await("db", 1);
    ck_assert(gl_guid_equal(&told[1].id, &two) && told[1].state == GL_MACHINE_RUNNING);
    ck_assert_uint_eq(count("My VM"), 1);
    gl_machines_free(machines);
    ck_assert_uint_eq(informed, 1);
    ck_assert_uint_eq(warned, 0);
    ck_assert_uint_eq(opened, 1);
    ck_assert_uint_eq(closed, 1);
}
END_TEST

START_TEST(renamed_doubled_and_gone)
{
    put(0, 1, "old");
    struct gl_machines *machines = gl_machines_new(&loop, &source, EVERY_MS, on_change, &changes);
    await("old", 1);
    put(0, 1, "new");
    await("new", 1);
    ck_assert_uint_eq(count("old"), 0);
    put(1, 2, "new");
    await("new", 2);
    uv_mutex_lock(&lock);
    n_present = 0;
    uv_mutex_unlock(&lock);
    await("new", 0);
    gl_machines_free(machines);
}
END_TEST

/* What was heard counts until something else is; the source is opened anew. */
START_TEST(a_source_that_fails_is_tried_again)
{
    put(0, 1, "one");
    away = UV_EIO;
    struct gl_machines *machines = gl_machines_new(&loop, &source, EVERY_MS, on_change, &changes);
    await_tried(2);
    uv_mutex_lock(&lock);
    ck_assert_uint_eq(opened, 0);
    away = 0;
    uv_mutex_unlock(&lock);
    await("one", 1);
    uv_mutex_lock(&lock);
    broken = true;
    unsigned before = closed;
    uv_mutex_unlock(&lock);
    for (bool closed_it = false; !closed_it;) {
        uv_run(&loop, UV_RUN_NOWAIT);
        uv_mutex_lock(&lock);
        closed_it = closed > before;
        uv_mutex_unlock(&lock);
    }
    ck_assert_uint_eq(count("one"), 1);
    put(0, 1, "two");
    uv_mutex_lock(&lock);
    broken = false;
    uv_mutex_unlock(&lock);
    await("two", 1);
    gl_machines_free(machines);
    ck_assert_uint_eq(opened, closed);
}
END_TEST

/* It is not waited for longer than a second, and nothing breaks when it answers at last. */
START_TEST(a_source_that_hangs_is_left_behind)
{
    hangs = true;
    struct gl_machines *machines = gl_machines_new(&loop, &source, EVERY_MS, on_change, &changes);
    for (bool in_it = false; !in_it;) {
        uv_mutex_lock(&lock);
        in_it = asked > 0;
        uv_mutex_unlock(&lock);
    }
    uint64_t start = uv_hrtime();
    gl_machines_free(machines);
    ck_assert_uint_ge((uv_hrtime() - start) / 1000000, 900);
    ck_assert_uint_lt((uv_hrtime() - start) / 1000000, 10000);
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_sem_post(&hang);
    for (bool out = false; !out;) {
        uv_mutex_lock(&lock);
        out = closed == 1;
        uv_mutex_unlock(&lock);
    }
}
END_TEST

/* Who wants to know is told when something is another, and only then. */
START_TEST(changes_are_told)
{
    put(0, 1, "one");
    struct gl_machines *machines = gl_machines_new(&loop, &source, EVERY_MS, on_change, &changes);
    await("one", 1);
    ck_assert_uint_eq(changes, 1);
    await_asked(3);
    ck_assert_uint_eq(changes, 1);
    uv_mutex_lock(&lock);
    present[0].state = GL_MACHINE_PAUSED;
    uv_mutex_unlock(&lock);
    while (changes < 2)
        uv_run(&loop, UV_RUN_ONCE);
    uv_mutex_lock(&lock);
    n_present = 0;
    uv_mutex_unlock(&lock);
    while (changes < 3)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(told_n, 0);
    gl_machines_free(machines);
}
END_TEST

/* It is asked once, and its thread ends. */
START_TEST(where_there_is_none_it_is_not_asked_again)
{
    away = UV_ENOTSUP;
    struct gl_machines *machines = gl_machines_new(&loop, &source, EVERY_MS, on_change, &changes);
    uint64_t end = uv_hrtime() + 20 * EVERY_MS * 1000000ull;
    while (uv_hrtime() < end)
        uv_run(&loop, UV_RUN_ONCE);
    uv_mutex_lock(&lock);
    ck_assert_uint_eq(tried, 1);
    uv_mutex_unlock(&lock);
    gl_machines_free(machines);
    ck_assert_uint_eq(opened + changes, 0);
    ck_assert_uint_eq(informed, 1);
    ck_assert_uint_eq(warned, 0);
}
END_TEST

/* Who has named machines does so again: its repository is being mended, for one. */
START_TEST(one_that_was_there_is_asked_again)
{
    put(0, 1, "one");
    struct gl_machines *machines = gl_machines_new(&loop, &source, EVERY_MS, on_change, &changes);
    await("one", 1);
    uv_mutex_lock(&lock);
    broken = true;
    away = UV_ENOTSUP;
    unsigned before = tried;
    uv_mutex_unlock(&lock);
    await_tried(before + 2);
    put(0, 1, "two");
    uv_mutex_lock(&lock);
    broken = false;
    away = 0;
    uv_mutex_unlock(&lock);
    await("two", 1);
    gl_machines_free(machines);
    ck_assert_uint_eq(warned, 1);
}
END_TEST

/* Also one that can be opened and does not answer; the log has a line for each thing that is new.
 */
START_TEST(what_fails_is_said_once)
{
    away = UV_EACCES;
    struct gl_machines *machines = gl_machines_new(&loop, &source, EVERY_MS, on_change, &changes);
    await_tried(3);
    ck_assert_uint_eq(warned, 1);
    uv_mutex_lock(&lock);
    broken = true;
    away = 0;
    uv_mutex_unlock(&lock);
    await_asked(3);
    ck_assert_uint_eq(warned, 1);
    uv_mutex_lock(&lock);
    broken = false;
    uv_mutex_unlock(&lock);
    put(0, 1, "one");
    await("one", 1);
    ck_assert_uint_eq(informed, 1);
    for (unsigned n = 0; n < 3; n++) {
        uv_mutex_lock(&lock);
        broken = !broken;
        uv_mutex_unlock(&lock);
        await_asked(3);
    }
    ck_assert_uint_eq(warned, 2);
    ck_assert_uint_eq(informed, 1);
    ck_assert_uint_eq(count("one"), 1);
    gl_machines_free(machines);
}
END_TEST

START_TEST(without_a_hypervisor)
{
    struct gl_machines *machines = gl_machines_new(&loop, NULL, EVERY_MS, on_change, &changes);
    ck_assert_ptr_null(machines);
    gl_machines_free(machines);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("machines");
    TCase *tcase = tcase_create("machines");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, what_the_source_has_is_told);
    tcase_add_test(tcase, renamed_doubled_and_gone);
    tcase_add_test(tcase, a_source_that_fails_is_tried_again);
    tcase_add_test(tcase, a_source_that_hangs_is_left_behind);
    tcase_add_test(tcase, changes_are_told);
    tcase_add_test(tcase, where_there_is_none_it_is_not_asked_again);
    tcase_add_test(tcase, one_that_was_there_is_asked_again);
    tcase_add_test(tcase, what_fails_is_said_once);
    tcase_add_test(tcase, without_a_hypervisor);
    suite_add_tcase(suite, tcase);
    return suite;
}

GL_UNIT_MAIN(suite)
