/* SPDX-License-Identifier: MIT */
/*
 * What others may have done to a file, for tests that it is noticed: the twin of tests/lib/linux/.
 * By Win32 alone; what is tested here is not used.
 */
#ifndef GL_HARM_H
#define GL_HARM_H

#include <aclapi.h>
#include <sddl.h>
#include <stdbool.h>
#include <stdio.h>
#include <windows.h>

/* <aclapi.h> brings COM's word for struct, which is a name in messages of ours. */
#undef interface

#include "mem.h"
#include "unit.h"
#include "windows/wide.h"

static inline bool gl_harm_is_wine(void)
{
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
}

/* Gives the thing this protected DACL, beside SYSTEM and us: entries in SDDL. */
static inline void gl_harm_set_dacl(const char *path, const char *entries)
{
    char sddl[512];
    PSECURITY_DESCRIPTOR descriptor;
    BOOL present, defaulted;
    PACL dacl;
    wchar_t *wide = gl_wide_path(path);
    /* OW, the owner's rights, would be kept by Windows and not by Wine: Administrators are ours. */
    snprintf(sddl, sizeof(sddl), "D:P(A;;FA;;;SY)(A;;FA;;;BA)%s", entries);
    ck_assert(ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1,
                                                                   &descriptor, NULL));
    ck_assert(GetSecurityDescriptorDacl(descriptor, &present, &dacl, &defaulted) && present);
    DWORD err = SetNamedSecurityInfoW(
        wide, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, NULL,
        NULL, dacl, NULL);
    ck_assert_msg(err == ERROR_SUCCESS, "%s: error %lu", path, err);
    LocalFree(descriptor);
    gl_free(wide);
}

/* The thing's DACL and owner in SDDL, for LocalFree(). */
static inline char *gl_harm_sddl(const char *path)
{
    PSECURITY_DESCRIPTOR descriptor;
    char *sddl;
    wchar_t *wide = gl_wide_path(path);
    const SECURITY_INFORMATION what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    DWORD err =
        GetNamedSecurityInfoW(wide, SE_FILE_OBJECT, what, NULL, NULL, NULL, NULL, &descriptor);
    ck_assert_msg(err == ERROR_SUCCESS, "%s: error %lu", path, err);
    ck_assert(ConvertSecurityDescriptorToStringSecurityDescriptorA(descriptor, SDDL_REVISION_1,
                                                                   what, &sddl, NULL));
    LocalFree(descriptor);
    gl_free(wide);
    return sddl;
}

static inline void gl_harm_others_read(const char *path)
{
    gl_harm_set_dacl(path, "(A;;FR;;;WD)");
}

static inline void gl_harm_others_write(const char *path)
{
    gl_harm_set_dacl(path, "(A;;FRFW;;;WD)");
}

/* Back to nobody but us. */
static inline void gl_harm_undo(const char *path)
{
    gl_harm_set_dacl(path, "");
}

/* Whether we are one whose files others must not write. */
static inline bool gl_harm_is_superuser(void)
{
    BYTE administrators[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof(administrators);
    BOOL member = FALSE;
    ck_assert(CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, administrators, &size));
    ck_assert(CheckTokenMembership(NULL, administrators, &member));
    return member;
}

/* Whether somebody else owns it now: that takes a privilege, and Wine keeps no owners. */
static inline bool gl_harm_give_away(const char *path)
{
    BYTE guests[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof(guests);
    wchar_t *wide = gl_wide_path(path);
    ck_assert(CreateWellKnownSid(WinBuiltinGuestsSid, NULL, guests, &size));
    bool done = SetNamedSecurityInfoW(wide, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, guests,
                                      NULL, NULL, NULL) == ERROR_SUCCESS &&
                !gl_harm_is_wine();
    gl_free(wide);
    return done;
}

/* Wine's CreateSymbolicLinkW() does nothing and says that it went well: there, ln of the system
 * below makes it. */
static inline void gl_harm_link_by_ln(const char *target, const wchar_t *path)
{
    char *(*unix_name)(const wchar_t *) = (char *(*)(const wchar_t *))(
        void (*)(void))GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "wine_get_unix_file_name");
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION process;
    wchar_t *wide_target = gl_wide_path(target);
    char *from = unix_name ? unix_name(wide_target) : NULL,
         *to = unix_name ? unix_name(path) : NULL;
    if (from && to) {
        char *line = gl_asprintf("ln -s %s %s", from, to);
        wchar_t *wide = gl_wide(line);
        if (CreateProcessW(L"\\\\?\\unix\\bin\\ln", wide, NULL, NULL, FALSE, 0, NULL, NULL,
                           &startup, &process)) {
            WaitForSingleObject(process.hProcess, 10000);
            CloseHandle(process.hProcess);
            CloseHandle(process.hThread);
        }
        gl_free(wide);
        gl_free(line);
    }
    gl_free(wide_target);
}

/*
 * Whether path is now a symbolic link to target. False on Wine for anything but a folder (it shows
 * no other links), and where the account may not make any.
 */
static inline bool gl_harm_link(const char *target, const char *path)
{
    wchar_t *to = gl_wide(target), *at = gl_wide_path(path);
    DWORD is = GetFileAttributesW(to);
    DWORD flags = is != INVALID_FILE_ATTRIBUTES && is & FILE_ATTRIBUTE_DIRECTORY
                      ? SYMBOLIC_LINK_FLAG_DIRECTORY
                      : 0;
    CreateSymbolicLinkW(at, to, flags | SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE);
    if (gl_harm_is_wine() && flags)
        gl_harm_link_by_ln(target, at);
    is = GetFileAttributesW(at);
    gl_free(to);
    gl_free(at);
    return is != INVALID_FILE_ATTRIBUTES && is & FILE_ATTRIBUTE_REPARSE_POINT;
}

/* Whether nobody but us may read or write it: no entry is about others than SYSTEM, Administrators
 * and the owner. */
static inline bool gl_harm_is_private(const char *path)
{
    PSECURITY_DESCRIPTOR descriptor;
    PSID owner;
    PACL dacl;
    bool private = true;
    wchar_t *wide = gl_wide_path(path);
    ck_assert_uint_eq(GetNamedSecurityInfoW(wide, SE_FILE_OBJECT,
                                            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                            &owner, NULL, &dacl, NULL, &descriptor),
                      ERROR_SUCCESS);
    ck_assert_ptr_nonnull(dacl);
    for (DWORD i = 0; i < dacl->AceCount; i++) {
        void *entry;
        ck_assert(GetAce(dacl, i, &entry));
        PSID sid = &((ACCESS_ALLOWED_ACE *)entry)->SidStart;
        private = private && (EqualSid(sid, owner) || IsWellKnownSid(sid, WinLocalSystemSid) ||
                              IsWellKnownSid(sid, WinBuiltinAdministratorsSid));
    }
    LocalFree(descriptor);
    gl_free(wide);
    return private;
}

#endif
