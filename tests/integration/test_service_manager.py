# SPDX-License-Identifier: MIT
"""What both daemons say to a service manager and take from it: sd_notify(3), sd_listen_fds(3)."""
import os
import socket
import sys

import pytest

from world import GUEST, until

#: As systemd does it: descriptors from 3 on, in a process that knows that they are for it. Arguments: how many, the
#: descriptor, the program.
HAND_OVER = """
import os, sys
count, fd = sys.argv[1], int(sys.argv[2])
if fd > 2:
    os.dup2(fd, 3, inheritable=True)
else:
    os.closerange(3, 4)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=count, LISTEN_FDNAMES="control")
os.execv(sys.argv[3], sys.argv[3:])
"""


class Manager:
    """The socket that daemons notify."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.said = []

    def env(self, watchdog_us):
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(watchdog_us)}

    def hear(self):
        while True:
            try:
                text = self.socket.recv(4096, socket.MSG_DONTWAIT).decode()
            except BlockingIOError:
                return self.said
            self.said += text.split("\n")

    def wait(self, what, count=1):
        until(lambda: self.hear().count(what) >= count, f"{count} x {what}")


@pytest.fixture
def manager(make_world):
    world = make_world()
    return world, Manager(world.path("notify"))


def daemon(world, manager, program, *args):
    return world.daemon(program, args, f"{program}.log", env=manager.env(90_000))


def life(own):
    """Ready, alive, alive, ..., stopping."""
    process, manager = own
    manager.wait("READY=1")
    manager.wait("WATCHDOG=1", 3)
    with process.paused():
        manager.hear()
        manager.said.clear()
        # What was sent before the stop has arrived by now; nothing else comes, however long one waits.
        until(lambda: open(f"/proc/{process.pid}/stat", encoding="ascii").read().split()[2] == "T",
              "it is stopped")
        manager.hear()
        manager.said.clear()
        assert not manager.hear()
    manager.wait("WATCHDOG=1")
    process.stop()
    assert "STOPPING=1" in manager.hear()


def test_hostd_is_alive_as_long_as_its_loop(manager):
    world, manager = manager
    life((daemon(world, manager, "guestlink-hostd", "--listen", f"unix:{world.guests}", "--control",
                 world.control, "--state", world.hostd_state), manager))


def test_agent_is_alive_as_long_as_its_loop(manager):
    world, manager = manager
    life((daemon(world, manager, "guestlink-agent", "--connect", f"unix:{world.guests}", "--state",
                 world.agent_state), manager))


# ---------------------------------------------------------------------------- the control socket

def activated(world, given, *args, count="1"):
    """A host daemon that is handed the socket `given` (None: a descriptor that is not open)."""
    if given is not None:
        os.set_inheritable(given.fileno(), True)
    # World closes it like any other; the descriptor is inherited since Popen is told to keep it.
    return world.daemon("guestlink-hostd",
                        ["--listen", f"unix:{world.guests}", "--state", world.hostd_state, *args],
                        "hostd.log", wrapper=(sys.executable, "-c", HAND_OVER, count,
                                              str(given.fileno() if given else -1)),
                        keep=[given.fileno()] if given else [])


def listening(path, kind=socket.SOCK_STREAM):
    given = socket.socket(socket.AF_UNIX, kind)
    given.bind(path)
    if kind != socket.SOCK_DGRAM:
        given.listen()
    return given


def test_the_control_socket_is_handed_over(make_world):
    world = make_world()
    with listening(world.control) as given:
        os.chmod(world.control, 0o640)
        inode = os.stat(world.control).st_ino
        world.hostd = activated(world, given, "--control", world.control)
        world.start_agent()
        assert world.gl("exec", GUEST, "--", "echo", "yes", check=True).stdout == b"yes\n"
        # It stays when the daemon goes, so that who comes meanwhile waits for the next.
        world.hostd.stop()
        assert os.stat(world.control).st_ino == inode
        assert os.stat(world.control).st_mode & 0o777 == 0o640
        waiting = world.popen("ls")
        world.hostd = activated(world, given, "--control", world.control)
        out, _ = waiting.communicate(timeout=60)
        assert waiting.returncode == 0 and GUEST.encode() in out
        assert "no effect" not in world.hostd.log()
        assert "no effect" not in world.gl("doctor").out
    os.unlink(world.control)


def test_settings_that_do_not_count_are_told(make_world):
    world = make_world()
    with listening(world.control) as given:
        config = world.path("hostd.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write('control-mode = "0600"\ncontrol-group = "root"\n')
        world.hostd = activated(world, given, "--control", world.path("elsewhere.sock"), "--config",
                                config)
        world.hostd.wait_log("control, control-mode, control-group: this has no effect")
        world.wait_hostd()
        assert not os.path.exists(world.path("elsewhere.sock"))
        checks = world.gl("--json", "doctor").json["checks"]
        note, = [check for check in checks if "control-group: this has no effect" in check["finding"]]
        assert note["verdict"] == "note" and "guestlink-hostd.socket" in note["advice"]
        world.hostd.stop()
    os.unlink(world.control)


@pytest.mark.parametrize("what, count, said", [
    ("packets", "1", "is no listening Unix stream socket"),
    ("datagram", "1", "is no listening Unix stream socket"),
    ("not listening", "1", "is no listening Unix stream socket"),
    ("tcp", "1", "is no listening Unix stream socket"),
    ("pipe", "1", "is no listening Unix stream socket"),
    ("closed", "1", "service manager"),
    ("stream", "2", "more than one"),
    ("stream", "x", "more than one"),
])
def test_nothing_else_is_taken(make_world, what, count, said):
    world = make_world()
    if what == "datagram":
        given = listening(world.control, socket.SOCK_DGRAM)
    elif what == "packets":
        given = listening(world.control, socket.SOCK_SEQPACKET)
    elif what == "stream":
        given = listening(world.control)
    elif what == "not listening":
        given = socket.socket(socket.AF_UNIX)
    elif what == "tcp":
        given = socket.socket(socket.AF_INET)
    elif what == "pipe":
        given = open("/dev/null", "rb")
    else:
        given = None
    hostd = activated(world, given, "--control", world.control, count=count)
    assert hostd.wait() == 1
    assert said in hostd.log()
    world.daemons.remove(hostd)
    if given is not None:
        given.close()


def test_what_is_meant_for_another_process_is_left(make_world):
    world = make_world()
    world.hostd = world.daemon(
        "guestlink-hostd", ["--listen", f"unix:{world.guests}", "--state", world.hostd_state,
                            "--control", world.control], "hostd.log",
        env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    world.wait_hostd()
