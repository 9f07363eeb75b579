/* SPDX-License-Identifier: MIT */
/* What info.get says of the machine that this runs on, as far as anything is known of it. */
#include "info.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <windows.h>

#include "mem.h"
#include "sys.h"
#include "unit.h"

static Gl__Info *info;

static void setup(void)
{
    info = GL_NEW(Gl__Info);
    gl__info__init(info);
    gl_info_collect(info);
    /* Other processes have no part in what is collected on the loop's thread. */
    ck_assert_str_eq(info->hostname, "");
    ck_assert_uint_eq(info->n_addresses, 0);
    ck_assert_uint_eq(info->n_sessions, 0);
    gl_info_collect_filesystems(info);
    gl_info_collect_answers(info);
}

static void teardown(void)
{
    protobuf_c_message_free_unpacked(&info->base, NULL);
}

START_TEST(system_has_a_name)
{
    unsigned major, minor, build, revision;
    ck_assert_str_eq(info->system, "windows");
    ck_assert_str_eq(info->os_id, "windows");
    ck_assert_ptr_nonnull(strstr(info->os_name, "Windows"));
    ck_assert_int_eq(sscanf(info->os_version, "%u.%u.%u.%u", &major, &minor, &build, &revision), 4);
    ck_assert_mem_eq(info->os_version, info->kernel, strlen(info->kernel));
    ck_assert_str_eq(info->machine, "x86_64");
    ck_assert_str_ne(info->virtualization, "");
    ck_assert_str_ne(info->timezone, "");
}
END_TEST

START_TEST(machine_has_names)
{
    char name[256], netbios[256] = "";
    DWORD length = sizeof(netbios);
    gl_sys_hostname(name, sizeof(name));
    ck_assert_str_eq(info->hostname, name);
    ck_assert(GetComputerNameA(netbios, &length));
    ck_assert_str_eq(info->netbios_name, netbios);
    ck_assert_mem_eq(info->dns_name, name, strlen(name));
}
END_TEST

START_TEST(numbers_are_plausible)
{
    ck_assert_uint_gt(info->memory_total, 64u << 20);
    ck_assert_uint_le(info->memory_available, info->memory_total);
    ck_assert_uint_gt(info->memory_available, 0);
    ck_assert_uint_ge(info->cpus, 1);
    ck_assert_str_ne(info->cpu_model, "");
    ck_assert_uint_gt(info->boot_time, 1700000000u);
    ck_assert_uint_le(info->boot_time + info->uptime, (uint64_t)time(NULL) + 1);
}
END_TEST

START_TEST(loopback_is_among_the_addresses)
{
    bool found = false;
    for (size_t i = 0; i < info->n_addresses; i++) {
        const Gl__Info__Address *address = info->addresses[i];
        ck_assert_str_ne(address->interface, "");
        if (strcmp(address->address, "127.0.0.1") != 0)
            continue;
        found = true;
        ck_assert_uint_eq(address->prefix, 8);
        ck_assert_str_eq(address->mac, "");
        ck_assert(address->up);
    }
    ck_assert(found);
}
END_TEST

START_TEST(the_system_drive_is_among_the_file_systems)
{
    bool found = false;
    for (size_t i = 0; i < info->n_filesystems; i++) {
        const Gl__Info__Filesystem *fs = info->filesystems[i];
        ck_assert_uint_gt(fs->total, 0);
        ck_assert_uint_le(fs->available, fs->total);
        if (fs->mount.len != 3 || memcmp(fs->mount.data, "C:\\", 3) != 0)
            continue;
        found = true;
        ck_assert_str_ne(fs->type, "");
        ck_assert_mem_eq(fs->source.data, "\\\\?\\Volume{", 11);
    }
    ck_assert(found);
}
END_TEST

START_TEST(sessions_are_known)
{
    for (size_t i = 0; i < info->n_sessions; i++) {
        ck_assert_uint_gt(info->sessions[i]->id, 0);
        ck_assert_str_ne(info->sessions[i]->state, "");
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("info_windows");
    TCase *tcase = tcase_create("info_windows");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, system_has_a_name);
    tcase_add_test(tcase, machine_has_names);
    tcase_add_test(tcase, numbers_are_plausible);
    tcase_add_test(tcase, loopback_is_among_the_addresses);
    tcase_add_test(tcase, the_system_drive_is_among_the_file_systems);
    tcase_add_test(tcase, sessions_are_known);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
