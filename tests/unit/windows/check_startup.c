/* SPDX-License-Identifier: MIT */
/*
 * What both daemons ask of the system about their own process, on Windows; the twin is in linux/.
 * A claim lasts as long as its process: what is to succeed is claimed by a process of its own,
 * which is this program with the folder as its argument, and ends when its input does. With another
 * argument it does so as one who is no administrator.
 */
#include "startup.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include "defaults.h"
#include "harm.h"
#include "mem.h"
#include "state-place.h"
#include "unit.h"

/* ------------------------------------------------------------------ another process */

/* As a child: says what came of it, and waits. */
static int claim_as_asked(const char *folder)
{
    char *error = NULL, end;
    DWORD n;
    int err = gl_startup_claim_state(folder, "tester", &error);
    printf("%d %s\n", err, error ? error : "");
    fflush(stdout);
    ReadFile(GetStdHandle(STD_INPUT_HANDLE), &end, 1, &n, NULL);
    return 0;
}

/* What is in an administrator's token without Administrators: as UAC has it. */
static int become_user(void)
{
    BYTE administrators[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof(administrators);
    HANDLE token, user;
    SID_AND_ATTRIBUTES without = {.Sid = administrators};
    return CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, administrators, &size) &&
                   OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &token) &&
                   CreateRestrictedToken(token, DISABLE_MAX_PRIVILEGE, 1, &without, 0, NULL, 0,
                                         NULL, &user) &&
                   ImpersonateLoggedOnUser(user)
               ? 0
               : 1;
}

struct claimer {
    uv_loop_t loop;
    uv_process_t process;
    uv_pipe_t in, out;
    char said[1024];
    size_t len;
    bool gone;
};

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct claimer *c = handle->data;
    (void)suggested;
    *ret_buf = uv_buf_init(c->said + c->len, (unsigned)(sizeof(c->said) - 1 - c->len));
}

static void on_said(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct claimer *c = stream->data;
    (void)buf;
    if (n > 0)
        c->len += (size_t)n;
    else if (n < 0)
        uv_close((uv_handle_t *)stream, NULL);
}

static void on_gone(uv_process_t *process, int64_t status, int signal)
{
    struct claimer *c = process->data;
    (void)status, (void)signal;
    c->gone = true;
    uv_close((uv_handle_t *)process, NULL);
}

/* Returns the error with which the child's claim ended; the child lives on. */
static int claim_as(struct claimer *c, const char *folder, bool as_user)
{
    char self[4096];
    size_t len = sizeof(self);
    memset(c, 0, sizeof(*c));
    ck_assert_int_eq(uv_loop_init(&c->loop), 0);
    uv_pipe_init(&c->loop, &c->in, 0);
    uv_pipe_init(&c->loop, &c->out, 0);
    c->out.data = c->process.data = c;
    ck_assert_int_eq(uv_exepath(self, &len), 0);
    char user[] = "user";
    char *args[] = {self, (char *)(uintptr_t)folder, as_user ? user : NULL, NULL};
    uv_stdio_container_t stdio[2] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&c->in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->out}};
    uv_process_options_t options = {
        .file = self, .args = args, .exit_cb = on_gone, .stdio = stdio, .stdio_count = 2};
    ck_assert_int_eq(uv_spawn(&c->loop, &c->process, &options), 0);
    uv_read_start((uv_stream_t *)&c->out, on_room, on_said);
    while (!strchr(c->said, '\n') && !c->gone)
        uv_run(&c->loop, UV_RUN_ONCE);
    int err = 1;
    ck_assert_msg(sscanf(c->said, "%d", &err) == 1, "said '%s'", c->said);
    return err;
}

static int claim(struct claimer *c, const char *folder)
{
    return claim_as(c, folder, false);
}

static void end(struct claimer *c)
{
    uv_close((uv_handle_t *)&c->in, NULL);
    ck_assert_int_eq(uv_run(&c->loop, UV_RUN_DEFAULT), 0);
    ck_assert_int_eq(uv_loop_close(&c->loop), 0);
}

static void refuse(const char *name, int wanted, const char *what)
{
    char *error = NULL;
    ck_assert_int_eq(gl_startup_claim_state(below(name), "tester", &error), wanted);
    ck_assert_msg(error && strstr(error, what), "%s", error);
    gl_free(error);
}

/* ------------------------------------------------------------------ tests */

START_TEST(state_is_made)
{
    struct claimer c;
    ck_assert_int_eq(claim(&c, below("a/b/c")), 0);
    ck_assert(gl_harm_is_private(below("a/b/c")));
    ck_assert(gl_scratch_exists(below("a/b/c/lock")));
    /* Users may look into what is above, and not change it. Wine knows them not. */
    ck_assert(gl_harm_is_wine() || !gl_harm_is_private(below("a")));
    end(&c);
    ck_assert_int_eq(claim(&c, below("a\\b\\c")), 0);
    end(&c);
    ck_assert_int_eq(claim(&c, below("d//")), 0);
    ck_assert(gl_harm_is_private(below("d")));
    end(&c);
}
END_TEST

/* In ProgramData; for gl_free(). */
static char *own_folder(void)
{
    char *folder = gl_default_state("");
    folder[strlen(folder) - 1] = '\0';
    return folder;
}

/* Who made the folder in ProgramData first could remove the configuration. The first tests of all:
 * the others make that folder. */
START_TEST(own_folder_of_others)
{
    char *folder = own_folder();
    if (gl_scratch_exists(folder)) {
        printf("own_folder_of_others: %s is there already, from an earlier run\n", folder);
    } else {
        gl_scratch_mkdir(folder);
        gl_harm_others_write(folder);
        refuse("s", UV_EACCES, "may change it");
        gl_scratch_rmdir(folder);
    }
    gl_free(folder);
}
END_TEST

/* Who only tries a program out is not its owner from then on. */
START_TEST(own_folder_of_a_user)
{
    struct claimer c;
    char *folder = own_folder(), *state = gl_default_state("agent");
    if (gl_scratch_exists(folder)) {
        printf("own_folder_of_a_user: %s is there already, from an earlier run\n", folder);
    } else {
        ck_assert_int_eq(claim_as(&c, below("s"), true), 0);
        end(&c);
        ck_assert(!gl_scratch_exists(folder));
        ck_assert_int_eq(claim_as(&c, state, true), UV_EACCES);
        ck_assert_msg(strstr(c.said, "administrator"), "%s", c.said);
        end(&c);
        ck_assert(!gl_scratch_exists(folder));
    }
    gl_free(state);
    gl_free(folder);
}
END_TEST

/* Users may look into the folder, and so may keep others from opening it. */
START_TEST(folders_that_somebody_has_open)
{
    struct claimer c;
    char *own = own_folder(), *state = gl_strdup(below("s"));
    ck_assert_int_eq(claim(&c, state), 0);
    end(&c);
    const char *const all[] = {own, state};
    for (size_t i = 0; i < GL_ARRAY_SIZE(all); i++) {
        wchar_t *wide = gl_wide_path(all[i]);
        HANDLE handle = CreateFileW(wide, FILE_LIST_DIRECTORY, 0, NULL, OPEN_EXISTING,
                                    FILE_FLAG_BACKUP_SEMANTICS, NULL);
        ck_assert_msg(handle != INVALID_HANDLE_VALUE, "%s: error %lu", all[i], GetLastError());
        int err = claim(&c, state);
        ck_assert_msg(err == 0, "%s", c.said);
        end(&c);
        CloseHandle(handle);
        gl_free(wide);
    }
    gl_free(state);
    gl_free(own);
}
END_TEST

START_TEST(state_is_taken_once)
{
    struct claimer c;
    ck_assert_int_eq(claim(&c, below("s")), 0);
    refuse("s", UV_EBUSY, "another tester");
    end(&c);
    ck_assert_int_eq(claim(&c, below("s")), 0); /* given back by the process' end */
    end(&c);
}
END_TEST

START_TEST(state_of_others)
{
    gl_scratch_mkdir(below("open"));
    gl_harm_others_write(below("open"));
    refuse("open", UV_EACCES, "may change it");
    gl_harm_others_read(below("open"));
    refuse("open", UV_EACCES, "may read it");
    ck_assert(!gl_scratch_exists(below("open/lock")));

    gl_scratch_put_text(below("file"), "");
    refuse("file", UV_ENOTDIR, "not a directory");
    char *error = NULL;
    ck_assert_int_lt(gl_startup_claim_state(below("file/in-it"), "tester", &error), 0);
    gl_free(error);
    error = NULL;
    ck_assert_int_eq(gl_startup_claim_state("", "tester", &error), UV_EINVAL);
    gl_free(error);
}
END_TEST

/* A link that somebody has laid where the folder is to be. */
START_TEST(state_behind_a_link)
{
    char *target = gl_strdup(below("target"));
    gl_scratch_mkdir(target);
    if (gl_harm_link(target, below("link")))
        refuse("link", UV_ELOOP, "it is a link");
    else
        puts("state_behind_a_link: no links here");
    ck_assert_uint_eq(gl_scratch_each(target, NULL), 0);
    gl_free(target);
}
END_TEST

START_TEST(names_that_are_none)
{
    char *error = NULL;
    ck_assert_int_lt(gl_startup_claim_state("C:\\\xff\xfe", "tester", &error), 0);
    ck_assert_ptr_nonnull(error);
    gl_free(error);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("startup");
    TCase *tc = tcase_create("startup");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, own_folder_of_others);
    tcase_add_test(tc, own_folder_of_a_user);
    tcase_add_test(tc, state_is_made);
    tcase_add_test(tc, folders_that_somebody_has_open);
    tcase_add_test(tc, state_is_taken_once);
    tcase_add_test(tc, state_of_others);
    tcase_add_test(tc, state_behind_a_link);
    tcase_add_test(tc, names_that_are_none);
    suite_add_tcase(s, tc);
    return s;
}

int main(int argc, char **argv)
{
    if (argc == 3 && become_user() != 0)
        return 1;
    return argc >= 2 ? claim_as_asked(argv[1]) : gl_unit_run(suite());
}
