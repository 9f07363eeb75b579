/* SPDX-License-Identifier: MIT */
/* guestlink-hostd.exe, the host daemon: in a console, or as a service. */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "address.h"
#include "arguments.h"
#include "hostd.h"
#include "mem.h"
#include "service-registry.h"
#include "windows/service.h"

/* The port where agents find the daemon (gl_default_listen), as a service that Hyper-V lets guests
 * connect to; the package registers it by the same name. */
#define SERVICE_NAME "guestlink"

static int fail(const char *what, int error)
{
    fprintf(stderr, "guestlink-hostd: cannot %s the service for Hyper-V's guests: %s\n", what,
            uv_strerror(error));
    return 1;
}

/* By another name it serves as well: that is somebody's own choice. */
static int register_service(void)
{
    struct gl_guid guid;
    gl_guid_from_port(GL_DEFAULT_PORT, &guid);
    int err = gl_service_registry_add(&guid, SERVICE_NAME);
    return err < 0 && err != UV_EEXIST ? fail("register", err) : 0;
}

static bool is_ours(const struct gl_guid *guid)
{
    struct gl_registered *items;
    size_t n;
    bool ours = false;
    if (gl_service_registry_list(&items, &n) < 0)
        return false;
    for (size_t i = 0; i < n; i++)
        ours |= gl_guid_equal(&items[i].guid, guid) && strcmp(items[i].name, SERVICE_NAME) == 0;
    gl_service_registry_free(items, n);
    return ours;
}

static int unregister_service(void)
{
    struct gl_guid guid;
    gl_guid_from_port(GL_DEFAULT_PORT, &guid);
    int err = is_ours(&guid) ? gl_service_registry_remove(&guid) : 0;
    return err < 0 && err != UV_ENOENT ? fail("unregister", err) : 0;
}

static const struct gl_service service = {
    .name = "guestlink-hostd",
    .display = "guestlink host daemon",
    .description = "Accepts the guestlink agents of this host's virtual machines, and serves the "
                   "guestlink command line.",
    /* It impersonates nobody but in order to learn who it is, which takes no privilege. */
    .privileges = L"SeChangeNotifyPrivilege\0",
    .run = gl_hostd_run,
    .installed = register_service,
    .uninstalling = unregister_service,
};

int main(int argc, char **argv)
{
    gl_arguments(&argc, &argv);
    return gl_service_main(&service, argc, argv);
}
