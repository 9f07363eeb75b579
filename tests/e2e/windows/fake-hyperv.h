/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for AF_HYPERV, for tests only: a DLL that takes the place of Winsock's and some of the
 * system's functions in the import table of the program that loads it. What the program does with
 * sockets of that family is done with TCP on 127.0.0.1; all else goes on as before.
 *
 * Partitions and their services are a small registry of files in $GL_HYPERV_DIR, that all processes
 * of a test share. They go with the process that made them:
 *
 *     vm-VMID-PID                       a process of that partition; holds its parent's VmId
 *     listen-SERVICE-VMID-BOUND         a listening socket in it; holds the port
 *     from-PORT                         who dials from that port (stays)
 *     silent-SERVICE                    (made by a test) connections to it are not answered
 *
 * $GL_HYPERV_VMID is the VmId of this process' partition; without it, it is the host.
 * $GL_HYPERV_PARENT is its parent's; without it, a machine's parent is the host.
 *
 * As on Windows ("Make your own integration services", learn.microsoft.com):
 *   - who listens on any (zero) is reached from every partition that may, on children by those
 * whose parent it is, on parent by its parent, on loopback by itself, on a VmId by that partition
 *   - one dials its parent, its children by VmId, and itself (loopback or its own VmId); silohost
 * is the parent, or for the host itself. Others, and what does not run: WSAENETUNREACH
 *   - nobody listens: WSAECONNREFUSED; silent: WSAETIMEDOUT after HVSOCKET_CONNECT_TIMEOUT
 *   - the end is ERROR_BROKEN_PIPE on receive
 *   - the accepted address has the VmId of who dialled; the parent's is HV_GUID_PARENT, one's own
 *     HV_GUID_LOOPBACK. (That is a guess.)
 *
 * Faults: $GL_HYPERV_SHORT=N: no receive brings more than N bytes. $GL_HYPERV_CUT=N[,COUNT]: a
 * connection is cut when this process has sent N bytes on it; only the first COUNT ones.
 */
#ifndef GL_FAKE_HYPERV_H
#define GL_FAKE_HYPERV_H

/* What the DLL exports, for programs that load it by themselves: from now on this process makes
 * sockets as that partition. NULL, NULL: as the environment says. */
typedef void gl_fake_hyperv_become_fn(const char *vmid, const char *parent);
/* Faults from now on; 0: none. */
typedef void gl_fake_hyperv_faults_fn(unsigned short_receives, unsigned cut_after,
                                      unsigned cut_count);
/* The next `count` times, from now on: */
enum gl_fake_hyperv_failure {
    GL_FAKE_HYPERV_ACCEPT_RESET, /* who connected has gone before he was accepted */
    GL_FAKE_HYPERV_ACCEPT_FULL,  /* there is no room to accept one */
    GL_FAKE_HYPERV_NO_CONTEXT,   /* SO_UPDATE_ACCEPT_CONTEXT and SO_UPDATE_CONNECT_CONTEXT fail */
    GL_FAKE_HYPERV_NO_PEER,      /* nothing says who was accepted */
    GL_FAKE_HYPERV_FAILURES
};
typedef void gl_fake_hyperv_fail_fn(enum gl_fake_hyperv_failure what, unsigned count);
/* How many sockets of the family there are. */
typedef unsigned gl_fake_hyperv_count_fn(void);
/* An option of HV_PROTOCOL_RAW as it was set on the socket that was made last; 0: not set. */
typedef unsigned gl_fake_hyperv_option_fn(int name);

#endif
