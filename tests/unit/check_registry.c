/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <string.h>

#include "unit.h"

START_TEST(sorted_by_name)
{
    const struct gl_service *const *services = gl_registry_services();
    ck_assert_ptr_nonnull(services[0]);
    for (size_t i = 1; services[i]; i++)
        ck_assert_msg(strcmp(services[i - 1]->name, services[i]->name) < 0, "%s, %s",
                      services[i - 1]->name, services[i]->name);
}
END_TEST

/* What the documentation promises of each entry, and dispatch and policy rely on. */
START_TEST(entries_are_complete)
{
    for (const struct gl_service *const *s = gl_registry_services(); *s; s++) {
        ck_assert_uint_ge((*s)->version, 1);
        ck_assert_ptr_nonnull(strstr(" inspect run files manage ", (*s)->group));
        ck_assert_ptr_nonnull((*s)->methods);
        ck_assert_ptr_nonnull((*s)->methods[0].name);
        for (const struct gl_method *m = (*s)->methods; m->name; m++) {
            ck_assert_ptr_nonnull(m->request);
            ck_assert_ptr_nonnull((void *)(uintptr_t)m->start);
            ck_assert_uint_le(m->request_max, GL_MESSAGE_MAX);
        }
    }
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("registry", sorted_by_name, entries_are_complete);
}

GL_UNIT_MAIN(suite)
