/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "cli.h"
#include "mem.h"
#include "out.h"
#include "utf8.h"

json_t *gl_json_u64(uint64_t value)
{
    char text[24];
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(text, sizeof(text), "%" PRIu64, value);
    return json_string(text);
}

json_t *gl_json_bytes(const void *data, size_t len)
{
    if (gl_utf8_valid(data, len))
        return json_stringn(len > 0 ? data : "", len);
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = gl_alloc(size);
    sodium_bin2base64(text, size, data, len, sodium_base64_VARIANT_ORIGINAL);
    json_t *object = json_pack("{s:s}", "base64", text);
    gl_free(text);
    return object;
}

/* GUEST_STATE_CONNECTED of enum GuestState is "connected": what all names of an enum share is left
 * out. */
static json_t *json_enum(const ProtobufCEnumDescriptor *type, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    if (value == NULL)
        return json_integer(number);
    const char *first = type->values[0].name;
    size_t common = 0;
    for (size_t i = 0; first[i] != '\0'; i++) {
        bool all = true;
        for (unsigned v = 0; v < type->n_values; v++)
            all = all && strncmp(type->values[v].name, first, i + 1) == 0;
        if (!all)
            break;
        if (first[i] == '_')
            common = i + 1;
    }
    char *word = gl_strdup(value->name + common);
    for (char *c = word; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    json_t *json = json_string(word);
    gl_free(word);
    return json;
}

static json_t *json_value(const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return json_integer(*(const int64_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return gl_json_u64(*(const uint64_t *)at);
    case PROTOBUF_C_TYPE_FLOAT:
        return json_real((double)*(const float *)at);
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_real(*(const double *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM:
        return json_enum(field->descriptor, *(const int *)at);
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(char *const *)at;
        return gl_json_bytes(text, text != NULL ? strlen(text) : 0);
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = at;
        return gl_json_bytes(bytes->data, bytes->len);
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = *(const ProtobufCMessage *const *)at;
        return message != NULL ? gl_json_message(message) : json_null();
    }
    default:
        return json_null();
    }
}

static size_t value_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

json_t *gl_json_message(const ProtobufCMessage *message)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *at = (const char *)message + field->offset;
        json_t *value;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t n =
                *(const size_t *)(const void *)((const char *)message + field->quantifier_offset);
            const char *items = *(char *const *)(const void *)at;
            value = json_array();
            for (size_t k = 0; k < n; k++)
                json_array_append_new(value, json_value(field, items + k * value_size(field)));
        } else {
            value = json_value(field, at);
        }
        json_object_set_new(object, field->name, value);
    }
    return object;
}

size_t gl_json_unfinished(const uint8_t *data, size_t len)
{
    for (size_t n = 1; n <= 3 && n <= len; n++) {
        uint8_t c = data[len - n];
        if (c >= 0xc0)
            return n < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? n : 0;
        if (c < 0x80)
            return 0;
    }
    return 0;
}

struct gl_slice gl_json_line(json_t *object)
{
    json_object_set_new(object, "schema", json_integer(GL_JSON_SCHEMA));
    char *text = json_dumps(object, GL_JSON_FLAGS);
    size_t len = text ? strlen(text) : 0;
    struct gl_block *block = gl_block_new(len + 1);
    if (text)
        memcpy(gl_block_data(block), text, len);
    gl_block_data(block)[len] = '\n';
    struct gl_slice line = gl_slice_of(block, 0, len + 1);
    gl_block_unref(block);
    free(text);
    json_decref(object);
    return line;
}

int gl_json_print(json_t *object)
{
    json_object_set_new(object, "schema", json_integer(GL_JSON_SCHEMA));
    char *text = json_dumps(object, GL_JSON_FLAGS);
    json_decref(object);
    if (text == NULL)
        return UV_ENOMEM;
    gl_out_write(text, strlen(text));
    gl_out_write("\n", 1);
    free(text);
    return gl_out_flush();
}
