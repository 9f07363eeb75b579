/* SPDX-License-Identifier: MIT */
#include "door.h"

#include <stdio.h>
#include <string.h>

#include "admission.h"
#include "places.h"
#include "platform.h"

/* Of a listener that cannot tell who is who: a signature for each is what it costs. */
#define DIALS_BURST    2000u
#define DIALS_EVERY_MS 5u

#define DOOR_OF(n) GL_CONTAINER_OF(n, struct gl_door, node)

/* ------------------------------------------------------------------ log */

void gl_door_refused(struct gl_door *door, const struct gl_address *from, const uint8_t *key,
                     enum gl_status status, const char *text, bool by_peer)
{
    char address[GL_TRUST_PLACE_SIZE], more[48] = "";
    unsigned suppressed;
    door->refused++;
    gl_refusals_add(&door->daemon->refusals, from, key, status, text, by_peer, gl_now_s());
    if (!gl_quota_take(&door->log_quota, uv_hrtime() / 1000000, &suppressed))
        return;
    gl_address_text(from, address, sizeof address);
    if (suppressed)
        snprintf(more, sizeof more, " (%u more were not shown)", suppressed);
    gl_log(status == GL_STATUS_PENDING ? GL_LOG_INFO : GL_LOG_WARN, "%s at %s: %s%s",
           by_peer ? "a guest refuses this host" : "a connection was not let in", address,
           text && *text ? text : gl_status_text(status), more);
}

/* ------------------------------------------------------------------ who may be greeted */

/* NULL, or why not. Before a byte was read: only what the kernel says counts. */
static const char *objection(struct gl_door *door, const struct gl_peer *peer)
{
    const struct gl_daemon *daemon = door->daemon;
    bool vsock = peer->address.kind == GL_ADDRESS_VSOCK;
    bool local = vsock && (peer->address.cid == GL_CID_LOCAL || peer->address.cid == GL_CID_HOST);
    if (daemon->stopping)
        return "the daemon is stopping";
    if (local && !daemon->settings->allow_loopback && door->listen->address.cid != GL_CID_LOCAL)
        return "it comes from this host itself (allow-loopback is off)";
    if (vsock && !peer->privileged_port && daemon->settings->privileged_ports)
        return "its source port is not below 1024, so anybody in the guest may have sent it "
               "(privileged-ports is on)";
    if (daemon->n_admissions >= GL_GREETINGS_MAX && door->n_admissions >= GL_GREETINGS_DOOR_FEW)
        return "too many connections wait for their greeting";
    if (vsock ? gl_admission_count_cid(daemon, peer->address.cid) >= GL_GREETINGS_CID_MAX
              : door->n_admissions >= GL_GREETINGS_DOOR_MAX)
        return "too many connections from there wait for their greeting";
    uint64_t now_ms = uv_hrtime() / 1000000;
    if (vsock ? !gl_places_take(daemon->places, peer->address.cid, now_ms)
              : !gl_quota_take(&door->dials, now_ms, NULL))
        return "too many connections from there in a short time";
    return NULL;
}

static void on_accept(void *ctx, struct gl_listener *listener, struct gl_transport *t)
{
    struct gl_door *door = ctx;
    const struct gl_peer *peer = gl_transport_peer(t);
    (void)listener;
    const char *why = objection(door, peer);
    if (why) {
        gl_door_refused(door, &peer->address, NULL, GL_STATUS_UNAUTHENTICATED, why, false);
        gl_transport_close(t);
        return;
    }
    gl_admission_start(door, t);
}

/* ------------------------------------------------------------------ open and close */

/* The database of groups may be on a network: it is asked before guests are served, and no more. */
static void set_options(struct gl_door *door)
{
    uint32_t gid;
    door->options = (struct gl_listen_options){
        .mode = door->listen->mode,
        .gid = -1,
        .hvsock_driver = door->daemon->settings->hvsock_driver,
    };
    if (!*door->listen->group)
        return;
    if (gl_platform_group(door->listen->group, &gid) == 0)
        door->options.gid = gid;
    else
        door->no_group = true;
}

static bool door_open(struct gl_door *door)
{
    const struct gl_address *address = &door->listen->address;
    if (door->no_group) {
        snprintf(door->error, sizeof door->error,
                 "there was no group '%s' when the daemon was started", door->listen->group);
        return false;
    }
    int err = gl_transport_listen(door->daemon->loop, address, &door->options, on_accept, door,
                                  &door->listener);
    if (err < 0) {
        snprintf(door->error, sizeof door->error, "%s", gl_transport_error_text(address, err));
        return false;
    }
    char text[600];
    gl_address_text(address, text, sizeof text);
    door->error[0] = '\0';
    gl_info("listening for guests on %s%s%s", text, *door->listen->name ? ", which is " : "",
            door->listen->name);
    return true;
}

unsigned gl_doors_open(struct gl_daemon *daemon)
{
    unsigned open = 0;
    for (size_t i = 0; i < daemon->settings->n_listen; i++) {
        struct gl_door *door = GL_NEW0(struct gl_door);
        char text[600];
        door->daemon = daemon;
        door->listen = &daemon->settings->listen[i];
        door->dials = (struct gl_quota){.burst = DIALS_BURST, .every_ms = DIALS_EVERY_MS};
        door->log_quota = (struct gl_quota){.burst = GL_LINES_BURST, .every_ms = GL_LINES_EVERY_MS};
        gl_list_append(&daemon->doors, &door->node);
        set_options(door);
        bool is_open = door_open(door);
        door->options.at_once = true; /* from now on guests are served meanwhile */
        if (is_open) {
            open++;
            continue;
        }
        gl_address_text(&door->listen->address, text, sizeof text);
        gl_error("cannot listen on %s: %s", text, door->error);
    }
    return open;
}

void gl_doors_retry(struct gl_daemon *daemon)
{
    GL_LIST_FOREACH (node, &daemon->doors)
        if (!DOOR_OF(node)->listener)
            door_open(DOOR_OF(node));
}

void gl_doors_close(struct gl_daemon *daemon)
{
    GL_LIST_FOREACH (node, &daemon->doors) {
        struct gl_door *door = DOOR_OF(node);
        if (door->listener)
            gl_listener_close(door->listener, NULL, NULL);
        door->listener = NULL;
    }
    gl_admission_cancel_all(daemon, NULL);
}

void gl_doors_free(struct gl_daemon *daemon)
{
    GL_LIST_FOREACH_SAFE (node, &daemon->doors)
        gl_free(DOOR_OF(node));
    gl_list_init(&daemon->doors);
}
