/* SPDX-License-Identifier: MIT */
/*
 * One log line for each call, when it is over:
 *
 *     call exec.start caller="alice" uid=1000 program="/usr/bin/uptime" user="root" status=OK ms=12
 *     call file.send caller="bob" uid=1001 path="/etc/shadow" status=PERMISSION_DENIED rule="..."
 *     call file.send caller="bob" uid=1001 path="/etc" status=NOT_FOUND problems=2 failed="/etc/x"
 *
 * `status` is that of the call or, if that went on to a good end without some of its parts, that of
 * the first part that failed. Program, user and path are the ones that were found; of a call that
 * did not get so far, they are what it asked for.
 *
 * Arguments, environment and content are never in it, only the name of a variable that was denied.
 * link.ping is logged on level debug only, since it is what a host asks all the time.
 */
#ifndef GL_AGENT_AUDIT_H
#define GL_AGENT_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "call.h"
#include "list.h"
#include "policy.h"

struct gl_audit {
    struct gl_list records;
    size_t count; /* calls that have begun and not ended */
};

void gl_audit_init(struct gl_audit *audit);
void gl_audit_done(struct gl_audit *audit);

/* The gate let a call pass. Times are of uv_hrtime(). */
void gl_audit_begin(struct gl_audit *audit, const struct gl_call *call,
                    const ProtobufCMessage *request, uint64_t now);
/* The gate refused a call; `why` is the denial's text. */
void gl_audit_refused(const struct gl_call *call, const ProtobufCMessage *request, const char *why);
/* The handler asked about something; `denied` is the denial's text, or NULL if it may. */
void gl_audit_detail(struct gl_audit *audit, const struct gl_call *call,
                     const struct gl_policy_question *detail, const char *denied);
/* A part of the call failed. */
void gl_audit_problem(struct gl_audit *audit, const struct gl_call *call, enum gl_status status,
                      const char *path);
void gl_audit_end(struct gl_audit *audit, const struct gl_call *call, enum gl_status status,
                  uint64_t now);

#endif
