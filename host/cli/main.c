/* SPDX-License-Identifier: MIT */
/* The command line that people use. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("guestlink %s\n", PACKAGE_VERSION);
        return 0;
    }
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fprintf(help ? stdout : stderr, "usage: guestlink --version|--help\n");
    return help ? 0 : 2;
}
