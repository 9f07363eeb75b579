/* SPDX-License-Identifier: MIT */
#include "rules-check.h"

#include <stdio.h>
#include <string.h>

#include "glob.h"
#include "log.h"
#include "mem.h"
#include "platform.h"

/* ------------------------------------------------------------------ refused */

int gl_rules_check_pattern(cfg_t *cfg, cfg_opt_t *opt)
{
    for (unsigned i = 0; i < cfg_opt_size(opt); i++) {
        const char *pattern = cfg_opt_getnstr(opt, i);
        const char *fault = *pattern ? gl_glob_fault(pattern) : "it is empty";
        if (!fault)
            continue;
        cfg_error(cfg, "'%s' can match no %s: %s", pattern, cfg_opt_name(opt), fault);
        return -1;
    }
    return 0;
}

/* Its options have other names while the file is parsed (config.c): they are not asked for by name.
 */
int gl_rules_check_section(cfg_t *cfg, cfg_opt_t *opt)
{
    const cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
    for (cfg_opt_t *field = section->opts; field->name; field++)
        if (cfg_opt_size(field) > 0 || (field->flags & CFGF_MODIFIED))
            return 0;
    cfg_error(cfg, "a rule without any field would allow everybody everything: say user = \"*\" if "
                   "that is meant");
    return -1;
}

/* ------------------------------------------------------------------ told */

/* Of agents, and the daemon's own two; tests/integration/test_reload.py compares them. */
static const char *const known[] = {
    "exec.start", "file.receive",      "file.send",       "host.forget",     "host.get",
    "host.list",  "host.rename",       "host.status",     "host.wait",       "host.watch",
    "info.get",   "link.ping",         "trust.accept",    "trust.list",      "trust.revoke",
    "trust.site", "trust.site_export", "trust.site_init", "trust.site_join",
};

static bool is_known(const char *pattern)
{
    char service[32];
    for (size_t i = 0; i < GL_ARRAY_SIZE(known); i++) {
        snprintf(service, sizeof service, "%.*s", (int)strcspn(known[i], "."), known[i]);
        if (gl_glob_match(pattern, service) || gl_glob_match(pattern, known[i]))
            return true;
    }
    return false;
}

struct name {
    size_t rule;
    bool group, unknown;
    char *text;
};

struct search {
    uv_work_t work;
    char *config;
    struct name *names;
    size_t count;
};

static void take(void *ctx, size_t rule, const char *field, const char *pattern)
{
    struct search *search = ctx;
    bool group = strcmp(field, "group") == 0;
    if (strcmp(field, "service") == 0 && !is_known(pattern))
        gl_warn("%s: rule %zu allows '%s', which is no service or method of this version",
                search->config, rule, pattern);
    if ((!group && strcmp(field, "user") != 0) || strpbrk(pattern, "*?\\") ||
        strspn(pattern, "0123456789") == strlen(pattern))
        return;
    search->names = gl_realloc_array(search->names, search->count + 1, sizeof *search->names);
    search->names[search->count++] =
        (struct name){.rule = rule, .group = group, .text = gl_strdup(pattern)};
}

/* In a thread of the pool. */
static void look_up(uv_work_t *work)
{
    struct search *search = work->data;
    for (size_t i = 0; i < search->count; i++) {
        struct name *name = &search->names[i];
        uint32_t id;
        name->unknown = (name->group ? gl_platform_group(name->text, &id)
                                     : gl_platform_user(name->text, &id)) == UV_ENOENT;
    }
}

static void on_looked_up(uv_work_t *work, int status)
{
    struct search *search = work->data;
    for (size_t i = 0; i < search->count; i++) {
        const struct name *name = &search->names[i];
        if (status == 0 && name->unknown)
            gl_warn("%s: rule %zu is for %s '%s', which this system does not know", search->config,
                    name->rule, name->group ? "group" : "user", name->text);
        gl_free(name->text);
    }
    gl_free(search->names);
    gl_free(search->config);
    gl_free(search);
}

void gl_rules_warn(uv_loop_t *loop, const struct gl_rules *rules, const char *config)
{
    struct search *search = GL_NEW0(struct search);
    search->work.data = search;
    search->config = gl_strdup(config ? config : "configuration");
    gl_rules_walk(rules, take, search);
    if (search->count == 0 || uv_queue_work(loop, &search->work, look_up, on_looked_up) != 0)
        on_looked_up(&search->work, UV_ECANCELED);
}
