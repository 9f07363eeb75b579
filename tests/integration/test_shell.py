# SPDX-License-Identifier: MIT
"""guestlink shell, and exec -t: with a terminal at this end."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from world import GUEST, PATIENCE, descendants, processes, program, until

G = GUEST


class Terminal:
    """guestlink in a terminal of its own, as a person has it."""

    def __init__(self, world, *args, columns=80, rows=24, env=None, control=True,
                 command=None):
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows, signal_it=False)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        env = world.environ({"TERM": "vt220", **(env or {})})

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [*(command or [program("guestlink")]), *args], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env=env, cwd=world.tmp, preexec_fn=take_terminal if control else None)
        world.clients.append(self.process)

    def resize(self, columns, rows, signal_it=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if signal_it:
            self.process.send_signal(signal.SIGWINCH)

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, timeout):
        if select.select([self.master], [], [], timeout)[0]:
            self.seen += os.read(self.master, 65536)

    def expect(self, pattern):
        """Until the pattern was written; returns its match, and forgets what was before its end."""
        end = time.monotonic() + PATIENCE
        while not (match := re.search(pattern.encode(), self.seen)):
            assert time.monotonic() < end, f"{pattern!r} is not in {self.seen!r}"
            self.read(0.2)
        self.seen = self.seen[match.end():]
        return match

    def wait(self):
        """Until it has ended; output is read meanwhile. Returns the exit status."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen
            self.read(0.05)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)
        return self.process.returncode

    def mode(self):
        return termios.tcgetattr(self.slave)

    def is_raw(self):
        return not self.mode()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def is_as_before(self):
        return self.mode()[:4] == self.before[:4]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(shared):
    made = []

    def make(*args, **options):
        made.append(Terminal(shared, *args, **options))
        return made[-1]
    yield make
    for one in made:
        one.close()


def shell(terminal, **options):
    """A shell that is up, with a prompt that can be told from what is typed."""
    t = terminal("shell", G, **options)
    until(lambda: t.is_raw(), "raw mode")
    t.type("PS1='ready''> '; stty -echo\r")
    t.expect("ready> ")
    return t


# ---------------------------------------------------------------- the shell

def test_a_session(terminal):
    t = shell(terminal)
    t.type("tty; echo $TERM; shopt -q login_shell && echo login\r")
    t.expect(r"/dev/pts/\d+\r\nvt220\r\nlogin\r\n")
    t.type("exit 23\r")
    assert t.wait() == 23
    assert t.is_as_before()


def test_size_and_resize(terminal):
    t = shell(terminal, columns=111, rows=44)
    t.type("stty size\r")
    t.expect("44 111\r\n")
    t.resize(70, 20)
    t.type("while [ \"$(stty size)\" != '20 70' ]; do sleep 0.05; done; echo re''sized\r")
    t.expect("resized")
    t.type("exit\r")
    assert t.wait() == 0


def test_keys_go_to_the_guest(terminal):
    """^C ends what runs there, not us; ^Z stops what runs there."""
    t = shell(terminal)
    for key, effect in (("\x03", "ready> "), ("\x1a", "(?s)Stopped.*ready> ")):
        t.type("sh -c 'echo started $$; exec sleep 1000'\r")
        pid = int(t.expect(r"started (\d+)\r\n").group(1))
        t.type(key)
        t.expect(effect)
    t.type("kill -9 %1\r")
    # The shell tells before a prompt which jobs have ended, as far as it has heard by then: maybe not yet before the first.
    until(lambda: not os.path.exists(f"/proc/{pid}"), "the shell has heard that the job ended")
    t.type("\r")
    t.expect("(?s)Killed.*ready> ")
    t.type("exit 4\r")
    assert t.wait() == 4


def test_end_of_input_key(terminal):
    t = shell(terminal)
    t.type("echo st''arted; cat; echo ca''t ended\r")
    t.expect("started\r\n")
    t.type("line\r")
    t.expect("line\r\n")
    t.type("\x04")
    t.expect("(?s)cat ended.*ready> ")
    t.type("\x04")
    assert t.wait() == 0


def test_the_way_out(terminal):
    t = shell(terminal)
    t.type("sleep 1000\r")
    t.type("~.")
    assert t.wait() == 125
    assert b"~." in t.seen and t.is_as_before()


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_terminal_is_set_back_when_we_are_told_to_end(terminal, number, status):
    t = terminal("exec", "-t", G, "--", "sh", "-c", "trap '' INT TERM; echo u''p; while :; do sleep 1; done")
    t.expect("up")
    assert t.is_raw()

    def again():
        t.process.send_signal(number)  # two at once may arrive as one
        t.read(0.2)
        return t.process.poll() is not None
    until(again, "it has ended")
    assert t.wait() == status
    assert t.is_as_before()


def test_the_terminal_is_set_back_when_we_crash(terminal):
    t = shell(terminal)
    assert t.is_raw()
    t.process.send_signal(signal.SIGABRT)
    assert t.wait() == -signal.SIGABRT
    assert t.is_as_before()


@pytest.mark.parametrize("end", ["hostd", "agent"])
def test_the_terminal_is_set_back_when_the_other_side_dies(make_world, end):
    world = make_world(hostd_conf="resume-time = 1\n",
                       agent_conf="limits { resume-seconds = 1 }\n").start()
    t = Terminal(world, "shell", G)
    try:
        until(t.is_raw, "raw mode")
        t.type("echo u''p\r")
        t.expect("up\r")
        (world.hostd if end == "hostd" else world.agent).kill()
        assert t.wait() == 125
        assert t.is_as_before()
    finally:
        t.close()


def test_stopped_and_continued(terminal):
    """By somebody else's signal, since ^Z goes to the guest: the terminal is the shell's meanwhile."""
    t = shell(terminal)
    t.process.send_signal(signal.SIGTSTP)
    until(lambda: t.is_as_before(), "the terminal is set back")
    t.process.send_signal(signal.SIGCONT)
    until(lambda: t.is_raw(), "raw mode again")
    t.type("echo still he''re; exit\r")
    t.expect("still here")
    assert t.wait() == 0


def test_what_runs_in_a_terminal_that_goes_is_hung_up(terminal, shared):
    t = shell(terminal)
    t.type("sleep 1000 & echo pid $!\r")
    pid = int(t.expect(r"pid (\d+)\r\n").group(1))
    t.process.kill()
    t.wait()
    until(lambda: not os.path.exists(f"/proc/{pid}"), "the job in the background is gone")


def is_gone(pid):
    table = processes()
    return pid not in table or table[pid][1] == "Z"


def hang_up(t):
    """What a window does that is closed. Only its master's end counts: ours is closed first."""
    os.close(t.slave)
    os.close(t.master)
    t.master, t.slave = os.open(os.devnull, os.O_RDWR), os.open(os.devnull, os.O_RDWR)


@pytest.mark.parametrize("under", ["session leader", "bash -i", "no SIGHUP", "much output"])
def test_a_terminal_that_is_closed_ends_the_session(terminal, under):
    """By SIGHUP, or by what reading and writing says where nobody sends one."""
    how = {"bash -i": {"command": ["bash", "--norc", "--noprofile", "-i"]},
           "no SIGHUP": {"control": False}}.get(under, {})
    t = terminal(*([] if "command" in how else ["shell", G]), **how)
    if "command" in how:
        t.type(f"{program('guestlink')} shell {G}\r")
    until(t.is_raw, "raw mode")
    # bash -i is raw, too, at its own prompt
    t.type("PS1='ready''> '; stty -echo; tty | tr p P; sleep 1000 & echo pids $$ $!\r")
    t.expect(r"/dev/Pts")
    pids = [int(pid) for pid in t.expect(r"pids (\d+) (\d+)\r\n").groups()]
    client = t.process.pid
    if "command" in how:
        client = next(iter(descendants(t.process.pid)))
    if under == "much output":
        t.type("yes\r")
        t.expect("y\r\ny\r\n")
    hang_up(t)
    until(lambda: t.process.poll() is not None, "the client's end", 20)
    if "command" not in how:
        assert t.process.returncode == 129
    until(lambda: is_gone(client) and all(is_gone(pid) for pid in pids), "all has ended", 20)


def test_a_terminal_that_is_closed_ends_exec_t(terminal):
    t = terminal("exec", "-t", G, "--", "sh", "-c", "echo pid $$; exec sleep 1000")
    pid = int(t.expect(r"pid (\d+)\r\n").group(1))
    hang_up(t)
    assert t.process.wait(20) == 129
    until(lambda: is_gone(pid), "the program has ended", 20)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("doing", ["", "sleep 1000", "trap '' HUP TERM; sleep 1000"])
def test_one_signal_ends_the_session(terminal, number, doing):
    """A shell ignores TERM, and of HUP only the command in front would hear."""
    t = shell(terminal)
    t.type(f"echo pid $$; {doing}\r")
    pid = int(t.expect(r"pid (\d+)\r\n").group(1))
    t.process.send_signal(number)
    assert t.wait() == 128 + number
    assert t.is_as_before()
    until(lambda: is_gone(pid), "the guest's shell has ended", 20)


def test_a_script_from_a_pipe(shared):
    result = shared.gl("shell", G, stdin=b"echo hello; tty; exit 6\n")
    assert (result.returncode, result.stdout) == (6, b"hello\nnot a tty\n")


# ---------------------------------------------------------------- exec -t

def test_exec_t_is_a_terminal(terminal):
    t = terminal("exec", "-t", G, "--", "sh", "-c", "stty size; echo $TERM; read x; echo [$x]; exit 3")
    t.expect("24 80\r\nvt220\r\n")
    t.type("typed\r")
    t.expect(r"\[typed\]\r\n")
    assert t.wait() == 3
    assert t.is_as_before()


def test_exec_without_t_leaves_the_terminal_alone(terminal):
    t = terminal("exec", "-i", G, "--", "sh", "-c", "tty; read x; echo [$x]")
    t.expect("not a tty\r\n")
    assert t.is_as_before()
    t.type("typed\n")
    t.expect(r"\[typed\]\r\n")
    assert t.wait() == 0


def test_interrupt_without_t_is_passed_on(terminal):
    t = terminal("exec", G, "--", "sh", "-c", "echo u''p; exec sleep 1000")
    t.expect("up\r\n")
    t.type("\x03")
    assert t.wait() == 130


def test_t_without_a_terminal_here(shared):
    """As ssh: told, and none is made; with -tt one is; without input it makes no difference."""
    result = shared.gl("exec", "-it", G, "--", "tty", stdin=b"")
    assert (result.returncode, result.stdout) == (1, b"not a tty\n")
    assert "-tt" in result.err and result.err.count("\n") == 1
    result = shared.gl("exec", "-itt", G, "--", "sh", "-c", "tty; cat", stdin=b"input\n")
    assert result.returncode == 0 and b"/dev/pts/" in result.stdout
    assert result.stdout.endswith(b"input\r\n") and result.stderr == b""
    result = shared.gl("exec", "-t", G, "--", "sh", "-c", "tty <&1", stdin=b"")
    assert result.returncode == 0 and result.stdout.startswith(b"/dev/pts/")
    assert "reads nothing" in result.err and "-i -tt" in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize("option", ["-t", "-tt"])
def test_a_terminal_at_which_nobody_types_has_no_input(shared, option):
    """Neither -i nor a terminal here: whoever reads comes to the end at once, however often."""
    script = "test -t 1 && echo terminal; cat; cat; read x || echo end"
    for command in (["sh", "-c", script], ["sh"]):
        result = shared.gl("exec", option, G, "--", *command, stdin=subprocess.DEVNULL, timeout=30)
        assert result.err.count("\n") == (option == "-t"), result  # -tt says that it is meant
    result = shared.gl("exec", option, G, "--", "sh", "-c", script, stdin=b"not read\n")
    assert (result.returncode, result.stdout) == (0, b"terminal\r\nend\r\n")


def test_much_output_to_a_terminal(terminal):
    t = terminal("exec", "-t", G, "--", "sh", "-c", "seq 1 50000; echo e''nd")
    numbers = t.expect(r"(?s)\A(.*)end\r\n").group(1)
    assert numbers.split() == [b"%d" % i for i in range(1, 50001)]
    assert t.wait() == 0
