/* SPDX-License-Identifier: MIT */
#include "arguments.h"

void gl_arguments(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
}
