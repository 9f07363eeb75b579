/* SPDX-License-Identifier: MIT */
/* In the order that these headers want. */
#include <winsock2.h>

#include <ws2tcpip.h>

#include <iphlpapi.h>

#include <uv.h>

#undef interface /* a macro of the system, and a field of the message */

#include "mem.h"
#include "windows/info-parts.h"
#include "windows/wide.h"

#define FIRST_SIZE (16u * 1024) /* bytes, as "GetAdaptersAddresses function" recommends */
#define TRIES      4
#define FLAGS      (GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_SKIP_DNS_SERVER)

/* NULL: there are none, or it cannot be said. For gl_free(). */
static IP_ADAPTER_ADDRESSES *read_adapters(void)
{
    ULONG size = FIRST_SIZE;
    for (int i = 0; i < TRIES; i++) {
        IP_ADAPTER_ADDRESSES *all = gl_alloc0(size);
        ULONG error = GetAdaptersAddresses(AF_UNSPEC, FLAGS, NULL, all, &size);
        if (error == ERROR_SUCCESS)
            return all;
        gl_free(all);
        if (error != ERROR_BUFFER_OVERFLOW)
            return NULL;
    }
    return NULL;
}

static void set_address(Gl__Info__Address *address, const IP_ADAPTER_UNICAST_ADDRESS *unicast)
{
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr *from = unicast->Address.lpSockaddr;
    if (from->sa_family == AF_INET)
        uv_ip4_name((const struct sockaddr_in *)(const void *)from, text, sizeof(text));
    else if (from->sa_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)(const void *)from, text, sizeof(text));
    gl_info_set(&address->address, text);
    address->prefix = unicast->OnLinkPrefixLength;
}

static bool add(Gl__Info *info, const IP_ADAPTER_ADDRESSES *adapter,
                const IP_ADAPTER_UNICAST_ADDRESS *unicast)
{
    Gl__Info__Address *address = gl_info_add_address(info);
    if (!address)
        return false;
    char *name = gl_narrow_lossy(adapter->FriendlyName);
    gl_info_set(&address->interface, name);
    gl_free(name);
    address->up = adapter->OperStatus == IfOperStatusUp;
    const BYTE *m = adapter->PhysicalAddress;
    if (adapter->PhysicalAddressLength == 6 && adapter->IfType != IF_TYPE_SOFTWARE_LOOPBACK)
        address->mac =
            gl_asprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    if (unicast)
        set_address(address, unicast);
    return true;
}

void gl_info_collect_addresses(Gl__Info *info)
{
    IP_ADAPTER_ADDRESSES *all = read_adapters();
    bool room = true;
    for (const IP_ADAPTER_ADDRESSES *a = all; a && room; a = a->Next) {
        if (!a->FirstUnicastAddress)
            room = add(info, a, NULL);
        for (const IP_ADAPTER_UNICAST_ADDRESS *u = a->FirstUnicastAddress; u && room; u = u->Next)
            room = add(info, a, u);
    }
    gl_free(all);
}
