/* SPDX-License-Identifier: MIT */
/* Services in the registry; under Wine in that of the tests' prefix. */
#include "service-registry.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include "unit.h"

#define SERVICES                                                                                   \
    L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Virtualization\\GuestCommunicationServices"

static struct gl_guid guid(const char *text)
{
    struct gl_guid guid;
    ck_assert_int_eq(gl_guid_parse(text, &guid), 0);
    return guid;
}

/* For free(); NULL: it is not listed. */
static char *listed(const struct gl_guid *wanted)
{
    struct gl_registered *items;
    size_t n;
    char *name = NULL;
    ck_assert_int_eq(gl_service_registry_list(&items, &n), 0);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            ck_assert_int_lt(memcmp(&items[i - 1].guid, &items[i].guid, sizeof *wanted), 0);
        if (gl_guid_equal(&items[i].guid, wanted))
            name = strdup(items[i].name);
    }
    gl_service_registry_free(items, n);
    return name;
}

static bool may_write(void)
{
    HKEY key;
    if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, SERVICES, 0, NULL, 0, KEY_WRITE, NULL, &key, NULL))
        return false;
    RegCloseKey(key);
    return true;
}

START_TEST(registered_and_taken_back)
{
    struct gl_guid a = guid("5ec7a11e-0000-4000-8000-000000000001");
    struct gl_guid b = guid("00002710-facb-11e6-bd58-64006a7986d3");
    gl_service_registry_remove(&a);
    gl_service_registry_remove(&b);
    ck_assert_int_eq(gl_service_registry_remove(&a), UV_ENOENT);
    ck_assert_int_eq(gl_service_registry_add(&a, "tests \xC3\xBC"), 0);
    ck_assert_int_eq(gl_service_registry_add(&b, "tests, a port"), 0);
    char *name = listed(&a);
    ck_assert_str_eq(name, "tests \xC3\xBC");
    free(name);
    ck_assert_int_eq(gl_service_registry_add(&a, "tests \xC3\xBC"), 0);
    ck_assert_int_eq(gl_service_registry_add(&a, "another"), UV_EEXIST);
    ck_assert_int_eq(gl_service_registry_add(&a, "\xFF"), UV_EEXIST);
    ck_assert_int_eq(gl_service_registry_remove(&a), 0);
    ck_assert_int_eq(gl_service_registry_remove(&b), 0);
    ck_assert_ptr_null(listed(&a));
    ck_assert_int_eq(gl_service_registry_add(&a, "\xFF"), UV_EINVAL);
    ck_assert_ptr_null(listed(&a));
}
END_TEST

/* As others may have written it, and without a name. */
START_TEST(with_braces)
{
    struct gl_guid a = guid("5ec7a11e-0000-4000-8000-000000000002");
    HKEY key;
    ck_assert_int_eq(RegCreateKeyExW(HKEY_LOCAL_MACHINE,
                                     SERVICES L"\\{5EC7A11E-0000-4000-8000-000000000002}", 0, NULL,
                                     0, KEY_WRITE, NULL, &key, NULL),
                     0);
    RegCloseKey(key);
    char *name = listed(&a);
    ck_assert_str_eq(name, "");
    free(name);
    ck_assert_int_eq(gl_service_registry_add(&a, "x"), UV_EEXIST);
    ck_assert_int_eq(gl_service_registry_remove(&a), 0);
    ck_assert_ptr_null(listed(&a));
}
END_TEST

START_TEST(windows_own_stay)
{
    struct gl_guid own = guid("999E53D4-3D5C-4C3E-8779-BED06EC056E1");
    struct gl_guid other = guid("999E53D4-3D5C-4C3E-8779-BED06EC056E2");
    ck_assert(gl_service_registry_is_windows(&own));
    ck_assert(!gl_service_registry_is_windows(&other));
    ck_assert_int_eq(gl_service_registry_remove(&own), UV_EPERM);
    /* Where they are not there, they are not somebody else's either. */
    ck_assert_int_eq(gl_service_registry_add(&own, "mine"), UV_EPERM);
    struct gl_guid container = guid("acef5661-84a1-4e44-856b-6245e69f4620");
    ck_assert_int_eq(gl_service_registry_add(&container, "mine"), UV_EPERM);
    ck_assert_ptr_null(listed(&own));
}
END_TEST

static Suite *suite(void)
{
    if (!may_write()) {
        printf("skipped: only an administrator may register services\n");
        return GL_UNIT_SUITE("service_registry", windows_own_stay);
    }
    return GL_UNIT_SUITE("service_registry", registered_and_taken_back, with_braces,
                         windows_own_stay);
}

GL_UNIT_MAIN(suite)
