/* SPDX-License-Identifier: MIT */
#include "name.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "places.h"
#include "quota.h"
#include "unit.h"

START_TEST(what_is_a_name)
{
    static const char *const good[] = {
        "ab", "web1", "a.b-c_d", "0x", "0123456789abcde", "0123456789abcdeg"};
    static const char *const bad[] = {
        "", "c", "-x", ".x", "a b", "a/b", "a\nb", "\xc3\xa4x", "0123456789abcdef", "a:b"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(good); i++)
        ck_assert_msg(gl_name_fault(good[i]) == NULL, "%s", good[i]);
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++)
        ck_assert_msg(gl_name_fault(bad[i]) != NULL, "%s", bad[i]);
    char longest[GL_NAME_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[GL_NAME_MAX + 1] = '\0';
    ck_assert_ptr_nonnull(gl_name_fault(longest));
    longest[GL_NAME_MAX] = '\0';
    ck_assert_ptr_null(gl_name_fault(longest));
}
END_TEST

START_TEST(proposals_become_names)
{
    static const char *const cases[][2] = {
        {"web1", "web1"},          {"web1.example.com", "web1.example.com"},
        {"  a  b  ", "a-b"},       {"\x1b[31mred", "31mred"},
        {"x--y", "x--y"},          {"trailing-._", "trailing"},
        {"\xe2\x80\xae", "guest"}, {"..", "guest"},
        {"c", "guest-c"},          {"0123456789abcdef", "guest-0123456789abcdef"},
    };
    char out[GL_NAME_SIZE];
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        gl_name_sanitise(cases[i][0], out);
        ck_assert_str_eq(out, cases[i][1]);
        ck_assert_ptr_null(gl_name_fault(out));
    }
}
END_TEST

/* Whatever comes in, a valid name comes out. */
START_TEST(any_bytes_become_a_name)
{
    char in[200], out[GL_NAME_SIZE];
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        size_t len = (seed >> 16) % (sizeof(in) - 1);
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1103515245 + 12345;
            in[i] = (char)((seed >> 16) % 255 + 1);
        }
        seed = seed * 1103515245 + 12345;
        in[len] = '\0';
        gl_name_sanitise(in, out);
        ck_assert_ptr_null(gl_name_fault(out));
    }
}
END_TEST

START_TEST(numbers_fit)
{
    char base[GL_NAME_SIZE], out[GL_NAME_SIZE];
    gl_name_number("web", 12, out);
    ck_assert_str_eq(out, "web-12");
    memset(base, 'x', sizeof(base));
    base[GL_NAME_MAX] = '\0';
    gl_name_number(base, 4294967295u, out);
    ck_assert_ptr_null(gl_name_fault(out));
    ck_assert_str_eq(out + GL_NAME_MAX - 11, "-4294967295");
}
END_TEST

START_TEST(machines_names)
{
    char in[1000], out[GL_NAME_SIZE], longer[GL_NAME_SIZE];
    unsigned seed = 1;
    for (int round = 0; round < 2000; round++) {
        size_t len = (seed >> 16) % (sizeof(in) - 1);
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1103515245 + 12345;
            in[i] = (char)((seed >> 16) % 255 + 1);
        }
        seed = seed * 1103515245 + 12345;
        in[len] = '\0';
        gl_name_of_vm(in, out);
        ck_assert(gl_name_is_vm(out));
        ck_assert(!gl_name_vms || !gl_name_ref_fault(out));
        gl_name_number(out, (seed >> 20) + 2, longer);
        ck_assert(gl_name_is_vm(longer));
    }
    ck_assert(!gl_name_is_vm(" x") && !gl_name_is_vm("-x") && !gl_name_is_vm("a:b"));
    ck_assert(gl_name_is_vm("web1.example-2_x") && gl_name_is_vm("My VM"));
    ck_assert(gl_name_is_number("web", "web-2"));
    ck_assert(!gl_name_is_number("web", "web-x") && !gl_name_is_number("web", "web-02"));
    ck_assert(!gl_name_is_number("web", "webs-2"));
    /* Cut between characters. */
    for (size_t i = 0; i + 3 < sizeof(in); i += 3)
        memcpy(in + i, "\xe6\x9c\xba", 4);
    gl_name_of_vm(in, out);
    ck_assert_uint_eq(strlen(out), GL_NAME_VM_MAX);
    gl_name_number(out, 12, longer);
    ck_assert_uint_eq(strlen(longer), GL_NAME_VM_MAX);
    ck_assert(gl_name_is_vm(longer));
}
END_TEST

START_TEST(what_cannot_mean_a_guest)
{
    static const char *const bad[] = {"",    "-x",   ".x",   "_x",     " x",   "a:b",
                                      "a/b", "a\\b", "a\nb", "\x1b[m", "\xff", "a\xe2\x80\xae"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(bad); i++)
        ck_assert_msg(gl_name_ref_fault(bad[i]) != NULL, "%zu", i);
    ck_assert(!gl_name_ref_fault("My VM") == gl_name_vms);
    ck_assert_ptr_null(gl_name_ref_fault("M"));
}
END_TEST

/* Whatever cannot be told from another name by looking at it is not kept. */
START_TEST(what_cannot_be_seen)
{
    static const char *const invisible[] = {
        "\xc2\xad",         /* U+00AD SOFT HYPHEN */
        "\xcd\x8f",         /* U+034F COMBINING GRAPHEME JOINER */
        "\xd8\x9c",         /* U+061C ARABIC LETTER MARK */
        "\xe1\x85\x9f",     /* U+115F HANGUL CHOSEONG FILLER */
        "\xe1\x85\xa0",     /* U+1160 */
        "\xe1\xa0\x8e",     /* U+180E MONGOLIAN VOWEL SEPARATOR */
        "\xe2\x80\x8b",     /* U+200B ZERO WIDTH SPACE */
        "\xe2\x80\x8f",     /* U+200F RIGHT-TO-LEFT MARK */
        "\xe2\x80\xae",     /* U+202E RIGHT-TO-LEFT OVERRIDE */
        "\xe2\x81\xa0",     /* U+2060 WORD JOINER */
        "\xe2\x81\xa5",     /* U+2065 */
        "\xe2\x81\xaf",     /* U+206F */
        "\xe2\xa0\x80",     /* U+2800 BRAILLE PATTERN BLANK */
        "\xe3\x85\xa4",     /* U+3164 HANGUL FILLER */
        "\xef\xb8\x80",     /* U+FE00 VARIATION SELECTOR-1 */
        "\xef\xb8\x8f",     /* U+FE0F */
        "\xef\xbb\xbf",     /* U+FEFF ZERO WIDTH NO-BREAK SPACE */
        "\xef\xbe\xa0",     /* U+FFA0 HALFWIDTH HANGUL FILLER */
        "\xef\xbf\xbb",     /* U+FFFB INTERLINEAR ANNOTATION TERMINATOR */
        "\xf0\x9d\x85\xb3", /* U+1D173 MUSICAL SYMBOL BEGIN BEAM */
        "\xf3\xa0\x80\x81", /* U+E0001 LANGUAGE TAG */
        "\xf3\xa0\x87\xaf", /* U+E01EF VARIATION SELECTOR-256 */
    };
    static const char *const visible[] = {
        "\xc2\xae",         /* U+00AE, beside U+00AD */
        "\xe2\x80\x90",     /* U+2010 HYPHEN */
        "\xe2\x80\xa7",     /* U+2027 */
        "\xe2\x81\xb0",     /* U+2070 */
        "\xe2\xa0\x81",     /* U+2801 */
        "\xe6\x9c\xba",     /* U+673A */
        "\xef\xbf\xbd",     /* U+FFFD */
        "\xf0\x9f\x98\x80", /* U+1F600 */
    };
    char in[16], out[GL_NAME_SIZE];
    for (size_t i = 0; i < GL_ARRAY_SIZE(invisible); i++) {
        snprintf(in, sizeof(in), "d%sb", invisible[i]);
        gl_name_of_vm(in, out);
        ck_assert_msg(strcmp(out, "d-b") == 0, "%zu: %s", i, out);
        ck_assert_msg(gl_name_ref_fault(in) != NULL, "%zu", i);
    }
    for (size_t i = 0; i < GL_ARRAY_SIZE(visible); i++) {
        snprintf(in, sizeof(in), "d%sb", visible[i]);
        gl_name_of_vm(in, out);
        ck_assert_str_eq(out, in);
        ck_assert_msg(!gl_name_ref_fault(in) == gl_name_vms, "%zu", i);
    }
}
END_TEST

START_TEST(all_spaces_are_one)
{
    static const char *const cases[][2] = {
        {"db\xc2\xa0", "db"},          /* U+00A0 NO-BREAK SPACE */
        {"\xe3\x80\x80 db", "db"},     /* U+3000 IDEOGRAPHIC SPACE */
        {"My\xc2\xa0VM", "My VM"},     /* two names that look the same */
        {"My\xe2\x80\x89VM", "My VM"}, /* U+2009 THIN SPACE */
        {"a\xe1\x9a\x80\xe2\x81\x9f\xe2\x80\xaf"
         "b",
         "a   b"}, /* U+1680, U+205F, U+202F */
        {"\xc2\xa0\xe3\x80\x80", "vm-"},
    };
    char out[GL_NAME_SIZE];
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++) {
        gl_name_of_vm(cases[i][0], out);
        ck_assert_str_eq(out, cases[i][1]);
        ck_assert(gl_name_is_vm(out));
    }
    ck_assert_ptr_nonnull(gl_name_ref_fault("My\xc2\xa0VM"));
}
END_TEST

START_TEST(alike)
{
    ck_assert(gl_name_alike("Web1", "wEB1"));
    ck_assert(!gl_name_alike("web1", "web"));
    ck_assert(!gl_name_alike("web", "web1"));
    ck_assert(!gl_name_alike("web[", "web{")); /* 0x20 apart, but no letters */
}
END_TEST

START_TEST(quotas_refill)
{
    struct gl_quota quota = {.burst = 3, .every_ms = 100};
    unsigned suppressed = 99;
    for (int i = 0; i < 3; i++)
        ck_assert(gl_quota_take(&quota, 1000, &suppressed));
    ck_assert_uint_eq(suppressed, 0);
    ck_assert(!gl_quota_take(&quota, 1000, NULL));
    ck_assert(!gl_quota_take(&quota, 1099, NULL));
    ck_assert(gl_quota_take(&quota, 1100, &suppressed));
    ck_assert_uint_eq(suppressed, 2);
    ck_assert(!gl_quota_take(&quota, 1101, NULL));
    /* A long rest gives the burst back, and not more. */
    for (int i = 0; i < 3; i++)
        ck_assert(gl_quota_take(&quota, 1000000, NULL));
    ck_assert(!gl_quota_take(&quota, 1000000, NULL));
}
END_TEST

/* One machine's dialling costs another nothing. */
START_TEST(places_are_counted_apart)
{
    struct gl_places *places = gl_places_new();
    for (unsigned i = 0; i < GL_PLACE_BURST; i++)
        ck_assert(gl_places_take(places, 3, 1000));
    ck_assert(!gl_places_take(places, 3, 1000));
    ck_assert(gl_places_take(places, 4, 1000));
    ck_assert(gl_places_take(places, 3, 1000 + GL_PLACE_EVERY_MS));
    ck_assert(!gl_places_take(places, 3, 1000 + GL_PLACE_EVERY_MS));
    /* Who dials on is not forgotten for those who dialled once. */
    for (uint32_t cid = 100; cid < 100 + 2 * GL_PLACES_MAX; cid++) {
        ck_assert(gl_places_take(places, cid, 1000 + GL_PLACE_EVERY_MS));
        ck_assert(!gl_places_take(places, 3, 1000 + GL_PLACE_EVERY_MS));
    }
    gl_places_free(places);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("name", what_is_a_name, proposals_become_names, any_bytes_become_a_name,
                         numbers_fit, machines_names, what_cannot_mean_a_guest, what_cannot_be_seen,
                         all_spaces_are_one, alike, quotas_refill, places_are_counted_apart);
}

GL_UNIT_MAIN(suite)
