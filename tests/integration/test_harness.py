# SPDX-License-Identifier: MIT
"""The tests' own tools: a tool that is wrong would let the others pass."""
import errno
import os
import socket
import subprocess
import sys
import threading

import pytest

import ed25519
import parity
import wire
import world as worlds
from cutproxy import DOWN, UP, CutProxy


def test_ed25519_signs_as_rfc_8032_says():
    # RFC 8032, 7.1, tests 1 to 3
    for seed, public, message, signature in (
        ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
         "f9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
         "f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ):
        key = ed25519.Key(bytes.fromhex(seed))
        text, signature = bytes.fromhex(message), bytes.fromhex(signature)
        assert key.public.hex() == public
        assert key.sign(text) == signature
        assert ed25519.verify(key.public, text, signature)
        assert not ed25519.verify(key.public, text + b"x", signature)


def test_messages_are_read_back():
    packed = wire.protobuf({1: 300, 2: b"ab", 3: [1, 2], 6: wire.Fixed64(7), 9: {1: "x"}})
    assert packed.startswith(b"\x08\xac\x02\x12\x02ab")
    assert wire.parse(packed) == {1: [300], 2: [b"ab"], 3: [1, 2], 6: [7], 9: [b"\x0a\x01x"]}


@pytest.fixture
def proxied(tmp_path):
    """A proxy, a function that dials it, and the sockets that its upstream accepted."""
    listener = wire.server(str(tmp_path / "up"))
    with CutProxy(str(tmp_path / "proxy"), str(tmp_path / "up")) as proxy:
        def dial():
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(20)
            client.connect(str(tmp_path / "proxy"))
            server, _ = listener.accept()
            server.settimeout(20)
            return client, server
        yield proxy, dial
    listener.close()


def receive_all(sock):
    out = b""
    try:
        while data := sock.recv(65536):
            out += data
    except ConnectionResetError:
        pass
    sock.close()
    return out


def test_the_proxy_passes_all_both_ways(proxied):
    proxy, dial = proxied
    client, server = dial()
    block = os.urandom(3_000_000)
    sender = threading.Thread(target=lambda: (client.sendall(block), client.close()))
    sender.start()
    assert receive_all(server) == block
    sender.join()
    assert proxy.bytes == {UP: len(block), DOWN: 0} and proxy.cuts == 0


def test_the_proxy_cuts_after_exactly_so_many_bytes(proxied):
    proxy, dial = proxied
    proxy.plan_cuts(UP, [0, 1, 70_000])
    for budget in (0, 1, 70_000):
        client, server = dial()
        try:
            client.sendall(bytes(100_000))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert len(receive_all(server)) == budget
        client.close()
    assert proxy.cuts == 3 and proxy.planned == 0


def test_the_proxy_stalls_and_goes_on(proxied):
    proxy, dial = proxied
    client, server = dial()
    proxy.stall(UP)
    client.sendall(b"late")
    server.sendall(b"other way")
    assert client.recv(100) == b"other way"
    server.settimeout(0.1)
    with pytest.raises(TimeoutError):
        server.recv(100)
    server.settimeout(20)
    proxy.go_on()
    assert server.recv(100) == b"late"
    client.close()
    server.close()


def test_the_proxy_stalls_after_exactly_so_many_bytes(proxied):
    proxy, dial = proxied
    client, server = dial()
    proxy.stall_after(UP, 5)
    client.sendall(b"12345678")
    proxy.wait_stalled()
    assert server.recv(100) == b"12345" and proxy.bytes[UP] == 5
    proxy.go_on()
    assert server.recv(100) == b"678"
    client.close()
    server.close()


def test_the_proxy_closes_one_side_only(proxied):
    proxy, dial = proxied
    client, server = dial()
    proxy.close_side("client")
    assert client.recv(1) == b""
    server.sendall(b"nobody hears this")
    server.settimeout(0.1)
    with pytest.raises(TimeoutError):
        server.recv(1)
    client.close()
    server.close()


def test_a_world_finds_what_is_left(monkeypatch):
    """Sanitizer reports and orphans are failures at close()."""
    monkeypatch.setattr(worlds, "LINGER", 0.2)
    own = worlds.World()
    with open(own.dir + "/hostd.log", "w", encoding="utf-8") as log:
        log.write("x.c:1: runtime error: division by zero\n")
    subprocess.run(["sh", "-c", "sleep 1000 >/dev/null 2>&1 &"], check=True)
    with pytest.raises(AssertionError) as why:
        own.close()
    assert "runtime error" in str(why.value) and "sleep 1000" in str(why.value)


# ---------------------------------------------------------------- no vsock

def test_no_test_can_reach_a_host_by_vsock():
    """Not even a program that a test starts; Unix sockets work."""
    with pytest.raises(OSError) as why:
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    assert why.value.errno == errno.EAFNOSUPPORT
    code = "import socket; socket.socket(socket.AF_UNIX); socket.socket(socket.AF_VSOCK)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False,
                          timeout=60)
    assert b"Address family not supported" in done.stderr, done


def test_what_runs_the_tests_passes_the_status_on():
    guard = worlds.program("tests/lib/no-vsock")
    assert subprocess.run([guard, "sh", "-c", "exit 7"], check=False, timeout=60).returncode == 7
    done = subprocess.run([guard, "/no/such/program"], check=False, timeout=60, capture_output=True)
    assert done.returncode == 127 and b"/no/such/program" in done.stderr
    assert subprocess.run([guard], check=False, timeout=60, capture_output=True).returncode == 2


def test_an_agent_without_an_address_dials_the_default_in_vain(make_world):
    """What a slip in a test would do: it ends at the guard."""
    # Where this machine has no device to a host, its address would not even be tried.
    own = make_world(agent_conf="allow-loopback = true\n")
    with pytest.raises(OSError):
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    agent = own.daemon("guestlink-agent", ["--state", own.agent_state, "--config", own.agent_conf],
                       "agent.log")
    agent.wait_log("vsock:host:1007: cannot connect: this kernel has no vsock")
    agent.stop()


def test_parity_lists_what_is_tested():
    """doc/PARITY.md names every feature of the common tests, and nothing else: `make parity` makes it."""
    with open(os.path.join(worlds.SOURCE, "doc", "PARITY.md"), encoding="utf-8") as file:
        made = file.read().partition(parity.BEGIN)[2].partition(parity.END)[0]
    listed = [line.split(" | ")[0].removeprefix("| ") for line in made.splitlines() if line.startswith("| ")]
    wanted = [feature for module in ("test_spine", "test_windows")
              for _, feature in parity.features(os.path.join(worlds.SOURCE, "tests", "integration", module + ".py"))]
    assert [line for line in listed if line not in ("feature", "on Windows alone")] == wanted
    assert "?" not in made and "**no**" not in made
