/* SPDX-License-Identifier: MIT */
#include "private-file.h"

#include <fcntl.h>
#include <io.h>
#include <windows.h>

#include "mem.h"
#include "windows/private.h"
#include "windows/wide.h"

static int create(const wchar_t *path, HANDLE *ret_handle)
{
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof attributes};
    int err = gl_private_descriptor(false, &attributes.lpSecurityDescriptor);
    if (err < 0)
        return err;
    HANDLE handle = CreateFileW(path, GENERIC_WRITE, 0, &attributes, CREATE_NEW,
                                FILE_ATTRIBUTE_NORMAL, NULL);
    if (handle == INVALID_HANDLE_VALUE)
        err = uv_translate_sys_error((int)GetLastError());
    else
        *ret_handle = handle;
    LocalFree(attributes.lpSecurityDescriptor);
    return err;
}

uv_file gl_private_file_create(const char *path)
{
    wchar_t *wide = gl_wide_path(path);
    HANDLE handle = NULL;
    int err = wide ? create(wide, &handle) : UV_EINVAL;
    gl_free(wide);
    if (err < 0)
        return err;
    int fd = _open_osfhandle((intptr_t)handle, _O_BINARY | _O_NOINHERIT);
    if (fd < 0)
        CloseHandle(handle);
    return fd < 0 ? UV_EMFILE : fd;
}
