/* SPDX-License-Identifier: MIT */
#include "handshake.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "hello.h"
#include "mem.h"
#include "message.h"

#define LABEL_A "guestlink/1 auth A"
#define LABEL_B "guestlink/1 auth B"

#define HELLO_MAX   3000u /* payload of HELLO_A and HELLO_B */
#define PAYLOAD_MAX 4096u /* of any frame of the handshake */

_Static_assert(GL_FRAME_HEADER + HELLO_MAX + GL_FRAME_HEADER + GL_SIGNATURE_SIZE <=
                   GL_HANDSHAKE_INPUT_MAX,
               "what A may send until it is proven");

/* Which frame is waited for. */
enum phase {
    PHASE_HELLO,         /* A: HELLO_B; B: HELLO_A */
    PHASE_AUTH,          /* B */
    PHASE_WELCOME,       /* A */
    PHASE_WELCOME_FRESH, /* A, after it refused a resume */
    PHASE_ANSWER,        /* B: RESUME */
};

struct gl_handshake {
    struct gl_handshake_config config;
    enum gl_handshake_state state;
    enum phase phase;
    bool peer_proven; /* B: says more about failures from then on */

    uint8_t nonce[GL_NONCE_SIZE];
    struct gl_slice own_hello, peer_hello; /* as on the wire: what is signed */
    struct gl_hello peer;
    struct gl_welcome welcome;

    uint8_t in[GL_FRAME_HEADER + PAYLOAD_MAX];
    size_t in_len;
    uint8_t *out;
    size_t out_len;

    enum gl_status status; /* FAILED */
    bool by_peer;
    char error[GL_STATUS_TEXT_MAX + 1];
};

/* ------------------------------------------------------------------ output */

static uint8_t *append_frame(struct gl_handshake *h, uint8_t type, size_t length)
{
    struct gl_frame frame = {.type = type, .length = (uint32_t)length};
    h->out = gl_realloc(h->out, h->out_len + GL_FRAME_HEADER + length);
    gl_frame_encode(h->out + h->out_len, &frame);
    uint8_t *payload = h->out + h->out_len + GL_FRAME_HEADER;
    h->out_len += GL_FRAME_HEADER + length;
    return payload;
}

static void append_message(struct gl_handshake *h, uint8_t type, const void *message)
{
    struct gl_slice packed = gl_message_pack(message);
    uint8_t *payload = append_frame(h, type, packed.len);
    if (packed.len)
        memcpy(payload, packed.data, packed.len);
    gl_slice_unref(&packed);
}

static void append_goodbye(struct gl_handshake *h, enum gl_status status, const char *text)
{
    size_t len = strlen(text);
    uint8_t *payload = append_frame(h, GL_FRAME_GOODBYE, 4 + len);
    gl_put_u32(payload, (uint32_t)status);
    memcpy(payload + 4, text, len);
}

/* ------------------------------------------------------------------ failure */

static void set_failed(struct gl_handshake *h, enum gl_status status, const char *text,
                       bool by_peer)
{
    h->state = GL_HANDSHAKE_FAILED;
    h->status = status;
    h->by_peer = by_peer;
    snprintf(h->error, sizeof(h->error), "%s", text);
}

/* The text of a failure that this side found: ours, so it is ASCII and short. */
static void fail(struct gl_handshake *h, enum gl_status status, const char *text)
{
    set_failed(h, status, text, false);
    if (h->config.side == GL_SIDE_A || h->peer_proven)
        append_goodbye(h, status, text);
    else if (status == GL_STATUS_UNSUPPORTED)
        append_goodbye(h, status, "");
    else
        append_goodbye(h, GL_STATUS_PROTOCOL, "");
}

void gl_handshake_fail(struct gl_handshake *h, enum gl_status status, const char *text)
{
    if (h->state == GL_HANDSHAKE_FAILED)
        return;
    char cut[GL_STATUS_TEXT_MAX + 1];
    gl_escape(cut, sizeof(cut), text, strlen(text));
    fail(h, status, cut);
}

/* ------------------------------------------------------------------ signatures */

/* Both sides name the hellos in the same order: A's first. */
struct signed_parts {
    uint8_t length_a[4], length_b[4];
    struct gl_slice parts[4];
};

static void signed_parts_init(struct signed_parts *s, const struct gl_handshake *h)
{
    bool is_a = h->config.side == GL_SIDE_A;
    struct gl_slice a = is_a ? h->own_hello : h->peer_hello;
    struct gl_slice b = is_a ? h->peer_hello : h->own_hello;
    gl_put_u32(s->length_a, (uint32_t)a.len);
    gl_put_u32(s->length_b, (uint32_t)b.len);
    s->parts[0] = (struct gl_slice){NULL, s->length_a, 4};
    s->parts[1] = a;
    s->parts[2] = (struct gl_slice){NULL, s->length_b, 4};
    s->parts[3] = b;
}

static void sign(const struct gl_handshake *h, uint8_t ret_signature[GL_SIGNATURE_SIZE])
{
    struct signed_parts s;
    if (h->config.local) {
        memset(ret_signature, 0, GL_SIGNATURE_SIZE);
        return;
    }
    signed_parts_init(&s, h);
    gl_key_sign(h->config.key, h->config.side == GL_SIDE_A ? LABEL_A : LABEL_B, s.parts, 4,
                ret_signature);
}

static bool verify(const struct gl_handshake *h, const uint8_t signature[GL_SIGNATURE_SIZE])
{
    struct signed_parts s;
    if (h->config.local)
        return sodium_is_zero(signature, GL_SIGNATURE_SIZE);
    signed_parts_init(&s, h);
    return gl_key_verify(h->peer.key, h->config.side == GL_SIDE_A ? LABEL_B : LABEL_A, s.parts, 4,
                         signature);
}

/* ------------------------------------------------------------------ frames that come */

static bool take_hello(struct gl_handshake *h, const uint8_t *data, size_t len)
{
    const char *why;
    enum gl_status status = gl_hello_decode(&h->config, h->nonce, data, len, &h->peer, &why);
    if (status != GL_STATUS_OK) {
        fail(h, status, why);
        return false;
    }
    h->peer_hello = gl_slice_copy(data, len);
    return true;
}

static void got_hello_a(struct gl_handshake *h, const uint8_t *data, size_t len)
{
    if (!take_hello(h, data, len))
        return;
    size_t n = h->own_hello.len;
    uint8_t *payload = append_frame(h, GL_FRAME_HELLO_B, 2 + n + GL_SIGNATURE_SIZE);
    gl_put_u16(payload, (uint16_t)n);
    memcpy(payload + 2, h->own_hello.data, n);
    sign(h, payload + 2 + n);
    if (h->config.local)
        h->state = GL_HANDSHAKE_DONE;
    else
        h->phase = PHASE_AUTH;
}

static void got_hello_b(struct gl_handshake *h, const uint8_t *data, size_t len)
{
    size_t n = len < 2 ? 0 : gl_get_u16(data);
    if (len != 2 + n + GL_SIGNATURE_SIZE) {
        fail(h, GL_STATUS_PROTOCOL, "bad length of a hello");
        return;
    }
    if (!take_hello(h, data + 2, n))
        return;
    if (!verify(h, data + 2 + n))
        fail(h, GL_STATUS_PROTOCOL, "bad signature");
    else
        h->state = h->config.local ? GL_HANDSHAKE_DONE : GL_HANDSHAKE_CHECK;
}

static void got_auth(struct gl_handshake *h, const uint8_t *data)
{
    if (!verify(h, data)) {
        fail(h, GL_STATUS_PROTOCOL, "bad signature");
        return;
    }
    h->peer_proven = true;
    h->state = GL_HANDSHAKE_PROVEN;
}

static const char *take_welcome(struct gl_handshake *h, const Gl__Welcome *m)
{
    struct gl_welcome *w = &h->welcome;
    if (m->session.len != GL_ID_SIZE)
        return "bad session id";
    if (strlen(m->name) >= sizeof(w->name))
        return "name too long";
    if (m->certificate.len > GL_HANDSHAKE_CERTIFICATE_MAX)
        return "certificate too long";
    if (m->resume) {
        const uint8_t *asked = h->config.hello.resume.session;
        if (h->phase != PHASE_WELCOME || !h->config.hello.has_resume)
            return "a resume that nobody asked for";
        if (!m->record || gl_record_from_message(m->record, &w->record) < 0)
            return "bad resume record";
        if (memcmp(m->session.data, asked, GL_ID_SIZE) != 0 ||
            memcmp(w->record.session, asked, GL_ID_SIZE) != 0)
            return "resume of another session";
        if (m->epoch == 0 || m->epoch - 1 != w->record.epoch)
            return "bad epoch of a resume";
    } else if (m->epoch != 1) {
        return "bad epoch of a fresh session";
    }
    w->resume = m->resume;
    w->epoch = m->epoch;
    w->refused = (unsigned)m->refused <= GL_RESUME_EXPIRED ? (enum gl_resume_reason)m->refused
                                                           : GL_RESUME_UNKNOWN_SESSION;
    memcpy(w->session, m->session.data, GL_ID_SIZE);
    strcpy(w->name, m->name);
    gl_slice_unref(&w->certificate);
    if (m->certificate.len)
        w->certificate = gl_slice_copy(m->certificate.data, m->certificate.len);
    return NULL;
}

static void got_welcome(struct gl_handshake *h, const uint8_t *data, size_t len)
{
    ProtobufCMessage *message;
    const char *why = NULL;
    if (gl_message_unpack(&gl__welcome__descriptor, data, len, &message, &why) == 0) {
        why = take_welcome(h, (const Gl__Welcome *)message);
        gl_message_free(message);
    }
    if (why)
        fail(h, GL_STATUS_PROTOCOL, why);
    else
        h->state = h->welcome.resume ? GL_HANDSHAKE_OFFERED : GL_HANDSHAKE_DONE;
}

static void got_answer(struct gl_handshake *h, const uint8_t *data, size_t len)
{
    ProtobufCMessage *message;
    const char *why;
    if (gl_message_unpack(&gl__resume__descriptor, data, len, &message, &why) < 0) {
        fail(h, GL_STATUS_PROTOCOL, why);
        return;
    }
    const Gl__Resume *m = (const Gl__Resume *)message;
    if (m->accept) {
        h->state = GL_HANDSHAKE_DONE;
    } else {
        h->welcome.refused = (unsigned)m->reason <= GL_RESUME_EXPIRED && m->reason
                                 ? (enum gl_resume_reason)m->reason
                                 : GL_RESUME_UNKNOWN_SESSION;
        h->state = GL_HANDSHAKE_REFUSED;
    }
    gl_message_free(message);
}

static void got_goodbye(struct gl_handshake *h, const uint8_t *data, size_t len)
{
    char text[GL_STATUS_TEXT_MAX + 1];
    memcpy(text, data + 4, len - 4);
    text[len - 4] = '\0';
    enum gl_status status = (enum gl_status)gl_get_u32(data);
    set_failed(h, gl_status_valid(status) ? status : GL_STATUS_INTERNAL, text, true);
}

/* ------------------------------------------------------------------ input */

static uint8_t expected_type(const struct gl_handshake *h)
{
    switch (h->phase) {
    case PHASE_HELLO:
        return h->config.side == GL_SIDE_A ? GL_FRAME_HELLO_B : GL_FRAME_HELLO_A;
    case PHASE_AUTH:
        return GL_FRAME_AUTH_A;
    case PHASE_WELCOME:
    case PHASE_WELCOME_FRESH:
        return GL_FRAME_WELCOME;
    case PHASE_ANSWER:
        return GL_FRAME_RESUME;
    }
    return 0;
}

static void got_frame(struct gl_handshake *h, uint8_t type, const uint8_t *data, size_t len)
{
    if (type == GL_FRAME_GOODBYE)
        got_goodbye(h, data, len);
    else if (type == GL_FRAME_HELLO_A)
        got_hello_a(h, data, len);
    else if (type == GL_FRAME_HELLO_B)
        got_hello_b(h, data, len);
    else if (type == GL_FRAME_AUTH_A)
        got_auth(h, data);
    else if (type == GL_FRAME_WELCOME)
        got_welcome(h, data, len);
    else
        got_answer(h, data, len);
}

/* Collects up to `want` bytes in all in the input buffer; whether they are there. */
static bool collect(struct gl_handshake *h, size_t want, const uint8_t *data, size_t len,
                    size_t *used)
{
    size_t n = want - h->in_len;
    if (n > len - *used)
        n = len - *used;
    if (n)
        memcpy(h->in + h->in_len, data + *used, n);
    h->in_len += n;
    *used += n;
    return h->in_len == want;
}

/* The header is judged before the payload is waited for: noise ends a handshake at once. */
static bool next_frame(struct gl_handshake *h, const uint8_t *data, size_t len, size_t *used)
{
    struct gl_frame frame;
    const char *why;
    if (h->in_len < GL_FRAME_HEADER && !collect(h, GL_FRAME_HEADER, data, len, used))
        return false;
    if (gl_frame_decode(h->in, PAYLOAD_MAX, &frame, &why) < 0) {
        fail(h, GL_STATUS_PROTOCOL, why);
        return false;
    }
    if (frame.type != expected_type(h) && frame.type != GL_FRAME_GOODBYE) {
        fail(h, GL_STATUS_PROTOCOL, "unexpected frame");
        return false;
    }
    if (!collect(h, GL_FRAME_HEADER + frame.length, data, len, used))
        return false;
    h->in_len = 0;
    got_frame(h, frame.type, h->in + GL_FRAME_HEADER, frame.length);
    return true;
}

enum gl_handshake_state gl_handshake_receive(struct gl_handshake *h, const uint8_t *data,
                                             size_t len, size_t *ret_used)
{
    size_t used = 0;
    while (h->state == GL_HANDSHAKE_WAIT && used < len) {
        if (!next_frame(h, data, len, &used))
            break;
    }
    *ret_used = used;
    return h->state;
}

/* ------------------------------------------------------------------ life */

static struct gl_slice shown(struct gl_slice certificate)
{
    return certificate.len <= GL_HANDSHAKE_CERTIFICATE_MAX ? gl_slice_ref(certificate)
                                                           : GL_SLICE_EMPTY;
}

struct gl_handshake *gl_handshake_new(const struct gl_handshake_config *config)
{
    struct gl_handshake *h = GL_NEW0(struct gl_handshake);
    h->config = *config;
    h->config.certificate = shown(config->certificate);
    h->config.rekey = shown(config->rekey);
    if (config->nonce)
        memcpy(h->nonce, config->nonce, GL_NONCE_SIZE);
    else
        randombytes_buf(h->nonce, GL_NONCE_SIZE);
    h->config.nonce = NULL;
    h->state = GL_HANDSHAKE_WAIT;
    h->phase = PHASE_HELLO;
    h->own_hello = gl_hello_encode(&h->config, h->nonce);
    /* Two certificates of the largest size, two full names and all else leave some 300 bytes. */
    assert(2 + h->own_hello.len + GL_SIGNATURE_SIZE <= HELLO_MAX);
    if (config->side == GL_SIDE_A)
        memcpy(append_frame(h, GL_FRAME_HELLO_A, h->own_hello.len), h->own_hello.data,
               h->own_hello.len);
    return h;
}

void gl_handshake_free(struct gl_handshake *h)
{
    if (!h)
        return;
    gl_slice_unref(&h->config.certificate);
    gl_slice_unref(&h->config.rekey);
    gl_slice_unref(&h->own_hello);
    gl_slice_unref(&h->peer_hello);
    gl_slice_unref(&h->welcome.certificate);
    gl_free(h->out);
    gl_free(h);
}

enum gl_handshake_state gl_handshake_state(const struct gl_handshake *h)
{
    return h->state;
}

struct gl_iov gl_handshake_output(const struct gl_handshake *h)
{
    return (struct gl_iov){h->out, h->out_len};
}

void gl_handshake_written(struct gl_handshake *h, size_t bytes)
{
    h->out_len -= bytes;
    if (h->out_len)
        memmove(h->out, h->out + bytes, h->out_len);
}

const struct gl_hello *gl_handshake_peer(const struct gl_handshake *h)
{
    return &h->peer;
}

const struct gl_welcome *gl_handshake_welcome(const struct gl_handshake *h)
{
    return &h->welcome;
}

uint32_t gl_handshake_payload_max(const struct gl_handshake *h)
{
    uint32_t own = h->config.hello.payload_max;
    return own < h->peer.payload_max ? own : h->peer.payload_max;
}

const char *gl_handshake_error(const struct gl_handshake *h, enum gl_status *ret_status,
                               bool *ret_by_peer)
{
    if (ret_status)
        *ret_status = h->status;
    if (ret_by_peer)
        *ret_by_peer = h->by_peer;
    return h->error;
}

/* ------------------------------------------------------------------ decisions */

static void wait_for(struct gl_handshake *h, enum phase phase)
{
    h->state = GL_HANDSHAKE_WAIT;
    h->phase = phase;
}

void gl_handshake_trust(struct gl_handshake *h)
{
    if (h->state != GL_HANDSHAKE_CHECK)
        return;
    sign(h, append_frame(h, GL_FRAME_AUTH_A, GL_SIGNATURE_SIZE));
    wait_for(h, PHASE_WELCOME);
}

static void set_name(struct gl_welcome *welcome, const char *name)
{
    snprintf(welcome->name, sizeof(welcome->name), "%s", name ? name : "");
}

void gl_handshake_fresh(struct gl_handshake *h, const uint8_t session[GL_ID_SIZE],
                        enum gl_resume_reason refused, const char *name,
                        struct gl_slice certificate)
{
    if (h->state != GL_HANDSHAKE_PROVEN && h->state != GL_HANDSHAKE_REFUSED)
        return;
    struct gl_welcome *w = &h->welcome;
    w->resume = false;
    w->epoch = 1;
    w->refused = refused;
    memcpy(w->session, session, GL_ID_SIZE);
    set_name(w, name);

    Gl__Welcome m = GL__WELCOME__INIT;
    m.session = gl_message_bytes(w->session, GL_ID_SIZE);
    m.epoch = w->epoch;
    m.refused = (Gl__ResumeReason)refused;
    m.name = w->name;
    if (certificate.len <= GL_HANDSHAKE_CERTIFICATE_MAX)
        m.certificate = gl_message_bytes(certificate.data, certificate.len);
    append_message(h, GL_FRAME_WELCOME, &m);
    h->state = GL_HANDSHAKE_DONE;
}

void gl_handshake_offer(struct gl_handshake *h, const struct gl_resume_record *record,
                        uint64_t epoch, const char *name, struct gl_slice certificate)
{
    if (h->state != GL_HANDSHAKE_PROVEN)
        return;
    struct gl_welcome *w = &h->welcome;
    w->resume = true;
    w->epoch = epoch;
    w->record = *record;
    memcpy(w->session, record->session, GL_ID_SIZE);
    set_name(w, name);

    Gl__ResumeRecord r;
    gl_record_to_message(record, &r);
    Gl__Welcome m = GL__WELCOME__INIT;
    m.resume = 1;
    m.session = gl_message_bytes(w->session, GL_ID_SIZE);
    m.epoch = epoch;
    m.record = &r;
    m.name = w->name;
    if (certificate.len <= GL_HANDSHAKE_CERTIFICATE_MAX)
        m.certificate = gl_message_bytes(certificate.data, certificate.len);
    append_message(h, GL_FRAME_WELCOME, &m);
    wait_for(h, PHASE_ANSWER);
}

void gl_handshake_accept(struct gl_handshake *h)
{
    if (h->state != GL_HANDSHAKE_OFFERED)
        return;
    Gl__Resume m = GL__RESUME__INIT;
    m.accept = 1;
    append_message(h, GL_FRAME_RESUME, &m);
    h->state = GL_HANDSHAKE_DONE;
}

void gl_handshake_refuse(struct gl_handshake *h, enum gl_resume_reason reason)
{
    if (h->state != GL_HANDSHAKE_OFFERED)
        return;
    Gl__Resume m = GL__RESUME__INIT;
    m.reason = (Gl__ResumeReason)reason;
    append_message(h, GL_FRAME_RESUME, &m);
    wait_for(h, PHASE_WELCOME_FRESH);
}
