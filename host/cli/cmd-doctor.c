/* SPDX-License-Identifier: MIT */
/* guestlink doctor: looks for what is wrong, in the order in which things must work. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "escape.h"
#include "guest-words.h"
#include "handshake.h"
#include "json.h"
#include "mem.h"
#include "out.h"
#include "proto/guestlink.pb-c.h"

#define PROBE_MS 5000u
#define RECENT_S 120u /* an agent that is refused asks again each 30 s at least */

#define ADVICE_DAEMON_LOG "see the daemon's log: journalctl -u guestlink-hostd, or the event log"
#define ADVICE_AGENT_LOG                                                                           \
    "see the agent's log in the guest: journalctl -u guestlink-agent, or the event log"

enum verdict { VERDICT_OK, VERDICT_NOTE, VERDICT_BAD };

struct doctor {
    struct gl_cli *cli;
    const char *guest; /* as the user calls it; NULL: all */
    char *name;        /* of that one */
    bool bad, seen, refused;
    bool connected;         /* that one, so that its agent can be asked */
    uint64_t known, listed; /* guests that the daemon has, and that it shows this user */
    json_t *checks;
};

/* One finding. `advice` says what to do, or is "". */
static void say(struct doctor *d, enum verdict verdict, const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void say(struct doctor *d, enum verdict verdict, const char *advice, const char *format, ...)
{
    static const char *const words[] = {"ok", "note", "bad"};
    va_list args;
    va_start(args, format);
    char *text = gl_vasprintf(format, args);
    va_end(args);
    d->bad = d->bad || verdict == VERDICT_BAD;
    if (d->cli->json) {
        json_array_append_new(d->checks,
                              json_pack("{s:s, s:o, s:s}", "verdict", words[verdict], "finding",
                                        gl_json_bytes(text, strlen(text)), "advice", advice));
    } else {
        char *safe = gl_escape_dup(text);
        gl_out_printf("%-5s %s\n", words[verdict], safe);
        if (advice[0] != '\0')
            gl_out_printf("      -> %s\n", advice);
        (void)gl_out_flush(); /* the next one may take its time */
        gl_free(safe);
    }
    gl_free(text);
}

/* Where nothing is known of the guest: else look_at_guest() says what keeps it out. */
static void look_at_refusal(struct doctor *d, const Gl__HostStatus__Refusal *refusal)
{
    uv_timeval64_t now;
    char ago[32], times[48] = "";
    if (uv_gettimeofday(&now) == 0 && refusal->at + RECENT_S < (uint64_t)now.tv_sec)
        return;
    /* A connection that broke proves nothing, and of one guest's another one's may not be told. */
    bool bad = refusal->status != GL_STATUS_LOST && refusal->status != GL_STATUS_UNAVAILABLE &&
               refusal->status != GL_STATUS_TIMED_OUT && d->guest == NULL;
    d->refused = d->refused || bad;
    if (refusal->count > 1)
        snprintf(times, sizeof(times), ", %" PRIu64 " times", refusal->count);
    gl_out_ago(refusal->at, ago, sizeof(ago));
    if (refusal->by_guest)
        say(d, bad ? VERDICT_BAD : VERDICT_NOTE,
            ADVICE_AGENT_LOG ": which host, or site, does it trust?",
            "a guest at %s refuses this host (last %s%s): %s", refusal->place, ago, times,
            refusal->reason);
    else
        say(d, bad ? VERDICT_BAD : VERDICT_NOTE, ADVICE_DAEMON_LOG,
            "a connection from %s was not let in (last %s%s): %s", refusal->place, ago, times,
            refusal->reason);
}

static void look_at_host(void *ctx, const ProtobufCMessage *item)
{
    const Gl__HostStatus *host = (const Gl__HostStatus *)item;
    struct doctor *d = ctx;
    char ago[32];
    bool same = strcmp(host->version, PACKAGE_VERSION) == 0;
    say(d, same ? VERDICT_OK : VERDICT_NOTE, same ? "" : "restart guestlink-hostd after an upgrade",
        "host daemon %s runs as %s, process %" PRIu64 ", started %s", host->version, host->user,
        host->pid, gl_out_ago(host->started, ago, sizeof(ago)));
    if (host->n_listeners == 0)
        say(d, VERDICT_BAD, "give guestlink-hostd --listen, or 'listen' in its configuration",
            "it listens nowhere, so no guest can connect");
    for (size_t i = 0; i < host->n_listeners; i++) {
        const Gl__HostStatus__Listener *l = host->listeners[i];
        if (l->error[0] != '\0')
            say(d, VERDICT_BAD, ADVICE_DAEMON_LOG, "it does not listen at %s: %s", l->address,
                l->error);
        else
            say(d, VERDICT_OK, "", "it listens at %s: %" PRIu64 " accepted, %" PRIu64 " refused",
                l->address, l->accepted, l->refused);
    }
    for (size_t i = 0; i < host->n_refusals; i++)
        look_at_refusal(d, host->refusals[i]);
    d->known = host->guests_known;
    if (host->config_error[0] != '\0')
        say(d, VERDICT_BAD,
            "mend it where it says, and have it read again (SIGHUP), before the daemon's next "
            "start "
            "reads it",
            "its configuration was refused when it was last read again, what counted before counts "
            "still: %s",
            host->config_error);
    if (host->control_note[0] != '\0')
        say(d, VERDICT_NOTE, "change the socket unit: systemctl edit guestlink-hostd.socket", "%s",
            host->control_note);
    if (host->store_error[0] != '\0')
        say(d, VERDICT_BAD,
            "make room, or mend the folder: no new guest is let in, no key accepted or revoked "
            "until "
            "then",
            "it cannot keep what it knows of guests: %s", host->store_error);
}

/* Exactly what to type: a name would take whatever key is there by then. */
static void advise(char *out, size_t size, const char *condition, const char *fingerprint)
{
    snprintf(out, size, "%s: guestlink trust accept %s", condition, fingerprint);
}

/* No guest yet: if there are no others, that no guest has ever connected is said as well. */
static void look_at_machine(struct doctor *d, const Gl__Guest *machine)
{
    const char *state = gl_guest_machine_word(machine);
    bool runs = machine->machine == GL__MACHINE_STATE__MACHINE_STATE_RUNNING || state[0] == '\0';
    say(d, VERDICT_NOTE,
        runs ? "install and start guestlink-agent in it" : "start it, with guestlink-agent in it",
        "no agent has connected from the virtual machine %s%s%s", machine->name,
        runs ? "" : ", which is ", runs ? "" : state);
}

static void look_at_guest(void *ctx, const ProtobufCMessage *item)
{
    const Gl__Guest *guest = (const Gl__Guest *)item;
    struct doctor *d = ctx;
    char ago[32], advice[320];
    if (guest->state == GL__GUEST_STATE__GUEST_STATE_NO_AGENT) {
        look_at_machine(d, guest);
        return;
    }
    d->seen = true;
    d->listed++;
    gl_free(d->name);
    d->name = gl_strdup(guest->name);
    switch (guest->trust) {
    case GL__TRUST_STATE__TRUST_STATE_PENDING:
        advise(advice, sizeof advice, "if this is the guest's key", guest->fingerprint);
        say(d, VERDICT_BAD, advice, "guest %s waits for its key to be accepted", guest->name);
        return;
    case GL__TRUST_STATE__TRUST_STATE_MISMATCH:
        advise(
            advice, sizeof advice,
            "somebody else may be at its place; if the guest was reinstalled and this is its key",
            guest->offered);
        say(d, VERDICT_BAD, advice, "guest %s: another key was offered for it", guest->name);
        if (guest->state != GL__GUEST_STATE__GUEST_STATE_CONNECTED)
            return;
        break;
    case GL__TRUST_STATE__TRUST_STATE_DUPLICATE:
        advise(advice, sizeof advice,
               "stop the agent in the copy, remove agent.key in its state directory, start it "
               "again; then",
               guest->fingerprint);
        say(d, VERDICT_BAD, advice, "guest %s: %s", guest->name, guest->reason);
        return;
    case GL__TRUST_STATE__TRUST_STATE_REVOKED:
        advise(advice, sizeof advice, "if it shall be let in again", guest->fingerprint);
        say(d, d->guest != NULL ? VERDICT_BAD : VERDICT_NOTE, advice,
            "guest %s is revoked: it is kept out", guest->name);
        return;
    default:
        break;
    }
    d->connected = guest->state == GL__GUEST_STATE__GUEST_STATE_CONNECTED;
    if (d->connected)
        say(d, VERDICT_OK, "", "guest %s is connected from %s, %s, %" PRIu64 " resumes",
            guest->name, guest->address, guest->software, guest->resumes);
    else
        say(d, d->guest != NULL ? VERDICT_BAD : VERDICT_NOTE,
            "look whether the guest runs and guestlink-agent in it, and at the agent's log",
            "guest %s is %s, last seen %s", guest->name, gl_guest_state_word(guest),
            gl_out_ago(guest->last_seen, ago, sizeof(ago)));
}

static void look_at_link(struct doctor *d)
{
    Gl__Ping ping = GL__PING__INIT;
    struct gl_outcome outcome;
    uint64_t start = uv_hrtime();
    if (gl_client_call(d->cli->client, "link", "ping", d->name, &ping, 0, &gl__ping__descriptor,
                       NULL, NULL, &outcome) == GL_STATUS_OK)
        say(d, VERDICT_OK, "", "its agent answers within %.3f ms",
            (double)(uv_hrtime() - start) / 1e6);
    else if (outcome.status == GL_STATUS_DENIED)
        say(d, VERDICT_BAD,
            "if that is not meant: mend it where it says, and have it read again (SIGHUP)",
            "its agent is there, but ping is denied: %s", outcome.text);
    else
        say(d, VERDICT_BAD, ADVICE_AGENT_LOG, "its agent does not answer: %s", outcome.text);
}

#define ADVICE_HIDDEN                                                                              \
    "the rules of this host show this user some guests, or none: see 'allow' in the daemon's "     \
    "configuration"

static void count_guest(void *ctx, const ProtobufCMessage *item)
{
    struct doctor *d = ctx;
    d->listed += ((const Gl__Guest *)item)->state != GL__GUEST_STATE__GUEST_STATE_NO_AGENT;
}

/* It may be one of those that this user may not know of: nothing says whether it is. */
static void look_at_none(struct doctor *d)
{
    struct gl_outcome outcome;
    Gl__Empty empty = GL__EMPTY__INIT;
    if (gl_client_call(d->cli->client, "host", "list", "", &empty, 0, &gl__guest__descriptor,
                       count_guest, d, &outcome) == GL_STATUS_OK &&
        d->listed < d->known)
        say(d, VERDICT_BAD, ADVICE_HIDDEN, "there is no guest named %s that you may see", d->guest);
    else
        say(d, VERDICT_BAD,
            "'guestlink ls' shows the names; a guest appears when it first connects",
            "no guest named %s has ever connected", d->guest);
}

/* By the beginning of its name too, as for every command that only looks. */
static void look_at_one(struct doctor *d)
{
    Gl__GuestRef ref = GL__GUEST_REF__INIT;
    struct gl_outcome outcome;
    ref.guest = (char *)(uintptr_t)d->guest;
    enum gl_status status = gl_client_call(d->cli->client, "host", "get", "", &ref, 0,
                                           &gl__guest__descriptor, look_at_guest, d, &outcome);
    if (status == GL_STATUS_NOT_FOUND)
        look_at_none(d);
    else if (status != GL_STATUS_OK)
        say(d, VERDICT_BAD, "", "%s", outcome.text);
    else if (d->connected)
        look_at_link(d);
}

static void look(struct doctor *d)
{
    struct gl_outcome outcome;
    Gl__Empty empty = GL__EMPTY__INIT;
    if (gl_client_connect(d->cli->loop, d->cli->control, 0, &d->cli->client, &outcome) < 0) {
        say(d, VERDICT_BAD, "", "%s", outcome.text);
        return;
    }
    gl_client_limit(d->cli->client, PROBE_MS);
    say(d, VERDICT_OK, "", "the control socket %s answers", d->cli->control);
    if (gl_client_call(d->cli->client, "host", "status", "", &empty, 0,
                       &gl__host_status__descriptor, look_at_host, d, &outcome) != GL_STATUS_OK)
        say(d, VERDICT_BAD, "", "the host daemon does not tell its state: %s", outcome.text);
    if (d->guest != NULL)
        look_at_one(d);
    else if (gl_client_call(d->cli->client, "host", "list", "", &empty, 0, &gl__guest__descriptor,
                            look_at_guest, d, &outcome) != GL_STATUS_OK)
        say(d, VERDICT_BAD, "", "the host daemon does not list its guests: %s", outcome.text);
    else if (!d->seen && d->known > 0)
        say(d, VERDICT_NOTE, ADVICE_HIDDEN, "there are guests, but none that you may see");
    else if (!d->seen && !d->refused)
        say(d, VERDICT_NOTE, "start guestlink-agent in a guest", "no guest has ever connected");
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    struct doctor doctor = {.cli = cli};
    int status;
    if (gl_cli_getopt(cli, argc, argv, "", NULL, &status) == GL_CLI_EXIT)
        return status;
    if (optind + 1 < argc)
        return gl_cli_usage(cli, "at most one GUEST is expected");
    doctor.guest = argv[optind];
    if (cli->json)
        doctor.checks = json_array();
    look(&doctor);
    gl_free(doctor.name);
    if (cli->json)
        gl_json_print(json_pack("{s:o, s:b}", "checks", doctor.checks, "healthy", !doctor.bad));
    return doctor.bad ? 1 : 0;
}

const struct gl_command gl_command_doctor = {
    .name = "doctor",
    .synopsis = "[GUEST]",
    .summary = "Look for what is wrong with the host daemon, or with the way to a guest.",
    .help =
        "Exit status 1 if something is bad; each finding says what to do. What does not answer\n"
        "within 5 seconds is a finding, too.\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
