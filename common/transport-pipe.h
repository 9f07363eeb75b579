/* SPDX-License-Identifier: MIT */
/* Between the two halves of the named pipes. Windows only. */
#ifndef GL_TRANSPORT_PIPE_H
#define GL_TRANSPORT_PIPE_H

#include "transport-impl.h"

gl_transport_listen_fn gl_pipe_listen;

#endif
