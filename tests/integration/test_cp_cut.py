# SPDX-License-Identifier: MIT
"""Copies whose connection is cut, and copies whose programs are killed in the middle."""
import glob
import hashlib
import os
import random

import pytest

from cutproxy import DOWN, UP
from world import full

SEED = int(os.environ.get("GL_SEED", "10"))
BIG = full(48 << 20, 1 << 30)
FILES = full(2000, 20000)


def make_file(path, size=BIG):
    """Random bytes, a hole, and random bytes again: what an image looks like."""
    rng = random.Random(SEED)
    with open(path, "wb") as file:
        block = rng.randbytes(1 << 20)
        for number in range(size >> 20):
            if (number >> 2) % 4 == 1:
                file.seek(1 << 20, os.SEEK_CUR)
            else:
                file.write(number.to_bytes(8, "little") + block[8:])
        file.truncate(size)
    os.chmod(path, 0o640)
    return path


def make_tree(path):
    """Many small files, some folders, modes, a symbolic link, an empty file."""
    rng = random.Random(SEED)
    for number in range(FILES):
        folder = os.path.join(path, f"d{number % 17}", f"e{number % 5}")
        os.makedirs(folder, exist_ok=True)
        name = os.path.join(folder, f"file {number}")
        with open(name, "wb") as file:
            file.write(rng.randbytes(rng.choice((0, 1, 100, 5000, 40000))))
        os.chmod(name, rng.choice((0o644, 0o600, 0o755)))
    os.symlink("d1/e1", os.path.join(path, "link"))
    return path


def digest(path):
    """Of a file: content and mode. Of a folder: of all in it, with names."""
    out = hashlib.sha256()
    if os.path.islink(path):
        out.update(b"link" + os.fsencode(os.readlink(path)))
    elif os.path.isdir(path):
        for name in sorted(os.listdir(path)):
            out.update(os.fsencode(name) + b"\0" + digest(os.path.join(path, name)).encode())
    else:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                out.update(block)
        out.update(b"%o" % os.stat(path).st_mode)
    return out.hexdigest()


def temporaries(folder):
    """What an unfinished copy left: names that the target does not have, all hidden."""
    return [name for name in os.listdir(folder) if name.startswith(".")]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    os.chmod(folder, 0o755)
    return {"file": make_file(str(folder / "file")), "tree": make_tree(str(folder / "tree"))}


@pytest.mark.parametrize("what", ["file", "tree"])
@pytest.mark.parametrize("way", ["in", "out"])
def test_a_copy_that_is_cut_10_times(cut_world, sources, what, way):
    source = sources[what]
    target = cut_world.path("copy")
    total = BIG * 3 // 4 if what == "file" else FILES * 9000
    rng = random.Random(SEED)
    direction = DOWN if way == "in" else UP
    cut_world.proxy.cut_after(direction, total // 40)
    cut_world.proxy.plan_cuts(direction,
                              [rng.randrange(total // 80, total // 12) for _ in range(9)])
    ends = [source, f"g1:{target}"] if way == "in" else [f"g1:{source}", target]
    result = cut_world.gl("cp", *(["-r"] if what == "tree" else []), *ends, timeout=full(120, 1800))
    assert (result.returncode, result.err) == (0, "")
    assert digest(target) == digest(source)
    assert cut_world.proxy.cuts == 10
    assert not temporaries(cut_world.tmp)


@pytest.mark.parametrize("victim", ["agent", "hostd", "client"])
@pytest.mark.parametrize("way", ["in", "out"])
def test_a_copy_whose_program_is_killed(cut_world, sources, way, victim):
    world, source = cut_world, sources["file"]
    target = world.path("copy")
    ends = [source, f"g1:{target}"] if way == "in" else [f"g1:{source}", target]
    world.proxy.stall_after(DOWN if way == "in" else UP, BIG // 4)
    client = world.popen("cp", *ends)
    world.proxy.wait_stalled()
    if victim == "client":
        client.kill()
        client.communicate()
    else:
        getattr(world, victim).kill()
    world.proxy.cut()
    world.proxy.go_on()
    if victim == "agent":  # the host waits for it, until another comes
        world.start_agent()
    if victim != "client":
        out, err = client.communicate(timeout=60)
        assert client.returncode == 1, err
        assert out == b"" and err.startswith(b"guestlink cp: ") and err.count(b"\n") == 1, err
    assert not os.path.exists(target)
    if victim == "hostd":
        world.start_hostd()
        world.wait_guest()

    before = world.proxy.bytes[DOWN if way == "in" else UP]
    result = world.gl("cp", "--resume", *ends, timeout=full(120, 1800))
    assert (result.returncode, result.err) == (0, "")
    assert digest(target) == digest(source)
    assert not temporaries(world.tmp)
    sent = world.proxy.bytes[DOWN if way == "in" else UP] - before
    assert sent < BIG * 3 // 4, "the second try began anew"


def test_a_tree_whose_agent_is_killed_has_whole_files_only(cut_world, sources):
    world, source = cut_world, sources["tree"]
    os.mkdir(world.path("into"))
    target = world.path("into", "tree")
    size = sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(source)
               for name in names)
    world.proxy.stall_after(DOWN, size * 3 // 4)
    client = world.popen("cp", "-r", source, f"g1:{world.path('into')}")
    world.proxy.wait_stalled()
    world.agent.kill()
    world.proxy.cut()
    world.proxy.go_on()
    world.start_agent()
    _, err = client.communicate(timeout=60)
    assert client.returncode == 1 and err.count(b"\n") == 1, err
    whole = 0
    for path in glob.iglob(os.path.join(target, "**", "*"), recursive=True):
        if os.path.isfile(path) and not os.path.islink(path):
            assert digest(path) == digest(os.path.join(source, os.path.relpath(path, target))), path
            whole += 1
    assert 0 < whole < FILES
    before = world.proxy.bytes[DOWN]
    result = world.gl("cp", "-r", "--resume", source, f"g1:{world.path('into')}",
                      timeout=full(120, 1800))
    assert (result.returncode, result.err) == (0, "")
    assert digest(target) == digest(source)
    assert world.proxy.bytes[DOWN] - before < size * 3 // 4, "the second try began anew"
