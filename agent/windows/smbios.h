/* SPDX-License-Identifier: MIT */
/* The table that the firmware leaves in memory (DMTF DSP0134), as GetSystemFirmwareTable('RSMB')
 * gives it. */
#ifndef GL_AGENT_WINDOWS_SMBIOS_H
#define GL_AGENT_WINDOWS_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The machine's UUID, in the order in which it is written: System Information (type 1), DSP0134
 * 7.2.1. `raw` is struct RawSMBIOSData ("GetSystemFirmwareTable function", learn.microsoft.com);
 * nothing in it is trusted. false: there is none.
 */
bool gl_smbios_uuid(const uint8_t *raw, size_t size, uint8_t ret_uuid[16]);

#endif
