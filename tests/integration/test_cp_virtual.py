# SPDX-License-Identifier: MIT
"""Copies of files that the kernel makes up: their size is not what reading them gives."""
import os

import pytest


def content(path):
    with open(path, "rb") as file:
        return file.read()


def readable(top, count=20):
    """Files in a folder that can be read, and give the same twice."""
    found = []
    for name in sorted(os.listdir(top)):
        path = os.path.join(top, name)
        try:
            if os.path.isfile(path) and not os.path.islink(path) and content(path) == content(path):
                found.append(path)
        except OSError:
            pass
    return found[:count]


#: What says 4096 and has less; what says 0 and has a little; and what has more than one message.
FILES = ["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/devices/system/cpu/online",
         "/proc/version", "/proc/cpuinfo", "/proc/filesystems", "/proc/kallsyms"]


@pytest.mark.parametrize("source", [path for path in FILES if os.access(path, os.R_OK)])
@pytest.mark.parametrize("options", [[], ["--resume"]], ids=["plain", "resume"])
def test_a_file_of_the_kernel(shared, source, options):
    target = shared.path("from-the-kernel")
    for _ in range(2):  # the second replaces the first
        result = shared.gl("cp", *options, f"g1:{source}", target)
        assert result.returncode == 0 and result.err == "", result
        assert content(target) == content(source)
    assert shared.gl("cp", f"g1:{source}", "-").stdout == content(source)
    result = shared.gl("cp", *options, source, f"g1:{target}-2")
    assert result.returncode == 0 and content(target + "-2") == content(source)


def test_a_tree_of_the_kernel(shared):
    folder = "/sys/class/net/lo"
    wanted = readable(folder)
    assert any(os.stat(path).st_size > len(content(path)) for path in wanted)
    into = shared.path("lo")
    # Some cannot be read, by cp(1) neither: the others are there nevertheless.
    shared.gl("cp", "-r", f"g1:{folder}/.", into)
    for path in wanted:
        assert content(os.path.join(into, os.path.basename(path))) == content(path), path


def test_what_is_empty_stays_so(shared):
    empty = shared.path("empty")
    with open(empty, "wb"):
        pass
    assert shared.gl("cp", f"g1:{empty}", empty + "-copy").returncode == 0
    assert content(empty + "-copy") == b""
