# SPDX-License-Identifier: MIT
"""exec --password-stdin: what is read of standard input; and that a password, or a site's key, stays nowhere."""
import base64
import fcntl
import glob
import json
import os
import pty
import re
import signal
import subprocess
import termios

import pytest

import wire
from world import GUEST as G
from world import until

#: Like nothing that could be in a program by chance.
SECRET = "qZ7#vW2!xK9$mP4&tR6*"
REFUSED = "needs no password"


def run(world, line, *options, program=("true",), **more):
    return world.gl("exec", "-u", "root", "--password-stdin", *options, G, "--", *program, stdin=line, **more)


def test_a_linux_guest_takes_none(shared):
    result = run(shared, f"{SECRET}\n".encode())
    assert result.returncode == 125 and REFUSED in result.err, result
    said = run(shared, f"{SECRET}\n".encode(), "-i")
    assert said.returncode == 125 and said.err == result.err
    result = shared.gl("--json", "exec", "-u", "root", "--password-stdin", G, "--", "true",
                       stdin=f"{SECRET}\n".encode())
    assert result.returncode == 125 and json.loads(result.err)["error"]["code"] == "UNSUPPORTED", result


def test_the_policy_is_asked_first(make_world):
    world = make_world(agent_conf='policy {\n default = allow\n deny "no" { service = "exec" }\n}\n').start()
    result = run(world, f"{SECRET}\n".encode())
    assert result.returncode == 125 and "agent.conf:3" in result.err, result


@pytest.mark.parametrize("line, why", [
    (b"", "there is none"), (b"\n", "empty"), (b"\r\n", "empty"), (b"x\0y\n", "NUL"), (b"\xff\n", "UTF-8"),
    (b"x" * 513, "longer"), (b"x" * 513 + b"\n", "longer"), (b"x" * 513 + b"\r\n", "longer"),
    (b"x" * 100000, "longer"),
])
def test_what_is_no_password(shared, line, why):
    result = run(shared, line)
    assert result.returncode == 125 and why in result.err and result.err.count("\n") == 1, result


@pytest.mark.parametrize("line", [b"x", b"x\n", b"x\r\n", b"x" * 512 + b"\r\n", "ü".encode() * 256, b" \n"])
def test_what_is_one(shared, line):
    result = run(shared, line)
    assert result.returncode == 125 and REFUSED in result.err, result


@pytest.mark.parametrize("options", [["--password-stdin"], ["-u", "root", "--session", "1", "--password-stdin"]])
def test_only_with_a_user(shared, options):
    result = shared.gl("exec", *options, G, "--", "true", stdin=b"x\n")
    assert result.returncode == 125 and "--password-stdin" in result.err, result


def test_what_follows_the_line_is_left(shared, tmp_path):
    path = tmp_path / "input"
    path.write_bytes(b"secret\nrest\n")
    for source in ("file", "pipe"):
        if source == "file":
            file = open(path, "rb", buffering=0)
        else:
            read_end, write_end = os.pipe()
            os.write(write_end, b"secret\nrest\n")
            os.close(write_end)
            file = os.fdopen(read_end, "rb", buffering=0)
        with file:
            assert run(shared, file).returncode == 125
            assert file.read() == b"rest\n"
    with open(path, "rb", buffering=0) as file:
        path.write_bytes(b"x" * 1000 + b"\n")
        assert run(shared, file).returncode == 125
        assert len(file.read()) >= 1001 - 514


def echoes(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def asked(world, *args):
    """A client that asks at a terminal: (client, master, slave)."""
    master, slave = pty.openpty()
    client = world.popen("exec", "-u", "root", "--password-stdin", *args, G, "--", "true", stdin=slave,
                         preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)))
    prompt = b""
    while not prompt.endswith(b": "):
        piece = os.read(client.stderr.fileno(), 100)
        assert piece, prompt
        prompt += piece
    assert prompt == b"Password for root: "
    assert not echoes(slave)
    return client, master, slave


def test_a_terminal_shows_nothing(shared):
    client, master, slave = asked(shared)
    os.write(master, SECRET.encode() + b"\n")
    _, err = client.communicate(timeout=60)
    assert client.returncode == 125 and REFUSED in err.decode() and err.startswith(b"\n"), err
    assert echoes(slave)
    os.set_blocking(master, False)
    try:
        shown = os.read(master, 1000)
    except BlockingIOError:
        shown = b""
    assert SECRET.encode() not in shown
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("how", [b"\x03", signal.SIGTERM, signal.SIGHUP, b"\x04"])
def test_a_terminal_is_put_back(shared, how):
    client, master, slave = asked(shared)
    if isinstance(how, bytes):
        os.write(master, b"half" + how if how == b"\x03" else how)
    else:
        client.send_signal(how)
    client.communicate(timeout=60)
    assert client.returncode == (125 if how == b"\x04" else -signal.SIGINT if how == b"\x03" else -how)
    assert echoes(slave)
    os.close(master)
    os.close(slave)


def test_a_terminal_is_asked_again_after_a_stop(shared):
    client, master, slave = asked(shared)
    os.write(master, b"half")
    client.send_signal(signal.SIGTSTP)

    def state():
        with open(f"/proc/{client.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]

    # A process group that nobody could continue is not stopped by it (orphaned): it goes on at once.
    until(lambda: state() == "T" or b"root: " in os.read(client.stderr.fileno(), 100), "stopped, or asked again")
    client.send_signal(signal.SIGCONT)
    until(lambda: not echoes(slave), "asked again")
    os.write(master, b"\x15whole\n")
    _, err = client.communicate(timeout=60)
    assert client.returncode == 125 and REFUSED in err.decode(), err
    assert echoes(slave)
    os.close(master)
    os.close(slave)


# ---------------------------------------------------------------------------- where it is not

def holds(pid, needle):
    """Where in its writable memory a process has these bytes: address and mapping."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, mode, *rest = line.split()
            begin, end = (int(x, 16) for x in where.split("-"))
            if "w" not in mode or end - begin > 1 << 30:
                continue
            at = begin
            while at < end:
                try:
                    mem.seek(at)
                    data = mem.read(min(end - at, 1 << 24))
                except (OSError, OverflowError, ValueError):
                    break
                found += [f"{at + m.start():x} {rest[-1] if len(rest) > 3 else ''}"
                          for m in re.finditer(re.escape(needle), data)]
                at += len(data) or 4096
    return found


def test_it_stays_nowhere(make_world):
    """Neither in what was written anywhere, nor in what the daemons have in memory; a word that is no secret is found there."""
    world = make_world(hostd_args=["--log-level", "debug"], agent_args=["--log-level", "debug"]).start()
    plain = "jY3#bN8!cL5$hD1&gF0*"
    for length in (20, 500):  # inside a frame's own memory, and beside it
        secret = (SECRET * 25)[:length]
        for _ in range(3):
            assert REFUSED in run(world, f"{secret}\n".encode()).err
    assert world.gl("exec", "-e", f"PLAIN={plain}", G, "--", "true").returncode == 0
    for daemon in (world.hostd, world.agent):
        assert holds(daemon.pid, plain.encode()), "the test finds nothing"
    for daemon in (world.hostd, world.agent):
        assert not holds(daemon.pid, SECRET.encode()), f"{daemon.name} has not wiped it"
    for path in glob.glob(f"{world.dir}/**", recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                assert SECRET.encode() not in file.read(), path


def test_the_client_wipes_it(make_world):
    """A client whose call hangs, since the agent is stopped, has it in memory no more once it was written."""
    world = make_world(hostd_args=["--log-level", "debug"]).start()
    world.agent.signal(signal.SIGSTOP)
    try:
        client = world.popen("exec", "-u", "root", "--password-stdin", G, "--", "true", stdin=subprocess.PIPE)
        client.stdin.write(f"{SECRET}\n".encode())
        client.stdin.flush()
        until(lambda: "calls exec.start" in world.hostd.log(), "it has called")
        until(lambda: not holds(client.pid, SECRET.encode()), "the client has wiped it", timeout=10)
    finally:
        world.agent.signal(signal.SIGCONT)
    client.stdin.close()
    client.wait(timeout=60)


def test_the_sites_key_is_in_its_place_alone(make_world):
    """After an export and a join each daemon has the site's key once, as it uses it, and no text of it."""
    worlds = first, second = make_world(), make_world()
    for world in worlds:
        # As its unit says: else the first call of a library's function leaves on the stack what is in the registers.
        world.start_hostd(env={"LD_BIND_NOW": "1"})
    bundle = first.gl("trust", "site", "export", "-", check=True).stdout
    text = re.search(rb"^secret: (\S+)$", bundle, re.M)[1]
    for _ in range(2):
        second.gl("trust", "site", "join", "-", stdin=bundle, check=True)
        first.gl("trust", "site", "export", "-", check=True)
    for world in worlds:
        assert not holds(world.hostd.pid, text), f"{world.hostd.name} has not wiped the bundle"
        assert len(holds(world.hostd.pid, base64.b64decode(text))) == 1
    with wire.Peer.connect(first.control).greet() as client:
        client.send(wire.OPEN, 1, wire.protobuf({1: "trust", 2: "site_export"}))
        frames = {}
        while wire.CLOSE not in frames:
            kind, flags, _, _, payload = client.receive()
            frames[kind] = flags, payload
        assert text in frames[wire.MESSAGE][1] and frames[wire.MESSAGE][0] == wire.SECRET


def test_what_our_client_would_not_send(shared):
    """Calls that hold a password and make no sense, in any flags; and a secret that never ends."""
    said = {1: "true", 4: "root"}
    cases = [({13: "x" * 513}, 3), ({13: "x", 4: ""}, 3), ({13: b"x\0y"}, 3), ({13: b"\xff"}, 3), ({13: ["x", "y"]}, 3),
             ({13: "x", 12: "1"}, 3), ({13: "x" * 60000}, 3), ({13: "x"}, 9), ({13: "x" * 512}, 9)]
    for flags in (0, wire.SECRET):
        with wire.Peer.connect(shared.control).greet() as client:
            for at, (fields, status) in enumerate(cases):
                request = wire.protobuf({**said, **fields})
                assert client.call(2 * at + 1, "exec", "start", G, request, flags)[1] == status, (fields, flags)
    with wire.Peer.connect(shared.control).greet() as client:
        client.send(wire.OPEN, 1, b"x" * 1000, flags=wire.SECRET | wire.MORE)
        client.send(wire.OPEN, 3, wire.protobuf({1: "host", 2: "list"}), flags=wire.SECRET)
        while client.receive()[0] != wire.CLOSE:
            pass
    with wire.Peer.connect(shared.control).greet() as client:
        client.send(wire.DATA, 1, b"x", flags=wire.SECRET)
        client.wait_closed()
    assert shared.gl("exec", G, "--", "true").returncode == 0
