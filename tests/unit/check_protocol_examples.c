/* SPDX-License-Identifier: MIT */
/*
 * The examples of doc/PROTOCOL.md, chapter 11, against the code: the bytes are read out of the text
 * itself, so that neither can change without the other.
 *
 * A block begins with ```hex NAME and ends with ```. In it, a line that starts with A or B begins a
 * frame of that side and names its type; indented lines are its bytes in hex; ; begins a remark.
 * ```hex running has lines: side, number, running hash after that many sequenced frames of that
 * side. The tables of frame types and statuses are compared too.
 *
 * GL_EXAMPLES_PRINT=1 prints what the code says, to write the text from.
 */
#define XXH_INLINE_ALL

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "call.h"
#include "handshake.h"
#include "hello.h"
#include "mem.h"
#include "message.h"
#include "unit.h"

#define MS UINT64_C(1000000)

/* ------------------------------------------------------------------ the text */

struct frame {
    char side;
    char type[16];
    uint8_t bytes[1024];
    size_t len;
};

static char *whole, *text; /* the text is chapter 11 */
static bool printing;

static void load_text(void)
{
    FILE *file = fopen(GL_PROTOCOL_MD, "rb");
    ck_assert_msg(file != NULL, "%s", GL_PROTOCOL_MD);
    char *all = gl_alloc0(1 << 20);
    size_t len = fread(all, 1, (1 << 20) - 1, file);
    fclose(file);
    ck_assert_uint_gt(len, 0);
    char *chapter = strstr(all, "\n## 11.");
    ck_assert_ptr_nonnull(chapter);
    text = chapter;
    whole = all;
    printing = getenv("GL_EXAMPLES_PRINT") != NULL;
}

/* The block of that name: what is between its fences. Free it. */
static char *block(const char *name)
{
    char *fence = gl_asprintf("\n```hex %s\n", name);
    const char *start = strstr(text, fence);
    ck_assert_msg(start != NULL, "the text has no example '%s'", name);
    start += strlen(fence);
    const char *end = strstr(start, "```");
    ck_assert_ptr_nonnull(end);
    gl_free(fence);
    return gl_strndup(start, (size_t)(end - start));
}

static void parse_bytes(const char *line, struct frame *frame)
{
    for (const char *p = line; *p;) {
        unsigned byte;
        int n = 0;
        if (isspace((unsigned char)*p)) {
            p++;
            continue;
        }
        ck_assert_msg(sscanf(p, "%2x%n", &byte, &n) == 1 && n == 2, "not hex: '%s'", line);
        ck_assert_uint_lt(frame->len, sizeof(frame->bytes));
        frame->bytes[frame->len++] = (uint8_t)byte;
        p += 2;
    }
}

/* strsep(3) is not everywhere. */
static char *next_line(char **rest)
{
    char *line = *rest;
    if (!line)
        return NULL;
    size_t len = strcspn(line, "\n");
    *rest = line[len] ? line + len + 1 : NULL;
    line[len] = '\0';
    return line;
}

static size_t parse_frames(const char *name, struct frame *frames, size_t max)
{
    char *lines = block(name), *rest = lines, *line;
    size_t n = 0;
    while ((line = next_line(&rest))) {
        line[strcspn(line, ";")] = '\0';
        if (*line == 'A' || *line == 'B') {
            ck_assert_uint_lt(n, max);
            struct frame *f = &frames[n++];
            memset(f, 0, sizeof(*f));
            ck_assert_int_eq(sscanf(line, "%c %15s", &f->side, f->type), 2);
        } else {
            ck_assert_msg(n || !line[strspn(line, " ")], "bytes before a frame: '%s'", line);
            if (n)
                parse_bytes(line, &frames[n - 1]);
        }
    }
    gl_free(lines);
    return n;
}

/* ------------------------------------------------------------------ two sides */

struct side {
    char name;
    struct gl_handshake *handshake;
    struct gl_mux *mux;
    struct gl_key key;
    uint8_t nonce[32];
    struct gl_stream *stream; /* the last one */
    char heard[1024];
};

static struct side a, b;
static uint64_t now = 1000 * 1000 * MS;

/* The example that is being replayed. */
static struct {
    const char *name;
    struct frame frames[32];
    size_t count, at;
} example;

static void begin(const char *name)
{
    example.name = name;
    example.at = example.count = 0;
    if (printing)
        printf("```hex %s\n", name);
    else
        example.count = parse_frames(name, example.frames, GL_ARRAY_SIZE(example.frames));
}

static void finish(void)
{
    ck_assert_msg(example.at == example.count, "%s: only %zu of %zu frames were sent", example.name,
                  example.at, example.count);
    if (printing)
        printf("```\n");
}

static void print_frame(char side, const uint8_t *bytes, size_t len)
{
    printf("%c %s\n  ", side, gl_frame_type_name(bytes[0]));
    for (size_t i = 0; i < len; i++)
        printf(" %02x", bytes[i]);
    printf("\n");
}

static void compare(char side, const uint8_t *bytes, size_t len)
{
    if (printing) {
        print_frame(side, bytes, len);
        return;
    }
    ck_assert_msg(example.at < example.count, "%s: %c sends a %s more", example.name, side,
                  gl_frame_type_name(bytes[0]));
    const struct frame *f = &example.frames[example.at++];
    if (f->side != side || strcmp(f->type, gl_frame_type_name(bytes[0])) != 0 || f->len != len ||
        memcmp(f->bytes, bytes, len) != 0) {
        print_frame(side, bytes, len);
        ck_abort_msg("%s: frame %zu of the text is not what is printed above", example.name,
                     example.at);
    }
}

static size_t mux_output(struct side *s, uint8_t *out, size_t size)
{
    struct gl_iov iov[64];
    size_t n = gl_mux_output(s->mux, now, iov, GL_ARRAY_SIZE(iov), size), len = 0;
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_le(len + iov[i].len, size);
        memcpy(out + len, iov[i].base, iov[i].len);
        len += iov[i].len;
    }
    gl_mux_written(s->mux, now, len);
    return len;
}

/* What the side has to say now, compared frame by frame with the text. */
static size_t say(struct side *s, uint8_t *out, size_t size)
{
    size_t len = 0;
    if (s->handshake) {
        struct gl_iov iov = gl_handshake_output(s->handshake);
        ck_assert_uint_le(iov.len, size);
        len = iov.len;
        memcpy(out, iov.base, len);
        gl_handshake_written(s->handshake, len);
    } else {
        len = mux_output(s, out, size);
    }
    for (size_t at = 0; at < len;) {
        size_t n = gl_mux_frame_size(out + at, len - at);
        ck_assert_uint_le(n, len - at);
        compare(s->name, out + at, n);
        at += n;
    }
    return len;
}

/* The same, and the other side hears it. */
static void send(struct side *from, struct side *to)
{
    uint8_t bytes[8192];
    size_t len = say(from, bytes, sizeof(bytes)), used = 0;
    ck_assert_uint_gt(len, 0);
    if (to->handshake)
        gl_handshake_receive(to->handshake, bytes, len, &used);
    else
        ck_assert_int_eq(gl_mux_receive(to->mux, now, NULL, bytes, len, &used), 0);
    ck_assert_uint_eq(used, len);
}

static void hear(struct side *s, const char *format, ...) GL_PRINTF(2, 3);
static void hear(struct side *s, const char *format, ...)
{
    va_list args;
    size_t len = strlen(s->heard);
    va_start(args, format);
    vsnprintf(s->heard + len, sizeof(s->heard) - len, format, args);
    va_end(args);
}

#define assert_heard(side, what)                                                                   \
    do {                                                                                           \
        ck_assert_str_eq((side)->heard, (what));                                                   \
        (side)->heard[0] = '\0';                                                                   \
    } while (0)

static void on_message(void *ctx, struct gl_stream *stream, struct gl_slice message, size_t charge)
{
    hear(ctx, "message %zu. ", message.len);
    gl_slice_unref(&message);
    gl_stream_consume(stream, charge);
}

static void on_data(void *ctx, struct gl_stream *stream, uint8_t channel, struct gl_slice data,
                    size_t charge)
{
    hear(ctx, "data %u '%.*s'. ", channel, (int)data.len, (const char *)data.data);
    gl_slice_unref(&data);
    gl_stream_consume(stream, charge);
}

static void on_eof(void *ctx, struct gl_stream *stream)
{
    (void)stream;
    hear(ctx, "eof. ");
}

static void on_end(void *ctx, struct gl_stream *stream, enum gl_status status, const char *why)
{
    struct side *s = ctx;
    hear(s, "end %s '%s'. ", gl_status_name(status), why);
    gl_stream_release(stream);
    s->stream = NULL;
}

static const struct gl_stream_events stream_events = {on_message, on_data, on_eof, on_end, NULL};

static void on_open(void *ctx, struct gl_stream *stream, struct gl_slice open)
{
    struct side *s = ctx;
    ProtobufCMessage *m;
    ck_assert_int_eq(gl_message_unpack(&gl__open__descriptor, open.data, open.len, &m, NULL), 0);
    const Gl__Open *o = (const Gl__Open *)m;
    hear(s, "open %u %s.%s. ", gl_stream_id(stream), o->service, o->method);
    gl_message_free(m);
    gl_slice_unref(&open);
    gl_stream_bind(stream, &stream_events, s);
    s->stream = stream;
}

static void on_goodbye(void *ctx, enum gl_status status, const char *why)
{
    hear(ctx, "goodbye %s '%s'. ", gl_status_name(status), why);
}

static const struct gl_mux_events mux_events = {on_open, on_goodbye, NULL};

/* ------------------------------------------------------------------ what chapter 11 says is given
 */

static const uint8_t session[GL_ID_SIZE] = "session-number-1";

static void count_up(uint8_t *out, uint8_t from)
{
    for (unsigned i = 0; i < 32; i++)
        out[i] = (uint8_t)(from + i);
}

static void side_init(struct side *s, char name)
{
    uint8_t seed[32];
    memset(s, 0, sizeof(*s));
    s->name = name;
    count_up(seed, name == 'A' ? 0x00 : 0x20);
    crypto_sign_seed_keypair(s->key.public_key, s->key.secret, seed);
    count_up(s->nonce, name == 'A' ? 0x40 : 0x60);
}

static void greet(struct side *s, bool local)
{
    bool is_a = s->name == 'A';
    struct gl_handshake_config c = {
        .side = is_a ? GL_SIDE_A : GL_SIDE_B,
        .local = local,
        .key = local ? NULL : &s->key,
        .nonce = s->nonce,
        .peer_role = is_a    ? GL__ROLE__ROLE_HOST
                     : local ? GL__ROLE__ROLE_CLIENT
                             : GL__ROLE__ROLE_GUEST,
        .hello =
            {
                .role = !is_a   ? GL__ROLE__ROLE_HOST
                        : local ? GL__ROLE__ROLE_CLIENT
                                : GL__ROLE__ROLE_GUEST,
                .payload_max = is_a && !local ? 16384 : 262144,
                .streams_max = 1024,
            },
    };
    memcpy(c.hello.instance,
           !is_a   ? "hostd-instance-1"
           : local ? "client-process-1"
                   : "agent-instance-1",
           GL_ID_SIZE);
    strcpy(c.hello.software, !is_a   ? "guestlink-hostd 0.1.0"
                             : local ? "guestlink 0.1.0"
                                     : "guestlink-agent 0.1.0");
    strcpy(c.hello.name, !is_a ? "host-1" : local ? "" : "web");
    if (is_a && s->mux) {
        c.hello.has_resume = true;
        gl_mux_record(s->mux, &c.hello.resume);
    }
    s->handshake = gl_handshake_new(&c);
}

static void assert_states(enum gl_handshake_state state_a, enum gl_handshake_state state_b)
{
    ck_assert_int_eq(gl_handshake_state(a.handshake), state_a);
    ck_assert_int_eq(gl_handshake_state(b.handshake), state_b);
}

/* As far as A is proven. */
static void prove(void)
{
    greet(&a, false);
    greet(&b, false);
    send(&a, &b);
    send(&b, &a);
    assert_states(GL_HANDSHAKE_CHECK, GL_HANDSHAKE_WAIT);
    gl_handshake_trust(a.handshake);
    send(&a, &b);
    assert_states(GL_HANDSHAKE_WAIT, GL_HANDSHAKE_PROVEN);
}

static void drop_handshakes(void)
{
    gl_handshake_free(a.handshake);
    gl_handshake_free(b.handshake);
    a.handshake = b.handshake = NULL;
}

static void start_mux(struct side *s, const struct side *peer)
{
    struct gl_mux_config config = {
        .side = s->name == 'A' ? GL_SIDE_A : GL_SIDE_B,
        .epoch = gl_handshake_welcome(s->handshake)->epoch,
        .payload_max = gl_handshake_payload_max(s->handshake),
        .local_streams_max = gl_handshake_peer(s->handshake)->streams_max,
        .peer_streams_max = 1024,
        .resumable = true,
        .events = &mux_events,
        .ctx = s,
    };
    memcpy(config.session, gl_handshake_welcome(s->handshake)->session, GL_ID_SIZE);
    memcpy(config.peer, gl_handshake_peer(s->handshake)->instance, GL_ID_SIZE);
    memcpy(config.instance, gl_handshake_peer(peer->handshake)->instance, GL_ID_SIZE);
    s->mux = gl_mux_new(&config, now);
}

static void call(struct side *s, const char *service, const char *method, const void *request,
                 unsigned flags)
{
    ck_assert_int_eq(
        gl_call_open(s->mux, service, method, NULL, request, flags, &stream_events, s, &s->stream),
        0);
}

static void answer(struct side *s, const void *message)
{
    ck_assert_int_eq(gl_stream_send_message(s->stream, gl_message_pack(message), 0), 0);
}

static void put(struct side *s, uint8_t channel, const char *data)
{
    ck_assert_int_eq(gl_stream_send_data(s->stream, channel, gl_slice_copy(data, strlen(data)), 0),
                     0);
}

static void acknowledge(void)
{
    now += 60 * MS;
    ck_assert_int_eq(gl_mux_tick(a.mux, now), 0);
    ck_assert_int_eq(gl_mux_tick(b.mux, now), 0);
    send(&a, &b);
    send(&b, &a);
}

/* ------------------------------------------------------------------ the story, part by part */

static void part_fresh(void)
{
    begin("fresh");
    prove();
    gl_handshake_fresh(b.handshake, session, GL_RESUME_OK, "web", GL_SLICE_EMPTY);
    send(&b, &a);
    assert_states(GL_HANDSHAKE_DONE, GL_HANDSHAKE_DONE);
    start_mux(&a, &b);
    start_mux(&b, &a);
    drop_handshakes();
    finish();
}

static void part_ping(void)
{
    begin("ping");
    send(&a, &b);
    send(&b, &a);
    send(&a, &b);
    finish();
}

static void part_unary(void)
{
    begin("unary");
    Gl__Ping ping = GL__PING__INIT;
    ping.cookie = 7;
    call(&b, "link", "ping", &ping, 0);
    send(&b, &a);
    assert_heard(&a, "open 2 link.ping. ");
    answer(&a, &ping);
    gl_stream_close(a.stream, GL_STATUS_OK, "");
    send(&a, &b);
    assert_heard(&a, "end OK ''. ");
    assert_heard(&b, "message 2. end OK ''. ");
    acknowledge();
    finish();
}

static void start_cat(void)
{
    Gl__ExecStart start = GL__EXEC_START__INIT;
    Gl__ExecStarted started = GL__EXEC_STARTED__INIT;
    ProtobufCBinaryData argv = gl_message_bytes("cat", 3);
    start.n_argv = 1;
    start.argv = &argv;
    start.stdin_open = 1;
    started.pid = 4242;
    call(&b, "exec", "start", &start, GL_FLAG_INTERACTIVE);
    send(&b, &a);
    answer(&a, &started);
    send(&a, &b);
}

static void part_conversation(void)
{
    begin("conversation");
    start_cat();
    put(&b, 0, "hi\n");
    gl_stream_send_eof(b.stream);
    send(&b, &a);
    assert_heard(&a, "open 4 exec.start. data 0 'hi\n'. eof. ");
    Gl__ExecExit ended = GL__EXEC_EXIT__INIT;
    put(&a, 1, "hi\n");
    answer(&a, &ended);
    gl_stream_close(a.stream, GL_STATUS_OK, "");
    send(&a, &b);
    assert_heard(&a, "end OK ''. ");
    assert_heard(&b, "message 3. data 1 'hi\n'. message 0. end OK ''. ");
    acknowledge();
    finish();
}

static void part_lost(void)
{
    begin("lost");
    start_cat();
    put(&b, 0, "lost\n");
    uint8_t bytes[256];
    say(&b, bytes, sizeof(bytes)); /* and never arrives */
    gl_mux_detach(a.mux);
    gl_mux_detach(b.mux);
    assert_heard(&a, "open 6 exec.start. ");
    assert_heard(&b, "message 3. ");
    finish();
}

static void part_resume(void)
{
    begin("resume");
    struct gl_resume_record record_a, record_b;
    gl_mux_record(a.mux, &record_a);
    gl_mux_record(b.mux, &record_b);
    count_up(a.nonce, 0x80);
    count_up(b.nonce, 0xa0);
    prove();
    uint32_t cap = gl_handshake_payload_max(b.handshake);
    ck_assert_int_eq(gl_mux_check(b.mux, &gl_handshake_peer(b.handshake)->resume, cap),
                     GL_RESUME_OK);
    gl_handshake_offer(b.handshake, &record_b, gl_mux_epoch(b.mux) + 1, "web",
                       (struct gl_slice){0});
    send(&b, &a);
    const struct gl_welcome *w = gl_handshake_welcome(a.handshake);
    ck_assert_int_eq(gl_mux_check(a.mux, &w->record, cap), GL_RESUME_OK);
    gl_handshake_accept(a.handshake);
    send(&a, &b);
    assert_states(GL_HANDSHAKE_DONE, GL_HANDSHAKE_DONE);
    gl_mux_attach(a.mux, now, &w->record, w->epoch);
    gl_mux_attach(b.mux, now, &record_a, gl_handshake_welcome(b.handshake)->epoch);
    drop_handshakes();
    send(&b, &a);
    assert_heard(&a, "data 0 'lost\n'. ");
    send(&a, &b);
    gl_stream_reset(b.stream, GL_STATUS_CANCELLED, "enough");
    gl_stream_release(b.stream);
    send(&b, &a);
    assert_heard(&a, "end CANCELLED 'enough'. ");
    assert_heard(&b, "");
    finish();
}

static void part_secret(void)
{
    begin("secret");
    Gl__ExecStart start = GL__EXEC_START__INIT;
    ProtobufCBinaryData argv = gl_message_bytes("cmd", 3);
    start.n_argv = 1;
    start.argv = &argv;
    start.user = (char *)(uintptr_t) "eve";
    start.password = (char *)(uintptr_t) "guess";
    call(&b, "exec", "start", &start, GL_FLAG_SECRET);
    send(&b, &a);
    assert_heard(&a, "open 8 exec.start. ");
    gl_stream_close(a.stream, GL_STATUS_DENIED, "no");
    send(&a, &b);
    assert_heard(&a, "end PERMISSION_DENIED 'no'. ");
    assert_heard(&b, "end PERMISSION_DENIED 'no'. ");
    finish();
}

static void part_goodbye(void)
{
    begin("goodbye");
    gl_mux_goodbye(b.mux, GL_STATUS_GOING_AWAY, "stopping");
    send(&b, &a);
    assert_heard(&a, "goodbye GOING_AWAY 'stopping'. ");
    send(&a, &b);
    assert_heard(&b, "goodbye OK ''. ");
    finish();
}

START_TEST(story)
{
    part_fresh();
    part_ping();
    part_unary();
    part_conversation();
    part_lost();
    part_resume();
    part_secret();
    part_goodbye();
    gl_mux_free(a.mux);
    gl_mux_free(b.mux);
}
END_TEST

START_TEST(window)
{
    uint8_t bytes[GL_FRAME_HEADER + 8];
    const struct gl_frame frame = {.type = GL_FRAME_WINDOW, .stream = 6, .length = 8};
    begin("window");
    gl_frame_encode(bytes, &frame);
    gl_put_u64(bytes + GL_FRAME_HEADER, GL_WINDOW_INITIAL + GL_WINDOW_INITIAL / 2);
    compare('A', bytes, sizeof(bytes));
    finish();
}
END_TEST

START_TEST(local)
{
    begin("local");
    greet(&a, true);
    greet(&b, true);
    send(&a, &b);
    send(&b, &a);
    assert_states(GL_HANDSHAKE_DONE, GL_HANDSHAKE_DONE);
    drop_handshakes();
    finish();
}
END_TEST

/* ------------------------------------------------------------------ the running hash */

/*
 * Computed from the text's bytes with xxhash alone: after each sequenced frame of the side that the
 * resume record speaks of.
 */
static uint64_t hash_of(char side, size_t number)
{
    static const char *const parts[] = {"unary", "conversation", "lost"};
    uint64_t hash = XXH3_64bits_withSeed(session, GL_ID_SIZE, 0);
    size_t n = 0;
    for (size_t i = 0; i < GL_ARRAY_SIZE(parts); i++) {
        static struct frame frames[32];
        size_t count = parse_frames(parts[i], frames, GL_ARRAY_SIZE(frames));
        for (size_t k = 0; k < count && n < number; k++) {
            const struct frame *f = &frames[k];
            if (f->side != side || f->bytes[0] >> 4 != 1)
                continue;
            hash = XXH3_64bits_withSeed(f->bytes, 12, hash);
            hash = XXH3_64bits_withSeed(f->bytes + 12, f->len - 12, hash);
            n++;
        }
    }
    ck_assert_uint_eq(n, number);
    return hash;
}

static void assert_in_record(size_t frame, const char *name, uint64_t hash)
{
    static struct frame frames[32];
    uint8_t field[9] = {0x31}; /* field 6, 64 bits */
    ck_assert_uint_lt(frame, parse_frames("resume", frames, GL_ARRAY_SIZE(frames)));
    ck_assert_str_eq(frames[frame].type, name);
    gl_put_u64(field + 1, hash);
    bool found = false;
    for (size_t i = 0; i + sizeof(field) <= frames[frame].len; i++)
        found = found || memcmp(frames[frame].bytes + i, field, sizeof(field)) == 0;
    ck_assert_msg(found, "%s does not hold %016llx", name, (unsigned long long)hash);
}

START_TEST(hashes)
{
    if (printing)
        return;
    char *lines = block("running"), *rest = lines, *line;
    size_t checked = 0;
    while ((line = next_line(&rest))) {
        char side;
        size_t number;
        unsigned long long hash;
        if (sscanf(line, "%c %zu %llx", &side, &number, &hash) != 3)
            continue;
        unsigned long long got = (unsigned long long)hash_of(side, number);
        ck_assert_msg(got == hash, "%c %zu: %016llx", side, number, got);
        checked++;
    }
    gl_free(lines);
    ck_assert_uint_ge(checked, 4);

    /* The records hold them: A received five frames of B, B seven of A. */
    assert_in_record(0, "HELLO_A", hash_of('B', 5));
    assert_in_record(3, "WELCOME", hash_of('A', 7));
}
END_TEST

/* ------------------------------------------------------------------ tables */

/* Rows of `| 0x12 | NAME |` are frame types, of `| 12 | NAME |` statuses. */
START_TEST(tables)
{
    size_t types = 0, statuses = 0;
    for (const char *line = whole; line; line = strchr(line + 1, '\n')) {
        unsigned number;
        char name[32];
        if (sscanf(line, "\n| 0x%x | %31[A-Z_] |", &number, name) == 2) {
            ck_assert_str_eq(gl_frame_type_name((uint8_t)number), name);
            types++;
        } else if (sscanf(line, "\n| %u | %31[A-Z_] |", &number, name) == 2) {
            ck_assert_str_eq(gl_status_name(number), name);
            statuses++;
        }
    }
    size_t known_types = 0, known_statuses = 0;
    for (unsigned i = 0; i < 256; i++) {
        known_types += strcmp(gl_frame_type_name((uint8_t)i), "?") != 0;
        known_statuses += gl_status_valid(i);
    }
    ck_assert_uint_eq(types, known_types);
    ck_assert_uint_eq(statuses, known_statuses);
}
END_TEST

static void setup(void)
{
    ck_assert_int_eq(gl_key_global_init(), 0);
    side_init(&a, 'A');
    side_init(&b, 'B');
    load_text();
}

static void teardown(void)
{
    gl_free(whole);
}

static Suite *suite(void)
{
    Suite *s = suite_create("protocol_examples");
    TCase *t = tcase_create("protocol_examples");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, story);
    tcase_add_test(t, window);
    tcase_add_test(t, local);
    tcase_add_test(t, hashes);
    tcase_add_test(t, tables);
    suite_add_tcase(s, t);
    return s;
}

GL_UNIT_MAIN(suite)
