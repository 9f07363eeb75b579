# SPDX-License-Identifier: MIT
"""cp, by the real programs: what arrives, what is said when it does not, and what goes on afterwards."""
import contextlib
import hashlib
import json
import os
import pty
import re
import select
import shlex
import signal
import socket
import stat
import subprocess
import threading

import pytest

import wire
from cutproxy import DOWN, UP
from ed25519 import Key
from wire import Peer
from world import full, listens, until

MIB = 1 << 20
BIG = full(24 * MIB, 256 * MIB)


def one_line(result, *words):
    """Asserts exit status 1 and a single line on stderr with these words."""
    assert result.returncode == 1, result
    err = result.err
    assert err.endswith("\n") and err.count("\n") == 1, result
    assert err.startswith("guestlink cp: ") and err.strip().isprintable(), result
    for word in words:
        assert word in err, f"{word!r} is not in: {err}"


def noise(path, size, seed=1):
    """A file of bytes that are the same for the same seed, and nowhere repeat."""
    with open(path, "wb") as file:
        for i in range(0, size, MIB):
            block = hashlib.shake_128(b"%d %d" % (seed, i)).digest(min(MIB, size - i))
            file.write(block)
    return path


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") \
            else hashlib.sha256(file.read()).hexdigest()


def describe(top):
    """{path: what it is}, of a tree or a file; paths are bytes, the top is b''."""
    top = os.fsencode(top)
    found = {}

    def add(path, name):
        st = os.lstat(path)
        if stat.S_ISLNK(st.st_mode):
            found[name] = ("link", st.st_mtime_ns, os.readlink(path))
        elif stat.S_ISDIR(st.st_mode):
            found[name] = ("directory", stat.S_IMODE(st.st_mode), st.st_mtime_ns)
            for entry in os.listdir(path):
                add(path + b"/" + entry, name + b"/" + entry)
        else:
            found[name] = ("file", stat.S_IMODE(st.st_mode), st.st_mtime_ns, st.st_size, digest(path))
    add(top, b"")
    return found


def without_directories(found):
    return {name: what for name, what in found.items() if what[0] != "directory"}


def parts(folder):
    """Temporary files of copies in a folder."""
    return [name for name in os.listdir(folder) if name.startswith(".guestlink-")]


def make_tree(top):
    os.makedirs(f"{top}/sub/locked")
    os.mkdir(f"{top}/empty")
    noise(f"{top}/big", 3 * MIB + 5)
    for i in range(300):
        noise(f"{top}/sub/{i}", i * 37, i)
    with open(f"{top}/sub/locked/f", "w", encoding="ascii") as file:
        file.write("in a folder that may not be written")
    with open(f"{top}/sparse", "wb") as file:
        file.truncate(20 * MIB)
        file.seek(7 * MIB)
        file.write(b"island")
    os.symlink("../nowhere", f"{top}/sub/dangling")
    os.symlink("/etc/passwd", f"{top}/absolute")
    os.chmod(f"{top}/big", 0o640)
    os.chmod(f"{top}/sub/1", 0o755)
    os.chmod(f"{top}/sub/locked", 0o555)
    for i, path in enumerate(("big", "sub/2", "sparse", "sub/dangling", "sub/locked", "sub", "")):
        os.utime(f"{top}/{path}", ns=(0, 1_000_000_000_123_456_789 + i), follow_symlinks=False)
    return top


class Way:
    """Into the guest or out of it: the same tests for both."""

    def __init__(self, world, into):
        self.world, self.into = world, into
        self.stalls = UP if not into else DOWN  # where the content goes, seen from the agent

    def cp(self, *operands, options=(), **more):
        """Runs cp; the last operand is DST."""
        return self.world.gl("cp", *options, *self.operands(operands), **more)

    def operands(self, operands):
        *sources, destination = operands
        if self.into:
            return [*sources, f"g1:{destination}"]
        return [*(f"g1:{source}" for source in sources), destination]

    def start(self, *operands, options=()):
        return self.world.popen("cp", *options, *self.operands(operands))

    def other(self, path):
        """A path of the receiver's as messages show it."""
        return f"g1: {path}" if self.into else path

    def own(self, path):
        """A path of the sender's as messages show it."""
        return path if self.into else f"g1: {path}"


@pytest.fixture(params=["into", "out"])
def way(shared, request):
    return Way(shared, request.param == "into")


@pytest.fixture
def here(shared, request):
    """A folder of the test's own, whose name says which test it is."""
    path = shared.path(re.sub(r"\W+", "-", request.node.name))
    os.mkdir(path)
    yield path
    subprocess.run(["chmod", "-R", "u+rwx", path], check=False)


# ---------------------------------------------------------------------------- what arrives

def test_file(way, here):
    noise(f"{here}/f", 100_000)
    os.chmod(f"{here}/f", 0o751)
    os.utime(f"{here}/f", ns=(0, 1_234_567_890_987_654_321))
    result = way.cp(f"{here}/f", f"{here}/g")
    assert (result.returncode, result.out, result.err) == (0, "", ""), result
    assert describe(f"{here}/f") == describe(f"{here}/g")
    assert parts(here) == []


def test_tree(way, here):
    make_tree(f"{here}/in")
    result = way.cp(f"{here}/in", f"{here}/out", options=["-r"])
    assert (result.returncode, result.err) == (0, ""), result
    assert describe(f"{here}/in") == describe(f"{here}/out")
    # a hole takes no room
    if os.stat(f"{here}/in/sparse").st_blocks < 1000:
        assert os.stat(f"{here}/out/sparse").st_blocks < 1000
    # again, into what is there now: a directory that was there keeps its own mode and time
    os.mkdir(f"{here}/target")
    for _ in range(2):
        assert way.cp(f"{here}/in", f"{here}/target/", options=["-r"]).returncode == 0
        assert without_directories(describe(f"{here}/in")) == \
            without_directories(describe(f"{here}/target/in"))


def test_any_name(way, here):
    top = os.fsencode(here) + b"/in"
    os.mkdir(top)
    for c in range(1, 256):
        if c != ord("/"):
            name = b"x%cy" % c
            with open(top + b"/" + name, "wb") as file:
                file.write(name)
    longest = b"\xfe" * 255
    with open(top + b"/" + longest, "wb") as file:
        file.write(b"longest")
    result = way.cp(f"{here}/in", f"{here}/out", options=["-r"])
    assert (result.returncode, result.err) == (0, ""), result
    assert describe(f"{here}/in") == describe(f"{here}/out")
    # and named by themselves
    os.mkdir(f"{here}/single")
    names = [b"x\xffy", b"x\ny", b"x y", longest]
    sources = [top + b"/" + name for name in names]
    if not way.into:
        sources = [b"g1:" + source for source in sources]
    destination = f"{here}/single"
    result = way.world.gl("cp", *sources, f"g1:{destination}" if way.into else destination)
    assert result.returncode == 0, result
    assert sorted(os.listdir(os.fsencode(f"{here}/single"))) == sorted(names)


def test_several_sources(way, here):
    for name in "abc":
        noise(f"{here}/{name}", 1000, ord(name))
    os.mkdir(f"{here}/d")
    result = way.cp(*(f"{here}/{name}" for name in "abc"), f"{here}/d")
    assert result.returncode == 0, result
    assert sorted(os.listdir(f"{here}/d")) == ["a", "b", "c"]
    for name in "abc":
        assert describe(f"{here}/{name}") == describe(f"{here}/d/{name}")


def test_two_sources_of_one_name(way, here):
    for folder in "de":
        os.mkdir(f"{here}/{folder}")
        noise(f"{here}/{folder}/f", 10)
    os.mkdir(f"{here}/out")
    result = way.cp(f"{here}/d/f", f"{here}/e/f", f"{here}/out")
    assert result.returncode == 2 and "two sources are called 'f'" in result.err, result
    assert os.listdir(f"{here}/out") == []


def test_relative_to_home(shared, here):
    home = os.path.expanduser("~")
    name = f".guestlink-test-{os.getpid()}"
    noise(f"{here}/f", 10)
    try:
        assert shared.gl("cp", f"{here}/f", f"g1:{name}").returncode == 0
        assert describe(f"{home}/{name}") == describe(f"{here}/f")
        assert shared.gl("cp", f"g1:{name}", f"{here}/g").returncode == 0
        assert describe(f"{here}/g") == describe(f"{here}/f")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{home}/{name}")


def test_colons(shared, here):
    """A path of ours with a colon, and one of the guest's."""
    noise(f"{here}/a:b", 10)
    assert shared.gl("cp", "./a:b", f"g1:{here}/c:d", cwd=here).returncode == 0
    assert shared.gl("cp", f"g1:{here}/c:d", "./e:f", cwd=here).returncode == 0
    assert describe(f"{here}/a:b") == describe(f"{here}/e:f")


# ---------------------------------------------------------------------------- streams

def test_standard_input(shared, here):
    data = os.urandom(2 * MIB + 7)
    result = shared.gl("cp", "-", f"g1:{here}/f", stdin=data)
    assert (result.returncode, result.err) == (0, ""), result
    with open(f"{here}/f", "rb") as file:
        assert file.read() == data
    assert shared.gl("cp", "-", f"g1:{here}/empty", stdin=b"").returncode == 0
    assert os.stat(f"{here}/empty").st_size == 0
    one_line(shared.gl("cp", "-", f"g1:{here}", stdin=b"x"), here, "is a directory")


def test_standard_output(shared, here):
    noise(f"{here}/f", 2 * MIB + 7)
    result = shared.gl("cp", f"g1:{here}/f", "-")
    assert (result.returncode, result.err) == (0, ""), result
    assert hashlib.sha256(result.stdout).hexdigest() == digest(f"{here}/f")
    one_line(shared.gl("cp", f"g1:{here}", "-"), here, "is a directory")
    one_line(shared.gl("cp", f"g1:{here}/none", "-"), here, "no such file")


def test_standard_input_arrives_while_it_is_open(shared, here):
    """Content does not wait for the end of the input; the name does."""
    client = shared.popen("cp", "-", f"g1:{here}/f")
    client.stdin.write(b"first")
    client.stdin.flush()
    until(lambda: any(os.stat(f"{here}/{part}").st_size == 5 for part in parts(here)), "it arrives")
    assert not os.path.exists(f"{here}/f")
    client.stdin.close()
    assert client.wait(60) == 0
    with open(f"{here}/f", "rb") as file:
        assert file.read() == b"first"
    assert parts(here) == []


def test_output_that_nobody_reads_any_more(shared, here):
    noise(f"{here}/f", 8 * MIB)
    client = shared.popen("cp", f"g1:{here}/f", "-")
    assert len(client.stdout.read(1000)) == 1000
    client.stdout.close()
    assert client.wait(60) == 141  # 128 + SIGPIPE, as exec
    assert client.stderr.read() == b""
    until(lambda: not [g for g in shared.gl("--json", "ls").json["guests"] if g["streams"]], "the stream ends")


# ---------------------------------------------------------------------------- what is said

def test_missing_source(way, here):
    one_line(way.cp(f"{here}/none", f"{here}/x"), way.own(f"{here}/none: no such file"))
    assert os.listdir(here) == []


def test_missing_destination(way, here):
    noise(f"{here}/f", 10)
    one_line(way.cp(f"{here}/f", f"{here}/no/f"), way.other(f"{here}/no/f: no such file"))
    one_line(way.cp(f"{here}/f", f"{here}/f/x"), "not a directory")
    one_line(way.cp(f"{here}/f", f"{here}/no/"), way.other(f"{here}/no/: no such directory"))
    noise(f"{here}/g", 10)
    one_line(way.cp(f"{here}/f", f"{here}/g", f"{here}/no"), way.other(f"{here}/no: no such dir"))


def test_file_over_a_directory(way, here):
    os.makedirs(f"{here}/in/sub")
    noise(f"{here}/in/sub/f", 10)
    os.makedirs(f"{here}/out/sub/f")
    one_line(way.cp(f"{here}/in/.", f"{here}/out", options=["-r"]),
             way.other(f"{here}/out/sub/f: is a directory"))
    noise(f"{here}/f", 10)
    os.makedirs(f"{here}/out/f")
    one_line(way.cp(f"{here}/f", f"{here}/out"), way.other(f"{here}/out/f: is a directory"))


def test_directory_without_r(way, here):
    os.mkdir(f"{here}/d")
    noise(f"{here}/f", 10)
    os.mkdir(f"{here}/out")
    one_line(way.cp(f"{here}/d", f"{here}/f", f"{here}/out"), way.own(f"{here}/d: is a directory"))
    assert os.listdir(f"{here}/out") == ["f"]


def test_special_files(way, here):
    os.mkdir(f"{here}/in")
    os.mkfifo(f"{here}/in/fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"{here}/in/sock")
        noise(f"{here}/in/f", 10)
        result = way.cp(f"{here}/in", f"{here}/out", options=["-r"])
    assert result.returncode == 1, result
    assert sorted(result.err.splitlines()) == sorted([
        f"guestlink cp: {way.own(here + '/in/fifo')}: is a named pipe, not copied",
        f"guestlink cp: {way.own(here + '/in/sock')}: is a socket, not copied"])
    assert os.listdir(f"{here}/out") == ["f"]


def test_control_characters_are_not_printed(way, here):
    name = "x\x1b[31m\n\u202e\x9b"
    os.mkdir(f"{here}/in")
    os.mkfifo(f"{here}/in/{name}")
    result = way.cp(f"{here}/in", f"{here}/out", options=["-r"])
    assert result.returncode == 1
    assert "x\\x1b[31m\\x0a" in result.err, result
    assert result.err.count("\n") == 1 and result.err.strip().isprintable(), result


@contextlib.contextmanager
def mounted(path, options):
    os.mkdir(path)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "guestlink-test", path],
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.decode().strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def test_full_disk(way, here):
    noise(f"{here}/big", 4 * MIB)
    noise(f"{here}/small", 10)
    with mounted(f"{here}/disk", "size=1m"):
        one_line(way.cp(f"{here}/big", f"{here}/disk/f"),
                 way.other(f"{here}/disk/f: no space left on device"))
        assert os.listdir(f"{here}/disk") == []
        # the others of a tree have their chance
        result = way.cp(f"{here}/big", f"{here}/small", f"{here}/disk")
        one_line(result, way.other(f"{here}/disk/big: no space left on device"))
        assert os.listdir(f"{here}/disk") == ["small"]


def test_full_disk_and_resume(way, here):
    """What is there of one file is kept for when there is room; of several, none takes the others' room."""
    noise(f"{here}/big", 6 * MIB)
    noise(f"{here}/small", 10)
    with mounted(f"{here}/disk", "size=4m"):
        full_disk = way.other(f"{here}/disk/f: no space left on device")
        one_line(way.cp(f"{here}/big", f"{here}/disk/f", options=["--resume"]), full_disk)
        kept, = parts(f"{here}/disk")
        size = os.stat(f"{here}/disk/{kept}").st_size
        assert size > 3 * MIB
        one_line(way.cp(f"{here}/big", f"{here}/disk/f", options=["--resume"]), full_disk)
        assert parts(f"{here}/disk") == [kept]
        subprocess.run(["mount", "-o", "remount,size=8m", f"{here}/disk"], check=True)
        result = way.cp(f"{here}/big", f"{here}/disk/f", options=["--resume", "--json"])
        assert result.returncode == 0, result
        assert result.json["summary"]["bytes"] <= 6 * MIB - size
        assert describe(f"{here}/big") == describe(f"{here}/disk/f")
        os.unlink(f"{here}/disk/f")
        subprocess.run(["mount", "-o", "remount,size=2m", f"{here}/disk"], check=True)
        result = way.cp(f"{here}/big", f"{here}/small", f"{here}/disk", options=["--resume"])
        one_line(result, way.other(f"{here}/disk/big: no space left on device"))
        assert os.listdir(f"{here}/disk") == ["small"]


def test_standard_input_to_a_full_disk(shared, here):
    """One error, and nothing counts that is not there."""
    noise(f"{here}/big", 4 * MIB)
    with mounted(f"{here}/disk", "size=1m"), open(f"{here}/big", "rb") as big:
        result = shared.gl("--json", "cp", "-", f"g1:{here}/disk/x", stdin=big)
        assert os.listdir(f"{here}/disk") == []
    assert result.returncode == 1 and result.err.count("\n") == 1, result
    assert "no space left on device" in json.loads(result.err)["error"]["message"]
    summary = result.json["summary"]
    assert (summary["files"], summary["problems"]) == (0, 1)


def test_what_was_refused_does_not_count(way, here):
    os.mkdir(f"{here}/in")
    os.mkdir(f"{here}/out")
    for name in ("dir", "small", "big"):
        noise(f"{here}/in/{name}", BIG if name == "big" else 10)
    os.mkdir(f"{here}/out/dir")  # a file cannot take its place
    result = way.cp(f"{here}/in/dir", f"{here}/in/small", f"{here}/in/big", f"{here}/out", options=["--json"])
    assert result.returncode == 1
    assert (result.json["summary"]["files"], result.json["summary"]["problems"]) == (2, 1), result
    for name in ("small", "big"):
        result = way.cp(f"{here}/in/{name}", f"{here}/nonexistent/x", options=["--json"])
        assert result.returncode == 1
        assert (result.json["summary"]["files"], result.json["summary"]["problems"]) == (0, 1), result


def test_read_only_disk(way, here):
    noise(f"{here}/f", 10)
    with mounted(f"{here}/disk", "size=1m,ro"):
        one_line(way.cp(f"{here}/f", f"{here}/disk/"),
                 way.other(f"{here}/disk/f: read-only file system"))


def test_no_permission(make_world):
    """In the guest by its policy, on the host by the file's mode (root may all: skipped then)."""
    world = make_world(agent_conf='policy {\n  default = allow\n'
                                  '  deny "keys" { service = "file"  path = "*/secret/*" }\n}\n')
    world.start()
    os.makedirs(world.path("in/secret"))
    noise(world.path("in/open"), 10)
    noise(world.path("in/secret/key"), 10)
    result = world.gl("cp", "-r", f"g1:{world.path('in')}", world.path("out"))
    one_line(result, f"g1: {world.path('in/secret/key')}: ", "keys")
    assert os.listdir(world.path("out/secret")) == []
    assert os.listdir(world.path("out")) != []
    # nor by way of a link, nor by another spelling
    os.symlink("in/secret", world.path("way"))
    for path in ("way/key", "in/secret/../secret/key", "in/./secret//key"):
        one_line(world.gl("cp", f"g1:{world.path(path)}", world.path("got")), "keys")
        assert not os.path.exists(world.path("got"))
    one_line(world.gl("cp", world.path("in/open"), f"g1:{world.path('way')}/"), "keys")
    one_line(world.gl("cp", "-r", world.path("in"), f"g1:{world.path('new')}"), "keys")
    assert os.listdir(world.path("new/secret")) == []
    assert os.path.exists(world.path("new/open"))


def test_usage(shared, here):
    noise(f"{here}/f", 1)
    for args in (["cp"], ["cp", "x"], ["cp", "x", "y"], ["cp", "g1:x", "g1:y"], ["cp", "g1:x", "h:y", "z"],
                 ["cp", "x", "g1:y", "z"], ["cp", "--nonsense", "x", "g1:y"], ["cp", "-r", "-", "g1:x"],
                 ["cp", "--resume", "g1:x", "-"], ["cp", "-", "x", "g1:y"], ["cp", "C:/x", "D:\\y"]):
        result = shared.gl(*args)
        assert result.returncode == 2 and result.err.count("\n") == 1, result
        assert "guestlink cp --help" in result.err, result
    assert "./a:b" in shared.gl("cp", "a:b", "g1:/x").err
    for args in (["cp", "x", "C:"], ["cp", "C:x", "D:y"], ["cp", "C:x", "y"]):
        result = shared.gl(*args)
        assert result.returncode == 2 and "no full path of a drive" in result.err, result
    result = shared.gl("cp", f"{here}/f", "nobody:x")
    assert result.returncode == 1 and result.err.count("\n") == 1 and "nobody" in result.err, result


def test_json(way, here):
    os.mkdir(f"{here}/in")
    noise(f"{here}/in/f", 100)
    os.symlink("f", f"{here}/in/l")
    os.mkfifo(f"{here}/in/fifo")
    result = way.cp(f"{here}/in", f"{here}/out", options=["-r", "--json"])
    assert result.returncode == 1, result
    summary = result.json
    assert summary.pop("schema") == 1
    assert summary["summary"].pop("seconds") > 0
    assert summary == {"summary": {"files": 1, "directories": 1, "links": 1, "bytes": 100, "problems": 1}}
    problem = json.loads(result.stderr)
    assert problem["schema"] == 1 and problem["error"]["code"] == "UNSUPPORTED"
    assert problem["error"]["guest"] == (None if way.into else "g1")
    assert f"{here}/in/fifo" in problem["error"]["message"]


# ---------------------------------------------------------------------------- progress

def test_progress_is_for_terminals_only(way, here):
    noise(f"{here}/f", BIG)

    def run(*options):
        master, slave = pty.openpty()
        client = way.world.popen("cp", *options, *way.operands([f"{here}/f", f"{here}/g"]), stderr=slave)
        os.close(slave)
        shown = b""
        while select.select([master], [], [], 60)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        os.close(master)
        assert client.wait(60) == 0
        return shown
    assert run("--quiet") == b""
    shown = run()
    # It may have been too quick to be shown at all; what is shown is taken away again.
    if shown:
        assert shown.endswith(b"\r\x1b[K") and b"\n" not in shown
        assert re.search(rb"\d+%|waiting until it is on the disk", shown), shown


# ---------------------------------------------------------------------------- interrupted

class Stalled:
    """A copy of `big` to `target`, which is `old`, that stands still in the middle."""

    def __init__(self, world, into, size=BIG, at=None, options=()):
        self.world, self.way = world, Way(world, into)
        self.source = noise(world.path("big"), size)
        os.mkdir(world.path("d"))
        self.target = world.path("d/target")
        with open(self.target, "w", encoding="ascii") as file:
            file.write("old")
        world.proxy.stall_after(self.way.stalls, at or size * 2 // 3)
        self.client = self.way.start(self.source, self.target, options=options)
        world.proxy.wait_stalled()
        # What has passed is with the receiver; its last block may be under way.
        until(lambda: self.part_size() > size // 3, "the receiver has written what it got")

    def part_size(self):
        return max((os.stat(self.world.path("d", name)).st_size for name in parts(self.world.path("d"))),
                   default=0)

    def assert_old(self):
        with open(self.target, encoding="ascii") as file:
            assert file.read() == "old"

    def outcome(self):
        _, err = self.client.communicate(timeout=60)
        err = err.decode()
        return self.client.returncode, err

    def resume(self):
        """Goes on, and copies less than the whole; afterwards all is as it must be."""
        have = self.part_size()
        assert have > MIB
        result = self.way.cp(self.source, self.target, options=["--resume", "--json"])
        assert result.returncode == 0, result
        assert describe(self.source) == describe(self.target)
        assert result.json["summary"]["bytes"] <= os.stat(self.source).st_size - have
        assert parts(self.world.path("d")) == []


@pytest.fixture(params=["into", "out"])
def stalled(cut_world, request):
    return Stalled(cut_world, request.param == "into")


def test_client_killed(stalled):
    world = stalled.world
    stalled.client.kill()
    stalled.client.wait()
    stalled.assert_old()
    world.proxy.go_on()
    # the guest's side hears of it, and keeps what it has
    until(lambda: not [l for l in world.gl("--json", "ls").json["guests"] if l["streams"]], "the stream ends")
    stalled.resume()


def test_interrupted_by_the_user(stalled):
    number = signal.SIGINT if stalled.way.into else signal.SIGTERM
    stalled.client.send_signal(number)
    stalled.world.proxy.go_on()
    status, err = stalled.outcome()
    assert status == 128 + number and err.count("\n") == 1 and "interrupted" in err and "--resume" in err, err
    stalled.assert_old()
    stalled.resume()


def test_agent_killed(stalled):
    world = stalled.world
    world.agent.kill()
    world.proxy.go_on()
    world.start_agent()
    status, err = stalled.outcome()
    assert status == 1 and err.startswith("guestlink cp: g1: ") and err.count("\n") == 1, err
    assert "--resume" in err and "may have run" not in err
    stalled.assert_old()
    stalled.resume()


def test_hostd_killed(stalled):
    world = stalled.world
    world.hostd.kill()
    status, err = stalled.outcome()
    assert status == 1 and err.startswith("guestlink cp: the host daemon went away ("), err
    assert "--resume" in err and err.count("\n") == 1
    stalled.assert_old()
    world.proxy.go_on()
    world.start_hostd()
    world.wait_guest()
    stalled.resume()


def test_link_cut_is_no_interruption(stalled):
    """The promise of the whole: a transport lost in the middle is not noticed."""
    stalled.world.proxy.cut()
    stalled.world.proxy.go_on()
    status, err = stalled.outcome()
    assert (status, err) == (0, "")
    assert describe(stalled.source) == describe(stalled.target)


def test_damaged_part_is_not_believed(stalled):
    stalled.client.send_signal(signal.SIGINT)
    stalled.world.proxy.go_on()
    stalled.outcome()
    part = stalled.world.path("d", parts(stalled.world.path("d"))[0])
    size = os.stat(part).st_size
    with open(part, "r+b") as file:
        file.seek(size // 2)
        file.write(b"damage")
    result = stalled.way.cp(stalled.source, stalled.target, options=["--resume", "--json"])
    assert result.returncode == 0, result
    assert describe(stalled.source) == describe(stalled.target)
    assert result.json["summary"]["bytes"] > os.stat(stalled.source).st_size - size


def test_without_resume_it_begins_anew(stalled):
    stalled.client.kill()
    stalled.world.proxy.go_on()
    stalled.client.wait()
    result = stalled.way.cp(stalled.source, stalled.target, options=["--json"])
    assert result.returncode == 0, result
    assert result.json["summary"]["bytes"] == os.stat(stalled.source).st_size
    assert describe(stalled.source) == describe(stalled.target)
    until(lambda: parts(stalled.world.path("d")) == [], "no part is left")


def test_another_copy_to_the_same_target_meanwhile(stalled):
    """Both end well, the one that ends last wins, and neither takes the other's temporary file."""
    world = stalled.world
    other = noise(world.path("other"), 3 * MIB, 77)
    # By another agent of the same file system, as the first one's link stands still.
    world.add_agent("second", connect=world.guests)
    destination = f"second:{stalled.target}" if stalled.way.into else stalled.target
    source = other if stalled.way.into else f"second:{other}"
    for options in ([], ["--resume"]):
        result = world.gl("cp", *options, source, destination)
        assert result.returncode == 0, result
        assert describe(other) == describe(stalled.target)
    world.proxy.go_on()
    assert stalled.outcome() == (0, "")
    assert describe(stalled.source) == describe(stalled.target)
    assert parts(world.path("d")) == []


def test_resume_of_a_tree(cut_world):
    """Small files come again, what is complete is kept, the one in the middle goes on."""
    os.mkdir(cut_world.path("in"))
    for i in range(6):
        noise(cut_world.path(f"in/{i}"), 4 * MIB, i)
    for i in range(50):
        noise(cut_world.path(f"in/small{i}"), 100, i)
    way = Way(cut_world, True)
    cut_world.proxy.stall_after(DOWN, 14 * MIB)
    client = way.start(cut_world.path("in"), cut_world.path("out"), options=["-r"])
    cut_world.proxy.wait_stalled()
    wait_for_content(cut_world.path("out"))
    client.send_signal(signal.SIGINT)
    cut_world.proxy.go_on()
    assert client.wait(60) == 130
    result = way.cp(cut_world.path("in") + "/.", cut_world.path("out"), options=["-r", "--resume", "--json"])
    assert result.returncode == 0, result
    assert result.json["summary"]["bytes"] < 24 * MIB
    for i in range(6):
        assert describe(cut_world.path(f"in/{i}")) == describe(cut_world.path(f"out/{i}"))


def wait_for_content(tree):
    """Nearly all that passed the proxy, which the receiver may be behind of: so much of the fourth file that it goes on."""
    until(lambda: sum(os.lstat(os.path.join(folder, name)).st_size
                      for folder, _, names in os.walk(tree) for name in names) > 13.5 * MIB, "the content is there", 20)


@pytest.mark.parametrize("end", ["signal", "agent", "hostd"])
@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
@pytest.mark.parametrize("into", [True, False], ids=["into", "out"])
def test_what_is_said_of_an_interrupted_tree_is_right(cut_world, into, there, end):
    """A tree's new name is there by the second time, which would copy into it."""
    world, way = cut_world, Way(cut_world, into)
    name = '''it's $HOME in `a` \\"tree"!'''
    source, target = world.path(name), world.path("out")
    os.mkdir(source)
    for i in range(6):
        noise(f"{source}/{i}", 4 * MIB, i)
    if there:
        os.mkdir(target)
    world.proxy.stall_after(way.stalls, 14 * MIB)
    client = way.start(source, target, options=["-r"])
    world.proxy.wait_stalled()
    wait_for_content(f"{target}/{name}" if there else target)
    if end == "signal":
        client.send_signal(signal.SIGINT)
    else:
        getattr(world, end).kill()
    world.proxy.go_on()
    if end == "agent":
        world.start_agent()
    _, err = client.communicate(timeout=60)
    err = err.decode()
    assert err.count("\n") == 1, err
    if end == "hostd":
        world.start_hostd()
        world.wait_guest()
    if there:
        assert "the same with --resume goes on" in err, err
        again = ["cp", "-r", "--resume", *way.operands((source, target))]
    else:
        again = shlex.split(re.search(r"this goes on: guestlink (.*?)\)?$", err, re.M)[1])
    result = world.gl(*again, "--json")
    assert result.returncode == 0, (err, result)
    assert result.json["summary"]["bytes"] < 24 * MIB
    arrived = describe(f"{target}/{name}" if there else target)
    assert without_directories(arrived) == without_directories(describe(source))


def test_what_is_said_of_an_interrupted_tree_is_the_whole_command(cut_world):
    """Also of a name that looks like an option, and of the socket that was named."""
    world = cut_world
    os.mkdir(world.path("-tree"))
    for i in range(6):
        noise(world.path(f"-tree/{i}"), 4 * MIB, i)
    world.proxy.stall_after(DOWN, 14 * MIB)
    elsewhere = {"GUESTLINK_CONTROL": "/nonexistent"}
    client = world.popen("--control", world.control, "cp", "-r", "--", "-tree", f"g1:{world.path('out')}", env=elsewhere)
    world.proxy.wait_stalled()
    wait_for_content(world.path("out"))
    client.send_signal(signal.SIGINT)
    world.proxy.go_on()
    err = client.communicate(timeout=60)[1].decode()
    again = shlex.split(re.search(r"this goes on: guestlink (.*)$", err, re.M)[1])
    result = world.gl("--json", *again, env=elsewhere)
    assert result.returncode == 0 and result.json["summary"]["bytes"] < 24 * MIB, (err, result)
    assert without_directories(describe(world.path("out"))) == without_directories(describe(world.path("-tree")))


def test_source_that_changes(cut_world):
    """It is copied as far as it went at first, as cp(1) would, but not in silence."""
    stalled = Stalled(cut_world, True)
    with open(stalled.source, "r+b") as file:
        file.write(b"changed")
    os.truncate(stalled.source, BIG + 1)
    cut_world.proxy.go_on()
    status, err = stalled.outcome()
    assert status == 1 and "changed while it was copied" in err and err.count("\n") == 1, err
    assert os.stat(stalled.target).st_size == BIG
    assert parts(cut_world.path("d")) == []


# ---------------------------------------------------------------------------- a guest that lies

class LyingGuest:
    """A guest of the test's own making, that answers one file.send with these items."""

    def __init__(self, world, items, name="liar", ends=True):
        self.world, self.items, self.name, self.ends = world, items, name, ends
        self.peer = Peer.connect(world.guests, Key(os.urandom(32))).greet(name=name)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        world.wait_guest(name)

    def serve(self):
        with contextlib.suppress(wire.Closed, TimeoutError, OSError):
            while True:
                kind, _, _, stream, payload = self.peer.receive()
                if kind == wire.PING:
                    self.peer.send(wire.PONG, 0, payload)
                elif kind == wire.EOF and self.ends:
                    self.peer.send(wire.CLOSE, stream, bytes(4))
                elif kind == wire.OPEN:
                    call = wire.parse(payload)
                    if call[1][-1] != b"file":
                        self.peer.send(wire.CLOSE, stream, b"\x09\0\0\0")
                        continue
                    for item in self.items:
                        if isinstance(item, bytes):
                            self.peer.send(wire.DATA, stream, item)
                        else:
                            self.peer.send(wire.MESSAGE, stream, wire.protobuf(item))

    def cp(self, *args):
        return self.world.gl("cp", *args, timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.peer.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(30)
        self.peer.close()


META = {1: 0o777, 2: 2000, 3: 5}
LEAVE = {2: {}}
DONE = {10: {}}


def enter(name):
    return {1: {1: name, 2: META}}


def file(name, size):
    return {3: {1: name, 2: META, 3: size}}


def link(name, target):
    return {4: {1: name, 2: target}}


ATTACKS = {
    "up": [file(b"../escaped", 1), b"x"],
    "dots": [enter(b".."), file(b"escaped", 1), b"x"],
    "absolute": [file(b"/tmp/escaped", 1), b"x"],
    "another name": [file(b".bashrc", 1), b"x"],
    "directory instead of a file": [enter(b"f"), file(b"x", 1), b"x"],
    "link instead of a file": [link(b"f", b"/etc/passwd")],
    "more than its size": [file(b"f", 3), b"four"],
    "no file": [b"data"],
    "leave": [LEAVE],
    "nothing": [{}],
    "twice": [{3: {1: b"f", 3: 0, 5: 1, 7: b"0" * 16}}, file(b"f", 1)],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_lying_guest_gets_nothing_written(world, attack):
    os.makedirs(world.path("in/dst"))
    with LyingGuest(world, ATTACKS[attack]) as guest:
        result = guest.cp("liar:/somewhere/f", world.path("in/dst"))
    assert result.returncode == 1 and result.err.count("\n") in (1, 2), result
    assert "broke the rules" in result.err and result.err.replace("\n", "").isprintable(), result
    assert describe(world.path("in")).keys() == {b"", b"/dst"}
    assert not os.path.exists("/tmp/escaped")


def test_a_lying_guest_is_not_followed(world):
    """A link, and then something beneath it; also a link that was there before."""
    os.mkdir(world.path("outside"))
    os.makedirs(world.path("dst/tree"))
    os.symlink("../../outside", world.path("dst/tree/old"))
    items = [enter(b"tree"), link(b"new", b"../../outside"), enter(b"new"), link(b"in", b"x"), LEAVE,
             enter(b"old"), link(b"in", b"x"), LEAVE, enter(b"fine"), LEAVE, LEAVE, DONE]
    with LyingGuest(world, items) as guest:
        result = guest.cp("-r", "liar:/tree", world.path("dst"))
    assert result.returncode == 1, result
    assert result.err.count("not a directory") == 2, result
    assert os.listdir(world.path("outside")) == []
    assert os.path.isdir(world.path("dst/tree/fine"))


def test_a_digest_that_is_wrong(world):
    items = [file(b"f", 4), b"four", {7: {1: b"0" * 16, 2: 4}}, DONE]
    with LyingGuest(world, items) as guest:
        result = guest.cp("liar:/f", world.path("f"))
    one_line(result, world.path("f"), "damaged", "digest")
    assert os.listdir(world.tmp) == []
    with LyingGuest(world, items, "liar2") as guest:
        result = guest.cp("liar2:/f", "-")
    one_line(result, "damaged", "digest")


def test_a_guest_that_does_not_end_the_call(world):
    """All has arrived by then: it is waited for a moment, and that is all."""
    with LyingGuest(world, [enter(b"tree"), link(b"l", b"x"), LEAVE, DONE], ends=False) as guest:
        result = guest.cp("-r", "liar:/tree", world.path("tree"))
    assert (result.returncode, result.err) == (0, ""), result
    assert os.readlink(world.path("tree/l")) == "x"


def test_problems_of_a_lying_guest_are_made_safe(world):
    problem = {8: {2: b"\x1b]0;owned\x07\xff\n\x9b2J" + b"p" * 5000, 3: 4, 4: "gone\n\x1b[2J"}}
    with LyingGuest(world, [problem, DONE]) as guest:
        result = guest.cp("liar:/f", world.path("f"))
    assert result.returncode == 1 and result.err.count("\n") == 1, result
    assert result.err.strip().isprintable() and len(result.err) < 40000, result


def test_a_guest_that_promises_too_much(world):
    """4 EiB of hole, in a moment; the disk is not filled, and the copy fails or is the promised hole."""
    items = [file(b"f", 1 << 62), {6: {1: 1 << 62}}, {7: {1: b"0" * 16, 2: 1 << 62}}, DONE]
    with LyingGuest(world, items) as guest:
        result = guest.cp("liar:/f", world.path("f"))
    one_line(result, world.path("f"))
    assert os.listdir(world.tmp) == []
    assert listens(world.control)


def test_no_more_copies_than_the_limit(make_world):
    """`copies` in agent.conf; who is over it is told what to do."""
    world = make_world(agent_conf="limits { copies = 1 }\n").start()
    world.write(world.path("file"), "content")
    second = ["cp", world.path("file"), f"g1:{world.path('second')}"]
    first = world.popen("cp", "-", f"g1:{world.path('first')}")
    first.stdin.write(b"x")
    first.stdin.flush()
    until(lambda: len(os.listdir(world.tmp)) > 1, "the first copy has made its file")
    result = world.gl(*second)
    assert result.returncode != 0 and "1 copies" in result.err, result
    assert "limit" in result.err and "try again" in result.err, result
    first.stdin.close()
    assert first.wait(60) == 0
    until(lambda: world.gl(*second).returncode == 0, "there is room again")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lays links of others")
def test_links_of_others_in_a_shared_folder_are_not_followed(make_world):
    """As the kernel has it (fs.protected_symlinks), where the agent itself follows links: when its
    policy asks for paths."""
    world = make_world(agent_conf="policy { deny x { path = '/nowhere/*' } }\n").start()
    shared, target, own = world.path("shared"), world.path("target"), world.path("own")
    os.mkdir(shared)
    os.chmod(shared, 0o1777)
    world.write(target, "kept")
    world.write(own, "new")
    os.symlink(target, f"{shared}/link")
    os.lchown(f"{shared}/link", 65534, -1)
    for args in ([own, f"g1:{shared}/link"], [f"g1:{shared}/link", world.path("got")]):
        result = world.gl("cp", *args)
        assert result.returncode != 0 and "permission denied" in result.err.lower(), result
    with open(target, encoding="ascii") as file:
        assert file.read() == "kept"
    assert not os.path.exists(world.path("got"))
    os.lchown(f"{shared}/link", 0, -1)
    world.gl("cp", f"g1:{shared}/link", world.path("got"), check=True)
