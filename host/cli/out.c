/* SPDX-License-Identifier: MIT */
#include "out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "escape.h"
#include "mem.h"
#include "terminal.h"

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

int gl_out_flush(void)
{
    static int first;
    int error = fflush(stdout) == 0 ? 0 : uv_translate_sys_error(errno);
    if (first == 0)
        first = error;
    return first != 0 || !ferror(stdout) ? first : UV_EIO;
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
            printf("%s\n", table->cells[i]);
        else
            printf("%s%*s", table->cells[i], (int)pad, "");
        gl_free(table->cells[i]);
    }
    gl_free(widths);
    gl_free(table->cells);
    gl_free(table);
}
