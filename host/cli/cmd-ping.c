/* SPDX-License-Identifier: MIT */
/* guestlink ping: the round trip through the host daemon to the agent and back. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "mem.h"
#include "proto/guestlink.pb-c.h"

#define PING_COUNT_MAX 100000000u

struct pinger {
    uint64_t sent, received;
    uint64_t min_ns, max_ns, sum_ns;
    uint64_t *all; /* round trips, for the median */
    size_t room;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void pinger_add(struct pinger *p, uint64_t ns)
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

static int pinger_once(struct gl_cli *cli, const char *guest, struct pinger *p)
{
    Gl__Ping ping = GL__PING__INIT;
    struct gl_outcome outcome;
    ping.cookie = ++p->sent;
    uint64_t start = uv_hrtime();
    if (gl_client_call(cli->client, "link", "ping", guest, &ping, &gl__ping__descriptor, NULL, NULL,
                       &outcome) != GL_STATUS_OK)
        return gl_cli_fail(cli, guest, &outcome);
    uint64_t ns = uv_hrtime() - start;
    pinger_add(p, ns);
    if (cli->json)
        gl_json_print(json_pack("{s:I, s:f}", "sequence", (json_int_t)p->sent, "round_trip_ms",
                                (double)ns / 1e6));
    else
        printf("answer %" PRIu64 " from %s: %.3f ms\n", p->sent, guest, (double)ns / 1e6);
    fflush(stdout);
    return 0;
}

static void pinger_summary(const struct gl_cli *cli, struct pinger *p)
{
    if (p->received == 0)
        return;
    qsort(p->all, p->received, sizeof(*p->all), compare);
    size_t middle = p->received / 2;
    double median = (double)p->all[middle] / 1e6;
    if (p->received % 2 == 0)
        median = (median + (double)p->all[middle - 1] / 1e6) / 2;
    double mean = (double)p->sum_ns / (double)p->received / 1e6;
    double min = (double)p->min_ns / 1e6, max = (double)p->max_ns / 1e6;
    if (cli->json)
        gl_json_print(json_pack("{s:{s:I, s:I, s:f, s:f, s:f, s:f}}", "summary", "sent",
                                (json_int_t)p->sent, "received", (json_int_t)p->received, "min_ms",
                                min, "median_ms", median, "mean_ms", mean, "max_ms", max));
    else
        printf("%" PRIu64 " sent, %" PRIu64
               " answered; min %.3f, median %.3f, mean %.3f, max %.3f ms\n",
               p->sent, p->received, min, median, mean, max);
}

static void on_timer(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Waits, but notices an interrupt at once: a signal ends the poll, and the loop is looked at again.
 */
static void wait_ms(uv_loop_t *loop, uint64_t ms)
{
    uv_timer_t timer;
    bool over = false;
    uv_timer_init(loop, &timer);
    timer.data = &over;
    for (uint64_t waited = 0; waited < ms && !interrupted; waited += 50) {
        over = false;
        uv_timer_start(&timer, on_timer, 50, 0);
        while (!over)
            uv_run(loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    uint64_t count = 4, interval_ms = 1000;
    int option, status;
    while ((option = gl_cli_getopt(cli, argc, argv, "c:i:", NULL, &status)) != -1) {
        char *end = optarg;
        if (option == GL_CLI_EXIT)
            return status;
        if (option == 'c') {
            count = strtoul(optarg, &end, 10);
            if (*end != '\0' || optarg[0] == '-' || count == 0 || count > PING_COUNT_MAX)
                return gl_cli_usage(cli, "-c wants a number from 1 to %u, not '%s'", PING_COUNT_MAX,
                                    optarg);
        } else {
            double seconds = strtod(optarg, &end);
            if (end == optarg || *end != '\0' || !(seconds >= 0 && seconds <= 3600))
                return gl_cli_usage(cli, "-i wants seconds from 0 to 3600, not '%s'", optarg);
            interval_ms = (uint64_t)(seconds * 1000);
        }
    }
    if (optind + 1 != argc)
        return gl_cli_usage(cli, "exactly one GUEST is expected");
    if ((status = gl_cli_connect(cli)) != 0)
        return status;

    struct pinger pinger = {0};
    signal(SIGINT, on_signal);
    while (status == 0 && pinger.sent < count && !interrupted) {
        status = pinger_once(cli, argv[optind], &pinger);
        if (pinger.sent < count && status == 0)
            wait_ms(cli->loop, interval_ms);
    }
    pinger_summary(cli, &pinger);
    gl_free(pinger.all);
    return status;
}

const struct gl_command gl_command_ping = {
    .name = "ping",
    .synopsis = "[-c N] [-i SEC] GUEST",
    .summary = "Measure the round trip to a guest's agent.",
    .help = "  -c N    how many times (default 4)\n"
            "  -i SEC  how long to wait in between, fractions allowed (default 1)\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
