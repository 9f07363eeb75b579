# SPDX-License-Identifier: MIT
"""The link protocol (doc/PROTOCOL.md) once more, written from the document alone: for peers that
misbehave, and to see that the document suffices. Blocking sockets; every wait has a deadline.

    peer = Peer.connect(world.guests)        # keyed, as an agent
    peer.greet()                             # HELLO_A ... WELCOME; or do it step by step
    peer.send(OPEN, 1, protobuf(...))
    kind, flags, channel, stream, payload = peer.receive()

A message of Protocol Buffers is a dict from field number to value here: int, bytes, str, dict, or a
list of them; Fixed64 for fixed64.
"""
import contextlib
import os
import socket
import struct
import threading
import time

import ed25519

HELLO_A, HELLO_B, AUTH_A, WELCOME, RESUME = 1, 2, 3, 4, 5
OPEN, MESSAGE, DATA, EOF, CLOSE, RESET, WINDOW = range(0x10, 0x17)
ACK, PING, PONG, GOODBYE = 0x20, 0x22, 0x23, 0x24
INTERACTIVE, MORE, SECRET = 1, 2, 4
GUEST, HOST, CLIENT = 1, 2, 3
MAGIC = b"guestlnk"
TYPES = (HELLO_A, HELLO_B, AUTH_A, WELCOME, RESUME, OPEN, MESSAGE, DATA, EOF, CLOSE, RESET,
         WINDOW, ACK, PING, PONG, GOODBYE)


class Closed(Exception):
    """The other side closed the connection."""


class Fixed64(int):
    pass


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def protobuf(fields):
    """Encodes {number: value}."""
    out = b""
    for number, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Fixed64):
                out += _varint(number << 3 | 1) + struct.pack("<Q", item)
            elif isinstance(item, int):
                out += _varint(number << 3) + _varint(int(item))
            else:
                if isinstance(item, dict):
                    item = protobuf(item)
                elif isinstance(item, str):
                    item = item.encode()
                out += _varint(number << 3 | 2) + _varint(len(item)) + item
    return out


def parse(data):
    """Decodes to {number: [values]}: ints and bytes; nested messages are bytes."""
    fields, at = {}, 0

    def varint():
        nonlocal at
        number = shift = 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(data):
        key = varint()
        wire = key & 7
        if wire == 0:
            value = varint()
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value = int.from_bytes(data[at:at + size], "little")
            at += size
        elif wire == 2:
            size = varint()
            value = data[at:at + size]
            at += size
        else:
            raise ValueError(f"wire type {wire}")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def frame(kind, stream=0, payload=b"", flags=0, channel=0, length=None, reserved=0):
    """A frame as it is sent; `length` may lie."""
    length = len(payload) if length is None else length
    return struct.pack("<BBBBII", kind, flags, channel, reserved, stream, length) + payload


def status_text(payload):
    """(status, text) of CLOSE, RESET, GOODBYE."""
    return struct.unpack("<I", payload[:4])[0], payload[4:].decode()


def signed(label, *hellos):
    out = label.encode() + b"\0"
    for hello in hellos:
        out += struct.pack("<I", len(hello)) + hello
    return out


class Peer:
    """Side A of a connection. key None: a client of the control socket."""

    def __init__(self, sock, key=None, timeout=20):
        self.sock, self.key, self.timeout = sock, key, timeout
        self.buffer = b""
        self.hello = self.hello_b = None
        self.peer = None  # fields of B's Hello
        self.welcome = None  # fields of Welcome

    @classmethod
    def connect(cls, path, key=None, timeout=20):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(path)
        return cls(sock, key, timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # ---- bytes and frames

    def write(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as why:
            raise Closed from why

    def send(self, kind, stream=0, payload=b"", flags=0, channel=0):
        self.write(frame(kind, stream, payload, flags, channel))

    def _fill(self, count):
        end = time.monotonic() + self.timeout
        while len(self.buffer) < count:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{count} bytes were expected, {len(self.buffer)} came")
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(1 << 18)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed
            self.buffer += data

    def receive(self):
        """The next frame: (type, flags, channel, stream, payload)."""
        self._fill(12)
        kind, flags, channel, _, stream, length = struct.unpack("<BBBBII", self.buffer[:12])
        self._fill(12 + length)
        payload, self.buffer = self.buffer[12:12 + length], self.buffer[12 + length:]
        return kind, flags, channel, stream, payload

    def expect(self, *kinds):
        """The payload of the next frame that is not PING, ACK or WINDOW, which must be of a kind."""
        while True:
            kind, _, _, stream, payload = self.receive()
            if kind in kinds:
                return payload
            if kind == GOODBYE:
                raise Closed(*status_text(payload))
            if kind not in (PING, ACK, WINDOW):
                raise AssertionError(f"frame {kind:#x} of stream {stream} came, not one of {kinds}")

    def wait_closed(self):
        """Reads until the other side closes; returns what came before, as frames."""
        frames = []
        try:
            while True:
                frames.append(self.receive())
        except Closed:
            return frames

    # ---- the handshake

    def make_hello(self, **changes):
        """A's hello; a change is a field by its name, None leaves it out."""
        fields = {"version_min": 1, "version_max": 1, "role": GUEST if self.key else CLIENT,
                  "nonce": os.urandom(32), "key": self.key.public if self.key else None,
                  "instance": os.urandom(16), "payload_max": 65536, "streams_max": 64,
                  "software": "wire.py", "name": "wire", "certificate": None, "rekey": None,
                  "resume": None, "machine": None}
        fields.update(changes)
        numbers = {name: number for number, name in enumerate(fields, 1)}
        return MAGIC + protobuf({numbers[k]: v for k, v in fields.items() if v is not None})

    def hello_a(self, **changes):
        self.hello = self.make_hello(**changes)
        self.send(HELLO_A, payload=self.hello)

    def take_hello_b(self):
        payload = self.expect(HELLO_B)
        size = struct.unpack("<H", payload[:2])[0]
        self.hello_b, signature = payload[2:2 + size], payload[2 + size:]
        assert self.hello_b[:8] == MAGIC and len(signature) == 64
        self.peer = {k: v[-1] for k, v in parse(self.hello_b[8:]).items()}
        if self.key:
            text = signed("guestlink/1 auth B", self.hello, self.hello_b)
            assert ed25519.verify(self.peer[5], text, signature), "B's signature is wrong"
        else:
            assert signature == bytes(64)

    def auth_a(self):
        text = signed("guestlink/1 auth A", self.hello, self.hello_b)
        self.send(AUTH_A, payload=self.key.sign(text))

    def take_welcome(self):
        self.welcome = {k: v[-1] for k, v in parse(self.expect(WELCOME)).items()}

    def greet(self, **changes):
        """All of the handshake. Raises Closed(status, text) if the other side says GOODBYE."""
        self.hello_a(**changes)
        self.take_hello_b()
        if self.key:
            self.auth_a()
            self.take_welcome()
        return self

    # ---- calls

    def call(self, stream, service, method, target="", request=b"", flags=0, caller=None):
        """OPEN, and the answer: (messages, status, text)."""
        call = {1: service, 2: method, 3: target, 4: request, 5: caller}
        self.send(OPEN, stream, protobuf({k: v for k, v in call.items() if v is not None}), flags)
        messages = []
        while True:
            kind, _, _, on, payload = self.receive()
            if on != stream:
                continue
            if kind == MESSAGE:
                messages.append(payload)
            elif kind in (CLOSE, RESET):
                return (messages, *status_text(payload))


def server(path):
    """A listening Unix socket, for a test that plays the host daemon."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen(16)
    return sock


class HostPeer(Peer):
    """Side B: a hostile host for the agent, with a key; without one a daemon for guestlink. Make one of accept()'s."""

    def accept_hello(self):
        self.hello = self.expect(HELLO_A)
        self.peer = {k: v[-1] for k, v in parse(self.hello[8:]).items()}

    def send_hello_b(self, label="guestlink/1 auth B", **changes):
        fields = {"version_max": 1, "role": HOST, "name": "wire-host"}
        fields.update(changes)
        self.hello_b = self.make_hello(**fields)
        signature = self.key.sign(signed(label, self.hello, self.hello_b)) if self.key else bytes(64)
        self.send(HELLO_B, payload=struct.pack("<H", len(self.hello_b)) + self.hello_b + signature)

    def serve(self, answers):
        """Answers calls until the other side goes. answers: {method: (messages, status, text)}; others never end."""
        while True:
            try:
                kind, _, _, stream, payload = self.receive()
            except Closed:
                return
            method = parse(payload)[2][-1].decode() if kind == OPEN else None
            if method in answers:
                messages, status, text = answers[method]
                for message in messages:
                    self.send(MESSAGE, stream, protobuf(message))
                self.send(CLOSE, stream, struct.pack("<I", status) + text.encode())

    def take_auth(self):
        signature = self.expect(AUTH_A)
        text = signed("guestlink/1 auth A", self.hello, self.hello_b)
        return ed25519.verify(self.peer[5], text, signature)

    def send_fresh(self, **changes):
        fields = {2: os.urandom(16), 3: 1, 6: "wire"}
        fields.update(changes)
        self.send(WELCOME, payload=protobuf(fields))


@contextlib.contextmanager
def daemon(path, answers):
    """A daemon for guestlink at this control socket, with what no system here makes a real one say; see serve()."""
    def run():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with HostPeer(sock) as peer, contextlib.suppress(Closed):
                peer.accept_hello()
                peer.send_hello_b()
                peer.serve(answers)

    listener = server(path)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
        os.unlink(path)
