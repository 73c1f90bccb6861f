# SPDX-License-Identifier: Apache-2.0
"""The systemd cgroup driver: scopes of a real systemd, and managers that are not there or hang."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time

from deck import Container, config, current, host, needs, rt, until

FRONT = ("--systemd-cgroup",)
SLICE = "orlop-test.slice"
IN_SLICE = "/orlop.slice/orlop-test.slice"


def systemctl(*args):
    return subprocess.run(["systemctl", *args], capture_output=True, text=True, timeout=120,
                          check=False).stdout.strip()


def scope(verbs="wait", name=None, **linux):
    """A container whose cgroup is a scope of its own in a slice of ours."""
    name = name or current().next_id()
    annotations = linux.pop("annotations", None)
    linux.setdefault("cgroupsPath", f"{SLICE}:test:{name}")
    changes = {"linux": linux, **({"annotations": annotations} if annotations else {})}
    box = Container(config(**changes), verbs, name=name, front=FRONT)
    box.unit = f"test-{name}.scope"
    box.cgroup = f"{IN_SLICE}/{box.unit}"
    return box


def show(box, *names):
    """Properties of the container's unit, as systemctl prints them."""
    out = systemctl("show", box.unit, *(f"--property={name}" for name in names))
    return dict(line.split("=", 1) for line in out.splitlines())


def is_gone(box):
    return (not os.path.exists(host.CGROUP + box.cgroup)
            and show(box, "LoadState", "ActiveState") ==
            {"LoadState": "not-found", "ActiveState": "inactive"})


RESOURCES = {
    "memory": {"limit": 64 << 20, "reservation": 32 << 20, "swap": 64 << 20},
    "pids": {"limit": 5},
    "cpu": {"shares": 512, "quota": 12345, "period": 100000, "cpus": "0"},
    "unified": {"memory.oom.group": "1", "memory.high": "48M"},
}

FILES = {"memory.max": str(64 << 20), "memory.low": str(32 << 20), "memory.swap.max": "0",
         "memory.high": str(48 << 20), "memory.oom.group": "1", "pids.max": "5",
         "cpu.weight": "59", "cpu.max": "13000 100000", "cpuset.cpus": "0"}


@needs("systemd")
def test_a_container_is_a_scope():
    "in the slice of the config, delegated, described; the cgroup is where the slices say"
    with scope() as box:
        assert show(box, "ActiveState", "Slice", "Delegate", "ControlGroup", "Description",
                    "DevicePolicy") == {
            "ActiveState": "active", "Slice": SLICE, "Delegate": "yes",
            "ControlGroup": box.cgroup, "DevicePolicy": "auto",
            "Description": f"orlop container {box.name}"}
        assert box.file("cgroup.procs") == str(box.pid)
        record = host.read(f"{current().root}/{box.name}/state.json")
        assert '"systemd"' in record and f'"{box.unit}"' in record
        box.up()
        box.delete("--force").ok
        assert is_gone(box)


@needs("systemd")
def test_without_a_path_the_scope_is_named_after_the_container():
    "in system.slice"
    name = current().next_id()
    c = config()
    c.cgroups_path_set = True
    box = Container(c, "wait", name=name, front=FRONT)
    box.unit, box.cgroup = f"orlop-{name}.scope", f"/system.slice/orlop-{name}.scope"
    with box:
        assert box.file("cgroup.procs") == str(box.pid)


@needs("systemd")
def test_limits_are_in_the_cgroup_and_in_the_unit():
    "and stay the same when systemd writes them anew"
    with scope("fork 10; wait", resources=RESOURCES) as box:
        assert show(box, "MemoryMax", "MemoryLow", "MemoryHigh", "MemorySwapMax", "TasksMax",
                    "CPUWeight", "CPUQuotaPerSecUSec", "AllowedCPUs", "OOMPolicy") == {
            "MemoryMax": str(64 << 20), "MemoryLow": str(32 << 20),
            "MemoryHigh": str(48 << 20), "MemorySwapMax": "0", "TasksMax": "5",
            "CPUWeight": "59", "CPUQuotaPerSecUSec": "130ms", "AllowedCPUs": "0",
            "OOMPolicy": "kill"}
        assert {name: box.file(name) for name in FILES} == FILES
        systemctl("daemon-reload")
        systemctl("set-property", "--runtime", SLICE, "CPUWeight=99")
        assert {name: box.file(name) for name in FILES} == FILES
        box.up()
        assert box.value("fork") == "4 EAGAIN"
    systemctl("revert", SLICE)


@needs("systemd")
def test_limits_hold_from_the_first_instruction():
    "one process and no more: the one that kept the scope's place is gone and was not counted"
    with scope("fork 1; wait", resources={"pids": {"limit": 1}}) as box:
        assert box.file("pids.max") == "1" and box.file("pids.current") == "1"
        box.up()
        assert box.value("fork") == "0 EAGAIN"
    with scope("hog 64; echo survived", resources={
            "memory": {"limit": 16 << 20, "swap": 16 << 20}}) as box:
        box.start().ok
        box.wait_status("stopped", 20)
        assert "survived" not in box.lines


@needs("systemd")
def test_a_daemon_reload_keeps_the_device_rules():
    "what was denied stays denied, what was allowed stays allowed"
    devices = [{"path": "/dev/ram9", "type": "b", "major": 1, "minor": 9},
               {"path": "/dev/memory", "type": "c", "major": 1, "minor": 1}]
    rules = [{"allow": False, "access": "rwm"}]
    with scope("wait", devices=devices, resources={"devices": rules}) as box:
        box.up()
        before = box.exec("open /dev/memory r; open /dev/null rw; open /dev/zero r").ok.lines
        assert before == ["open: EPERM", "open: ok", "open: ok"]
        systemctl("daemon-reload")
        systemctl("set-property", "--runtime", SLICE, "CPUWeight=98")
        assert box.exec("open /dev/memory r; open /dev/null rw; open /dev/zero r").lines == before
    systemctl("revert", SLICE)


@needs("systemd")
def test_operations_work_as_ever():
    "exec, ps, pause, resume, kill, delete: without being told about systemd again"
    with scope() as box:
        box.up()
        assert box.exec("echo hello").ok.lines == ["hello"]
        assert str(box.pid) in box.rt("ps", "--format", "json", box.name).ok.out
        box.pause().ok
        assert box.status == "paused"
        box.resume().ok
        box.kill("KILL").ok
        box.wait_status("stopped", 10)
        box.delete().ok
        assert is_gone(box)


@needs("systemd")
def test_a_container_that_ended_leaves_no_unit():
    "run removes it, and a second one of that name starts"
    box = scope("echo done")
    for _ in range(2):
        r = box.create("run")
        assert r.rc == 0, r
        assert is_gone(box)


@needs("systemd")
def test_annotations_become_properties():
    "those of the list; others refuse the container"
    with scope(annotations={"org.systemd.property.TimeoutStopUSec": "uint64 7000000",
                            "org.systemd.property.Description": "'a test of it'",
                            "org.systemd.property.CollectMode": "'inactive'",
                            "org.systemd.property.KillSignal": "37"}) as box:
        assert show(box, "TimeoutStopUSec", "Description", "CollectMode", "KillSignal") == {
            "TimeoutStopUSec": "7s", "Description": "a test of it", "CollectMode": "inactive",
            "KillSignal": "37"}
    other = scope(annotations={"org.systemd.property.ExecStopPost": "'/bin/sh'"})
    other.create().fails("may not be set by an annotation", rc=1)
    assert is_gone(other)


@needs("systemd")
def test_a_failed_create_leaves_no_unit():
    "a program that is not there; a file that no controller has"
    box = scope()
    box.keywords["cwd"] = "/"
    os.unlink(box.rootfs("bin/probe"))
    box.create().fails(rc=1)
    assert is_gone(box) and not os.path.exists(f"{current().root}/{box.name}")
    box = scope(resources={"unified": {"memory.nonsense": "1"}})
    box.create().fails("memory.nonsense", rc=1)
    assert is_gone(box)


@needs("systemd")
def test_a_unit_of_somebody_else_is_left_alone():
    "one that runs is an error, and goes on; one that failed is cleared away"
    box = scope()
    with subprocess.Popen(["systemd-run", "--scope", f"--unit={box.unit}", f"--slice={SLICE}",
                           "--quiet", "sleep", "600"]) as other:
        try:
            until(lambda: show(box, "ActiveState")["ActiveState"] == "active", 20)
            until(lambda: box.file("cgroup.procs") == str(other.pid), 10)
            box.create().fails("cgroup is not empty", rc=1)
            assert box.rt("delete", "--force", box.name).rc == 0
            assert other.poll() is None and box.file("cgroup.procs") == str(other.pid)
        finally:
            other.kill()
    until(lambda: is_gone(box), 20)
    # A scope that ran out of time has failed, and stays loaded as such.
    subprocess.run(["systemd-run", "--scope", f"--unit={box.unit}", "--quiet",
                    "--property=RuntimeMaxSec=1", "sleep", "600"], check=False,
                   capture_output=True)
    until(lambda: show(box, "ActiveState")["ActiveState"] == "failed", 20)
    with box:
        assert show(box, "ActiveState")["ActiveState"] == "active"


@needs("systemd")
def test_a_create_that_is_killed_leaves_nothing_behind():
    "wherever it was: delete --force ends unit, cgroup, directory; without it the unit ends itself"
    scopes = 0
    for part in range(1, 13):
        box = scope()
        argv = [current().runtime, "--root", current().root, *FRONT, "create", "--bundle",
                box.path, box.name]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL) as create:
            time.sleep(0.02 * part)
            create.kill()
        scopes += os.path.exists(host.CGROUP + box.cgroup)
        box.rt("delete", "--force", box.name).ok
        assert not os.path.exists(f"{current().root}/{box.name}")
        until(lambda one=box: is_gone(one), 10, what="the end of the unit")
    assert scopes, "no create was killed while its scope was there"


@needs("systemd")
def test_a_stopped_systemd_does_not_keep_delete():
    "it ends with a warning after the time it gives; the unit alone may stay, and can be stopped"
    with scope() as box:
        box.up()
        with manager(None):
            env = {**os.environ, "ORLOP_SYSTEMD_MS": "500"}
            r = box.rt("delete", "--force", box.name, env=env).ok
            assert "no answer" in r.err, r
        assert not os.path.exists(f"{current().root}/{box.name}")
        assert not os.path.exists(host.CGROUP + box.cgroup)
        systemctl("stop", box.unit)
        until(lambda: is_gone(box), 10, what="the end of the unit")


# ---- without a systemd ---------------------------------------------------------------------------


@contextlib.contextmanager
def manager(answer):
    """What is at systemd's place, in this test's mount namespace: a process that takes no
    connection and is stopped (None), or a function that is given each one."""
    os.makedirs("/run/systemd", exist_ok=True)
    with host.mounted("tmpfs", "/run/systemd", "tmpfs"):
        os.mkdir("/run/systemd/system")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("/run/systemd/private")
        listener.listen(8)
        pid = 0
        if answer:
            threading.Thread(target=serve, args=(listener, answer), daemon=True).start()
        else:
            pid = os.fork()
            if pid == 0:
                host.die_with_parent()
                while True:
                    signal.pause()
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            listener.close()
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def serve(listener, answer):
    with contextlib.suppress(OSError):
        while True:
            peer = listener.accept()[0]
            threading.Thread(target=answer, args=(peer,), daemon=True).start()


def authenticated_and_silent(peer):
    peer.recv(29)
    peer.sendall(b"DATA\r\nOK 00000000000000000000000000000000\r\n")
    with contextlib.suppress(OSError):
        while peer.recv(4096):
            pass


def hangs(box):
    """create gives up in the time it was given, and leaves nothing."""
    box.keywords["env"] = {**os.environ, "ORLOP_SYSTEMD_MS": "300"}
    made = box.create()
    made.fails("no answer", rc=1)
    assert made.seconds < 10, made
    assert not os.path.exists(f"{current().root}/{box.name}")
    assert not os.path.exists(host.CGROUP + box.cgroup)
    assert not [one for one in host.descendants() if "orlop" in one[1]]


def test_a_bus_that_hangs_is_an_error_in_bounded_time():
    "one that is stopped before it takes the connection"
    with manager(None):
        hangs(scope())


def test_a_bus_that_stops_answering_is_an_error_in_bounded_time():
    "one that has said hello"
    with manager(authenticated_and_silent):
        hangs(scope())


def test_without_systemd_the_driver_says_so():
    "in runc's words; nothing is left"
    os.makedirs("/run/systemd", exist_ok=True)
    with host.mounted("tmpfs", "/run/systemd", "tmpfs"):
        box = scope()
        box.create().fails("systemd not running on this host, cannot use systemd cgroups manager",
                           rc=1)
        assert not os.path.exists(f"{current().root}/{box.name}")
        rt("list", "-q").ok
