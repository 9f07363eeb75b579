/* SPDX-License-Identifier: MIT */
/* Who is let in at the control socket, however many of others are there. */
#include "control.h"

#include "platform.h"
#include "unit.h"

static struct gl_daemon daemon_;
static struct gl_control_client clients[GL_CLIENTS_MAX];

static void setup(void)
{
    gl_list_init(&daemon_.clients);
    daemon_.n_clients = 0;
}

/* As many connections of one user as are let in. */
static unsigned fill(uint32_t uid)
{
    unsigned n = 0;
    while (gl_control_has_room(&daemon_, uid)) {
        ck_assert_uint_lt(daemon_.n_clients, GL_CLIENTS_MAX);
        struct gl_control_client *client = &clients[daemon_.n_clients++];
        client->uid = uid;
        gl_list_init(&client->node);
        gl_list_append(&daemon_.clients, &client->node);
        n++;
    }
    return n;
}

START_TEST(two_users_leave_room_for_others)
{
    ck_assert_uint_ge(fill(50001), 32);
    ck_assert_uint_ge(fill(50002), 32);
    ck_assert_uint_ge(fill(50003), 32);
    ck_assert(gl_control_has_room(&daemon_, 0));
}
END_TEST

/* One program each, say: each is a connection. */
START_TEST(a_user_may_run_two_hundred_programs_at_a_time)
{
    ck_assert_uint_ge(fill(50001), 200);
}
END_TEST

START_TEST(many_users_leave_room_for_root_and_the_daemons_own)
{
    for (uint32_t uid = 50001; uid < 50100; uid++)
        fill(uid);
    ck_assert(!gl_control_has_room(&daemon_, 60000));
    ck_assert(gl_control_has_room(&daemon_, 0));
    ck_assert(gl_control_has_room(&daemon_, gl_platform_uid()));
    ck_assert_uint_ge(fill(0), 32);
    ck_assert_uint_eq(daemon_.n_clients, GL_CLIENTS_MAX);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("control");
    TCase *tcase = tcase_create("control");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, two_users_leave_room_for_others);
    tcase_add_test(tcase, a_user_may_run_two_hundred_programs_at_a_time);
    tcase_add_test(tcase, many_users_leave_room_for_root_and_the_daemons_own);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
