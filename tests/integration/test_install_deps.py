# SPDX-License-Identifier: MIT
"""install-deps.sh and build-deps.sh where nothing is installed, with an apt-get of ours."""
import os
import subprocess

import pytest

from world import SOURCE

APT = """#!/bin/sh
echo "$DEBIAN_FRONTEND apt-get $*" >>"$CALLS"
[ "$1" != indextargets ] || echo "$MIRROR"
"""
SUDO = """#!/bin/sh
unset DEBIAN_FRONTEND # as the real one
exec "$@"
"""


@pytest.fixture
def bare(tmp_path):
    """Runs a script there; returns its status and what apt-get was asked for."""
    stubs = {"apt-get": APT, "sudo": SUDO, "dpkg-query": "#!/bin/sh\nexit 1\n",
             "id": "#!/bin/sh\necho 1000\n", "mktemp": "#!/bin/sh\nexit 9\n"}
    (tmp_path / "bin").mkdir()
    for name, text in stubs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)

    def run(script, *args, mirror=""):
        calls = tmp_path / "calls"
        calls.write_text("")
        env = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "CALLS": str(calls),
               "MIRROR": mirror, "GL_WINDOWS_DEPS": str(tmp_path / "none")}
        done = subprocess.run([os.path.join(SOURCE, "packaging", script), *args], env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        return done.returncode, calls.read_text().splitlines()

    return run


def installed(calls):
    """The packages, of the only installation there was; nothing may be asked on the way."""
    found = [call for call in calls if " install " in call]
    assert len(found) == 1 and found[0].startswith("noninteractive "), calls
    return {word for word in found[0].split()[3:] if not word.startswith("-")}


def test_without_a_mirror_nothing_is_installed_for_windows(bare):
    status, calls = bare("install-deps.sh", "--windows")
    assert status == 1
    assert any("indextargets" in call for call in calls)
    assert not any(" install " in call for call in calls), calls


def test_what_builds_the_libraries_for_windows_is_installed_before(bare):
    status, calls = bare("install-deps.sh", "--windows", mirror="http://mirror.example/")
    assert status == 0
    before = installed(calls)
    # It stops where it would begin to build (mktemp).
    status, calls = bare("windows/build-deps.sh", mirror="http://mirror.example/")
    assert status == 9
    assert installed(calls) >= {"autopoint", "libtool", "cmake"}
    assert installed(calls) <= before
