# SPDX-License-Identifier: MIT
"""Memory stays flat and the link answers while much flows to somebody who does not read.

Sanitizers take many times the memory: then the programs of $GL_PLAIN_BUILDDIR are used, a build
without them that run-tests.sh makes for this test.
"""
import os
import threading

import pytest

from world import descendants, full, rss_peak, sanitized, until

SIZE = full(192 << 20, 5 << 30)
LIMIT = 64 << 20

PLAIN = os.environ.get("GL_PLAIN_BUILDDIR", "")
BUILDDIR = PLAIN if sanitized() else None
pytestmark = pytest.mark.skipif(
    sanitized() and not PLAIN,
    reason="sanitizers need more memory than is measured here: set GL_PLAIN_BUILDDIR")


class Peaks:
    """The highest resident memory of each program, and of what the agent started."""

    def __init__(self, world, client):
        self.pids = {"hostd": world.hostd.pid, "agent": world.agent.pid, "client": client.pid}
        self.peaks = {}
        for number, pid in enumerate(descendants(world.agent.pid)):
            self.pids[f"child {number}"] = pid

    def look(self):
        for name, pid in self.pids.items():
            try:
                self.peaks[name] = max(self.peaks.get(name, 0), rss_peak(pid))
            except OSError:
                pass
        return self.peaks


def median_ping(world):
    result = world.gl("--json", "ping", "-c", "40", "-i", "0.01", "g1")
    assert result.returncode == 0, result.err
    return result.json_lines[-1]["summary"]["median_ms"]


def blocked(world):
    """Until nothing moves any more: what the whole way holds is full."""
    last = None

    def still():
        nonlocal last
        now = []
        for pid in [world.hostd.pid, world.agent.pid, *descendants(world.agent.pid)]:
            with open(f"/proc/{pid}/io", encoding="ascii") as file:
                now.append(file.read())
        last, same = now, now == last
        return same
    until(still, "all buffers are full", interval=0.3)


@pytest.fixture
def plain(make_world):
    return make_world(build=BUILDDIR).start()


def test_output_to_a_reader_that_sleeps(plain):
    client = plain.popen("exec", "g1", "--", "sh", "-c", f"yes | head -c {SIZE}")
    assert client.stdout.read(2) == b"y\n"
    peaks = Peaks(plain, client)
    blocked(plain)
    assert median_ping(plain) < 10, "ms; the reader sleeps"
    got, median = 2, []
    pinger = threading.Thread(target=lambda: median.append(median_ping(plain)))
    pinger.start()
    while block := client.stdout.read(1 << 20):
        assert block.count(b"y\n") * 2 == len(block)
        got += len(block)
        if got % (1 << 24) < 1 << 20:
            peaks.look()
    pinger.join()
    assert client.wait(60) == 0 and got == SIZE
    assert median[0] < 10, "ms; the reader reads as fast as it can"
    print({name: f"{peak >> 20} MiB" for name, peak in peaks.look().items()}, median)
    assert all(0 < peak < LIMIT for peak in peaks.peaks.values()), peaks.peaks


def test_input_to_a_command_that_sleeps(plain):
    with open("/dev/zero", "rb") as zeros:
        client = plain.popen("exec", "-i", "g1", "--", "sh", "-c", "echo started; sleep 1000",
                             stdin=zeros)
        assert client.stdout.readline() == b"started\n"
        peaks = Peaks(plain, client)
        blocked(plain)
        assert median_ping(plain) < 10, "ms"
        assert all(0 < peak < LIMIT for peak in peaks.look().values()), peaks.peaks
        client.kill()
        client.communicate()


def test_an_agent_at_rest_gives_memory_back(plain):
    """Ten seconds after its last call; 4 MiB is what it has then, with a little for what differs."""
    assert plain.gl("exec", "g1", "--", "head", "-c", "200000000", "/dev/zero").returncode == 0

    def resident():
        with open(f"/proc/{plain.agent.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    after = resident()
    until(lambda: resident() < min(after, 5 << 20), "memory is given back", timeout=60)
