# SPDX-License-Identifier: MIT
"""Copies that cannot be: one clear line, exit status 1 (2 for wrong usage), nothing left behind."""
import json
import os
import subprocess

import pytest

from test_bad_input import one_line


@pytest.mark.parametrize("args", [
    [], ["a"], ["a", "b"], ["g1:a", "g1:b"], ["g1:a", "h1:b"], ["a", "g1:b", "c"], ["-", "-"],
    ["/etc/hostname", "/etc/../etc/hostname", "g1:/tmp/"],
    ["--no-such-option"], ["-Z"],
], ids=" ".join)
def test_wrong_usage(shared, args):
    one_line(shared.gl("cp", *args), 2, "guestlink cp --help")


def test_help(shared):
    text = shared.gl("cp", "--help", check=True).out
    for option in ("-r", "--resume", "--quiet"):
        assert text.count(option) >= 2, option


def test_no_host_daemon(shared):
    result = shared.gl("--control", "/nonexistent", "cp", "/etc/hostname", "g1:/tmp/x")
    one_line(result, 1, "/nonexistent")


@pytest.mark.parametrize("args", [["/etc/hostname", "nobody:/tmp/"], ["nobody:/etc/hostname", "/tmp/"]],
                         ids=" ".join)
def test_a_guest_that_is_unknown(shared, args):
    one_line(shared.gl("cp", *args), 1, "nobody")
    result = shared.gl("--json", "cp", *args)
    assert result.returncode == 1
    assert json.loads(result.stderr)["error"]["code"] == "NOT_FOUND"


def test_standard_output_that_is_full(shared):
    with open("/dev/full", "wb") as full:
        result = shared.gl("cp", "g1:/etc/passwd", "-", stdout=full)
    one_line(result, 1, "space")


def test_json(shared):
    result = shared.gl("--json", "cp", "/etc/passwd", f"g1:{shared.tmp}/copied")
    assert (result.returncode, result.err) == (0, "")
    os.unlink(shared.path("copied"))
    assert result.json_lines and all(line["schema"] == 1 for line in result.json_lines)


def test_cp(shared, tmp_path):
    here, there = str(tmp_path), shared.tmp
    with open(here + "/file", "w", encoding="ascii") as file:
        file.write("x")
    os.mkdir(here + "/folder")
    for args, words in (
            ([here + "/missing", f"g1:{there}/"], ["missing"]),
            ([f"g1:{there}/missing", here], ["missing"]),
            ([here + "/file", "g1:/no/such/folder/x"], ["/no/such/folder"]),
            ([f"g1:{there}/missing", "/no/such/folder/x"], []),
            ([here + "/folder", f"g1:{there}/"], ["folder"]),  # -r is missing
            ([here + "/file", "/etc/hostname", f"g1:{there}/not-there"], ["not-there"]),
            ([here + "/file", "g1:/proc/version"], ["/proc/version: its folder takes no new files"]),
            (["-r", here + "/folder", f"g1:{there}/x" + "y" * 300], []),
    ):
        one_line(shared.gl("cp", *args), 1, *words)
    assert not os.listdir(here + "/folder")
    assert not [name for name in os.listdir(there) if name != "file"]


def test_cp_without_permission(shared, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root to be somebody else")
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    os.chmod(tmp_path, 0o755)
    control = shared.control
    os.chmod(control, 0o666)
    try:
        result = shared.gl("cp", str(secret), "g1:/tmp/never", user=65534, group=65534,
                           extra_groups=[], cwd="/")
        one_line(result, 1, "secret")
        result = shared.gl("cp", "g1:/etc/hostname", str(tmp_path) + "/never", user=65534,
                           group=65534, extra_groups=[], cwd="/")
        one_line(result, 1, "never")
    finally:
        os.chmod(control, 0o660)
    assert not os.path.exists("/tmp/never")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    path = str(tmp_path / "small")
    os.mkdir(path)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", path],
                          capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("cannot mount: " + done.stderr.decode().strip())
    yield path
    subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize("way", ["in", "out"])
def test_cp_to_a_full_disk(shared, tmp_path, small_disk, way):
    big = tmp_path / "big"
    big.write_bytes(os.urandom(4 << 20))
    ends = [str(big), f"g1:{small_disk}/big"] if way == "in" else [f"g1:{big}", small_disk + "/big"]
    one_line(shared.gl("cp", *ends), 1, "space")
    assert not os.path.exists(small_disk + "/big")


