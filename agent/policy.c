/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include <string.h>

#include "glob.h"
#include "list.h"
#include "mem.h"
#include "sys.h"

/* A condition is on one field of the question. */
enum field { SERVICE, METHOD, GROUP, CALLER, PROGRAM, PATH, USER, ENV, FIELDS };

static const struct {
    const char *name;
    size_t offset;
    bool late; /* only the handler knows it; it is a name of this system's */
    char *(*fold)(const char *);
} fields[FIELDS] = {
    [SERVICE] = {"service", offsetof(struct gl_policy_question, service), false, NULL},
    [METHOD] = {"method", offsetof(struct gl_policy_question, method), false, NULL},
    [GROUP] = {"group", offsetof(struct gl_policy_question, group), false, NULL},
    [CALLER] = {"caller", offsetof(struct gl_policy_question, caller), false, NULL},
    [PROGRAM] = {"program", offsetof(struct gl_policy_question, program), true, gl_sys_fold_path},
    [PATH] = {"path", offsetof(struct gl_policy_question, path), true, gl_sys_fold_path},
    [USER] = {"user", offsetof(struct gl_policy_question, user), true, gl_sys_fold_path},
    [ENV] = {"env", offsetof(struct gl_policy_question, env), true, gl_sys_fold},
};

struct patterns {
    char **text;
    size_t count;
};

struct gl_policy_rule {
    struct gl_list link;
    bool deny;
    char *text; /* what a denial says */
    struct patterns when[FIELDS];
};

struct gl_policy {
    bool allow; /* what the default is */
    char *text; /* what a denial by default says */
    struct gl_list rules;
};

struct gl_policy *gl_policy_new(bool allow, const char *why)
{
    struct gl_policy *policy = GL_NEW0(struct gl_policy);
    policy->allow = allow;
    policy->text = gl_strdup(why ? why : "denied by the guest's policy");
    gl_list_init(&policy->rules);
    return policy;
}

static void rule_free(struct gl_policy_rule *rule)
{
    for (size_t f = 0; f < FIELDS; f++) {
        for (size_t i = 0; i < rule->when[f].count; i++)
            gl_free(rule->when[f].text[i]);
        gl_free(rule->when[f].text);
    }
    gl_free(rule->text);
    gl_free(rule);
}

void gl_policy_free(struct gl_policy *policy)
{
    if (!policy)
        return;
    GL_LIST_FOREACH_SAFE (node, &policy->rules)
        rule_free(GL_CONTAINER_OF(node, struct gl_policy_rule, link));
    gl_free(policy->text);
    gl_free(policy);
}

struct gl_policy_rule *gl_policy_add(struct gl_policy *policy, bool deny, const char *text)
{
    struct gl_policy_rule *rule = GL_NEW0(struct gl_policy_rule);
    rule->deny = deny;
    rule->text = gl_strdup(text);
    gl_list_append(&policy->rules, &rule->link);
    return rule;
}

bool gl_policy_rule_add(struct gl_policy_rule *rule, const char *field, const char *pattern)
{
    for (size_t f = 0; f < FIELDS; f++) {
        if (strcmp(fields[f].name, field) != 0)
            continue;
        struct patterns *when = &rule->when[f];
        when->text = gl_realloc_array(when->text, when->count + 1, sizeof *when->text);
        /* A backslash in it is the pattern's own. */
        when->text[when->count++] = fields[f].fold ? gl_sys_fold(pattern) : gl_strdup(pattern);
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ answering */

enum verdict { NO, MAYBE, YES };

static bool any_matches(const struct gl_policy_rule *rule, size_t field, const char *value)
{
    const struct patterns *when = &rule->when[field];
    char *folded = fields[field].fold ? fields[field].fold(value) : NULL;
    bool matches = false;
    for (size_t i = 0; i < when->count && !matches; i++)
        matches = gl_glob_match(when->text[i], folded ? folded : value);
    gl_free(folded);
    return matches;
}

/* The condition on variables, which may be there without having been written down. */
static enum verdict env_applies(const struct gl_policy_rule *rule,
                                const struct gl_policy_question *question, bool open, bool guarded)
{
    const struct patterns *when = &rule->when[ENV];
    if (question->env && when->count)
        return any_matches(rule, ENV, question->env) ? YES : NO;
    if (question->env)
        return !rule->deny && (guarded || rule->when[PROGRAM].count) ? NO : YES;
    if (!when->count || (!rule->deny && question->program))
        return YES;
    return open ? MAYBE : NO;
}

/* guarded: a variable must be allowed by a condition on env. */
static enum verdict rule_applies(const struct gl_policy_rule *rule,
                                 const struct gl_policy_question *question, bool open, bool guarded)
{
    enum verdict verdict = env_applies(rule, question, open, guarded);
    if (verdict == NO)
        return NO;
    for (size_t f = 0; f < ENV; f++) {
        if (rule->when[f].count == 0)
            continue;
        const char *value;
        memcpy(&value, (const char *)question + fields[f].offset, sizeof value);
        if (!value && open && fields[f].late)
            verdict = MAYBE;
        else if (!value || !any_matches(rule, f, value))
            return NO;
    }
    return verdict;
}

/* Is there a deny rule on programs that could apply, if the program were another one? */
static bool guards_programs(const struct gl_policy *policy,
                            const struct gl_policy_question *question)
{
    struct gl_policy_question any = *question;
    any.program = any.env = NULL;
    GL_LIST_FOREACH (node, &policy->rules) {
        const struct gl_policy_rule *rule = GL_CONTAINER_OF(node, struct gl_policy_rule, link);
        if (rule->deny && rule->when[PROGRAM].count && !rule->when[ENV].count &&
            rule_applies(rule, &any, true, false) != NO)
            return true;
    }
    return false;
}

/*
 * A path that could be another name of what a deny rule names (gl_sys_path_eludes): it is refused
 * if there is a deny rule on paths or programs that would apply if the path were another one, and
 * no allow rule that applies, or might, has a pattern for such paths.
 */
static bool is_elusive(const struct gl_policy_question *question)
{
    return (question->program && gl_sys_path_eludes(question->program)) ||
           (question->path && gl_sys_path_eludes(question->path));
}

static bool names_elusive(const struct gl_policy_rule *rule, enum field field, const char *value)
{
    const struct patterns *when = &rule->when[field];
    char *folded = fields[field].fold(value);
    bool names = false;
    for (size_t i = 0; i < when->count && !names; i++)
        names = gl_sys_path_eludes(when->text[i]) && gl_glob_match(when->text[i], folded);
    gl_free(folded);
    return names;
}

/* Whether there is a deny rule that such a path could be a way around. */
static bool guards_paths(const struct gl_policy *policy, const struct gl_policy_question *question)
{
    struct gl_policy_question any = *question;
    any.program = any.path = any.env = NULL;
    GL_LIST_FOREACH (node, &policy->rules) {
        const struct gl_policy_rule *rule = GL_CONTAINER_OF(node, struct gl_policy_rule, link);
        if (rule->deny && (rule->when[PROGRAM].count || rule->when[PATH].count) &&
            rule_applies(rule, &any, true, false) != NO)
            return true;
    }
    return false;
}

static bool refuses_elusive(const struct gl_policy *policy,
                            const struct gl_policy_question *question, bool open, bool guarded)
{
    enum field field = question->program ? PROGRAM : PATH;
    const char *value = question->program ? question->program : question->path;
    GL_LIST_FOREACH (node, &policy->rules) {
        const struct gl_policy_rule *rule = GL_CONTAINER_OF(node, struct gl_policy_rule, link);
        if (!rule->deny && names_elusive(rule, field, value) &&
            rule_applies(rule, question, open, guarded) != NO)
            return false;
    }
    return guards_paths(policy, question);
}

static bool has_elusive(const struct patterns *when)
{
    for (size_t i = 0; i < when->count; i++)
        if (gl_sys_path_eludes(when->text[i]))
            return true;
    return false;
}

bool gl_policy_shuns_elusive(const struct gl_policy *policy,
                             const struct gl_policy_question *question)
{
    GL_LIST_FOREACH (node, &policy->rules) {
        const struct gl_policy_rule *rule = GL_CONTAINER_OF(node, struct gl_policy_rule, link);
        if (!rule->deny && (has_elusive(&rule->when[PROGRAM]) || has_elusive(&rule->when[PATH])))
            return false;
    }
    return guards_paths(policy, question);
}

/* The first rule of a kind that applies for certain, or NULL; *ret_maybe: one might apply. */
static const struct gl_policy_rule *find_rule(const struct gl_policy *policy, bool deny,
                                              const struct gl_policy_question *question, bool open,
                                              bool guarded, bool *ret_maybe)
{
    *ret_maybe = false;
    GL_LIST_FOREACH (node, &policy->rules) {
        const struct gl_policy_rule *rule = GL_CONTAINER_OF(node, struct gl_policy_rule, link);
        if (rule->deny != deny)
            continue;
        enum verdict verdict = rule_applies(rule, question, open, guarded);
        if (verdict == YES)
            return rule;
        if (verdict == MAYBE)
            *ret_maybe = true;
    }
    return NULL;
}

enum gl_policy_answer gl_policy_ask(const struct gl_policy *policy,
                                    const struct gl_policy_question *question, bool open,
                                    const char **ret_text)
{
    bool maybe_denied, maybe_allowed;
    bool guarded = question->env && guards_programs(policy, question);
    const struct gl_policy_rule *denied =
        find_rule(policy, true, question, open, guarded, &maybe_denied);
    const struct gl_policy_rule *allowed =
        find_rule(policy, false, question, open, guarded, &maybe_allowed);
    if (!denied && is_elusive(question) && refuses_elusive(policy, question, open, guarded)) {
        if (ret_text)
            *ret_text = "the guest's policy denies some paths or programs, and a path that begins "
                        "with two slashes could be another way there: no rule allows it";
        return GL_POLICY_DENY;
    }
    if (!denied && (allowed || (policy->allow && !guarded)))
        return maybe_denied ? GL_POLICY_MORE : GL_POLICY_ALLOW;
    if (!denied && maybe_allowed)
        return GL_POLICY_MORE;
    if (ret_text)
        *ret_text = denied ? denied->text
                    : policy->allow
                        ? "the guest's policy denies programs, and no rule's env allows it"
                        : policy->text;
    return GL_POLICY_DENY;
}
