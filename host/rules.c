/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <stdio.h>
#include <string.h>

#include "glob.h"
#include "mem.h"
#include "platform.h"

struct patterns {
    char **items; /* NULL: the field was left out */
    size_t n;
};

struct rule {
    struct patterns user, group, guest, service;
};

struct gl_rules {
    struct rule *items;
    size_t n;
    uint32_t own_uid;
};

cfg_opt_t gl_rules_options[] = {
    CFG_STR_LIST("user", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("group", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("guest", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("service", NULL, CFGF_NODEFAULT),
    CFG_END(),
};

/* ------------------------------------------------------------------ patterns */

static bool any_match(const struct patterns *patterns, const char *text)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (gl_glob_match(patterns->items[i], text))
            return true;
    return false;
}

static bool any_means(const struct patterns *patterns, const struct gl_user *user,
                      bool (*means)(const struct gl_user *user, const char *pattern))
{
    for (size_t i = 0; i < patterns->n; i++)
        if (means(user, patterns->items[i]))
            return true;
    return false;
}

/* ------------------------------------------------------------------ reading */

static struct patterns read_patterns(cfg_t *section, const char *field)
{
    struct patterns patterns = {0};
    cfg_opt_t *opt = cfg_getopt(section, field);
    /* An empty list was written down: it allows nobody, unlike a field that is not there. */
    if (!opt || (cfg_opt_size(opt) == 0 && !(opt->flags & CFGF_MODIFIED)))
        return patterns;
    patterns.n = cfg_opt_size(opt);
    patterns.items = GL_NEW0_ARRAY(char *, patterns.n + 1);
    for (size_t i = 0; i < patterns.n; i++)
        patterns.items[i] = gl_strdup(cfg_opt_getnstr(opt, (unsigned)i));
    return patterns;
}

static void free_patterns(struct patterns *patterns)
{
    for (size_t i = 0; i < patterns->n; i++)
        gl_free(patterns->items[i]);
    gl_free(patterns->items);
}

struct gl_rules *gl_rules_new(cfg_t *cfg, uint32_t own_uid)
{
    struct gl_rules *rules = GL_NEW0(struct gl_rules);
    rules->own_uid = own_uid;
    rules->n = cfg_size(cfg, "allow");
    rules->items = GL_NEW0_ARRAY(struct rule, rules->n);
    for (size_t i = 0; i < rules->n; i++) {
        cfg_t *section = cfg_getnsec(cfg, "allow", (unsigned)i);
        rules->items[i].user = read_patterns(section, "user");
        rules->items[i].group = read_patterns(section, "group");
        rules->items[i].guest = read_patterns(section, "guest");
        rules->items[i].service = read_patterns(section, "service");
    }
    return rules;
}

void gl_rules_free(struct gl_rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->n; i++) {
        free_patterns(&rules->items[i].user);
        free_patterns(&rules->items[i].group);
        free_patterns(&rules->items[i].guest);
        free_patterns(&rules->items[i].service);
    }
    gl_free(rules->items);
    gl_free(rules);
}

size_t gl_rules_count(const struct gl_rules *rules)
{
    return rules->n;
}

void gl_rules_walk(const struct gl_rules *rules,
                   void (*on_pattern)(void *ctx, size_t rule, const char *field,
                                      const char *pattern),
                   void *ctx)
{
    for (size_t i = 0; i < rules->n; i++) {
        const struct rule *rule = &rules->items[i];
        const struct patterns *const fields[] = {&rule->user, &rule->group, &rule->guest,
                                                 &rule->service};
        for (size_t f = 0; f < GL_ARRAY_SIZE(fields); f++)
            for (size_t k = 0; k < fields[f]->n; k++)
                on_pattern(ctx, i + 1, gl_rules_options[f].name, fields[f]->items[k]);
    }
}

/* ------------------------------------------------------------------ asking */

static bool fits_user(const struct rule *rule, const struct gl_user *user)
{
    return (!rule->user.items || any_means(&rule->user, user, gl_user_is)) &&
           (!rule->group.items || any_means(&rule->group, user, gl_user_is_in));
}

static bool fits_guest(const struct rule *rule, const struct gl_rules_guest *guest)
{
    if (!rule->guest.items)
        return true;
    return guest && (any_match(&rule->guest, guest->name) || any_match(&rule->guest, guest->id));
}

static bool fits_service(const struct rule *rule, const char *service, const char *method)
{
    char both[160];
    if (!rule->service.items)
        return true;
    snprintf(both, sizeof both, "%s.%s", service, method);
    return any_match(&rule->service, service) || any_match(&rule->service, both);
}

static bool may_do_all(const struct gl_rules *rules, const struct gl_user *user)
{
    return rules->n == 0 || gl_platform_is_superuser(user->uid) || user->uid == rules->own_uid;
}

bool gl_rules_allow(const struct gl_rules *rules, const struct gl_user *user,
                    const struct gl_rules_guest *guest, const char *service, const char *method)
{
    if (may_do_all(rules, user))
        return true;
    for (size_t i = 0; i < rules->n; i++) {
        const struct rule *rule = &rules->items[i];
        if (fits_user(rule, user) && fits_guest(rule, guest) && fits_service(rule, service, method))
            return true;
    }
    return false;
}

bool gl_rules_see(const struct gl_rules *rules, const struct gl_user *user,
                  const struct gl_rules_guest *guest)
{
    if (may_do_all(rules, user))
        return true;
    for (size_t i = 0; i < rules->n; i++)
        if (fits_user(&rules->items[i], user) && (!guest || fits_guest(&rules->items[i], guest)))
            return true;
    return false;
}
