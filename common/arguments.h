/* SPDX-License-Identifier: MIT */
/* The words that this program was called with, as UTF-8; linux/ and windows/ have the twins. */
#ifndef GL_ARGUMENTS_H
#define GL_ARGUMENTS_H

/*
 * Linux: what main() got. Windows: the same words from the command line itself, since what main()
 * gets there has lost what the code page does not have, unless the system is new enough (1903) to
 * take the one that the manifest asks for. They stay until the process ends.
 */
void gl_arguments(int *argc, char ***argv);

#endif
