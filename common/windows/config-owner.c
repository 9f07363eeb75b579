/* SPDX-License-Identifier: MIT */
#include "config-owner.h"

#include <windows.h>

#include "private.h"

/* Member of Administrators in force, which SYSTEM is too. */
static bool is_elevated(void)
{
    SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
    PSID administrators;
    BOOL member = FALSE;
    if (!AllocateAndInitializeSid(&authority, 2, SECURITY_BUILTIN_DOMAIN_RID,
                                  DOMAIN_ALIAS_RID_ADMINS, 0, 0, 0, 0, 0, 0, &administrators))
        return true;
    if (!CheckTokenMembership(NULL, administrators, &member))
        member = TRUE;
    FreeSid(administrators);
    return member;
}

const char *gl_config_judge_owner(uv_file fd, const uv_stat_t *st)
{
    (void)st;
    if (is_elevated() && gl_private_judge(uv_get_osfhandle(fd), GL_PRIVATE_CHANGE, NULL) != 0)
        return "others than SYSTEM and Administrators may write it; refused";
    return NULL;
}
