# SPDX-License-Identifier: MIT
"""exec --password-stdin of a Windows guest, by a Windows host."""
import pytest

from systems import WINDOWS, WINDOWS_BUILD, KeptWine, Pair
from world import GUEST as G
from world import opened

SECRET = "qZ7#vW2!xK9$mP4&tR6*"


def run(world, line, *options, program=("true",)):
    return world.gl("exec", "--password-stdin", *options, G, "--", *program, stdin=line)


@pytest.mark.skipif(not WINDOWS_BUILD, reason="no build for Windows ($GL_WINDOWS_BUILDDIR)")
def test_a_windows_guest():
    """Wine's LogonUserW takes any password of anybody: what is seen here is all around it."""
    with KeptWine(), opened(Pair(WINDOWS, WINDOWS, False)) as world:
        world.start()
        user = world.gl("exec", G, "--", "cmd", "/c", "echo %USERNAME%").out.strip()
        result = run(world, b"secret\r\nrest\r\n", "-i", "-u", user, program=("sort",))
        assert SECRET not in result.err and b"secret" not in result.stdout, result
        for count in range(6):
            said = run(world, f"{SECRET}\n".encode(), "-u", "nobody-here")
            assert said.returncode == 125 and SECRET not in said.err
            assert ("wait for a minute" if count == 5 else "user name or the password is wrong") in said.err, said
        for log in (world.hostd, world.agent):
            assert SECRET not in log.log()
