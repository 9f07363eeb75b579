# SPDX-License-Identifier: MIT
"""Who is let in, who is not, and what people are told about it."""
import contextlib
import json
import os
import socket
import stat
import subprocess

import pytest

import wire
from ed25519 import Key
from wire import Closed, Peer
from world import until

PENDING, REVOKED, KEY_MISMATCH, DUPLICATE_KEY = 29, 30, 31, 28


def trust_of(world, name="g1"):
    result = world.gl("--json", "trust", "ls", check=True)
    return next((g for g in result.json["guests"] if g["name"] == name), None)


def wait_trust(world, word, name="g1"):
    return until(lambda: (t := trust_of(world, name)) and t["trust"] == word and t,
                 f"the trust in {name} is {word}", interval=0.05)


def fails(result, *words, status=1):
    """One clear line on stderr that has these words."""
    assert result.returncode == status, result
    assert result.err.count("\n") == 1 and result.err.startswith("guestlink"), result.err
    for word in words:
        assert word in result.err, f"{word!r} is not in: {result.err}"


@pytest.fixture
def named(make_world):
    """A listener behind which one guest, called web, is expected; the agent runs as web."""
    world = make_world(name="web")
    world.start_hostd("--listen", f"unix:{world.dir}/web.sock,name=web")
    world.connect = world.dir + "/web.sock"
    world.start_agent()
    return world


# ---------------------------------------------------------------- pinned keys

def test_a_guest_with_another_key_is_refused_until_it_is_accepted(named):
    world = named
    old = trust_of(world, "web")
    assert old["trust"] == "accepted" and old["state"] == "connected"
    world.agent.stop()
    os.rename(world.agent_state, world.agent_state + "-old")
    agent = world.start_agent(wait=False)

    shown = wait_trust(world, "mismatch", "web")
    assert shown["fingerprint"] == old["fingerprint"]
    assert len(shown["offered"]) == 64 and shown["offered"] != shown["fingerprint"]
    assert "another key" in shown["reason"]
    text = world.gl("trust", "ls", check=True).out
    assert "key mismatch" in text and shown["offered"] in text and "another key" in text
    command = f"guestlink trust accept {shown['offered']}"
    assert "'web'" in world.hostd.wait_log(command)[0] and command in shown["reason"]
    assert command in world.gl("doctor", "web").out
    agent.wait_log("pinned")  # the agent is told why, too
    fails(world.gl("exec", "web", "--", "true"), "web", status=125)

    # By name it could be yet another key by now.
    fails(world.gl("trust", "accept", "web"), command, old["fingerprint"])
    assert trust_of(world, "web")["fingerprint"] == old["fingerprint"]
    world.gl("trust", "accept", shown["offered"], check=True)
    world.wait_guest("web")
    now = trust_of(world, "web")
    assert (now["trust"], now["fingerprint"]) == ("accepted", shown["offered"])
    assert now["offered"] == "" and now["reason"] == ""
    assert world.gl("exec", "web", "--", "echo", "new").stdout == b"new\n"

    # The old key is the wrong one now.
    world.agent.stop()
    world.agent_state += "-old"
    world.start_agent(wait=False)
    assert wait_trust(world, "mismatch", "web")["offered"] == old["fingerprint"]


def test_the_present_guest_stays_while_another_key_is_offered(named):
    world = named
    with Peer.connect(world.connect, Key(os.urandom(32))) as peer:
        with pytest.raises(Closed) as end:
            peer.greet()
        assert end.value.args[0] == KEY_MISMATCH
    assert world.gl("exec", "web", "--", "echo", "still").stdout == b"still\n"
    assert trust_of(world, "web")["trust"] == "mismatch"
    # Accepted by its own fingerprint, the present key stays and the offer is dismissed.
    world.gl("trust", "accept", trust_of(world, "web")["fingerprint"], check=True)
    assert trust_of(world, "web")["trust"] == "accepted"
    assert world.gl("exec", "web", "--", "echo", "still").stdout == b"still\n"


def test_revoking_ends_the_connection_and_keeps_the_guest_out(world):
    client = world.popen("exec", "g1", "--", "sh", "-c", "echo started; exec sleep 1000")
    assert client.stdout.readline() == b"started\n"
    world.gl("trust", "revoke", "g1", check=True)
    _, err = client.communicate(timeout=60)
    assert client.returncode == 125 and err.count(b"\n") == 1, err
    world.wait_state("gone")
    assert trust_of(world)["trust"] == "revoked"
    assert "revoked" in world.gl("ls", check=True).out
    fails(world.gl("exec", "g1", "--", "true"), "g1", "revoked", status=125)
    world.agent.wait_log("revoked")
    world.agent.stop()
    world.start_agent(wait=False)
    world.agent.wait_log("revoked", count=2)
    assert trust_of(world)["trust"] == "revoked"
    # It stays so when the host daemon is started anew.
    world.hostd.kill()
    world.start_hostd()
    assert trust_of(world)["trust"] == "revoked"
    world.gl("trust", "accept", "g1", check=True)
    world.wait_guest()


def test_first_use_pins_and_forget_forgets(world):
    first = trust_of(world)
    assert first["trust"] == "accepted"
    world.agent.kill()
    world.gl("forget", "g1", check=True)
    assert trust_of(world) is None
    fails(world.gl("exec", "g1", "--", "true"), "g1", status=125)
    world.start_agent()
    assert trust_of(world)["fingerprint"] == first["fingerprint"]


def test_approve_lets_nobody_in_before_it_is_told(make_world):
    world = make_world(hostd_conf="trust = approve\n")
    world.start_hostd()
    world.start_agent(wait=False)
    waiting = wait_trust(world, "pending")
    assert waiting["state"] != "connected"
    assert "pending" in world.gl("trust", "ls").out and "pending" in world.gl("ls").out
    command = f"guestlink trust accept {waiting['fingerprint']}"
    fails(world.gl("exec", "g1", "--", "true"), "g1", command, status=125)
    assert command in world.gl("doctor", "g1").out
    said = world.agent.wait_log("approval")[-1]
    assert said.count(command) == 1, said
    assert f"if it shows this key: {command}" in said
    assert world.agent.log_lines(f", key {waiting['fingerprint']}")  # at its start
    fails(world.gl("trust", "accept", "nobody"), "nobody")
    world.gl("trust", "accept", waiting["id"], check=True)
    world.wait_guest()
    assert world.gl("exec", "g1", "--", "echo", "in").stdout == b"in\n"
    world.hostd.stop()
    world.start_hostd()
    world.wait_guest()


def test_a_forgotten_guest_waits_again_though_it_has_a_certificate(make_world):
    world = make_world(hostd_conf="trust = approve\n")
    world.start_hostd()
    world.start_agent(wait=False)
    accept = ["trust", "accept", wait_trust(world, "pending")["fingerprint"]]
    world.gl(*accept, check=True)
    world.wait_guest()
    until(lambda: os.path.exists(world.agent_state + "/site.cert"), "it has its certificate")
    world.gl("trust", "revoke", "g1", check=True)
    world.gl("forget", "g1", check=True)
    wait_trust(world, "pending")
    world.hostd.stop()
    world.start_hostd()
    world.agent.stop()
    world.gl("forget", "g1", check=True)
    world.start_agent(wait=False)
    wait_trust(world, "pending")
    world.gl(*accept, check=True)
    world.wait_guest()


def test_waiting_for_a_guest_that_is_kept_out_says_so(make_world):
    world = make_world(hostd_conf="trust = approve\n")
    world.start_hostd()
    waiter = world.popen("wait", "g1")  # before anything is known of it
    world.start_agent(wait=False)
    accept = f"guestlink trust accept {wait_trust(world, 'pending')['fingerprint']}"
    said = waiter.stderr.readline().decode()
    assert said.startswith("guestlink wait: g1: ") and accept in said, said
    fails(world.gl("wait", "--timeout", "0.1", "g1"), "not ready", "waits for approval", accept)
    world.gl(*accept.split()[1:], check=True)
    assert waiter.wait(60) == 0
    assert waiter.stderr.read() == b""
    world.gl("trust", "revoke", "g1", check=True)
    result = world.gl("--json", "wait", "--timeout", "3", "g1")
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert result.returncode == 1 and len(lines) == 2, result
    assert lines[0]["notice"]["code"] == "KEPT_OUT" and "revoked" in lines[0]["notice"]["message"]
    assert accept in lines[1]["error"]["message"]


def test_a_hint_can_be_typed_whatever_the_guest_is_called(make_world):
    """A virtual machine's name has spaces."""
    world = make_world()
    guest = {1: "0123456789abcdef", 2: "My VM", 3: 3, 7: "", 8: 5, 9: "ab" * 32}
    with wire.daemon(world.control, {"get": ([guest], 0, "")}):
        fails(world.gl("wait", "--timeout", "0.1", "My"),  # a beginning will do
              "its key is in doubt: guestlink doctor 0123456789abcdef says more")


# ---------------------------------------------------------------- names

def test_a_name_is_kept_with_its_key(world):
    """Two guests ask for one name; the first has it, also while it is away."""
    first = trust_of(world)
    world.add_agent("other", wait=False)
    world.wait_guest("other")
    twin = world.daemon("guestlink-agent", [
        "--connect", f"unix:{world.guests}", "--name", "g1", "--state", world.dir + "/twin",
        "--config", world.write(world.dir + "/twin.conf", "")], "agent-twin.log")
    names = until(lambda: len(n := [g["name"] for g in world.gl("--json", "ls").json["guests"]
                                    if g["state"] == "connected"]) == 3 and n, "three guests")
    third = next(n for n in names if n not in ("g1", "other"))
    assert third.startswith("g1")
    assert trust_of(world)["fingerprint"] == first["fingerprint"]
    fails(world.gl("rename", third, "other"), "other")
    world.gl("rename", third, "renamed", check=True)
    twin.stop()
    world.hostd.stop()
    world.start_hostd()
    assert trust_of(world, "renamed") and not trust_of(world, third)


def test_who_changes_something_must_be_exact(world):
    world.add_agent("green")
    guest = trust_of(world, "green")
    assert world.gl("info", "gr").returncode == 0  # only looks: a unique prefix will do
    assert world.gl("info", guest["id"][:8]).returncode == 0
    fails(world.gl("exec", "gr", "--", "true"), "gr", status=125)
    fails(world.gl("rename", "gr", "x"), "gr")
    fails(world.gl("forget", "gr"), "gr")
    fails(world.gl("trust", "revoke", "gr"), "gr")
    assert world.gl("exec", guest["id"], "--", "true").returncode == 0
    world.add_agent("grey")
    fails(world.gl("info", "gr"), "gr", "green", "grey")


def test_a_guest_cannot_paint_on_the_terminal(world):
    """Its name and software are data: nothing of them reaches the terminal raw."""
    evil = "\x1b[31mred\x07\u202e\nNAME"
    with Peer.connect(world.guests, Key(os.urandom(32))) as peer:
        peer.greet(name=evil, software="agent\x1b]0;title\x07")
        for args in (["ls"], ["trust", "ls"], ["doctor"], ["--json", "ls"]):
            out = world.gl(*args).stdout.decode()
            assert "red" in out or "--json" in args, out
            for line in out.split("\n"):
                assert line.isprintable(), repr(line)
    for line in world.hostd.log().splitlines():
        assert line.isprintable(), repr(line)
    # Nor what a user types himself.
    err = world.gl("exec", "\x1b[31mx\n", "--", "true").err
    assert err.count("\n") == 1 and err.strip().isprintable()


def test_a_long_address_moves_no_other_column(make_world):
    world = make_world()
    folder = world.dir + "/" + "d" * (98 - len(world.dir))
    os.mkdir(folder)
    world.guests = world.connect = folder + "/s.sock"
    world.start()
    for line in world.gl("ls", check=True).out.splitlines():
        assert len(line.removesuffix(f"unix:{world.guests}")) < 80, line
    assert f"unix:{world.guests}\n" in world.gl("ls").out


# ---------------------------------------------------------------- clones

def test_one_key_at_two_places(world):
    """Both are refused until one has a key of its own; then the other may be accepted again."""
    world.clone_state(world.agent_state, "clone")
    clone = world.add_agent("clone", wait=False)
    shown = wait_trust(world, "duplicate")
    assert shown["reason"] and shown["state"] != "connected"
    assert "duplicate key" in world.gl("trust", "ls").out
    fails(world.gl("exec", "g1", "--", "true"), "g1", status=125)
    for agent in (world.agent, clone):
        agent.wait_log("two")
    clone.stop()
    os.unlink(world.dir + "/clone/agent.key")
    clone = world.add_agent("clone")
    world.gl("trust", "accept", "g1", check=True)
    world.wait_guest()
    assert trust_of(world)["fingerprint"] == shown["fingerprint"]
    assert world.gl("exec", "clone", "--", "true").returncode == 0


def on_machine(uuid):
    """What runs a program on a machine of this SMBIOS UUID: it sees another /sys/class."""
    script = ('mount -t tmpfs none /sys/class && mkdir -p /sys/class/dmi/id && '
              'echo "$0" >/sys/class/dmi/id/product_uuid && exec "$@"')
    return ["unshare", "-m", "sh", "-c", script, uuid]


def test_a_cloned_image_makes_itself_a_new_key(make_world):
    """On another machine the key is not the guest's any more; both go on side by side."""
    origin, copy = "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    if subprocess.run([*on_machine(origin), "true"], capture_output=True, check=False).returncode:
        pytest.skip("cannot give a program another /sys")
    world = make_world()
    world.start_hostd()
    first = world.add_agent("origin", wrapper=on_machine(origin))
    before = trust_of(world, "origin")
    world.clone_state(world.dir + "/origin", "copy")
    world.add_agent("copy", wrapper=on_machine(copy))
    assert trust_of(world, "copy")["fingerprint"] != before["fingerprint"]
    for name in ("origin", "copy"):
        assert trust_of(world, name)["trust"] == "accepted"
        assert world.gl("exec", name, "--", "echo", name).out == name + "\n"
    assert trust_of(world, "origin")["fingerprint"] == before["fingerprint"]
    first.stop()
    world.add_agent("origin", wrapper=on_machine(origin))  # the same machine: the same key
    assert trust_of(world, "origin")["fingerprint"] == before["fingerprint"]
    assert len(world.gl("--json", "ls").json["guests"]) == 2


def test_a_clone_that_announces_a_new_key_has_no_right_of_the_old_one(world):
    """The note signed by the old key tells the host who is the copy, and gives nothing else."""
    old, new = Key(os.urandom(32)), Key(os.urandom(32))
    with Peer.connect(world.guests, old) as peer:
        peer.greet(name="origin")
    before = trust_of(world, "origin")
    assert before["trust"] == "accepted"
    note = wire.protobuf({1: old.public, 2: new.public, 3: os.urandom(16)})
    rekey = wire.protobuf({1: note, 2: old.sign(b"guestlink/1 rekey\0" + note)})
    with Peer.connect(world.guests, new) as peer:
        peer.greet(name="origin", rekey=rekey)
        assert peer.welcome[6] != b"origin"
    assert trust_of(world, "origin")["fingerprint"] == before["fingerprint"]
    forged = wire.protobuf({1: note, 2: new.sign(b"guestlink/1 rekey\0" + note)})
    with Peer.connect(world.guests, new) as peer, contextlib.suppress(Closed):
        peer.hello_a(name="origin", rekey=forged)
        assert all(f[0] == wire.GOODBYE for f in peer.wait_closed())


# ---------------------------------------------------------------- sites

def make_host(make_world, like, conf=""):
    """Another host whose listener is at the same place as the first's: the guest has moved."""
    other = make_world(hostd_conf=conf)
    other.guests, other.connect = like.guests, like.guests
    return other


def test_a_guest_moves_between_the_hosts_of_a_site(make_world):
    first = make_world()
    first.start()
    first.gl("trust", "site", "init", "house", check=True)
    bundle = first.path("bundle")
    first.gl("trust", "site", "export", bundle, check=True)
    assert stat.S_IMODE(os.stat(bundle).st_mode) == 0o600
    fails(first.gl("trust", "site", "export", bundle), "bundle")  # never over a file
    # The certificate that the guest is given comes with its next greeting.
    first.agent.stop()
    first.start_agent()
    site = first.gl("--json", "trust", "site", check=True).json["site"]
    assert site["name"] == "house" and len(site["fingerprint"]) == 64

    second = make_host(make_world, first, conf="trust = approve\n")
    first.hostd.stop()
    second.start_hostd()
    result = second.gl("--json", "trust", "site", "join", bundle, check=True)
    assert result.json["site"]["fingerprint"] == site["fingerprint"]
    assert result.json["site"]["host_fingerprint"] != site["host_fingerprint"]
    second.wait_guest()  # although it was never accepted here: it has the site's certificate
    assert second.gl("exec", "g1", "--", "echo", "moved").stdout == b"moved\n"

    second.hostd.stop()
    first.start_hostd()
    first.wait_guest()


def test_a_guest_refuses_a_host_of_no_site_that_it_knows(make_world):
    first = make_world()
    first.start()
    first.hostd.stop()
    stranger = make_host(make_world, first)
    stranger.start_hostd()
    stranger.hostd.wait_log("refuses this host")
    first.agent.wait_log("is not the one that this guest remembers")
    assert stranger.gl("--json", "ls", check=True).json["guests"] == []
    stranger.hostd.stop()
    first.start_hostd()
    first.wait_guest()


def host_of_another_site(make_world, first):
    """A host of a site of its own, whose bundle it gives; stopped, to listen where the first does."""
    other = make_world(hostd_conf="trust = approve\n")
    other.start_hostd()
    other.gl("trust", "site", "init", "yard", check=True)
    bundle = other.path("bundle")
    other.gl("trust", "site", "export", bundle, check=True)
    other.hostd.stop()
    other.guests = other.connect = first.guests
    return other, bundle


def test_a_connected_guest_learns_the_site_that_its_host_joins(make_world):
    """Else the other hosts of the site would be strangers to it, until it came back to this one."""
    first = make_world()
    first.start()
    second, bundle = host_of_another_site(make_world, first)
    client = first.popen("exec", "-i", "g1", "--", "sh", "-c", "echo up; read x; echo $x; exit 7",
                         stdin=subprocess.PIPE)
    assert client.stdout.readline() == b"up\n"
    resumes = first.guest()["resumes"]

    said = first.gl("trust", "site", "join", bundle, check=True).out
    assert "connected guests learn" in said and "next connect to this host" in said, said
    until(lambda: (g := first.guest())["resumes"] > resumes and g["state"] == "connected",
          "its session goes on over another connection")
    out, _ = client.communicate(b"on\n", timeout=60)
    assert (client.returncode, out) == (7, b"on\n")
    again = first.gl("--json", "trust", "site", "join", bundle, check=True).json["site"]
    assert not again["key_changed"] and first.guest()["resumes"] == resumes + 1

    first.hostd.stop()
    second.start_hostd()
    second.wait_guest()  # and is let in, though never accepted there: it was given a certificate
    assert second.gl("exec", "g1", "--", "echo", "moved").stdout == b"moved\n"


def test_a_guest_that_wants_the_site_refuses_a_host_that_leaves_it(make_world):
    """As it is told to: nobody but another host of the site is the right one. With the old key the host is it again."""
    world = make_world(agent_conf="host-trust = site\n")
    world.start()
    _, bundle = host_of_another_site(make_world, world)
    old = world.gl("--json", "trust", "site", check=True).json["site"]["fingerprint"]
    said = world.gl("trust", "site", "join", bundle, check=True).out
    assert "host-trust = site" in said and "refuse this host from now on" in said and "site.key.old" in said, said
    world.agent.wait_log("not of the trusted site " + old[:16])
    until(lambda: world.guest()["state"] != "connected", "it is out")

    world.hostd.stop()
    key = os.path.join(world.hostd_state, "site.key")
    assert os.stat(key + ".old").st_mode & 0o777 == 0o600
    os.rename(key + ".old", key)
    world.start_hostd()
    assert world.gl("--json", "trust", "site", check=True).json["site"]["fingerprint"] == old
    world.wait_guest()


def test_a_site_that_people_made_is_not_dropped_unasked(make_world):
    world = make_world()
    world.start()
    _, bundle = host_of_another_site(make_world, world)
    world.gl("trust", "site", "init", "house", check=True)
    own = world.gl("--json", "trust", "site", check=True).json["site"]
    fails(world.gl("trust", "site", "join", bundle), "'house'", "--force")
    refused = world.gl("--json", "trust", "site", "join", bundle)
    assert json.loads(refused.stderr)["error"]["code"] == "EXISTS"
    assert world.gl("--json", "trust", "site", check=True).json["site"] == own
    mine = world.gl("trust", "site", "export", "-", check=True).stdout
    world.gl("trust", "site", "join", "-", stdin=mine, check=True)  # its own: nothing is lost
    joined = world.gl("--json", "trust", "site", "join", "--force", bundle, check=True).json["site"]
    assert joined["name"] == "yard" and joined["key_changed"]
    world.wait_guest()
    # So does a new key of its own, as far as guests are concerned.
    resumes = world.guest()["resumes"]
    said = world.gl("trust", "site", "init", "--force", "shed", check=True).out
    assert "connected guests learn" in said, said
    until(lambda: world.guest()["resumes"] > resumes, "the guest learns the new key")
    fails(world.gl("trust", "site", "export", "--force", "-"), "--force", status=2)


def test_what_is_wrong_with_a_bundle_is_said(world):
    good = world.gl("trust", "site", "export", "-", check=True).stdout
    before = world.gl("--json", "trust", "site", check=True).json["site"]
    fails(world.gl("trust", "site", "join", "/nonexistent"), "/nonexistent")
    for bad in (b"", b"rubbish\n", good.replace(b"secret: ", b"secret: AAAA"), good[:40],
                good.replace(b"site 1", b"site 2"), good + b"more: x\n"):
        fails(world.gl("trust", "site", "join", "-", stdin=bad))
    fails(world.gl("trust", "site", "join", "-", stdin=good * 2000))
    fails(world.gl("trust", "site", "join", "-", stdin=bytes(100)))
    assert world.gl("--json", "trust", "site", check=True).json["site"] == before
    secret = [l for l in good.decode().splitlines() if l.startswith("secret: ")][0].split()[1]
    assert secret not in world.hostd.log()
    world.gl("trust", "site", "join", "-", stdin=good, check=True)


# ---------------------------------------------------------------- one does not keep out others

def test_silent_guests_keep_no_others_out(make_world):
    """Each listener has a few places of its own, whatever is held at the others."""
    world = make_world()
    paths = [f"{world.dir}/door{n}.sock" for n in range(8)]
    world.start_hostd(*(arg for path in paths for arg in ("--listen", f"unix:{path}")))
    until(lambda: all(map(os.path.exists, paths)), "hostd listens at all doors")
    with contextlib.ExitStack() as held:
        for path in paths:
            for n in range(33):
                sock = held.enter_context(socket.socket(socket.AF_UNIX))
                sock.settimeout(20)
                sock.connect(path)
            assert sock.recv(1) == b""  # one too many at this listener, so all before were taken
        with Peer.connect(world.guests, Key(os.urandom(32))) as peer:
            peer.greet(name="late")
            assert trust_of(world, "late")["state"] == "connected"


def test_local_users_do_not_fill_the_log(make_world):
    world = make_world()
    world.start_hostd("--log-level", "debug")
    before = len(world.hostd.log_lines("before it had greeted"))
    for _ in range(3):
        socket.socket(socket.AF_UNIX).connect(world.control)  # as who looks whether it is there
    assert all(" debug" in line.lower() or "<7>" in line
               for line in world.hostd.wait_log("before it had greeted", before + 3))
    assert not world.hostd.log_lines("did not greet as it should")
    for _ in range(2500):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(world.control)
            with contextlib.suppress(OSError):
                sock.sendall(b"\xff" * 64)
                while sock.recv(4096):
                    pass
    # GL_LINES_BURST of host/daemon.h, and one a second.
    assert 2000 <= len(world.hostd.log_lines("did not greet as it should")) < 2300
    world.gl("ls", check=True)


# ---------------------------------------------------------------- damaged state

def test_a_damaged_store_is_never_taken_for_an_empty_one(world):
    world.hostd.stop()
    store = [n for n in os.listdir(world.hostd_state) if n.endswith(".json")]
    assert store
    for name in store:
        path = os.path.join(world.hostd_state, name)
        with open(path, "rb") as file:
            whole = file.read()
        json.loads(whole)
        for bad in (b"", whole[:-10], b"[]", b"\0" * 100):
            with open(path, "wb") as file:
                file.write(bad)
            hostd = world.start_hostd(wait=False)
            assert hostd.wait() == 1
            assert name in hostd.log().splitlines()[-1]
            world.daemons.remove(hostd)
        with open(path, "wb") as file:
            file.write(whole)
    world.start_hostd()
    world.wait_guest()


@pytest.mark.parametrize("whose", ["agent", "hostd"])
def test_a_key_file_that_others_could_read_or_that_is_damaged_is_refused(world, whose):
    state = getattr(world, whose + "_state")
    start = getattr(world, "start_" + whose)
    key = os.path.join(state, {"agent": "agent.key", "hostd": "host.key"}[whose])
    getattr(world, whose).stop()
    with open(key, "rb") as file:
        whole = file.read()
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(state).st_mode) == 0o700

    def refused():
        daemon = start(wait=False)
        assert daemon.wait() == 1
        last = daemon.log().splitlines()[-1]
        assert os.path.basename(key) in last, last
        assert whole.split()[3].decode() not in daemon.log()
        world.daemons.remove(daemon)

    os.chmod(key, 0o644)
    refused()
    os.chmod(key, 0o600)
    with open(key, "wb") as file:
        file.write(whole[:-5])
    refused()
    with open(key, "wb") as file:
        file.write(whole)
    start()
    world.wait_guest()
    assert len(world.gl("--json", "ls").json["guests"]) == 1


def test_the_control_socket_is_its_owners_alone(world):
    mode = stat.S_IMODE(os.stat(world.control).st_mode)
    assert mode & 0o007 == 0
    assert stat.S_IMODE(os.stat(world.guests).st_mode) == 0o600
    if os.geteuid() != 0:
        pytest.skip("needs root to be somebody else")
    result = world.gl("ls", user=65534, group=65534, extra_groups=[], cwd="/")
    fails(result, "permission", world.control)
    result = world.gl("--json", "ls", user=65534, group=65534, extra_groups=[], cwd="/")
    assert json.loads(result.stderr)["error"]["code"] == "PERMISSION_DENIED", result
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(world.control)  # as root
