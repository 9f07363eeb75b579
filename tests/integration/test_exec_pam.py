# SPDX-License-Identifier: MIT
"""exec -u with /etc/pam.d/guestlink: in a mount namespace of the agent's own, where it may be anything."""
import os
import signal
import subprocess

import pytest

from world import FULL, GUEST, opened, program, SOURCE, until, World

G = GUEST


def _can_mount():
    if os.geteuid() != 0:
        return "only root can have another /etc/pam.d"
    if not os.path.exists("/lib/x86_64-linux-gnu/security/pam_exec.so"):
        return "pam_exec is not here"
    with open(program("config.log"), encoding="utf-8", errors="replace") as log:
        if "HAVE_PAM 1" not in log.read():
            return "built without PAM"
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/etc/pam.d"],
                          stderr=subprocess.DEVNULL, check=False)
    return None if done.returncode == 0 else "mount namespaces cannot be made here"


REASON = _can_mount()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(scope="module")
def pam():
    """A world whose agent sees world.service as /etc/pam.d/guestlink."""
    with opened(World()) as world:
        folder = world.path("pam.d")
        os.mkdir(folder)
        world.service = os.path.join(folder, "guestlink")
        world.log = world.path("pam.log")
        script = world.path("record")
        with open(script, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\necho \"$PAM_TYPE $PAM_SERVICE $PAM_USER $PAM_TTY\" "
                       f">> {world.log}\n")
        os.chmod(script, 0o755)
        world.record = f"session required pam_exec.so {script}\n"
        world.start_hostd()
        agent = [program("guestlink-agent"), "--connect", f"unix:{world.guests}", "--name", G,
                 "--state", world.agent_state, "--config", world.agent_conf]
        world.agent = world.daemon("/usr/bin/unshare", [
            "-m", "sh", "-c", f'mount --bind {folder} /etc/pam.d && exec "$@"', "sh", *agent],
            "agent.log")
        world.wait_guest()
        yield world


def write(pam, text):
    if os.path.exists(pam.log):
        os.unlink(pam.log)
    with open(pam.service, "w", encoding="ascii") as file:
        file.write(text)


def log(pam):
    with open(pam.log, encoding="ascii") as file:
        return file.read().splitlines()


PERMIT = "account required pam_permit.so\nauth required pam_permit.so\n"


def test_a_session_is_opened_and_closed(pam):
    write(pam, PERMIT + pam.record)
    result = pam.gl("exec", "-u", "nobody", G, "--", "cat", pam.log)
    assert result.out.splitlines() == ["open_session guestlink nobody guestlink"], result
    assert log(pam)[1:] == ["close_session guestlink nobody guestlink"]


def test_it_is_closed_when_the_program_is_killed(pam):
    write(pam, PERMIT + pam.record)
    client = pam.popen("exec", "-u", "nobody", G, "--", "sh", "-c", "echo up; exec sleep 1000")
    assert client.stdout.readline() == b"up\n"
    client.kill()
    until(lambda: log(pam)[1:] == ["close_session guestlink nobody guestlink"], "it is closed")


def test_it_is_closed_when_nothing_can_be_run(pam):
    write(pam, PERMIT + pam.record)
    assert pam.gl("exec", "-u", "nobody", G, "--", "no-such-program").returncode == 127
    until(lambda: len(log(pam)) == 2, "it is closed")


def test_without_u_there_is_none(pam):
    write(pam, PERMIT + pam.record)
    assert pam.gl("exec", G, "--", "true").returncode == 0
    assert not os.path.exists(pam.log)


def test_variables_come_from_it(pam):
    conf = pam.path("env.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write("FROM_PAM DEFAULT=yes\nHOME DEFAULT=/pam\nPATH DEFAULT=/usr/bin\n")
    write(pam, PERMIT + f"session required pam_env.so readenv=0 conffile={conf}\n")
    result = pam.gl("exec", "-u", "nobody", "-e", "HOME=/mine", G, "--", "sh", "-c",
                    "echo $FROM_PAM $HOME $PATH")
    assert result.out == "yes /mine /usr/bin\n", result


def test_limits_come_from_it(pam):
    conf = pam.path("limits.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write("* - nofile 77\n")
    write(pam, PERMIT + f"session required pam_limits.so conf={conf}\n")
    assert pam.gl("exec", "-u", "nobody", G, "--", "sh", "-c", "ulimit -n").out == "77\n"


@pytest.mark.parametrize("kind", ["account", "session"])
def test_it_may_refuse(pam, kind):
    other = PERMIT if kind == "session" else "auth required pam_permit.so\n"
    write(pam, other + f"{kind} required pam_deny.so\n")
    result = pam.gl("exec", "-u", "nobody", G, "--", "true")
    assert result.returncode == 125 and result.stdout == b""
    assert "PAM" in result.err and "nobody" in result.err and result.err.count("\n") == 1


KINDS = ("auth", "account", "password", "session")


@pytest.mark.parametrize("system", ["debian", "fedora"])
def test_the_file_that_is_shipped_is_enough(pam, system):
    """Where what has no rules is denied ("other"), as on Fedora: with the common parts alone beside it."""
    with open(os.path.join(SOURCE, "packaging/pam", "guestlink." + system), encoding="ascii") as file:
        text = file.read()
    beside = {"other": "".join(f"{kind} required pam_deny.so\n" for kind in KINDS),
              "common-account": "account required pam_permit.so\n",
              "common-session": pam.record,
              "password-auth": "account required pam_permit.so\n" + pam.record}
    folder = os.path.dirname(pam.service)
    try:
        for name, rules in beside.items():
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(rules)
        write(pam, text)
        result = pam.gl("exec", "-u", "nobody", G, "--", "id", "-un")
        assert (result.returncode, result.out) == (0, "nobody\n"), result
        assert log(pam) == [f"{what}_session guestlink nobody guestlink" for what in ("open", "close")]
    finally:
        for name in beside:
            os.unlink(os.path.join(folder, name))


@pytest.mark.skipif(not FULL, reason="it takes 30 s: make check-full")
def test_a_session_that_does_not_close_holds_nobody(pam):
    script = pam.path("hang")
    with open(script, "w", encoding="ascii") as file:
        file.write(f'#!/bin/sh\n[ "$PAM_TYPE" = open_session ] && exit\necho $$ >{pam.path("pid")}\n'
                   "exec sleep 100\n")
    os.chmod(script, 0o755)
    write(pam, PERMIT + f"session required pam_exec.so {script}\n")
    result = pam.gl("exec", "-u", "nobody", G, "--", "echo", "done", timeout=60)
    assert (result.returncode, result.out) == (0, "done\n"), result
    with open(pam.path("pid"), encoding="ascii") as file:
        os.kill(int(file.read()), signal.SIGKILL)  # PAM's own child, which it has left
