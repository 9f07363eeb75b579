/* SPDX-License-Identifier: MIT */
#include "info.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "linux/virt.h"
#include "mem.h"

/* ------------------------------------------------------------------ small files */

/* The next line without newline, in a buffer that getline(3) keeps; NULL at the end. */
static char *next_line(FILE *file, char **buffer, size_t *size)
{
    ssize_t n = getline(buffer, size, file);
    if (n < 0)
        return NULL;
    if (n > 0 && (*buffer)[n - 1] == '\n')
        (*buffer)[n - 1] = '\0';
    return *buffer;
}

/* What follows `key` in the line, after blanks and a colon; NULL if the line is another's. */
static const char *value_of(const char *line, const char *key)
{
    size_t len = strlen(key);
    if (strncmp(line, key, len) != 0)
        return NULL;
    line += len;
    size_t blanks = strspn(line, " \t");
    if (line[blanks] == ':')
        return line + blanks + 1 + strspn(line + blanks + 1, " \t");
    return blanks ? line + blanks : NULL;
}

/* ------------------------------------------------------------------ parts */

/* A value of os-release(5): as in a shell, in quotes or without, \ before what is special. In
 * place. */
static char *unquote(char *value)
{
    char quote = *value == '"' || *value == '\'' ? *value : '\0';
    char *out = value;
    for (const char *in = quote ? value + 1 : value; *in && *in != quote; in++) {
        if (*in == '\\' && quote != '\'' && in[1])
            in++;
        *out++ = *in;
    }
    *out = '\0';
    return value;
}

static void collect_release(Gl__Info *info)
{
    FILE *file = fopen("/etc/os-release", "re");
    if (!file)
        file = fopen("/usr/lib/os-release", "re");
    if (!file)
        return;
    char *buffer = NULL, *line;
    size_t size = 0;
    while ((line = next_line(file, &buffer, &size))) {
        char *equals = strchr(line, '=');
        if (!equals)
            continue;
        *equals = '\0';
        char **field = strcmp(line, "PRETTY_NAME") == 0  ? &info->os_name
                       : strcmp(line, "ID") == 0         ? &info->os_id
                       : strcmp(line, "VERSION_ID") == 0 ? &info->os_version
                                                         : NULL;
        if (field && !**field)
            gl_info_set(field, unquote(equals + 1));
    }
    free(buffer);
    fclose(file);
}

static void collect_names(Gl__Info *info)
{
    struct utsname names;
    if (uname(&names) != 0)
        return;
    gl_info_set(&info->kernel, names.release);
    gl_info_set(&info->machine, names.machine);
    gl_info_set(&info->hostname, names.nodename);
}

static void collect_memory(Gl__Info *info)
{
    FILE *file = fopen("/proc/meminfo", "re");
    if (!file)
        return;
    char *buffer = NULL;
    const char *line, *value;
    size_t size = 0;
    while ((line = next_line(file, &buffer, &size))) {
        if ((value = value_of(line, "MemTotal")))
            info->memory_total = strtoull(value, NULL, 10) * 1024;
        else if ((value = value_of(line, "MemAvailable")))
            info->memory_available = strtoull(value, NULL, 10) * 1024;
    }
    free(buffer);
    fclose(file);
}

/* The first processor's name; what follows is as long as there are processors. */
static void collect_processors(Gl__Info *info)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    info->cpus = count > 0 ? (uint32_t)count : 0;
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (!file)
        return;
    char *buffer = NULL;
    const char *line;
    size_t size = 0;
    for (int i = 0; i < 64 && !*info->cpu_model && (line = next_line(file, &buffer, &size)); i++) {
        const char *model = value_of(line, "model name");
        if (!model)
            model = value_of(line, "Model");
        gl_info_set(&info->cpu_model, model);
    }
    free(buffer);
    fclose(file);
}

static void collect_times(Gl__Info *info)
{
    struct timespec now;
    if (clock_gettime(CLOCK_BOOTTIME, &now) == 0)
        info->uptime = (uint64_t)now.tv_sec;
    FILE *file = fopen("/proc/stat", "re");
    if (!file)
        return;
    char *buffer = NULL;
    const char *line, *value;
    size_t size = 0;
    while (!info->boot_time && (line = next_line(file, &buffer, &size)))
        if ((value = value_of(line, "btime")))
            info->boot_time = strtoull(value, NULL, 10);
    free(buffer);
    fclose(file);
}

/* localtime(5): a link into a folder zoneinfo. Debian keeps the name in a file of its own as well.
 */
static void collect_timezone(Gl__Info *info)
{
    char text[256];
    ssize_t n = readlink("/etc/localtime", text, sizeof(text) - 1);
    if (n > 0) {
        text[n] = '\0';
        const char *zone = strstr(text, "/zoneinfo/");
        gl_info_set(&info->timezone, zone ? zone + strlen("/zoneinfo/") : NULL);
    }
    if (*info->timezone)
        return;
    FILE *file = fopen("/etc/timezone", "re");
    if (!file)
        return;
    if (fgets(text, sizeof(text), file)) {
        text[strcspn(text, "\n")] = '\0';
        gl_info_set(&info->timezone, text);
    }
    fclose(file);
    if (!*info->timezone)
        gl_info_set(&info->timezone, "UTC");
}

/* ------------------------------------------------------------------ network */

static unsigned count_bits(const void *data, size_t len)
{
    const unsigned char *bytes = data;
    unsigned count = 0;
    for (size_t i = 0; i < len; i++)
        count += (unsigned)__builtin_popcount(bytes[i]);
    return count;
}

static void set_mac(Gl__Info__Address *address, const struct ifaddrs *all)
{
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_PACKET ||
            strcmp(i->ifa_name, address->interface) != 0)
            continue;
        struct sockaddr_ll link;
        memcpy(&link, i->ifa_addr, sizeof(link));
        if (link.sll_halen != 6 || link.sll_hatype == ARPHRD_LOOPBACK)
            continue;
        const unsigned char *m = link.sll_addr;
        address->mac =
            gl_asprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        return;
    }
}

static void set_address(Gl__Info__Address *address, const struct ifaddrs *from)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (from->ifa_addr->sa_family == AF_INET) {
        struct sockaddr_in in, mask = {0};
        memcpy(&in, from->ifa_addr, sizeof(in));
        if (from->ifa_netmask)
            memcpy(&mask, from->ifa_netmask, sizeof(mask));
        inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
        address->prefix = count_bits(&mask.sin_addr, sizeof(mask.sin_addr));
    } else if (from->ifa_addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in, mask = {0};
        memcpy(&in, from->ifa_addr, sizeof(in));
        if (from->ifa_netmask)
            memcpy(&mask, from->ifa_netmask, sizeof(mask));
        inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text));
        address->prefix = count_bits(&mask.sin6_addr, sizeof(mask.sin6_addr));
    }
    gl_info_set(&address->address, text);
}

static bool has_address(const struct ifaddrs *all, const char *interface)
{
    for (const struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family != AF_PACKET &&
            strcmp(i->ifa_name, interface) == 0)
            return true;
    return false;
}

/* One entry an address; an interface without any has one, too. */
static void collect_addresses(Gl__Info *info)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr)
            continue;
        int family = i->ifa_addr->sa_family;
        bool bare = family == AF_PACKET && !has_address(all, i->ifa_name);
        if (family != AF_INET && family != AF_INET6 && !bare)
            continue;
        Gl__Info__Address *address = gl_info_add_address(info);
        if (!address)
            break;
        gl_info_set(&address->interface, i->ifa_name);
        address->up = (i->ifa_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
        set_address(address, i);
        set_mac(address, all);
    }
    freeifaddrs(all);
}

void gl_info_collect(Gl__Info *info)
{
    gl_info_set(&info->system, "linux");
    collect_release(info);
    collect_names(info);
    collect_memory(info);
    collect_processors(info);
    collect_times(info);
    collect_timezone(info);
    collect_addresses(info);
    gl_info_set(&info->virtualization, gl_virt_detect());
}

/* Here the kernel knows all. */
void gl_info_collect_answers(Gl__Info *info)
{
    (void)info;
}
