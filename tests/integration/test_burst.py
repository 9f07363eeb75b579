# SPDX-License-Identifier: MIT
"""One client of the control socket that asks for more than its share of a guest."""
import contextlib
import itertools
import select

import wire
from wire import Peer

BURST = 5000
ROUND = 20
STAYING = 300  # more than fill 64 MiB
STATUS_LIMIT = 10
CANCELLED = (1).to_bytes(4, "little")
SLEEP = wire.protobuf({1: ["sleep", "1000"]})


def test_a_burst_of_cancelled_calls_is_nobody_elses_trouble(make_world):
    world = make_world(agent_conf="limits { calls = 20 }\n").start()
    honest = world.popen("exec", "-i", "g1", "--", "cat", bufsize=0)

    def echo(line):
        honest.stdin.write(line)
        assert honest.stdout.readline() == line

    echo(b"before\n")
    started = world.guest()["connected_since"]
    call = wire.protobuf({1: "exec", 2: "start", 3: "g1", 4: SLEEP})
    ids = itertools.count(1, 2)
    with Peer.connect(world.control) as client:
        client.greet()

        def handed_on():
            """The daemon has taken what was written so far, and passed it on."""
            assert client.call(next(ids), "host", "list")[1] == 0

        with world.agent.paused():  # so that all of it comes to the guest at once
            for _ in range(BURST // ROUND):
                streams = [next(ids) for _ in range(ROUND)]
                client.write(b"".join(wire.frame(wire.OPEN, s, call) for s in streams))
                handed_on()
                client.write(b"".join(wire.frame(wire.RESET, s, CANCELLED) for s in streams))
                handed_on()
            _, status, text = client.call(next(ids), "exec", "start", "g1", SLEEP)
            assert status == STATUS_LIMIT and "g1" in text and "client" in text
        echo(b"meanwhile\n")
        served = world.gl("exec", "g1", "--", "echo", "served")
        assert (served.stdout, served.returncode) == (b"served\n", 0)
    echo(b"after\n")
    honest.stdin.close()
    assert honest.wait(60) == 0
    guest = world.guest()
    assert guest["state"] == "connected" and guest["resumes"] == 0
    assert guest["connected_since"] == started


def test_two_hundred_programs_at_a_time(world):
    """Each by a client of its own, as 200 runs of the command line are."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Peer.connect(world.control).greet()) for _ in range(200)]
        cat = wire.protobuf({1: "exec", 2: "start", 3: "g1", 4: wire.protobuf({1: ["cat"], 8: 1})})
        for client in clients:
            client.send(wire.OPEN, 1, cat)
        for client in clients:
            client.expect(wire.MESSAGE)  # ExecStarted: all of them run
        for number, client in enumerate(clients):
            client.send(wire.DATA, 1, b"line %d" % number)
            client.send(wire.EOF, 1)
        for number, client in enumerate(clients):
            assert client.expect(wire.DATA) == b"line %d" % number
            client.expect(wire.MESSAGE)  # ExecExit
            assert wire.status_text(client.expect(wire.CLOSE))[0] == 0


def fill(client, streams):
    """Sends data on all of the streams as long as there is credit, and some more time."""
    limits, sent = dict.fromkeys(streams, 1 << 18), dict.fromkeys(streams, 0)
    ended, idle, data = {}, 0, bytes(1 << 16)
    while idle < 5:
        idle += 1
        for stream in streams:
            if stream not in ended and limits[stream] - sent[stream] >= len(data):
                client.send(wire.DATA, stream, data)
                sent[stream] += len(data)
                idle = 0
        while client.buffer or select.select([client.sock], [], [], 0.1)[0]:
            kind, _, _, stream, payload = client.receive()
            if kind == wire.WINDOW:
                limits[stream] = int.from_bytes(payload, "little")
            elif kind in (wire.RESET, wire.CLOSE):
                ended[stream] = wire.status_text(payload)
    return sent, ended


def test_calls_that_stay_and_take_no_input_are_nobody_elses_trouble(world):
    """What waits for credit is the client's, not the guest's, and is no reason to refuse others."""
    sleep = wire.protobuf({1: "exec", 2: "start", 3: "g1", 4: wire.protobuf({1: ["sleep", "1000"],
                                                                              8: 1})})
    streams = range(1, 2 * STAYING, 2)
    with Peer.connect(world.control) as client:
        client.greet(payload_max=262144)
        for stream in streams:
            client.send(wire.OPEN, stream, sleep)
            client.expect(wire.MESSAGE)
        sent, ended = fill(client, streams)
        assert not ended, "it is within its own bounds, too"
        assert sum(sent.values()) > 2 * (64 << 20), "half of that is with the agent"
        served = world.gl("exec", "g1", "--", "echo", "served")
        assert (served.stdout, served.returncode) == (b"served\n", 0), served
        assert world.gl("info", "g1").returncode == 0
        messages, status, text = client.call(2 * STAYING + 1, "host", "list")
        assert status == 0 and messages, text
    assert world.guest()["state"] == "connected"
