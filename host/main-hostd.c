/* SPDX-License-Identifier: MIT */
/* guestlink-hostd, the host daemon. */
#include "daemon.h"

int main(int argc, char **argv)
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
