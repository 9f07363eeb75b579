/* SPDX-License-Identifier: MIT */
/* guestlink trust: which guests' keys are accepted, and the site that hosts and guests belong to.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "escape.h"
#include "file-io.h"
#include "guest-words.h"
#include "json.h"
#include "mem.h"
#include "out.h"
#include "private-file.h"
#include "proto/guestlink.pb-c.h"
#include "terminal.h"

#define STDIN  0
#define STDOUT 1

#define FORCE_GOES "--force goes with trust site init and trust site join"

#define BUNDLE_MAX (64u * 1024) /* bytes of an exported site */

/* ------------------------------------------------------------------ guests' keys */

struct trust_list {
    struct gl_cli *cli;
    struct gl_table *table;
    json_t *guests;
};

static void list_item(void *ctx, const ProtobufCMessage *item)
{
    const Gl__Guest *guest = (const Gl__Guest *)item;
    struct trust_list *list = ctx;
    if (list->cli->json) {
        json_array_append_new(list->guests, gl_json_message(item));
        return;
    }
    gl_table_add(list->table, guest->name);
    gl_table_add(list->table, gl_guest_trust_word(guest));
    gl_table_add(list->table, guest->fingerprint);
    gl_table_add(list->table, guest->offered);
    gl_table_add(list->table, guest->reason);
}

static int trust_ls(struct gl_cli *cli, int argc, char **argv)
{
    static const char *const heads[] = {"NAME", "TRUST", "KEY", "OFFERED", "REASON"};
    struct trust_list list = {.cli = cli};
    Gl__Empty empty = GL__EMPTY__INIT;
    struct gl_outcome outcome;
    (void)argv;
    if (argc != 0)
        return gl_cli_usage(cli, "trust ls takes no operand");
    int status = gl_cli_connect(cli);
    if (status != 0)
        return status;
    if (cli->json) {
        list.guests = json_array();
    } else {
        list.table = gl_table_new(GL_ARRAY_SIZE(heads));
        for (size_t i = 0; i < GL_ARRAY_SIZE(heads); i++)
            gl_table_add(list.table, heads[i]);
    }
    gl_client_call(cli->client, "trust", "list", "", &empty, 0, &gl__guest__descriptor, list_item,
                   &list, &outcome);
    if (cli->json && outcome.status == GL_STATUS_OK)
        gl_json_print(json_pack("{s:o}", "guests", list.guests));
    else if (cli->json)
        json_decref(list.guests);
    else
        gl_table_print(list.table);
    return outcome.status == GL_STATUS_OK ? 0 : gl_cli_fail(cli, NULL, &outcome);
}

static void show_guest(void *ctx, const ProtobufCMessage *item)
{
    const Gl__Guest *guest = (const Gl__Guest *)item;
    struct gl_cli *cli = ctx;
    if (cli->json) {
        gl_json_print(json_pack("{s:o}", "guest", gl_json_message(item)));
        return;
    }
    char *name = gl_escape_dup(guest->name);
    gl_out_printf("%s: %s, key %s\n", name, gl_guest_trust_word(guest), guest->fingerprint);
    gl_free(name);
}

static int trust_change(struct gl_cli *cli, const char *method, int argc, char **argv)
{
    Gl__GuestRef request = GL__GUEST_REF__INIT;
    struct gl_outcome outcome;
    if (argc != 1)
        return gl_cli_usage(cli, "trust %s wants exactly one GUEST", method);
    int status = gl_cli_connect(cli);
    if (status != 0)
        return status;
    request.guest = argv[0];
    if (gl_client_call(cli->client, "trust", method, "", &request, 0, &gl__guest__descriptor,
                       show_guest, cli, &outcome) != GL_STATUS_OK)
        return gl_cli_fail(cli, argv[0], &outcome);
    return 0;
}

static int trust_accept(struct gl_cli *cli, int argc, char **argv)
{
    return trust_change(cli, "accept", argc, argv);
}

static int trust_revoke(struct gl_cli *cli, int argc, char **argv)
{
    return trust_change(cli, "revoke", argc, argv);
}

/* ------------------------------------------------------------------ the site */

static void show_site(void *ctx, const ProtobufCMessage *item)
{
    const Gl__Site *site = (const Gl__Site *)item;
    struct gl_cli *cli = ctx;
    if (cli->json) {
        gl_json_print(json_pack("{s:o}", "site", gl_json_message(item)));
        return;
    }
    char *name = gl_escape_dup(site->name);
    char *host = gl_escape_dup(site->host_name);
    gl_out_printf("site  %s, key %s\nhost  %s, key %s\n", name, site->fingerprint, host,
                  site->host_fingerprint);
    if (site->key_changed)
        gl_out_printf(
            "The site's key is another one than before: connected guests learn it now, others "
            "when they\nnext connect to this host. Until then they refuse the other hosts of "
            "the site.\n"
            "Guests with host-trust = site or a site-key in agent.conf refuse this host from now "
            "on, until they\nare given the new site; what runs in them is lost. To go back, stop "
            "the daemon and rename\nsite.key.old in its state directory to site.key.\n");
    gl_free(name);
    gl_free(host);
}

static int site_call(struct gl_cli *cli, const char *method, const void *request, unsigned flags)
{
    struct gl_outcome outcome;
    int status = gl_cli_connect(cli);
    if (status != 0)
        return status;
    if (gl_client_call(cli->client, "trust", method, "", request, flags, &gl__site__descriptor,
                       show_site, cli, &outcome) != GL_STATUS_OK)
        return gl_cli_fail(cli, NULL, &outcome);
    return 0;
}

static int site_show(struct gl_cli *cli)
{
    Gl__Empty empty = GL__EMPTY__INIT;
    return site_call(cli, "site", &empty, 0);
}

static int site_init(struct gl_cli *cli, int argc, char **argv, bool force)
{
    Gl__SiteInit request = GL__SITE_INIT__INIT;
    if (argc > 1)
        return gl_cli_usage(cli, "trust site init takes one NAME");
    if (argc == 0 || argv[0][0] == '\0') /* with --force, too: it replaces the site's key */
        return gl_cli_usage(cli,
                            "trust site init wants a NAME for the site; 'trust site' shows the "
                            "present one");
    request.name = argv[0];
    request.force = force;
    return site_call(cli, "site_init", &request, 0);
}

struct export_file {
    struct gl_cli *cli;
    const char *path; /* "-": standard output */
    int error;
};

static int sync_and_close(uv_file fd)
{
    int err = gl_io_sync(fd);
    int closed = gl_io_close(fd);
    return err < 0 ? err : closed;
}

/* The bundle has the site's secret key: the file is the caller's alone from the first moment. */
static void export_write(void *ctx, const ProtobufCMessage *item)
{
    const Gl__SiteBundle *bundle = (const Gl__SiteBundle *)item;
    struct export_file *file = ctx;
    bool named = strcmp(file->path, "-") != 0;
    uv_file fd = named ? gl_private_file_create(file->path) : STDOUT;
    if (fd < 0) {
        file->error = fd;
        return;
    }
    file->error = gl_io_write(fd, bundle->bundle.data, bundle->bundle.len);
    int err = named ? sync_and_close(fd) : 0;
    if (file->error == 0)
        file->error = err;
}

static int site_export(struct gl_cli *cli, int argc, char **argv)
{
    Gl__SiteExport request = GL__SITE_EXPORT__INIT;
    struct gl_outcome outcome;
    if (argc > 1)
        return gl_cli_usage(cli, "trust site export takes at most one FILE");
    struct export_file file = {.cli = cli, .path = argc == 1 ? argv[0] : "-"};
    if (strcmp(file.path, "-") == 0 && gl_terminal_is(STDOUT))
        return gl_cli_usage(cli, "the bundle holds the site's secret key: name a FILE, or redirect "
                                 "standard output");
    int status = gl_cli_connect(cli);
    if (status != 0)
        return status;
    if (gl_client_call(cli->client, "trust", "site_export", "", &request, 0,
                       &gl__site_bundle__descriptor, export_write, &file, &outcome) != GL_STATUS_OK)
        return gl_cli_fail(cli, NULL, &outcome);
    if (file.error != 0)
        return gl_cli_error(cli, NULL, gl_status_from_errno(file.error), "cannot write %s: %s",
                            file.path, uv_strerror(file.error));
    return 0;
}

static int site_join(struct gl_cli *cli, int argc, char **argv, bool force)
{
    Gl__SiteJoin request = GL__SITE_JOIN__INIT;
    if (argc != 1)
        return gl_cli_usage(cli, "trust site join wants the FILE that 'trust site export' wrote");
    bool named = strcmp(argv[0], "-") != 0;
    uv_file in = named ? gl_io_open(argv[0], UV_FS_O_RDONLY) : STDIN;
    if (in < 0)
        return gl_cli_error(cli, NULL, gl_status_from_errno(in), "cannot read %s: %s", argv[0],
                            uv_strerror(in));
    uint8_t *bundle = gl_alloc(BUNDLE_MAX + 1);
    size_t len = 0;
    int status, err = gl_io_read(in, bundle, BUNDLE_MAX + 1, &len);
    if (named)
        gl_io_close(in);
    if (err < 0 || len > BUNDLE_MAX) {
        status =
            gl_cli_error(cli, NULL, GL_STATUS_INVALID, "%s cannot be read or is too big", argv[0]);
    } else {
        request.bundle = (ProtobufCBinaryData){len, bundle};
        request.force = force;
        status = site_call(cli, "site_join", &request, GL_FLAG_SECRET);
    }
    gl_secure_free(bundle, BUNDLE_MAX + 1);
    return status;
}

static int trust_site(struct gl_cli *cli, int argc, char **argv, bool force)
{
    if (argc == 0)
        return site_show(cli);
    if (strcmp(argv[0], "init") == 0)
        return site_init(cli, argc - 1, argv + 1, force);
    if (strcmp(argv[0], "join") == 0)
        return site_join(cli, argc - 1, argv + 1, force);
    if (force)
        return gl_cli_usage(cli, FORCE_GOES);
    if (strcmp(argv[0], "export") == 0)
        return site_export(cli, argc - 1, argv + 1);
    return gl_cli_usage(cli, "trust site has no '%s'", argv[0]);
}

static int run(struct gl_cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"force", no_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
    bool force = false;
    int option, status;
    while ((option = gl_cli_getopt(cli, argc, argv, "", longs, &status)) != -1) {
        if (option == GL_CLI_EXIT)
            return status;
        force = true;
    }
    if (optind == argc)
        return gl_cli_usage(cli, "one of ls, accept, revoke, site is expected");
    const char *verb = argv[optind];
    argc -= optind + 1;
    argv += optind + 1;
    if (strcmp(verb, "site") == 0)
        return trust_site(cli, argc, argv, force);
    if (force)
        return gl_cli_usage(cli, FORCE_GOES);
    if (strcmp(verb, "ls") == 0)
        return trust_ls(cli, argc, argv);
    if (strcmp(verb, "accept") == 0)
        return trust_accept(cli, argc, argv);
    if (strcmp(verb, "revoke") == 0)
        return trust_revoke(cli, argc, argv);
    return gl_cli_usage(cli, "trust has no '%s'", verb);
}

const struct gl_command gl_command_trust = {
    .name = "trust",
    .synopsis = "ls | accept FINGERPRINT|GUEST | revoke GUEST | site [init [--force] NAME | "
                "export [FILE] | "
                "join [--force] FILE]",
    .summary = "Show and decide which guests' keys are accepted; manage the site.",
    .help =
        "  ls               each guest's key, whether it is trusted, and why not\n"
        "  accept FINGERPRINT\n"
        "                   trust this key, which waits (KEY) or was offered (OFFERED); compare "
        "it\n"
        "                   with what the guest's agent logs at its start. KEY of a guest with "
        "an\n"
        "                   OFFERED one keeps the old key\n"
        "  accept GUEST     the same by exact name, where only one key came under it\n"
        "  revoke GUEST     keep this key out, and end its connection, until 'trust accept' takes "
        "it\n"
        "                   back; after 'guestlink forget' it is as a key that never came, "
        "and\n"
        "                   no certificate of the site lets it in here. Other hosts of the site "
        "let "
        "it\n"
        "                   in until it is revoked there too\n"
        "  site             the site that this host belongs to, and the keys\n"
        "  site init NAME   give the site that this host made for itself at its first start a "
        "name;\n"
        "                   its key stays. --force makes a new site with a new key, which guests "
        "learn\n"
        "                   as with join\n"
        "  site export FILE write the site, with its secret key, for another host to join\n"
        "  site join FILE   belong to that site from now on: its guests trust this host. Connected "
        "guests\n"
        "                   that know this host learn the site now, without an end to what runs, "
        "others\n"
        "                   when they next connect to this host; until then they refuse the site's "
        "other\n"
        "                   hosts. --force leaves a site that was named or joined before; guests "
        "that\n"
        "                   first met another host of it refuse this one then. Guests with\n"
        "                   host-trust = site or a site-key in agent.conf refuse this host from "
        "then "
        "on,\n"
        "                   until they are given the new site, and what runs in them is lost. The "
        "key\n"
        "                   that was replaced stays as site.key.old in the daemon's state "
        "directory\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
