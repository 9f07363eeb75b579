/* SPDX-License-Identifier: MIT */
/*
 * protobuf-c is shown nothing before a scan of our own has found it sound. The scan is stricter
 * than the library, on purpose:
 *   - a decoded string has lost its length, so NUL bytes can be seen in the encoded form only;
 *   - a singular field that comes twice is refused: the library would merge submessages, code that
 *     is hardly ever run and has had errors;
 *   - nesting, counts and the wire type of each known field are judged before memory is taken.
 * Both read the same encoding: https://protobuf.dev/programming-guides/encoding/
 */
#include "message.h"

#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <uv.h>

#include "mem.h"
#include "utf8.h"

#define NESTING_MAX  8
#define FIELDS_MAX   64 /* of one message type of ours */
#define FIELD_ID_MAX ((1u << 29) - 1)

/* ------------------------------------------------------------------ scan */

struct input {
    const uint8_t *data;
    size_t len;
};

/* One field as it lies in the input. */
struct field {
    uint32_t id;
    unsigned wire_type;
    struct input payload; /* without the length prefix */
};

static bool take(struct input *in, size_t n, struct input *ret_part)
{
    if (n > in->len)
        return false;
    *ret_part = (struct input){in->data, n};
    in->data += n;
    in->len -= n;
    return true;
}

/* At most `max_bytes`; a longer form of the same number is allowed, as encoders may pad. */
static bool take_varint(struct input *in, size_t max_bytes, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < in->len && i < max_bytes; i++) {
        value |= (uint64_t)(in->data[i] & 0x7f) << (7 * i);
        if (!(in->data[i] & 0x80)) {
            in->data += i + 1;
            in->len -= i + 1;
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static const char *take_field(struct input *in, struct field *ret_field)
{
    uint64_t tag, value;
    struct field field = {0};
    if (!take_varint(in, 5, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_ID_MAX)
        return "bad field number";
    field.id = (uint32_t)(tag >> 3);
    field.wire_type = (unsigned)(tag & 7);

    struct input start = *in;
    bool whole = false;
    switch (field.wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        whole = take_varint(in, 10, &value);
        field.payload = (struct input){start.data, start.len - in->len};
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        whole = take(in, 8, &field.payload);
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        whole = take(in, 4, &field.payload);
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        whole = take_varint(in, 5, &value) && value <= INT_MAX &&
                take(in, (size_t)value, &field.payload);
        break;
    default:
        return "bad wire type";
    }
    if (!whole)
        return "cut short";
    *ret_field = field;
    return NULL;
}

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

/* Numbers of a repeated field one after the other in one payload. */
static const char *scan_packed(unsigned wire_type, struct input payload, size_t *ret_count)
{
    size_t count = 0;
    while (payload.len) {
        struct input number;
        uint64_t value;
        bool whole;
        if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT)
            whole = take_varint(&payload, 10, &value);
        else
            whole = take(&payload, wire_type == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4, &number);
        if (!whole)
            return "cut short";
        count++;
    }
    *ret_count = count;
    return NULL;
}

static const char *scan_message(const ProtobufCMessageDescriptor *type, struct input in,
                                unsigned depth);

/* A field that the type knows. */
static const char *scan_known(const ProtobufCFieldDescriptor *known, const struct field *field,
                              unsigned depth, size_t *ret_count)
{
    struct input payload = field->payload;
    unsigned wire_type = wire_type_of(known->type);
    *ret_count = 1;
    if (wire_type != field->wire_type) {
        if (known->label == PROTOBUF_C_LABEL_REPEATED &&
            field->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            return scan_packed(wire_type, payload, ret_count);
        return "wrong type of a field";
    }
    if (known->type == PROTOBUF_C_TYPE_MESSAGE)
        return scan_message(known->descriptor, payload, depth + 1);
    if (known->type == PROTOBUF_C_TYPE_STRING) {
        if (payload.len && memchr(payload.data, '\0', payload.len))
            return "NUL in a text";
        if (!gl_utf8_valid(payload.data, payload.len))
            return "text is not UTF-8";
    }
    return NULL;
}

static const char *scan_message(const ProtobufCMessageDescriptor *type, struct input in,
                                unsigned depth)
{
    size_t counts[FIELDS_MAX] = {0};
    if (depth > NESTING_MAX)
        return "nested too deep";
    if (type->n_fields > FIELDS_MAX)
        return "type has too many fields";

    while (in.len) {
        struct field field;
        const char *why = take_field(&in, &field);
        if (why)
            return why;
        const ProtobufCFieldDescriptor *known =
            protobuf_c_message_descriptor_get_field(type, field.id);
        if (!known)
            continue;
        size_t n;
        why = scan_known(known, &field, depth, &n);
        if (why)
            return why;
        size_t *count = &counts[known - type->fields];
        size_t max = known->label == PROTOBUF_C_LABEL_REPEATED ? GL_MESSAGE_REPEATED_MAX : 1;
        *count += n;
        if (*count > max)
            return max == 1 ? "field given twice" : "too many items";
    }
    return NULL;
}

/* ------------------------------------------------------------------ unpack */

/* Before each piece of memory of a message: so it can be wiped, whatever the message is about,
 * which costs less than to know whether it must. */
struct head {
    _Alignas(16) size_t size; /* of what follows, which is aligned as by malloc() */
};

/* What is given back while a message is decoded is not counted as free: simple, and it bounds more.
 */
static void *capped_alloc(void *data, size_t size)
{
    size_t *left = data;
    if (size > *left || sizeof(struct head) > *left - size)
        return NULL;
    *left -= sizeof(struct head) + size;
    struct head *head = gl_alloc(sizeof(*head) + size);
    head->size = size;
    return head + 1;
}

static void wiping_free(void *data, void *ptr)
{
    (void)data;
    if (!ptr)
        return;
    struct head *head = (struct head *)ptr - 1;
    sodium_memzero(head, sizeof(*head) + head->size);
    gl_free(head);
}

int gl_message_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
                      ProtobufCMessage **ret_message, const char **ret_why)
{
    const char *why = len > INT_MAX ? "too long" : scan_message(type, (struct input){data, len}, 1);
    ProtobufCMessage *message = NULL;
    if (!why) {
        size_t left = GL_MESSAGE_MEMORY_FACTOR * len + GL_MESSAGE_MEMORY_BASE;
        ProtobufCAllocator capped = {capped_alloc, wiping_free, &left};
        message = protobuf_c_message_unpack(type, &capped, len, data);
        if (!message)
            why = "cannot be decoded, or takes too much memory";
    }
    if (why) {
        if (ret_why)
            *ret_why = why;
        return UV_EINVAL;
    }
    *ret_message = message;
    return 0;
}

void gl_message_free(void *message)
{
    ProtobufCAllocator wiping = {NULL, wiping_free, NULL};
    if (message)
        protobuf_c_message_free_unpacked(message, &wiping);
    gl_wipe_traces();
}

/* ------------------------------------------------------------------ pack */

struct gl_slice gl_message_pack(const void *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    if (!len)
        return GL_SLICE_EMPTY;
    struct gl_block *block = gl_block_new(len);
    protobuf_c_message_pack(message, gl_block_data(block));
    struct gl_slice slice = gl_slice_of(block, 0, len);
    gl_block_unref(block);
    return slice;
}

char *gl_message_cstring(ProtobufCBinaryData bytes)
{
    if (bytes.len && memchr(bytes.data, '\0', bytes.len))
        return NULL;
    char *text = gl_alloc(bytes.len + 1);
    if (bytes.len)
        memcpy(text, bytes.data, bytes.len);
    text[bytes.len] = '\0';
    return text;
}
