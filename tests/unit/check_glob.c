/* SPDX-License-Identifier: MIT */
#include "glob.h"

#include <string.h>

#include "unit.h"

START_TEST(patterns)
{
    static const struct {
        const char *pattern, *text;
        bool match;
    } cases[] = {
        {"exec", "exec", true},
        {"exec", "exec2", false},
        {"exec", "exe", false},
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "a/b/c", true},
        {"/etc/*", "/etc/ssh/key", true},
        {"/etc/*", "/etc", false},
        {"/etc/?*", "/etc/", false},
        {"*.conf", "/etc/a.conf", true},
        {"*.conf", "/etc/a.conf.bak", false},
        {"/home/*/.ssh/*", "/home/a/b/.ssh/.ssh/x", true},
        {"a*b*c", "abbbcbc", true},
        {"a*b*c", "abbbcb", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"a\\*c", "a*c", true},
        {"a\\*c", "abc", false},
        {"a\\?", "ab", false},
        {"*\\*", "ab*", true},
        {"*\\*", "ab", false},
        {"a\\", "a\\", true},
        {"\\\\", "\\", true},
        {"\\*", "*", true},
        {"\\?", "?", true},
        {"\\?", "a", false},
        {"*a*b", "xaxbxb", true},
        {"*a*b", "xaxbxc", false},
        {"*\\**", "a*b", true},
        {"*\\**", "ab", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(gl_glob_match(cases[i].pattern, cases[i].text) == cases[i].match, "%s ~ %s",
                      cases[i].pattern, cases[i].text);
}
END_TEST

/* Exponential matchers take longer than the age of the universe for this. */
START_TEST(takes_bounded_time)
{
    char pattern[4001], subject[4001];
    for (int i = 0; i < 4000; i += 2)
        memcpy(pattern + i, "a*", 2);
    memcpy(pattern + 3998, "*b", 3);
    memset(subject, 'a', 4000);
    subject[4000] = '\0';
    ck_assert(!gl_glob_match(pattern, subject));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("glob", patterns, takes_bounded_time);
}

GL_UNIT_MAIN(suite)
