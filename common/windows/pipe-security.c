/* SPDX-License-Identifier: MIT */
#include "pipe-security.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#include "completion.h"
#include "mem.h"
#include "principal.h"
#include "wide.h"

#define PREFIX   L"\\\\.\\pipe\\"
#define NAME_MAX 256u /* characters, with the prefix */

/* "Hyper-V Administrators", whom Hyper-V's own tools serve; "Well-known SIDs", learn.microsoft.com.
 */
#define HYPERV_ADMINISTRATORS "S-1-5-32-578"

/* ------------------------------------------------------------------ the descriptor */

char *gl_pipe_sddl(const struct gl_listen_options *options)
{
    char self[GL_PRINCIPAL_SID_SIZE], group[GL_PRINCIPAL_SID_SIZE], *own, *of_group, *of_all;
    unsigned client = GL_PIPE_CLIENT_ACCESS;
    uint32_t uid = gl_principal_self();
    if (options->gid >= 0 && gl_principal_group_sid((uint32_t)options->gid, group) < 0)
        return NULL;
    gl_principal_sid(uid, self);
    own = uid == GL_PRINCIPAL_SYSTEM ? gl_strdup("") : gl_asprintf("(A;;FA;;;%s)", self);
    of_group = options->gid >= 0 && options->mode & 060
                   ? gl_asprintf("(A;;0x%x;;;%s)", client, group)
                   : gl_strdup("");
    of_all = options->mode & 06 ? gl_asprintf("(A;;0x%x;;;AU)", client) : gl_strdup("");
    char *sddl = gl_asprintf("O:%sD:P(A;;FA;;;SY)(A;;FA;;;BA)%s(A;;0x%x;;;%s)%s%s", self, own,
                             client, HYPERV_ADMINISTRATORS, of_group, of_all);
    gl_free(own);
    gl_free(of_group);
    gl_free(of_all);
    return sddl;
}

int gl_pipe_descriptor(const struct gl_listen_options *options,
                       PSECURITY_DESCRIPTOR *ret_descriptor)
{
    int r = 0;
    char *sddl = gl_pipe_sddl(options);
    if (!sddl)
        return UV_EINVAL;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1, ret_descriptor,
                                                              NULL))
        r = gl_completion_error(GetLastError());
    gl_free(sddl);
    return r;
}

/* ------------------------------------------------------------------ owners */

int gl_pipe_judge_owner(PSID owner)
{
    char self[GL_PRINCIPAL_SID_SIZE];
    LPSTR text;
    if (IsWellKnownSid(owner, WinLocalSystemSid) ||
        IsWellKnownSid(owner, WinBuiltinAdministratorsSid))
        return 0;
    if (!ConvertSidToStringSidA(owner, &text))
        return UV_EPERM;
    gl_principal_sid(gl_principal_self(), self);
    int r = strcmp(text, self) == 0 ? 0 : UV_EPERM;
    LocalFree(text);
    return r;
}

int gl_pipe_check_owner(HANDLE pipe)
{
    PSECURITY_DESCRIPTOR descriptor;
    PSID owner = NULL;
    DWORD error = GetSecurityInfo(pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL,
                                  NULL, NULL, &descriptor);
    if (error)
        return gl_completion_error(error);
    int r = owner ? gl_pipe_judge_owner(owner) : UV_EPERM;
    LocalFree(descriptor);
    return r;
}

/* ------------------------------------------------------------------ clients */

void gl_pipe_identify(HANDLE pipe, struct gl_peer *peer)
{
    HANDLE token = NULL;
    ULONG pid;
    if (GetNamedPipeClientProcessId(pipe, &pid))
        peer->pid = (int64_t)pid;
    if (!ImpersonateNamedPipeClient(pipe))
        return;
    /* As ourselves, since a token that only identifies may open nothing. */
    if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token))
        token = NULL; /* an anonymous client has none */
    /* "If RevertToSelf fails [...] you should shut down the process": "RevertToSelf function",
     * learn.microsoft.com. */
    if (!RevertToSelf())
        abort();
    if (!token)
        return;
    peer->has_credentials = gl_principal_of_token(token, &peer->uid, &peer->gid) == 0;
    CloseHandle(token);
}

int gl_pipe_name(const struct gl_address *address, wchar_t **ret_name)
{
    wchar_t *name, *wide = gl_wide(address->path);
    if (!wide || !*wide || wcspbrk(wide, L"/\\")) {
        gl_free(wide);
        return UV_EINVAL;
    }
    if (wcslen(PREFIX) + wcslen(wide) > NAME_MAX) {
        gl_free(wide);
        return UV_ENAMETOOLONG;
    }
    name = gl_alloc((wcslen(PREFIX) + wcslen(wide) + 1) * sizeof(*name));
    wcscpy(name, PREFIX);
    wcscat(name, wide);
    gl_free(wide);
    *ret_name = name;
    return 0;
}
