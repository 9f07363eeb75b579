/* SPDX-License-Identifier: MIT */
#include "config-text.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "config-owner.h"
#include "config.h"
#include "escape.h"
#include "file-io.h"
#include "mem.h"
#include "utf8.h"

/* ---- reading ---- */

/* Whether a file of this kind may be taken; NULL, or why not. */
static const char *judge_file(uv_file fd, const uv_stat_t *st, int *ret_err)
{
    if ((st->st_mode & S_IFMT) != S_IFREG) {
        *ret_err = UV_EINVAL;
        return "not a regular file";
    }
    if (st->st_size > GL_CONFIG_FILE_MAX) {
        *ret_err = UV_E2BIG;
        return "too large";
    }
    const char *why = gl_config_judge_owner(fd, st);
    if (why)
        *ret_err = UV_EACCES;
    return why;
}

static int read_all(uv_file fd, char **ret_text, size_t *ret_len)
{
    size_t len = 0;
    char *text = gl_alloc(GL_CONFIG_FILE_MAX + 2);
    int err = gl_io_read(fd, text, GL_CONFIG_FILE_MAX + 1, &len);
    if (err == 0 && len > GL_CONFIG_FILE_MAX)
        err = UV_E2BIG;
    if (err < 0) {
        gl_free(text);
        return err;
    }
    text[len] = '\0';
    *ret_text = text;
    *ret_len = len;
    return 0;
}

/* What editors put at the beginning, and the encoding that they may have chosen. */
static const char *judge_mark(char *text, size_t *len, int *ret_err)
{
    if (*len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        *len -= 3;
        memmove(text, text + 3, *len + 1);
    } else if (*len >= 2 &&
               (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0)) {
        *ret_err = UV_EINVAL;
        return "is UTF-16: save it as UTF-8";
    }
    return NULL;
}

int gl_config_read(const char *path, char **ret_text, size_t *ret_len, char **ret_error)
{
    uv_fs_t req;
    const char *why = NULL;
    char *text = NULL;
    size_t len = 0;
    /* O_NONBLOCK: a FIFO in this place must not hang the start. */
    uv_file fd = gl_io_open(path, UV_FS_O_RDONLY | UV_FS_O_NONBLOCK);
    int err = fd < 0 ? fd : uv_fs_fstat(NULL, &req, fd, NULL);
    if (fd >= 0) {
        if (err == 0)
            why = judge_file(fd, &req.statbuf, &err);
        uv_fs_req_cleanup(&req);
        if (err == 0)
            err = read_all(fd, &text, &len);
        if (err == 0)
            why = judge_mark(text, &len, &err);
        gl_io_close(fd);
    }
    if (err < 0) {
        char *raw = gl_asprintf("%s: %s", path, why ? why : uv_strerror(err));
        *ret_error = gl_escape_dup(raw);
        gl_free(raw);
        gl_free(text);
        return err;
    }
    *ret_text = text;
    *ret_len = len;
    return 0;
}

/* ---- checking ---- */

struct scan {
    const char *at;
    const char *end;
    int line;
    int depth;
    const char *wrong; /* what is, or NULL */
};

static int peek(const struct scan *scan, size_t ahead)
{
    return (size_t)(scan->end - scan->at) > ahead ? (unsigned char)scan->at[ahead] : -1;
}

/* At the opening quote; ends behind the closing one. */
static void scan_string(struct scan *scan)
{
    char quote = *scan->at++;
    for (; scan->at < scan->end && *scan->at != '\n'; scan->at++) {
        if (*scan->at == quote) {
            scan->at++;
            return;
        }
        if (*scan->at == '\\') {
            int next = peek(scan, 1);
            if (quote == '"' && next != '"' && next != '\\') {
                scan->wrong = "in \"...\" a backslash must be written \\\\ (or use '...')";
                return;
            }
            if (next == quote || next == '\\')
                scan->at++;
        } else if (quote == '"' && *scan->at == '$' && peek(scan, 1) == '{') {
            scan->wrong = "environment variables are not supported (use '...' for a literal ${)";
            return;
        }
    }
    scan->wrong = "string is not closed on its line";
}

/* At a character outside of strings and comments. */
static void scan_plain(struct scan *scan)
{
    int c = *scan->at, next = peek(scan, 1);
    if (c == '{')
        scan->depth++;
    if (c == '}' && --scan->depth < 0)
        scan->wrong = "closing brace without an opening one";
    if (strchr("*|()\\", c) || (c == '+' && next != '='))
        scan->wrong = "a value with one of * + | ( ) or a backslash must be in quotes";
    if (c == '$' && next == '{')
        scan->wrong = "environment variables are not supported";
    if (c == '/' && (next == '/' || next == '*'))
        scan->wrong = "a value with // or /* must be in quotes, and comments start with #";
    scan->at++;
}

/* Lines first, without regard to what they mean. */
static void scan_lines(struct scan *scan)
{
    const char *start = scan->at;
    for (const char *p = start; p < scan->end && !scan->wrong; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '\n') {
            scan->line++;
            start = p + 1;
        } else if ((c < 0x20 && c != '\t' && !(c == '\r' && p + 1 < scan->end && p[1] == '\n')) ||
                   c == 0x7F) {
            scan->wrong = "contains a control character";
        } else if ((size_t)(p - start) >= GL_CONFIG_LINE_MAX) {
            scan->wrong = "line is too long";
        }
    }
}

int gl_config_check_text(char *text, size_t len, int *ret_line, const char **ret_what)
{
    struct scan scan = {.at = text, .end = text + len, .line = 1};
    scan_lines(&scan);
    if (!scan.wrong)
        scan.line = 1;
    while (scan.at < scan.end && !scan.wrong) {
        size_t n = gl_utf8_char_len(scan.at, (size_t)(scan.end - scan.at));
        if (*scan.at == '#') {
            const char *newline = memchr(scan.at, '\n', (size_t)(scan.end - scan.at));
            const char *stop = newline ? newline : scan.end;
            if (!gl_utf8_valid(scan.at, (size_t)(stop - scan.at)))
                scan.wrong = "is not UTF-8";
            memset(text + (scan.at - text), ' ', (size_t)(stop - scan.at));
            scan.at = stop;
        } else if (*scan.at == '"' || *scan.at == '\'') {
            const char *start = scan.at;
            scan_string(&scan);
            if (!scan.wrong && !gl_utf8_valid(start, (size_t)(scan.at - start)))
                scan.wrong = "is not UTF-8";
        } else if (n == 0) {
            scan.wrong = "is not UTF-8";
        } else if (n > 1) {
            scan.at += n;
        } else {
            int newlines = *scan.at == '\n';
            scan_plain(&scan);
            scan.line += newlines;
        }
    }
    if (!scan.wrong && scan.depth > 0)
        scan.wrong = "the file ends within braces";
    if (!scan.wrong)
        return 0;
    *ret_line = scan.line;
    *ret_what = scan.wrong;
    return UV_EINVAL;
}
