/* SPDX-License-Identifier: MIT */
/*
 * GUIDs, kept in the order in which they are written (RFC 4122, big-endian), whatever the system.
 * Windows' own GUID struct and SMBIOS 2.6+ have the first three fields little-endian: convert with
 * gl_guid_to_windows and gl_guid_from_windows.
 */
#ifndef GL_GUID_H
#define GL_GUID_H

#include <stdbool.h>
#include <stdint.h>

struct gl_guid {
    uint8_t bytes[16];
};

#define GL_GUID_TEXT_SIZE 37 /* with NUL, without braces */

/* The largest port that stands for a template GUID; net/vmw_vsock/hyperv_transport.c. */
#define GL_GUID_PORT_MAX 0x7FFFFFFFu

/*
 * 'a42e7cda-d03f-480c-9cc2-a4de20abb878' in either case, or the same in braces, and nothing before
 * or after it. 0, or UV_EINVAL.
 */
int gl_guid_parse(const char *text, struct gl_guid *ret_guid);

/* Lower case, no braces. Returns buf. */
char *gl_guid_format(const struct gl_guid *guid, char buf[GL_GUID_TEXT_SIZE]);

bool gl_guid_equal(const struct gl_guid *a, const struct gl_guid *b);
bool gl_guid_is_zero(const struct gl_guid *guid);

/* To and from the 16 bytes of a Windows GUID struct. */
void gl_guid_to_windows(const struct gl_guid *guid, uint8_t ret_bytes[16]);
void gl_guid_from_windows(const uint8_t bytes[16], struct gl_guid *ret_guid);

/*
 * A Hyper-V service GUID stands for a vsock port if it is PORT-facb-11e6-bd58-64006a7986d3 with the
 * port in hex; HV_GUID_VSOCK_TEMPLATE in Windows' hvsocket.h, srv_id_template in Linux'
 * net/vmw_vsock/hyperv_transport.c. Both: 0, or UV_EINVAL for a port over GL_GUID_PORT_MAX or a
 * GUID that does not fit the template.
 */
int gl_guid_from_port(uint32_t port, struct gl_guid *ret_guid);
int gl_guid_to_port(const struct gl_guid *guid, uint32_t *ret_port);

/* The VmIds with a meaning, from Windows' hvsocket.h, where they are called HV_GUID_*. */
extern const struct gl_guid gl_guid_zero;      /* also the wildcard: any partition */
extern const struct gl_guid gl_guid_broadcast; /* all ones */
extern const struct gl_guid gl_guid_children;  /* child partitions */
extern const struct gl_guid gl_guid_loopback;  /* this partition */
extern const struct gl_guid gl_guid_parent;    /* the parent partition */
extern const struct gl_guid gl_guid_silohost;  /* the host of a container */

#endif
