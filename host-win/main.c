/* SPDX-License-Identifier: MIT */
/* guestlink-hostd.exe, the host daemon: in a console, or as a service. */
#include "arguments.h"
#include "hostd.h"
#include "windows/service.h"

static const struct gl_service service = {
    .name = "guestlink-hostd",
    .display = "guestlink host daemon",
    .description = "Accepts the guestlink agents of this host's virtual machines, and serves the "
                   "guestlink command line.",
    /* It impersonates nobody but in order to learn who it is, which takes no privilege. */
    .privileges = L"SeChangeNotifyPrivilege\0",
    .run = gl_hostd_run,
};

int main(int argc, char **argv)
{
    gl_arguments(&argc, &argv);
    return gl_service_main(&service, argc, argv);
}
