/* SPDX-License-Identifier: MIT */
/* The configuration is read again while the daemon runs (SIGHUP). */
#ifndef GL_RELOAD_H
#define GL_RELOAD_H

#include "daemon.h"

/*
 * Takes the rules, trust, log-level, resume-time, allow-loopback and privileged-ports from the
 * file, for whoever asks, connects or logs from now on; says so in one line, with the changed
 * settings that wait for a restart. A file that is wrong changes nothing, and one line says that:
 * what was allowed and denied before is so still. daemon->config_error keeps why until a file is
 * taken.
 */
void gl_reload(struct gl_daemon *daemon);

#endif
