/* SPDX-License-Identifier: MIT */
#include "private.h"

#include <aclapi.h>
#include <sddl.h>
#include <string.h>
#include <uv.h>

#include "mem.h"
#include "wide.h"

#define NAME_MAX_CHARS 256 /* UNLEN, lmcons.h; domains are shorter */

/* ------------------------------------------------------------------ making */

/* The token's user; its SID points into it. For gl_free(). */
static TOKEN_USER *own_user(void)
{
    HANDLE token;
    DWORD size = 0;
    TOKEN_USER *user = NULL;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return NULL;
    GetTokenInformation(token, TokenUser, NULL, 0, &size);
    if (size > 0) {
        user = gl_alloc(size);
        if (!GetTokenInformation(token, TokenUser, user, size, &size)) {
            gl_free(user);
            user = NULL;
        }
    }
    CloseHandle(token);
    return user;
}

char *gl_private_sddl(bool users_read)
{
    TOKEN_USER *user = own_user();
    wchar_t *sid = NULL;
    char *result = NULL;
    if (user && ConvertSidToStringSidW(user->User.Sid, &sid)) {
        char *narrow = gl_narrow_lossy(sid);
        result = gl_asprintf("O:%sD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;%s)%s", narrow,
                             narrow, users_read ? "(A;CI;FRFX;;;BU)" : "");
        gl_free(narrow);
        LocalFree(sid);
    }
    gl_free(user);
    return result;
}

int gl_private_descriptor(bool users_read, PSECURITY_DESCRIPTOR *ret_descriptor)
{
    char *sddl = gl_private_sddl(users_read);
    if (!sddl)
        return UV_EACCES;
    wchar_t *wide = gl_wide(sddl);
    BOOL ok = ConvertStringSecurityDescriptorToSecurityDescriptorW(wide, SDDL_REVISION_1,
                                                                   ret_descriptor, NULL);
    int err = ok ? 0 : uv_translate_sys_error((int)GetLastError());
    gl_free(wide);
    gl_free(sddl);
    return err;
}

/* ------------------------------------------------------------------ judging */

/* NT SERVICE\\TrustedInstaller, who owns what Windows brings along, Program Files included. It is
 * no well-known one to IsWellKnownSid(), and the same everywhere. */
static bool is_installer(PSID sid)
{
    static const DWORD parts[] = {
        SECURITY_SERVICE_ID_BASE_RID, 956008885, 3418522649u, 1831038044, 1853292631, 2271478464u};
    static const SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
    if (memcmp(GetSidIdentifierAuthority(sid), &authority, sizeof authority) != 0 ||
        *GetSidSubAuthorityCount(sid) != GL_ARRAY_SIZE(parts))
        return false;
    for (DWORD i = 0; i < GL_ARRAY_SIZE(parts); i++)
        if (*GetSidSubAuthority(sid, i) != parts[i])
            return false;
    return true;
}

static bool is_ours(PSID sid, PSID own)
{
    return EqualSid(sid, own) || IsWellKnownSid(sid, WinLocalSystemSid) ||
           IsWellKnownSid(sid, WinBuiltinAdministratorsSid) || is_installer(sid);
}

/* "DOMAIN\name", or the SID's text. Asks the account database: only when something is wrong. */
static char *name_of(PSID sid)
{
    wchar_t name[NAME_MAX_CHARS + 1], domain[NAME_MAX_CHARS + 1], *text;
    DWORD name_len = NAME_MAX_CHARS, domain_len = NAME_MAX_CHARS;
    SID_NAME_USE use;
    char *result = NULL;
    if (LookupAccountSidW(NULL, sid, name, &name_len, domain, &domain_len, &use)) {
        char *narrow_name = gl_narrow_lossy(name), *narrow_domain = gl_narrow_lossy(domain);
        result = *narrow_domain ? gl_asprintf("%s\\%s", narrow_domain, narrow_name)
                                : gl_strdup(narrow_name);
        gl_free(narrow_name);
        gl_free(narrow_domain);
    } else if (ConvertSidToStringSidW(sid, &text)) {
        result = gl_narrow_lossy(text);
        LocalFree(text);
    }
    return result ? result : gl_strdup("an unknown account");
}

/* The sentence is `before`, the account's name (sid NULL: everybody), `after`. */
static int refuse(const char *before, PSID sid, const char *after, char **ret_why)
{
    if (ret_why) {
        char *name = sid ? name_of(sid) : gl_strdup("everybody");
        *ret_why = gl_asprintf("%s%s%s", before, name, after);
        gl_free(name);
    }
    return UV_EACCES;
}

static ACCESS_MASK mask_of(const ACE_HEADER *ace)
{
    GENERIC_MAPPING mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
                               FILE_ALL_ACCESS};
    /* All kinds of entries have their mask at the same place. */
    ACCESS_MASK mask = ((const ACCESS_ALLOWED_ACE *)ace)->Mask;
    MapGenericMask(&mask, &mapping);
    return mask;
}

/* The account that the entry is about. */
static PSID sid_of(ACE_HEADER *ace)
{
    if (ace->AceType != ACCESS_ALLOWED_OBJECT_ACE_TYPE &&
        ace->AceType != ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE)
        return &((ACCESS_ALLOWED_ACE *)ace)->SidStart;
    ACCESS_ALLOWED_OBJECT_ACE *object = (ACCESS_ALLOWED_OBJECT_ACE *)ace;
    char *at = (char *)&object->ObjectType;
    at += object->Flags & ACE_OBJECT_TYPE_PRESENT ? sizeof(GUID) : 0;
    at += object->Flags & ACE_INHERITED_OBJECT_TYPE_PRESENT ? sizeof(GUID) : 0;
    return (PSID)at;
}

static bool allows(const ACE_HEADER *ace)
{
    return ace->AceType == ACCESS_ALLOWED_ACE_TYPE ||
           ace->AceType == ACCESS_ALLOWED_OBJECT_ACE_TYPE ||
           ace->AceType == ACCESS_ALLOWED_CALLBACK_ACE_TYPE ||
           ace->AceType == ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE;
}

/* S-1-3-4, OWNER RIGHTS: the owner was judged already. */
static bool is_owner_rights(PSID sid)
{
    return IsWellKnownSid(sid, WinCreatorOwnerRightsSid);
}

/* An entry that forbids is not weighed against one that allows: who is not ours has no entry. */
static int judge_dacl(PACL dacl, PSID own, ACCESS_MASK rights, char **ret_why)
{
    if (!dacl)
        return refuse("", NULL, " may do anything with it (it has no DACL)", ret_why);
    for (DWORD i = 0; i < dacl->AceCount; i++) {
        void *entry;
        if (!GetAce(dacl, i, &entry))
            return refuse("", NULL, " may perhaps change it (its DACL cannot be read)", ret_why);
        ACE_HEADER *ace = entry;
        if (!allows(ace) || (ace->AceFlags & INHERIT_ONLY_ACE) || !(mask_of(ace) & rights))
            continue;
        PSID sid = sid_of(ace);
        if (is_ours(sid, own) || is_owner_rights(sid))
            continue;
        bool changes = mask_of(ace) & rights & GL_PRIVATE_CHANGE;
        return refuse("", sid, changes ? " may change it" : " may read it", ret_why);
    }
    return 0;
}

int gl_private_judge_descriptor(PSECURITY_DESCRIPTOR descriptor, ACCESS_MASK rights, char **ret_why)
{
    PSID owner = NULL;
    PACL dacl = NULL;
    BOOL defaulted, present = FALSE;
    int err;
    TOKEN_USER *user = own_user();
    if (!user || !GetSecurityDescriptorOwner(descriptor, &owner, &defaulted) || !owner ||
        !GetSecurityDescriptorDacl(descriptor, &present, &dacl, &defaulted))
        err = refuse("", NULL, " may perhaps change it (its owner cannot be found out)", ret_why);
    else if (!is_ours(owner, user->User.Sid))
        err = refuse("it belongs to ", owner, "", ret_why);
    else
        err = judge_dacl(present ? dacl : NULL, user->User.Sid, rights, ret_why);
    gl_free(user);
    return err;
}

int gl_private_judge(HANDLE file, ACCESS_MASK rights, char **ret_why)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    if (GetSecurityInfo(file, SE_FILE_OBJECT,
                        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, NULL, NULL, NULL,
                        NULL, &descriptor) != ERROR_SUCCESS)
        return refuse("", NULL, " may perhaps change it (its owner cannot be found out)", ret_why);
    int err = gl_private_judge_descriptor(descriptor, rights, ret_why);
    LocalFree(descriptor);
    return err;
}

/* ------------------------------------------------------------------ programs */

/* Who may do this to a folder can put another in its place; a root has none to be put there. */
#define REPLACE_IN_ROOT (FILE_DELETE_CHILD | WRITE_DAC | WRITE_OWNER)
#define REPLACE         (REPLACE_IN_ROOT | DELETE)

/* Of "C:\", "\\server\share\" or "\\?\C:\". "C:" would be the working directory of that drive. */
static size_t root_len(const wchar_t *path)
{
    size_t slashes = path[0] == L'\\' && path[1] == L'\\' ? 4 : 1, len = 0;
    while (path[len] && slashes)
        slashes -= path[len++] == L'\\';
    return len;
}

static int judge_one(const wchar_t *path, ACCESS_MASK rights, char **ret_why)
{
    char *why = NULL;
    HANDLE handle =
        CreateFileW(path, READ_CONTROL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    int err = handle == INVALID_HANDLE_VALUE ? uv_translate_sys_error((int)GetLastError())
                                             : gl_private_judge(handle, rights, &why);
    if (err) {
        char *name = gl_narrow_lossy(path);
        *ret_why = gl_asprintf("%s: %s", name, why ? why : uv_strerror(err));
        gl_free(name);
        gl_free(why);
    }
    if (handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    return err;
}

int gl_private_judge_program(const wchar_t *path, char **ret_why)
{
    size_t len = wcslen(path), root = root_len(path);
    wchar_t *at = gl_memdup(path, (len + 1) * sizeof *path);
    int err = judge_one(at, GL_PRIVATE_CHANGE, ret_why);
    for (bool beside = true; !err && len > root; beside = false) {
        while (len > root && at[len - 1] != L'\\')
            len--;
        if (len > root) /* without its backslash */
            len--;
        at[len] = L'\0';
        err = judge_one(at,
                        beside        ? GL_PRIVATE_CHANGE
                        : len == root ? REPLACE_IN_ROOT
                                      : REPLACE,
                        ret_why);
    }
    gl_free(at);
    return err;
}
