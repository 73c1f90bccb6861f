#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every option of every command, as --help shows them, with values that cannot be.

usage: options.py PROGRAM

PROGRAM is the command line with operations that only say what they were called with: what it
accepts would have been done. Each mistake has to be refused with status 1 (255 for exec's values),
by a message that names the option or the value.
"""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

OPTION = re.compile(r"^ {2}(?:-\w, | {4})--([\w-]+)(?: ([A-Z][A-Z\[\]:=]*))?(?: |$)", re.M)
COMMAND = re.compile(r"^ {2}(\w+) {2,}", re.M)
LARGE = "99999999999999999999"

# What is wrong for an argument of a name; what is not here takes any text.
WRONG = {
    **{name: ["word", "", "1x", LARGE, "1.5.5"] for name in
       ("N", "MS", "USEC", "SIZE", "SHARES", "WEIGHT", "TIME", "WHETHER", "GID")},
    **{name: ["bogus", ""] for name in ("FORMAT", "MANAGER", "WHICH", "WHEN")},
    **{name: [""] for name in ("DIR", "FILE", "SOCKET")},
    "UID[:GID]": ["word", "-1", "4294967295", "1:", ":1", "1:2:3"],
    "CIDR[:PORT]": ["word", "300.1.1.1/8", "10.0.0.0/33"],
}
# The words after the options.
OPERANDS = {"exec": ["x", "true"], "list": [], "spec": [], "features": [], "doctor": [],
            "evidence": ["-o", "-", "x"], "checkpoint": ["x"], "completion": ["bash"], "plan": [],
            "respond": ["--rules", "absent"]}


def run(program, *words):
    return subprocess.run([program, "--root", "/x/one", *words], capture_output=True, text=True,
                          timeout=60, check=False, stdin=subprocess.DEVNULL)


def options(program, *command):
    """(name, argument or "") of each option in the help."""
    text = run(program, *command, "--help").stdout.partition("\noptions:\n")[2]
    return [(name, argument) for name, argument in OPTION.findall(text) if name != "help"]


def mistakes(program):
    """(words, what has to be in the message)"""
    commands = [name for name in COMMAND.findall(run(program, "--help").stdout) if name != "help"]
    for command in ["", *commands]:
        front = [command] if command else []
        rest = OPERANDS.get(command, ["x"]) if command else ["state", "x"]
        for name, argument in options(program, *front):
            if not argument:
                yield [*front, f"--{name}=word", *rest], name
                continue
            yield [*front, f"--{name}"], f"flag needs an argument: --{name}"
            for value in WRONG.get(argument, []):
                # To update and to exec's --cwd, as to runc's, an empty value is none.
                if value or (command, name) != ("exec", "cwd") and command != "update":
                    yield [*front, f"--{name}={value}", *rest], f"{value or name}|--{name}"
        yield [*front, "--no-such-option", *rest], "no-such-option"


def judge(program, mistake):
    words, named = mistake
    done = run(program, *words)
    allowed = (1, 255) if words[0] == "exec" else (1,)
    shown = " ".join(repr(word) if not word else word for word in words)
    if done.returncode not in allowed:
        return f"{shown}: status {done.returncode}: {done.stdout[:200]}{done.stderr[:200]}"
    found = any(part in done.stderr for part in named.split("|"))
    return "" if found else f"{shown}: no {named!r} in {done.stderr!r}"


def main():
    program, = sys.argv[1:]
    with ThreadPoolExecutor(2) as pool:
        todo = list(mistakes(program))
        wrong = [text for text in pool.map(lambda each: judge(program, each), todo) if text]
    print(*wrong, sep="\n")
    print(f"{len(todo)} mistakes, {len(wrong)} not refused as they should be")
    return 1 if wrong or len(todo) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
