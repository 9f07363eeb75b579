/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "config.h"
#include "defaults.h"
#include "platform.h"
#include "rules-check.h"

#define PROGRAM      "guestlink-hostd"
#define RESUME_MAX_S 86400

/* ------------------------------------------------------------------ one listener */

static int parse_mode(const char *text, unsigned *ret_mode)
{
    unsigned mode = 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '7' || mode > 0777)
            return UV_EINVAL;
        mode = mode * 8 + (unsigned)(*p - '0');
    }
    if (!*text || mode > 0777 || mode == 0)
        return UV_EINVAL;
    *ret_mode = mode;
    return 0;
}

static int parse_option(const char *option, struct gl_listen *listen, struct gl_why *why)
{
    const char *value = strchr(option, '=');
    size_t len = value ? (size_t)(value - option) : 0;
    const char *fault;
    if (len == 4 && strncmp(option, "name", 4) == 0) {
        fault = gl_name_fault(++value);
        if (fault)
            return gl_why(why, UV_EINVAL, "'%.80s' cannot be a guest's name: %s", value, fault);
        snprintf(listen->name, sizeof listen->name, "%s", value);
    } else if (len == 4 && strncmp(option, "mode", 4) == 0) {
        if (parse_mode(++value, &listen->mode) < 0)
            return gl_why(why, UV_EINVAL, "'%.80s' is no mode such as 0660", value);
    } else if (len == 5 && strncmp(option, "group", 5) == 0) {
        if (!*++value || strlen(value) >= sizeof listen->group)
            return gl_why(why, UV_EINVAL, "'%.80s' is no group", value);
        snprintf(listen->group, sizeof listen->group, "%s", value);
    } else {
        return gl_why(why, UV_EINVAL, "'%.80s' is no option: name=, mode= and group= are", option);
    }
    return 0;
}

int gl_listen_parse(const char *text, struct gl_listen *ret_listen, struct gl_why *why)
{
    struct gl_listen listen = {0};
    const char *rest, *fault = "";
    int err = gl_address_parse(text, &listen.address, &rest, &fault);
    if (err < 0)
        return gl_why(why, err, "wrong address '%.200s': %s", text, fault);
    char *options = gl_strdup(rest), *next = NULL;
    for (char *option = *options ? options : NULL; option && err == 0; option = next) {
        next = strchr(option, ',');
        if (next)
            *next++ = '\0';
        err = parse_option(option, &listen, why);
    }
    gl_free(options);
    if (err == 0 && gl_platform_no_modes && (listen.mode || *listen.group))
        err = gl_why(why, UV_EINVAL, "'%.200s': %s", text, gl_platform_no_modes);
    if (err == 0 && listen.address.kind != GL_ADDRESS_UNIX && (listen.mode || *listen.group))
        err = gl_why(why, UV_EINVAL, "'%.200s': mode= and group= are for unix: only", text);
    if (err == 0)
        *ret_listen = listen;
    return err;
}

static bool is_listed(const struct gl_settings *settings, const struct gl_address *address)
{
    char text[600], other[600];
    gl_address_format(address, text, sizeof text);
    for (size_t i = 0; i < settings->n_listen; i++) {
        gl_address_format(&settings->listen[i].address, other, sizeof other);
        if (strcmp(text, other) == 0)
            return true;
    }
    return false;
}

static int add_listen(struct gl_settings *settings, const char *text, struct gl_why *why)
{
    struct gl_listen listen;
    int err = gl_listen_parse(text, &listen, why);
    if (err < 0)
        return err;
    if (settings->n_listen == GL_LISTEN_MAX)
        return gl_why(why, UV_EINVAL, "more than %u listeners", GL_LISTEN_MAX);
    if (is_listed(settings, &listen.address))
        return gl_why(why, UV_EINVAL, "the listener '%.200s' is given twice", text);
    for (size_t i = 0; i < settings->n_listen; i++)
        if (*listen.name && gl_name_alike(settings->listen[i].name, listen.name))
            return gl_why(why, UV_EINVAL, "two listeners are called '%s'", listen.name);
    settings->listen =
        gl_realloc_array(settings->listen, settings->n_listen + 1, sizeof *settings->listen);
    settings->listen[settings->n_listen++] = listen;
    return 0;
}

/* ------------------------------------------------------------------ the file */

/* The value that was added last: validation runs after each. */
static const char *last_value(cfg_opt_t *opt)
{
    return cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
}

static int check_listen(cfg_t *cfg, cfg_opt_t *opt)
{
    struct gl_listen listen;
    struct gl_why why;
    if (gl_listen_parse(last_value(opt), &listen, &why) == 0)
        return 0;
    cfg_error(cfg, "%s", why.text);
    return -1;
}

static int check_mode(cfg_t *cfg, cfg_opt_t *opt)
{
    unsigned mode;
    if (parse_mode(last_value(opt), &mode) == 0)
        return 0;
    cfg_error(cfg, "'%s' is no mode such as 0660", last_value(opt));
    return -1;
}

static int check_level(cfg_t *cfg, cfg_opt_t *opt)
{
    enum gl_log_level level;
    if (gl_log_level_parse(last_value(opt), &level) == 0)
        return 0;
    cfg_error(cfg, "'%s' is no log level: error, warn, info, debug", last_value(opt));
    return -1;
}

static int check_trust(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *value = last_value(opt);
    if (strcmp(value, "first-use") == 0 || strcmp(value, "approve") == 0)
        return 0;
    cfg_error(cfg, "'%s' is neither first-use nor approve", value);
    return -1;
}

static int check_resume(cfg_t *cfg, cfg_opt_t *opt)
{
    long value = cfg_opt_getnint(opt, 0);
    if (value >= 1 && value <= RESUME_MAX_S)
        return 0;
    cfg_error(cfg, "%ld seconds are not between 1 and %d", value, RESUME_MAX_S);
    return -1;
}

static int check_driver(cfg_t *cfg, cfg_opt_t *opt)
{
    enum gl_hvsock_driver driver;
    if (gl_hvsock_driver_parse(last_value(opt), &driver) == 0)
        return 0;
    cfg_error(cfg, "'%s' is neither overlapped nor libuv", last_value(opt));
    return -1;
}

static int check_filled(cfg_t *cfg, cfg_opt_t *opt)
{
    if (*last_value(opt))
        return 0;
    cfg_error(cfg, "option '%s' is empty", opt->name);
    return -1;
}

static int check_control_mode(cfg_t *cfg, cfg_opt_t *opt)
{
    if (!gl_platform_no_modes)
        return check_mode(cfg, opt);
    cfg_error(cfg, "control-mode cannot be set here: %s", gl_platform_no_modes);
    return -1;
}

static cfg_opt_t options[] = {
    CFG_STR_LIST("listen", NULL, CFGF_NODEFAULT),
    CFG_STR("control", NULL, CFGF_NODEFAULT),
    CFG_STR("control-mode", NULL, CFGF_NODEFAULT),
    CFG_STR("control-group", NULL, CFGF_NODEFAULT),
    CFG_STR("state", NULL, CFGF_NODEFAULT),
    CFG_STR("host-name", NULL, CFGF_NODEFAULT),
    CFG_STR("trust", "first-use", CFGF_NONE),
    CFG_STR("log-level", NULL, CFGF_NODEFAULT),
    CFG_INT("resume-time", 60, CFGF_NONE),
    CFG_STR("hvsock-driver", "overlapped", CFGF_NONE),
    CFG_BOOL("allow-loopback", cfg_false, CFGF_NONE),
    CFG_BOOL("privileged-ports", cfg_true, CFGF_NONE),
    CFG_SEC("allow", gl_rules_options, CFGF_MULTI),
    CFG_END(),
};

static const struct {
    const char *option;
    cfg_validate_callback_t check;
} checks[] = {
    {"listen", check_listen},
    {"control", check_filled},
    {"control-mode", check_control_mode},
    {"state", check_filled},
    {"control-group", check_filled},
    {"host-name", check_filled},
    {"allow", gl_rules_check_section},
    {"trust", check_trust},
    {"log-level", check_level},
    {"resume-time", check_resume},
    {"hvsock-driver", check_driver},
};

static void install_checks(void)
{
    for (size_t i = 0; i < GL_ARRAY_SIZE(checks); i++)
        for (cfg_opt_t *opt = options; opt->name; opt++)
            if (strcmp(opt->name, checks[i].option) == 0)
                opt->validcb = checks[i].check;
    for (cfg_opt_t *opt = gl_rules_options; opt->name; opt++)
        opt->validcb = gl_rules_check_pattern;
}

/* A text of the command line wins over the file's. */
static void take_text(char **field, cfg_t *cfg, const char *option)
{
    if (!*field)
        *field = gl_strdup(cfg_getstr(cfg, option));
}

static int take_listeners(struct gl_settings *settings, cfg_t *cfg, char **ret_error)
{
    struct gl_why why;
    if (settings->n_listen)
        return 0; /* the command line's replace them */
    for (unsigned i = 0; i < cfg_size(cfg, "listen"); i++) {
        if (add_listen(settings, cfg_getnstr(cfg, "listen", i), &why) < 0) {
            *ret_error = gl_asprintf("%s: %s", settings->config, why.text);
            return 1;
        }
    }
    if (settings->n_listen == 0)
        add_listen(settings, gl_default_listen, NULL);
    return 0;
}

static int take_file(struct gl_settings *settings, cfg_t *cfg, const char *log_level,
                     char **ret_error)
{
    char *mode = NULL, *level = gl_strdup(log_level);
    take_text(&settings->control, cfg, "control");
    take_text(&settings->control_group, cfg, "control-group");
    take_text(&settings->state, cfg, "state");
    take_text(&settings->host_name, cfg, "host-name");
    take_text(&mode, cfg, "control-mode");
    take_text(&level, cfg, "log-level");
    if (mode)
        parse_mode(mode, &settings->control_mode);
    settings->log_level = GL_LOG_INFO;
    if (level)
        gl_log_level_parse(level, &settings->log_level);
    gl_free(mode);
    gl_free(level);
    settings->trust =
        strcmp(cfg_getstr(cfg, "trust"), "approve") == 0 ? GL_TRUST_APPROVE : GL_TRUST_FIRST_USE;
    settings->resume_ms = (uint64_t)cfg_getint(cfg, "resume-time") * 1000;
    gl_hvsock_driver_parse(cfg_getstr(cfg, "hvsock-driver"), &settings->hvsock_driver);
    settings->allow_loopback = cfg_getbool(cfg, "allow-loopback");
    settings->privileged_ports = cfg_getbool(cfg, "privileged-ports");
    settings->rules = gl_rules_new(cfg, gl_platform_uid());
    if (!settings->control)
        settings->control = gl_strdup(gl_default_control);
    if (!settings->state)
        settings->state = gl_default_state("hostd");
    return take_listeners(settings, cfg, ret_error);
}

/* path NULL: the default file, which may be missing. */
static int read_file(struct gl_settings *settings, const char *path, const char *log_level,
                     char **ret_error)
{
    cfg_t *cfg;
    char *error = NULL, *file = path ? gl_strdup(path) : gl_default_config("hostd");
    install_checks();
    int err = gl_config_load(file, options, &cfg, &error);
    if (err == UV_ENOENT && !path) {
        gl_free(error);
        cfg = gl_config_defaults(options);
    } else if (err < 0) {
        gl_free(file);
        *ret_error = error;
        return 1;
    } else {
        settings->config = file;
        file = NULL;
    }
    gl_free(file);
    int status = take_file(settings, cfg, log_level, ret_error);
    cfg_free(cfg);
    return status;
}

/* ------------------------------------------------------------------ the command line */

static void help(void)
{
    char *state = gl_default_state("hostd"), *config = gl_default_config("hostd");
    printf("usage: " PROGRAM " [--listen ADDR[,name=NAME]]... [--control PATH] [--state DIR]\n"
           "                       [--config FILE] [--log-level LEVEL]\n"
           "\n"
           "Accepts the agents of guests, keeps their sessions and serves the control socket that\n"
           "%s"
           "\n"
           "  --listen ADDR    where agents connect: vsock:CID:PORT (CID a number, any, local or\n"
           "                   host), hvsock:VMID:SERVICE, unix:PATH, pipe:NAME; once for each;\n"
           "                   default %s.\n"
           "                   Options after commas: name=NAME is what the guest behind it is "
           "called,\n"
           "                   mode=0660 and group=GROUP are for the file of a unix: socket\n"
           "  --control PATH   control socket, default %s\n"
           "  --state DIR      keys and known guests, default %s\n"
           "  --config FILE    default %s, which may be missing\n"
           "  --log-level LEVEL   error, warn, info (default) or debug\n"
           "  --help, --version\n"
           "\n"
           "What the command line says replaces what the file says.\n"
           "%s",
           gl_platform_help_stays, gl_default_listen, gl_default_control, state, config,
           gl_platform_help_more);
    gl_free(state);
    gl_free(config);
}

static int usage(const char *format, ...) GL_PRINTF(1, 2);
static int usage(const char *format, ...)
{
    va_list args;
    char *text;
    va_start(args, format);
    text = gl_vasprintf(format, args);
    va_end(args);
    fprintf(stderr, PROGRAM ": %s; see " PROGRAM " --help\n", text);
    gl_free(text);
    return 2;
}

/* `value` is empty: in a word of its own after the option, or behind its '='. */
static int lacks_value(char **argv, const char *value)
{
    const char *word = argv[optind - 1] == value ? argv[optind - 2] : argv[optind - 1];
    return usage("option '%.*s' needs a value", (int)strcspn(word, "="), word);
}

static const struct option long_options[] = {
    {"listen", required_argument, NULL, 'l'},    {"control", required_argument, NULL, 'c'},
    {"state", required_argument, NULL, 's'},     {"config", required_argument, NULL, 'f'},
    {"log-level", required_argument, NULL, 'L'}, {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},         {NULL, 0, NULL, 0},
};

static void set_text(char **field, const char *text)
{
    gl_free(*field);
    *field = gl_strdup(text);
}

static int read_options(struct gl_settings *settings, int argc, char **argv,
                        const char **ret_config, const char **ret_level)
{
    struct gl_why why;
    enum gl_log_level level;
    int option;
    opterr = 0;
    optind = 0; /* from the beginning, also the second time */
    while ((option = getopt_long(argc, argv, "+:h", long_options, NULL)) != -1) {
        if (optarg && !*optarg)
            return lacks_value(argv, optarg);
        switch (option) {
        case 'l':
            if (add_listen(settings, optarg, &why) < 0)
                return usage("%s", why.text);
            break;
        case 'c':
            set_text(&settings->control, optarg);
            break;
        case 's':
            set_text(&settings->state, optarg);
            break;
        case 'f':
            *ret_config = optarg;
            break;
        case 'L':
            if (gl_log_level_parse(optarg, &level) < 0)
                return usage("'%s' is no log level: error, warn, info, debug", optarg);
            *ret_level = optarg;
            break;
        case 'h':
            help();
            return GL_SETTINGS_DONE;
        case 'V':
            puts(PROGRAM " " PACKAGE_VERSION);
            return GL_SETTINGS_DONE;
        case ':':
            return usage("option '%s' needs a value", argv[optind - 1]);
        default:
            return usage("'%s' is no option", argv[optind - 1]);
        }
    }
    return optind < argc ? usage("'%s' is too much", argv[optind]) : 0;
}

int gl_settings_read(int argc, char **argv, struct gl_settings **ret_settings)
{
    struct gl_settings *settings = GL_NEW0(struct gl_settings);
    const char *config = NULL, *level = NULL;
    char *error = NULL;
    settings->argc = argc;
    settings->argv = argv;
    int status = read_options(settings, argc, argv, &config, &level);
    if (status == 0)
        status = read_file(settings, config, level, &error);
    if (error)
        fprintf(stderr, PROGRAM ": %s\n", error);
    gl_free(error);
    if (status == 0)
        *ret_settings = settings;
    else
        gl_settings_free(settings);
    return status;
}

/* The default file may be missing, but not if it was there before: all rules would be gone. */
int gl_settings_reread(const struct gl_settings *old, struct gl_settings **ret_settings,
                       char **ret_error)
{
    struct gl_settings *settings = GL_NEW0(struct gl_settings);
    const char *config = NULL, *level = NULL;
    settings->argc = old->argc;
    settings->argv = old->argv;
    *ret_error = NULL;
    int status = read_options(settings, old->argc, old->argv, &config, &level);
    if (status == 0)
        status = read_file(settings, config ? config : old->config, level, ret_error);
    if (status == 0) {
        *ret_settings = settings;
        return 0;
    }
    gl_settings_free(settings);
    return UV_EINVAL;
}

void gl_settings_free(struct gl_settings *settings)
{
    if (!settings)
        return;
    gl_rules_free(settings->rules);
    gl_free(settings->listen);
    gl_free(settings->control);
    gl_free(settings->control_group);
    gl_free(settings->state);
    gl_free(settings->config);
    gl_free(settings->host_name);
    gl_free(settings);
}
