/* SPDX-License-Identifier: MIT */
/* guestlink-hostd, the host daemon. */
#include "arguments.h"
#include "hostd.h"

int main(int argc, char **argv)
{
    gl_arguments(&argc, &argv);
    return gl_hostd_run(argc, argv);
}
