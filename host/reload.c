/* SPDX-License-Identifier: MIT */
#include "reload.h"

#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "rules-check.h"

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_listener(const struct gl_listen *a, const struct gl_listen *b)
{
    char left[600], right[600];
    gl_address_format(&a->address, left, sizeof left);
    gl_address_format(&b->address, right, sizeof right);
    return strcmp(left, right) == 0 && strcmp(a->name, b->name) == 0 && a->mode == b->mode &&
           strcmp(a->group, b->group) == 0;
}

static bool same_listeners(const struct gl_settings *a, const struct gl_settings *b)
{
    if (a->n_listen != b->n_listen)
        return false;
    for (size_t i = 0; i < a->n_listen; i++)
        if (!same_listener(&a->listen[i], &b->listen[i]))
            return false;
    return true;
}

/* The changed settings that sockets, keys and files of the start hang on, with ", " between. */
static void list_waiting(const struct gl_settings *old, const struct gl_settings *fresh, char *out,
                         size_t size)
{
    const struct {
        const char *name;
        bool same;
    } settings[] = {
        {"listen", same_listeners(old, fresh)},
        {"control", same_text(old->control, fresh->control)},
        {"control-mode", old->control_mode == fresh->control_mode},
        {"control-group", same_text(old->control_group, fresh->control_group)},
        {"state", same_text(old->state, fresh->state)},
        {"host-name", same_text(old->host_name, fresh->host_name)},
        {"hvsock-driver", old->hvsock_driver == fresh->hvsock_driver},
    };
    size_t len = 0;
    *out = '\0';
    for (size_t i = 0; i < GL_ARRAY_SIZE(settings); i++)
        if (!settings[i].same && len < size)
            len +=
                (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "", settings[i].name);
}

static void take(struct gl_daemon *daemon, struct gl_settings *fresh)
{
    struct gl_settings *settings = daemon->settings;
    struct gl_rules *rules = settings->rules;
    settings->rules = fresh->rules;
    fresh->rules = rules;
    settings->trust = daemon->trust->policy = fresh->trust;
    settings->log_level = fresh->log_level;
    settings->resume_ms = fresh->resume_ms;
    settings->allow_loopback = fresh->allow_loopback;
    settings->privileged_ports = fresh->privileged_ports;
}

void gl_reload(struct gl_daemon *daemon)
{
    struct gl_settings *fresh;
    char *error, waiting[100];
    gl_free(daemon->config_error);
    daemon->config_error = NULL;
    if (gl_settings_reread(daemon->settings, &fresh, &error) < 0) {
        const char *why = error ? error : "wrong usage";
        gl_error("the configuration is NOT read again, what counted before counts still: %s", why);
        daemon->config_error = gl_escape_dup(why); /* it may quote what the file has */
        gl_free(error);
        return;
    }
    const char *config = fresh->config ? fresh->config : "no configuration file";
    list_waiting(daemon->settings, fresh, waiting, sizeof waiting);
    take(daemon, fresh);
    /* Seen both by who turns the log up and by who turns it down. */
    if (fresh->log_level > gl_log_get_level())
        gl_log_set_level(fresh->log_level);
    if (*waiting)
        gl_warn("%s: read again, %zu rules; changed, but only counts after a restart: %s", config,
                gl_rules_count(daemon->settings->rules), waiting);
    else
        gl_info("%s: read again, %zu rules", config, gl_rules_count(daemon->settings->rules));
    gl_log_set_level(fresh->log_level);
    gl_rules_warn(daemon->loop, daemon->settings->rules, fresh->config);
    gl_settings_free(fresh);
}
