/* SPDX-License-Identifier: MIT */
/* guestlink cp: files and trees to a guest and back. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "commands.h"
#include "disk.h"
#include "json.h"
#include "mem.h"
#include "message.h"
#include "path.h"
#include "presence.h"
#include "progress.h"
#include "shell-word.h"
#include "terminal.h"
#include "transfer.h"

#define WAY_OUT  "Ctrl-C to stop"
#define SIGNALS  3u
#define CLOSE_MS 2000u /* how long we wait for the guest's last word when all is done */

struct cp {
    struct gl_cli *cli;
    bool recursive, resume, quiet;
    bool shows;     /* progress, to somebody who looks at it */
    char **sources; /* without the guest's name */
    size_t count;
    const char *destination;
    bool to_guest;
    bool standard_stream; /* "-" on our side */
    char *guest;

    struct gl_stream *stream;     /* NULL: it was released */
    bool closed;                  /* the guest has ended it */
    struct gl_transfer *transfer; /* NULL: it is over */
    struct gl_progress *progress;
    struct gl_presence *presence;
    struct gl_transfer_counts counts;
    struct gl_outcome outcome; /* of the copy as a whole: the first that is not OK counts */
    bool failed;               /* something was not copied, and that was said */
    bool unread;               /* standard output, from now on */
    int signal;                /* which interrupted it; 0: none */
    uint64_t start_ns;
    uv_signal_t signals[SIGNALS];
    uv_timer_t patience;
};

/* ------------------------------------------------------------------ operands */

/*
 * What stands before the colon of GUEST:PATH, as a length; 0: a path of ours. A separator of paths
 * before the colon makes it a path, and so does a drive ("C:\", "C:/").
 */
static size_t guest_length(const char *operand)
{
    const char *colon = strchr(operand, ':');
    if (colon == NULL || gl_path_has_drive(operand))
        return 0;
    for (const char *c = operand; c < colon; c++)
        if (gl_disk_separates(*c))
            return 0;
    return (size_t)(colon - operand);
}

static int take_operands(struct cp *cp, int argc, char **argv)
{
    static char home[] = ".";
    struct gl_cli *cli = cp->cli;
    if (argc < 2)
        return gl_cli_usage(cli, "SRC and DST are expected");
    cp->count = (size_t)argc - 1;
    cp->sources = argv;
    cp->destination = argv[argc - 1];
    size_t named = guest_length(cp->destination);
    cp->to_guest = named > 0;
    if (!cp->to_guest)
        named = guest_length(argv[0]);
    if (named == 0)
        return gl_cli_usage(cli, "one side must be GUEST:PATH (a path of this machine with a colon "
                                 "in it is written ./PATH)");
    if (named == 1) /* no guest has such a name: name.h */
        return gl_cli_usage(cli,
                            "'%s' names no guest and is no full path of a drive: that begins with "
                            "C:/ or C:\\, and a path of this machine may be written ./PATH",
                            cp->to_guest ? cp->destination : argv[0]);
    cp->guest = gl_strndup(cp->to_guest ? cp->destination : argv[0], named);
    for (size_t i = 0; i < cp->count; i++) {
        size_t len = guest_length(argv[i]);
        if (cp->to_guest && len > 0)
            return gl_cli_usage(cli,
                                "both sides are guests; copy by way of this machine (a path of "
                                "this machine with a colon in it is written ./%s)",
                                argv[i]);
        if (!cp->to_guest && (len != named || strncmp(argv[i], cp->guest, named) != 0))
            return gl_cli_usage(cli, "all sources must be of one guest, '%s' is not of %s", argv[i],
                                cp->guest);
        /* "GUEST:" alone is the home there, whose content is meant, as by "GUEST:." */
        if (!cp->to_guest)
            argv[i] = argv[i][named + 1] != '\0' ? argv[i] + named + 1 : home;
    }
    if (cp->to_guest)
        cp->destination += named + 1;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Two sources of one name would be one at the destination: the first would be lost. */
static int check_names(struct cp *cp)
{
    char **names = GL_NEW0_ARRAY(char *, cp->count);
    const char *twice = NULL;
    for (size_t i = 0; i < cp->count; i++)
        names[i] = cp->to_guest ? gl_path_base(cp->sources[i]) : gl_path_base_there(cp->sources[i]);
    qsort(names, cp->count, sizeof(*names), compare_names);
    for (size_t i = 1; i < cp->count && twice == NULL; i++)
        if (names[i][0] != '\0' && strcmp(names[i], names[i - 1]) == 0)
            twice = names[i];
    int status = twice == NULL ? 0
                               : gl_cli_usage(cp->cli,
                                              "two sources are called '%s'; the second "
                                              "would replace the first",
                                              twice);
    for (size_t i = 0; i < cp->count; i++)
        gl_free(names[i]);
    gl_free(names);
    return status;
}

static int check_stream(struct cp *cp)
{
    bool from = false;
    for (size_t i = 0; i < cp->count; i++)
        from = from || (cp->to_guest && strcmp(cp->sources[i], "-") == 0);
    bool to = !cp->to_guest && strcmp(cp->destination, "-") == 0;
    cp->standard_stream = from || to;
    if (!cp->standard_stream)
        return 0;
    cp->cli->lost_hint = "not all was copied";
    if (cp->count > 1)
        return gl_cli_usage(cp->cli, "with - there can be one source only");
    if (cp->recursive || cp->resume)
        return gl_cli_usage(cp->cli, "-r and --resume do not go with -");
    if (to && cp->cli->json)
        return gl_cli_usage(cp->cli, "--json does not go with - as DST");
    return 0;
}

/* ------------------------------------------------------------------ the end */

static void set_outcome(struct cp *cp, enum gl_status status, const char *text)
{
    if (cp->outcome.status != GL_STATUS_OK)
        return;
    cp->outcome.status = status;
    snprintf(cp->outcome.text, sizeof(cp->outcome.text), "%s", text);
}

static void release_stream(struct cp *cp)
{
    gl_stream_release(cp->stream);
    cp->stream = NULL;
}

/* The copy will not be whole: both halves are given up. */
static void give_up(struct cp *cp, enum gl_status status, const char *text)
{
    set_outcome(cp, status, text);
    if (cp->stream != NULL) {
        gl_stream_reset(cp->stream, GL_STATUS_CANCELLED, text);
        release_stream(cp);
    }
    if (cp->transfer != NULL)
        gl_transfer_cancel(cp->transfer);
}

static void on_patience(uv_timer_t *timer)
{
    struct cp *cp = timer->data;
    uv_stop(timer->loop); /* the loop may be about to wait */
    if (cp->stream != NULL)
        release_stream(cp);
}

static void on_done(void *ctx, enum gl_status status, const char *text,
                    const struct gl_transfer_counts *counts)
{
    struct cp *cp = ctx;
    gl_progress_stop(cp->progress);
    cp->progress = NULL;
    cp->transfer = NULL;
    cp->counts = *counts;
    if (status != GL_STATUS_OK)
        give_up(cp, status, text);
    else if (cp->closed)
        release_stream(cp);
    else if (cp->stream != NULL) {
        /* The guest closes when its part is over, too; that it does not changes nothing any more.
         */
        gl_stream_send_eof(cp->stream);
        uv_timer_start(&cp->patience, on_patience, CLOSE_MS, 0);
    }
}

/* Whether it is that of a filter whose reader has gone. */
static bool is_unread(const struct cp *cp, const struct gl_transfer_problem *problem)
{
    return cp->standard_stream && !cp->to_guest && !problem->by_sender &&
           problem->status == gl_status_from_errno(UV_EPIPE);
}

static void on_problem(void *ctx, const struct gl_transfer_problem *problem)
{
    struct cp *cp = ctx;
    bool of_guest = problem->by_sender != cp->to_guest;
    gl_progress_clear(cp->progress);
    cp->unread = cp->unread || is_unread(cp, problem);
    if (cp->unread) {
        give_up(cp, GL_STATUS_CANCELLED, "");
        return;
    }
    if (problem->status == GL_STATUS_OK && cp->quiet)
        return;
    gl_cli_error(cp->cli, of_guest ? cp->guest : NULL, problem->status, "%s: %s", problem->path,
                 problem->text);
    if (problem->status != GL_STATUS_OK)
        cp->failed = true;
}

static const struct gl_transfer_events transfer_events = {
    .on_problem = on_problem,
    .on_done = on_done,
};

/* ------------------------------------------------------------------ the stream */

static bool on_waiting(void *ctx)
{
    struct cp *cp = ctx;
    gl_progress_clear(cp->progress);
    return cp->stream != NULL;
}

static const struct gl_presence_events presence_events = {.on_waiting = on_waiting};

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    struct cp *cp = ctx;
    gl_presence_answered(cp->presence, WAY_OUT);
    if (cp->transfer != NULL) {
        gl_transfer_on_message(cp->transfer, message, charge);
        return;
    }
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
}

static void on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    struct cp *cp = ctx;
    gl_presence_answered(cp->presence, WAY_OUT);
    if (cp->transfer != NULL) {
        gl_transfer_on_data(cp->transfer, channel, data, charge);
        return;
    }
    gl_slice_unref(&data);
    gl_stream_consume(stream, charge);
}

static void on_eof(void *ctx, struct gl_stream *stream)
{
    struct cp *cp = ctx;
    (void)stream;
    if (cp->transfer != NULL)
        gl_transfer_on_eof(cp->transfer);
}

static void on_sent(void *ctx, struct gl_stream *stream, size_t credit)
{
    struct cp *cp = ctx;
    (void)stream, (void)credit;
    if (cp->transfer != NULL)
        gl_transfer_on_sent(cp->transfer);
}

/* The guest's part is over. Ours may have things to read yet; if something is missing it will say
 * so. */
static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *text)
{
    struct cp *cp = ctx;
    (void)stream;
    if (cp->transfer == NULL) {
        release_stream(cp);
    } else if (status != GL_STATUS_OK) {
        give_up(cp, status, text);
    } else {
        cp->closed = true;
        gl_transfer_on_eof(cp->transfer);
    }
}

static const struct gl_stream_events stream_events = {
    .on_message = on_message,
    .on_data = on_data,
    .on_eof = on_eof,
    .on_end = on_end,
    .on_sent = on_sent,
};

/* ------------------------------------------------------------------ start */

static int start_sending(struct cp *cp)
{
    Gl__FileReceive request = GL__FILE_RECEIVE__INIT;
    request.destination = gl_message_bytes(cp->destination, strlen(cp->destination));
    request.destination_directory = cp->count > 1;
    request.recursive = cp->recursive;
    request.resume = cp->resume;
    request.tell_destination = cp->recursive && cp->count == 1;
    int error = gl_call_open(gl_client_mux(cp->cli->client), "file", "receive", cp->guest, &request,
                             0, &stream_events, cp, &cp->stream);
    if (error < 0)
        return error;
    struct gl_transfer_send_options options = {
        .sources = (const char *const *)cp->sources,
        .count = cp->count,
        .stream_fd = cp->standard_stream ? 0 : -1,
        .recursive = cp->recursive,
        .resume = cp->resume,
        .totals = cp->shows,
        .streams = true,
    };
    return gl_transfer_send(cp->cli->loop, cp->stream, &options, &transfer_events, cp,
                            &cp->transfer);
}

static int start_receiving(struct cp *cp)
{
    Gl__FileSend request = GL__FILE_SEND__INIT;
    char **names = GL_NEW0_ARRAY(char *, cp->count);
    ProtobufCBinaryData *sources = GL_NEW0_ARRAY(ProtobufCBinaryData, cp->count);
    for (size_t i = 0; i < cp->count; i++) {
        sources[i] = gl_message_bytes(cp->sources[i], strlen(cp->sources[i]));
        names[i] = gl_path_base_there(cp->sources[i]);
    }
    request.n_sources = cp->count;
    request.sources = sources;
    request.recursive = cp->recursive;
    request.resume = cp->resume;
    request.totals = cp->shows;
    struct gl_transfer_receive_options options = {
        .destination = cp->destination,
        .stream_fd = cp->standard_stream ? 1 : -1,
        .directory = cp->count > 1,
        .recursive = cp->recursive,
        .resume = cp->resume,
        .names = (const char *const *)names,
        .count = cp->count,
    };
    int error = gl_call_open(gl_client_mux(cp->cli->client), "file", "send", cp->guest, &request, 0,
                             &stream_events, cp, &cp->stream);
    if (error == 0)
        error = gl_transfer_receive(cp->cli->loop, cp->stream, &options, &transfer_events, cp,
                                    &cp->transfer);
    for (size_t i = 0; i < cp->count; i++)
        gl_free(names[i]);
    gl_free(names);
    gl_free(sources);
    return error;
}

/* The first stops the copy and tidies up; the second ends us as always. */
static void on_signal(uv_signal_t *handle, int number)
{
    struct cp *cp = handle->data;
    for (size_t i = 0; i < SIGNALS; i++)
        uv_signal_stop(&cp->signals[i]);
    if (cp->outcome.status == GL_STATUS_OK)
        cp->signal = number;
    give_up(cp, GL_STATUS_CANCELLED, "interrupted");
}

static void watch_signals(struct cp *cp)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(cp->cli->loop, &cp->signals[i]);
        cp->signals[i].data = cp;
        uv_signal_start(&cp->signals[i], on_signal, numbers[i]);
    }
}

/*
 * Whether a tree was to get a name that was free: by now the tree's folder may have it, and the
 * same once more would copy into that.
 */
static bool names_tree(const struct cp *cp)
{
    struct gl_disk_info info;
    if (!cp->recursive || cp->count != 1 || !cp->counts.missing)
        return false;
    if (!cp->to_guest)
        return cp->counts.directories > 0;
    return gl_disk_stat(cp->sources[0], GL_LINKS_BUT_LAST, &info) == 0 &&
           info.kind == GL_DISK_DIRECTORY;
}

/* How an interrupted copy goes on; to be freed. */
static char *way_on(const struct cp *cp)
{
    char *base = cp->to_guest ? gl_path_base(cp->sources[0]) : gl_path_base_there(cp->sources[0]);
    bool content = base[0] == '\0'; /* of the source is meant, already */
    gl_free(base);
    if (content || !names_tree(cp))
        return gl_strdup("the same with --resume goes on");
    const char *prefix = cp->guest, *colon = ":", *source = cp->sources[0];
    char *from = gl_asprintf("%s%s%s%s.", cp->to_guest ? "" : prefix, cp->to_guest ? "" : colon,
                             source, source[strlen(source) - 1] == '/' ? "" : "/");
    char *to = gl_asprintf("%s%s%s", cp->to_guest ? prefix : "", cp->to_guest ? colon : "",
                           cp->destination);
    const char *named = cp->cli->named_control, *control = named != NULL ? named : "";
    char *control_word = gl_shell_word(control), *from_word = gl_shell_word(from);
    char *to_word = gl_shell_word(to);
    char *text = gl_asprintf("this goes on: guestlink %s%s%scp -r --resume %s%s %s",
                             named != NULL ? "--control " : "", named != NULL ? control_word : "",
                             named != NULL ? " " : "", from[0] == '-' || to[0] == '-' ? "-- " : "",
                             from_word, to_word);
    gl_free(control_word);
    gl_free(from);
    gl_free(to);
    gl_free(from_word);
    gl_free(to_word);
    return text;
}

static int say_failure(struct cp *cp)
{
    if (cp->standard_stream)
        return gl_cli_fail(cp->cli, cp->guest, &cp->outcome);
    char *way = way_on(cp), *hint = gl_asprintf("not all was copied; %s", way);
    cp->cli->lost_hint = hint;
    int status = cp->signal != 0 ? gl_cli_error(cp->cli, cp->guest, cp->outcome.status, "%s; %s",
                                                cp->outcome.text, way)
                                 : gl_cli_fail(cp->cli, cp->guest, &cp->outcome);
    cp->cli->lost_hint = NULL;
    gl_free(hint);
    gl_free(way);
    return status;
}

static void show_summary(const struct cp *cp)
{
    double seconds = (double)(uv_hrtime() - cp->start_ns) / 1e9;
    if (cp->cli->json)
        gl_json_print(json_pack(
            "{s:{s:o, s:o, s:o, s:o, s:o, s:f}}", "summary", "files", gl_json_u64(cp->counts.files),
            "directories", gl_json_u64(cp->counts.directories), "links",
            gl_json_u64(cp->counts.links), "bytes", gl_json_u64(cp->counts.bytes), "problems",
            gl_json_u64(cp->counts.problems), "seconds", seconds));
}

static int copy(struct cp *cp)
{
    cp->start_ns = uv_hrtime();
    uv_timer_init(cp->cli->loop, &cp->patience);
    cp->patience.data = cp;
    cp->shows = !cp->quiet && !cp->cli->json && gl_terminal_is(2);
    cp->presence = gl_presence_new(cp->cli, cp->guest, WAY_OUT, &presence_events, cp);
    int error = cp->to_guest ? start_sending(cp) : start_receiving(cp);
    if (error < 0)
        give_up(cp, gl_status_from_errno(error), uv_strerror(error));
    watch_signals(cp);
    if (error == 0 && cp->shows)
        cp->progress = gl_progress_start(cp->cli->loop, cp->transfer);
    while (cp->stream != NULL || cp->transfer != NULL)
        uv_run(cp->cli->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&cp->signals[i], NULL);
    uv_close((uv_handle_t *)&cp->patience, NULL);
    gl_presence_free(cp->presence);
    uv_run(cp->cli->loop, UV_RUN_NOWAIT);
    if (cp->unread)
        return GL_CLI_PIPE;
    if (cp->outcome.status != GL_STATUS_OK) {
        int status = say_failure(cp);
        return cp->signal ? 128 + cp->signal : status;
    }
    show_summary(cp);
    return cp->failed ? cp->cli->command->failure : 0;
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"recursive", no_argument, NULL, 'r'},
                                          {"resume", no_argument, NULL, 'R'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {NULL, 0, NULL, 0}};
    struct cp cp = {.cli = cli};
    cli->lost_hint = "not all was copied; the same with --resume goes on";
    int option, status;
    while ((option = gl_cli_getopt(cli, argc, argv, "rq", longs, &status)) != -1) {
        if (option == GL_CLI_EXIT)
            return status;
        cp.recursive = cp.recursive || option == 'r';
        cp.resume = cp.resume || option == 'R';
        cp.quiet = cp.quiet || option == 'q';
    }
    status = take_operands(&cp, argc - optind, argv + optind);
    if (status == 0)
        status = gl_cli_check_guest(cli, cp.guest);
    if (status == 0)
        status = check_names(&cp);
    if (status == 0)
        status = check_stream(&cp);
    if (status == 0)
        status = gl_cli_connect(cli);
    if (status == 0)
        status = copy(&cp);
    gl_free(cp.guest);
    return status;
}

const struct gl_command gl_command_cp = {
    .name = "cp",
    .synopsis = "[-r] [--resume] [-q|--quiet] SRC... DST",
    .summary = "Copy files and trees to a guest and back.",
    .help =
        "One side is GUEST:PATH; a path there that is not absolute starts at the home of the\n"
        "agent's user. DST is what cp(1) takes it for: a directory that is there gets the "
        "sources,\n"
        "another name is the new file's or tree's own. '-' is standard input or output.\n"
        "\n"
        "  -r, --recursive  directories too; symbolic links are copied as such\n"
        "  --resume         go on where an interrupted copy stopped, after comparing what is "
        "there\n"
        "  -q, --quiet      no progress on a terminal, no remarks\n"
        "\n"
        "A file appears under its name only when all of it is there, compared by digest, and on\n"
        "the disk. Permissions and times are kept; owners are not, nor are set-id bits, hard\n"
        "links and extended attributes. A file that replaces another gets the old one's owner\n"
        "and group where that is permitted, but in a folder that a group or others may write to\n"
        "only if that is the folder's owner or yourself; other hard links keep the old content.\n"
        "If single files fail the rest is copied, and the exit status is 1; so it is if another\n"
        "program changed a file meanwhile, which is copied as it was read. Signal N (Ctrl-C,\n"
        "TERM, HUP) that interrupts it makes it 128+N; what was copied is kept for --resume.\n"
        "\n"
        "A path of a Windows guest begins with its drive, as web1:C:/Users or web1:C:\\Users, or\n"
        "with two backslashes; what does not is written with / and starts at the home; C:x\n"
        "and /x, which lack the drive or its slash, are refused. Names\n"
        "that Windows cannot have, and the second of two that differ by case only, are refused\n"
        "there. Of permissions it keeps whether a file may be written, and between Windows\n"
        "systems hidden, system and archive, too; alternate streams are not copied. Symbolic\n"
        "links need developer mode or the right to make them.\n"
        "\n"
        "  guestlink cp -r site web1:/srv/\n"
        "  guestlink cp web1:/etc/fstab web1:/etc/hosts backup/\n"
        "  guestlink cp web1:/var/log/syslog - | less\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
