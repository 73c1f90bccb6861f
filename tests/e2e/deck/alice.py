# SPDX-License-Identifier: Apache-2.0
"""An ordinary user for a test: an id, a name and subordinate ids that exist in the test's own mount
namespace only, a runtime directory, and calls of the runtime as that user."""

import contextlib
import os
import shutil
import subprocess

from . import host
from .bundle import config, idmap, namespaces
from .container import Container, rt
from .tap import current

UID = 61000
SUBORDINATE = 4200000		# the first of 65536, in both files
KINDS = ("pid", "network", "ipc", "uts", "mount", "cgroup", "user")


def single_map():
    """The one id that everybody may map."""
    return {"uidMappings": [idmap(0, UID, 1)], "gidMappings": [idmap(0, UID, 1)]}


def many_maps():
    """Root is the user, the others are subordinate ids."""
    lines = [idmap(0, UID, 1), idmap(1, SUBORDINATE, 65535)]
    return {"uidMappings": lines, "gidMappings": lines}


def rootless(maps=None, kinds=KINDS, linux=None, **changes):
    """A configuration for that user; without a cgroupsPath unless it gives one."""
    c = config(linux={"namespaces": namespaces(*kinds), **(single_map() if maps is None else maps),
                      **(linux or {})}, owner=UID, **changes)
    c.cgroups_path_set = True
    return c


class Alice:
    """Calls the runtime; `runtime` is XDG_RUNTIME_DIR."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "XDG_RUNTIME_DIR": runtime}
        self.wrap = ()

    @property
    def root(self):
        """Where her containers are when nothing is said about it."""
        return os.path.join(self.runtime, "orlop")

    def keywords(self, env=None):
        return {"user": UID, "group": UID, "extra_groups": [], "env": {**self.env, **(env or {})}}

    def rt(self, *args, env=None, **more):
        return rt(*args, root=self.root, wrap=self.wrap, **self.keywords(env), **more)

    def call(self, *args, **more):
        """A program of hers."""
        return subprocess.run(args, capture_output=True, text=True, timeout=30, check=False,
                              **self.keywords(), **more)

    def box(self, configuration, verbs="wait", *flags, env=None, **more):
        return AlicesContainer(self, configuration, verbs, *flags, root=self.root,
                               wrap=self.wrap, **self.keywords(env), **more)

    def run(self, configuration, verbs=None, *flags, env=None, **more):
        box = self.box(configuration, verbs)
        return self.rt("run", "--bundle", box.path, *flags, box.name, env=env, **more)


class AlicesContainer(Container):
    """A container of hers: every command about it is called by her."""

    def __init__(self, alice, *args, **keywords):
        super().__init__(*args, **keywords)
        self.alice = alice
        for path in (self.out_path, self.err_path):
            with open(path, "ab"):
                pass
        for path in (self.path, self.path + "/config.json", self.out_path, self.err_path):
            os.chown(path, UID, UID)

    def rt(self, *args, env=None, **keywords):
        return self.alice.rt(*args, env=env, **keywords)


@contextlib.contextmanager
def file_with(path, line):
    """A file of the host with one line more, for the length of a block."""
    made = os.path.join(current().tmp, f"etc-{current().next_number()}")
    if os.path.exists(path):
        shutil.copy(path, made)
    else:
        with open(path, "w", encoding="ascii"):
            pass
    with open(made, "a", encoding="utf-8") as out:
        out.write(line + "\n")
    os.chmod(made, 0o644)
    with host.mounted(made, path, None, host.MS_BIND):
        yield


@contextlib.contextmanager
def alice(subordinate=f"alice:{SUBORDINATE}:65536"):
    """The user, for the length of a block."""
    test = current()
    runtime = os.path.join(test.tmp, "run-alice")
    os.mkdir(runtime, 0o700)
    os.chown(runtime, UID, UID)
    own = os.path.join(test.tmp, "orlop")
    shutil.copy(test.runtime, own)
    os.chmod(own, 0o755)
    test.runtime = own
    with contextlib.ExitStack() as stack:
        for path, line in (("/etc/passwd", f"alice:x:{UID}:{UID}::/:/bin/sh"),
                           ("/etc/group", f"alice:x:{UID}:"),
                           ("/etc/subuid", subordinate), ("/etc/subgid", subordinate)):
            stack.enter_context(file_with(path, line))
        her = Alice(runtime)
        yield her
        left = os.listdir(her.root) if os.path.isdir(her.root) else []
        assert not left, f"containers left: {left}"


@contextlib.contextmanager
def delegated():
    """The test's process, and what it starts, in a group below one that is the user's."""
    test = current()
    top = f"{test.cgroup}/alice"
    own = f"{top}/caller"
    before = host.own_cgroup()
    os.mkdir(host.CGROUP + top)
    host.enable_controllers(top)
    os.mkdir(host.CGROUP + own)
    for group in (top, own):
        os.chown(host.CGROUP + group, UID, UID)
        for name in ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control"):
            os.chown(f"{host.CGROUP}{group}/{name}", UID, UID)
    join(own)
    try:
        yield top
    finally:
        join(before)
        host.cgroup_remove(top)


def join(group):
    with open(f"{host.CGROUP}{group}/cgroup.procs", "w", encoding="ascii") as out:
        out.write(str(os.getpid()))
