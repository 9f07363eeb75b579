/* SPDX-License-Identifier: MIT */
/* guestlink-agent. */
#include <string.h>

#include "exec-helper.h"
#include "program.h"

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], GL_EXEC_HELPER_OPTION) == 0)
        gl_exec_helper_main();
    return gl_agent_run(argc, argv);
}
