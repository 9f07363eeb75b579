/* SPDX-License-Identifier: MIT */
#include "sys.h"

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guid.h"
#include "mem.h"

const char *const gl_sys_help_signals =
    "Signals:\n"
    "  SIGTERM, SIGINT     say goodbye to the host, end what runs for it, exit\n"
    "  SIGHUP              read the policy and the log level again; what runs goes on\n"
    "\n"
    "Exit status: 0 stopped by a signal, 1 cannot start, 2 bad usage.\n";
const char *const gl_sys_help_more = "";

bool gl_sys_machine(uint8_t ret_machine[GL_SYS_MACHINE_SIZE])
{
    char text[64];
    int fd = open("/sys/class/dmi/id/product_uuid", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    struct gl_guid guid;
    if (gl_guid_parse(text, &guid) != 0 || gl_guid_is_zero(&guid) ||
        gl_guid_equal(&guid, &gl_guid_broadcast))
        return false;
    memcpy(ret_machine, guid.bytes, GL_SYS_MACHINE_SIZE);
    return true;
}

bool gl_sys_generation(uint8_t ret_generation[GL_SYS_GENERATION_SIZE])
{
    /*
     * Linux gives the id to its random generator only (drivers/virt/vmgenid.c): no file shows it.
     * Linux 6.8 told user space at least of a change, by a uevent with NEW_VMGENID=1 (commit
     * ad6bcdad2b67); 3aadf100f93d took that out again in 6.9 and the stable series, and 6.13 has
     * none. What distributions' kernels do is not to be built upon. A revert is found by the
     * sessions' hashes all the same; what the id would add is a copy of an idle machine, which
     * shows as one key at two places.
     */
    (void)ret_generation;
    return false;
}

/*
 * A kernel with no transport that leads out of the machine takes the host's CID for its own
 * (net/vmw_vsock/af_vsock.c, vsock_use_local_transport). The ioctl tells the CID that such a
 * transport gives the machine; else that of a host, if this machine is one itself (vhost), or ANY.
 * hv_sock knows no CIDs: it says ANY as well.
 */
static bool reaches_host(uint32_t own)
{
    return (own > VMADDR_CID_HOST && own != VMADDR_CID_ANY) ||
           access("/sys/bus/vmbus/drivers/hv_sock", F_OK) == 0;
}

bool gl_sys_is_own_cid(uint32_t cid)
{
    if (cid < VMADDR_CID_HOST || cid == VMADDR_CID_ANY)
        return cid == VMADDR_CID_LOCAL;
    int fd = open("/dev/vsock", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    unsigned own = VMADDR_CID_ANY;
    int r = ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &own);
    close(fd);
    if (r != 0)
        return false;
    return cid == VMADDR_CID_HOST ? !reaches_host(own) : own == cid;
}

const int gl_sys_stop_signals[] = {SIGTERM, SIGINT, 0};
const int gl_sys_reload_signal = SIGHUP;

void gl_sys_trim_memory(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void gl_sys_hostname(char *out, size_t size)
{
    if (gethostname(out, size) != 0 || out[0] == '\0')
        snprintf(out, size, "localhost");
    out[size - 1] = '\0';
}

char *gl_sys_fold(const char *name)
{
    return gl_strdup(name);
}

char *gl_sys_fold_path(const char *path)
{
    return gl_strdup(path);
}

bool gl_sys_path_eludes(const char *path)
{
    (void)path;
    return false;
}

const char *gl_sys_pattern_fault(const char *pattern)
{
    return strchr("/*?\\", *pattern) || strchr(pattern, ':') ? NULL : "a path begins with a slash";
}

const char *gl_sys_pattern_from_root(const char *pattern)
{
    return pattern;
}
