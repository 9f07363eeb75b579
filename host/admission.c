/* SPDX-License-Identifier: MIT */
#include "admission.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "link.h"
#include "session.h"
#include "watch.h"

#define QUOTA_MACHINE 8u  /* new keys of a place in GL_TRUST_QUOTA_PERIOD: one machine, */
#define QUOTA_DOOR    64u /* or a listener that many machines may be behind */
#define STREAMS_MAX   1024u

struct gl_admission {
    struct gl_list node; /* of daemon->admissions */
    struct gl_daemon *daemon;
    struct gl_door *door;
    struct gl_greet *greet; /* NULL: it has ended, the timer is being closed */
    struct gl_handshake *h; /* from PROVEN on */
    struct gl_guest *guest; /* likewise, if it is let in */
    struct gl_address from;
    uv_timer_t probe_timer;
    bool probing; /* the guest's old link is being asked whether it lives */
    struct gl_session_terms terms;
    bool resumes; /* a resume of the guest's session was offered */
    struct gl_resume_record record;
    uint64_t epoch;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* ------------------------------------------------------------------ end */

static void on_timer_closed(uv_handle_t *handle)
{
    gl_free(handle->data);
}

static void leave_guest(struct gl_admission *a)
{
    if (!a->guest)
        return;
    if (a->guest->session)
        gl_session_probe_cancel(a->guest->session, a);
    if (a->guest->admission == a)
        a->guest->admission = NULL;
    a->guest = NULL;
}

static void finish(struct gl_admission *a)
{
    leave_guest(a);
    a->greet = NULL;
    a->h = NULL;
    a->probing = false;
    gl_list_remove(&a->node);
    a->daemon->n_admissions--;
    a->door->n_admissions--;
    uv_close((uv_handle_t *)&a->probe_timer, on_timer_closed);
}

void gl_admission_cancel(struct gl_admission *a)
{
    gl_greet_cancel(a->greet);
    finish(a);
}

void gl_admission_cancel_all(struct gl_daemon *daemon, const struct gl_door *door)
{
    GL_LIST_FOREACH_SAFE (node, &daemon->admissions) {
        struct gl_admission *a = GL_CONTAINER_OF(node, struct gl_admission, node);
        if (!door || a->door == door)
            gl_admission_cancel(a);
    }
}

unsigned gl_admission_count_cid(const struct gl_daemon *daemon, uint32_t cid)
{
    unsigned n = 0;
    GL_LIST_FOREACH (node, &daemon->admissions) {
        const struct gl_admission *a = GL_CONTAINER_OF(node, struct gl_admission, node);
        n += a->from.kind == GL_ADDRESS_VSOCK && a->from.cid == cid;
    }
    return n;
}

/* ------------------------------------------------------------------ answers */

static void refuse(struct gl_admission *a, enum gl_status status, const char *text)
{
    gl_handshake_fail(a->h, status, text);
    gl_greet_continue(a->greet);
}

static bool is_certified(const struct gl_admission *a, const struct gl_hello *hello)
{
    return hello->has_certificate && hello->certificate.role == GL__ROLE__ROLE_GUEST &&
           memcmp(hello->certificate.site, a->daemon->site->site.public_key, GL_KEY_SIZE) == 0;
}

static void answer_fresh(struct gl_admission *a, enum gl_resume_reason reason)
{
    const struct gl_trust_entry *entry = a->guest->entry;
    struct gl_slice certificate =
        gl_site_certify_guest(a->daemon->site, entry->key, entry->name, gl_now_s());
    a->resumes = false;
    randombytes_buf(a->terms.id, sizeof a->terms.id);
    gl_handshake_fresh(a->h, a->terms.id, reason, entry->name, certificate);
    gl_slice_unref(&certificate);
    gl_greet_continue(a->greet);
}

/* One that was there before this host changed its site needs a certificate of the new one. */
static void offer(struct gl_admission *a, const struct gl_resume_record *ours)
{
    const struct gl_trust_entry *entry = a->guest->entry;
    struct gl_slice certificate = {0};
    if (!is_certified(a, gl_handshake_peer(a->h)))
        certificate = gl_site_certify_guest(a->daemon->site, entry->key, entry->name, gl_now_s());
    gl_handshake_offer(a->h, ours, a->epoch, entry->name, certificate);
    gl_slice_unref(&certificate);
    gl_greet_continue(a->greet);
}

/*
 * From gl_link_detach() on nothing more of the old connection is counted, so the record is final:
 * what the agent sent there and we had not read, it sends again.
 */
static void take_over(struct gl_admission *a, struct gl_session *session)
{
    struct gl_link *link = gl_session_link(session);
    struct gl_mux *mux = gl_link_mux(link);
    if (gl_link_is_attached(link) && gl_guest_count_takeover(a->guest, now_ms()))
        gl_warn(
            "ALARM: guest '%s' takes its own link over again and again: two machines with the same "
            "state? (a copied snapshot that runs beside its origin)",
            a->guest->entry->name);
    gl_link_detach(link);
    gl_watch_notify(a->daemon, a->guest->entry);
    enum gl_resume_reason reason = gl_mux_check(mux, &a->record, a->terms.payload_max);
    if (reason != GL_RESUME_OK) {
        gl_session_end(session, gl_resume_reason_text(reason));
        answer_fresh(a, reason);
        return;
    }
    struct gl_resume_record ours;
    gl_mux_record(mux, &ours);
    a->epoch = ours.epoch + 1;
    a->resumes = true;
    memcpy(a->terms.id, gl_session_id(session), GL_ID_SIZE);
    offer(a, &ours);
}

/* The old link, if there is one, is not another process that lives: resume or replace. */
static void settle(struct gl_admission *a)
{
    const struct gl_hello *hello = gl_handshake_peer(a->h);
    struct gl_session *session = a->guest->session;
    enum gl_resume_reason reason = hello->has_resume ? GL_RESUME_UNKNOWN_SESSION : GL_RESUME_OK;
    a->probing = false;
    uv_timer_stop(&a->probe_timer);
    if (session && memcmp(gl_session_instance(session), hello->instance, GL_ID_SIZE) != 0) {
        gl_session_end(session, "its agent was started anew");
        if (hello->has_resume)
            reason = GL_RESUME_INSTANCE;
    } else if (session && (!hello->has_resume || memcmp(gl_session_id(session),
                                                        hello->resume.session, GL_ID_SIZE) != 0)) {
        gl_session_end(session, "its agent knows nothing of it");
    } else if (session) {
        a->record = hello->resume;
        take_over(a, session);
        return;
    }
    answer_fresh(a, reason);
}

/* ------------------------------------------------------------------ one key, two processes */

/* Two connections of one virtual machine are two agents in it, no copy of it. */
static bool same_machine(const struct gl_admission *a, const struct gl_session *session)
{
    struct gl_address other;
    gl_session_address(session, &other);
    if (a->from.kind != other.kind)
        return false;
    return a->from.kind == GL_ADDRESS_VSOCK    ? a->from.cid == other.cid
           : a->from.kind == GL_ADDRESS_HVSOCK ? gl_guid_equal(&a->from.vm, &other.vm)
                                               : false;
}

static void refuse_duplicate(struct gl_admission *a)
{
    struct gl_guest *guest = a->guest;
    struct gl_why why;
    char address[GL_TRUST_PLACE_SIZE];
    if (same_machine(a, guest->session)) {
        refuse(a, GL_STATUS_DUPLICATE_KEY, "another agent runs in this machine already");
        return;
    }
    gl_address_text(&a->from, address, sizeof address);
    gl_trust_mark_duplicate(a->daemon->trust, guest->entry, address);
    gl_guest_absence(guest->entry, &why);
    leave_guest(a); /* or it would be closed without a word with the session */
    gl_session_dismiss(guest, GL_STATUS_DUPLICATE_KEY, why.text);
    refuse(a, GL_STATUS_DUPLICATE_KEY, why.text);
}

static void on_answer(void *ctx, bool alive)
{
    struct gl_admission *a = ctx;
    if (!a->probing)
        return;
    a->probing = false;
    uv_timer_stop(&a->probe_timer);
    if (alive)
        refuse_duplicate(a);
    else
        settle(a);
}

static void on_probe_timeout(uv_timer_t *timer)
{
    struct gl_admission *a = timer->data;
    if (a->guest->session)
        gl_session_probe_cancel(a->guest->session, a);
    settle(a);
}

static void probe(struct gl_admission *a, struct gl_session *session)
{
    a->probing = true;
    uv_timer_start(&a->probe_timer, on_probe_timeout, gl_session_probe(session, on_answer, a), 0);
}

/* ------------------------------------------------------------------ decisions */

/* Whence new keys are counted: the machine where the transport knows it, else the listener. */
static unsigned place_of(const struct gl_admission *a, char *out, size_t size)
{
    struct gl_address place = a->from;
    if (place.kind == GL_ADDRESS_VSOCK) {
        snprintf(out, size, "vsock:%u", place.cid);
        return QUOTA_MACHINE;
    }
    gl_address_text(&place, out, size);
    return place.kind == GL_ADDRESS_HVSOCK ? QUOTA_MACHINE : QUOTA_DOOR;
}

/* Certificates say only until when they are good. */
static uint64_t issued_s(const struct gl_certificate *certificate)
{
    return certificate->not_after > GL_SITE_GUEST_VALIDITY
               ? certificate->not_after - GL_SITE_GUEST_VALIDITY
               : 0;
}

static enum gl_status judge(struct gl_admission *a, const struct gl_hello *hello,
                            struct gl_trust_entry **ret_entry, struct gl_why *why)
{
    char place[GL_TRUST_PLACE_SIZE], address[GL_TRUST_PLACE_SIZE];
    bool certified = is_certified(a, hello);
    unsigned quota = place_of(a, place, sizeof place);
    gl_address_text(&a->from, address, sizeof address);
    const struct gl_trust_claim claim = {
        .key = hello->key,
        .fixed_name = *a->door->listen->name ? a->door->listen->name : NULL,
        .vm = a->from.kind == GL_ADDRESS_HVSOCK ? &a->from.vm : NULL,
        .proposal = certified && *hello->certificate.name ? hello->certificate.name : hello->name,
        .place = place,
        .quota = quota,
        .address = address,
        .software = hello->software,
        .machine = hello->has_machine ? hello->machine : NULL,
        .old_key = hello->has_rekey ? hello->old_key : NULL,
        .certified = certified,
        .certified_s = certified ? issued_s(&hello->certificate) : 0,
        .now_s = gl_now_s(),
    };
    return gl_trust_judge(a->daemon->trust, &claim, ret_entry, why);
}

static void decide_proven(struct gl_admission *a)
{
    const struct gl_hello *hello = gl_handshake_peer(a->h);
    struct gl_trust_entry *entry;
    struct gl_why why;
    enum gl_status status = judge(a, hello, &entry, &why);
    if (status != GL_STATUS_OK) {
        refuse(a, status, why.text);
        return;
    }
    struct gl_guest *guest = gl_guest_of(a->daemon, entry);
    struct gl_admission *older = guest->admission;
    if (older) { /* the newest that has proven itself wins */
        gl_door_refused(older->door, &older->from, hello->key, GL_STATUS_UNAVAILABLE,
                        "the same guest has dialled again before it was let in", false);
        gl_admission_cancel(older);
    }
    guest->admission = a;
    a->guest = guest;
    a->terms.payload_max = gl_handshake_payload_max(a->h);
    a->terms.streams_max = hello->streams_max < STREAMS_MAX ? hello->streams_max : STREAMS_MAX;
    memcpy(a->terms.instance, hello->instance, GL_ID_SIZE);
    struct gl_session *session = guest->session;
    if (session && gl_session_is_attached(session) &&
        memcmp(gl_session_instance(session), hello->instance, GL_ID_SIZE) != 0)
        probe(a, session);
    else
        settle(a);
}

/* The agent will not go on with the session that we offered. */
static void decide_refused(struct gl_admission *a)
{
    enum gl_resume_reason reason = gl_handshake_welcome(a->h)->refused;
    if (a->guest->session)
        gl_session_end(a->guest->session, "its agent refuses to resume it");
    answer_fresh(a, reason);
}

static void on_decide(void *ctx, struct gl_greet *greet, struct gl_handshake *h)
{
    struct gl_admission *a = ctx;
    (void)greet;
    a->h = h;
    if (gl_handshake_state(h) == GL_HANDSHAKE_PROVEN)
        decide_proven(a);
    else
        decide_refused(a);
}

/* ------------------------------------------------------------------ done */

static void on_done(void *ctx, struct gl_greet *greet, struct gl_handshake *h,
                    struct gl_transport *t, const uint8_t *early, size_t early_len)
{
    struct gl_admission *a = ctx;
    struct gl_guest *guest = a->guest;
    struct gl_session *session = guest->session;
    (void)greet;
    (void)h;
    a->door->accepted++;
    gl_refusals_clear(&a->daemon->refusals, &a->from, guest->entry->key);
    if (!a->resumes) {
        if (session)
            gl_session_end(session, "a new one takes its place");
        gl_session_start(guest, &a->terms, t, early, early_len);
    } else if (session && memcmp(gl_session_id(session), a->terms.id, GL_ID_SIZE) == 0) {
        gl_session_resume(session, t, &a->record, a->epoch, early, early_len);
    } else {
        gl_transport_bind(t, NULL,
                          NULL); /* the session's time was up just now: the agent will ask anew */
        gl_transport_close(t);
    }
    finish(a);
}

static void on_failed(void *ctx, struct gl_greet *greet, enum gl_status status, const char *text,
                      bool by_peer)
{
    struct gl_admission *a = ctx;
    gl_door_refused(a->door, &a->from, gl_greet_hello(greet)->key, status, text, by_peer);
    finish(a);
}

static const struct gl_greet_events greet_events = {
    .on_decide = on_decide,
    .on_done = on_done,
    .on_failed = on_failed,
};

/* ------------------------------------------------------------------ start */

void gl_admission_start(struct gl_door *door, struct gl_transport *t)
{
    struct gl_daemon *daemon = door->daemon;
    struct gl_admission *a = GL_NEW0(struct gl_admission);
    a->daemon = daemon;
    a->door = door;
    a->from = gl_transport_peer(t)->address;
    uv_timer_init(daemon->loop, &a->probe_timer);
    a->probe_timer.data = a;
    gl_list_append(&daemon->admissions, &a->node);
    daemon->n_admissions++;
    door->n_admissions++;

    struct gl_handshake_config config = {
        .side = GL_SIDE_B,
        .hello =
            {
                .role = GL__ROLE__ROLE_HOST,
                .payload_max = gl_transport_payload_max(t),
                .streams_max = GL_HOST_STREAMS_MAX,
                .software = GL_HOST_SOFTWARE,
            },
        .key = &daemon->site->host,
        .certificate = daemon->site->certificate,
        .peer_role = GL__ROLE__ROLE_GUEST,
        .now_s = gl_now_s(),
    };
    memcpy(config.hello.instance, daemon->instance, GL_ID_SIZE);
    memcpy(config.hello.name, daemon->site->host_name, sizeof config.hello.name);
    a->greet = gl_greet_start(daemon->loop, t, &config, 0, &greet_events, a);
}
