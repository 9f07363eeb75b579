#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes configure from a git checkout. A release tarball has it already.
set -eu
cd "$(dirname "$0")"
mkdir -p build-aux
exec autoreconf --install --warnings=all,no-portability "$@"
