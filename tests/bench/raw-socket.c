/* SPDX-License-Identifier: MIT */
/*
 * The yardstick of the benchmarks: what a bare Unix socket between two processes does.
 *   raw-socket rtt N         N round trips of one byte; prints the median in microseconds
 *   raw-socket stream FILE   one process reads it and writes, the other reads and throws away; MB/s
 *   raw-socket file SRC DST  a file through the socket into a file, synced; prints MB/s
 *   raw-socket spawn N       N times fork and exec of /bin/true; prints milliseconds each
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (256u * 1024)

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int open_or_die(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        die(path);
    return fd;
}

static void write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0)
            die("write");
        data += n;
        len -= (size_t)n;
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void rtt(size_t count)
{
    int pair[2];
    char byte = 'x';
    uint64_t *all = calloc(count, sizeof(*all));
    if (all == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        die("socketpair");
    pid_t child = fork();
    if (child == 0) {
        close(pair[0]);
        while (read(pair[1], &byte, 1) == 1)
            write_all(pair[1], &byte, 1);
        _exit(0);
    }
    close(pair[1]);
    for (size_t i = 0; i < count; i++) {
        uint64_t start = now_ns();
        write_all(pair[0], &byte, 1);
        if (read(pair[0], &byte, 1) != 1)
            die("read");
        all[i] = now_ns() - start;
    }
    close(pair[0]);
    waitpid(child, NULL, 0);
    qsort(all, count, sizeof(*all), compare);
    printf("%.1f\n", (double)all[count / 2] / 1000);
    free(all);
}

/* out < 0: thrown away; otherwise synced. */
static void stream(int in, int out)
{
    int pair[2];
    char *block = calloc(1, BLOCK);
    if (block == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        die("socketpair");
    uint64_t start = now_ns(), total = 0;
    pid_t child = fork();
    if (child == 0) {
        close(pair[0]);
        ssize_t part;
        while ((part = read(in, block, BLOCK)) > 0)
            write_all(pair[1], block, (size_t)part);
        _exit(0);
    }
    close(pair[1]);
    ssize_t n;
    while ((n = read(pair[0], block, BLOCK)) > 0) {
        total += (uint64_t)n;
        if (out >= 0)
            write_all(out, block, (size_t)n);
    }
    if (out >= 0 && fsync(out) < 0)
        die("fsync");
    waitpid(child, NULL, 0);
    printf("%.1f\n", (double)total * 1000 / (double)(now_ns() - start));
    free(block);
}

static void spawn(size_t count)
{
    uint64_t start = now_ns();
    for (size_t i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(127);
        }
        waitpid(child, NULL, 0);
    }
    printf("%.3f\n", (double)(now_ns() - start) / 1e6 / (double)count);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "rtt") == 0) {
        rtt(strtoul(argv[2], NULL, 10));
    } else if (argc == 3 && strcmp(argv[1], "stream") == 0) {
        stream(open_or_die(argv[2], O_RDONLY), -1);
    } else if (argc == 3 && strcmp(argv[1], "spawn") == 0) {
        spawn(strtoul(argv[2], NULL, 10));
    } else if (argc == 4 && strcmp(argv[1], "file") == 0) {
        stream(open_or_die(argv[2], O_RDONLY), open_or_die(argv[3], O_WRONLY | O_CREAT | O_TRUNC));
    } else {
        fprintf(stderr, "usage: raw-socket rtt N | stream FILE | file SRC DST | spawn N\n");
        return 2;
    }
    return 0;
}
