/* SPDX-License-Identifier: MIT */
#include "config-owner.h"

#include <unistd.h>

const char *gl_config_judge_owner(uv_file fd, const uv_stat_t *st)
{
    (void)fd;
    if (geteuid() == 0 && (st->st_uid != 0 || (st->st_mode & 022)))
        return "others than root may write it; refused";
    return NULL;
}
