/* SPDX-License-Identifier: MIT */
/*
 * file.receive and file.send: copies into the guest and out of it (guestlink.proto, service
 * "file"). The work is transfer/'s, on a thread for each copy; here it is tied to a call and to the
 * policy.
 */
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "mem.h"
#include "message.h"
#include "path.h"
#include "service.h"
#include "transfer.h"

#define SOURCES_MAX 4096u
#define NOT_FULL    "a path with \\ that is no full path of this guest: write it with /"

struct copy {
    struct gl_call *call;
    struct gl_transfer *transfer;
};

static unsigned copies;

/* ------------------------------------------------------------------ events */

/* What fails at the other end is its own concern. */
static void note_problem(struct copy *copy, bool of_other,
                         const struct gl_transfer_problem *problem)
{
    if (!of_other && problem->status != GL_STATUS_OK)
        gl_agent_note_problem(copy->call, problem->status, problem->path);
}

static void on_receive_problem(void *ctx, const struct gl_transfer_problem *problem)
{
    note_problem(ctx, problem->by_sender, problem);
}

static void on_send_problem(void *ctx, const struct gl_transfer_problem *problem)
{
    note_problem(ctx, !problem->by_sender, problem);
}

static void on_done(void *ctx, enum gl_status status, const char *text,
                    const struct gl_transfer_counts *counts)
{
    struct copy *copy = ctx;
    (void)counts;
    copies--;
    gl_call_finish(copy->call, status, "%s", text);
    gl_free(copy);
}

static const struct gl_transfer_events receive_events = {on_receive_problem, on_done};
static const struct gl_transfer_events send_events = {on_send_problem, on_done};

static void on_message(void *ctx, struct gl_call *call, struct gl_slice message, size_t charge)
{
    struct copy *copy = ctx;
    (void)call;
    gl_transfer_on_message(copy->transfer, message, charge);
}

static void on_data(void *ctx, struct gl_call *call, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    struct copy *copy = ctx;
    (void)call;
    gl_transfer_on_data(copy->transfer, channel, data, charge);
}

static void on_eof(void *ctx, struct gl_call *call)
{
    struct copy *copy = ctx;
    (void)call;
    gl_transfer_on_eof(copy->transfer);
}

static void on_sent(void *ctx, struct gl_call *call, size_t credit)
{
    struct copy *copy = ctx;
    (void)call, (void)credit;
    gl_transfer_on_sent(copy->transfer);
}

static void on_cancel(void *ctx, struct gl_call *call, enum gl_status status)
{
    struct copy *copy = ctx;
    (void)call, (void)status;
    gl_transfer_cancel(copy->transfer);
}

static const struct gl_call_events call_events = {
    .on_message = on_message,
    .on_data = on_data,
    .on_eof = on_eof,
    .on_sent = on_sent,
    .on_cancel = on_cancel,
};

/* ------------------------------------------------------------------ paths and permission */

static enum gl_status permit_path(void *ctx, const char *path, const char **ret_text)
{
    struct copy *copy = ctx;
    return gl_agent_permit(copy->call, &(struct gl_policy_question){.path = path}, ret_text);
}

/* For each path if the policy has words on paths, otherwise this once, for the record. */
static enum gl_status permit(struct gl_call *call, const char *path, const char **ret_text)
{
    if (gl_agent_asks_more(call))
        return GL_STATUS_OK;
    return gl_agent_permit(call, &(struct gl_policy_question){.path = path}, ret_text);
}

static struct gl_transfer_permit permit_of(struct copy *copy)
{
    struct gl_transfer_permit permit = {.ctx = copy, .resolve = !gl_disk_guards_links()};
    if (gl_agent_asks_more(copy->call))
        permit.ask = permit_path;
    return permit;
}

/* Why it is none, or NULL. One rule for both directions: what can be sent can be fetched. */
static const char *judge(const char *path)
{
    if (path == NULL)
        return "a path has a NUL byte";
    if (!gl_disk_is_absolute(path) && gl_disk_separates('\\') && strchr(path, '\\'))
        return NOT_FULL;
    return gl_disk_path_adrift(path);
}

/* NULL and *ret_why: it cannot be one. Relative paths start at the home of the agent's user. */
static char *absolute(ProtobufCBinaryData bytes, const char **ret_why)
{
    char *path = gl_message_cstring(bytes);
    char home[4096];
    size_t size = sizeof home;
    const char *why = judge(path);
    if (why) {
        *ret_why = why;
        gl_free(path);
        return NULL;
    }
    if (gl_disk_is_absolute(path))
        return path;
    if (uv_os_homedir(home, &size) < 0)
        strcpy(home, "/");
    char *whole = path[0] != '\0' ? gl_asprintf("%s/%s", home, path) : gl_strdup(home);
    gl_free(path);
    return whole;
}

/* ------------------------------------------------------------------ the two methods */

static struct copy *copy_new(struct gl_call *call)
{
    struct copy *copy = GL_NEW0(struct copy);
    copy->call = call;
    return copy;
}

/* After the attempt to start: the call is the copy's now, or is finished here. */
static void began(struct copy *copy, int error)
{
    if (error < 0) {
        gl_call_finish(copy->call, gl_status_from_errno(error), "cannot start a copy: %s",
                       uv_strerror(error));
        gl_free(copy);
        return;
    }
    copies++;
    gl_call_handle(copy->call, &call_events, copy);
}

static bool is_full(struct gl_call *call)
{
    if (copies < gl_agent_settings(gl_agent_of(call))->copies_max)
        return false;
    gl_call_finish(
        call, GL_STATUS_LIMIT,
        "%u copies are under way, which is the limit of this guest (agent.conf: copies): try "
        "again when one has ended",
        copies);
    return true;
}

static void receive_into(struct gl_call *call, const ProtobufCMessage *request)
{
    const Gl__FileReceive *start = (const Gl__FileReceive *)request;
    const char *text = "";
    if (is_full(call))
        return;
    char *destination = absolute(start->destination, &text);
    if (destination == NULL) {
        gl_call_finish(call, GL_STATUS_INVALID, "%s", text);
        return;
    }
    enum gl_status status = permit(call, destination, &text);
    if (status != GL_STATUS_OK) {
        gl_call_finish(call, status, "%s", text);
    } else {
        struct copy *copy = copy_new(call);
        struct gl_transfer_receive_options options = {
            .destination = destination,
            .stream_fd = -1,
            .directory = start->destination_directory,
            .recursive = start->recursive,
            .resume = start->resume,
            .tell_destination = start->tell_destination,
            .permit = permit_of(copy),
        };
        began(copy, gl_transfer_receive(gl_agent_loop(gl_agent_of(call)), gl_call_stream(call),
                                        &options, &receive_events, copy, &copy->transfer));
    }
    gl_free(destination);
}

/*
 * The other side expects what it asked for under a name that it makes of the path alone, as
 * gl_path_base_there() does.
 */
static bool is_named_alike(ProtobufCBinaryData given, const char *path)
{
    char *text = gl_message_cstring(given), *there = gl_path_base_there(text);
    char *here = gl_path_base(path);
    bool alike = text[0] == '\0' || there[0] == '\0' || strcmp(there, here) == 0;
    gl_free(text);
    gl_free(there);
    gl_free(here);
    return alike;
}

/* OK, or why these cannot be sent; *ret_paths is filled as far as it goes. */
static enum gl_status take_sources(struct gl_call *call, const Gl__FileSend *start, char **paths,
                                   const char **ret_text)
{
    for (size_t i = 0; i < start->n_sources; i++) {
        paths[i] = absolute(start->sources[i], ret_text);
        if (paths[i] == NULL)
            return GL_STATUS_INVALID;
        *ret_text = NOT_FULL;
        if (!is_named_alike(start->sources[i], paths[i]))
            return GL_STATUS_INVALID;
        enum gl_status status = permit(call, paths[i], ret_text);
        if (status != GL_STATUS_OK)
            return status;
    }
    return GL_STATUS_OK;
}

static void about_receive(const ProtobufCMessage *request, struct gl_call_target *ret_target)
{
    const Gl__FileReceive *start = (const Gl__FileReceive *)request;
    ret_target->path = gl_message_cstring(start->destination);
    ret_target->paths = 1;
}

static void about_send(const ProtobufCMessage *request, struct gl_call_target *ret_target)
{
    const Gl__FileSend *start = (const Gl__FileSend *)request;
    if (start->n_sources)
        ret_target->path = gl_message_cstring(start->sources[0]);
    ret_target->paths = start->n_sources;
}

static void send_sources(struct gl_call *call, const ProtobufCMessage *request)
{
    const Gl__FileSend *start = (const Gl__FileSend *)request;
    const char *text = "";
    if (is_full(call))
        return;
    if (start->n_sources == 0 || start->n_sources > SOURCES_MAX) {
        gl_call_finish(call, GL_STATUS_INVALID, "1 to %u sources are expected", SOURCES_MAX);
        return;
    }
    char **paths = GL_NEW0_ARRAY(char *, start->n_sources);
    enum gl_status status = take_sources(call, start, paths, &text);
    if (status != GL_STATUS_OK) {
        gl_call_finish(call, status, "%s", text);
    } else {
        struct copy *copy = copy_new(call);
        struct gl_transfer_send_options options = {
            .sources = (const char *const *)paths,
            .count = start->n_sources,
            .stream_fd = -1,
            .recursive = start->recursive,
            .resume = start->resume,
            .totals = start->totals,
            .permit = permit_of(copy),
        };
        began(copy, gl_transfer_send(gl_agent_loop(gl_agent_of(call)), gl_call_stream(call),
                                     &options, &send_events, copy, &copy->transfer));
    }
    for (size_t i = 0; i < start->n_sources; i++)
        gl_free(paths[i]);
    gl_free(paths);
}

static const struct gl_method methods[] = {
    {
        .name = "receive",
        .request = &gl__file_receive__descriptor,
        .request_max = 64 * 1024,
        .asks = true,
        .start = receive_into,
        .about = about_receive,
    },
    {
        .name = "send",
        .request = &gl__file_send__descriptor,
        .request_max = GL_MESSAGE_MAX,
        .asks = true,
        .start = send_sources,
        .about = about_send,
    },
    {.name = NULL},
};

const struct gl_service gl_service_file = {
    .name = "file",
    .version = 1,
    .group = "files",
    .methods = methods,
};
