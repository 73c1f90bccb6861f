# SPDX-License-Identifier: Apache-2.0
"""The small C programs of these tests, compiled once per test when they are needed."""

import contextlib
import os
import subprocess

from deck import current, skip

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


def built(name):
    """The path of a tool: what the build made and is not older than its source, or compiled."""
    source = os.path.join(HERE, name + ".c")
    made = os.path.join(TOP, "build/tests/hostile", name)
    if os.path.exists(made) and os.path.getmtime(made) >= os.path.getmtime(source):
        return made
    path = os.path.join(current().tmp, name)
    if not os.path.exists(path):
        try:
            subprocess.run(["cc", "-O2", source, "-o", path], check=True)
        except FileNotFoundError:
            skip("needs a C compiler")
    return path


@contextlib.contextmanager
def racing(*paths):
    """Exchanges pairs of paths while the block runs."""
    with subprocess.Popen([built("racer"), *paths], stdin=subprocess.DEVNULL) as process:
        try:
            yield process
            assert process.poll() is None, "the racer stopped early"
        finally:
            process.kill()
            process.wait()


def rounds(usual):
    """How often a race is tried: ORLOP_RACE_ROUNDS, else the usual number."""
    return int(os.environ.get("ORLOP_RACE_ROUNDS", usual))
