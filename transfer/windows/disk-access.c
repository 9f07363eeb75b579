/* SPDX-License-Identifier: MIT */
/*
 * Who may use what a copy makes: at first we alone, as its content may be meant for fewer than its
 * folder lets in; in the end whom the file that it replaces let in, or the folder does.
 */
#include <io.h>
#include <string.h>
#include <uv.h>

#include "disk-windows.h"
#include "mem.h"
#include "path.h"
#include "windows/private.h"

/* ------------------------------------------------------------------ at first */

int gl_disk_create_alone(HANDLE root, const struct gl_disk_component *name, ACCESS_MASK access,
                         HANDLE *ret_handle)
{
    const ACCESS_MASK change = READ_CONTROL | WRITE_DAC | WRITE_OWNER;
    struct gl_nt_open how = {
        .root = root,
        .name = name->text,
        .len = name->len,
        .access = access | change,
        .share = GL_DISK_SHARE_PART,
        .disposition = FILE_CREATE,
        .options = FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT,
    };
    PSECURITY_DESCRIPTOR ours;
    SECURITY_DESCRIPTOR alone;
    BOOL present, defaulted;
    PACL list;
    int err = gl_private_descriptor(false, &ours);
    if (err)
        return err;
    /* Whose it is the system says, as of any file. */
    if (GetSecurityDescriptorDacl(ours, &present, &list, &defaulted) &&
        InitializeSecurityDescriptor(&alone, SECURITY_DESCRIPTOR_REVISION) &&
        SetSecurityDescriptorDacl(&alone, TRUE, list, FALSE) &&
        SetSecurityDescriptorControl(&alone, SE_DACL_PROTECTED, SE_DACL_PROTECTED)) {
        how.descriptor = &alone;
        err = gl_disk_nt(&how, ret_handle);
    } else {
        err = gl_disk_last_error();
    }
    LocalFree(ours);
    if (err != UV_EACCES)
        return err;
    /* A share may let us write but say nothing of who may do what: there the folder's holds at
     * once, since nobody could give it back in the end. */
    how.descriptor = NULL;
    how.access = access | READ_CONTROL;
    return gl_disk_nt(&how, ret_handle);
}

/* ------------------------------------------------------------------ in the end */

/* The descriptor of what is open, as far as the parts that `what` names; for gl_free(), or NULL. */
static void *descriptor_of(HANDLE handle, SECURITY_INFORMATION what)
{
    DWORD size = 0;
    GetKernelObjectSecurity(handle, what, NULL, 0, &size);
    if (!size)
        return NULL;
    void *descriptor = gl_alloc0(size);
    if (GetKernelObjectSecurity(handle, what, descriptor, size, &size))
        return descriptor;
    gl_free(descriptor);
    return NULL;
}

static bool has_list(HANDLE handle, void *wanted)
{
    BOOL present, other_present, defaulted;
    PACL list, other;
    void *is = descriptor_of(handle, DACL_SECURITY_INFORMATION);
    bool has = is && GetSecurityDescriptorDacl(is, &present, &list, &defaulted) &&
               GetSecurityDescriptorDacl(wanted, &other_present, &other, &defaulted) &&
               present == other_present;
    if (has && present && list && other)
        has = list->AclSize == other->AclSize && memcmp(list, other, list->AclSize) == 0;
    else if (has && present)
        has = list == other;
    gl_free(is);
    return has;
}

/* With what it inherited, as it stands. Where nothing can be changed it may be so already. */
static int give_list(HANDLE handle, void *list)
{
    SECURITY_DESCRIPTOR_CONTROL control = 0;
    DWORD revision;
    (void)GetSecurityDescriptorControl(list, &control, &revision);
    /* Asked for in this way: "SECURITY_DESCRIPTOR_CONTROL". */
    if (control & SE_DACL_AUTO_INHERITED)
        SetSecurityDescriptorControl(list, SE_DACL_AUTO_INHERIT_REQ, SE_DACL_AUTO_INHERIT_REQ);
    if (SetKernelObjectSecurity(handle,
                                DACL_SECURITY_INFORMATION |
                                    (control & SE_DACL_PROTECTED
                                         ? PROTECTED_DACL_SECURITY_INFORMATION
                                         : UNPROTECTED_DACL_SECURITY_INFORMATION),
                                list))
        return 0;
    int err = gl_disk_last_error();
    return has_list(handle, list) ? 0 : err;
}

/*
 * What a new file inherits here, as the file system itself says it: of one that is made for this,
 * empty, and is gone at once. Asked once for a directory. For the directory's life; NULL: *ret_err.
 */
static void *inherited_in(struct gl_dir *dir, int *ret_err)
{
    void **inherited = gl_dir_inherited(dir);
    char name[GL_PART_NAME_SIZE];
    struct gl_disk_component component;
    HANDLE probe;
    if (*inherited)
        return *inherited;
    gl_part_name_random(name);
    int err = gl_disk_component(name, &component);
    const struct gl_nt_open how = {
        .root = gl_dir_handle(dir),
        .name = component.text,
        .len = component.len,
        .access = READ_CONTROL | DELETE,
        .disposition = FILE_CREATE,
        .options = FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT | FILE_DELETE_ON_CLOSE,
    };
    if (!err)
        err = gl_disk_nt(&how, &probe);
    if (!err) {
        *inherited = descriptor_of(probe, DACL_SECURITY_INFORMATION);
        err = *inherited ? 0 : gl_disk_last_error();
        CloseHandle(probe);
    }
    *ret_err = err;
    return *inherited;
}

/* Whose a file is: ours (the system's, an administrator's), or its directory's owner's. */
static bool is_owner_trusted(HANDLE old, struct gl_dir *dir)
{
    BYTE of_old[1024], of_folder[1024];
    PSID old_owner, folder_owner;
    BOOL defaulted;
    DWORD size;
    HANDLE folder;
    if (gl_private_judge(old, 0, NULL) == 0)
        return true;
    if (gl_disk_nt_open(gl_dir_handle(dir), L"", 0, READ_CONTROL, FILE_OPEN,
                        FILE_OPEN_REPARSE_POINT, &folder))
        return false;
    bool is =
        GetKernelObjectSecurity(old, OWNER_SECURITY_INFORMATION, of_old, sizeof of_old, &size) &&
        GetKernelObjectSecurity(folder, OWNER_SECURITY_INFORMATION, of_folder, sizeof of_folder,
                                &size) &&
        GetSecurityDescriptorOwner(of_old, &old_owner, &defaulted) &&
        GetSecurityDescriptorOwner(of_folder, &folder_owner, &defaulted) && old_owner &&
        folder_owner && EqualSid(old_owner, folder_owner);
    CloseHandle(folder);
    return is;
}

static int inherit_from(HANDLE handle, HANDLE old)
{
    const SECURITY_INFORMATION owner = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION;
    void *list = descriptor_of(old, DACL_SECURITY_INFORMATION);
    int err = list ? give_list(handle, list) : gl_disk_last_error();
    gl_free(list);
    void *names = err ? NULL : descriptor_of(old, owner);
    /* Others than oneself only with SeRestorePrivilege. */
    if (names)
        SetKernelObjectSecurity(handle, owner, names);
    gl_free(names);
    return err;
}

/*
 * Who may read the old file, its list says: without it the new content would be open to whoever the
 * folder lets in. Where others may make files an owner that is not to be trusted chose it: then the
 * folder's holds.
 */
int gl_file_settle(int fd, struct gl_dir *dir, const char *name)
{
    struct gl_disk_component component;
    struct gl_disk_info info;
    HANDLE handle = (HANDLE)_get_osfhandle(fd), old;
    int err = gl_disk_component(name, &component);
    if (err)
        return err;
    err = gl_disk_nt_open(gl_dir_handle(dir), component.text, component.len, READ_CONTROL,
                          FILE_OPEN, FILE_OPEN_REPARSE_POINT, &old);
    if (err && err != UV_ENOENT)
        return err;
    bool replaces = false;
    if (!err) {
        err = gl_disk_info_of(old, &info);
        replaces = !err && info.kind == GL_DISK_FILE && is_owner_trusted(old, dir);
        if (replaces)
            err = inherit_from(handle, old);
        CloseHandle(old);
        if (err || replaces)
            return err;
    }
    err = 0;
    void *list = inherited_in(dir, &err);
    return list ? give_list(handle, list) : err;
}
