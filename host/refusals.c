/* SPDX-License-Identifier: MIT */
#include "refusals.h"

#include <stdio.h>
#include <string.h>

#include "escape.h"

static bool knows_machine(const struct gl_address *from)
{
    return from->kind == GL_ADDRESS_VSOCK || from->kind == GL_ADDRESS_HVSOCK;
}

/* Without the port, which is another one each time. */
static void place_of(const struct gl_address *from, char *out, size_t size)
{
    char raw[600];
    if (from->kind == GL_ADDRESS_VSOCK)
        snprintf(raw, sizeof raw, "vsock:%u", from->cid);
    else
        gl_address_format(from, raw, sizeof raw);
    gl_escape(out, size, raw, strlen(raw));
}

static bool is_of_known_guest(enum gl_status status)
{
    return status == GL_STATUS_PENDING || status == GL_STATUS_REVOKED ||
           status == GL_STATUS_KEY_MISMATCH || status == GL_STATUS_DUPLICATE_KEY;
}

static size_t find(const struct gl_refusals *refusals, const char *place)
{
    size_t i = 0;
    while (i < refusals->count && strcmp(refusals->items[i].place, place) != 0)
        i++;
    return i;
}

static void remove_at(struct gl_refusals *refusals, size_t i)
{
    refusals->count--;
    memmove(&refusals->items[i], &refusals->items[i + 1],
            (refusals->count - i) * sizeof refusals->items[0]);
}

void gl_refusals_add(struct gl_refusals *refusals, const struct gl_address *from,
                     const uint8_t key[GL_KEY_SIZE], enum gl_status status, const char *text,
                     bool by_guest, uint64_t now_s)
{
    struct gl_refusal fresh = {.status = status, .by_guest = by_guest, .at = now_s, .count = 1};
    if (is_of_known_guest(status))
        return;
    place_of(from, fresh.place, sizeof fresh.place);
    if (key)
        memcpy(fresh.key, key, sizeof fresh.key);
    if (!text || !*text)
        text = gl_status_text(status);
    gl_escape(fresh.reason, sizeof fresh.reason, text, strlen(text));
    size_t i = find(refusals, fresh.place);
    if (i < refusals->count) {
        const struct gl_refusal *before = &refusals->items[i];
        if (before->status == status && before->by_guest == by_guest)
            fresh.count += before->count;
        remove_at(refusals, i);
    } else if (i == GL_REFUSALS_MAX) {
        refusals->count--;
    }
    memmove(&refusals->items[1], &refusals->items[0], refusals->count * sizeof refusals->items[0]);
    refusals->items[0] = fresh;
    refusals->count++;
}

void gl_refusals_clear(struct gl_refusals *refusals, const struct gl_address *from,
                       const uint8_t key[GL_KEY_SIZE])
{
    char place[sizeof refusals->items[0].place];
    place_of(from, place, sizeof place);
    size_t i = find(refusals, place);
    if (i < refusals->count &&
        (knows_machine(from) || memcmp(refusals->items[i].key, key, GL_KEY_SIZE) == 0))
        remove_at(refusals, i);
}
