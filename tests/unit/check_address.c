/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <string.h>
#include <uv.h>

#include "mem.h"
#include "unit.h"

/* What is written, and its canonical form. */
static const char *const good[][2] = {
    {"vsock:any:1007", "vsock:any:1007"},
    {"vsock:4294967295:1007", "vsock:any:1007"},
    {"vsock:local:1", "vsock:local:1"},
    {"vsock:1:1", "vsock:local:1"},
    {"vsock:host:4294967294", "vsock:host:4294967294"},
    {"vsock:2:1007", "vsock:host:1007"},
    {"vsock:0:5", "vsock:0:5"},
    {"vsock:3:0000001007", "vsock:3:1007"},
    {"hvsock:any:1007", "hvsock:any:1007"},
    {"hvsock:00000000-0000-0000-0000-000000000000:1007", "hvsock:any:1007"},
    {"hvsock:children:2147483647", "hvsock:children:2147483647"},
    {"hvsock:90DB8B89-0D35-4F79-8CE9-49EA0AC8B7CD:1007", "hvsock:children:1007"},
    {"hvsock:parent:000003ef-facb-11e6-bd58-64006a7986d3", "hvsock:parent:1007"},
    {"hvsock:{a42e7cda-d03f-480c-9cc2-a4de20abb878}:{000003EF-FACB-11E6-BD58-64006A7986D3}",
     "hvsock:parent:1007"},
    {"hvsock:loopback:1", "hvsock:loopback:1"},
    {"hvsock:broadcast:1", "hvsock:broadcast:1"},
    {"hvsock:silohost:1", "hvsock:silohost:1"},
    {"hvsock:01234567-89ab-cdef-0123-456789ABCDEF:fedcba98-7654-3210-fedc-ba9876543210",
     "hvsock:01234567-89ab-cdef-0123-456789abcdef:fedcba98-7654-3210-fedc-ba9876543210"},
    /* Fits the template, but is no port that could be written. */
    {"hvsock:any:00000000-facb-11e6-bd58-64006a7986d3",
     "hvsock:any:00000000-facb-11e6-bd58-64006a7986d3"},
    {"hvsock:any:80000000-facb-11e6-bd58-64006a7986d3",
     "hvsock:any:80000000-facb-11e6-bd58-64006a7986d3"},
    {"unix:/run/guestlink/control.sock", "unix:/run/guestlink/control.sock"},
    {"unix:relative:with:colons", "unix:relative:with:colons"},
    {"unix:/a\\,b\\\\c", "unix:/a\\,b\\\\c"},
    {"unix:unix:x", "unix:unix:x"},
    {"unix:/sp ace=\t", "unix:/sp ace=\t"},
    {"pipe:guestlink", "pipe:guestlink"},
    {"pipe:a\\,b", "pipe:a\\,b"},
};

START_TEST(canonical)
{
    const char *in = good[_i][0], *why = NULL;
    struct gl_address address, again;
    char text[1200];
    ck_assert_int_eq(gl_address_parse(in, &address, NULL, &why), 0);
    ck_assert_ptr_null(why);
    int len = gl_address_format(&address, text, sizeof(text));
    ck_assert_str_eq(text, good[_i][1]);
    ck_assert_int_eq(len, (int)strlen(text));
    ck_assert_int_eq(gl_address_parse(text, &again, NULL, NULL), 0);
    ck_assert_mem_eq(&address, &again, sizeof(address));
}
END_TEST

#define KIND    "expected vsock:CID:PORT, hvsock:VMID:SERVICE, unix:PATH or pipe:NAME"
#define CID     "expected a CID: a number, or any, local, host"
#define PORT    "expected a port from 1 to 4294967294"
#define VM      "expected a VMID: a GUID, or any, children, parent, loopback, broadcast, silohost"
#define SERVICE "expected a SERVICE: a GUID, or a port from 1 to 2147483647"
#define ESCAPE  "a backslash stands before a comma or a backslash only"
#define OPTIONS "options after a comma are not allowed here"

static const char *const bad[][2] = {
    {"", KIND},
    {"vsock", KIND},
    {"VSOCK:any:1007", KIND},
    {"tcp:127.0.0.1:80", KIND},
    {"/run/x.sock", KIND},
    {" vsock:any:1007", KIND},
    {"vsock:", "expected vsock:CID:PORT"},
    {"vsock:any", "expected vsock:CID:PORT"},
    {"vsock::1007", CID},
    {"vsock:Any:1007", CID},
    {"vsock:-1:1007", CID},
    {"vsock: 3:1007", CID},
    {"vsock:0x3:1007", CID},
    {"vsock:4294967296:1007", CID},
    {"vsock:99999999999999999999999999:1007", CID},
    {"vsock:any:", PORT},
    {"vsock:any:0", PORT},
    {"vsock:any:4294967295", PORT},
    {"vsock:any:1007 ", PORT},
    {"vsock:any:1007:1", PORT},
    {"vsock:any:+1", PORT},
    {"hvsock:", "expected hvsock:VMID:SERVICE"},
    {"hvsock:any", "expected hvsock:VMID:SERVICE"},
    {"hvsock:host:1007", VM},
    {"hvsock::1007", VM},
    {"hvsock:{a42e7cda-d03f-480c-9cc2-a4de20abb878:1007", VM},
    {"hvsock:a42e7cda-d03f-480c-9cc2-a4de20abb87:1007", VM},
    {"hvsock:any:", SERVICE},
    {"hvsock:any:0", SERVICE},
    {"hvsock:any:2147483648", SERVICE},
    {"hvsock:any:ssh", SERVICE},
    {"hvsock:any:000003ef-facb-11e6-bd58-64006a7986d3x", SERVICE},
    {"unix:", "expected a path after unix:"},
    {"unix:,name=x", "expected a path after unix:"},
    {"unix:/a\\b", ESCAPE},
    {"unix:/a\\", ESCAPE},
    {"pipe:", "expected the name of a pipe, without \\\\.\\pipe\\"},
    {"pipe:\\\\\\\\.\\\\pipe\\\\x", "expected the name of a pipe, without \\\\.\\pipe\\"},
    {"vsock:any:1007,name=web", OPTIONS},
    {"unix:/a,", OPTIONS},
};

START_TEST(refused)
{
    struct gl_address address, before;
    const char *why = NULL;
    memset(&before, 0x5a, sizeof(before));
    address = before;
    ck_assert_int_eq(gl_address_parse(bad[_i][0], &address, NULL, &why), UV_EINVAL);
    ck_assert_str_eq(why, bad[_i][1]);
    ck_assert_mem_eq(&address, &before, sizeof(address));
    ck_assert_int_eq(gl_address_parse(bad[_i][0], &address, NULL, NULL), UV_EINVAL);
}
END_TEST

START_TEST(options)
{
    struct gl_address address;
    const char *rest = NULL;
    ck_assert_int_eq(gl_address_parse("vsock:3:1007,name=web1,x=y", &address, &rest, NULL), 0);
    ck_assert_str_eq(rest, "name=web1,x=y");
    ck_assert_uint_eq(address.cid, 3);
    ck_assert_int_eq(gl_address_parse("unix:/a\\,b,name=web1", &address, &rest, NULL), 0);
    ck_assert_str_eq(rest, "name=web1");
    ck_assert_str_eq(address.path, "/a,b");
    ck_assert_int_eq(gl_address_parse("pipe:x,", &address, &rest, NULL), 0);
    ck_assert_str_eq(rest, "");
    ck_assert_int_eq(gl_address_parse("pipe:x", &address, &rest, NULL), 0);
    ck_assert_str_eq(rest, "");
}
END_TEST

START_TEST(limits)
{
    struct gl_address address;
    char text[1100] = "unix:", out[1100], small[10];
    const char *why;

    /* 511 bytes of path fit, also when each is written as two. */
    memset(text + 5, 'p', 511);
    ck_assert_int_eq(gl_address_parse(text, &address, NULL, NULL), 0);
    ck_assert_uint_eq(strlen(address.path), 511);
    text[5 + 511] = 'p';
    ck_assert_int_eq(gl_address_parse(text, &address, NULL, &why), UV_EINVAL);
    ck_assert_str_eq(why, "the address is too long");
    for (int i = 0; i < 511; i++)
        memcpy(text + 5 + 2 * i, "\\,", 3);
    ck_assert_int_eq(gl_address_parse(text, &address, NULL, NULL), 0);
    ck_assert_int_eq(gl_address_format(&address, out, sizeof(out)), 5 + 2 * 511);
    ck_assert_str_eq(out, text);

    /* Cut like snprintf does it. */
    ck_assert_int_eq(gl_address_format(&address, small, sizeof(small)), 5 + 2 * 511);
    ck_assert_str_eq(small, "unix:\\,\\,");
    ck_assert_int_eq(gl_address_format(&address, NULL, 0), 5 + 2 * 511);
}
END_TEST

START_TEST(local_sockets)
{
    struct gl_address address;
    char text[520];
    const char *why;
    ck_assert_int_eq(gl_address_parse_local("/run/a,b\\c", &address, &why), 0);
    ck_assert_int_eq(address.kind, GL_ADDRESS_UNIX);
    ck_assert_str_eq(address.path, "/run/a,b\\c");
    ck_assert_int_eq(gl_address_parse_local("vsock:any:1007", &address, &why), 0);
    ck_assert_str_eq(address.path, "vsock:any:1007");
    ck_assert_int_eq(gl_address_parse_local("unix:/run/a\\,b", &address, &why), 0);
    ck_assert_str_eq(address.path, "/run/a,b");
    ck_assert_int_eq(gl_address_parse_local("pipe:guestlink", &address, &why), 0);
    ck_assert_int_eq(address.kind, GL_ADDRESS_PIPE);
    ck_assert_int_eq(gl_address_parse_local("unix:/run/a,b", &address, &why), UV_EINVAL);
    ck_assert_str_eq(why, OPTIONS);
    memset(text, 'p', 512);
    text[512] = '\0';
    ck_assert_int_eq(gl_address_parse_local(text, &address, &why), UV_ENAMETOOLONG);
    ck_assert_str_eq(why, "the path is too long");
    text[511] = '\0';
    ck_assert_int_eq(gl_address_parse_local(text, &address, &why), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = GL_UNIT_SUITE("address", options, limits, local_sockets);
    TCase *tables = tcase_create("tables");
    tcase_add_loop_test(tables, canonical, 0, (int)GL_ARRAY_SIZE(good));
    tcase_add_loop_test(tables, refused, 0, (int)GL_ARRAY_SIZE(bad));
    suite_add_tcase(s, tables);
    return s;
}

GL_UNIT_MAIN(suite)
