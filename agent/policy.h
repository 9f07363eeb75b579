/* SPDX-License-Identifier: MIT */
/*
 * What the guest lets its host do: the policy section of agent.conf.
 *
 *     policy {
 *         default = deny
 *         allow "look" { group = "inspect" }
 *         allow "uptime" { program = {"/usr/bin/uptime", "/usr/bin/df"}  user = "nobody" }
 *         deny "keys" { service = "file"  path = "/etc/ssh/?*" }
 *     }
 *
 * A rule applies if each of its conditions does; a condition applies if one of its patterns
 * matches. If a deny rule applies the answer is no, whatever the allow rules say; else if an allow
 * rule applies it is yes; else the default decides. The first deny (or allow) rule of the file that
 * applies is the one that is named.
 *
 * Patterns are those of glob.h. Programs, paths, accounts and variables are compared as the system
 * compares them: on Windows without regard to case, and with / in place of \, so that it is
 * "C:/Windows/System32/cmd.exe" and "CORP/alice" in a pattern.
 *
 * A path that may be another way to what has a path of its own (gl_sys_path_eludes: on Windows a
 * share, and a volume by its id) is denied where a deny rule on paths or programs could apply,
 * unless a rule that allows it has a pattern for such paths, which begins with "//".
 *
 * Environment variables that the host sets are asked about one by one, after the program. With most
 * of them it can make a program do anything (LD_PRELOAD, BASH_ENV, PATH), and a rule about programs
 * would be void. So a rule that allows by program allows no variable unless its condition on env
 * does; and where a deny rule on programs could apply, only a rule with such a condition allows
 * one. A call that sets none meets the condition on env of an allow rule, not of a deny rule.
 */
#ifndef GL_AGENT_POLICY_H
#define GL_AGENT_POLICY_H

#include <stdbool.h>
#include <stddef.h>

/* What is asked about. NULL: not known, or the call has no such thing. */
struct gl_policy_question {
    const char *service;
    const char *method;
    const char *group;   /* of the service: "inspect", "run", "files", "manage" */
    const char *caller;  /* the host's user, as the host says */
    const char *program; /* absolute path of what is to be run, symbolic links resolved */
    const char *path; /* of the file, directory or socket that is read, written or connected to */
    const char *user; /* account in the guest that it is done as */
    const char *env;  /* name of a variable that the host sets for the program */
};

enum gl_policy_answer {
    GL_POLICY_ALLOW,
    GL_POLICY_DENY,
    GL_POLICY_MORE, /* only with `open`: the answer depends on program, path, user or env */
};

struct gl_policy;
struct gl_policy_rule;

/* Without rules: the default decides. `why` is the text of a denial by it; may be NULL. */
struct gl_policy *gl_policy_new(bool allow, const char *why);
void gl_policy_free(struct gl_policy *policy); /* NULL is fine */
/* Adds a rule at the end. `text` is the text of a denial by it. The rule is the policy's. */
struct gl_policy_rule *gl_policy_add(struct gl_policy *policy, bool deny, const char *text);
/* Adds a pattern to the rule's condition on the field that is named as in the question. false: no
 * such field. */
bool gl_policy_rule_add(struct gl_policy_rule *rule, const char *field, const char *pattern);

/*
 * Answers. open: the fields program, path, user and env that are NULL are not known yet (the gate
 * asks before the handler does), rather than absent. *ret_text (may be NULL) is set with DENY: one
 * line that names the rule with file and line; valid until the policy is freed.
 */
enum gl_policy_answer gl_policy_ask(const struct gl_policy *policy,
                                    const struct gl_policy_question *question, bool open,
                                    const char **ret_text);

/*
 * Whether every path that may be another way to something (see above) would be denied, so that what
 * leads to one need not be followed: a deny rule on paths or programs could apply, and no rule that
 * allows has a pattern for such paths.
 */
bool gl_policy_shuns_elusive(const struct gl_policy *policy,
                             const struct gl_policy_question *question);

/*
 * Whether a variable, "NAME=value", is only about language, time zone and terminal, so that nobody
 * need be asked: LANG, LANGUAGE, LC_*, TZ, TERM, COLORTERM, NO_COLOR, COLUMNS and LINES, with a
 * value that holds no % and leads to no file (with / or : first, or .. in it).
 */
bool gl_policy_env_harmless(const char *pair);

#endif
