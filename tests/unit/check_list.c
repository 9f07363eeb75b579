/* SPDX-License-Identifier: MIT */
#include "list.h"

#include "unit.h"

struct item {
    int value;
    struct gl_list node;
};

static struct gl_list list;
static struct item items[5];

static void setup(void)
{
    gl_list_init(&list);
    for (int i = 0; i < 5; i++) {
        items[i].value = i;
        gl_list_append(&list, &items[i].node);
    }
}

/* The values in order as decimal digits: 0,1,2 is 1012, with a 1 in front to keep the zero. */
static int order(struct gl_list *of)
{
    int digits = 1;
    for (struct gl_list *n = of->next; n != of; n = n->next) {
        ck_assert_ptr_eq(n->next->prev, n);
        digits = digits * 10 + GL_CONTAINER_OF(n, struct item, node)->value;
    }
    return digits;
}

START_TEST(keeps_order)
{
    struct item extra = {.value = 9};
    setup();
    ck_assert_int_eq(order(&list), 101234);
    gl_list_prepend(&list, &extra.node);
    ck_assert_int_eq(order(&list), 1901234);
    ck_assert_ptr_eq(gl_list_first(&list), &extra.node);
    ck_assert_ptr_eq(gl_list_last(&list), &items[4].node);
}
END_TEST

START_TEST(removes_anywhere_and_twice)
{
    setup();
    gl_list_remove(&items[0].node);
    gl_list_remove(&items[2].node);
    gl_list_remove(&items[4].node);
    gl_list_remove(&items[4].node);
    ck_assert_int_eq(order(&list), 113);
    gl_list_remove(&items[1].node);
    gl_list_remove(&items[3].node);
    ck_assert(gl_list_empty(&list));
    ck_assert_ptr_null(gl_list_first(&list));
    ck_assert_ptr_null(gl_list_last(&list));
}
END_TEST

START_TEST(walk_may_remove_current)
{
    int seen = 0;
    setup();
    GL_LIST_FOREACH_SAFE (node, &list) {
        seen++;
        if (GL_CONTAINER_OF(node, struct item, node)->value % 2)
            gl_list_remove(node);
    }
    ck_assert_int_eq(seen, 5);
    ck_assert_int_eq(order(&list), 1024);

    seen = 0;
    GL_LIST_FOREACH (node, &list)
        seen += GL_CONTAINER_OF(node, struct item, node)->value;
    ck_assert_int_eq(seen, 6);
}
END_TEST

START_TEST(splices)
{
    struct gl_list other, empty;
    struct item extra[2] = {{.value = 7}, {.value = 8}};
    setup();
    gl_list_init(&other);
    gl_list_init(&empty);
    gl_list_append(&other, &extra[0].node);
    gl_list_append(&other, &extra[1].node);
    gl_list_splice(&list, &other);
    ck_assert_int_eq(order(&list), 10123478);
    ck_assert(gl_list_empty(&other));
    gl_list_splice(&list, &empty);
    ck_assert_int_eq(order(&list), 10123478);
    gl_list_splice(&empty, &list);
    ck_assert_int_eq(order(&empty), 10123478);
    ck_assert(gl_list_empty(&list));
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("list", keeps_order, removes_anywhere_and_twice, walk_may_remove_current,
                         splices);
}

GL_UNIT_MAIN(suite)
