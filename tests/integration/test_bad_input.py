# SPDX-License-Identifier: MIT
"""Bad input of every kind to every command: one clear line, the contract's status, no hang."""
import json
import os
import re
import shutil
import subprocess

import pytest

from world import listens, program, until

COMMANDS = ["ls", "info", "ping", "wait", "rename", "forget", "trust", "doctor", "version", "exec",
            "shell"]
#: What each exits with when guestlink itself fails, and for wrong usage.
FAILURE = {command: 1 for command in COMMANDS} | {"exec": 125, "shell": 125}
USAGE = {command: 2 for command in COMMANDS} | {"exec": 125, "shell": 125}


def one_line(result, status, *words):
    """Asserts the status and a single line on stderr with these words, and that stdout is empty."""
    assert result.returncode == status, result
    assert result.out == "", result
    err = result.err
    assert err.endswith("\n") and err.count("\n") == 1, result
    assert err.startswith("guestlink"), result
    assert err.strip().isprintable(), repr(err)
    for word in words:
        assert word in err, f"{word!r} is not in: {err}"


# ---------------------------------------------------------------- usage

@pytest.mark.parametrize("args", [
    ["info"], ["info", "a", "b"], ["ls", "x"], ["ping"], ["ping", "a", "b"], ["ping", "-c", "g1"],
    ["ping", "-c", "0", "g1"], ["ping", "-c", "-1", "g1"], ["ping", "-c", "1x", "g1"],
    ["ping", "-c", "", "g1"], ["ping", "-c", "99999999999999999999", "g1"], ["ping", "-i", "x", "g1"],
    ["ping", "-i", "nan", "g1"], ["ping", "-c"], ["wait"], ["wait", "--for", "x", "g1"],
    ["wait", "--timeout", "x", "g1"], ["wait", "--timeout", "-1", "g1"], ["wait", "--timeout", "g1"],
    ["rename", "g1"], ["rename", "a", "b", "c"], ["forget"], ["forget", "a", "b"], ["trust"],
    ["trust", "nonsense"], ["trust", "ls", "x"], ["trust", "accept"], ["trust", "accept", "a", "b"],
    ["trust", "site", "x"], ["trust", "site", "init"], ["trust", "site", "join"], ["trust", "ls", "--force"],
    ["trust", "site", "init", "--force"], ["trust", "site", "init", "--force", ""],
    ["doctor", "a", "b"], ["version", "x"], ["exec"], ["exec", "g1"], ["exec", "g1", "--"],
    ["exec", "--timeout", "x", "g1", "--", "true"], ["exec", "--timeout", "-1", "g1", "--", "true"],
    ["exec", "-e", "NOVALUE", "g1", "--", "true"], ["exec", "-e", "=x", "g1", "--", "true"],
    ["shell"], ["shell", "a", "b"],
    *[[command, "--no-such-option"] for command in COMMANDS],
    *[[command, "-Z"] for command in COMMANDS],
], ids=" ".join)
def test_wrong_usage(shared, args):
    one_line(shared.gl(*args), USAGE[args[0]], f"guestlink {args[0]} --help")


@pytest.mark.parametrize("args", [["nonsense"], ["--nonsense"], ["--control"], ["-Z", "ls"],
                                  ["--control", "", "ls"]], ids=repr)
def test_wrong_usage_of_the_whole(shared, args):
    one_line(shared.gl(*args), 2, "guestlink --help")
    for with_json in (["--json", *args], [*args, "--json"]):
        if with_json == ["--control", "--json"]:
            continue  # then it is the path
        result = shared.gl(*with_json)
        assert result.returncode == 2 and result.out == "", result
        assert json.loads(result.stderr)["error"]["code"] == "INVALID"


def test_no_command_in_json(shared):
    result = shared.gl("--json")
    assert result.returncode == 2 and json.loads(result.stderr)["error"]["code"] == "INVALID"


@pytest.mark.parametrize("args, word", [
    (["exec", "--timeout", "0", "g1", "--", "true"], "above 0"),
    (["exec", "--timeout", "31536001", "g1", "--", "true"], "31536000"),
    (["wait", "--timeout", "31536001", "g1"], "31536000"),
    (["ping", "--timeout", "0", "g1"], "from 0.001"),
], ids=" ".join)
def test_times_out_of_range_say_the_range(shared, args, word):
    one_line(shared.gl(*args), USAGE[args[0]], word)


@pytest.mark.parametrize("args", [
    ["--help"], ["--version"], ["help"], ["help", "exec"], ["ls", "--help"], ["ls"],
    ["info", "g1"], ["version"], ["trust", "ls"], ["doctor"], ["ping", "-c", "1", "g1"],
    ["--json", "ls"], ["--json", "info", "g1"], ["--json", "version"], ["--json", "wait", "g1"],
    ["--json", "ping", "-c", "1", "g1"], ["exec", "g1", "--", "echo", "x"],
    ["--json", "exec", "g1", "--", "echo", "x"], ["cp", "g1:/etc/passwd", "-"],
    ["exec", "--help"],
], ids=" ".join)
def test_an_output_that_is_full_is_a_failure(shared, args):
    with open("/dev/full", "wb") as full_disk:
        result = shared.gl(*args, stdout=full_disk)
    assert result.returncode == (125 if "exec" in args else 1), result
    assert result.err.startswith(("guestlink", "{")) and result.err.count("\n") == 1, result
    if args[0] == "--json":
        assert json.loads(result.stderr)["error"]["code"]



def test_no_command_at_all(shared):
    result = shared.gl()
    assert (result.returncode, result.out) == (2, "") and "usage: guestlink" in result.err


def test_the_socket_may_be_named_after_the_command(shared):
    env = {"GUESTLINK_CONTROL": "/nonexistent"}
    for args in (["ls"], ["ping", "-c", "1", "g1"], ["trust", "ls"]):
        assert shared.gl(*args, "--control", shared.control, env=env).returncode == 0, args
    assert shared.gl("exec", "--control", shared.control, "g1", "--", "true", env=env).returncode == 0
    one_line(shared.gl("ls", "--control", ""), 2, "--control")


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc"])
def test_a_control_socket_that_is_none(shared, path):
    one_line(shared.gl("--control", path, "ls"), 1, f"{path} is no socket")


@pytest.mark.parametrize("address, word", [("pipe:x", "use unix:"), ("pipe:\\\\.\\pipe\\x", "written pipe:NAME")])
def test_a_control_address_that_cannot_be_here(shared, address, word):
    one_line(shared.gl("--control", address, "ls"), 1, address, word)


def test_output_that_cannot_be_written_has_a_reason(shared):
    with open("/dev/full", "wb") as full:
        for args in (["ls"], ["ls", "--help"], ["ping", "-c", "2", "-i", "0", "g1"]):
            one_line(shared.gl(*args, stdout=full), 1, "standard output: no space left on device")
        result = shared.gl("--json", "ls", stdout=full)
        assert result.returncode == 1
        assert "no space left on device" in json.loads(result.err)["error"]["message"]


# ---------------------------------------------------------------- help and versions

def test_help_lists_every_command(shared):
    text = shared.gl("--help", check=True).out
    for command in COMMANDS:
        assert re.search(rf"^  {command}\s", text, re.M), command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_option(shared, command):
    for args in ([command, "--help"], [command, "-h"], ["help", command]):
        result = shared.gl(*args, check=True, env={"GUESTLINK_CONTROL": "/nonexistent"})
        assert result.err == ""
        synopsis, _, rest = result.out.partition("\n")
        assert synopsis.startswith("usage: guestlink ") and f" {command} " in synopsis + " "
        assert synopsis == synopsis.rstrip()
        own = synopsis.partition("--json]")[2]
        for option in re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", own):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", rest), f"{option} is not explained"
        assert max(map(len, result.out.splitlines()[1:])) <= 100


@pytest.mark.parametrize("name", ["guestlink", "guestlink-agent", "guestlink-hostd"])
def test_programs_say_their_version_and_help(shared, name):
    for option, start in (("--version", f"{name} "), ("--help", f"usage: {name} ")):
        done = subprocess.run([program(name), option], env=shared.environ(), capture_output=True,
                              timeout=60, check=True)
        assert done.stdout.decode().lower().startswith(start) and done.stderr == b""


@pytest.mark.parametrize("name", ["guestlink-hostd", "guestlink-agent"])
def test_daemons_want_a_name_for_an_option(shared, name):
    status, err = run_daemon(shared, name, "--config", "", "--state", shared.dir + "/none")
    assert status == 2 and "--config" in err and "--help" in err, err


# ---------------------------------------------------------------- no daemon

NO_DAEMON = [["ls"], ["info", "g1"], ["ping", "g1"], ["wait", "g1"], ["rename", "g1", "h"],
             ["forget", "g1"], ["trust", "ls"], ["trust", "accept", "g1"], ["trust", "site"],
             ["exec", "g1", "--", "true"], ["shell", "g1"]]


@pytest.mark.parametrize("args", NO_DAEMON, ids=" ".join)
def test_no_host_daemon(shared, args):
    with open(shared.path("file"), "w", encoding="ascii"):
        pass
    for control in ("/nonexistent/control.sock", shared.path("file")):
        result = shared.gl("--control", control, *args)
        one_line(result, FAILURE[args[0]], control)
        if args[0] == "shell":
            continue  # there is no --json for what is typed
        result = shared.gl("--json", "--control", control, *args)
        error = json.loads(result.stderr)
        assert result.returncode == FAILURE[args[0]] and error["schema"] == 1
        assert error["error"]["code"] == "UNAVAILABLE"


def test_a_control_path_that_is_too_long(shared):
    one_line(shared.gl("--control", "/" + "x" * 300, "ls"), 1)
    one_line(shared.gl("--control", "/" + "x" * 3000, "ls"), 1)


def test_version_and_doctor_without_daemon(shared):
    env = {"GUESTLINK_CONTROL": "/nonexistent"}
    assert shared.gl("version", env=env).returncode == 0
    doctor = shared.gl("doctor", env=env)
    assert doctor.returncode == 1 and "/nonexistent" in doctor.out


# ---------------------------------------------------------------- guests that are not there

@pytest.mark.parametrize("args", [
    ["info", "nobody"], ["ping", "nobody"], ["wait", "--timeout", "0.1", "nobody"],
    ["rename", "nobody", "x"], ["forget", "nobody"], ["trust", "accept", "nobody"],
    ["trust", "revoke", "nobody"], ["exec", "nobody", "--", "true"], ["shell", "nobody"],
], ids=" ".join)
def test_a_guest_that_is_unknown(shared, args):
    one_line(shared.gl(*args), FAILURE[args[0]], "nobody")
    if args[0] == "shell":
        return  # there is no --json for what is typed
    result = shared.gl("--json", *args)
    error = json.loads(result.stderr)
    assert result.returncode == FAILURE[args[0]]
    assert error["error"]["code"] in ("NOT_FOUND", "TIMED_OUT"), error


@pytest.mark.parametrize("name", ["", "x" * 300, "x" * 100000, "a b", "-", "\x1b[2J", "a\nb", "g\\",
                                  "../g", "\udcff\udcfe"],
                         ids=lambda name: repr(name)[:20])
def test_names_that_are_none(shared, name):
    for command in ("info", "ping", "wait", "forget"):
        one_line(shared.gl(command, "--", name), 2, f"guestlink {command} --help")
    one_line(shared.gl("exec", "--", name, "true"), 125)
    if name not in ("g\\", "-"):
        one_line(shared.gl("rename", "--", "g1", name), 1)


@pytest.mark.parametrize("name", ["x" * 64, "q"])
def test_names_that_can_only_be_of_guests_that_are_known(shared, name):
    """As a key's fingerprint, or as the beginning of a name; nobody waits for such a guest."""
    one_line(shared.gl("info", name), 1, name)
    one_line(shared.gl("wait", name), 2, name, "cannot be")


def test_a_key_that_is_not_known_is_waited_for(shared):
    for ref in ("0123456789abcdef", "0123456789abcdef" * 4):
        result = shared.gl("wait", "--timeout", "0.2", ref)
        one_line(result, 1, "0.2 s")


def test_waiting_no_time_looks_once(shared):
    for state in ("ready", "connected"):
        for seconds in ("0", "0.001"):
            result = shared.gl("--json", "wait", "--for", state, "--timeout", seconds, "g1")
            assert result.returncode == 0 and result.json["guest"]["name"] == "g1", result
    one_line(shared.gl("wait", "--timeout", "0", "nobody"), 1, "0 s")


# ---------------------------------------------------------------- exec

@pytest.mark.parametrize("args, status, words", [
    (["g1", "--", "/no/such/program"], 127, ["/no/such/program"]),
    (["g1", "--", "no-such-program"], 127, ["no-such-program"]),
    (["g1", "--", "/etc/hostname"], 126, ["/etc/hostname"]),
    (["g1", "--", "/etc"], 126, ["/etc"]),
    (["-w", "/no/such/folder", "g1", "--", "true"], 125, ["/no/such/folder"]),
    (["-w", "/etc/hostname", "g1", "--", "true"], 125, ["/etc/hostname"]),
    (["-u", "no-such-user", "g1", "--", "true"], 125, ["no-such-user"]),
    (["g1", "--", ""], 127, []),
    (["g1", "--", "true", "x" * 120000], 0, []),
    (["--timeout", "0.2", "g1", "--", "sleep", "1000"], 124, []),
    (["g1", "--", "sh", "-c", "exit 200"], 200, []),
    (["g1", "--", "sh", "-c", "kill -9 $$"], 137, []),
], ids=lambda value: " ".join(map(str, value))[:40] if isinstance(value, list) else None)
def test_exec(shared, args, status, words):
    result = shared.gl("exec", *args)
    if words:
        one_line(result, status, *words)
    else:
        assert result.returncode == status, result


def test_exec_with_more_arguments_than_a_message_holds(shared):
    one_line(shared.gl("exec", "g1", "--", "true", *(["x" * 100000] * 15)), 125)


# ---------------------------------------------------------------- standard output

@pytest.mark.parametrize("args", [
    ["ls"], ["info", "g1"], ["ping", "-c", "1", "g1"], ["trust", "ls"], ["trust", "site"], ["doctor"],
    ["version"], ["--json", "ls"], ["--json", "info", "g1"], ["exec", "g1", "--", "echo", "x"],
    ["exec", "g1", "--", "yes"], ["trust", "site", "export", "-"],
    ["--json", "ping", "-c", "1", "g1"], ["--json", "trust", "ls"], ["--json", "doctor"],
], ids=" ".join)
def test_standard_output_that_is_full(shared, args):
    with open("/dev/full", "wb") as full:
        result = shared.gl(*args, stdout=full)
    command = next(a for a in args if a != "--json")
    assert result.returncode == FAILURE[command], result
    assert result.err.count("\n") == 1
    assert "No space" in result.err or "no space" in result.err or "standard output" in result.err


def test_a_reader_that_goes_away(shared):
    """As with `guestlink exec g1 -- yes | head -1`."""
    client = shared.popen("exec", "g1", "--", "yes")
    assert client.stdout.readline() == b"y\n"
    client.stdout.close()
    client.wait(60)
    assert client.returncode == 141
    assert client.stderr.read() == b""


@pytest.mark.parametrize("args", [
    ["ls"], ["info", "g1"], ["ping", "-c", "2", "-i", "0", "g1"], ["trust", "ls"], ["doctor"], ["version"], ["--help"],
    ["cp", "--help"], ["--json", "ls"], ["--json", "info", "g1"], ["--json", "ping", "-c", "1", "g1"],
], ids=" ".join)
def test_standard_output_that_nobody_reads(shared, args):
    """As with other programs, which SIGPIPE ends: no word, and its exit status."""
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "wb") as closed:
        result = shared.gl(*args, stdout=closed)
    assert (result.returncode, result.err) == (141, ""), result


def test_much_output_that_nobody_reads(make_world):
    """More than any buffer on the way holds, so that it is written before all of it is there."""
    world = make_world()
    os.makedirs(world.hostd_state, mode=0o700, exist_ok=True)
    guests = [{"key": f"{n:064x}", "name": f"guest{n}", "fixed": False, "trust": "accepted", "reason": "x" * 60}
              for n in range(1, 401)]
    world.write(os.path.join(world.hostd_state, "guests.json"), json.dumps({"schema": 1, "guests": guests}))
    world.start_hostd()
    for args in (["ls"], ["trust", "ls"], ["--json", "ls"], ["--json", "trust", "ls"]):
        ours, theirs = os.pipe()
        os.close(ours)
        with open(theirs, "wb") as closed:
            result = world.gl(*args, stdout=closed)
        assert (result.returncode, result.err) == (141, ""), (args, result)
        with open("/dev/full", "wb") as full:
            result = world.gl(*args, stdout=full)
        assert result.returncode == 1 and "no space left on device" in result.err, (args, result)
        whole = world.gl(*args, check=True).out
        assert whole.count("guest") >= 400 and whole.endswith("\n")
    assert len(whole) > 65536
    client = world.popen("--json", "trust", "ls")
    assert client.stdout.read(1) == b"{"
    client.stdout.close()
    assert (client.wait(60), client.stderr.read()) == (141, b"")


def test_ping_whose_reader_goes_away_ends(shared):
    """As with `guestlink ping g1 | head -1`, which shall not go on to the end."""
    client = shared.popen("ping", "-c", "100000", "-i", "0.01", "g1")
    assert client.stdout.readline().startswith(b"answer 1 ")
    client.stdout.close()
    assert client.wait(60) == 141
    assert client.stderr.read() == b""


def test_standard_streams_that_are_closed(shared):
    for closing in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(["sh", "-c", f'"$0" exec g1 -- echo hello {closing}',
                               program("guestlink")], env=shared.environ(), capture_output=True,
                              timeout=60, check=False)
        assert done.returncode in (0, 125), done
        assert done.stdout in (b"hello\n", b"")
        if ">&-" not in closing.replace("2>&-", ""):
            assert (done.returncode, done.stdout) == (0, b"hello\n")


# ---------------------------------------------------------------- JSON

@pytest.mark.parametrize("args, key", [
    (["ls"], "guests"), (["info", "g1"], None), (["ping", "-c", "2", "-i", "0", "g1"], None),
    (["wait", "g1"], "guest"), (["trust", "ls"], "guests"), (["trust", "site"], "site"),
    (["doctor"], "checks"), (["doctor", "g1"], "healthy"), (["version"], "guestlink"),
    (["rename", "g1", "g1"], "guest"), (["exec", "g1", "--", "echo", "x"], None),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_json(shared, args, key):
    """Every line is an object of the known schema, wherever --json stands."""
    for all_args in (["--json", *args], [args[0], "--json", *args[1:]]):
        result = shared.gl(*all_args)
        assert result.returncode == 0, result
        lines = result.json_lines
        assert lines and all(line["schema"] == 1 for line in lines), result
        assert key is None or key in lines[-1], lines


def test_json_of_bytes_that_are_no_text(shared):
    result = shared.gl("--json", "exec", "g1", "--", "printf", r"\377\0a")
    assert result.returncode == 0, result
    lines = result.json_lines
    assert all(line["schema"] == 1 for line in lines)


def test_json_names_of_guests(shared):
    guest = shared.gl("--json", "ls").json["guests"][0]
    for field, kind in {"id": str, "name": str, "state": str, "address": str, "trust": str,
                        "connected_since": int, "last_seen": int, "software": str,
                        "fingerprint": str, "reason": str, "streams": int, "resumes": int,
                        "rtt_us": int, "offered": str}.items():
        assert isinstance(guest[field], kind), field
    assert guest["state"] == "connected" and guest["trust"] == "accepted"
    info = shared.gl("--json", "info", "g1").json
    assert "info" in info or "system" in info, info


# ---------------------------------------------------------------- the daemons

def run_daemon(world, name, *args):
    done = subprocess.run([program(name), *args], env=world.environ(), capture_output=True,
                          timeout=60, check=False, cwd=world.dir)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("name, args", [
    ("guestlink-hostd", ["--listen", "tcp:1"]), ("guestlink-hostd", ["--listen", "vsock:any"]),
    ("guestlink-hostd", ["--listen", "vsock:any:0"]), ("guestlink-hostd", ["--listen", "unix:"]),
    ("guestlink-hostd", ["--listen", "vsock:any:99999999999"]), ("guestlink-hostd", ["--listen"]),
    ("guestlink-hostd", ["--listen", "unix:/tmp/x,nonsense=1"]),
    ("guestlink-hostd", ["--listen", "unix:/tmp/x,name="]), ("guestlink-hostd", ["extra"]),
    ("guestlink-hostd", ["--log-level", "loud"]), ("guestlink-hostd", ["--nonsense"]),
    ("guestlink-agent", ["--connect", "tcp:1"]), ("guestlink-agent", ["--connect", "vsock:any:1"]),
    ("guestlink-agent", ["--connect", ""]), ("guestlink-agent", ["--connect"]),
    ("guestlink-agent", ["--log-level", "loud"]), ("guestlink-agent", ["--nonsense"]),
    ("guestlink-agent", ["extra"]), ("guestlink-agent", ["--connect", "unix:/tmp/a\\b"]),
    ("guestlink-agent", ["--connect", "pipe:guestlink"]),
    ("guestlink-agent", ["--connect", "hvsock:parent:1007"]),
    ("guestlink-agent", ["--connect", "unix:/tmp/" + "x" * 103]),
    ("guestlink-agent", ["--connect", "unix:/tmp/a", "--connect", "pipe:guestlink"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else value)
def test_wrong_usage_of_a_daemon(shared, name, args):
    status, err = run_daemon(shared, name, *args)
    assert status == 2, err
    assert err.startswith(name + ": ") and err.count("\n") == 1 and err.strip().isprintable(), err


@pytest.mark.parametrize("name", [b"h\xfcbsch", b"\xed\xa0\x80"], ids=["latin", "surrogate"])
def test_a_name_that_is_no_text(shared, name):
    """The host would take a hello with it for a breach of the protocol."""
    never = f"unix:{shared.dir}/never"
    status, err = run_daemon(shared, "guestlink-agent", "--connect", never, "--name", name, "--state",
                             shared.dir + "/never-state")
    assert status == 2 and err.count("\n") == 1 and "--name" in err and "UTF-8" in err, err
    path = shared.path("name.conf")
    with open(path, "wb") as file:
        file.write(b'\nname = "' + name + b'"\n')
    status, err = run_daemon(shared, "guestlink-agent", "--connect", never, "--config", path,
                             "--state", shared.dir + "/never-state")
    assert status == 1 and err.count("\n") == 1 and "UTF-8" in err, err


def test_a_host_name_that_is_no_text(make_world):
    """It is made to fit: whoever called the machine so did not choose a name for guestlink."""
    world = make_world(name=None)
    set_name = 'printf "h\\374bsch" >/proc/sys/kernel/hostname && exec "$@"'
    wrapper = ["unshare", "-u", "sh", "-c", set_name, "sh"]
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode:
        pytest.skip("cannot give a program another host name")
    world.start_hostd()
    world.daemon("guestlink-agent", [
        "--connect", f"unix:{world.guests}", "--state", world.dir + "/fit", "--config",
        world.write(world.dir + "/fit.conf", "")], "agent-fit.log", wrapper=wrapper)
    world.wait_guest("h-bsch")


@pytest.mark.parametrize("args", [["--listen="], ["--listen", ""], ["--state=", "--listen"], ["--config="]])
def test_a_value_that_is_empty_is_told_by_its_option(shared, args):
    status, err = run_daemon(shared, "guestlink-hostd", "--log-level", "info", *args)
    option = args[0].rstrip("=")
    assert status == 2 and f"option '{option}' needs a value" in err, err


@pytest.mark.parametrize("address, word", [
    ("pipe:guestlink", "Windows"), ("hvsock:parent:1007", "Windows"),
    ("unix:/tmp/" + "x" * 103, "too long")], ids=["pipe", "hvsock", "long"])
def test_addresses_in_the_configuration_that_can_never_work(shared, address, word):
    path = shared.write(shared.path("bad.conf"), f'# fine\nconnect = {{"unix:/a", "{address}"}}\n')
    status, err = run_daemon(shared, "guestlink-agent", "--config", path, "--state",
                             shared.dir + "/never-state")
    assert status == 1 and err.count("\n") == 1, err
    assert "bad.conf:2: " in err and address in err and word in err, err


BAD_CONFIGURATION = ["# fine\n\nno-such-option = 1\n", "# fine\n\nlog-level = loud\n",
                     "\n\nlog-level = \"info\n", "\n\nlog-level\n", "\n\n\x01\n", "\n\n}\n",
                     "\nlog-level = info\nlog-level = warn\n"]


@pytest.mark.parametrize("text", BAD_CONFIGURATION, ids=repr)
@pytest.mark.parametrize("name", ["guestlink-hostd", "guestlink-agent"])
def test_a_configuration_with_a_mistake(shared, name, text):
    path = shared.write(shared.path("bad.conf"), text)
    where = ["--listen" if name == "guestlink-hostd" else "--connect", f"unix:{shared.dir}/never"]
    status, err = run_daemon(shared, name, *where, "--config", path, "--state",
                             shared.dir + "/never-state")
    assert status == 1, err
    assert err.count("\n") == 1 and re.search(r"bad\.conf:[34]: ", err), err
    assert not os.path.exists(shared.dir + "/never")


def test_configurations_that_cannot_be_read(shared):
    folder = shared.path("a-folder")
    os.makedirs(folder, exist_ok=True)
    loose = shared.write(shared.path("loose.conf"), "")
    os.chmod(loose, 0o666)
    for name in ("guestlink-hostd", "guestlink-agent"):
        for path in ["/no/such/file", folder, "/dev/zero"] + [loose] * (os.geteuid() == 0):
            status, err = run_daemon(shared, name, "--config", path, "--state",
                                     shared.dir + "/never-state")
            assert status == 1 and err.count("\n") == 1 and path in err, err


def test_a_listener_that_is_given_twice(shared):
    where = f"unix:{shared.dir}/never"
    status, err = run_daemon(shared, "guestlink-hostd", "--listen", where, "--listen", where)
    assert status == 2 and where in err and "twice" in err and err.count("\n") == 1, err


def test_a_daemon_that_cannot_listen_makes_no_keys(shared):
    """And does not ask whether the daemon runs, which it is."""
    state = shared.path("state")
    for listen, control in ((shared.path("no-folder/sock"), shared.path("c")),
                            (shared.path("sock"), shared.guests)):
        status, err = run_daemon(shared, "guestlink-hostd", "--listen", f"unix:{listen}",
                                 "--control", control, "--state", state)
        assert status == 1 and "is the daemon running" not in err, err
        assert listen in err or control in err
        assert not any("key" in name for name in os.listdir(state)), os.listdir(state)


def test_a_second_daemon_at_the_same_places(shared):
    before = shared.guest()
    for args, word in (
            (["--listen", f"unix:{shared.guests}", "--control", shared.dir + "/c2", "--state",
              shared.dir + "/s2"], shared.guests),
            (["--listen", f"unix:{shared.dir}/l2", "--control", shared.control, "--state",
              shared.dir + "/s2"], shared.control),
            (["--listen", f"unix:{shared.dir}/l2", "--control", shared.dir + "/c2", "--state",
              shared.hostd_state], shared.hostd_state)):
        status, err = run_daemon(shared, "guestlink-hostd", *args, "--config", shared.hostd_conf)
        assert status == 1 and word in err, err
    status, err = run_daemon(shared, "guestlink-agent", "--connect", f"unix:{shared.guests}",
                             "--state", shared.agent_state, "--config", shared.agent_conf)
    assert status == 1 and shared.agent_state in err.splitlines()[-1], err
    assert listens(shared.control) and listens(shared.guests)
    assert shared.guest()["connected_since"] == before["connected_since"]


def test_a_state_folder_that_others_can_write(shared):
    folder = shared.path("open-state")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    for name, option in (("guestlink-hostd", "--listen"), ("guestlink-agent", "--connect")):
        args = ["--control", shared.dir + "/c3"] if name == "guestlink-hostd" else []
        status, err = run_daemon(shared, name, option, f"unix:{shared.dir}/l3", "--state", folder,
                                 "--config", shared.hostd_conf, *args)
        assert status == 1 and folder in err.splitlines()[-1], err
        file = shared.write(shared.path("no-folder"), "")
        status, err = run_daemon(shared, name, option, f"unix:{shared.dir}/l3", "--state", file,
                                 "--config", shared.hostd_conf, *args)
        assert status == 1 and file in err.splitlines()[-1], err


def test_a_stale_socket_is_replaced_and_a_file_is_not(make_world):
    world = make_world()
    world.start()
    world.hostd.kill()  # the sockets stay
    assert os.path.exists(world.control)
    world.start_hostd()
    world.wait_guest()
    world.hostd.stop()
    world.write(world.control, "somebody's file")
    status, err = run_daemon(world, "guestlink-hostd", "--listen", f"unix:{world.guests}",
                             "--control", world.control, "--state", world.hostd_state, "--config",
                             world.hostd_conf)
    assert status == 1 and world.control in err.splitlines()[-1], err
    with open(world.control, encoding="ascii") as file:
        assert file.read() == "somebody's file"
    os.unlink(world.control)
    world.start_hostd()
    world.wait_guest()


def test_a_policy_with_a_mistake_denies_all_and_says_so(make_world):
    """The agent stays up, so that the host can be told why."""
    world = make_world(agent_conf="policy {\n  nonsense = 1\n}\n")
    world.start_hostd()
    world.start_agent(wait=False)
    world.wait_state("connected")
    result = world.gl("exec", "g1", "--", "true")
    one_line(result, 125, "agent.conf:2")
    result = world.gl("--json", "info", "g1")
    assert result.returncode == 1
    assert json.loads(result.stderr)["error"]["code"] == "PERMISSION_DENIED"
    world.agent.wait_log("agent.conf:2")


def test_daemons_whose_disk_is_gone(make_world):
    """A state folder that vanishes under a running daemon: it goes on, and says what it cannot."""
    world = make_world()
    world.start()
    shutil.rmtree(world.hostd_state)
    one_line(world.gl("rename", "g1", "h"), 1)
    assert world.gl("exec", "g1", "--", "true").returncode == 0
    until(lambda: world.guest("g1"), "the name is the old one")
