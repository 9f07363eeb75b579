/* SPDX-License-Identifier: MIT */
/* The agent's command line. */
#ifndef GL_AGENT_OPTIONS_H
#define GL_AGENT_OPTIONS_H

#include "settings.h"

enum gl_options_result {
    GL_OPTIONS_RUN,
    GL_OPTIONS_DONE, /* --help or --version was printed: exit 0 */
    GL_OPTIONS_BAD,  /* one line on stderr says what is wrong: exit 2 */
};

/* The texts in *ret_options are argv's. */
enum gl_options_result gl_options_parse(int argc, char **argv,
                                        struct gl_settings_options *ret_options);

#endif
