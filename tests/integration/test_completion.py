# SPDX-License-Identifier: MIT
"""The completions of bash, zsh and fish, with a guest that has file names of all kinds."""
import os
import pty
import re
import select
import shlex
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
    # Beginning and ending with what has a meaning, after which quotes must still be closed.
    "v1/!;touch PWNED;": "v1/",
    "v2/';touch PWNED;'": "v2/",
    'v3/";touch PWNED;"': "v3/",
    "v4/`touch PWNED`": "v4/",
    "v5/$(touch PWNED)": "v5/",
    "v6/ both ": "v6/",
    "v7/~": "v7/",
    "v8/#'!\"\\": "v8/",
    "v9/!": "v9/",
}
#: They would move the cursor about or end the line: left out.
LEFT_OUT = ["q\nline", "r\ttab", "s\x1b[2Jscreen", "t\rreturn"]


def shell(name):
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"no {name} here")


#: The program with a guest that has files of its own, where the shell finds nothing: shells look at files to decide what
#: they quote. The last but one argument of what completions run there is the folder.
WRAPPER = """#!/bin/sh
n=$# i=0 exec=
for word; do
    i=$((i + 1))
    shift
    if [ "$exec" ] && [ $i -eq $((n - 1)) ]; then
        case $word in
        /*) word={root}$word ;;
        *) word={root}/home/$word ;;
        esac
    fi
    if [ "$word" = exec ]; then exec=1; fi
    set -- "$@" "$word"
done
exec {program} "$@"
"""

FILES = "/srv/only there"
#: How a folder with the names is written; what does not begin with a slash is in the home of the agent's user.
PLACES = [FILES + "/", "", "sub-folder/"]


def make(*path):
    path = os.path.join(*path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii"):
        pass


@pytest.fixture(scope="module")
def guest(shared):
    root = shared.path("root")
    for name in [*NAMES, *LEFT_OUT]:
        for place in ("home", "home/sub-folder", FILES[1:]):
            make(root, place, name)
    for name in ("file", "inner one/file", "z$one", "z`touch PWNED`", "y $1a", "y $1b"):
        make(root + FILES, "usub folder", name)
    shared.files = shared.path("files of the host")
    make(shared.files, "plain.txt")
    os.mkdir(shared.path("bin"))
    with open(shared.path("bin", "guestlink"), "w", encoding="utf-8") as file:
        file.write(WRAPPER.format(root=shlex.quote(root), program=shlex.quote(os.path.join(BUILD, "guestlink"))))
    os.chmod(shared.path("bin", "guestlink"), 0o755)
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
    return {**world.environ(), "PATH": f"{world.path('bin')}:{os.environ['PATH']}", "HOME": world.path("home"),
            "TERM": "dumb", "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null"}


# ---------------------------------------------------------------------------- bash, by itself

ASK_BASH = r"""
source "$1"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
COMP_LINE=$2 COMP_POINT=${#2}
_guestlink guestlink
[[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\0' "${COMPREPLY[@]}"
"""


def ask_bash(world, line, **env):
    done = subprocess.run(["bash", "--norc", "-c", ASK_BASH, "bash",
                           os.path.join(FOLDER, "guestlink.bash"), line],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                          cwd=world.path("here"), env={**environ(world), **env}, check=False)
    assert not done.stderr, done.stderr
    return sorted(done.stdout.decode().split("\0")[:-1])


def ask_fish(world, line, **env):
    done = subprocess.run(["fish", "--no-config", "-c",
                           'source $argv[1]; complete -C $argv[2]',
                           os.path.join(FOLDER, "guestlink.fish"), line],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                          cwd=world.path("here"), env={**environ(world), **env}, check=False)
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
    for line in ("exec -iu root ", "exec -uroot ", "exec -tiw /tmp -iu root ", "ping -c3 "):
        assert ask(guest, "guestlink " + line) == [G], line
    for line in ("exec -iu ", f"exec {G} --"):
        assert ask(guest, "guestlink " + line) == [], line
    for line in (f"info {G} ", f"rename {G} ", f"exec {G} -- l", "ls ", "exec -u ", "nonsense ",
                 f"exec {G} -- cat {G}:/", "--control /nonexistent.sock info "):
        assert ask(guest, "guestlink " + line) == [], line
    assert ask(guest, "guestlink wait --for ") == ["connected", "ready"]
    assert ask(guest, "guestlink trust ") == ["accept", "ls", "revoke", "site"]
    assert ask(guest, "guestlink trust site e") == ["export"]
    assert ask(guest, "guestlink trust site init --") == ["--force", "--help"]
    for own in ("init", "join"):
        assert ask(guest, f"guestlink trust site {own} --f") == ["--force"]
    assert ask(guest, "guestlink trust site export --f") == []


@pytest.mark.parametrize("ask", ASK)
def test_the_daemon_that_is_named_after_the_command(guest, ask):
    def elsewhere(line):
        return ask(guest, "guestlink " + line, GUESTLINK_CONTROL="/nonexistent.sock")

    for option in (f"--control {guest.control} ", f"--control={guest.control} "):
        assert elsewhere(f"info {option}") == [G]
        assert elsewhere(f"exec -i {option}-u root ") == [G]
        assert elsewhere(f"rename {option}{G} ") == []
        assert elsewhere(f"trust accept {option}") == [G]
    assert ask(guest, "guestlink info --control /nonexistent.sock ") == []
    assert elsewhere(f"info -- --control {guest.control} ") == []
    assert elsewhere(f"exec {G} --control {guest.control} ") == []
    assert ask(guest, "guestlink info --control ./lo") != [G]


@pytest.mark.parametrize("ask", ASK)
def test_paths_that_begin_at_home(guest, ask):
    def found(path):
        return {word.rpartition(":")[2] for word in ask(guest, f"guestlink cp {G}:{path}")}

    assert found("") >= {"plain.txt", "v1/", "v9/", "sub-folder/"}
    assert found("sub-fo") == {"sub-folder/"}
    assert found("sub-folder/pl") == {"sub-folder/plain.txt"}


@pytest.mark.parametrize("ask", ASK)
def test_a_guest_that_is_not_there(guest, ask):
    assert ask(guest, "guestlink cp nobody:/et") == []
    assert ask(guest, "guestlink cp '$(touch PWNED)':/et") == []


@shell("bash")
def test_files_here_and_guests(guest):
    assert ask_bash(guest, "guestlink cp ") == [f"{G}:", "local\\ file"]
    assert ask_bash(guest, "guestlink cp lo") == ["local\\ file"]
    assert ask_bash(guest, f'guestlink cp "{guest.files}/pl') == [f"{guest.files}/plain.txt"]
    assert ask_bash(guest, f"guestlink cp {quoted(guest.files[:-1])}") == [f"{quoted(guest.files)}/"]
    # readline replaces from an open quote on, else from the last colon.
    assert ask_bash(guest, f'guestlink cp {G}:/srv/"only there/pl') == ["only there/plain.txt"]
    assert ask_bash(guest, f'guestlink cp {G}:"/srv/only th') == ["/srv/only there/"]
    assert ask_bash(guest, "guestlink cp ./lo") == ["./local\\ file"]


# ---------------------------------------------------------------------------- as it is typed

#: What a shell passes to a program in the end, in hexadecimal.
SHOW = r"""show() { for a in "$@"; do printf '%s' "$a" | od -An -v -tx1 | tr -d ' \n'; echo .; done; echo 'en''d'; }
"""


SHOW_FISH = r"""function show; for a in $argv; printf %s $a | od -An -v -tx1 | tr -d ' \n'; echo .; end; echo 'en''d'; end
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


def fish(world):
    return Typist(world, ["fish", "--no-config", "-i"],
                  SHOW_FISH + "function fish_prompt; end; set fish_autosuggestion_enabled 0; "
                  f"source '{FOLDER}/guestlink.fish'; complete -c show -f -a '(__guestlink_complete)'")


@pytest.fixture(params=[pytest.param(bash, marks=shell("bash"), id="bash"),
                        pytest.param(zsh, marks=shell("zsh"), id="zsh"),
                        pytest.param(fish, marks=shell("fish"), id="fish")])
def typist(guest, request):
    own = request.param(guest)
    own.shell = request.param.__name__
    yield own
    own.close()
    assert os.listdir(guest.path("here")) == ["local file"]


def quoted(text):
    return re.sub(r"([^\w./:-])", r"\\\1", text)


def wrong_names(typist, start):
    """The names that do not arrive when all is typed that `start` gives."""
    wrong = {}
    for name, typed in NAMES.items():
        for place in PLACES:
            got = typist.arguments(f"show cp {start(place, name, typed)}\t")
            if got != ["cp", f"{G}:{place}{name}"]:
                wrong[place + name] = got
    return wrong


def test_each_name_arrives_as_it_is(typist):
    assert not wrong_names(typist, lambda place, name, typed: f"{G}:{quoted(place)}{typed}")


def test_each_name_that_is_nearly_typed_arrives_as_it_is(typist):
    assert not wrong_names(typist, lambda place, name, typed: f"{G}:{quoted(place + name[:-1])}")


@pytest.mark.parametrize("quote", ["'", '"'], ids=["single", "double"])
@pytest.mark.parametrize("before", ["guest", "path", "name"])
def test_each_name_arrives_as_it_is_after_a_quote(typist, quote, before):
    def start(place, _, typed):
        folder, slash, rest = typed.rpartition("/")
        return {"guest": f"{quote}{G}:{place}{typed}",
                "path": f"{G}:{quote}{place}{typed}",
                "name": f"{G}:{quoted(place + folder + slash)}{quote}{rest}"}[before]

    assert not wrong_names(typist, start)


def test_what_no_line_can_hold_is_left_out(typist):
    for name in LEFT_OUT:
        start = f"{G}:{FILES}/{name[0]}"
        assert typist.arguments(f"show cp {quoted(start)}\t") == ["cp", start], name


def test_folders_are_gone_into(typist):
    start = f"show cp {G}:{quoted(FILES)}/u\t"
    assert typist.arguments(start) in (["cp", f"{G}:{FILES}/usub folder{end}"] for end in ("/", ""))
    for start in (start, f"show cp '{G}:{FILES}/u\t", f'show cp "{G}:{FILES}/u\t', f'show cp {G}:"{FILES}/u\t'):
        assert typist.arguments(start + "f\t -q") == ["cp", f"{G}:{FILES}/usub folder/file", "-q"], start
        assert typist.arguments(start + "i\tf\t -q") == ["cp", f"{G}:{FILES}/usub folder/inner one/file", "-q"], start


def test_names_with_a_beginning_in_common(typist):
    """What they have in common is put in, and then one is chosen."""
    for quote in ("", "'", '"'):
        start = f"show cp {quote}{G}:{FILES if quote else quoted(FILES)}/usub{' ' if quote else chr(92) + ' '}folder/"
        assert typist.arguments(f"{start}y\ta{quote}") == ["cp", f"{G}:{FILES}/usub folder/y $1a"], quote
        if typist.shell == "zsh" and quote != "'":
            continue        # it leaves a backslash there, for files of its own, too
        # They differ where both need quotes.
        dollar = "$" if quote == "'" else "\\$"
        assert typist.arguments(f"{start}z\t{dollar}o\t") == ["cp", f"{G}:{FILES}/usub folder/z$one"], quote


def test_guest_then_path(typist):
    """The colon comes with the guest, and the path is typed on."""
    assert typist.arguments(f"show cp {G[:-1]}\t{quoted(FILES)}/pla\t ./lo\t") == [
        "cp", f"{G}:{FILES}/plain.txt", "./local file"]
    assert typist.arguments(f"show info {G[0]}\t") == ["info", G]
    assert typist.arguments("show ex\t-i") == ["exec", "-i"]


def test_options_that_stand_after_the_command(guest, typist):
    assert typist.arguments(f"show info --control {guest.control} {G[0]}\t") == ["info", "--control", guest.control, G]
    assert typist.arguments(f"show info --control /nonexistent.sock {G[0]}\t") == [
        "info", "--control", "/nonexistent.sock", G[0]]
    assert typist.arguments(f"show exec -iu root {G[0]}\t") == ["exec", "-iu", "root", G]
    assert typist.arguments("show trust site init --f\tx") in (
        ["trust", "site", "init", *rest] for rest in (["--force", "x"], ["--forcex"]))


@shell("bash")
def test_bash_puts_all_names_in_or_one_after_the_other(guest):
    own = bash(guest)
    try:
        own.type("bind '\"\\C-t\": insert-completions'; bind '\"\\C-o\": menu-complete'\n")
        for quote in ("", "'", '"'):
            place = f"{FILES}/usub folder/"
            got = own.arguments(f"show cp {quote}{G}:{place if quote else quoted(place)}z\x14")
            # The guest is in front of what is replaced, unless a quote holds it, too.
            assert [word.removeprefix(G + ":") for word in got] == [
                "cp", f"{place}z$one", f"{place}z`touch PWNED`"], quote
            offered = [own.arguments(f"show cp {quote}{G}:{place if quote else quoted(place)}z" + "\x0f" * times)
                       for times in (1, 2)]
            assert ["cp", f"{G}:{place}z$one"] in offered, quote
            assert ["cp", f"{G}:{place}z`touch PWNED`"] in offered, quote
    finally:
        own.close()


@shell("bash")
def test_bash_lists_names_without_their_folder(guest):
    own = bash(guest)
    try:
        own.type(f"show cp {G}:{quoted(FILES)}/usub\\ folder/\t\t")
        _, _, listed = own.read_to(b"PWNED").partition(b"\n")
        assert b"inner\\ one/ " in listed and b"//" not in listed and b"srv" not in listed, listed
    finally:
        own.close()


@shell("bash")
@pytest.mark.parametrize("setting", ["show-all-if-ambiguous", "show-all-if-unmodified"])
def test_bash_puts_in_whole_characters_when_it_lists_at_once(guest, setting):
    own = bash(guest)
    try:
        own.type(f"bind 'set {setting} on'\n")
        for quote in ("", '"'):
            start = f"show cp {quote}{G}:{FILES if quote else quoted(FILES)}/usub{' ' if quote else chr(92) + ' '}folder/z"
            assert own.arguments(f"{start}\t\\$o\t") == ["cp", f"{G}:{FILES}/usub folder/z$one"], quote
            assert own.arguments(f"{start}\t{quote}") == ["cp", f"{G}:{FILES}/usub folder/z"], quote
    finally:
        own.close()


@shell("bash")
def test_bash_tells_a_name_with_a_tilde_from_a_home(guest):
    folder = guest.path("tilde")
    for name in ("~root", "~only", "~/file", "one $x"):
        make(folder, name)
    make(guest.path("home"), "tilde at home")
    own = bash(guest)
    try:
        own.type(f"cd {shlex.quote(folder)}\n")
        for typed, name in (("\\~ro\t", "~root"), ("~ro\t", "~root"), ("'~ro\t", "~root"), ('"~ro\t', "~root"),
                            ("~on\t", "~only"), ("~\tonl\t", "~only"),
                            ("\\~/f\t", "~/file"), ('"~/f\t', "~/file"), ("\\~/\t", "~/file"),
                            ("~/tilde\\ a\t", guest.path("home", "tilde at home")), ("on\t", "one $x")):
            assert own.arguments(f"show cp {typed}") == ["cp", name], typed
    finally:
        own.close()


# ---------------------------------------------------------------------------- fish

@shell("fish")
def test_fish_knows_the_names(guest):
    wrong = {}
    for name, typed in NAMES.items():
        got = ask_fish(guest, f"guestlink cp {G}:{quoted(FILES)}/{typed}")
        if got != [f"{G}:{FILES}/{name}"]:
            wrong[name] = got
    assert not wrong
    for name in LEFT_OUT:
        assert ask_fish(guest, f"guestlink cp {G}:{quoted(FILES)}/{name[0]}") == []
    assert ask_fish(guest, f"guestlink cp {G}:{quoted(FILES)}/usub\\ folder/i") == [
        f"{G}:{FILES}/usub folder/inner one/"]
    assert f"{G}:" in ask_fish(guest, "guestlink cp ")


@shell("fish")
def test_fish_takes_the_file():
    done = subprocess.run(["fish", "-n", os.path.join(FOLDER, "guestlink.fish")], timeout=60,
                          capture_output=True, check=False)
    assert done.returncode == 0 and not done.stderr


