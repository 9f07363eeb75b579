# SPDX-License-Identifier: MIT
"""guestlink exec: what scripts rely on."""
import base64
import contextlib
import hashlib
import os
import pwd
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from world import GUEST, PATIENCE, descendants, full, processes, rss, sanitized, until

G = GUEST
PYTHON = sys.executable
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run programs as another user")


def alive(pid):
    return pid in (table := processes()) and table[pid][1] != "Z"


def gone(*pids):
    until(lambda: not any(alive(pid) for pid in pids), f"processes {pids} are gone")


def sh(world, script, *options, **more):
    return world.gl("exec", *options, G, "--", "sh", "-c", script, **more)


def read_until(pipe, text):
    """Reads from an unbuffered pipe until `text` has come."""
    seen, end = b"", time.monotonic() + PATIENCE
    while text not in seen:
        assert select.select([pipe], [], [], max(0, end - time.monotonic()))[0], seen
        data = os.read(pipe.fileno(), 65536)
        assert data, f"ended after {seen}"
        seen += data
    return seen


# ---------------------------------------------------------------- the plain things

def test_output_error_and_status_are_apart(shared):
    result = sh(shared, "echo out; echo err >&2; exit 7")
    assert (result.stdout, result.stderr, result.returncode) == (b"out\n", b"err\n", 7)


@pytest.mark.parametrize("status", [0, 1, 2, 124, 125, 126, 127, 128, 255])
def test_every_status_comes_through(shared, status):
    result = sh(shared, f"exit {status}")
    assert (result.returncode, result.stdout, result.stderr) == (status, b"", b"")


def test_arguments_hold_any_byte_but_nul(shared):
    arguments = [bytes(range(1, 256)), b"", b" ", b"--", b"-x", b"$HOME `id` \"'\\", b"\xff\xfe",
                 "ö".encode(), b"a\nb"]
    result = shared.gl("exec", G, "--", "printf", r"%s\0", *arguments)
    assert result.returncode == 0, result
    assert result.stdout.split(b"\0")[:-1] == arguments


def test_many_arguments(shared):
    arguments = [str(i) for i in range(20000)]
    result = shared.gl("exec", G, "--", "printf", r"%s\n", *arguments)
    assert result.out.splitlines() == arguments


def test_too_many_arguments_are_refused(shared):
    result = shared.gl("exec", G, "--", "true", *["x" * 100_000 for _ in range(4)])
    assert (result.returncode, result.stdout) == (125, b"")
    assert "too long" in result.err and result.err.count("\n") == 1
    assert "256 KiB" in result.err and "-i" in result.err and "guestlink cp" in result.err


@pytest.mark.parametrize("spare", [0, 20, 40, 60, 80, 150])
def test_arguments_that_almost_fit_are_refused_in_the_same_words(shared, spare):
    """What the daemon adds (who calls) may be too much as well."""
    size = 256 * 1024 - spare
    words = ["x" * 65536] * (size // 65536 - 1)
    words.append("x" * (size - sum(map(len, words)) - 4 * len(words)))
    result = shared.gl("exec", G, "--", "true", *words)
    assert result.returncode in (0, 125)
    assert result.returncode == 0 or "256 KiB" in result.err, result.err


def test_options_end_at_the_guest(shared):
    assert shared.gl("exec", G, "echo", "-i", "--", "-t").out == "-i -- -t\n"
    assert shared.gl("exec", "--", G, "--", "echo", "--", "x").out == "-- x\n"
    assert "'-x': not found" in shared.gl("exec", G, "--", "-x").err


@pytest.mark.parametrize("args, about", [
    ((), "GUEST"), ((G,), "program"), ((G, "--"), "program"), (("--nonsense", G, "true"), "--nonsense"),
    (("-e", "novalue", G, "true"), "-e"), (("--timeout", "0", G, "true"), "--timeout"),
    (("--timeout", "x", G, "true"), "--timeout"), (("-d", G, "true"), "-d"),
    ((G, "-i", "--", "cat"), "before GUEST"), ((G, "--timeout", "5", "sleep", "1"), "before GUEST"),
])
def test_wrong_usage_is_125(shared, args, about):
    result = shared.gl("exec", *args)
    assert (result.returncode, result.stdout) == (125, b"")
    assert about in result.err and result.err.count("\n") == 1


def test_unknown_guest_is_125(shared):
    result = shared.gl("exec", "nobody-here", "--", "true")
    assert result.returncode == 125
    assert "nobody-here" in result.err and result.err.count("\n") == 1


def test_no_daemon_is_125(shared):
    result = shared.gl("--control", shared.path("nothing"), "exec", G, "--", "true")
    assert result.returncode == 125 and result.err.count("\n") == 1


# ---------------------------------------------------------------- what cannot be run

@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    for name, text, mode in (("plain", "#!/bin/sh\n", 0o644), ("noformat", "echo hi\n", 0o755),
                             ("lost", "#!/no/interpreter\n", 0o755)):
        (folder / name).write_text(text)
        (folder / name).chmod(mode)
    return folder


def test_a_long_name_is_not_repeated(shared):
    result = shared.gl("exec", G, "--", "x" * 100000)
    assert result.returncode in (126, 127) and "'xxxx" in result.err and len(result.err) < 400


@pytest.mark.parametrize("name, status", [
    ("plain", 126), ("noformat", 126), ("lost", 126), (".", 126), ("missing", 127),
    ("missing/x", 127), ("plain/x", 127),
])
def test_what_cannot_be_run(shared, files, name, status):
    path = os.path.join(files, name)
    result = shared.gl("exec", G, "--", path)
    assert (result.returncode, result.stdout) == (status, b"")
    assert path in result.err and result.err.count("\n") == 1


def test_what_is_not_text_is_shown_escaped(shared):
    """A name from the guest or the command line cannot speak to the terminal."""
    for name in (b"\xff\x1b[31m", "\u202eevil".encode(), b"two\nlines"):
        result = shared.gl("exec", G, "--", name)
        assert result.returncode == 127 and result.err.count("\n") == 1
        assert result.stderr.strip().isascii() and b"\x1b" not in result.stderr
        assert b"\n" not in result.stderr[:-1]


def test_the_search_uses_the_path_of_the_program(shared, files):
    assert shared.gl("exec", G, "--", "no-such-program").returncode == 127
    assert shared.gl("exec", G, "--", "").returncode == 127
    for name in ("plain", "noformat"):
        assert shared.gl("exec", "-e", f"PATH={files}", G, "--", name).returncode == 126
    assert shared.gl("exec", "-e", f"PATH={files}", G, "--", "sh").returncode == 127
    assert shared.gl("exec", "-e", f"PATH={files}:/bin", G, "--", "true").returncode == 0


# ---------------------------------------------------------------- where, as whom, with what

def test_directory(shared):
    assert shared.gl("exec", "-w", "/usr/bin", G, "--", "pwd").out == "/usr/bin\n"
    home = pwd.getpwuid(os.geteuid()).pw_dir
    assert shared.gl("exec", G, "--", "pwd").out == home + "\n"


@pytest.mark.parametrize("path", ["/no/such/place", "/etc/passwd"])
def test_a_missing_directory_is_125(shared, path):
    result = shared.gl("exec", "-w", path, G, "--", "true")
    assert result.returncode == 125
    assert path in result.err and result.err.count("\n") == 1


def test_environment(shared):
    result = shared.gl("exec", "-e", "A=1 2", "-e", "B=", "-e", "A=x=y", "-e", b"C=\xff", G, "--",
                       "env", env={"SECRET_OF_THE_HOST": "1", "TERM": "vt100"})
    env = dict(line.split(b"=", 1) for line in result.stdout.splitlines())
    entry = pwd.getpwuid(os.geteuid())
    assert env[b"A"] == b"x=y" and env[b"B"] == b"" and env[b"C"] == b"\xff"
    assert env[b"HOME"].decode() == entry.pw_dir and env[b"SHELL"].decode() == entry.pw_shell
    assert env[b"USER"] == env[b"LOGNAME"] == entry.pw_name.encode()
    assert set(env) <= {b"A", b"B", b"C", b"HOME", b"SHELL", b"USER", b"LOGNAME", b"PATH", b"LANG",
                        b"_", b"PWD"}


@root
def test_another_user(shared):
    result = sh(shared, "id -u; id -g; id -G; pwd; echo $HOME:$USER:$PATH; cat /etc/shadow",
                "-u", "nobody")
    entry = pwd.getpwnam("nobody")
    groups = " ".join(str(g) for g in os.getgrouplist("nobody", entry.pw_gid))
    assert result.out.splitlines() == [
        str(entry.pw_uid), str(entry.pw_gid), groups,
        entry.pw_dir if os.path.isdir(entry.pw_dir) else "/",
        f"{entry.pw_dir}:nobody:/usr/local/bin:/usr/bin:/bin"]
    assert "ermission denied" in result.err and result.returncode != 0


@root
def test_supplementary_groups(shared):
    """Those of the account, and none of the agent's."""
    user = next((u for u in pwd.getpwall()
                 if u.pw_uid and len(os.getgrouplist(u.pw_name, u.pw_gid)) > 1), None)
    if user is None:
        pytest.skip("no account here is in a second group")
    result = shared.gl("exec", "-u", user.pw_name, G, "--", "id", "-G")
    assert {int(g) for g in result.out.split()} == set(os.getgrouplist(user.pw_name, user.pw_gid))


@root
def test_a_program_is_judged_as_its_user(shared):
    path = shared.path("private")
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n")
    os.chmod(path, 0o700)
    assert shared.gl("exec", G, "--", path).returncode == 0
    assert shared.gl("exec", "-u", "nobody", G, "--", path).returncode == 126
    os.mkdir(shared.path("closed"), 0o700)
    assert shared.gl("exec", "-u", "nobody", "-w", shared.path("closed"), G, "--",
                     "true").returncode == 125


def test_an_unknown_user_is_125(shared):
    result = shared.gl("exec", "-u", "no-such-user", G, "--", "true")
    assert result.returncode == 125 and "no-such-user" in result.err


def test_a_session_is_a_matter_of_windows(shared):
    result = shared.gl("exec", "--session", "console", G, "--", "true")
    assert result.returncode == 125 and "no sessions" in result.err
    assert "older" not in result.err  # another version has none either


def test_secrets_are_not_in_the_process_list(shared):
    client = shared.popen("exec", "-i", "-e", "PASSWORD=hunter2", G, "--", "cat")
    client.stdin.write(b"x\n")
    client.stdin.flush()
    read_until(client.stdout, b"x\n")
    for pid in descendants(shared.agent.pid):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            assert b"hunter2" not in file.read()
    client.communicate(timeout=PATIENCE)
    assert "hunter2" not in shared.agent.log() + shared.hostd.log()


# ---------------------------------------------------------------- input and output

def test_without_i_there_is_no_input(shared):
    result = shared.gl("exec", G, "--", "cat", stdin=b"not for it")
    assert (result.returncode, result.stdout) == (0, b"")


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000],
                         ids=["nothing", "a byte", "a megabyte"])
def test_input_goes_through(shared, data):
    result = shared.gl("exec", "-i", G, "--", "cat", stdin=data)
    assert (result.returncode, result.stdout) == (0, data)


def test_input_from_anything(shared):
    path = shared.path("input")
    data = os.urandom(700_000)
    with open(path, "wb") as file:
        file.write(data)
    with open(path, "rb") as file:
        assert shared.gl("exec", "-i", G, "--", "cat", stdin=file).stdout == data
    assert shared.gl("exec", "-i", G, "--", "cat", stdin=subprocess.DEVNULL).stdout == b""
    ours, theirs = socket.socketpair()
    sender = threading.Thread(target=lambda: (ours.sendall(data), ours.close()))
    sender.start()
    assert shared.gl("exec", "-i", G, "--", "cat", stdin=theirs).stdout == data
    sender.join()
    theirs.close()


def test_hundred_megabytes_each_way(shared):
    """Through cat, by digest, while it is stalled now and then by whoever reads here."""
    size, block = 100 << 20, os.urandom(1 << 20)
    client = shared.popen("exec", "-i", G, "--", "cat")
    sent, received, count = hashlib.sha256(), hashlib.sha256(), 0

    def send():
        for i in range(size >> 20):
            piece = block[i:] + block[:i]
            sent.update(piece)
            client.stdin.write(piece)
        client.stdin.close()

    sender = threading.Thread(target=send)
    sender.start()
    while data := client.stdout.read(1 << 20):
        received.update(data)
        count += len(data)
    sender.join()
    assert client.wait(PATIENCE) == 0
    assert count == size and sent.digest() == received.digest()


def test_a_program_that_does_not_read_its_input(shared):
    """It ends as it likes; who sends it megabytes is not told."""
    result = shared.gl("exec", "-i", G, "--", "sh", "-c", "head -c 3; exit 4", stdin=bytes(20 << 20))
    assert (result.returncode, result.stdout, result.stderr) == (4, bytes(3), b"")
    result = shared.gl("exec", "-i", G, "--", "sh", "-c", "exec <&-; sleep 0.3; echo done",
                       stdin=bytes(20 << 20))
    assert (result.returncode, result.stdout, result.stderr) == (0, b"done\n", b"")


def test_input_that_stays_open_does_not_hold_the_end(shared):
    read_end, write_end = os.pipe()
    assert shared.gl("exec", "-i", G, "--", "true", stdin=read_end).returncode == 0
    os.close(read_end)
    os.close(write_end)


def test_input_that_cannot_be_read_is_no_end(shared):
    """What is cut short must not pass for all: the program is ended, and the exit status says it."""
    folder = os.open("/etc", os.O_RDONLY)
    result = shared.gl("exec", "-i", G, "--", "sh", "-c", "cat; echo all of it", stdin=folder)
    os.close(folder)
    assert (result.returncode, result.stdout) == (125, b"")
    assert "cannot read standard input: illegal operation on a directory" in result.err


def test_input_that_breaks_off_ends_the_program(shared):
    """As of a disk that fails, or here a terminal that goes."""
    master, slave = os.openpty()
    client = shared.popen("exec", "-i", G, "--", "sh", "-c", "echo $$; cat; sleep 1000", stdin=slave)
    os.close(slave)
    pid = int(client.stdout.readline())
    os.write(master, b"a line\n")
    assert client.stdout.readline() == b"a line\n"
    os.close(master)
    assert client.wait(PATIENCE) == 125
    assert b"cannot read standard input" in client.stderr.read()
    gone(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_is_enough_after_the_end_of_input(shared, number):
    client = shared.popen("exec", "-i", G, "--", "sh", "-c", "cat; echo $$; exec sleep 1000",
                          stdin=subprocess.DEVNULL)
    pid = int(client.stdout.readline())
    client.send_signal(number)
    assert client.wait(PATIENCE) == 128 + number
    gone(pid)


def test_input_of_a_program_that_is_not_found_is_left_alone(shared):
    read_end, write_end = os.pipe()
    os.write(write_end, b"for somebody else")
    assert shared.gl("exec", "-i", G, "--", "no-such-program", stdin=read_end).returncode == 127
    assert os.read(read_end, 100) == b"for somebody else"
    os.close(read_end)
    os.close(write_end)


@pytest.mark.parametrize("kind", ["file", "socket"])
def test_output_to_anything(shared, kind):
    script = "head -c 900000 /dev/zero | tr '\\0' x; echo end"
    expected = b"x" * 900000 + b"end\n"
    if kind == "file":
        with open(shared.path("out"), "wb") as file:
            assert sh(shared, script, stdout=file).returncode == 0
        with open(shared.path("out"), "rb") as file:
            assert file.read() == expected
        return
    ours, theirs = socket.socketpair()
    client = shared.popen("exec", G, "--", "sh", "-c", script, stdout=theirs)
    theirs.close()
    with ours, ours.makefile("rb") as file:
        assert file.read() == expected
    assert client.wait(PATIENCE) == 0


def test_shared_descriptors_are_left_as_they_were(shared):
    read_end, write_end = os.pipe()
    assert shared.gl("exec", "-i", G, "--", "true", stdin=read_end, stdout=write_end).returncode == 0
    assert os.get_blocking(read_end) and os.get_blocking(write_end)
    os.close(read_end)
    os.close(write_end)


def test_full_disk_is_125(shared):
    with open("/dev/full", "wb", buffering=0) as file:
        result = sh(shared, "yes", stdout=file)
    assert result.returncode == 125
    assert "standard output" in result.err and result.err.count("\n") == 1


def test_closed_output_ends_the_program_quietly(shared):
    client = shared.popen("exec", G, "--", "sh", "-c", "echo $$; exec yes")
    pid = int(client.stdout.readline())
    assert alive(pid)
    client.stdout.close()
    assert client.wait(PATIENCE) == 141
    assert client.stderr.read() == b""
    gone(pid)


def test_errors_that_nobody_reads_do_not_matter(shared):
    client = shared.popen("exec", G, "--", "sh", "-c", "sleep 0.2; echo err >&2; echo out; exit 3")
    client.stderr.close()
    assert client.stdout.read() == b"out\n"
    assert client.wait(PATIENCE) == 3


def test_a_slow_reader_stalls_the_program(shared):
    """However much it could write: nobody's memory grows, and all of it comes at last."""
    client = shared.popen("exec", "-i", G, "--", PYTHON, "-c", """if True:
        import os, sys
        block = b'x' * 65536
        os.write(2, b'.')
        os.read(0, 1)  # the first dot is through: stdout alone may use up all credit from here on
        for i in range(3200):
            os.write(1, block)
            os.write(2, b'.')
        """)
    assert os.read(client.stderr.fileno(), 1) == b"."
    client.stdin.write(b"x")
    client.stdin.flush()
    before, counted = rss(shared.agent.pid), 0
    stalled = _stalled_after(client)
    limit = (160 if sanitized() else 40) << 20  # 200 MiB are on their way
    assert rss(shared.agent.pid) - before < limit and rss(client.pid) < limit
    assert stalled < 3200
    errors = threading.Thread(target=client.stderr.read)
    errors.start()
    while data := client.stdout.read(1 << 20):
        counted += len(data)
    errors.join()
    assert client.wait(PATIENCE) == 0 and counted == 3200 * 65536


def _stalled_after(client):
    """How many dots have come, once no more do."""
    seen = 0
    while select.select([client.stderr], [], [], 1.0)[0]:
        data = os.read(client.stderr.fileno(), 65536)
        if not data:
            break
        seen += len(data)
    return seen


# ---------------------------------------------------------------- signals, limits, ends

@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2"])
def test_signals_are_passed_on(shared, name):
    client = shared.popen("exec", G, "--", PYTHON, "-uc", f"""if True:
        import signal, sys
        signal.signal(signal.SIG{name}, lambda *_: (print('got it'), sys.exit(9)))
        print('up')
        while True: signal.pause()
        """)
    read_until(client.stdout, b"up\n")
    client.send_signal(getattr(signal, "SIG" + name))
    assert client.stdout.read() == b"got it\n"
    assert client.wait(PATIENCE) == 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_killed_by_a_signal_is_128_and_it(shared, number):
    client = shared.popen("exec", G, "--", "sh", "-c", "echo up; exec sleep 1000")
    read_until(client.stdout, b"up\n")
    client.send_signal(number)
    assert client.wait(PATIENCE) == 128 + number
    assert client.stderr.read() == b""
    assert sh(shared, f"kill -{int(number)} $$").returncode == 128 + number


def test_a_signal_reaches_the_whole_group(shared):
    client = shared.popen("exec", G, "--", "sh", "-c", "sleep 1000 & echo $!; wait; sleep 1000")
    pid = int(client.stdout.readline())
    client.send_signal(signal.SIGTERM)
    assert client.wait(PATIENCE) == 143
    gone(pid)


def test_the_second_interrupt_ends_the_client(shared):
    client = shared.popen("exec", G, "--", "sh", "-c", "trap '' INT TERM; echo $$; while :; do sleep 1; done")
    pid = int(client.stdout.readline())
    client.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        client.wait(0.5)
    client.send_signal(signal.SIGINT)
    assert client.wait(PATIENCE) == 130
    gone(pid)  # after 5 s, by KILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_output_that_nobody_reads_does_not_keep_the_client(world, number):
    """Also when the program is over, which could be told no more."""
    client = world.popen("exec", G, "--", "head", "-c", "100000", "/dev/zero")
    until(lambda: re.search(r"call exec.start .*status=OK", world.agent.log()), "the call's end")

    def ended():
        client.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            client.wait(1)  # it may not have heard of the end before
        return client.poll() is not None
    until(ended, "the client's end")
    assert client.returncode == 128 + number


def test_timeout_is_124(shared):
    start = time.monotonic()
    result = sh(shared, "echo before; sleep 1000; echo after", "--timeout", "0.5")
    assert (result.returncode, result.stdout, result.stderr) == (124, b"before\n", b"")
    assert time.monotonic() - start < 4.5  # TERM was enough
    result = sh(shared, "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done",
                "--timeout", "0.5")
    assert (result.returncode, result.stdout) == (124, b"bye\n")
    assert sh(shared, "exit 3", "--timeout", "1000").returncode == 3


def test_a_program_that_ended_in_time_did(shared):
    """Even if its output is read later."""
    # So much fits into the pipes between, which begin with ours, of 64 KiB.
    client = shared.popen("exec", "--timeout", "1", G, "--", "head", "-c", "1500000", "/dev/zero")
    time.sleep(2)  # what must pass
    out, _ = client.communicate(timeout=PATIENCE)
    assert (len(out), client.returncode) == (1500000, 0)


def test_timeout_kills_what_does_not_listen(shared):
    start = time.monotonic()
    result = sh(shared, "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & "
                "while :; do sleep 1; done", "--timeout", "0.5")
    assert result.returncode == 124
    assert time.monotonic() - start > 5
    gone(int(result.out))


#: Who is gone is given up after a second.
IMPATIENT = {"hostd_conf": "resume-time = 1\n", "agent_conf": "limits { resume-seconds = 1 }\n"}


@pytest.mark.parametrize("how", ["client killed", "daemon killed", "agent killed"])
def test_nothing_stays_behind(make_world, how):
    """Neither the program nor its children, in whatever session they are."""
    world = make_world(**IMPATIENT).start()
    script = "sleep 1000 & echo $!; setsid sh -c 'echo $$; exec sleep 1000' & echo $$; wait"
    client = world.popen("exec", G, "--", "sh", "-c", script)
    pids = [int(client.stdout.readline()) for _ in range(3)]
    assert all(alive(pid) for pid in pids)
    if how == "client killed":
        client.kill()
    elif how == "daemon killed":
        world.hostd.kill()
    else:
        world.agent.kill()
    client.wait(PATIENCE)
    gone(*pids)
    if how != "client killed":
        assert client.returncode == 125 and b"may have run" in client.stderr.read()


def test_what_a_program_leaves_behind_stays(shared):
    """sh -c 'daemon &' comes back at once, with all of its own output, and the daemon lives."""
    start = time.monotonic()
    result = sh(shared, "sleep 1000 & echo $!; head -c 300000 /dev/zero; exit 5")
    assert result.returncode == 5 and time.monotonic() - start < 10
    line, rest = result.stdout.split(b"\n", 1)
    assert rest == bytes(300000)
    pid = int(line)
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_last_words_of_a_child_that_is_a_little_later(shared):
    result = shared.gl("exec", G, "--", "bash", "-c", "exec > >(sleep 0.02; tr a-z A-Z); echo words")
    assert result.stdout == b"WORDS\n"


def test_two_hundred_at_once(world):
    count = 200
    clients = [world.popen("exec", "-i", G, "--", "sh", "-c", f"read x; echo $x; exit {i % 100}")
               for i in range(count)]
    for i, client in enumerate(clients):
        out, err = client.communicate(b"line %d\n" % i, timeout=PATIENCE * 4)
        assert (out, err, client.returncode) == (b"line %d\n" % i, b"", i % 100)
    until(lambda: not descendants(world.agent.pid), "the agent has no children left")
    assert world.agent.running and world.hostd.running


def test_no_more_programs_than_the_limit(make_world):
    world = make_world(agent_conf="limits { programs = 3 }\n").start()
    clients = [world.popen("exec", "-i", G, "--", "cat") for _ in range(3)]
    for client in clients:
        client.stdin.write(b"up\n")
        client.stdin.flush()
        read_until(client.stdout, b"up\n")
    result = world.gl("exec", G, "--", "true")
    assert result.returncode == 125 and "limit" in result.err and result.err.count("\n") == 1
    clients[0].communicate(timeout=PATIENCE)
    assert world.gl("exec", G, "--", "true").returncode == 0
    for client in clients[1:]:
        client.communicate(timeout=PATIENCE)


# ---------------------------------------------------------------- JSON

def test_json(shared):
    result = sh(shared, r"echo out; sleep 0.1; echo err >&2; sleep 0.1; printf '\377'; exit 3",
                "--json")
    assert result.returncode == 3 and result.stderr == b""
    lines = result.json_lines
    assert all(line["schema"] == 1 for line in lines)
    assert [(line["stream"], line["data"]) for line in lines[:-1]] == [
        ("stdout", "out\n"), ("stderr", "err\n"),
        ("stdout", {"base64": base64.b64encode(b"\xff").decode()})]
    assert lines[-1]["exit"] == {"code": 3, "signal": 0, "signal_name": "", "timed_out": False,
                                 "status": 3}


def test_json_keeps_characters_whole(shared):
    text = "ä€😀" * 50000
    path = shared.path("text")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    lines = shared.gl("exec", "--json", G, "--", "cat", path).json_lines
    assert "".join(line["data"] for line in lines[:-1]) == text


def test_json_of_signals_and_errors(shared):
    result = sh(shared, "kill -9 $$", "--json")
    assert result.returncode == 137
    assert result.json["exit"] == {"code": 0, "signal": 9, "signal_name": "SIGKILL",
                                   "timed_out": False, "status": 137}
    result = shared.gl("--json", "exec", G, "--", "no-such-program")
    assert (result.returncode, result.stdout) == (127, b"")
    assert b'"PROGRAM_NOT_FOUND"' in result.stderr


# ---------------------------------------------------------------- policy

def test_the_policy_judges_program_and_user(make_world):
    world = make_world(agent_conf="""policy {
        default = "deny"
        allow "look" { group = "inspect" }
        allow "date" { service = "exec"  program = "/usr/bin/date" }
    }
    """).start()
    link = world.path("link")
    os.symlink("/usr/bin/id", link)
    assert world.gl("exec", G, "--", "date").returncode == 0
    for refused in ("id", link):
        result = world.gl("exec", G, "--", refused)
        assert (result.returncode, result.stdout) == (125, b"")
        assert result.err.count("\n") == 1
    assert "/usr/bin/id" in world.agent.log()


def test_a_program_that_is_allowed_stays_that_program(make_world):
    """With LD_PRELOAD and the like the host would run what it wants under an allowed name."""
    world = make_world(agent_conf="""policy {
        default = "deny"
        allow "look" { group = "inspect" }
        allow "env" { service = "exec"  program = "/usr/bin/env"  env = {"DEPLOY_*"} }
        allow "date" { service = "exec"  program = "/usr/bin/date" }
    }
    """).start()
    result = world.gl("exec", "-e", "DEPLOY_TO=x", "-e", "LC_ALL=C", G, "--", "env")
    assert result.returncode == 0
    assert {"DEPLOY_TO=x", "LC_ALL=C"} <= set(result.out.splitlines())
    for program, pair in (("env", "LD_PRELOAD=/tmp/x.so"), ("env", "BASH_FUNC_x%%=() { id; }"),
                          ("env", "PATH=/usr/bin"), ("env", "LANG=/tmp/x"), ("date", "DEPLOY_TO=x")):
        result = world.gl("exec", "-e", "DEPLOY_A=1" if program == "env" else "TZ=UTC", "-e", pair,
                          G, "--", program)
        assert (result.returncode, result.stdout) == (125, b"")
        assert pair.split("=")[0] in result.err and result.err.count("\n") == 1
    assert "LD_PRELOAD" in world.agent.log() and "x.so" not in world.agent.log()


def test_the_agent_reports_no_leftover_descriptors(shared):
    """Each job gives back what it took."""
    folder = f"/proc/{shared.agent.pid}/fd"
    sh(shared, "true")
    before = until(lambda: len(os.listdir(folder)), "descriptors")
    for _ in range(full(20, 200)):
        sh(shared, "echo x; no-such-program")
    until(lambda: len(os.listdir(folder)) <= before, "descriptors are given back")


# ---------------------------------------------------------------- links that break

def test_a_cut_link_is_not_noticed(cut_world):
    """The program goes on, and no byte is lost or doubled either way."""
    world, block = cut_world, os.urandom(1 << 20)
    client = world.popen("exec", "-i", G, "--", "cat")
    sent, received = hashlib.sha256(), hashlib.sha256()

    def send():
        for i in range(24):
            piece = block[i:] + block[:i]
            sent.update(piece)
            client.stdin.write(piece)
            if i % 6 == 5:
                world.proxy.cut()
                world.proxy.wait_connected()
        client.stdin.close()

    sender = threading.Thread(target=send)
    sender.start()
    while data := client.stdout.read(1 << 16):
        received.update(data)
    sender.join()
    assert client.wait(PATIENCE) == 0, client.stderr.read()
    assert sent.digest() == received.digest() and world.proxy.cuts >= 4
