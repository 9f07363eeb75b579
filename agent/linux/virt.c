/* SPDX-License-Identifier: MIT */
#include "linux/virt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

struct mark {
    const char *text, *name;
};

/* The first line of the file begins with one of these? */
static const char *match_file(const char *path, const struct mark *marks)
{
    char text[128] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    if (!fgets(text, sizeof(text), file))
        text[0] = '\0';
    fclose(file);
    for (; marks->text; marks++)
        if (strncmp(text, marks->text, strlen(marks->text)) == 0)
            return marks->name;
    return NULL;
}

/*
 * Leaf 0x40000000 holds the hypervisor's signature, if bit 31 of ecx in leaf 1 says that there is
 * one: https://docs.kernel.org/virt/kvm/x86/cpuid.html and the "Requirements for Implementing the
 * Microsoft Hypervisor Interface".
 */
static const char *match_processor(bool *ret_some)
{
    *ret_some = false;
#if defined(__x86_64__) || defined(__i386__)
    static const struct mark marks[] = {
        {"KVMKVMKVM", "kvm"},       {"Linux KVM Hv", "kvm"},
        {"TCGTCGTCGTCG", "qemu"},   {"Microsoft Hv", "microsoft"},
        {"VMwareVMware", "vmware"}, {"XenVMMXenVMM", "xen"},
        {"bhyve bhyve ", "bhyve"},  {"QNXQVMBSQG", "qnx"},
        {"ACRNACRNACRN", "acrn"},   {NULL, NULL},
    };
    unsigned a, b, c, d;
    char signature[13] = "";
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 31)))
        return NULL;
    *ret_some = true;
    __cpuid(0x40000000, a, b, c, d);
    memcpy(signature, &b, 4);
    memcpy(signature + 4, &c, 4);
    memcpy(signature + 8, &d, 4);
    for (const struct mark *m = marks; m->text; m++)
        if (strncmp(signature, m->text, strlen(m->text)) == 0)
            return m->name;
#endif
    return NULL;
}

/* What the firmware says names a product where the processor names a technique only. */
static const char *match_firmware(void)
{
    static const struct mark vendors[] = {
        {"Amazon EC2", "amazon"},
        {"QEMU", "qemu"},
        {"VMware", "vmware"},
        {"VMW", "vmware"},
        {"innotek GmbH", "oracle"},
        {"Oracle Corporation", "oracle"},
        {"Xen", "xen"},
        {"Bochs", "bochs"},
        {"Parallels", "parallels"},
        {"BHYVE", "bhyve"},
        {"Google", "google"},
        {"Apple Virtualization", "apple"},
        {NULL, NULL},
    };
    static const struct mark products[] = {
        {"KVM", "kvm"},
        {"OpenStack", "kvm"},
        {"Virtual Machine", "microsoft"},
        {"Google Compute Engine", "google"},
        {NULL, NULL},
    };
    const char *name = match_file("/sys/class/dmi/id/product_name", products);
    return name ? name : match_file("/sys/class/dmi/id/sys_vendor", vendors);
}

static const char *detect(void)
{
    static const struct mark xen[] = {{"xen", "xen"}, {NULL, NULL}};
    bool some;
    const char *processor = match_processor(&some), *firmware = match_firmware();
    if (firmware && (strcmp(firmware, "amazon") == 0 || strcmp(firmware, "google") == 0 ||
                     strcmp(firmware, "oracle") == 0))
        return firmware;
    if (processor)
        return processor;
    if (!firmware)
        firmware = match_file("/sys/hypervisor/type", xen);
    return firmware ? firmware : some ? "vm-other" : "none";
}

const char *gl_virt_detect(void)
{
    static const char *found;
    if (!found)
        found = detect();
    return found;
}
