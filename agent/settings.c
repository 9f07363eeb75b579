/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "config.h"
#include "defaults.h"
#include "mem.h"
#include "policy-config.h"
#include "sys.h"
#include "transport.h"

/* ------------------------------------------------------------------ addresses */

const char *gl_settings_judge_address(const struct gl_address *address)
{
    const struct gl_guid *vm = &address->vm;
    if (address->kind == GL_ADDRESS_VSOCK && address->cid == GL_CID_ANY)
        return "'any' is no place to connect to";
    if (address->kind == GL_ADDRESS_HVSOCK &&
        (gl_guid_is_zero(vm) || gl_guid_equal(vm, &gl_guid_broadcast) ||
         gl_guid_equal(vm, &gl_guid_children)))
        return "this VmId is no place to connect to";
    int err = gl_transport_usable(address);
    return err ? gl_transport_error_text(address, err) : NULL;
}

/* Whoever listens there runs in the guest: it could have itself made root by posing as the host. */
bool gl_settings_is_loopback(const struct gl_address *address)
{
    if (address->kind == GL_ADDRESS_VSOCK)
        return gl_sys_is_own_cid(address->cid);
    return address->kind == GL_ADDRESS_HVSOCK && gl_guid_equal(&address->vm, &gl_guid_loopback);
}

static int check_loopback(const struct gl_settings *settings, char **ret_error)
{
    for (size_t i = 0; i < settings->n_connect && !settings->allow_loopback; i++) {
        const struct gl_address *address = &settings->connect[i];
        /* That the way to the host is not there yet is no mistake: the dial sees to it. */
        bool is_host = address->kind == GL_ADDRESS_VSOCK && address->cid == GL_CID_HOST;
        if (is_host || !gl_settings_is_loopback(address))
            continue;
        char text[600];
        gl_address_format(address, text, sizeof(text));
        *ret_error = gl_asprintf("%s leads back into this guest, to whoever listens there; say "
                                 "'allow-loopback = true' in %s if that is meant",
                                 text, settings->config);
        return UV_EINVAL;
    }
    return 0;
}

/* ------------------------------------------------------------------ the file */

static int check_connect(cfg_t *cfg, cfg_opt_t *opt)
{
    struct gl_address address;
    const char *why;
    if (cfg_opt_size(opt) > GL_CONNECT_MAX) {
        cfg_error(cfg, "more than %u addresses", GL_CONNECT_MAX);
        return -1;
    }
    for (unsigned i = 0; i < cfg_opt_size(opt); i++) {
        const char *text = cfg_opt_getnstr(opt, i);
        if (gl_address_parse(text, &address, NULL, &why) == 0 &&
            !(why = gl_settings_judge_address(&address)))
            continue;
        cfg_error(cfg, "address '%s': %s", text, why);
        return -1;
    }
    return 0;
}

static int parse_host_trust(const char *text, enum gl_host_trust_mode *ret_mode)
{
    static const struct {
        const char *text;
        enum gl_host_trust_mode mode;
    } modes[] = {
        {"pinned", GL_HOST_TRUST_PINNED},
        {"site", GL_HOST_TRUST_SITE},
        {"any", GL_HOST_TRUST_ANY},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(modes); i++) {
        if (strcmp(modes[i].text, text) == 0) {
            *ret_mode = modes[i].mode;
            return 0;
        }
    }
    return UV_EINVAL;
}

static int check_host_trust(cfg_t *cfg, cfg_opt_t *opt)
{
    enum gl_host_trust_mode mode;
    if (parse_host_trust(cfg_opt_getnstr(opt, 0), &mode) == 0)
        return 0;
    cfg_error(cfg, "host-trust is pinned, site or any, not '%s'", cfg_opt_getnstr(opt, 0));
    return -1;
}

static int check_site_key(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *text = cfg_opt_getnstr(opt, 0);
    if (strlen(text) == GL_FINGERPRINT_SIZE - 1 && strspn(text, "0123456789abcdef") == strlen(text))
        return 0;
    cfg_error(cfg, "site-key is a fingerprint: 64 hexadecimal digits in lower case");
    return -1;
}

static int check_log_level(cfg_t *cfg, cfg_opt_t *opt)
{
    enum gl_log_level level;
    if (gl_log_level_parse(cfg_opt_getnstr(opt, 0), &level) == 0)
        return 0;
    cfg_error(cfg, "log-level is error, warn, info or debug, not '%s'", cfg_opt_getnstr(opt, 0));
    return -1;
}

static int check_limit(cfg_t *cfg, cfg_opt_t *opt)
{
    static const struct {
        const char *name;
        long min, max;
    } limits[] = {
        {"calls", 1, 65536},
        {"programs", 1, 65536},
        {"copies", 1, 1024},
        {"window-memory", 0, 1024L * 1024 * 1024},
        {"resume-seconds", 1, 24L * 3600},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(limits); i++) {
        if (strcmp(limits[i].name, cfg_opt_name(opt)) != 0)
            continue;
        long value = cfg_opt_getnint(opt, 0);
        if (value >= limits[i].min && value <= limits[i].max)
            return 0;
        cfg_error(cfg, "%s is from %ld to %ld", limits[i].name, limits[i].min, limits[i].max);
    }
    return -1;
}

static int check_driver(cfg_t *cfg, cfg_opt_t *opt)
{
    enum gl_hvsock_driver driver;
    if (gl_hvsock_driver_parse(cfg_opt_getnstr(opt, 0), &driver) == 0)
        return 0;
    cfg_error(cfg, "hvsock-driver is overlapped or libuv, not '%s'", cfg_opt_getnstr(opt, 0));
    return -1;
}

static cfg_opt_t limit_opts[] = {
    CFG_INT("calls", 1024, CFGF_NONE),        CFG_INT("programs", 512, CFGF_NONE),
    CFG_INT("copies", 64, CFGF_NONE),         CFG_INT("window-memory", 8L * 1024 * 1024, CFGF_NONE),
    CFG_INT("resume-seconds", 60, CFGF_NONE), CFG_END(),
};

static cfg_opt_t opts[] = {
    CFG_STR_LIST("connect", NULL, CFGF_NONE),
    CFG_STR("host-trust", NULL, CFGF_NODEFAULT),
    CFG_STR("site-key", NULL, CFGF_NODEFAULT),
    CFG_STR("log-level", "info", CFGF_NONE),
    CFG_STR("name", NULL, CFGF_NODEFAULT),
    CFG_STR("state", NULL, CFGF_NODEFAULT),
    CFG_STR("hvsock-driver", "overlapped", CFGF_NONE),
    CFG_BOOL("allow-loopback", cfg_false, CFGF_NONE),
    CFG_SEC("limits", limit_opts, CFGF_NONE),
    CFG_END(),
};

static void set_checks(void)
{
    opts[0].validcb = check_connect;
    opts[1].validcb = check_host_trust;
    opts[2].validcb = check_site_key;
    opts[3].validcb = check_log_level;
    opts[6].validcb = check_driver;
    for (cfg_opt_t *opt = limit_opts; opt->name; opt++)
        opt->validcb = check_limit;
}

/* ------------------------------------------------------------------ together */

static void take_connect(struct gl_settings *settings, const struct gl_settings_options *options,
                         cfg_t *cfg)
{
    const char *why;
    if (options->n_connect > 0) {
        memcpy(settings->connect, options->connect, sizeof(settings->connect));
        settings->n_connect = options->n_connect;
        return;
    }
    for (unsigned i = 0; i < cfg_size(cfg, "connect"); i++)
        gl_address_parse(cfg_getnstr(cfg, "connect", i), &settings->connect[settings->n_connect++],
                         NULL, &why);
    if (settings->n_connect == 0)
        gl_address_parse(gl_default_connect, &settings->connect[settings->n_connect++], NULL, &why);
}

static int take_trust(struct gl_settings *settings, cfg_t *cfg, char **ret_error)
{
    const char *mode = cfg_getstr(cfg, "host-trust"), *site = cfg_getstr(cfg, "site-key");
    settings->host_trust = site ? GL_HOST_TRUST_SITE : GL_HOST_TRUST_PINNED;
    if (mode)
        parse_host_trust(mode, &settings->host_trust);
    snprintf(settings->site_key, sizeof(settings->site_key), "%s", site ? site : "");
    if (!site || settings->host_trust == GL_HOST_TRUST_SITE)
        return 0;
    *ret_error =
        gl_asprintf("%s: site-key is for host-trust = site, not for '%s'", settings->config, mode);
    return UV_EINVAL;
}

/* NULL: neither says anything. */
static char *first_of(const char *option, const char *file)
{
    return gl_strdup(option ? option : file);
}

static int take(struct gl_settings *settings, const struct gl_settings_options *options, cfg_t *cfg,
                char **ret_error)
{
    cfg_t *limits = cfg_getsec(cfg, "limits");
    take_connect(settings, options, cfg);
    settings->name = first_of(options->name, cfg_getstr(cfg, "name"));
    settings->state = first_of(options->state, cfg_getstr(cfg, "state"));
    if (!settings->state)
        settings->state = gl_default_state("agent");
    gl_log_level_parse(cfg_getstr(cfg, "log-level"), &settings->log_level);
    if (options->has_log_level)
        settings->log_level = options->log_level;
    gl_hvsock_driver_parse(cfg_getstr(cfg, "hvsock-driver"), &settings->hvsock_driver);
    settings->allow_loopback = cfg_getbool(cfg, "allow-loopback") == cfg_true;
    settings->calls_max = (uint32_t)cfg_getint(limits, "calls");
    settings->programs_max = (uint32_t)cfg_getint(limits, "programs");
    settings->copies_max = (uint32_t)cfg_getint(limits, "copies");
    settings->window_memory = (size_t)cfg_getint(limits, "window-memory");
    settings->resume_ms = (uint64_t)cfg_getint(limits, "resume-seconds") * 1000;
    int err = take_trust(settings, cfg, ret_error);
    return err ? err : check_loopback(settings, ret_error);
}

static int load_file(struct gl_settings *settings, bool must_exist, cfg_t **ret_cfg,
                     char **ret_error)
{
    char *text, *error;
    size_t len;
    int err = gl_config_read(settings->config, &text, &len, &error);
    if (err == UV_ENOENT && !must_exist) {
        gl_free(error);
        settings->policy = gl_policy_new(true, NULL);
        *ret_cfg = gl_config_defaults(opts);
        return 0;
    }
    if (err) {
        *ret_error = error;
        return err;
    }
    settings->is_there = true;
    bool closed;
    char *policy = gl_policy_split(text, len, &closed);
    err = gl_config_parse(settings->config, text, len, opts, ret_cfg, ret_error);
    if (!err) {
        settings->policy = gl_policy_parse(settings->config, policy, len, &settings->policy_error);
        settings->cut_short = !closed;
    }
    gl_free(policy);
    gl_free(text);
    return err;
}

int gl_settings_load(const struct gl_settings_options *options, struct gl_settings **ret_settings,
                     char **ret_error)
{
    struct gl_settings *settings = GL_NEW0(struct gl_settings);
    cfg_t *cfg = NULL;
    set_checks();
    settings->config = options->config ? gl_strdup(options->config) : gl_default_config("agent");
    int err = load_file(settings, options->config != NULL, &cfg, ret_error);
    if (!err) {
        err = take(settings, options, cfg, ret_error);
        cfg_free(cfg);
    }
    if (err)
        gl_settings_free(settings);
    else
        *ret_settings = settings;
    return err;
}

void gl_settings_free(struct gl_settings *settings)
{
    if (!settings)
        return;
    gl_policy_free(settings->policy);
    gl_free(settings->policy_error);
    gl_free(settings->name);
    gl_free(settings->state);
    gl_free(settings->config);
    gl_free(settings);
}
