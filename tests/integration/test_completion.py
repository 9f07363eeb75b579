# SPDX-License-Identifier: MIT
"""The completions of bash, zsh and fish, with a guest that has file names of all kinds."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

from world import BUILD, GUEST, PATIENCE, SOURCE

G = GUEST
FOLDER = os.path.join(SOURCE, "packaging/completions")

#: Name in the guest: what is typed of it. Each begins in a way of its own.
NAMES = {
    "plain.txt": "pl",
    "a space": "a",
    "b'quote": "b",
    'c"quote': "c",
    "d$(touch PWNED)": "d",
    "e`touch PWNED`": "e",
    "f;touch PWNED": "f",
    "g&|<>": "g",
    "h*?[x]": "h",
    "i\\back": "i",
    "j:colon:s": "j",
    "k=equals": "k",
    "l!bang": "l",
    "mü-€": "m",
    "n{1,2}": "n",
    "o~#tilde": "o",
    ".hidden": ".h",
    "-dash": "-d",
}
#: They would move the cursor about or end the line: left out.
LEFT_OUT = ["q\nline", "r\ttab", "s\x1b[2Jscreen", "t\rreturn"]


def shell(name):
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"no {name} here")


@pytest.fixture(scope="module")
def guest(shared):
    shared.files = shared.path("files in the guest")
    os.makedirs(os.path.join(shared.files, "usub folder", "inner one"))
    for name in [*NAMES, *LEFT_OUT]:
        with open(os.path.join(shared.files, name), "w", encoding="ascii"):
            pass
    with open(os.path.join(shared.files, "usub folder", "file"), "w", encoding="ascii"):
        pass
    os.mkdir(shared.path("here"))
    os.mkdir(shared.path("home"))
    # As it is installed, where zsh finds it by its name.
    shared.fpath = shared.path("fpath")
    os.mkdir(shared.fpath)
    shutil.copy(os.path.join(FOLDER, "guestlink.zsh"), os.path.join(shared.fpath, "_guestlink"))
    with open(shared.path("here", "local file"), "w", encoding="ascii"):
        pass
    yield shared
    assert not os.path.exists(shared.path("here", "PWNED"))


def environ(world):
    return {**world.environ(), "PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": world.path("home"),
            "TERM": "dumb", "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null"}


# ---------------------------------------------------------------------------- bash, by itself

ASK_BASH = r"""
source "$1"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
COMP_LINE=$2 COMP_POINT=${#2}
_guestlink guestlink
[[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\0' "${COMPREPLY[@]}"
"""


def ask_bash(world, line):
    done = subprocess.run(["bash", "--norc", "-c", ASK_BASH, "bash",
                           os.path.join(FOLDER, "guestlink.bash"), line],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                          cwd=world.path("here"), env=environ(world), check=False)
    assert not done.stderr, done.stderr
    return sorted(done.stdout.decode().split("\0")[:-1])


def ask_fish(world, line):
    done = subprocess.run(["fish", "--no-config", "-c",
                           'source $argv[1]; complete -C $argv[2]',
                           os.path.join(FOLDER, "guestlink.fish"), line],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                          cwd=world.path("here"), env=environ(world), check=False)
    assert not done.stderr, done.stderr
    return sorted({found.split("\t")[0] for found in done.stdout.decode().splitlines()})


ASK = [pytest.param(ask_bash, marks=shell("bash"), id="bash"),
       pytest.param(ask_fish, marks=shell("fish"), id="fish")]


def commands_of_help(world):
    return sorted(re.findall(r"^  ([a-z-]+)  +[A-Z]", world.gl("--help").out, re.M))


@pytest.mark.parametrize("ask", ASK)
def test_commands_options_and_guests(guest, ask):
    assert ask(guest, "guestlink ") == commands_of_help(guest)
    assert ask(guest, "guestlink d") == ["doctor"]
    assert ask(guest, "guestlink --js") == ["--json"]
    assert ask(guest, "guestlink --json pi") == ["ping"]
    assert ask(guest, "guestlink exec --t") == ["--timeout", "--tty"]
    assert set(ask(guest, "guestlink exec -")) >= {"-i", "-u", "--user", "-e", "--env", "--help"}
    for line in ("info ", "ping -c 3 ", "exec -i -u root --timeout 5 ", "wait --for ready ", "shell -u x g",
                 "--json exec ", f"--control {guest.control} info ", "trust accept ", "rename "):
        assert ask(guest, "guestlink " + line) == [G], line
    for line in (f"info {G} ", f"rename {G} ", f"exec {G} -- l", "ls ", "exec -u ", "nonsense ",
                 f"exec {G} -- cat {G}:/", "--control /nonexistent.sock info "):
        assert ask(guest, "guestlink " + line) == [], line
    assert ask(guest, "guestlink wait --for ") == ["connected", "ready"]
    assert ask(guest, "guestlink trust ") == ["accept", "ls", "revoke", "site"]
    assert ask(guest, "guestlink trust site e") == ["export"]


@pytest.mark.parametrize("ask", ASK)
def test_a_guest_that_is_not_there(guest, ask):
    assert ask(guest, "guestlink cp nobody:/et") == []
    assert ask(guest, "guestlink cp '$(touch PWNED)':/et") == []


@shell("bash")
def test_files_here_and_guests(guest):
    assert ask_bash(guest, "guestlink cp ") == [f"{G}:"]     # 'local file' would need quotes
    assert ask_bash(guest, "guestlink cp lo") == ["local file"]
    assert ask_bash(guest, f'guestlink cp "{guest.files}/pl') == [f"{guest.files}/plain.txt"]
    # readline replaces from an open quote on, else from the last colon.
    assert ask_bash(guest, f'guestlink cp {G}:{guest.path()}/"files in the guest/pl') == [
        "files in the guest/plain.txt"]
    assert ask_bash(guest, f'guestlink cp {G}:"{guest.path()}/files in th') == [f"{guest.files}/"]
    assert ask_bash(guest, "guestlink cp ./lo") == ["./local file"]


# ---------------------------------------------------------------------------- as it is typed

#: What a shell passes to a program in the end, in hexadecimal.
SHOW = r"""show() { for a in "$@"; do printf '%s' "$a" | od -An -v -tx1 | tr -d ' \n'; echo .; done; echo 'en''d'; }
"""


class Typist:
    """An interactive shell in a terminal."""

    def __init__(self, world, argv, setup):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(world.path("here"))
            os.execvpe(argv[0], argv, environ(world))
        self.pid = pid
        self.seen = b""
        self.type(setup + "\necho rea''dy\n")
        self.read_to(b"ready\r\n")

    def type(self, text):
        os.write(self.fd, text.encode())

    def read_to(self, what):
        end = time.monotonic() + PATIENCE
        while what not in self.seen:
            assert select.select([self.fd], [], [], max(0, end - time.monotonic()))[0], self.seen
            self.seen += os.read(self.fd, 65536)
        head, _, self.seen = self.seen.partition(what)
        return head

    def arguments(self, line):
        """Types the line, where a tab completes, and returns what the program gets."""
        self.type(line + "\n")
        said = self.read_to(b"end\r\n")
        return [bytes.fromhex(word).decode() for word in
                re.findall(r"^([0-9a-f]*)\.\r$", said.decode("utf-8", "replace"), re.M)]

    def close(self):
        os.kill(self.pid, signal.SIGHUP)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def bash(world):
    return Typist(world, ["bash", "--norc", "--noprofile", "-i"],
                  f"{SHOW}PS1=; source '{FOLDER}/guestlink.bash'; complete -F _guestlink show")


def zsh(world):
    # +Z: no line editor yet, as what is typed ahead may be lost when it takes the terminal for a line and gives it back.
    return Typist(world, ["zsh", "-f", "-i", "+Z"],
                  f"PS1=; unsetopt prompt_sp; {SHOW}fpath=('{world.fpath}' $fpath); "
                  "autoload -Uz compinit; compinit -D -u; compdef show=guestlink; setopt zle")


@pytest.fixture(params=[pytest.param(bash, marks=shell("bash"), id="bash"),
                        pytest.param(zsh, marks=shell("zsh"), id="zsh")])
def typist(guest, request):
    own = request.param(guest)
    yield own
    own.close()


def quoted(text):
    return re.sub(r"([^\w./:-])", r"\\\1", text)


def test_each_name_arrives_as_it_is(guest, typist):
    wrong = {}
    for name, typed in NAMES.items():
        got = typist.arguments(f"show cp {G}:{quoted(guest.files)}/{typed}\t")
        if got != ["cp", f"{G}:{guest.files}/{name}"]:
            wrong[name] = got
    assert not wrong


def test_each_name_arrives_as_it_is_after_a_quote(guest, typist):
    wrong = {}
    for name, typed in NAMES.items():
        if name == "l!bang":
            continue        # no shell can quote it so
        for quote in "\"'":
            got = typist.arguments(f"show cp {quote}{G}:{guest.files}/{typed}\t")
            if got != ["cp", f"{G}:{guest.files}/{name}"]:
                wrong[quote + name] = got
    assert not wrong


def test_what_no_line_can_hold_is_left_out(guest, typist):
    for name in LEFT_OUT:
        start = f"{G}:{guest.files}/{name[0]}"
        assert typist.arguments(f"show cp {quoted(start)}\t") == ["cp", start], name


def test_folders_are_gone_into(guest, typist):
    start = f"show cp {G}:{quoted(guest.files)}/u\t"
    assert typist.arguments(start) in (["cp", f"{G}:{guest.files}/usub folder{end}"] for end in ("/", ""))
    assert typist.arguments(start + "f\t -q") == ["cp", f"{G}:{guest.files}/usub folder/file", "-q"]
    assert typist.arguments(start + "i\tx") == ["cp", f"{G}:{guest.files}/usub folder/inner one/x"]


def test_guest_then_path(guest, typist):
    """The colon comes with the guest, and the path is typed on."""
    assert typist.arguments(f"show cp {G[:-1]}\t/etc/hostn\t ./lo\t") == [
        "cp", f"{G}:/etc/hostname", "./local file"]
    assert typist.arguments(f"show info {G[0]}\t") == ["info", G]
    assert typist.arguments("show ex\t-i") == ["exec", "-i"]


# ---------------------------------------------------------------------------- fish

@shell("fish")
def test_fish_knows_the_names(guest):
    wrong = {}
    for name, typed in NAMES.items():
        got = ask_fish(guest, f"guestlink cp {G}:{quoted(guest.files)}/{typed}")
        if got != [f"{G}:{guest.files}/{name}"]:
            wrong[name] = got
    assert not wrong
    for name in LEFT_OUT:
        assert ask_fish(guest, f"guestlink cp {G}:{quoted(guest.files)}/{name[0]}") == []
    assert ask_fish(guest, f"guestlink cp {G}:{quoted(guest.files)}/usub\\ folder/i") == [
        f"{G}:{guest.files}/usub folder/inner one/"]
    assert f"{G}:" in ask_fish(guest, "guestlink cp ")


@shell("fish")
def test_fish_takes_the_file():
    done = subprocess.run(["fish", "-n", os.path.join(FOLDER, "guestlink.fish")], timeout=60,
                          capture_output=True, check=False)
    assert done.returncode == 0 and not done.stderr


