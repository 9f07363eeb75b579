# SPDX-License-Identifier: MIT
"""The systemd units: systemd takes them as they are, and they say the truth about their exposure."""
import os
import re
import shutil
import subprocess

import pytest

from world import BUILD, SOURCE, program

UNITS = ("guestlink-agent.service", "guestlink-hostd.service", "guestlink-hostd.socket")
DROP_IN = os.path.join(SOURCE, "packaging/systemd/guestlink-agent-locked-down.conf")

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")


def run(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          encoding="utf-8", check=False)


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def version():
    return int(re.search(r"systemd (\d+)", run("systemd-analyze", "--version").stdout).group(1))


@pytest.fixture
def units(tmp_path):
    """The units that were built, with the programs that were built."""
    for unit in UNITS:
        text = text_of(os.path.join(BUILD, "packaging/systemd", unit))
        text = re.sub(r"^ExecStart=\S*/(guestlink-\w+)$",
                      lambda found: "ExecStart=" + program(found.group(1)), text, flags=re.M)
        (tmp_path / unit).write_text(text, encoding="utf-8")
    return tmp_path


def test_systemd_finds_nothing_wrong(units):
    done = run("systemd-analyze", "verify", "--man=no", *(str(units / unit) for unit in UNITS))
    ours = [line for line in done.stdout.splitlines() if "guestlink" in line]
    assert not ours and done.returncode == 0, done.stdout


def test_verify_would_find_a_mistake(units):
    with open(units / UNITS[0], "a", encoding="utf-8") as file:
        file.write("[Service]\nNoSuchSetting=yes\n")
    assert "NoSuchSetting" in run("systemd-analyze", "verify", "--man=no",
                                  str(units / UNITS[0])).stdout


@pytest.fixture(params=["guestlink-agent.service", "guestlink-hostd.service", "locked down"])
def security(request, units):
    """The text of a unit, or of the drop-in, and what `systemd-analyze security` says of it."""
    path = units / (request.param if request.param in UNITS else UNITS[0])
    text = text_of(path)
    if request.param == "locked down":
        text = text_of(DROP_IN)
        path.write_text(text_of(path) + text, encoding="utf-8")
    if version() < 250:
        pytest.skip("this systemd cannot look at a file")
    measured_by = re.search(r"Exposure \(systemd-analyze security, systemd (\d+)\)", text).group(1)
    if version() != int(measured_by):
        pytest.skip(f"the unit says what systemd {measured_by} makes of it")
    return text, run("systemd-analyze", "security", "--offline=true", "--no-pager", str(path)).stdout


def test_the_exposure_is_what_the_unit_says(security):
    text, said = security
    measured = re.search(r"Overall exposure level.*: ([\d.]+)", said).group(1)
    assert measured == re.search(r"^# Exposure.*: ([\d.]+)$", text, re.M).group(1)


def test_each_open_door_has_its_reason(security):
    """At the left in the list of them, which ends the unit's text."""
    text, said = security
    doors = set(re.findall(r"^✗ (\w+)=", said, re.M))
    assert len(doors) > 4, said
    listed = re.search(r"^# (?:Doors|What is locked).*?^# Exposure", text, re.M | re.S).group(0)
    names = re.findall(r"^#   (\w+(?:, \w+)*)(?:,$|  )", listed, re.M)
    assert not doors - set(", ".join(names).split(", "))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another root's users")
@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="no systemd here")
def test_user_and_folder_are_made(tmp_path):
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    for tool, args, kind in (("systemd-sysusers", [], "sysusers"),
                             ("systemd-tmpfiles", ["--create"], "tmpfiles")):
        done = run(tool, *args, f"--root={root}",
                   os.path.join(SOURCE, f"packaging/systemd/guestlink-host.{kind}"))
        assert done.returncode == 0, done.stdout
    user = re.search(r"^guestlink:[^:]*:(\d+):(\d+):[^:]*:/var/lib/guestlink:\S*nologin$",
                     text_of(root / "etc/passwd"), re.M)
    assert user, text_of(root / "etc/passwd")
    assert re.search(rf"^guestlink:[^:]*:{user.group(2)}:$", text_of(root / "etc/group"), re.M)
    assert os.stat(root / "run/guestlink").st_mode & 0o7777 == 0o755
