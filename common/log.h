/* SPDX-License-Identifier: MIT */
/*
 * Log lines on stderr. A line is one write(2), at most GL_LOG_LINE_MAX bytes with its newline (what
 * is longer ends in '...'), and contains no control character but that newline (see escape.h): text
 * of a peer cannot forge a second line. Nothing is allocated. Never log secrets.
 *
 *   2025-03-04T05:06:07.089Z warn  guest 'web': no answer for 10 s
 *
 * When stderr is the journal, each line is '<N>message' with the priority of sd-daemon(3) and no
 * time.
 */
#ifndef GL_LOG_H
#define GL_LOG_H

#include "mem.h"

#define GL_LOG_LINE_MAX 4096

enum gl_log_level {
    GL_LOG_ERROR,
    GL_LOG_WARN,
    GL_LOG_INFO,
    GL_LOG_DEBUG,
};

/* "error", "warn", "info" or "debug". 0, or UV_EINVAL. */
int gl_log_level_parse(const char *text, enum gl_log_level *ret_level);
const char *gl_log_level_name(enum gl_log_level level);

/* The least important level that is written; GL_LOG_INFO at the start. */
void gl_log_set_level(enum gl_log_level level);
enum gl_log_level gl_log_get_level(void);

/*
 * Gives the lines to another place (the Windows event log, a test) instead of stderr: escaped,
 * bounded, NUL-terminated, without time and newline. NULL goes back to stderr. Called by whichever
 * thread logs; set it before there are several.
 */
typedef void (*gl_log_sink)(enum gl_log_level level, const char *line, void *data);
void gl_log_set_sink(gl_log_sink sink, void *data);

/* Any thread. The message has no newline at its end. errno is kept. */
void gl_log(enum gl_log_level level, const char *format, ...) GL_PRINTF(2, 3);
void gl_vlog(enum gl_log_level level, const char *format, va_list args) GL_PRINTF(2, 0);

/* Arguments are evaluated only if the level is on. */
#define GL_LOG_IF(level, ...)                                                                      \
    do {                                                                                           \
        if (gl_log_get_level() >= (level))                                                         \
            gl_log((level), __VA_ARGS__);                                                          \
    } while (0)
#define gl_error(...) GL_LOG_IF(GL_LOG_ERROR, __VA_ARGS__)
#define gl_warn(...)  GL_LOG_IF(GL_LOG_WARN, __VA_ARGS__)
#define gl_info(...)  GL_LOG_IF(GL_LOG_INFO, __VA_ARGS__)
#define gl_debug(...) GL_LOG_IF(GL_LOG_DEBUG, __VA_ARGS__)

#endif
