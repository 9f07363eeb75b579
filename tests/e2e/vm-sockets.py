#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Does to vsock sockets what the checks in virtual machines need.

  vm-sockets.py knock CID PORT      connects and says whether it is let in: prints the first bytes that come, or 'closed'
  vm-sockets.py listen PORT         tries to listen there, prints 'listening' or the error's name
  vm-sockets.py cut PID             shuts down each vsock connection of a process, as if its transport had broken;
                                    prints how many
"""
import ctypes
import errno
import os
import socket
import sys

PIDFD_GETFD = 438  # asm-generic/unistd.h


def knock(cid, port):
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as sock:
        sock.settimeout(8)
        sock.connect((cid, port))
        # A host that lets somebody in waits for his greeting, 10 s.
        try:
            print(sock.recv(64).hex() or "closed")
        except TimeoutError:
            print("waiting")
        except ConnectionResetError:
            print("closed")


def listen(port):
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as sock:
        try:
            sock.bind((socket.VMADDR_CID_ANY, port))
            sock.listen()
            print("listening")
        except OSError as error:
            print(errno.errorcode[error.errno])


def borrowed(pid):
    """Another process's sockets, by copies of its descriptors."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    for entry in os.listdir(f"/proc/{pid}/fd"):
        if not os.readlink(f"/proc/{pid}/fd/{entry}").startswith("socket:"):
            continue
        fd = libc.syscall(PIDFD_GETFD, process, int(entry), 0)
        if fd < 0:
            raise OSError(ctypes.get_errno(), f"pidfd_getfd {entry}")
        yield socket.socket(fileno=fd)
    os.close(process)


def cut(pid):
    count = 0
    for sock in borrowed(pid):
        with sock:
            if sock.family != socket.AF_VSOCK:
                continue
            try:
                sock.getpeername()
            except OSError:  # one that listens
                continue
            sock.shutdown(socket.SHUT_RDWR)
            count += 1
    print(count)


if __name__ == "__main__":
    {"knock": knock, "listen": listen, "cut": cut}[sys.argv[1]](*map(int, sys.argv[2:]))
