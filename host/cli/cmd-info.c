/* SPDX-License-Identifier: MIT */
/* guestlink info: what a guest is and has. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "escape.h"
#include "json.h"
#include "mem.h"
#include "out.h"
#include "presence.h"
#include "proto/guestlink.pb-c.h"

static void line(const char *label, const char *text)
{
    char *safe = gl_escape_dup(text);
    if (safe[0] != '\0')
        gl_out_printf("%-12s %s\n", label, safe);
    gl_free(safe);
}

static void show_system(const Gl__Info *info)
{
    char text[256], total[16], free_[16];
    line("hostname", info->hostname);
    if (strcmp(info->dns_name, info->hostname) != 0)
        line("DNS name", info->dns_name);
    line("NetBIOS name", info->netbios_name);
    line("system", info->os_name[0] != '\0' ? info->os_name : info->system);
    snprintf(text, sizeof(text), "%s (%s)", info->kernel, info->machine);
    line("kernel", text);
    line("virtual", info->virtualization);
    snprintf(text, sizeof(text), "%" PRIu32 "%s%s", info->cpus, info->cpu_model[0] ? " x " : "",
             info->cpu_model);
    line("CPUs", text);
    snprintf(text, sizeof(text), "%s, %s available",
             gl_out_size(info->memory_total, total, sizeof(total)),
             gl_out_size(info->memory_available, free_, sizeof(free_)));
    line("memory", text);
    line("uptime", gl_out_span(info->uptime, text, sizeof(text)));
    line("time zone", info->timezone);
    snprintf(text, sizeof(text), "%s, protocol %" PRIu32, info->agent_version,
             info->protocol_version);
    line("agent", text);
}

static void show_addresses(const Gl__Info *info)
{
    for (size_t i = 0; i < info->n_addresses; i++) {
        const Gl__Info__Address *a = info->addresses[i];
        bool has = a->address[0] != '\0';
        char *where =
            has ? gl_asprintf("%s/%" PRIu32 " on ", a->address, a->prefix) : gl_strdup("");
        char *text = gl_asprintf("%s%s%s%s%s%s", where, a->interface, a->mac[0] ? " " : "", a->mac,
                                 has ? "" : ", no address", a->up ? "" : ", down");
        gl_free(where);
        line(i == 0 ? "addresses" : "", text);
        gl_free(text);
    }
}

static void show_sessions(const Gl__Info *info)
{
    for (size_t i = 0; i < info->n_sessions; i++) {
        const Gl__Info__Session *s = info->sessions[i];
        char *text = gl_asprintf("%" PRIu32 " %s%s%s, %s%s", s->id, s->name, s->user[0] ? " " : "",
                                 s->user, s->state, s->console ? ", on the screen" : "");
        line(i == 0 ? "sessions" : "", text);
        gl_free(text);
    }
}

static void show_filesystems(const Gl__Info *info)
{
    if (info->n_filesystems == 0)
        return;
    gl_out_printf("\n");
    struct gl_table *table = gl_table_new(5);
    static const char *const heads[] = {"FILESYSTEM", "TYPE", "SIZE", "AVAIL", "MOUNTED ON"};
    for (size_t i = 0; i < 5; i++)
        gl_table_add(table, heads[i]);
    for (size_t i = 0; i < info->n_filesystems; i++) {
        const Gl__Info__Filesystem *fs = info->filesystems[i];
        char size[16];
        gl_table_addf(table, "%.*s", (int)fs->source.len, (const char *)fs->source.data);
        gl_table_add(table, fs->type);
        gl_table_add(table, gl_out_size(fs->total, size, sizeof(size)));
        gl_table_add(table, gl_out_size(fs->available, size, sizeof(size)));
        gl_table_addf(table, "%.*s%s", (int)fs->mount.len, (const char *)fs->mount.data,
                      fs->read_only ? " (read-only)" : "");
    }
    gl_table_print(table);
}

static void show_services(const Gl__Info *info)
{
    struct gl_table *table = gl_table_new(3);
    gl_table_add(table, "SERVICE");
    gl_table_add(table, "VERSION");
    gl_table_add(table, "METHODS");
    for (size_t i = 0; i < info->n_services; i++) {
        const Gl__ServiceInfo *service = info->services[i];
        char *methods = gl_strdup("");
        for (size_t k = 0; k < service->n_methods; k++) {
            char *more = gl_asprintf("%s%s%s", methods, k > 0 ? " " : "", service->methods[k]);
            gl_free(methods);
            methods = more;
        }
        gl_table_add(table, service->name);
        gl_table_addf(table, "%" PRIu32, service->version);
        gl_table_add(table, methods);
        gl_free(methods);
    }
    gl_out_printf("\n");
    gl_table_print(table);
}

static void show(void *ctx, const ProtobufCMessage *item)
{
    const Gl__Info *info = (const Gl__Info *)item;
    struct gl_cli *cli = ctx;
    if (cli->json) {
        gl_json_print(json_pack("{s:o}", "info", gl_json_message(item)));
        return;
    }
    show_system(info);
    show_addresses(info);
    show_sessions(info);
    show_filesystems(info);
    show_services(info);
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    struct gl_outcome outcome;
    Gl__Empty empty = GL__EMPTY__INIT;
    int status;
    if (gl_cli_getopt(cli, argc, argv, "", NULL, &status) == GL_CLI_EXIT)
        return status;
    if (optind + 1 != argc)
        return gl_cli_usage(cli, "exactly one GUEST is expected");
    if ((status = gl_cli_check_guest(cli, argv[optind])) != 0 ||
        (status = gl_cli_connect(cli)) != 0)
        return status;
    const char *guest = argv[optind];
    struct gl_presence *presence = gl_presence_new(cli, guest, "Ctrl-C to stop", NULL, NULL);
    gl_client_call(cli->client, "info", "get", guest, &empty, 0, &gl__info__descriptor, show, cli,
                   &outcome);
    gl_presence_free(presence);
    if (outcome.status != GL_STATUS_OK)
        return gl_cli_fail(cli, guest, &outcome);
    return 0;
}

const struct gl_command gl_command_info = {
    .name = "info",
    .synopsis = "GUEST",
    .summary = "Show a guest's system, addresses, memory, CPUs, filesystems and agent.",
    .help = "GUEST is a name, an id, or the beginning of one if only one guest's begins so.\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
