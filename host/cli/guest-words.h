/* SPDX-License-Identifier: MIT */
/* What is said of a guest in a word. Static texts. */
#ifndef GL_GUEST_WORDS_H
#define GL_GUEST_WORDS_H

#include "proto/guestlink.pb-c.h"

const char *gl_guest_trust_word(const Gl__Guest *guest);
/* The state of the link; of the trust, if that keeps the guest from connecting. */
const char *gl_guest_state_word(const Gl__Guest *guest);
/* What the hypervisor says of its machine; "": nothing. */
const char *gl_guest_machine_word(const Gl__Guest *guest);

#endif
