/* SPDX-License-Identifier: MIT */
#include "prefix.h"

#include <string.h>
#include <uv.h>

#include "disk.h"
#include "mem.h"
#include "transfer.h"

#define READ_SIZE (256u * 1024)
#define STEP_MIN  (1024u * 1024)

/* Reads a file from its start, with the digest of what was read so far. */
struct reader {
    struct gl_channel *channel;
    int fd;
    uint64_t offset;
    struct gl_digest digest;
    uint8_t *buffer;
};

static void reader_init(struct reader *r, struct gl_channel *channel, int fd)
{
    *r = (struct reader){.channel = channel, .fd = fd, .buffer = gl_alloc(READ_SIZE)};
    gl_digest_init(&r->digest);
}

static void reader_done(struct reader *r)
{
    gl_digest_done(&r->digest);
    gl_free(r->buffer);
}

/* UV_EOF: the file is shorter. */
static int reader_go(struct reader *r, uint64_t to)
{
    while (r->offset < to) {
        if (gl_channel_is_cancelled(r->channel))
            return UV_ECANCELED;
        size_t want = to - r->offset < READ_SIZE ? (size_t)(to - r->offset) : READ_SIZE;
        ssize_t n = gl_file_read_at(r->fd, r->buffer, want, r->offset);
        if (n < 0)
            return (int)n;
        if ((size_t)n < want)
            return UV_EOF;
        gl_digest_update(&r->digest, r->buffer, want);
        r->offset += want;
    }
    return 0;
}

static uint64_t step_for(uint64_t length, bool whole)
{
    if (whole)
        return length;
    uint64_t step = (length + GL_PREFIX_MAX - 1) / GL_PREFIX_MAX;
    return step < STEP_MIN ? STEP_MIN : step;
}

static uint64_t count_for(uint64_t length, uint64_t step)
{
    return length / step + (length % step != 0);
}

/* The end of the prefix that the digest with this index is of. */
static uint64_t end_of(uint64_t index, uint64_t step, uint64_t length)
{
    return index + 1 < count_for(length, step) ? (index + 1) * step : length;
}

int gl_prefix_tell(struct gl_channel *channel, int fd, uint64_t length, bool whole,
                   Gl__TransferHave *ret_have)
{
    uint64_t step = step_for(length, whole), count = count_for(length, step);
    uint8_t *digests = gl_alloc((size_t)count * GL_DIGEST_SIZE);
    struct reader r;
    reader_init(&r, channel, fd);
    int err = 0;
    for (uint64_t i = 0; i < count && !err; i++) {
        err = reader_go(&r, end_of(i, step, length));
        gl_digest_final(&r.digest, digests + i * GL_DIGEST_SIZE);
    }
    reader_done(&r);
    if (err) {
        gl_free(digests);
        return err;
    }
    ret_have->length = length;
    ret_have->step = step;
    ret_have->digests = (ProtobufCBinaryData){(size_t)count * GL_DIGEST_SIZE, digests};
    return 0;
}

bool gl_prefix_is_valid(const Gl__TransferHave *have, uint64_t size)
{
    if (!have->length)
        return have->digests.len == 0;
    if (have->length > size || !have->step)
        return false;
    uint64_t count = count_for(have->length, have->step);
    return count <= GL_PREFIX_MAX && have->digests.len == count * GL_DIGEST_SIZE;
}

int gl_prefix_compare(struct gl_channel *channel, int fd, const Gl__TransferHave *have,
                      uint64_t *ret_length)
{
    uint64_t same = 0;
    struct reader r;
    reader_init(&r, channel, fd);
    int err = 0;
    for (uint64_t i = 0; i * GL_DIGEST_SIZE < have->digests.len; i++) {
        uint64_t end = end_of(i, have->step, have->length);
        err = reader_go(&r, end);
        if (err)
            break;
        uint8_t digest[GL_DIGEST_SIZE];
        gl_digest_final(&r.digest, digest);
        if (memcmp(digest, have->digests.data + i * GL_DIGEST_SIZE, GL_DIGEST_SIZE) != 0)
            break;
        same = end;
    }
    reader_done(&r);
    if (err == UV_EOF) /* it has less than the receiver has, whatever it said before */
        err = 0;
    if (!err)
        *ret_length = same;
    return err;
}
