/* SPDX-License-Identifier: MIT */
#include "guid.h"

#include <string.h>
#include <uv.h>

/* clang-format off */
#define GUID(a, b, c, d, e)                                                                        \
    {{(a) >> 24 & 255, (a) >> 16 & 255, (a) >> 8 & 255, (a) & 255, (b) >> 8, (b) & 255,            \
      (c) >> 8, (c) & 255, (d) >> 8, (d) & 255, (e) >> 40 & 255, (e) >> 32 & 255,                  \
      (e) >> 24 & 255, (e) >> 16 & 255, (e) >> 8 & 255, (e) & 255}}
/* clang-format on */

const struct gl_guid gl_guid_zero = {{0}};
const struct gl_guid gl_guid_broadcast = GUID(0xffffffff, 0xffff, 0xffff, 0xffff, 0xffffffffffff);
const struct gl_guid gl_guid_children = GUID(0x90db8b89, 0x0d35, 0x4f79, 0x8ce9, 0x49ea0ac8b7cd);
const struct gl_guid gl_guid_loopback = GUID(0xe0e16197, 0xdd56, 0x4a10, 0x9195, 0x5ee7a155a838);
const struct gl_guid gl_guid_parent = GUID(0xa42e7cda, 0xd03f, 0x480c, 0x9cc2, 0xa4de20abb878);
const struct gl_guid gl_guid_silohost = GUID(0x36bd0c5c, 0x7276, 0x4223, 0x88ba, 0x7d03b654c568);

static const struct gl_guid port_template = GUID(0, 0xfacb, 0x11e6, 0xbd58, 0x64006a7986d3);

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Whether a hyphen stands before the byte with this index. */
static bool hyphen_before(unsigned i)
{
    return i == 4 || i == 6 || i == 8 || i == 10;
}

int gl_guid_parse(const char *text, struct gl_guid *ret_guid)
{
    struct gl_guid guid;
    bool braces = *text == '{';
    text += braces;
    for (unsigned i = 0; i < 16; i++) {
        if (hyphen_before(i) && *text++ != '-')
            return UV_EINVAL;
        int high = hex_value(text[0]);
        if (high < 0)
            return UV_EINVAL;
        int low = hex_value(text[1]);
        if (low < 0)
            return UV_EINVAL;
        guid.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (braces && *text++ != '}')
        return UV_EINVAL;
    if (*text)
        return UV_EINVAL;
    *ret_guid = guid;
    return 0;
}

char *gl_guid_format(const struct gl_guid *guid, char buf[GL_GUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *out = buf;
    for (unsigned i = 0; i < 16; i++) {
        if (hyphen_before(i))
            *out++ = '-';
        *out++ = digits[guid->bytes[i] >> 4];
        *out++ = digits[guid->bytes[i] & 15];
    }
    *out = '\0';
    return buf;
}

bool gl_guid_equal(const struct gl_guid *a, const struct gl_guid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool gl_guid_is_zero(const struct gl_guid *guid)
{
    return gl_guid_equal(guid, &gl_guid_zero);
}

/* The change of byte order is its own inverse. */
static void swap_fields(const uint8_t from[16], uint8_t to[16])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (unsigned i = 0; i < 16; i++)
        to[i] = from[order[i]];
}

void gl_guid_to_windows(const struct gl_guid *guid, uint8_t ret_bytes[16])
{
    swap_fields(guid->bytes, ret_bytes);
}

void gl_guid_from_windows(const uint8_t bytes[16], struct gl_guid *ret_guid)
{
    swap_fields(bytes, ret_guid->bytes);
}

int gl_guid_from_port(uint32_t port, struct gl_guid *ret_guid)
{
    if (port > GL_GUID_PORT_MAX)
        return UV_EINVAL;
    *ret_guid = port_template;
    for (unsigned i = 0; i < 4; i++)
        ret_guid->bytes[i] = (uint8_t)(port >> (24 - 8 * i));
    return 0;
}

int gl_guid_to_port(const struct gl_guid *guid, uint32_t *ret_port)
{
    const uint8_t *b = guid->bytes;
    if (memcmp(b + 4, port_template.bytes + 4, 12) != 0)
        return UV_EINVAL;
    uint32_t port = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    if (port > GL_GUID_PORT_MAX)
        return UV_EINVAL;
    *ret_port = port;
    return 0;
}
