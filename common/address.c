/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "mem.h"

static const char *const why_kind =
    "expected vsock:CID:PORT, hvsock:VMID:SERVICE, unix:PATH or pipe:NAME";
static const char *const why_cid = "expected a CID: a number, or any, local, host";
static const char *const why_port = "expected a port from 1 to 4294967294";
static const char *const why_vsock = "expected vsock:CID:PORT";
static const char *const why_hvsock = "expected hvsock:VMID:SERVICE";
static const char *const why_vm =
    "expected a VMID: a GUID, or any, children, parent, loopback, broadcast, silohost";
static const char *const why_service = "expected a SERVICE: a GUID, or a port from 1 to 2147483647";
static const char *const why_path = "expected a path after unix:";
static const char *const why_name = "expected the name of a pipe, without \\\\.\\pipe\\";
static const char *const why_long = "the address is too long";
static const char *const why_escape = "a backslash stands before a comma or a backslash only";
static const char *const why_options = "options after a comma are not allowed here";

static const struct {
    const char *name;
    uint32_t cid;
} cid_names[] = {{"any", GL_CID_ANY}, {"local", GL_CID_LOCAL}, {"host", GL_CID_HOST}};

static const struct {
    const char *name;
    const struct gl_guid *vm;
} vm_names[] = {
    {"any", &gl_guid_zero},
    {"children", &gl_guid_children},
    {"parent", &gl_guid_parent},
    {"loopback", &gl_guid_loopback},
    {"broadcast", &gl_guid_broadcast},
    {"silohost", &gl_guid_silohost},
};

/* Decimal digits and nothing else. */
static bool parse_u32(const char *text, uint32_t *ret_value)
{
    uint64_t value = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > UINT32_MAX)
            return false;
    }
    *ret_value = (uint32_t)value;
    return true;
}

static bool parse_cid(const char *text, uint32_t *ret_cid)
{
    for (size_t i = 0; i < GL_ARRAY_SIZE(cid_names); i++)
        if (strcmp(text, cid_names[i].name) == 0) {
            *ret_cid = cid_names[i].cid;
            return true;
        }
    return parse_u32(text, ret_cid);
}

static bool parse_vm(const char *text, struct gl_guid *ret_vm)
{
    for (size_t i = 0; i < GL_ARRAY_SIZE(vm_names); i++)
        if (strcmp(text, vm_names[i].name) == 0) {
            *ret_vm = *vm_names[i].vm;
            return true;
        }
    return gl_guid_parse(text, ret_vm) == 0;
}

static bool parse_service(const char *text, struct gl_guid *ret_service)
{
    uint32_t port;
    if (parse_u32(text, &port))
        return port && gl_guid_from_port(port, ret_service) == 0;
    return gl_guid_parse(text, ret_service) == 0;
}

/* These get the text after the scheme, unescaped. NULL, or what was expected. */
static const char *parse_vsock(char *text, struct gl_address *address)
{
    char *port = strchr(text, ':');
    if (!port)
        return why_vsock;
    *port++ = '\0';
    if (!parse_cid(text, &address->cid))
        return why_cid;
    /* All ones is VMADDR_PORT_ANY; 0 is kept for 'unknown'. */
    if (!parse_u32(port, &address->port) || !address->port || address->port == UINT32_MAX)
        return why_port;
    return NULL;
}

static const char *parse_hvsock(char *text, struct gl_address *address)
{
    char *service = strchr(text, ':');
    if (!service)
        return why_hvsock;
    *service++ = '\0';
    if (!parse_vm(text, &address->vm))
        return why_vm;
    return parse_service(service, &address->service) ? NULL : why_service;
}

static const char *parse_unix(char *text, struct gl_address *address)
{
    if (!*text)
        return why_path;
    memcpy(address->path, text, strlen(text) + 1);
    return NULL;
}

static const char *parse_pipe(char *text, struct gl_address *address)
{
    if (!*text || strchr(text, '\\'))
        return why_name;
    memcpy(address->path, text, strlen(text) + 1);
    return NULL;
}

/* By enum gl_address_kind. */
static const struct {
    const char *scheme;
    const char *(*parse)(char *text, struct gl_address *address);
} kinds[] = {
    [GL_ADDRESS_VSOCK] = {"vsock:", parse_vsock},
    [GL_ADDRESS_HVSOCK] = {"hvsock:", parse_hvsock},
    [GL_ADDRESS_UNIX] = {"unix:", parse_unix},
    [GL_ADDRESS_PIPE] = {"pipe:", parse_pipe},
};

/* Copies up to the first unescaped comma, or the end, and moves *text there. */
static const char *unescape(const char **text, char *out, size_t size)
{
    const char *in = *text;
    size_t len = 0;
    for (; *in && *in != ','; in++) {
        if (*in == '\\') {
            in++;
            if (*in != ',' && *in != '\\')
                return why_escape;
        }
        if (len + 1 >= size)
            return why_long;
        out[len++] = *in;
    }
    out[len] = '\0';
    *text = in;
    return NULL;
}

static const char *parse(const char *text, struct gl_address *address, const char **ret_rest)
{
    char body[sizeof(address->path)];
    size_t kind = 0;
    while (strncmp(text, kinds[kind].scheme, strlen(kinds[kind].scheme)) != 0)
        if (++kind == GL_ARRAY_SIZE(kinds))
            return why_kind;
    address->kind = (enum gl_address_kind)kind;
    text += strlen(kinds[kind].scheme);

    const char *why = unescape(&text, body, sizeof(body));
    if (!why)
        why = kinds[kind].parse(body, address);
    if (why)
        return why;
    if (*text == ',') {
        if (!ret_rest)
            return why_options;
        text++;
    }
    if (ret_rest)
        *ret_rest = text;
    return NULL;
}

int gl_address_parse(const char *text, struct gl_address *ret_address, const char **ret_rest,
                     const char **ret_why)
{
    struct gl_address address = {0};
    const char *why = parse(text, &address, ret_rest);
    if (why) {
        if (ret_why)
            *ret_why = why;
        return UV_EINVAL;
    }
    *ret_address = address;
    return 0;
}

int gl_address_parse_local(const char *text, struct gl_address *ret_address, const char **ret_why)
{
    if (strncmp(text, "unix:", 5) == 0 || strncmp(text, "pipe:", 5) == 0)
        return gl_address_parse(text, ret_address, NULL, ret_why);
    struct gl_address address = {.kind = GL_ADDRESS_UNIX};
    if (strlen(text) >= sizeof(address.path)) {
        *ret_why = "the path is too long";
        return UV_ENAMETOOLONG;
    }
    strcpy(address.path, text);
    *ret_address = address;
    return 0;
}

static int format_vsock(const struct gl_address *address, char *out, size_t size)
{
    for (size_t i = 0; i < GL_ARRAY_SIZE(cid_names); i++)
        if (address->cid == cid_names[i].cid)
            return snprintf(out, size, "vsock:%s:%u", cid_names[i].name, address->port);
    return snprintf(out, size, "vsock:%u:%u", address->cid, address->port);
}

static int format_hvsock(const struct gl_address *address, char *out, size_t size)
{
    char vm_text[GL_GUID_TEXT_SIZE], service[GL_GUID_TEXT_SIZE];
    const char *vm = NULL;
    uint32_t port;
    for (size_t i = 0; !vm && i < GL_ARRAY_SIZE(vm_names); i++)
        if (gl_guid_equal(&address->vm, vm_names[i].vm))
            vm = vm_names[i].name;
    if (!vm)
        vm = gl_guid_format(&address->vm, vm_text);
    if (gl_guid_to_port(&address->service, &port) == 0 && port)
        snprintf(service, sizeof(service), "%u", port);
    else
        gl_guid_format(&address->service, service);
    return snprintf(out, size, "hvsock:%s:%s", vm, service);
}

static int format_path(const struct gl_address *address, char *out, size_t size)
{
    char escaped[2 * sizeof(address->path)];
    size_t len = 0;
    for (const char *in = address->path; *in; in++) {
        if (*in == ',' || *in == '\\')
            escaped[len++] = '\\';
        escaped[len++] = *in;
    }
    escaped[len] = '\0';
    return snprintf(out, size, "%s%s", kinds[address->kind].scheme, escaped);
}

int gl_address_format(const struct gl_address *address, char *out, size_t size)
{
    switch (address->kind) {
    case GL_ADDRESS_VSOCK:
        return format_vsock(address, out, size);
    case GL_ADDRESS_HVSOCK:
        return format_hvsock(address, out, size);
    case GL_ADDRESS_UNIX:
    case GL_ADDRESS_PIPE:
        break;
    }
    return format_path(address, out, size);
}
