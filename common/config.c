/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <uv.h>

#include "config-text.h"
#include "escape.h"
#include "mem.h"

/*
 * How a second assignment is caught: libConfuse has no notion of it, but it looks an option up by
 * name each time. So our validate callback, which runs after each value, appends MARK to the name
 * of the option: it is not found again, and the error says that it was given twice. The names are
 * put right at the end. The callback of the program itself waits meanwhile in the field for a print
 * function, which is not used.
 */
#define MARK '\1'

/* The load in progress; libConfuse gives its callbacks no pointer of ours. */
static const char *loading_path;
static char **loading_error;

static void set_error(int line, const char *message)
{
    if (*loading_error)
        return; /* the first is the cause */
    char *raw = line > 0 ? gl_asprintf("%s:%d: %s", loading_path, line, message)
                         : gl_asprintf("%s: %s", loading_path, message);
    *loading_error = gl_escape_dup(raw);
    gl_free(raw);
}

/* ---- marks ---- */

static void set_name(cfg_opt_t *opt, char *name)
{
    free((void *)(uintptr_t)opt->name); /* libConfuse's copy, const only to others */
    opt->name = name;
}

static bool is_marked(const cfg_opt_t *opt)
{
    size_t len = strlen(opt->name);
    return len > 0 && opt->name[len - 1] == MARK;
}

static void mark(cfg_opt_t *opt)
{
    if (!is_marked(opt))
        set_name(opt, gl_asprintf("%s%c", opt->name, MARK));
}

static void unmark(cfg_opt_t *opt)
{
    if (is_marked(opt))
        set_name(opt, gl_strndup(opt->name, strlen(opt->name) - 1));
}

static bool is_marked_name(const cfg_t *cfg, const char *name, size_t len)
{
    for (const cfg_opt_t *opt = cfg->opts; opt->name; opt++) {
        if (is_marked(opt) && strlen(opt->name) == len + 1 && memcmp(opt->name, name, len) == 0)
            return true;
    }
    return false;
}

/* ---- callbacks ---- */

static void GL_PRINTF(2, 0) on_error(cfg_t *cfg, const char *format, va_list args)
{
    static const char unknown[] = "no such option '";
    size_t prefix = sizeof(unknown) - 1;
    char *message = gl_vasprintf(format, args);
    size_t len = strlen(message);
    if (len > prefix && strncmp(message, unknown, prefix) == 0 &&
        is_marked_name(cfg, message + prefix, len - prefix - 1)) {
        char *twice = gl_asprintf("option %s is given twice", message + prefix - 1);
        gl_free(message);
        message = twice;
    }
    char *out = message;
    for (const char *in = message; *in; in++) {
        if (*in != MARK)
            *out++ = *in;
    }
    *out = '\0';
    set_error(cfg->line, message);
    gl_free(message);
}

static int on_int(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    char *end;
    const char *digits = value + (*value == '-');
    errno = 0;
    long number = strtol(value, &end, 10);
    if (*digits < '0' || *digits > '9' || *end || errno) {
        cfg_error(cfg, "'%s' is no decimal number for option '%s'", value, opt->name);
        return -1;
    }
    memcpy(result, &number, sizeof(number));
    return 0;
}

static cfg_validate_callback_t original_of(const cfg_opt_t *opt)
{
    return (cfg_validate_callback_t)(void (*)(void))opt->pf;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
    cfg_validate_callback_t original = original_of(opt);
    if (original) {
        unmark(opt);
        if (original(cfg, opt) != 0) {
            cfg_error(cfg, "bad value of option '%s'", opt->name);
            return -1;
        }
    }
    /* Without a path it is a default that is being parsed: sections inherit the path after that. */
    if (cfg->path && !(opt->type == CFGT_SEC && (opt->flags & CFGF_MULTI)))
        mark(opt);
    return 0;
}

/* ---- options ---- */

/* A copy of opts with our callbacks; names and defaults stay the caller's. */
static cfg_opt_t *copy_opts(const cfg_opt_t *opts)
{
    size_t count = 1;
    for (const cfg_opt_t *opt = opts; opt->name; opt++)
        count++;
    cfg_opt_t *copy = gl_alloc_array(count, sizeof(*copy));
    memcpy(copy, opts, count * sizeof(*copy));
    for (cfg_opt_t *opt = copy; opt->name; opt++) {
        opt->pf = (cfg_print_func_t)(void (*)(void))opt->validcb;
        opt->validcb = on_value;
        if (opt->type == CFGT_INT && !opt->parsecb)
            opt->parsecb = on_int;
        if (opt->type == CFGT_SEC && (opt->flags & CFGF_TITLE))
            opt->flags |= CFGF_NO_TITLE_DUPES;
        if (opt->subopts)
            opt->subopts = copy_opts(opt->subopts);
    }
    return copy;
}

static void free_opts(cfg_opt_t *opts)
{
    for (cfg_opt_t *opt = opts; opt->name; opt++) {
        if (opt->subopts)
            free_opts(opt->subopts);
    }
    gl_free(opts);
}

/* Takes marks and callbacks out of what was parsed. */
static void restore(cfg_t *cfg)
{
    for (cfg_opt_t *opt = cfg->opts; opt->name; opt++) {
        unmark(opt);
        opt->validcb = original_of(opt);
        opt->pf = NULL;
        if (opt->type != CFGT_SEC)
            continue;
        for (unsigned i = 0; i < cfg_opt_size(opt); i++)
            restore(cfg_opt_getnsec(opt, i));
    }
}

static int parse(const char *text, cfg_opt_t *opts, cfg_t **ret_cfg)
{
    cfg_opt_t *strict = copy_opts(opts);
    cfg_t *cfg = cfg_init(strict, CFGF_NONE);
    free_opts(strict);
    if (!cfg)
        return UV_ENOMEM;
    cfg_set_error_function(cfg, on_error);
    if (cfg_add_searchpath(cfg, "/") != CFG_SUCCESS || cfg_parse_buf(cfg, text) != CFG_SUCCESS ||
        *loading_error) {
        set_error(cfg->line, "cannot be parsed");
        cfg_free(cfg);
        return UV_EINVAL;
    }
    restore(cfg);
    *ret_cfg = cfg;
    return 0;
}

int gl_config_parse(const char *path, char *text, size_t len, cfg_opt_t *opts, cfg_t **ret_cfg,
                    char **ret_error)
{
    char *error = NULL;
    const char *what;
    int line = 0;
    loading_path = path;
    loading_error = &error;

    int err = gl_config_check_text(text, len, &line, &what);
    if (err < 0) {
        set_error(line, what);
    } else {
        err = parse(text, opts, ret_cfg);
        if (err < 0)
            set_error(0, uv_strerror(err));
    }
    if (err < 0)
        *ret_error = error;
    loading_path = NULL;
    loading_error = NULL;
    return err;
}

int gl_config_load(const char *path, cfg_opt_t *opts, cfg_t **ret_cfg, char **ret_error)
{
    char *text = NULL;
    size_t len;
    int err = gl_config_read(path, &text, &len, ret_error);
    if (err == 0)
        err = gl_config_parse(path, text, len, opts, ret_cfg, ret_error);
    gl_free(text);
    return err;
}

cfg_t *gl_config_defaults(cfg_opt_t *opts)
{
    cfg_t *cfg = cfg_init(opts, CFGF_NONE);
    if (!cfg) {
        fputs("guestlink: out of memory\n", stderr);
        abort();
    }
    return cfg;
}
