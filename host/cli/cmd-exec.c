/* SPDX-License-Identifier: MIT */
/* guestlink exec: a program in the guest. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "mem.h"
#include "message.h"
#include "password.h"
#include "remote.h"
#include "terminal.h"
#include "utf8.h"

#define TIMEOUT_MAX_S 31536000.0

enum { OPTION_TIMEOUT = 1, OPTION_SESSION, OPTION_PASSWORD };

struct exec_options {
    bool input;
    int terminal; /* how often -t was given */
    bool asks_password;
    char password[GL_PASSWORD_MAX + 1];
    Gl__ExecStart start;
};

static int take_timeout(struct gl_cli *cli, struct exec_options *options, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds > 0 && seconds <= TIMEOUT_MAX_S))
        return gl_cli_usage(cli, "--timeout wants seconds above 0, at most 31536000, not '%s'",
                            text);
    options->start.timeout_ms = (uint64_t)(seconds * 1000);
    if (options->start.timeout_ms == 0)
        options->start.timeout_ms = 1;
    return 0;
}

static int take_variable(struct gl_cli *cli, struct exec_options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return gl_cli_usage(cli, "-e wants NAME=VALUE, not '%s'", text);
    Gl__ExecStart *start = &options->start;
    start->env = gl_realloc_array(start->env, start->n_env + 1, sizeof(*start->env));
    start->env[start->n_env++] = gl_message_bytes(text, strlen(text));
    return 0;
}

static int take_option(struct gl_cli *cli, struct exec_options *options, int option)
{
    switch (option) {
    case 'i':
        options->input = true;
        return 0;
    case 't':
        options->terminal++;
        return 0;
    case 'd':
        return gl_cli_usage(cli, "detached jobs (-d) are not in this version");
    case 'u':
        if (!*optarg || !gl_utf8_valid(optarg, strlen(optarg)))
            return gl_cli_usage(cli, "-u wants the name of a user");
        options->start.user = optarg;
        return 0;
    case 'w':
        options->start.directory = gl_message_bytes(optarg, strlen(optarg));
        return 0;
    case 'e':
        return take_variable(cli, options, optarg);
    case OPTION_SESSION:
        if (!*optarg || !gl_utf8_valid(optarg, strlen(optarg)))
            return gl_cli_usage(cli, "--session wants 'console' or a number");
        options->start.session = optarg;
        return 0;
    case OPTION_PASSWORD:
        options->asks_password = true;
        return 0;
    default:
        return take_timeout(cli, options, optarg);
    }
}

/* As ssh: -t where nobody types makes no terminal but for -tt. Without -i nobody is expected to
 * type. */
static void choose_terminal(struct gl_cli *cli, struct exec_options *options, const char *guest,
                            struct gl_remote *remote)
{
    bool typing = gl_terminal_is(0);
    remote->input = options->input || (options->terminal && typing);
    remote->terminal = options->terminal > 1 || (options->terminal && (typing || !options->input));
    if (options->terminal && !remote->terminal)
        gl_cli_error(cli, guest, GL_STATUS_PRECONDITION,
                     "no terminal is made, since standard input is none (-tt makes one)");
    else if (options->terminal == 1 && !remote->input)
        gl_cli_notice(
            cli, guest, "NO_INPUT",
            "the program reads nothing, since standard input is no terminal (-i -tt passes "
            "it on; -tt says that nothing is meant)");
}

static int take_password(struct gl_cli *cli, struct exec_options *options, const char *guest)
{
    int status = gl_password_read(cli, guest, options->start.user, options->password);
    if (status == 0)
        options->start.password = options->password;
    return status;
}

static int exec_guest(struct gl_cli *cli, struct exec_options *options, int argc, char **argv)
{
    if (options->asks_password && !*options->start.user)
        return gl_cli_usage(cli, "--password-stdin wants -u, whose password it is");
    if (options->asks_password && *options->start.session)
        return gl_cli_usage(cli, "--password-stdin is not for --session, which needs none");
    if (argc < 1)
        return gl_cli_usage(cli, "a GUEST is expected");
    const char *guest = argv[0];
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    if (first == 1 && argc > 1 && argv[1][0] == '-')
        return gl_cli_usage(cli,
                            "options go before GUEST, and '%.40s' comes after it (if that is the "
                            "program to run, write -- before it)",
                            argv[1]);
    if (first >= argc)
        return gl_cli_usage(cli, "a program to run is expected after %s", guest);
    int status = gl_cli_check_guest(cli, guest);
    if (status == 0 && options->asks_password)
        status = take_password(cli, options, guest);
    if (status != 0)
        return status;
    struct gl_remote remote = {.start = &options->start};
    choose_terminal(cli, options, guest, &remote);
    options->start.n_argv = (size_t)(argc - first);
    options->start.argv = GL_NEW0_ARRAY(ProtobufCBinaryData, options->start.n_argv);
    for (int i = first; i < argc; i++)
        options->start.argv[i - first] = gl_message_bytes(argv[i], strlen(argv[i]));
    remote.begun_ns = uv_hrtime();
    status = gl_cli_connect_within(cli, options->start.timeout_ms, GL_REMOTE_TIMED_OUT);
    if (status == 0)
        status = gl_remote_run(cli, guest, &remote);
    gl_free(options->start.argv);
    return status;
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"interactive", no_argument, NULL, 'i'},
                                          {"tty", no_argument, NULL, 't'},
                                          {"detach", no_argument, NULL, 'd'},
                                          {"user", required_argument, NULL, 'u'},
                                          {"workdir", required_argument, NULL, 'w'},
                                          {"env", required_argument, NULL, 'e'},
                                          {"session", required_argument, NULL, OPTION_SESSION},
                                          {"password-stdin", no_argument, NULL, OPTION_PASSWORD},
                                          {"timeout", required_argument, NULL, OPTION_TIMEOUT},
                                          {NULL, 0, NULL, 0}};
    struct exec_options options = {.start = GL__EXEC_START__INIT};
    int option, status = 0;
    while (status == 0 &&
           (option = gl_cli_getopt(cli, argc, argv, "+itdu:w:e:", longs, &status)) != -1) {
        if (option == GL_CLI_EXIT)
            goto out;
        status = take_option(cli, &options, option);
    }
    if (status == 0)
        status = exec_guest(cli, &options, argc - optind, argv + optind);
out:
    gl_free(options.start.env);
    sodium_memzero(options.password, sizeof(options.password));
    return status;
}

const struct gl_command gl_command_exec = {
    .name = "exec",
    .synopsis = "[-i] [-t] [-u USER [--password-stdin]] [--session SESSION] [-w DIR] [-e K=V]... "
                "[--timeout SEC] GUEST -- ARGV...",
    .summary = "Run a program in a guest.",
    .help =
        "  -i, --interactive  pass standard input on; without it the program reads nothing\n"
        "  -t, --tty          a terminal in the guest, and -i if standard input is a terminal;\n"
        "                     if -i is given and it is none, -tt is needed to have one\n"
        "  -u, --user USER    as this user of the guest (default: as the agent runs)\n"
        "  --password-stdin   Windows: with the user's password, the first line of standard\n"
        "                     input, which is asked for at a terminal; -i passes on what follows\n"
        "  --session SESSION  Windows: as whoever is logged on there, on that desktop: console\n"
        "                     (what is on the screen), or a number as guestlink info shows it\n"
        "  -w, --workdir DIR  in this directory, seen from the user's home (default: that)\n"
        "  -e, --env K=V      set a variable; may be given several times\n"
        "  --timeout SEC      end it after so long, also while the guest is away; exit status 124\n"
        "\n"
        "There is no shell between: for pipes and the like run one, as in the example. Arguments\n"
        "and variables may have 256 KiB together, a command line of Windows 32766 characters\n"
        "(8190 for a batch file); give more by -i, or as a file (guestlink cp).\n"
        "\n"
        "INT, TERM, HUP, QUIT, USR1 and USR2 are passed on; INT or TERM twice within 2 s ends\n"
        "guestlink, too, and once is enough while the guest is detached, or after the end of\n"
        "standard input that -i passes on. With a terminal, TERM and HUP end guestlink at once\n"
        "(143, 129), and so does the end of the terminal it runs in; ~. at the start of a line\n"
        "ends the connection.\n"
        "\n"
        "When the time runs out, guestlink ends or the guest's session is lost, the program, its\n"
        "process group and all that they started get TERM, and KILL after 5 s; with a terminal\n"
        "HUP as well, but what made a session of its own (setsid, tmux) stays. When the program\n"
        "ends by itself, what it left in the background stays. All that the program wrote is\n"
        "shown; what those left behind write is shown until they have been silent for 100 ms, at\n"
        "most for 2 s, and then lost: give them a file.\n"
        "\n"
        "Windows has no signals: there INT is Ctrl-C and QUIT is Ctrl-Break, USR1 and USR2 are\n"
        "nothing, and TERM is Ctrl-Break, or the end of the console if there is a terminal, and "
        "the\n"
        "end of the program and all that it started after 5 s. Arguments are UTF-8, and those of\n"
        "batch files have no \" and no %.\n"
        "\n"
        "Without --password-stdin -u needs no password there, but the program has none either: it\n"
        "cannot use other machines' shares, as it can with it. After five wrong passwords within\n"
        "a minute that user has to wait. A Linux guest needs no password, and takes none.\n"
        "\n"
        "Exit status: the program's; 128+N if signal N killed it; 124 time ran out; 125 guestlink\n"
        "failed; 126 found but cannot be run; 127 not found; 141 standard output was closed; 255\n"
        "also where a Windows program's was over 255, which --json shows whole.\n"
        "With --json: lines {\"stream\", \"data\"} and at last {\"exit\"}.\n"
        "\n"
        "  guestlink exec web1 -- sh -c 'dmesg | tail'\n"
        "  guestlink exec -i web1 -- tar -xC /srv < site.tar\n",
    .failure = 125,
    .usage = 125,
    .run = run,
};
