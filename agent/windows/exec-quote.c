/* SPDX-License-Identifier: MIT */
#include "windows/exec-quote.h"

#include <string.h>
#include <uv.h>

#include "mem.h"

struct text {
    char *data;
    size_t len, room;
};

static void put(struct text *text, const char *data, size_t len)
{
    if (text->room - text->len <= len) {
        text->room = (text->len + len) * 2 + 64;
        text->data = gl_realloc(text->data, text->room);
    }
    memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

static void put_text(struct text *text, const char *more)
{
    put(text, more, strlen(more));
}

static void put_many(struct text *text, char c, size_t count)
{
    while (count-- > 0)
        put(text, &c, 1);
}

/* ------------------------------------------------------------------ the C runtime */

/*
 * Backslashes are themselves, but before a quote: then two of them stand for one, and one that is
 * left over makes the quote itself. So those before a quote, and those before the one that ends
 * the argument, are doubled. A quote is written as \" and never as "", which runtimes have read in
 * different ways.
 */
static void put_argument(struct text *text, const char *argument)
{
    if (*argument && !strpbrk(argument, " \t\n\v\"")) {
        put_text(text, argument);
        return;
    }
    size_t slashes = 0;
    put_text(text, "\"");
    for (const char *p = argument; *p; p++) {
        if (*p == '\\') {
            slashes++;
            continue;
        }
        put_many(text, '\\', *p == '"' ? 2 * slashes + 1 : slashes);
        put(text, p, 1);
        slashes = 0;
    }
    put_many(text, '\\', 2 * slashes);
    put_text(text, "\"");
}

int gl_exec_quote_program(const char *const *argv, char **ret_line, const char **ret_why)
{
    struct text text = {NULL, 0, 0};
    /* The program's name is read without backslashes that quote. */
    if (strchr(argv[0], '"')) {
        *ret_why = "the name of a program holds no quote";
        return UV_EINVAL;
    }
    put_text(&text, "\"");
    put_text(&text, argv[0]);
    put_text(&text, "\"");
    for (size_t i = 1; argv[i]; i++) {
        put_text(&text, " ");
        put_argument(&text, argv[i]);
    }
    *ret_line = text.data;
    return 0;
}

/* ------------------------------------------------------------------ cmd.exe */

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Within quotes only a percent sign and another quote mean anything to cmd.exe; what might end its
 * line does in any case. NULL: fine. */
static const char *batch_fault(const char *argument)
{
    for (const char *p = argument; *p; p++) {
        if (*p == '"')
            return "cmd.exe cannot be given a double quote in an argument of a batch file";
        if (*p == '%')
            return "cmd.exe cannot be given a percent sign in an argument of a batch file";
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return "cmd.exe cannot be given a control character in an argument of a batch file";
    }
    return NULL;
}

/* What is left without quotes: it is a part of %1 as it is, and separates nothing. */
static bool is_plain(const char *argument)
{
    for (const char *p = argument; *p; p++)
        if (!is_letter_or_digit(*p) && !strchr("-./:\\_@+#$", *p))
            return false;
    return *argument;
}

int gl_exec_quote_batch(const char *interpreter, const char *script, const char *const *argv,
                        char **ret_line, const char **ret_why)
{
    struct text text = {NULL, 0, 0};
    const char *why = batch_fault(script);
    for (size_t i = 1; argv[i] && !why; i++)
        why = batch_fault(argv[i]);
    if (why) {
        *ret_why = why;
        return UV_EINVAL;
    }
    /* No commands from the registry; extensions as by default; ! is a character; and of the rest
     * the outer quotes are taken away, whatever it holds ("cmd", learn.microsoft.com). */
    put_text(&text, "\"");
    put_text(&text, interpreter);
    put_text(&text, "\" /d /e:on /v:off /s /c \"\"");
    put_text(&text, script);
    put_text(&text, "\"");
    for (size_t i = 1; argv[i]; i++) {
        const char *quote = is_plain(argv[i]) ? "" : "\"";
        put_text(&text, " ");
        put_text(&text, quote);
        put_text(&text, argv[i]);
        put_text(&text, quote);
    }
    put_text(&text, "\"");
    *ret_line = text.data;
    return 0;
}

bool gl_exec_is_batch(const char *path)
{
    size_t len = strlen(path);
    while (len > 0 && (path[len - 1] == '.' || path[len - 1] == ' '))
        len--;
    if (len < 4)
        return false;
    const char *end = path + len - 4;
    return end[0] == '.' &&
           (((end[1] | 0x20) == 'b' && (end[2] | 0x20) == 'a' && (end[3] | 0x20) == 't') ||
            ((end[1] | 0x20) == 'c' && (end[2] | 0x20) == 'm' && (end[3] | 0x20) == 'd'));
}
