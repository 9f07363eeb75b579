/* SPDX-License-Identifier: MIT */
/* The guest agent as a whole: puts the parts together, waits for signals, takes the parts apart.
 * For main() and for the main function of a Windows service. */
#ifndef GL_AGENT_PROGRAM_H
#define GL_AGENT_PROGRAM_H

/* Reads the command line and runs until it is told to stop: by a signal, or by gl_orders_give().
 * Returns the exit status. */
int gl_agent_run(int argc, char **argv);

#endif
