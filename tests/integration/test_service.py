# SPDX-License-Identifier: MIT
"""guestlink service where no host registers any, and what it takes for wrong usage everywhere."""
import json

import pytest


@pytest.mark.parametrize("args", [
    ["list"], ["register", "mine"], ["register", "--port", "5000", "mine"],
    ["register", "--guid", "5ec7a11e-0000-4000-8000-000000000001", "mine"],
    ["unregister", "5000"], ["unregister", "5ec7a11e-0000-4000-8000-000000000001"]])
def test_it_says_that_only_windows_has_it(shared, args):
    done = shared.gl("service", *args)
    assert done.returncode == 1 and done.out == ""
    assert done.err.count("\n") == 1 and "Windows" in done.err
    error = json.loads(shared.gl("--json", "service", *args).err)["error"]
    assert error["code"] == "UNSUPPORTED"


@pytest.mark.parametrize("args", [
    [], ["nothing"], ["list", "x"], ["register"], ["register", ""], ["register", "a", "b"],
    ["register", "a\nb"], ["register", "x" * 256], ["register", "--port", "0", "x"],
    ["register", "--port", "2147483648", "x"], ["register", "--port", "5x", "x"],
    ["register", "--guid", "5000", "x"], ["register", "--guid", "5ec7a11e", "x"],
    ["register", "--guid", "00000000-0000-0000-0000-000000000000", "x"],
    ["register", "--port", "1", "--guid", "5ec7a11e-0000-4000-8000-000000000001", "x"],
    ["--port", "1", "list"], ["unregister"], ["unregister", "name"], ["unregister", "1", "2"]])
def test_wrong_usage(shared, args):
    done = shared.gl("service", *args)
    assert done.returncode == 2 and done.out == "" and done.err.count("\n") == 1, done
