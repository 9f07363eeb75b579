# SPDX-License-Identifier: MIT
"""A World whose host, guest, or both run on Windows: the .exe files as they are, under Wine.

    with opened(Pair(LINUX, WINDOWS)) as pair:     # a Linux host, a Windows guest
        pair.start()
        pair.tool("out=hello", "exit=7")           # tests/lib/tool.c in the guest, by exec
        pair.proxy.cut()                           # see CutProxy; None where the agent dials the host directly

A Windows side that is joined by a proxy talks AF_HYPERV, to the stand-in of tests/e2e/windows/fake-hyperv.h: TCP on
127.0.0.1 and a folder of files that says who listens where and who dials.

$GL_WINDOWS_BUILDDIR is the build folder for Windows. Programs of both systems see the same files:
Wine's drive Z: is this machine's root.
"""
import glob
import os
import signal
import socket
import subprocess

from cutproxy import CutProxy
from world import GUEST, LINGER, PATIENCE, SOURCE, Linux, World, until

WINDOWS_BUILD = os.environ.get("GL_WINDOWS_BUILDDIR", "")


class Windows:
    name = "windows"

    def command(self, name, build=None):
        del build
        return [os.path.join(os.path.abspath(SOURCE), "tests", "lib", "under-wine"),
                os.path.join(WINDOWS_BUILD, name + ".exe")]

    def stop(self, daemon):
        daemon.signal(signal.SIGINT)  # Wine makes ^C of it

    def path(self, path):
        return "Z:" + path.replace("/", "\\")

    def address(self, path):
        return "pipe:" + path.strip("/").replace("/", "-")


#: Partitions, as the stand-in has them; the service is port 1007's.
HOST_VM = "10571057-1057-4057-8057-105710571057"
GUEST_VM = "aaaaaaaa-0000-4000-8000-000000000001"
SERVICE = "000003ef-facb-11e6-bd58-64006a7986d3"


class HyperVHost:
    """Stands where a Windows host would: what the agent dials as its parent."""

    def __init__(self, folder):
        self.folder = folder

    def listen(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        path = os.path.join(self.folder, f"listen-{SERVICE}-{HOST_VM}-{'0' * 8}-0000-0000-0000-{'0' * 12}")
        with open(path, "w", encoding="ascii") as file:
            file.write(str(listener.getsockname()[1]))
        return listener

    def close(self):
        """The file goes with the test's folder."""


class HyperVGuest:
    """Stands where a Windows host's guest would: dials the service that the daemon listens at."""

    def __init__(self, folder):
        self.folder = folder

    def connect(self):
        found = glob.glob(os.path.join(glob.escape(self.folder), f"listen-{SERVICE}-{HOST_VM}-*"))
        if not found:
            raise ConnectionRefusedError("nobody listens")
        with open(found[0], encoding="ascii") as file:
            port = int(file.read())
        sock = socket.socket()
        try:
            sock.bind(("127.0.0.1", 0))
            with open(os.path.join(self.folder, f"from-{sock.getsockname()[1]}"), "w", encoding="ascii") as file:
                file.write(f"{GUEST_VM} {HOST_VM}")
            sock.connect(("127.0.0.1", port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            sock.close()
            raise
        return sock

    def close(self):
        pass


class Wrapped(Windows):
    """A program that another Windows program starts."""

    def command(self, name, build=None):
        return [self.path(os.path.join(WINDOWS_BUILD, name + ".exe"))]

    def stop(self, daemon):
        """Not the program that has started it, but itself: found by its first word and its state folder."""
        state = daemon.args[daemon.args.index("--state") + 1]
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    words = file.read().decode("utf-8", "replace").split("\0")
            except OSError:
                continue
            if words[0].endswith(daemon.name + ".exe") and state in words:
                os.kill(int(path.split("/")[2]), signal.SIGINT)


LINUX, WINDOWS, WRAPPED = Linux(), Windows(), Wrapped()


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
    """`system` is the host's, `guest_system` the guest's. joined: by a proxy, which two different systems need."""

    def __init__(self, host, guest, joined=None, **options):
        super().__init__(**options)
        self.system, self.guest_system = host, guest
        self.joined = host is not guest if joined is None else joined
        self.proxy = None

    def _folder(self, name):
        path = os.path.join(self.dir, name)
        os.makedirs(path, exist_ok=True)
        return path

    def start_proxy(self):
        """What the agent dials stands for the host, what the daemon sees for the guest."""
        dialled = os.path.join(self.dir, "proxy.sock") if self.guest_system is LINUX \
            else HyperVHost(self._folder("hyperv-guest"))
        served = self.guests if self.system is LINUX else HyperVGuest(self._folder("hyperv-host"))
        self.proxy = CutProxy(dialled, served)
        self.proxy.__enter__()

    def start(self):
        if self.joined:
            self.start_proxy()
        return super().start()

    def close(self, check=True):
        try:
            super().close(check)
        finally:
            if self.proxy:
                self.proxy.close()

    def hyperv(self, name, vm=None):
        """(wrapper, environment) of a daemon over the stand-in for AF_HYPERV."""
        env = {"GL_HYPERV_DIR": WINDOWS.path(self._folder(name))}
        if vm:
            env["GL_HYPERV_VMID"] = vm
        return [*WINDOWS.command("tests/e2e/windows/with-hyperv")], env

    def environ(self, more=None):
        env = super().environ(more)
        env["GL_BUILDDIR"] = WINDOWS_BUILD  # where under-wine keeps Wine's folder
        env["GUESTLINK_CONTROL"] = self.control_address
        return env

    @property
    def control_address(self):
        address = self.system.address(self.control)
        return address.removeprefix("unix:")

    def _address(self, system, hyperv):
        """Where the daemon listens, and where the agent dials."""
        if self.joined and system is WINDOWS:
            return hyperv
        return system.address(self.guests)

    def _daemon(self, system, program, args, vm, folder):
        """Wrapped by the stand-in where it is needed; Wine runs the wrapper then, and that the program."""
        if self.joined and system is WINDOWS:
            wrapper, env = self.hyperv(folder, vm)
            return self.daemon(program, args, f"{program}.log", env=env, wrapper=wrapper, system=WRAPPED)
        return self.daemon(program, args, f"{program}.log", system=system)

    def start_hostd(self, *args, wait=True):
        path = self.system.path
        self.hostd = self._daemon(
            self.system, "guestlink-hostd",
            ["--listen", self._address(self.system, "hvsock:children:1007"), "--control", self.control_address,
             "--state", path(self.hostd_state), "--config", path(self.hostd_conf), *self.hostd_args, *args],
            None, "hyperv-host")
        if wait:
            self.wait_hostd()
        return self.hostd

    def wait_hostd(self, control=None, hostd=None):
        hostd = hostd or self.hostd
        until(lambda: not hostd.running or self.gl("ls").returncode == 0, "hostd answers")
        assert hostd.running, f"hostd ended at its start:\n{hostd.log()}"

    def start_agent(self, *args, wait=True):
        path = self.guest_system.path
        dial = self._address(self.guest_system, "hvsock:parent:1007")
        if self.joined and self.guest_system is LINUX:
            dial = f"unix:{self.proxy.listen_end.path}"
        self.agent = self._daemon(
            self.guest_system, "guestlink-agent",
            ["--connect", dial, "--name", self.name, "--state", path(self.agent_state), "--config",
             path(self.agent_conf), *self.agent_args, *args], GUEST_VM, "hyperv-guest")
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
