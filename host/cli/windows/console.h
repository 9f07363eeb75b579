/* SPDX-License-Identifier: MIT */
/*
 * A console's characters as UTF-8 bytes, for streams.c. What is called here blocks, and is called
 * on one thread for each console.
 */
#ifndef GL_CLI_WINDOWS_CONSOLE_H
#define GL_CLI_WINDOWS_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>
#include <windows.h>

bool gl_console_is(HANDLE handle);

/* ---- reading */

struct gl_console_reader {
    HANDLE handle;
    HANDLE cancel; /* an event: gl_console_read() returns when it is set */
    wchar_t high;  /* the first half of a character whose other half has not come; 0: none */
    bool within;   /* a line: ^Z is the end at the beginning of one only */
};

/*
 * By lines, without the carriage return, as long as the console is not raw; ^Z at the beginning of
 * a line is the end, as everywhere on Windows. Raw: keys, as a terminal that TERM calls
 * xterm-256color sends them. Returns the number of bytes, 0 at the end, or negative UV_E*
 * (UV_ECANCELED). `size` is at least 1024.
 */
int gl_console_read(struct gl_console_reader *reader, uint8_t *out, size_t size);

/* The keys of a raw console as bytes: appends to `out`. For gl_console_read() and its test.
 * `translated`: the console makes the sequences itself (ENABLE_VIRTUAL_TERMINAL_INPUT). */
size_t gl_console_key(struct gl_console_reader *reader, const KEY_EVENT_RECORD *key,
                      bool translated, uint8_t *out, size_t size);

/* ---- writing */

struct gl_console_writer {
    HANDLE handle;
    uint8_t held[4]; /* the beginning of a character whose end has not come */
    size_t n_held;
};

/* How many of the bytes are whole characters (or can never become one): at most 3 are left. */
size_t gl_console_whole(const uint8_t *data, size_t len);
/* All of it but the beginning of a character at the end, which is kept for the next time. 0 or
 * negative UV_E*. */
int gl_console_write(struct gl_console_writer *writer, const uint8_t *data, size_t len);

#endif
