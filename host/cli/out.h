/* SPDX-License-Identifier: MIT */
/* What people read: tables, sizes, times. Text of a guest is made safe for the terminal here. */
#ifndef GL_OUT_H
#define GL_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "mem.h"

/*
 * Standard output, in place of stdio's: that forgets what it could not write and why, and what the
 * C library of Windows says of a pipe without a reader is the same as of much else. Kept until
 * there is much of it, until a line ends where people watch, or until gl_out_flush().
 */
void gl_out_printf(const char *format, ...) GL_PRINTF(1, 2);
void gl_out_write(const void *data, size_t len);
/* 0, or the UV_E* of the first failure, after which nothing more is written. UV_EPIPE: nobody
 * reads. */
int gl_out_flush(void);

/* "512", "1.5K", "12M", "3.2G": powers of 1024, at most four characters. Returns buf. */
char *gl_out_size(uint64_t bytes, char *buf, size_t size);
/* A span of seconds: "5s", "12m", "3h", "4d". */
char *gl_out_span(uint64_t seconds, char *buf, size_t size);
/* A time in seconds since 1970 as "3m ago"; "-" for 0. */
char *gl_out_ago(uint64_t when, char *buf, size_t size);

/* A table: cells are kept escaped until gl_table_print(), which aligns columns and frees. */
struct gl_table;
struct gl_table *gl_table_new(size_t columns);
/* Adds the next cell, row by row. NULL or "" prints as "-". */
void gl_table_add(struct gl_table *table, const char *text);
void gl_table_addf(struct gl_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void gl_table_print(struct gl_table *table);

#endif
