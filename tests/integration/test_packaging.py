# SPDX-License-Identifier: MIT
"""What the packages' build says where something that it needs is missing."""
import os
import shutil
import subprocess

import pytest

from world import SOURCE

BUILD_SH = os.path.join(SOURCE, "packaging/deb/build.sh")


@pytest.fixture
def run_without(tmp_path):
    """build.sh where nothing but plain tools, and the stubs that are given, is installed."""
    def run(stubs):
        tools = tmp_path / "bin"
        tools.mkdir()
        for tool in ("sh", "dirname", "mkdir", "mktemp", "rm"):
            os.symlink(shutil.which(tool), tools / tool)
        for name, text in stubs.items():
            (tools / name).write_text("#!/bin/sh\n" + text)
            (tools / name).chmod(0o755)
        done = subprocess.run([BUILD_SH, str(tmp_path / "out")], env={"PATH": str(tools)}, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert not (tmp_path / "out").exists()
        return done
    return run


def test_without_the_tools_of_packages(run_without):
    done = run_without({})
    assert done.returncode == 1
    assert "dpkg-dev" in done.stderr and "packaging/install-deps.sh --packages" in done.stderr
    assert "not found" not in done.stderr


def test_without_what_control_says(run_without):
    done = run_without({"dpkg-parsechangelog": "", "dpkg-buildpackage": "",
                        "dpkg-checkbuilddeps": "echo 'Unmet build dependencies: libnothing-dev' >&2; exit 1\n"})
    assert done.returncode == 1
    assert "libnothing-dev" in done.stderr and "packaging/install-deps.sh --packages" in done.stderr


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="not a Debian system")
def test_the_option_is_there():
    script = os.path.join(SOURCE, "packaging/install-deps.sh")
    done = subprocess.run([script, "--nonsense"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "--packages" in done.stderr
