/* SPDX-License-Identifier: MIT */
/*
 * no-vsock PROGRAM ARG...: runs a test where no AF_VSOCK socket can be made, by it nor by whatever
 * it starts. Who develops guestlink may do so in a virtual machine of somebody else, and an agent
 * whose --connect a test forgot would dial that machine's host.
 *
 * A seccomp filter does it (seccomp(2), Documentation/userspace-api/seccomp_filter.rst): socket()
 * of this family is EAFNOSUPPORT, as on a kernel without vsock. Nothing in the programs knows of
 * it.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOW_WORD (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4)
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(at))
/* If what was loaded is `value`, on; else over the next `skip`. */
#define ONLY_IF(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), 0, (skip))
#define RETURN(what)         BPF_STMT(BPF_RET | BPF_K, (unsigned)(what))

/* Numbers of system calls are the same for all programs that are built for this machine; foreign
 * ones (32 bits on 64) pass, since no test has any. */
static const struct sock_filter code[] = {
    LOAD(offsetof(struct seccomp_data, nr)),
    ONLY_IF(__NR_socket, 3),
    LOAD(offsetof(struct seccomp_data, args) + LOW_WORD),
    ONLY_IF(AF_VSOCK, 1),
    RETURN(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
    RETURN(SECCOMP_RET_ALLOW),
};

/* SPEC_ALLOW: else some kernels slow down whatever is filtered. */
static long install(void)
{
    struct sock_fprog program = {sizeof code / sizeof code[0], (struct sock_filter *)(void *)code};
    return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}

/* As root without more; else only for who gives up to gain rights by what it executes. */
static int protect(void)
{
    if (install() == 0)
        return 0;
    if (errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && install() == 0)
        return 0;
    return errno;
}

/* Makes one, and touches nobody by it. */
static int has_vsock(void)
{
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    close(fd);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: no-vsock PROGRAM [ARG]...\n", stderr);
        return 2;
    }
    int error = protect();
    if (has_vsock()) {
        fprintf(stderr, "no-vsock: vsock cannot be kept from the tests: %s\n",
                error ? strerror(error) : "the filter has no effect");
        return 1;
    }
    /* A shell without job control has what runs in its background ignore these, and so would all
     * that a test starts and means to interrupt. */
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    execvp(argv[1], argv + 1);
    fprintf(stderr, "no-vsock: %s: %s\n", argv[1], strerror(errno));
    return 127;
}
