/* SPDX-License-Identifier: MIT */
#include "windows/smbios.h"

#include <string.h>

#include "guid.h"

/* struct RawSMBIOSData: calling method, major, minor, DMI revision, length (4 bytes), table. */
#define RAW_MAJOR  1
#define RAW_MINOR  2
#define RAW_LENGTH 4
#define RAW_TABLE  8

/* A structure: type, length of its formatted part, handle (2 bytes); then its texts, each ended by
 * NUL, and another NUL; two if there are none. */
#define HEADER     4
#define TYPE_SYS   1
#define TYPE_END   127
#define UUID_AT    8
#define UUID_SIZE  16
#define MIXED_FROM 0x0206 /* since 2.6 the first three fields are little-endian, DSP0134 7.2.1 */

static const uint8_t *next_structure(const uint8_t *at, const uint8_t *end)
{
    for (const uint8_t *p = at + at[1]; p + 1 < end; p++)
        if (p[0] == 0 && p[1] == 0)
            return p + 2;
    return end;
}

static const uint8_t *find_structure(const uint8_t *at, const uint8_t *end, uint8_t type)
{
    while (end - at >= HEADER && at[1] >= HEADER && at[1] <= end - at) {
        if (at[0] == type)
            return at;
        if (at[0] == TYPE_END)
            break;
        at = next_structure(at, end);
    }
    return NULL;
}

bool gl_smbios_uuid(const uint8_t *raw, size_t size, uint8_t ret_uuid[16])
{
    if (size < RAW_TABLE)
        return false;
    uint32_t length = (uint32_t)raw[RAW_LENGTH] | (uint32_t)raw[RAW_LENGTH + 1] << 8 |
                      (uint32_t)raw[RAW_LENGTH + 2] << 16 | (uint32_t)raw[RAW_LENGTH + 3] << 24;
    if (length > size - RAW_TABLE)
        length = (uint32_t)(size - RAW_TABLE);
    const uint8_t *table = raw + RAW_TABLE;
    const uint8_t *found = find_structure(table, table + length, TYPE_SYS);
    if (!found || found[1] < UUID_AT + UUID_SIZE)
        return false;
    struct gl_guid guid;
    if ((raw[RAW_MAJOR] << 8 | raw[RAW_MINOR]) >= MIXED_FROM)
        gl_guid_from_windows(found + UUID_AT, &guid);
    else
        memcpy(guid.bytes, found + UUID_AT, UUID_SIZE);
    if (gl_guid_is_zero(&guid) || gl_guid_equal(&guid, &gl_guid_broadcast))
        return false;
    memcpy(ret_uuid, guid.bytes, UUID_SIZE);
    return true;
}
