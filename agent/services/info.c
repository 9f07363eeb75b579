/* SPDX-License-Identifier: MIT */
/*
 * info.get: what the guest is. All is gathered at once but what may hang, which is asked for on the
 * thread pool: the space in file systems, and what other processes answer. Each of the two is a
 * part with one scan at a time, which all callers wait for. A scan that hangs, as on a dead device,
 * holds one thread; callers get the rest without it.
 */
#include "info.h"

#include <string.h>

#include "escape.h"
#include "handshake.h"
#include "list.h"
#include "mem.h"
#include "registry.h"
#include "service.h"

#define SCAN_MS 2000u /* how long a caller waits for a part */

static void (*const parts[])(Gl__Info *info) = {
    gl_info_collect_filesystems,
    gl_info_collect_answers,
};

#define PARTS GL_ARRAY_SIZE(parts)

struct scan {
    uv_work_t work;
    uv_timer_t timer;
    size_t part;
    unsigned users;  /* itself, and who has got it */
    Gl__Info *found; /* only its part */
    struct gl_list waits;
    bool late; /* nobody waits for it any more */
};

struct asker {
    struct gl_call *call;
    Gl__Info *info;
    unsigned missing; /* parts */
    struct wait {
        struct gl_list link;
        struct asker *asker;
        struct scan *scan; /* that has ended; NULL: not yet, or without success */
    } waits[PARTS];
};

/* One process is one agent. */
static struct scan *scans[PARTS];

/* ------------------------------------------------------------------ the message */

void gl_info_set(char **field, const char *text)
{
    if (text && *text)
        *field = gl_escape_dup(text);
}

static Gl__Info *info_new(void)
{
    Gl__Info *info = GL_NEW(Gl__Info);
    gl__info__init(info);
    return info;
}

static void info_free(Gl__Info *info)
{
    protobuf_c_message_free_unpacked(&info->base, NULL);
}

Gl__Info__Address *gl_info_add_address(Gl__Info *info)
{
    if (info->n_addresses == GL_INFO_ADDRESSES_MAX)
        return NULL;
    Gl__Info__Address *address = GL_NEW(Gl__Info__Address);
    gl__info__address__init(address);
    info->addresses =
        gl_realloc_array(info->addresses, info->n_addresses + 1, sizeof(*info->addresses));
    info->addresses[info->n_addresses++] = address;
    return address;
}

Gl__Info__Filesystem *gl_info_add_filesystem(Gl__Info *info)
{
    if (info->n_filesystems == GL_INFO_FILESYSTEMS_MAX)
        return NULL;
    Gl__Info__Filesystem *fs = GL_NEW(Gl__Info__Filesystem);
    gl__info__filesystem__init(fs);
    info->filesystems =
        gl_realloc_array(info->filesystems, info->n_filesystems + 1, sizeof(*info->filesystems));
    info->filesystems[info->n_filesystems++] = fs;
    return fs;
}

Gl__Info__Session *gl_info_add_session(Gl__Info *info)
{
    if (info->n_sessions == GL_INFO_SESSIONS_MAX)
        return NULL;
    Gl__Info__Session *session = GL_NEW(Gl__Info__Session);
    gl__info__session__init(session);
    info->sessions =
        gl_realloc_array(info->sessions, info->n_sessions + 1, sizeof(*info->sessions));
    info->sessions[info->n_sessions++] = session;
    return session;
}

static Gl__ServiceInfo *service_info(const struct gl_service *service)
{
    Gl__ServiceInfo *info = GL_NEW(Gl__ServiceInfo);
    gl__service_info__init(info);
    info->name = gl_strdup(service->name);
    info->version = service->version;
    size_t count = 0;
    while (service->methods[count].name)
        count++;
    info->methods = GL_NEW0_ARRAY(char *, count);
    for (size_t i = 0; i < count; i++)
        info->methods[i] = gl_strdup(service->methods[i].name);
    info->n_methods = count;
    return info;
}

static void add_services(Gl__Info *info)
{
    const struct gl_service *const *services = gl_registry_services();
    size_t count = 0;
    while (services[count])
        count++;
    info->services = GL_NEW0_ARRAY(Gl__ServiceInfo *, count);
    for (size_t i = 0; i < count; i++)
        info->services[i] = service_info(services[i]);
    info->n_services = count;
}

/* ------------------------------------------------------------------ callers */

static void lend_text(char **field, char *text)
{
    if (*text)
        *field = text;
}

static void lend(Gl__Info *info, const Gl__Info *found)
{
    lend_text(&info->hostname, found->hostname);
    lend_text(&info->dns_name, found->dns_name);
    lend_text(&info->netbios_name, found->netbios_name);
    if (found->n_addresses > 0) {
        info->n_addresses = found->n_addresses;
        info->addresses = found->addresses;
    }
    if (found->n_sessions > 0) {
        info->n_sessions = found->n_sessions;
        info->sessions = found->sessions;
    }
    if (found->n_filesystems > 0) {
        info->n_filesystems = found->n_filesystems;
        info->filesystems = found->filesystems;
    }
}

static void scan_unref(struct scan *s)
{
    if (--s->users > 0)
        return;
    info_free(s->found);
    gl_free(s);
}

/* With the parts that have come so far. */
static void answer(struct asker *asker)
{
    Gl__Info whole = *asker->info;
    for (size_t i = 0; i < PARTS; i++) {
        gl_list_remove(&asker->waits[i].link);
        if (asker->waits[i].scan)
            lend(&whole, asker->waits[i].scan->found);
    }
    gl_call_reply(asker->call, &whole);
    for (size_t i = 0; i < PARTS; i++) {
        if (asker->waits[i].scan)
            scan_unref(asker->waits[i].scan);
    }
    gl_call_finish(asker->call, GL_STATUS_OK, NULL);
    info_free(asker->info);
    gl_free(asker);
}

static void on_cancel(void *ctx, struct gl_call *call, enum gl_status status)
{
    (void)call;
    (void)status;
    answer(ctx);
}

/* ------------------------------------------------------------------ the scans */

/* Nobody waits for it any more. */
static void let_go(struct scan *s, bool found)
{
    struct gl_list waits;
    gl_list_init(&waits);
    gl_list_splice(&waits, &s->waits);
    while (!gl_list_empty(&waits)) {
        struct wait *wait = GL_CONTAINER_OF(gl_list_first(&waits), struct wait, link);
        gl_list_remove(&wait->link);
        if (found) {
            wait->scan = s;
            s->users++;
        }
        if (--wait->asker->missing == 0)
            answer(wait->asker);
    }
}

static void on_work(uv_work_t *work)
{
    struct scan *s = GL_CONTAINER_OF(work, struct scan, work);
    parts[s->part](s->found);
}

static void on_closed(uv_handle_t *handle)
{
    scan_unref(GL_CONTAINER_OF((uv_timer_t *)handle, struct scan, timer));
}

static void on_scanned(uv_work_t *work, int status)
{
    struct scan *s = GL_CONTAINER_OF(work, struct scan, work);
    scans[s->part] = NULL; /* who asks from now on gets a fresh one */
    let_go(s, status == 0);
    uv_close((uv_handle_t *)&s->timer, on_closed);
}

static void on_late(uv_timer_t *timer)
{
    struct scan *s = GL_CONTAINER_OF(timer, struct scan, timer);
    s->late = true;
    let_go(s, false);
}

static void scan_start(uv_loop_t *loop, size_t part)
{
    struct scan *s = GL_NEW0(struct scan);
    s->part = part;
    s->users = 1;
    s->found = info_new();
    gl_list_init(&s->waits);
    uv_timer_init(loop, &s->timer);
    uv_timer_start(&s->timer, on_late, SCAN_MS, 0);
    uv_queue_work(loop, &s->work, on_work, on_scanned);
    scans[part] = s;
}

/* ------------------------------------------------------------------ the method */

static void get(struct gl_call *call, const ProtobufCMessage *request)
{
    static const struct gl_call_events events = {.on_cancel = on_cancel};
    (void)request;
    struct asker *asker = GL_NEW0(struct asker);
    asker->call = call;
    asker->info = info_new();
    gl_info_collect(asker->info);
    gl_info_set(&asker->info->agent_version, PACKAGE_VERSION);
    asker->info->protocol_version = GL_PROTOCOL_VERSION;
    add_services(asker->info);
    gl_call_handle(call, &events, asker);
    for (size_t i = 0; i < PARTS; i++) {
        asker->waits[i].asker = asker;
        gl_list_init(&asker->waits[i].link);
        if (!scans[i])
            scan_start(gl_agent_loop(gl_agent_of(call)), i);
        if (scans[i]->late)
            continue;
        asker->missing++;
        gl_list_append(&scans[i]->waits, &asker->waits[i].link);
    }
    if (asker->missing == 0)
        answer(asker);
}

static const struct gl_method methods[] = {
    {
        .name = "get",
        .request = &gl__empty__descriptor,
        .request_max = 1024,
        .start = get,
    },
    {.name = NULL},
};

const struct gl_service gl_service_info = {
    .name = "info",
    .version = 1,
    .group = "inspect",
    .methods = methods,
};
