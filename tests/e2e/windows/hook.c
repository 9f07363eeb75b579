/* SPDX-License-Identifier: MIT */
#include "hook.h"

#include <stdint.h>
#include <string.h>

static const struct gl_hook *hooks;

FARPROC gl_hook_of(const char *name)
{
    for (const struct gl_hook *hook = hooks; hook && hook->name; hook++)
        if (strcmp(hook->name, name) == 0)
            return hook->function;
    return NULL;
}

/* The exporting DLL is not looked at: none of these names is in two. */
static void patch(uint8_t *base, const IMAGE_IMPORT_DESCRIPTOR *import)
{
    IMAGE_THUNK_DATA *names =
        (IMAGE_THUNK_DATA *)(void *)(base + (import->OriginalFirstThunk ? import->OriginalFirstThunk
                                                                        : import->FirstThunk));
    IMAGE_THUNK_DATA *thunks = (IMAGE_THUNK_DATA *)(void *)(base + import->FirstThunk);
    for (; names->u1.AddressOfData; names++, thunks++) {
        DWORD old;
        if (IMAGE_SNAP_BY_ORDINAL(names->u1.Ordinal))
            continue;
        IMAGE_IMPORT_BY_NAME *by_name =
            (IMAGE_IMPORT_BY_NAME *)(void *)(base + names->u1.AddressOfData);
        FARPROC hook = gl_hook_of((char *)by_name->Name);
        if (!hook || !VirtualProtect(thunks, sizeof(*thunks), PAGE_READWRITE, &old))
            continue;
        thunks->u1.Function = (ULONG_PTR)hook;
        VirtualProtect(thunks, sizeof(*thunks), old, &old);
    }
}

void gl_hook_program(const struct gl_hook *table)
{
    hooks = table;
    uint8_t *base = (uint8_t *)GetModuleHandleW(NULL);
    IMAGE_DOS_HEADER *dos = (IMAGE_DOS_HEADER *)(void *)base;
    IMAGE_NT_HEADERS *nt = (IMAGE_NT_HEADERS *)(void *)(base + dos->e_lfanew);
    DWORD at = nt->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT].VirtualAddress;
    if (!at)
        return;
    for (IMAGE_IMPORT_DESCRIPTOR *import = (IMAGE_IMPORT_DESCRIPTOR *)(void *)(base + at);
         import->Name; import++)
        patch(base, import);
}
