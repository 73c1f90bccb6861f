# SPDX-License-Identifier: Apache-2.0
"""The engine that is driven: how it is called, where its runtime keeps its state, and boxes, which
are containers that stay until they are removed.
"""
import contextlib
import glob
import itertools
import json
import os

from call import call, until

IMAGE = "localhost/busybox:1"
FOREVER = ("sleep", "100000")
NUMBERS = itertools.count(1)
CURRENT = []


def engine():
    """The engine that the running case drives."""
    return CURRENT[-1]


class Engine:
    """What `docker` and `podman` have in common: their command lines."""

    def __init__(self, program, runtime, state, cgroups):
        self.program, self.runtime = program, runtime
        self.state = state              # the --root of the runtime
        self.cgroups = cgroups          # where containers are, with * for the id
        self.kept = None
        CURRENT.append(self)

    @property
    def name(self):
        return os.path.basename(self.program)

    def __call__(self, *words, **more):
        return call(self.program, *words, **more)

    def command(self, *words, before=()):
        """The words of a command that makes a container with the runtime under test."""
        if self.name == "podman":
            return [self.program, "--runtime", self.runtime, *before, *words]
        return [self.program, words[0], "--runtime", self.runtime, *words[1:]]

    def run(self, *words, before=(), **more):
        """`run`, with options and the image among the words."""
        return call(*self.command("run", *words, before=before), **more)

    def sh(self, script, *options, **more):
        """What a shell says in a container that is gone afterwards; without a network, which
        costs a second."""
        network = () if any(o.startswith("--network") for o in options) else ("--network=none",)
        return self.run("--rm", *network, *options, IMAGE, "sh", "-c", script, **more)

    def rt(self, *words):
        """The runtime itself, with the state of this engine."""
        return call(self.runtime, "--root", self.state, *words)

    def box(self, *options, command=FOREVER, before=()):
        """A container that runs on."""
        return Box(self, options, command, before)

    def shared(self):
        """One box for all cases that leave it as it was: made when first asked for."""
        if not self.kept:
            self.kept = Box(self, ("--ipc=shareable",), FOREVER, ())
        return self.kept

    def base(self):
        """The image that one which is built begins with."""
        return IMAGE

    def states(self):
        """The containers that the runtime keeps, but for the one that is shared."""
        kept = self.kept.id if self.kept else "none"
        with contextlib.suppress(FileNotFoundError):
            return [name for name in os.listdir(self.state)
                    if name != kept and not name.startswith(".")]
        return []

    def leftovers(self):
        """States and cgroups of containers that should be gone."""
        kept = self.kept.id if self.kept else "none"
        yield from self.states()
        for pattern in self.cgroups:
            yield from (path for path in glob.glob(pattern) if kept not in path)

    def clear(self):
        """Removes every container, for the case after one that failed."""
        self.kept = None
        ids = self("ps", "-aq", "--no-trunc").lines
        if ids:
            self("rm", "-f", *(["-t", "0"] if self.name == "podman" else []), *ids)


class Box:
    """A container that stays until it is removed; to be used with `with`."""

    def __init__(self, of, options, command, before):
        self.engine = of
        self.name = f"box{next(NUMBERS)}"
        network = () if any(o.startswith("--network") for o in options) else ("--network=none",)
        self.id = of.run("-d", f"--name={self.name}", *network, *options, IMAGE, *command,
                         before=before).lines[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        """Removes it, however it is."""
        of = self.engine
        return of("rm", "-f", *(["-t", "0"] if of.name == "podman" else []), self.name)

    def exec(self, *words, **more):
        """`exec`, options among the words: of what the container is called, there is no need."""
        options = list(itertools.takewhile(lambda word: word.startswith("-"), words))
        return self.engine("exec", *options, self.name, *words[len(options):], **more)

    def sh(self, script, *options):
        return self.exec(*options, "sh", "-c", script)

    def inspect(self, member):
        """A member of what the engine says about it, as in State.Pid."""
        value = json.loads(self.engine("inspect", self.name).ok.out)[0]
        for name in member.split("."):
            value = value[name]
        return value

    @property
    def pid(self):
        return self.inspect("State.Pid")

    def cgroup(self, file):
        """A file of its cgroup, as the host sees it."""
        with open(f"/proc/{self.pid}/cgroup", encoding="ascii") as text:
            path = text.read().split(":")[-1].strip()
        with open(f"/sys/fs/cgroup{path}/{file}", encoding="ascii") as text:
            return text.read().strip()

    def ended(self):
        """Waits for its end; its exit status as the engine keeps it."""
        until(lambda: self.inspect("State.Status") == "exited", f"{self.name} ends")
        return self.inspect("State.ExitCode")

    def says(self, text):
        """Waits until its log has a text."""
        return until(lambda: text in self.log(), f"{text!r} in the log of {self.name}")

    def log(self):
        found = self.engine("logs", self.name).ok
        return found.out + found.err
