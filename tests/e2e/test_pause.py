# SPDX-License-Identifier: Apache-2.0
"""pause against containers that do not want to be frozen, and what works on them all the same."""

import errno
import json
import os
import re
import select
import socket
import struct
import subprocess
import threading
import time

from deck import config, container, current, mounted, needs, rt, skip, timeout, until
from deck.adversary import adversary
from deck.bundle import bind
from deck.container import PATIENCE

LIMIT = 0.25            # the default of --timeout
SOON = 1.0 * PATIENCE   # what works without waiting


def answers(c, status):
    """state, list, ps and kill each come back at once; then the container is deleted by force."""
    quick = [c.rt("state", c.name), c.rt("list", "-f", "json"), c.rt("ps", "-f", "json", c.name),
             c.rt("kill", c.name, "0")]
    for result in quick:
        assert result.ok.seconds < SOON, result
    assert json.loads(quick[0].out)["status"] == status, quick[0]
    assert len(json.loads(quick[2].out)) >= 1
    gone = c.delete("--force").ok
    assert gone.seconds < 2 * SOON, gone        # it waits for processes that wait for a processor
    assert not os.path.exists(f"/sys/fs/cgroup/{c.cgroup}")


def refuses_to_freeze(c, where):
    """pause fails in time, names who was not frozen, and the container goes on."""
    began = time.monotonic()
    result = c.rt("pause", c.name).fails("not paused within 250 ms, and resumed again",
                             rf"\d+ \(adversary\) D in {where}", rc=1)
    took = time.monotonic() - began
    assert LIMIT <= took < (LIMIT + 0.15) * max(1, PATIENCE), took
    assert c.file("cgroup.freeze") == "0", "the wish was left standing"
    assert c.status == "running"
    return result


def waiting(*words):
    """The runtime with these words, which begins when it is given a line: its process is there."""
    command = [current().runtime, "--root", current().root, *words]
    return subprocess.Popen(["/bin/sh", "-c", 'read -r line && exec "$@"', "sh", *command],
                            stdin=subprocess.PIPE, text=True)


def serve_fuse(fuse, stop):
    """A file system of which nobody learns more than that its root is a directory."""
    getattr_, init = 3, 26
    while not stop.is_set():
        if not select.select([fuse], [], [], 0.02)[0]:
            continue
        question = os.read(fuse, 1 << 17)
        _, what, unique = struct.unpack_from("<IIQ", question)
        error, body = -errno.ENOSYS, b""
        if what == init:
            error, body = 0, struct.pack("<II", 7, 31) + bytes(56)
        if what == getattr_:
            attributes = struct.pack("<6Q10I", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0,
                                     4096, 0)
            error, body = 0, struct.pack("<QII", 3600, 0, 0) + attributes
        os.write(fuse, struct.pack("<IiQ", 16 + len(body), error, unique) + body)


def test_an_unanswered_seccomp_notification_does_not_fool_pause():
    "a process that waits killably for an answer: named with its state; everything else works"
    with adversary("notify") as c:
        c.bad()
        refuses_to_freeze(c, "seccomp_do_user_notification")
        answers(c, "running")


def test_a_file_system_of_its_own_does_not_fool_pause():
    "one process opens a file that another one serves, and is not answered"
    if not os.path.exists("/dev/fuse"):
        skip("no /dev/fuse")
    where = os.path.join(current().tmp, "fuse")
    given = os.path.join(current().tmp, "given")
    os.mkdir(where)
    os.mkdir(given)
    os.chmod(current().tmp, 0o755)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(given, "s"))
    os.chmod(os.path.join(given, "s"), 0o777)
    listener.listen(1)
    fuse = os.open("/dev/fuse", os.O_RDWR)
    data = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other"
    stop = threading.Event()
    server = threading.Thread(target=serve_fuse, args=(fuse, stop), daemon=True)
    with mounted("fuse", where, "fuse", data=data):
        server.start()
        with adversary("fuse", "/given/s", "/fuse/x",
                       mounts=[bind(where, "/fuse"), bind(given, "/given")]) as c:
            stop.set()
            server.join()
            c.start().ok
            peer, _ = listener.accept()
            socket.send_fds(peer, [b"f"], [fuse])
            os.close(fuse)
            c.wait_line("ready")
            refuses_to_freeze(c, "request_wait_answer")
            answers(c, "running")


def test_vfork_and_ptrace_are_frozen():
    "a parent in vfork and a traced child both count: pause works"
    for verb in ("vfork", "ptrace"):
        with adversary(verb) as c:
            c.bad()
            assert c.pause().ok.seconds < SOON
            assert c.status == "paused"
            c.resume().ok
            assert c.status == "running"
            c.pause().ok
            answers(c, "paused")


@needs("cpu")
@timeout(240)
def test_who_only_waits_for_a_processor_is_waited_for():
    "a busy loop that gets 20 ms in each second is not frozen in time, and pause succeeds"
    with container(config(), "cpu 200000") as c:
        def used():
            return int(re.search(r"^usage_usec (\d+)", c.file("cpu.stat"), re.M)[1])

        c.start().ok
        # Not from the start, which takes more than that, nor at the end.
        c.rt("update", "--cpu-period", "1000000", "--cpu-quota", "20000", c.name).ok
        slow = 0
        try:
            for _ in range(4):
                # Who did not run since it was let go is frozen yet.
                until(lambda past=used(): used() > past, 20, what="a turn of the loop")
                slow = max(slow, c.rt("pause", c.name).ok.seconds)
                assert c.status == "paused" and "frozen 1" in c.file("cgroup.events")
                c.rt("resume", c.name).ok
        finally:
            c.rt("update", "--cpu-quota", "-1", c.name).ok
        assert slow > LIMIT


@timeout(120)
def test_a_fork_bomb_does_not_hold_pause_up():
    "a thousand processes that fork without end: bounded, true, and ended at once"
    with adversary("bomb", 1000) as c:
        # Among a thousand that fork a caller waits for seconds until it has forked, so that is
        # done before. What is left is the time of pause, and of the list of who is not frozen.
        callers = [(limit, waiting("pause", "--timeout", str(limit), c.name))
                   for limit in (250, 2000)]
        c.bad(30)
        for limit, caller in callers:
            began = time.monotonic()
            caller.communicate("go\n")
            took = time.monotonic() - began
            assert took < limit / 1000 + 1.5 * PATIENCE, (limit, took)
            assert caller.returncode in (0, 1), (limit, caller.returncode)
            frozen = re.search(r"^frozen (\d)", c.file("cgroup.events"), re.M)[1]
            assert frozen == ("1" if caller.returncode == 0 else "0"), (limit, caller.returncode)
            if caller.returncode == 0:
                c.rt("resume", c.name).ok
        c.rt("pause", "--timeout", "2000", c.name)      # whatever comes of it:
        for words in (["state"], ["ps", "-f", "json"]):
            assert c.rt(*words, c.name).ok.seconds < 2 * SOON
        assert c.delete("--force").ok.seconds < 5 * SOON


def test_the_time_to_wait_can_be_chosen():
    "--timeout in milliseconds; nonsense is refused"
    with adversary("notify") as c:
        c.bad()
        began = time.monotonic()
        c.rt("pause", "--timeout", "50", c.name).fails("within 50 ms", rc=1)
        assert time.monotonic() - began < 0.2 * PATIENCE
        c.rt("pause", "--timeout", "-1", c.name).fails("timeout", rc=1)
        c.rt("pause", "--timeout", "soon", c.name).fails("timeout", rc=1)


def test_an_exec_that_hangs_does_not_keep_a_container_from_being_paused():
    "a process that exec --ignore-paused put into a frozen container holds nothing up"
    with container(config(), "wait") as c:
        c.up()
        c.pause().ok
        late = subprocess.Popen([current().runtime, "--root", current().root, "exec",
                                 "--ignore-paused", c.name, "/bin/probe", "echo", "late"],
                                stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        assert rt("state", c.name).ok.seconds < SOON
        assert c.resume().ok.seconds < SOON
        assert late.wait(5) == 0
        until(lambda: c.status == "running")
