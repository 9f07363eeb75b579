# SPDX-License-Identifier: MIT
"""A guest whose link broke and is awaited back: whoever calls it is told, and may stop at once."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from cutproxy import CutProxy
from world import PATIENCE, until

NOTICE = re.compile(r"guestlink \w+: g1: the guest is detached, waiting for it "
                    r"\(up to (\d+) s; Ctrl-C to stop\)\n")


@pytest.fixture
def detached(cut_world):
    """A world whose guest is detached; proxy.refuse = False lets it come back."""
    return detach(cut_world)


def detach(world):
    world.proxy.refuse = True
    world.proxy.cut()
    world.wait_state("detached")
    return world


def notice(client):
    """Waits for the notice, the first line on stderr, and returns the seconds that it gives."""
    line = client.stderr.readline().decode()
    assert NOTICE.fullmatch(line), repr(line)
    return int(NOTICE.fullmatch(line).group(1))


def rest(client):
    out, err = client.communicate(timeout=60)
    return client.returncode, out.decode(), err.decode()


CALLS = {
    "exec": ["exec", "g1", "--", "echo", "hello"],
    "shell": ["shell", "g1"],
    "cp to": ["cp", "/etc/hostname", "g1:/tmp/never"],
    "cp from": ["cp", "g1:/etc/hostname", "never"],
    "info": ["info", "g1"],
}


# ---------------------------------------------------------------- waiting

@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_call_says_that_it_waits_and_one_signal_ends_it(detached, call, number):
    client = detached.popen(*CALLS[call], stdin=subprocess.DEVNULL)
    assert 50 <= notice(client) <= 60
    client.send_signal(number)
    status, out, err = rest(client)
    assert out == "" and err.count("\n") <= 1
    if call in ("exec", "shell"):
        assert status == 128 + number
        assert "detached" in err and "not started" in err and "may" not in err
    elif call == "info":
        assert status == -number
    else:
        assert status == 128 + number and "interrupted" in err
    assert not os.path.exists(detached.path("never")) and not os.path.exists("/tmp/never")


@pytest.mark.parametrize("call", ["exec", "cp from", "info"])
def test_a_call_that_waited_goes_on(detached, call):
    client = detached.popen(*CALLS[call])
    notice(client)
    detached.proxy.refuse = False
    status, out, err = rest(client)
    assert (status, err) == (0, "")
    if call == "exec":
        assert out == "hello\n"


def test_what_was_stopped_is_not_started_later(detached):
    client = detached.popen("exec", "g1", "--", "touch", detached.path("file"))
    notice(client)
    client.send_signal(signal.SIGTERM)
    assert rest(client)[0] == 143
    detached.proxy.refuse = False
    detached.wait_state("connected")
    assert detached.gl("exec", "g1", "--", "true").returncode == 0
    assert not os.path.exists(detached.path("file"))


def test_notices_as_json(detached):
    client = detached.popen("--json", "exec", "g1", "--", "true")
    line = json.loads(client.stderr.readline())
    assert line["schema"] == 1
    assert line["notice"]["code"] == "DETACHED" and line["notice"]["guest"] == "g1"
    client.send_signal(signal.SIGINT)
    status, _, err = rest(client)
    assert status == 130 and json.loads(err)["error"]["code"] == "CANCELLED"


def test_a_guest_that_is_there_gives_no_notice(cut_world):
    result = cut_world.gl("exec", "g1", "--", "sleep", "2.5")
    assert (result.returncode, result.err) == (0, "")


def test_ls_says_how_long_it_is_waited_for(detached):
    assert 1 <= detached.guest()["resume_left"] <= 60
    detached.proxy.refuse = False
    detached.wait_state("connected")
    assert detached.guest()["resume_left"] == 0


# ---------------------------------------------------------------- in the middle

def sleeper(world, *options):
    client = world.popen("exec", *options, "g1", "--", "sh", "-c", "echo up; exec sleep 1000")
    assert client.stdout.readline() == b"up\n"
    return client


def test_a_program_that_runs_while_its_link_breaks(cut_world):
    client = sleeper(cut_world)
    detach(cut_world)
    notice(client)
    client.send_signal(signal.SIGINT)
    status, _, err = rest(client)
    assert status == 130 and err.count("\n") == 1
    assert "runs on" in err and "not started" not in err


def test_a_signal_that_was_sent_into_a_dead_link_counts(cut_world):
    """Nobody knew that the guest was gone when the user had enough."""
    client = sleeper(cut_world)
    with cut_world.agent.paused():
        client.send_signal(signal.SIGTERM)
        detach(cut_world)
        assert client.wait(60) == 143
    assert "runs on" in client.stderr.read().decode()


def test_a_shell_on_a_terminal(detached):
    """Its keys are passed on only when the shell runs; until then ^C is for guestlink."""
    master, slave = pty.openpty()
    client = detached.popen("shell", "g1", stdin=slave, stdout=slave, stderr=slave,
                            start_new_session=True, preexec_fn=lambda: os.dup2(
                                os.open(os.ttyname(0), os.O_RDWR), 0))
    os.close(slave)
    seen = b""
    while b"Ctrl-C to stop)\r\n" not in seen:
        assert select.select([master], [], [], PATIENCE)[0]
        seen += os.read(master, 65536)
    os.write(master, b"\x03")
    assert client.wait(60) == 130
    os.close(master)


# ---------------------------------------------------------------- time limits

def test_the_time_limit_counts_while_the_guest_is_away(detached):
    start = time.monotonic()
    result = detached.gl("exec", "--timeout", "2", "g1", "--", "touch", detached.path("file"))
    assert result.returncode == 124 and 1.9 < time.monotonic() - start < 20
    assert NOTICE.match(result.err) and "the program was not started" in result.err
    detached.proxy.refuse = False
    detached.wait_state("connected")
    assert not os.path.exists(detached.path("file"))


def test_the_time_limit_of_a_program_whose_guest_goes(cut_world):
    client = sleeper(cut_world, "--timeout", "2")
    detach(cut_world)
    status, _, err = rest(client)
    assert status == 124 and "the program runs on" in err


def test_the_guests_own_word_on_the_limit_wins(cut_world):
    """Connected, it is the guest that ends the program: its last words are heard."""
    script = "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.1; done"
    result = cut_world.gl("--json", "exec", "--timeout", "1", "g1", "--", "sh", "-c", script)
    assert result.returncode == 124 and result.err == ""
    assert result.json_lines[-1]["exit"]["timed_out"]
    assert any("bye" in line.get("data", "") for line in result.json_lines)


def test_a_limit_that_runs_out_while_the_link_is_broken_for_a_moment(cut_world):
    """It is back in less than a second, and the guest's own word comes."""
    start = time.monotonic()
    client = sleeper(cut_world, "--timeout", "2")
    until(lambda: time.monotonic() > start + 1.9, "just before the limit")
    cut_world.proxy.cut()
    assert rest(client) == (124, "", "")


def test_the_time_limit_of_a_daemon_that_hangs_and_dies(cut_world):
    start = time.monotonic()
    client = sleeper(cut_world, "--timeout", "1")
    with cut_world.hostd.paused():
        until(lambda: time.monotonic() > start + 1.2, "the time is up")
        assert client.poll() is None
        cut_world.hostd.kill()
    status, _, err = rest(client)
    assert status == 124 and "may have run" in err


@pytest.mark.parametrize("who", ["agent", "hostd"])
def test_the_time_limit_when_nobody_answers(world, who):
    """Nothing says that the one is gone: it hangs, and its connections are there."""
    with getattr(world, who).paused():
        start = time.monotonic()
        result = world.gl("exec", "--timeout", "1", "g1", "--", "true")
        assert result.returncode == 124, result
        assert 0.9 < time.monotonic() - start < 5
        assert result.err.count("\n") == 1 and "not answer" in result.err


@pytest.mark.parametrize("who", ["agent", "hostd"])
def test_the_time_limit_of_a_program_whose_guest_hangs(world, who):
    """The guest has time to end it, which takes five seconds at most."""
    client = sleeper(world, "--timeout", "1")
    start = time.monotonic()
    with getattr(world, who).paused():
        status, _, err = rest(client)
    assert status == 124 and "runs on" in err
    assert 5.5 < time.monotonic() - start < 13


# ---------------------------------------------------------------- ping

def test_ping_goes_on_without_an_answer(detached):
    result = detached.gl("ping", "-c", "2", "-i", "0", "--timeout", "0.3", "g1")
    assert result.returncode == 1 and result.err == ""
    lines = result.out.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["no answer 1 from g1", "no answer 2 from g1"]
    assert "0.3 s" in lines[0] and "detached" in lines[0]
    assert lines[2:] == ["2 sent, 0 answered"]


def test_ping_of_a_guest_that_comes_back(detached):
    client = detached.popen("--json", "ping", "-c", "1000", "-i", "0.05", "--timeout", "0.3", "g1")
    first = json.loads(client.stdout.readline())
    assert first["sequence"] == 1 and first["round_trip_ms"] is None and first["reason"]
    detached.proxy.refuse = False
    until(lambda: json.loads(client.stdout.readline())["round_trip_ms"], "an answer", interval=0)
    client.send_signal(signal.SIGINT)
    out, err = client.communicate(timeout=60)
    assert client.returncode == 0 and err == b""
    summary = json.loads(out.splitlines()[-1])["summary"]
    assert summary["sent"] > summary["received"] > 0 and summary["min_ms"] > 0


def test_ping_of_a_guest_that_is_stopped(world):
    """Its link seems to be fine; nobody answers."""
    with world.agent.paused():
        client = world.popen("ping", "-i", "0.01", "-W", "0.2", "-c", "1000", "g1")
        assert b"nothing within 0.2 s" in client.stdout.readline()
        client.send_signal(signal.SIGTERM)
        status, out, err = rest(client)
    assert status == 1 and err == "" and out.endswith(" 0 answered\n")


def test_ping_through_a_restart_of_the_agent(world):
    client = world.popen("ping", "-c", "100000", "-i", "0.05", "g1")
    assert client.stdout.readline().startswith(b"answer 1 ")
    world.agent.stop()
    until(lambda: client.stdout.readline().startswith(b"no answer"), "no answer", interval=0)
    world.start_agent()
    until(lambda: client.stdout.readline().startswith(b"answer"), "an answer", interval=0)
    client.send_signal(signal.SIGINT)
    assert rest(client)[0] == 0


@pytest.mark.parametrize("interval", ["0", "0.0001", "0.001"])
def test_ping_does_not_wait_longer_than_it_is_told(world, interval):
    start = time.monotonic()
    result = world.gl("ping", "-c", "50", "-i", interval, "g1")
    assert result.returncode == 0 and result.out.splitlines()[-1].startswith("50 sent, 50 answered")
    assert time.monotonic() - start < 4  # once is 5 s


def test_ping_ends_with_the_daemon(world):
    client = world.popen("ping", "-c", "100000", "-i", "0.05", "g1")
    assert client.stdout.readline().startswith(b"answer 1 ")
    world.hostd.stop()
    status, out, err = rest(client)
    assert status == 1 and err.count("\n") == 1
    assert " answered; min " in out


# ---------------------------------------------------------------- last seen

def test_last_seen_is_when_the_guest_was_heard(make_world, tmp_path):
    """Not when its session was given up, and not when it had connected."""
    world = make_world(hostd_conf="resume-time = 5\n")
    world.connect = str(tmp_path / "proxy")
    with CutProxy(world.connect, world.guests) as proxy:
        world.start()
        connected = world.guest()["connected_since"]
        until(lambda: time.time() > connected + 2, "a little later")
        world.gl("exec", "g1", "--", "true", check=True)
        heard = time.time()
        proxy.refuse = True
        proxy.cut()
        world.wait_state("detached")
        assert connected + 1 < world.guest()["last_seen"] <= heard + 1
        world.wait_state("gone")
        assert connected + 1 < world.guest()["last_seen"] <= heard + 1.5


@pytest.mark.deadline(200)
def test_last_seen_survives_a_daemon_that_is_killed(world):
    """It is kept once a minute."""
    if not os.environ.get("GL_FULL"):
        pytest.skip("takes more than a minute")
    connected = world.guest()["connected_since"]
    store = os.path.join(world.hostd_state, "guests.json")

    def kept():
        with open(store, encoding="utf-8") as file:
            return json.load(file)["guests"][0]["last_seen"]

    until(lambda: kept() >= connected + 55, "it was written again", 100, 0.5)
    world.hostd.kill()
    world.agent.stop()
    world.start_hostd()
    assert world.guest()["last_seen"] >= connected + 55
