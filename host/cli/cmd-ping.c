/* SPDX-License-Identifier: MIT */
/* guestlink ping: the round trip through the host daemon to the agent and back. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "commands.h"
#include "escape.h"
#include "json.h"
#include "mem.h"
#include "message.h"
#include "out.h"
#include "presence.h"
#include "proto/guestlink.pb-c.h"

#define PING_COUNT_MAX 100000000u

struct ping_options {
    uint64_t count, interval_ms, timeout_ms;
};

struct pinger {
    struct gl_cli *cli;
    const char *guest;
    struct ping_options options;
    struct gl_presence *presence;
    uv_timer_t timer;
    uv_signal_t signals[2];
    bool interrupted, time_is_up;
    bool unread; /* our output, from now on */

    struct gl_stream *stream; /* of the present probe; NULL: it has ended, with `outcome` */
    struct gl_outcome outcome;
    uint64_t start_ns, round_trip_ns; /* of it; 0: no answer has come */

    uint64_t sent, received;
    uint64_t min_ns, max_ns, sum_ns;
    uint64_t *all; /* round trips, for the median */
    size_t room;
};

/* ------------------------------------------------------------------ numbers */

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void count_answer(struct pinger *p, uint64_t ns)
{
    if (p->received == p->room) {
        p->room = p->room * 2 + 64;
        p->all = gl_realloc_array(p->all, p->room, sizeof(*p->all));
    }
    p->all[p->received++] = ns;
    p->sum_ns += ns;
    if (p->received == 1 || ns < p->min_ns)
        p->min_ns = ns;
    if (ns > p->max_ns)
        p->max_ns = ns;
}

static double median_ms(struct pinger *p)
{
    size_t middle = p->received / 2;
    qsort(p->all, p->received, sizeof(*p->all), compare);
    double median = (double)p->all[middle] / 1e6;
    return p->received % 2 ? median : (median + (double)p->all[middle - 1] / 1e6) / 2;
}

static void show_summary(struct pinger *p)
{
    json_t *summary =
        json_pack("{s:I, s:I}", "sent", (json_int_t)p->sent, "received", (json_int_t)p->received);
    static const char *const names[] = {"min_ms", "median_ms", "mean_ms", "max_ms"};
    double values[4] = {0};
    if (p->received > 0) {
        values[0] = (double)p->min_ns / 1e6;
        values[1] = median_ms(p);
        values[2] = (double)p->sum_ns / (double)p->received / 1e6;
        values[3] = (double)p->max_ns / 1e6;
    }
    for (size_t i = 0; i < 4; i++)
        json_object_set_new(summary, names[i], p->received ? json_real(values[i]) : json_null());
    if (p->cli->json) {
        gl_json_print(json_pack("{s:o}", "summary", summary));
        return;
    }
    json_decref(summary);
    gl_out_printf("%" PRIu64 " sent, %" PRIu64 " answered", p->sent, p->received);
    if (p->received > 0)
        gl_out_printf("; min %.3f, median %.3f, mean %.3f, max %.3f ms", values[0], values[1],
                      values[2], values[3]);
    gl_out_printf("\n");
}

static void show_answer(struct pinger *p)
{
    double ms = (double)p->round_trip_ns / 1e6;
    if (p->cli->json)
        gl_json_print(
            json_pack("{s:I, s:f}", "sequence", (json_int_t)p->sent, "round_trip_ms", ms));
    else
        gl_out_printf("answer %" PRIu64 " from %s: %.3f ms\n", p->sent, p->guest, ms);
    p->unread = gl_out_flush() == UV_EPIPE;
}

static void show_no_answer(struct pinger *p, const char *why)
{
    if (p->cli->json) {
        gl_json_print(json_pack("{s:I, s:n, s:o}", "sequence", (json_int_t)p->sent, "round_trip_ms",
                                "reason", gl_json_bytes(why, strlen(why))));
    } else {
        char *safe = gl_escape_dup(why);
        gl_out_printf("no answer %" PRIu64 " from %s: %s\n", p->sent, p->guest, safe);
        gl_free(safe);
    }
    p->unread = gl_out_flush() == UV_EPIPE;
}

/* ------------------------------------------------------------------ one probe */

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    struct pinger *p = ctx;
    p->round_trip_ns = uv_hrtime() - p->start_ns;
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct pinger *p = ctx;
    gl_stream_release(stream);
    p->stream = NULL;
    p->outcome.status = status;
    snprintf(p->outcome.text, sizeof(p->outcome.text), "%s", text);
}

static const struct gl_stream_events stream_events = {.on_message = on_message, .on_end = on_end};

/* A timer may be over before the loop begins to wait, which it then must not. */
static void on_timer(uv_timer_t *timer)
{
    ((struct pinger *)timer->data)->time_is_up = true;
    uv_stop(timer->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    ((struct pinger *)handle->data)->interrupted = true;
}

static void start_timer(struct pinger *p, uint64_t ms)
{
    p->time_is_up = false;
    uv_update_time(p->cli->loop);
    uv_timer_start(&p->timer, on_timer, ms, 0);
}

/* Nothing that is said again by a later probe, or changes by itself. */
static bool is_final(const struct pinger *p)
{
    switch (p->outcome.status) {
    case GL_STATUS_LOST:
    case GL_STATUS_NOT_STARTED:
    case GL_STATUS_TIMED_OUT:
    case GL_STATUS_LIMIT:
        return gl_mux_has_ended(gl_client_mux(p->cli->client));
    default:
        return p->received == 0;
    }
}

static void send_probe(struct pinger *p)
{
    Gl__Ping ping = GL__PING__INIT;
    ping.cookie = ++p->sent;
    p->round_trip_ns = 0;
    p->start_ns = uv_hrtime();
    int error = gl_call_open(gl_client_mux(p->cli->client), "link", "ping", p->guest, &ping,
                             GL_FLAG_INTERACTIVE, &stream_events, p, &p->stream);
    if (error == 0)
        return;
    p->stream = NULL;
    p->outcome.status = gl_status_from_errno(error);
    snprintf(p->outcome.text, sizeof(p->outcome.text), "%s", uv_strerror(error));
}

/* -1: go on; otherwise the exit status, after an error line. */
static int probe(struct pinger *p)
{
    char text[128];
    send_probe(p);
    start_timer(p, p->options.timeout_ms);
    while (p->stream && !p->time_is_up && !p->interrupted)
        uv_run(p->cli->loop, UV_RUN_ONCE);
    bool ended = p->stream == NULL;
    if (!ended)
        gl_stream_release(p->stream);
    p->stream = NULL;
    if (ended && p->outcome.status == GL_STATUS_OK && p->round_trip_ns) {
        count_answer(p, p->round_trip_ns);
        show_answer(p);
    } else if (ended && is_final(p)) {
        return gl_cli_fail(p->cli, p->guest, &p->outcome);
    } else if (ended) {
        show_no_answer(p, *p->outcome.text ? p->outcome.text : gl_status_text(p->outcome.status));
    } else if (p->interrupted) {
        p->sent--; /* it still had time */
    } else {
        snprintf(text, sizeof(text), "nothing within %g s%s", (double)p->options.timeout_ms / 1000,
                 gl_presence_is_detached(p->presence) ? ", the guest is detached" : "");
        show_no_answer(p, text);
    }
    return -1;
}

/* What is left of the interval. */
static void pause_between(struct pinger *p)
{
    uint64_t passed = (uv_hrtime() - p->start_ns) / 1000000;
    start_timer(p, passed < p->options.interval_ms ? p->options.interval_ms - passed : 0);
    while (!p->time_is_up && !p->interrupted)
        uv_run(p->cli->loop, UV_RUN_ONCE);
}

/* ------------------------------------------------------------------ all together */

static int ping(struct gl_cli *cli, const char *guest, const struct ping_options *options)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    struct pinger p = {.cli = cli, .guest = guest, .options = *options};
    int status = -1;
    uv_timer_init(cli->loop, &p.timer);
    p.timer.data = &p;
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(cli->loop, &p.signals[i]);
        p.signals[i].data = &p;
        uv_signal_start(&p.signals[i], on_signal, numbers[i]);
    }
    p.presence = gl_presence_new(cli, guest, NULL, NULL, NULL);
    while (status < 0 && p.sent < options->count && !p.interrupted) {
        status = probe(&p);
        if (p.unread)
            status = GL_CLI_PIPE;
        if (status < 0 && p.sent < options->count && !p.interrupted)
            pause_between(&p);
    }
    if (status < 0 || p.received > 0)
        show_summary(&p);
    if (status < 0)
        status = p.received > 0 ? 0 : cli->command->failure;
    gl_presence_free(p.presence);
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&p.signals[i], NULL);
    uv_close((uv_handle_t *)&p.timer, NULL);
    uv_run(cli->loop, UV_RUN_NOWAIT);
    gl_free(p.all);
    return status;
}

/* Seconds with fractions; false: not a number from min to max. */
static bool take_seconds(const char *text, double min, double max, uint64_t *ret_ms)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= min && seconds <= max))
        return false;
    *ret_ms = (uint64_t)(seconds * 1000);
    return true;
}

static int take_option(struct gl_cli *cli, struct ping_options *options, int option)
{
    char *end;
    switch (option) {
    case 'c':
        options->count = strtoul(optarg, &end, 10);
        if (*end != '\0' || optarg[0] == '-' || options->count == 0 ||
            options->count > PING_COUNT_MAX)
            return gl_cli_usage(cli, "-c wants a number from 1 to %u, not '%s'", PING_COUNT_MAX,
                                optarg);
        return 0;
    case 'i':
        if (!take_seconds(optarg, 0, 3600, &options->interval_ms))
            return gl_cli_usage(cli, "-i wants seconds from 0 to 3600, not '%s'", optarg);
        return 0;
    default:
        if (!take_seconds(optarg, 0.001, 3600, &options->timeout_ms))
            return gl_cli_usage(cli, "--timeout wants seconds from 0.001 to 3600, not '%s'",
                                optarg);
        return 0;
    }
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"timeout", required_argument, NULL, 'W'},
                                          {NULL, 0, NULL, 0}};
    struct ping_options options = {.count = 4, .interval_ms = 1000, .timeout_ms = 2000};
    int option, status;
    while ((option = gl_cli_getopt(cli, argc, argv, "c:i:W:", longs, &status)) != -1) {
        if (option == GL_CLI_EXIT)
            return status;
        if ((status = take_option(cli, &options, option)) != 0)
            return status;
    }
    if (optind + 1 != argc)
        return gl_cli_usage(cli, "exactly one GUEST is expected");
    if ((status = gl_cli_check_guest(cli, argv[optind])) != 0 ||
        (status = gl_cli_connect(cli)) != 0)
        return status;
    return ping(cli, argv[optind], &options);
}

const struct gl_command gl_command_ping = {
    .name = "ping",
    .synopsis = "[-c N] [-i SEC] [--timeout SEC] GUEST",
    .summary = "Measure the round trip to a guest's agent.",
    .help = "  -c N               how many times (default 4)\n"
            "  -i SEC             how long from one to the next, fractions allowed (default 1)\n"
            "  -W, --timeout SEC  how long to wait for each answer (default 2)\n"
            "\n"
            "What is not answered in time is said and counted, and the next one is sent; INT and\n"
            "TERM end it with the summary. Exit status: 0 if anything was answered, else 1.\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
