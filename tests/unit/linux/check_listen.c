/* SPDX-License-Identifier: MIT */
/* What the host daemon takes for a listener on this system. */
#include <stdio.h>

#include "mem.h"
#include "settings.h"
#include "unit.h"

START_TEST(listeners)
{
    struct gl_listen listen;
    struct gl_why why;
    ck_assert_int_eq(
        gl_listen_parse("unix:/run/a\\,b.sock,name=web1,mode=0660,group=kvm", &listen, &why), 0);
    ck_assert_str_eq(listen.address.path, "/run/a,b.sock");
    ck_assert_str_eq(listen.name, "web1");
    ck_assert_uint_eq(listen.mode, 0660);
    ck_assert_str_eq(listen.group, "kvm");
    ck_assert_int_eq(gl_listen_parse("vsock:any:1007", &listen, &why), 0);
    ck_assert_str_eq(listen.name, "");
    static const char *const wrong[] = {"tcp:1.2.3.4:5",
                                        "vsock:any:1007,mode=0660",
                                        "unix:/a,mode=0999",
                                        "unix:/a,mode=",
                                        "unix:/a,name=",
                                        "unix:/a,name=c",
                                        "unix:/a,name",
                                        "unix:/a,=x",
                                        "unix:/a,name=a b",
                                        "unix:/a,group=",
                                        "unix:/a,what=x",
                                        "unix:/a,,name=web1",
                                        "unix:/a,mode=7777777777777777777777777"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(wrong); i++)
        ck_assert_msg(gl_listen_parse(wrong[i], &listen, &why) < 0, "%s", wrong[i]);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("listen", listeners);
}

GL_UNIT_MAIN(suite)
