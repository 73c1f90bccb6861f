# SPDX-License-Identifier: Apache-2.0
"""The systemd cgroup driver: scopes of a real systemd, and managers that are not there or hang."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

from deck import (Container, config, current, host, impatient_runtime, needs, rt, timeout,
                  until)
from deck.frozen import Frozen, busybox, shell

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


def version():
    """Of the systemd that runs: it is asked for what only a newer one knows."""
    return int(systemctl("--version").split()[1])


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
                    "CPUWeight", "CPUQuotaPerSecUSec", "AllowedCPUs") == {
            "MemoryMax": str(64 << 20), "MemoryLow": str(32 << 20),
            "MemoryHigh": str(48 << 20), "MemorySwapMax": "0", "TasksMax": "5",
            "CPUWeight": "59", "CPUQuotaPerSecUSec": "130ms", "AllowedCPUs": "0"}
        if version() >= 253:        # before, scopes have none: the file alone has it
            assert show(box, "OOMPolicy") == {"OOMPolicy": "kill"}
        assert {name: box.file(name) for name in FILES} == FILES
        systemctl("daemon-reload")
        systemctl("set-property", "--runtime", SLICE, "CPUWeight=99")
        # Before 253 systemd clears this one of every scope, and cannot be told otherwise.
        again = FILES | ({} if version() >= 253 else {"memory.oom.group": "0"})
        assert {name: box.file(name) for name in again} == again
        box.up()
        assert box.value("fork") == "4 EAGAIN"
    systemctl("revert", SLICE)


PIDS_HIGHEST = 4194304          # what the kernel takes for a limit (PID_MAX_LIMIT)


@needs("systemd")
def test_limits_hold_from_the_first_instruction():
    "one process and no more: the one that kept the scope's place is gone and was not counted"
    with scope("fork 1; wait", resources={"pids": {"limit": 1}}) as box:
        assert box.file("pids.max") == "1" and box.file("pids.current") == "1"
        box.up()
        assert box.value("fork") == "0 EAGAIN"
    with scope("fork 1; wait", resources={"pids": {"limit": PIDS_HIGHEST}}) as box:
        assert box.file("pids.max") == str(PIDS_HIGHEST)
        assert show(box, "TasksMax") == {"TasksMax": str(PIDS_HIGHEST)}
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
            current().runtime = impatient_runtime()
            r = box.rt("delete", "--force", box.name).ok
            assert "no answer" in r.err, r
        assert not os.path.exists(f"{current().root}/{box.name}")
        assert not os.path.exists(host.CGROUP + box.cgroup)
        systemctl("stop", box.unit)
        until(lambda: is_gone(box), 10, what="the end of the unit")


LIMITS = ("memory.max", "memory.swap.max", "pids.max", "cpu.weight", "cpu.max", "cpu.idle",
          "cpuset.cpus")


def written_anew(box, before):
    """systemd writes the files of the scope when it reads its units, or one beside it changed."""
    systemctl("daemon-reload")
    systemctl("set-property", "--runtime", SLICE, f"CPUWeight={before}")
    return {name: box.file(name) for name in LIMITS}


@needs("systemd")
def test_an_update_is_kept_by_systemd():
    "what is written anew is what update said; idle and back"
    with scope(resources=RESOURCES) as box:
        box.up()
        box.rt("update", "--memory", str(96 << 20), "--memory-swap", str(96 << 20),
               "--pids-limit", "33", "--cpu-share", "2048", "--cpu-quota", "23456",
               "--cpu-period", "50000", "--cpuset-cpus", "0-1", box.name).ok
        wanted = {"memory.max": str(96 << 20), "memory.swap.max": "0", "pids.max": "33",
                  "cpu.max": "23500 50000", "cpu.idle": "0", "cpuset.cpus": "0-1"}
        wanted["cpu.weight"] = box.file("cpu.weight")
        assert int(wanted["cpu.weight"]) > 100
        assert show(box, "MemoryMax", "TasksMax", "CPUWeight", "CPUQuotaPerSecUSec") == {
            "MemoryMax": str(96 << 20), "TasksMax": "33", "CPUWeight": wanted["cpu.weight"],
            "CPUQuotaPerSecUSec": "470ms"}
        assert written_anew(box, 97) == wanted
        box.rt("update", "--cpu-idle", "1", box.name).ok
        assert written_anew(box, 96)["cpu.idle"] == "1"
        box.rt("update", "--cpu-idle", "0", box.name).ok
        assert show(box, "CPUWeight") == {"CPUWeight": "100"}
        again = written_anew(box, 95)
        assert (again["cpu.idle"], again["cpu.weight"]) == ("0", "100")
        # Not idle: the weight that it has stays.
        box.rt("update", "--cpu-share", "512", box.name).ok
        box.rt("update", "--cpu-idle", "0", box.name).ok
        assert written_anew(box, 94)["cpu.weight"] == "59"
        box.rt("update", "--pids-limit", "-1", box.name).ok
        assert written_anew(box, 93)["pids.max"] == "max"
    systemctl("revert", SLICE)


@needs("systemd")
def test_a_period_without_a_quota_is_the_one_of_the_next_quota():
    "systemd writes its own to the file for as long as there is none"
    with scope(resources={"cpu": {"period": 200000}}) as box:
        box.rt("update", "--cpu-share", "512", box.name).ok
        systemctl("set-property", "--runtime", box.unit, "CPUWeight=60")
        box.rt("update", "--cpu-quota", "50000", box.name).ok
        assert box.file("cpu.max") == "50000 200000"
        assert show(box, "CPUQuotaPerSecUSec") == {"CPUQuotaPerSecUSec": "250ms"}
        box.rt("update", "--cpu-quota", "-1", box.name).ok
        box.rt("update", "--cpu-period", "300000", box.name).ok
        box.rt("update", "--cpu-quota", "60000", box.name).ok
        assert box.file("cpu.max") == "60000 300000"


@needs("systemd")
def test_who_dies_with_whom_can_be_updated():
    "memory.oom.group, which kubelet says each time: systemd takes no other policy once it runs"
    with scope(resources={"memory": {"limit": 64 << 20},
                          "unified": {"memory.oom.group": "1 "}}) as box:
        box.up()
        if version() >= 253:
            assert show(box, "OOMPolicy") == {"OOMPolicy": "kill"}
        update = lambda **said: box.rt("update", "-r", "-", box.name, stdin=json.dumps(said))
        update(memory={"limit": 96 << 20}, unified={"memory.oom.group": "1"}).ok
        assert (box.file("memory.max"), box.file("memory.oom.group")) == (str(96 << 20), "1")
        assert show(box, "MemoryMax") == {"MemoryMax": str(96 << 20)}
        update(memory={"limit": 80 << 20}, unified={"memory.oom.group": "0"}).ok
        assert (box.file("memory.max"), box.file("memory.oom.group")) == (str(80 << 20), "0")
        update(memory={"limit": 64 << 20}).ok
        assert (box.file("memory.max"), box.file("memory.oom.group")) == (str(64 << 20), "0")
        update(unified={"memory.oom.group": "1", "memory.max": "nonsense"}).fails("memory.max")
        assert box.file("memory.oom.group") == "0"


@needs("systemd", "cpuset")
def test_cpus_with_blanks_are_the_same_for_systemd():
    "what the kernel takes for a list: blanks and empty parts are nothing"
    with scope(resources={"cpu": {"cpus": " 0, 1,,"}}) as box:
        assert box.file("cpuset.cpus") == "0-1"
        assert show(box, "AllowedCPUs") == {"AllowedCPUs": "0-1"}
        box.rt("update", "--cpuset-cpus", "0,", box.name).ok
        assert box.file("cpuset.cpus") == "0" and show(box, "AllowedCPUs") == {"AllowedCPUs": "0"}


@needs("systemd")
def test_an_update_that_systemd_does_not_take_changes_nothing():
    "a systemd that hangs, one that refuses: files, unit and record are as before"
    with scope(resources=RESOURCES) as box:
        box.up()
        stored = f"{current().root}/{box.name}/resources.json"
        usual, impatient = current().runtime, impatient_runtime()
        for answer, words in ((None, "no answer"), (authenticated_and_refusing, "not today")):
            with manager(answer):
                current().runtime = impatient
                box.rt("update", "--pids-limit", "44", box.name).fails(words, rc=1)
                current().runtime = usual
            assert box.file("pids.max") == "5" and not os.path.exists(stored)
            assert show(box, "TasksMax") == {"TasksMax": "5"}
        box.rt("update", "--pids-limit", "44", box.name).ok
        assert box.file("pids.max") == "44" and show(box, "TasksMax") == {"TasksMax": "44"}


@needs("systemd")
def test_an_update_that_cannot_be_stored_is_taken_back():
    "from the files and from the unit"
    with scope(resources=RESOURCES) as box:
        box.up()
        where = f"{current().root}/{box.name}"
        with host.mounted(where, where, None, host.MS_BIND):
            host.mount(None, where, None, host.MS_BIND | host.MS_REMOUNT | host.MS_RDONLY)
            box.rt("update", "--pids-limit", "44", "--cpu-quota", "50000", box.name).fails(
                "resources.json: read-only", rc=1)
        assert box.file("pids.max") == "5" and box.file("cpu.max") == "13000 100000"
        assert show(box, "TasksMax", "CPUQuotaPerSecUSec") == {
            "TasksMax": "5", "CPUQuotaPerSecUSec": "130ms"}


@needs("systemd")
def test_the_message_bus_does_as_well():
    "where systemd's own socket is not there: create, update, delete"
    hidden = os.path.join(current().tmp, "hidden")
    os.makedirs(hidden)
    assert os.path.exists("/run/systemd/private")
    with host.mounted("tmpfs", "/run/systemd", "tmpfs"):
        os.mkdir("/run/systemd/system")
        with scope(resources=RESOURCES) as box:
            box.up()
            assert box.file("pids.max") == "5"
            box.rt("update", "--pids-limit", "44", box.name).ok
            host.umount("/run/systemd")
            assert show(box, "TasksMax", "ActiveState") == {"TasksMax": "44",
                                                            "ActiveState": "active"}
            host.mount("tmpfs", "/run/systemd", "tmpfs")
            os.mkdir("/run/systemd/system")
            box.delete("--force").ok
            host.umount("/run/systemd")
            assert is_gone(box)
            host.mount("tmpfs", "/run/systemd", "tmpfs")
            os.mkdir("/run/systemd/system")


# ---- a container that is held ------------------------------------------------------------------

TOLD = ("TasksMax", "MemoryHigh", "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec")
CLAMPS = ("pids.max", "memory.high", "cpu.max")


def hold(box, verb, *flags):
    """quarantine or release: the report, its mechanisms by name, and the status."""
    done = box.rt(verb, "--json", *flags, box.name)
    report = json.loads(done.out)
    return {m["name"]: m for m in report["mechanisms"]}, report["result"], done


def hold_for_sure(box, verb, *flags):
    """Repeated while systemd is too slow: a machine with a long queue is no systemd that hangs."""
    def once():
        lines, result, _ = hold(box, verb, *flags)
        assert result in ("contained", "released") or "no answer" in lines["unit"]["detail"], lines
        return lines["unit"]["outcome"] == "applied" and result
    return until(once, 60, what="an answer of systemd")


def clamps(box):
    return [box.file(name) for name in CLAMPS]


def disturb(box):
    """What makes systemd write files of the scope: properties beside ours, its units read anew."""
    systemctl("set-property", "--runtime", box.unit, "MemoryMax=infinity", "CPUWeight=77",
              "IOWeight=88")
    systemctl("daemon-reload")
    systemctl("set-property", "--runtime", SLICE, "CPUWeight=99")


@needs("systemd")
def test_a_quarantine_is_kept_by_systemd():
    "frozen and observed: clamps, freeze and cut; a release gives back files and properties"
    with scope(resources={"pids": {"limit": 7}, "memory": {"limit": 256 << 20},
                          "cpu": {"quota": 45000, "period": 50000}}) as box:
        box.up()
        files, told = clamps(box), show(box, *TOLD)
        assert hold_for_sure(box, "quarantine", "--timeout", "10000") == "contained"
        assert box.file("pids.max") == "1" and show(box, "TasksMax") == {"TasksMax": "1"}
        disturb(box)
        assert clamps(box) == ["1", *files[1:]]
        assert "frozen 1" in box.file("cgroup.events").splitlines()
        assert box.state()["remediation"]["networkCut"] and box.status == "paused"
        assert hold_for_sure(box, "quarantine", "--observe", "--timeout", "10000") == "contained"
        held = clamps(box)
        assert (held[0], held[2]) == ("1", "20000 100000") and held[1].isdigit(), held
        disturb(box)
        assert clamps(box) == held and box.state()["remediation"]["networkCut"]
        assert hold_for_sure(box, "release") == "released"
        assert clamps(box) == files and show(box, *TOLD) == told
    systemctl("revert", SLICE)


@needs("systemd")
def test_a_release_gives_back_what_nobody_had_limited():
    "systemd's own limit on tasks, and none"
    with scope() as box:
        box.up()
        files, told = clamps(box), show(box, *TOLD)
        assert hold_for_sure(box, "quarantine", "--observe", "--timeout", "10000") == "contained"
        assert clamps(box) != files and show(box, *TOLD) != told
        assert hold_for_sure(box, "release") == "released"
        assert clamps(box) == files
        now = show(box, *TOLD)
        # The period is the kernel's usual one, which is also systemd's when none is said.
        assert (told.pop("CPUQuotaPeriodUSec"), now.pop("CPUQuotaPeriodUSec")) == (
            "infinity", "100ms")
        assert now == told


@needs("systemd")
def test_a_systemd_that_hangs_holds_no_quarantine_up():
    "all is in force and that is said, and so is what may be undone; repeating it tells systemd"
    with scope(resources={"pids": {"limit": 7}}) as box:
        box.up()
        with manager(None):
            lines, result, done = hold(box, "quarantine", "--timeout", "10000")
            assert result == "contained-partial" and done.rc == 2 and done.seconds < 30, done
            assert lines["unit"]["outcome"] == "failed", lines
            assert "may undo pids.max" in lines["unit"]["detail"], lines
            for name in ("freeze", "egress", "ingress", "pids.max"):
                assert lines[name]["outcome"] == "applied", lines
            assert box.file("pids.max") == "1"
            assert box.state()["remediation"]["quarantine"] == "contained-partial"
        assert show(box, "TasksMax") == {"TasksMax": "7"}
        assert hold_for_sure(box, "quarantine", "--timeout", "10000") == "contained"
        assert show(box, "TasksMax") == {"TasksMax": "1"}
        with manager(authenticated_and_silent):
            lines, result, done = hold(box, "release")
            assert result == "released-partial" and done.seconds < 30, done
            assert lines["unit"]["outcome"] == "failed", lines
            assert box.file("pids.max") == "7"
            assert "remediation" in box.state()
        assert hold_for_sure(box, "release") == "released"
        assert show(box, "TasksMax") == {"TasksMax": "7"}
        disturb(box)
        assert box.file("pids.max") == "7" and "remediation" not in box.state()
    systemctl("revert", SLICE)


@needs("systemd")
def test_without_systemd_nothing_is_undone_and_nothing_told():
    "contained, and released, as without a unit"
    with scope(resources={"pids": {"limit": 7}}) as box:
        box.up()
        with host.mounted("tmpfs", "/run/systemd", "tmpfs"):
            lines, result, _ = hold(box, "quarantine", "--timeout", "10000")
            assert result == "contained" and lines["unit"]["outcome"] == "unsupported", lines
            lines, result, _ = hold(box, "release")
            assert result == "released" and lines["unit"]["outcome"] == "unsupported", lines
        assert box.file("pids.max") == "7"


@needs("systemd", "criu")
@timeout(300)
def test_a_container_is_restored_into_a_scope():
    "of the name that the bundle gives it, with its limits in cgroup and unit; delete ends both"
    name = current().next_id()
    box = Frozen(busybox(config(args=shell("while :; do /bin/busybox sleep 0.1; done"),
                                linux={"cgroupsPath": f"{SLICE}:test:{name}",
                                       "resources": {"pids": {"limit": 9}}})),
                 name=name, front=FRONT)
    box.unit = f"test-{name}.scope"
    box.cgroup = f"{IN_SLICE}/{box.unit}"
    with box:
        box.checkpoint().ok
        assert box.is_absent() and is_gone(box)
        box.restore().ok
        assert host.read(f"/proc/{box.pid}/cgroup").strip() == f"0::{box.cgroup}"
        assert show(box, "ActiveState", "TasksMax", "Delegate") == {
            "ActiveState": "active", "TasksMax": "9", "Delegate": "yes"}
        assert box.file("pids.max") == "9"
        record = host.read(f"{current().root}/{box.name}/state.json")
        assert '"systemd"' in record and f'"{box.unit}"' in record
        assert box.sh("cat /proc/self/cgroup").ok.out.strip() == "0::/"
        # Once more, from what was restored.
        box.checkpoint().ok
        assert is_gone(box)
        box.restore().ok
        box.delete("--force").ok
        assert is_gone(box)


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


def authenticated_and_refusing(peer):
    """Answers every call with an error."""
    peer.recv(29)
    peer.sendall(b"DATA\r\nOK 00000000000000000000000000000000\r\n")
    with contextlib.suppress(OSError):
        while head := peer.recv(16):
            body, serial, fields = struct.unpack("<4xIII", head)
            rest = (fields + 7 & ~7) + body
            while rest:
                rest -= len(peer.recv(rest))
            text = b"not today\0"
            text = struct.pack("<I", len(text) - 1) + text
            name = b"org.freedesktop.DBus.Error.AccessDenied\0"
            made = (struct.pack("<B3sI", 5, b"\1u\0", serial) +
                    struct.pack("<B3sI", 4, b"\1s\0", len(name) - 1) + name)
            made += struct.pack(f"<{-len(made) % 8}xB3sB3s", 8, b"\1g\0", 1, b"s\0")[:-1]
            peer.sendall(struct.pack("<4sIII", b"l\3\0\1", len(text), 7, len(made)) + made +
                         b"\0" * (-len(made) % 8) + text)


def hangs(box):
    """create gives up in the time it was given, and leaves nothing."""
    current().runtime = impatient_runtime()
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
