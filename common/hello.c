/* SPDX-License-Identifier: MIT */
#include "hello.h"

#include <sodium.h>
#include <string.h>
#include <uv.h>

#include "message.h"

/* ------------------------------------------------------------------ resume records */

void gl_record_to_message(const struct gl_resume_record *record, Gl__ResumeRecord *ret_message)
{
    Gl__ResumeRecord message = GL__RESUME_RECORD__INIT;
    message.session = gl_message_bytes(record->session, GL_ID_SIZE);
    message.epoch = record->epoch;
    message.instance = gl_message_bytes(record->instance, GL_ID_SIZE);
    message.peer = gl_message_bytes(record->peer, GL_ID_SIZE);
    message.rx_count = record->rx_count;
    message.rx_hash = record->rx_hash;
    message.tx_count = record->tx_count;
    *ret_message = message;
}

int gl_record_from_message(const Gl__ResumeRecord *message, struct gl_resume_record *ret_record)
{
    if (message->session.len != GL_ID_SIZE || message->instance.len != GL_ID_SIZE ||
        message->peer.len != GL_ID_SIZE)
        return UV_EINVAL;
    struct gl_resume_record record = {
        .epoch = message->epoch,
        .rx_count = message->rx_count,
        .rx_hash = message->rx_hash,
        .tx_count = message->tx_count,
    };
    memcpy(record.session, message->session.data, GL_ID_SIZE);
    memcpy(record.instance, message->instance.data, GL_ID_SIZE);
    memcpy(record.peer, message->peer.data, GL_ID_SIZE);
    *ret_record = record;
    return 0;
}

/* ------------------------------------------------------------------ ours */

struct gl_slice gl_hello_encode(const struct gl_handshake_config *config,
                                const uint8_t nonce[GL_NONCE_SIZE])
{
    const struct gl_hello *own = &config->hello;
    Gl__Hello hello = GL__HELLO__INIT;
    Gl__ResumeRecord record;
    hello.version_min = GL_PROTOCOL_VERSION;
    hello.version_max = GL_PROTOCOL_VERSION;
    hello.role = (Gl__Role)own->role;
    hello.nonce = gl_message_bytes(nonce, GL_NONCE_SIZE);
    hello.instance = gl_message_bytes(own->instance, GL_ID_SIZE);
    hello.payload_max = own->payload_max;
    hello.streams_max = own->streams_max;
    hello.software = (char *)(uintptr_t)own->software;
    hello.name = (char *)(uintptr_t)own->name;
    if (own->has_machine)
        hello.machine = gl_message_bytes(own->machine, GL_MACHINE_SIZE);
    if (!config->local) {
        hello.key = gl_message_bytes(config->key->public_key, GL_KEY_SIZE);
        hello.certificate = gl_message_bytes(config->certificate.data, config->certificate.len);
        hello.rekey = gl_message_bytes(config->rekey.data, config->rekey.len);
        if (own->has_resume && config->side == GL_SIDE_A) {
            gl_record_to_message(&own->resume, &record);
            hello.resume = &record;
        }
    }
    struct gl_slice packed = gl_message_pack(&hello);
    struct gl_block *block = gl_block_new(GL_HELLO_MAGIC_N + packed.len);
    memcpy(gl_block_data(block), GL_HELLO_MAGIC, GL_HELLO_MAGIC_N);
    memcpy(gl_block_data(block) + GL_HELLO_MAGIC_N, packed.data, packed.len);
    struct gl_slice slice = gl_slice_of(block, 0, GL_HELLO_MAGIC_N + packed.len);
    gl_block_unref(block);
    gl_slice_unref(&packed);
    return slice;
}

/* ------------------------------------------------------------------ the peer's */

/* Each of these returns NULL, or why not. */

static const char *take_text(const char *text, char *ret_text, size_t size, const char *why)
{
    if (strlen(text) >= size)
        return why;
    strcpy(ret_text, text);
    return NULL;
}

static const char *take_basics(const Gl__Hello *m, struct gl_hello *hello)
{
    if (m->nonce.len != GL_NONCE_SIZE || m->instance.len != GL_ID_SIZE)
        return "bad nonce or instance";
    if (m->payload_max < GL_PAYLOAD_MIN_CAP || m->payload_max > GL_PAYLOAD_MAX_CAP)
        return "bad payload_max";
    if (m->streams_max < 1)
        return "bad streams_max";
    if (m->machine.len && m->machine.len != GL_MACHINE_SIZE)
        return "bad machine id";
    if (m->certificate.len > GL_HANDSHAKE_CERTIFICATE_MAX ||
        m->rekey.len > GL_HANDSHAKE_CERTIFICATE_MAX)
        return "certificate too long";
    hello->role = (int)m->role;
    hello->payload_max = m->payload_max;
    hello->streams_max = m->streams_max;
    memcpy(hello->instance, m->instance.data, GL_ID_SIZE);
    hello->has_machine = m->machine.len != 0;
    if (hello->has_machine)
        memcpy(hello->machine, m->machine.data, GL_MACHINE_SIZE);
    const char *why =
        take_text(m->software, hello->software, sizeof(hello->software), "software too long");
    return why ? why : take_text(m->name, hello->name, sizeof(hello->name), "name too long");
}

/*
 * An expired certificate is as none, since a key may be trusted for another reason; whose fault the
 * expiry is depends on clocks. A wrong one is a lie.
 */
static const char *take_certificate(const struct gl_handshake_config *config, const Gl__Hello *m,
                                    struct gl_hello *hello)
{
    if (!m->certificate.len)
        return NULL;
    struct gl_certificate certificate;
    int err =
        gl_certificate_check(m->certificate.data, m->certificate.len, config->now_s, &certificate);
    hello->certificate_expired = err == UV_ETIMEDOUT;
    if (hello->certificate_expired)
        return NULL;
    if (err < 0)
        return "bad certificate";
    if (memcmp(certificate.key, hello->key, GL_KEY_SIZE) != 0 || certificate.role != hello->role)
        return "certificate of somebody else";
    hello->certificate = certificate;
    hello->has_certificate = true;
    return NULL;
}

static const char *take_keys(const struct gl_handshake_config *config, const Gl__Hello *m,
                             struct gl_hello *hello)
{
    if (m->key.len != GL_KEY_SIZE)
        return "no key";
    if (!gl_key_is_usable(m->key.data))
        return "unusable key";
    if (memcmp(m->key.data, config->key->public_key, GL_KEY_SIZE) == 0)
        return "our own key";
    memcpy(hello->key, m->key.data, GL_KEY_SIZE);
    if (m->rekey.len) {
        if (gl_rekey_check(m->rekey.data, m->rekey.len, hello->key, hello->old_key) < 0)
            return "bad announcement of a key";
        hello->has_rekey = true;
    }
    if (m->resume) {
        if (config->side != GL_SIDE_B)
            return "resume asked for by the wrong side";
        if (gl_record_from_message(m->resume, &hello->resume) < 0)
            return "bad resume record";
        hello->has_resume = true;
    }
    return take_certificate(config, m, hello);
}

static enum gl_status judge(const struct gl_handshake_config *config, const uint8_t *own_nonce,
                            const Gl__Hello *m, struct gl_hello *hello, const char **ret_why)
{
    /* Versions first: what else a hello of another version holds is not known. */
    if (m->version_min > m->version_max) {
        *ret_why = "bad range of versions";
        return GL_STATUS_PROTOCOL;
    }
    if (m->version_min > GL_PROTOCOL_VERSION || m->version_max < GL_PROTOCOL_VERSION) {
        *ret_why = "no protocol version in common";
        return GL_STATUS_UNSUPPORTED;
    }
    const char *why = take_basics(m, hello);
    if (!why && hello->role != config->peer_role)
        why = "wrong role";
    if (!why && sodium_memcmp(m->nonce.data, own_nonce, GL_NONCE_SIZE) == 0)
        why = "our own hello came back";
    if (!why && config->local && (m->key.len || m->certificate.len || m->rekey.len || m->resume))
        why = "a key on a local socket";
    if (!why && !config->local)
        why = take_keys(config, m, hello);
    *ret_why = why;
    return why ? GL_STATUS_PROTOCOL : GL_STATUS_OK;
}

enum gl_status gl_hello_decode(const struct gl_handshake_config *config,
                               const uint8_t own_nonce[GL_NONCE_SIZE], const uint8_t *data,
                               size_t len, struct gl_hello *ret_hello, const char **ret_why)
{
    ProtobufCMessage *message;
    const char *why = "not guestlink";
    if (len < GL_HELLO_MAGIC_N || memcmp(data, GL_HELLO_MAGIC, GL_HELLO_MAGIC_N) != 0 ||
        gl_message_unpack(&gl__hello__descriptor, data + GL_HELLO_MAGIC_N, len - GL_HELLO_MAGIC_N,
                          &message, &why) < 0) {
        *ret_why = why;
        return GL_STATUS_PROTOCOL;
    }
    struct gl_hello hello = {0};
    enum gl_status status = judge(config, own_nonce, (const Gl__Hello *)message, &hello, &why);
    gl_message_free(message);
    if (status == GL_STATUS_OK)
        *ret_hello = hello;
    else
        *ret_why = why;
    return status;
}
