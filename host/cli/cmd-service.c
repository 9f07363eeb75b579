/* SPDX-License-Identifier: MIT */
/* guestlink service: which services of a Hyper-V host guests may reach. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "commands.h"
#include "escape.h"
#include "json.h"
#include "mem.h"
#include "out.h"
#include "service-registry.h"
#include "utf8.h"

/* ------------------------------------------------------------------ what is shown */

/* The port that the GUID stands for, if it does. */
static bool port_of(const struct gl_guid *guid, uint32_t *ret_port)
{
    return gl_guid_to_port(guid, ret_port) == 0;
}

static const char *owner_of(const struct gl_guid *guid)
{
    return gl_service_registry_is_windows(guid) ? "windows" : "user";
}

static json_t *to_json(const struct gl_guid *guid, const char *name)
{
    char text[GL_GUID_TEXT_SIZE];
    uint32_t port;
    json_t *number = port_of(guid, &port) ? json_integer((json_int_t)port) : json_null();
    return json_pack("{s:s, s:o, s:o, s:s}", "guid", gl_guid_format(guid, text), "name",
                     gl_json_bytes(name, strlen(name)), "port", number, "owner", owner_of(guid));
}

/* ------------------------------------------------------------------ what goes wrong */

static int fail(struct gl_cli *cli, int error, const char *what)
{
    enum gl_status status = gl_status_from_errno(error);
    if (error == UV_ENOTSUP)
        return gl_cli_error(cli, NULL, GL_STATUS_UNSUPPORTED,
                            "services are registered on Windows hosts only; elsewhere a guest may "
                            "connect to any port that somebody listens on");
    if (error == UV_EACCES || error == UV_EPERM)
        return gl_cli_error(cli, NULL, GL_STATUS_DENIED,
                            "cannot %s: only an administrator may; run it from an elevated prompt "
                            "('Run as administrator')",
                            what);
    return gl_cli_error(cli, NULL, status, "cannot %s: %s", what, uv_strerror(error));
}

/* ------------------------------------------------------------------ list */

static int list(struct gl_cli *cli, int argc, char **argv)
{
    static const char *const heads[] = {"GUID", "PORT", "OWNER", "NAME"};
    struct gl_registered *items;
    size_t n;
    (void)argv;
    if (argc != 0)
        return gl_cli_usage(cli, "service list takes no operand");
    int err = gl_service_registry_list(&items, &n);
    if (err < 0)
        return fail(cli, err, "read the registry");
    json_t *all = cli->json ? json_array() : NULL;
    struct gl_table *table = cli->json ? NULL : gl_table_new(GL_ARRAY_SIZE(heads));
    for (size_t i = 0; table && i < GL_ARRAY_SIZE(heads); i++)
        gl_table_add(table, heads[i]);
    for (size_t i = 0; i < n; i++) {
        char guid[GL_GUID_TEXT_SIZE];
        uint32_t port;
        if (cli->json) {
            json_array_append_new(all, to_json(&items[i].guid, items[i].name));
            continue;
        }
        gl_table_add(table, gl_guid_format(&items[i].guid, guid));
        if (port_of(&items[i].guid, &port))
            gl_table_addf(table, "%u", (unsigned)port);
        else
            gl_table_add(table, "");
        gl_table_add(table, owner_of(&items[i].guid));
        gl_table_add(table, items[i].name);
    }
    gl_service_registry_free(items, n);
    if (cli->json)
        gl_json_print(json_pack("{s:o}", "services", all));
    else
        gl_table_print(table);
    return 0;
}

/* ------------------------------------------------------------------ register, unregister */

/* A GUID or a port. False: it is neither. */
static bool parse_service(const char *text, struct gl_guid *ret_guid)
{
    char *end;
    if (gl_guid_parse(text, ret_guid) == 0)
        return true;
    if (*text < '1' || *text > '9' || strlen(text) > 10)
        return false;
    unsigned long long port = strtoull(text, &end, 10);
    return *end == '\0' && port <= GL_GUID_PORT_MAX &&
           gl_guid_from_port((uint32_t)port, ret_guid) == 0;
}

/* Why no service is called so; NULL: one may be. What a guest connects to, or a listener binds, is
 * a VmId and a service: a VmId with a meaning (hvsocket.h) is no service. */
static const char *fault_of(const struct gl_guid *guid)
{
    static const struct gl_guid *const partitions[] = {
        &gl_guid_zero,     &gl_guid_broadcast, &gl_guid_children,
        &gl_guid_loopback, &gl_guid_parent,    &gl_guid_silohost,
    };
    struct gl_guid template = *guid, port_0;
    uint32_t port;
    for (size_t i = 0; i < GL_ARRAY_SIZE(partitions); i++)
        if (gl_guid_equal(guid, partitions[i]))
            return "Hyper-V means virtual machines by it, not a service";
    gl_guid_from_port(0, &port_0);
    memset(template.bytes, 0, 4);
    if (gl_guid_equal(&template, &port_0) && (!port_of(guid, &port) || port == 0))
        return "it is made of Hyper-V's template for ports, but has none from 1 to 2147483647";
    return NULL;
}

/* Version 4, variant 1 of RFC 4122: random. */
static struct gl_guid make_guid(void)
{
    struct gl_guid guid;
    randombytes_buf(guid.bytes, sizeof guid.bytes);
    guid.bytes[6] = (uint8_t)((guid.bytes[6] & 0x0F) | 0x40);
    guid.bytes[8] = (uint8_t)((guid.bytes[8] & 0x3F) | 0x80);
    return guid;
}

static bool is_good_name(const char *name)
{
    size_t len = strlen(name);
    char *escaped = gl_escape_dup(name);
    bool plain = strcmp(escaped, name) == 0;
    gl_free(escaped);
    return len > 0 && len <= GL_SERVICE_NAME_MAX && plain && gl_utf8_valid(name, len);
}

static int add(struct gl_cli *cli, int argc, char **argv, const char *service)
{
    struct gl_guid guid = make_guid();
    char text[GL_GUID_TEXT_SIZE];
    if (argc != 1)
        return gl_cli_usage(cli, "service register wants exactly one NAME");
    if (!is_good_name(argv[0]))
        return gl_cli_usage(cli, "a name has 1 to %u bytes of text, without control characters",
                            GL_SERVICE_NAME_MAX);
    if (service && !parse_service(service, &guid))
        return gl_cli_usage(cli, "'%s' is neither a GUID nor a port from 1 to %u", service,
                            GL_GUID_PORT_MAX);
    gl_guid_format(&guid, text);
    if (fault_of(&guid))
        return gl_cli_usage(cli, "%s cannot be a service: %s", text, fault_of(&guid));
    int err = gl_service_registry_add(&guid, argv[0]);
    if (err == UV_EPERM)
        return gl_cli_error(cli, NULL, GL_STATUS_PRECONDITION,
                            "%s is Windows' own: a service of yours needs another one", text);
    if (err == UV_EEXIST)
        return gl_cli_error(cli, NULL, GL_STATUS_EXISTS,
                            "%s is registered under another name: see 'guestlink service list'; "
                            "'guestlink service unregister %s' makes room",
                            text, text);
    if (err < 0)
        return fail(cli, err, "register a service");
    if (cli->json)
        gl_json_print(json_pack("{s:o}", "service", to_json(&guid, argv[0])));
    else
        gl_out_printf("%s\n", text);
    return 0;
}

/* As it was registered, for the answer. For gl_free(). */
static char *name_of(const struct gl_guid *guid)
{
    struct gl_registered *items;
    char *name = NULL;
    size_t n;
    if (gl_service_registry_list(&items, &n) < 0)
        return gl_strdup("");
    for (size_t i = 0; i < n; i++)
        if (!name && gl_guid_equal(&items[i].guid, guid))
            name = gl_strdup(items[i].name);
    gl_service_registry_free(items, n);
    return name ? name : gl_strdup("");
}

/* The port that guestlink-hostd listens on. */
static bool is_of_guests(const struct gl_guid *guid)
{
    uint32_t port;
    return gl_guid_to_port(guid, &port) == 0 && port == GL_DEFAULT_PORT;
}

static int drop(struct gl_cli *cli, int argc, char **argv)
{
    struct gl_guid guid;
    if (argc != 1 || !parse_service(argv[0], &guid))
        return gl_cli_usage(cli, "service unregister wants one GUID, or the port it stands for");
    if (gl_service_registry_is_windows(&guid))
        return gl_cli_error(cli, NULL, GL_STATUS_PRECONDITION, "%s is Windows' own, which needs it",
                            argv[0]);
    char *name = name_of(&guid);
    int err = gl_service_registry_remove(&guid), status = 0;
    if (err == UV_ENOENT)
        status = gl_cli_error(cli, NULL, GL_STATUS_NOT_FOUND,
                              "%s is not registered: see 'guestlink service list'", argv[0]);
    else if (err < 0)
        status = fail(cli, err, "unregister a service");
    else if (cli->json)
        gl_json_print(json_pack("{s:o}", "service", to_json(&guid, name)));
    if (!status && is_of_guests(&guid))
        gl_cli_notice(cli, NULL, "GUESTS_CUT_OFF",
                      "guests cannot connect to this host any more; 'guestlink service register "
                      "--port %u guestlink' lets them again",
                      GL_DEFAULT_PORT);
    gl_free(name);
    return status;
}

/* ------------------------------------------------------------------ the command */

static int run(struct gl_cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"guid", required_argument, NULL, 'g'},
                                          {"port", required_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    const char *service = NULL;
    int option, status;
    while ((option = gl_cli_getopt(cli, argc, argv, "", longs, &status)) != -1) {
        if (option == GL_CLI_EXIT)
            return status;
        if (service)
            return gl_cli_usage(cli, "one of --guid and --port is enough");
        if ((strchr(optarg, '-') != NULL) != (option == 'g'))
            return gl_cli_usage(cli, "'%s' is no %s", optarg, option == 'g' ? "GUID" : "port");
        service = optarg;
    }
    if (optind == argc)
        return gl_cli_usage(cli, "one of register, list, unregister is expected");
    const char *verb = argv[optind];
    argc -= optind + 1;
    argv += optind + 1;
    if (strcmp(verb, "register") == 0)
        return add(cli, argc, argv, service);
    if (service)
        return gl_cli_usage(cli, "--guid and --port go with service register");
    if (strcmp(verb, "list") == 0)
        return list(cli, argc, argv);
    if (strcmp(verb, "unregister") == 0)
        return drop(cli, argc, argv);
    return gl_cli_usage(cli, "service has no '%s'", verb);
}

const struct gl_command gl_command_service = {
    .name = "service",
    .synopsis = "register [--guid GUID | --port PORT] NAME | list | unregister GUID|PORT",
    .summary = "Say which services of a Hyper-V host guests may reach (Windows).",
    .help =
        "Hyper-V lets a guest connect to a service of this host only if the service's GUID is\n"
        "registered here. This is for services of your own; an administrator may do it.\n"
        "\n"
        "  register NAME    register a service under a name for people, and show its GUID, which\n"
        "                   is made anew without one of these:\n"
        "  --guid GUID      this one\n"
        "  --port PORT      the one that stands for a port of Linux guests' vsock\n"
        "  list             what is registered; PORT is what a GUID stands for, OWNER 'windows'\n"
        "                   is Windows' own\n"
        "  unregister GUID|PORT\n"
        "                   take it back\n",
    .failure = 1,
    .usage = 2,
    .run = run,
};
