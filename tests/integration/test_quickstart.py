# SPDX-License-Identifier: MIT
"""quickstart.sh from a clean copy, twice: what somebody new to the project does first."""
import os
import shutil
import signal
import subprocess

import pytest

from world import BUILD, FULL, SOURCE, adopt_orphans, descendants, until


@pytest.fixture
def clean_copy(tmp_path):
    """The sources without anything that was built."""
    copy = str(tmp_path / "copy")
    if os.path.exists(os.path.join(SOURCE, ".git")):
        listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], stdout=subprocess.PIPE,
                                check=True)
        for name in listed.stdout.decode().rstrip("\0").split("\0"):
            os.makedirs(os.path.dirname(os.path.join(copy, name)), exist_ok=True)
            shutil.copy2(os.path.join(SOURCE, name), os.path.join(copy, name))
    else:
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("build*", "autom4te.cache"))
    return copy


@pytest.mark.skipif(not FULL, reason="builds everything: only with GL_FULL=1")
def test_it_works_from_a_clean_copy_and_again(clean_copy, tmp_path):
    adopt_orphans()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "GL_"))}
    env["TMPDIR"] = str(temporary)
    for _ in range(2):
        done = subprocess.run(["./quickstart.sh"], cwd=clean_copy, env=env, timeout=1200,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        text = done.stdout.decode()
        assert done.returncode == 0, text[-3000:] + done.stderr.decode()[-3000:]
        assert "exit status: 7" in text
        assert "5 sent, 5 answered" in text
        until(lambda: not descendants(os.getpid()), "all that it started has ended", timeout=10)
        assert os.listdir(temporary) == []
    done = subprocess.run(["./quickstart.sh", "--nonsense"], cwd=clean_copy, env=env,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 2 and b"usage" in done.stderr


@pytest.fixture
def built_copy(tmp_path):
    """quickstart.sh beside stubs for what installs and builds, and the programs of this build."""
    copy = tmp_path / "copy"
    for folder in ("packaging", "common", "build-quickstart"):
        (copy / folder).mkdir(parents=True)
    shutil.copy2(os.path.join(SOURCE, "quickstart.sh"), copy)
    for stub in ("packaging/install-deps.sh", "configure"):
        (copy / stub).write_text("#!/bin/sh\n")
        (copy / stub).chmod(0o755)
    (copy / "common/file").write_text("content\n")
    (copy / "build-quickstart/Makefile").write_text("all:\n")
    for name in ("guestlink", "guestlink-hostd", "guestlink-agent"):
        os.symlink(os.path.join(os.path.abspath(BUILD), name), copy / "build-quickstart" / name)
    return copy


def test_stay_leaves_nothing_behind_when_its_terminal_is_closed(built_copy, tmp_path):
    """A closed terminal sends SIGHUP to all three, and takes no more output."""
    adopt_orphans()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "GL_"))}
    with subprocess.Popen(["./quickstart.sh", "--stay"], cwd=built_copy, start_new_session=True,
                          env={**env, "TMPDIR": str(temporary)}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as stay:
        for line in stay.stdout:
            if line.startswith(b"Ctrl-C here"):
                break
        assert os.listdir(temporary) != [], line
        stay.stdout.close()
        os.killpg(stay.pid, signal.SIGHUP)
        assert stay.wait(timeout=30) == 128 + signal.SIGHUP
    until(lambda: not descendants(os.getpid()), "all that it started has ended", timeout=10)
    assert os.listdir(temporary) == []
