/* SPDX-License-Identifier: MIT */
/* The host daemon as a whole, for main() and for the main function of a Windows service. */
#ifndef GL_HOSTD_H
#define GL_HOSTD_H

/* Reads the command line and runs until it is told to stop: by a signal, or by gl_orders_give().
 * Returns the exit status. */
int gl_hostd_run(int argc, char **argv);

#endif
