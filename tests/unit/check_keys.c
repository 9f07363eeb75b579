/* SPDX-License-Identifier: MIT */
#include "keys.h"

#include <string.h>

#include "unit.h"

/* Types the text, `step` bytes at a time, and returns what passes; *ret_left tells of ~. */
static const char *type(const char *text, size_t step, bool *ret_left)
{
    static char out[256];
    struct gl_keys keys = {false, false};
    size_t n = 0, len = strlen(text);
    *ret_left = false;
    for (size_t at = 0; at < len && !*ret_left; at += step) {
        size_t part = len - at < step ? len - at : step, got;
        uint8_t room[64];
        *ret_left = !gl_keys_filter(&keys, (const uint8_t *)text + at, part, room, &got);
        ck_assert_uint_le(got, part + 1);
        memcpy(out + n, room, got);
        n += got;
    }
    out[n] = 0;
    return out;
}

static const struct {
    const char *typed, *passed;
    bool left;
} cases[] = {
    {"plain text\r", "plain text\r", false}, {"~.", "", true},
    {"ls\r~.never", "ls\r", true},           {"ls\n~.", "ls\n", true},
    {"ls ~.\r", "ls ~.\r", false},           {"~~.\r", "~.\r", false},
    {"~/bin\r", "~/bin\r", false},           {"\r~\r~.", "\r~\r", true},
    {"~~\r~~~\r", "~\r~~\r", false},         {"a~", "a~", false},
};

START_TEST(escapes)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t step = 1; step < 20; step++) {
            bool left;
            ck_assert_str_eq(type(cases[i].typed, step, &left), cases[i].passed);
            ck_assert_msg(left == cases[i].left, "%s by %zu", cases[i].typed, step);
        }
    }
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("keys", escapes);
}

GL_UNIT_MAIN(suite)
