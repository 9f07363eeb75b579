/* SPDX-License-Identifier: MIT */
/* guestlink-hostd, the host daemon. */
#include "hostd.h"

int main(int argc, char **argv)
{
    return gl_hostd_run(argc, argv);
}
