# SPDX-License-Identifier: MIT
"""What the guest's log says of each call: who, what, and how it really ended."""
import os
import re

from world import until


def record(world, call, *words, count=1):
    """The newest line about such a call, when there are `count` with these words; as a dict."""
    def found():
        lines = [line for line in world.agent.log_lines(f"call {call} ")
                 if all(word in line for word in words)]
        return len(lines) >= count and lines[-1]

    line = until(found, f"a record of {call} with {words}")
    pairs = re.findall(r' (\w+)=("(?:[^"\\]|\\.)*"|\S+)', line)
    record.line = line
    return {key: value.strip('"') for key, value in reversed(pairs)}


def test_what_went_well(shared):
    path = shared.path("well")
    assert shared.gl("cp", "-", f"g1:{path}", stdin=b"x").returncode == 0
    said = record(shared, "file.receive", path)
    assert said["status"] == "OK" and said["caller"] and "problems" not in said
    assert shared.gl("exec", "g1", "--", "true").returncode == 0
    said = record(shared, "exec.start", "/true")
    assert said["status"] == "OK" and said["program"].endswith("/true") and "user" in said


def test_a_file_that_is_not_there(shared):
    path = shared.path("not-there")
    assert shared.gl("cp", f"g1:{path}", "-").returncode == 1
    said = record(shared, "file.send", path)
    assert said["status"] == "NOT_FOUND" and said["path"] == path and said["problems"] == "1"


def test_a_file_that_cannot_be_written(shared):
    os.mkdir(shared.path("folder"))
    os.mkdir(shared.path("folder/name"))
    with open(shared.path("name"), "w", encoding="ascii"):
        pass
    assert shared.gl("cp", shared.path("name"), f"g1:{shared.path('folder')}").returncode == 1
    said = record(shared, "file.receive", shared.path("folder"))
    assert said["status"] == "IS_DIRECTORY" and said["problems"] == "1", record.line
    assert said["failed"] == shared.path("folder/name")


def test_one_of_many_files_that_cannot_be_read(shared):
    tree = shared.path("tree")
    os.mkdir(tree)
    for name in "abc":
        with open(f"{tree}/{name}", "w", encoding="ascii"):
            pass
    os.mkfifo(f"{tree}/fifo")
    assert shared.gl("cp", "-r", f"g1:{tree}", shared.path("copy-of-tree")).returncode == 1
    said = record(shared, "file.send", tree)
    assert said["status"] == "UNSUPPORTED" and said["problems"] == "1"
    assert said["path"] == tree and said["failed"] == f"{tree}/fifo"


def test_what_fails_at_the_host_is_no_failure_of_the_guest(shared):
    with open(shared.path("source"), "w", encoding="ascii"):
        pass
    os.mkdir(shared.path("in-the-way"))
    os.mkdir(shared.path("in-the-way/source"))
    result = shared.gl("cp", f"g1:{shared.path('source')}", shared.path("in-the-way"))
    assert result.returncode == 1
    said = record(shared, "file.send", shared.path("source") + '"')
    assert said["status"] == "OK" and "problems" not in said, record.line


def test_paths_that_are_denied(make_world):
    world = make_world(agent_conf='policy {\n default = allow\n deny "no" { path = "/etc/*" }\n}\n')
    world.start()
    for options in ([], ["--resume"]):
        assert world.gl("cp", *options, "g1:/etc/hostname", world.path("x")).returncode == 1
    said = record(world, "file.send", "/etc/hostname", count=2)
    assert said["status"] == "PERMISSION_DENIED" and said["path"] == "/etc/hostname"
    assert said["problems"] == "1" and "agent.conf:3" in said["rule"] and "failed" not in said
    assert world.gl("cp", "-", "g1:/etc/guestlink-test", stdin=b"x").returncode == 1
    said = record(world, "file.receive", "/etc/guestlink-test")
    assert said["status"] == "PERMISSION_DENIED" and said["path"] == "/etc/guestlink-test"


def test_services_that_are_denied_altogether(make_world):
    world = make_world(agent_conf='policy {\n default = allow\n'
                                  ' deny "no" { service = { "exec", "file" } }\n}\n').start()
    assert world.gl("exec", "-u", "nobody", "g1", "--", "/bin/some \"prog\"", "x").returncode == 125
    said = record(world, "exec.start")
    assert said["status"] == "PERMISSION_DENIED" and said["user"] == "nobody"
    assert r'program="/bin/some \"prog\""' in record.line
    assert world.gl("shell", "g1").returncode == 125
    assert "program" not in record(world, "exec.start", count=2)
    assert world.gl("cp", "-", "g1:/tmp/new", stdin=b"x").returncode == 1
    assert record(world, "file.receive")["path"] == "/tmp/new"
    assert world.gl("cp", "g1:/tmp/a", "g1:/tmp/b", world.dir).returncode == 1
    said = record(world, "file.send")
    assert said["status"] == "PERMISSION_DENIED" and said["paths"] == "2"
    assert said["path"] == "/tmp/a" and "agent.conf:3" in said["rule"]


def test_programs_that_cannot_be_run(shared):
    for user, name, status in (("no-such-user", "true", "NOT_FOUND"),
                               (None, "/no/such/program", "PROGRAM_NOT_FOUND")):
        options = ["-u", user] if user else []
        assert shared.gl("exec", *options, "g1", "--", name).returncode in (125, 127)
        said = record(shared, "exec.start", user or name)
        assert said["status"] == status and said["program"] == name, record.line
        assert said.get("user") == user or not user
