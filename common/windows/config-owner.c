/* SPDX-License-Identifier: MIT */
#include "config-owner.h"

#include <windows.h>

#include "private.h"

/* For every account: a service may run as one that is no administrator, and still do what others
 * may not. */
const char *gl_config_judge_owner(uv_file fd, const uv_stat_t *st)
{
    (void)st;
    if (gl_private_judge(uv_get_osfhandle(fd), GL_PRIVATE_CHANGE, NULL) != 0)
        return "others than SYSTEM, Administrators and this account may write it; refused";
    return NULL;
}
