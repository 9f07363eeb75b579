/* SPDX-License-Identifier: MIT */
/* The line that shows how far a copy is, on standard error if that is a terminal. */
#ifndef GL_CLI_PROGRESS_H
#define GL_CLI_PROGRESS_H

#include <uv.h>

#include "transfer.h"

struct gl_progress;

/* Starts to show it; NULL if standard error is no terminal. The transfer must outlive it. */
struct gl_progress *gl_progress_start(uv_loop_t *loop, struct gl_transfer *transfer);
/* Takes the line away, so that something else can be printed; it comes back by itself. */
void gl_progress_clear(struct gl_progress *progress);
/* Takes it away and frees it; NULL is fine. The loop closes a handle afterwards. */
void gl_progress_stop(struct gl_progress *progress);

#endif
