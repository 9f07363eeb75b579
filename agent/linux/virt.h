/* SPDX-License-Identifier: MIT */
/* Which hypervisor this runs on, by the names of systemd-detect-virt(1); "none" on hardware.
 * Static. */
#ifndef GL_AGENT_LINUX_VIRT_H
#define GL_AGENT_LINUX_VIRT_H

const char *gl_virt_detect(void);

#endif
