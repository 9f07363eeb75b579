# SPDX-License-Identifier: MIT
"""What guestlink does on every system that it runs on, from one list: each test runs with Linux and
with Windows as host and as guest, wherever both programs are there. A test's first line is the
feature's name in doc/PARITY.md."""
import hashlib
import os
import random
import subprocess

import pytest

from cutproxy import DOWN, UP
from systems import LINUX, WINDOWS, WINDOWS_BUILD, KeptWine, Pair
from world import full, opened, until

#: Host, guest, and whether a proxy joins them: over AF_HYPERV's stand-in then, on the side that is Windows.
PAIRS = {"linux-linux": (LINUX, LINUX, True), "windows-windows": (WINDOWS, WINDOWS, False),
         "windows-windows-hvsock": (WINDOWS, WINDOWS, True), "windows-linux": (WINDOWS, LINUX, True),
         "linux-windows": (LINUX, WINDOWS, True)}

NAMES = ["plain", "with space", "ümläut", "日本語", "a" * 200, ".hidden", "-dash", "semi;colon", "per%cent",
         "quo'te", "brack[et]", "tilde~1"]


@pytest.fixture(scope="module")
def wine():
    with KeptWine():
        yield


@pytest.fixture(scope="module", params=PAIRS)
def pair(request):
    host, guest, joined = PAIRS[request.param]
    if WINDOWS in (host, guest):
        if not WINDOWS_BUILD:
            pytest.skip("no build for Windows ($GL_WINDOWS_BUILDDIR)")
        request.getfixturevalue("wine")
    with opened(Pair(host, guest, joined)) as own:
        yield own.start()


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") \
            else hashlib.sha256(file.read()).hexdigest()


def garbage(path, size, seed=1):
    with open(path, "wb") as file:
        rng = random.Random(seed)
        while size > 0:
            file.write(rng.randbytes(min(size, 1 << 20)))
            size -= 1 << 20
    return path


def lines(result):
    """stdout's lines, whichever way they end."""
    return result.out.split()


# ---------------------------------------------------------------- looking

def test_ls(pair):
    """ls: the guest, its state and system"""
    guest = pair.guest()
    assert guest["state"] == "connected"
    assert guest["system"] == pair.guest_system.name


def test_info(pair):
    """info: system, host name, memory, CPUs, file systems, addresses, uptime"""
    info = pair.gl("--json", "info", pair.name, check=True).json
    info = info.get("info", info)
    assert info["system"] == pair.guest_system.name
    assert info["hostname"] and info["memory_total"] > 1 << 20 and info["cpus"] >= 1, info
    assert info["filesystems"] and info["addresses"], info


def test_ping(pair):
    """ping: round trips"""
    result = pair.gl("ping", "-c", "3", pair.name)
    assert result.returncode == 0, result


def test_wait_and_doctor(pair):
    """wait, doctor, version"""
    assert pair.gl("wait", pair.name, "--for", "connected", "--timeout", "10").returncode == 0
    assert pair.gl("doctor", pair.name).returncode == 0
    assert pair.gl("version").returncode == 0


def test_trust(pair):
    """trust ls: the guest's key"""
    listed = pair.gl("--json", "trust", "ls", check=True).json
    assert pair.name in str(listed)


# ---------------------------------------------------------------- exec

def test_exec_outputs_and_status(pair):
    """exec: stdout and stderr apart, exit status"""
    result = pair.tool("out=to out", "err=to err", "exit=7")
    assert (result.out.splitlines(), result.err.splitlines(), result.returncode) == (
        ["to out"], ["to err"], 7)


@pytest.mark.parametrize("status", [0, 1, 2, 124, 125, 126, 127, 128, 255])
def test_exec_every_status(pair, status):
    """exec: every status from 0 to 255 comes through"""
    assert pair.tool(f"exit={status}").returncode == status


def test_exec_words_as_given(pair):
    """exec: words arrive as they were given"""
    words = ["", " ", "a b", "--", "-x", '"', '\\', '\\\\', 'a\\"b', "ends\\", 'two words\\', "%PATH%", "^&|<>()",
             "ö", "日本", "*", "?", "'single'", "tab\there", "$HOME `id`", "!x!"]
    result = pair.tool("args", *words)
    assert result.returncode == 0, result
    assert [bytes.fromhex(line).decode() for line in result.out.splitlines()] == words


def test_exec_input_and_its_end(pair):
    """exec -i: input is streamed, and its end passed on"""
    data = random.Random(1).randbytes(5_000_000)
    result = pair.tool("count", options=["-i"], stdin=data)
    assert (result.returncode, lines(result)) == (0, ["5000000"])


def test_exec_echoes_bytes(pair):
    """exec -i: any bytes, there and back"""
    data = bytes(range(256)) * 40_000
    result = pair.tool("cat", options=["-i"], stdin=data)
    assert result.returncode == 0 and result.stdout == data


def test_exec_without_input(pair):
    """exec: without -i there is no input"""
    assert lines(pair.tool("count", stdin=b"not for you")) == ["0"]


def test_exec_much_output(pair):
    """exec: output of any size, unchanged"""
    size = full(50, 1000) << 20
    here = subprocess.run([*Pair.tool_words(_here(), f"fill={size}")], stdout=subprocess.PIPE, check=True)
    result = pair.tool(f"fill={size}", timeout=300)
    assert result.returncode == 0 and len(result.stdout) == size
    assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(here.stdout).digest()


class _here:
    guest_system = LINUX


def test_exec_environment(pair):
    """exec -e: variables"""
    result = pair.tool("env=GL_ONE", "env=GL_NONE", options=["-e", "GL_ONE=ö x=y"])
    assert lines(result) == ["ö x=y".encode().hex(), "unset"]


def test_exec_directory(pair):
    """exec -w: the working directory"""
    os.makedirs(pair.path("wörk dir"), exist_ok=True)
    result = pair.tool("cwd", options=["-w", pair.guest_path("wörk dir")])
    assert result.out.splitlines() == [pair.guest_path("wörk dir")]
    result = pair.tool("cwd", options=["-w", pair.guest_path("not there")])
    assert result.returncode == 125 and "not there" in result.err


def test_paths_without_drive(pair):
    """cp, exec -w: a path without its drive, or of a drive's working directory, is refused (Windows guests)"""
    if pair.guest_system is not WINDOWS:
        pytest.skip("Linux has no drives")
    garbage(pair.path("driveless"), 10)
    for path, word in (("C:", "full path of a drive"), ("C:gl-driveless", "full path of a drive"),
                       ("/gl-driveless", "lacks the drive"), ("\\gl-driveless", "lacks the drive"),
                       ("sub\\gl-driveless", "write it with /")):
        there = f"{pair.name}:{path}"
        for result in (pair.gl("cp", pair.host_path("driveless"), there),
                       pair.gl("cp", there, pair.host_path("driveless-back"))):
            assert result.returncode == 1 and word in result.err and result.err.count("\n") == 1, (path, result)
        if not path.startswith("sub"):
            result = pair.tool("cwd", options=["-w", path])
            assert result.returncode == 125 and word in result.err, (path, result)
    assert not os.path.exists(pair.path("driveless-back"))


def test_exec_long_command_line(pair):
    """exec: a command line longer than Windows takes is refused with Windows' limit (Windows guests)"""
    if pair.guest_system is not WINDOWS:
        pytest.skip("Linux has no command lines")
    with open(pair.path("long.bat"), "w", encoding="ascii") as file:  # the lower limit: our own line may not be longer
        file.write("@echo off\n")
    result = pair.gl("exec", pair.name, "--", pair.guest_path("long.bat"), *["x" * 1000] * 9)
    assert result.returncode == 125 and "8190 characters" in result.err, result
    assert "256 KiB" not in result.err and "-i" in result.err and "guestlink cp" in result.err, result


def test_exec_what_cannot_run(pair):
    """exec: 127 not found, 126 found but cannot be run, 125 otherwise"""
    assert pair.gl("exec", pair.name, "--", "no-such-program-here").returncode == 127
    with open(pair.path("plain.txt"), "w", encoding="ascii") as file:
        file.write("not a program\n")
    result = pair.gl("exec", pair.name, "--", pair.guest_path("plain.txt"))
    assert result.returncode == 126, result
    assert pair.gl("exec", "nobody-here", "--", "x").returncode == 125


def test_exec_timeout(pair):
    """exec --timeout: 124, and nothing stays behind"""
    result = pair.tool(f"touch={pair.guest_path('began')}", "sleep=1000", options=["--timeout", "1"])
    assert result.returncode == 124
    assert os.path.exists(pair.path("began"))


def test_exec_client_gone_ends_the_tree(pair):
    """exec: when the client goes away, the program and all it has started are ended"""
    late = pair.path("late")
    words = pair.tool_words("child", "sleep=8", f"touch={pair.guest_path('late')}", ".", "out=ready", "sleep=1000")
    client = pair.popen("exec", pair.name, "--", *words)
    client.stdout.readline()
    assert client.stdout.readline().strip() == b"ready"
    client.kill()
    client.wait()
    # It had 5 s to end by itself. A program that runs until the child would have made its file:
    pair.tool("sleep=9")
    assert not os.path.exists(late)


def test_exec_many_at_once(pair):
    """exec: many at once"""
    clients = [pair.popen("exec", pair.name, "--", *pair.tool_words(f"out={n}")) for n in range(full(20, 50))]
    for number, client in enumerate(clients):
        out, err = client.communicate(timeout=120)
        assert (client.returncode, out.split()) == (0, [str(number).encode()]), err


def test_exec_without_a_terminal(pair):
    """exec: without -t the program has no terminal"""
    assert lines(pair.tool("tty")) == ["---"]


# ---------------------------------------------------------------- cp

def test_cp_file_there_and_back(pair):
    """cp: a file there and back, digests equal"""
    garbage(pair.path("big"), full(20, 500) << 20)
    there = pair.guest_path("there")
    result = pair.gl("cp", pair.host_path("big"), f"{pair.name}:{there}", timeout=300)
    assert result.returncode == 0, result
    result = pair.gl("cp", f"{pair.name}:{there}", pair.host_path("back"), timeout=300)
    assert result.returncode == 0, result
    assert digest(pair.path("big")) == digest(pair.path("there")) == digest(pair.path("back"))


def tree(root):
    """{path: digest, or 'directory'} of all beneath a folder."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), root)] = "directory"
        for name in files:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = digest(path)
    return found


def make_tree(root):
    os.makedirs(os.path.join(root, "empty"))
    os.makedirs(os.path.join(root, *["deep"] * 20))
    for number, name in enumerate(NAMES):
        garbage(os.path.join(root, name), number * 1000, number)
        garbage(os.path.join(root, *["deep"] * 20, name), number, number)
    for number in range(full(300, 5000)):
        folder = os.path.join(root, f"d{number % 10}")
        os.makedirs(folder, exist_ok=True)
        garbage(os.path.join(folder, f"f{number}"), number % 5000, number)


def test_cp_tree_there_and_back(pair):
    """cp -r: a tree with odd names, deep and empty folders, there and back"""
    make_tree(pair.path("tree"))
    there = pair.guest_path("tree-there")
    result = pair.gl("cp", "-r", pair.host_path("tree"), f"{pair.name}:{there}", timeout=300)
    assert result.returncode == 0, result
    result = pair.gl("cp", "-r", f"{pair.name}:{there}", pair.host_path("tree-back"), timeout=300)
    assert result.returncode == 0, result
    assert tree(pair.path("tree")) == tree(pair.path("tree-there")) == tree(pair.path("tree-back"))


def test_cp_keeps_times(pair):
    """cp: modification times are kept"""
    garbage(pair.path("dated"), 1000)
    os.utime(pair.path("dated"), (1_500_000_000, 1_500_000_000))
    result = pair.gl("cp", pair.host_path("dated"), f"{pair.name}:{pair.guest_path('dated-there')}")
    assert result.returncode == 0, result
    assert int(os.stat(pair.path("dated-there")).st_mtime) == 1_500_000_000


def attributes(pair, path, *changes):
    """The letters of attrib.exe for a file, after what is to change."""
    path = WINDOWS.path(path)
    for change in changes:  # of several at once Wine's takes the last
        assert pair.gl("exec", pair.name, "--", "attrib", change, path).returncode == 0
    result = pair.gl("exec", pair.name, "--", "attrib", path)
    assert result.returncode == 0, result
    return set(result.out.replace(path, "")) & set("HSR")


def test_cp_keeps_attributes(pair):
    """cp: hidden, system and read-only stay between two Windows systems"""
    if LINUX in (pair.system, pair.guest_system):
        pytest.skip("Linux has no such attributes")
    garbage(pair.path("seen"), 100)
    garbage(pair.path("unseen"), 100)
    # Wine keeps the first two in attributes of the file system, which not every one has.
    has = attributes(pair, pair.path("unseen"), "+H", "+S", "+R")
    assert has in (set("HSR"), set("R"))
    for name in ("seen", "unseen"):
        result = pair.gl("cp", pair.host_path(name), f"{pair.name}:{pair.guest_path(name + '-there')}")
        assert result.returncode == 0, result
        result = pair.gl("cp", f"{pair.name}:{pair.guest_path(name + '-there')}", pair.host_path(name + "-back"))
        assert result.returncode == 0, result
        for copy in ("-there", "-back"):
            assert attributes(pair, pair.path(name + copy)) == (set() if name == "seen" else has)


def test_cp_replaces_whole(pair):
    """cp: an existing file is replaced whole"""
    garbage(pair.path("old"), 5000, 1)
    garbage(pair.path("new"), 3000, 2)
    result = pair.gl("cp", pair.host_path("new"), f"{pair.name}:{pair.guest_path('old')}")
    assert result.returncode == 0, result
    assert digest(pair.path("old")) == digest(pair.path("new"))


def test_cp_streams(pair):
    """cp -: from stdin, to stdout"""
    data = random.Random(3).randbytes(3_000_000)
    there = f"{pair.name}:{pair.guest_path('streamed')}"
    result = pair.gl("cp", "-", there, stdin=data)
    assert result.returncode == 0, result
    result = pair.gl("cp", there, "-")
    assert result.returncode == 0 and result.stdout == data


def test_cp_missing(pair):
    """cp: what is not there is one clear line, and status 1"""
    result = pair.gl("cp", f"{pair.name}:{pair.guest_path('not-there')}", pair.host_path("x"))
    assert result.returncode == 1 and result.err.count("\n") == 1, result
    assert "not-there" in result.err


def test_cp_leaves_nothing(pair):
    """cp: no temporary file stays behind"""
    names = os.listdir(pair.tmp)
    assert not [name for name in names if name.startswith(".guestlink") or name.endswith(".part")], names


# ---------------------------------------------------------------- cut links

def joined(pair):
    if pair.proxy is None:
        pytest.skip("no proxy between these two: named pipes")
    return pair.proxy


def budgets(count, low, high):
    """Bytes after which connections are cut; one in four within the greeting."""
    rng = random.Random(count)
    return [rng.randrange(0, 600) if i % 4 == 3 else rng.randrange(low, high) for i in range(count)]


def test_exec_cut_20_times(pair):
    """exec: output is whole when the link is cut 20 times"""
    proxy, size = joined(pair), 12 << 20
    before = proxy.cuts
    proxy.cut_after(UP, 50_000)
    proxy.plan_cuts(UP, budgets(19, 20_000, 600_000))
    here = subprocess.run([*Pair.tool_words(_here(), f"fill={size}")], stdout=subprocess.PIPE, check=True)
    result = pair.tool(f"fill={size}", timeout=300)
    assert result.returncode == 0, result.err
    assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(here.stdout).digest()
    assert proxy.cuts - before == 20
    assert pair.guest()["resumes"] >= 15


def test_cp_cut_20_times(pair):
    """cp: both ways, digests equal when the link is cut 20 times"""
    proxy = joined(pair)
    before = proxy.cuts
    garbage(pair.path("cut"), 12 << 20, 9)
    there = f"{pair.name}:{pair.guest_path('cut-there')}"
    proxy.cut_after(DOWN, 50_000)
    proxy.plan_cuts(DOWN, budgets(9, 20_000, 600_000))
    result = pair.gl("cp", pair.host_path("cut"), there, timeout=300)
    assert result.returncode == 0, result
    until(lambda: not proxy.planned, "all cuts to the guest were made")
    proxy.cut_after(UP, 50_000)
    proxy.plan_cuts(UP, budgets(9, 20_000, 600_000))
    result = pair.gl("cp", there, pair.host_path("cut-back"), timeout=300)
    assert result.returncode == 0, result
    assert digest(pair.path("cut")) == digest(pair.path("cut-there")) == digest(pair.path("cut-back"))
    assert proxy.cuts - before == 20


# ---------------------------------------------------------------- the daemons' lives

def test_agent_comes_back(pair):
    """reconnect: a killed agent that is started again is there again"""
    pair.agent.kill()
    pair.start_agent()
    assert pair.tool("out=again").out.split() == ["again"]


def test_daemon_comes_back(pair):
    """reconnect: a host daemon that is started again has its guests again"""
    pair.hostd.stop()
    pair.start_hostd()
    pair.wait_guest()
    assert pair.tool("out=again").out.split() == ["again"]
    until(lambda: pair.guest()["state"] == "connected", "connected")
