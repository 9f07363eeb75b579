/* SPDX-License-Identifier: MIT */
#include "windows/exec-search.h"

#include <string.h>
#include <uv.h>

#include "transfer/disk.h"
#include "windows/exec-environment.h"
#include "windows/nt-open.h"
#include "windows/wide.h"

#define PATHEXT      L".COM;.EXE;.BAT;.CMD" /* if the environment has none */
#define IS_DIRECTORY 336u /* ERROR_DIRECTORY_NOT_SUPPORTED, which mingw-w64 has not */

/* Of ours, beside the system's ("SetLastError function": bit 29). */
#define OTHER_NAME 0x20000001u /* Windows takes the name for another's */
#define ON_SHARE   0x20000002u /* nobody may look at it */

#define OTHERWISE "Windows would take its name, with a dot or space at an end, for another one"
#define SHUNNED                                                                                    \
    "is on a share, and the guest's policy, which denies some paths or programs, allows none"

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

/* Of an open file, in the form "\\\\?\\C:\\x". NULL: GetLastError(). */
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
    wchar_t *path = GL_NEW0_ARRAY(wchar_t, size + 1);
    DWORD length = GetFinalPathNameByHandleW(file, path, size + 1, flags);
    if (length > 0 && length <= size)
        return path;
    gl_free(path);
    return NULL;
}

/*
 * Whether a path without \\?\ means to CreateProcess() what it means with it: that one drops dots
 * and spaces at the end of names, so that "x.exe." would be x.exe ("Naming Files, Paths, and
 * Namespaces", learn.microsoft.com).
 */
static bool means_itself(const wchar_t *path)
{
    wchar_t *full = normalise(path);
    bool same = full && wcscmp(full, path) == 0;
    gl_free(full);
    return same;
}

/* Links are followed. 0, or an error of GetLastError(). */
static DWORD open_path(const wchar_t *full, ACCESS_MASK access, ULONG share, ULONG options,
                       HANDLE *ret_file)
{
    wchar_t *path = long_path(full);
    path[1] = L'?'; /* \??\, as NT has it */
    const struct gl_nt_open how = {.name = path,
                                   .len = wcslen(path),
                                   .access = access,
                                   .share = share,
                                   .disposition = FILE_OPEN,
                                   .options = options};
    NTSTATUS status = gl_nt_open(&how, ret_file);
    gl_free(path);
    return NT_SUCCESS(status) ? 0 : RtlNtStatusToDosError(status);
}

static bool is_remote_drive(const wchar_t *path)
{
    wchar_t root[] = {path[0], L':', L'\\', 0};
    return has_drive(path) && GetDriveTypeW(root) == DRIVE_REMOTE;
}

/* Whether a path is one of a share, or a link leads from it to one: without a look at that. What
 * cannot be told might be. */
static bool leads_to_share(const wchar_t *full)
{
    const wchar_t *path = full;
    if (wcsncmp(path, L"\\\\?\\", 4) == 0)
        path += _wcsnicmp(path + 4, L"UNC\\", 4) == 0 ? 6 : 4;
    if (is_slash(path[0]) || is_remote_drive(path))
        return true;
    char *given = gl_narrow(full), *resolved = NULL;
    bool leads = !given || gl_disk_resolve_any(given, true, &resolved) != 0;
    if (!leads) {
        wchar_t *wide = gl_wide(resolved);
        leads = !wide || (is_slash(wide[0]) && wide[2] != L'?') || is_remote_drive(wide);
        gl_free(wide);
    }
    gl_free(resolved);
    gl_free(given);
    return leads;
}

/* ------------------------------------------------------------------ the search */

struct search {
    struct gl_exec_program *program;
    bool local_only;
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

/* What it is called, and by which path it is started. 0, or the error. */
static DWORD name_program(HANDLE file, struct gl_exec_program *program)
{
    wchar_t *path = final_path(file);
    if (!path)
        return ERROR_CANT_RESOLVE_FILENAME;
    wchar_t *shorter = short_path(path);
    DWORD error = 0;
    if (names_stream(path))
        error = ERROR_INVALID_NAME;
    else if (!means_itself(shorter))
        error = OTHER_NAME;
    else if (!(program->name = gl_narrow(shorter)))
        error = ERROR_NO_UNICODE_TRANSLATION;
    bool is_short = wcslen(shorter) < MAX_PATH;
    program->path = error ? NULL : is_short ? shorter : path;
    if (program->path != shorter)
        gl_free(shorter);
    if (program->path != path)
        gl_free(path);
    return error;
}

/* Opens it; IS_DIRECTORY for a folder. */
static DWORD open_program(const wchar_t *full, struct gl_exec_program *ret_program)
{
    struct gl_exec_program program = {NULL, NULL, NULL};
    if (names_stream(full))
        return ERROR_INVALID_NAME;
    DWORD error = open_path(full, FILE_EXECUTE, FILE_SHARE_READ, 0, &program.file);
    if (error)
        return error;
    wchar_t *shorter = short_path(full);
    bool same = means_itself(shorter);
    gl_free(shorter);
    BY_HANDLE_FILE_INFORMATION info;
    if (!GetFileInformationByHandle(program.file, &info))
        error = GetLastError();
    else if (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
        error = IS_DIRECTORY;
    else if (!same)
        error = OTHER_NAME;
    else
        error = name_program(program.file, &program);
    if (error)
        gl_exec_program_done(&program);
    else
        *ret_program = program;
    return error;
}

static bool try_path(struct search *search, const wchar_t *full)
{
    bool may = !search->local_only || !leads_to_share(full);
    DWORD error = may ? open_program(full, search->program) : ON_SHARE;
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
                HANDLE document;
                bool may = !search->local_only || !leads_to_share(path);
                if (may && open_path(path, 0, GL_NT_SHARE_ALL, 0, &document) == 0) {
                    remember(search, path, ERROR_BAD_EXE_FORMAT);
                    CloseHandle(document);
                }
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

static void tell_answer(const struct search *search, struct gl_exec_failure *failure)
{
    if (search->answer == ON_SHARE) {
        gl_exec_fail(failure, GL_STATUS_DENIED, "'%s': " SHUNNED, search->answered);
        return;
    }
    char *why = gl_exec_error_text(search->answer);
    gl_exec_fail(failure, GL_STATUS_NOT_EXECUTABLE, "'%s': %s", search->answered,
                 search->answer == IS_DIRECTORY ? "is a directory"
                 : search->answer == OTHER_NAME ? OTHERWISE
                                                : why);
    gl_free(why);
}

int gl_exec_search(const char *name, const wchar_t *directory, const wchar_t *environment,
                   bool local_only, struct gl_exec_program *ret_program,
                   struct gl_exec_failure *failure)
{
    struct search search = {ret_program, local_only, 0, NULL};
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
    if (!found && search.answer)
        tell_answer(&search, failure);
    else if (!found)
        gl_exec_fail(failure, GL_STATUS_PROGRAM_NOT_FOUND, "'%s': not found", name);
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

/* 0 and, if asked, where it really is; ERROR_DIRECTORY for something else, or what it was that kept
 * us out. */
static DWORD judge_directory(const wchar_t *full, bool local_only, char **ret_where)
{
    HANDLE file;
    if (local_only && leads_to_share(full))
        return ON_SHARE;
    DWORD error = open_path(full, FILE_TRAVERSE, GL_NT_SHARE_ALL, FILE_DIRECTORY_FILE, &file);
    if (error)
        return error;
    wchar_t *path = final_path(file), *shorter = path ? short_path(path) : NULL;
    if (ret_where && shorter)
        *ret_where = gl_narrow_lossy(shorter);
    else if (ret_where)
        error = ERROR_CANT_RESOLVE_FILENAME;
    gl_free(shorter);
    gl_free(path);
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

/* The profile, if there is one. */
static wchar_t *home_directory(const wchar_t *home, bool local_only)
{
    wchar_t *full = home && is_absolute(home) ? normalise(home) : NULL;
    if (full && judge_directory(full, local_only, NULL) == 0)
        return full;
    gl_free(full);
    return system_root();
}

wchar_t *gl_exec_directory(const char *directory, const wchar_t *home, bool local_only,
                           char **ret_where, struct gl_exec_failure *failure)
{
    const char *adrift = directory ? gl_disk_path_adrift(directory) : NULL;
    if (adrift) {
        gl_exec_fail(failure, GL_STATUS_INVALID, "working directory '%s': %s", directory, adrift);
        return NULL;
    }
    wchar_t *from = home_directory(home, local_only);
    if (!directory)
        return from;
    wchar_t *wide = gl_wide(directory), *given = wide ? gl_exec_path_from(from, wide) : NULL;
    wchar_t *full = given ? short_path(given) : NULL;
    DWORD error = !full                ? ERROR_INVALID_NAME
                  : means_itself(full) ? judge_directory(full, local_only, ret_where)
                                       : OTHER_NAME;
    gl_free(given);
    gl_free(wide);
    gl_free(from);
    if (!error)
        return full;
    gl_free(full);
    char *why = gl_exec_error_text(error);
    gl_exec_fail(failure,
                 error == ERROR_DIRECTORY ? GL_STATUS_NOT_DIRECTORY
                 : error == ON_SHARE      ? GL_STATUS_DENIED
                 : error == OTHER_NAME    ? GL_STATUS_INVALID
                 : is_missing(error)      ? GL_STATUS_NOT_FOUND
                                     : gl_status_from_errno(uv_translate_sys_error((int)error)),
                 "working directory '%s': %s", directory,
                 error == ON_SHARE     ? SHUNNED
                 : error == OTHER_NAME ? OTHERWISE
                                       : why);
    gl_free(why);
    return NULL;
}
