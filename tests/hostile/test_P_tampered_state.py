# SPDX-License-Identifier: Apache-2.0
"""P: somebody has been at the state directory of a container that runs. Each command ends soon,
follows nothing, and either works or says what is wrong; delete --force ends what runs."""

import os
import shutil

from deck import canary, config, container, current, host, host_unchanged, rt, timeout, until

# Without cgroup.kept: that there is one is all it says, and then the empty group stays.
FILES = ("config.json", "cgroup", "state.json", "start.sock", "quarantine", "policy.json",
         "resources.json", "pending.json", "still", "notify", "armed", "watch", "alarms",
         "resctrl", "watch.sock")
SECONDS = 10
COMMANDS = (("state",), ("list",), ("exec", "/bin/probe", "exit", "0"), ("ps",), ("pause",),
            ("resume",), ("start",), ("events", "--stats"), ("quarantine",), ("release",),
            ("drift",), ("kill", "0"), ("delete",))


def link(path, victim):
    os.symlink(victim, path)


def dangling(path, victim):
    os.symlink(victim + "-absent", path)


def fifo(path, _):
    os.mkfifo(path)


def directory(path, victim):
    os.makedirs(path + "/a/b")
    os.symlink(victim, path + "/a/link")


def huge(path, _):
    with open(path, "wb") as out:
        out.truncate(1 << 40)


def device(path, _):
    os.mknod(path, 0o20666, os.makedev(1, 5))


def empty(path, _):
    with open(path, "wb"):
        pass


def noise(path, _):
    with open(path, "wb") as out:
        out.write(os.urandom(20000))


def zeros(path, _):
    with open(path, "wb") as out:
        out.write(b"\0" * 100000)


def strangers(path, _):
    with open(path, "wb") as out:
        out.write(b"{}\n")
    os.chown(path, 1234, 1234)


HOW = (link, dangling, fifo, directory, huge, device, empty, noise, zeros, strangers)


def processes_of(group):
    try:
        return host.read(f"{host.CGROUP}{group}/cgroup.procs").split()
    except OSError:
        return []


def tamper(path, how, victim):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
    how(path, victim)


def every_command(c, what):
    """Each ends in time, and not by a signal."""
    for command in COMMANDS:
        words = command if command == ("list",) else (command[0], c.name, *command[1:])
        r = rt(*words, seconds=SECONDS)
        assert 0 <= r.rc < 128 or r.rc == 255, f"{what}: {words}: {r!r}"
        assert r.rc == 0 or (r.err + r.out).strip(), f"{what}: {words} failed without a word"
        assert "internal error" not in r.err, f"{what}: {words}: {r!r}"
        assert len(r.err) < 10000, f"{what}: {words}: {len(r.err)} bytes of message"


def ended(c, what):
    """delete --force: whatever is in the directory, nothing of the container is left."""
    r = rt("delete", "--force", c.name, seconds=3 * SECONDS)
    assert r.rc == 0, f"{what}: {r!r}"
    until(lambda: not processes_of(c.cgroup), what=f"{what}: the end of its processes")
    assert not os.path.lexists(os.path.join(current().root, c.name)), what


def tampered(how, files):
    place = canary()
    with host_unchanged(place):
        for name in files:
            with container(config()) as c:
                c.up()
                path = os.path.join(current().root, c.name, name)
                what = f"{name} is {how.__name__}"
                tamper(path, how, os.path.join(place, "file"))
                every_command(c, what)
                ended(c, what)


def make(how):
    def test():
        tampered(how, FILES)
    test.__name__ = f"test_P_a_file_of_the_state_that_is_{how.__name__}"
    test.__doc__ = "each file in turn, each command: bounded, and the host is as it was"
    return timeout(400)(test)


for _how in HOW:
    globals()[f"test_P_a_file_of_the_state_that_is_{_how.__name__}"] = make(_how)


@timeout(120)
def test_P_a_container_directory_that_is_something_else():
    "a link to another's, a FIFO, a stranger's: no command follows it, delete --force removes it"
    with container(config()) as real:
        real.up()
        root = current().root
        for how in (link, dangling, fifo, empty, device):
            name = current().next_id()
            path = os.path.join(root, name)
            how(path, os.path.join(root, real.name))
            for command in COMMANDS:
                words = command if command == ("list",) else (command[0], name, *command[1:])
                r = rt(*words, seconds=SECONDS)
                assert r.rc != 0 or command == ("list",), f"{how.__name__}: {words}: {r!r}"
            assert rt("create", "--bundle", real.path, name).rc != 0, how.__name__
            rt("delete", "--force", name, seconds=SECONDS).ok
            assert not os.path.lexists(path), how.__name__
            assert real.status == "running", how.__name__
