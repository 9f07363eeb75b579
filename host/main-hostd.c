/* SPDX-License-Identifier: MIT */
/* The host daemon. */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("guestlink-hostd %s\n", PACKAGE_VERSION);
        return 0;
    }
    fprintf(stderr, "usage: guestlink-hostd --version\n");
    return 2;
}
