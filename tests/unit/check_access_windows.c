/* SPDX-License-Identifier: MIT */
/* transfer/disk.h on Windows: who may use a file while it is copied, and afterwards; attributes. */
#include <uv.h>

#include <sddl.h> /* after windows.h */

#include "disk-box.h"
#include "windows/private.h"

#define ALL_READ L"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;WD)"

/* What the file's list says, compared as a whole. */
static void get_list(const char *path, BYTE *descriptor, DWORD size, PACL *ret_list)
{
    BOOL is, defaulted;
    HANDLE file = box_open(path, READ_CONTROL, OPEN_EXISTING);
    ck_assert(GetKernelObjectSecurity(file, DACL_SECURITY_INFORMATION, descriptor, size, &size));
    CloseHandle(file);
    ck_assert(GetSecurityDescriptorDacl(descriptor, &is, ret_list, &defaulted) && is);
}

static void assert_same_list(const char *a, const char *b, bool same)
{
    BYTE of_a[2048], of_b[2048];
    PACL one, other;
    get_list(a, of_a, sizeof of_a, &one);
    get_list(b, of_b, sizeof of_b, &other);
    bool is = one->AclSize == other->AclSize && memcmp(one, other, one->AclSize) == 0;
    ck_assert_msg(is == same, "%s and %s", a, b);
}

static void set_list(const char *path, const wchar_t *sddl)
{
    PSECURITY_DESCRIPTOR descriptor;
    ck_assert(ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl, SDDL_REVISION_1,
                                                                   &descriptor, NULL));
    HANDLE file = box_open(path, WRITE_DAC, OPEN_EXISTING);
    ck_assert(SetKernelObjectSecurity(file, DACL_SECURITY_INFORMATION, descriptor));
    CloseHandle(file);
    LocalFree(descriptor);
}

static HANDLE open_with(const char *path, DWORD access)
{
    return box_open(path, access, OPEN_EXISTING);
}

/* Where the folder lets everybody in, too. */
START_TEST(a_part_is_ours_alone)
{
    int fd;
    put_bytes("plain", "x", 1);
    HANDLE file = open_with("plain", READ_CONTROL);
    ck_assert_int_eq(gl_private_judge(file, GL_PRIVATE_ANY, NULL), UV_EACCES); /* the folder's */
    CloseHandle(file);
    ck_assert_int_eq(gl_file_create_at(dir, "part", &fd), 0);
    ck_assert_int_eq(gl_private_judge(handle_of(fd), GL_PRIVATE_ANY, NULL), 0);
    /* Nobody has it open for writing when it gets another list. */
    file = open_with("part", GENERIC_WRITE);
    ck_assert(file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SHARING_VIOLATION);
    file = open_with("part", GENERIC_READ | DELETE);
    ck_assert(file != INVALID_HANDLE_VALUE);
    CloseHandle(file);
    gl_file_close(fd);
}
END_TEST

START_TEST(a_new_file_inherits_in_the_end)
{
    int fd;
    put_bytes("plain", "x", 1);
    for (int i = 0; i < 2; i++) { /* what is inherited is known at the second one */
        char name[] = {'n', (char)('0' + i), '\0'};
        ck_assert_int_eq(gl_file_create_at(dir, name, &fd), 0);
        assert_same_list("plain", name, false);
        ck_assert_int_eq(gl_file_settle(fd, dir, "none"), 0);
        gl_file_close(fd);
        assert_same_list("plain", name, true);
    }
    struct gl_disk_list list;
    ck_assert_int_eq(gl_dir_list(dir, &list), 0);
    ck_assert_uint_eq(list.count, 3);
    gl_disk_list_done(&list);
}
END_TEST

START_TEST(who_may_read_stays)
{
    int fd;
    put_bytes("plain", "x", 1);
    put_bytes("old", "old", 3);
    set_list("old", L"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;BG)");
    ck_assert_int_eq(gl_file_create_at(dir, "new", &fd), 0);
    ck_assert_int_eq(gl_file_settle(fd, dir, "old"), 0);
    gl_file_close(fd);
    assert_same_list("old", "new", true);
    assert_same_list("plain", "new", false);
}
END_TEST

/* Then the new file is told of, not one that more may read put in the old one's place. */
START_TEST(who_may_read_cannot_be_said)
{
    int fd;
    put_bytes("old", "old", 3);
    put_bytes("other", "other", 5);
    set_list("old", L"D:P(A;;FA;;;SY)(A;;FA;;;BA)");
    fd = _open_osfhandle((intptr_t)open_with("other", GENERIC_READ | READ_CONTROL), _O_BINARY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(gl_file_settle(fd, dir, "old"), UV_EACCES);
    /* It is so already. */
    ck_assert_int_eq(gl_file_settle(fd, dir, "other"), 0);
    gl_file_close(fd);
}
END_TEST

START_TEST(a_part_that_others_may_use_is_not_gone_on_with)
{
    struct gl_disk_info info;
    int fd;
    put_bytes("old", "old", 3);
    ck_assert_int_eq(gl_file_reopen_at(dir, "old", &fd, &info), 0);
    ck_assert(info.alone && !info.trusted);
    gl_file_close(fd);
    set_list("old", ALL_READ);
    ck_assert_int_eq(gl_file_reopen_at(dir, "old", &fd, &info), 0);
    ck_assert(info.alone && !info.trusted);
    gl_file_close(fd);
    ck_assert_int_eq(gl_file_create_at(dir, "part", &fd), 0);
    gl_file_close(fd);
    ck_assert_int_eq(gl_file_reopen_at(dir, "part", &fd, &info), 0);
    ck_assert(info.alone && info.trusted);
    HANDLE file = open_with("part", GENERIC_WRITE);
    ck_assert(file == INVALID_HANDLE_VALUE);
    /* With the rights to let others in, in the end. */
    ck_assert_int_eq(gl_file_settle(fd, dir, "old"), 0);
    gl_file_close(fd);
    assert_same_list("part", "old", true);
}
END_TEST

/* ------------------------------------------------------------------ attributes */

static uint32_t attributes_of(const char *name)
{
    struct gl_disk_info info;
    ck_assert_int_eq(gl_dir_stat(dir, name, &info), 0);
    return info.attributes;
}

/* To Wine all files are to be archived. */
static uint32_t as_kept(uint32_t attributes)
{
    return box_is_wine() ? (attributes & ~(uint32_t)GL_DISK_PLAIN) | GL_DISK_ARCHIVE : attributes;
}

START_TEST(attributes_are_told_and_set)
{
    const DWORD all = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE;
    struct gl_disk_info info;
    struct gl_disk_time time = {1234567890, 0};
    struct gl_dir *sub;
    int fd;
    ck_assert_int_eq(gl_file_create_at(dir, "f", &fd), 0);
    for (uint32_t set = 0; set < 8; set++) {
        uint32_t wanted = (set & 1 ? GL_DISK_HIDDEN : 0) | (set & 2 ? GL_DISK_SYSTEM : 0) |
                          (set & 4 ? GL_DISK_ARCHIVE : 0);
        wanted = wanted ? wanted : GL_DISK_PLAIN;
        ck_assert_int_eq(gl_file_set_attributes(fd, wanted), 0);
        wanted = as_kept(wanted);
        ck_assert_int_eq(gl_file_set(fd, set & 1 ? 0444 : 0644, &time), 0);
        ck_assert_int_eq(gl_file_stat(fd, &info), 0);
        ck_assert_uint_eq(info.attributes, wanted);
        ck_assert_uint_eq(box_attributes("f") & all, wanted & all);
        ck_assert_uint_eq(!!(box_attributes("f") & FILE_ATTRIBUTE_READONLY), set & 1);
        /* Whoever has none says nothing of them. */
        ck_assert_int_eq(gl_file_set_attributes(fd, 0), 0);
        ck_assert_uint_eq(attributes_of("f"), wanted);
    }
    ck_assert_int_eq(gl_file_set_attributes(fd, GL_DISK_HIDDEN), 0);
    gl_file_close(fd);
    /* A new name changes none of them. */
    ck_assert_int_eq(gl_dir_rename(dir, "f", "g"), 0);
    ck_assert_uint_eq(attributes_of("g"), as_kept(GL_DISK_HIDDEN));
    /* Also of one that is open for reading. */
    ck_assert_int_eq(gl_file_open_at(dir, "g", &fd, &info), 0);
    ck_assert_int_eq(gl_file_set_attributes(fd, GL_DISK_SYSTEM), 0);
    gl_file_close(fd);
    ck_assert_uint_eq(attributes_of("g"), as_kept(GL_DISK_SYSTEM));
    put_dir("d");
    ck_assert_int_eq(gl_dir_open_at(dir, "d", &sub), 0);
    ck_assert_int_eq(gl_dir_set_attributes(sub, GL_DISK_HIDDEN | GL_DISK_SYSTEM), 0);
    ck_assert_int_eq(gl_dir_set(sub, 0755, time), 0);
    ck_assert_uint_eq(attributes_of("d"), GL_DISK_HIDDEN | GL_DISK_SYSTEM);
    gl_dir_unref(sub);
    /* A drive's root is hidden for nobody's sake. */
    ck_assert_int_eq(gl_disk_stat("C:\\", GL_LINKS_ALL, &info), 0);
    ck_assert_uint_eq(info.attributes, GL_DISK_PLAIN);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE_WITH(
        setup, teardown, "access windows", a_part_is_ours_alone, a_new_file_inherits_in_the_end,
        who_may_read_stays, who_may_read_cannot_be_said,
        a_part_that_others_may_use_is_not_gone_on_with, attributes_are_told_and_set);
}

GL_UNIT_MAIN(suite)
