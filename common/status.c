/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <uv.h>

static const struct {
    const char *name;
    const char *text;
} statuses[] = {
#define GL_STATUS_X(number, name, text) [number] = {#name, text},
    GL_STATUS_MAP(GL_STATUS_X)
#undef GL_STATUS_X
};

static const struct {
    int uv_err;
    enum gl_status status;
} errnos[] = {
    {0, GL_STATUS_OK},
    {UV_ECANCELED, GL_STATUS_CANCELLED},
    {UV_EINVAL, GL_STATUS_INVALID},
    {UV_EILSEQ, GL_STATUS_INVALID},
    {UV_ECHARSET, GL_STATUS_INVALID},
    {UV_EADDRNOTAVAIL, GL_STATUS_INVALID},
    {UV_EDESTADDRREQ, GL_STATUS_INVALID},
    {UV_ENOENT, GL_STATUS_NOT_FOUND},
    {UV_ESRCH, GL_STATUS_NOT_FOUND},
    {UV_ENXIO, GL_STATUS_NOT_FOUND},
    {UV_EAI_NONAME, GL_STATUS_NOT_FOUND},
    {UV_EAI_NODATA, GL_STATUS_NOT_FOUND},
    {UV_EEXIST, GL_STATUS_EXISTS},
    {UV_EACCES, GL_STATUS_PERMISSION_DENIED},
    {UV_EPERM, GL_STATUS_PERMISSION_DENIED},
    {UV_ENOTCONN, GL_STATUS_UNAVAILABLE},
    {UV_ECONNREFUSED, GL_STATUS_UNAVAILABLE},
    {UV_EHOSTUNREACH, GL_STATUS_UNAVAILABLE},
    {UV_EHOSTDOWN, GL_STATUS_UNAVAILABLE},
    {UV_ENETUNREACH, GL_STATUS_UNAVAILABLE},
    {UV_ENETDOWN, GL_STATUS_UNAVAILABLE},
    {UV_EAI_AGAIN, GL_STATUS_UNAVAILABLE},
    {UV_EAI_FAIL, GL_STATUS_UNAVAILABLE},
    {UV_ENOSYS, GL_STATUS_UNSUPPORTED},
    {UV_ENOTSUP, GL_STATUS_UNSUPPORTED},
    {UV_ENOTTY, GL_STATUS_UNSUPPORTED},
    {UV_ENODEV, GL_STATUS_UNSUPPORTED},
    {UV_EAFNOSUPPORT, GL_STATUS_UNSUPPORTED},
    {UV_EPROTONOSUPPORT, GL_STATUS_UNSUPPORTED},
    {UV_EMFILE, GL_STATUS_LIMIT},
    {UV_ENFILE, GL_STATUS_LIMIT},
    {UV_ENOMEM, GL_STATUS_LIMIT},
    {UV_ENOBUFS, GL_STATUS_LIMIT},
    {UV_EMLINK, GL_STATUS_LIMIT},
    {UV_ETIMEDOUT, GL_STATUS_TIMED_OUT},
    {UV_EPROTO, GL_STATUS_PROTOCOL},
    {UV_ECONNRESET, GL_STATUS_LOST},
    {UV_ECONNABORTED, GL_STATUS_LOST},
    {UV_EPIPE, GL_STATUS_LOST},
    {UV_EOF, GL_STATUS_LOST},
    {UV_ENOSPC, GL_STATUS_NO_SPACE},
#ifdef EDQUOT /* libuv 1.44 passes this one on as it is */
    {-EDQUOT, GL_STATUS_NO_SPACE},
#endif
    {UV_EROFS, GL_STATUS_READ_ONLY},
    {UV_EISDIR, GL_STATUS_IS_DIRECTORY},
    {UV_ENOTDIR, GL_STATUS_NOT_DIRECTORY},
    {UV_ENOTEMPTY, GL_STATUS_NOT_EMPTY},
    {UV_ENAMETOOLONG, GL_STATUS_NAME_TOO_LONG},
    {UV_ELOOP, GL_STATUS_LOOP},
    {UV_EBUSY, GL_STATUS_BUSY},
    {UV_ETXTBSY, GL_STATUS_BUSY},
    {UV_EAGAIN, GL_STATUS_BUSY},
    {UV_EALREADY, GL_STATUS_BUSY},
    {UV_EADDRINUSE, GL_STATUS_BUSY},
    {UV_EIO, GL_STATUS_IO},
    {UV_EXDEV, GL_STATUS_CROSS_DEVICE},
    {UV_EFBIG, GL_STATUS_TOO_BIG},
    {UV_E2BIG, GL_STATUS_TOO_BIG},
    {UV_EMSGSIZE, GL_STATUS_TOO_BIG},
};

bool gl_status_valid(uint32_t status)
{
    return status < sizeof(statuses) / sizeof(statuses[0]) && statuses[status].name;
}

const char *gl_status_name(uint32_t status)
{
    return gl_status_valid(status) ? statuses[status].name : "UNKNOWN";
}

const char *gl_status_text(uint32_t status)
{
    return gl_status_valid(status) ? statuses[status].text : "unknown status of a newer peer";
}

int gl_status_parse(const char *name, enum gl_status *ret_status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (strcmp(statuses[i].name, name) == 0) {
            *ret_status = (enum gl_status)i;
            return 0;
        }
    }
    return UV_ENOENT;
}

enum gl_status gl_status_from_errno(int uv_err)
{
    for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++) {
        if (errnos[i].uv_err == uv_err)
            return errnos[i].status;
    }
    return GL_STATUS_INTERNAL;
}
