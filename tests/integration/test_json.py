# SPDX-License-Identifier: MIT
"""What the commands print with --json is what doc/JSON.md says: each key, each type, each code."""
import base64
import json
import os
import re

import pytest

from world import SOURCE


def tables():
    """{object: {key: (type, meaning)}}, {code}, of the page."""
    objects, codes, name = {}, set(), None
    with open(os.path.join(SOURCE, "doc/JSON.md"), encoding="utf-8") as file:
        for line in file:
            if line.startswith("#"):
                name = line.lstrip("#").strip()
            row = re.fullmatch(r"\| `([^`]+)` \| (.*?) \|(?: (.*?) ?\|)?\n", line)
            if row and line.count(" | ") >= 1 and name == "Error codes":
                codes.add(row[1])
            elif row and line.count("|") == 4 and name not in (None, "What each command answers"):
                objects.setdefault(name, {})[row[1]] = (row[2], row[3] or "")
    return objects, codes


OBJECTS, CODES = tables()


def check(value, kind, meaning="", where=""):
    """Asserts that a value is of a type of the page."""
    if kind.endswith(" or null"):
        if value is None:
            return
        kind = kind[:-len(" or null")]
    if kind.startswith("list of "):
        assert isinstance(value, list), where
        for item in value:
            check(item, kind[len("list of "):], where=where)
    elif kind == "bytes" and isinstance(value, dict):
        assert list(value) == ["base64"], where
        base64.b64decode(value["base64"], validate=True)
    elif kind in ("string", "bytes"):
        assert isinstance(value, str), (where, value)
    elif kind == "word":
        listed = CODES if where.endswith("error.code") else re.findall(r"`(\w+)`", meaning)
        assert value in listed, (where, value, listed)
    elif kind == "integer":
        assert isinstance(value, int) and not isinstance(value, bool) and value >= 0, (where, value)
    elif kind == "number":
        assert isinstance(value, float), (where, value)
    elif kind == "boolean":
        assert isinstance(value, bool), (where, value)
    else:
        check_object(value, kind, where)


def check_object(value, name, where=""):
    assert isinstance(value, dict), (where, value)
    documented = OBJECTS[name]
    assert set(value) == set(documented), (where, name)
    for key, item in value.items():
        check(item, *documented[key], where=f"{where}.{key}")


def check_answer(line, *names):
    """One line of output is one of these answers."""
    assert line.pop("schema") == 1
    name = next((n for n in names if set(OBJECTS[n]) == set(line)), None)
    assert name, f"{sorted(line)} is none of {names}"
    check_object(line, name)
    return name


def test_the_page_was_read():
    assert len(OBJECTS) > 20 and OBJECTS["guest"]["state"][0] == "word"
    for fields in OBJECTS.values():
        for kind, _ in fields.values():
            kind = re.sub(r"^list of | or null$", "", kind)
            assert kind in OBJECTS or kind in ("string", "bytes", "integer", "number", "boolean",
                                               "word"), kind


def test_all_codes_are_in_the_page():
    with open(os.path.join(SOURCE, "common/status.h"), encoding="utf-8") as file:
        assert set(re.findall(r"X\(\d+, (\w+),", file.read())) == CODES


@pytest.mark.parametrize("args, names", [
    (["ls"], ["guests-answer"]), (["trust", "ls"], ["guests-answer"]),
    (["info", "g1"], ["info-answer"]),
    (["ping", "-c", "2", "-i", "0", "g1"], ["ping-line", "ping-line", "ping-answer"]),
    (["wait", "g1"], ["guest-answer"]), (["wait", "--for", "connected", "g1"], ["guest-answer"]),
    (["rename", "g1", "g1"], ["guest-answer"]), (["trust", "accept", "g1"], ["guest-answer"]),
    (["doctor"], ["doctor-answer"]), (["doctor", "g1"], ["doctor-answer"]),
    (["version"], ["version-answer"]), (["trust", "site"], ["site-answer"]),
    (["exec", "g1", "--", "sh", "-c", r"printf '\303\251\377\n'; exit 3"],
     ["output-line", "exit-answer"]),
    (["exec", "g1", "--", "sh", "-c", "kill -9 $$"], ["exit-answer"]),
    (["exec", "--timeout", "0.1", "g1", "--", "sleep", "1000"], ["exit-answer"]),
], ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None)
def test_an_answer(shared, args, names):
    result = shared.gl("--json", *args)
    assert result.err == "", result
    assert not re.search(r"\d\.0*[1-9]\d{15}", result.out), "digits that no double has"
    assert [check_answer(line, *names) for line in result.json_lines] == names


def test_a_copy_and_its_problems(shared):
    os.mkdir(shared.path("tree"))
    os.mkfifo(shared.path("tree/fifo"))
    with open(shared.path("tree/file"), "w", encoding="ascii") as file:
        file.write("content")
    result = shared.gl("--json", "cp", "-r", shared.path("tree"), f"g1:{shared.path('copy')}")
    assert result.returncode == 1
    check_answer(result.json, "cp-answer")
    check_answer(json.loads(result.err), "error-answer")


@pytest.mark.parametrize("args", [
    ["info", "nobody"], ["info"], ["exec", "g1", "--", "/no/such"], ["forget", "g1"],
    ["exec", "-u", "nobody-at-all", "g1", "--", "true"], ["cp", "g1:/no/such", "/tmp"],
    ["wait", "--timeout", "0.1", "nobody"], ["--control", "/no/such", "ls"],
], ids=" ".join)
def test_an_error(shared, args):
    result = shared.gl("--json", *args)
    assert result.returncode != 0
    for line in result.err.splitlines():
        check_answer(json.loads(line), "error-answer")
    assert result.err.count("\n") == 1


def test_what_needs_a_world_of_its_own(world):
    world.gl("trust", "revoke", "g1", check=True)
    check_answer(world.gl("--json", "trust", "ls").json, "guests-answer")
    check_answer(world.gl("--json", "doctor", "g1").json, "doctor-answer")
    check_answer(world.gl("--json", "trust", "accept", "g1").json, "guest-answer")
    check_answer(world.gl("--json", "trust", "revoke", "g1").json, "guest-answer")
    check_answer(world.gl("--json", "forget", "g1").json, "forget-answer")
    check_answer(world.gl("--json", "trust", "site", "init", "--force", "elsewhere").json,
                 "site-answer")
    world.hostd.stop()
    check_answer(world.gl("--json", "version").json, "version-answer")
