# SPDX-License-Identifier: MIT
"""What becomes of a file that cp replaces: owner, permissions, hard links."""
import os
import stat
import struct

import pytest

NOBODY = 65534

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@pytest.fixture(params=["into", "out"])
def copy(shared, request):
    """A function that copies, into the guest or out of it."""
    def run(*operands, options=(), **more):
        *sources, target = operands
        if request.param == "into":
            target = f"g1:{target}"
        else:
            sources = [f"g1:{source}" for source in sources]
        result = shared.gl("cp", *options, *sources, target, **more)
        assert result.returncode == 0 and result.err == "", result
    return run


@pytest.fixture
def pair(shared, request):
    """A new file with mode 0640, and an old one with 0604, in a folder of their own."""
    folder = shared.path(request.node.name)
    os.mkdir(folder)
    for name, text, mode in (("new", "new content", 0o640), ("old", "old", 0o604)):
        path = f"{folder}/{name}"
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
    return f"{folder}/new", f"{folder}/old"


def owner(path):
    st = os.stat(path)
    return st.st_uid, st.st_gid


def content(path):
    with open(path, encoding="ascii") as file:
        return file.read()


@root_only
@pytest.mark.parametrize("size", [11, 100_000])
def test_the_owner_stays_and_permissions_come_with_the_file(copy, pair, size):
    new, old = pair
    os.truncate(new, size)
    os.chown(old, NOBODY, 12345)
    copy(new, old)
    assert owner(old) == (NOBODY, 12345)
    assert stat.S_IMODE(os.stat(old).st_mode) == 0o640
    assert os.stat(old).st_size == size


@root_only
def test_a_file_that_is_new_is_ours(copy, pair):
    new, old = pair
    os.chown(new, NOBODY, NOBODY)
    copy(new, old + "-other")
    assert owner(old + "-other") == (os.geteuid(), os.getegid())


@root_only
@pytest.mark.parametrize("mode", [0o1777, 0o1770, 0o775, 0o733])
def test_not_where_others_may_lay_a_file(copy, pair, mode):
    """Whoever took the name in /tmp, or in his project's folder, before us does not get the content."""
    new, old = pair
    os.chown(os.path.dirname(old), 0, 12345)
    os.chmod(os.path.dirname(old), mode)
    os.chown(old, NOBODY, 12345)
    copy(new, old)
    assert owner(old) == (os.geteuid(), os.getegid()) and content(old) == "new content"


@root_only
def test_not_where_an_access_control_list_lets_others_write(copy, pair):
    new, old = pair
    everybody = 0xffffffff
    entries = [(1, 7, everybody), (2, 7, NOBODY), (4, 5, everybody), (16, 7, everybody), (32, 5, everybody)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)  # acl(5)
    try:
        os.setxattr(os.path.dirname(old), "system.posix_acl_access", acl)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error}")
    os.chown(old, NOBODY, NOBODY)
    copy(new, old)
    assert owner(old) == (os.geteuid(), os.getegid())


@root_only
@pytest.mark.parametrize("mode", [0o1777, 0o2775])
def test_but_the_owner_of_the_folder_keeps_his_files(copy, pair, mode):
    """Who may do there what he likes in any case: a home folder that a group may write to, too."""
    new, old = pair
    os.chown(os.path.dirname(old), NOBODY, 12345)
    os.chmod(os.path.dirname(old), mode)
    os.chown(old, NOBODY, 12345)
    copy(new, old)
    assert owner(old) == (NOBODY, 12345) and content(old) == "new content"


@root_only
def test_a_link_gives_no_owner(copy, pair):
    """In a folder it is replaced, not followed: what it led to stays as it is."""
    new, old = pair
    os.chown(old, NOBODY, NOBODY)
    link = os.path.dirname(old) + "/into/new"
    os.mkdir(os.path.dirname(link))
    os.symlink(old, link)
    os.lchown(link, NOBODY, NOBODY)
    copy(new, os.path.dirname(link))
    assert not os.path.islink(link) and owner(link)[0] == os.geteuid()
    assert content(old) == "old"


def test_other_names_keep_the_old_content(copy, pair):
    new, old = pair
    os.link(old, old + "-name")
    copy(new, old)
    assert content(old) == "new content" and content(old + "-name") == "old"


def test_what_is_read_from_standard_input_keeps_the_permissions(shared, pair):
    _, old = pair
    if os.geteuid() == 0:
        os.chown(old, NOBODY, NOBODY)
    before = owner(old)
    assert shared.gl("cp", "-", f"g1:{old}", stdin=b"piped").returncode == 0
    assert content(old) == "piped" and owner(old) == before
    assert stat.S_IMODE(os.stat(old).st_mode) == 0o604


# ---------------------------------------------------------------------------- what is the same already

@pytest.mark.parametrize("options", [[], ["--resume"]], ids=["plain", "resume"])
def test_small_files_that_are_the_same_stay_and_others_are_replaced(copy, shared, request, options):
    """Many files, so that they are synced together: of each tenth one thing differs."""
    top = shared.path(request.node.name)
    source, target = f"{top}/source", f"{top}/target"
    for folder in (source, target):
        os.makedirs(folder)
    for i in range(600):
        with open(f"{source}/{i}", "w", encoding="ascii") as file:
            file.write(f"content {i}" if i % 7 else "")
    copy(f"{source}/.", target, options=["-r"])
    before = {name: os.stat(f"{target}/{name}").st_ino for name in os.listdir(target)}
    assert len(before) == 600
    changed = set()
    for i in range(0, 600, 10):
        path = f"{target}/{i}"
        if i % 40 == 0:  # of the same size and time
            st = os.stat(path)
            with open(path, "r+", encoding="ascii") as file:
                file.write("C" if st.st_size else "more")
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
        elif i % 40 == 10:
            os.chmod(path, 0o600)
        elif i % 40 == 20:
            os.utime(path)
        else:
            os.link(path, f"{top}/link{i}")
        changed.add(str(i))
    copy(f"{source}/.", target, options=["-r", *options])
    for name, inode in before.items():
        new, st = os.stat(f"{source}/{name}"), os.stat(f"{target}/{name}")
        assert content(f"{source}/{name}") == content(f"{target}/{name}"), name
        assert (st.st_mode, st.st_mtime_ns) == (new.st_mode, new.st_mtime_ns), name
        assert (st.st_ino != inode) == (name in changed), name
    assert sorted(os.listdir(target)) == sorted(before)


@root_only
def test_another_users_file_of_the_same_content_is_replaced(copy, pair):
    """Its owner could change it afterwards."""
    new, old = pair
    copy(new, old)
    before = os.stat(old).st_ino
    os.chown(old, NOBODY, NOBODY)
    copy(new, old)
    assert content(old) == "new content" and os.stat(old).st_ino != before


@pytest.mark.parametrize("last", ["file", "big", "link"])
def test_of_one_name_the_last_source_counts(copy, shared, request, last):
    """Sources laid over each other, and once more over what they have made."""
    folder = shared.path(request.node.name)
    for name in ("base", "override"):
        os.makedirs(f"{folder}/{name}")
    times = 20_000 if last == "big" else 1  # not sent whole with its name
    with open(f"{folder}/base/conf", "w", encoding="ascii") as file:
        file.write("base" * 2 * times)
    if last == "link":
        os.symlink("elsewhere", f"{folder}/override/conf")
    else:
        with open(f"{folder}/override/conf", "w", encoding="ascii") as file:
            file.write("override" * times)
    os.mkdir(f"{folder}/to")
    for _ in range(3):
        copy(f"{folder}/base/.", f"{folder}/override/.", f"{folder}/to",
             options=["-r", "--resume"] if last == "big" else ["-r"])
        if last == "link":
            assert os.readlink(f"{folder}/to/conf") == "elsewhere"
        else:
            assert content(f"{folder}/to/conf") == "override" * times
