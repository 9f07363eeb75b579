/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <pthread.h>
#include <string.h>

#include "unit.h"

/* Under the address sanitizer a wrong count is a leak or a use after free. */

START_TEST(block_lives_as_long_as_its_slices)
{
    struct gl_block *block = gl_block_new(100);
    ck_assert_uint_eq(gl_block_capacity(block), 100);
    memset(gl_block_data(block), 'x', 100);
    struct gl_slice slice = gl_slice_of(block, 10, 20);
    gl_block_unref(block);
    ck_assert_uint_eq(slice.len, 20);
    ck_assert_uint_eq(slice.data[19], 'x');
    struct gl_slice again = gl_slice_ref(slice);
    gl_slice_unref(&slice);
    ck_assert_ptr_null(slice.block);
    ck_assert_ptr_null(slice.data);
    ck_assert_uint_eq(slice.len, 0);
    ck_assert_uint_eq(again.data[0], 'x');
    gl_slice_unref(&again);
    gl_block_unref(NULL);
}
END_TEST

START_TEST(copy_is_its_own)
{
    char text[] = "guest";
    struct gl_slice slice = gl_slice_copy(text, 5);
    text[0] = '-';
    ck_assert_mem_eq(slice.data, "guest", 5);
    gl_slice_unref(&slice);
}
END_TEST

START_TEST(sub_refers_to_the_same_bytes)
{
    struct gl_slice slice = gl_slice_copy("0123456789", 10);
    struct gl_slice part = gl_slice_sub(slice, 3, 4);
    ck_assert_ptr_eq(part.data, slice.data + 3);
    gl_slice_unref(&slice);
    ck_assert_mem_eq(part.data, "3456", 4);
    gl_slice_unref(&part);
}
END_TEST

START_TEST(empty_slices_hold_nothing)
{
    struct gl_block *block = gl_block_new(0);
    struct gl_slice of = gl_slice_of(block, 0, 0);
    ck_assert_ptr_null(of.block);
    gl_block_unref(block);
    struct gl_slice copy = gl_slice_copy(NULL, 0);
    ck_assert_ptr_null(copy.block);
    struct gl_slice ref = gl_slice_ref(GL_SLICE_EMPTY);
    ck_assert_ptr_null(ref.block);
    struct gl_slice full = gl_slice_copy("a", 1);
    struct gl_slice sub = gl_slice_sub(full, 1, 0);
    ck_assert_ptr_null(sub.block);
    gl_slice_unref(&full);
    gl_slice_unref(&sub);
    gl_slice_unref(&sub);
}
END_TEST

START_TEST(static_bytes_need_no_block)
{
    struct gl_slice slice = {NULL, (const uint8_t *)"static", 6};
    struct gl_slice sub = gl_slice_sub(slice, 2, 3);
    ck_assert_mem_eq(sub.data, "ati", 3);
    gl_slice_unref(&sub);
    gl_slice_unref(&slice);
}
END_TEST

static void *ref_and_unref(void *block)
{
    for (int i = 0; i < 100000; i++)
        gl_block_unref(gl_block_ref(block));
    gl_block_unref(block);
    return NULL;
}

START_TEST(count_is_atomic)
{
    struct gl_block *block = gl_block_new(8);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ref_and_unref, gl_block_ref(block)), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    memset(gl_block_data(block), 1, 8);
    gl_block_unref(block);
}
END_TEST

START_TEST(what_was_read_is_taken)
{
    struct gl_block *block = gl_block_new(8), *before = block;
    memcpy(gl_block_data(block), "abcdefgh", 8);
    struct gl_slice few = gl_slice_take(&block, 3, 4);
    ck_assert_ptr_eq(block, before);
    ck_assert(!gl_block_is_shared(block));
    ck_assert_uint_eq(few.len, 3);
    ck_assert_mem_eq(few.data, "abc", 3);
    struct gl_slice many = gl_slice_take(&block, 4, 4);
    ck_assert_ptr_null(block);
    ck_assert_ptr_eq(many.block, before);
    ck_assert(!gl_block_is_shared(many.block));
    ck_assert_mem_eq(many.data, "abcd", 4);
    gl_slice_unref(&few);
    gl_slice_unref(&many);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("buf", what_was_read_is_taken, block_lives_as_long_as_its_slices,
                         copy_is_its_own, sub_refers_to_the_same_bytes, empty_slices_hold_nothing,
                         static_bytes_need_no_block, count_is_atomic);
}

GL_UNIT_MAIN(suite)
