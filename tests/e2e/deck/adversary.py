# SPDX-License-Identifier: Apache-2.0
"""Containers whose program does not want to be held: tests/probe/adversary.c."""

import os
import subprocess

from .bundle import bind, config
from .container import container
from .tap import TOP, current


def program():
    """The program that the build made beside the probe, or one compiled here."""
    source = os.path.join(TOP, "tests/probe/adversary.c")
    beside = os.path.join(os.path.dirname(current().probe), "adversary")
    if os.path.exists(beside) and os.path.getmtime(beside) >= os.path.getmtime(source):
        return beside
    path = os.path.join(current().tmp, "adversary")
    if not os.path.exists(path):
        subprocess.run(["cc", "-std=gnu17", "-static", "-O2", source, "-o", path], check=True)
    return path


def adversary(*words, mounts=(), name=None, **changes):
    """A created container that runs one verb of the program, as nobody and without capabilities;
    c.bad() starts it and waits until it is ready."""
    changes.setdefault("process", {})
    process = {"user": {"uid": 65534, "gid": 65534}, "noNewPrivileges": True,
               "capabilities": {}} | changes.pop("process")
    doc = config(args=["/bin/adversary", *map(str, words)], process=process,
                 mounts=[bind(program(), "/bin/adversary", "ro"), *mounts], **changes)
    made = container(doc, None, name=name)
    made.bad = lambda seconds=10: (made.start().ok, made.wait_line("ready", seconds))
    return made
