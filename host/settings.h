/* SPDX-License-Identifier: MIT */
/* What the host daemon was told: its command line and hostd.conf (packaging/hostd.conf.example),
 * put together. */
#ifndef GL_SETTINGS_H
#define GL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "log.h"
#include "rules.h"
#include "transport.h"
#include "trust.h"

#define GL_LISTEN_MAX 256u

struct gl_listen {
    struct gl_address address;
    char name[GL_NAME_SIZE]; /* of the guest behind it; empty: any guest */
    unsigned mode;           /* unix: of the socket file; 0: 0600 */
    char group[64];          /* unix: of the socket file; empty: the daemon's */
};

struct gl_settings {
    struct gl_listen *listen;
    size_t n_listen;
    char *control;         /* path, or a pipe's name */
    unsigned control_mode; /* 0: by whom the daemon runs as */
    char *control_group;   /* NULL: guestlink, if there is such a group */
    char *state;
    char *config;    /* the file that was read; NULL: none */
    char *host_name; /* NULL: the system's */
    enum gl_trust_policy trust;
    enum gl_log_level log_level;
    uint64_t resume_ms;
    bool allow_loopback;   /* guests on the host itself, by vsock */
    bool privileged_ports; /* vsock: a source port under 1024 is required */
    enum gl_hvsock_driver hvsock_driver;
    struct gl_rules *rules;
    int argc; /* the command line, which stays the caller's */
    char **argv;
};

/*
 * Reads the command line and the file that it names (or the default one, which may be missing). On
 * success 0 and *ret_settings. GL_SETTINGS_DONE: --help or
 * --version was answered. Otherwise the exit status after one line on stderr: 2 wrong usage, 1 a
 * wrong configuration file.
 */
#define GL_SETTINGS_DONE (-1)
int gl_settings_read(int argc, char **argv, struct gl_settings **ret_settings);
/*
 * The same once more, with the same command line. Negative with *ret_error, one line for gl_free():
 * a file that is wrong, or is missing although there was one.
 */
int gl_settings_reread(const struct gl_settings *old, struct gl_settings **ret_settings,
                       char **ret_error);
void gl_settings_free(struct gl_settings *settings); /* NULL is fine */

/* "ADDR[,name=NAME][,mode=0660][,group=GROUP]". UV_EINVAL, with what is wrong. */
int gl_listen_parse(const char *text, struct gl_listen *ret_listen, struct gl_why *why);

#endif
