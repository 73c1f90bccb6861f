# SPDX-License-Identifier: Apache-2.0
"""quarantine and release: what holds, what leaks without it, and what a crash leaves."""

import ctypes
import json
import os
import socket
import struct
import subprocess
import time

from deck import config, container, current, namespaces, rt, skip, timeout, until
from deck.adversary import adversary
from deck.bundle import bind
from deck.container import PATIENCE
from deck.wire import INSIDE, OUTSIDE, drained, inside, wire
from tools import built

KINDS = ("pid", "mount", "ipc", "uts", "cgroup")
SOON = 1.0 * PATIENCE


def quarantine(c, *flags, rc=0):
    """Does it and gives the report."""
    result = c.rt("quarantine", "--json", *flags, c.name)
    assert result.rc == rc, result
    report = json.loads(result.out)
    assert report["result"] == {0: "contained", 2: "contained-partial", 1: "failed"}[rc], report
    return report


def release(c, *flags):
    return json.loads(c.rt("release", "--json", *flags, c.name).ok.out)


def outcome(report, name):
    return next(m["outcome"] for m in report["mechanisms"] if m["name"] == name)


def wired(cable, *words, **changes):
    """A container in the inner namespace of a cable."""
    linux = {"namespaces": namespaces(*KINDS, network=cable.inside)} | changes.pop("linux", {})
    return adversary(*words, linux=linux, **changes)


def frozen(c):
    return "frozen 1" in c.file("cgroup.events").splitlines()


def test_a_container_is_held_and_let_go():
    "every mechanism read back; state says it; resume, exec and start are refused; release undoes"
    with container(config(), "wait") as c:
        c.up()
        report = quarantine(c, "--reason", "looks odd")
        assert frozen(c)
        for name in ("freeze", "egress", "ingress", "sock", "connect4", "connect6", "send4",
                     "send6", "dev", "journal"):
            assert outcome(report, name) == "applied", report
        state = c.state()
        assert state["status"] == "paused"
        held = state["remediation"]
        assert held["quarantine"] == "contained" and held["mode"] == "frozen", held
        assert held["reason"] == "looks odd" and held["networkCut"] and held["freezeRequested"]
        listed = json.loads(c.rt("list", "-f", "json").ok.out)
        assert [one["remediation"]["quarantine"] for one in listed if one["id"] == c.name] == [
            "contained"]
        c.resume().fails("it is in quarantine", rc=4)
        c.exec("echo no").fails("it is in quarantine", rc=255)
        c.exec("echo no", "--ignore-paused").fails("it is in quarantine", rc=255)
        assert frozen(c)
        done = release(c)
        assert done["result"] == "released", done
        assert c.status == "running" and "remediation" not in c.state()
        c.exec("echo yes").ok
        c.rt("release", c.name).fails("is not in quarantine", rc=1)


def test_nothing_leaves_a_full_send_buffer():
    "four megabytes that the kernel holds: a frozen container sends them, a held one not a byte"
    with wire() as cable:
        for held in (False, True):
            listener = cable.listen(small=True)
            with wired(cable, "fill", OUTSIDE, listener.getsockname()[1]) as c:
                c.start().ok
                peer, _ = listener.accept()
                c.wait_line("ready", 15)
                if held:
                    quarantine(c)
                    waiting = 0
                    # What had arrived before is here already; nothing comes after it.
                    peer.setblocking(False)
                    try:
                        while True:
                            waiting += len(peer.recv(1 << 20))
                    except BlockingIOError:
                        pass
                    assert len(drained(peer, 2)) == 0
                    release(c)
                    assert len(drained(peer, 3)) > 0, "the connection did not go on"
                else:
                    c.pause().ok
                    leaked = len(drained(peer, 2))
                    assert leaked > 1_000_000, leaked
                peer.close()
            listener.close()


def program_ids(c):
    """The programs on a container's cgroup, per place: what the kernel says, not we."""
    bpf, query = 321, 16
    group = os.open(f"/sys/fs/cgroup/{c.cgroup}", os.O_RDONLY)
    found = {}
    try:
        for place in (0, 1, 2, 6, 10, 11, 14, 15, 49, 50):
            ids = (ctypes.c_uint32 * 64)()
            attr = ctypes.create_string_buffer(160)
            struct.pack_into("<IIIIQI", attr, 0, group, place, 0, 0, ctypes.addressof(ids), 64)
            if ctypes.CDLL(None).syscall(bpf, query, attr, 160) == 0:
                found[place] = list(ids[:struct.unpack_from("<I", attr, 24)[0]])
    finally:
        os.close(group)
    return found


def limits(c):
    """Every limit that the cgroup has, as text."""
    where = f"/sys/fs/cgroup/{c.cgroup}"
    return {name: c.file(name) for name in sorted(os.listdir(where))
            if name in ("pids.max", "memory.high", "memory.max", "cpu.max", "cpu.weight",
                        "cgroup.freeze")}


def test_release_restores_limits_and_programs_byte_for_byte():
    "the same program ids in the same order, the same texts; also after frozen, observe, frozen"
    devices = {"devices": [{"allow": False, "access": "rwm"},
                           {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]}
    with container(config(linux={"resources": devices}), "wait") as c:
        c.up()
        before = program_ids(c), limits(c)
        assert len(before[0][6]) == 1, before
        for modes in ([], ["--observe"], [[], ["--observe", "--allow", "10.0.0.1"], []]):
            for flags in modes if modes and isinstance(modes[0], list) else [modes]:
                c.rt("quarantine", *flags, c.name).ok
            held = program_ids(c)
            assert held[6][0] == before[0][6][0] and len(held[6]) == 2, held
            assert all(len(ids) <= 2 for ids in held.values()), held
            release(c)
            assert (program_ids(c), limits(c)) == before


def test_a_container_that_was_paused_is_paused_after_release():
    "release gives back what was there, which was not running"
    with container(config(), "wait") as c:
        c.up()
        c.pause().ok
        quarantine(c)
        release(c)
        assert c.status == "paused"
        c.resume().ok


def test_a_container_that_cannot_be_frozen_is_held_partially():
    "in time, with everybody named; nothing is rolled back; release and kill work"
    with adversary("notify") as c:
        c.bad()
        began = time.monotonic()
        report = quarantine(c, rc=2)
        assert time.monotonic() - began < 0.4 * PATIENCE
        assert outcome(report, "freeze") == "busy" and outcome(report, "egress") == "applied"
        task, = report["notFrozen"]
        assert (task["state"], task["wchan"], task["inKernel"]) == (
            "D", "seccomp_do_user_notification", True), task
        assert c.file("cgroup.freeze") == "1"
        state = c.rt("state", c.name).ok
        assert state.seconds < SOON
        assert json.loads(state.out)["remediation"]["quarantine"] == "contained-partial"
        release(c)
        assert c.status == "running"
        quarantine(c, rc=2)
        assert c.delete("--force").ok.seconds < SOON
        assert not os.path.exists(f"/sys/fs/cgroup/{c.cgroup}")


def test_a_held_container_can_be_killed_and_deleted():
    "SIGKILL ends it as it is, and it can be deleted in any way"
    with container(config(), "wait") as c:
        c.up()
        quarantine(c)
        c.kill("KILL").ok
        c.wait_status("stopped")
        c.rt("quarantine", c.name).fails("not running", rc=1)
        c.delete().ok
    with container(config(), "wait") as c:
        c.up()
        quarantine(c, "--observe")
        assert c.delete("--force").ok.seconds < SOON


def test_what_cannot_be_read_does_not_keep_a_container_from_being_held():
    "a record and a configuration that are nonsense"
    with container(config(), "wait") as c:
        c.up()
        where = os.path.join(current().root, c.name)
        for name in ("state.json", "config.json"):
            with open(os.path.join(where, name), "w", encoding="ascii") as out:
                out.write("{nonsense")
        quarantine(c)
        assert frozen(c)
        release(c)
        assert not frozen(c)


def test_a_crash_at_any_system_call_leaves_what_can_be_completed():
    "kill -9 at each of its stops, then release, or quarantine and release: as it was before"
    killat = built("killat")
    with container(config(), "wait") as c:
        c.up()
        before = program_ids(c), limits(c)

        def killed(at, verb, *flags):
            result = subprocess.run(
                ["sh", "-c", 'exec 3>/dev/null; exec "$@"', "sh", killat, str(at),
                 current().runtime, "--root", current().root, verb, *flags, c.name],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)
            assert result.returncode in (0, 3), result
            return result.returncode == 0

        for verb, step in (("quarantine", 5), ("release", 5)):
            at, kills = 1, 0
            while True:
                if verb == "release":
                    c.rt("quarantine", c.name).ok
                if not killed(at, verb):
                    break
                kills += 1
                state = c.state()
                word = state.get("remediation", {}).get("quarantine")
                assert word in (None, "incomplete", "contained", "releasing"), word
                if word is None:
                    assert (program_ids(c), limits(c)) == before, "changed, and nobody says so"
                else:
                    assert c.resume().rc == 4
                if kills % 2 and word:
                    assert quarantine(c)["result"] == "contained"
                if word:
                    release(c)
                assert (program_ids(c), limits(c)) == before, (verb, at)
                assert c.status == "running"
                at += step
            c.rt("quarantine", c.name).ok
            release(c)
            assert kills > 20, (verb, kills)
