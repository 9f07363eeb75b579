/* SPDX-License-Identifier: MIT */
#include "console.h"

#include <string.h>
#include <uv.h>

#include "mem.h"

#define READ_CHARS  2048u /* UTF-16; each becomes 3 bytes at most */
#define READ_KEYS   32u   /* records at a time */
#define KEY_BYTES   16u   /* the most that one key brings */
#define WRITE_BYTES 8192u /* at a time */
#define CTRL_Z      0x1A
#define ESCAPE      0x1B

bool gl_console_is(HANDLE handle)
{
    DWORD mode;
    return handle != INVALID_HANDLE_VALUE && GetConsoleMode(handle, &mode) != 0;
}

static int last_error(void)
{
    return uv_translate_sys_error((int)GetLastError());
}

/* ------------------------------------------------------------------ lines */

/* At most 3 bytes a character; half a character alone becomes U+FFFD. */
static size_t to_utf8(struct gl_console_reader *reader, const wchar_t *text, size_t n, uint8_t *out,
                      size_t size)
{
    wchar_t chars[READ_CHARS + 1];
    size_t count = 0;
    if (n == 0)
        return 0;
    if (reader->high)
        chars[count++] = reader->high;
    memcpy(chars + count, text, n * sizeof *text);
    count += n;
    reader->high = 0;
    if (IS_HIGH_SURROGATE(chars[count - 1]))
        reader->high = chars[--count];
    if (count == 0)
        return 0;
    int len =
        WideCharToMultiByte(CP_UTF8, 0, chars, (int)count, (char *)out, (int)size, NULL, NULL);
    return len > 0 ? (size_t)len : 0;
}

/* As the C runtime reads text: CR LF is a line's end. Returns what is left. */
static size_t drop_returns(wchar_t *text, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (text[i] != L'\r' || i + 1 == n || text[i + 1] != L'\n')
            text[kept++] = text[i];
    return kept;
}

/* ReadConsole function, learn.microsoft.com: ^C ends it with nothing read, and is told elsewhere.
 */
static int read_line(struct gl_console_reader *reader, uint8_t *out, size_t size)
{
    wchar_t text[READ_CHARS];
    size_t len = 0;
    DWORD room = size / 3 - 1 < READ_CHARS ? (DWORD)(size / 3 - 1) : READ_CHARS;
    while (len == 0) {
        DWORD n = 0;
        if (WaitForSingleObject(reader->cancel, 0) == WAIT_OBJECT_0)
            return UV_ECANCELED;
        if (!ReadConsoleW(reader->handle, text, room, &n, NULL)) {
            if (GetLastError() == ERROR_OPERATION_ABORTED)
                continue; /* by ^C, or since nobody wants it any more */
            return last_error();
        }
        if (n > 0 && !reader->within && text[0] == CTRL_Z)
            return 0;
        if (n > 0)
            reader->within = text[n - 1] != L'\n';
        len = to_utf8(reader, text, drop_returns(text, n), out, size);
    }
    return (int)len;
}

/* ------------------------------------------------------------------ keys */

/* As xterm sends them; "Console Virtual Terminal Sequences", Input Sequences, learn.microsoft.com.
 */
static const struct {
    WORD key;
    const char *bytes;
} sequences[] = {
    {VK_UP, "\x1b[A"},     {VK_DOWN, "\x1b[B"},  {VK_RIGHT, "\x1b[C"},   {VK_LEFT, "\x1b[D"},
    {VK_HOME, "\x1b[H"},   {VK_END, "\x1b[F"},   {VK_INSERT, "\x1b[2~"}, {VK_DELETE, "\x1b[3~"},
    {VK_PRIOR, "\x1b[5~"}, {VK_NEXT, "\x1b[6~"}, {VK_F1, "\x1bOP"},      {VK_F2, "\x1bOQ"},
    {VK_F3, "\x1bOR"},     {VK_F4, "\x1bOS"},    {VK_F5, "\x1b[15~"},    {VK_F6, "\x1b[17~"},
    {VK_F7, "\x1b[18~"},   {VK_F8, "\x1b[19~"},  {VK_F9, "\x1b[20~"},    {VK_F10, "\x1b[21~"},
    {VK_F11, "\x1b[23~"},  {VK_F12, "\x1b[24~"},
};

/* "": the key by itself sends nothing, as Shift. */
static const char *sequence_of(const KEY_EVENT_RECORD *key)
{
    const DWORD ctrl = LEFT_CTRL_PRESSED | RIGHT_CTRL_PRESSED;
    for (size_t i = 0; i < GL_ARRAY_SIZE(sequences); i++)
        if (sequences[i].key == key->wVirtualKeyCode)
            return sequences[i].bytes;
    if (key->wVirtualKeyCode == VK_TAB && (key->dwControlKeyState & SHIFT_PRESSED))
        return "\x1b[Z";
    if (key->wVirtualKeyCode == VK_BACK)
        return key->dwControlKeyState & ctrl ? "\b" : "\x7f";
    return "";
}

/* Ctrl with a key that has no character of its own: Ctrl-Space and Ctrl-@ are NUL. */
static bool is_nul(const KEY_EVENT_RECORD *key)
{
    const DWORD ctrl = LEFT_CTRL_PRESSED | RIGHT_CTRL_PRESSED;
    return (key->dwControlKeyState & ctrl) &&
           (key->wVirtualKeyCode == VK_SPACE || key->wVirtualKeyCode == '2');
}

static size_t character(struct gl_console_reader *reader, const KEY_EVENT_RECORD *key, uint8_t *out,
                        size_t size)
{
    const DWORD ctrl = LEFT_CTRL_PRESSED | RIGHT_CTRL_PRESSED;
    wchar_t c = key->uChar.UnicodeChar;
    size_t len = 0;
    /* With Ctrl it is AltGr, which is a part of the character. */
    if ((key->dwControlKeyState & LEFT_ALT_PRESSED) && !(key->dwControlKeyState & ctrl) &&
        key->bKeyDown)
        out[len++] = ESCAPE;
    return len + to_utf8(reader, &c, 1, out + len, size - len);
}

static size_t once(struct gl_console_reader *reader, const KEY_EVENT_RECORD *key, bool translated,
                   uint8_t *out, size_t size)
{
    const char *bytes = translated ? "" : sequence_of(key);
    size_t len = strlen(bytes);
    if (len > 0) {
        memcpy(out, bytes, len);
        return len;
    }
    if (key->uChar.UnicodeChar)
        return translated ? to_utf8(reader, &key->uChar.UnicodeChar, 1, out, size)
                          : character(reader, key, out, size);
    if (is_nul(key) || (translated && key->wVirtualKeyCode == 0)) {
        out[0] = 0;
        return 1;
    }
    return 0;
}

/*
 * A character that was typed by its number comes when Alt is released (KEY_EVENT_RECORD,
 * learn.microsoft.com, and Windows' own terminals).
 */
size_t gl_console_key(struct gl_console_reader *reader, const KEY_EVENT_RECORD *key,
                      bool translated, uint8_t *out, size_t size)
{
    size_t len = 0;
    bool by_number = !key->bKeyDown && key->wVirtualKeyCode == VK_MENU && key->uChar.UnicodeChar;
    WORD count = key->wRepeatCount > 0 ? key->wRepeatCount : 1;
    if (!key->bKeyDown && !by_number)
        return 0;
    for (WORD i = 0; i < count && len + KEY_BYTES <= size; i++)
        len += once(reader, key, translated, out + len, size - len);
    return len;
}

static int read_keys(struct gl_console_reader *reader, bool translated, uint8_t *out, size_t size)
{
    INPUT_RECORD records[READ_KEYS];
    HANDLE handles[] = {reader->cancel, reader->handle};
    size_t len = 0;
    while (len == 0) {
        DWORD n = 0;
        DWORD which = WaitForMultipleObjects(2, handles, FALSE, INFINITE);
        if (which == WAIT_OBJECT_0)
            return UV_ECANCELED;
        if (which != WAIT_OBJECT_0 + 1 ||
            !ReadConsoleInputW(reader->handle, records, GL_ARRAY_SIZE(records), &n))
            return last_error();
        for (DWORD i = 0; i < n; i++)
            if (records[i].EventType == KEY_EVENT)
                len += gl_console_key(reader, &records[i].Event.KeyEvent, translated, out + len,
                                      size - len);
    }
    return (int)len;
}

int gl_console_read(struct gl_console_reader *reader, uint8_t *out, size_t size)
{
    DWORD mode;
    if (!GetConsoleMode(reader->handle, &mode))
        return last_error();
    if (mode & ENABLE_LINE_INPUT)
        return read_line(reader, out, size);
    return read_keys(reader, (mode & ENABLE_VIRTUAL_TERMINAL_INPUT) != 0, out, size);
}

/* ------------------------------------------------------------------ writing */

/* How many bytes the character has that begins so; 1 for what begins none. */
static size_t length_by(uint8_t first)
{
    return first >= 0xF0 && first <= 0xF4 ? 4
           : first >= 0xE0                ? (first < 0xF0 ? 3 : 1)
           : first >= 0xC2                ? 2
                                          : 1;
}

size_t gl_console_whole(const uint8_t *data, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        uint8_t byte = data[len - back];
        if ((byte & 0xC0) != 0x80)
            return length_by(byte) > back ? len - back : len;
    }
    return len;
}

static int write_chars(HANDLE handle, const wchar_t *text, size_t n)
{
    while (n > 0) {
        DWORD written = 0;
        if (!WriteConsoleW(handle, text, (DWORD)n, &written, NULL))
            return GetLastError() == ERROR_OPERATION_ABORTED ? UV_ECANCELED : last_error();
        if (written == 0)
            return UV_EIO;
        text += written;
        n -= written;
    }
    return 0;
}

/* What is not UTF-8 is shown as U+FFFD, which MultiByteToWideChar() makes of it without flags. */
static int write_piece(struct gl_console_writer *writer, const uint8_t *data, size_t len)
{
    uint8_t bytes[WRITE_BYTES + 4];
    wchar_t text[WRITE_BYTES + 4];
    memcpy(bytes, writer->held, writer->n_held);
    memcpy(bytes + writer->n_held, data, len);
    len += writer->n_held;
    size_t whole = gl_console_whole(bytes, len);
    writer->n_held = len - whole;
    memcpy(writer->held, bytes + whole, writer->n_held);
    if (whole == 0)
        return 0;
    int n = MultiByteToWideChar(CP_UTF8, 0, (const char *)bytes, (int)whole, text,
                                (int)GL_ARRAY_SIZE(text));
    return n > 0 ? write_chars(writer->handle, text, (size_t)n) : last_error();
}

int gl_console_write(struct gl_console_writer *writer, const uint8_t *data, size_t len)
{
    int err = 0;
    for (size_t at = 0; at < len && err == 0; at += WRITE_BYTES) {
        size_t n = len - at < WRITE_BYTES ? len - at : WRITE_BYTES;
        err = write_piece(writer, data + at, n);
    }
    return err;
}
