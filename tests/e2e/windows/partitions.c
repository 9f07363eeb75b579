/* SPDX-License-Identifier: MIT */
#include "partitions.h"

#include <winsock2.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[1024];

/* The VmId of the host, in this world. */
static const struct gl_guid host_vm = {{0x10, 0x57, 0x10, 0x57, 0x10, 0x57, 0x40, 0x57, 0x80, 0x57,
                                        0x10, 0x57, 0x10, 0x57, 0x10, 0x57}};

bool gl_partitions_open(void)
{
    DWORD n = GetEnvironmentVariableA("GL_HYPERV_DIR", folder, sizeof(folder));
    return n > 0 && n < sizeof(folder);
}

static HANDLE make_file(const char *path, const char *content, DWORD disposition, DWORD flags)
{
    DWORD n;
    HANDLE file = CreateFileA(path, GENERIC_WRITE | DELETE,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              disposition, flags, NULL);
    if (file != INVALID_HANDLE_VALUE)
        WriteFile(file, content, (DWORD)strlen(content), &n, NULL);
    return file;
}

static bool read_file(const char *path, char *out, DWORD size)
{
    DWORD n = 0;
    HANDLE file =
        CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    bool ok = ReadFile(file, out, size - 1, &n, NULL);
    out[n] = '\0';
    CloseHandle(file);
    return ok;
}

static const char *text_of(const struct gl_guid *guid, char *buf)
{
    return gl_guid_format(guid, buf);
}

/* Whether the partition runs, and whose child it is. */
static bool find_partition(const struct gl_guid *vm, struct gl_partition *ret)
{
    char pattern[1200], path[1600], text[GL_GUID_TEXT_SIZE], content[64];
    WIN32_FIND_DATAA found;
    snprintf(pattern, sizeof(pattern), "%s\\vm-%s-*", folder, text_of(vm, text));
    HANDLE search = FindFirstFileA(pattern, &found);
    if (search == INVALID_HANDLE_VALUE)
        return false;
    FindClose(search);
    snprintf(path, sizeof(path), "%s\\%s", folder, found.cFileName);
    ret->vm = *vm;
    ret->parent = gl_guid_zero;
    if (read_file(path, content, sizeof(content)))
        gl_guid_parse(content, &ret->parent);
    return true;
}

struct gl_partition gl_partition_become(const char *vmid, const char *parent)
{
    char path[1200], text[GL_GUID_TEXT_SIZE], parent_text[GL_GUID_TEXT_SIZE];
    struct gl_partition p = {host_vm, gl_guid_zero};
    if (vmid && *vmid) {
        p.parent = host_vm;
        gl_guid_parse(vmid, &p.vm);
        if (parent && *parent)
            gl_guid_parse(parent, &p.parent);
    }
    snprintf(path, sizeof(path), "%s\\vm-%s-%lu", folder, text_of(&p.vm, text),
             GetCurrentProcessId());
    /* It goes with the process; a process that was several partitions stays all of them. */
    make_file(path, text_of(&p.parent, parent_text), CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE);
    return p;
}

int gl_partition_route(const struct gl_partition *me, const struct gl_guid *vm,
                       struct gl_partition *ret)
{
    bool is_host = gl_guid_is_zero(&me->parent);
    *ret = *me;
    if (gl_guid_equal(vm, &gl_guid_loopback) || gl_guid_equal(vm, &me->vm))
        return 0;
    if (gl_guid_equal(vm, &gl_guid_silohost) && is_host)
        return 0;
    if (gl_guid_equal(vm, &gl_guid_parent) || gl_guid_equal(vm, &gl_guid_silohost)) {
        if (is_host)
            return WSAEADDRNOTAVAIL;
        /* It runs, or we would not; perhaps no process of it is part of this test. */
        if (!find_partition(&me->parent, ret))
            *ret = (struct gl_partition){me->parent, gl_guid_zero};
        return 0;
    }
    if (gl_guid_is_zero(vm) || gl_guid_equal(vm, &gl_guid_broadcast) ||
        gl_guid_equal(vm, &gl_guid_children))
        return WSAEADDRNOTAVAIL;
    if (!find_partition(vm, ret) || !gl_guid_equal(&ret->parent, &me->vm))
        return WSAENETUNREACH;
    return 0;
}

/* Whether a listener of `there` that is bound to `bound` takes who comes from `me`. */
static bool takes(const struct gl_partition *there, const struct gl_guid *bound,
                  const struct gl_partition *me)
{
    if (gl_guid_is_zero(bound))
        return true;
    if (gl_guid_equal(bound, &gl_guid_children))
        return gl_guid_equal(&me->parent, &there->vm);
    if (gl_guid_equal(bound, &gl_guid_parent))
        return gl_guid_equal(&there->parent, &me->vm);
    if (gl_guid_equal(bound, &gl_guid_loopback))
        return gl_guid_equal(&there->vm, &me->vm);
    return gl_guid_equal(bound, &me->vm);
}

unsigned short gl_partition_find_listener(const struct gl_partition *there,
                                          const struct gl_guid *service,
                                          const struct gl_partition *me)
{
    char pattern[1300], path[1600], s[GL_GUID_TEXT_SIZE], v[GL_GUID_TEXT_SIZE], content[64];
    WIN32_FIND_DATAA found;
    unsigned short port = 0;
    snprintf(pattern, sizeof(pattern), "%s\\listen-%s-%s-*", folder, text_of(service, s),
             text_of(&there->vm, v));
    HANDLE search = FindFirstFileA(pattern, &found);
    if (search == INVALID_HANDLE_VALUE)
        return 0;
    do {
        struct gl_guid bound;
        size_t len = strlen(found.cFileName);
        if (len < GL_GUID_TEXT_SIZE ||
            gl_guid_parse(found.cFileName + len - (GL_GUID_TEXT_SIZE - 1), &bound) != 0 ||
            !takes(there, &bound, me))
            continue;
        snprintf(path, sizeof(path), "%s\\%s", folder, found.cFileName);
        /* The more particular one, if there are two. */
        if (read_file(path, content, sizeof(content)) && (!port || !gl_guid_is_zero(&bound)))
            port = (unsigned short)atoi(content);
    } while (FindNextFileA(search, &found));
    FindClose(search);
    return port;
}

HANDLE gl_partition_listen(const struct gl_partition *me, const struct gl_guid *service,
                           const struct gl_guid *bound, unsigned short port)
{
    char path[1400], content[16], a[GL_GUID_TEXT_SIZE], b[GL_GUID_TEXT_SIZE], c[GL_GUID_TEXT_SIZE];
    snprintf(path, sizeof(path), "%s\\listen-%s-%s-%s", folder, text_of(service, a),
             text_of(&me->vm, b), text_of(bound, c));
    snprintf(content, sizeof(content), "%u", port);
    return make_file(path, content, CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE);
}

bool gl_partition_is_silent(const struct gl_guid *service)
{
    char path[1200], s[GL_GUID_TEXT_SIZE];
    snprintf(path, sizeof(path), "%s\\silent-%s", folder, text_of(service, s));
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

void gl_partition_announce(const struct gl_partition *me, unsigned short port)
{
    char path[1200], content[2 * GL_GUID_TEXT_SIZE + 2], v[GL_GUID_TEXT_SIZE], p[GL_GUID_TEXT_SIZE];
    snprintf(path, sizeof(path), "%s\\from-%u", folder, port);
    snprintf(content, sizeof(content), "%s %s", text_of(&me->vm, v), text_of(&me->parent, p));
    HANDLE file = make_file(path, content, CREATE_ALWAYS, 0);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
}

struct gl_guid gl_partition_seen_from(const struct gl_partition *me, unsigned short port)
{
    char path[1200], content[2 * GL_GUID_TEXT_SIZE + 2];
    struct gl_guid vm = gl_guid_zero;
    snprintf(path, sizeof(path), "%s\\from-%u", folder, port);
    if (read_file(path, content, sizeof(content))) {
        content[GL_GUID_TEXT_SIZE - 1] = '\0';
        gl_guid_parse(content, &vm);
    }
    if (gl_guid_equal(&vm, &me->vm))
        return gl_guid_loopback;
    return gl_guid_equal(&vm, &me->parent) ? gl_guid_parent : vm;
}
