# SPDX-License-Identifier: MIT
"""The manual pages: well formed, and of one mind with --help and the example configurations."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from world import SOURCE, program

PAGES = sorted(glob.glob(os.path.join(SOURCE, "doc/man/*.[1-8]")))
OPTION = r"(?<![\w-])--?[A-Za-z][\w-]*"


def name_of(path):
    return os.path.basename(path)


def page(name):
    with open(os.path.join(SOURCE, "doc/man", name), encoding="utf-8") as file:
        return file.read()


def run(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          encoding="utf-8", check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})


# ---------------------------------------------------------------------------- form

def test_all_pages_are_there():
    assert [name_of(path) for path in PAGES] == [
        "guestlink-agent.8", "guestlink-agent.conf.5", "guestlink-hostd.8",
        "guestlink-hostd.conf.5", "guestlink.1"]


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="no mandoc here")
@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_mandoc_has_nothing_to_say(path):
    done = run("mandoc", "-T", "lint", "-W", "warning", path)
    assert done.returncode == 0 and not done.stdout + done.stderr, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("man") is None or shutil.which("groff") is None,
                    reason="no man with groff here")
@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_man_warns_of_nothing(path):
    done = run("man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l", path)
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_references_lead_somewhere(path):
    ours = {name_of(path) for path in PAGES}
    for name, section in re.findall(r"^\.Xr (\S+) (\d)", page(name_of(path)), re.M):
        if name.startswith("guestlink"):
            assert f"{name}.{section}" in ours


# ---------------------------------------------------------------------------- --help

def help_of(*command):
    done = run(program(command[0]), *command[1:], "--help")
    assert done.returncode == 0, done
    return done.stdout


def helped(text):
    """Options of a help text: those of the usage line and those that stand before a description."""
    found = set()
    usage = re.search(r"^usage: .*?\n\n", text, re.M | re.S | re.I)
    if usage:
        found |= {option for option in re.findall(OPTION, usage.group(0))}
    for line in re.findall(r"^  +(-\S.*)", text, re.M):
        # What follows two blanks is the description.
        found |= set(re.findall(OPTION, re.split(r"  ", line)[0]))
    return found - {"--help"}


def documented(text):
    """Options that a page, or a part of one, explains; those that it mentions are among them."""
    explained_here = options_in("\n".join(re.findall(r"^\.It .*", text, re.M)))
    synopsis = text.split("\n", 1)[0]
    if ".Sh SYNOPSIS" in text:
        synopsis = text.split(".Sh SYNOPSIS")[1].split(".Sh ")[0]
    assert options_in(synopsis) <= explained_here
    return explained_here


def options_in(text):
    """-it is -i and -t."""
    found = set()
    for option in re.findall(r"\bFl (-?[A-Za-z][\w-]*)", text):
        found |= {"-" + option} if option.startswith("-") else {"-" + letter for letter in option}
    return found - {"--help"}


def chapters():
    """{command: its part of the page}; 'trust ls' and the like are of 'trust'."""
    text = page("guestlink.1")
    parts = re.split(r"^\.S[sh] ", text, flags=re.M)
    start = next(i for i, part in enumerate(parts) if part.startswith("COMMANDS"))
    end = next(i for i, part in enumerate(parts) if part.startswith("ENVIRONMENT"))
    found = {}
    for part in parts[start + 1:end]:
        name = part.split(None, 1)[0]
        found[name] = found.get(name, "") + part
    return found


def commands():
    listed = re.findall(r"^  ([a-z-]+)  +[A-Z]", help_of("guestlink"), re.M)
    assert "ls" in listed and "exec" in listed
    return listed


@pytest.mark.parametrize("name", ["guestlink-agent", "guestlink-hostd"])
def test_the_daemons_pages_have_the_options_of_help(name):
    assert documented(page(f"{name}.8").split(".Ss ")[0]) == helped(help_of(name)) | {"--version"}


def test_the_page_has_the_commands_of_help():
    assert sorted(chapters()) == sorted(commands())


def test_the_page_has_the_options_of_help():
    before = page("guestlink.1").split(".Sh COMMANDS")[0]
    assert documented(before) == helped(help_of("guestlink"))
    of_all = {"--control", "--json"}
    for name in commands():
        wanted = helped(help_of("guestlink", name)) - of_all
        # ARGV follows '--'.
        assert documented(chapters()[name]) == wanted, name
    assert "--timeout" in documented(chapters()["exec"])


# ---------------------------------------------------------------------------- configuration

def settings_of(example):
    """Settings, sections and the fields of rules that the example shows, commented out or not."""
    with open(os.path.join(SOURCE, "packaging", example), encoding="utf-8") as file:
        text = file.read()
    found = set(re.findall(r"^\s*#? ?([a-z][a-z-]*) = ", text, re.M))
    found |= set(re.findall(r"^\s*#?\s*([a-z]+)(?: [a-z]+)? \{", text, re.M))
    # Fields of rules: a table of names with at least two blanks behind.
    found |= set(re.findall(r"^#   ([a-z]+)  +\S", text, re.M))
    return found


def explained(name):
    """Settings that the page has as items. Values are in Sy, not in Cm."""
    found = set()
    for line in re.findall(r"^\.It (.*)", page(name), re.M):
        found |= set(re.findall(r"\bCm ([a-z-]+)(?!=)\b(?!=)", line))
    return found


#: Words of tables in the examples that are no settings: values and the options of a listener.
WORDS = {
    "agent.conf.example": {"any", "pinned", "site"},
    "hostd.conf.example": {"approve", "first", "first-use", "name", "mode"},
}


@pytest.mark.parametrize("example", sorted(WORDS))
def test_the_conf_pages_have_the_settings_of_the_example(example):
    wanted = settings_of(example) - WORDS[example]
    assert len(wanted) > 12
    assert explained(f"guestlink-{example[:-len('.conf.example')]}.conf.5") == wanted
