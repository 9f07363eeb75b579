/* SPDX-License-Identifier: MIT */
/*
 * info.get: what the guest is. All is gathered at once but the space in file systems, which is
 * asked for on the thread pool, by one scan at a time that all callers wait for. A scan that hangs
 * on a dead device holds one thread; callers get the rest without it.
 */
#include "info.h"

#include <string.h>

#include "escape.h"
#include "handshake.h"
#include "list.h"
#include "mem.h"
#include "registry.h"
#include "service.h"

#define SCAN_MS 2000u /* how long a caller waits for the file systems */

struct scan {
    uv_work_t work;
    uv_timer_t timer;
    Gl__Info found; /* only its file systems */
    struct gl_list askers;
    bool late; /* nobody waits for it any more */
};

struct asker {
    struct gl_list link;
    struct gl_call *call;
    Gl__Info *info;
};

/* One process is one agent. */
static struct scan *scan;

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

/* Takes the asker out of the scan and answers it. The file systems are lent. */
static void answer(struct asker *asker, const Gl__Info *found)
{
    gl_list_remove(&asker->link);
    if (found) {
        asker->info->n_filesystems = found->n_filesystems;
        asker->info->filesystems = found->filesystems;
    }
    gl_call_reply(asker->call, asker->info);
    asker->info->n_filesystems = 0;
    asker->info->filesystems = NULL;
    gl_call_finish(asker->call, GL_STATUS_OK, NULL);
    info_free(asker->info);
    gl_free(asker);
}

static void answer_all(struct scan *s, const Gl__Info *found)
{
    struct gl_list askers;
    gl_list_init(&askers);
    gl_list_splice(&askers, &s->askers);
    while (!gl_list_empty(&askers))
        answer(GL_CONTAINER_OF(gl_list_first(&askers), struct asker, link), found);
}

static void on_cancel(void *ctx, struct gl_call *call, enum gl_status status)
{
    (void)call;
    (void)status;
    answer(ctx, NULL);
}

/* ------------------------------------------------------------------ the scan */

static void on_work(uv_work_t *work)
{
    gl_info_collect_filesystems(&GL_CONTAINER_OF(work, struct scan, work)->found);
}

static void on_closed(uv_handle_t *handle)
{
    struct scan *s = GL_CONTAINER_OF((uv_timer_t *)handle, struct scan, timer);
    for (size_t i = 0; i < s->found.n_filesystems; i++)
        protobuf_c_message_free_unpacked(&s->found.filesystems[i]->base, NULL);
    gl_free(s->found.filesystems);
    gl_free(s);
}

static void on_scanned(uv_work_t *work, int status)
{
    struct scan *s = GL_CONTAINER_OF(work, struct scan, work);
    scan = NULL; /* who asks from now on gets a fresh one */
    answer_all(s, status == 0 ? &s->found : NULL);
    uv_close((uv_handle_t *)&s->timer, on_closed);
}

static void on_late(uv_timer_t *timer)
{
    struct scan *s = GL_CONTAINER_OF(timer, struct scan, timer);
    s->late = true;
    answer_all(s, NULL);
}

static void scan_start(uv_loop_t *loop)
{
    scan = GL_NEW0(struct scan);
    gl__info__init(&scan->found);
    gl_list_init(&scan->askers);
    uv_timer_init(loop, &scan->timer);
    uv_timer_start(&scan->timer, on_late, SCAN_MS, 0);
    uv_queue_work(loop, &scan->work, on_work, on_scanned);
}

/* ------------------------------------------------------------------ the method */

static void get(struct gl_call *call, const ProtobufCMessage *request)
{
    static const struct gl_call_events events = {.on_cancel = on_cancel};
    (void)request;
    struct asker *asker = GL_NEW0(struct asker);
    asker->call = call;
    asker->info = info_new();
    gl_list_init(&asker->link);
    gl_info_collect(asker->info);
    gl_info_set(&asker->info->agent_version, PACKAGE_VERSION);
    asker->info->protocol_version = GL_PROTOCOL_VERSION;
    add_services(asker->info);
    gl_call_handle(call, &events, asker);
    if (!scan)
        scan_start(gl_agent_loop(gl_agent_of(call)));
    if (scan->late)
        answer(asker, NULL);
    else
        gl_list_append(&scan->askers, &asker->link);
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
