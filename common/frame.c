/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <uv.h>

/* What chapter 2 allows for a type. */
struct rule {
    const char *name; /* NULL: no such type */
    uint8_t flags;
    bool sequenced;
    bool on_stream; /* stream number not 0; otherwise 0 */
    bool capped;    /* longest is the cap, not `max` */
    uint32_t min, max;
};

#define STATUS_MAX (4 + GL_STATUS_TEXT_MAX)

static const struct rule rules[] = {
    [GL_FRAME_HELLO_A] = {"HELLO_A", 0, false, false, false, 0, 3000},
    [GL_FRAME_HELLO_B] = {"HELLO_B", 0, false, false, false, 2 + 64, 3000},
    [GL_FRAME_AUTH_A] = {"AUTH_A", 0, false, false, false, 64, 64},
    [GL_FRAME_WELCOME] = {"WELCOME", 0, false, false, false, 0, 4096},
    [GL_FRAME_RESUME] = {"RESUME", 0, false, false, false, 0, 256},
    [GL_FRAME_OPEN] = {"OPEN", GL_FLAG_INTERACTIVE | GL_FLAG_MORE | GL_FLAG_SECRET, true, true,
                       true, 0, 0},
    [GL_FRAME_MESSAGE] = {"MESSAGE", GL_FLAG_MORE | GL_FLAG_SECRET, true, true, true, 0, 0},
    [GL_FRAME_DATA] = {"DATA", 0, true, true, true, 0, 0},
    [GL_FRAME_EOF] = {"EOF", 0, true, true, false, 0, 0},
    [GL_FRAME_CLOSE] = {"CLOSE", 0, true, true, false, 4, STATUS_MAX},
    [GL_FRAME_RESET] = {"RESET", 0, true, true, false, 4, STATUS_MAX},
    [GL_FRAME_WINDOW] = {"WINDOW", 0, true, true, false, 8, 8},
    [GL_FRAME_ACK] = {"ACK", 0, false, false, false, 8, 8},
    [GL_FRAME_PING] = {"PING", 0, false, false, false, 8, 8},
    [GL_FRAME_PONG] = {"PONG", 0, false, false, false, 8, 8},
    [GL_FRAME_GOODBYE] = {"GOODBYE", 0, false, false, false, 4, STATUS_MAX},
};

static const struct rule *rule_of(uint8_t type)
{
    if (type >= sizeof(rules) / sizeof(rules[0]) || !rules[type].name)
        return NULL;
    return &rules[type];
}

void gl_frame_encode(uint8_t out[GL_FRAME_HEADER], const struct gl_frame *frame)
{
    out[0] = frame->type;
    out[1] = frame->flags;
    out[2] = frame->channel;
    out[3] = 0;
    gl_put_u32(out + 4, frame->stream);
    gl_put_u32(out + 8, frame->length);
}

static const char *check_header(const struct gl_frame *frame, const struct rule *rule,
                                uint8_t reserved, uint32_t cap)
{
    if (frame->flags & ~rule->flags)
        return "unknown flag";
    if (reserved)
        return "reserved byte is not 0";
    if (frame->channel && frame->type != GL_FRAME_DATA)
        return "channel on a frame that has none";
    if (rule->on_stream && !frame->stream)
        return "stream number is 0";
    if (!rule->on_stream && frame->stream)
        return "stream number on a frame of the link";
    if (frame->length < rule->min)
        return "payload too short";
    if (frame->length > (rule->capped ? cap : rule->max))
        return "payload too long";
    return NULL;
}

int gl_frame_decode(const uint8_t in[GL_FRAME_HEADER], uint32_t cap, struct gl_frame *ret_frame,
                    const char **ret_why)
{
    struct gl_frame frame = {
        .type = in[0],
        .flags = in[1],
        .channel = in[2],
        .stream = gl_get_u32(in + 4),
        .length = gl_get_u32(in + 8),
    };
    const struct rule *rule = rule_of(frame.type);
    const char *why = rule ? check_header(&frame, rule, in[3], cap) : "unknown frame type";
    if (why) {
        *ret_why = why;
        return UV_EPROTO;
    }
    *ret_frame = frame;
    return 0;
}

bool gl_frame_is_sequenced(uint8_t type)
{
    const struct rule *rule = rule_of(type);
    return rule && rule->sequenced;
}

const char *gl_frame_type_name(uint8_t type)
{
    const struct rule *rule = rule_of(type);
    return rule ? rule->name : "?";
}

void gl_put_u16(uint8_t *out, uint16_t v)
{
    out[0] = (uint8_t)v;
    out[1] = (uint8_t)(v >> 8);
}

void gl_put_u32(uint8_t *out, uint32_t v)
{
    gl_put_u16(out, (uint16_t)v);
    gl_put_u16(out + 2, (uint16_t)(v >> 16));
}

void gl_put_u64(uint8_t *out, uint64_t v)
{
    gl_put_u32(out, (uint32_t)v);
    gl_put_u32(out + 4, (uint32_t)(v >> 32));
}

uint16_t gl_get_u16(const uint8_t *in)
{
    return (uint16_t)(in[0] | in[1] << 8);
}

uint32_t gl_get_u32(const uint8_t *in)
{
    return gl_get_u16(in) | (uint32_t)gl_get_u16(in + 2) << 16;
}

uint64_t gl_get_u64(const uint8_t *in)
{
    return gl_get_u32(in) | (uint64_t)gl_get_u32(in + 4) << 32;
}
