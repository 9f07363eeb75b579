/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include <stddef.h>

const struct gl_command *const gl_commands[] = {
    &gl_command_ls,
    &gl_command_info,
    &gl_command_ping,
    &gl_command_wait,
    &gl_command_exec,
    &gl_command_shell,
    &gl_command_cp,
    &gl_command_rename,
    &gl_command_forget,
    &gl_command_trust,
    &gl_command_service,
    &gl_command_doctor,
    &gl_command_version,
    NULL,
};
