#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   tests/e2e/bare-tree.sh DIR
#
# Makes DIR/tree: Debian with apt and what is essential, and nothing more. Needs root, mmdebstrap and Debian's archive as this machine
# has it, and a minute. check-bare.sh keeps the result under this file's digest: everything that counts for it is said here.
set -eu
mmdebstrap --quiet --variant=apt "${GL_SUITE:-bookworm}" "$1/tree"
