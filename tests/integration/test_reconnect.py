# SPDX-License-Identifier: MIT
"""Links break, sessions don't: what users see when a connection is cut, and when a daemon ends."""
import fcntl
import hashlib
import os
import pty
import random
import signal
import subprocess
import termios

import pytest

from cutproxy import DOWN, UP, CutProxy
from world import full, processes, until

SEED = int(os.environ.get("GL_SEED", "20"))


def digest_of(stream):
    digest = hashlib.sha256()
    while block := stream.read(1 << 16):
        digest.update(block)
    return digest.hexdigest()


def budgets(count, low, high):
    """Byte counts to cut after: one in four within the handshake, never two of those in a row."""
    rng = random.Random(SEED)
    return [rng.choice((0, 1, 11, 12, 13, 100, 200, 300, 400, 600)) if i % 4 == 3
            else rng.randrange(low, high) for i in range(count)]


def one_line(text):
    """Asserts that this is one clear line, and returns it."""
    assert text.endswith("\n") and text.count("\n") == 1, repr(text)
    assert text.startswith("guestlink"), text
    return text


def running(world, *command, options=()):
    """Starts exec and waits until the command has said 'started'."""
    client = world.popen("exec", *options, world.name, "--", *command)
    assert client.stdout.readline() == b"started\n"
    return client


def finish(client, stdin=None):
    out, err = client.communicate(stdin, timeout=60)
    return client.returncode, out.decode(), err.decode()


def lost(outcome):
    """Asserts that exec ended since the session was lost, and says so in one line, once."""
    status, _, err = outcome
    assert status == 125, err
    line = one_line(err.splitlines(True)[-1])  # it may have told before that it waits
    assert line.count("may have run") == 1, line


def sleeper(world):
    """A command that runs on: its client, and its pid in the guest."""
    client = running(world, "sh", "-c", "echo $$ >pid; echo started; exec sleep 1000",
                     options=["-w", world.tmp])
    with open(world.path("pid"), encoding="ascii") as file:
        return client, int(file.read())


# ---------------------------------------------------------------- cut and resumed

def test_output_of_a_run_cut_20_times_is_that_of_an_uncut_run(cut_world):
    numbers = ["sh", "-c", "seq 1 3000000"]
    want = hashlib.sha256(subprocess.run(numbers, stdout=subprocess.PIPE, check=True).stdout)
    proxy = cut_world.proxy
    proxy.cut_after(UP, 100_000)
    proxy.plan_cuts(UP, budgets(19, 20_000, 1_000_000))
    client = cut_world.popen("exec", "g1", "--", *numbers)
    got = digest_of(client.stdout)
    status, _, err = finish(client)
    assert (status, err) == (0, "")
    assert got == want.hexdigest()
    assert proxy.cuts == 20
    assert cut_world.guest()["resumes"] >= 15
    assert cut_world.guest()["state"] == "connected"


def test_input_and_output_through_cuts_either_way(cut_world):
    data = random.Random(SEED).randbytes(full(12, 200) << 20)
    proxy = cut_world.proxy
    proxy.cut_after(DOWN, 100_000)
    for up, down in zip(budgets(10, 100_000, 800_000), budgets(10, 100_000, 800_000)):
        proxy.plan_cuts(UP, [up])
        proxy.plan_cuts(DOWN, [down])
    result = cut_world.gl("exec", "-i", "g1", "--", "cat", stdin=data, timeout=300)
    assert result.returncode == 0, result.err
    assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(data).digest()
    assert proxy.planned == 0 and proxy.cuts >= 20


def test_a_resume_that_is_cut_at_any_byte_loses_and_doubles_nothing(cut_world):
    """The connection is cut within the greeting that is to resume it; a later one resumes."""
    client = cut_world.popen("exec", "-i", "g1", "--", "cat", bufsize=0)
    proxy = cut_world.proxy
    step = full(61, 7)
    cuts = [(d, n) for d, end in ((UP, 700), (DOWN, 700)) for n in range(0, end, step)]
    for number, (direction, count) in enumerate(cuts):
        proxy.plan_cuts(direction, [count])
        proxy.cut()
        line = b"line %d\n" % number
        client.stdin.write(line)
        assert client.stdout.readline() == line
        # A greeting may need fewer bytes than that: then the echo came before the cut.
        proxy.cut_after(direction, 1 << 40)
    client.stdin.close()
    assert client.stdout.read() == b""
    assert client.wait(60) == 0
    assert cut_world.guest()["resumes"] >= len(cuts)


def test_a_side_that_does_not_notice_is_taken_over(cut_world):
    """The agent sees its connection end and dials again while the host still holds the old one."""
    client = cut_world.popen("exec", "-i", "g1", "--", "cat", bufsize=0)
    for number in range(3):
        cut_world.proxy.close_side("client")
        client.stdin.write(b"%d\n" % number)
        assert client.stdout.readline() == b"%d\n" % number
    client.stdin.close()
    assert client.wait(60) == 0


def test_a_connection_that_falls_silent_is_given_up_and_resumed(cut_world):
    """Nothing arrives any more, and nobody says so: the heartbeat finds out."""
    client = cut_world.popen("exec", "-i", "g1", "--", "cat", bufsize=0)
    client.stdin.write(b"before\n")
    assert client.stdout.readline() == b"before\n"
    cut_world.proxy.mute()
    client.stdin.write(b"after\n")
    assert client.stdout.readline() == b"after\n"
    client.stdin.close()
    assert client.wait(60) == 0


def test_a_daemon_that_hangs_for_a_while_loses_nothing(cut_world):
    """SIGSTOP is what a paused machine looks like from the other side."""
    client = cut_world.popen("exec", "g1", "--", "seq", "1", "300000")
    for daemon in (cut_world.agent, cut_world.hostd):
        with daemon.paused():
            cut_world.proxy.cut()
    want = "".join(f"{n}\n" for n in range(1, 300001))
    assert finish(client) == (0, want, "")


def test_a_terminal_goes_on_through_cuts(cut_world):
    master, slave = pty.openpty()

    def control():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    client = cut_world.popen("shell", "g1", stdin=slave, stdout=slave, stderr=slave,
                             preexec_fn=control)
    os.close(slave)
    seen = b""

    def read_until(text):
        nonlocal seen
        while text not in seen:
            seen += os.read(master, 65536)
        seen = b""

    for number in range(5):
        os.write(master, b"echo a$((%d+40))b\n" % number)
        read_until(b"a%db" % (number + 40))
        cut_world.proxy.cut()
    os.write(master, b"exit 7\n")
    try:
        while os.read(master, 65536):
            pass
    except OSError:
        pass  # the terminal's last user has gone
    os.close(master)
    assert client.wait(60) == 7


def test_detached_is_to_be_seen_and_calls_wait_for_the_guest(cut_world):
    client = running(cut_world, "sh", "-c", "echo started; read line; echo got $line",
                     options=["-i"])
    assert cut_world.guest()["state"] == "connected"
    cut_world.proxy.refuse = True
    cut_world.proxy.cut()
    cut_world.wait_state("detached")
    assert "detached" in cut_world.gl("ls").out
    assert client.poll() is None
    cut_world.proxy.refuse = False
    cut_world.wait_state("connected")
    assert cut_world.guest()["resumes"] == 1
    assert finish(client, b"it\n") == (0, "got it\n", "")


def test_when_the_resume_time_is_over_commands_end_on_both_sides(make_world, tmp_path):
    world = make_world(hostd_conf="resume-time = 1\n")
    world.connect = str(tmp_path / "proxy")
    with CutProxy(world.connect, world.guests) as proxy:
        world.start()
        client, pid = sleeper(world)
        proxy.refuse = True
        proxy.cut()
        lost(finish(client))
        world.wait_state("gone")
        proxy.refuse = False
        world.wait_guest()
        until(lambda: pid not in processes(), "the command in the guest has ended")
        assert world.gl("exec", "g1", "--", "echo", "again").stdout == b"again\n"


# ---------------------------------------------------------------- daemons end

@pytest.mark.parametrize("first", ["agent", "hostd"])
def test_daemons_start_in_either_order(make_world, first):
    world = make_world()
    if first == "agent":
        agent = world.start_agent(wait=False)
        until(lambda: os.path.exists(world.agent_state), "the agent is up")
        assert agent.running
        world.start_hostd()
        world.wait_guest()
    else:
        world.start()
    assert world.gl("exec", "g1", "--", "echo", "hello").stdout == b"hello\n"


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("victim", ["agent", "hostd"])
def test_a_daemon_is_restarted(world, victim, how):
    """What runs ends with a clear line and 125; then all goes on by itself."""
    client, pid = sleeper(world)
    getattr(getattr(world, victim), how)()
    if (victim, how) != ("agent", "kill"):
        lost(finish(client))
    if victim == "agent":
        world.start_agent()
    else:
        assert world.agent.running
        world.start_hostd()
        world.wait_guest()
    if (victim, how) == ("agent", "kill"):  # the host waits for it, until another comes
        lost(finish(client))
    until(lambda: pid not in processes(), "the command in the guest has ended")
    result = world.gl("exec", "g1", "--", "echo", "again")
    assert (result.returncode, result.stdout) == (0, b"again\n")
    guest = world.guest()
    assert guest["trust"] == "accepted" and guest["name"] == "g1"
    assert len(world.gl("--json", "ls").json["guests"]) == 1


def test_a_client_that_is_killed_ends_its_command(world):
    client, pid = sleeper(world)
    client.kill()
    until(lambda: pid not in processes(), "the command in the guest has ended")
    assert world.gl("exec", "g1", "--", "true").returncode == 0


def test_signals_of_the_terminal_reach_the_command(world):
    client = running(world, "sh", "-c", "trap 'echo caught; exit 3' INT; echo started; read x",
                     options=["-i"])
    client.send_signal(signal.SIGINT)
    assert client.stdout.readline() == b"caught\n"  # before its input ends
    assert finish(client)[0] == 3
