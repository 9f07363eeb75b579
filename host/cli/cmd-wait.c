/* SPDX-License-Identifier: MIT */
/* guestlink wait: until a guest is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "commands.h"
#include "json.h"
#include "message.h"
#include "proto/guestlink.pb-c.h"

#define TIMEOUT_MAX_S 31536000.0
#define LOOK_MS       1000u /* then it is looked what keeps the guest out, */
#define LOOK_AGAIN_MS 5000u /* and from time to time again */
#define LOOK_LIMIT_MS 300u  /* for that, as the time limit of the user counts */
#define LAST_LIMIT_MS 2000u /* for the last look, of which the answer depends */

struct waiter {
    struct gl_cli *cli;
    struct gl_stream *stream;
    uv_timer_t timer, look_timer;
    struct gl_outcome outcome;
    bool over, timed_out, look;
    char kept_out[320]; /* why the guest would not be let in if it came; "": nothing is known */
};

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    struct waiter *w = ctx;
    ProtobufCMessage *guest = NULL;
    if (gl_message_unpack(&gl__guest__descriptor, message.data, message.len, &guest, NULL) == 0 &&
        w->cli->json)
        gl_json_print(json_pack("{s:o}", "guest", gl_json_message(guest)));
    gl_message_free(guest);
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct waiter *w = ctx;
    w->outcome.status = status;
    snprintf(w->outcome.text, sizeof(w->outcome.text), "%s", text);
    w->over = true;
    gl_stream_release(stream);
}

static void on_timeout(uv_timer_t *timer)
{
    struct waiter *w = timer->data;
    if (w->over)
        return;
    w->timed_out = true;
}

/* ------------------------------------------------------------------ what keeps it out */

static void on_look_timer(uv_timer_t *timer)
{
    ((struct waiter *)timer->data)->look = true;
}

static void on_guest(void *ctx, const ProtobufCMessage *item)
{
    const Gl__Guest *guest = (const Gl__Guest *)item;
    struct waiter *w = ctx;
    switch (guest->trust) {
    case GL__TRUST_STATE__TRUST_STATE_PENDING:
        snprintf(w->kept_out, sizeof(w->kept_out),
                 "it waits for approval: guestlink trust accept %s", guest->fingerprint);
        break;
    case GL__TRUST_STATE__TRUST_STATE_REVOKED:
        snprintf(w->kept_out, sizeof(w->kept_out),
                 "its key was revoked; guestlink trust accept %s lets it in again",
                 guest->fingerprint);
        break;
    case GL__TRUST_STATE__TRUST_STATE_MISMATCH:
    case GL__TRUST_STATE__TRUST_STATE_DUPLICATE:
        snprintf(w->kept_out, sizeof(w->kept_out),
                 "its key is in doubt: guestlink doctor %s says more", guest->id);
        break;
    default:
        w->kept_out[0] = '\0';
    }
}

/* One that is not known yet may still come. */
static void look(struct waiter *w, const char *guest, unsigned limit_ms)
{
    Gl__GuestRef ref = GL__GUEST_REF__INIT;
    struct gl_outcome outcome;
    ref.guest = (char *)(uintptr_t)guest;
    w->look = false;
    gl_client_limit(w->cli->client, limit_ms);
    gl_client_call(w->cli->client, "host", "get", "", &ref, 0, &gl__guest__descriptor, on_guest, w,
                   &outcome);
}

static void look_and_tell(struct waiter *w, const char *guest)
{
    char before[sizeof(w->kept_out)];
    memcpy(before, w->kept_out, sizeof(before));
    look(w, guest, LOOK_LIMIT_MS);
    if (!w->over && w->kept_out[0] != '\0' && strcmp(before, w->kept_out) != 0)
        gl_cli_notice(w->cli, guest, "KEPT_OUT", "waiting, but %s", w->kept_out);
}

/* Calls are answered in their order: a guest that is there has been told of by now, however short
 * the time was. */
static void look_last(struct waiter *w, const char *guest)
{
    look(w, guest, LAST_LIMIT_MS);
    w->timed_out = !w->over;
    if (w->timed_out)
        gl_stream_release(w->stream);
}

static const struct gl_stream_events events = {.on_message = on_message, .on_end = on_end};

/* Without a time limit it is a plain call; with one the stream is cancelled when it runs out. */
static int wait_for(struct gl_cli *cli, const char *guest, bool ready, double seconds)
{
    Gl__GuestWait request = GL__GUEST_WAIT__INIT;
    struct waiter w = {.cli = cli};
    request.guest = (char *)(uintptr_t)guest;
    request.ready = ready;
    uv_timer_init(cli->loop, &w.timer);
    w.timer.data = &w;
    int error = gl_call_open(gl_client_mux(cli->client), "host", "wait", "", &request,
                             GL_FLAG_INTERACTIVE, &events, &w, &w.stream);
    if (error == 0 && seconds >= 0)
        uv_timer_start(&w.timer, on_timeout, (uint64_t)(seconds * 1000), 0);
    uv_timer_init(cli->loop, &w.look_timer);
    w.look_timer.data = &w;
    uv_timer_start(&w.look_timer, on_look_timer, LOOK_MS, LOOK_AGAIN_MS);
    while (error == 0 && !w.over && !w.timed_out) {
        uv_run(cli->loop, UV_RUN_ONCE);
        if (w.look && !w.over)
            look_and_tell(&w, guest);
    }
    if (w.timed_out)
        look_last(&w, guest);
    uv_close((uv_handle_t *)&w.look_timer, NULL);
    uv_close((uv_handle_t *)&w.timer, NULL);
    uv_run(cli->loop, UV_RUN_NOWAIT);

    if (error < 0)
        return gl_cli_error(cli, guest, GL_STATUS_UNAVAILABLE, "%s", uv_strerror(error));
    if (w.timed_out)
        return gl_cli_error(
            cli, guest, GL_STATUS_TIMED_OUT, "not %s after %g s%s%s", ready ? "ready" : "connected",
            seconds, w.kept_out[0] != '\0' ? ": " : "; ",
            w.kept_out[0] != '\0' ? w.kept_out : "see 'guestlink ls' and the agent's log");
    if (w.outcome.status == GL_STATUS_OK)
        return 0;
    int status = gl_cli_fail(cli, guest, &w.outcome);
    /* A name that cannot be is a slip of whoever typed it. */
    return w.outcome.status == GL_STATUS_INVALID ? cli->command->usage : status;
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"for", required_argument, NULL, 'f'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {NULL, 0, NULL, 0}};
    bool ready = true;
    double seconds = -1;
    int option, status;
    while ((option = gl_cli_getopt(cli, argc, argv, "", longs, &status)) != -1) {
        if (option == GL_CLI_EXIT)
            return status;
        if (option == 'f') {
            ready = strcmp(optarg, "ready") == 0;
            if (!ready && strcmp(optarg, "connected") != 0)
                return gl_cli_usage(cli, "--for wants 'ready' or 'connected', not '%s'", optarg);
        } else {
            char *end = optarg;
            seconds = strtod(optarg, &end);
            if (end == optarg || *end != '\0' || !(seconds >= 0 && seconds <= TIMEOUT_MAX_S))
                return gl_cli_usage(cli, "--timeout wants seconds from 0 to 31536000, not '%s'",
                                    optarg);
        }
    }
    if (optind + 1 != argc)
        return gl_cli_usage(cli, "exactly one GUEST is expected");
    if ((status = gl_cli_check_guest(cli, argv[optind])) != 0 ||
        (status = gl_cli_connect(cli)) != 0)
        return status;
    return wait_for(cli, argv[optind], ready, seconds);
}

const struct gl_command gl_command_wait = {
    .name = "wait",
    .synopsis = "[--for ready|connected] [--timeout SEC] GUEST",
    .summary = "Wait until a guest is connected.",
    .help =
        "  --for ready      the guest takes commands (default)\n"
        "  --for connected  the link is up\n"
        "  --timeout SEC    give up after so long, with exit status 1 (default: never); 0 looks\n"
        "                   once\n\n"
        "SEC may have a fraction. A guest that is not known yet is waited for as well: give its\n"
        "whole name; of one that is known the beginning will do. If its key is what keeps it\n"
        "out, that is said after a second, and the waiting goes on.\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
