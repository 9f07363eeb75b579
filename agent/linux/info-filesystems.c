/* SPDX-License-Identifier: MIT */
#include "info.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "mem.h"

/* Pseudo file systems, images whose space means nothing, and file systems of a network. */
static const char *const skipped[] = {
    "9p2000",    "afs",     "autofs", "bdev",      "beegfs",   "binder",     "binfmt_misc",
    "bpf",       "ceph",    "cgroup", "cgroup2",   "cifs",     "coda",       "configfs",
    "cramfs",    "debugfs", "devpts", "devtmpfs",  "efivarfs", "erofs",      "fuse.gvfsd-fuse",
    "fusectl",   "gfs2",    "gpfs",   "hugetlbfs", "iso9660",  "lustre",     "mqueue",
    "ncpfs",     "nfs",     "nfs4",   "nfsd",      "nsfs",     "ocfs2",      "overlay",
    "pipefs",    "proc",    "pstore", "ramfs",     "resctrl",  "rpc_pipefs", "securityfs",
    "selinuxfs", "smackfs", "smb3",   "smbfs",     "sockfs",   "squashfs",   "sysfs",
    "tmpfs",     "tracefs", "udf",
};

/* Whatever / is, its space matters. */
static bool is_wanted(const char *type, const char *mount)
{
    if (strcmp(mount, "/") == 0)
        return strncmp(type, "nfs", 3) != 0;
    if (strncmp(type, "fuse", 4) == 0 && strcmp(type, "fuseblk") != 0)
        return false;
    for (size_t i = 0; i < GL_ARRAY_SIZE(skipped); i++)
        if (strcmp(type, skipped[i]) == 0)
            return false;
    return true;
}

/* Blanks, newlines and backslashes are \ooo in /proc/self/mountinfo (fs/proc_namespace.c,
 * mangle()). In place. */
static char *decode(char *text)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
            in[3] >= '0' && in[3] <= '7') {
            *out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
            in += 3;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
    return text;
}

struct mount {
    char *device, *mount, *type, *source;
    bool read_only;
};

/*
 * One line of mountinfo, proc(5): id, parent, device, root, mount, options, optional fields, "-",
 * type, source, super options. In place.
 */
static bool parse_mount(char *line, struct mount *ret_mount)
{
    char *rest = line, *field[6];
    for (size_t i = 0; i < GL_ARRAY_SIZE(field); i++)
        if (!(field[i] = strsep(&rest, " ")))
            return false;
    char *optional;
    do
        optional = strsep(&rest, " ");
    while (optional && strcmp(optional, "-") != 0);
    char *type = strsep(&rest, " "), *source = strsep(&rest, " ");
    if (!type || !source)
        return false;
    ret_mount->device = field[2];
    ret_mount->mount = decode(field[4]);
    ret_mount->read_only = strncmp(field[5], "ro", 2) == 0 && (!field[5][2] || field[5][2] == ',');
    ret_mount->type = type;
    ret_mount->source = decode(source);
    return true;
}

static ProtobufCBinaryData copy_bytes(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), gl_memdup(text, strlen(text))};
}

static void add_mount(Gl__Info *info, const struct mount *mount)
{
    struct statvfs st;
    if (statvfs(mount->mount, &st) != 0 || st.f_blocks == 0)
        return;
    Gl__Info__Filesystem *fs = gl_info_add_filesystem(info);
    if (!fs)
        return;
    fs->mount = copy_bytes(mount->mount);
    fs->source = copy_bytes(mount->source);
    gl_info_set(&fs->type, mount->type);
    fs->total = (uint64_t)st.f_blocks * st.f_frsize;
    fs->free = (uint64_t)st.f_bfree * st.f_frsize;
    fs->available = (uint64_t)st.f_bavail * st.f_frsize;
    fs->read_only = mount->read_only;
}

/* A device that is mounted at many places (bind mounts) counts once, at the first. */
struct seen {
    char **devices;
    size_t count;
};

static bool is_new(struct seen *seen, const char *device)
{
    for (size_t i = 0; i < seen->count; i++)
        if (strcmp(seen->devices[i], device) == 0)
            return false;
    seen->devices = gl_realloc_array(seen->devices, seen->count + 1, sizeof(*seen->devices));
    seen->devices[seen->count++] = gl_strdup(device);
    return true;
}

void gl_info_collect_filesystems(Gl__Info *info)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return;
    struct seen seen = {NULL, 0};
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, file)) > 0 && info->n_filesystems < GL_INFO_FILESYSTEMS_MAX) {
        struct mount mount;
        line[strcspn(line, "\n")] = '\0';
        if (parse_mount(line, &mount) && is_wanted(mount.type, mount.mount) &&
            is_new(&seen, mount.device))
            add_mount(info, &mount);
    }
    free(line);
    fclose(file);
    for (size_t i = 0; i < seen.count; i++)
        gl_free(seen.devices[i]);
    gl_free(seen.devices);
}
