/* SPDX-License-Identifier: MIT */
#include "out.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "escape.h"
#include "file-io.h"
#include "mem.h"
#include "terminal.h"

#define STDOUT     1
#define BUFFER_MAX ((size_t)64 * 1024)

static struct {
    char *data;
    size_t len;
    int error;
} out;

int gl_out_flush(void)
{
    if (out.error == 0 && out.len > 0)
        out.error = gl_io_write(STDOUT, out.data, out.len);
    if (out.error == UV_EOF) /* libuv's word for ERROR_BROKEN_PIPE */
        out.error = UV_EPIPE;
    out.len = 0;
    return out.error;
}

void gl_out_write(const void *data, size_t len)
{
    const char *from = data;
    if (out.data == NULL)
        out.data = gl_alloc(BUFFER_MAX);
    while (len > 0 && out.error == 0) {
        size_t n = BUFFER_MAX - out.len < len ? BUFFER_MAX - out.len : len;
        memcpy(out.data + out.len, from, n);
        out.len += n;
        from += n;
        len -= n;
        if (out.len == BUFFER_MAX)
            gl_out_flush();
    }
    if (out.len > 0 && out.data[out.len - 1] == '\n' && gl_terminal_is(STDOUT))
        gl_out_flush();
}

void gl_out_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = gl_vasprintf(format, args);
    va_end(args);
    gl_out_write(text, strlen(text));
    gl_free(text);
}

char *gl_out_size(uint64_t bytes, char *buf, size_t size)
{
    static const char units[] = "BKMGTPE";
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 999.5 && units[unit + 1] != '\0') {
        value /= 1024;
        unit++;
    }
    if (unit == 0)
        snprintf(buf, size, "%" PRIu64, bytes);
    else
        snprintf(buf, size, value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
    return buf;
}

char *gl_out_span(uint64_t seconds, char *buf, size_t size)
{
    if (seconds < 120)
        snprintf(buf, size, "%" PRIu64 "s", seconds);
    else if (seconds < 7200)
        snprintf(buf, size, "%" PRIu64 "m", seconds / 60);
    else if (seconds < 172800)
        snprintf(buf, size, "%" PRIu64 "h", seconds / 3600);
    else
        snprintf(buf, size, "%" PRIu64 "d", seconds / 86400);
    return buf;
}

char *gl_out_ago(uint64_t when, char *buf, size_t size)
{
    char span[32];
    uint64_t now = (uint64_t)time(NULL);
    if (when == 0)
        snprintf(buf, size, "-");
    else
        snprintf(buf, size, "%s ago", gl_out_span(now > when ? now - when : 0, span, sizeof(span)));
    return buf;
}

struct gl_table {
    size_t columns, count, room;
    char **cells;
};

struct gl_table *gl_table_new(size_t columns)
{
    struct gl_table *table = GL_NEW0(struct gl_table);
    table->columns = columns;
    return table;
}

void gl_table_add(struct gl_table *table, const char *text)
{
    if (table->count == table->room) {
        table->room = table->room * 2 + 32;
        table->cells = gl_realloc_array(table->cells, table->room, sizeof(*table->cells));
    }
    table->cells[table->count++] = gl_escape_dup(text != NULL && text[0] != '\0' ? text : "-");
}

void gl_table_addf(struct gl_table *table, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = gl_vasprintf(format, args);
    va_end(args);
    gl_table_add(table, text);
    gl_free(text);
}

void gl_table_print(struct gl_table *table)
{
    size_t *widths = GL_NEW0_ARRAY(size_t, table->columns);
    for (size_t i = 0; i < table->count; i++) {
        size_t width = gl_terminal_width(table->cells[i]);
        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        size_t pad = widths[column] - gl_terminal_width(table->cells[i]) + 2;
        if (column + 1 == table->columns)
            gl_out_printf("%s\n", table->cells[i]);
        else
            gl_out_printf("%s%*s", table->cells[i], (int)pad, "");
        gl_free(table->cells[i]);
    }
    gl_free(widths);
    gl_free(table->cells);
    gl_free(table);
}
