/* SPDX-License-Identifier: MIT */
/* guestlink shell: a login shell in the guest. */
#include <string.h>

#include "commands.h"
#include "remote.h"
#include "terminal.h"
#include "utf8.h"

static int run(struct gl_cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"user", required_argument, NULL, 'u'},
                                          {NULL, 0, NULL, 0}};
    Gl__ExecStart start = GL__EXEC_START__INIT;
    int option, status;
    while ((option = gl_cli_getopt(cli, argc, argv, "u:", longs, &status)) != -1) {
        if (option == GL_CLI_EXIT)
            return status;
        if (!*optarg || !gl_utf8_valid(optarg, strlen(optarg)))
            return gl_cli_usage(cli, "-u wants the name of a user");
        start.user = optarg;
    }
    if (optind + 1 != argc)
        return gl_cli_usage(cli, "exactly one GUEST is expected; to run a program use exec");
    if (cli->json)
        return gl_cli_usage(cli, "there is no --json for what is typed; use exec");
    start.login_shell = true;
    struct gl_remote remote = {.start = &start, .input = true, .terminal = gl_terminal_is(0)};
    if ((status = gl_cli_check_guest(cli, argv[optind])) != 0 ||
        (status = gl_cli_connect(cli)) != 0)
        return status;
    return gl_remote_run(cli, argv[optind], &remote);
}

const struct gl_command gl_command_shell = {
    .name = "shell",
    .synopsis = "[-u USER] GUEST",
    .summary = "A login shell in a guest.",
    .help =
        "  -u, --user USER  as this user of the guest (default: as the agent runs)\n"
        "\n"
        "~. at the start of a line ends the connection, ~~ is one ~.\n"
        "If standard input is no terminal, the shell reads its commands from it.\n"
        "TERM and HUP end the session, and so does the end of the terminal that it runs in: what\n"
        "runs in the guest's terminal is hung up.\n"
        "The exit status is the shell's; 125 if guestlink failed; 129 and 143 after HUP and "
        "TERM.\n",
    .failure = 125,
    .usage = 125,
    .run = run,
};
