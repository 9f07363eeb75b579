# SPDX-License-Identifier: MIT
"""The host daemon's configuration: read again by SIGHUP; slips in it are told."""
import os
import pwd
import signal

import pytest

from world import PATIENCE, until

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
OTHER = pwd.getpwnam("nobody")
CONTROL = 'control-mode = "0666"\n'


def reload(world, text, says):
    """Returns the one new line of the log that has these words."""
    before = len(world.hostd.log_lines(says))
    if text is not None:
        world.write(world.hostd_conf, text)
    world.hostd.signal(signal.SIGHUP)
    return world.hostd.wait_log(says, before + 1)[-1]


def pings(world):
    """Whether the other user may. However slow the machine is: no answer in time is no answer to that."""
    result = world.gl("ping", "-c", "1", "--timeout", f"{PATIENCE - 10:g}", "g1", user=OTHER.pw_uid, group=OTHER.pw_gid,
                      extra_groups=[], cwd="/")
    assert result.returncode == 0 or "no guest named" in result.err or "rules" in result.err, result
    return result.returncode == 0


@needs_root
def test_rules_are_read_again(make_world):
    world = make_world(hostd_conf=CONTROL)
    world.start()
    assert pings(world)
    reload(world, CONTROL + "allow { user = daemon }\n", "hostd.conf: read again, 1 rule")
    assert not pings(world)
    reload(world, CONTROL + "allow { user = daemon }\nallow { user = nobody guest = g1 }\n",
           "hostd.conf: read again, 2 rule")
    assert pings(world)
    assert world.guest()["state"] == "connected"


@needs_root
def test_a_wrong_or_missing_file_changes_nothing(make_world):
    world = make_world(hostd_conf=CONTROL + "allow { user = daemon }\n")
    world.start()
    line = reload(world, CONTROL + "\nalow { user = nobody }\n", "NOT read again")
    assert f"{world.hostd_conf}:3" in line and " error " in line
    assert not pings(world)
    os.unlink(world.hostd_conf)
    assert world.hostd_conf in reload(world, None, "NOT read again")
    assert not pings(world)
    assert world.guest()["state"] == "connected"


def test_what_else_counts_at_once_and_what_needs_a_restart(make_world):
    world = make_world()
    world.start()
    line = reload(world, 'trust = approve\nlog-level = debug\nstate = "/nowhere"\n', "read again")
    assert "restart" not in line  # the command line has the state
    world.add_agent("late", wait=False)
    until(lambda: (g := world.guest("late")) and g["trust"] == "pending", "late is pending")
    line = reload(world, 'host-name = "other"\ncontrol-mode = "0600"\n', "read again")
    assert line.endswith("only counts after a restart: control-mode, host-name")
    reload(world, "log-level = error\n", "read again")
    world.gl("rename", "g1", "g2", check=True)
    world.gl("rename", "g2", "g1", check=True)
    assert not world.hostd.log_lines("is called 'g2' now")
    assert world.guest()["state"] == "connected"


@pytest.mark.parametrize("text,says", [
    ("\nallow { }\n", ":2: a rule without any field"),
    ("allow {\n  user = alice\n  guest = \"web[0-9]\"\n}\n", ":3: 'web[0-9]' can match no guest"),
    ('allow { service = "" }\n', ":1: '' can match no service"),
])
def test_rules_that_nobody_can_mean_are_refused(make_world, text, says):
    world = make_world(hostd_conf=text)
    hostd = world.daemon("guestlink-hostd", ["--listen", f"unix:{world.guests}", "--control",
                                             world.control, "--state", world.hostd_state,
                                             "--config", world.hostd_conf], "refused.log")
    world.daemons.remove(hostd)
    assert hostd.wait() == 1
    assert world.hostd_conf + says in hostd.log()


def test_unknown_users_groups_and_services_are_told(make_world):
    rules = """
        allow { user = {root, "123456", "no*", alcie}  group = {root, opps} }
        allow { service = {exec, "file.*", "file.recieve", "trust.accept", "power", "*.get"} }
    """
    world = make_world(hostd_conf=rules)
    world.start()

    def warned(count):
        for what in ("rule 1 is for user 'alcie'", "rule 1 is for group 'opps'",
                     "rule 2 allows 'file.recieve'", "rule 2 allows 'power'"):
            assert len(world.hostd.wait_log(what, count)) == count
        assert len(world.hostd.log_lines("hostd.conf: rule ")) == 4 * count, world.hostd.log()

    warned(1)
    reload(world, None, "read again")
    warned(2)


def test_every_service_of_an_agent_is_known(make_world):
    world = make_world()
    world.start()
    services = [s["name"] for s in world.gl("--json", "info", "g1", check=True).json["info"]["services"]]
    assert "exec" in services
    reload(world, "\n".join(f"allow {{ service = {name} }}" for name in services), "read again")
    world.gl("ls", check=True)  # what it has to say of rules is said when it answers again
    assert not world.hostd.log_lines("which is no service")


def refused_start(world):
    """What the daemon says when it does not start."""
    hostd = world.daemon("guestlink-hostd", ["--listen", f"unix:{world.guests}", "--control",
                                             world.control, "--state", world.hostd_state,
                                             "--config", world.hostd_conf], "refused.log")
    world.daemons.remove(hostd)
    assert hostd.wait() == 1
    assert "listening for guests" not in hostd.log()
    return hostd.log()


@pytest.mark.parametrize("file,text,words", [
    ("guests.json", "garbage\n", ("guests.json:1", "move it away", "revoked", "trust = approve")),
    ("guests.json", "", ("guests.json", "move it away")),
    ("guests.json", '{"schema": 1, "guests": [{}]}', ("guest 1: wrong 'key'", "move it away")),
    ("site.json", "garbage\n", ("site.json:1", "move it away", "its key, which is what guests know, stays")),
    ("site.key", "garbage\n", ("site.key", "bring back", "site.json away", "will refuse")),
    ("host.key", "garbage\n", ("host.key", "bring back", "move it away")),
])
def test_a_damaged_file_of_the_state_is_named_with_what_it_costs(make_world, file, text, words):
    """And before anybody hears that the daemon listens; what is said is true."""
    world = make_world()
    world.start()
    world.hostd.stop()
    path = os.path.join(world.hostd_state, file)
    world.write(path, text)
    os.chmod(path, 0o600)
    said = refused_start(world)
    assert all(word in said for word in words), said
    os.rename(path, path + ".aside")
    if file == "site.key":
        return  # and its other half; then the guest does refuse it
    world.start_hostd()
    if file != "host.key":
        world.wait_guest()


def test_a_file_of_a_later_version_is_not_to_be_thrown_away(make_world):
    world = make_world()
    world.start_hostd()
    world.hostd.stop()
    world.write(os.path.join(world.hostd_state, "guests.json"), '{"schema": 99}')
    os.chmod(os.path.join(world.hostd_state, "guests.json"), 0o600)
    said = refused_start(world)
    assert "its schema is 99" in said and "move it away" not in said
