/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "mem.h"
#include "out.h"
#include "terminal.h"

#define SHOW_EVERY_MS 250u
#define NAME_COLUMNS  28u /* of the file's name, its end */

struct gl_progress {
    uv_timer_t timer;
    struct gl_transfer *transfer;
    uint64_t last_ns, last_moved;
    double rate; /* bytes a second, smoothed */
    bool shown;
};

static double measure(struct gl_progress *p, uint64_t moved)
{
    uint64_t now = uv_hrtime();
    if (p->last_ns != 0 && now > p->last_ns) {
        double current = (double)(moved - p->last_moved) * 1e9 / (double)(now - p->last_ns);
        p->rate = p->rate > 0 ? p->rate * 0.8 + current * 0.2 : current;
    }
    p->last_ns = now;
    p->last_moved = moved;
    return p->rate;
}

static void time_left(const struct gl_transfer_progress *at, double rate, char *out, size_t size)
{
    out[0] = '\0';
    if (at->total_bytes <= at->bytes || rate < 1)
        return;
    uint64_t seconds = (uint64_t)((double)(at->total_bytes - at->bytes) / rate);
    if (seconds < 3600)
        snprintf(out, size, "%" PRIu64 ":%02" PRIu64 " left", seconds / 60, seconds % 60);
    else
        snprintf(out, size, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", seconds / 3600,
                 seconds / 60 % 60, seconds % 60);
}

/* The end of a name, which tells more than its beginning. */
static const char *tail(const char *text, size_t columns)
{
    size_t len = strlen(text);
    if (len <= columns)
        return text;
    text += len - columns;
    while (((unsigned char)*text & 0xc0) == 0x80)
        text++;
    return text;
}

static void show(struct gl_progress *p)
{
    struct gl_transfer_progress at;
    char name[sizeof(at.name) * 4 + 1], done[16], total[16], rate[16], left[48], line[1280];
    unsigned columns = 80, rows;
    gl_transfer_progress(p->transfer, &at);
    gl_escape(name, sizeof(name), at.name, strlen(at.name));
    double speed = measure(p, at.moved);
    time_left(&at, speed, left, sizeof(left));
    gl_out_size(at.bytes, done, sizeof(done));
    gl_out_size((uint64_t)speed, rate, sizeof(rate));
    if (at.phase == GL_TRANSFER_FINISHING)
        snprintf(line, sizeof(line), "%s copied, waiting until it is on the disk", done);
    else if (at.phase == GL_TRANSFER_CHECKING)
        snprintf(line, sizeof(line), "%s comparing what is there", tail(name, NAME_COLUMNS));
    else if (at.total_bytes > 0)
        snprintf(line, sizeof(line), "%-*s %3u%%  %s of %s  %s/s  %s", (int)NAME_COLUMNS,
                 tail(name, NAME_COLUMNS),
                 at.bytes >= at.total_bytes
                     ? 100u
                     : (unsigned)((double)at.bytes * 100 / (double)at.total_bytes),
                 done, gl_out_size(at.total_bytes, total, sizeof(total)), rate, left);
    else
        snprintf(line, sizeof(line), "%-*s %s in %" PRIu64 " files  %s/s", (int)NAME_COLUMNS,
                 tail(name, NAME_COLUMNS), done, at.files, rate);
    gl_terminal_size(&columns, &rows);
    size_t room = columns > 1 ? columns - 1 : 1;
    size_t len = strlen(line);
    if (len > room) {
        len = room;
        while (len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80)
            len--;
    }
    fprintf(stderr, "\r%.*s\033[K", (int)len, line);
    fflush(stderr);
    p->shown = true;
}

static void on_timer(uv_timer_t *timer)
{
    show(timer->data);
}

struct gl_progress *gl_progress_start(uv_loop_t *loop, struct gl_transfer *transfer)
{
    if (!gl_terminal_is(2))
        return NULL;
    struct gl_progress *p = GL_NEW0(struct gl_progress);
    p->transfer = transfer;
    p->timer.data = p;
    uv_timer_init(loop, &p->timer);
    uv_timer_start(&p->timer, on_timer, SHOW_EVERY_MS, SHOW_EVERY_MS);
    return p;
}

void gl_progress_clear(struct gl_progress *p)
{
    if (p == NULL || !p->shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    p->shown = false;
}

static void on_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

void gl_progress_stop(struct gl_progress *p)
{
    if (p == NULL)
        return;
    gl_progress_clear(p);
    uv_close((uv_handle_t *)&p->timer, on_closed);
}
