/* SPDX-License-Identifier: MIT */
#include "mem.h"
#include "os.h"
#include "shell-word.h"
#include "unit.h"

static void is(const char *word, const char *expected)
{
    char *quoted = gl_shell_word(word);
    ck_assert_str_eq(quoted, expected);
    gl_free(quoted);
}

START_TEST(words)
{
    is("web1:/srv/a-b_c.d=e@f+g%h", "web1:/srv/a-b_c.d=e@f+g%h");
#if GL_OS_WINDOWS
    is("", "\"\"");
    is("web1:C:\\Users\\me", "web1:C:\\Users\\me");
    is("C:\\a b\\", "\"C:\\a b\\\\\"");
    is("say \"a\\\" \\b", "\"say \\\"a\\\\\\\" \\b\"");
    is("a&b", "\"a&b\"");
    is("it's", "\"it's\"");
    is("\xc3\xbc", "\"\xc3\xbc\"");
#else
    static const char specials[] = " \t\n\"$`&;|<>()*?[]{}#!\\^";
    is("", "''");
    is("it's", "'it'\\''s'");
    is("'$(x)'", "''\\''$(x)'\\'''");
    is("~me/x", "'~me/x'");
    is("x~", "x~");
    is("\xc3\xbc", "'\xc3\xbc'");
    for (const char *c = specials; *c != '\0'; c++) {
        char word[] = {'a', *c, 'b', '\0'}, quoted[] = {'\'', 'a', *c, 'b', '\'', '\0'};
        is(word, quoted);
    }
#endif
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("shell_word", words);
}

GL_UNIT_MAIN(suite)
