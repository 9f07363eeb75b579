/* SPDX-License-Identifier: MIT */
/* Key files: text, so that one can see what they are and keep them in a backup. See key.h. */
#include <sodium.h>
#include <string.h>
#include <uv.h>

#include "key.h"
#include "secret-file.h"

#define MAGIC "guestlink key 1"

#define SEED_BASE64 sodium_base64_ENCODED_LEN(crypto_sign_SEEDBYTES, sodium_base64_VARIANT_ORIGINAL)
#define MACHINE_HEX (2 * GL_MACHINE_SIZE + 1)

/* Cuts the next line off *text, in place: its start, or NULL at the end. */
static char *next_line(char **text)
{
    char *line = *text;
    if (!*line)
        return NULL;
    size_t len = strcspn(line, "\n");
    *text = line + len + (line[len] == '\n');
    line[len] = '\0';
    if (len && line[len - 1] == '\r') /* an editor's */
        line[len - 1] = '\0';
    return line;
}

static int parse_seed(const char *line, struct gl_key *ret_key)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    size_t len = 0;
    int err = UV_EINVAL;
    if (sodium_base642bin(seed, sizeof(seed), line, strlen(line), NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        len == sizeof(seed)) {
        crypto_sign_seed_keypair(ret_key->public_key, ret_key->secret, seed);
        err = 0;
    }
    sodium_memzero(seed, sizeof(seed));
    return err;
}

static int parse_machine(const char *line, uint8_t ret_machine[GL_MACHINE_SIZE])
{
    size_t len = 0;
    if (sodium_hex2bin(ret_machine, GL_MACHINE_SIZE, line, strlen(line), NULL, &len, NULL) != 0 ||
        len != GL_MACHINE_SIZE)
        return UV_EINVAL;
    return 0;
}

static int parse(char *text, struct gl_key *ret_key, uint8_t ret_machine[GL_MACHINE_SIZE],
                 bool *ret_has_machine)
{
    const char *magic = next_line(&text);
    const char *seed = next_line(&text);
    const char *machine = next_line(&text);
    if (!magic || strcmp(magic, MAGIC) != 0 || !seed || *text)
        return UV_EINVAL;
    int err = machine ? parse_machine(machine, ret_machine) : 0;
    if (err < 0)
        return err;
    *ret_has_machine = machine != NULL;
    return parse_seed(seed, ret_key);
}

int gl_key_load(const char *path, struct gl_key *ret_key, uint8_t ret_machine[GL_MACHINE_SIZE],
                bool *ret_has_machine)
{
    char text[GL_SECRET_FILE_MAX + 1];
    struct gl_key key;
    uint8_t machine[GL_MACHINE_SIZE] = {0};
    bool has_machine = false;
    size_t len;
    int err = gl_secret_file_read(path, (uint8_t *)text, GL_SECRET_FILE_MAX, &len);
    if (err == UV_EFBIG)
        err = UV_EINVAL;
    if (err < 0)
        goto done;
    text[len] = '\0';
    err = strlen(text) == len ? parse(text, &key, machine, &has_machine) : UV_EINVAL;
    if (err < 0)
        goto done;
    *ret_key = key;
    if (ret_machine && has_machine)
        memcpy(ret_machine, machine, sizeof(machine));
    if (ret_has_machine)
        *ret_has_machine = has_machine;
done:
    sodium_memzero(text, sizeof(text));
    gl_key_wipe(&key);
    return err;
}

int gl_key_save(const char *path, const struct gl_key *key, const uint8_t *machine)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    char base64[SEED_BASE64], hex[MACHINE_HEX], text[sizeof(MAGIC) + SEED_BASE64 + MACHINE_HEX + 3];
    crypto_sign_ed25519_sk_to_seed(seed, key->secret);
    sodium_bin2base64(base64, sizeof(base64), seed, sizeof(seed), sodium_base64_VARIANT_ORIGINAL);
    if (machine)
        sodium_bin2hex(hex, sizeof(hex), machine, GL_MACHINE_SIZE);
    int len = snprintf(text, sizeof(text), MAGIC "\n%s\n%s%s", base64, machine ? hex : "",
                       machine ? "\n" : "");
    int err = gl_secret_file_write(path, (const uint8_t *)text, (size_t)len);
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(base64, sizeof(base64));
    sodium_memzero(text, sizeof(text));
    return err;
}
