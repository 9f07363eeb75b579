/* SPDX-License-Identifier: MIT */
/* By the processor alone: a hypervisor says its name there ("Hypervisor CPUID Leaves", Requirements
 * for Implementing the Microsoft Hypervisor Interface). */
#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "mem.h"
#include "windows/info-parts.h"

#define LEAF_FIRST      0x40000000u
#define LEAF_STEP       0x100u /* where one that also speaks Hyper-V's language puts its own name */
#define LEAF_LAST       0x40000400u
#define LEAF_PRIVILEGES 0x40000003u
#define CREATE_PARTITIONS                                                                          \
    1u /* EBX of it: "Feature and Interface Discovery", only the root partition may */
#define HYPERVISOR_BIT (1u << 31) /* ECX of leaf 1 */

static const struct {
    const char *vendor, *name;
} known[] = {
    {"Microsoft Hv", "microsoft"}, {"KVMKVMKVM", "kvm"},          {"Linux KVM Hv", "kvm"},
    {"VMwareVMware", "vmware"},    {"TCGTCGTCGTCG", "qemu"},      {"XenVMMXenVMM", "xen"},
    {"VBoxVBoxVBox", "oracle"},    {"bhyve bhyve ", "bhyve"},     {"ACRNACRNACRN", "acrn"},
    {" lrpepyh  vr", "parallels"}, {"prl hyperv  ", "parallels"},
};

static const char *name_at(uint32_t leaf)
{
    uint32_t eax, text[4] = {0};
    __cpuid(leaf, eax, text[0], text[1], text[2]);
    for (size_t i = 0; i < GL_ARRAY_SIZE(known); i++)
        if (strcmp((const char *)text, known[i].vendor) == 0)
            return known[i].name;
    return NULL;
}

/* A Windows that runs Hyper-V, or protects itself by it, is a guest of its own hypervisor. */
static bool is_root_partition(void)
{
    uint32_t eax, ebx, ecx, edx;
    __cpuid(LEAF_PRIVILEGES, eax, ebx, ecx, edx);
    return ebx & CREATE_PARTITIONS;
}

const char *gl_info_virtualization(void)
{
    uint32_t eax, ebx, ecx = 0, edx;
    __cpuid(1, eax, ebx, ecx, edx);
    if (!(ecx & HYPERVISOR_BIT))
        return "none";
    const char *first = name_at(LEAF_FIRST);
    for (uint32_t leaf = LEAF_FIRST + LEAF_STEP; leaf <= LEAF_LAST; leaf += LEAF_STEP) {
        const char *own = name_at(leaf);
        if (own && strcmp(own, "microsoft") != 0)
            return own;
    }
    if (first && strcmp(first, "microsoft") == 0 && is_root_partition())
        return "none";
    return first ? first : "vm-other";
}
