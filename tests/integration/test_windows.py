# SPDX-License-Identifier: MIT
"""The Windows programs as services, and their packages, under Wine's service manager and msiexec."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from systems import WINDOWS, WINDOWS_BUILD, KeptWine
from world import PATIENCE, SOURCE, Result, until

pytestmark = [pytest.mark.skipif(not WINDOWS_BUILD, reason="no build for Windows ($GL_WINDOWS_BUILDDIR)"),
              pytest.mark.deadline(600)]

HOST_CONF = "listen = {\"pipe:guestlink-test-guests\"}\n"
AGENT_CONF = "connect = {\"pipe:guestlink-test-guests\"}\nname = \"here\"\n"


class Machine:
    """One Windows, Wine's: programs are run in it, its drive C: is a folder."""

    def __init__(self, prefix):
        self.c = os.path.join(prefix, "drive_c")
        self.data = os.path.join(self.c, "ProgramData", "guestlink")

    def run(self, *words, check=True, timeout=PATIENCE * 2, heard=True):
        """heard=False: for what leaves processes behind, which would keep our pipes open."""
        out = subprocess.PIPE if heard else subprocess.DEVNULL
        env = {**os.environ, "GL_BUILDDIR": WINDOWS_BUILD}
        wine = os.path.join(os.path.abspath(SOURCE), "tests", "lib", "under-wine")
        done = subprocess.run([wine, *words], env=env, timeout=timeout, stdin=subprocess.DEVNULL,
                              stdout=out, stderr=out, check=False)
        result = Result(done.args, done.returncode, done.stdout or b"", done.stderr or b"")
        assert not check or result.returncode == 0, result
        return result

    def ours(self, name, *words, **more):
        """A program of the build, from where only administrators may write: services take no other."""
        folder = os.path.join(self.c, "Program Files", "guestlink-built")
        if not os.path.isdir(folder):
            os.makedirs(folder)
            for program in glob.glob(os.path.join(glob.escape(WINDOWS_BUILD), "*.exe")):
                shutil.copy(program, folder)
        return self.run(os.path.join(folder, name + ".exe"), *words, **more)

    def configure(self, name, text):
        os.makedirs(self.data, exist_ok=True)
        with open(os.path.join(self.data, name), "w", encoding="ascii") as file:
            file.write(text)

    def answers(self, cli=None):
        """Whether the daemon serves its ordinary control pipe."""
        cli = cli or os.path.join(WINDOWS_BUILD, "guestlink.exe")
        return self.run(cli, "ls", check=False).returncode == 0

    def service_pid(self, name):
        """The process of a running service; None: it does not run."""
        found = re.search(r"running \(process (\d+)\)", self.ours(name, "status", check=False).out)
        return found and int(found[1])

    def registry(self):
        """{key: {name: value}} of the machine's part, as text."""
        path = os.path.join(self.c, "registry.reg")
        self.run("reg", "export", "HKLM", WINDOWS.path(path), "/y")
        with open(path, encoding="utf-16", errors="replace") as file:
            text = file.read()
        os.unlink(path)
        keys, key = {}, None
        for line in text.replace("\\\n  ", "").splitlines():
            if line.startswith("["):
                key = keys.setdefault(line.strip("[]").lower(), {})
            elif "=" in line and key is not None:
                name, _, value = line.partition("=")
                # PATH, as bytes of UTF-16: Wine takes our folder out of it and leaves the semicolons.
                key[name.strip('"')] = value.replace(",3b,00", "") if name == '"PATH"' else value
        return keys

    def files(self):
        """All files of drive C: but those that Wine and Windows keep for themselves."""
        found = set()
        for top in ("Program Files", "Program Files (x86)", "ProgramData"):
            for folder, folders, files in os.walk(os.path.join(self.c, top)):
                found.update(os.path.relpath(os.path.join(folder, name), self.c) for name in folders + files)
        return found


@pytest.fixture(scope="module")
def machine():
    """A fresh one: what an installer leaves behind when a test fails would decide what the next one sees."""
    prefix = os.path.join(WINDOWS_BUILD, "wine-fresh")
    shutil.rmtree(prefix, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GL_WINEPREFIX", prefix)
        with KeptWine():
            yield Machine(prefix)
    shutil.rmtree(prefix, ignore_errors=True)


@pytest.fixture
def configured(machine):
    machine.configure("hostd.conf", HOST_CONF)
    machine.configure("agent.conf", AGENT_CONF)
    return machine


@pytest.fixture
def services(configured):
    for name in ("guestlink-hostd", "guestlink-agent"):
        configured.ours(name, "install")
    yield configured
    for name in ("guestlink-agent", "guestlink-hostd"):
        configured.ours(name, "uninstall", check=False)


# ---------------------------------------------------------------- services

def test_services_start_work_and_stop(services):
    """service: install, start, status, stop, uninstall"""
    for name in ("guestlink-hostd", "guestlink-agent"):
        services.ours(name, "start")
        assert services.service_pid(name)
    cli = os.path.join(WINDOWS_BUILD, "guestlink.exe")
    services.run(cli, "wait", "here", "--for", "connected", "--timeout", "60")
    result = services.run(cli, "exec", "here", "--", "cmd", "/c", "echo served")
    assert result.out.split() == ["served"]
    for name in ("guestlink-agent", "guestlink-hostd"):
        services.ours(name, "stop")
        assert services.ours(name, "status", check=False).returncode == 1
        services.ours(name, "stop")  # again: it does no harm
    assert os.path.exists(os.path.join(services.data, "agent", "agent.key"))
    assert not services.answers()


def test_a_killed_service_starts_again(services):
    """service: killed and started again (by itself only on real Windows: Wine's manager has no recovery actions, and
    learns of the end only when it is asked to start the service)"""
    services.ours("guestlink-hostd", "start")
    assert services.answers()
    services.run("taskkill", "/f", "/im", "guestlink-hostd.exe")
    until(lambda: not services.answers(), "the daemon is gone", interval=0.5)
    services.ours("guestlink-hostd", "start")
    assert services.answers()


def test_a_service_that_cannot_start_says_so(services):
    """service: a start that fails is told"""
    services.configure("hostd.conf", "nonsense = 1\n")
    result = services.ours("guestlink-hostd", "start", check=False)
    assert result.returncode == 1 and "event log" in result.err


def test_install_again_and_uninstall_what_is_not_there(services):
    """service: install twice, uninstall twice"""
    services.ours("guestlink-hostd", "install")
    services.ours("guestlink-hostd", "uninstall")
    result = services.ours("guestlink-hostd", "uninstall", check=False)
    assert result.returncode == 1 and "not installed" in result.err


def test_install_registers_the_service_for_guests(machine):
    """service: the port of guests in Hyper-V's registry while the daemon is installed"""
    def name():
        found = [values for key, values in machine.registry().items()
                 if key.endswith(r"guestcommunicationservices\000003ef-facb-11e6-bd58-64006a7986d3")]
        return found[0].get("ElementName") if found else None

    cli = os.path.join(WINDOWS_BUILD, "guestlink.exe")
    assert name() is None
    machine.ours("guestlink-hostd", "install")
    assert name() == '"guestlink"'
    assert "guestlink" in machine.run(cli, "service", "list").out
    machine.ours("guestlink-hostd", "uninstall")
    assert name() is None
    # What somebody has registered by a name of his own is left alone.
    machine.run(cli, "service", "register", "--port", "1007", "mine")
    machine.ours("guestlink-hostd", "install")
    machine.ours("guestlink-hostd", "uninstall")
    assert name() == '"mine"'
    assert "guests cannot connect" in machine.run(cli, "service", "unregister", "1007").err
    # Hyper-V has this key with others in it; empty, it would go along with a package.
    machine.run("reg", "delete", r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Virtualization", "/f")


def test_help_tells_of_windows(machine):
    """--help: verbs of the service, and no signals"""
    for name in ("guestlink-hostd", "guestlink-agent"):
        text = machine.ours(name, "--help").out
        assert "uninstall" in text and f"sc control {name} paramchange" in text
        assert "SIG" not in text


@pytest.mark.parametrize("words", [("install", "more"), ("start", "-x")])
def test_verbs_take_nothing_more(machine, words):
    result = machine.ours("guestlink-hostd", *words, check=False)
    assert result.returncode == 2 and result.err.count("\n") == 1


# ---------------------------------------------------------------- packages

def build_packages(folder, version=None):
    script = os.path.join(os.path.abspath(SOURCE), "packaging", "windows", "build-msi.sh")
    env = dict(os.environ, **({"GL_MSI_VERSION": version} if version else {}))
    done = subprocess.run([script, WINDOWS_BUILD, folder], stdout=subprocess.PIPE, check=True, env=env,
                          stderr=subprocess.PIPE)
    agent, host = done.stdout.decode().split()
    return {"agent": agent, "host": host}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    for tool in ("wixl", "msibuild", "mandoc"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} (Debian: wixl, msitools, mandoc)")
    folder, other = (str(tmp_path_factory.mktemp("msi")) for _ in range(2))
    return build_packages(folder), build_packages(folder, "0.1.1"), build_packages(other, "0.1.1")


def msiexec(machine, *words):
    machine.run("msiexec", *words, "/qn", heard=False)


def grown(before, after):
    """What differs between two registries: keys and values that came, went or changed."""
    names = {(key, name) for registry in (before, after) for key, values in registry.items() for name in values}
    return {f"{key} {name}" for key, name in names if before.get(key, {}).get(name) != after.get(key, {}).get(name)
            } | {key for key in before.keys() ^ after.keys()}


#: What Wine writes by itself between two looks, and what Windows' installer keeps of every package for its own use.
OTHERS = re.compile(r"\\(installer|uninstall|perflib|enum|deviceclasses|class\\|control\\video|hardware|"
                    r"sharedaccess|winsock|random|rng|control\\servicecurrent)|\\hardware\\|\\services\\(winebus|winehid|mountmgr)|eventlog(?!\\application\\guestlink)")


def defaults(example, *but):
    """What the example of a configuration has as the defaults, not commented out any more."""
    with open(os.path.join(SOURCE, "packaging", "windows", example), encoding="ascii") as file:
        text = file.read().split("policy {")[0]
    assert len(re.findall(r"(?m)^ *#[a-z]", text)) > 6
    return "".join(line + "\n" for line in re.sub(r"(?m)^( *)#(?=[a-z])", r"\1", text).splitlines()
                   if line.split("=")[0].strip() not in but)


def test_packages_install_serve_upgrade_and_go(machine, packages):
    """MSI: install, upgrade, uninstall; files and registry as before"""
    first, second, again = packages
    machine.configure("hostd.conf", HOST_CONF + defaults("hostd.conf.example", "listen"))
    machine.configure("agent.conf", AGENT_CONF + defaults("agent.conf.example", "connect", "site-key", "name"))
    before_files, before = machine.files(), machine.registry()
    for name in ("host", "agent"):
        msiexec(machine, "/i", WINDOWS.path(first[name]))
    programs = os.path.join(machine.c, "Program Files")
    cli = os.path.join(programs, "guestlink-host", "guestlink.exe")
    machine.run(cli, "wait", "here", "--for", "connected", "--timeout", "60")
    assert machine.run(cli, "exec", "here", "--", "cmd", "/c", "echo packaged").out.split() == ["packaged"]

    now = machine.registry()
    service = r"hklm\system\currentcontrolset\services\guestlink-agent".replace("hklm", "hkey_local_machine")
    assert "guestlink-agent.exe" in now[service]["ImagePath"]
    virtual = [key for key in now if key.endswith(r"guestcommunicationservices\000003ef-facb-11e6-bd58-64006a7986d3")]
    assert virtual and now[virtual[0]]["ElementName"] == '"guestlink"'

    for name, pages in (("guestlink-host", ("guestlink", "guestlink-hostd", "guestlink-hostd.conf")),
                        ("guestlink", ("guestlink-agent", "guestlink-agent.conf"))):
        folder = os.path.join(programs, name)
        assert all(os.path.getsize(os.path.join(folder, text)) for text in ("README.md", "ADMIN.md", "LICENSE.txt"))
        for page in pages:
            with open(os.path.join(folder, page + ".txt"), newline="", encoding="ascii") as file:
                text = file.read()
            assert "\r\nSYNOPSIS\r\n" in text and ("ProgramData" in text or "pipe:" in text) and "\b" not in text

    for name in ("host", "agent"):
        msiexec(machine, "/i", WINDOWS.path(second[name]))
    machine.run(cli, "wait", "here", "--for", "connected", "--timeout", "60")
    assert machine.run(cli, "exec", "here", "--", "cmd", "/c", "echo upgraded").out.split() == ["upgraded"]

    # Another build of the same version takes the place of the one that is there.
    msiexec(machine, "/i", WINDOWS.path(again["agent"]))
    for package in (again["agent"], second["host"]):
        msiexec(machine, "/x", WINDOWS.path(package))
    assert not machine.answers(os.path.join(WINDOWS_BUILD, "guestlink.exe"))
    left = {path for path in machine.files() - before_files if not path.startswith(os.path.join("ProgramData", "guestlink"))}
    assert not left, "files that stay"
    changed = {line for line in grown(before, machine.registry()) if not OTHERS.search(line)}
    assert not changed, "registry that stays"


def test_packages_have_no_custom_action(packages):
    """MSI: no custom action, nobody else can be made to run anything by a repair"""
    for package in packages[0].values():
        tables = subprocess.run(["msiinfo", "tables", package], stdout=subprocess.PIPE, check=True).stdout.decode().split()
        if "CustomAction" in tables:
            rows = subprocess.run(["msiinfo", "export", package, "CustomAction"], stdout=subprocess.PIPE,
                                  check=True).stdout.decode().splitlines()
            assert len(rows) <= 3, rows  # a table's head alone
