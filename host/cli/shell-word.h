/* SPDX-License-Identifier: MIT */
/* Words of command lines that messages show, to be pasted into a shell. */
#ifndef GL_CLI_SHELL_WORD_H
#define GL_CLI_SHELL_WORD_H

/*
 * A word as the system's shell wants it, quoted where it may need it; to be freed. Linux: as
 * POSIX's sh reads it. Windows: as a program there reads its command line (CommandLineToArgvW,
 * learn.microsoft.com); cmd.exe expands %NAME% all the same, which no quoting prevents.
 */
char *gl_shell_word(const char *word);

#endif
