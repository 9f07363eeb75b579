/* SPDX-License-Identifier: MIT */
/*
 * Protocol Buffers in and out: unpacking what a peer sent with a cap on the memory it may take and
 * a check of the result, by its descriptor; packing into a slice.
 */
#ifndef GL_MESSAGE_H
#define GL_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

#include "buf.h"

#define GL_MESSAGE_REPEATED_MAX 65536u

/* Memory that decoding may take: FACTOR * input + BASE. An argument list of single letters, which
 * is legitimate, needs 33 times its length. */
#define GL_MESSAGE_MEMORY_FACTOR 36u
#define GL_MESSAGE_MEMORY_BASE   (64u * 1024)

/*
 * Unpacks and checks: strings are UTF-8 without NUL, repeated fields within
 * GL_MESSAGE_REPEATED_MAX, no other field comes twice, nesting at most 8 deep, memory bounded as
 * above. Enums may have any number: who switches over one needs a default. Unknown fields are
 * ignored. UV_EINVAL with *ret_why (may be NULL) a static text. Free with gl_message_free(), which
 * wipes all that was decoded.
 */
int gl_message_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
                      ProtobufCMessage **ret_message, const char **ret_why);
void gl_message_free(void *message); /* NULL is fine */
/* `message` is any protobuf-c message struct. Its size must be bounded by what it was made of. */
struct gl_slice gl_message_pack(const void *message);

/* A bytes field as a C string for system calls: allocated, or NULL if it holds a NUL byte. */
char *gl_message_cstring(ProtobufCBinaryData bytes);
static inline ProtobufCBinaryData gl_message_bytes(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

#endif
