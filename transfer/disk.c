/* SPDX-License-Identifier: MIT */
/* What of disk.h no system does in a way of its own. */
#include "disk.h"

#include "mem.h"

const char *gl_disk_kind_text(enum gl_disk_kind kind)
{
    switch (kind) {
    case GL_DISK_FILE:
        return "a file";
    case GL_DISK_DIRECTORY:
        return "a directory";
    case GL_DISK_LINK:
        return "a symbolic link";
    case GL_DISK_FIFO:
        return "a named pipe";
    case GL_DISK_SOCKET:
        return "a socket";
    case GL_DISK_DEVICE:
        return "a device";
    case GL_DISK_UNKNOWN:
        break;
    }
    return gl_disk_unknown_text;
}

void gl_disk_list_add(struct gl_disk_list *list, char *name, enum gl_disk_kind kind, uint64_t inode)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 32;
        list->entries = gl_realloc_array(list->entries, list->room, sizeof *list->entries);
    }
    list->entries[list->count++] = (struct gl_disk_entry){name, kind, inode};
}

void gl_disk_list_done(struct gl_disk_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        gl_free(list->entries[i].name);
    gl_free(list->entries);
    *list = (struct gl_disk_list){NULL, 0, 0};
}
