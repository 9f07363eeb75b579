/* SPDX-License-Identifier: MIT */
/* transfer/disk.h on Windows: links, and what else stands for something that is elsewhere. */
#include <uv.h>

#include "disk-box.h"

static size_t put_u16(uint8_t *to, size_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    return 2;
}

/* As Windows stores them, with substitute and print name one after the other. */
static size_t make_reparse(uint8_t *data, uint32_t tag, const wchar_t *system, const wchar_t *print)
{
    bool symlink = tag == (IO_REPARSE_TAG_SYMLINK & 0xFFFFFFFF);
    size_t names = symlink ? 20 : 16, a = wcslen(system) * 2, b = wcslen(print) * 2;
    memset(data, 0, names);
    put_u16(data, tag & 0xFFFF);
    put_u16(data + 2, tag >> 16);
    put_u16(data + 4, names - 8 + a + b);
    put_u16(data + 10, a);
    put_u16(data + 12, a);
    put_u16(data + 14, b);
    memcpy(data + names, system, a);
    memcpy(data + names + a, print, b);
    return names + a + b;
}

START_TEST(links_as_windows_stores_them)
{
    static const struct {
        uint32_t tag;
        const wchar_t *system, *print;
        const char *target;
    } cases[] = {
        {0xA000000C, L"..\\a\\b", L"..\\a\\b", "../a/b"},
        {0xA000000C, L"\\??\\C:\\x\\y", L"C:\\x\\y", "C:/x/y"},
        {0xA000000C, L"\\??\\C:\\x\\y", L"", "C:/x/y"},
        {0xA000000C, L"\\??\\UNC\\s\\h\\y", L"", "//s/h/y"},
        {0xA0000003, L"\\??\\C:\\x\\", L"", "C:/x/"},
        {0xA0000003, L"\\??\\Volume{1}\\", L"", "//?/Volume{1}/"},
    };
    uint8_t data[1024];
    char *target;
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        size_t len = make_reparse(data, cases[i].tag, cases[i].system, cases[i].print);
        ck_assert_int_eq(gl_disk_parse_link(data, len, &target), 0);
        ck_assert_str_eq(target, cases[i].target);
        gl_free(target);
        /* Whatever is cut or claimed, nothing is read beyond. */
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, data, cut);
            ck_assert_int_eq(gl_disk_parse_link(copy, cut, &target), UV_EINVAL);
            free(copy);
        }
        for (size_t at = 8; at < 16; at += 2) {
            uint8_t saved = data[at + 1];
            data[at + 1] = 0xff;
            if (gl_disk_parse_link(data, len, &target) == 0)
                gl_free(target);
            data[at + 1] = saved;
        }
    }
    make_reparse(data, 0x80000017, L"x", L"x");
    ck_assert_int_eq(gl_disk_parse_link(data, sizeof data, &target), UV_EINVAL);
}
END_TEST

START_TEST(paths_by_way_of_a_link)
{
    static const struct {
        const char *path;
        size_t at; /* of the link, in the text below */
        const char *target;
        const wchar_t *rest;
        const char *result;
    } cases[] = {
        {"C:\\l\\x", 7, "t", L"x", "\\??\\C:\\t\\x"},
        {"C:\\a\\l\\x", 9, "t", L"x", "\\??\\C:\\a\\t\\x"},
        {"C:\\a\\l\\x", 9, "../t", L"x", "\\??\\C:\\t\\x"},
        {"C:\\a\\l\\x", 9, "../../../t/", L"x", "\\??\\C:\\t\\x"},
        {"C:\\a\\l\\x", 9, "/t", L"x", "\\??\\C:\\t\\x"},
        {"C:\\a\\l", 9, "D:/t", L"", "\\??\\D:\\t"},
        {"C:\\a\\l\\x", 9, "//s/h/t", L"x", "\\??\\UNC\\s\\h\\t\\x"},
        {"C:\\a\\l\\x", 9, "//?/Volume{1}/", L"x", "\\??\\Volume{1}\\x"},
        {"\\\\s\\h\\a\\l\\x", 14, "t", L"x", "\\??\\UNC\\s\\h\\a\\t\\x"},
        {"\\\\s\\h\\a\\l\\x", 14, "/t", L"x", "\\??\\UNC\\s\\h\\t\\x"},
        {"//?/Volume{1}/a/l/x", 16, "../t", L"x", "\\??\\Volume{1}\\t\\x"},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        struct gl_disk_full full, other;
        ck_assert_int_eq(gl_disk_full_path(cases[i].path, &full), 0);
        ck_assert_uint_eq((unsigned)full.text[cases[i].at], L'l');
        ck_assert_int_eq(gl_disk_follow(&full, cases[i].at, cases[i].target, cases[i].rest, &other),
                         0);
        char *text = gl_disk_narrow(other.text, other.len);
        ck_assert_str_eq(text, cases[i].result);
        gl_free(text);
        gl_disk_full_done(&full);
        gl_disk_full_done(&other);
    }
}
END_TEST

START_TEST(links_that_are_not_made)
{
    ck_assert_ptr_nonnull(gl_disk_target_trouble("//server/share"));
    ck_assert_ptr_nonnull(gl_disk_target_trouble("\\\\server\\share"));
    ck_assert_ptr_nonnull(gl_disk_target_trouble("a\\b"));
    ck_assert_ptr_nonnull(gl_disk_target_trouble("\xff"));
    ck_assert_ptr_nonnull(gl_disk_target_trouble("/?\?/UNC/server/share"));
    ck_assert_ptr_nonnull(gl_disk_target_trouble("a:b"));
    ck_assert_ptr_null(gl_disk_target_trouble("../a/b"));
    ck_assert_ptr_null(gl_disk_target_trouble("C:/a"));
    ck_assert_int_eq(gl_dir_make_link(dir, "l", "//server/share"), UV_EINVAL);
    put_bytes("f", "x", 1);
    ck_assert_int_eq(gl_dir_make_link(dir, "f", "x"), UV_EEXIST);
    assert_file(dir, "f", "x");
    /* Made, or refused with the word for it: never claimed. */
    int err = gl_dir_make_link(dir, "l", "f");
    ck_assert_msg(err == UV_EPERM || (err == 0 && is_link("l")), "%d", err);
    ck_assert(err == 0 || !exists("l"));
}
END_TEST

/* A junction needs no right. False: this system has none (Wine 8). */
static bool put_junction(const char *path, const char *to)
{
    uint8_t data[4096];
    wchar_t *wide = gl_wide_path(to), system[1024];
    put_dir(path);
    swprintf(system, GL_ARRAY_SIZE(system), L"\\??\\%ls", wide + 4);
    gl_free(wide);
    size_t len = make_reparse(data, 0xA0000003, system, L"");
    HANDLE handle = box_open(path, GENERIC_WRITE, OPEN_EXISTING);
    DWORD n;
    bool well =
        DeviceIoControl(handle, FSCTL_SET_REPARSE_POINT, data, (DWORD)len, NULL, 0, &n, NULL);
    CloseHandle(handle);
    if (!well)
        remove_dir(path);
    return well;
}

START_TEST(nothing_is_reached_by_way_of_a_junction)
{
    struct gl_dir *out;
    struct gl_disk_info info;
    char *target, *resolved;
    int fd;
    put_dir("outside");
    put_bytes("outside/f", "safe", 4);
    if (!put_junction("way", "outside"))
        return;
    ck_assert_int_eq(gl_dir_stat(dir, "way", &info), 0);
    ck_assert_int_eq(info.kind, GL_DISK_LINK);
    ck_assert_int_eq(gl_dir_open_at(dir, "way", &out), UV_ENOTDIR);
    ck_assert_int_eq(gl_file_open_at(dir, "way", &fd, &info), UV_ELOOP);
    ck_assert_int_eq(gl_disk_stat("way/f", GL_LINKS_ALL, &info), 0);
    ck_assert_int_eq(gl_disk_stat("way/f", GL_LINKS_BUT_LAST, &info), 0);
    ck_assert_int_eq(gl_disk_stat("way/f", GL_LINKS_NONE, &info), UV_ELOOP);
    ck_assert_int_eq(gl_disk_stat("way", GL_LINKS_NONE, &info), 0);
    ck_assert_int_eq(info.kind, GL_DISK_LINK);
    ck_assert_int_eq(gl_dir_open("way", GL_LINKS_NONE, &out), UV_ELOOP);
    ck_assert_int_eq(gl_dir_read_link(dir, "way", &target), 0);
    ck_assert_str_eq(target + strlen(target) - 8, "/outside");
    gl_free(target);
    assert_resolved("way/f", "/outside/f");
    ck_assert_int_eq(gl_disk_resolve_any("way", false, &resolved), 0);
    ck_assert_str_eq(resolved + strlen(resolved) - 4, "/way");
    gl_free(resolved);
    /* It is replaced as a link, and what it leads to stays. */
    make_file(dir, "new", "new");
    ck_assert_int_eq(gl_dir_rename(dir, "new", "way"), 0);
    assert_file(dir, "way", "new");
    ck_assert(exists("outside/f"));
}
END_TEST

/* What NT takes is what is read back, of each kind of target. */
START_TEST(links_as_they_are_made)
{
    static const struct {
        const wchar_t *target;
        const char *read;
        unsigned relative;
    } cases[] = {
        {L"..\\a\\b", "../a/b", 1},
        {L"\\x\\y", "/x/y", 1},
        {L"C:\\x", "C:/x", 0},
    };
    uint8_t data[GL_DISK_LINK_MAX];
    char *target;
    size_t len;
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        ck_assert_int_eq(gl_disk_build_link(cases[i].target, data, &len), 0);
        ck_assert_int_eq(gl_disk_parse_link(data, len, &target), 0);
        ck_assert_str_eq(target, cases[i].read);
        gl_free(target);
        ck_assert_uint_eq(data[16], cases[i].relative);
        /* By the system's name alone. */
        put_u16(data + 14, 0);
        ck_assert_int_eq(gl_disk_parse_link(data, len, &target), 0);
        ck_assert_str_eq(target, cases[i].read);
        gl_free(target);
    }
    ck_assert_int_eq(gl_disk_build_link(L"C:\\x", data, &len), 0);
    ck_assert_mem_eq(data + 20, L"\\??\\C:\\xC:\\x", len - 20);
    wchar_t longest[5000];
    wmemset(longest, L'x', 4999);
    longest[4999] = 0;
    ck_assert_int_eq(gl_disk_build_link(longest, data, &len), UV_ENAMETOOLONG);
}
END_TEST

/* "/x" is of the drive that the link is on, wherever we are. */
START_TEST(links_from_the_root)
{
    put_dir("d");
    put_dir("d/sub");
    put_bytes("d/f", "x", 1);
    wchar_t *folder = gl_wide_path("d"), here[1024], root[] = L"X:\\";
    char *rooted = gl_asprintf("%s/d/sub", box + 2), *file = gl_asprintf("%s/d/f", box + 2);
    ck_assert(gl_disk_leads_to_directory(folder, "sub"));
    ck_assert(gl_disk_leads_to_directory(folder, "../d/sub"));
    ck_assert(gl_disk_leads_to_directory(folder, box));
    ck_assert(!gl_disk_leads_to_directory(folder, "f"));
    ck_assert(!gl_disk_leads_to_directory(folder, "none"));
    ck_assert(GetCurrentDirectoryW(GL_ARRAY_SIZE(here), here));
    for (root[0] = L'A'; root[0] <= L'Z'; root[0]++)
        if (root[0] != here[0] && SetCurrentDirectoryW(root)) { /* Wine has C: and Z: */
            ck_assert(gl_disk_leads_to_directory(folder, rooted));
            ck_assert(!gl_disk_leads_to_directory(folder, file));
        }
    ck_assert(SetCurrentDirectoryW(here));
    gl_free(rooted);
    gl_free(file);
    gl_free(folder);
}
END_TEST

/* Behind a tag there is a file only if Windows keeps its content elsewhere. */
START_TEST(what_a_tag_means)
{
    static const struct {
        DWORD tag;
        enum gl_disk_kind kind;
    } cases[] = {
        {0xA000000C, GL_DISK_LINK},    {0xA0000003, GL_DISK_LINK},    {0x80000023, GL_DISK_SOCKET},
        {0x9000001A, GL_DISK_FILE},    {0x9000601A, GL_DISK_FILE},    {0x80000017, GL_DISK_FILE},
        {0x80000013, GL_DISK_FILE},    {0x80000018, GL_DISK_UNKNOWN}, {0x8000001B, GL_DISK_UNKNOWN},
        {0x9000001C, GL_DISK_UNKNOWN}, {0x00001234, GL_DISK_UNKNOWN}, {0xA0000019, GL_DISK_UNKNOWN},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++)
        ck_assert_msg(gl_disk_kind_of(FILE_ATTRIBUTE_REPARSE_POINT, cases[i].tag) == cases[i].kind,
                      "%lx", cases[i].tag);
    ck_assert_int_eq(
        gl_disk_kind_of(FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DIRECTORY, 0x9000301A),
        GL_DISK_DIRECTORY);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE_WITH(setup, teardown, "links windows", links_as_windows_stores_them,
                              paths_by_way_of_a_link, links_that_are_not_made,
                              nothing_is_reached_by_way_of_a_junction, links_as_they_are_made,
                              links_from_the_root, what_a_tag_means);
}

GL_UNIT_MAIN(suite)
