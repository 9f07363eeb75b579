/* SPDX-License-Identifier: MIT */
#include "windows/exec-search.h"

#include <string.h>
#include <uv.h>

#include "windows/exec-environment.h"
#include "windows/wide.h"

#define PATHEXT      L".COM;.EXE;.BAT;.CMD" /* if the environment has none */
#define IS_DIRECTORY 336u /* ERROR_DIRECTORY_NOT_SUPPORTED, which mingw-w64 has not */

/* ------------------------------------------------------------------ paths */

static wchar_t *join(const wchar_t *a, size_t a_length, const wchar_t *between, const wchar_t *b,
                     size_t b_length)
{
    size_t middle = wcslen(between);
    wchar_t *whole = GL_NEW0_ARRAY(wchar_t, a_length + middle + b_length + 1);
    memcpy(whole, a, a_length * sizeof(*whole));
    memcpy(whole + a_length, between, middle * sizeof(*whole));
    memcpy(whole + a_length + middle, b, b_length * sizeof(*whole));
    return whole;
}

static bool is_slash(wchar_t c)
{
    return c == L'\\' || c == L'/';
}

static bool has_drive(const wchar_t *path)
{
    wchar_t letter = path[0] | 0x20;
    return letter >= L'a' && letter <= L'z' && path[1] == L':';
}

static bool is_absolute(const wchar_t *path)
{
    return (has_drive(path) && is_slash(path[2])) || (is_slash(path[0]) && is_slash(path[1]));
}

/* Without . and .., with backslashes. */
static wchar_t *normalise(const wchar_t *path)
{
    DWORD size = GetFullPathNameW(path, 0, NULL, NULL);
    if (size == 0)
        return NULL;
    wchar_t *full = GL_NEW0_ARRAY(wchar_t, size);
    DWORD length = GetFullPathNameW(path, size, full, NULL);
    if (length > 0 && length < size && wcsncmp(full, L"\\\\.\\", 4) != 0)
        return full;
    gl_free(full);
    return NULL;
}

wchar_t *gl_exec_path_from(const wchar_t *directory, const wchar_t *path)
{
    wchar_t *whole, *full;
    if (is_absolute(path))
        return normalise(path);
    if (has_drive(path))
        return NULL; /* another directory for each drive, which nobody has set */
    if (is_slash(path[0])) {
        if (!has_drive(directory))
            return NULL;
        whole = join(directory, 2, L"", path, wcslen(path));
    } else {
        whole = join(directory, wcslen(directory), L"\\", path, wcslen(path));
    }
    full = normalise(whole);
    gl_free(whole);
    return full;
}

/* For a W function: of any length. */
static wchar_t *long_path(const wchar_t *full)
{
    if (wcsncmp(full, L"\\\\?\\", 4) == 0)
        return join(full, wcslen(full), L"", L"", 0);
    if (is_slash(full[0]))
        return join(L"\\\\?\\UNC\\", 8, L"", full + 2, wcslen(full + 2));
    return join(L"\\\\?\\", 4, L"", full, wcslen(full));
}

/* The other way, where the rest is short enough for everybody. */
static wchar_t *short_path(const wchar_t *path)
{
    if (wcsncmp(path, L"\\\\?\\UNC\\", 8) == 0)
        return join(L"\\\\", 2, L"", path + 8, wcslen(path + 8));
    if (wcsncmp(path, L"\\\\?\\", 4) == 0 && has_drive(path + 4))
        return join(path + 4, wcslen(path + 4), L"", L"", 0);
    return join(path, wcslen(path), L"", L"", 0);
}

/* Of an open file. NULL: GetLastError(). */
static wchar_t *final_path(HANDLE file)
{
    DWORD flags = VOLUME_NAME_DOS;
    DWORD size = GetFinalPathNameByHandleW(file, NULL, 0, flags);
    if (size == 0) { /* a volume that has no letter */
        flags = VOLUME_NAME_GUID;
        size = GetFinalPathNameByHandleW(file, NULL, 0, flags);
    }
    if (size == 0)
        return NULL;
    wchar_t *path = GL_NEW0_ARRAY(wchar_t, size + 1), *shorter = NULL;
    DWORD length = GetFinalPathNameByHandleW(file, path, size + 1, flags);
    if (length > 0 && length <= size)
        shorter = short_path(path);
    gl_free(path);
    return shorter;
}

/* ------------------------------------------------------------------ the search */

struct search {
    struct gl_exec_program *program;
    DWORD answer;   /* of the first that was there but could not be run; 0: none */
    char *answered; /* its name */
};

static bool is_missing(DWORD error)
{
    return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ||
           error == ERROR_INVALID_NAME || error == ERROR_BAD_PATHNAME || error == ERROR_NOT_READY ||
           error == ERROR_BAD_NETPATH || error == ERROR_BAD_NET_NAME || error == ERROR_DIRECTORY;
}

static void remember(struct search *search, const wchar_t *path, DWORD error)
{
    if (is_missing(error) || search->answer)
        return;
    search->answer = error;
    search->answered = gl_narrow_lossy(path);
}

/* Whether a path names a stream of a file: another content under the file's own name, which no rule
 * about that file would meet ("File Streams", learn.microsoft.com). */
static bool names_stream(const wchar_t *full)
{
    if (wcsncmp(full, L"\\\\?\\", 4) == 0)
        full += 4;
    return wcschr(has_drive(full) ? full + 2 : full, L':');
}

/* Opens it; IS_DIRECTORY for a folder. */
static DWORD open_program(const wchar_t *full, struct gl_exec_program *ret_program)
{
    if (names_stream(full))
        return ERROR_INVALID_NAME;
    wchar_t *path = long_path(full);
    HANDLE file =
        CreateFileW(path, FILE_EXECUTE | FILE_READ_ATTRIBUTES | SYNCHRONIZE, FILE_SHARE_READ, NULL,
                    OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    DWORD error = file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    gl_free(path);
    if (error)
        return error;
    BY_HANDLE_FILE_INFORMATION info;
    wchar_t *resolved = NULL;
    if (!GetFileInformationByHandle(file, &info))
        error = GetLastError();
    else if (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
        error = IS_DIRECTORY;
    else if (!(resolved = final_path(file)))
        error = ERROR_CANT_RESOLVE_FILENAME;
    else if (names_stream(resolved))
        error = ERROR_INVALID_NAME;
    char *name = resolved ? gl_narrow(resolved) : NULL;
    if (!error && !name)
        error = ERROR_NO_UNICODE_TRANSLATION;
    if (error) {
        gl_free(resolved);
        CloseHandle(file);
        return error;
    }
    *ret_program = (struct gl_exec_program){resolved, name, file};
    return 0;
}

static bool try_path(struct search *search, const wchar_t *full)
{
    DWORD error = open_program(full, search->program);
    if (error)
        remember(search, full, error);
    return error == 0;
}

/* What CreateProcess can start: of PATHEXT, the others are documents that have a program. */
static bool is_program_extension(const wchar_t *extension, size_t length)
{
    static const wchar_t *const all[] = {L".com", L".exe", L".bat", L".cmd"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(all); i++)
        if (CompareStringOrdinal(extension, (int)length, all[i], -1, TRUE) == CSTR_EQUAL)
            return true;
    return false;
}

static bool try_extensions(struct search *search, const wchar_t *full, const wchar_t *extensions)
{
    for (const wchar_t *at = extensions; *at;) {
        size_t length = wcscspn(at, L";");
        if (length > 1 && *at == L'.') {
            wchar_t *path = join(full, wcslen(full), L"", at, length);
            bool found = false;
            if (is_program_extension(at, length)) {
                found = try_path(search, path);
            } else {
                wchar_t *longer = long_path(path);
                if (GetFileAttributesW(longer) != INVALID_FILE_ATTRIBUTES)
                    remember(search, path, ERROR_BAD_EXE_FORMAT);
                gl_free(longer);
            }
            gl_free(path);
            if (found)
                return true;
        }
        at += length + (at[length] != 0);
    }
    return false;
}

static bool try_name(struct search *search, const wchar_t *full, const wchar_t *extensions)
{
    const wchar_t *last = full;
    for (const wchar_t *p = full; *p; p++)
        if (is_slash(*p))
            last = p + 1;
    if (wcschr(last, L'.'))
        return try_path(search, full) || try_extensions(search, full, extensions);
    return try_extensions(search, full, extensions) || try_path(search, full);
}

/* Entries may be in quotes, so that one can hold a semicolon. */
static bool try_list(struct search *search, const wchar_t *list, const wchar_t *name,
                     const wchar_t *extensions)
{
    wchar_t *entry = GL_NEW0_ARRAY(wchar_t, wcslen(list) + 1);
    bool found = false;
    for (const wchar_t *at = list; *at && !found;) {
        bool quoted = false;
        size_t length = 0;
        for (; *at && (quoted || *at != L';'); at++) {
            if (*at == L'"')
                quoted = !quoted;
            else
                entry[length++] = *at;
        }
        entry[length] = 0;
        at += *at != 0;
        wchar_t *full = is_absolute(entry) ? gl_exec_path_from(entry, name) : NULL;
        if (full)
            found = try_name(search, full, extensions);
        gl_free(full);
    }
    gl_free(entry);
    return found;
}

static bool is_bare(const wchar_t *name)
{
    return !wcspbrk(name, L"\\/:");
}

int gl_exec_search(const char *name, const wchar_t *directory, const wchar_t *environment,
                   struct gl_exec_program *ret_program, struct gl_exec_failure *failure)
{
    struct search search = {ret_program, 0, NULL};
    const wchar_t *extensions = gl_exec_environment_get(environment, L"PATHEXT");
    const wchar_t *list = gl_exec_environment_get(environment, L"PATH");
    bool found = false;
    if (!extensions || !*extensions)
        extensions = PATHEXT;
    wchar_t *wide = gl_wide(name);
    if (!wide)
        return gl_exec_fail(failure, GL_STATUS_PROGRAM_NOT_FOUND, "'%s': its name is not UTF-8",
                            name);
    if (is_bare(wide)) {
        found = *wide && list && try_list(&search, list, wide, extensions);
    } else {
        wchar_t *full = gl_exec_path_from(directory, wide);
        found = full && try_name(&search, full, extensions);
        gl_free(full);
    }
    if (!found && search.answer) {
        char *why = gl_exec_error_text(search.answer);
        gl_exec_fail(failure, GL_STATUS_NOT_EXECUTABLE, "'%s': %s", search.answered,
                     search.answer == IS_DIRECTORY ? "is a directory" : why);
        gl_free(why);
    } else if (!found) {
        gl_exec_fail(failure, GL_STATUS_PROGRAM_NOT_FOUND, "'%s': not found", name);
    }
    gl_free(search.answered);
    gl_free(wide);
    return found ? 0 : -1;
}

void gl_exec_program_done(struct gl_exec_program *program)
{
    if (program->file)
        CloseHandle(program->file);
    gl_free(program->path);
    gl_free(program->name);
    *program = (struct gl_exec_program){NULL, NULL, NULL};
}

/* ------------------------------------------------------------------ the working directory */

/* 0, ERROR_DIRECTORY for something else, or what it was that kept us out. */
static DWORD judge_directory(const wchar_t *full)
{
    wchar_t *path = long_path(full);
    HANDLE file = CreateFileW(path, FILE_TRAVERSE | FILE_READ_ATTRIBUTES,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    DWORD error = file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    gl_free(path);
    if (error)
        return error;
    BY_HANDLE_FILE_INFORMATION info;
    if (!GetFileInformationByHandle(file, &info))
        error = GetLastError();
    else if (!(info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        error = ERROR_DIRECTORY;
    CloseHandle(file);
    return error;
}

static wchar_t *system_root(void)
{
    wchar_t path[MAX_PATH] = L"";
    GetWindowsDirectoryW(path, GL_ARRAY_SIZE(path));
    wcscpy(has_drive(path) ? path + 2 : path, has_drive(path) ? L"\\" : L"C:\\");
    return join(path, wcslen(path), L"", L"", 0);
}

wchar_t *gl_exec_directory(const char *directory, const wchar_t *home,
                           struct gl_exec_failure *failure)
{
    wchar_t *from =
        home && is_absolute(home) && judge_directory(home) == 0 ? normalise(home) : NULL;
    if (!from)
        from = system_root();
    if (!directory)
        return from;
    wchar_t *wide = gl_wide(directory), *full = wide ? gl_exec_path_from(from, wide) : NULL;
    DWORD error = full ? judge_directory(full) : ERROR_INVALID_NAME;
    gl_free(wide);
    gl_free(from);
    if (!error)
        return full;
    gl_free(full);
    char *why = gl_exec_error_text(error);
    gl_exec_fail(failure,
                 error == ERROR_DIRECTORY ? GL_STATUS_NOT_DIRECTORY
                 : is_missing(error)      ? GL_STATUS_NOT_FOUND
                                     : gl_status_from_errno(uv_translate_sys_error((int)error)),
                 "working directory '%s': %s", directory, why);
    gl_free(why);
    return NULL;
}
