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


@pytest.mark.parametrize("guid", [
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "90db8b89-0d35-4f79-8ce9-49ea0ac8b7cd", "{E0E16197-DD56-4A10-9195-5EE7A155A838}",
    "a42e7cda-d03f-480c-9cc2-a4de20abb878", "36bd0c5c-7276-4223-88ba-7d03b654c568",
    "00000000-facb-11e6-bd58-64006a7986d3", "80000000-facb-11e6-bd58-64006a7986d3",
    "ffffffff-FACB-11e6-bd58-64006a7986d3"])
def test_what_means_something_else_to_hyper_v_is_no_service(shared, guid):
    done = shared.gl("service", "register", "--guid", guid, "mine")
    assert done.returncode == 2 and done.err.count("\n") == 1
    assert guid.strip("{}").lower() in done.err and "cannot be a service" in done.err


@pytest.mark.parametrize("args", [
    [], ["nothing"], ["list", "x"], ["register"], ["register", ""], ["register", "a", "b"],
    ["register", "a\nb"], ["register", "x" * 256], ["register", "--port", "0", "x"],
    ["register", "--port", "2147483648", "x"], ["register", "--port", "5x", "x"],
    ["register", "--guid", "5000", "x"], ["register", "--guid", "5ec7a11e", "x"],
    ["register", "--port", "1", "--guid", "5ec7a11e-0000-4000-8000-000000000001", "x"],
    ["--port", "1", "list"], ["unregister"], ["unregister", "name"], ["unregister", "1", "2"]])
def test_wrong_usage(shared, args):
    done = shared.gl("service", *args)
    assert done.returncode == 2 and done.out == "" and done.err.count("\n") == 1, done
