/* SPDX-License-Identifier: MIT */
/* The guest agent. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "exec-helper.h"

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], GL_EXEC_HELPER_OPTION) == 0)
        gl_exec_helper_main();
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("guestlink-agent %s\n", PACKAGE_VERSION);
        return 0;
    }
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fprintf(help ? stdout : stderr, "usage: guestlink-agent --version|--help\n");
    return help ? 0 : 2;
}
