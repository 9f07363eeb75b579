/* SPDX-License-Identifier: MIT */
/*
 * The main function of a fuzz target without libFuzzer, for `make check` with any compiler: gives
 * it every file of its corpus, each cut short at many places and with many bytes changed. With
 * arguments: those files alone, unchanged, to look at a finding.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "mem.h"

#define FILE_MAX (1u << 20)
#define VARIANTS 512u /* of each kind, a file: bounds the time */

static unsigned long runs;

/* A block of exactly this size, so that a sanitizer sees what is read beyond it. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *copy = gl_memdup(data, len);
    LLVMFuzzerTestOneInput(copy, len);
    gl_free(copy);
    runs++;
}

static void run_variants(uint8_t *data, size_t len)
{
    static const uint8_t with[] = {0x01, 0x80, 0xff, 0x10};
    size_t step = len / VARIANTS + 1;
    for (size_t i = 0; i < len; i += step)
        run(data, i);
    for (size_t i = 0; i < len; i += step) {
        uint8_t change = with[i / step % sizeof(with)];
        data[i] ^= change;
        run(data, len);
        data[i] ^= change;
    }
}

static int run_file(const char *path, int variants)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    uint8_t *data = gl_alloc(FILE_MAX);
    size_t len = fread(data, 1, FILE_MAX, file);
    fclose(file);
    run(data, len);
    if (variants)
        run_variants(data, len);
    gl_free(data);
    return 0;
}

static int run_corpus(const char *source)
{
    char *folder = gl_asprintf("%s/tests/fuzz/corpus/%s", source, gl_fuzz_name);
    DIR *dir = opendir(folder);
    int files = 0, failed = !dir;
    if (!dir)
        perror(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        char *path = gl_asprintf("%s/%s", folder, entry->d_name);
        failed |= run_file(path, 1) < 0;
        files++;
        gl_free(path);
    }
    if (dir)
        closedir(dir);
    gl_free(folder);
    printf("%s: %d files, %lu runs\n", gl_fuzz_name, files, runs);
    return failed || !files;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= run_file(argv[i], 0) < 0;
    if (argc < 2) {
        const char *source = getenv("GL_SRCDIR");
        failed = run_corpus(source ? source : ".");
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
