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
    default:
        return guest->trust == GL__TRUST_STATE__TRUST_STATE_ACCEPTED ? "gone"
                                                                     : gl_guest_trust_word(guest);
    }
}
