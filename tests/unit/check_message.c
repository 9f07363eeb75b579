/* SPDX-License-Identifier: MIT */
#include "message.h"

#include <string.h>
#include <uv.h>

#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "unit.h"

/* ------------------------------------------------------------------ a type with what ours lack */

/* Recursive, with packed numbers of each width. */
struct tree {
    ProtobufCMessage base;
    struct tree *child;
    size_t n_varints, n_words, n_flags;
    uint32_t *varints;
    uint64_t *words;
    protobuf_c_boolean *flags;
};

static const ProtobufCMessageDescriptor tree_type;

static const ProtobufCFieldDescriptor tree_fields[] = {
    {"child", 1, PROTOBUF_C_LABEL_OPTIONAL, PROTOBUF_C_TYPE_MESSAGE, 0,
     offsetof(struct tree, child), &tree_type, NULL, 0, 0, NULL, NULL},
    {"varints", 2, PROTOBUF_C_LABEL_REPEATED, PROTOBUF_C_TYPE_UINT32,
     offsetof(struct tree, n_varints), offsetof(struct tree, varints), NULL, NULL,
     PROTOBUF_C_FIELD_FLAG_PACKED, 0, NULL, NULL},
    {"words", 3, PROTOBUF_C_LABEL_REPEATED, PROTOBUF_C_TYPE_FIXED64, offsetof(struct tree, n_words),
     offsetof(struct tree, words), NULL, NULL, PROTOBUF_C_FIELD_FLAG_PACKED, 0, NULL, NULL},
    {"flags", 4, PROTOBUF_C_LABEL_REPEATED, PROTOBUF_C_TYPE_BOOL, offsetof(struct tree, n_flags),
     offsetof(struct tree, flags), NULL, NULL, PROTOBUF_C_FIELD_FLAG_PACKED, 0, NULL, NULL},
};
static const ProtobufCIntRange tree_ranges[] = {{1, 0}, {0, 4}};

static void tree_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct tree));
    message->descriptor = &tree_type;
}

static const ProtobufCMessageDescriptor tree_type = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "tree",
    .short_name = "tree",
    .c_name = "tree",
    .package_name = "",
    .sizeof_message = sizeof(struct tree),
    .n_fields = 4,
    .fields = tree_fields,
    .n_field_ranges = 1,
    .field_ranges = tree_ranges,
    .message_init = tree_init,
};

/* ------------------------------------------------------------------ helpers */

/* Unpacks a copy of exactly len bytes, so that the sanitizer sees a read beyond. */
static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *type, const void *data,
                                size_t len, const char **ret_why)
{
    uint8_t *copy = len ? gl_memdup(data, len) : NULL;
    ProtobufCMessage *message = NULL;
    const char *why = NULL;
    int err = gl_message_unpack(type, copy, len, &message, &why);
    gl_free(copy);
    if (err == 0) {
        ck_assert_ptr_nonnull(message);
        ck_assert_ptr_null(why);
    } else {
        ck_assert_int_eq(err, UV_EINVAL);
        ck_assert_ptr_null(message);
        ck_assert_ptr_nonnull(why);
    }
    if (ret_why)
        *ret_why = why;
    return message;
}

#define ACCEPT(type, text)                                                                         \
    do {                                                                                           \
        ProtobufCMessage *m_ = unpack((type), (text), sizeof(text) - 1, NULL);                     \
        ck_assert_ptr_nonnull(m_);                                                                 \
        gl_message_free(m_);                                                                       \
    } while (0)

#define REFUSE(type, text, reason)                                                                 \
    do {                                                                                           \
        const char *why_;                                                                          \
        ck_assert_ptr_null(unpack((type), (text), sizeof(text) - 1, &why_));                       \
        ck_assert_str_eq(why_, (reason));                                                          \
    } while (0)

/* A growing message. */
struct out {
    uint8_t *data;
    size_t len, size;
};

static void put(struct out *out, const void *data, size_t len)
{
    while (out->size - out->len < len) {
        out->size = out->size ? 2 * out->size : 64;
        out->data = gl_realloc(out->data, out->size);
    }
    memcpy(out->data + out->len, data, len);
    out->len += len;
}

/* ------------------------------------------------------------------ tests */

START_TEST(round_trip)
{
    Gl__ExecStart start = GL__EXEC_START__INIT;
    ProtobufCBinaryData argv[2] = {gl_message_bytes("ls", 2), gl_message_bytes("\xff\0z", 3)};
    start.n_argv = 2;
    start.argv = argv;
    start.user = (char *)(uintptr_t) "j\xc3\xbcrgen";
    start.terminal = 1;
    start.timeout_ms = 1ull << 40;
    struct gl_slice slice = gl_message_pack(&start);
    ck_assert_uint_gt(slice.len, 0);

    ProtobufCMessage *m = unpack(&gl__exec_start__descriptor, slice.data, slice.len, NULL);
    ck_assert_ptr_nonnull(m);
    const Gl__ExecStart *got = (const Gl__ExecStart *)m;
    ck_assert_uint_eq(got->n_argv, 2);
    ck_assert_uint_eq(got->argv[1].len, 3);
    ck_assert_mem_eq(got->argv[1].data, "\xff\0z", 3);
    ck_assert_str_eq(got->user, "j\xc3\xbcrgen");
    ck_assert_str_eq(got->term, "");
    ck_assert_uint_eq(got->timeout_ms, 1ull << 40);
    gl_message_free(m);
    gl_slice_unref(&slice);
    gl_message_free(NULL);
}
END_TEST

START_TEST(empty_message)
{
    Gl__Empty empty = GL__EMPTY__INIT;
    struct gl_slice slice = gl_message_pack(&empty);
    ck_assert_uint_eq(slice.len, 0);
    ck_assert_ptr_null(slice.block);
    ACCEPT(&gl__empty__descriptor, "");
    ACCEPT(&gl__hello__descriptor, "");
}
END_TEST

/* Every beginning of a message is either refused or is itself a message: no crash, no overread. */
START_TEST(cut_short)
{
    Gl__Hello hello = GL__HELLO__INIT;
    Gl__ResumeRecord record = GL__RESUME_RECORD__INIT;
    uint8_t bytes[32] = {0};
    record.session = gl_message_bytes(bytes, 16);
    record.rx_hash = UINT64_MAX;
    record.epoch = 300;
    hello.nonce = gl_message_bytes(bytes, 32);
    hello.software = (char *)(uintptr_t) "x";
    hello.resume = &record;
    struct gl_slice slice = gl_message_pack(&hello);
    size_t refused = 0;
    for (size_t len = 0; len < slice.len; len++) {
        ProtobufCMessage *m = unpack(&gl__hello__descriptor, slice.data, len, NULL);
        refused += !m;
        gl_message_free(m);
    }
    ck_assert_uint_gt(refused, slice.len / 2);
    ck_assert_uint_lt(refused, slice.len);
    gl_slice_unref(&slice);
}
END_TEST

/* Open: service 1, method 2, target 3 are strings, request 4 bytes, caller 5 a message. */
START_TEST(texts)
{
    const ProtobufCMessageDescriptor *open = &gl__open__descriptor;
    ACCEPT(open, "\x0a\x03"
                 "a\xc3\xa4");
    REFUSE(open,
           "\x0a\x03"
           "a\0b",
           "NUL in a text");
    REFUSE(open, "\x0a\x01\0", "NUL in a text");
    REFUSE(open, "\x0a\x02\xc3\x28", "text is not UTF-8");
    REFUSE(open, "\x0a\x03\xed\xa0\x80", "text is not UTF-8"); /* a surrogate */
    REFUSE(open, "\x0a\x01\xc3", "text is not UTF-8");
    ACCEPT(open, "\x22\x02\0\xff"); /* bytes may hold anything */
    REFUSE(open, "\x2a\x03\x0a\x01\0", "NUL in a text");
    REFUSE(open, "\x2a\x03\x1a\x01\x80", "text is not UTF-8");
}
END_TEST

START_TEST(malformed)
{
    const ProtobufCMessageDescriptor *open = &gl__open__descriptor;
    REFUSE(open, "\x0a", "cut short");
    REFUSE(open, "\x0a\x80", "cut short");
    REFUSE(open, "\x0a\x05xyz", "cut short");
    REFUSE(open, "\x0a\xff\xff\xff\xff\x0f", "cut short");         /* 4 GiB */
    REFUSE(open, "\x0a\xff\xff\xff\xff\xff\xff\x01", "cut short"); /* a length of 7 bytes */
    REFUSE(open, "\x08\x01", "wrong type of a field");
    REFUSE(open, "\x0d\0\0\0\0", "wrong type of a field");
    REFUSE(open, "\x0b\x0c", "bad wire type"); /* groups */
    REFUSE(open, "\x0e", "bad wire type");
    REFUSE(open, "\x02\x00", "bad field number");                 /* field 0 */
    REFUSE(open, "\xfa\xff\xff\xff\x1f\x00", "bad field number"); /* over 2^29 - 1 */
    REFUSE(open, "\x8a\x80\x80\x80\x80\x00\x00", "bad field number");
    REFUSE(open, "\x2a\x02\x10\x80", "cut short"); /* inside of the caller */
    /* A number of 11 bytes, one of 10. */
    REFUSE(&gl__exec_input__descriptor, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
           "cut short");
    ACCEPT(&gl__exec_input__descriptor, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}
END_TEST

START_TEST(twice)
{
    const ProtobufCMessageDescriptor *open = &gl__open__descriptor;
    REFUSE(open, "\x0a\x01x\x0a\x01y", "field given twice");
    REFUSE(open, "\x2a\x00\x2a\x00", "field given twice"); /* would be merged */
    ACCEPT(open, "\x2a\x00");
}
END_TEST

START_TEST(unknown_fields_are_ignored)
{
    ProtobufCMessage *m =
        unpack(&gl__exec_input__descriptor,
               "\xa2\x06\x02\xff\0\x10\x50\xa8\x06\x01\xad\x06\1\2\3\4", 16, NULL);
    ck_assert_ptr_nonnull(m);
    ck_assert_uint_eq(((const Gl__ExecInput *)m)->columns, 80);
    gl_message_free(m);
}
END_TEST

START_TEST(enums_may_be_anything)
{
    ProtobufCMessage *m = unpack(&gl__hello__descriptor, "\x18\xe7\x07", 3, NULL);
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq((int)((const Gl__Hello *)m)->role, 999);
    gl_message_free(m);
}
END_TEST

START_TEST(nesting)
{
    /* Level n holds level n+1: 8 are allowed. */
    uint8_t data[64] = {0};
    for (size_t levels = 1; levels < 20; levels++) {
        size_t len = 0;
        for (size_t i = 1; i < levels; i++) {
            data[len++] = 0x0a;
            data[len++] = (uint8_t)(2 * (levels - 1 - i));
        }
        const char *why;
        ProtobufCMessage *m = unpack(&tree_type, data, len, &why);
        if (levels <= 8)
            ck_assert_ptr_nonnull(m);
        else
            ck_assert_str_eq(why, "nested too deep");
        gl_message_free(m);
    }
}
END_TEST

/* 100,000 levels of 5 bytes of header each would need a deep stack in a naive decoder. */
START_TEST(nesting_bomb)
{
    struct out out = {0};
    for (int i = 0; i < 50000; i++)
        put(&out, "\x0a\xff\xff\x0f", 4);
    const char *why;
    ck_assert_ptr_null(unpack(&tree_type, out.data, out.len, &why));
    gl_free(out.data);
}
END_TEST

START_TEST(packed)
{
    ProtobufCMessage *m =
        unpack(&tree_type, "\x12\x04\x01\xff\x01\x05\x10\x09\x22\x02\1\0", 12, NULL);
    ck_assert_ptr_nonnull(m);
    const struct tree *t = (const struct tree *)m;
    ck_assert_uint_eq(t->n_varints, 4);
    ck_assert_uint_eq(t->varints[1], 255);
    ck_assert_uint_eq(t->varints[3], 9);
    ck_assert_uint_eq(t->n_flags, 2);
    gl_message_free(m);

    REFUSE(&tree_type, "\x12\x02\x01\x80", "cut short");
    REFUSE(&tree_type, "\x1a\x09\0\0\0\0\0\0\0\0\0", "cut short");
    ACCEPT(&tree_type, "\x1a\x08\0\0\0\0\0\0\0\0");
    ACCEPT(&tree_type, "\x12\x00");
    REFUSE(&tree_type, "\x1d\0\0\0\0", "wrong type of a field");
}
END_TEST

START_TEST(too_many_items)
{
    struct out out = {0};
    for (size_t i = 0; i < GL_MESSAGE_REPEATED_MAX; i++)
        put(&out, "\x10\x01", 2);
    put(&out, "\x10\x01", 2);
    const char *why;
    ck_assert_ptr_null(unpack(&tree_type, out.data, out.len, &why));
    ck_assert_str_eq(why, "too many items");
    gl_free(out.data);

    /* The same in packed form: the items of one field are counted together. */
    struct out dense = {0};
    put(&dense, "\x12\x80\x80\x04", 4);
    for (size_t i = 0; i < GL_MESSAGE_REPEATED_MAX; i++)
        put(&dense, "\x01", 1);
    ProtobufCMessage *m = unpack(&tree_type, dense.data, dense.len, NULL);
    ck_assert_ptr_nonnull(m);
    gl_message_free(m);
    put(&dense, "\x12\x01\x01", 3);
    ck_assert_ptr_null(unpack(&tree_type, dense.data, dense.len, &why));
    ck_assert_str_eq(why, "too many items");
    gl_free(dense.data);
}
END_TEST

static size_t allocated;
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    allocated += size;
    return __real_malloc(size);
}

/* Two bytes become a struct of Address each: 50 times the input. */
START_TEST(memory_is_bounded)
{
    struct out out = {0};
    while (out.len < 200000)
        put(&out, "\x42\x00", 2);
    out.len = 2 * 60000;
    const char *why;
    allocated = 0;
    int r = gl_message_unpack(&gl__info__descriptor, out.data, out.len, &(ProtobufCMessage *){NULL},
                              &why);
    size_t max = GL_MESSAGE_MEMORY_FACTOR * out.len + GL_MESSAGE_MEMORY_BASE;
    ck_assert_uint_le(allocated, max);
    ck_assert_uint_gt(allocated, max / 2); /* it is counted here */
    ck_assert_int_eq(r, UV_EINVAL);
    ck_assert_str_eq(why, "cannot be decoded, or takes too much memory");
    gl_free(out.data);
}
END_TEST

/* What a shell makes of `exec -- prog {a..z}...` must get through: the shortest useful arguments.
 */
START_TEST(long_argument_list)
{
    struct out out = {0};
    /* One more than fit into what the library has allocated for them by then: the worst number. */
    for (int i = 0; i < 65521; i++)
        put(&out, "\x0a\x01y", 3);
    ProtobufCMessage *m = unpack(&gl__exec_start__descriptor, out.data, out.len, NULL);
    ck_assert_ptr_nonnull(m);
    ck_assert_uint_eq(((const Gl__ExecStart *)m)->n_argv, 65521);
    gl_message_free(m);
    gl_free(out.data);
}
END_TEST

START_TEST(cstring)
{
    char *text = gl_message_cstring(gl_message_bytes("a/b", 3));
    ck_assert_str_eq(text, "a/b");
    gl_free(text);
    text = gl_message_cstring(gl_message_bytes(NULL, 0));
    ck_assert_str_eq(text, "");
    gl_free(text);
    ck_assert_ptr_null(gl_message_cstring(gl_message_bytes("a\0b", 3)));
    ck_assert_ptr_null(gl_message_cstring(gl_message_bytes("a\0", 2)));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("message", round_trip, empty_message, cut_short, texts, malformed, twice,
                         unknown_fields_are_ignored, enums_may_be_anything, nesting, nesting_bomb,
                         packed, too_many_items, memory_is_bounded, long_argument_list, cstring);
}

GL_UNIT_MAIN(suite)
