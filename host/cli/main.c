/* SPDX-License-Identifier: MIT */
/* The command line that people use: global options, then one command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "commands.h"
#include "defaults.h"
#include "mem.h"
#include "os.h"
#include "out.h"
#include "terminal.h"

/* To be freed. */
static char *usage_text(void)
{
    char *list = gl_strdup("");
    for (size_t i = 0; gl_commands[i] != NULL; i++) {
        char *longer =
            gl_asprintf("%s  %-8s %s\n", list, gl_commands[i]->name, gl_commands[i]->summary);
        gl_free(list);
        list = longer;
    }
    char *text = gl_asprintf(
        "usage: guestlink [--control PATH] [--json] COMMAND ...\n\n"
        "Runs commands in virtual machines, copies files, and tells what is there, over a\n"
        "link that needs no network. GUEST is a name or id that 'guestlink ls' shows.\n\n"
        "%s"
        "\n'guestlink COMMAND --help' says more about one.\n\n"
        "  --control PATH  socket of the host daemon (default: $GUESTLINK_CONTROL, then\n"
        "                  %s)\n"
        "  --json          answer in JSON, with \"schema\": %d\n"
        "                  (both may also stand after COMMAND, among its options)\n"
        "  --help          this text\n"
        "  --version       the version of this program\n",
        list, gl_default_control, GL_JSON_SCHEMA);
    gl_free(list);
    return text;
}

static void show_usage(void)
{
    char *text = usage_text();
    gl_out_printf("%s", text);
    gl_free(text);
}

static int no_command(void)
{
    char *text = usage_text();
    fputs(text, stderr);
    gl_free(text);
    return GL_CLI_USAGE;
}

static const struct gl_command *find_command(const char *name)
{
    for (size_t i = 0; gl_commands[i] != NULL; i++)
        if (strcmp(gl_commands[i]->name, name) == 0)
            return gl_commands[i];
    return NULL;
}

static const char *default_control(void)
{
    const char *control = getenv("GUESTLINK_CONTROL");
    return control != NULL && control[0] != '\0' ? control : gl_default_control;
}

/* A full disk under stdout is found here at the latest, and a pipe without a reader, which ends us
 * as SIGPIPE ends others: without a word. */
static int finish(struct gl_cli *cli, int status)
{
    int error = gl_out_flush();
    if (error == UV_EPIPE)
        return GL_CLI_PIPE;
    if (error == 0 || status != 0)
        return status;
    return gl_cli_error(cli, NULL, GL_STATUS_IO, "cannot write standard output: %s",
                        uv_strerror(error));
}

static int run_command(struct gl_cli *cli, int argc, char **argv)
{
    uv_loop_t loop;
    optind = 0; /* glibc: begin anew, with another table */
    if (uv_loop_init(&loop) < 0) {
        fprintf(stderr, "guestlink: cannot make an event loop\n");
        return cli->command->failure;
    }
    cli->loop = &loop;
    int status = cli->command->run(cli, argc, argv);
    gl_client_free(cli->client);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return finish(cli, status);
}

/* For what is wrong before --json was come to. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"control", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct gl_cli cli = {.control = default_control()};
    int option;

    gl_os_open_standard();
    gl_arguments(&argc, &argv);
    gl_terminal_prepare();
    opterr = 0;
    for (;;) {
        int at = optind;
        option = getopt_long(argc, argv, "+h", longs, NULL);
        if (option == -1)
            break;
        switch (option) {
        case 'c':
            cli.json = cli.json || (optarg[0] == '\0' && wants_json(argc, argv));
            if (optarg[0] == '\0')
                return gl_cli_usage(&cli, "--control wants the path of a socket");
            cli.control = cli.named_control = optarg;
            break;
        case 'j':
            cli.json = true;
            break;
        case 'h':
            show_usage();
            return finish(&cli, 0);
        case 'V':
            gl_out_printf("guestlink %s\n", PACKAGE_VERSION);
            return finish(&cli, 0);
        default:
            cli.json = wants_json(argc, argv);
            return gl_cli_usage(&cli, "option '%s' is not known or lacks its value",
                                argv[at < argc ? at : argc - 1]);
        }
    }
    if (optind == argc && cli.json)
        return gl_cli_usage(&cli, "a command is expected");
    if (optind == argc)
        return no_command();
    if (strcmp(argv[optind], "help") == 0) {
        const struct gl_command *about = optind + 1 < argc ? find_command(argv[optind + 1]) : NULL;
        if (about == NULL) {
            show_usage();
            return finish(&cli, 0);
        }
        char help[] = "--help";
        char *args[] = {argv[optind + 1], help, NULL};
        cli.command = about;
        return run_command(&cli, 2, args);
    }
    cli.command = find_command(argv[optind]);
    if (cli.command == NULL) {
        cli.json = wants_json(argc, argv);
        return gl_cli_usage(&cli, "there is no command '%.40s'", argv[optind]);
    }
    return run_command(&cli, argc - optind, argv + optind);
}
