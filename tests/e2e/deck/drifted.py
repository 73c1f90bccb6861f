# SPDX-License-Identifier: Apache-2.0
"""Asking `drift`, and what it finds: one more process in a container whose root is an overlay."""

import json
import os
import subprocess

from . import host
from .tap import current


def drift(c, *flags, rc):
    """Looks, and gives the document."""
    result = c.rt("drift", "--json", *flags, c.name)
    assert result.rc == rc, result
    return json.loads(result.out)


def kinds(found):
    """(kind, path, is it the program, does it count) of every finding of code that runs, but
    anonymous memory, and of files that give privileges."""
    return {(f["kind"], f["path"], f["program"], f["drift"]) for f in found["findings"]
            if f["kind"] not in ("anonymous", "executable", "listener", "unexposed")}


def executables(found):
    """(path, does it count) of the added executable files that nobody runs."""
    return {(f["path"], f["drift"]) for f in found["findings"] if f["kind"] == "executable"}


def listeners(found):
    """(kind, protocol, address, port, does it count) of the listening sockets."""
    return {(f["kind"], f["protocol"], f["address"], f["port"], f["drift"])
            for f in found["findings"] if "protocol" in f}


def bad(c, *args):
    """One more process of the container, until it is ready; gives its number on the host."""
    pid_file = os.path.join(current().tmp, f"pid-{current().next_number()}")
    with subprocess.Popen([current().runtime, "--root", current().root, "exec", "--detach",
                           "--pid-file", pid_file, c.name, *args],
                          stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n", args
        assert process.wait(20) == 0
    return int(host.read(pid_file))
