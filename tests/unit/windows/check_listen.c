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
    ck_assert_int_eq(gl_listen_parse("pipe:agents,name=web1", &listen, &why), 0);
    ck_assert_int_eq(listen.address.kind, GL_ADDRESS_PIPE);
    ck_assert_str_eq(listen.address.path, "agents");
    ck_assert_str_eq(listen.name, "web1");
    ck_assert_int_eq(gl_listen_parse("hvsock:children:1007", &listen, &why), 0);
    ck_assert_int_eq(listen.address.kind, GL_ADDRESS_HVSOCK);
    ck_assert_str_eq(listen.name, "");
    /* Modes and groups of files have no meaning for pipes. */
    static const char *const wrong[] = {
        "tcp:1.2.3.4:5",   "pipe:a,mode=0660", "pipe:a,group=Users", "hvsock:any:1007,mode=0660",
        "pipe:a,name=",    "pipe:a,name=c",    "pipe:a,name",        "pipe:a,=x",
        "pipe:a,name=a b", "pipe:a,what=x",    "pipe:a,,name=web1",  "pipe:",
        "hvsock:x:1007"};
    for (size_t i = 0; i < GL_ARRAY_SIZE(wrong); i++)
        ck_assert_msg(gl_listen_parse(wrong[i], &listen, &why) < 0, "%s", wrong[i]);
}
END_TEST

static Suite *suite(void)
{
    return GL_UNIT_SUITE("listen", listeners);
}

GL_UNIT_MAIN(suite)
