# SPDX-License-Identifier: Apache-2.0
"""The host around a container: its mounts, cgroups, processes, and whether they stayed the same.

Knows the kernel's files only; calls no runtime.
"""

import contextlib
import ctypes
import hashlib
import os
import stat
import time

CGROUP = "/sys/fs/cgroup"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_BIND = 0x4000, 1 << 18, 1 << 19, 1 << 20, 4096
MS_RDONLY, MS_REMOUNT = 1, 32
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

SYSCTLS = ["kernel/core_pattern", "kernel/modprobe", "kernel/hotplug", "kernel/sysrq",
           "kernel/hostname", "kernel/domainname", "kernel/shmmax", "kernel/msgmax",
           "net/ipv4/ip_forward", "vm/overcommit_memory", "kernel/panic", "fs/mqueue/msg_max"]


def sysctls():
    """The values that no container may change."""
    found = {}
    for key in SYSCTLS:
        with contextlib.suppress(OSError):
            found[key] = read("/proc/sys/" + key)
    return found


def syscall_check(result, what):
    if result < 0:
        err = ctypes.get_errno()
        raise OSError(err, f"{what}: {os.strerror(err)}")
    return result


def mount(source, target, kind=None, flags=0, data=None):
    encode = (lambda text: None if text is None else os.fsencode(text))
    syscall_check(LIBC.mount(encode(source), encode(target), encode(kind),
                             ctypes.c_ulong(flags), encode(data)), f"mount {target}")


def umount(target, flags=MNT_DETACH):
    syscall_check(LIBC.umount2(os.fsencode(target), flags), f"umount {target}")


@contextlib.contextmanager
def mounted(source, target, kind=None, flags=0, data=None, propagation=None):
    """A mount for the length of a block."""
    mount(source, target, kind, flags, data)
    try:
        if propagation is not None:
            mount(None, target, None, propagation)
        yield target
    finally:
        umount(target)


def unshare_mounts():
    """A mount namespace of our own; nothing mounted here is seen outside."""
    syscall_check(LIBC.unshare(CLONE_NEWNS), "unshare")
    mount(None, "/", None, MS_REC | MS_PRIVATE)


def is_cgroup2(path):
    with contextlib.suppress(OSError):
        return os.path.exists(os.path.join(path, "cgroup.controllers"))
    return False


def evidence_directory(runtime):
    """Where a runtime puts the evidence that it takes unasked, as its binary says; or None."""
    with open(runtime, "rb") as file:
        words = [word for word in file.read().split(b"\0")
                 if word.startswith(b"/") and word.endswith(b"/lib/orlop/evidence")]
    return words[0].decode() if words else None


def cover_evidence(runtime):
    """In a private mount namespace: what is taken unasked does not stay on this machine."""
    place = evidence_directory(runtime)
    while place and not os.path.isdir(place):
        place = os.path.dirname(place)
    if place and place != "/":
        mount("tmpfs", place, "tmpfs")


def make_pure_cgroup2():
    """In a private mount namespace: cgroup2 and nothing else on /sys/fs/cgroup."""
    if not is_cgroup2(CGROUP):
        umount(CGROUP)
        mount("cgroup2", CGROUP, "cgroup2", 0x2 | 0x4 | 0x8)


def become_subreaper():
    syscall_check(LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def die_with_parent():
    syscall_check(LIBC.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl")


def read(path):
    with open(path, encoding="utf-8", errors="replace") as text:
        return text.read()


def own_cgroup():
    """The cgroup2 path of this process, as /proc says it."""
    for line in read("/proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            return line[3:]
    raise RuntimeError("no cgroup2 hierarchy")


def controllers(path=""):
    """The controllers that a cgroup made below this one has."""
    return read(f"{CGROUP}{path}/cgroup.controllers").split()


def cgroup_files(path):
    """A cgroup's files as a function: name -> text without the newline."""
    return lambda name: read(f"{CGROUP}{path}/{name}").strip()


def enable_controllers(path):
    """Every controller that there is, for the children of this cgroup."""
    for name in controllers(path):
        with contextlib.suppress(OSError), \
                open(f"{CGROUP}{path}/cgroup.subtree_control", "w", encoding="ascii") as out:
            out.write(f"+{name}")


def cgroup_tree(path):
    """All cgroups below one, deepest first, without itself."""
    found = []
    for where, _, _ in os.walk(CGROUP + path, topdown=False):
        if where != CGROUP + path:
            found.append(where[len(CGROUP):])
    return found


def cgroup_remove(path):
    """Ends everything in a cgroup and removes it with all below."""
    with contextlib.suppress(OSError), \
            open(f"{CGROUP}{path}/cgroup.kill", "w", encoding="ascii") as out:
        out.write("1")
    for _ in range(100):
        try:
            for child in cgroup_tree(path):
                os.rmdir(CGROUP + child)
            os.rmdir(CGROUP + path)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)


def process_state(pid):
    """The letter of /proc/PID/stat, or None when there is no such process."""
    try:
        return read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return None


def descendants(pid=None):
    """Living processes below one (this one), as (pid, command line)."""
    children = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = read(f"/proc/{name}/stat").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append((int(name), fields[0]))
    found, todo = [], [pid or os.getpid()]
    while todo:
        for child, state in children.get(todo.pop(), []):
            todo.append(child)
            if state not in "ZX":
                try:
                    command = read(f"/proc/{child}/cmdline").replace("\0", " ").strip()
                    command = command or read(f"/proc/{child}/comm").strip()
                except OSError:
                    continue
                found.append((child, command))
    return found


def reap_orphans():
    """For a thread: takes ended processes of containers that this process has adopted, as the shim
    of an engine does; the kernel keeps pid 1 of a pid namespace until each process in it has been
    waited for. Left alone are pid 1 itself, which a test may want as a zombie, and whatever is in
    our own pid namespace, which somebody here has started."""
    while True:
        time.sleep(0.03)
        for task in os.listdir("/proc/self/task"):
            with contextlib.suppress(OSError):
                for child in read(f"/proc/self/task/{task}/children").split():
                    if process_state(child) == "Z" and namespace_pid(child) not in (None, 1):
                        os.waitpid(int(child), os.WNOHANG)


def namespace_pid(pid):
    """The number of a process in the innermost pid namespace, or None when that is the host's."""
    for line in read(f"/proc/{pid}/status").splitlines():
        if line.startswith("NSpid:"):
            numbers = line.split()[1:]
            return int(numbers[-1]) if len(numbers) > 1 else None
    return None


def mountpoints(pid="self"):
    """The mount table of a process: (where, root, options, propagation, type)."""
    table = []
    for line in read(f"/proc/{pid}/mountinfo").splitlines():
        fields = line.split()
        dash = fields.index("-", 6)
        table.append((fields[4], fields[3], fields[5], " ".join(fields[6:dash]),
                      fields[dash + 1]))
    return table


def tree_state(path):
    """Everything about a tree that a stranger could have changed."""
    found = {}

    def look(where):
        st = os.lstat(where)
        text = ""
        if stat.S_ISREG(st.st_mode):
            with open(where, "rb") as data:
                text = hashlib.sha256(data.read()).hexdigest()
        elif stat.S_ISLNK(st.st_mode):
            text = os.readlink(where)
        found[where] = (oct(st.st_mode), st.st_uid, st.st_gid, st.st_ino, st.st_nlink,
                        st.st_rdev, st.st_size, st.st_mtime_ns, text)

    look(path)
    if os.path.isdir(path) and not os.path.islink(path):
        for where, dirs, files in os.walk(path):
            for name in dirs + files:
                look(os.path.join(where, name))
    return found


class HostState:
    """A snapshot; `changes()` says in words what is different now."""

    def __init__(self, trees=(), cgroup=None):
        self.trees, self.cgroup = list(trees), cgroup
        self.seen = self.look()

    def look(self):
        seen = {"mount " + " ".join(entry): True for entry in mountpoints()}
        seen.update({"sysctl " + key: value for key, value in sysctls().items()})
        for path in self.trees:
            for where, what in tree_state(path).items():
                seen["file " + where] = what
        if self.cgroup:
            for path in cgroup_tree(self.cgroup):
                seen["cgroup " + path] = True
        return seen

    def changes(self):
        now = self.look()
        lines = [f"gone: {key}" for key in self.seen if key not in now]
        lines += [f"new: {key}" for key in now if key not in self.seen]
        lines += [f"changed: {key}: {self.seen[key]} -> {now[key]}" for key in now
                  if key in self.seen and now[key] != self.seen[key]]
        return lines


def open_files():
    """What the descriptors of this process lead to, but for those that reap_orphans opens."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
    return sorted(name for name in found if not name.startswith("/proc/"))


@contextlib.contextmanager
def host_unchanged(*trees):
    """Fails when the block changed a tree, a mount, a sysctl, or left a cgroup or a process."""
    from .tap import current
    files = open_files()
    state = HostState(trees, current().cgroup)
    before = {pid for pid, _ in descendants()}
    yield
    changes = state.changes()
    changes += [f"process left: {pid} {command}" for pid, command in descendants()
                if pid not in before]
    if open_files() != files:
        changes.append(f"open files of the test process: {files} -> {open_files()}")
    assert not changes, "the host changed:\n  " + "\n  ".join(changes)


def canary(name="canary"):
    """A host directory with files that nothing may touch; (path, its state is asserted by
    host_unchanged)."""
    from .tap import current
    path = os.path.join(current().tmp, name)
    os.mkdir(path)
    for entry in ("null", "console", "ptmx", "fd", "stdin", "core", "passwd", "file"):
        with open(os.path.join(path, entry), "w", encoding="ascii") as out:
            out.write("canary\n")
    os.mkdir(os.path.join(path, "sub"))
    return path
