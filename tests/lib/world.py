# SPDX-License-Identifier: MIT
"""A small world for a test: a host daemon, an agent and the command line, over Unix sockets.

    world = World()
    world.start()                       # both daemons; comes back when the agent is connected
    world.gl("exec", "g1", "--", "true") # the command line; see Result
    world.agent.kill()                  # SIGKILL; stop() is SIGTERM, and start_agent() starts anew
    world.close()                       # stops both, and asserts what every test has to leave behind

Nothing here sleeps for a fixed time: what is awaited is asked for again and again until a deadline
(`until`), and a deadline that passes is a failure. Programs are found by $GL_BUILDDIR.
"""
import ctypes
import glob
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

BUILD = os.environ.get("GL_BUILDDIR", os.getcwd())
SOURCE = os.environ.get("GL_SRCDIR", os.path.join(os.path.dirname(__file__), "..", ".."))
FULL = os.environ.get("GL_FULL", "") not in ("", "0")
#: How long anything may take that should take a moment. Machines are busy; sanitizers are slow.
PATIENCE = 60.0
#: How long processes may take to vanish after their daemon has ended.
LINGER = 5.0
#: The guest of a World, unless it is told otherwise. (One letter would be a drive of `cp`.)
GUEST = "g1"

_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "Assertion `")


def full(small, big):
    """The size for an ordinary run, or the one for `make check-full` (GL_FULL=1)."""
    return big if FULL else small


def until(condition, what, timeout=PATIENCE, interval=0.01):
    """Asks until `condition()` is true, and returns what it gave."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {timeout:g} s still not: {what}")
        time.sleep(interval)


def program(name, build=None):
    return os.path.join(build or BUILD, name)


def sanitized(name="guestlink-hostd"):
    """Whether the program was built with AddressSanitizer (which needs far more memory)."""
    with open(program(name), "rb") as file:
        return b"__asan_init" in file.read()


class Linux:
    """The system that a side of a World runs on; systems.py has the other one."""

    name = "linux"

    def command(self, name, build=None):
        """What starts a program."""
        return [program(name, build)]

    def path(self, path):
        """A path of this machine as programs there name it."""
        return path

    def stop(self, daemon):
        """Tells a daemon to stop."""
        daemon.signal(signal.SIGTERM)

    def address(self, path):
        """Where a daemon listens: named by a path of this machine, unique to the test."""
        return f"unix:{path}"


# ---------------------------------------------------------------------------- processes

def adopt_orphans():
    """Whatever our children leave behind becomes our child, so that it can be found."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def processes():
    """{pid: (ppid, state, name)} of the whole machine."""
    table = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        head, _, rest = text.rpartition(")")
        pid, _, name = head.partition(" (")
        fields = rest.split()
        table[int(pid)] = (int(fields[1]), fields[0], name)
    return table


def descendants(pid, table=None):
    """Pids of all living descendants (without zombies)."""
    table = table or processes()
    found, grown = {pid}, True
    while grown:
        more = {p for p, (parent, _, _) in table.items() if parent in found} - found
        grown = bool(more)
        found |= more
    found.discard(pid)
    return {p for p in found if table[p][1] != "Z"}


def rss(pid):
    """Bytes of resident memory at present."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def rss_peak(pid):
    """Bytes of resident memory at most, since the program started."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


class Result(subprocess.CompletedProcess):
    """What a run of the command line gave. stdout and stderr are bytes; out and err are text."""

    @property
    def out(self):
        return self.stdout.decode("utf-8", "backslashreplace")

    @property
    def err(self):
        return self.stderr.decode("utf-8", "backslashreplace")

    @property
    def json(self):
        """The one object of --json."""
        return json.loads(self.stdout)

    @property
    def json_lines(self):
        return [json.loads(line) for line in self.stdout.splitlines()]

    def __str__(self):
        return f"{self.args[1:]} -> {self.returncode}\nstdout: {self.out[-2000:]}\nstderr: {self.err[-2000:]}"


class Daemon:
    """One run of a daemon. Its log goes to a file; all runs of a World's log are kept."""

    def __init__(self, world, name, args, log, env=None, wrapper=(), keep=(), system=None):
        self.world, self.name, self.log_path = world, name, log
        self.system = system or world.system
        self.args = [*wrapper, *self.system.command(name, world.build), *args]
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=world.environ(env), cwd=world.dir, start_new_session=True,
                pass_fds=keep)

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process.poll() is None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()

    def log_lines(self, text):
        return [line for line in self.log().splitlines() if text in line]

    def wait_log(self, text, count=1, timeout=PATIENCE):
        """Waits until `text` is in at least `count` lines of the log; returns them."""
        return until(lambda: len(self.log_lines(text)) >= count and self.log_lines(text),
                     f"{count} x {text!r} in the log of {self.name}", timeout)

    def wait(self, timeout=PATIENCE):
        return self.process.wait(timeout)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=PATIENCE):
        """SIGTERM; the exit status must be 0."""
        if self.running:
            self.system.stop(self)
        status = self.wait(timeout)
        assert status == 0, f"{self.name} ended with {status} on being told to stop"

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        self.wait()

    def paused(self):
        """Context: stopped by SIGSTOP, as a paused machine's program is."""
        return _Paused(self)


class _Paused:
    def __init__(self, daemon):
        self.daemon = daemon

    def __enter__(self):
        self.daemon.signal(signal.SIGSTOP)

    def __exit__(self, *_):
        self.daemon.signal(signal.SIGCONT)


# ---------------------------------------------------------------------------- the world

class World:
    """
    Paths: dir, control, guests (the listener's socket), hostd_state, agent_state, hostd_conf,
    agent_conf, tmp (for the test's own files). hostd and agent are Daemons or None.

    hostd_conf and agent_conf are the text of the configuration files. `connect` is the path that
    the agent dials: a CutProxy's, say. `build` has the programs, if not $GL_BUILDDIR.
    """

    def __init__(self, hostd_conf="", agent_conf="", hostd_args=(), agent_args=(), name=GUEST,
                 connect=None, build=None):
        adopt_orphans()
        self.system = Linux()
        self.build = build
        self.dir = tempfile.mkdtemp(prefix="gl-")
        os.chmod(self.dir, 0o755)
        self.control = os.path.join(self.dir, "control.sock")
        self.guests = os.path.join(self.dir, "guests.sock")
        self.connect = connect or self.guests
        self.hostd_state = os.path.join(self.dir, "hostd")
        self.agent_state = os.path.join(self.dir, "agent")
        self.hostd_conf = os.path.join(self.dir, "hostd.conf")
        self.agent_conf = os.path.join(self.dir, "agent.conf")
        self.tmp = os.path.join(self.dir, "tmp")
        os.mkdir(self.tmp)
        self.write(self.hostd_conf, hostd_conf)
        self.write(self.agent_conf, agent_conf)
        self.hostd_args, self.agent_args, self.name = list(hostd_args), list(agent_args), name
        self.hostd = self.agent = None
        self.daemons, self.clients = [], []
        self.proxy = None

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def path(self, *parts):
        """A path in the test's own folder."""
        return os.path.join(self.tmp, *parts)

    def environ(self, more=None):
        drop = ("GUESTLINK_", "LISTEN_", "NOTIFY_", "WATCHDOG_")
        env = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
        san = os.path.join(self.dir, "san")
        env.update(
            GUESTLINK_CONTROL=self.control, LC_ALL="C.UTF-8",
            ASAN_OPTIONS=f"log_path={san}:exitcode=99:abort_on_error=0:detect_leaks=1",
            LSAN_OPTIONS="exitcode=99",
            UBSAN_OPTIONS=f"log_path={san}:print_stacktrace=1:halt_on_error=1:exitcode=99")
        env.update(more or {})
        return env

    # ---- daemons

    def daemon(self, program_name, args, log_name, env=None, wrapper=(), keep=(), system=None):
        """Starts a further daemon, which close() stops as well. `wrapper` execs it, if given; it
        inherits the descriptors `keep`."""
        daemon = Daemon(self, program_name, args, os.path.join(self.dir, log_name), env, wrapper,
                        keep, system)
        self.daemons.append(daemon)
        return daemon

    def start_hostd(self, *args, wait=True, env=None):
        assert self.hostd is None or not self.hostd.running
        self.hostd = self.daemon(
            "guestlink-hostd",
            ["--listen", f"unix:{self.guests}", "--control", self.control, "--state",
             self.hostd_state, "--config", self.hostd_conf, *self.hostd_args, *args], "hostd.log", env)
        if wait:
            self.wait_hostd()
        return self.hostd

    def wait_hostd(self, control=None, hostd=None):
        hostd = hostd or self.hostd
        until(lambda: not hostd.running or listens(control or self.control), "hostd listens")
        if hostd is self.hostd:  # its door for guests opens after that
            until(lambda: not hostd.running or os.path.exists(self.guests), "hostd listens for guests")
        assert hostd.running, f"hostd ended at its start:\n{hostd.log()}"

    def start_agent(self, *args, wait=True):
        assert self.agent is None or not self.agent.running
        self.agent = self.daemon(
            "guestlink-agent",
            ["--connect", f"unix:{self.connect}", "--name", self.name, "--state",
             self.agent_state, "--config", self.agent_conf, *self.agent_args, *args], "agent.log")
        if wait:
            self.wait_guest()
        return self.agent

    def add_agent(self, name, state=None, connect=None, conf=None, wait=True, wrapper=()):
        """A further agent: of its own state folder DIR/name, unless told otherwise."""
        state = state or os.path.join(self.dir, name)
        args = ["--connect", f"unix:{connect or self.connect}", "--name", name, "--state", state,
                "--config", self.write(os.path.join(self.dir, f"{name}.conf"), conf or "")]
        agent = self.daemon("guestlink-agent", args, f"agent-{name}.log", wrapper=wrapper)
        if wait:
            self.wait_guest(name)
        return agent

    def clone_state(self, state, name):
        """Copies an agent's state folder to DIR/name, when all that comes with its first session is written."""
        until(lambda: os.path.exists(os.path.join(state, "site.cert")), "the certificate is written")
        shutil.copytree(state, os.path.join(self.dir, name))

    def wait_guest(self, name=None, timeout=PATIENCE):
        """Until the host says that the guest takes commands."""
        result = self.gl("wait", "--timeout", f"{timeout:g}", name or self.name,
                         timeout=timeout + 10)
        assert result.returncode == 0, result

    def start(self):
        self.start_hostd()
        self.start_agent()
        return self

    def guest(self, name=None):
        """What `ls --json` says of a guest; None if it is not there."""
        result = self.gl("--json", "ls")
        assert result.returncode == 0, result
        return next((g for g in result.json["guests"] if g["name"] == (name or self.name)), None)

    def wait_state(self, state, name=None, timeout=PATIENCE):
        return until(lambda: (self.guest(name) or {}).get("state") == state,
                     f"guest {name or self.name} is {state}", timeout, 0.05)

    # ---- the command line

    def gl(self, *args, stdin=b"", timeout=PATIENCE, env=None, check=False, **popen):
        """Runs guestlink and returns a Result. stdin: bytes, or what Popen takes. With `user` (and cwd="/"): as that
        user, by a copy that others can reach, as the build folder may be root's alone."""
        if isinstance(stdin, (bytes, bytearray)):
            popen["input"] = bytes(stdin)
        else:
            popen["stdin"] = stdin
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        command = [self.copy_for_others()] if "user" in popen else self.system.command("guestlink", self.build)
        done = subprocess.run([*command, *args], timeout=timeout, env=self.environ(env), check=False,
                              **{"cwd": self.tmp, **popen})
        result = Result(done.args, done.returncode, done.stdout or b"", done.stderr or b"")
        if check:
            assert result.returncode == 0, result
        return result

    def copy_for_others(self):
        """A guestlink that every user can run; the test is skipped where not even our folder lets them in."""
        path = os.path.join(self.dir, "guestlink")
        if not os.path.exists(path):
            shutil.copyfile(program("guestlink", self.build), path)
            os.chmod(path, 0o755)
        closed = [above for above in pathlib.Path(path).parents if not os.stat(above).st_mode & 0o001]
        if closed:
            pytest.skip(f"other users cannot reach {closed[0]}; TMPDIR may name another place")
        return path

    def popen(self, *args, env=None, **popen):
        """Starts guestlink; close() asserts that it has ended by then."""
        for stream in ("stdin", "stdout", "stderr"):
            popen.setdefault(stream, subprocess.PIPE)
        client = subprocess.Popen([*self.system.command("guestlink", self.build), *args], env=self.environ(env),
                                  **{"cwd": self.tmp, **popen})
        self.clients.append(client)
        return client

    # ---- the end

    def reports(self):
        """What sanitizers and failed assertions said."""
        found = []
        for path in sorted(glob.glob(os.path.join(self.dir, "san.*"))):
            with open(path, encoding="utf-8", errors="backslashreplace") as file:
                found.append(f"{path}:\n{file.read()}")
        for path in sorted(glob.glob(os.path.join(self.dir, "*.log"))):
            with open(path, encoding="utf-8", errors="backslashreplace") as file:
                text = file.read()
            found += [f"{path}:\n{text}" for report in _REPORTS[:1] + _REPORTS[2:] if report in text]
        return found

    def logs(self):
        text = ""
        for path in sorted(glob.glob(os.path.join(self.dir, "*.log"))):
            with open(path, encoding="utf-8", errors="backslashreplace") as file:
                lines = file.read().splitlines()
            cut = [f"({len(lines) - 150} lines left out)"] if len(lines) > 150 else []
            text += f"---- {os.path.basename(path)}\n" + "\n".join(cut + lines[-150:]) + "\n"
        return text

    def close(self, check=True):
        """Stops all and asserts what is left: exit status 0, no sockets, no processes, no reports."""
        wrong = []
        for client in self.clients:
            if client.poll() is None:
                wrong.append(f"a client still runs: {client.args[1:]}")
                client.kill()
            for stream in (client.stdin, client.stdout, client.stderr):
                if stream is not None and not stream.closed:
                    try:
                        stream.close()
                    except OSError:
                        pass
            client.wait()
        # The agents first: so that a host daemon is seen to end with guests that went, and the
        # other way about in the tests that stop it themselves.
        order = sorted(self.daemons, key=lambda d: d.name != "guestlink-agent")
        ended_by_test = [d for d in order if not d.running]
        for daemon in order:
            if daemon in ended_by_test:
                if daemon.process.returncode not in (0, -signal.SIGKILL):
                    wrong.append(f"{daemon.name} ended with {daemon.process.returncode}")
                continue
            try:
                daemon.stop()
            except (AssertionError, subprocess.TimeoutExpired) as why:
                wrong.append(str(why))
                daemon.process.kill()
                daemon.wait()
        if self.hostd is not None and self.hostd.process.returncode == 0:
            wrong += [f"{path} is still there" for path in (self.control, self.guests)
                      if os.path.exists(path) and not listens(path)]
        wrong += self._leftovers()
        wrong += self.reports()
        if wrong:
            wrong.append(self.logs())
        shutil.rmtree(self.dir, ignore_errors=True)
        if check:
            assert not wrong, "\n".join(wrong)

    def _leftovers(self):
        """Orphans have become our children (adopt_orphans); nothing else of us should live now."""
        others = {d.pid for world in WORLDS if world is not self for d in world.daemons}
        others |= {c.pid for world in WORLDS if world is not self for c in world.clients}

        def mine():
            table = processes()
            spared = set()
            for pid in others:
                spared |= {pid} | descendants(pid, table)
            return descendants(os.getpid(), table) - spared

        try:
            until(lambda: not mine(), "no process is left", timeout=LINGER)
            return []
        except AssertionError:
            wrong = []
            for pid in mine():
                wrong.append(f"process {pid} is left: {command_of(pid)}")
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except OSError:
                    pass
            return wrong


#: Worlds that are open: so that one does not take another's processes for its own.
WORLDS = []


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode("utf-8", "backslashreplace")
    except OSError:
        return "?"


def listens(path):
    """Whether somebody accepts at this Unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
        except OSError:
            return False
    return True


class opened:
    """with opened(World(...)) as world: registered while it is open, closed at the end."""

    def __init__(self, world):
        self.world = world

    def __enter__(self):
        WORLDS.append(self.world)
        return self.world

    def __exit__(self, kind, *_):
        try:
            self.world.close(check=kind is None)
        finally:
            WORLDS.remove(self.world)
