/* SPDX-License-Identifier: MIT */
#include "defaults.h"

#include "mem.h"

const char *const gl_default_control = GL_RUNDIR "/control.sock";
const char *const gl_default_listen = "vsock:any:1007";
const char *const gl_default_connect = "vsock:host:1007";

char *gl_default_config(const char *daemon)
{
    return gl_asprintf("%s/%s.conf", GL_SYSCONFDIR, daemon);
}

char *gl_default_state(const char *daemon)
{
    return gl_asprintf("%s/%s", GL_STATEDIR, daemon);
}
