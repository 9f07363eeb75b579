/* SPDX-License-Identifier: MIT */
#include "transport-impl.h"

const struct gl_transport_kind *gl_transport_kind(enum gl_address_kind kind)
{
    switch (kind) {
    case GL_ADDRESS_UNIX:
        return &gl_local_kind;
    case GL_ADDRESS_VSOCK:
        return &gl_vsock_kind;
    case GL_ADDRESS_HVSOCK:
    case GL_ADDRESS_PIPE:
        break;
    }
    return NULL;
}
