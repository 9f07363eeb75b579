/* SPDX-License-Identifier: MIT */
#include "host-trust.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "log.h"
#include "mem.h"
#include "proto/guestlink.pb-c.h"
#include "secret-file.h"

#define FIRST_LINE "guestlink host-trust 1"

/* ------------------------------------------------------------------ the file */

static bool parse_line(struct gl_host_trust *trust, const char *line)
{
    char *field = strncmp(line, "site ", 5) == 0   ? trust->site
                  : strncmp(line, "host ", 5) == 0 ? trust->host
                                                   : NULL;
    const char *value = line + 5;
    if (!field || *field || strlen(value) != GL_FINGERPRINT_SIZE - 1 ||
        strspn(value, "0123456789abcdef") != GL_FINGERPRINT_SIZE - 1)
        return false;
    memcpy(field, value, GL_FINGERPRINT_SIZE);
    return true;
}

static bool parse(struct gl_host_trust *trust, char *text)
{
    bool first = true;
    for (char *line = text, *end; *line; line = end + 1, first = false) {
        end = strchr(line, '\n');
        if (!end)
            return false;
        *end = '\0';
        if (first ? strcmp(line, FIRST_LINE) != 0 : !parse_line(trust, line))
            return false;
    }
    return !first;
}

static int load(struct gl_host_trust *trust, char **ret_error)
{
    char text[512];
    size_t len;
    int err = gl_secret_file_read(trust->path, (uint8_t *)text, sizeof(text) - 1, &len);
    if (err == UV_ENOENT)
        return 0;
    if (err == UV_EACCES)
        *ret_error = gl_asprintf("%s: must belong to the agent's account and be open to nobody "
                                 "else (%s)",
                                 trust->path, gl_secret_file_remedy);
    else if (err)
        *ret_error = gl_asprintf("%s: %s", trust->path, uv_strerror(err));
    if (err)
        return err;
    text[len] = '\0';
    if (strlen(text) == len && parse(trust, text))
        return 0;
    *ret_error =
        gl_asprintf("%s: damaged; remove it to trust the next host that is met", trust->path);
    return UV_EINVAL;
}

int gl_host_trust_load(const struct gl_settings *settings, struct gl_host_trust *ret_trust,
                       char **ret_error)
{
    struct gl_host_trust trust = {
        .mode = settings->host_trust,
        .keep = !settings->cut_short && settings->host_trust != GL_HOST_TRUST_ANY,
        .path = gl_asprintf("%s/host-trust", settings->state),
    };
    int err = load(&trust, ret_error);
    if (err) {
        gl_host_trust_done(&trust);
        return err;
    }
    if (settings->site_key[0]) {
        memcpy(trust.site, settings->site_key, sizeof(trust.site));
        trust.keep = false;
    }
    *ret_trust = trust;
    return 0;
}

void gl_host_trust_done(struct gl_host_trust *trust)
{
    gl_free(trust->path);
    trust->path = NULL;
}

/* ------------------------------------------------------------------ judgement */

/* "" if the host shows no certificate that makes it a host of a site. */
static void site_of(const struct gl_hello *host, char ret_site[GL_FINGERPRINT_SIZE])
{
    ret_site[0] = '\0';
    if (host->has_certificate && host->certificate.role == GL__ROLE__ROLE_HOST)
        gl_key_fingerprint(host->certificate.site, ret_site);
}

bool gl_host_trust_judge(const struct gl_host_trust *trust, const struct gl_hello *host,
                         char **ret_why)
{
    char key[GL_FINGERPRINT_SIZE], site[GL_FINGERPRINT_SIZE];
    gl_key_fingerprint(host->key, key);
    site_of(host, site);
    if (trust->mode == GL_HOST_TRUST_ANY || (site[0] && strcmp(site, trust->site) == 0))
        return true;
    if (trust->mode == GL_HOST_TRUST_SITE) {
        if (site[0] && !trust->site[0])
            return true;
        *ret_why = site[0]
                       ? gl_asprintf("the host (key %.16s) is of site %.16s, not of the trusted "
                                     "site %.16s",
                                     key, site, trust->site)
                       : gl_asprintf("the host (key %.16s) shows no certificate of a site", key);
        return false;
    }
    if ((!trust->site[0] && !trust->host[0]) || strcmp(key, trust->host) == 0)
        return true;
    *ret_why =
        gl_asprintf("the host's key %.16s is not the one that this guest remembers, nor of its "
                    "site; if that is meant, remove %s and restart the agent",
                    key, trust->path);
    return false;
}

void gl_host_trust_remember(struct gl_host_trust *trust, const struct gl_hello *host)
{
    char key[GL_FINGERPRINT_SIZE], site[GL_FINGERPRINT_SIZE];
    if (!trust->keep)
        return;
    gl_key_fingerprint(host->key, key);
    site_of(host, site);
    bool first = !trust->site[0] && (!trust->host[0] || trust->mode == GL_HOST_TRUST_SITE);
    bool moved = strcmp(key, trust->host) == 0 && site[0] && strcmp(site, trust->site) != 0;
    if (!first && !moved)
        return;
    memcpy(trust->site, site, sizeof(site));
    memcpy(trust->host, key, sizeof(key));
    char *text = gl_asprintf(FIRST_LINE "\n%s%s%shost %s\n", site[0] ? "site " : "", site,
                             site[0] ? "\n" : "", key);
    int err = gl_secret_file_write(trust->path, (const uint8_t *)text, strlen(text));
    gl_free(text);
    if (err)
        gl_error("%s: cannot be written, another host would be trusted after a restart: %s",
                 trust->path, uv_strerror(err));
    else
        gl_info("%s: host key %s%s%s",
                first ? "remembered the first host" : "the known host has a new site", key,
                site[0] ? ", site " : "", site);
}
