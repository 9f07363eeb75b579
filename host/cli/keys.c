/* SPDX-License-Identifier: MIT */
#include "keys.h"

bool gl_keys_filter(struct gl_keys *keys, const uint8_t *in, size_t len, uint8_t *out,
                    size_t *ret_len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (keys->escape) {
            keys->escape = false;
            if (in[i] == '.') {
                *ret_len = n;
                return false;
            }
            /* At most one more byte out than in: the one held back from the last call. */
            out[n++] = '~';
            keys->in_line = true;
            if (in[i] == '~')
                continue;
        } else if (!keys->in_line && in[i] == '~') {
            keys->escape = true;
            continue;
        }
        out[n++] = in[i];
        keys->in_line = in[i] != '\r' && in[i] != '\n';
    }
    *ret_len = n;
    return true;
}
