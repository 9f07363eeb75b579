/* SPDX-License-Identifier: MIT */
/* All commands, one file each. */
#ifndef GL_COMMANDS_H
#define GL_COMMANDS_H

#include "cli.h"

extern const struct gl_command gl_command_cp;
extern const struct gl_command gl_command_doctor;
extern const struct gl_command gl_command_exec;
extern const struct gl_command gl_command_forget;
extern const struct gl_command gl_command_info;
extern const struct gl_command gl_command_ls;
extern const struct gl_command gl_command_ping;
extern const struct gl_command gl_command_rename;
extern const struct gl_command gl_command_service;
extern const struct gl_command gl_command_shell;
extern const struct gl_command gl_command_trust;
extern const struct gl_command gl_command_version;
extern const struct gl_command gl_command_wait;

/* In the order in which `guestlink --help` shows them; ends with NULL. */
extern const struct gl_command *const gl_commands[];

#endif
