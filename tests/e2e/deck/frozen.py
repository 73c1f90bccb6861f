# SPDX-License-Identifier: Apache-2.0
"""Containers that are written to disk and made again.

Knows the command lines of checkpoint and restore; what a program is doing meanwhile is the test's.
"""

import json
import os

from .bundle import File
from .container import Container
from .tap import current, skip

BUSYBOX = ("/opt/rootfs/bin/busybox", "/bin/busybox")
SECONDS = 60


class Frozen(Container):
    """A container with directories for its images; `with` starts it."""

    def __init__(self, configuration, verbs=None, *flags, **keywords):
        super().__init__(configuration, verbs, *flags, **keywords)
        self.images = os.path.join(current().tmp, f"{self.name}.images")
        self.work = os.path.join(current().tmp, f"{self.name}.work")
        os.mkdir(self.work)

    def __enter__(self):
        super().__enter__()
        self.start().ok
        return self

    def checkpoint(self, *flags, images=None, front=(), **keywords):
        return self.rt("checkpoint", "--image-path", images or self.images, "--work-path",
                       self.work, *flags, self.name, front=front, seconds=SECONDS, **keywords)

    def restore(self, *flags, images=None, detach=True):
        """With stdio in files, as Container.create has it."""
        words = ["restore", *(["--detach"] if detach else []), "--image-path",
                 images or self.images, "--work-path", self.work, *flags]
        return self.create(" ".join(words))

    def change(self, change):
        """The bundle, for the next restore: `change` is called with its configuration."""
        path = os.path.join(self.path, "config.json")
        with open(path, encoding="utf-8") as text:
            doc = json.load(text)
        change(doc)
        with open(path, "w", encoding="utf-8") as out:
            json.dump(doc, out)

    def log(self, name="dump.log"):
        with open(os.path.join(self.work, name), encoding="utf-8", errors="replace") as text:
            return text.read()

    def is_absent(self):
        """Nothing of it: no directory, no cgroup."""
        absent = self.rt("state", self.name)
        return (absent.rc != 0 and "does not exist" in absent.err
                and not os.path.exists(f"{current().root}/{self.name}")
                and not os.path.exists(f"/sys/fs/cgroup{self.cgroup}"))

    def sh(self, script, seconds=20):
        """A shell in the container (see busybox)."""
        return self.rt("exec", self.name, "/bin/busybox", "sh", "-c", script, seconds=seconds)


def busybox(configuration):
    """The configuration, with a busybox in its root."""
    for path in BUSYBOX:
        if os.path.exists(path):
            with open(path, "rb") as program:
                configuration.rootfs["/bin/busybox"] = File(program.read(), 0o755)
            return configuration
    return skip("needs busybox")


def shell(script):
    """process.args for a script in a container with a busybox."""
    return ["/bin/busybox", "sh", "-c", script]


def size(directory):
    """Of the memory in images."""
    return sum(os.path.getsize(os.path.join(directory, name)) for name in os.listdir(directory)
               if name.startswith("pages-"))
