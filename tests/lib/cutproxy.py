# SPDX-License-Identifier: MIT
"""A proxy between two Unix sockets that loses connections in every way there is. (For other sockets, either of the
two paths may be an object with listen(), which gives a listening socket, connect() and close().)

    with CutProxy(listen_path, upstream_path) as proxy:
        proxy.cut()                    # every connection, both sides at once; what is in flight is lost
        proxy.plan_cuts(UP, [10, 1 << 20])  # the next connection is cut after exactly 10 bytes from
                                       # the dialling side, the one after it after 1 MiB
        proxy.stall(DOWN)              # nothing goes on in that direction; the kernel's buffers fill
        proxy.stall_after(UP, 1 << 20) # the same after exactly so many more bytes; wait_stalled()
        proxy.go_on()
        proxy.mute()                   # the present connections stay open, but nothing passes any more
        proxy.close_side("client")     # one side only: the other does not notice
        proxy.refuse = True            # new connections are closed at once
        proxy.cuts, proxy.accepted, proxy.bytes[UP]

The *client* is who dials the proxy (the agent), the *server* whom the proxy dials (the host daemon).
UP is from client to server. One thread, one selector; all methods may be called from any thread.
"""
import os
import selectors
import socket
import threading

UP, DOWN = "up", "down"
_BLOCK = 65536


class _Pair:
    """One connection: two sockets, and what waits to be written to each."""

    def __init__(self, client, server, budget):
        self.socks = {"client": client, "server": server}
        self.pending = {UP: b"", DOWN: b""}
        self.passed = {UP: 0, DOWN: 0}
        self.ended = {UP: False, DOWN: False}
        self.budget = budget  # {direction: bytes} after which it is cut
        self.muted = False


_FROM = {UP: "client", DOWN: "server"}
_TO = {UP: "server", DOWN: "client"}


class UnixEnd:
    """A Unix socket's path, to listen at or to dial."""

    def __init__(self, path):
        self.path = path

    def listen(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(64)
        return listener

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(self.path)
        except OSError:
            sock.close()
            raise
        return sock

    def close(self):
        if os.path.exists(self.path):
            os.unlink(self.path)


class CutProxy:
    def __init__(self, listen, upstream):
        self.listen_end, self.upstream = (UnixEnd(end) if isinstance(end, str) else end for end in (listen, upstream))
        self.accepted = 0
        self.cuts = 0
        self.bytes = {UP: 0, DOWN: 0}
        self.refuse = False
        self._plan = []  # budgets of the connections to come
        self._stalled = set()
        self._stall_at = {}  # {direction: bytes in all}
        self._pairs = []
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._listener = self.listen_end.listen()
        self._listener.setblocking(False)
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    # ---- for tests

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with self._lock:
            self._closing = True
            self._wake()
        self._thread.join()
        for pair in list(self._pairs):
            self._drop(pair)
        self._listener.close()
        self._selector.close()
        os.close(self._wake_r)
        os.close(self._wake_w)
        self.listen_end.close()

    @property
    def connections(self):
        with self._lock:
            return len(self._pairs)

    def cut(self):
        """Closes both sides of every connection at once. Returns how many there were."""
        with self._lock:
            pairs = list(self._pairs)
            for pair in pairs:
                self._cut(pair)
            self._wake()
            return len(pairs)

    def plan_cuts(self, direction, budgets):
        """The next connections are cut after so many bytes in that direction, each after one."""
        with self._lock:
            self._plan += [{direction: budget} for budget in budgets]

    def cut_after(self, direction, count):
        """The present connections are cut when so many more bytes have passed."""
        with self._lock:
            for pair in self._pairs:
                pair.budget = {direction: pair.passed[direction] + count}

    @property
    def planned(self):
        """How many planned cuts have not begun."""
        with self._lock:
            return len(self._plan)

    def stall(self, *directions):
        """Passes nothing on, for connections to come too. Without an argument: either way."""
        with self._lock:
            self._stalled |= set(directions or (UP, DOWN))
            self._update_all()

    def stall_after(self, direction, count):
        """Passes exactly `count` more bytes in that direction, then nothing either way."""
        with self._lock:
            self._stall_at = {direction: self.bytes[direction] + count}

    def wait_stalled(self, timeout=60):
        with self._changed:
            if not self._changed.wait_for(lambda: self._stalled, timeout):
                raise AssertionError(f"not so many bytes passed in {timeout} s: {self.bytes}")

    def go_on(self):
        with self._lock:
            self._stalled.clear()
            self._stall_at.clear()
            self._update_all()

    def mute(self):
        """The present connections pass nothing any more, for good; new ones do."""
        with self._lock:
            for pair in self._pairs:
                pair.muted = True
            self._update_all()

    def close_side(self, side):
        """Closes the sockets to 'client' or 'server'; the other side's stay open and silent."""
        with self._lock:
            for pair in self._pairs:
                sock = pair.socks[side]
                if sock is not None:
                    self._forget(sock)
                    sock.close()
                    pair.socks[side] = None
                    self.cuts += 1
                    self._update(pair)
            self._wake()

    def wait_cuts(self, count, timeout=60):
        """Until there were `count` cuts since the start."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.cuts >= count, timeout):
                raise AssertionError(f"{self.cuts} of {count} cuts after {timeout} s")

    def wait_connected(self, count=1, timeout=60):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._pairs) >= count, timeout):
                raise AssertionError(f"nobody connected to the proxy in {timeout} s")

    def wait_bytes(self, direction, count, timeout=60):
        """Until `count` more bytes have passed."""
        with self._changed:
            goal = self.bytes[direction] + count
            if not self._changed.wait_for(lambda: self.bytes[direction] >= goal, timeout):
                raise AssertionError(f"{count} bytes {direction} did not pass in {timeout} s")

    # ---- the thread

    def _wake(self):
        try:
            os.write(self._wake_w, b"x")
        except BlockingIOError:
            pass

    def _run(self):
        self._selector.register(self._wake_r, selectors.EVENT_READ, None)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        while True:
            events = self._selector.select()
            with self._lock:
                if self._closing:
                    return
                for key, mask in events:
                    if key.fileobj == self._wake_r:
                        try:
                            os.read(self._wake_r, 4096)
                        except BlockingIOError:
                            pass
                    elif key.fileobj is self._listener:
                        self._accept()
                    elif key.data[0] in self._pairs and key.fileobj.fileno() >= 0:
                        self._serve(*key.data, mask)
                self._changed.notify_all()

    def _accept(self):
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        if self.refuse:
            client.close()
            return
        try:
            server = self.upstream.connect()
        except OSError:
            client.close()
            return
        self.accepted += 1
        pair = _Pair(client, server, self._plan.pop(0) if self._plan else {})
        self._pairs.append(pair)
        for sock in (client, server):
            sock.setblocking(False)
        self._update(pair)

    def _serve(self, pair, side, mask):
        read, write = (UP, DOWN) if side == "client" else (DOWN, UP)
        if mask & selectors.EVENT_WRITE and pair.pending[write]:
            self._send(pair, write)
        if pair in self._pairs and mask & selectors.EVENT_READ:
            self._receive(pair, read)
        if pair in self._pairs:
            self._update(pair)

    def _receive(self, pair, direction):
        sock = pair.socks[_FROM[direction]]
        if sock is None or pair.pending[direction]:
            return
        try:
            data = sock.recv(_BLOCK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            pair.ended[direction] = True
            # The daemons never close one direction only: an end is the end.
            self._drop(pair)
            return
        pair.pending[direction] = data
        self._send(pair, direction)

    def _send(self, pair, direction):
        data, sock = pair.pending[direction], pair.socks[_TO[direction]]
        if direction in self._stalled:
            return
        room = pair.budget.get(direction, 1 << 62) - pair.passed[direction]
        room = min(room, self._stall_at.get(direction, 1 << 62) - self.bytes[direction])
        if sock is None:  # into the void: the sender does not notice
            pair.pending[direction] = b""
            return
        try:
            sent = sock.send(data[:max(0, room)]) if room > 0 else 0
        except BlockingIOError:
            return
        except OSError:
            self._drop(pair)
            return
        pair.pending[direction] = data[sent:]
        pair.passed[direction] += sent
        self.bytes[direction] += sent
        if pair.passed[direction] >= pair.budget.get(direction, 1 << 62):
            self._cut(pair)
        if self.bytes[direction] >= self._stall_at.get(direction, 1 << 62):
            self._stalled |= {UP, DOWN}
            self._update_all()

    # ---- under the lock

    def _cut(self, pair):
        if pair in self._pairs:
            self.cuts += 1
            self._drop(pair)

    def _drop(self, pair):
        for side, sock in pair.socks.items():
            if sock is not None:
                self._forget(sock)
                sock.close()
                pair.socks[side] = None
        if pair in self._pairs:
            self._pairs.remove(pair)

    def _forget(self, sock):
        try:
            self._selector.unregister(sock)
        except (KeyError, ValueError):
            pass

    def _update_all(self):
        for pair in self._pairs:
            self._update(pair)
        self._wake()

    def _update(self, pair):
        """What the selector is to watch: reading stops while something waits to be written."""
        for side, sock in pair.socks.items():
            if sock is None:
                continue
            read, write = (UP, DOWN) if side == "client" else (DOWN, UP)
            mask = 0
            if pair.muted:
                self._forget(sock)
                continue
            if not pair.pending[read] and read not in self._stalled:
                mask |= selectors.EVENT_READ
            if pair.pending[write] and write not in self._stalled:
                mask |= selectors.EVENT_WRITE
            try:
                key = self._selector.get_key(sock)
            except KeyError:
                key = None
            if mask == 0:
                if key is not None:
                    self._selector.unregister(sock)
            elif key is None:
                self._selector.register(sock, mask, (pair, side))
            elif key.events != mask:
                self._selector.modify(sock, mask, (pair, side))
