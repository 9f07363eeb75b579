/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "harm.h"
#include "mem.h"
#include "scratch.h"
#include "unit.h"

static char folder[GL_SCRATCH_PATH], path[GL_SCRATCH_PATH + 16];

static int is_level(cfg_t *cfg, cfg_opt_t *opt)
{
    if (strcmp(cfg_opt_getnstr(opt, 0), "info") == 0)
        return 0;
    cfg_error(cfg, "'%s' is no level for %s", cfg_opt_getnstr(opt, 0), cfg_opt_name(opt));
    return -1;
}

static int is_short(cfg_t *cfg, cfg_opt_t *opt)
{
    (void)cfg;
    for (unsigned i = 0; i < cfg_opt_size(opt); i++) {
        if (strlen(cfg_opt_getnstr(opt, i)) > 8)
            return -1;
    }
    return strcmp(cfg_opt_name(opt), "deny") == 0 ? 0 : -1;
}

static cfg_opt_t target_opts[] = {
    CFG_STR("to", NULL, CFGF_NONE),
    CFG_STR_LIST("users", "{root, admin}", CFGF_NONE),
    CFG_END(),
};
static cfg_opt_t limit_opts[] = {
    CFG_INT("jobs", 7, CFGF_NONE),
    CFG_END(),
};
static cfg_opt_t opts[] = {
    CFG_STR_CB("level", "info", CFGF_NONE, NULL),
    CFG_STR("name", "none", CFGF_NONE),
    CFG_INT("count", 3, CFGF_NONE),
    CFG_BOOL("on", cfg_false, CFGF_NONE),
    CFG_STR_LIST("allow", "{a, b}", CFGF_NONE),
    CFG_STR_LIST("deny", NULL, CFGF_NONE),
    CFG_SEC("limits", limit_opts, CFGF_NONE),
    CFG_SEC("target", target_opts, CFGF_MULTI | CFGF_TITLE),
    CFG_END(),
};

static void setup(void)
{
    gl_scratch_new(folder, "config");
    snprintf(path, sizeof(path), "%s/x.conf", folder);
    opts[0].validcb = is_level;
    opts[5].validcb = is_short;
}

static void teardown(void)
{
    gl_scratch_remove(folder);
}

static void put(const void *text, size_t len)
{
    gl_scratch_put(path, text, len);
    gl_harm_undo(path);
}

static cfg_t *load_as_it_is(void)
{
    cfg_t *cfg = NULL;
    char *error = NULL;
    int err = gl_config_load(path, opts, &cfg, &error);
    ck_assert_msg(err == 0, "%s", error ? error : "no message");
    ck_assert_ptr_null(error);
    return cfg;
}

static cfg_t *load(const char *text)
{
    put(text, strlen(text));
    return load_as_it_is();
}

/* The file is refused with a message that is PATH:LINE: and contains what. */
static void refuse_bytes(const void *text, size_t len, int line, const char *what)
{
    cfg_t *const untouched = (cfg_t *)&path;
    cfg_t *cfg = untouched;
    char *error = NULL;
    char prefix[sizeof(path) + 16];
    put(text, len);
    ck_assert_int_eq(gl_config_load(path, opts, &cfg, &error), UV_EINVAL);
    ck_assert_ptr_eq(cfg, untouched);
    ck_assert_ptr_nonnull(error);
    snprintf(prefix, sizeof(prefix), "%s:%d: ", path, line);
    ck_assert_msg(strncmp(error, prefix, strlen(prefix)) == 0, "%s, not line %d", error, line);
    ck_assert_msg(strstr(error, what) != NULL, "'%s' is not in '%s'", what, error);
    for (const char *c = error; *c; c++)
        ck_assert((unsigned char)*c >= 0x20);
    gl_free(error);
    /* The parser is global: a bad file must leave no trace in it. */
    cfg_free(load("name = after\n"));
}

static void refuse(const char *text, int line, const char *what)
{
    refuse_bytes(text, strlen(text), line, what);
}

START_TEST(takes_what_is_right)
{
    cfg_t *cfg = load("# a comment * with \" all ( sorts | of ${things}\r\n"
                      "level = info\n"
                      "name = \"a \\\"quoted\\\" \\\\ name\" # and another\n"
                      "count = -12\non = yes\n"
                      "allow = { one, \"file.*\", 'C:\\new\\dir' }\n"
                      "limits { jobs = 2 }\n"
                      "target \"web\" { to = unix:/run/web.sock\n users = {} }\n"
                      "target db { to = 'vsock:any:1007' }");
    ck_assert_str_eq(cfg_getstr(cfg, "name"), "a \"quoted\" \\ name");
    ck_assert_int_eq(cfg_getint(cfg, "count"), -12);
    ck_assert_int_eq(cfg_getbool(cfg, "on"), cfg_true);
    ck_assert_uint_eq(cfg_size(cfg, "allow"), 3);
    ck_assert_str_eq(cfg_getnstr(cfg, "allow", 1), "file.*");
    ck_assert_str_eq(cfg_getnstr(cfg, "allow", 2), "C:\\new\\dir");
    ck_assert_int_eq(cfg_getint(cfg_getsec(cfg, "limits"), "jobs"), 2);
    ck_assert_uint_eq(cfg_size(cfg, "target"), 2);
    cfg_t *web = cfg_gettsec(cfg, "target", "web");
    ck_assert_str_eq(cfg_getstr(web, "to"), "unix:/run/web.sock");
    ck_assert_uint_eq(cfg_size(web, "users"), 0);
    cfg_t *db = cfg_gettsec(cfg, "target", "db");
    ck_assert_uint_eq(cfg_size(db, "users"), 2);
    cfg_free(cfg);
}
END_TEST

START_TEST(defaults)
{
    cfg_t *loaded = load(""), *made = gl_config_defaults(opts);
    cfg_t *both[] = {loaded, made};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(cfg_getstr(both[i], "name"), "none");
        ck_assert_int_eq(cfg_getint(both[i], "count"), 3);
        ck_assert_uint_eq(cfg_size(both[i], "allow"), 2);
        ck_assert_uint_eq(cfg_size(both[i], "deny"), 0);
        ck_assert_int_eq(cfg_getint(cfg_getsec(both[i], "limits"), "jobs"), 7);
        cfg_free(both[i]);
    }
}
END_TEST

START_TEST(unknown_keys)
{
    refuse("name = x\nnmae = y\n", 2, "no such option 'nmae'");
    refuse("# one\n\n# two\n  # three # 'four\nname = '# x' # \"five\nnmae = y\n", 6, "nmae");
    refuse("limits {\n\n  job = 1 }\n", 3, "no such option 'job'");
    refuse("\"ev\xc2\x9bil\" = x\n", 1, "ev\\xc2\\x9bil");
}
END_TEST

START_TEST(given_twice)
{
    refuse("name = x\ncount = 1\nname = x\n", 3, "option 'name' is given twice");
    refuse("deny = {a, b}\ndeny = {c}\n", 2, "option 'deny' is given twice");
    refuse("deny = {a}\ndeny = {}\n", 2, "option 'deny' is given twice");
    refuse("allow = a\nallow = b\n", 2, "option 'allow' is given twice");
    refuse("limits { jobs = 1 }\nlimits { jobs = 2 }\n", 2, "option 'limits' is given twice");
    refuse("limits { jobs = 1 jobs = 2 }\n", 1, "option 'jobs' is given twice");
    refuse("target a { to = x }\ntarget a { to = y }\n", 2, "'a'");
    cfg_free(load("target a { to = x }\ntarget b { to = x }\n"));
}
END_TEST

START_TEST(truncated)
{
    refuse("limits { jobs = 1\n", 2, "ends within braces");
    refuse("target a {\n", 2, "ends within braces");
    refuse("deny = { a,\n", 2, "ends within braces");
    refuse("name = \"abc\ncount = 1\n", 1, "not closed");
    refuse("name = 'abc", 1, "not closed");
    refuse("name = \"abc\\", 1, "backslash");
    refuse("name =", 1, "premature end");
    refuse("name", 1, "premature end");
    refuse("limits { jobs = 1 }\n}\n", 2, "closing brace");
}
END_TEST

START_TEST(dropped_in_silence_otherwise)
{
    refuse("deny = {*}\n", 1, "in quotes");
    refuse("deny = {a, *}\n", 1, "in quotes");
    refuse("deny = {a+}\n", 1, "in quotes");
    refuse("limits|jobs = 1\n", 1, "in quotes");
    refuse("name = C:\\dir\n", 1, "in quotes");
    refuse("name = \"C:\\new\"\n", 1, "backslash");
    refuse("name = \"\\x00\"\n", 1, "backslash");
    refuse("name = ${HOME}\n", 1, "environment");
    refuse("name = \"${HOME}\"\n", 1, "environment");
    refuse("name = x // comment\n", 1, "comments start with #");
    refuse("/* name = x */\n", 1, "comments start with #");
    refuse("include('/etc/passwd')\n", 1, "in quotes");
}
END_TEST

START_TEST(numbers)
{
    refuse("count = \"\"\n", 1, "no decimal number");
    refuse("count = 0x10\n", 1, "no decimal number");
    refuse("count = 12k\n", 1, "no decimal number");
    refuse("count = ' 1'\n", 1, "no decimal number");
    refuse("count = 99999999999999999999\n", 1, "no decimal number");
    cfg_t *cfg = load("count = 010\n");
    ck_assert_int_eq(cfg_getint(cfg, "count"), 10);
    cfg_free(cfg);
    refuse("on = maybe\n", 1, "boolean");
}
END_TEST

START_TEST(bytes)
{
    refuse_bytes("name = x\nna\0me = y\n", 19, 2, "control character");
    refuse_bytes("name = \"\x1b\"\n", 11, 1, "control character");
    refuse("name = \xff\n", 1, "UTF-8");
    refuse("\n# \xc3(\n", 2, "UTF-8");
    refuse("name = '\xed\xa0\x80'\n", 1, "UTF-8");

    char line[2 * GL_CONFIG_LINE_MAX];
    size_t len = (size_t)snprintf(line, sizeof(line), "name = '");
    memset(line + len, 'x', GL_CONFIG_LINE_MAX - len - 1);
    memcpy(line + GL_CONFIG_LINE_MAX - 1, "'", 2);
    cfg_t *cfg = load(line);
    ck_assert_uint_eq(strlen(cfg_getstr(cfg, "name")), GL_CONFIG_LINE_MAX - len - 1);
    cfg_free(cfg);
    memcpy(line + GL_CONFIG_LINE_MAX - 1, "x'\n", 4);
    refuse(line, 1, "too long");
}
END_TEST

START_TEST(validators)
{
    refuse("\nlevel = loud\n", 2, "'loud' is no level for level");
    refuse("deny = {a, b, longer-than-8}\n", 1, "bad value of option 'deny'");
    cfg_t *cfg = load("level = info\ndeny = {a, b, c}\n");
    ck_assert_uint_eq(cfg_size(cfg, "deny"), 3);
    cfg_free(cfg);
}
END_TEST

static int load_error(const char *which, const char *what)
{
    cfg_t *cfg = NULL;
    char *error = NULL;
    int err = gl_config_load(which, opts, &cfg, &error);
    ck_assert_ptr_null(cfg);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(strstr(error, what) != NULL, "%s", error);
    ck_assert(strncmp(error, which, strlen(which)) == 0);
    gl_free(error);
    return err;
}

/* As Notepad and PowerShell save a file. */
START_TEST(byte_order_marks)
{
    cfg_t *cfg = load("\xEF\xBB\xBFname = x\n");
    ck_assert_str_eq(cfg_getstr(cfg, "name"), "x");
    cfg_free(cfg);
    cfg_free(load("\xEF\xBB\xBF"));
    refuse("\xEF\xBB\xBFname = x\nnone = y\n", 2, "none");
    refuse("name = x\n\xEF\xBB\xBFnone = y\n", 2, "none");

    put("\xFF\xFEn\0=\0", 6);
    ck_assert_int_eq(load_error(path, "save it as UTF-8"), UV_EINVAL);
    put("\xFE\xFF\0n\0=", 6);
    ck_assert_int_eq(load_error(path, "save it as UTF-8"), UV_EINVAL);
}
END_TEST

START_TEST(files)
{
    ck_assert_int_eq(load_error("/nonexistent/file", "no such file"), UV_ENOENT);
    ck_assert_int_eq(load_error(folder, "not a regular file"), UV_EINVAL);

    char *large = gl_alloc0(GL_CONFIG_FILE_MAX + 1);
    put(large, GL_CONFIG_FILE_MAX + 1);
    gl_free(large);
    ck_assert_int_eq(load_error(path, "too large"), UV_E2BIG);
}
END_TEST

/* What others may write is refused where that would give them more rights than they have. */
static void load_of_others(void)
{
    if (gl_harm_is_superuser())
        ck_assert_int_eq(load_error(path, "may write"), UV_EACCES);
    else
        cfg_free(load_as_it_is());
}

START_TEST(writable_by_others)
{
    cfg_free(load("name = x\n"));
    gl_harm_others_write(path);
    load_of_others();
    gl_harm_others_read(path);
    cfg_free(load_as_it_is());
    if (gl_harm_give_away(path))
        load_of_others();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("config");
    static const TTest *const *const tests[] = {&takes_what_is_right,
                                                &defaults,
                                                &unknown_keys,
                                                &given_twice,
                                                &truncated,
                                                &dropped_in_silence_otherwise,
                                                &numbers,
                                                &bytes,
                                                &byte_order_marks,
                                                &validators,
                                                &files,
                                                &writable_by_others};
    TCase *tcase = tcase_create("config");
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, *tests[i]);
    suite_add_tcase(s, tcase);
    return s;
}

GL_UNIT_MAIN(suite)
