# SPDX-License-Identifier: Apache-2.0
"""A bundle as a test wishes it: a base configuration, a few changes, a root file system.

Knows OCI configuration and how to write a directory; does not know how a runtime is called.
"""

import contextlib
import copy
import json
import os
import shlex
import shutil
import stat
import subprocess

DEFAULT_CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_MKNOD",
                "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID"]

BASE_MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
     "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
     "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs",
     "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
     "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
]

BASE = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": ["/bin/probe"],
        "env": ["PATH=/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {kind: DEFAULT_CAPS for kind in ("bounding", "effective", "permitted")},
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "vessel",
    "mounts": BASE_MOUNTS,
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount",
                                                   "cgroup")],
    },
}

BASE_DIRS = ["bin", "dev", "etc", "proc", "run", "sys", "tmp"]


class Dir:
    """A directory in a root file system."""

    def __init__(self, mode=0o755, uid=0, gid=0):
        self.mode, self.uid, self.gid = mode, uid, gid

    def make(self, path):
        os.makedirs(path, exist_ok=True)
        os.chown(path, self.uid, self.gid)
        os.chmod(path, self.mode)


class File(Dir):
    """A regular file in a root file system."""

    def __init__(self, text="", mode=0o644, uid=0, gid=0):
        super().__init__(mode, uid, gid)
        self.text = text

    def make(self, path):
        with open(path, "wb") as out:
            out.write(self.text if isinstance(self.text, bytes) else self.text.encode())
        os.chown(path, self.uid, self.gid)
        os.chmod(path, self.mode)


class Link:
    """A symbolic link in a root file system."""

    def __init__(self, target):
        self.target = target

    def make(self, path):
        os.symlink(self.target, path)


class Fifo:
    """A named pipe in a root file system."""

    def make(self, path):
        os.mkfifo(path, 0o666)


class Dev:
    """A device node in a root file system."""

    def __init__(self, kind, major, minor, mode=0o666):
        self.kind, self.major, self.minor, self.mode = kind, major, minor, mode

    def make(self, path):
        kind = stat.S_IFCHR if self.kind == "c" else stat.S_IFBLK
        os.mknod(path, kind | self.mode, os.makedev(self.major, self.minor))
        os.chmod(path, self.mode)


def merge(base, change):
    """Objects are merged, all else is replaced, None removes the member."""
    for key, value in change.items():
        if value is None:
            base.pop(key, None)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = copy.deepcopy(value)
    return base


class Config:
    """A configuration and the root file system that goes with it; nothing is on disk yet."""

    def __init__(self, doc, rootfs, owner=0):
        self.doc = doc
        self.rootfs = rootfs
        self.owner = owner
        self.cgroups_path_set = "cgroupsPath" in doc.get("linux", {})

    def program(self, verbs):
        """Makes the probe run the verbs (a line of words, or a list)."""
        if verbs is not None:
            self.doc["process"]["args"] = ["/bin/probe"] + words(verbs)

    def write(self, path, probe, cgroups_path):
        """Makes the bundle directory; what stands in it decides, not this object."""
        rootfs = os.path.join(path, "rootfs")
        os.makedirs(rootfs, mode=0o755)
        for name in BASE_DIRS:
            os.mkdir(os.path.join(rootfs, name), 0o755)
        os.chmod(os.path.join(rootfs, "tmp"), 0o1777)
        shutil.copy(probe, os.path.join(rootfs, "bin/probe"))
        for name, what in self.rootfs.items():
            self.place(rootfs, name, what)
        if self.owner:
            os.chown(rootfs, self.owner, self.owner)
            for where, dirs, files in os.walk(rootfs):
                for name in dirs + files:
                    st = os.lstat(os.path.join(where, name))
                    os.chown(os.path.join(where, name), self.owner + st.st_uid,
                             self.owner + st.st_gid, follow_symlinks=False)
        doc = copy.deepcopy(self.doc)
        if not self.cgroups_path_set and cgroups_path and isinstance(doc.get("linux"), dict):
            doc["linux"]["cgroupsPath"] = cgroups_path
        with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as out:
            json.dump(doc, out)
        return path

    @staticmethod
    def place(rootfs, name, what):
        path = os.path.join(rootfs, name.strip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(what, (Link, Fifo, Dev, File)) and os.path.lexists(path):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        if what is None:
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)
        elif name.endswith("/") or what == "dir":
            Dir().make(path)
        elif isinstance(what, (str, bytes)):
            File(what).make(path)
        else:
            what.make(path)


def words(verbs):
    """"ls /a; cat /b" and ["ls", "/a", ";", "cat", "/b"] are the same program."""
    if isinstance(verbs, (list, tuple)):
        return list(verbs)
    lexer = shlex.shlex(verbs, posix=True, punctuation_chars=";")
    lexer.whitespace_split = True
    return list(lexer)


def config(*, mounts=None, rootfs=None, base_mounts=None, args=None, owner=0, **changes):
    """The base configuration with changes; `mounts` come after the base ones; `owner` is added to
    every uid and gid of the root file system (for user namespaces)."""
    doc = copy.deepcopy(BASE)
    if base_mounts is not None:
        doc["mounts"] = copy.deepcopy(base_mounts)
    merge(doc, changes)
    if mounts:
        doc["mounts"] = doc.get("mounts", []) + copy.deepcopy(mounts)
    if args is not None:
        doc["process"]["args"] = list(args)
    return Config(doc, dict(rootfs or {}), owner)


def namespaces(*kinds, **paths):
    """A list for linux.namespaces: kinds to make, kind=PATH to join."""
    return ([{"type": kind} for kind in kinds] +
            [{"type": kind, "path": path} for kind, path in paths.items()])


def caps(bounding=(), effective=(), permitted=(), inheritable=(), ambient=()):
    """process.capabilities; the CAP_ is added."""
    sets = {"bounding": bounding, "effective": effective, "permitted": permitted,
            "inheritable": inheritable, "ambient": ambient}
    return {name: [cap if cap.startswith("CAP_") else "CAP_" + cap for cap in value]
            for name, value in sets.items()}


def bind(source, destination, *options, recursive=False, **more):
    """One bind mount."""
    return {"source": source, "destination": destination, "type": "bind",
            "options": ["rbind" if recursive else "bind", *options], **more}


def idmap(container_id, host_id, size):
    """One line of an id map."""
    return {"containerID": container_id, "hostID": host_id, "size": size}


@contextlib.contextmanager
def overlay(path, options="", lower=None, above=None):
    """Puts an overlay over the root of a bundle at a path, as engines do, and gives the directory
    that has its layers: lower, upper, work. Options end with a comma. `lower` names layers to take
    in place of the bundle's own root, `above` are files for one more on top of them."""
    rootfs, base = os.path.join(path, "rootfs"), f"{path}.overlay"
    os.makedirs(base)
    # The test's own directory may be on an overlay, which cannot be an upper one.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", base], check=True)
    try:
        for part in ("upper", "work"):
            os.makedirs(os.path.join(base, part))
        if not lower:
            lower = os.path.join(base, "lower")
            shutil.copytree(rootfs, lower, symlinks=True)
        for name, what in (above or {}).items():
            Config.place(os.path.join(base, "above"), name, what)
        if above:
            lower = f"{base}/above:{lower}"
        layers = f"lowerdir={lower},upperdir={base}/upper,workdir={base}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options + layers, rootfs],
                       check=True)
        try:
            yield base
        finally:
            subprocess.run(["umount", rootfs], check=True)
    finally:
        subprocess.run(["umount", base], check=True)
