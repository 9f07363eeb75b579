/* SPDX-License-Identifier: MIT */
/*
 * The command line `guestlink`: what each command gets and may use. One file a command, with one
 * `const struct gl_command gl_command_<name>`, listed in commands.c.
 */
#ifndef GL_CLI_H
#define GL_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <uv.h>

#include "client.h"

#define GL_JSON_SCHEMA 1

#define GL_CLI_FAILURE 1 /* exit statuses of most commands, and of none */
#define GL_CLI_USAGE   2
#define GL_CLI_PIPE    141 /* nobody reads our standard output any more: 128 + SIGPIPE */

struct gl_command;

struct gl_cli {
    const char *control;       /* path of the control socket */
    const char *named_control; /* of --control; NULL: it was not given */
    bool json;
    const struct gl_command *command; /* the one that runs */
    const char *lost_hint;            /* what to do about a call that is lost; NULL: the usual */
    uv_loop_t *loop;
    struct gl_client *client; /* after gl_cli_connect() */
};

struct gl_command {
    const char *name;
    const char *synopsis; /* after "guestlink NAME ", e.g. "[-c N] GUEST" */
    const char *summary;  /* one line for the list of commands */
    const char *help;     /* options and examples, for `guestlink NAME --help` */
    int failure;          /* exit status of our own failures: 1; exec and shell 125 */
    int usage;            /* exit status of wrong usage: 2; exec and shell 125 */
    /* argv[0] is the command's name. Returns the exit status. */
    int (*run)(struct gl_cli *cli, int argc, char **argv);
};

/*
 * getopt_long(3) with --help (-h), --json and --control added to every command: returns an option's
 * value, -1 when there are no more, or GL_CLI_EXIT when the command must return *ret_exit at once
 * (help was shown, or a wrong option reported). `shorts` should begin with '+' where options end at
 * the first operand.
 */
#define GL_CLI_EXIT (-2)
int gl_cli_getopt(struct gl_cli *cli, int argc, char **argv, const char *shorts,
                  const struct option *longs, int *ret_exit);
/* Prints 'guestlink NAME: MESSAGE' and where the help is; returns the command's usage status. All
 * of these also before there is a command. */
int gl_cli_usage(struct gl_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Whether an operand can mean a guest at all: a name, an id, a fingerprint, or the beginning of
 * one. 0, or the exit status to return, after a usage line.
 */
int gl_cli_check_guest(struct gl_cli *cli, const char *guest);

/* Connects cli->client. 0, or the exit status to return, after an error line. */
int gl_cli_connect(struct gl_cli *cli);
/* The same; `late` if it took longer than timeout_ms (0: as long as it may always take). */
int gl_cli_connect_within(struct gl_cli *cli, uint64_t timeout_ms, int late);

/*
 * One line on stderr: 'guestlink: GUEST: MESSAGE' (guest may be NULL), control characters escaped;
 * with --json an object
 * {"schema", "error": {"code", "guest", "message"}} instead. Returns the command's failure status.
 */
int gl_cli_error(struct gl_cli *cli, const char *guest, enum gl_status status, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));
/* The same for a call's outcome; a hint on what to do is added by status where there is one. */
int gl_cli_fail(struct gl_cli *cli, const char *guest, const struct gl_outcome *outcome);

/*
 * One line that is no error, of the same form; with --json {"schema", "notice": {"code", "guest",
 * "message"}}. Fine while the terminal is raw.
 */
void gl_cli_notice(const struct gl_cli *cli, const char *guest, const char *code,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
