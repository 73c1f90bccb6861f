# SPDX-License-Identifier: Apache-2.0
"""checkpoint and restore: what a container was doing, it goes on doing."""

import contextlib
import json
import os
import subprocess

from deck import Link, bind, config, current, host, needs, timeout, until
from deck.frozen import Frozen, busybox, shell

# A program with memory: it counts to a file, and says on its output what it was told to. A sleep
# that is interrupted by a dump ends early, and so this one may be.
COUNTS = """
i=0
while :; do
    i=$((i + 1))
    echo $i >/dev/shm/count
    if [ -e /tmp/say ]; then mv /tmp/say /tmp/said; echo "i was $i"; fi
    sleep 0.1
done
"""


def counting(before="", root=None, **changes):
    changes.setdefault("args", shell(before + "PATH=/bin; for x in sleep mv; do "
                                     "/bin/busybox ln -sf busybox /bin/$x; done" + COUNTS))
    return Frozen(busybox(config(**changes)), root=root)


def count(box):
    # The file is empty for the moment in which it is written.
    return int(box.sh("cat /dev/shm/count").ok.out or -1)


def counts(box):
    """That it is counting now; gives how far it is."""
    before = until(lambda: box.sh("cat /dev/shm/count").out.strip(), 20, what="a first number")
    until(lambda: count(box) > int(before), 20, what="the next number")
    return count(box)


@needs("criu")
@timeout(300)
def test_a_restored_container_goes_on():
    "with the memory and the files that it had, and the standard output that restore has"
    with counting() as box:
        before, pid = counts(box), box.pid
        box.checkpoint().ok
        assert box.is_absent()
        assert host.process_state(pid) in (None, "Z")
        box.restore().ok
        assert box.status == "running"
        assert counts(box) >= before
        open(box.rootfs("/tmp/say"), "w", encoding="utf-8").close()
        until(lambda: "i was " in box.out, 20, what="its word on the new output")


@needs("criu")
@timeout(300)
def test_leave_running():
    "the images are there, and the container goes on"
    with counting() as box:
        counts(box)
        pid = box.pid
        box.checkpoint("--leave-running").ok
        assert box.status == "running" and box.pid == pid
        counts(box)
        assert "pages-1.img" in os.listdir(box.images)


@needs("criu")
@timeout(300)
def test_images_are_for_nobody_else():
    "the directories are 0700, and so is what is in them"
    with counting() as box:
        counts(box)
        os.rmdir(box.work)
        box.checkpoint("--leave-running").ok
        for where in (box.images, box.work):
            assert os.stat(where).st_mode & 0o777 == 0o700
            for name in os.listdir(where):
                assert os.stat(os.path.join(where, name)).st_mode & 0o077 == 0, name


@needs("criu")
@timeout(300)
def test_a_dump_that_does_not_work_changes_nothing():
    "an open file without its name: the error says it and names the log, the container goes on"
    script = "cd /tmp; echo x >one; /bin/busybox ln one two; exec 5<one; /bin/busybox rm one\n"
    with counting(before=script) as box:
        counts(box)
        failed = box.checkpoint()
        failed.fails("criu: .*link-remap", f"the whole log is {box.work}/dump.log")
        assert box.status == "running"
        counts(box)


@needs("criu")
@timeout(300)
def test_a_paused_container_can_be_dumped():
    "as engines do it; it stays paused when it is left"
    with counting() as box:
        counts(box)
        box.pause().ok
        box.checkpoint("--leave-running").ok
        assert box.status == "paused"
        before = host.read(f"/proc/{box.pid}/root/dev/shm/count")
        assert before == host.read(f"/proc/{box.pid}/root/dev/shm/count")
        box.resume().ok
        counts(box)


@needs("criu", "memory", "pids")
@timeout(300)
def test_limits_are_in_force_after_restore():
    "those of the bundle, in the cgroup of the bundle, with its device filter"
    limits = {"memory": {"limit": 64 << 20}, "pids": {"limit": 7},
              "devices": [{"allow": False, "access": "rwm"}]}
    # Nobody drives this one: without the filter the kernel says ENXIO.
    nobodys = {"path": "/dev/nobodys", "type": "c", "major": 1, "minor": 10}
    with counting(linux={"resources": limits, "devices": [nobodys]}) as box:
        counts(box)
        box.checkpoint().ok
        box.restore().ok
        assert box.file("memory.max") == str(64 << 20)
        assert box.file("pids.max") == "7"
        assert host.read(f"/proc/{box.pid}/cgroup").strip().endswith(box.cgroup)
        box.sh(": >/dev/null").ok
        box.sh("cat /dev/nobodys").fails("Operation not permitted")


@needs("criu")
@timeout(300)
def test_the_cgroup_file_system_keeps_its_options():
    "criu mounts cgroup2 without options, which are the whole machine's"
    def options():
        return [line.split()[-1] for line in host.read("/proc/self/mountinfo").splitlines()
                if " - cgroup2 " in line]

    before = options()
    assert any("nsdelegate" in each for each in before), before
    with counting() as box:
        counts(box)
        box.checkpoint().ok
        assert options() == before
        box.restore().ok
        assert options() == before


@needs("criu")
@timeout(300)
def test_volumes_come_from_the_bundle():
    "the same or another place, as writable as it says; also through a link of the image"
    test = current()
    for name in ("one", "two", "three", "other"):
        os.mkdir(f"{test.tmp}/{name}")
    mounts = [bind(f"{test.tmp}/one", "/one", "ro"), bind(f"{test.tmp}/two", "/linked/two", "ro"),
              bind(f"{test.tmp}/three", "/three")]
    with counting(mounts=mounts, rootfs={"/real/": "dir", "/linked": Link("real")}) as box:
        counts(box)
        box.checkpoint().ok

        def move(doc):
            doc["mounts"][-1]["source"] = f"{test.tmp}/other"

        box.change(move)
        box.restore().ok
        for name in ("one", "linked/two"):
            box.sh(f": >/{name}/x").fails("Read-only file system")
        box.sh(": >/three/x").ok
        assert os.listdir(f"{test.tmp}/other") == ["x"]


@needs("criu")
@timeout(300)
def test_a_read_only_root_stays_read_only():
    "criu mounts it without"
    script = "while :; do i=$((i + 1)); echo $i >/dev/shm/count; /bin/busybox sleep 0.1; done"
    with Frozen(busybox(config(args=shell(script), root={"readonly": True}))) as box:
        counts(box)
        box.checkpoint().ok
        box.restore().ok
        counts(box)
        box.sh(": >/x").fails("Read-only file system")


@needs("criu")
@timeout(300)
def test_the_root_is_below_a_link():
    "as Docker's, which is below /var/run: mounts are found again"
    test = current()
    os.mkdir(f"{test.tmp}/volume")
    os.symlink(test.tmp, f"{test.tmp}/here")
    with counting(root=f"{test.tmp}/here/state",
                  mounts=[bind(f"{test.tmp}/volume", "/volume")]) as box:
        counts(box)
        box.checkpoint().ok
        box.restore().ok
        box.sh(": >/volume/x").ok
        assert os.listdir(f"{test.tmp}/volume") == ["x"]


@needs("criu")
@timeout(300)
def test_restore_in_the_foreground():
    "stays until the program ends, ends as it does, and deletes the container"
    with Frozen(busybox(config(args=shell(
            "while [ ! -e /tmp/end ]; do /bin/busybox sleep 0.1; done; exit 37")))) as box:
        box.checkpoint().ok
        open(box.rootfs("/tmp/end"), "w", encoding="utf-8").close()
        assert box.restore(detach=False).rc == 37
        assert box.is_absent()


@needs("criu")
@timeout(300)
def test_the_pid_file():
    "the restored process's, without a newline"
    with counting() as box:
        box.checkpoint().ok
        path = f"{current().tmp}/pid"
        box.restore("--pid-file", path).ok
        assert host.read(path) == str(box.pid)


@needs("criu")
@timeout(300)
def test_the_hooks_of_a_restore():
    "prestart and createRuntime, with the process's own pid, and not those of starting"
    test = current()
    hook = f"{test.tmp}/hook"
    with open(hook, "w", encoding="utf-8") as out:
        out.write(f"#!/bin/sh\necho \"$1 $(cat)\" >>{test.tmp}/hooks\n")
    os.chmod(hook, 0o755)
    kinds = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart")
    hooks = {kind: [{"path": hook, "args": ["hook", kind]}] for kind in kinds}
    hooks.pop("startContainer")
    with counting(hooks=hooks) as box:
        counts(box)
        box.checkpoint().ok
        os.unlink(f"{test.tmp}/hooks")
        box.restore().ok
        lines = host.read(f"{test.tmp}/hooks").splitlines()
        assert [line.split(" ", 1)[0] for line in lines] == ["prestart", "createRuntime"]
        assert json.loads(lines[0].split(" ", 1)[1])["pid"] == box.pid


@needs("criu")
@timeout(300)
def test_a_network_that_was_joined():
    "stays what it was: somebody else's, and the restored container is in it"
    with subprocess.Popen(["unshare", "--net", "sleep", "1000"]) as holder, \
            contextlib.ExitStack() as ends:
        ends.callback(holder.kill)
        path = f"/proc/{holder.pid}/ns/net"
        ours = os.stat("/proc/self/ns/net").st_ino
        until(lambda: os.stat(path).st_ino != ours, what="another network")
        namespaces = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup")]
        namespaces.append({"type": "network", "path": path})
        with counting(linux={"namespaces": namespaces}) as box:
            counts(box)
            box.checkpoint().ok
            box.restore().ok
            assert os.stat(path).st_ino == os.stat(f"/proc/{box.pid}/ns/net").st_ino
            counts(box)


@needs("criu")
@timeout(300)
def test_the_namespaces_of_a_pod():
    "pid, ipc and uts that were joined are those it is restored into, beside who was there"
    with subprocess.Popen(["unshare", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-c",
                           # It reaps, as a pod's does: numbers are taken until then.
                           "hostname pod; while :; do sleep 0.2; done"]) as holder, \
            contextlib.ExitStack() as ends:
        ends.callback(holder.kill)
        first = f"/proc/{holder.pid}/ns"
        until(lambda: os.path.exists(f"{first}/pid_for_children") and
              os.stat(f"{first}/pid_for_children").st_ino != os.stat("/proc/self/ns/pid").st_ino,
              what="a namespace with a process in it")
        paths = {"pid": f"{first}/pid_for_children", "ipc": f"{first}/ipc", "uts": f"{first}/uts"}
        namespaces = [{"type": kind} for kind in ("mount", "network", "cgroup")]
        namespaces += [{"type": kind, "path": path} for kind, path in paths.items()]
        with counting(hostname=None, linux={"namespaces": namespaces}) as box:
            counts(box)
            box.checkpoint().ok
            box.restore().ok
            for kind, path in paths.items():
                assert os.stat(path).st_ino == os.stat(f"/proc/{box.pid}/ns/{kind}").st_ino, kind
            counts(box)
            assert box.sh("/bin/busybox hostname").ok.out == "pod\n"
