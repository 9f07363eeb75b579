/* SPDX-License-Identifier: MIT */
#include "quota.h"

#include <stddef.h>

bool gl_quota_take(struct gl_quota *quota, uint64_t now_ms, unsigned *ret_suppressed)
{
    uint64_t passed = now_ms - quota->last_ms;
    quota->last_ms = now_ms;
    quota->used_ms -= quota->used_ms < passed ? quota->used_ms : passed;
    if (quota->used_ms + quota->every_ms > (uint64_t)quota->burst * quota->every_ms) {
        if (quota->suppressed < UINT32_MAX)
            quota->suppressed++;
        return false;
    }
    quota->used_ms += quota->every_ms;
    if (ret_suppressed)
        *ret_suppressed = quota->suppressed;
    quota->suppressed = 0;
    return true;
}
