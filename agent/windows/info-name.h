/* SPDX-License-Identifier: MIT */
/* What this Windows is called: from what the registry and the kernel say. */
#ifndef GL_AGENT_WINDOWS_INFO_NAME_H
#define GL_AGENT_WINDOWS_INFO_NAME_H

#include <stdbool.h>
#include <stdint.h>

struct gl_windows_release {
    const char *product; /* ProductName: "Windows 10 Pro"; "" or NULL: not known */
    const char *display; /* DisplayVersion: "23H2"; may be NULL */
    uint32_t major, minor, build, revision;
    bool workstation; /* no server */
};

/*
 * "Windows 11 Pro 23H2". ProductName says Windows 10 on Windows 11 as well; that begins with build
 * 22000 ("Windows 11 release information", learn.microsoft.com). For gl_free().
 */
char *gl_windows_name(const struct gl_windows_release *release);
/* "10.0.22631.3007". For gl_free(). */
char *gl_windows_version(const struct gl_windows_release *release);

#endif
