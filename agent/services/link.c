/* SPDX-License-Identifier: MIT */
/* link.ping: the whole way to a handler and back, with as many bytes as the caller likes. */
#include "service.h"

static void ping(struct gl_call *call, const ProtobufCMessage *request)
{
    gl_call_reply(call, request);
    gl_call_finish(call, GL_STATUS_OK, NULL);
}

static const struct gl_method methods[] = {
    {
        .name = "ping",
        .request = &gl__ping__descriptor,
        .request_max = 64 * 1024,
        .start = ping,
    },
    {.name = NULL},
};

const struct gl_service gl_service_link = {
    .name = "link",
    .version = 1,
    .group = "inspect",
    .methods = methods,
};
