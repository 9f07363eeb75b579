/* SPDX-License-Identifier: MIT */
#include "hostd.h"

#include "daemon.h"

int gl_hostd_run(int argc, char **argv)
{
    struct gl_settings *settings;
    int status = gl_settings_read(argc, argv, &settings);
    if (status == GL_SETTINGS_DONE)
        return 0;
    if (status != 0)
        return status;
    status = gl_daemon_run(settings);
    gl_settings_free(settings);
    return status;
}
