/* SPDX-License-Identifier: MIT */
/* Digests of a file's beginnings: how a resumed copy finds out how much of a file is there already.
 */
#ifndef GL_TRANSFER_PREFIX_H
#define GL_TRANSFER_PREFIX_H

#include "channel.h"
#include "digest.h"
#include "proto/guestlink.pb-c.h"

#define GL_PREFIX_MAX 1024u /* digests in one TransferHave */

/*
 * Receiver: fills in a TransferHave for the first `length` bytes of fd; `whole`: with one digest of
 * all, since a part would be of no use. have->digests.data is to be freed. UV_ECANCELED once the
 * channel is cancelled; UV_EOF if the file is shorter.
 */
int gl_prefix_tell(struct gl_channel *channel, int fd, uint64_t length, bool whole,
                   Gl__TransferHave *ret_have);

/* Is what the peer sent well-formed, for a file of this size? */
bool gl_prefix_is_valid(const Gl__TransferHave *have, uint64_t size);

/*
 * Sender: how many bytes at the beginning of fd have the digests that `have` (valid) tells; 0 if
 * none. UV_ECANCELED, or a read error.
 */
int gl_prefix_compare(struct gl_channel *channel, int fd, const Gl__TransferHave *have,
                      uint64_t *ret_length);

#endif
