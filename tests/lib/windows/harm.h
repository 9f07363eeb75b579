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

/* Our SID's text, for LocalFree(). */
static inline char *gl_harm_own_sid(void)
{
    HANDLE token;
    union {
        TOKEN_USER user;
        BYTE room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } own;
    DWORD size = sizeof(own);
    char *text;
    ck_assert(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    ck_assert(GetTokenInformation(token, TokenUser, &own, size, &size));
    ck_assert(ConvertSidToStringSidA(own.user.User.Sid, &text));
    CloseHandle(token);
    return text;
}

/* Gives the thing this protected DACL: these entries in SDDL, beside those of SYSTEM,
 * Administrators and us. */
static inline void gl_harm_set_dacl(const char *path, const char *entries)
{
    PSECURITY_DESCRIPTOR descriptor;
    wchar_t *wide = gl_wide_path(path);
    char *own = gl_harm_own_sid();
    char *sddl = gl_asprintf("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;%s)%s", own, entries);
    ck_assert(ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1,
                                                                   &descriptor, NULL));
    /* Not SetNamedSecurityInfo(): Wine's inherits whatever it is told. */
    ck_assert_msg(SetFileSecurityW(wide,
                                   DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                                   descriptor),
                  "%s: error %lu", path, GetLastError());
    LocalFree(descriptor);
    LocalFree(own);
    gl_free(sddl);
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

/*
 * Whether path is now a symbolic link to target. An account may lack the right to make one; and
 * Wine's CreateSymbolicLinkW() does nothing and says that it went well. (What is a link below Wine
 * is shown as one by its name, but an open handle is the target's.)
 */
static inline bool gl_harm_link(const char *target, const char *path)
{
    wchar_t *to = gl_wide(target), *at = gl_wide_path(path);
    DWORD is = GetFileAttributesW(to);
    DWORD flags = is != INVALID_FILE_ATTRIBUTES && is & FILE_ATTRIBUTE_DIRECTORY
                      ? SYMBOLIC_LINK_FLAG_DIRECTORY
                      : 0;
    CreateSymbolicLinkW(at, to, flags | SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE);
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
