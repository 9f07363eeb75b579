/* SPDX-License-Identifier: MIT */
/* guestlink forget: drops what the host daemon remembers of a guest, its pinned key too. */
#include <stdio.h>

#include "commands.h"
#include "json.h"
#include "proto/guestlink.pb-c.h"

static int run(struct gl_cli *cli, int argc, char **argv)
{
    Gl__GuestRef request = GL__GUEST_REF__INIT;
    struct gl_outcome outcome;
    int status;
    if (gl_cli_getopt(cli, argc, argv, "", NULL, &status) == GL_CLI_EXIT)
        return status;
    if (optind + 1 != argc)
        return gl_cli_usage(cli, "exactly one GUEST is expected");
    if ((status = gl_cli_check_guest(cli, argv[optind])) != 0 ||
        (status = gl_cli_connect(cli)) != 0)
        return status;
    request.guest = argv[optind];
    if (gl_client_call(cli->client, "host", "forget", "", &request, 0, &gl__empty__descriptor, NULL,
                       NULL, &outcome) != GL_STATUS_OK)
        return gl_cli_fail(cli, argv[optind], &outcome);
    if (cli->json)
        gl_json_print(json_pack("{s:s}", "forgotten", argv[optind]));
    return 0;
}

const struct gl_command gl_command_forget = {
    .name = "forget",
    .synopsis = "GUEST",
    .summary = "Drop what the host remembers of a guest, its pinned key too.",
    .help =
        "GUEST is the exact name or id. A guest that is still there and connects again is new to\n"
        "the host, a revoked one too: with trust = first-use it is let in, with approve it waits\n"
        "for 'guestlink trust accept', whatever certificate of the site it has. To keep a guest\n"
        "out use 'guestlink trust revoke'.\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
