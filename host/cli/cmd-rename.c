/* SPDX-License-Identifier: MIT */
/* guestlink rename: gives a guest the name that people use. */
#include <stdint.h>
#include <stdio.h>

#include "commands.h"
#include "json.h"
#include "proto/guestlink.pb-c.h"

static void show(void *ctx, const ProtobufCMessage *item)
{
    struct gl_cli *cli = ctx;
    if (cli->json)
        gl_json_print(json_pack("{s:o}", "guest", gl_json_message(item)));
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    Gl__GuestRename request = GL__GUEST_RENAME__INIT;
    struct gl_outcome outcome;
    int status;
    if (gl_cli_getopt(cli, argc, argv, "", NULL, &status) == GL_CLI_EXIT)
        return status;
    if (optind + 2 != argc)
        return gl_cli_usage(cli, "GUEST and NAME are expected");
    if ((status = gl_cli_check_guest(cli, argv[optind])) != 0 ||
        (status = gl_cli_connect(cli)) != 0)
        return status;
    request.guest = argv[optind];
    request.name = argv[optind + 1];
    if (gl_client_call(cli->client, "host", "rename", "", &request, 0, &gl__guest__descriptor, show,
                       cli, &outcome) != GL_STATUS_OK)
        return gl_cli_fail(cli, argv[optind], &outcome);
    return 0;
}

const struct gl_command gl_command_rename = {
    .name = "rename",
    .synopsis = "GUEST NAME",
    .summary = "Give a guest another name.",
    .help =
        "GUEST is the exact name or id. A name that the host's configuration gives ('name=' of a\n"
        "listener) cannot be changed here.\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
