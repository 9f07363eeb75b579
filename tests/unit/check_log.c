/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "capture.h"
#include "unit.h"
#include "utf8.h"

START_TEST(a_line_has_time_and_level)
{
    uv_os_unsetenv("JOURNAL_STREAM");
    capture();
    errno = E2BIG;
    gl_warn("guest '%s': %d", "web", 7);
    ck_assert_int_eq(errno, E2BIG);
    const char *text = captured_text();

    int year, month, day, hour, minute, second, ms, end = 0;
    ck_assert_int_eq(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour,
                            &minute, &second, &ms, &end),
                     7);
    ck_assert_int_ge(year, 2024);
    ck_assert_str_eq(text + end, "warn  guest 'web': 7\n");
}
END_TEST

START_TEST(levels)
{
    enum gl_log_level level = GL_LOG_WARN;
    ck_assert_int_eq(gl_log_level_parse("debug", &level), 0);
    ck_assert_int_eq(level, GL_LOG_DEBUG);
    ck_assert_int_eq(gl_log_level_parse("Info", &level), UV_EINVAL);
    ck_assert_int_eq(gl_log_level_parse("", &level), UV_EINVAL);
    ck_assert_int_eq(level, GL_LOG_DEBUG);
    ck_assert_str_eq(gl_log_level_name(GL_LOG_ERROR), "error");

    int evaluated = 0;
    capture();
    gl_log_set_level(GL_LOG_WARN);
    gl_info("%d", ++evaluated);
    gl_log(GL_LOG_DEBUG, "not seen");
    gl_error("seen");
    const char *text = captured_text();
    ck_assert_ptr_nonnull(strstr(text, "error seen\n"));
    ck_assert_ptr_null(strstr(text, "not"));
    ck_assert_int_eq(evaluated, 0);
}
END_TEST

START_TEST(no_line_can_be_forged)
{
    capture();
    gl_error("%s", "name\n2025-01-01T00:00:00.000Z info  forged\x1b[2J\xc2\x9b");
    const char *text = captured_text();
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ck_assert_ptr_nonnull(strstr(text, "name\\x0a2025"));
    ck_assert_ptr_nonnull(strstr(text, "forged\\x1b[2J\\xc2\\x9b\n"));
}
END_TEST

START_TEST(length_is_bounded)
{
    char big[3 * GL_LOG_LINE_MAX];
    for (size_t fill = 0; fill < 3; fill++) {
        static const char *const unit[] = {"x", "\n", "\xe2\x82\xac"};
        big[0] = '\0';
        for (size_t at = 0; at + 4 < sizeof(big); at += strlen(unit[fill]))
            strcpy(big + at, unit[fill]);
        for (size_t len = GL_LOG_LINE_MAX - 60; len <= GL_LOG_LINE_MAX + 4; len++) {
            char part[GL_LOG_LINE_MAX + 8];
            memcpy(part, big, len);
            part[len] = '\0';
            capture();
            gl_error("%s", part);
            const char *text = captured_text();
            size_t got = strlen(text);
            ck_assert_uint_le(got, GL_LOG_LINE_MAX);
            ck_assert_ptr_eq(strchr(text, '\n'), text + got - 1);
            ck_assert(gl_utf8_valid(text, got));
            /* What is not all there says so. */
            if (fill != 0 || len > GL_LOG_LINE_MAX - 32)
                ck_assert(strcmp(text + got - 4, "...\n") == 0 || got > len + 30);
        }
    }
    capture();
    gl_error("%s", big);
    const char *text = captured_text();
    ck_assert_str_eq(text + strlen(text) - 4, "...\n");
    ck_assert_uint_gt(strlen(text), GL_LOG_LINE_MAX - 8);
}
END_TEST

static char sunk[GL_LOG_LINE_MAX];

static void sink(enum gl_log_level level, const char *line, void *data)
{
    *(enum gl_log_level *)data = level;
    snprintf(sunk, sizeof(sunk), "%s", line);
}

START_TEST(another_sink)
{
    enum gl_log_level level = GL_LOG_ERROR;
    gl_log_set_level(GL_LOG_INFO);
    gl_log_set_sink(sink, &level);
    gl_info("to\tthe sink");
    gl_log_set_sink(NULL, NULL);
    ck_assert_str_eq(sunk, "to\\x09the sink");
    ck_assert_int_eq(level, GL_LOG_INFO);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("log", a_line_has_time_and_level, levels, no_line_can_be_forged,
                         length_is_bounded, another_sink);
}

GL_UNIT_MAIN(suite)
