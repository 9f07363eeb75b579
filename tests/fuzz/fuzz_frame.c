/* SPDX-License-Identifier: MIT */
/* Frame headers: what is accepted is what encoding it gives again. */
#include <string.h>
#include <uv.h>

#include "frame.h"
#include "fuzz.h"

const char gl_fuzz_name[] = "frame";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (; size >= GL_FRAME_HEADER; data++, size--) {
        struct gl_frame frame;
        const char *why = NULL;
        uint8_t again[GL_FRAME_HEADER];
        int err = gl_frame_decode(data, GL_PAYLOAD_MIN_CAP, &frame, &why);
        if (err < 0) {
            FUZZ_ASSERT(err == UV_EPROTO && why);
            continue;
        }
        FUZZ_ASSERT(frame.length <= GL_PAYLOAD_MIN_CAP);
        gl_frame_encode(again, &frame);
        FUZZ_ASSERT(memcmp(again, data, sizeof(again)) == 0);
        FUZZ_ASSERT(gl_frame_is_sequenced(frame.type) == (frame.type >> 4 == 1));
        FUZZ_ASSERT(strcmp(gl_frame_type_name(frame.type), "?") != 0);
    }
    return 0;
}
