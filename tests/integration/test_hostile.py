# SPDX-License-Identifier: MIT
"""Peers that lie, at the guests' listener, at the control socket, and in the place of the host."""
import collections
import contextlib
import json
import os
import random
import socket
import struct
import time

import pytest

import wire
from ed25519 import Key
from wire import Closed, HostPeer, Peer
from world import listens, until

SEED = int(os.environ.get("GL_SEED", "1000"))
CONNECTIONS = 1000
STATUS_PROTOCOL = 13
STATUS_UNSUPPORTED = 9
STATUS_INVALID = 3
STATUS_LIMIT = 10
STATUS_TOO_BIG = 27


@pytest.fixture(scope="module")
def key():
    return Key(b"a hostile guest's seed, 32 bytes")


class Honest:
    """The real guest's work, which goes on all the time."""

    def __init__(self, world):
        self.world, self.count = world, 0
        self.client = world.popen("exec", "-i", "g1", "--", "cat", bufsize=0)

    def check(self):
        self.count += 1
        line = b"line %d\n" % self.count
        self.client.stdin.write(line)
        assert self.client.stdout.readline() == line

    def finish(self):
        self.client.stdin.close()
        assert self.client.wait(60) == 0
        guest = self.world.guest()
        assert guest["state"] == "connected" and guest["resumes"] == 0
        assert self.world.gl("exec", "g1", "--", "echo", "served").stdout == b"served\n"


def mutate(rng, data):
    """Some bytes changed, some cut out, some put in."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(4)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff))
        elif kind == 2:
            del data[at:at + rng.choice((1, 2, 8, 40))]
        else:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 8, 40)))
    return bytes(data)


def greeting(key):
    """The bytes of a good HELLO_A."""
    peer = Peer(None, key)
    return wire.frame(wire.HELLO_A, 0, peer.make_hello(name="mallory"))


def attack_bytes(rng, path, data):
    """Sends this, stops sending or goes away, and takes what comes until the end."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(path)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(data)
            how = rng.randrange(3)
            if how == 0:
                return
            if how == 1:
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass


def attack_handshake(rng, path, key):
    """A handshake that is right up to some point."""
    with Peer.connect(path, key) as peer, contextlib.suppress(Closed, AssertionError):
        peer.hello_a(name="mallory", software=rng.choice(("x", "x" * 63, "\x1b[2J", "\u202e")))
        peer.take_hello_b()
        if rng.randrange(2):
            peer.send(wire.AUTH_A, payload=rng.randbytes(rng.choice((0, 63, 64, 64, 64, 65, 4000))))
        else:
            peer.write(mutate(rng, wire.frame(wire.AUTH_A, 0, bytes(64))))
        peer.sock.shutdown(socket.SHUT_WR)
        peer.wait_closed()


def attack_frames(rng, path, key, **hello):
    """A proven guest, or a client of the control socket, that then sends rubbish."""
    good = [wire.frame(wire.OPEN, 1, wire.protobuf({1: "host", 2: "list"})),
            wire.frame(wire.DATA, 1, b"x" * 100, channel=1), wire.frame(wire.EOF, 1),
            wire.frame(wire.MESSAGE, 1, b"\x0a\x01x"), wire.frame(wire.PING, 0, bytes(8)),
            wire.frame(wire.ACK, 0, bytes(8)), wire.frame(wire.WINDOW, 1, b"\xff" * 8),
            wire.frame(wire.RESET, 1, struct.pack("<I", 1) + b"why"),
            wire.frame(wire.GOODBYE, 0, struct.pack("<I", 33) + b"bye \x1b[31m")]
    with Peer.connect(path, key) as peer, contextlib.suppress(Closed, ConnectionResetError):
        peer.greet(**hello)
        if rng.randrange(2):
            data = b"".join(rng.choices(good, k=rng.randrange(1, 12)))
            data = mutate(rng, data)
        else:
            data = b"".join(
                wire.frame(rng.choice(wire.TYPES + (0, 6, 0x99)), rng.choice((0, 1, 2, 3, 1 << 31)),
                           rng.randbytes(rng.randrange(100)), rng.choice((0, 0, 1, 2, 128)),
                           rng.choice((0, 0, 0, 1, 255)),
                           rng.choice((None, None, None, 0, 9, 1 << 20, 0xffffffff)))
                for _ in range(rng.randrange(1, 8)))
        peer.write(data)
        if rng.randrange(4):
            peer.sock.shutdown(socket.SHUT_WR)
            peer.wait_closed()


def clean(log):
    """Nothing of a peer's reached the log raw, and no line is endless."""
    for line in log.splitlines():
        assert line.isprintable(), repr(line)
        assert "\u202e" not in line
        assert len(line) < 1500, line


def counted(world):
    """How many connections the listener let in, and how many not."""
    with Peer.connect(world.control) as client:
        status = wire.parse(client.greet().call(1, "host", "status")[0][0])
    listener = wire.parse(status[8][0])
    return [listener.get(number, [0])[-1] for number in (4, 5)]


def test_the_listener_for_guests(world, key):
    """Random, truncated and mutated handshakes and frames; one real guest is served all along."""
    rng = random.Random(SEED)
    honest = Honest(world)
    before, counts = len(world.hostd.log().splitlines()), counted(world)
    hello = greeting(key)
    for number in range(CONNECTIONS):
        kind = number % 10
        if kind < 2:
            attack_bytes(rng, world.guests, rng.randbytes(rng.choice((1, 12, 100, 5000))))
        elif kind < 4:
            attack_bytes(rng, world.guests, hello[:rng.randrange(len(hello))])
        elif kind < 7:
            attack_bytes(rng, world.guests, mutate(rng, hello))
        elif kind < 9:
            attack_handshake(rng, world.guests, key)
        else:
            attack_frames(rng, world.guests, key, name="mallory")
        if number % 20 == 0:
            honest.check()
    honest.finish()
    accepted, refused = (now - then for now, then in zip(counted(world), counts))
    assert accepted + refused == CONNECTIONS, "each is counted"
    assert accepted >= CONNECTIONS // 20 and refused >= CONNECTIONS // 2
    log = world.hostd.log()
    clean(log)
    # One line each; a proven guest has three (it came, it did wrong, its session ended).
    assert log.count(" a connection was not let in at ") == refused
    assert len(log.splitlines()) - before < CONNECTIONS * 1.5 + 100
    clean(world.gl("ls").out)


def test_the_control_socket(world):
    rng = random.Random(SEED + 1)
    honest = Honest(world)
    hello = wire.frame(wire.HELLO_A, 0, Peer(None).make_hello())
    for number in range(CONNECTIONS):
        kind = number % 4
        if kind == 0:
            attack_bytes(rng, world.control, rng.randbytes(rng.choice((1, 12, 100, 5000))))
        elif kind == 1:
            attack_bytes(rng, world.control, mutate(rng, hello[:rng.randrange(1, len(hello))]))
        else:
            attack_frames(rng, world.control, None)
        if number % 20 == 0:
            honest.check()
    honest.finish()
    clean(world.hostd.log())


def test_many_that_connect_and_say_nothing(world):
    """They are dropped after their time, and the guest's restart succeeds nevertheless."""
    held = []
    for _ in range(100):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(world.guests)
        held.append(sock)
    world.agent.kill()
    world.start_agent()
    assert world.gl("exec", "g1", "--", "true").returncode == 0
    end = time.monotonic() + 30
    for sock in held:
        sock.settimeout(max(0.1, end - time.monotonic()))
        with contextlib.suppress(ConnectionResetError):
            while sock.recv(100):
                pass
        sock.close()


# ---------------------------------------------------------------- what the document says is fatal

OPEN_HOST = wire.protobuf({1: "no-such-service", 2: "x"})
FATAL = {
    "unknown type": wire.frame(0x99),
    "unknown flag": wire.frame(wire.OPEN, 1, OPEN_HOST, flags=0x80),
    "reserved byte": wire.frame(wire.PING, 0, bytes(8), reserved=1),
    "channel where there is none": wire.frame(wire.PING, 0, bytes(8), channel=1),
    "stream number on a frame of the link": wire.frame(wire.PING, 1, bytes(8)),
    "no stream number": wire.frame(wire.OPEN, 0, OPEN_HOST),
    "PING of 7 bytes": wire.frame(wire.PING, 0, bytes(7)),
    "EOF with a payload": wire.frame(wire.OPEN, 1, OPEN_HOST) + wire.frame(wire.EOF, 1, b"x"),
    "length above the cap": wire.frame(wire.DATA, 1, b"", length=1 << 20),
    "largest length": wire.frame(wire.OPEN, 1, b"", length=0xffffffff),
    "OPEN of the other side's parity": wire.frame(wire.OPEN, 2, OPEN_HOST),
    "OPEN out of order": wire.frame(wire.OPEN, 3, OPEN_HOST),
    "OPEN twice": wire.frame(wire.OPEN, 1, OPEN_HOST) * 2,
    "DATA for a stream never opened": wire.frame(wire.DATA, 1, b"x"),
    "DATA for the host's stream never opened": wire.frame(wire.DATA, 2, b"x"),
    "PONG that nobody asked for": wire.frame(wire.PONG, 0, bytes(8)),
    "ACK beyond what was sent": wire.frame(wire.ACK, 0, b"\xff" * 8),
    "HELLO_A again": wire.frame(wire.HELLO_A, 0, b"guestlnk"),
    "WELCOME": wire.frame(wire.WELCOME, 0, b""),
    "2000 calls of no service": b"".join(
        wire.frame(wire.OPEN, 2 * n + 1, OPEN_HOST) for n in range(2000)),
}


@pytest.mark.parametrize("what", FATAL)
def test_a_violation_ends_the_session_with_goodbye(shared, key, what):
    instance = os.urandom(16)
    with Peer.connect(shared.guests, key) as peer:
        peer.greet(name="mallory", instance=instance)
        with contextlib.suppress(Closed):
            peer.write(FATAL[what])
        frames = peer.wait_closed()
    ends = [wire.status_text(f[4]) for f in frames if f[0] == wire.GOODBYE]
    # Where the host had not read all when it closed, its GOODBYE is lost with the connection.
    assert ends or what == "2000 calls of no service", frames
    assert all(status == STATUS_PROTOCOL for status, _ in ends), ends
    # A session that was ended so is not resumed.
    record = {1: peer.welcome[2], 2: peer.welcome.get(3, 1), 3: instance, 4: peer.peer[6], 5: 0,
              6: wire.Fixed64(0), 7: 0}
    with Peer.connect(shared.guests, key) as again:
        again.greet(name="mallory", instance=instance, resume=record)
        assert not again.welcome.get(1) and again.welcome.get(5) == 1, "UNKNOWN_SESSION"


def refusals(peer, last):
    """Statuses of the RESETs that come up to that of the stream `last`, by stream."""
    found = {}
    while last not in found:
        kind, _, _, stream, payload = peer.receive()
        if kind == wire.RESET:
            found[stream] = wire.status_text(payload)[0]
    return found


def test_requests_that_are_never_finished_take_little(shared):
    """What is no call yet is nobody's share of anything: a client may have few of it."""
    with Peer.connect(shared.control) as client:
        client.greet(payload_max=262144)
        for stream in range(1, 2048, 2):
            client.send(wire.OPEN, stream, b"", flags=wire.MORE)
            client.send(wire.MESSAGE, stream, bytes(255 * 1024), flags=wire.MORE)
        found = refusals(client, 2047)
        assert set(found.values()) == {STATUS_LIMIT}
        assert len(found) >= 1024 - 8, "but for 2 MiB"
        assert 1 not in found
        client.send(wire.RESET, 1, bytes(4))
        messages, status, _ = client.call(2049, "host", "list")
        assert status == 0 and messages
    assert shared.gl("exec", "g1", "--", "true").returncode == 0


def test_an_agent_that_lacks_a_service_may_be_older(shared):
    """What the agent says so is told apart from what its system lacks."""
    for text, hint in (("no such service or method", True), ("this system has no such thing", False)):
        with Peer.connect(shared.guests, Key(b"an old guest's seed, of 32 bytes")) as guest:
            guest.greet(name="oldtimer")
            client = shared.popen("info", "oldtimer")
            while guest.receive()[0] != wire.OPEN:
                pass
            guest.send(wire.CLOSE, 2, struct.pack("<I", STATUS_UNSUPPORTED) + text.encode())
            _, err = client.communicate(timeout=30)
            assert client.returncode == 1 and text in err.decode()
            assert ("older than this program" in err.decode()) == hint, err


def test_a_guest_sends_no_long_requests(shared, key):
    with Peer.connect(shared.guests, key) as guest:
        guest.greet(name="mallory")
        for stream in range(1, 200, 2):
            guest.send(wire.OPEN, stream, bytes(5000), flags=wire.MORE)
        found = refusals(guest, 199)
        assert len(found) == 100 and set(found.values()) == {STATUS_TOO_BIG}


def test_credit_that_is_overrun_is_fatal(shared):
    """The window has not grown to what is sent here, and nobody waits until it does."""
    sleep = wire.protobuf({1: [b"sleep", b"1000"], 8: 1})
    with Peer.connect(shared.control) as client:
        client.greet()
        client.send(wire.OPEN, 1, wire.protobuf({1: "exec", 2: "start", 3: "g1", 4: sleep}))
        client.expect(wire.MESSAGE)
        with contextlib.suppress(Closed):
            for _ in range(400):
                client.send(wire.DATA, 1, bytes(65536))
        frames = client.wait_closed()  # GOODBYE may be lost: we wrote on when it had closed
    ends = [wire.status_text(f[4])[0] for f in frames if f[0] == wire.GOODBYE]
    assert ends in ([], [STATUS_PROTOCOL])
    assert shared.gl("exec", "g1", "--", "true").returncode == 0


@pytest.mark.parametrize("kind, payload, channel", [
    (wire.DATA, b"x", 1), (wire.DATA, b"", 255), (wire.MESSAGE, b"\xff", 0),
])
def test_input_that_breaks_the_contract_of_exec_ends_the_program(shared, kind, payload, channel):
    script = wire.protobuf({1: [b"sh", b"-c", b"echo $$; exec sleep 1000"], 8: 1})
    with Peer.connect(shared.control) as client:
        client.greet()
        client.send(wire.OPEN, 1, wire.protobuf({1: "exec", 2: "start", 3: "g1", 4: script}))
        client.expect(wire.MESSAGE)
        pid = int(client.expect(wire.DATA))
        client.send(kind, 1, payload, channel=channel)
        # A RESET of the guest, which the daemon passes on as the end of its own stream.
        assert wire.status_text(client.expect(wire.RESET, wire.CLOSE))[0] == STATUS_INVALID
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the program's end")


def test_errors_of_one_stream_end_that_stream_only(shared):
    with Peer.connect(shared.control) as client:
        client.greet()
        assert client.call(1, "no-such", "thing")[1] == STATUS_UNSUPPORTED
        assert client.call(3, "host", "nothing")[1] == STATUS_UNSUPPORTED
        assert client.call(5, "host", "get", request=b"\xff\xff\xff")[1] == 3  # INVALID
        assert client.call(7, "host", "get", request=wire.protobuf({1: b"\xff\xfe"}))[1] == 3
        assert client.call(9, "host", "get", request=wire.protobuf({1: "a\0b"}))[1] == 3
        assert client.call(11, "host", "get", request=wire.protobuf({1: "nobody"}))[1] == 4
        assert client.call(13, "exec", "start", "g1", b"\xff")[1] == 3
        assert client.call(15, "exec", "no-such", "g1")[1] == STATUS_UNSUPPORTED
        messages, status, _ = client.call(17, "host", "list")
        assert status == 0 and len(messages) >= 1


def test_who_asks_is_not_believed_from_a_client(shared):
    """Open.caller of a client is replaced: the guest's audit has the real user."""
    with Peer.connect(shared.control) as client:
        client.greet()
        run = wire.protobuf({1: ["true"]})
        assert client.call(1, "exec", "start", "g1", run, caller={1: "somebody-else", 2: 42424})[1] == 0
    line = shared.agent.log_lines("call exec.start")[-1]
    assert "somebody-else" not in line and "42424" not in line
    assert f"uid={os.geteuid()}" in line


# ---------------------------------------------------------------- in the handshake

BAD_HELLOS = {
    "versions to come only": {"version_min": 2, "version_max": 9},
    "no version": {"version_min": 0, "version_max": 0},
    "a host in a guest's place": {"role": wire.HOST},
    "a client in a guest's place": {"role": wire.CLIENT},
    "no nonce": {"nonce": None},
    "a short nonce": {"nonce": b"x" * 31},
    "no key": {"key": None},
    "a key of zeros": {"key": bytes(32)},
    "the neutral point as key": {"key": b"\x01" + bytes(31)},
    "no instance": {"instance": None},
    "frames too small": {"payload_max": 100},
    "a name that is no UTF-8": {"name": b"\xff\xfe"},
    "a name of 5000 bytes": {"name": "x" * 5000},
    "a certificate that is none": {"certificate": b"rubbish"},
    "an announcement that is none": {"rekey": b"rubbish"},
}


@pytest.mark.parametrize("what", BAD_HELLOS)
def test_a_bad_hello_learns_nothing(shared, key, what):
    with Peer.connect(shared.guests, key) as peer:
        with contextlib.suppress(Closed):
            peer.hello_a(**{"name": "mallory", **BAD_HELLOS[what]})
        frames = peer.wait_closed()
    for kind, _, _, _, payload in frames:
        assert kind == wire.GOODBYE
        assert wire.status_text(payload)[0] in (STATUS_PROTOCOL, STATUS_UNSUPPORTED)
    assert shared.guest("g1")["state"] == "connected"


def test_a_signature_that_is_wrong_looks_like_any_other_failure(shared, key):
    for signature in (bytes(64), os.urandom(64)):
        with Peer.connect(shared.guests, key) as peer:
            peer.hello_a(name="mallory")
            peer.take_hello_b()
            peer.send(wire.AUTH_A, payload=signature)
            for kind, _, _, _, payload in peer.wait_closed():
                assert kind == wire.GOODBYE and wire.status_text(payload)[0] == STATUS_PROTOCOL


def test_a_signature_of_another_handshake_is_of_no_use(shared, key):
    with Peer.connect(shared.guests, key) as first, Peer.connect(shared.guests, key) as second:
        for peer in (first, second):
            peer.hello_a(name="mallory")
            peer.take_hello_b()
        text = wire.signed("guestlink/1 auth A", first.hello, first.hello_b)
        second.send(wire.AUTH_A, payload=key.sign(text))
        assert all(f[0] == wire.GOODBYE for f in second.wait_closed())
        first.auth_a()
        first.take_welcome()


def test_a_guest_cannot_speak_for_another(shared, key):
    """Somebody else's key in the hello does not help without its secret."""
    victim = shared.guest("g1")
    other = Key(os.urandom(32))
    with Peer.connect(shared.guests, other) as peer:
        peer.hello_a(name="g1")
        peer.take_hello_b()
        peer.auth_a()
        peer.take_welcome()
        assert peer.welcome[6] != b"g1", "the name of another"
    assert shared.guest("g1")["fingerprint"] == victim["fingerprint"]
    assert shared.guest("g1")["state"] == "connected"
    with Peer.connect(shared.guests, key) as peer:
        peer.hello_a(key=other.public)
        with contextlib.suppress(AssertionError):  # B signs over our hello, that is fine
            peer.take_hello_b()
        peer.auth_a()
        assert all(f[0] == wire.GOODBYE for f in peer.wait_closed())


def test_a_keyless_hello_does_not_open_the_guests_listener(shared):
    with Peer.connect(shared.guests) as peer:
        with contextlib.suppress(Closed):
            peer.hello_a()
        assert all(f[0] == wire.GOODBYE for f in peer.wait_closed())


def test_a_link_that_answers_no_ping_does_not_keep_its_guest_away(make_world, key):
    """It lives by PINGs of its own, while one new process after the other dials."""
    world = make_world()
    world.start_hostd()
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(Peer.connect(world.guests, key).greet(name="mallory"))
        end, tries = time.monotonic() + 20, 0
        while True:
            assert time.monotonic() < end, "nobody was let in"
            old.send(wire.PING, 0, bytes(8))
            new = stack.enter_context(Peer.connect(world.guests, key))
            new.hello_a(name="mallory")
            new.take_hello_b()
            new.auth_a()
            tries += 1
            new.timeout = 0.4
            try:
                new.take_welcome()
                break
            except TimeoutError:
                pass  # before its 2 s are over, the next one comes
        frames = [kind for kind, *_ in old.wait_closed()]
    assert tries > 3, "the old link was asked"
    assert frames.count(wire.PING) <= 2, "one at the link's start, and one for all who dialled"
    assert world.hostd.log_lines("the same guest has dialled again")


def test_a_link_that_is_lost_while_it_is_asked_is_replaced(make_world, key):
    """A new process has dialled, and the old one goes before it has answered."""
    world = make_world()
    world.start_hostd()
    for _ in range(3):
        with Peer.connect(world.guests, key).greet(name="mallory") as old, \
                Peer.connect(world.guests, key) as new:
            new.hello_a(name="mallory")
            new.take_hello_b()
            new.auth_a()
            while old.expect(wire.PING) and old.receive()[0] != wire.PING:
                pass  # the second is the question
            old.close()
            new.take_welcome()
            assert world.guest("mallory")["state"] == "connected"


# ---------------------------------------------------------------- a false host

def test_an_agent_survives_false_hosts(make_world):
    """Whatever answers in the host's place: the agent goes on trying, and finds the real one."""
    world, rng = make_world(), random.Random(SEED + 2)
    fake = Key(b"the seed of a host that is false")
    listener = wire.server(world.guests)
    listener.settimeout(30)

    def next_peer():
        sock, _ = listener.accept()
        sock.settimeout(20)
        return HostPeer(sock, fake)

    agent = world.start_agent(wait=False)
    with next_peer() as peer:  # rubbish
        peer.write(rng.randbytes(3000))
        peer.wait_closed()
    with next_peer() as peer:  # a signature that is wrong
        peer.accept_hello()
        peer.send_hello_b(label="guestlink/1 auth A")
        assert wire.AUTH_A not in [f[0] for f in peer.wait_closed()]
    with next_peer() as peer:  # no key: never negotiated
        peer.accept_hello()
        peer.send_hello_b(key=None)
        assert wire.AUTH_A not in [f[0] for f in peer.wait_closed()]
    with next_peer() as peer:  # a guest in the host's place
        peer.accept_hello()
        peer.send_hello_b(role=wire.GUEST)
        assert wire.AUTH_A not in [f[0] for f in peer.wait_closed()]
    with next_peer() as peer:  # a mutated hello, rightly signed
        peer.accept_hello()
        peer.send_hello_b(nonce=b"short")
        assert wire.AUTH_A not in [f[0] for f in peer.wait_closed()]
    listener.close()
    os.unlink(world.guests)
    assert agent.running
    world.start_hostd()
    world.wait_guest()
    assert world.gl("exec", "g1", "--", "true").returncode == 0
    clean(agent.log())


def test_an_agent_that_knows_its_host_refuses_another(world):
    """The pin holds: a false host in the same place gets no proof and no call through."""
    world.hostd.stop()
    listener = wire.server(world.guests)
    listener.settimeout(30)
    sock, _ = listener.accept()
    with HostPeer(sock, Key(os.urandom(32))) as peer:
        peer.accept_hello()
        peer.send_hello_b()
        assert wire.AUTH_A not in [f[0] for f in peer.wait_closed()]
    listener.close()
    os.unlink(world.guests)
    world.start_hostd()
    world.wait_guest()


def test_a_host_that_violates_the_protocol_does_not_end_the_agent(make_world):
    world = make_world(agent_conf="host-trust = any\n")
    fake = Key(b"the seed of a host that is false")
    listener = wire.server(world.guests)
    listener.settimeout(30)
    agent = world.start_agent(wait=False)
    call = wire.protobuf({1: "no-such-service", 2: "x"})
    for data in (wire.frame(0x99), wire.frame(wire.OPEN, 1, call),
                 wire.frame(wire.DATA, 2, b"x"), wire.frame(wire.OPEN, 2, b"", length=0xffffffff)):
        sock, _ = listener.accept()
        with HostPeer(sock, fake) as peer:
            peer.accept_hello()
            peer.send_hello_b()
            assert peer.take_auth()
            peer.send_fresh()
            peer.write(data)
            ends = [wire.status_text(f[4])[0] for f in peer.wait_closed() if f[0] == wire.GOODBYE]
            assert ends == [STATUS_PROTOCOL]
    listener.close()
    os.unlink(world.guests)
    assert agent.running
    world.start_hostd()
    until(lambda: listens(world.guests), "hostd listens")
    world.wait_guest()


def test_a_caller_without_a_number(make_world):
    """Windows' users have none: then the audit record leaves it out, and has root's, who has 0."""
    world = make_world(agent_conf="host-trust = any\nlog-level = debug\n")
    listener = wire.server(world.guests)
    listener.settimeout(30)
    agent = world.start_agent(wait=False)
    sock, _ = listener.accept()
    with HostPeer(sock, Key(b"the seed of a host that is false")) as peer:
        peer.accept_hello()
        peer.send_hello_b()
        assert peer.take_auth()
        peer.send_fresh()
        assert peer.call(2, "info", "get", caller={1: "HOST\\mia", 2: 0xffffffff})[1] == 0
        assert peer.call(4, "info", "get", caller={1: "root"})[1] == 0
    listener.close()
    mia, root = (until(lambda: agent.log_lines(f'caller="{name}"'), name)[-1] for name in ("HOST\\\\mia", "root"))
    assert " uid=" not in mia and " uid=0 " in root


# ---------------------------------------------------------------- who asks and does not read

def test_a_client_that_reads_no_answers_gets_no_more(make_world):
    """Lists are sent as they are read, and calls refused while much is not read."""
    world, known, calls = make_world(), 1000, 1000
    guests = [{"name": f"guest{n}", "fixed": False, "first_use": True, "crowded": False,
               "key": Key(struct.pack("<Q", n) + bytes(24)).public.hex(), "trust": "accepted",
               "first_seen": 1, "last_seen": 2, "place": f"vsock:{n // 200 + 3}",
               "address": "vsock:3:1", "software": "x", "reason": ""} for n in range(known)]
    os.makedirs(world.hostd_state, mode=0o700)
    path = os.path.join(world.hostd_state, "guests.json")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        json.dump({"schema": 1, "guests": guests}, file)
    world.start_hostd()
    with Peer.connect(world.control) as greedy, Peer.connect(world.control) as other:
        greedy.greet(payload_max=262144)
        call = wire.protobuf({1: "host", 2: "list"})
        greedy.write(b"".join(wire.frame(wire.OPEN, 2 * n + 1, call) for n in range(calls)))
        messages, status, _ = other.greet().call(1, "host", "list")
        assert status == 0 and len(messages) == known
        heard, ended = collections.Counter(), {}
        while len(ended) < calls:
            kind, _, _, stream, payload = greedy.receive()
            if kind == wire.MESSAGE:
                heard[stream] += 1
                if heard[stream] % 100 == 0:  # what was read may be sent again
                    greedy.send(wire.WINDOW, stream, struct.pack("<Q", (1 << 18) + 256 * heard[stream]))
            elif kind == wire.CLOSE:
                ended[stream] = wire.status_text(payload)[0]
        whole = [stream for stream, status in ended.items() if status == 0]
        assert 1 in whole and len(whole) < calls // 2
        assert all(heard[stream] == known for stream in whole)
        assert set(ended.values()) == {0, STATUS_LIMIT}
        messages, status, _ = greedy.call(2 * calls + 1, "trust", "list")
        assert status == 0 and len(messages) == known, "what was read counts no more"
