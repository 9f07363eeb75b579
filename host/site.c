/* SPDX-License-Identifier: MIT */
#include "site.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "escape.h"
#include "log.h"
#include "proto/guestlink.pb-c.h"
#include "secret-file.h"
#include "store.h"

#define SCHEMA      1
#define BUNDLE_HEAD "guestlink site 1"
#define BASE64      sodium_base64_VARIANT_ORIGINAL
#define BASE64_SIZE sodium_base64_ENCODED_LEN(crypto_sign_SEEDBYTES, BASE64)

static char *file_of(const struct gl_site *site, const char *name)
{
    return gl_asprintf("%s/%s", site->directory, name);
}

/* ------------------------------------------------------------------ keys */

/* `remedy`: of a file that is no key; what it costs, too. */
static int load_key(const char *path, const char *remedy, struct gl_key *ret_key,
                    struct gl_why *why)
{
    uint8_t machine[GL_MACHINE_SIZE];
    bool has_machine;
    int err = gl_key_load(path, ret_key, machine, &has_machine);
    if (err == UV_EACCES)
        return gl_why(why, err,
                      "%s: it must be owned by this user, readable, and closed to everybody else "
                      "(%s)",
                      path, gl_secret_file_remedy);
    if (err == UV_EINVAL)
        return gl_why(why, err, "%s: it is not a key file; bring back a copy of it, or %s", path,
                      remedy);
    return err < 0 ? gl_why(why, err, "%s: %s", path, uv_strerror(err)) : 0;
}

static int make_key(const char *path, struct gl_key *ret_key, struct gl_why *why)
{
    struct gl_key key;
    gl_key_generate(&key);
    int err = gl_key_save(path, &key, NULL);
    if (err == 0)
        *ret_key = key;
    gl_key_wipe(&key);
    return err < 0 ? gl_why(why, err, "cannot write %s: %s", path, uv_strerror(err)) : 0;
}

static int load_host_key(struct gl_site *site, const char *path, struct gl_why *why)
{
    return load_key(path, "move it away to have a new one made", &site->host, why);
}

static int load_or_make_host_key(struct gl_site *site, struct gl_why *why)
{
    char *path = file_of(site, "host.key");
    int err = load_host_key(site, path, why);
    if (err == UV_ENOENT) {
        err = make_key(path, &site->host, why);
        if (err == 0)
            gl_info("made this host's key, %s", path);
    }
    gl_free(path);
    return err;
}

/* ------------------------------------------------------------------ the site's name */

static int save_name(const struct gl_site *site, const char *name, bool automatic,
                     struct gl_why *why)
{
    char *path = file_of(site, "site.json");
    json_t *doc = json_object();
    json_object_set_new(doc, "schema", json_integer(SCHEMA));
    json_object_set_new(doc, "name", json_string(name));
    json_object_set_new(doc, "automatic", json_boolean(automatic));
    int err = gl_store_save(path, doc, why);
    json_decref(doc);
    gl_free(path);
    return err;
}

static int load_name(struct gl_site *site, struct gl_why *why)
{
    char *path = file_of(site, "site.json");
    json_t *doc = NULL;
    int err = gl_store_load(path, SCHEMA, &doc, why);
    if (err == 0) {
        const char *name = json_string_value(json_object_get(doc, "name"));
        if (!name || gl_name_fault(name)) {
            err = gl_why(why, UV_EINVAL, "%s: wrong 'name'", path);
        } else {
            snprintf(site->name, sizeof site->name, "%s", name);
            site->automatic = json_is_true(json_object_get(doc, "automatic"));
        }
        json_decref(doc);
    }
    if (err == UV_EINVAL) {
        struct gl_why fault = *why;
        gl_why(
            why, err,
            "%s; bring back a copy of it, or move it away: then the site is called as this host, "
            "and its key, which is what guests know, stays",
            fault.text);
    }
    gl_free(path);
    return err;
}

/*
 * 0 also if there is no site yet. site.json says that there was one: its key is then never made
 * anew by itself.
 */
static int load_site(struct gl_site *site, const char *path, bool *ret_named, bool *ret_keyed,
                     struct gl_why *why)
{
    int named = load_name(site, why);
    if (named < 0 && named != UV_ENOENT)
        return named;
    int err = load_key(path,
                       "move it and site.json away to begin a new site, which agents that know the "
                       "old one will refuse",
                       &site->site, why);
    if (err == UV_ENOENT && named == 0)
        return gl_why(
            why, err,
            "%s is missing: bring it back, or remove site.json to begin a new site, which agents "
            "that know the old one will refuse",
            path);
    if (err < 0 && err != UV_ENOENT)
        return err;
    *ret_named = named == 0;
    *ret_keyed = err == 0;
    return 0;
}

static int load_or_make_site(struct gl_site *site, struct gl_why *why)
{
    char *path = file_of(site, "site.key");
    bool named, keyed;
    int err = load_site(site, path, &named, &keyed, why);
    if (err < 0)
        goto out;
    if (!keyed) {
        err = make_key(path, &site->site, why);
        if (err < 0)
            goto out;
        gl_info("made a site of this host's own, %s", path);
        site->automatic = true;
    }
    if (!named) {
        gl_name_sanitise(site->host_name, site->name);
        err = save_name(site, site->name, site->automatic, why);
    }
out:
    gl_free(path);
    return err;
}

/* ------------------------------------------------------------------ certificates */

static void certify(struct gl_site *site, uint64_t now_s)
{
    gl_slice_unref(&site->certificate);
    site->not_after = now_s + GL_SITE_HOST_VALIDITY;
    site->certificate = gl_certificate_make(&site->site, site->host.public_key, site->host_name,
                                            GL__ROLE__ROLE_HOST, site->not_after);
    gl_key_fingerprint(site->site.public_key, site->fingerprint);
}

void gl_site_renew(struct gl_site *site, uint64_t now_s)
{
    if (site->not_after < now_s + GL_SITE_HOST_VALIDITY / 2)
        certify(site, now_s);
}

struct gl_slice gl_site_certify_guest(const struct gl_site *site, const uint8_t key[GL_KEY_SIZE],
                                      const char *name, uint64_t now_s)
{
    return gl_certificate_make(&site->site, key, name, GL__ROLE__ROLE_GUEST,
                               now_s + GL_SITE_GUEST_VALIDITY);
}

/* ------------------------------------------------------------------ open */

int gl_site_check(const char *directory, struct gl_why *why)
{
    struct gl_site *site = GL_NEW0(struct gl_site);
    site->directory = gl_strdup(directory);
    char *host = file_of(site, "host.key"), *key = file_of(site, "site.key");
    bool named, keyed;
    int err = load_host_key(site, host, why);
    if (err == 0 || err == UV_ENOENT)
        err = load_site(site, key, &named, &keyed, why);
    gl_free(host);
    gl_free(key);
    gl_site_free(site);
    return err;
}

int gl_site_open(const char *directory, const char *host_name, uint64_t now_s,
                 struct gl_site **ret_site, struct gl_why *why)
{
    struct gl_site *site = GL_NEW0(struct gl_site);
    site->directory = gl_strdup(directory);
    gl_escape(site->host_name, sizeof site->host_name, host_name, strlen(host_name));
    int err = load_or_make_host_key(site, why);
    if (err == 0)
        err = load_or_make_site(site, why);
    if (err < 0) {
        gl_site_free(site);
        return err;
    }
    gl_key_fingerprint(site->host.public_key, site->host_fingerprint);
    certify(site, now_s);
    *ret_site = site;
    return 0;
}

void gl_site_free(struct gl_site *site)
{
    if (!site)
        return;
    gl_key_wipe(&site->host);
    gl_key_wipe(&site->site);
    gl_slice_unref(&site->certificate);
    gl_free(site->directory);
    gl_free(site);
}

/* ------------------------------------------------------------------ init, export, join */

/* Guests that know the site alone refuse this host from now on: the way back to them. */
static int keep_old_key(const struct gl_site *site, const struct gl_key *key, struct gl_why *why)
{
    if (memcmp(site->site.public_key, key->public_key, GL_KEY_SIZE) == 0)
        return 0;
    char *path = file_of(site, "site.key.old");
    int err = gl_key_save(path, &site->site, NULL);
    if (err < 0)
        gl_why(why, err, "cannot write %s: %s", path, uv_strerror(err));
    gl_free(path);
    return err;
}

/* Both files or neither, as far as two files can be: the old key is put back if the second fails.
 */
static enum gl_status adopt(struct gl_site *site, const struct gl_key *key, const char *name,
                            uint64_t now_s, struct gl_why *why)
{
    char *path = file_of(site, "site.key");
    enum gl_status status = GL_STATUS_INTERNAL;
    int err = keep_old_key(site, key, why);
    if (err < 0)
        goto out;
    err = gl_key_save(path, key, NULL);
    if (err < 0) {
        gl_why(why, err, "cannot write %s: %s", path, uv_strerror(err));
        goto out;
    }
    err = save_name(site, name, false, why);
    if (err < 0) {
        gl_key_save(path, &site->site, NULL);
        goto out;
    }
    site->site = *key;
    site->automatic = false;
    if (name != site->name)
        snprintf(site->name, sizeof site->name, "%s", name);
    certify(site, now_s);
    gl_info("this host belongs to site '%s' (%.16s) now", site->name, site->fingerprint);
    status = GL_STATUS_OK;
out:
    gl_free(path);
    return status;
}

enum gl_status gl_site_init(struct gl_site *site, const char *name, bool force, uint64_t now_s,
                            struct gl_why *why)
{
    const char *fault = NULL;
    if (!*name)
        name = site->name;
    else
        fault = gl_name_fault(name);
    if (fault) {
        gl_why(why, 0, "'%.80s' cannot be a site's name: %s", name, fault);
        return GL_STATUS_INVALID;
    }
    if (!site->automatic && !force) {
        gl_why(why, 0,
               "this host belongs to site '%s' already; agents that know it would refuse a new one "
               "(--force makes one all the same)",
               site->name);
        return GL_STATUS_EXISTS;
    }
    struct gl_key key = site->site;
    if (force)
        gl_key_generate(&key);
    enum gl_status status = adopt(site, &key, name, now_s, why);
    gl_key_wipe(&key);
    return status;
}

char *gl_site_export(const struct gl_site *site)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    char secret[BASE64_SIZE];
    crypto_sign_ed25519_sk_to_seed(seed, site->site.secret);
    sodium_bin2base64(secret, sizeof secret, seed, sizeof seed, BASE64);
    char *bundle = gl_asprintf(
        "# Secret: whoever has this file can pose as any host of the site.\n" BUNDLE_HEAD
        "\nname: %s\nsecret: %s\nfingerprint: %s\n",
        site->name, secret, site->fingerprint);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    return bundle;
}

/* What a bundle's lines gave so far; each may come once. */
struct bundle {
    bool head, has_name, has_secret, has_fingerprint;
    char name[GL_NAME_SIZE], fingerprint[GL_FINGERPRINT_SIZE];
    struct gl_key key;
};

static bool take_name(struct bundle *bundle, const char *value)
{
    if (bundle->has_name || gl_name_fault(value))
        return false;
    snprintf(bundle->name, sizeof bundle->name, "%s", value);
    return bundle->has_name = true;
}

static bool take_secret(struct bundle *bundle, const char *value)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    size_t n = 0;
    bool good =
        !bundle->has_secret &&
        sodium_base642bin(seed, sizeof seed, value, strlen(value), NULL, &n, NULL, BASE64) == 0 &&
        n == sizeof seed;
    if (good)
        crypto_sign_seed_keypair(bundle->key.public_key, bundle->key.secret, seed);
    sodium_memzero(seed, sizeof seed);
    bundle->has_secret = bundle->has_secret || good;
    return good;
}

static bool take_fingerprint(struct bundle *bundle, const char *value)
{
    if (bundle->has_fingerprint || strlen(value) != GL_FINGERPRINT_SIZE - 1)
        return false;
    memcpy(bundle->fingerprint, value, GL_FINGERPRINT_SIZE);
    return bundle->has_fingerprint = true;
}

static bool take_line(struct bundle *bundle, char *line)
{
    size_t len = strlen(line);
    if (len && line[len - 1] == '\r') /* the file may have passed through a Windows editor */
        line[--len] = '\0';
    if (!len || line[0] == '#')
        return true;
    if (!bundle->head)
        return bundle->head = strcmp(line, BUNDLE_HEAD) == 0;
    if (strncmp(line, "name: ", 6) == 0)
        return take_name(bundle, line + 6);
    if (strncmp(line, "secret: ", 8) == 0)
        return take_secret(bundle, line + 8);
    if (strncmp(line, "fingerprint: ", 13) == 0)
        return take_fingerprint(bundle, line + 13);
    return false;
}

static bool read_bundle(struct bundle *bundle, char *text)
{
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!take_line(bundle, line))
            return false;
    }
    char fingerprint[GL_FINGERPRINT_SIZE];
    if (!bundle->has_name || !bundle->has_secret || !bundle->has_fingerprint)
        return false;
    gl_key_fingerprint(bundle->key.public_key, fingerprint);
    return strcmp(fingerprint, bundle->fingerprint) == 0;
}

static bool may_leave(const struct gl_site *site, const struct gl_key *key, bool force,
                      struct gl_why *why)
{
    if (site->automatic || force ||
        memcmp(site->site.public_key, key->public_key, GL_KEY_SIZE) == 0)
        return true;
    gl_why(why, 0,
           "this host belongs to site '%s' already, whose key would stay here as site.key.old "
           "alone: export it first, "
           "then join with --force",
           site->name);
    return false;
}

enum gl_status gl_site_join(struct gl_site *site, const void *data, size_t len, bool force,
                            uint64_t now_s, struct gl_why *why)
{
    enum gl_status status = GL_STATUS_INVALID;
    struct bundle bundle = {0};
    if (len == 0 || len > GL_SITE_BUNDLE_MAX || memchr(data, 0, len)) {
        gl_why(why, 0, "this is not a site's bundle, as `guestlink trust site export` makes it");
        return status;
    }
    char *text = gl_strndup(data, len);
    if (read_bundle(&bundle, text)) {
        status = may_leave(site, &bundle.key, force, why)
                     ? adopt(site, &bundle.key, bundle.name, now_s, why)
                     : GL_STATUS_EXISTS;
    } else {
        gl_why(why, 0,
               "this is not a site's bundle, as `guestlink trust site export` makes it, or it is "
               "damaged");
    }
    gl_key_wipe(&bundle.key);
    gl_secure_free(text, len + 1);
    return status;
}
