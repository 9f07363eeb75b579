/* SPDX-License-Identifier: MIT */
/* Has a process that was made suspended load fake-hyperv.dll before anything of it runs. */
#ifndef GL_INJECT_H
#define GL_INJECT_H

#include <stdbool.h>
#include <windows.h>

/* False, with GetLastError(): the process should not be let run. */
static inline bool gl_inject(HANDLE process, const wchar_t *dll)
{
    SIZE_T size = (wcslen(dll) + 1) * sizeof(*dll);
    DWORD loaded = 0;
    void *path = VirtualAllocEx(process, NULL, size, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    if (!path || !WriteProcessMemory(process, path, dll, size, NULL))
        return false;
    /* kernel32 is where it is here in all processes of a session. */
    LPTHREAD_START_ROUTINE load = (LPTHREAD_START_ROUTINE)(void *)GetProcAddress(
        GetModuleHandleW(L"kernel32"), "LoadLibraryW");
    HANDLE thread = CreateRemoteThread(process, NULL, 0, load, path, 0, NULL);
    if (!thread)
        return false;
    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &loaded);
    CloseHandle(thread);
    VirtualFreeEx(process, path, 0, MEM_RELEASE);
    if (!loaded)
        SetLastError(ERROR_MOD_NOT_FOUND);
    return loaded != 0;
}

#endif
