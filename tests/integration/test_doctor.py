# SPDX-License-Identifier: MIT
"""doctor names what keeps a guest out, and what to type."""
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

import pytest

import wire
from world import SOURCE, until

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")

NO_AGENT = 4
RUNNING, OFF = 2, 3


def findings(world, *args, status=1, **user):
    """{finding: (verdict, advice)}; the words for people are the same."""
    result = world.gl("--json", "doctor", *args, **user)
    assert result.returncode == status and result.json["healthy"] == (status == 0), result
    text = world.gl("doctor", *args, **user).out
    for check in result.json["checks"]:
        assert check["verdict"] in ("ok", "note", "bad")
        assert check["advice"] == "" or f"-> {check['advice']}\n" in text
    return {check["finding"]: (check["verdict"], check["advice"])
            for check in result.json["checks"]}


def about(found, *words):
    matching = [value for finding, value in found.items() if all(word in finding for word in words)]
    assert len(matching) == 1, (words, found)
    return matching[0]


def test_all_is_well(shared):
    found = findings(shared, "g1", status=0)
    assert about(found, "g1 is connected") == ("ok", "")
    assert about(found, "answers within") == ("ok", "")


def test_a_guest_by_the_beginning_of_its_name(world):
    world.add_agent("green")
    assert about(findings(world, "gre", status=0), "green is connected") == ("ok", "")
    guest = world.guest("green")
    about(findings(world, guest["id"][:10], status=0), "green is connected")
    world.add_agent("grey")
    assert about(findings(world, "gre"), "gre")[0] == "bad"
    assert "'guestlink ls'" in about(findings(world, "nobody"), "nobody")[1]


def test_a_revoked_guest(world):
    world.gl("trust", "revoke", "g1", check=True)
    command = f"guestlink trust accept {world.guest()['fingerprint']}"
    verdict, advice = about(findings(world, status=0), "g1 is revoked")
    assert verdict == "note" and advice.endswith(command)
    found = findings(world, "g1")
    verdict, advice = about(found, "g1 is revoked")
    assert verdict == "bad" and advice.endswith(command)
    assert not any("agent" in finding for finding in found), found
    world.gl(*command.split()[1:], check=True)
    world.wait_guest()
    findings(world, "g1", status=0)


def test_forgetting_a_revoked_guest_makes_it_new(world):
    """As `trust revoke --help` says."""
    world.gl("trust", "revoke", "g1", check=True)
    world.gl("forget", "g1", check=True)
    world.wait_guest()
    assert world.guest()["trust"] == "accepted"


def test_a_key_at_two_places(world):
    world.clone_state(world.agent_state, "clone")
    world.add_agent("clone", wait=False)
    guest = until(lambda: (g := world.guest()) and g["trust"] == "duplicate" and g, "a duplicate")
    verdict, advice = about(findings(world), "guest g1:")
    assert verdict == "bad" and "agent.key" in advice
    assert advice.endswith(f"guestlink trust accept {guest['fingerprint']}")
    text = world.gl("ls").out
    assert "duplicate key" in text and "duplicate key" in world.gl("ls", "--help").out


def test_a_guest_whose_policy_is_broken(make_world):
    world = make_world(agent_conf="policy {\n  nonsense = 1\n}\n")
    world.start_hostd()
    world.start_agent(wait=False)
    world.wait_state("connected")
    verdict, advice = about(findings(world, "g1"), "ping is denied", "agent.conf:2")
    assert verdict == "bad" and "SIGHUP" in advice


def test_a_guest_that_refuses_this_host(make_world):
    world = make_world()
    world.start()
    world.agent.stop()
    world.hostd.stop()
    shutil.rmtree(world.hostd_state)  # another host, another site
    world.start_hostd()
    agent = world.start_agent(wait=False)
    agent.wait_log("not the one that this guest remembers")
    found = until(lambda: (r := world.gl("--json", "doctor")).returncode == 1 and findings(world),
                  "doctor tells of it")
    verdict, advice = about(found, "refuses this host", world.guests, "remembers")
    assert verdict == "bad" and "agent's log" in advice
    assert not any("no guest has ever" in finding for finding in found), found
    found = findings(world, "g1")
    assert about(found, "refuses this host")[0] == "note"
    assert about(found, "no guest named g1")[0] == "bad"
    # It is over when that guest gets in, not when another one does that comes to the same socket.
    world.add_agent("other")
    assert about(findings(world), "refuses this host")[0] == "bad"
    agent.stop()
    os.unlink(world.agent_state + "/host-trust")
    world.start_agent()
    assert not any("refuses this host" in finding for finding in findings(world, status=0))


def test_a_store_that_cannot_be_written(world):
    store = world.hostd_state + "/guests.json"
    os.rename(store, store + ".aside")
    os.mkdir(store)
    assert world.gl("rename", "g1", "g2").returncode == 1
    verdict, advice = about(findings(world), "cannot keep what it knows", "guests.json")
    assert verdict == "bad" and "make room" in advice
    os.rmdir(store)
    world.gl("rename", "g1", "g2", check=True)
    findings(world, status=0)


def test_a_configuration_that_was_refused(world):
    """What counted before counts still: nobody else would see it before the next start fails."""
    good = open(world.hostd_conf, encoding="utf-8").read() if os.path.exists(world.hostd_conf) else ""
    world.write(world.hostd_conf, "\nallow { user = ")
    world.hostd.signal(signal.SIGHUP)
    world.hostd.wait_log("NOT read again")
    verdict, advice = about(findings(world), "configuration was refused", world.hostd_conf + ":2")
    assert verdict == "bad" and "SIGHUP" in advice
    # Nor is it a reason not to look at a guest.
    assert about(findings(world, "g1"), "its agent answers within")[0] == "ok"
    world.write(world.hostd_conf, good)
    world.hostd.signal(signal.SIGHUP)
    world.hostd.wait_log("hostd.conf: read again")
    assert not any("configuration" in finding for finding in findings(world, status=0))


@needs_root
def test_the_rule_of_the_example_lets_its_user_look(make_world):
    """As the manual and hostd.conf.example have it, for another user."""
    texts = [open(os.path.join(SOURCE, path), encoding="utf-8").read()
             for path in ("doc/man/guestlink-hostd.conf.5", "packaging/hostd.conf.example")]
    rules = [re.search(r"^(?:# )?(allow \{ user = .*web.*\})", text, re.M)[1] for text in texts]
    assert rules[0].split("service")[1] == rules[1].split("service")[1]
    other = pwd.getpwnam("nobody")
    user = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": [], "cwd": "/"}
    world = make_world(name="web1", hostd_conf='control-mode = "0666"\n'
                       + rules[0].replace("alice", "nobody") + "\n")
    world.start()
    assert about(findings(world, "web1", status=0, **user), "its agent answers within")[0] == "ok"
    assert world.gl("exec", "web1", "--", "true", **user).returncode == 0


@needs_root
def test_guests_that_the_rules_hide(make_world):
    """Whom they keep out is not to look for a fault in the guest; whether it exists is not said."""
    world = make_world(hostd_conf='control-mode = "0666"\nallow { user = daemon }\n')
    world.start_hostd()
    other = pwd.getpwnam("nobody")
    user = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": [], "cwd": "/"}
    assert about(findings(world, status=0, **user), "no guest has ever connected")[0] == "note"
    world.start_agent()
    found = findings(world, status=0, **user)
    verdict, advice = about(found, "none that you may see")
    assert verdict == "note" and "allow" in advice
    assert not any("ever connected" in finding for finding in found), found
    for name in ("g1", "nonesuch"):
        verdict, advice = about(findings(world, name, **user), f"no guest named {name} that you may see")
        assert verdict == "bad" and "allow" in advice
    assert about(findings(world, "nonesuch"), "no guest named nonesuch has ever connected")


def test_an_agent_that_does_not_answer(world):
    """Bounded, and what is found is shown at once."""
    with world.agent.paused():
        start = time.monotonic()
        doctor = world.popen("doctor", "g1", stderr=subprocess.DEVNULL)
        for line in doctor.stdout:
            if b"g1 is connected" in line:
                break
        assert time.monotonic() - start < 4
        rest = doctor.stdout.read().decode()
        assert doctor.wait() == 1
        assert "its agent does not answer: no answer within 5 s" in rest
        assert time.monotonic() - start < 20
    world.wait_guest()


def test_machines_without_an_agent(make_world):
    """They are no guests yet: whoever has just set up the host is told where to go on."""
    world = make_world()
    machines = [{2: "My VM", 3: NO_AGENT, 17: "11111111-2222-3333-4444-555555555555", 18: RUNNING},
                {2: "db", 3: NO_AGENT, 17: "11111111-2222-3333-4444-555555555556", 18: OFF}]
    with wire.daemon(world.control, {"status": ([{}], 0, ""), "list": (machines, 0, "")}):
        found = findings(world, status=1)  # as it listens nowhere
    verdict, advice = about(found, "no agent has connected from the virtual machine My VM")
    assert verdict == "note" and advice.startswith("install and start guestlink-agent")
    verdict, advice = about(found, "no agent has connected from the virtual machine db, which is off")
    assert verdict == "note" and advice.startswith("start it")
    assert about(found, "no guest has ever connected")[0] == "note"
    assert not any("last seen" in finding for finding in found), found
