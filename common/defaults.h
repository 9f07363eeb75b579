/* SPDX-License-Identifier: MIT */
/*
 * Places and addresses that count where nothing else was said. Linux: chosen by configure (/etc,
 * /var/lib, /run). Windows: asked of the system when they are needed, since ProgramData may be on
 * another drive; %ProgramData% itself is not believed, as whoever starts a program sets it.
 */
#ifndef GL_DEFAULTS_H
#define GL_DEFAULTS_H

/*
 * The configuration file and the state directory of a daemon, "agent" or "hostd", for gl_free():
 * /etc/guestlink/agent.conf and /var/lib/guestlink/agent; ...\guestlink\agent.conf and
 * ...\guestlink\agent below ProgramData.
 */
char *gl_default_config(const char *daemon);
char *gl_default_state(const char *daemon);

/* Where the host daemon serves the command line: as gl_address_parse_local() takes it. */
extern const char *const gl_default_control;
/* Where the host daemon listens for agents, and where the agent connects. */
extern const char *const gl_default_listen;
extern const char *const gl_default_connect;

#endif
