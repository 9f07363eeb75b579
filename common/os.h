/* SPDX-License-Identifier: MIT */
/*
 * The one place in common/, apart from the transports, where systems differ. Exactly one of
 * GL_OS_LINUX and GL_OS_WINDOWS is 1, the other 0.
 */
#ifndef GL_OS_H
#define GL_OS_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#if defined(_WIN32)
#define GL_OS_LINUX   0
#define GL_OS_WINDOWS 1
#define GL_OS_NAME    "windows" /* as in Info.system and Guest.system */
#include <fcntl.h>
#include <io.h>
#elif defined(__linux__)
#define GL_OS_LINUX   1
#define GL_OS_WINDOWS 0
#define GL_OS_NAME    "linux"
#include <fcntl.h>
#include <unistd.h>
#else
#error "guestlink runs on Linux and Windows"
#endif

/*
 * Opens what is closed of descriptors 0, 1 and 2: otherwise the next file or socket would get that
 * number and be taken for it. They are opened the wrong way round, so that using them fails as it
 * would have. The first thing in main().
 */
static inline void gl_os_open_standard(void)
{
    for (int fd = 0; fd <= 2; fd++) {
#if GL_OS_WINDOWS
        /* _fileno() is negative for a stream that the C library found closed; then the numbers are
         * free too. Bytes are bytes: no line's end is changed. */
        if (_setmode(fd, _O_BINARY) < 0 && _open("NUL", fd == 0 ? _O_WRONLY : _O_RDONLY) < 0)
#else
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
#endif
            abort();
    }
}

/* Broken down UTC. */
static inline void gl_os_gmtime(time_t seconds, struct tm *ret_tm)
{
#if GL_OS_WINDOWS
    gmtime_s(ret_tm, &seconds);
#else
    gmtime_r(&seconds, ret_tm);
#endif
}

/*
 * Whether fd is the journal's stream, as sd-daemon(3) and systemd.exec(5) define it:
 * $JOURNAL_STREAM holds the device and inode number of it, in decimal, with a colon between.
 */
static inline bool gl_os_is_journal(int fd)
{
#if GL_OS_WINDOWS
    (void)fd;
    return false;
#else
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    unsigned long long device, inode;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
#endif
}

/* One write(2) or its like; a signal that comes between is no error. */
static inline ssize_t gl_os_write(int fd, const void *data, size_t len)
{
#if GL_OS_WINDOWS
    return _write(fd, data, (unsigned)len);
#else
    ssize_t n;
    do
        n = write(fd, data, len);
    while (n < 0 && errno == EINTR);
    return n;
#endif
}

#endif
