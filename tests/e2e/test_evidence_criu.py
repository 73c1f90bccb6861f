# SPDX-License-Identifier: Apache-2.0
"""evidence --criu: images of criu beside the rest, and whatever criu does, the rest and the hold."""

import contextlib
import errno
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time

from deck import bind, config, container, current, needs, rt, skip, timeout, until
from deck.adversary import adversary
from deck.container import PATIENCE
from deck.frozen import Frozen, busybox, shell
from test_checkpoint import counting, counts
from test_evidence import load, python_container, take
from test_quarantine import connected, quarantine

# Stands in for criu: answers as its protocol has it, and then does what argv says of it.
STAND_IN = r'''
import os, socket, sys, time
s = socket.socket(fileno=int(sys.argv[-1]))
def number(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])
def fields(data):
    at = 0
    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value
    while at < len(data):
        key = take()
        value = take()
        if key & 7 == 2:
            at, value = at + value, data[at:at + value]
        yield key >> 3, value
def answer(kind, success, more=b""):
    s.send(b"\x08" + number(kind) + b"\x10" + number(success) + more)
dict(fields(s.recv(65536)))
answer(10, 1, b"\x52\x04\x08\x04\x10\x02")
options = dict(fields(dict(fields(s.recv(65536)))[2]))
work = f"/proc/{os.getppid()}/fd/{options[17]}"
group = options[44].decode()
def log(text):
    with open(f"{work}/{options[10].decode()}", "a") as file:
        file.write(text)
'''
FAILS = r'''
log("(00.001000) Error (criu/x.c:12): a thing that cannot be dumped\n")
open(f"{work}/half.img", "w").close()
answer(1, 0, b"\x38\x16")
'''
HANGS = "log('(00.0) waiting\\n')\nwhile True: time.sleep(1)\n"
DIES_THAWED = r'''
with open(f"{group}/cgroup.freeze", "w") as file:
    file.write("0")
time.sleep(0.3)
os._exit(1)
'''

# A program that never stops by itself: how often it went round is in a file of its memory.
SPINS = """
import mmap, struct
print("at", flush=True)
n = 0
with open("/dev/shm/rounds", "w+b") as file:
    file.truncate(4096)
    rounds = mmap.mmap(file.fileno(), 4096)
while True:
    n += 1
    rounds[:8] = struct.pack("<Q", n)
"""


def stand_in(*does):
    """A program to be called in criu's place."""
    path = os.path.join(current().tmp, f"criu-{current().next_number()}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!{sys.executable} -SE\n" + STAND_IN + "".join(does))
    os.chmod(path, 0o755)
    return path


def attempt(c, criu, *flags, rc=2):
    """Evidence with something in criu's place: the set's path and what became of the images."""
    path = os.path.join(current().tmp, f"set-{current().next_number()}")
    result = rt("--criu", criu, "evidence", c.name, "-o", path, "--criu", *flags)
    assert result.rc == rc, f"{result!r}"
    rt("evidence", "verify", path).ok
    return path, load(path, "capture.json")["criu"], result


def rows_of(place):
    return {row["path"]: row for row in load(place, "manifest.json")["files"]}


def is_complete_but_for_images(place):
    """Everything that orlop takes by itself, and no directory of images."""
    rows, told = rows_of(place), load(place, "capture.json")
    assert told["complete"] and told["still"]
    assert {"registers.json", "processes.json", "runtime/config.json", "host.json"} < set(rows)
    assert any(path.startswith("memory/core.") for path in rows)
    assert not os.path.exists(f"{place}/checkpoint"), os.listdir(f"{place}/checkpoint")
    assert not {"config.dump", "spec.dump"} & set(rows)
    return rows


def test_without_criu_all_the_rest_is_there():
    "the manifest says in the row of criu's log why there are no images, and the status is 2"
    with container(config(), "wait") as c:
        c.up()
        place, criu, result = attempt(c, "/nowhere/criu")
        assert c.status == "running"
    rows = is_complete_but_for_images(place)
    assert rows["dump.log"]["error"] == "criu: /nowhere/criu: no such file or directory"
    assert criu["result"] == "failed" and criu["threadsMoved"] == 0
    assert "no images of criu: criu: /nowhere/criu" in result.out
    with container(config(), "wait") as c:
        c.up()
        assert "dump.log" not in rows_of(take(c)), "the control: nobody asked"


def test_what_criu_refuses_is_said_with_its_reason():
    "the first error of its log is in the manifest, the log is in the set, half-written images are not"
    with container(config(), "wait") as c:
        c.up()
        place, criu, _ = attempt(c, stand_in(FAILS))
        assert c.status == "running"
    rows = is_complete_but_for_images(place)
    assert rows["dump.log"]["error"] == "criu: a thing that cannot be dumped" == criu["why"]
    assert rows["dump.log"]["size"] > 0


def test_a_criu_that_hangs_is_ended_within_the_budget():
    "the set is whole but for the images, and the container goes on"
    with container(config(), "wait") as c:
        c.up()
        began = time.monotonic()
        place, criu, _ = attempt(c, stand_in(HANGS), "--budget", f"{4 * PATIENCE:.0f}s")
        assert time.monotonic() - began < 6 * PATIENCE
        assert c.status == "running"
        rows = is_complete_but_for_images(place)
        assert "its part of the budget is used up" in rows["dump.log"]["error"], rows["dump.log"]
        assert criu["frozenAfter"] and criu["threadsMoved"] == 0
        until(lambda: not os.path.exists(f"/proc/{c.pid}/root") or not processes_of("criu-"), 5,
              what="the end of the stand-in")


def processes_of(name):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if f"{current().tmp}/{name}".encode() in file.read():
                    found.append(int(pid))
    return found


def rounds(c):
    with open(f"/proc/{c.pid}/root/dev/shm/rounds", "rb") as file:
        return int.from_bytes(file.read(8), "little")


@contextlib.contextmanager
def spinning():
    with container(python_container(SPINS), None) as box:
        box.start().ok
        box.wait_line("at", 20)
        until(lambda: os.path.exists(f"/proc/{box.pid}/root/dev/shm/rounds") and rounds(box) > 0, 20,
              what="a round")
        yield box


def test_that_somebody_ran_is_found_and_said():
    "a criu that thaws a held container and dies: it is held again, and the set says who moved"
    with spinning() as c:
        quarantine(c)
        before = rounds(c)
        place, criu, _ = attempt(c, stand_in(DIES_THAWED))
        ran = rounds(c)
        assert ran > before, "the control: it did run"
        assert criu["frozenAfter"] is True and criu["threadsMoved"] == 1, criu
        assert any("not where they were" in problem["what"]
                   for problem in load(place, "capture.json")["problems"])
        time.sleep(0.2)
        assert rounds(c) == ran, "held again"
        assert c.state()["status"] == "paused"
        rt("release", c.name).ok


def test_evidence_that_is_killed_leaves_nobody_going_on():
    "criu is ended all the same, the container stays held, and a release undoes everything"
    with spinning() as c:
        quarantine(c)
        before = rounds(c)
        place = os.path.join(current().tmp, "set")
        with subprocess.Popen([current().runtime, "--root", current().root, "--criu", stand_in(HANGS),
                               "evidence", c.name, "-o", place, "--criu"],
                              stdout=subprocess.DEVNULL) as taking:
            until(lambda: processes_of("criu-"), 20, what="the stand-in")
            taking.kill()
            taking.wait()
        until(lambda: not processes_of("criu-"), 20, what="the end of the stand-in")
        assert "frozen 1" in c.file("cgroup.events") and rounds(c) == before
        quarantine(c)
        c.rt("release", c.name).ok
        until(lambda: rounds(c) > before, 20, what="a round after release")


def test_who_cannot_be_frozen_is_not_given_to_criu():
    "criu would wait for him: nothing is tried, and the set says why"
    with adversary("notify") as c:
        c.start().ok
        c.wait_line("ready", 10)
        place = os.path.join(current().tmp, "set")
        rt("--criu", stand_in(DIES_THAWED), "evidence", c.name, "-o", place, "--criu").fails(rc=2)
        criu = load(place, "capture.json")["criu"]
        assert criu["result"] == "not tried" and "not everybody stands still" in criu["why"]
        assert rows_of(place)["dump.log"]["error"] == criu["why"]


def test_a_ring_is_not_given_to_criu():
    "it cannot dump an io_uring, and would thaw it before it found out"
    with connected("ring") as (c, _):
        place, criu, _ = attempt(c, stand_in(DIES_THAWED))
    assert criu["result"] == "not tried" and "io_uring" in criu["why"]
    assert "io_uring" in rows_of(place)["dump.log"]["error"]


# ---- with criu itself ----------------------------------------------------------------------------


def seen_by_checkpointctl(place):
    """What `checkpointctl show` reads of a set, by the names that it has in its source."""
    for name in ("config.dump", "spec.dump", "status", "stats-dump", "checkpoint/inventory.img",
                 "checkpoint/pstree.img", "checkpoint/pages-1.img"):
        assert os.path.exists(f"{place}/{name}"), name
    known = load(place, "config.dump")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", known["createdTime"]), known
    assert load(place, "status")["CreatedAt"] > 1700000000 * 10**9
    assert load(place, "spec.dump") == load(place, "runtime/config.json")
    return known["id"]


@needs("criu")
@timeout(300)
def test_images_are_beside_the_rest_and_the_container_goes_on():
    "under checkpointctl's names, hashed, of the class that says how they came about; C8 without them"
    with counting() as box:
        counts(box)
        pid = box.pid
        place = take(box, "--criu")
        assert box.status == "running" and box.pid == pid
        assert seen_by_checkpointctl(place) == box.name
        told, rows = load(place, "capture.json"), rows_of(place)
        assert told["criu"] == {"result": "taken", "why": None, "frozenAfter": True,
                                "threadsMoved": 0}, told
        assert told["stages"][-1]["stage"] == "images of criu"
        images = [row for path, row in rows.items() if path.startswith("checkpoint/")]
        assert len(images) > 10
        assert {row["consistency"] for row in images} == {"injected"}
        # Nothing else was taken after criu had been there.
        first = min(row["began"] for row in images)
        assert all(row["ended"] <= first for path, row in rows.items() if path.startswith("memory/"))
        for where, _, files in os.walk(place):
            assert os.stat(where).st_mode & 0o777 == 0o700
            for name in files:
                assert os.stat(os.path.join(where, name)).st_mode & 0o7777 == 0o600
        counts(box)
        rt("evidence", "verify", place).ok
        with open(f"{place}/checkpoint/pages-1.img", "r+b") as file:
            byte = file.read(1)
            file.seek(0)
            file.write(bytes([byte[0] ^ 1]))
        changed = rt("evidence", "verify", place)
        assert changed.rc == 1 and '"checkpoint/pages-1.img": its bytes' in changed.out, changed


@needs("criu")
@timeout(300)
def test_a_tar_has_them_as_well():
    "and a stream: criu writes into memory then, and nothing but the set is left"
    with counting() as box:
        counts(box)
        tar = take(box, "--criu", output=os.path.join(current().tmp, "set.tar"))
        rt("evidence", "verify", tar).ok
        with tarfile.open(tar) as archive:
            names = archive.getnames()
            archive.extractall(f"{current().tmp}/unpacked", filter="data")
        assert {"config.dump", "spec.dump", "checkpoint/inventory.img", "dump.log"} < set(names)
        assert seen_by_checkpointctl(f"{current().tmp}/unpacked") == box.name
        if shutil.which("checkpointctl"):
            shown = subprocess.run(["checkpointctl", "show", tar], capture_output=True, text=True,
                                   check=True).stdout
            assert box.name[:12] in shown and "orlop" in shown, shown
        counts(box)


@needs("criu")
@timeout(300)
def test_a_container_can_be_made_of_the_images():
    "for whoever wants to see it go on, in a network that leads nowhere"
    with counting() as box:
        before = counts(box)
        place = take(box, "--criu")
        box.delete("--force").ok
        box.restore("--network", "none", images=f"{place}/checkpoint").ok
        assert box.status == "running"
        assert counts(box) >= before


@needs("criu")
@timeout(300)
def test_a_held_container_executes_nothing_of_its_own():
    "criu thaws what it has stopped: not a round is gone, and the quarantine is what it was"
    with spinning() as c:
        quarantine(c)
        before, held = rounds(c), c.state()
        place = take(c, "--criu")
        assert load(place, "capture.json")["criu"]["threadsMoved"] == 0
        assert rounds(c) == before
        assert c.file("cgroup.freeze") == "1" and "frozen 1" in c.file("cgroup.events")
        now = c.state()
        assert now["status"] == held["status"] == "paused"
        for key in ("quarantine", "networkCut", "freezeRequested"):
            assert now["remediation"][key] == held["remediation"][key], now
        rt("release", c.name).ok
        until(lambda: rounds(c) > before, 20, what="a round after release")


@needs("criu")
@timeout(300)
def test_a_reverse_shell_is_dumped_and_stays_cut():
    "an established connection is in the images without a filter in its network; nothing leaves"
    with connected("shell") as (c, peer):
        quarantine(c)
        peer.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            peer.recv(1 << 20)
        place = os.path.join(current().tmp, "set")
        result = rt("evidence", c.name, "-o", place, "--criu", "--sockets")
        if "Can't get 1:16 opt" in result.out:
            skip("this criu asks TCP for SO_PASSCRED, which Linux refuses since 6.16")
        assert result.rc == 0, result
        assert any(name.startswith("tcp-stream-") for name in os.listdir(f"{place}/checkpoint"))
        time.sleep(0.5)
        with contextlib.suppress(BlockingIOError):
            assert not peer.recv(1), "something left"
        rt("release", c.name).ok


# Asks again and again for a connection of packets in sequence, the one kind that criu's code needs,
# and writes down what came of it: 0, or the error.
CONNECTS = """
import mmap, socket, time
with open("/dev/shm/answers", "w+b") as file:
    file.truncate(4096)
    answers = mmap.mmap(file.fileno(), 4096)
print("at", flush=True)
while True:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        answers[0] = s.connect_ex("/given/s")
    answers[1] = (answers[1] + 1) % 256
    time.sleep(0.01)
"""


@needs("criu")
@timeout(300)
def test_the_cut_of_unix_sockets_is_closed_again():
    "in quarantine its code needs an opening: nobody of the container gets through, and it is gone"
    given = os.path.join(current().tmp, "given")
    os.mkdir(given)
    document = python_container(CONNECTS, bind(given, "/given"))
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as listener, \
            container(document, None) as c:
        listener.bind(f"{given}/s")
        listener.listen(512)
        c.start().ok
        c.wait_line("at", 20)

        def answer():
            """What came of a connection that was asked for from now on."""
            def look():
                with open(f"/proc/{c.pid}/root/dev/shm/answers", "rb") as file:
                    return file.read(2)
            at = look()[1]
            return until(lambda: (look()[1] - at) % 256 >= 2 and look()[:1], 20, what="an answer")[0]

        assert answer() == 0, "the control"
        report = quarantine(c, "--observe")
        if any(m["name"] == "unix" and m["outcome"] == "unsupported" for m in report["mechanisms"]):
            skip("this kernel has no place for a cut of unix sockets (Linux 6.7)")
        assert answer() == errno.EPERM
        listener.setblocking(False)
        while True:
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                break
        place = take(c, "--criu")
        assert load(place, "capture.json")["criu"]["result"] == "taken"
        assert answer() == errno.EPERM
        try:
            listener.accept()
            raise AssertionError("somebody got through")
        except BlockingIOError:
            pass
        assert c.state()["remediation"]["quarantine"] == "contained"
        c.rt("release", c.name).ok
        assert answer() == 0


@needs("criu")
@timeout(300)
def test_no_time_for_all_of_it_leaves_nobody_harmed():
    "criu finds its own way out when it may not write any more: every thread is where it was"
    with container(config(), "hog 200; wait") as c:
        c.up()
        # From too little even for its start to enough for all, by steps; one of them is between.
        cut = 0
        for step in range(12):
            place = os.path.join(current().tmp, f"set{step}")
            result = rt("evidence", c.name, "-o", place, "--criu", "--mem", "none",
                        "--budget", f"{int(200 * 1.5 ** step)}ms")
            told = load(place, "capture.json")
            rt("evidence", "verify", place).ok
            if result.rc == 0:
                break
            assert result.rc == 2, result
            assert c.status == "running"
            if "criu" in told:
                with open(os.path.join(place, "dump.log"), encoding="utf-8") as log:
                    assert told["criu"]["threadsMoved"] == 0, log.read()[-2000:]
                # NULL: the images are there, and there was no time for what comes after them.
                cut += "budget" in (told["criu"]["why"] or "")
        if not cut:
            skip("criu was faster than the budget")
        # Only the program itself can end by this.
        c.rt("kill", c.name, "TERM").ok
        c.wait_status("stopped")
