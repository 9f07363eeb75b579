/* SPDX-License-Identifier: MIT */
/*
 * Who this host is, and which site it belongs to (chapter 4 of the design).
 *
 * STATE/host.key is the host's own key. STATE/site.key is the site's: whoever has it can certify
 * hosts and guests of the site. Agents pin the site, so a guest may move between its hosts. A lone
 * host makes a site of its own at first start. STATE/site.json has the site's name.
 * STATE/site.key.old is the key before the present one, which only people put back.
 *
 * The bundle that carries a site to another host is text, and contains the site's secret:
 *
 *     guestlink site 1
 *     name: NAME
 *     secret: BASE64                 32 bytes, the Ed25519 seed of the site's key
 *     fingerprint: HEX               SHA-256 of the public key that belongs to it: a damaged bundle
 * is noticed
 *
 * each line ended by a newline. Lines that begin with '#' and empty lines are passed over.
 */
#ifndef GL_SITE_H
#define GL_SITE_H

#include "key.h"
#include "name.h"
#include "status.h"
#include "why.h"

#define GL_SITE_BUNDLE_MAX     4096u
#define GL_SITE_HOST_VALIDITY  (365u * 86400)
#define GL_SITE_GUEST_VALIDITY (90u * 86400)

struct gl_site {
    char *directory;
    char host_name[256]; /* what the hello and the certificate call this host */
    char name[GL_NAME_SIZE];
    bool automatic; /* the site was made at first start, nobody asked for it */
    struct gl_key host, site;
    char host_fingerprint[GL_FINGERPRINT_SIZE], fingerprint[GL_FINGERPRINT_SIZE];
    struct gl_slice certificate; /* the host's SignedCertificate */
    uint64_t not_after;          /* of it, seconds since 1970 */
};

/*
 * Loads both keys from the directory. A missing one is made, but the site's only if no site.json
 * says that there was one. A wrong file (content, mode, owner) is an error and never replaced.
 */
int gl_site_open(const char *directory, const char *host_name, uint64_t now_s,
                 struct gl_site **ret_site, struct gl_why *why);
/* Fails as gl_site_open() would on what is there, and makes nothing. */
int gl_site_check(const char *directory, struct gl_why *why);
void gl_site_free(struct gl_site *site); /* wipes the keys */

/* Makes a new certificate for the host when less than half of the old one's time is left. */
void gl_site_renew(struct gl_site *site, uint64_t now_s);
/* For a guest that is accepted here; the caller's reference. */
struct gl_slice gl_site_certify_guest(const struct gl_site *site, const uint8_t key[GL_KEY_SIZE],
                                      const char *name, uint64_t now_s);

/*
 * The site that was made at first start gets a name; its key stays, since agents may have pinned
 * it. Any other is kept (EXISTS), unless force: then a new key is made. An empty name: the present
 * one. INVALID (name), INTERNAL.
 */
enum gl_status gl_site_init(struct gl_site *site, const char *name, bool force, uint64_t now_s,
                            struct gl_why *why);
/* The bundle; wipe it (gl_secure_free) after use. */
char *gl_site_export(const struct gl_site *site);
/*
 * INVALID: no bundle, or damaged. EXISTS: the host belongs to another site already that was not
 * made at first start, whose secret nobody else may have; unless force. The host's key stays; it is
 * certified anew.
 */
enum gl_status gl_site_join(struct gl_site *site, const void *bundle, size_t len, bool force,
                            uint64_t now_s, struct gl_why *why);

#endif
