/* SPDX-License-Identifier: MIT */
/* A guest that is known: its trust entry, and what there is of it at present. */
#ifndef GL_GUEST_H
#define GL_GUEST_H

#include "daemon.h"
#include "quota.h"
#include "user.h"

struct gl_admission;
struct gl_session;

#define GL_TAKEOVERS_PER_MINUTE 3u

struct gl_guest {
    struct gl_daemon *daemon;
    struct gl_trust_entry *entry;
    struct gl_session *session;     /* the one that calls go to; NULL: none */
    struct gl_admission *admission; /* proven, about to be let in; NULL: none. The newest wins */
    uint64_t resumes;               /* of all sessions since the daemon's start */
    uint64_t takeovers[GL_TAKEOVERS_PER_MINUTE]; /* ms, of the last ones */
    unsigned takeover_at;                        /* the oldest of them */
    struct gl_quota alarm_quota;                 /* of the line about too many of them */
    struct gl_quota log_quota;                   /* of lines that come with a change of link */
};

/* That of the entry; made if there is none yet. */
struct gl_guest *gl_guest_of(struct gl_daemon *daemon, struct gl_trust_entry *entry);
/* For gl_trust.is_live: it has a session, or is about to have one. */
bool gl_guest_is_live(const struct gl_trust_entry *entry);
/* For gl_trust.on_forget: ends the session, frees the guest. */
void gl_guest_forget(void *daemon, struct gl_trust_entry *entry);

/* All of them, when the daemon ends and no session is left. */
void gl_guests_free(struct gl_daemon *daemon);

/* Whether the guest's link answers at present, or its session waits for it. */
Gl__GuestState gl_guest_state(const struct gl_trust_entry *entry);
/* One more link has taken over a living one. True: too many in a minute, and it is time to say so
 * (again). */
bool gl_guest_count_takeover(struct gl_guest *guest, uint64_t now_ms);

/* A Guest message; `buffer` has what its fields point to and must live as long. */
struct gl_guest_buffer {
    char name[GL_NAME_SIZE], address[600], software[64], system[64], reason[320];
    char offered[GL_FINGERPRINT_SIZE], vm[GL_GUID_TEXT_SIZE];
};
void gl_guest_describe(const struct gl_trust_entry *entry, Gl__Guest *ret_guest,
                       struct gl_guest_buffer *buffer);

enum gl_guest_lookup {
    GL_LOOKUP_EXACT,  /* changes: name, id or fingerprint */
    GL_LOOKUP_PREFIX, /* only looks: a unique beginning of a name or id as well */
};
/*
 * Finds what a user means by ref, among the guests that he may see. NOT_FOUND, PRECONDITION
 * (several fit), INVALID, UNAVAILABLE (a virtual machine that has no agent), with a text that says
 * what to do.
 */
enum gl_status gl_guest_resolve(struct gl_daemon *daemon, const struct gl_user *user,
                                const char *ref, enum gl_guest_lookup how,
                                struct gl_trust_entry **ret_entry, struct gl_why *why);

/* Why no call can go to this guest now: UNAVAILABLE, PENDING, REVOKED, DUPLICATE_KEY, and a text.
 */
enum gl_status gl_guest_absence(const struct gl_trust_entry *entry, struct gl_why *why);

#endif
