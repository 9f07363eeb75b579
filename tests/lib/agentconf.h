/* SPDX-License-Identifier: MIT */
/* agent.conf for tests: what is taken, refused, or breaks the policy. */
#ifndef GL_AGENTCONF_H
#define GL_AGENTCONF_H

#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "harm.h"
#include "mem.h"
#include "policy-config.h"
#include "scratch.h"
#include "unit.h"

static char folder[GL_SCRATCH_PATH], path[GL_SCRATCH_PATH + 16];
static struct gl_settings_options options;

static inline void setup(void)
{
    gl_scratch_new(folder, "settings");
    snprintf(path, sizeof(path), "%s/agent.conf", folder);
    options = (struct gl_settings_options){.config = path};
}

static inline void teardown(void)
{
    gl_scratch_remove(folder);
}

static inline void put(const char *text)
{
    gl_scratch_put_text(path, text);
    gl_harm_undo(path);
}

static inline struct gl_settings *load(const char *text)
{
    struct gl_settings *settings = NULL;
    char *error = NULL;
    put(text);
    int err = gl_settings_load(&options, &settings, &error);
    ck_assert_msg(err == 0, "%s", error);
    return settings;
}

static inline void refuse(const char *text, int line, const char *what)
{
    struct gl_settings *settings = NULL;
    char *error = NULL, where[sizeof(path) + 64];
    put(text);
    ck_assert_int_lt(gl_settings_load(&options, &settings, &error), 0);
    ck_assert_ptr_null(settings);
    snprintf(where, sizeof(where), line ? "%s:%d: " : "%s", path, line);
    ck_assert_msg(strstr(error, where) && strstr(error, what), "%s", error);
    gl_free(error);
}

static inline enum gl_policy_answer ask(const struct gl_settings *settings, const char *service,
                                        const char *file, const char **ret_text)
{
    struct gl_policy_question question = {.service = service, .path = file};
    return gl_policy_ask(settings->policy, &question, false, ret_text);
}

/* The policy of this text denies everything, and says why. */
static inline void broken(const char *text, int line, const char *what)
{
    const char *why;
    char where[sizeof(path) + 64];
    struct gl_settings *settings = load(text);
    ck_assert_int_eq(ask(settings, "link", NULL, &why), GL_POLICY_DENY);
    snprintf(where, sizeof(where), "%s:%d: ", path, line);
    ck_assert_msg(strstr(why, where) && strstr(why, what), "%s", why);
    ck_assert_ptr_nonnull(settings->policy_error);
    ck_assert_ptr_nonnull(strstr(settings->policy_error, where));
    gl_settings_free(settings);
}

#endif
