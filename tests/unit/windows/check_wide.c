/* SPDX-License-Identifier: MIT */
/* Names between UTF-8 and Windows' UTF-16, and paths of any length. */
#include "windows/wide.h"

#include <string.h>
#include <windows.h>

#include "unit.h"

START_TEST(there_and_back)
{
    static const char *const texts[] = {"",
                                        "plain",
                                        "gr\xc3\xbc\xc3\x9f",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x90\xa7", /* beyond 16 bits */
                                        "\xf4\x8f\xbf\xbf",
                                        "\xef\xbf\xbd"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(texts); i++) {
        wchar_t *wide = gl_wide(texts[i]);
        ck_assert_msg(wide, "%s", texts[i]);
        char *narrow = gl_narrow(wide), *lossy = gl_narrow_lossy(wide);
        ck_assert_str_eq(narrow, texts[i]);
        ck_assert_str_eq(lossy, texts[i]);
        gl_free(narrow);
        gl_free(lossy);
        gl_free(wide);
    }
    wchar_t *wide = gl_wide("\xf0\x9f\x90\xa7");
    ck_assert_uint_eq(wcslen(wide), 2);
    ck_assert_uint_eq(wide[0], 0xd83d);
    ck_assert_uint_eq(wide[1], 0xdc27);
    gl_free(wide);
}
END_TEST

START_TEST(what_is_not_utf8_is_refused)
{
    static const char *const texts[] = {"\x80",         "\xff",
                                        "a\xc3",        "\xc0\xaf",         /* overlong */
                                        "\xe0\x80\xaf", "\xed\xa0\x80",     /* a surrogate */
                                        "\xed\xb0\x80", "\xf4\x90\x80\x80", /* beyond U+10FFFF */
                                        "x\xe2\x82"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(texts); i++) {
        ck_assert_msg(!gl_wide(texts[i]), "text %u", (unsigned)i);
        ck_assert_msg(!gl_wide_path(texts[i]), "text %u", (unsigned)i);
    }
}
END_TEST

START_TEST(lone_surrogates_are_refused)
{
    static const wchar_t *const texts[] = {L"\xd800", L"a\xd800z", L"\xdc00", L"\xdc00\xd800",
                                           L"\xd800\xd800\xdc00"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(texts); i++) {
        ck_assert_msg(!gl_narrow(texts[i]), "text %u", (unsigned)i);
        char *lossy = gl_narrow_lossy(texts[i]);
        ck_assert_ptr_nonnull(lossy);
        gl_free(lossy);
    }
    char *lossy = gl_narrow_lossy(L"a\xd800z");
    ck_assert_str_eq(lossy, "a\xef\xbf\xbdz");
    gl_free(lossy);
}
END_TEST

static void assert_path(const char *path, const wchar_t *wanted)
{
    wchar_t *wide = gl_wide_path(path);
    ck_assert_msg(wide && wcscmp(wide, wanted) == 0, "%s: %ls", path, wide ? wide : L"NULL");
    gl_free(wide);
}

START_TEST(paths)
{
    assert_path("C:\\a\\b", L"\\\\?\\C:\\a\\b");
    assert_path("C:/a//b/", L"\\\\?\\C:\\a\\b\\");
    assert_path("C:\\a\\.\\..\\b", L"\\\\?\\C:\\b");
    assert_path("\\\\server\\share\\x", L"\\\\?\\UNC\\server\\share\\x");
    assert_path("//server/share/x", L"\\\\?\\UNC\\server\\share\\x");
    assert_path("\\\\?\\C:\\as it is. ", L"\\\\?\\C:\\as it is. ");
    assert_path("\\\\.\\pipe\\x", L"\\\\.\\pipe\\x");
    assert_path("C:\\gr\xc3\xbc\xc3\x9f", L"\\\\?\\C:\\gr\xfc\xdf");
    ck_assert_ptr_null(gl_wide_path(""));
}
END_TEST

START_TEST(from_the_working_directory)
{
    wchar_t before[MAX_PATH], root[] = L"C:\\windows";
    ck_assert(GetCurrentDirectoryW(MAX_PATH, before));
    ck_assert(SetCurrentDirectoryW(root));
    assert_path("x\\y", L"\\\\?\\C:\\windows\\x\\y");
    assert_path("..\\x", L"\\\\?\\C:\\x");
    assert_path("\\x", L"\\\\?\\C:\\x");
    ck_assert(SetCurrentDirectoryW(before));
}
END_TEST

/* Longer than MAX_PATH, and than any fixed room. */
START_TEST(long_paths)
{
    enum { PARTS = 300 };
    char path[4 + PARTS * 100] = "C:";
    for (int i = 0; i < PARTS; i++) {
        strcat(path, "\\");
        memset(path + strlen(path), 'a' + i % 26, 98);
    }
    wchar_t *wide = gl_wide_path(path);
    ck_assert_ptr_nonnull(wide);
    ck_assert_uint_eq(wcslen(wide), 4 + strlen(path));
    char *narrow = gl_narrow(wide);
    ck_assert_str_eq(narrow + 4, path);
    gl_free(narrow);
    gl_free(wide);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("wide", there_and_back, what_is_not_utf8_is_refused,
                         lone_surrogates_are_refused, paths, from_the_working_directory,
                         long_paths);
}

GL_UNIT_MAIN(suite)
