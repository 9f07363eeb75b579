/* SPDX-License-Identifier: MIT */
/*
 * The trust store's file. {"schema": 1, "guests": [{...}], "forgotten": [{...}]}; keys are
 * lower-case hex. Everything in it is checked as if a stranger had written it, and one wrong entry
 * makes the whole file wrong: a pin must not get lost by a slip of an editor.
 */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "escape.h"
#include "store.h"
#include "trust.h"

#define SCHEMA 1

#define ENTRY_OF(node) GL_CONTAINER_OF(node, struct gl_trust_entry, node)

static const struct {
    Gl__TrustState state;
    const char *text;
} states[] = {
    {GL__TRUST_STATE__TRUST_STATE_ACCEPTED, "accepted"},
    {GL__TRUST_STATE__TRUST_STATE_PENDING, "pending"},
    {GL__TRUST_STATE__TRUST_STATE_REVOKED, "revoked"},
    {GL__TRUST_STATE__TRUST_STATE_DUPLICATE, "duplicate"},
};

static const char *state_text(Gl__TrustState state)
{
    for (size_t i = 0; i < GL_ARRAY_SIZE(states); i++)
        if (states[i].state == state)
            return states[i].text;
    abort(); /* nothing else is ever stored in an entry */
}

static bool state_parse(const char *text, Gl__TrustState *ret_state)
{
    for (size_t i = 0; i < GL_ARRAY_SIZE(states); i++)
        if (strcmp(states[i].text, text) == 0) {
            *ret_state = states[i].state;
            return true;
        }
    return false;
}

/* ------------------------------------------------------------------ writing */

static void set_hex(json_t *object, const char *field, const uint8_t *data, size_t len)
{
    char hex[2 * GL_KEY_SIZE + 1];
    sodium_bin2hex(hex, sizeof hex, data, len);
    json_object_set_new(object, field, json_string(hex));
}

static json_t *entry_to_json(const struct gl_trust_entry *entry)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(entry->name));
    json_object_set_new(object, "fixed", json_boolean(entry->fixed));
    json_object_set_new(object, "first_use", json_boolean(entry->first_use));
    json_object_set_new(object, "crowded", json_boolean(entry->crowded));
    set_hex(object, "key", entry->key, GL_KEY_SIZE);
    json_object_set_new(object, "trust", json_string(state_text(entry->state)));
    json_object_set_new(object, "first_seen", json_integer((json_int_t)entry->first_seen));
    json_object_set_new(object, "last_seen", json_integer((json_int_t)entry->last_seen));
    json_object_set_new(object, "place", json_string(entry->place));
    json_object_set_new(object, "address", json_string(entry->address));
    json_object_set_new(object, "software", json_string(entry->software));
    json_object_set_new(object, "reason", json_string(entry->reason));
    if (entry->has_vm) {
        char vm[GL_GUID_TEXT_SIZE];
        json_object_set_new(object, "vm", json_string(gl_guid_format(&entry->vm, vm)));
    }
    if (entry->has_from) {
        char from[GL_GUID_TEXT_SIZE];
        json_object_set_new(object, "from", json_string(gl_guid_format(&entry->from, from)));
    }
    if (entry->has_machine)
        set_hex(object, "machine", entry->machine, GL_MACHINE_SIZE);
    if (entry->has_offered) {
        set_hex(object, "offered", entry->offered, GL_KEY_SIZE);
        json_object_set_new(object, "offered_at", json_integer((json_int_t)entry->offered_at));
    }
    return object;
}

int gl_trust_save(struct gl_trust *trust, struct gl_why *why)
{
    json_t *doc = json_object();
    json_t *guests = json_array();
    json_object_set_new(doc, "schema", json_integer(SCHEMA));
    json_object_set_new(doc, "guests", guests);
    GL_LIST_FOREACH (node, &trust->entries)
        json_array_append_new(guests, entry_to_json(ENTRY_OF(node)));
    json_object_set_new(doc, "forgotten", gl_forgotten_to_json(&trust->forgotten));
    json_object_set_new(doc, "issued_from", json_integer((json_int_t)trust->forgotten.issued_from));
    struct gl_why fault = {""};
    int err = gl_store_save(trust->path, doc, &fault);
    json_decref(doc);
    trust->dirty = err < 0;
    gl_escape(trust->save_error, sizeof trust->save_error, fault.text, strlen(fault.text));
    return err < 0 ? gl_why(why, err, "%s", fault.text) : 0;
}

int gl_trust_flush(struct gl_trust *trust, struct gl_why *why)
{
    return trust->dirty ? gl_trust_save(trust, why) : 0;
}

/* ------------------------------------------------------------------ reading */

/* Each get_*: NULL, or what is wrong. A field that may be missing leaves *ret as it was. */

static const char *get_hex(const json_t *object, const char *field, uint8_t *ret, size_t len,
                           bool *ret_has)
{
    const json_t *value = json_object_get(object, field);
    size_t n = 0;
    if (!value && ret_has)
        return NULL;
    if (!json_is_string(value) || json_string_length(value) != 2 * len ||
        sodium_hex2bin(ret, len, json_string_value(value), 2 * len, NULL, &n, NULL) != 0 ||
        n != len)
        return field;
    if (ret_has)
        *ret_has = true;
    return NULL;
}

static const char *get_text(const json_t *object, const char *field, char *ret, size_t size)
{
    const json_t *value = json_object_get(object, field);
    if (!value)
        return NULL;
    if (!json_is_string(value) || json_string_length(value) >= size ||
        strlen(json_string_value(value)) != json_string_length(value))
        return field;
    strcpy(ret, json_string_value(value));
    return NULL;
}

static const char *get_time(const json_t *object, const char *field, uint64_t *ret)
{
    const json_t *value = json_object_get(object, field);
    if (!value)
        return NULL;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return field;
    *ret = (uint64_t)json_integer_value(value);
    return NULL;
}

static const char *get_flag(const json_t *object, const char *field, bool *ret)
{
    const json_t *value = json_object_get(object, field);
    if (!value)
        return NULL;
    if (!json_is_boolean(value))
        return field;
    *ret = json_is_true(value);
    return NULL;
}

static const char *get_guid(const json_t *object, const char *field, struct gl_guid *ret,
                            bool *ret_has)
{
    const json_t *value = json_object_get(object, field);
    if (!value)
        return NULL;
    if (!json_is_string(value) || gl_guid_parse(json_string_value(value), ret) < 0)
        return field;
    *ret_has = true;
    return NULL;
}

static const char *get_required(const json_t *object, struct gl_trust_entry *entry)
{
    const json_t *fixed = json_object_get(object, "fixed");
    const json_t *state = json_object_get(object, "trust");
    const char *bad = get_guid(object, "vm", &entry->vm, &entry->has_vm);
    if (bad)
        return bad;
    bad = get_text(object, "name", entry->name, sizeof entry->name);
    if (bad || (entry->has_vm ? !gl_name_is_vm(entry->name) : gl_name_fault(entry->name) != NULL))
        return "name";
    if (!json_is_boolean(fixed))
        return "fixed";
    entry->fixed = json_is_true(fixed);
    if (!json_is_string(state) || !state_parse(json_string_value(state), &entry->state))
        return "trust";
    return NULL;
}

static const char *get_rest(const json_t *object, struct gl_trust_entry *entry)
{
    const char *bad = get_time(object, "first_seen", &entry->first_seen);
    if (!bad)
        bad = get_time(object, "last_seen", &entry->last_seen);
    if (!bad)
        bad = get_time(object, "offered_at", &entry->offered_at);
    if (!bad)
        bad = get_flag(object, "first_use", &entry->first_use);
    if (!bad)
        bad = get_flag(object, "crowded", &entry->crowded);
    if (!bad)
        bad = get_text(object, "place", entry->place, sizeof entry->place);
    if (!bad)
        bad = get_text(object, "address", entry->address, sizeof entry->address);
    if (!bad)
        bad = get_text(object, "software", entry->software, sizeof entry->software);
    if (!bad)
        bad = get_text(object, "reason", entry->reason, sizeof entry->reason);
    if (!bad)
        bad = get_guid(object, "from", &entry->from, &entry->has_from);
    if (!bad)
        bad = get_hex(object, "machine", entry->machine, GL_MACHINE_SIZE, &entry->has_machine);
    if (!bad)
        bad = get_hex(object, "offered", entry->offered, GL_KEY_SIZE, &entry->has_offered);
    return bad;
}

static int entry_from_json(struct gl_trust *trust, const json_t *object, size_t index,
                           struct gl_why *why)
{
    uint8_t key[GL_KEY_SIZE];
    const char *bad = get_hex(object, "key", key, sizeof key, NULL);
    if (bad)
        return gl_why(why, UV_EINVAL, "%s: guest %zu: wrong 'key'", trust->path, index + 1);
    struct gl_trust_entry *entry = gl_trust_entry_new(key);
    bad = get_required(object, entry);
    if (!bad)
        bad = get_rest(object, entry);
    if (!bad && gl_trust_find_key(trust, key))
        bad = "key (it is there twice)";
    if (!bad && gl_trust_find(trust, entry->name))
        bad = "name (it is there twice)";
    if (bad) {
        gl_free(entry);
        return gl_why(why, UV_EINVAL, "%s: guest %zu: wrong '%s'", trust->path, index + 1, bad);
    }
    gl_trust_append(trust, entry);
    trust->count++;
    return 0;
}

/* Whoever moves it away to have the daemon start should know what that undoes. */
static int damaged(struct gl_why *why)
{
    struct gl_why fault = *why;
    return gl_why(
        why, UV_EINVAL,
        "%s; bring back a copy of it, or move it away: then names, pins and revocations "
        "are lost, and each guest is new, also one that was revoked (with trust = approve "
        "each waits for you)",
        fault.text);
}

static int read_store(struct gl_trust *trust, struct gl_why *why)
{
    json_t *doc;
    int err = gl_store_load(trust->path, SCHEMA, &doc, why);
    if (err == UV_ENOENT)
        return 0;
    if (err < 0)
        return err;
    const json_t *guests = json_object_get(doc, "guests");
    if (!json_is_array(guests) || json_array_size(guests) > GL_TRUST_GUESTS_MAX)
        err = gl_why(why, UV_EINVAL, "%s: 'guests' is no list of at most %u", trust->path,
                     GL_TRUST_GUESTS_MAX);
    for (size_t i = 0; err == 0 && i < json_array_size(guests); i++)
        err = entry_from_json(trust, json_array_get(guests, i), i, why);
    const char *bad = gl_forgotten_from_json(&trust->forgotten, json_object_get(doc, "forgotten"));
    if (!bad)
        bad = get_time(doc, "issued_from", &trust->forgotten.issued_from);
    if (err == 0 && bad)
        err = gl_why(why, UV_EINVAL, "%s: wrong '%s' of what was forgotten", trust->path, bad);
    json_decref(doc);
    return err;
}

int gl_trust_open(const char *path, enum gl_trust_policy policy, struct gl_trust **ret_trust,
                  struct gl_why *why)
{
    struct gl_trust *trust = GL_NEW0(struct gl_trust);
    trust->path = gl_strdup(path);
    trust->policy = policy;
    gl_list_init(&trust->entries);
    struct gl_why fault;
    int err = read_store(trust, &fault);
    if (err < 0) {
        if (err == UV_EINVAL)
            damaged(&fault);
        gl_why(why, err, "%s", fault.text);
        gl_trust_free(trust);
        return err;
    }
    *ret_trust = trust;
    return 0;
}

void gl_trust_free(struct gl_trust *trust)
{
    if (!trust)
        return;
    GL_LIST_FOREACH_SAFE (node, &trust->entries)
        gl_free(ENTRY_OF(node));
    for (char **p = trust->reserved; p && *p; p++)
        gl_free(*p);
    gl_free(trust->reserved);
    gl_free(trust->vms);
    gl_forgotten_done(&trust->forgotten);
    gl_free(trust->path);
    gl_free(trust);
}
