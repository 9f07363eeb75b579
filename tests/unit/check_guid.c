/* SPDX-License-Identifier: MIT */
#include "guid.h"

#include <string.h>
#include <uv.h>

#include "unit.h"

static const char parent[] = "a42e7cda-d03f-480c-9cc2-a4de20abb878";

START_TEST(parses_and_formats)
{
    struct gl_guid guid;
    char text[GL_GUID_TEXT_SIZE];
    static const uint8_t bytes[16] = {0xa4, 0x2e, 0x7c, 0xda, 0xd0, 0x3f, 0x48, 0x0c,
                                      0x9c, 0xc2, 0xa4, 0xde, 0x20, 0xab, 0xb8, 0x78};
    ck_assert_int_eq(gl_guid_parse(parent, &guid), 0);
    ck_assert_mem_eq(guid.bytes, bytes, 16);
    ck_assert_str_eq(gl_guid_format(&guid, text), parent);
    ck_assert_int_eq(gl_guid_parse("{A42E7CDA-D03F-480C-9CC2-A4DE20ABB878}", &guid), 0);
    ck_assert_mem_eq(guid.bytes, bytes, 16);
}
END_TEST

START_TEST(refuses_other_texts)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "a42e7cda",
        "a42e7cdad03f480c9cc2a4de20abb878",
        "a42e7cda-d03f-480c-9cc2-a4de20abb87",
        "a42e7cda-d03f-480c-9cc2-a4de20abb8789",
        "a42e7cda-d03f-480c-9cc2-a4de20abb87g",
        "a42e7cda-d03f-480c-9cc2a-4de20abb878",
        "{a42e7cda-d03f-480c-9cc2-a4de20abb878",
        "a42e7cda-d03f-480c-9cc2-a4de20abb878}",
        " a42e7cda-d03f-480c-9cc2-a4de20abb878",
        "a42e7cda-d03f-480c-9cc2-a4de20abb878 ",
        "{a42e7cda-d03f-480c-9cc2-a4de20abb878}}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct gl_guid guid = {{42}};
        ck_assert_msg(gl_guid_parse(bad[i], &guid) == UV_EINVAL, "'%s'", bad[i]);
        ck_assert_uint_eq(guid.bytes[0], 42);
    }
}
END_TEST

START_TEST(well_known)
{
    char text[GL_GUID_TEXT_SIZE];
    ck_assert_str_eq(gl_guid_format(&gl_guid_parent, text), parent);
    ck_assert_str_eq(gl_guid_format(&gl_guid_children, text),
                     "90db8b89-0d35-4f79-8ce9-49ea0ac8b7cd");
    ck_assert_str_eq(gl_guid_format(&gl_guid_loopback, text),
                     "e0e16197-dd56-4a10-9195-5ee7a155a838");
    ck_assert_str_eq(gl_guid_format(&gl_guid_silohost, text),
                     "36bd0c5c-7276-4223-88ba-7d03b654c568");
    ck_assert_str_eq(gl_guid_format(&gl_guid_broadcast, text),
                     "ffffffff-ffff-ffff-ffff-ffffffffffff");
    ck_assert_str_eq(gl_guid_format(&gl_guid_zero, text), "00000000-0000-0000-0000-000000000000");
    ck_assert(gl_guid_is_zero(&gl_guid_zero));
    ck_assert(!gl_guid_is_zero(&gl_guid_parent));
    ck_assert(!gl_guid_equal(&gl_guid_loopback, &gl_guid_parent));
}
END_TEST

START_TEST(ports)
{
    struct gl_guid guid = {{0}};
    char text[GL_GUID_TEXT_SIZE];
    uint32_t port = 5;
    ck_assert_int_eq(gl_guid_from_port(1007, &guid), 0);
    ck_assert_str_eq(gl_guid_format(&guid, text), "000003ef-facb-11e6-bd58-64006a7986d3");
    ck_assert_int_eq(gl_guid_to_port(&guid, &port), 0);
    ck_assert_uint_eq(port, 1007);
    ck_assert_int_eq(gl_guid_from_port(GL_GUID_PORT_MAX, &guid), 0);
    ck_assert_int_eq(gl_guid_to_port(&guid, &port), 0);
    ck_assert_uint_eq(port, GL_GUID_PORT_MAX);

    ck_assert_int_eq(gl_guid_from_port(GL_GUID_PORT_MAX + 1, &guid), UV_EINVAL);
    ck_assert_int_eq(gl_guid_to_port(&gl_guid_parent, &port), UV_EINVAL);
    ck_assert_int_eq(gl_guid_parse("80000000-facb-11e6-bd58-64006a7986d3", &guid), 0);
    ck_assert_int_eq(gl_guid_to_port(&guid, &port), UV_EINVAL);
    ck_assert_uint_eq(port, GL_GUID_PORT_MAX);
}
END_TEST

START_TEST(byte_order_of_windows)
{
    struct gl_guid back;
    uint8_t bytes[16];
    static const uint8_t windows[16] = {0xda, 0x7c, 0x2e, 0xa4, 0x3f, 0xd0, 0x0c, 0x48,
                                        0x9c, 0xc2, 0xa4, 0xde, 0x20, 0xab, 0xb8, 0x78};
    gl_guid_to_windows(&gl_guid_parent, bytes);
    ck_assert_mem_eq(bytes, windows, 16);
    gl_guid_from_windows(bytes, &back);
    ck_assert(gl_guid_equal(&back, &gl_guid_parent));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("guid", parses_and_formats, refuses_other_texts, well_known, ports,
                         byte_order_of_windows);
}

GL_UNIT_MAIN(suite)
