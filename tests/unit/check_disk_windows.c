/* SPDX-License-Identifier: MIT */
/* transfer/disk.h on Windows: names, paths, links, and what is open meanwhile. */
#include <uv.h>

#include "disk-box.h"

#define A_UMLAUT  "\xc3\xa4"
#define A_UMLAUT_ "\xc3\x84"
#define LONE      "\xed\xa0\x80" /* a surrogate without its other half */

/* ------------------------------------------------------------------ names */

START_TEST(names_that_cannot_be_had)
{
    static const char *const names[] = {
        "a:b",
        "a:",
        ":b",
        "f::$DATA",
        "con",
        "CON",
        "Con.txt",
        "aux.txt",
        "nul",
        "NUL .x",
        "com1",
        "COM9.c",
        "lpt1.a.b",
        "COM\xc2\xb9",
        "LPT\xc2\xb3",
        "conin$",
        "CONOUT$",
        "CLOCK$",
        "dot.",
        "space ",
        "...",
        "a. ",
        "a*",
        "a?b",
        "a<b",
        "a>",
        "a\"b",
        "a|b",
        "a\\b",
        "a\x01",
        "a\x1f"
        "b",
        "\xff",
        "a\xc3",
        "\xc0\xaf",
        "\xed\xa0\x80\xed\xb0\x80",
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(names); i++) {
        struct gl_disk_list list;
        int fd;
        ck_assert_msg(gl_dir_name_trouble(dir, names[i]), "%s", names[i]);
        ck_assert_int_eq(gl_file_create_at(dir, names[i], &fd), UV_EINVAL);
        ck_assert_int_eq(gl_dir_make(dir, names[i], 0755), UV_EINVAL);
        ck_assert_int_eq(gl_dir_make_link(dir, names[i], "x"), UV_EINVAL);
        ck_assert_int_eq(gl_dir_list(dir, &list), 0);
        ck_assert_uint_eq(list.count, 0);
        gl_disk_list_done(&list);
    }
    make_file(dir, "part", "x");
    for (size_t i = 0; i < GL_ARRAY_SIZE(names); i++)
        ck_assert_int_eq(gl_dir_rename(dir, "part", names[i]), UV_EINVAL);
    assert_file(dir, "part", "x");
}
END_TEST

START_TEST(names_that_can_be_had)
{
    static const char *const names[] = {
        "com",
        "com10",
        "com0x",
        "console",
        "nulx",
        "auxiliary.txt",
        ".con",
        "x.con",
        " leading",
        "a b",
        "..a",
        "a~b",
        "#%&{}$!'@+`=",
        A_UMLAUT,
        "\xe6\xbc\xa2\xe5\xad\x97",
        "\xf0\x9f\x98\x80",
        LONE,
        LONE "x",
        "\xed\xb0\x80"
        "\xf0\x9f\x98\x80",
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(names); i++) {
        const char *trouble = gl_dir_name_trouble(dir, names[i]);
        ck_assert_msg(!trouble, "%s: %s", names[i], trouble);
        /* Wine keeps names in the host's encoding, which has no place for lone surrogates. */
        if (strstr(names[i], "\xed\xa0") || strstr(names[i], "\xed\xb0"))
            continue;
        make_file(dir, names[i], names[i]);
        assert_file(dir, names[i], names[i]);
        ck_assert_msg(has_entry(dir, names[i]), "%s", names[i]);
    }
}
END_TEST

START_TEST(names_are_folded)
{
    char *folded = gl_disk_fold("C:/a" A_UMLAUT LONE "\xf0\x9f\x98\x80z");
    ck_assert_str_eq(folded, "C:/A" A_UMLAUT_ LONE "\xf0\x9f\x98\x80Z");
    gl_free(folded);
    ck_assert_ptr_null(gl_disk_fold("\xff"));
}
END_TEST

START_TEST(names_go_to_utf_16_and_back)
{
    static const char *const names[] = {"a",
                                        A_UMLAUT,
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80",
                                        LONE,
                                        "\xed\xb0\x80\xed\xa0\x80",
                                        LONE "\xf0\x9f\x98\x80"};
    static const char *const bad[] = {"\x80",
                                      "\xc3",
                                      "\xe2\x82",
                                      "\xf0\x9f\x98",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xed\xa0\x80\xed\xb0\x80"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(names); i++) {
        size_t len;
        wchar_t *wide = gl_disk_wide(names[i], &len);
        ck_assert_ptr_nonnull(wide);
        ck_assert_uint_eq(wcslen(wide), len);
        char *narrow = gl_disk_narrow(wide, len);
        ck_assert_str_eq(narrow, names[i]);
        gl_free(narrow);
        gl_free(wide);
    }
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++)
        ck_assert_ptr_null(gl_disk_wide(bad[i], NULL));
}
END_TEST

/* In none of the ways by which something beneath a directory is named. */
START_TEST(names_that_lead_out)
{
    static const char *const names[] = {"..",           ".",           "",    "../x", "..\\x",
                                        "x/..",         "a\\b",        "a/b", "C:",   "C:\\x",
                                        "\\\\?\\C:\\x", "\\??\\C:\\x", "/x",  "f:s",  "\\x"};
    struct gl_dir *in, *out;
    struct gl_disk_info info;
    char *target;
    int fd;
    put_dir("d");
    put_dir("d/a");
    put_bytes("d/a/b", "x", 1);
    put_bytes("x", "outside", 7);
    put_bytes("d/f", "f", 1);
    ck_assert_int_eq(gl_dir_open_at(dir, "d", &in), 0);
    for (size_t i = 0; i < GL_ARRAY_SIZE(names); i++) {
        ck_assert_int_eq(gl_dir_open_at(in, names[i], &out), UV_EINVAL);
        ck_assert_int_eq(gl_dir_stat(in, names[i], &info), UV_EINVAL);
        ck_assert_int_eq(gl_file_open_at(in, names[i], &fd, &info), UV_EINVAL);
        ck_assert_int_eq(gl_file_reopen_at(in, names[i], &fd, &info), UV_EINVAL);
        ck_assert_int_lt(gl_file_create_at(in, names[i], &fd), 0);
        ck_assert_int_lt(gl_dir_make(in, names[i], 0755), 0);
        ck_assert_int_lt(gl_dir_rename(in, "f", names[i]), 0);
        ck_assert_int_lt(gl_dir_rename(in, names[i], "f"), 0);
        ck_assert_int_eq(gl_dir_unlink(in, names[i]), UV_EINVAL);
        ck_assert_int_eq(gl_dir_read_link(in, names[i], &target), UV_EINVAL);
    }
    assert_file(dir, "x", "outside");
    gl_dir_unref(in);
}
END_TEST

START_TEST(names_of_the_greatest_length)
{
    char name[3 * 256 + 1];
    struct gl_disk_info info;
    int fd;
    memset(name, 'n', 255);
    name[255] = '\0';
    make_file(dir, name, "255");
    assert_file(dir, name, "255");
    name[255] = 'n';
    name[256] = '\0';
    ck_assert_int_eq(gl_file_create_at(dir, name, &fd), UV_ENAMETOOLONG);
    ck_assert_int_eq(gl_dir_stat(dir, name, &info), UV_ENAMETOOLONG);
}
END_TEST

START_TEST(names_that_differ_by_case_only)
{
    ck_assert(gl_dir_folds(dir));
    uint64_t hash = gl_dir_name_hash(dir, "Readme" A_UMLAUT, 7);
    ck_assert(gl_dir_name_hash(dir, "readmE" A_UMLAUT_, 7) == hash);
    ck_assert(gl_dir_name_hash(dir, "readme" A_UMLAUT, 8) != hash);
    ck_assert(gl_dir_name_hash(dir, "readmea", 7) != hash);
    /* What is not the same to NTFS: composed and decomposed, sharp s and two of them. */
    ck_assert(gl_dir_name_hash(dir, "a\xcc\x88", 7) != gl_dir_name_hash(dir, A_UMLAUT, 7));
    ck_assert(gl_dir_name_hash(dir, "\xc3\x9f", 7) != gl_dir_name_hash(dir, "SS", 7));
    make_file(dir, "Name", "x");
    assert_file(dir, "nAME", "x");
    int fd;
    ck_assert_int_eq(gl_file_create_at(dir, "NAME", &fd), UV_EEXIST);
    ck_assert_int_eq(gl_dir_make(dir, "NAME", 0755), UV_EEXIST);
}
END_TEST

/* ------------------------------------------------------------------ paths */

static void assert_stat(const char *path, int result, enum gl_disk_kind kind)
{
    struct gl_disk_info info;
    for (int links = GL_LINKS_ALL; links <= GL_LINKS_NONE; links++) {
        int err = gl_disk_stat(path, (enum gl_disk_links)links, &info);
        ck_assert_msg(err == result, "%s by %d: %d and not %d", path, links, err, result);
        ck_assert(err || info.kind == kind);
    }
}

static void assert_full(const char *path, int result, const char *text)
{
    struct gl_disk_full full;
    int err = gl_disk_full_path(path, &full);
    ck_assert_msg(err == result, "%s: %d", path, err);
    if (err)
        return;
    char *narrow = gl_disk_narrow(full.text, full.len);
    ck_assert_str_eq(narrow, text);
    gl_free(narrow);
    gl_disk_full_done(&full);
}

START_TEST(paths_of_all_forms)
{
    assert_full("C:\\", 0, "\\??\\C:\\");
    assert_full("c:/", 0, "\\??\\C:\\");
    assert_full("C:\\a\\b", 0, "\\??\\C:\\a\\b");
    assert_full("C:/a//b/", 0, "\\??\\C:\\a\\b");
    assert_full("C:\\a\\..\\b", 0, "\\??\\C:\\b");
    assert_full("C:\\..\\..\\b\\.\\c\\..", 0, "\\??\\C:\\b");
    assert_full("C:\\a.\\nul ", 0, "\\??\\C:\\a.\\nul ");
    assert_full("\\\\srv\\share", 0, "\\??\\UNC\\srv\\share\\");
    assert_full("\\\\srv\\share\\x\\..\\..\\y", 0, "\\??\\UNC\\srv\\share\\y");
    assert_full("//srv/share/x", 0, "\\??\\UNC\\srv\\share\\x");
    assert_full("\\\\?\\C:\\x\\y", 0, "\\??\\C:\\x\\y");
    assert_full("\\\\?\\UNC\\srv\\share\\y", 0, "\\??\\UNC\\srv\\share\\y");
    assert_full("\\\\?\\Volume{1}\\y", 0, "\\??\\Volume{1}\\y");
    assert_full("\\\\?\\C:\\x\\..\\y", UV_EINVAL, NULL);
    assert_full("\\\\?\\GLOBALROOT\\Device\\x", UV_EINVAL, NULL);
    assert_full("\\\\.\\PhysicalDrive0", UV_EINVAL, NULL);
    assert_full("\\\\.\\pipe\\x", UV_EINVAL, NULL);
    assert_full("\\\\srv", UV_EINVAL, NULL);
    assert_full("C:\\x:stream", UV_EINVAL, NULL);
    assert_full("C:\\x::$DATA", UV_EINVAL, NULL);
    assert_full("\xff", UV_EINVAL, NULL);
    assert_full("", UV_ENOENT, NULL);
    char *here = gl_asprintf("\\??\\%s\\x", box);
    for (char *c = here; *c; c++)
        if (*c == '/')
            *c = '\\';
    assert_full("x", 0, here);
    assert_full("./y/../x", 0, here);
    char drive_x[] = {box[0], ':', 'x', '\0'};
    assert_full(drive_x, 0, here);
    gl_free(here);
    char *root = gl_asprintf("\\??\\%c:\\x", box[0]);
    assert_full("\\x", 0, root);
    assert_full("/x", 0, root);
    gl_free(root);
}
END_TEST

START_TEST(paths_that_depend_on_the_process_say_so)
{
    static const char *const good[] = {"C:\\",        "c:/x",    "x",    "x\\y", ".",
                                       "\\\\?\\C:\\", "//s/h/x", "\\/s", "ab:c", ""};
    static const char *const bad[] = {"C:", "C:x", "z:..", "/", "/x", "\\", "\\x", "\\??\\C:\\x"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(good); i++)
        ck_assert_msg(!gl_disk_path_adrift(good[i]), "%s", good[i]);
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++)
        ck_assert_msg(gl_disk_path_adrift(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(paths_that_are_none_say_why)
{
    static const char *const good[] = {"C:\\x", "C:x", "x", "\\\\?\\C:\\x", "//?/C:/x", "\\\\s\\h"};
    static const char *const bad[] = {"C:\\x:y",     "xx:y",       "C:\\x::$DATA", "\\\\?\\C:\\x:y",
                                      "\\\\.\\COM1", "//./pipe/x", "\xff",         "C:\\*.txt",
                                      "x?",          "//?/C:/a?",  "a|b",          "a\tb"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(good); i++)
        ck_assert_msg(!gl_disk_path_trouble(good[i]), "%s", good[i]);
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++)
        ck_assert_msg(gl_disk_path_trouble(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(paths_by_each_way)
{
    put_dir("d");
    put_bytes("d/f", "x", 1);
    assert_stat("d", 0, GL_DISK_DIRECTORY);
    assert_stat("d\\", 0, GL_DISK_DIRECTORY);
    assert_stat("d/f", 0, GL_DISK_FILE);
    assert_stat("D\\F", 0, GL_DISK_FILE);
    assert_stat("d/f/", UV_ENOTDIR, 0);
    assert_stat("d/g", UV_ENOENT, 0);
    assert_stat("e/g", UV_ENOENT, 0);
    assert_stat("C:\\", 0, GL_DISK_DIRECTORY);
    assert_stat("Q:\\nothing", UV_ENOENT, 0);
    char *verbatim = gl_asprintf("\\\\?\\%s\\d\\f", box);
    for (char *c = verbatim; *c; c++)
        if (*c == '/')
            *c = '\\';
    assert_stat(verbatim, 0, GL_DISK_FILE);
    gl_free(verbatim);
}
END_TEST

START_TEST(long_paths)
{
    char name[201];
    memset(name, 'n', 200);
    name[200] = '\0';
    struct gl_dir *at = gl_dir_ref(dir), *below, *above;
    char path[8192];
    snprintf(path, sizeof path, "%s", box);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(gl_dir_make(at, name, 0755), 0);
        ck_assert_int_eq(gl_dir_open_at(at, name, &below), 0);
        ck_assert_int_eq(gl_dir_open_above(below, gl_dir_device(at), gl_dir_inode(at), &above), 0);
        gl_dir_unref(above);
        ck_assert_int_eq(gl_dir_open_above(below, gl_dir_device(at), gl_dir_inode(at) + 1, &above),
                         UV_ENOENT);
        gl_dir_unref(at);
        at = below;
        strcat(path, "/");
        strcat(path, name);
    }
    make_file(at, "f", "deep");
    strcat(path, "/f");
    assert_stat(path, 0, GL_DISK_FILE);
    char *resolved;
    ck_assert_int_eq(gl_disk_resolve(path, &resolved), 0);
    ck_assert_str_eq(resolved, path);
    gl_free(resolved);
    ck_assert_int_eq(gl_disk_resolve_any(path, true, &resolved), 0);
    ck_assert_str_eq(resolved, path);
    gl_free(resolved);
    gl_dir_unref(at);
}
END_TEST

/* By whatever name it is called, a rule of the policy sees the one that the disk has. */
START_TEST(paths_have_one_name)
{
    put_dir("Folder with a long name");
    put_bytes("Folder with a long name/File.txt", "x", 1);
    assert_resolved("Folder with a long name/File.txt", "/Folder with a long name/File.txt");
    assert_resolved("FOLDER WITH A LONG NAME\\fILE.TXT", "/Folder with a long name/File.txt");
    assert_resolved("folder with a long name\\.\\x\\..\\file.txt",
                    "/Folder with a long name/File.txt");
    assert_resolved("folder with a long name/Missing/Thing",
                    "/Folder with a long name/Missing/Thing");
    assert_resolved(".", "");
    char *resolved;
    ck_assert_int_eq(gl_disk_resolve_any("c:\\", true, &resolved), 0);
    ck_assert_str_eq(resolved, "C:/");
    gl_free(resolved);
    ck_assert_int_eq(gl_disk_resolve_any("q:\\x\\..\\Y", true, &resolved), 0);
    ck_assert_str_eq(resolved, "Q:/Y");
    gl_free(resolved);
    /* A share means itself, without a look at it. */
    static const char *const shares[] = {"//nowhere.invalid/C$/x/../y",
                                         "\\\\nowhere.invalid\\C$\\y",
                                         "//?/UNC/nowhere.invalid/C$/y"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(shares); i++) {
        ck_assert_int_eq(gl_disk_resolve_any(shares[i], true, &resolved), 0);
        ck_assert_str_eq(resolved, "//nowhere.invalid/C$/y");
        gl_free(resolved);
    }
    ck_assert_int_lt(gl_disk_resolve(shares[0], &resolved), 0);
    /* The short name, where the file system makes such. */
    wchar_t *wide = gl_wide_path("Folder with a long name"), name[1024];
    if (GetShortPathNameW(wide, name, 1024) && wcschr(name, L'~')) {
        char *given = gl_narrow(wcsrchr(name, L'\\') + 1);
        assert_resolved(given, "/Folder with a long name");
        ck_assert_ptr_nonnull(gl_dir_name_trouble(dir, given));
        gl_free(given);
    }
    gl_free(wide);
}
END_TEST

/* ------------------------------------------------------------------ files */

START_TEST(attributes_and_times)
{
    struct gl_disk_info info;
    const struct gl_disk_time time = {1234567890, 123456789}, before = {-20000000000, 0},
                              old = {-1, 500}, after = {INT64_MAX, 0};
    int fd;
    ck_assert_int_eq(gl_file_create_at(dir, "f", &fd), 0);
    ck_assert_int_eq(gl_file_set(fd, 0400, &time), 0);
    ck_assert_int_eq(gl_file_stat(fd, &info), 0);
    ck_assert_uint_eq(info.mode, 0444);
    ck_assert_int_eq(info.mtime.s, 1234567890);
    ck_assert_uint_eq(info.mtime.ns, 123456700);
    ck_assert(box_attributes("f") & FILE_ATTRIBUTE_READONLY);
    ck_assert(info.alone && info.trusted);
    ck_assert_int_eq(gl_file_set(fd, 0600, &old), 0);
    ck_assert_int_eq(gl_dir_stat(dir, "f", &info), 0);
    ck_assert_uint_eq(info.mode, 0644);
    ck_assert_int_eq(info.mtime.s, -1);
    ck_assert_uint_eq(info.mtime.ns, 500);
    /* What a FILETIME cannot say is as near as it can be. */
    ck_assert_int_eq(gl_file_set(fd, 0600, &before), 0);
    ck_assert_int_eq(gl_file_set(fd, 0600, &after), 0);
    gl_file_close(fd);
    /* Also one that is open for reading, and read-only. */
    set_mode("f", 0444);
    ck_assert_int_eq(gl_file_open_at(dir, "f", &fd, &info), 0);
    ck_assert_int_eq(gl_file_set(fd, 0644, &time), 0);
    ck_assert_int_eq(gl_file_sync(fd), 0);
    gl_file_close(fd);
    ck_assert(!(box_attributes("f") & FILE_ATTRIBUTE_READONLY));
    put_dir("d");
    struct gl_dir *d;
    ck_assert_int_eq(gl_dir_open_at(dir, "d", &d), 0);
    ck_assert_int_eq(gl_dir_set(d, 0555, time), 0);
    ck_assert_int_eq(gl_dir_stat(dir, "d", &info), 0);
    ck_assert_uint_eq(info.mode, 0755);
    ck_assert_uint_eq(info.mtime.ns, 123456700);
    gl_dir_unref(d);
}
END_TEST

START_TEST(a_lock_is_the_only_one)
{
    struct gl_disk_info info;
    int fd, other;
    char byte;
    ck_assert_int_eq(gl_file_create_at(dir, "f", &fd), 0);
    ck_assert_int_eq(gl_file_lock(fd), 0);
    ck_assert_int_eq(gl_file_write_at(fd, "x", 1, 0), 0);
    ck_assert_int_eq(gl_file_reopen_at(dir, "f", &other, &info), UV_EBUSY);
    ck_assert_int_eq(gl_file_open_at(dir, "f", &other, &info), 0);
    ck_assert_int_eq(gl_file_lock(other), UV_EAGAIN);
    /* It holds up nobody who reads. */
    ck_assert_int_eq(gl_file_read_at(other, &byte, 1, 0), 1);
    int dup = gl_file_dup(fd);
    ck_assert_int_ge(dup, 0);
    gl_file_close(fd);
    ck_assert_int_eq(gl_file_lock(other), UV_EAGAIN);
    gl_file_close(dup);
    ck_assert_int_eq(gl_file_lock(other), 0);
    gl_file_close(other);
}
END_TEST

START_TEST(replaced_while_somebody_reads)
{
    put_bytes("old", "old", 3);
    HANDLE reader = box_open("old", GENERIC_READ, OPEN_EXISTING); /* shares deletion */
    make_file(dir, "new", "new");
    int err = gl_dir_rename(dir, "new", "old");
    if (box_is_wine() && err == UV_EBUSY) { /* version 8 has no POSIX semantics */
        CloseHandle(reader);
        assert_file(dir, "old", "old");
        return;
    }
    ck_assert_msg(err == 0, "%s", uv_strerror(err));
    char text[8] = "";
    DWORD n;
    ck_assert(ReadFile(reader, text, 7, &n, NULL) && n == 3);
    ck_assert_str_eq(text, "old");
    CloseHandle(reader);
    assert_file(dir, "old", "new");
    ck_assert(!exists("new"));
}
END_TEST

/* Who does not share it keeps it: then it says so, and both files are there still. */
START_TEST(not_replaced_while_somebody_forbids_it)
{
    put_bytes("old", "old", 3);
    wchar_t *wide = gl_wide_path("old");
    HANDLE reader = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    gl_free(wide);
    make_file(dir, "new", "new");
    int err = gl_dir_rename(dir, "new", "old");
    ck_assert_msg(err == UV_EBUSY || err == UV_EACCES, "%d", err);
    CloseHandle(reader);
    assert_file(dir, "old", "old");
    assert_file(dir, "new", "new");
    ck_assert_int_eq(gl_dir_rename(dir, "new", "old"), 0);
    assert_file(dir, "old", "new");
}
END_TEST

START_TEST(read_only_files_are_replaced_and_removed)
{
    struct gl_disk_info info;
    put_bytes("old", "old", 3);
    set_mode("old", 0444);
    make_file(dir, "new", "new");
    set_mode("new", 0444);
    ck_assert_int_eq(gl_dir_rename(dir, "new", "old"), 0);
    assert_file(dir, "old", "new");
    ck_assert_int_eq(gl_dir_stat(dir, "old", &info), 0);
    ck_assert_uint_eq(info.mode, 0444);
    ck_assert_int_eq(gl_dir_unlink(dir, "old"), 0);
    ck_assert(!exists("old"));
}
END_TEST

START_TEST(directories_are_not_replaced)
{
    put_dir("d");
    put_bytes("d/f", "x", 1);
    put_dir("empty");
    make_file(dir, "new", "new");
    ck_assert_int_eq(gl_dir_rename(dir, "new", "d"), UV_EISDIR);
    ck_assert_int_eq(gl_dir_rename(dir, "new", "empty"), UV_EISDIR);
    ck_assert_int_eq(gl_dir_unlink(dir, "empty"), UV_EISDIR);
    ck_assert_int_eq(gl_dir_make(dir, "d", 0755), UV_EEXIST);
    ck_assert_int_eq(gl_dir_make(dir, "new", 0755), UV_EEXIST);
    struct gl_dir *none;
    struct gl_disk_info info;
    int fd;
    ck_assert_int_eq(gl_dir_open_at(dir, "new", &none), UV_ENOTDIR);
    ck_assert_int_eq(gl_dir_open_at(dir, "none", &none), UV_ENOENT);
    ck_assert_int_eq(gl_file_open_at(dir, "d", &fd, &info), UV_EISDIR);
    ck_assert_int_eq(gl_file_open("d", GL_LINKS_ALL, true, &fd, &info), UV_EISDIR);
    ck_assert_int_eq(gl_file_open_at(dir, "none", &fd, &info), UV_ENOENT);
}
END_TEST

/* An unlinked part is gone at once, though it is open still: its name can be had again. */
START_TEST(removed_while_it_is_open)
{
    int fd, again;
    ck_assert_int_eq(gl_file_create_at(dir, "f", &fd), 0);
    ck_assert_int_eq(gl_dir_unlink(dir, "f"), 0);
    gl_file_close(fd);
    ck_assert_int_eq(gl_file_create_at(dir, "f", &again), 0);
    gl_file_close(again);
}
END_TEST

START_TEST(holes)
{
    int fd;
    char text[8] = "";
    struct gl_disk_info info;
    uint64_t start, end;
    ck_assert_int_eq(gl_file_create_at(dir, "f", &fd), 0);
    ck_assert_int_eq(gl_file_write_at(fd, "end", 3, 64 << 20), 0);
    ck_assert_int_eq(gl_file_truncate(fd, 80 << 20), 0);
    ck_assert_int_eq(gl_file_stat(fd, &info), 0);
    ck_assert_uint_eq(info.size, 80 << 20);
    ck_assert_int_eq(gl_file_read_at(fd, text, 3, 64 << 20), 3);
    ck_assert_str_eq(text, "end");
    ck_assert_int_eq(gl_file_read_at(fd, text, 3, 1 << 20), 3);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(gl_file_read_at(fd, text, 3, 80 << 20), 0);
    int err = gl_file_next_data(fd, 0, &start, &end);
    if (err != UV_ENOTSUP) { /* a file system without holes, and Wine */
        ck_assert_int_eq(err, 0);
        ck_assert_uint_gt(start, 60 << 20);
        ck_assert_uint_ge(end, (64 << 20) + 3);
        ck_assert_int_eq(gl_file_next_data(fd, 70 << 20, &start, &end), UV_ENXIO);
        ck_assert(info.sparse);
    }
    ck_assert_int_eq(gl_file_truncate(fd, 1), 0);
    ck_assert_int_eq(gl_file_truncate(fd, UINT64_MAX), UV_EFBIG);
    gl_file_close(fd);
}
END_TEST

/* ------------------------------------------------------------------ streams */

struct waiter {
    int fd;
    struct gl_disk_signal *signal;
    ssize_t result;
    char data[65536];
    bool writes;
};

static void wait_for_stream(void *arg)
{
    struct waiter *w = arg;
    do
        w->result = w->writes ? gl_stream_fd_write(w->fd, w->data, sizeof w->data, w->signal)
                              : gl_stream_fd_read(w->fd, w->data, sizeof w->data, w->signal);
    while (w->writes && w->result == 0);
}

START_TEST(pipes_are_read_and_end)
{
    static struct waiter w;
    uv_thread_t thread;
    int fds[2];
    box_pipe(fds);
    w = (struct waiter){.fd = fds[0]};
    ck_assert_int_eq(gl_disk_signal_new(&w.signal), 0);
    ck_assert_int_eq(box_write(fds[1], "there already", 13), 13);
    ck_assert_int_eq(gl_stream_fd_read(fds[0], w.data, sizeof w.data, w.signal), 13);
    ck_assert_int_eq(uv_thread_create(&thread, wait_for_stream, &w), 0);
    uv_sleep(50); /* so that it mostly waits by now; either way it gets it */
    ck_assert_int_eq(box_write(fds[1], "later", 5), 5);
    uv_thread_join(&thread);
    ck_assert_int_eq(w.result, 5);
    ck_assert_mem_eq(w.data, "later", 5);
    box_close(fds[1]);
    ck_assert_int_eq(gl_stream_fd_read(fds[0], w.data, sizeof w.data, w.signal), 0);
    box_close(fds[0]);
    gl_disk_signal_free(w.signal);
}
END_TEST

START_TEST(waiting_can_be_ended)
{
    static struct waiter w;
    for (int writes = 0; writes < 2; writes++) {
        uv_thread_t thread;
        int fds[2];
        box_pipe(fds);
        w = (struct waiter){.fd = fds[writes], .writes = writes};
        ck_assert_int_eq(gl_disk_signal_new(&w.signal), 0);
        ck_assert_int_eq(uv_thread_create(&thread, wait_for_stream, &w), 0);
        uv_sleep(50); /* so that it mostly waits by now; either way it is ended */
        gl_disk_signal_raise(w.signal);
        uv_thread_join(&thread);
        ck_assert_int_eq(w.result, UV_ECANCELED);
        ck_assert_int_eq(gl_stream_fd_read(fds[0], w.data, 1, w.signal), UV_ECANCELED);
        gl_disk_signal_free(w.signal);
        box_close(fds[0]);
        box_close(fds[1]);
    }
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE_WITH(
        setup, teardown, "disk windows", names_that_cannot_be_had, names_that_can_be_had,
        names_are_folded, names_go_to_utf_16_and_back, names_that_lead_out,
        names_of_the_greatest_length, names_that_differ_by_case_only, paths_of_all_forms,
        paths_that_depend_on_the_process_say_so, paths_that_are_none_say_why, paths_by_each_way,
        long_paths, paths_have_one_name, attributes_and_times, a_lock_is_the_only_one,
        replaced_while_somebody_reads, not_replaced_while_somebody_forbids_it,
        read_only_files_are_replaced_and_removed, directories_are_not_replaced,
        removed_while_it_is_open, holes, pipes_are_read_and_end, waiting_can_be_ended);
}

GL_UNIT_MAIN(suite)
