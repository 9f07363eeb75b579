/* SPDX-License-Identifier: MIT */
/*
 * Files of this account's alone, by security descriptors; the twin is in linux/. What a file system
 * may not keep (Wine's keeps no owners and makes modes of DACLs) is judged from descriptors.
 */
#include "windows/private.h"

#include <sddl.h>
#include <stddef.h>
#include <string.h>
#include <uv.h>

#include "config.h"
#include "harm.h"
#include "mem.h"
#include "secret-place.h"
#include "unit.h"

static void write_it(const char *which)
{
    ck_assert_int_eq(gl_secret_file_write(which, (const uint8_t *)"x", 1), 0);
}

/* ------------------------------------------------------------------ descriptors */

static int judge(const char *owner, const char *dacl, ACCESS_MASK rights, char **ret_why)
{
    PSECURITY_DESCRIPTOR descriptor;
    char *own = gl_harm_own_sid();
    char *sddl = gl_asprintf("O:%s%s", *owner ? owner : own, dacl);
    ck_assert_msg(ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1,
                                                                       &descriptor, NULL),
                  "%s", sddl);
    *ret_why = NULL;
    int err = gl_private_judge_descriptor(descriptor, rights, ret_why);
    LocalFree(descriptor);
    LocalFree(own);
    gl_free(sddl);
    return err;
}

/* NT SERVICE\\TrustedInstaller's, after its authority and S-1-5-80. */
#define INSTALLER "956008885-3418522649-1831038044-1853292631-2271478464"
#define OURS      "D:P(A;;FA;;;SY)(A;;FA;;;BA)"

START_TEST(descriptors_that_are_ours)
{
    static const char *const owners[] = {"", "SY", "BA", "S-1-5-80-" INSTALLER};
    static const char *const dacls[] = {
        OURS,
        "D:P",                              /* nobody may anything */
        OURS "(D;;FA;;;WD)",                /* an entry that forbids */
        OURS "(A;OICIIO;FA;;;WD)",          /* for what will be in it only */
        OURS "(A;;FA;;;S-1-3-4)",           /* the owner's rights */
        OURS "(A;;RC;;;WD)",                /* to see the descriptor */
        "D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)", /* inherited: it counts what, not whence */
    };
    char *why;
    for (size_t o = 0; o < GL_ARRAY_SIZE(owners); o++)
        for (size_t i = 0; i < GL_ARRAY_SIZE(dacls); i++)
            ck_assert_msg(judge(owners[o], dacls[i], GL_PRIVATE_ANY, &why) == 0, "%s %s: %s",
                          owners[o], dacls[i], why);
}
END_TEST

START_TEST(descriptors_that_let_others_in)
{
    static const struct {
        const char *owner, *dacl, *why;
    } cases[] = {
        {"", OURS "(A;;FA;;;WD)", " may change it"},
        {"", OURS "(A;;FR;;;WD)", " may read it"},
        {"", OURS "(A;;FR;;;BU)", " may read it"},
        {"", OURS "(A;;FW;;;AU)", " may change it"},
        {"", OURS "(A;;GR;;;WD)", " may read it"}, /* generic rights */
        {"", OURS "(A;;GA;;;BG)", " may change it"},
        {"", OURS "(A;;GW;;;AN)", " may change it"},
        {"", OURS "(A;;WD;;;WD)", " may change it"},  /* WRITE_DAC */
        {"", OURS "(A;;WO;;;WD)", " may change it"},  /* WRITE_OWNER */
        {"", OURS "(A;;SD;;;WD)", " may change it"},  /* DELETE */
        {"", OURS "(A;;0x4;;;WD)", " may change it"}, /* append */
        {"", OURS "(A;ID;FR;;;BU)", " may read it"},
        {"", OURS "(A;;FR;;;S-1-5-21-1-2-3-1099)", "S-1-5-21-1-2-3-1099 may read it"},
        {"", OURS "(D;;FA;;;WD)(A;;FR;;;WD)", " may read it"},
        {"", "", "no DACL"},
        {"WD", OURS, "it belongs to "},
        {"BG", OURS, "it belongs to "},
        {"S-1-5-21-1-2-3-1099", OURS, "it belongs to S-1-5-21-1-2-3-1099"},
        {"S-1-16-80-" INSTALLER, OURS, "it belongs to "}, /* another authority's numbers */
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        char *why;
        int err = judge(cases[i].owner, cases[i].dacl, GL_PRIVATE_ANY, &why);
        ck_assert_msg(err == UV_EACCES, "%s", cases[i].dacl);
        ck_assert_msg(strstr(why, cases[i].why), "%s %s: %s", cases[i].owner, cases[i].dacl, why);
        gl_free(why);
    }
}
END_TEST

/* An entry about a kind of object has its SID after what says which: none, one or two GUIDs. */
static void add_object_entry(PACL acl, DWORD flags, PSID sid)
{
    BYTE room[sizeof(ACCESS_ALLOWED_OBJECT_ACE) + SECURITY_MAX_SID_SIZE] = {0};
    DWORD guids = (flags & ACE_OBJECT_TYPE_PRESENT ? sizeof(GUID) : 0) +
                  (flags & ACE_INHERITED_OBJECT_TYPE_PRESENT ? sizeof(GUID) : 0);
    DWORD before = (DWORD)offsetof(ACCESS_ALLOWED_OBJECT_ACE, ObjectType) + guids;
    ACCESS_ALLOWED_OBJECT_ACE entry = {
        .Header = {.AceType = ACCESS_ALLOWED_OBJECT_ACE_TYPE,
                   .AceSize = (WORD)(before + GetLengthSid(sid))},
        .Mask = FILE_READ_DATA,
        .Flags = flags,
    };
    memset(&entry.ObjectType, 0xaa, sizeof(entry.ObjectType));
    memcpy(room, &entry, offsetof(ACCESS_ALLOWED_OBJECT_ACE, SidStart));
    ck_assert(CopySid(SECURITY_MAX_SID_SIZE, room + before, sid));
    ck_assert_msg(AddAce(acl, ACL_REVISION_DS, MAXDWORD, room, entry.Header.AceSize), "error %lu",
                  GetLastError());
}

START_TEST(entries_of_objects)
{
    struct {
        ACL acl;
        BYTE room[256];
    } dacl;
    SECURITY_DESCRIPTOR descriptor;
    BYTE everyone[SECURITY_MAX_SID_SIZE], system[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof(everyone), system_size = sizeof(system);
    ck_assert(CreateWellKnownSid(WinWorldSid, NULL, everyone, &size));
    ck_assert(CreateWellKnownSid(WinLocalSystemSid, NULL, system, &system_size));
    for (DWORD i = 0; i < 8; i++) {
        ck_assert(InitializeAcl(&dacl.acl, sizeof(dacl), ACL_REVISION_DS));
        add_object_entry(&dacl.acl, i & 3, i & 4 ? everyone : system);
        ck_assert(InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION));
        ck_assert(SetSecurityDescriptorOwner(&descriptor, system, FALSE));
        ck_assert(SetSecurityDescriptorDacl(&descriptor, TRUE, &dacl.acl, FALSE));
        int wanted = i & 4 ? UV_EACCES : 0;
        ck_assert_msg(gl_private_judge_descriptor(&descriptor, GL_PRIVATE_ANY, NULL) == wanted,
                      "%lu", i);
    }
}
END_TEST

/* What only we may change, others may read. */
START_TEST(reading_is_not_changing)
{
    char *why;
    ck_assert_int_eq(judge("", OURS "(A;;FRFX;;;WD)", GL_PRIVATE_CHANGE, &why), 0);
    ck_assert_int_eq(judge("", OURS "(A;;FRFW;;;WD)", GL_PRIVATE_CHANGE, &why), UV_EACCES);
    gl_free(why);
}
END_TEST

/* The descriptor that is made is one that is found good; the other is good but for reading. */
START_TEST(what_is_made)
{
    PSECURITY_DESCRIPTOR made;
    SECURITY_DESCRIPTOR_CONTROL control;
    DWORD revision;
    for (int users_read = 0; users_read < 2; users_read++) {
        char *why = NULL;
        ck_assert_int_eq(gl_private_descriptor(users_read, &made), 0);
        ck_assert(GetSecurityDescriptorControl(made, &control, &revision));
        ck_assert(control & SE_DACL_PROTECTED);
        ck_assert_int_eq(gl_private_judge_descriptor(made, GL_PRIVATE_CHANGE, NULL), 0);
        ck_assert_int_eq(gl_private_judge_descriptor(made, GL_PRIVATE_ANY, &why),
                         users_read ? UV_EACCES : 0);
        gl_free(why);
        LocalFree(made);
    }
}
END_TEST

/* Whoever may read a file may have it open alone, and keep us from it. */
START_TEST(files_in_it_are_not_for_users)
{
    PSECURITY_DESCRIPTOR made;
    PACL acl;
    BOOL present, defaulted;
    unsigned others = 0;
    ck_assert_int_eq(gl_private_descriptor(true, &made), 0);
    ck_assert(GetSecurityDescriptorDacl(made, &present, &acl, &defaulted));
    for (DWORD i = 0; i < acl->AceCount; i++) {
        ACCESS_ALLOWED_ACE *ace;
        ck_assert(GetAce(acl, i, (void **)&ace));
        if (!IsWellKnownSid(&ace->SidStart, WinBuiltinUsersSid))
            continue;
        others++;
        ck_assert(ace->Header.AceFlags & CONTAINER_INHERIT_ACE);
        ck_assert(!(ace->Header.AceFlags & OBJECT_INHERIT_ACE));
    }
    ck_assert_uint_eq(others, 1);
    LocalFree(made);
}
END_TEST

/* ------------------------------------------------------------------ files */

START_TEST(written_for_us_alone)
{
    write_it(path);
    ck_assert(gl_harm_is_private(path));
    ck_assert_int_eq(read_it(path), 0);
    /* Also in the place of one that others could read. */
    gl_harm_others_read(path);
    write_it(path);
    ck_assert(gl_harm_is_private(path));
    ck_assert_uint_eq(gl_scratch_each(folder, NULL), 1);
}
END_TEST

START_TEST(open_to_others)
{
    write_it(path);
    gl_harm_others_read(path);
    ck_assert_int_eq(read_it(path), UV_EACCES);
    gl_harm_others_write(path);
    ck_assert_int_eq(read_it(path), UV_EACCES);
    gl_harm_undo(path);
    ck_assert_int_eq(read_it(path), 0);
    if (gl_harm_give_away(path))
        ck_assert_int_eq(read_it(path), UV_EACCES);
    else
        puts("open_to_others: no foreign owners here; see the descriptors");
}
END_TEST

START_TEST(only_plain_files)
{
    char *target = gl_scratch_path(folder, "target");
    ck_assert_int_eq(read_it(path), UV_ENOENT);
    ck_assert_int_eq(read_it(folder), UV_EINVAL);
    ck_assert_int_lt(read_it("NUL"), 0);
    ck_assert_int_lt(read_it("\\\\.\\NUL"), 0);
    gl_scratch_mkdir(target);
    if (gl_harm_link(target, path))
        ck_assert_int_eq(read_it(path), UV_ELOOP);
    else
        puts("only_plain_files: no links here");
    gl_free(target);
}
END_TEST

START_TEST(lengths)
{
    uint8_t data[8];
    size_t len = 99;
    ck_assert_int_eq(gl_secret_file_write(path, (const uint8_t *)"12345678", 8), 0);
    ck_assert_int_eq(gl_secret_file_read(path, data, 8, &len), 0);
    ck_assert_uint_eq(len, 8);
    ck_assert_mem_eq(data, "12345678", 8);
    ck_assert_int_eq(gl_secret_file_read(path, data, 7, &len), UV_EFBIG);
    ck_assert_int_eq(gl_secret_file_write(path, data, 0), 0);
    ck_assert_int_eq(gl_secret_file_read(path, data, 8, &len), 0);
    ck_assert_uint_eq(len, 0);
}
END_TEST

/* Beyond MAX_PATH; each part within the file system's own limit. */
START_TEST(long_and_foreign_names)
{
    char *deep = gl_strdup(folder);
    for (int i = 0; i < 4; i++) {
        char *next = gl_asprintf("%s/%0*d-\xc3\xbc\xe2\x82\xac", deep, 90, i);
        wchar_t *wide = gl_wide_path(next);
        ck_assert_msg(CreateDirectoryW(wide, NULL), "error %lu", GetLastError());
        gl_free(wide);
        gl_free(deep);
        deep = next;
    }
    char *file = gl_scratch_path(deep, "key-\xf0\x9f\x90\xa7");
    ck_assert_uint_gt(strlen(file), MAX_PATH + 100);
    write_it(file);
    ck_assert_int_eq(read_it(file), 0);
    wchar_t *wide = gl_wide_path(file);
    ck_assert(DeleteFileW(wide));
    gl_free(wide);
    /* From the innermost out, as libuv's functions take no paths that long. */
    for (size_t above = strlen(folder); strlen(deep) > above; *strrchr(deep, '/') = '\0') {
        wide = gl_wide_path(deep);
        ck_assert_msg(RemoveDirectoryW(wide), "error %lu", GetLastError());
        gl_free(wide);
    }
    gl_free(file);
    gl_free(deep);
}
END_TEST

START_TEST(names_that_are_none)
{
    char *bad = gl_scratch_path(folder, "\xff\xfe");
    ck_assert_int_eq(read_it(bad), UV_EINVAL);
    ck_assert_int_eq(gl_secret_file_write(bad, (const uint8_t *)"x", 1), UV_EINVAL);
    ck_assert_int_eq(read_it(""), UV_EINVAL);
    ck_assert_int_lt(gl_secret_file_write("", (const uint8_t *)"x", 1), 0);
    ck_assert_uint_eq(gl_scratch_each(folder, NULL), 0);
    gl_free(bad);
}
END_TEST

/* ------------------------------------------------------------------ configuration */

static cfg_opt_t opts[] = {CFG_STR("name", "none", CFGF_NONE), CFG_END()};

static int load(char **ret_text)
{
    cfg_t *cfg = NULL;
    *ret_text = NULL;
    int err = gl_config_load(path, opts, &cfg, ret_text);
    if (cfg)
        cfg_free(cfg);
    return err;
}

START_TEST(configuration)
{
    char *text;
    gl_scratch_put_text(path, "name = x\r\n");
    gl_harm_undo(path);
    ck_assert_int_eq(load(&text), 0);
    gl_harm_others_read(path);
    ck_assert_int_eq(load(&text), 0);
    gl_harm_others_write(path);
    int wanted = gl_harm_is_superuser() ? UV_EACCES : 0;
    ck_assert_int_eq(load(&text), wanted);
    ck_assert(!wanted || strstr(text, "may write"));
    gl_free(text);
}
END_TEST

/* ------------------------------------------------------------------ programs */

static int judge_program(const char *program, char **ret_why)
{
    wchar_t *wide = gl_wide(program);
    for (wchar_t *c = wide; *c; c++)
        *c = *c == L'/' ? L'\\' : *c;
    *ret_why = NULL;
    int err = gl_private_judge_program(wide, ret_why);
    gl_free(wide);
    return err;
}

/* Who may change the program, what it lies in, or put another in the place of what that is in. */
START_TEST(programs_and_what_is_above)
{
    char *top = gl_scratch_path(folder, "top"), *in = gl_scratch_path(top, "in");
    char *program = gl_scratch_path(in, "x.exe"), *why;
    const char *const all[] = {top, in, program};
    gl_scratch_mkdir(top);
    gl_scratch_mkdir(in);
    gl_scratch_put_text(program, "");
    for (size_t i = 0; i < GL_ARRAY_SIZE(all); i++)
        gl_harm_undo(all[i]);
    ck_assert_msg(judge_program(program, &why) == 0, "%s", why);
    for (size_t i = 0; i < GL_ARRAY_SIZE(all); i++) {
        gl_harm_set_dacl(all[i], "(A;;FA;;;WD)");
        ck_assert_msg(judge_program(program, &why) == UV_EACCES, "%s", all[i]);
        char *named = gl_asprintf("%s: ", strrchr(all[i], '/') + 1);
        ck_assert_msg(strstr(why, named) && strstr(why, " may change it"), "%s", why);
        gl_free(named);
        gl_free(why);
        gl_harm_undo(all[i]);
    }
    gl_scratch_unlink(program);
    ck_assert_int_eq(judge_program(program, &why), UV_ENOENT);
    gl_free(why);
    gl_scratch_rmdir(in);
    gl_scratch_rmdir(top);
    gl_free(program);
    gl_free(in);
    gl_free(top);
}
END_TEST

/* "C:" is no root: it is the working directory of that drive. */
START_TEST(programs_in_a_root)
{
    static const wchar_t program[] = L"C:\\guestlink-check-private.exe";
    wchar_t old[MAX_PATH], *wide = gl_wide(folder);
    HANDLE file = CreateFileW(program, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    char *why = NULL;
    if (file == INVALID_HANDLE_VALUE || !gl_harm_is_wine()) {
        puts("programs_in_a_root: nobody else may write to a root only below Wine");
    } else {
        ck_assert(GetCurrentDirectoryW(MAX_PATH, old));
        gl_harm_set_dacl(folder, "(A;;FA;;;WD)");
        ck_assert_msg(SetCurrentDirectoryW(wide), "error %lu", GetLastError());
        CloseHandle(file);
        ck_assert_msg(gl_private_judge_program(program, &why) == 0, "%s", why);
        SetCurrentDirectoryW(old);
    }
    DeleteFileW(program);
    gl_free(wide);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = GL_UNIT_SUITE("private", descriptors_that_are_ours, descriptors_that_let_others_in,
                             entries_of_objects, reading_is_not_changing, what_is_made,
                             files_in_it_are_not_for_users);
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_test(files, written_for_us_alone);
    tcase_add_test(files, open_to_others);
    tcase_add_test(files, only_plain_files);
    tcase_add_test(files, lengths);
    tcase_add_test(files, long_and_foreign_names);
    tcase_add_test(files, names_that_are_none);
    tcase_add_test(files, configuration);
    tcase_add_test(files, programs_and_what_is_above);
    tcase_add_test(files, programs_in_a_root);
    suite_add_tcase(s, files);
    return s;
}

GL_UNIT_MAIN(suite)
