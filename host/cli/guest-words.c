/* SPDX-License-Identifier: MIT */
#include "guest-words.h"

const char *gl_guest_trust_word(const Gl__Guest *guest)
{
    switch (guest->trust) {
    case GL__TRUST_STATE__TRUST_STATE_ACCEPTED:
        return "accepted";
    case GL__TRUST_STATE__TRUST_STATE_PENDING:
        return "pending";
    case GL__TRUST_STATE__TRUST_STATE_REVOKED:
        return "revoked";
    case GL__TRUST_STATE__TRUST_STATE_MISMATCH:
        return "key mismatch";
    case GL__TRUST_STATE__TRUST_STATE_DUPLICATE:
        return "duplicate key";
    default:
        return "none";
    }
}

const char *gl_guest_state_word(const Gl__Guest *guest)
{
    switch (guest->state) {
    case GL__GUEST_STATE__GUEST_STATE_CONNECTED:
        return "connected";
    case GL__GUEST_STATE__GUEST_STATE_DETACHED:
        return "detached";
    case GL__GUEST_STATE__GUEST_STATE_NO_AGENT:
        return "no agent";
    default:
        return guest->trust == GL__TRUST_STATE__TRUST_STATE_ACCEPTED ? "gone"
                                                                     : gl_guest_trust_word(guest);
    }
}

const char *gl_guest_machine_word(const Gl__Guest *guest)
{
    switch (guest->machine) {
    case GL__MACHINE_STATE__MACHINE_STATE_RUNNING:
        return "running";
    case GL__MACHINE_STATE__MACHINE_STATE_OFF:
        return "off";
    case GL__MACHINE_STATE__MACHINE_STATE_SAVED:
        return "saved";
    case GL__MACHINE_STATE__MACHINE_STATE_PAUSED:
        return "paused";
    case GL__MACHINE_STATE__MACHINE_STATE_OTHER:
        return "changing";
    default:
        return "";
    }
}
