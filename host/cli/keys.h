/* SPDX-License-Identifier: MIT */
/*
 * The way out of a terminal that does not answer: ~. at the start of a line ends the connection, ~~
 * is one ~. As in ssh(1), where fingers know it from.
 */
#ifndef GL_CLI_KEYS_H
#define GL_CLI_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gl_keys {
    bool in_line; /* something was typed since the last line end */
    bool escape;  /* a ~ at the start of a line is held back */
};

/*
 * Takes what was typed; `out` has room for len + 1 bytes. Returns false for ~. (what was typed
 * before it is in out). All zero is the state at the start.
 */
bool gl_keys_filter(struct gl_keys *keys, const uint8_t *in, size_t len, uint8_t *out,
                    size_t *ret_len);

#endif
