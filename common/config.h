/* SPDX-License-Identifier: MIT */
/*
 * Configuration files: libConfuse, made strict. A file is taken whole or not at all.
 *
 *   # a comment
 *   log-level = info
 *   allow = {exec, "file.*"}
 *   forward "web" { target = 'unix:/run/web.sock' }
 *
 * Refused, since libConfuse would let them pass in silence: a key or titled section that is given
 * twice (the last would win), an unclosed section or comment at the end (a truncated file),
 * unquoted
 * '*', '+', '|' and brackets (some are dropped), numbers that are empty or not decimal, backslashes
 * in "..." other than \\ and \" (a Windows path would change; in '...' a backslash is itself,
 * unless a ' or another \ follows), strings over several lines, and environment variables. Comments
 * start with # only. Refused too: unknown keys, control characters, invalid UTF-8, lines longer
 * than GL_CONFIG_LINE_MAX bytes and files larger than GL_CONFIG_FILE_MAX. A byte order mark of
 * UTF-8 at the beginning is passed over, as editors on Windows leave one.
 *
 * libConfuse's scanner is global: one thread only. https://github.com/libconfuse/libconfuse
 */
#ifndef GL_CONFIG_H
#define GL_CONFIG_H

#include <confuse.h>

#define GL_CONFIG_LINE_MAX 4096u
#define GL_CONFIG_FILE_MAX (256u * 1024)

/*
 * Loads the file. opts is a table of CFG_* entries ending in CFG_END(), without CFG_SIMPLE_* (which
 * write into the program's variables even if the file is bad), CFG_FUNC and print functions;
 * CFG_INT takes decimal numbers. Its validate callbacks work as libConfuse has them: they say what
 * is wrong by cfg_error(cfg, ...), which adds file and line.
 *
 * On success *ret_cfg is for cfg_free(). Otherwise *ret_cfg is untouched and *ret_error is one line
 * 'FILE:LINE: what is wrong' or 'FILE: what is wrong', without control characters, for gl_free().
 *   UV_ENOENT  there is no such file (for the caller to decide whether gl_config_defaults will do)
 *   UV_EACCES  it may not be read; or this is root, and others could have written it
 *   UV_E2BIG   it is too large
 *   UV_EINVAL  its content, or not a regular file
 * and whatever else opening or reading gives.
 */
int gl_config_load(const char *path, cfg_opt_t *opts, cfg_t **ret_cfg, char **ret_error);

/*
 * The same in two steps, for those who look at the text themselves. The text is NUL-terminated, for
 * gl_free(); errors are as above.
 */
int gl_config_read(const char *path, char **ret_text, size_t *ret_len, char **ret_error);
/* len bytes of NUL-terminated text, whose comments are blanked; path is for the errors only. */
int gl_config_parse(const char *path, char *text, size_t len, cfg_opt_t *opts, cfg_t **ret_cfg,
                    char **ret_error);

/* The defaults of opts, as if the file were empty; for cfg_free(). */
cfg_t *gl_config_defaults(cfg_opt_t *opts);

#endif
