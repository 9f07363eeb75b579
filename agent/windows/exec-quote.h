/* SPDX-License-Identifier: MIT */
/*
 * Command lines. A Windows program gets one text, and takes it apart itself; how, is its own
 * affair. Nearly all do it as Microsoft's C runtime does ("Parsing C++ command-line arguments",
 * learn.microsoft.com), PowerShell among them (about_Pwsh: what follows -Command is then its own
 * language). Batch files are read by cmd.exe, which has other rules, and which takes a line apart
 * for variables, pipes and further commands: CVE-2024-24576 was this.
 *
 * All texts are UTF-8.
 */
#ifndef GL_AGENT_WINDOWS_EXEC_QUOTE_H
#define GL_AGENT_WINDOWS_EXEC_QUOTE_H

#include <stdbool.h>

/* UTF-16 units with the end: "CreateProcessW function", and for cmd.exe "Command prompt line string
 * limitation", learn.microsoft.com. */
#define GL_EXEC_LINE_MAX       32767u
#define GL_EXEC_BATCH_LINE_MAX 8191u

/*
 * A command line from which the C runtime makes exactly argv, NULL-terminated, again. 0 and
 * *ret_line for gl_free(), or UV_EINVAL with *ret_why: argv[0] holds a quote, which that cannot.
 */
int gl_exec_quote_program(const char *const *argv, char **ret_line, const char **ret_why);

/*
 * A command line for cmd.exe (`interpreter`, its absolute path) by which the batch file at `script`
 * gets exactly argv[1] and what follows as %~1, %~2, ... 0 and *ret_line, or UV_EINVAL with
 * *ret_why, a static text, for arguments that cmd.exe would change or run: with a double quote, a
 * percent sign, or a control character other than tab.
 */
int gl_exec_quote_batch(const char *interpreter, const char *script, const char *const *argv,
                        char **ret_line, const char **ret_why);

/* Whether CreateProcess hands a file of this name to cmd.exe: .bat or .cmd, whatever dots and
 * blanks follow, which the file system drops. */
bool gl_exec_is_batch(const char *path);

#endif
