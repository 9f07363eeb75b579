/* SPDX-License-Identifier: MIT */
/*
 * Which guests are known, by their keys, and which are let in: the trust store, STATE/guests.json.
 *
 * No I/O but the file, no clock, no loop. Whoever is judged here has proven by the handshake that
 * the key is his; all else that he says (name, machine, software) is hostile text, and is bounded
 * and made harmless here.
 *
 * A *fixed* name comes from the configuration or the hypervisor: the pin is then per name, or per
 * virtual machine, and another key at that place is refused, remembered as `offered`, and taken
 * only by gl_trust_accept() with that key's fingerprint. Any other name is a guest's proposal, made
 * unique and kept with its key; it yields when the configuration or the hypervisor needs the name.
 * The configuration is above the hypervisor: see gl_trust_set_vms(). One place cannot fill the
 * store: it may have GL_TRUST_FIRST_USE_MAX first-use keys, and of those the oldest that came
 * within one hour only and are away go for new ones; in a full store those of the place that has
 * most.
 */
#ifndef GL_TRUST_H
#define GL_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "forgotten.h"
#include "key.h"
#include "list.h"
#include "machines.h"
#include "name.h"
#include "proto/guestlink.pb-c.h"
#include "status.h"
#include "why.h"

#define GL_TRUST_GUESTS_MAX  4096u
#define GL_TRUST_PENDING_MAX 256u
#define GL_TRUST_FIRST_USE_MAX                                                                     \
    256u /* keys of one place that were let in without anybody's word                              \
          */
#define GL_TRUST_QUOTA_PERIOD                                                                      \
    3600u                       /* seconds; new keys of one place in it: gl_trust_claim.quota      \
                                 */
#define GL_TRUST_ID_SIZE    17u /* first 16 hex digits of the fingerprint, and NUL */
#define GL_TRUST_PLACE_SIZE 160u

enum gl_trust_policy {
    GL_TRUST_FIRST_USE, /* a new key is pinned and let in */
    GL_TRUST_APPROVE,   /* a new key waits for gl_trust_accept() */
};

/* Owned by the store. Others read it, and may set `owner` only. */
struct gl_trust_entry {
    struct gl_list node;
    uint64_t number; /* ascends in the list, so that who goes through it can rest */
    uint8_t key[GL_KEY_SIZE];
    char fingerprint[GL_FINGERPRINT_SIZE];
    char id[GL_TRUST_ID_SIZE];
    char name[GL_NAME_SIZE];
    bool fixed;  /* the name is the configuration's or hypervisor's */
    bool has_vm; /* the name is that of the machine: */
    struct gl_guid vm;
    bool vm_there; /* the hypervisor has it at present (then has_vm too), in this state: */
    enum gl_machine_state vm_state;
    bool has_from; /* it came from this machine the last time, whoever has named it */
    struct gl_guid from;
    Gl__TrustState state;              /* ACCEPTED, PENDING, REVOKED or DUPLICATE */
    uint64_t first_seen, last_seen;    /* seconds since 1970 */
    char place[GL_TRUST_PLACE_SIZE];   /* where the key was first seen, e.g. "vsock:3" */
    char address[GL_TRUST_PLACE_SIZE]; /* of the last link */
    char software[64];
    uint8_t machine[GL_MACHINE_SIZE];
    bool has_machine;
    bool has_offered; /* another key was offered at this entry's fixed name */
    uint8_t offered[GL_KEY_SIZE];
    uint64_t offered_at;
    bool first_use;   /* let in by the policy or a certificate; no word of an administrator's yet */
    bool crowded;     /* it waits at a place where keys that waited had to go for newer ones */
    char reason[320]; /* why trust is not given, or what is odd */
    void *owner;      /* the gl_guest, or NULL */
};

/* A virtual machine that the hypervisor has, and what the guest in it is called. */
struct gl_trust_vm {
    struct gl_guid id;
    enum gl_machine_state state;
    char base[GL_NAME_SIZE]; /* what the hypervisor calls it */
    char name[GL_NAME_SIZE]; /* the same, or with a number where it would not be the only one */
    bool has_guest;          /* see gl_trust_is_silent() */
};

struct gl_trust {
    char *path;
    enum gl_trust_policy policy;
    struct gl_list entries; /* of gl_trust_entry.node */
    unsigned count;
    uint64_t numbers; /* given */
    struct gl_forgotten forgotten;
    char save_error[256];    /* why the store could not be written the last time; empty: it was */
    char **reserved;         /* names of the configuration, NULL at the end */
    bool dirty;              /* something of little weight is to be written: gl_trust_flush() */
    struct gl_trust_vm *vms; /* by id, ascending */
    size_t n_vms;
    bool guests_marked;                                         /* vms[].has_guest says how it is */
    bool (*is_live)(const struct gl_trust_entry *entry);        /* it has a session; may be NULL */
    void (*on_rename)(void *ctx, struct gl_trust_entry *entry); /* not by gl_trust_rename() */
    void (*on_forget)(void *ctx, struct gl_trust_entry *entry); /* it is about to be freed */
    void *ctx;
};

/*
 * Reads the store; a missing file is an empty store. UV_EINVAL and others with *why: the file is
 * damaged, and nothing of it was taken: a daemon must not start then, or every pin would be made
 * anew.
 */
int gl_trust_open(const char *path, enum gl_trust_policy policy, struct gl_trust **ret_trust,
                  struct gl_why *why);
void gl_trust_free(struct gl_trust *trust); /* does not write */
/* Names that no guest may get by a proposal (copied). NULL-terminated. */
void gl_trust_reserve(struct gl_trust *trust, const char *const *names);

/*
 * What the hypervisor has now. A machine's guest gets the machine's name; if several share one, in
 * any case of letters, who has it keeps it, and the others get a number; what the configuration has
 * given away counts as theirs. Guests that are no machine's, or one's that is there no more, yield.
 * A guest stays bound to its machine, by its id, while the hypervisor does not know it, and keeps
 * the name as long as no other machine has it.
 */
void gl_trust_set_vms(struct gl_trust *trust, const struct gl_machine *machines, size_t n);
const struct gl_trust_vm *gl_trust_find_vm(const struct gl_trust *trust, const struct gl_guid *id);
struct gl_trust_entry *gl_trust_find_by_vm(const struct gl_trust *trust, const struct gl_guid *id);
/* No guest that is known has come from it, be it let in or not. Of `trust`. */
bool gl_trust_is_silent(struct gl_trust *trust, const struct gl_trust_vm *vm);
/* The one after this id, NULL: the first; NULL: there is none. */
const struct gl_trust_vm *gl_trust_next_vm(const struct gl_trust *trust,
                                           const struct gl_guid *after);
/*
 * The guest is in this machine, as the transport has it: from now on it has its name. Not if the
 * hypervisor does not know the machine, if it is another guest's, or this guest another machine's,
 * or named by the configuration, or kept out.
 */
void gl_trust_adopt(struct gl_trust *trust, struct gl_trust_entry *entry, const struct gl_guid *id);

/* Writes if something is to be written. */
int gl_trust_flush(struct gl_trust *trust, struct gl_why *why);

struct gl_trust_claim {
    const uint8_t *key;
    const char *fixed_name;   /* NULL: by the machine's name, or the guest's proposal */
    const struct gl_guid *vm; /* that it comes from, as the transport has it, or NULL */
    const char *proposal;     /* anything */
    const char *place;        /* whence new keys are counted, e.g. "vsock:3" */
    unsigned quota;           /* how many new keys this place may bring in GL_TRUST_QUOTA_PERIOD */
    const char *address;
    const char *software;   /* anything */
    const uint8_t *machine; /* or NULL */
    const uint8_t *old_key; /* the key that a signed announcement replaces, or NULL */
    bool certified;         /* has a certificate of our site: accepted, whatever the policy, unless
                               the key was forgotten here */
    uint64_t certified_s;   /* when that was issued */
    uint64_t now_s;
};

/*
 * Decides, and pins a new key if the policy says so (written before it counts). OK, with
 * *ret_entry; or PENDING, REVOKED, KEY_MISMATCH, DUPLICATE_KEY, LIMIT, INTERNAL with a text for the
 * guest and the log. *ret_entry is set where there is one, else NULL.
 */
enum gl_status gl_trust_judge(struct gl_trust *trust, const struct gl_trust_claim *claim,
                              struct gl_trust_entry **ret_entry, struct gl_why *why);

/* What makes a copy of a machine one of its own. */
#define GL_TRUST_REKEY                                                                             \
    "stop the agent in the copy, remove agent.key in its state directory and start it again"

/* One key is live at two places: refused until gl_trust_accept() or until one of them announces a
 * new key. */
void gl_trust_mark_duplicate(struct gl_trust *trust, struct gl_trust_entry *entry,
                             const char *address);
/* A link began or ended: soon written. */
void gl_trust_touch(struct gl_trust *trust, struct gl_trust_entry *entry, const char *address,
                    uint64_t now_s);

/* Exact name, id or fingerprint; NULL. */
struct gl_trust_entry *gl_trust_find(const struct gl_trust *trust, const char *ref);
struct gl_trust_entry *gl_trust_find_key(const struct gl_trust *trust,
                                         const uint8_t key[GL_KEY_SIZE]);
/* The guest at whose name the key with this id or fingerprint was offered; NULL. */
struct gl_trust_entry *gl_trust_find_offered(const struct gl_trust *trust, const char *ref);
/* What `trust ls` shows: MISMATCH while another key is on offer. */
Gl__TrustState gl_trust_shown(const struct gl_trust_entry *entry);

/*
 * The administrator's calls; written before they return OK. On another status nothing has changed.
 *
 * accept: `ref` as gl_trust_find(), or the id or fingerprint of an offered key. By its own id or
 * fingerprint a guest's present key is accepted and an offer dismissed; by the offered one that key
 * is taken, and the old one is forgotten. By name the present key is accepted, but PRECONDITION
 * where the name does not tell for certain which key was looked at: another one was offered, or
 * keys come and go at its place. *ret_swapped: the entry has another key now.
 */
enum gl_status gl_trust_accept(struct gl_trust *trust, const char *ref,
                               struct gl_trust_entry **ret_entry, bool *ret_swapped,
                               struct gl_why *why);
enum gl_status gl_trust_revoke(struct gl_trust *trust, struct gl_trust_entry *entry,
                               struct gl_why *why);
/* INVALID, EXISTS, PRECONDITION (a fixed name, of a machine that is there). */
enum gl_status gl_trust_rename(struct gl_trust *trust, struct gl_trust_entry *entry,
                               const char *name, struct gl_why *why);
/* The key is new when it comes again, and a certificate of the site does not count for it here,
 * until an administrator accepts it. */
enum gl_status gl_trust_forget(struct gl_trust *trust, struct gl_trust_entry *entry, uint64_t now_s,
                               struct gl_why *why);

/* For trust.c and trust-names.c. */
bool gl_trust_is_reserved(const struct gl_trust *trust,
                          const char *name); /* by the configuration */
/* Nobody else has it, by whatever right. */
bool gl_trust_is_free(const struct gl_trust *trust, const char *name,
                      const struct gl_trust_entry *except);
void gl_trust_unique_name(const struct gl_trust *trust, const char *base, char out[GL_NAME_SIZE]);
/* `by` wants the name: whoever has it gets another. */
void gl_trust_evict(struct gl_trust *trust, struct gl_trust_entry *holder, const char *by);
void gl_trust_bind(struct gl_trust *trust, struct gl_trust_entry *entry,
                   const struct gl_trust_vm *vm);
/* The guest has come from there. */
void gl_trust_came_from(struct gl_trust *trust, struct gl_trust_entry *entry,
                        const struct gl_guid *id);

/* For trust-file.c. */
struct gl_trust_entry *gl_trust_entry_new(const uint8_t key[GL_KEY_SIZE]);
void gl_trust_append(struct gl_trust *trust, struct gl_trust_entry *entry); /* to the list only */
int gl_trust_save(struct gl_trust *trust, struct gl_why *why);

#endif
