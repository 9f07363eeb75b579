/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "escape.h"
#include "os.h"

static const struct {
    const char *name;
    int priority; /* of syslog(3), as the journal wants it */
} levels[] = {
    [GL_LOG_ERROR] = {"error", 3},
    [GL_LOG_WARN] = {"warn", 4},
    [GL_LOG_INFO] = {"info", 6},
    [GL_LOG_DEBUG] = {"debug", 7},
};

static const char ellipsis[] = "...";

static _Atomic int max_level = GL_LOG_INFO;
static gl_log_sink log_sink;
static void *log_sink_data;

int gl_log_level_parse(const char *text, enum gl_log_level *ret_level)
{
    for (size_t i = 0; i < GL_ARRAY_SIZE(levels); i++) {
        if (strcmp(levels[i].name, text) == 0) {
            *ret_level = (enum gl_log_level)i;
            return 0;
        }
    }
    return UV_EINVAL;
}

const char *gl_log_level_name(enum gl_log_level level)
{
    return levels[level].name;
}

void gl_log_set_level(enum gl_log_level level)
{
    atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

enum gl_log_level gl_log_get_level(void)
{
    return (enum gl_log_level)atomic_load_explicit(&max_level, memory_order_relaxed);
}

void gl_log_set_sink(gl_log_sink sink, void *data)
{
    log_sink_data = data;
    log_sink = sink;
}

/* Writes what stands before the message. */
static size_t put_prefix(char *line, size_t size, enum gl_log_level level)
{
    if (gl_os_is_journal(fileno(stderr)))
        return (size_t)snprintf(line, size, "<%d>", levels[level].priority);

    uv_timeval64_t now = {0, 0};
    struct tm tm;
    uv_gettimeofday(&now);
    gl_os_gmtime((time_t)now.tv_sec, &tm);
    size_t len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
    len += (size_t)snprintf(line + len, size - len, ".%03dZ %-5s ", (int)(now.tv_usec / 1000),
                            levels[level].name);
    return len;
}

/* Appends the escaped message at line + start, cut with an ellipsis to fit; returns the end. */
static size_t GL_PRINTF(4, 0)
    put_message(char *line, size_t start, size_t size, const char *format, va_list args)
{
    char raw[GL_LOG_LINE_MAX];
    int wanted = vsnprintf(raw, sizeof(raw), format, args);
    if (wanted < 0)
        wanted = snprintf(raw, sizeof(raw), "(a message that cannot be formatted)");
    bool cut = (size_t)wanted >= sizeof(raw);

    if (!cut && gl_escape(line + start, size - start, raw, (size_t)wanted) < size - start)
        return start + strlen(line + start);

    /* The end of raw may be half a character then; that goes with what makes room for the mark. */
    size_t room = size - start - (sizeof(ellipsis) - 1);
    gl_escape(line + start, room, raw, strlen(raw));
    size_t end = start + strlen(line + start);
    memcpy(line + end, ellipsis, sizeof(ellipsis));
    return end + sizeof(ellipsis) - 1;
}

void gl_vlog(enum gl_log_level level, const char *format, va_list args)
{
    if (level > gl_log_get_level())
        return;
    int saved_errno = errno;
    char line[GL_LOG_LINE_MAX];
    size_t len = log_sink ? 0 : put_prefix(line, sizeof(line), level);
    len = put_message(line, len, sizeof(line), format, args);
    if (log_sink) {
        log_sink(level, line, log_sink_data);
    } else {
        line[len++] = '\n'; /* in place of the NUL */
        (void)!gl_os_write(fileno(stderr), line, len);
    }
    errno = saved_errno;
}

void gl_log(enum gl_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    gl_vlog(level, format, args);
    va_end(args);
}
