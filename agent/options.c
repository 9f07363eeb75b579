/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "defaults.h"
#include "escape.h"
#include "mem.h"
#include "sys.h"
#include "utf8.h"

static const char help_format[] =
    "Usage: guestlink-agent [OPTION]...\n"
    "\n"
    "The guest's side of guestlink: connects to the host over a VM socket, with no network,\n"
    "and does there what the host asks for and this guest's policy allows. Stays in the\n"
    "foreground and logs to stderr.\n"
    "\n"
    "Options:\n"
    "  --connect ADDR      where the host listens; may be given several times, then the\n"
    "                      addresses are alternatives that are tried in order until one works\n"
    "                        vsock:CID:PORT       CID a number, or 'host'\n"
    "                        hvsock:VMID:SERVICE  VMID a GUID, or 'parent'; SERVICE a GUID or\n"
    "                                             a port number (Windows)\n"
    "                        unix:PATH            a Unix socket\n"
    "                        pipe:NAME            a named pipe (Windows)\n"
    "                      default: connect in the configuration, else %s\n"
    "  --name NAME         name to propose to the host; default: the host name\n"
    "  --state DIR         where this guest's key and the remembered host are kept; made if\n"
    "                      need be; default: %s\n"
    "  --config FILE       configuration, with the policy; default: %s,\n"
    "                      which need not exist\n"
    "  --log-level LEVEL   error, warn, info or debug; default: info\n"
    "  --help              print this and exit\n"
    "  --version           print the version and exit\n"
    "\n"
    "Options win over the configuration.\n"
    "\n"
    "%s"
    "\n"
    "Files:\n"
    "  STATE/agent.key     this guest's key; made at the first start, and anew on another\n"
    "                      machine; belongs into no image\n"
    "  STATE/host-trust    the host that is trusted; remove it to trust the next one\n"
    "\n"
    "A policy that cannot be read denies everything, and the agent stays up to say so.\n"
    "%s";

enum {
    OPTION_CONNECT = 256,
    OPTION_NAME,
    OPTION_STATE,
    OPTION_CONFIG,
    OPTION_LOG_LEVEL,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"connect", required_argument, NULL, OPTION_CONNECT},
    {"name", required_argument, NULL, OPTION_NAME},
    {"state", required_argument, NULL, OPTION_STATE},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static enum gl_options_result GL_PRINTF(1, 2) bad(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *raw = gl_vasprintf(format, args);
    va_end(args);
    char *text = gl_escape_dup(raw);
    fprintf(stderr, "guestlink-agent: %s (see guestlink-agent --help)\n", text);
    gl_free(text);
    gl_free(raw);
    return GL_OPTIONS_BAD;
}

static enum gl_options_result take_connect(struct gl_settings_options *options, const char *text)
{
    struct gl_address address;
    const char *why;
    if (options->n_connect == GL_CONNECT_MAX)
        return bad("--connect is given more than %u times", GL_CONNECT_MAX);
    if (gl_address_parse(text, &address, NULL, &why) != 0 ||
        (why = gl_settings_judge_address(&address)))
        return bad("--connect %s: %s", text, why);
    options->connect[options->n_connect++] = address;
    return GL_OPTIONS_RUN;
}

static void help(void)
{
    char *state = gl_default_state("agent"), *config = gl_default_config("agent");
    printf(help_format, gl_default_connect, state, config, gl_sys_help_signals, gl_sys_help_more);
    gl_free(state);
    gl_free(config);
}

static enum gl_options_result take(struct gl_settings_options *options, int option,
                                   const char *value)
{
    switch (option) {
    case OPTION_CONNECT:
        return take_connect(options, value);
    case OPTION_NAME:
        if (!*value || strlen(value) > 255)
            return bad("--name: a name has 1 to 255 bytes");
        if (!gl_utf8_valid(value, strlen(value)))
            return bad("--name %s: this is not UTF-8", value);
        options->name = value;
        return GL_OPTIONS_RUN;
    case OPTION_STATE:
        if (!*value)
            return bad("--state: no directory");
        options->state = value;
        return GL_OPTIONS_RUN;
    case OPTION_CONFIG:
        if (!*value)
            return bad("--config: no file");
        options->config = value;
        return GL_OPTIONS_RUN;
    case OPTION_LOG_LEVEL:
        options->has_log_level = true;
        if (gl_log_level_parse(value, &options->log_level) != 0)
            return bad("--log-level %s: error, warn, info or debug", value);
        return GL_OPTIONS_RUN;
    case OPTION_HELP:
        help();
        return GL_OPTIONS_DONE;
    default:
        printf("guestlink-agent %s\n", PACKAGE_VERSION);
        return GL_OPTIONS_DONE;
    }
}

enum gl_options_result gl_options_parse(int argc, char **argv,
                                        struct gl_settings_options *ret_options)
{
    struct gl_settings_options options = {.n_connect = 0};
    int option;
    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == ':')
            return bad("option %s wants a value", argv[optind - 1]);
        if (option == '?')
            return bad("bad option %s", argv[optind - 1]);
        enum gl_options_result result = take(&options, option, optarg);
        if (result != GL_OPTIONS_RUN)
            return result;
    }
    if (optind < argc)
        return bad("unexpected argument %s", argv[optind]);
    *ret_options = options;
    return GL_OPTIONS_RUN;
}
