/* SPDX-License-Identifier: MIT */
#include "name.h"

const bool gl_name_vms = true;
