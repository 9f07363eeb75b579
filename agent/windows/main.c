/* SPDX-License-Identifier: MIT */
/* guestlink-agent.exe: in a console, or as a service. */
#include <string.h>

#include "arguments.h"
#include "exec-helper.h"
#include "program.h"
#include "windows/service.h"

/*
 * What exec needs to become another user (SE_TCB, SE_ASSIGNPRIMARYTOKEN, SE_INCREASE_QUOTA,
 * SE_IMPERSONATE, SE_BACKUP and SE_RESTORE for LoadUserProfile), what copying links needs
 * (SE_CREATE_SYMBOLIC_LINK), what everybody has (SE_CHANGE_NOTIFY). All else that LocalSystem could
 * do is taken from the token ("Privilege Constants", learn.microsoft.com).
 */
static const wchar_t privileges[] = L"SeTcbPrivilege\0"
                                    L"SeAssignPrimaryTokenPrivilege\0"
                                    L"SeIncreaseQuotaPrivilege\0"
                                    L"SeImpersonatePrivilege\0"
                                    L"SeBackupPrivilege\0"
                                    L"SeRestorePrivilege\0"
                                    L"SeCreateSymbolicLinkPrivilege\0"
                                    L"SeChangeNotifyPrivilege\0";

static const struct gl_service service = {
    .name = "guestlink-agent",
    .display = "guestlink agent",
    .description = "Lets the virtual machine's host run programs and copy files here, as far as "
                   "this machine's policy allows.",
    .privileges = privileges,
    .run = gl_agent_run,
};

int main(int argc, char **argv)
{
    gl_arguments(&argc, &argv);
    if (argc == 2 && strcmp(argv[1], GL_EXEC_HELPER_OPTION) == 0)
        gl_exec_helper_main();
    return gl_service_main(&service, argc, argv);
}
