/* SPDX-License-Identifier: MIT */
#include "service-registry.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include "mem.h"
#include "windows/wide.h"

/* A key for each service, its name the GUID, with the value ElementName (REG_SZ). The guide writes
 * GUIDs without braces; Windows takes both. */
#define SERVICES                                                                                   \
    L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Virtualization\\GuestCommunicationServices"
#define ELEMENT_NAME L"ElementName"
#define KEY_CHARS    256u /* of a key's name: "Registry element size limits", learn.microsoft.com */
#define TEXT_MAX     4096u

/* What PowerShell Direct uses: HV_GUID_VM_SESSION_SERVICE_ID and HV_GUID_VM_SESSION_SERVICE_ID_2 in
 * RemoteSessionHyperVSocket.cs of PowerShell's sources. A host has them from the beginning. And
 * what containers of Windows use: WindowsGcsHvsockServiceID, WindowsSidecarGcsHvsockServiceID and
 * WindowsLoggingHvsockServiceID of Microsoft's hcsshim. */
static const char *const windows_own[] = {
    "999e53d4-3d5c-4c3e-8779-bed06ec056e1", "a5201c21-2770-4c11-a68e-f182edb29220",
    "acef5661-84a1-4e44-856b-6245e69f4620", "ae8da506-a019-4553-a52b-902bc0fa0411",
    "172dad59-976d-45f2-8b6c-6d1b13f2ac4d"};

static int error_of(LSTATUS status)
{
    return status == ERROR_SUCCESS ? 0 : uv_translate_sys_error((int)status);
}

bool gl_service_registry_is_windows(const struct gl_guid *guid)
{
    char text[GL_GUID_TEXT_SIZE];
    gl_guid_format(guid, text);
    for (size_t i = 0; i < GL_ARRAY_SIZE(windows_own); i++)
        if (strcmp(text, windows_own[i]) == 0)
            return true;
    return false;
}

/* ------------------------------------------------------------------ reading */

static LSTATUS open_services(REGSAM access, HKEY *ret_key)
{
    return RegOpenKeyExW(HKEY_LOCAL_MACHINE, SERVICES, 0, access | KEY_WOW64_64KEY, ret_key);
}

/* For gl_free(); "": it has none that is a text. */
static char *element_name(HKEY services, const wchar_t *key)
{
    wchar_t text[TEXT_MAX];
    DWORD size = sizeof text;
    if (RegGetValueW(services, key, ELEMENT_NAME, RRF_RT_REG_SZ, NULL, text, &size) !=
        ERROR_SUCCESS)
        return gl_strdup("");
    return gl_narrow_lossy(text);
}

static bool guid_of(const wchar_t *key, struct gl_guid *ret_guid)
{
    char *text = gl_narrow(key);
    bool is = text && gl_guid_parse(text, ret_guid) == 0;
    gl_free(text);
    return is;
}

static int by_guid(const void *a, const void *b)
{
    return memcmp(&((const struct gl_registered *)a)->guid,
                  &((const struct gl_registered *)b)->guid, sizeof(struct gl_guid));
}

int gl_service_registry_list(struct gl_registered **ret_items, size_t *ret_n)
{
    struct gl_registered *items = NULL;
    size_t n = 0;
    HKEY services;
    LSTATUS status = open_services(KEY_READ, &services);
    if (status == ERROR_FILE_NOT_FOUND) { /* Hyper-V is not installed */
        *ret_items = NULL;
        *ret_n = 0;
        return 0;
    }
    if (status != ERROR_SUCCESS)
        return error_of(status);
    for (DWORD i = 0; status == ERROR_SUCCESS; i++) {
        wchar_t key[KEY_CHARS];
        DWORD len = KEY_CHARS;
        struct gl_guid guid;
        status = RegEnumKeyExW(services, i, key, &len, NULL, NULL, NULL, NULL);
        if (status != ERROR_SUCCESS || !guid_of(key, &guid))
            continue;
        items = gl_realloc_array(items, n + 1, sizeof *items);
        items[n++] = (struct gl_registered){guid, element_name(services, key)};
    }
    RegCloseKey(services);
    if (status != ERROR_NO_MORE_ITEMS) {
        gl_service_registry_free(items, n);
        return error_of(status);
    }
    if (n > 0)
        qsort(items, n, sizeof *items, by_guid);
    *ret_items = items;
    *ret_n = n;
    return 0;
}

void gl_service_registry_free(struct gl_registered *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gl_free(items[i].name);
    gl_free(items);
}

/* ------------------------------------------------------------------ changing */

/* Under which of the two ways to write it the GUID is there. False: under none. */
static bool find(HKEY services, const struct gl_guid *guid, wchar_t out[KEY_CHARS])
{
    static const wchar_t *const forms[] = {L"%hs", L"{%hs}"};
    char text[GL_GUID_TEXT_SIZE];
    gl_guid_format(guid, text);
    for (size_t i = 0; i < GL_ARRAY_SIZE(forms); i++) {
        HKEY key;
        _snwprintf(out, KEY_CHARS, forms[i], text);
        if (RegOpenKeyExW(services, out, 0, KEY_READ | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS)
            continue;
        RegCloseKey(key);
        return true;
    }
    return false;
}

static LSTATUS set_name(HKEY services, const wchar_t *key, const wchar_t *name)
{
    HKEY service;
    LSTATUS status = RegCreateKeyExW(services, key, 0, NULL, 0, KEY_WRITE | KEY_WOW64_64KEY, NULL,
                                     &service, NULL);
    if (status != ERROR_SUCCESS)
        return status;
    status = RegSetValueExW(service, ELEMENT_NAME, 0, REG_SZ, (const BYTE *)name,
                            (DWORD)((wcslen(name) + 1) * sizeof *name));
    RegCloseKey(service);
    if (status != ERROR_SUCCESS)
        RegDeleteKeyExW(services, key, KEY_WOW64_64KEY, 0);
    return status;
}

static int add(HKEY services, const struct gl_guid *guid, const char *name)
{
    wchar_t key[KEY_CHARS];
    if (find(services, guid, key)) {
        char *present = element_name(services, key);
        bool same = strcmp(present, name) == 0;
        gl_free(present);
        return same ? 0 : UV_EEXIST;
    }
    char text[GL_GUID_TEXT_SIZE];
    _snwprintf(key, KEY_CHARS, L"%hs", gl_guid_format(guid, text));
    wchar_t *wide = gl_wide(name);
    int err = wide ? error_of(set_name(services, key, wide)) : UV_EINVAL;
    gl_free(wide);
    return err;
}

/* The key is there with Hyper-V; without it it is made, so that what is installed first works
 * later. */
int gl_service_registry_add(const struct gl_guid *guid, const char *name)
{
    HKEY services;
    if (gl_service_registry_is_windows(guid))
        return UV_EPERM;
    LSTATUS status = RegCreateKeyExW(HKEY_LOCAL_MACHINE, SERVICES, 0, NULL, 0,
                                     KEY_READ | KEY_WRITE | KEY_WOW64_64KEY, NULL, &services, NULL);
    if (status != ERROR_SUCCESS)
        return error_of(status);
    int err = add(services, guid, name);
    RegCloseKey(services);
    return err;
}

int gl_service_registry_remove(const struct gl_guid *guid)
{
    wchar_t key[KEY_CHARS];
    HKEY services;
    if (gl_service_registry_is_windows(guid))
        return UV_EPERM;
    LSTATUS status = open_services(KEY_READ | KEY_WRITE | DELETE, &services);
    if (status == ERROR_FILE_NOT_FOUND)
        return UV_ENOENT;
    if (status != ERROR_SUCCESS)
        return error_of(status);
    int err = UV_ENOENT;
    while (find(services, guid, key)) {
        err = error_of(RegDeleteTreeW(services, key));
        if (err < 0)
            break;
    }
    RegCloseKey(services);
    return err;
}
