/* SPDX-License-Identifier: MIT */
/* Standard streams on Windows, as check_streams.c has it for Linux, and what a console's keys and
 * characters become. */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "stream-seen.h"
#include "windows/console.h"
#include "windows/width.h"

/* fds[0] is read, fds[1] written. `flags` of the named pipe's both ends, as FILE_FLAG_OVERLAPPED.
 */
static void make_pipe(DWORD flags, int fds[2])
{
    static unsigned number;
    wchar_t name[64];
    _snwprintf(name, GL_ARRAY_SIZE(name), L"\\\\.\\pipe\\check-streams-%lu-%u",
               (unsigned long)GetCurrentProcessId(), number++);
    HANDLE in =
        CreateNamedPipeW(name, PIPE_ACCESS_INBOUND | flags, PIPE_TYPE_BYTE, 1, 4096, 4096, 0, NULL);
    ck_assert(in != INVALID_HANDLE_VALUE);
    HANDLE out = CreateFileW(name, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, flags, NULL);
    ck_assert(out != INVALID_HANDLE_VALUE);
    fds[0] = _open_osfhandle((intptr_t)in, _O_BINARY);
    fds[1] = _open_osfhandle((intptr_t)out, _O_BINARY);
}

static void pass_all(const int fds[2])
{
    struct pass pass;
    pass_content(&pass, fds);
    pass_end(&pass, fds);
}

START_TEST(through_a_pipe_that_waits)
{
    int fds[2];
    ck_assert_int_eq(_pipe(fds, 4096, _O_BINARY), 0);
    pass_all(fds);
}
END_TEST

START_TEST(through_an_overlapped_pipe)
{
    int fds[2];
    make_pipe(FILE_FLAG_OVERLAPPED, fds);
    pass_all(fds);
}
END_TEST

/* Bytes that nobody has read yet. */
static DWORD waiting_in(int fd)
{
    DWORD n = 0;
    ck_assert(PeekNamedPipe((HANDLE)_get_osfhandle(fd), NULL, 0, NULL, &n, NULL));
    return n;
}

/* What is paused is neither lost nor delivered. */
START_TEST(paused_input_waits)
{
    int fds[2];
    struct seen in = {.data = gl_alloc(BIG)};
    struct gl_input *input;
    ck_assert_int_eq(_pipe(fds, 4096, _O_BINARY), 0);
    ck_assert_int_eq(gl_input_new(&loop, fds[0], &input_events, &in, &input), 0);
    ck_assert_int_eq(_write(fds[1], "one", 3), 3);
    gl_input_read(input, true);
    while (in.len < 3)
        uv_run(&loop, UV_RUN_ONCE);
    /* It has been read ahead, and the loop is about to hear of it, when the pause comes. */
    ck_assert_int_eq(_write(fds[1], "two", 3), 3);
    while (waiting_in(fds[0]) > 0)
        Sleep(1);
    gl_input_read(input, false);
    _close(fds[1]);
    for (int i = 0; i < 10; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        Sleep(5);
    }
    ck_assert_uint_eq(in.len, 3);
    ck_assert(!in.ended);
    gl_input_read(input, true);
    while (!in.ended)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(in.len, 6);
    ck_assert_mem_eq(in.data, "onetwo", 6);
    gl_input_free(input);
    _close(fds[0]);
    gl_free(in.data);
}
END_TEST

/* Nobody waits for a thread that sits in a call. */
static void leave_in_the_middle(DWORD flags)
{
    int fds[2];
    struct seen in = {0}, out = {0};
    struct gl_input *input;
    struct gl_output *output;
    make_pipe(flags, fds);
    ck_assert_int_eq(gl_input_new(&loop, fds[0], &input_events, &in, &input), 0);
    gl_input_read(input, true);
    uv_run(&loop, UV_RUN_NOWAIT);
    uint64_t start = uv_hrtime();
    gl_input_free(input);
    /* What comes now is for others: no reader was left behind that takes it. */
    ck_assert_int_eq(_write(fds[1], "x", 1), 1);
    for (int i = 0; i < 20; i++)
        Sleep(5);
    ck_assert_uint_eq(waiting_in(fds[0]), 1);
    ck_assert_int_eq(gl_output_new(&loop, fds[1], &output_events, &out, &output), 0);
    gl_output_write(output, part(0, BIG), BIG);
    uv_run(&loop, UV_RUN_NOWAIT);
    gl_output_free(output);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_lt((uv_hrtime() - start) / 1000000, 5000);
    ck_assert(!in.ended);
    ck_assert_uint_eq(out.written, 0);
    _close(fds[0]);
    _close(fds[1]);
}

START_TEST(a_stream_is_left_while_it_waits)
{
    leave_in_the_middle(0);
}
END_TEST

START_TEST(an_overlapped_stream_is_left_while_it_waits)
{
    leave_in_the_middle(FILE_FLAG_OVERLAPPED);
}
END_TEST

START_TEST(nobody_reads)
{
    int fds[2];
    struct seen out = {0};
    struct gl_output *output;
    make_pipe(0, fds);
    _close(fds[0]);
    ck_assert_int_eq(gl_output_new(&loop, fds[1], &output_events, &out, &output), 0);
    gl_output_write(output, part(0, 100), 100);
    gl_output_write(output, part(0, 50), 50);
    while (out.written < 150)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(out.errors, 1);
    ck_assert_int_eq(out.error, UV_EPIPE);
    gl_output_write(output, part(0, 7), 7);
    ck_assert_uint_eq(out.written, 157);
    gl_output_free(output);
    uv_run(&loop, UV_RUN_DEFAULT);
    _close(fds[1]);
}
END_TEST

/* From where it stands, as a shell's < and >> want it. */
START_TEST(files_keep_their_place)
{
    char path[] = "check-streams-file.tmp";
    struct seen out = {0}, in = {.data = gl_alloc(BIG)};
    struct gl_output *output;
    struct gl_input *input;
    int fd = _open(path, _O_RDWR | _O_CREAT | _O_TRUNC | _O_BINARY, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(_write(fd, "before", 6), 6);
    ck_assert_int_eq(gl_output_new(&loop, fd, &output_events, &out, &output), 0);
    gl_output_write(output, part(0, 1000), 1000);
    while (!gl_output_is_empty(output))
        uv_run(&loop, UV_RUN_ONCE);
    gl_output_free(output);
    ck_assert_int_eq(_lseek(fd, 3, SEEK_SET), 3);
    ck_assert_int_eq(gl_input_new(&loop, fd, &input_events, &in, &input), 0);
    gl_input_read(input, true);
    while (!in.ended)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(in.len, 1003);
    ck_assert_mem_eq(in.data, "ore", 3);
    ck_assert_mem_eq(in.data + 3, content, 1000);
    gl_input_free(input);
    uv_run(&loop, UV_RUN_DEFAULT);
    _close(fd);
    _unlink(path);
    gl_free(in.data);
}
END_TEST

START_TEST(nul_has_an_end)
{
    struct seen in = {0}, out = {0};
    struct gl_input *input;
    struct gl_output *output;
    int fd = _open("NUL", _O_RDWR);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(gl_input_new(&loop, fd, &input_events, &in, &input), 0);
    gl_input_read(input, true);
    while (!in.ended)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(in.error, 0);
    ck_assert_int_eq(gl_output_new(&loop, fd, &output_events, &out, &output), 0);
    gl_output_write(output, part(0, BIG), BIG);
    while (!gl_output_is_empty(output))
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(out.written, BIG);
    gl_input_free(input);
    gl_output_free(output);
    uv_run(&loop, UV_RUN_DEFAULT);
    _close(fd);
}
END_TEST

/* ------------------------------------------------------------------ consoles */

START_TEST(characters_are_not_cut)
{
    static const struct {
        const char *bytes;
        size_t whole;
    } cases[] = {
        {"abc", 3},           {"", 0},
        {"a\xC3", 1},         {"a\xC3\xA4", 3},
        {"\xE2\x82", 0},      {"\xE2\x82\xAC", 3},
        {"x\xF0\x9F\x98", 1}, {"x\xF0\x9F\x98\x80", 5},
        {"\x80\x80\x80", 3}, /* never a character */
        {"\xFF", 1},          {"a\xF0", 1},
    };
    for (size_t i = 0; i < GL_ARRAY_SIZE(cases); i++)
        ck_assert_uint_eq(gl_console_whole((const uint8_t *)cases[i].bytes, strlen(cases[i].bytes)),
                          cases[i].whole);
}
END_TEST

static const char *key(struct gl_console_reader *reader, WORD code, wchar_t c, DWORD state,
                       bool translated)
{
    static char text[64];
    KEY_EVENT_RECORD record = {.bKeyDown = TRUE,
                               .wRepeatCount = 1,
                               .wVirtualKeyCode = code,
                               .uChar.UnicodeChar = c,
                               .dwControlKeyState = state};
    size_t len = gl_console_key(reader, &record, translated, (uint8_t *)text, sizeof text - 1);
    text[len] = '\0';
    return text;
}

START_TEST(keys_become_bytes)
{
    struct gl_console_reader r = {0};
    ck_assert_str_eq(key(&r, 'A', L'a', 0, false), "a");
    ck_assert_str_eq(key(&r, 'C', 3, LEFT_CTRL_PRESSED, false), "\x03");
    ck_assert_str_eq(key(&r, VK_RETURN, L'\r', 0, false), "\r");
    ck_assert_str_eq(key(&r, VK_UP, 0, ENHANCED_KEY, false), "\x1b[A");
    ck_assert_str_eq(key(&r, VK_F5, 0, 0, false), "\x1b[15~");
    ck_assert_str_eq(key(&r, VK_BACK, 8, 0, false), "\x7f");
    ck_assert_str_eq(key(&r, VK_TAB, L'\t', SHIFT_PRESSED, false), "\x1b[Z");
    ck_assert_str_eq(key(&r, 'X', L'x', LEFT_ALT_PRESSED, false), "\x1bx");
    /* AltGr is Ctrl and Alt together. */
    ck_assert_str_eq(key(&r, 'E', 0x20AC, LEFT_CTRL_PRESSED | RIGHT_ALT_PRESSED, false),
                     "\xE2\x82\xAC");
    ck_assert_str_eq(key(&r, VK_SHIFT, 0, SHIFT_PRESSED, false), "");
    /* The console's own sequences come a character at a time. */
    ck_assert_str_eq(key(&r, 0, 0x1b, 0, true), "\x1b");
    ck_assert_str_eq(key(&r, 0, L'[', 0, true), "[");
    /* Both halves of U+1F600. */
    ck_assert_str_eq(key(&r, 0, 0xD83D, 0, true), "");
    ck_assert_str_eq(key(&r, 0, 0xDE00, 0, true), "\xF0\x9F\x98\x80");
}
END_TEST

START_TEST(a_key_that_is_held_or_released)
{
    struct gl_console_reader r = {0};
    uint8_t out[64];
    KEY_EVENT_RECORD record = {
        .bKeyDown = TRUE, .wRepeatCount = 3, .wVirtualKeyCode = 'A', .uChar.UnicodeChar = L'a'};
    ck_assert_uint_eq(gl_console_key(&r, &record, false, out, sizeof out), 3);
    ck_assert_mem_eq(out, "aaa", 3);
    record.bKeyDown = FALSE;
    ck_assert_uint_eq(gl_console_key(&r, &record, false, out, sizeof out), 0);
    record.wVirtualKeyCode = VK_MENU; /* Alt-65 */
    record.wRepeatCount = 1;
    ck_assert_uint_eq(gl_console_key(&r, &record, false, out, sizeof out), 1);
    /* Ctrl-Space is NUL. */
    record = (KEY_EVENT_RECORD){.bKeyDown = TRUE,
                                .wRepeatCount = 1,
                                .wVirtualKeyCode = VK_SPACE,
                                .dwControlKeyState = LEFT_CTRL_PRESSED};
    ck_assert_uint_eq(gl_console_key(&r, &record, false, out, sizeof out), 1);
    ck_assert_uint_eq(out[0], 0);
}
END_TEST

START_TEST(width_in_columns)
{
    ck_assert_uint_eq(gl_width_of("guest-1"), 7);
    ck_assert_uint_eq(gl_width_of("\xC3\xA4"), 1);
    ck_assert_uint_eq(gl_width_of("a\xCC\x88"), 1);
    ck_assert_uint_eq(gl_width_of("\xE6\xBC\xA2\xE5\xAD\x97"), 4);
    ck_assert_uint_eq(gl_width_of("\xFFx"), 2);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = GL_UNIT_SUITE("console", characters_are_not_cut, keys_become_bytes,
                                 a_key_that_is_held_or_released, width_in_columns);
    TCase *tcase = tcase_create("streams");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, through_a_pipe_that_waits);
    tcase_add_test(tcase, through_an_overlapped_pipe);
    tcase_add_test(tcase, paused_input_waits);
    tcase_add_test(tcase, a_stream_is_left_while_it_waits);
    tcase_add_test(tcase, an_overlapped_stream_is_left_while_it_waits);
    tcase_add_test(tcase, nobody_reads);
    tcase_add_test(tcase, files_keep_their_place);
    tcase_add_test(tcase, nul_has_an_end);
    suite_add_tcase(suite, tcase);
    return suite;
}

GL_UNIT_MAIN(suite)
