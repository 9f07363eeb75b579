# SPDX-License-Identifier: MIT
"""The agent's configuration, read again by SIGHUP: what the host may do from then on."""
import os
import shutil
import signal

import pytest

from world import program

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can have an /etc of its own")


def reload(world, says):
    before = len(world.agent.log_lines(says))
    world.agent.signal(signal.SIGHUP)
    world.agent.wait_log(says, before + 1)


def may(world):
    result = world.gl("exec", world.name, "--", "true")
    assert result.returncode == 0 or "policy" in result.err or "denied" in result.err, result
    return result.returncode == 0


def test_policy_is_read_again(make_world):
    world = make_world()
    world.start()
    assert may(world)
    world.write(world.agent_conf, "policy { default = deny }\n")
    reload(world, "read again")
    assert not may(world)
    world.write(world.agent_conf, "policy { default = allow }\n")
    reload(world, "read again")
    assert may(world)


@pytest.mark.parametrize("slip", ["policy { default = dney }\n", "nonsense = 1\n", None])
def test_a_slip_denies_everything_until_it_is_mended(make_world, slip):
    world = make_world(agent_conf="policy { default = allow }\n")
    world.start()
    if slip is None:
        os.unlink(world.agent_conf)
    else:
        world.write(world.agent_conf, slip)
    reload(world, "everything is denied until it is mended")
    assert not may(world)
    world.write(world.agent_conf, "log-level = info\n")
    reload(world, "read again")
    assert may(world)


@needs_root
@pytest.mark.parametrize("from_start", [True, False])
def test_the_default_file_must_stay_once_it_was_there(make_world, from_start):
    """Without it everything is allowed, as after the installation; one that goes opens nothing."""
    world = make_world()
    world.start_hostd()
    etc = os.path.join(world.dir, "etc")
    config = os.path.join(etc, "guestlink", "agent.conf")
    os.makedirs(os.path.dirname(config))
    for name in ("passwd", "group", "nsswitch.conf"):
        shutil.copy(os.path.join("/etc", name), etc)
    if from_start:
        world.write(config, "policy { default = deny }\n")
    world.agent = world.daemon("/usr/bin/unshare", [
        "--mount", "sh", "-c", 'mount --bind "$1" /etc && shift && exec "$@"', "sh", etc,
        program("guestlink-agent"), "--connect", f"unix:{world.connect}", "--name", world.name, "--state", world.agent_state], "agent.log")
    world.wait_guest()
    if not from_start:
        assert world.agent.log_lines("is not there: the host may do everything") and may(world)
        world.write(config, "policy { default = deny }\n")
        reload(world, "read again")
    assert not may(world)
    os.unlink(config)
    reload(world, "everything is denied until it is mended")
    assert not may(world)
