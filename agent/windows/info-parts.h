/* SPDX-License-Identifier: MIT */
/* Parts of gl_info_collect() and gl_info_collect_answers() that are files of their own. */
#ifndef GL_AGENT_WINDOWS_INFO_PARTS_H
#define GL_AGENT_WINDOWS_INFO_PARTS_H

#include "info.h"

/* One entry an address; an interface without any has one, too. */
void gl_info_collect_addresses(Gl__Info *info);
/* Who is logged on, and where. */
void gl_info_collect_sessions(Gl__Info *info);
/* By the names of systemd-detect-virt(1); "none" on hardware. Static. */
const char *gl_info_virtualization(void);

#endif
