/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <string.h>
#include <uv.h>

#include "unit.h"

#define CAP 16384u

START_TEST(bytes_are_as_documented)
{
    static const uint8_t expected[GL_FRAME_HEADER] = {0x12, 0,    2,    0,    0x78, 0x56,
                                                      0x34, 0x12, 0x04, 0x03, 0x02, 0x01};
    struct gl_frame frame = {GL_FRAME_DATA, 0, 2, 0x12345678, 0x01020304};
    uint8_t out[GL_FRAME_HEADER];
    memset(out, 0xff, sizeof(out));
    gl_frame_encode(out, &frame);
    ck_assert_mem_eq(out, expected, sizeof(expected));
}
END_TEST

START_TEST(numbers_are_little_endian)
{
    uint8_t b[9];
    gl_put_u16(b + 1, 0x0102);
    ck_assert_mem_eq(b + 1, "\x02\x01", 2);
    ck_assert_uint_eq(gl_get_u16(b + 1), 0x0102);
    gl_put_u32(b + 1, 0xf1020304);
    ck_assert_mem_eq(b + 1, "\x04\x03\x02\xf1", 4);
    ck_assert_uint_eq(gl_get_u32(b + 1), 0xf1020304);
    gl_put_u64(b + 1, 0xf102030405060708);
    ck_assert_mem_eq(b + 1, "\x08\x07\x06\x05\x04\x03\x02\xf1", 8);
    ck_assert_uint_eq(gl_get_u64(b + 1), 0xf102030405060708);
}
END_TEST

/* The table of chapter 2, written a second time: [min, max] of length. */
static const struct {
    uint8_t type, flags;
    const char *name;
    bool stream, sequenced;
    uint32_t min, max;
} types[] = {
    {0x01, 0, "HELLO_A", false, false, 0, 3000}, {0x02, 0, "HELLO_B", false, false, 66, 3000},
    {0x03, 0, "AUTH_A", false, false, 64, 64},   {0x04, 0, "WELCOME", false, false, 0, 4096},
    {0x05, 0, "RESUME", false, false, 0, 256},   {0x10, 7, "OPEN", true, true, 0, CAP},
    {0x11, 6, "MESSAGE", true, true, 0, CAP},    {0x12, 0, "DATA", true, true, 0, CAP},
    {0x13, 0, "EOF", true, true, 0, 0},          {0x14, 0, "CLOSE", true, true, 4, 1028},
    {0x15, 0, "RESET", true, true, 4, 1028},     {0x16, 0, "WINDOW", true, true, 8, 8},
    {0x20, 0, "ACK", false, false, 8, 8},        {0x22, 0, "PING", false, false, 8, 8},
    {0x23, 0, "PONG", false, false, 8, 8},       {0x24, 0, "GOODBYE", false, false, 4, 1028},
};
#define N_TYPES (sizeof(types) / sizeof(types[0]))

static int decode(uint8_t type, uint8_t flags, uint8_t channel, uint8_t reserved, uint32_t stream,
                  uint32_t length)
{
    uint8_t in[GL_FRAME_HEADER];
    gl_frame_encode(in, &(struct gl_frame){type, flags, channel, stream, length});
    in[3] = reserved;
    struct gl_frame frame = {0};
    const char *why = NULL;
    int rc = gl_frame_decode(in, CAP, &frame, &why);
    if (rc == 0) {
        ck_assert_ptr_null(why);
        ck_assert_uint_eq(frame.type, type);
        ck_assert_uint_eq(frame.flags, flags);
        ck_assert_uint_eq(frame.channel, channel);
        ck_assert_uint_eq(frame.stream, stream);
        ck_assert_uint_eq(frame.length, length);
    } else {
        ck_assert_int_eq(rc, UV_EPROTO);
        ck_assert_ptr_nonnull(why);
        ck_assert_uint_eq(frame.type, 0); /* untouched */
    }
    return rc;
}

START_TEST(every_type_within_its_bounds)
{
    for (size_t i = 0; i < N_TYPES; i++) {
        uint8_t type = types[i].type;
        uint32_t stream = types[i].stream ? 7 : 0;
        ck_assert_str_eq(gl_frame_type_name(type), types[i].name);
        ck_assert_int_eq(gl_frame_is_sequenced(type), types[i].sequenced);
        ck_assert_int_eq(decode(type, 0, 0, 0, stream, types[i].min), 0);
        ck_assert_int_eq(decode(type, 0, 0, 0, stream, types[i].max), 0);
        ck_assert_int_eq(decode(type, types[i].flags, 0, 0, stream, types[i].max), 0);
        if (types[i].min)
            ck_assert_int_ne(decode(type, 0, 0, 0, stream, types[i].min - 1), 0);
        ck_assert_int_ne(decode(type, 0, 0, 0, stream, types[i].max + 1), 0);
        ck_assert_int_ne(decode(type, 0, 0, 0, stream, UINT32_MAX), 0);
        ck_assert_int_ne(decode(type, 0, 0, 0, types[i].stream ? 0 : 7, types[i].min), 0);
        ck_assert_int_ne(decode(type, 0, 0, 1, stream, types[i].min), 0);
        ck_assert_int_eq(decode(type, 0, 5, 0, stream, types[i].min) == 0, type == GL_FRAME_DATA);
        for (unsigned bit = 1; bit < 256; bit <<= 1)
            ck_assert_int_eq(decode(type, (uint8_t)bit, 0, 0, stream, types[i].min) == 0,
                             (types[i].flags & bit) != 0);
    }
}
END_TEST

START_TEST(other_types_are_unknown)
{
    for (unsigned type = 0; type < 256; type++) {
        bool known = false;
        for (size_t i = 0; i < N_TYPES; i++)
            known = known || types[i].type == type;
        if (known)
            continue;
        ck_assert_int_ne(decode((uint8_t)type, 0, 0, 0, 0, 0), 0);
        ck_assert_int_ne(decode((uint8_t)type, 0, 0, 0, 1, 8), 0);
        ck_assert_str_eq(gl_frame_type_name((uint8_t)type), "?");
        ck_assert(!gl_frame_is_sequenced((uint8_t)type));
    }
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("frame", bytes_are_as_documented, numbers_are_little_endian,
                         every_type_within_its_bounds, other_types_are_unknown);
}

GL_UNIT_MAIN(suite)
