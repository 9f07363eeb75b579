/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include <string.h>
#include <uv.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "unit.h"

static const uint8_t session[GL_ID_SIZE] = "sixteen-byte-id";

static struct gl_unit *unit_of(uint8_t type, const void *payload, size_t len)
{
    struct gl_unit *unit = gl_unit_new(type, gl_slice_copy(payload, len));
    unit->frame.stream = 1;
    gl_unit_seal(unit);
    return unit;
}

static struct gl_unit *big_unit(size_t len)
{
    struct gl_block *block = gl_block_new(len);
    memset(gl_block_data(block), 'x', len);
    struct gl_slice slice = gl_slice_of(block, 0, len);
    gl_block_unref(block);
    struct gl_unit *unit = gl_unit_new(GL_FRAME_DATA, slice);
    unit->frame.stream = 1;
    gl_unit_seal(unit);
    return unit;
}

/* The buffer alone has it then. */
static void add(struct gl_replay *replay, struct gl_unit *unit)
{
    gl_replay_add(replay, unit);
    gl_unit_unref(unit);
}

START_TEST(small_payloads_lie_beside_the_header)
{
    struct gl_unit *unit = unit_of(GL_FRAME_DATA, "hello", 5);
    ck_assert_uint_eq(unit->head_len, GL_FRAME_HEADER + 5);
    ck_assert_ptr_null(unit->payload.block);
    ck_assert_mem_eq(unit->head + GL_FRAME_HEADER, "hello", 5);
    ck_assert_uint_eq(gl_unit_size(unit), GL_FRAME_HEADER + 5);
    gl_unit_unref(unit);
    unit = big_unit(1000);
    ck_assert_uint_eq(unit->head_len, GL_FRAME_HEADER);
    ck_assert_uint_eq(gl_unit_size(unit), GL_FRAME_HEADER + 1000);
    gl_unit_unref(unit);
}
END_TEST

START_TEST(hash_is_as_documented)
{
    struct gl_replay replay;
    gl_replay_init(&replay, session, true);
    uint64_t expected = XXH3_64bits(session, sizeof(session)), hash;
    ck_assert(gl_replay_hash_at(&replay, 0, &hash));
    ck_assert_uint_eq(hash, expected);

    static const uint8_t header[GL_FRAME_HEADER] = {0x12, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0};
    expected = XXH3_64bits_withSeed("hello", 5, XXH3_64bits_withSeed(header, 12, expected));
    add(&replay, unit_of(GL_FRAME_DATA, "hello", 5));
    ck_assert(gl_replay_hash_at(&replay, 1, &hash));
    ck_assert_uint_eq(hash, expected);

    static const uint8_t eof[GL_FRAME_HEADER] = {0x13, 0, 0, 0, 1};
    expected = XXH3_64bits_withSeed(NULL, 0, XXH3_64bits_withSeed(eof, 12, expected));
    add(&replay, unit_of(GL_FRAME_EOF, NULL, 0));
    ck_assert(gl_replay_hash_at(&replay, 2, &hash));
    ck_assert_uint_eq(hash, expected);
    ck_assert_uint_eq(gl_chain_next(gl_chain_start(session), header, (const uint8_t *)"hello", 5),
                      replay.frames.head->hash);
    gl_replay_done(&replay);
}
END_TEST

START_TEST(hash_depends_on_each_part)
{
    uint8_t header[GL_FRAME_HEADER] = {0x12};
    const uint8_t *payload = (const uint8_t *)"abc";
    uint64_t hash = gl_chain_next(1, header, payload, 3);
    ck_assert_uint_ne(hash, gl_chain_next(2, header, payload, 3));
    ck_assert_uint_ne(hash, gl_chain_next(1, header, payload, 2));
    ck_assert_uint_ne(hash, gl_chain_next(1, header, (const uint8_t *)"abd", 3));
    header[4] = 1;
    ck_assert_uint_ne(hash, gl_chain_next(1, header, payload, 3));
}
END_TEST

START_TEST(ack_frees_what_the_peer_has)
{
    struct gl_replay replay;
    gl_replay_init(&replay, session, true);
    for (int i = 0; i < 5; i++)
        add(&replay, unit_of(GL_FRAME_DATA, &i, sizeof(i)));
    ck_assert_uint_eq(replay.sent, 5);
    ck_assert_uint_eq(replay.charge, 5 * (4 + GL_REPLAY_FRAME_CHARGE));
    uint64_t at_3, hash;
    ck_assert(gl_replay_hash_at(&replay, 3, &at_3));
    ck_assert_int_eq(gl_replay_ack(&replay, 3), 0);
    ck_assert_uint_eq(replay.charge, 2 * (4 + GL_REPLAY_FRAME_CHARGE));
    ck_assert(gl_replay_hash_at(&replay, 3, &hash));
    ck_assert_uint_eq(hash, at_3);
    ck_assert(!gl_replay_hash_at(&replay, 2, &hash));
    ck_assert(!gl_replay_hash_at(&replay, 6, &hash));
    ck_assert_int_eq(gl_replay_ack(&replay, 3), 0);
    ck_assert_int_eq(gl_replay_ack(&replay, 2), UV_EPROTO);
    ck_assert_int_eq(gl_replay_ack(&replay, 6), UV_EPROTO);
    ck_assert_int_eq(gl_replay_ack(&replay, 5), 0);
    ck_assert_uint_eq(replay.charge, 0);
    ck_assert(gl_replay_hash_at(&replay, 5, &hash));
    gl_replay_done(&replay);
}
END_TEST

START_TEST(acknowledged_while_it_is_written)
{
    struct gl_replay replay;
    gl_replay_init(&replay, session, true);
    struct gl_unit *unit = unit_of(GL_FRAME_DATA, "a", 1);
    gl_replay_add(&replay, unit);
    ck_assert_int_eq(gl_replay_ack(&replay, 1), 0);
    ck_assert_ptr_null(replay.frames.head);
    ck_assert_uint_eq(unit->refs, 1); /* still there, for whoever writes it */
    gl_unit_unref(unit);
    gl_replay_done(&replay);
}
END_TEST

START_TEST(rewind_puts_all_out_again_in_order)
{
    struct gl_replay replay;
    gl_replay_init(&replay, session, true);
    ck_assert_ptr_null(gl_replay_next(&replay));
    for (int i = 0; i < 4; i++)
        add(&replay, unit_of(GL_FRAME_DATA, &i, sizeof(i)));
    ck_assert_ptr_null(gl_replay_next(&replay));
    gl_replay_ack(&replay, 1);
    gl_replay_rewind(&replay);
    /* Not handed to this link yet, so it cannot have been received on it. */
    ck_assert_int_eq(gl_replay_ack(&replay, 2), UV_EPROTO);
    for (int i = 1; i < 4; i++) {
        struct gl_unit *unit = gl_replay_next(&replay);
        ck_assert_ptr_nonnull(unit);
        ck_assert_mem_eq(unit->head + GL_FRAME_HEADER, &i, sizeof(i));
        gl_unit_unref(unit);
        if (i == 2)
            ck_assert_int_eq(gl_replay_ack(&replay, 3), 0);
    }
    ck_assert_ptr_null(gl_replay_next(&replay));
    ck_assert_int_eq(gl_replay_ack(&replay, 4), 0);
    ck_assert_uint_eq(replay.sent, 4);
    gl_replay_done(&replay);
}
END_TEST

START_TEST(reserve_is_for_control)
{
    struct gl_replay replay;
    gl_replay_init(&replay, session, true);
    size_t limit = GL_REPLAY_MAX - GL_REPLAY_RESERVE;
    ck_assert(gl_replay_has_room(&replay, limit - GL_REPLAY_FRAME_CHARGE, false));
    ck_assert(!gl_replay_has_room(&replay, limit - GL_REPLAY_FRAME_CHARGE + 1, false));
    while (gl_replay_has_room(&replay, 100000, false))
        add(&replay, big_unit(100000));
    add(&replay, big_unit(limit - GL_REPLAY_FRAME_CHARGE - replay.charge));
    ck_assert_uint_eq(replay.charge, limit);
    ck_assert(!gl_replay_has_room(&replay, 0, false));
    unsigned resets = 0;
    while (gl_replay_has_room(&replay, 4, true)) {
        add(&replay, unit_of(GL_FRAME_RESET, "\0\0\0\0", 4));
        resets++;
    }
    ck_assert_uint_eq(resets, GL_REPLAY_RESERVE / (4 + GL_REPLAY_FRAME_CHARGE));
    ck_assert_uint_le(replay.charge, GL_REPLAY_MAX);
    gl_replay_done(&replay);
}
END_TEST

START_TEST(nothing_is_kept_if_not_asked_to)
{
    struct gl_replay replay;
    gl_replay_init(&replay, session, false);
    struct gl_unit *unit = unit_of(GL_FRAME_DATA, "a", 1);
    gl_replay_add(&replay, unit);
    ck_assert_uint_eq(unit->refs, 1);
    ck_assert_uint_eq(replay.charge, 0);
    ck_assert_uint_eq(replay.sent, 1);
    ck_assert(gl_replay_has_room(&replay, 1 << 30, false));
    gl_unit_unref(unit);
    gl_replay_done(&replay);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("replay", small_payloads_lie_beside_the_header, hash_is_as_documented,
                         hash_depends_on_each_part, ack_frees_what_the_peer_has,
                         acknowledged_while_it_is_written, rewind_puts_all_out_again_in_order,
                         reserve_is_for_control, nothing_is_kept_if_not_asked_to);
}

GL_UNIT_MAIN(suite)
