/* SPDX-License-Identifier: MIT */
#include "policy-config.h"

#include <string.h>

#include "config.h"
#include "glob.h"
#include "mem.h"
#include "registry.h"
#include "sys.h"

/* ------------------------------------------------------------------ words */

/* Reads words and braces; what is in quotes or comments is none. */
struct scanner {
    const char *at, *end;
    int line;
};

struct token {
    const char *text;
    size_t len;
    int line;
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/' || c == ':';
}

/* To the closing quote, or the end of the line: strings over several lines are refused later. */
static void skip_string(struct scanner *s)
{
    char quote = *s->at++;
    while (s->at < s->end && *s->at != '\n') {
        char c = *s->at++;
        if (c == quote)
            return;
        if (c == '\\' && s->at < s->end && *s->at != '\n')
            s->at++;
    }
}

/* A word, or one other character; false at the end. */
static bool next_token(struct scanner *s, struct token *ret_token)
{
    while (s->at < s->end) {
        const char *start = s->at;
        if (*start == '#') {
            while (s->at < s->end && *s->at != '\n')
                s->at++;
            continue;
        }
        if (*start == '\n')
            s->line++;
        if (strchr(" \t\r\n", *start)) {
            s->at++;
            continue;
        }
        if (*start == '"' || *start == '\'')
            skip_string(s);
        else if (!is_word(*start))
            s->at++;
        while (is_word(*start) && s->at < s->end && is_word(*s->at))
            s->at++;
        *ret_token = (struct token){start, (size_t)(s->at - start), s->line};
        return true;
    }
    return false;
}

static bool is(const struct token *token, const char *text)
{
    return token->len == strlen(text) && memcmp(token->text, text, token->len) == 0;
}

/* At what follows '{'; ends behind its '}'. false: the text ended before. */
static bool skip_braces(struct scanner *s)
{
    struct token token;
    for (int depth = 1; depth > 0;) {
        if (!next_token(s, &token))
            return false;
        depth += is(&token, "{") ? 1 : is(&token, "}") ? -1 : 0;
    }
    return true;
}

/* ------------------------------------------------------------------ splitting */

static void move(char *from, char *to, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++) {
        if (from[i] == '\n')
            continue;
        to[i] = from[i];
        from[i] = ' ';
    }
}

char *gl_policy_split(char *text, size_t len, bool *ret_closed)
{
    char *policy = gl_alloc(len + 1);
    for (size_t i = 0; i < len; i++)
        policy[i] = text[i] == '\n' ? '\n' : ' ';
    policy[len] = '\0';

    bool closed = true;
    struct scanner s = {text, text + len, 1};
    struct token before = {"", 0, 0}, token, brace;
    while (next_token(&s, &token)) {
        if (is(&token, "policy") && !is(&before, "=")) {
            size_t start = (size_t)(token.text - text);
            struct scanner ahead = s;
            if (next_token(&ahead, &brace) && is(&brace, "{")) {
                s = ahead;
                closed = skip_braces(&s) && closed;
                move(text, policy, start, (size_t)(s.at - text));
            }
        } else if (is(&token, "{")) {
            skip_braces(&s);
        }
        before = token;
    }
    *ret_closed = closed;
    return policy;
}

/*
 * The line of the n-th section (from 0) of this kind in a policy, KIND TITLE {: libConfuse knows
 * only where it ends.
 */
static int rule_line(const char *text, size_t len, const char *kind, unsigned n)
{
    struct scanner s = {text, text + len, 1};
    struct token first = {"", 0, 0}, second = first, third;
    while (next_token(&s, &third)) {
        if (is(&first, kind) && is(&third, "{") && n-- == 0)
            return first.line;
        first = second;
        second = third;
    }
    return 0;
}

/* ------------------------------------------------------------------ meaning */

/* Built once: libConfuse copies tables of options but wants them writable. */
static cfg_opt_t rule_opts[] = {
    CFG_STR_LIST("service", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("method", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("group", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("caller", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("program", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("path", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("user", NULL, CFGF_NODEFAULT),
    CFG_STR_LIST("env", NULL, CFGF_NODEFAULT),
    CFG_END(),
};

static int check_default(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *value = cfg_opt_getnstr(opt, 0);
    if (strcmp(value, "allow") == 0 || strcmp(value, "deny") == 0)
        return 0;
    cfg_error(cfg, "default is allow or deny, not '%s'", value);
    return -1;
}

/* Whether there is a service, a method or a group that the pattern could mean. */
static bool means_something(const char *field, const char *pattern)
{
    static const char *const groups[] = {"inspect", "run", "files", "manage"};
    for (size_t i = 0; strcmp(field, "group") == 0 && i < GL_ARRAY_SIZE(groups); i++)
        if (gl_glob_match(pattern, groups[i]))
            return true;
    for (const struct gl_service *const *s = gl_registry_services(); *s; s++) {
        if (strcmp(field, "service") == 0 && gl_glob_match(pattern, (*s)->name))
            return true;
        for (const struct gl_method *m = (*s)->methods; m->name; m++)
            if (strcmp(field, "method") == 0 && gl_glob_match(pattern, m->name))
                return true;
    }
    return false;
}

/* NULL, or why nothing is what the pattern asks for: a slip, and a deny rule would not deny. */
static const char *pattern_fault(const char *field, const char *pattern)
{
    bool path = strcmp(field, "program") == 0 || strcmp(field, "path") == 0;
    bool name = strcmp(field, "service") == 0 || strcmp(field, "method") == 0 ||
                strcmp(field, "group") == 0;
    if (!*pattern)
        return "it is empty";
    const char *fault = path ? gl_sys_pattern_fault(pattern) : NULL;
    if (!fault)
        fault =
            path ? gl_glob_path_fault(gl_sys_pattern_from_root(pattern)) : gl_glob_fault(pattern);
    if (!fault && name && !means_something(field, pattern))
        return "this agent has none of that name";
    return fault;
}

static int check_patterns(cfg_t *cfg, cfg_opt_t *opt)
{
    for (unsigned i = 0; i < cfg_opt_size(opt); i++) {
        const char *pattern = cfg_opt_getnstr(opt, i);
        const char *fault = pattern_fault(cfg_opt_name(opt), pattern);
        if (!fault)
            continue;
        cfg_error(cfg, "'%s' can match no %s: %s", pattern, cfg_opt_name(opt), fault);
        return -1;
    }
    return 0;
}

static cfg_opt_t policy_opts[] = {
    CFG_STR("default", "allow", CFGF_NONE),
    CFG_SEC("allow", rule_opts, CFGF_MULTI | CFGF_TITLE),
    CFG_SEC("deny", rule_opts, CFGF_MULTI | CFGF_TITLE),
    CFG_END(),
};

static cfg_opt_t file_opts[] = {
    CFG_SEC("policy", policy_opts, CFGF_NONE),
    CFG_END(),
};

struct source {
    const char *path, *text;
    size_t len;
};

/* The condition of a section that was written down as an empty list, or NULL. */
static const char *empty_condition(cfg_t *section)
{
    for (const cfg_opt_t *field = rule_opts; field->name; field++) {
        const cfg_opt_t *opt = cfg_getopt(section, field->name);
        if (cfg_size(section, field->name) == 0 && (opt->flags & CFGF_MODIFIED))
            return field->name;
    }
    return NULL;
}

/*
 * One section allow or deny. false: it has no condition, or one that nothing could meet (which must
 * not be taken for none), and *ret_error says so.
 */
static bool add_rule(struct gl_policy *policy, const struct source *source, const char *kind,
                     unsigned n, cfg_t *section, char **ret_error)
{
    int line = rule_line(source->text, source->len, kind, n);
    char *text = gl_asprintf("denied by rule \"%s\" of the guest's policy, %s:%d",
                             cfg_title(section), source->path, line);
    struct gl_policy_rule *rule = gl_policy_add(policy, strcmp(kind, "deny") == 0, text);
    gl_free(text);
    const char *empty = empty_condition(section);
    if (empty) {
        *ret_error = gl_asprintf("%s:%d: rule \"%s\" has an empty list for %s", source->path, line,
                                 cfg_title(section), empty);
        return false;
    }
    unsigned count = 0;
    for (const cfg_opt_t *opt = rule_opts; opt->name; opt++) {
        for (unsigned i = 0; i < cfg_size(section, opt->name); i++, count++)
            gl_policy_rule_add(rule, opt->name, cfg_getnstr(section, opt->name, i));
    }
    if (count == 0)
        *ret_error = gl_asprintf("%s:%d: rule \"%s\" has no condition", source->path, line,
                                 cfg_title(section));
    return count > 0;
}

static bool add_rules(struct gl_policy *policy, const struct source *source, const char *kind,
                      cfg_t *section, char **ret_error)
{
    for (unsigned i = 0; i < cfg_size(section, kind); i++)
        if (!add_rule(policy, source, kind, i, cfg_getnsec(section, kind, i), ret_error))
            return false;
    return true;
}

struct gl_policy *gl_policy_broken(const char *error)
{
    char *text = gl_asprintf("the guest denies everything until its policy is mended: %s", error);
    struct gl_policy *policy = gl_policy_new(false, text);
    gl_free(text);
    return policy;
}

struct gl_policy *gl_policy_parse(const char *path, char *text, size_t len, char **ret_error)
{
    struct source source = {path, text, len};
    cfg_t *cfg;
    *ret_error = NULL;
    policy_opts[0].validcb = check_default;
    for (cfg_opt_t *opt = rule_opts; opt->name; opt++)
        opt->validcb = check_patterns;
    if (gl_config_parse(path, text, len, file_opts, &cfg, ret_error) < 0)
        return gl_policy_broken(*ret_error);

    cfg_t *section = cfg_getsec(cfg, "policy");
    char *why =
        gl_asprintf("no rule of the guest's policy allows it, and its default is deny (%s)", path);
    struct gl_policy *policy =
        gl_policy_new(strcmp(cfg_getstr(section, "default"), "allow") == 0, why);
    gl_free(why);
    if (!add_rules(policy, &source, "deny", section, ret_error) ||
        !add_rules(policy, &source, "allow", section, ret_error)) {
        gl_policy_free(policy);
        policy = gl_policy_broken(*ret_error);
    }
    cfg_free(cfg);
    return policy;
}
