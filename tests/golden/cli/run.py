#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the command line's golden cases.

A case is a directory:

  argv     a word on each line, the first is the name the program is called by; "" is an empty
           word, @SOURCE@ the source tree; called "orlop-doc" it is that program
  env      NAME=VALUE on each line: the whole environment (optional)
  stdin    what can be read there (optional)
  in/      files that are in the current directory (optional)
  stdout, stderr, status
           what is expected; times, versions and the current directory
           are written as words in capitals
  out/     files that are there afterwards and were not before (optional)

usage: run.py --program PATH [--doc PATH] [--bless [--into DIRECTORY]] [CASE...]

Without cases all are run. With --bless what is expected is replaced by what happened, or written
below another directory for tools/bless, which shows the difference and asks.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent.parent
TIMEOUT = 20

# What differs between builds, hosts and moments, and the word that stands for it.
VARIABLE = [
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), b"TIME"),
    (re.compile(rb"^commit: .*$", re.M), b"commit: COMMIT"),
    (re.compile(rb"^libseccomp: [0-9.]+$", re.M), b"libseccomp: VERSION"),
    (re.compile(rb'("io\.github\.seccomp\.libseccomp\.version": ")[0-9.]+'), rb"\1VERSION"),
    (re.compile(rb"(version )\d+\.\d+\.\d+"), rb"\1VERSION"),
    (re.compile(rb"/\S+/orlop/profiles"), b"DATADIR/profiles"),
    (re.compile(rb'("seccomp": )\{.*?\n\t\t\}', re.S), rb"\1SECCOMP"),
    (re.compile(rb'(src/[a-z/_]+\.c):\d+'), rb"\1:LINE"),
]


def generalise(output, place):
    output = output.replace(place.encode(), b"HERE")
    for pattern, word in VARIABLE:
        output = pattern.sub(word, output)
    return output


def words(case):
    lines = (case / "argv").read_text().splitlines()
    return ["" if w == '""' else w.replace("@SOURCE@", str(SOURCE)) for w in lines]


def environment(case):
    path = case / "env"
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("=", 1) for line in lines)


def files_of(directory):
    """Every file below a directory: name to content."""
    if not directory.is_dir():
        return {}
    return {str(p.relative_to(directory)): p.read_bytes()
            for p in sorted(directory.rglob("*")) if p.is_file()}


def perform(case, programs):
    """Runs a case; returns file name to content, as they are in the case's directory."""
    argv = words(case)
    program = programs["orlop-doc" if argv[0] == "orlop-doc" else "orlop"]
    with tempfile.TemporaryDirectory(prefix="orlop-cli-") as directory:
        place = pathlib.Path(directory)
        if (case / "in").is_dir():
            shutil.copytree(case / "in", place, dirs_exist_ok=True)
        before = files_of(place)
        given = case / "stdin"
        with open(given if given.exists() else "/dev/null", "rb") as stdin:
            done = subprocess.run(argv, executable=program, cwd=place, env=environment(case),
                                  stdin=stdin, capture_output=True, timeout=TIMEOUT)
        after = files_of(place)
    result = {
        "stdout": generalise(done.stdout, directory),
        "stderr": generalise(done.stderr, directory),
        "status": b"%d\n" % done.returncode,
    }
    for name, content in after.items():
        if before.get(name) != content:
            result["out/" + name] = generalise(content, directory)
    return result


def expected(case):
    result = {name: (case / name).read_bytes()
              for name in ("stdout", "stderr", "status") if (case / name).exists()}
    for name, content in files_of(case / "out").items():
        result["out/" + name] = content
    return result


def bless(directory, result):
    shutil.rmtree(directory / "out", ignore_errors=True)
    for name, content in result.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)


def compare(case, result):
    """Prints how the result differs from what is expected; True when it does not."""
    wanted = expected(case)
    same = True
    for name in sorted(set(wanted) | set(result)):
        if wanted.get(name) == result.get(name):
            continue
        same = False
        for label, side in (("want", wanted), ("got", result)):
            text = side[name].decode(errors="replace") if name in side else "(not there)"
            print(f"{case.name}: {name}: {label}:\n{text}", file=sys.stderr)
    return same


def main():
    parser = argparse.ArgumentParser(description="golden cases of the command line")
    parser.add_argument("--program", required=True)
    parser.add_argument("--doc")
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("--into", type=pathlib.Path, default=HERE)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    programs = {"orlop": str(pathlib.Path(options.program).resolve())}
    if options.doc:
        programs["orlop-doc"] = str(pathlib.Path(options.doc).resolve())
    cases = [HERE / c for c in options.cases] or sorted(p.parent for p in HERE.glob("*/argv"))
    if not cases:
        sys.exit("no cases: " + str(HERE))
    wrong = []
    for case in cases:
        result = perform(case, programs)
        if options.bless:
            bless(options.into / case.name, result)
        elif not compare(case, result):
            wrong.append(case.name)
    print(f"{len(cases)} cases, {len(wrong)} wrong" + "".join("\n  " + w for w in wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
