/* SPDX-License-Identifier: MIT */
#include "startup.h"

#include <string.h>
#include <uv.h>
#include <windows.h>

#include "defaults.h"
#include "log.h"
#include "mem.h"
#include "os.h"
#include "private.h"
#include "service.h"
#include "wide.h"

static int last_error(void)
{
    return uv_translate_sys_error((int)GetLastError());
}

/* ------------------------------------------------------------------ the process */

void gl_startup_prepare(void)
{
    gl_os_open_standard();
    /* No box on a desktop that nobody sees waits for a click. */
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    /* A DLL comes from the system or not at all, whatever lies in the working directory. */
    SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32);
    HeapSetInformation(NULL, HeapEnableTerminationOnCorruption, NULL, 0);
}

uint64_t gl_startup_saved_open_files(void)
{
    return 0;
}

/* ------------------------------------------------------------------ directories */

static int make_directory(const char *path, bool users_read)
{
    SECURITY_ATTRIBUTES security = {.nLength = sizeof security};
    wchar_t *wide = gl_wide_path(path);
    if (!wide)
        return UV_EINVAL;
    int err = gl_private_descriptor(users_read, &security.lpSecurityDescriptor);
    if (!err) {
        if (!CreateDirectoryW(wide, &security) && GetLastError() != ERROR_ALREADY_EXISTS)
            err = last_error();
        LocalFree(security.lpSecurityDescriptor);
    }
    gl_free(wide);
    return err;
}

/* Whether a directory is there already: drives and shares are, and cannot be made. */
static bool is_directory(const char *path)
{
    wchar_t *wide = gl_wide_path(path);
    DWORD attributes = wide ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;
    gl_free(wide);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

void gl_startup_make_parents(const char *path)
{
    char *copy = gl_strdup(path);
    for (char *at = copy; *at; at++) {
        size_t separators = strspn(at, "/\\");
        if (separators == 0 || at == copy)
            continue;
        if (!at[separators])
            break; /* of the name itself */
        char separator = *at;
        *at = '\0';
        if (!is_directory(copy))
            make_directory(copy, true);
        *at = separator;
        at += separators - 1;
    }
    gl_free(copy);
}

/* The handle stays open as long as the process lives; programs that are started do not get it. */
static int take_lock(const char *directory, const char *program, char **ret_error)
{
    char *path = gl_asprintf("%s\\lock", directory);
    wchar_t *wide = gl_wide_path(path);
    HANDLE file = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_ALWAYS,
                              FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    int err = 0;
    if (file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SHARING_VIOLATION) {
        err = UV_EBUSY;
        *ret_error = gl_asprintf("%s: another %s uses this directory", directory, program);
    } else if (file == INVALID_HANDLE_VALUE) {
        err = last_error();
        *ret_error = gl_asprintf("%s: %s", path, uv_strerror(err));
    }
    gl_free(wide);
    gl_free(path);
    return err;
}

static int explain(const char *directory, HANDLE handle, ACCESS_MASK rights, char **ret_error)
{
    BY_HANDLE_FILE_INFORMATION info;
    char *why = NULL;
    int err = 0;
    if (handle == INVALID_HANDLE_VALUE || !GetFileInformationByHandle(handle, &info)) {
        err = last_error();
        *ret_error = gl_asprintf("%s: %s", directory, uv_strerror(err));
    } else if (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) {
        err = UV_ELOOP;
        *ret_error = gl_asprintf("%s: it is a link; give the directory itself", directory);
    } else if (!(info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) {
        err = UV_ENOTDIR;
        *ret_error = gl_asprintf("%s: it is not a directory", directory);
    } else if ((err = gl_private_judge(handle, rights, &why)) != 0) {
        *ret_error =
            gl_asprintf("%s: %s; remove it, or let only SYSTEM, Administrators and this "
                        "account %s",
                        directory, why, rights == GL_PRIVATE_ANY ? "have access" : "change it");
    }
    gl_free(why);
    return err;
}

static HANDLE open_directory(const char *directory, ACCESS_MASK access)
{
    wchar_t *wide = gl_wide_path(directory);
    HANDLE handle = CreateFileW(wide, READ_CONTROL | FILE_READ_ATTRIBUTES | access,
                                FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                                FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    DWORD error = GetLastError();
    gl_free(wide);
    SetLastError(error);
    return handle;
}

/*
 * Refuses a directory that is not ours, and holds it as long as the process lives: nobody can
 * rename or remove it meanwhile, nor what is above it. Sharing counts only for handles that may
 * read: FILE_LIST_DIRECTORY. Whoever may list it can have it open and share nothing: that must not
 * keep a service from starting, so then it is not held. Who may rename it was judged anyway.
 */
static int hold_directory(const char *directory, ACCESS_MASK rights, HANDLE *ret_handle,
                          char **ret_error)
{
    HANDLE handle = open_directory(directory, FILE_LIST_DIRECTORY);
    if (handle == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SHARING_VIOLATION) {
        handle = open_directory(directory, 0);
        if (handle != INVALID_HANDLE_VALUE)
            gl_warn("%s: somebody has it open and shares it with nobody; it is used all the same",
                    directory);
    }
    int err = explain(directory, handle, rights, ret_error);
    if (!err)
        *ret_handle = handle;
    else if (handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    return err;
}

/* An administrator in force, SYSTEM too, or a service of whatever account: "Well-known SIDs",
 * learn.microsoft.com. */
static bool may_own_for_all(void)
{
    static const WELL_KNOWN_SID_TYPE groups[] = {WinBuiltinAdministratorsSid, WinServiceSid};
    BOOL is = FALSE;
    for (size_t i = 0; i < GL_ARRAY_SIZE(groups) && !is; i++) {
        BYTE sid[SECURITY_MAX_SID_SIZE];
        DWORD size = sizeof sid;
        if (!CreateWellKnownSid(groups[i], NULL, sid, &size) ||
            !CheckTokenMembership(NULL, sid, &is))
            is = FALSE;
    }
    return is;
}

/* Whether `path` is the folder or is to be in it. */
static bool is_within(const char *path, const char *folder)
{
    wchar_t *wide = gl_wide_path(path), *above = gl_wide_path(folder);
    size_t len = above ? wcslen(above) : 0;
    bool is = wide && above && wcslen(wide) >= len && (!wide[len] || wide[len] == L'\\') &&
              CompareStringOrdinal(wide, (int)len, above, (int)len, TRUE) == CSTR_EQUAL;
    gl_free(wide);
    gl_free(above);
    return is;
}

/*
 * Anybody may make folders in ProgramData, and would own them: who made "guestlink" there first
 * could remove the configuration, and no configuration means that all is allowed. So that folder
 * must be ours wherever the state is; and a user who only tries the program out does not make it,
 * or it would be his, and the service refuse it later.
 */
static int hold_own_folder(const char *state, HANDLE *ret_handle, char **ret_error)
{
    char *path = gl_default_state("");
    path[strlen(path) - 1] = '\0'; /* its last backslash */
    int err = 0;
    if (may_own_for_all()) {
        gl_startup_make_parents(path);
        (void)make_directory(path, true); /* what comes of it is seen now */
    }
    if (is_directory(path)) {
        err = hold_directory(path, GL_PRIVATE_CHANGE, ret_handle, ret_error);
    } else if (is_within(state, path)) {
        err = UV_EACCES;
        *ret_error = gl_asprintf("%s: it is missing, and an administrator must make it: run this "
                                 "as one, or with another --state",
                                 path);
    }
    gl_free(path);
    return err;
}

int gl_startup_claim_state(const char *directory, const char *program, char **ret_error)
{
    if (!*directory) {
        *ret_error = gl_strdup("the state directory has no name");
        return UV_EINVAL;
    }
    HANDLE folder = NULL, state = NULL;
    int err = hold_own_folder(directory, &folder, ret_error);
    if (err)
        return err;
    gl_startup_make_parents(directory);
    err = make_directory(directory, false);
    if (err)
        *ret_error = gl_asprintf("cannot make %s: %s", directory, uv_strerror(err));
    else
        err = hold_directory(directory, GL_PRIVATE_ANY, &state, ret_error);
    if (!err)
        err = take_lock(directory, program, ret_error);
    if (err && state)
        CloseHandle(state);
    if (err && folder)
        CloseHandle(folder);
    return err;
}

/* ------------------------------------------------------------------ service manager */

void gl_startup_end_now(int status)
{
    gl_service_ended(status);
    TerminateProcess(GetCurrentProcess(), (UINT)status);
    abort();
}

void gl_startup_notify(const char *state)
{
    gl_service_notify(state);
}
