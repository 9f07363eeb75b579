/* SPDX-License-Identifier: MIT */
/* guestlink version: of this program and of the host daemon. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "escape.h"
#include "handshake.h"
#include "json.h"
#include "mem.h"
#include "out.h"
#include "proto/guestlink.pb-c.h"

struct versions {
    char daemon[64];
    uint32_t protocol;
};

static void take(void *ctx, const ProtobufCMessage *item)
{
    const Gl__HostStatus *host = (const Gl__HostStatus *)item;
    struct versions *versions = ctx;
    gl_escape(versions->daemon, sizeof(versions->daemon), host->version,
              host->version != NULL ? __builtin_strlen(host->version) : 0);
    versions->protocol = host->protocol_version;
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    Gl__Empty empty = GL__EMPTY__INIT;
    struct versions versions = {{0}, 0};
    struct gl_outcome outcome;
    int status;
    if (gl_cli_getopt(cli, argc, argv, "", NULL, &status) == GL_CLI_EXIT)
        return status;
    if (optind < argc)
        return gl_cli_usage(cli, "no operand is expected, got '%s'", argv[optind]);

    /* A daemon that is not there is no failure here: this program's version is an answer. */
    if (gl_client_connect(cli->loop, cli->control, 0, &cli->client, &outcome) == 0)
        gl_client_call(cli->client, "host", "status", "", &empty, 0, &gl__host_status__descriptor,
                       take, &versions, &outcome);
    if (cli->json) {
        gl_json_print(json_pack("{s:{s:s, s:i}, s:o}", "guestlink", "version", PACKAGE_VERSION,
                                "protocol", (int)GL_PROTOCOL_VERSION, "hostd",
                                versions.daemon[0] != '\0'
                                    ? json_pack("{s:s, s:i}", "version", versions.daemon,
                                                "protocol", (int)versions.protocol)
                                    : json_null()));
        return 0;
    }
    gl_out_printf("guestlink %s, protocol %u\n", PACKAGE_VERSION, GL_PROTOCOL_VERSION);
    if (versions.daemon[0] != '\0') {
        gl_out_printf("guestlink-hostd %s, protocol %" PRIu32 "\n", versions.daemon,
                      versions.protocol);
    } else {
        char *why = gl_escape_dup(outcome.text);
        gl_out_printf("guestlink-hostd: %s\n", why);
        gl_free(why);
    }
    return 0;
}

const struct gl_command gl_command_version = {
    .name = "version",
    .synopsis = "",
    .summary = "Show the versions of this program and of the host daemon.",
    .help = "The version of a guest's agent is in 'guestlink info GUEST'.\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
