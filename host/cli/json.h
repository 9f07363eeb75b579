/* SPDX-License-Identifier: MIT */
/*
 * The JSON of --json. A message becomes an object with the field names of guestlink.proto, whether
 * a field is set or not, so that names are stable:
 *  - enums are lower-case words without their prefix ("connected")
 *  - integers are JSON integers; one above 2^63-1 is a string of decimal digits
 *  - strings are strings; bytes that are UTF-8 are strings, others {"base64": "..."}
 * Every top-level object has "schema": GL_JSON_SCHEMA.
 */
#ifndef GL_JSON_H
#define GL_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* How all of it is written; 15 digits are what a double has for certain, more show its noise. */
#define GL_JSON_FLAGS (JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15))

/* A new reference. */
json_t *gl_json_message(const ProtobufCMessage *message);
json_t *gl_json_bytes(const void *data, size_t len);
json_t *gl_json_u64(uint64_t value);

/* How many bytes at the end may be the beginning of a character, 0 to 3: held back, they make the
 * rest text. */
size_t gl_json_unfinished(const uint8_t *data, size_t len);

/* Adds "schema"; the object as one line, with its end. Takes the reference. */
struct gl_slice gl_json_line(json_t *object);

/*
 * Adds "schema", writes the object to stdout as one line and flushes; takes the reference.
 * 0, or a negative UV_E* if stdout cannot be written.
 */
int gl_json_print(json_t *object);

#endif
