/* SPDX-License-Identifier: MIT */
#include "audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "mem.h"

#define PATHS_KEPT 4u /* of a copy of many; the rest is counted */

/* What is known of a call besides what gl_call tells. */
struct record {
    struct gl_list link;
    const struct gl_call *call;
    uint64_t begun;
    struct gl_call_target target; /* asked for; program and user: or found */
    char *denied, *env;
    char *paths[PATHS_KEPT]; /* that the handler asked about */
    size_t n_paths;
    uint64_t problems;
    enum gl_status problem; /* the first, and where */
    char *failed;
    bool asked;
};

/* ------------------------------------------------------------------ the line */

/* Room is left for what the log puts before it. */
struct line {
    char text[GL_LOG_LINE_MAX - 128];
    size_t len;
};

static void GL_PRINTF(2, 3) add(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->text + line->len, sizeof line->text - line->len, format, args);
    va_end(args);
    line->len += n > 0 ? (size_t)n : 0;
    if (line->len >= sizeof line->text)
        line->len = sizeof line->text - 1;
}

/* A value cannot end its own quotes; control characters are the log's concern. One value cannot
 * push all others out of the line. */
static void add_quoted(struct line *line, const char *key, const char *value)
{
    enum { LONGEST = 512 };
    char quoted[2 * LONGEST + 4];
    size_t n = 0;
    for (size_t i = 0; value[i] && i < LONGEST; i++) {
        if (value[i] == '"' || value[i] == '\\')
            quoted[n++] = '\\';
        quoted[n++] = value[i];
    }
    quoted[n] = '\0';
    add(line, " %s=\"%s%s\"", key, quoted, strlen(value) > LONGEST ? "..." : "");
}

static void add_call(struct line *line, const struct gl_call *call)
{
    const Gl__Caller *caller = gl_call_caller(call);
    add(line, "call %s.%s", gl_call_service(call)->name, gl_call_method(call)->name);
    add_quoted(line, "caller", caller->user);
    if (caller->uid != GL_CALLER_NO_UID)
        add(line, " uid=%" PRIu32, caller->uid);
}

static void add_target(struct line *line, const struct gl_call_target *target, bool with_path)
{
    if (target->program)
        add_quoted(line, "program", target->program);
    if (with_path && target->path)
        add_quoted(line, "path", target->path);
    if (with_path && target->paths > 1)
        add(line, " paths=%zu", target->paths);
}

static void write_line(const struct line *line, const struct gl_call *call)
{
    bool routine = strcmp(gl_call_service(call)->name, "link") == 0;
    GL_LOG_IF(routine ? GL_LOG_DEBUG : GL_LOG_INFO, "%s", line->text);
}

/* ------------------------------------------------------------------ records */

void gl_audit_init(struct gl_audit *audit)
{
    gl_list_init(&audit->records);
    audit->count = 0;
}

static void look_at(const struct gl_call *call, const ProtobufCMessage *request,
                    struct gl_call_target *ret_target)
{
    *ret_target = (struct gl_call_target){.paths = 0};
    if (gl_call_method(call)->about)
        gl_call_method(call)->about(request, ret_target);
}

static void target_done(struct gl_call_target *target)
{
    gl_free(target->program);
    gl_free(target->user);
    gl_free(target->path);
}

static void record_free(struct gl_audit *audit, struct record *record)
{
    gl_list_remove(&record->link);
    audit->count--;
    for (size_t i = 0; i < PATHS_KEPT; i++)
        gl_free(record->paths[i]);
    target_done(&record->target);
    gl_free(record->failed);
    gl_free(record->env);
    gl_free(record->denied);
    gl_free(record);
}

void gl_audit_done(struct gl_audit *audit)
{
    GL_LIST_FOREACH_SAFE (node, &audit->records)
        record_free(audit, GL_CONTAINER_OF(node, struct record, link));
}

/* Newest first, since most calls end soon. */
static struct record *find(struct gl_audit *audit, const struct gl_call *call)
{
    GL_LIST_FOREACH (node, &audit->records) {
        struct record *record = GL_CONTAINER_OF(node, struct record, link);
        if (record->call == call)
            return record;
    }
    return NULL;
}

void gl_audit_begin(struct gl_audit *audit, const struct gl_call *call,
                    const ProtobufCMessage *request, uint64_t now)
{
    struct record *record = GL_NEW0(struct record);
    record->call = call;
    record->begun = now;
    look_at(call, request, &record->target);
    gl_list_prepend(&audit->records, &record->link);
    audit->count++;
}

void gl_audit_refused(const struct gl_call *call, const ProtobufCMessage *request, const char *why)
{
    struct line line = {.len = 0};
    struct gl_call_target target;
    look_at(call, request, &target);
    add_call(&line, call);
    add_target(&line, &target, true);
    if (target.user)
        add_quoted(&line, "user", target.user);
    target_done(&target);
    add(&line, " status=%s", gl_status_name(GL_STATUS_DENIED));
    add_quoted(&line, "rule", why);
    write_line(&line, call);
}

static void keep(char **slot, const char *value)
{
    if (!value)
        return;
    gl_free(*slot);
    *slot = gl_strdup(value);
}

void gl_audit_detail(struct gl_audit *audit, const struct gl_call *call,
                     const struct gl_policy_question *detail, const char *denied)
{
    struct record *record = find(audit, call);
    if (!record)
        return;
    record->asked = true;
    keep(&record->target.program, detail->program);
    keep(&record->target.user, detail->user);
    if (denied)
        keep(&record->env, detail->env);
    keep(&record->denied, denied);
    if (!detail->path)
        return;
    /* A path that was denied is worth more than another one that was not. */
    if (record->n_paths < PATHS_KEPT)
        record->paths[record->n_paths] = gl_strdup(detail->path);
    else if (denied)
        keep(&record->paths[PATHS_KEPT - 1], detail->path);
    record->n_paths++;
}

void gl_audit_problem(struct gl_audit *audit, const struct gl_call *call, enum gl_status status,
                      const char *path)
{
    struct record *record = find(audit, call);
    if (!record || record->problems++)
        return;
    record->problem = status;
    record->failed = gl_strdup(path);
}

/* A path that was shown already is not shown once more. */
static bool is_shown(const struct record *record, const char *path)
{
    if (!record->n_paths)
        return record->target.path && strcmp(record->target.path, path) == 0;
    for (size_t i = 0; i < PATHS_KEPT && record->paths[i]; i++)
        if (strcmp(record->paths[i], path) == 0)
            return true;
    return false;
}

static enum gl_status result_of(const struct record *record, enum gl_status status)
{
    if (status == GL_STATUS_OK && record->problems)
        return record->problem;
    return status == GL_STATUS_OK && record->denied ? GL_STATUS_DENIED : status;
}

void gl_audit_end(struct gl_audit *audit, const struct gl_call *call, enum gl_status status,
                  uint64_t now)
{
    struct record *record = find(audit, call);
    if (!record)
        return;
    struct line line = {.len = 0};
    add_call(&line, call);
    add_target(&line, &record->target, record->n_paths == 0);
    for (size_t i = 0; i < PATHS_KEPT && record->paths[i]; i++)
        add_quoted(&line, "path", record->paths[i]);
    if (record->n_paths > PATHS_KEPT)
        add(&line, " paths=%zu", record->n_paths);
    if (record->target.user)
        add_quoted(&line, "user", record->target.user);
    if (record->env)
        add_quoted(&line, "env", record->env);
    add(&line, " status=%s", gl_status_name(result_of(record, status)));
    if (record->problems)
        add(&line, " problems=%" PRIu64, record->problems);
    if (record->failed && !is_shown(record, record->failed))
        add_quoted(&line, "failed", record->failed);
    if (record->denied)
        add_quoted(&line, "rule", record->denied);
    add(&line, " ms=%" PRIu64, (now - record->begun) / 1000000);
    write_line(&line, call);
    if (status == GL_STATUS_OK && gl_call_method(call)->asks && !record->asked)
        gl_error("%s.%s acted without asking the policy: this is a bug",
                 gl_call_service(call)->name, gl_call_method(call)->name);
    record_free(audit, record);
}
