# SPDX-License-Identifier: MIT
"""Fixtures of the integration tests; tests/lib/world.py has what they give."""
import contextlib
import os
import signal
import socket

import pytest

import parity
from cutproxy import CutProxy
from world import WORLDS, World, full, opened

#: Seconds that a test may take, fixtures of its own included; @pytest.mark.deadline(N) gives another.
DEADLINE = full(150, 1500)


def has_vsock():
    """Whether this process can make an AF_VSOCK socket. To make one touches nobody."""
    try:
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


def pytest_configure(config):
    if has_vsock():
        pytest.exit("these tests only run without vsock: by `make check`, or by "
                    "BUILD/tests/lib/no-vsock python3 -m pytest ...", returncode=4)
    config.addinivalue_line("markers", "deadline(seconds): how long the test may take")


@pytest.fixture(autouse=True)
def deadline(request):
    """What blocks for ever fails, instead of the whole run."""
    marker = request.node.get_closest_marker("deadline")
    seconds = marker.args[0] if marker else DEADLINE

    def over(*_):
        raise TimeoutError(f"the test took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """The logs of all worlds go with a test that failed."""
    del call
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("GL_PARITY") and item.module.__name__ in ("test_spine", "test_windows"):
        parity.note(item, report)
    if report.failed:
        for number, world in enumerate(WORLDS, 1):
            report.sections.append((f"logs of world {number}", world.logs()))


@pytest.fixture(scope="module")
def shared():
    """A world, started, that several tests use and none may break. Its guest is called g1."""
    with opened(World()) as own:
        yield own.start()


@pytest.fixture
def world():
    """A world of the test's own, started."""
    with opened(World()) as own:
        yield own.start()


@pytest.fixture
def make_world():
    """A function that makes worlds that are not started, with World's parameters."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(opened(World(**options)))


@pytest.fixture
def cut_world():
    """A world whose agent dials through a CutProxy (world.proxy); started."""
    own = World()
    own.connect = own.dir + "/proxy.sock"
    with CutProxy(own.connect, own.guests) as own.proxy, opened(own):
        yield own.start()
