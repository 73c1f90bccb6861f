# SPDX-License-Identifier: Apache-2.0
"""The place where everything is measured: a private mount namespace.

Its root is a Debian sid tree when there is one, else the machine's own root. It has its own
procfs, sysfs, /run and /tmp, cgroup2 on /sys/fs/cgroup (so a hybrid machine looks like a pure v2
one, with the controllers that cgroup2 has there), and the work directory, a tmpfs, at the same
path as outside. Every command of every runtime runs in it, so all see the same mounts and
libraries. Nothing of it is seen outside: the calling process leaves the machine's mount
namespace as well.
"""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_CHILD_SUBREAPER = 36
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

WORK = Path("/run/orlop-bench")
CGROUP = "orlop-bench"


def _check(ret, what):
    if ret < 0:
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err), what)


def mount(source, target, fstype, flags=0, data=None):
    def text(value):
        return None if value is None else os.fsencode(value)
    _check(_libc.mount(text(source), text(target), text(fstype), ctypes.c_ulong(flags),
                       text(data)), str(target))


class World:
    """A mount namespace that is entered by its descriptor; close() gives everything back."""

    def __init__(self, root):
        """Make the namespace over the tree `root` and keep it open."""
        self.root = Path(root)
        _check(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "subreaper")
        _check(_libc.unshare(CLONE_NEWNS), "unshare")
        mount(None, "/", None, MS_REC | MS_PRIVATE)
        WORK.mkdir(parents=True, exist_ok=True)
        mount("tmpfs", WORK, "tmpfs", MS_NOSUID | MS_NODEV, "mode=700")
        self.cgroup = WORK / "cgroup"
        self.cgroup.mkdir()
        mount("cgroup2", self.cgroup, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        remove_cgroup(self.cgroup / CGROUP)
        self.ns = self._make()

    def _make(self):
        ready_r, ready_w = os.pipe()
        done_r, done_w = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(done_w)
                self._build()
                os.write(ready_w, b"1")
                os.read(done_r, 1)
                status = 0
            except OSError as err:
                os.write(2, f"bench: private namespace: {err}\n".encode())
            finally:
                os._exit(status)
        os.close(ready_w)
        try:
            if not os.read(ready_r, 1):
                raise SystemExit("bench: the private mount namespace could not be made")
            return os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            for fd in (ready_r, done_r, done_w):
                os.close(fd)
            os.waitpid(pid, 0)

    def _build(self):
        _check(_libc.unshare(CLONE_NEWNS), "unshare")
        base = WORK / "world"
        base.mkdir()
        own = self.root == Path("/")
        mount(self.root, base, None, MS_BIND | (MS_REC if own else 0))
        for name in ("proc", "sys", "run", "tmp"):  # the machine's own, with all below
            _libc.umount2(os.fsencode(base / name), MNT_DETACH)
        plain = MS_NOSUID | MS_NODEV | MS_NOEXEC
        mount("proc", base / "proc", "proc", plain)
        mount("sysfs", base / "sys", "sysfs", plain)
        mount("cgroup2", base / "sys/fs/cgroup", "cgroup2", plain)
        mount("/dev", base / "dev", None, MS_BIND)
        mount("tmpfs", base / "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        mount("tmpfs", base / "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
        inner = base / WORK.relative_to("/")
        inner.mkdir()
        mount(WORK, inner, None, MS_BIND)
        os.chdir(base)
        machine = os.uname().machine
        if machine not in PIVOT_ROOT:
            raise OSError(0, f"no pivot_root number for {machine}")
        _check(_libc.syscall(ctypes.c_long(PIVOT_ROOT[machine]), b".", b"."), "pivot_root")
        _check(_libc.umount2(b".", MNT_DETACH), "umount2")
        os.chdir("/")

    def _enter(self):
        if _libc.setns(self.ns, CLONE_NEWNS) < 0:
            os._exit(127)
        os.chdir("/")

    def run(self, argv, **kwargs):
        """subprocess.run inside; text, no standard input, a time limit of ten minutes."""
        kwargs.setdefault("stdin", None if "input" in kwargs else subprocess.DEVNULL)
        kwargs.setdefault("timeout", 600)
        return subprocess.run([str(a) for a in argv], preexec_fn=self._enter, text=True,
                              env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
                                   ":/sbin:/bin", "HOME": "/"}, **kwargs)

    def try_run(self, argv):
        """True when the command ends well; its output is taken away."""
        try:
            return self.run(argv, capture_output=True).returncode == 0
        except OSError:
            return False

    def close(self):
        """Afterwards no process, cgroup or file that was made here is left."""
        kill_children()
        remove_cgroup(self.cgroup / CGROUP)
        reap()
        os.close(self.ns)
        for path in (self.cgroup, WORK):
            _libc.umount2(os.fsencode(path), MNT_DETACH)
        try:
            WORK.rmdir()
        except OSError:
            pass


def reap():
    """Collect children that ended; those of containers come to us as a subreaper."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def kill_children():
    """End what still runs below us; orphans come to a subreaper, so ask until there is none."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    for _ in range(200):
        pids = children.read_text().split()
        if not pids:
            return
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.005)
        reap()


def remove_cgroup(path):
    """Kill what is inside and remove the cgroup and all below it; it may be absent."""
    if not path.is_dir():
        return
    kill = path / "cgroup.kill"
    if kill.exists():
        kill.write_text("1")
    else:
        for procs in path.rglob("cgroup.procs"):
            for pid in procs.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
    for sub in sorted(path.rglob("*/"), reverse=True):
        _remove_one(sub)
    _remove_one(path)


def _remove_one(path):
    for _ in range(200):
        reap()
        try:
            path.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"bench: cgroup {path.name} could not be removed")
