/* SPDX-License-Identifier: MIT */
/* guestlink ls: the guests that the host daemon knows. */
#include <stdio.h>

#include "commands.h"
#include "guest-words.h"
#include "json.h"
#include "out.h"
#include "proto/guestlink.pb-c.h"

struct list {
    struct gl_cli *cli;
    struct gl_table *table;
    json_t *guests;
};

/* Who is connected runs, whatever was heard of his machine some seconds ago. */
static void add_state(struct gl_table *table, const Gl__Guest *guest)
{
    const char *machine = gl_guest_machine_word(guest);
    if (*machine && guest->state != GL__GUEST_STATE__GUEST_STATE_CONNECTED)
        gl_table_addf(table, "%s, %s", machine, gl_guest_state_word(guest));
    else
        gl_table_add(table, gl_guest_state_word(guest));
}

static void list_item(void *ctx, const ProtobufCMessage *item)
{
    const Gl__Guest *guest = (const Gl__Guest *)item;
    struct list *list = ctx;
    char ago[32];
    if (list->cli->json) {
        json_array_append_new(list->guests, gl_json_message(item));
        return;
    }
    gl_table_add(list->table, guest->name);
    gl_table_add(list->table, guest->id);
    add_state(list->table, guest);
    gl_table_add(list->table, gl_out_ago(guest->last_seen, ago, sizeof(ago)));
    gl_table_add(list->table, guest->software);
    gl_table_add(list->table, guest->address); /* last, since a path may be long */
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    struct gl_outcome outcome;
    Gl__Empty empty = GL__EMPTY__INIT;
    int status;
    if (gl_cli_getopt(cli, argc, argv, "", NULL, &status) == GL_CLI_EXIT)
        return status;
    if (optind < argc)
        return gl_cli_usage(cli, "no operand is expected, got '%s'", argv[optind]);
    if ((status = gl_cli_connect(cli)) != 0)
        return status;

    struct list list = {.cli = cli};
    if (cli->json) {
        list.guests = json_array();
    } else {
        static const char *const heads[] = {"NAME", "ID", "STATE", "SEEN", "AGENT", "ADDRESS"};
        list.table = gl_table_new(6);
        for (size_t i = 0; i < 6; i++)
            gl_table_add(list.table, heads[i]);
    }
    gl_client_call(cli->client, "host", "list", "", &empty, 0, &gl__guest__descriptor, list_item,
                   &list, &outcome);
    if (cli->json && outcome.status == GL_STATUS_OK)
        gl_json_print(json_pack("{s:o}", "guests", list.guests));
    else if (cli->json)
        json_decref(list.guests);
    else
        gl_table_print(list.table);
    return outcome.status == GL_STATUS_OK ? 0 : gl_cli_fail(cli, NULL, &outcome);
}

const struct gl_command gl_command_ls = {
    .name = "ls",
    .synopsis = "",
    .summary = "List the guests, whether they are connected, and when they were last seen.",
    .help =
        "STATE is connected, detached (the link broke and is awaited back), gone, or what keeps\n"
        "the guest out: pending, revoked, key mismatch, duplicate key (see 'guestlink trust ls',\n"
        "or 'guestlink doctor' for what to do). On a Hyper-V host virtual machines that no agent\n"
        "has connected from are listed too, as 'no agent'; before that, and before 'gone', is\n"
        "what the hypervisor says of the machine: running, off, saved, paused or changing.\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
