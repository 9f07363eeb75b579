/* SPDX-License-Identifier: MIT */
/* What Windows says of its errors, in one line that stands by itself. */
#include "windows/error-text.h"

#include <string.h>

#include "mem.h"
#include "unit.h"

START_TEST(no_dot_and_no_end_of_line)
{
    char *text = gl_error_text(ERROR_FILE_NOT_FOUND);
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_null(strpbrk(text, "\r\n"));
    ck_assert_int_ne(text[strlen(text) - 1], '.');
    gl_free(text);
}
END_TEST

/* "%1 is not a valid Win32 application", and more of the kind. */
START_TEST(no_place_for_a_name_is_left)
{
    static const DWORD errors[] = {ERROR_BAD_EXE_FORMAT, ERROR_INVALID_STARTING_CODESEG,
                                   ERROR_EXE_MARKED_INVALID};
    for (size_t i = 0; i < GL_ARRAY_SIZE(errors); i++) {
        char *text = gl_error_text(errors[i]);
        ck_assert_ptr_nonnull(text);
        ck_assert_msg(!strchr(text, '%') && strstr(text, "it"), "%s", text);
        gl_free(text);
    }
}
END_TEST

START_TEST(what_has_no_text)
{
    ck_assert_ptr_null(gl_error_text(0x2fffffff));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("error_text", no_dot_and_no_end_of_line, no_place_for_a_name_is_left,
                         what_has_no_text);
}

GL_UNIT_MAIN(suite)
