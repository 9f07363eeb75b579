/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include <string.h>
#include <uv.h>

#include "log.h"
#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "secret-file.h"

#define KEY         "agent.key"
#define REKEY       "rekey"
#define CERTIFICATE "site.cert"

static char *path_of(const char *dir, const char *name)
{
    return gl_asprintf("%s/%s", dir, name);
}

static void remove_file(const char *dir, const char *name)
{
    uv_fs_t req;
    char *path = path_of(dir, name);
    uv_fs_unlink(NULL, &req, path, NULL);
    uv_fs_req_cleanup(&req);
    gl_free(path);
}

static int write_file(const char *dir, const char *name, struct gl_slice content)
{
    char *path = path_of(dir, name);
    int err = gl_secret_file_write(path, content.data, content.len);
    if (err)
        gl_warn("%s: cannot be written: %s", path, uv_strerror(err));
    gl_free(path);
    return err;
}

/* A file that is not there is an empty one; so is, with a warning, one that is not as it should be.
 */
static struct gl_slice read_file(const char *dir, const char *name)
{
    uint8_t content[GL_SECRET_FILE_MAX];
    size_t len = 0;
    char *path = path_of(dir, name);
    int err = gl_secret_file_read(path, content, sizeof(content), &len);
    if (err && err != UV_ENOENT)
        gl_warn("%s is not used: %s", path, uv_strerror(err));
    gl_free(path);
    return err ? GL_SLICE_EMPTY : gl_slice_copy(content, len);
}

/* ------------------------------------------------------------------ key */

/* The old key leaves no trace. */
static int replace_key_file(const char *path, const struct gl_key *key, const uint8_t *machine)
{
    struct gl_secret_kept *old = gl_secret_file_keep(path);
    int err = gl_key_save(path, key, machine);
    gl_secret_file_drop(old, err == 0);
    return err;
}

/*
 * The machine is another one. The note goes first: if we are stopped between the two, the next
 * start finds a note for a key that is not there, throws it away, and does all this again.
 */
static int rekey(struct gl_identity *identity, const char *path)
{
    struct gl_key old = identity->key;
    char fingerprint[GL_FINGERPRINT_SIZE];
    gl_key_generate(&identity->key);
    struct gl_slice note = gl_rekey_make(&old, identity->key.public_key, identity->machine);
    gl_key_wipe(&old);
    int err = write_file(identity->dir, REKEY, note);
    gl_slice_unref(&note);
    if (!err)
        err = replace_key_file(path, &identity->key, identity->machine);
    remove_file(identity->dir, CERTIFICATE); /* it was the old key's */
    gl_key_fingerprint(identity->key.public_key, fingerprint);
    if (!err)
        gl_info("this is another machine than the one that the key was made on (a copied image?): "
                "made a new key, fingerprint %s",
                fingerprint);
    return err;
}

static int make(struct gl_identity *identity, const char *path)
{
    char fingerprint[GL_FINGERPRINT_SIZE];
    gl_key_generate(&identity->key);
    gl_key_fingerprint(identity->key.public_key, fingerprint);
    gl_info("made this guest's key, fingerprint %s", fingerprint);
    return gl_key_save(path, &identity->key, identity->has_machine ? identity->machine : NULL);
}

static int load_key(struct gl_identity *identity, const char *path)
{
    uint8_t machine[GL_MACHINE_SIZE];
    bool has_machine = false;
    gl_secret_file_tidy(path);
    int err = gl_key_load(path, &identity->key, machine, &has_machine);
    if (err == UV_ENOENT)
        return make(identity, path);
    if (err || !identity->has_machine)
        return err;
    if (has_machine && memcmp(machine, identity->machine, sizeof(machine)) != 0)
        return rekey(identity, path);
    /* A key that was made when the id could not be read belongs here from now on. */
    return has_machine ? 0 : gl_key_save(path, &identity->key, identity->machine);
}

static char *explain(const char *path, int err)
{
    switch (err) {
    case UV_EACCES:
        return gl_asprintf("%s: a key must belong to the agent's account and be readable by nobody "
                           "else (%s)",
                           path, gl_secret_file_remedy);
    case UV_EINVAL:
        return gl_asprintf("%s: not a key file; remove it to have a new key made", path);
    case UV_ELOOP:
        return gl_asprintf("%s: a symbolic link; a key must be a file", path);
    default:
        return gl_asprintf("%s: %s", path, uv_strerror(err));
    }
}

/* ------------------------------------------------------------------ what goes with it */

static void load_rekey(struct gl_identity *identity)
{
    uint8_t old_key[GL_KEY_SIZE];
    struct gl_slice note = read_file(identity->dir, REKEY);
    if (note.len > 0 &&
        gl_rekey_check(note.data, note.len, identity->key.public_key, old_key) == 0) {
        identity->rekey = note;
        return;
    }
    if (note.len > 0)
        remove_file(identity->dir, REKEY);
    gl_slice_unref(&note);
}

static bool is_ours(const struct gl_identity *identity, struct gl_slice certificate, uint64_t now_s)
{
    struct gl_certificate content;
    return gl_certificate_check(certificate.data, certificate.len, now_s, &content) == 0 &&
           content.role == GL__ROLE__ROLE_GUEST &&
           memcmp(content.key, identity->key.public_key, GL_KEY_SIZE) == 0;
}

static void load_certificate(struct gl_identity *identity)
{
    struct gl_slice certificate = read_file(identity->dir, CERTIFICATE);
    uv_timeval64_t now;
    if (certificate.len > 0 && uv_gettimeofday(&now) == 0 &&
        is_ours(identity, certificate, (uint64_t)now.tv_sec)) {
        identity->certificate = certificate;
        return;
    }
    gl_slice_unref(&certificate);
}

void gl_identity_take_certificate(struct gl_identity *identity, struct gl_slice certificate,
                                  uint64_t now_s)
{
    if (certificate.len == 0 ||
        (certificate.len == identity->certificate.len &&
         memcmp(certificate.data, identity->certificate.data, certificate.len) == 0))
        return;
    if (!is_ours(identity, certificate, now_s)) {
        gl_warn("the host gave a certificate that is not valid for this guest's key");
        return;
    }
    gl_slice_unref(&identity->certificate);
    identity->certificate = gl_slice_copy(certificate.data, certificate.len);
    write_file(identity->dir, CERTIFICATE, certificate);
}

int gl_identity_load(const char *dir, const uint8_t *machine, struct gl_identity *ret_identity,
                     char **ret_error)
{
    struct gl_identity identity = {.dir = gl_strdup(dir), .has_machine = machine != NULL};
    char *path = path_of(dir, KEY);
    if (machine)
        memcpy(identity.machine, machine, sizeof(identity.machine));
    int err = load_key(&identity, path);
    if (err) {
        *ret_error = explain(path, err);
        gl_identity_done(&identity);
    } else {
        load_rekey(&identity);
        load_certificate(&identity);
        *ret_identity = identity;
        gl_key_wipe(&identity.key); /* the copy on the stack */
    }
    gl_free(path);
    return err;
}

void gl_identity_done(struct gl_identity *identity)
{
    gl_key_wipe(&identity->key);
    gl_slice_unref(&identity->rekey);
    gl_slice_unref(&identity->certificate);
    gl_free(identity->dir);
    identity->dir = NULL;
}
