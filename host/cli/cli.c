/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "escape.h"
#include "json.h"
#include "key.h"
#include "mem.h"
#include "name.h"
#include "out.h"
#include "terminal.h"

enum { OPTION_JSON = 0x7f00, OPTION_HELP, OPTION_CONTROL };

static void cli_help(const struct gl_command *command)
{
    gl_out_printf("usage: guestlink [--control PATH] [--json] %s%s%s\n\n%s\n", command->name,
                  command->synopsis[0] != '\0' ? " " : "", command->synopsis, command->summary);
    if (command->help[0] != '\0')
        gl_out_printf("\n%s", command->help);
}

/* The command's own options and those that every command has, in one table. */
static struct option *cli_merge(const struct option *longs)
{
    size_t n = 0;
    while (longs != NULL && longs[n].name != NULL)
        n++;
    struct option *all = GL_NEW0_ARRAY(struct option, n + 4);
    if (n > 0)
        memcpy(all, longs, n * sizeof(*all));
    all[n] = (struct option){"json", no_argument, NULL, OPTION_JSON};
    all[n + 1] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    all[n + 2] = (struct option){"control", required_argument, NULL, OPTION_CONTROL};
    return all;
}

int gl_cli_getopt(struct gl_cli *cli, int argc, char **argv, const char *shorts,
                  const struct option *longs, int *ret_exit)
{
    struct option *all = cli_merge(longs);
    bool own_h = strchr(shorts, 'h') != NULL;
    char *with_h = gl_asprintf("%s%s", shorts, own_h ? "" : "h");
    int result;
    opterr = 0;
    for (;;) {
        result = getopt_long(argc, argv, with_h, all, NULL);
        if (result == OPTION_JSON) {
            cli->json = true;
            continue;
        }
        if (result == OPTION_CONTROL && optarg[0] != '\0') {
            cli->control = cli->named_control = optarg;
            continue;
        }
        if (result == 'h' && !own_h)
            result = OPTION_HELP;
        if (result == OPTION_HELP) {
            cli_help(cli->command);
            *ret_exit = 0;
            result = GL_CLI_EXIT;
        } else if (result == OPTION_CONTROL) {
            *ret_exit = gl_cli_usage(cli, "--control wants the path of a socket");
            result = GL_CLI_EXIT;
        } else if (result == '?' || result == ':') {
            const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
            if (strncmp(word, "--", 2) != 0 && optopt > 0 && optopt < 0x7f)
                *ret_exit = gl_cli_usage(cli, "option -%c is not known or lacks its value", optopt);
            else
                *ret_exit = gl_cli_usage(
                    cli, "option %s is not known, not clear, or lacks its value", word);
            result = GL_CLI_EXIT;
        }
        break;
    }
    gl_free(with_h);
    gl_free(all);
    return result;
}

/* One line or one object: where and what. `kind`: "error", "notice". */
static void cli_report(const struct gl_cli *cli, const char *kind, const char *guest,
                       const char *code, const char *message)
{
    if (cli->json) {
        json_t *error = json_pack("{s:s, s:o, s:o}", "code", code, "guest",
                                  guest != NULL ? gl_json_bytes(guest, strlen(guest)) : json_null(),
                                  "message", gl_json_bytes(message, strlen(message)));
        json_t *object = json_pack("{s:i, s:o}", "schema", GL_JSON_SCHEMA, kind, error);
        char *text = json_dumps(object, GL_JSON_FLAGS);
        fprintf(stderr, "%s\n", text != NULL ? text : "{}");
        fflush(stderr);
        free(text);
        json_decref(object);
        return;
    }
    char *safe = gl_escape_dup(message);
    char *name = gl_escape_dup(guest);
    const char *command = cli->command != NULL ? cli->command->name : NULL;
    /* Nothing adds a carriage return while the terminal is raw. */
    const char *end = gl_terminal_is_raw() ? "\r\n" : "\n";
    fprintf(stderr, "%sguestlink%s%s: %s%s%s%s", end[1] ? "\r" : "", command != NULL ? " " : "",
            command != NULL ? command : "", name, guest != NULL ? ": " : "", safe, end);
    fflush(stderr); /* not every C library does it */
    gl_free(name);
    gl_free(safe);
}

int gl_cli_usage(struct gl_cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *message = gl_vasprintf(format, args);
    va_end(args);
    const struct gl_command *command = cli->command;
    char *line = gl_asprintf("%s; see 'guestlink %s%s--help'", message,
                             command != NULL ? command->name : "", command != NULL ? " " : "");
    cli_report(cli, "error", NULL, gl_status_name(GL_STATUS_INVALID), line);
    gl_free(line);
    gl_free(message);
    return command != NULL ? command->usage : GL_CLI_USAGE;
}

int gl_cli_check_guest(struct gl_cli *cli, const char *guest)
{
    const char *fault = gl_name_ref_fault(guest);
    if (!*guest)
        return gl_cli_usage(cli, "the name of the guest is empty");
    if (strlen(guest) >= GL_FINGERPRINT_SIZE && fault)
        return gl_cli_usage(cli, "'%.20s...' cannot be a guest: that is too long", guest);
    return fault ? gl_cli_usage(cli, "'%s' cannot be a guest: %s", guest, fault) : 0;
}

int gl_cli_error(struct gl_cli *cli, const char *guest, enum gl_status status, const char *format,
                 ...)
{
    va_list args;
    va_start(args, format);
    char *message = gl_vasprintf(format, args);
    va_end(args);
    cli_report(cli, "error", guest, gl_status_name(status), message);
    gl_free(message);
    return cli->command != NULL ? cli->command->failure : GL_CLI_FAILURE;
}

void gl_cli_notice(const struct gl_cli *cli, const char *guest, const char *code,
                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *message = gl_vasprintf(format, args);
    va_end(args);
    cli_report(cli, "notice", guest, code, message);
    gl_free(message);
}

/* The call has failed since nobody is there any more; what the transport says of it tells little.
 */
static bool daemon_is_gone(const struct gl_cli *cli, const struct gl_outcome *outcome)
{
    return (outcome->status == GL_STATUS_LOST || outcome->status == GL_STATUS_NOT_STARTED) &&
           cli->client != NULL && gl_client_has_ended(cli->client);
}

int gl_cli_fail(struct gl_cli *cli, const char *guest, const struct gl_outcome *outcome)
{
    const char *text = outcome->text, *hint = "";
    if (daemon_is_gone(cli, outcome)) {
        text = "the host daemon went away";
        guest = NULL;
    }
    if (text[0] == '\0' && outcome->status == GL_STATUS_LOST && cli->lost_hint != NULL)
        text = "connection lost";
    if (text[0] == '\0') /* which has the hint, where there is one */
        return gl_cli_error(cli, guest, outcome->status, "%s", gl_status_text(outcome->status));
    switch (outcome->status) {
    case GL_STATUS_LOST:
        hint =
            cli->lost_hint != NULL ? cli->lost_hint : "it may have run; look before you try again";
        break;
    case GL_STATUS_NOT_STARTED:
        hint = "nothing was started; it is safe to try again";
        break;
    case GL_STATUS_UNSUPPORTED: /* what its system lacks no other version has */
        if (strcmp(text, GL_CALL_UNKNOWN) == 0)
            hint = "is the agent older than this program? compare 'guestlink version' and "
                   "'guestlink info'";
        break;
    default:
        break;
    }
    return gl_cli_error(cli, guest, outcome->status, "%s%s%s%s", text, hint[0] ? " (" : "", hint,
                        hint[0] ? ")" : "");
}

int gl_cli_connect(struct gl_cli *cli)
{
    return gl_cli_connect_within(cli, 0, 0);
}

int gl_cli_connect_within(struct gl_cli *cli, uint64_t timeout_ms, int late)
{
    struct gl_outcome outcome;
    int error = gl_client_connect(cli->loop, cli->control, timeout_ms, &cli->client, &outcome);
    int status = error ? gl_cli_fail(cli, NULL, &outcome) : 0;
    return error == UV_ETIMEDOUT && timeout_ms > 0 ? late : status;
}
