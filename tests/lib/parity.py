#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes doc/PARITY.md of what a run of tests/integration/test_spine.py and test_windows.py showed.

    GL_PARITY=results.jsonl make check TESTS='tests/integration/test_spine.py tests/integration/test_windows.py'
    tests/lib/parity.py results.jsonl doc/PARITY.md

The table between the two marks is made anew; what stands around it is written by hand. (`make parity` in a build
folder for Linux does both; $GL_WINDOWS_BUILDDIR names the one for Windows.)
"""
import ast
import json
import os
import sys

BEGIN, END = "<!-- made by tests/lib/parity.py -->\n", "<!-- end of what is made -->\n"
COLUMNS = {
    "linux-linux": "Linux, Linux",
    "windows-windows": "Windows, Windows (pipes)",
    "windows-windows-hvsock": "Windows, Windows (AF_HYPERV)",
    "windows-linux": "Windows, Linux",
    "linux-windows": "Linux, Windows",
}
MARKS = {"passed": "yes", "failed": "**no**", "skipped": "-"}


def features(path):
    """[(test, feature)] of a test module, in its order."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    return [(node.name, " ".join((ast.get_docstring(node) or "").split())) for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and ast.get_docstring(node)]


def note(item, report):
    """For conftest.py: one line of what came of a test, appended to $GL_PARITY."""
    if report.when != "call" and report.passed:
        return
    pair = item.callspec.params.get("pair") if hasattr(item, "callspec") else None
    with open(os.environ["GL_PARITY"], "a", encoding="utf-8") as file:
        json.dump({"module": item.module.__name__, "test": item.originalname, "pair": pair,
                   "outcome": report.outcome}, file)
        file.write("\n")


def outcomes(path):
    """{(module, test, pair): worst outcome}."""
    worst = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            found = json.loads(line)
            key = (found["module"], found["test"], found["pair"])
            if worst.get(key) != "failed":
                worst[key] = found["outcome"]
    return worst


def table(source, results):
    lines = ["| feature | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for test, feature in features(os.path.join(source, "tests/integration/test_spine.py")):
        marks = [MARKS.get(results.get(("test_spine", test, pair)), "?") for pair in COLUMNS]
        lines.append(f"| {feature} | " + " | ".join(marks) + " |")
    lines += ["", "| on Windows alone | under Wine |", "|---|---|"]
    for test, feature in features(os.path.join(source, "tests/integration/test_windows.py")):
        lines.append(f"| {feature} | {MARKS.get(results.get(('test_windows', test, None)), '?')} |")
    return "\n".join(lines) + "\n"


def main(results, document):
    with open(document, encoding="utf-8") as file:
        text = file.read()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = table(os.path.join(os.path.dirname(document), ".."), outcomes(results))
    with open(document, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + made + END + after)


if __name__ == "__main__":
    main(*sys.argv[1:])
