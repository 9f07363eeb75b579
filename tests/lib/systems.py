# SPDX-License-Identifier: MIT
"""A World whose host, guest, or both run on Windows: the .exe files as they are, under Wine.

    with opened(Pair(LINUX, WINDOWS)) as pair:     # a Linux host, a Windows guest
        pair.start()
        pair.tool("out=hello", "exit=7")           # tests/lib/tool.c in the guest, by exec

$GL_WINDOWS_BUILDDIR is the build folder for Windows. Programs of both systems see the same files:
Wine's drive Z: is this machine's root.
"""
import os
import signal
import subprocess

from world import GUEST, LINGER, PATIENCE, SOURCE, Linux, World, until

WINDOWS_BUILD = os.environ.get("GL_WINDOWS_BUILDDIR", "")


class Windows:
    name = "windows"
    stop_signal = signal.SIGINT  # Wine makes ^C of it

    def command(self, name, build=None):
        del build
        return [os.path.join(os.path.abspath(SOURCE), "tests", "lib", "under-wine"),
                os.path.join(WINDOWS_BUILD, name + ".exe")]

    def path(self, path):
        return "Z:" + path.replace("/", "\\")

    def address(self, path):
        return "pipe:" + path.strip("/").replace("/", "-")


LINUX, WINDOWS = Linux(), Windows()


class KeptWine:
    """Wine's services end with its last program, start with the next one and then hold that one's
    stdout. So one program runs as long as this: `with KeptWine():` around all that use Windows."""

    def __enter__(self):
        env = {**os.environ, "GL_BUILDDIR": WINDOWS_BUILD}
        self.process = subprocess.Popen(
            [*WINDOWS.command("tests/lib/tool"), "out=ready", "cat"], env=env, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        subprocess.run([*WINDOWS.command("tests/lib/tool"), "exit=0"], env=env, check=True, timeout=300,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)


class Pair(World):
    """`system` is the host's, `guest_system` the guest's."""

    def __init__(self, host, guest, **options):
        super().__init__(**options)
        self.system, self.guest_system = host, guest

    @property
    def label(self):
        return f"{self.system.name} host, {self.guest_system.name} guest"

    def environ(self, more=None):
        env = super().environ(more)
        env["GL_BUILDDIR"] = WINDOWS_BUILD  # where under-wine keeps Wine's folder
        env["GUESTLINK_CONTROL"] = self.control_address
        return env

    @property
    def control_address(self):
        address = self.system.address(self.control)
        return address.removeprefix("unix:")

    @property
    def dial_address(self):
        """Where the agent dials: the daemon itself, if both run on the same system."""
        assert self.system is self.guest_system, "a bridge is needed between the systems"
        return self.system.address(self.guests)

    def start_hostd(self, *args, wait=True):
        path = self.system.path
        self.hostd = self.daemon(
            "guestlink-hostd",
            ["--listen", self.system.address(self.guests), "--control", self.control_address,
             "--state", path(self.hostd_state), "--config", path(self.hostd_conf),
             *self.hostd_args, *args], "hostd.log")
        if wait:
            self.wait_hostd()
        return self.hostd

    def wait_hostd(self, control=None, hostd=None):
        hostd = hostd or self.hostd
        until(lambda: not hostd.running or self.gl("ls").returncode == 0, "hostd answers")
        assert hostd.running, f"hostd ended at its start:\n{hostd.log()}"

    def start_agent(self, *args, wait=True):
        path = self.guest_system.path
        self.agent = self.daemon(
            "guestlink-agent",
            ["--connect", self.dial_address, "--name", self.name, "--state",
             path(self.agent_state), "--config", path(self.agent_conf), *self.agent_args, *args],
            "agent.log", system=self.guest_system)
        if wait:
            self.wait_guest()
        return self.agent

    # ---- what tests use

    def tool_words(self, *words):
        """argv of tests/lib/tool.c in the guest."""
        if self.guest_system is WINDOWS:
            return [WINDOWS.path(os.path.join(WINDOWS_BUILD, "tests", "lib", "tool.exe")), *words]
        return [os.path.join(os.path.abspath(os.environ["GL_BUILDDIR"]), "tests", "lib", "tool"), *words]

    def tool(self, *words, options=(), **more):
        return self.gl("exec", *options, self.name, "--", *self.tool_words(*words), **more)

    def guest_path(self, *parts):
        """A path in the test's own folder as the guest names it."""
        return self.guest_system.path(self.path(*parts))

    def host_path(self, *parts):
        return self.system.path(self.path(*parts))

    def _leftovers(self):
        # Wine's own processes outlive a program, and are nobody's children.
        return [] if WINDOWS in (self.system, self.guest_system) else super()._leftovers()
