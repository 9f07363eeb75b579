/* SPDX-License-Identifier: MIT */
/*
 * Messages: the first byte picks the type, the rest is the message. What is accepted keeps its
 * promises (texts, counts), and packs to bytes that are accepted again and pack to the same.
 */
#include <string.h>

#include "fuzz.h"
#include "mem.h"
#include "message.h"
#include "proto/guestlink.pb-c.h"
#include "utf8.h"

const char gl_fuzz_name[] = "message";

/* The order is the corpus's: add at the end. */
static const ProtobufCMessageDescriptor *const types[] = {
    &gl__hello__descriptor,
    &gl__certificate__descriptor,
    &gl__signed_certificate__descriptor,
    &gl__rekey__descriptor,
    &gl__signed_rekey__descriptor,
    &gl__resume_record__descriptor,
    &gl__welcome__descriptor,
    &gl__resume__descriptor,
    &gl__open__descriptor,
    &gl__ping__descriptor,
    &gl__info__descriptor,
    &gl__exec_start__descriptor,
    &gl__exec_input__descriptor,
    &gl__exec_exit__descriptor,
    &gl__file_receive__descriptor,
    &gl__file_send__descriptor,
    &gl__guest__descriptor,
    &gl__guest_wait__descriptor,
    &gl__site_bundle__descriptor,
    &gl__host_status__descriptor,
    &gl__site_join__descriptor,
};

static void check(const ProtobufCMessage *message);

static void check_value(const ProtobufCFieldDescriptor *field, const void *value)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text;
        memcpy(&text, value, sizeof(text));
        FUZZ_ASSERT(text && gl_utf8_valid(text, strlen(text)));
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *message;
        memcpy(&message, value, sizeof(message));
        if (message)
            check(message);
    }
}

static void check(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        const uint8_t *value = (const uint8_t *)message + field->offset;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            check_value(field, value);
            continue;
        }
        size_t n;
        const uint8_t *array;
        memcpy(&n, (const uint8_t *)message + field->quantifier_offset, sizeof(n));
        memcpy(&array, value, sizeof(array));
        FUZZ_ASSERT(n <= GL_MESSAGE_REPEATED_MAX);
        if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
            for (size_t k = 0; k < n; k++)
                check_value(field, array + k * sizeof(void *));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCMessage *message, *again;
    const char *why = NULL;
    if (!size)
        return 0;
    const ProtobufCMessageDescriptor *type = types[data[0] % GL_ARRAY_SIZE(types)];
    if (gl_message_unpack(type, data + 1, size - 1, &message, &why) < 0) {
        FUZZ_ASSERT(why);
        return 0;
    }
    check(message);
    struct gl_slice first = gl_message_pack(message);
    gl_message_free(message);
    FUZZ_ASSERT(gl_message_unpack(type, first.data, first.len, &again, &why) == 0);
    struct gl_slice second = gl_message_pack(again);
    gl_message_free(again);
    FUZZ_ASSERT(first.len == second.len &&
                (!first.len || memcmp(first.data, second.data, first.len) == 0));
    gl_slice_unref(&first);
    gl_slice_unref(&second);
    return 0;
}
