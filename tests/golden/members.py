#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every member of the configuration, with a value of every other kind.

usage: members.py REFUSAL ACCEPTED

ACCEPTED is a document with all members that there are; REFUSAL prints what is said about a file.
Each value in the document is replaced, one at a time, by values of the kinds of JSON that it is
not, by a fraction and by numbers that no member can hold. Each has to be refused by a message that
begins with the file, the line and the member. A member that is null is one that is absent, as for
every reader written in Go, and is left out here.
"""

import copy
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent.parent / "src/oci"
ROW = re.compile(r"""\bB_[A-Z0-9_]+\([^;{}"]*?"([A-Za-z0-9]+)\"""")

# In the document to show that they are ignored: other systems, other times.
IGNORED = {"username", "commandLine", "windows", "x-future", "enableCMT"}
KEYS = {"clock"}                # rows whose name stands for any key

# One value of each kind, and numbers that are wrong everywhere.
KINDS = {"null": None, "boolean": True, "number": 7, "string": "word", "array": ["word"],
         "object": {"word": "word"}}
NUMBERS = [1.5, 2 ** 64, -(2 ** 63) - 1]


def kind(value):
    """The kind of JSON that a value is."""
    if value is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", str: "string", list: "array",
            dict: "object"}[type(value)]


def walk(value, path=()):
    """Each (path, value) of a document, itself left out."""
    inner = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield path + (key,), one
        yield from walk(one, path + (key,))


def name(path):
    """process.args[1]: as messages write it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"\w+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def changed(document, path, value):
    made = copy.deepcopy(document)
    at = made
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return made


def cases(document):
    """(path, wrong value)"""
    for path, value in walk(document):
        if IGNORED.intersection(path):
            continue
        for other, wrong in KINDS.items():
            if other != kind(value) and not (wrong is None and isinstance(path[-1], str)):
                yield path, wrong
        if kind(value) == "number":
            yield from ((path, wrong) for wrong in NUMBERS)


def judge(program, document, place, case):
    """What is wrong with the answer to one case, or nothing."""
    number, (path, wrong) = case
    file = os.path.join(place, str(number), "config.json")
    os.mkdir(os.path.dirname(file))
    with open(file, "w", encoding="utf-8") as out:
        json.dump(changed(document, path, wrong), out, indent=1)
    said = subprocess.run([program, file], capture_output=True, text=True, timeout=60,
                          check=False).stdout
    os.unlink(file)
    what = f"{name(path)} = {json.dumps(wrong)}"
    if said == "accepted\n":
        return f"{what}: accepted"
    begins = re.match(rf"config\.json:\d+: {re.escape(name(path))}: \S", said)
    return "" if begins else f"{what}: {said.strip()}"


def main():
    program, accepted = sys.argv[1:]
    with open(accepted, encoding="utf-8") as text:
        document = json.load(text)
    present = {part for path, _ in walk(document) for part in path}
    rows = {row for source in SOURCES.glob("*.c") for row in ROW.findall(source.read_text())}
    wrong = [f"{row}: not in {os.path.basename(accepted)}" for row in sorted(rows - present - KEYS)]
    todo = list(enumerate(cases(document)))
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        wrong += filter(None, pool.map(lambda case: judge(program, document, place, case), todo))
    print(*wrong, sep="\n")
    print(f"{len(todo)} cases, {len(rows)} members, {len(wrong)} wrong")
    return 1 if wrong or not todo or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
