/* SPDX-License-Identifier: MIT */
/*
 * Addresses (chapter 1 of the design): vsock:CID:PORT, hvsock:VMID:SERVICE, unix:PATH, pipe:NAME.
 * An address may carry options after commas where the caller allows it (",name=web1"); a comma or
 * backslash in PATH is written \, and \\ ; a backslash before anything else is an error. Port 0 is
 * formatted, but not accepted by parse.
 */
#ifndef GL_ADDRESS_H
#define GL_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include "guid.h"

#define GL_DEFAULT_PORT 1007u

enum gl_address_kind { GL_ADDRESS_VSOCK, GL_ADDRESS_HVSOCK, GL_ADDRESS_UNIX, GL_ADDRESS_PIPE };

#define GL_CID_ANY   0xffffffffu
#define GL_CID_LOCAL 1u
#define GL_CID_HOST  2u

struct gl_address {
    enum gl_address_kind kind;
    uint32_t cid, port;         /* vsock; port 0 in a peer's address means unknown */
    struct gl_guid vm, service; /* hvsock */
    char path[512];             /* unix, pipe */
};

/*
 * Parses text up to its end or the first unescaped comma; *ret_rest (may be NULL: then options are
 * an error) points to what follows the comma, or to the end. UV_EINVAL with *ret_why a static text
 * that says what is expected.
 */
int gl_address_parse(const char *text, struct gl_address *ret_address, const char **ret_rest,
                     const char **ret_why);
/*
 * Where local clients connect: the path of a Unix socket as it is, or "unix:PATH" or "pipe:NAME" as
 * above. UV_EINVAL, or UV_ENAMETOOLONG, with *ret_why.
 */
int gl_address_parse_local(const char *text, struct gl_address *ret_address, const char **ret_why);
/* Canonical text, that parse reads back; cut to size like snprintf. */
int gl_address_format(const struct gl_address *address, char *out, size_t size);

#endif
