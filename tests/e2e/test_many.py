# SPDX-License-Identifier: Apache-2.0
"""Several at once: the same id, different ids, commands against each other; and init that dies."""

import json
import os
import random
import subprocess
import threading
import time

from deck import (Container, bundle, config, container, current, host, rt, timeout, until)


def together(*calls):
    """Runs functions at the same time; gives their results in order."""
    results = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def call(index):
        gate.wait()
        try:
            results[index] = calls[index]()
        except BaseException as error:  # pylint: disable=broad-except
            results[index] = error

    threads = [threading.Thread(target=call, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def create(path, name):
    """create with output in a file; gives the Popen's status and text."""
    log = os.path.join(current().tmp, f"log{threading.get_ident()}{time.monotonic_ns()}")
    with open(log, "wb") as out:
        status = subprocess.run([current().runtime, "--root", current().root, "create", "--bundle",
                                 path, name], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                timeout=60, check=False).returncode
    return status, host.read(log)


def test_one_of_many_creates_of_an_id_wins():
    "the others say that it exists already, and what the winner made works"
    for _ in range(5):
        name = current().next_id()
        path = bundle(config(), "wait", name)
        results = together(*[lambda: create(path, name)] * 8)
        winners = [status for status, _ in results if status == 0]
        assert len(winners) == 1, results
        assert all("already exists" in text for status, text in results if status), results
        rt("start", name).ok
        assert json.loads(rt("state", name).ok.out)["status"] == "running"
        rt("delete", "--force", name).ok


def test_one_of_many_starts_wins():
    "the program runs once"
    c = Container(config(), "append /tmp/runs x; wait")
    c.create().ok
    results = together(*[c.start] * 6)
    assert sum(result.rc == 0 for result in results) == 1, results
    c.wait_line("wait: ready")
    assert host.read(c.rootfs("/tmp/runs")) == "x"
    c.delete("--force").ok


def test_many_deletes_at_once():
    "delete --force by several: all end well, nothing is left"
    for _ in range(5):
        c = Container(config(), "fork 5; wait")
        c.create().ok
        c.up()
        results = together(*[lambda c=c: c.delete("--force")] * 6)
        assert all(result.rc == 0 for result in results), results


def thawing(box, stop):
    """Resumes a container again and again: whoever execs into a paused one waits for that."""
    while not stop.wait(0.3):
        box.resume()


@timeout(120)
def test_commands_against_each_other():
    "start, kill, exec, state, pause, resume, delete at the same time: each ends, nothing is left"
    chance = random.Random(7)
    for _ in range(12):
        c = Container(config(), "wait")
        c.create().ok
        commands = [c.start, lambda: c.kill("KILL"), lambda: c.exec("echo x"),
                    lambda: c.rt("state", c.name), c.pause, c.resume, lambda: c.rt("ps", c.name),
                    lambda: c.delete("--force"), lambda: rt("list")]
        chosen = chance.sample(commands, 5)
        stop = threading.Event()
        thaw = threading.Thread(target=thawing, args=(c, stop))
        thaw.start()
        try:
            for result in together(*chosen):
                assert result.rc in (0, 1, 137, 255), result
                assert result.seconds < 15
        finally:
            stop.set()
            thaw.join()
        c.delete("--force").ok


@timeout(180)
def test_an_exec_against_the_end_of_its_container():
    "exec while init is killed or the container deleted: both end soon, whoever comes first"
    chance = random.Random(3)
    for number in range(40):
        c = Container(config(), "wait")
        c.create().ok
        c.up()
        delay = chance.uniform(0, 0.006)

        def end(c=c, number=number, delay=delay):
            time.sleep(delay)
            return c.delete("--force") if number % 2 else c.kill("KILL")

        for result in together(lambda c=c: c.exec("sleep 30"), end):
            assert result.rc in (0, 137, 255) and result.seconds < 10, result
            # What the kernel says of a pid namespace whose first process is dead.
            assert "cannot allocate memory" not in result.err, result
        c.delete("--force").ok


@timeout(120)
def test_forty_containers_by_four():
    "created, started, listed and deleted in parallel"
    boxes = [Container(config(), "wait") for _ in range(40)]

    def life(some):
        for box in some:
            box.create().ok
            box.start().ok

    together(*[lambda n=n: life(boxes[n::4]) for n in range(4)])
    listed = json.loads(rt("list", "--format", "json").ok.out)
    assert len(listed) == 40 and {each["status"] for each in listed} == {"running"}
    together(*[lambda n=n: [box.delete("--force").ok for box in boxes[n::4]] for n in range(4)])
    assert rt("list", "--format", "json").ok.out == "null\n"


# ---- init that dies ----------------------------------------------------------------------------


def killer(kind):
    """A hook that kills the container's first process by the pid in its state."""
    path = os.path.join(current().tmp, f"killer-{kind}")
    with open(path, "w", encoding="ascii") as out:
        out.write("#!/bin/sh\nstate=$(/bin/cat)\npid=${state#*\\\"pid\\\":}\npid=${pid%%[,\\}]*}\n"
                  "kill -9 $pid\n")
    os.chmod(path, 0o755)
    return {kind: [{"path": path}]}


def test_an_init_that_dies_during_create_is_noticed():
    "killed by a hook: create fails at once and leaves nothing"
    for kind in ("prestart", "createRuntime"):
        c = Container(config(hooks=killer(kind)))
        made = c.create().fails(rc=1)
        assert made.seconds < 5
        rt("state", c.name).fails("does not exist")


def test_an_init_that_dies_between_create_and_start_is_noticed():
    "start says that it has stopped, at once"
    with container(config()) as c:
        pid = c.pid
        os.kill(pid, 9)
        until(lambda: host.process_state(pid) in ("Z", None))
        result = c.start().fails("stopped|dead|not running|does not", rc=1)
        assert result.seconds < 5
        assert c.status == "stopped"


def test_an_init_that_is_stopped_does_not_hang_state_kill_and_delete():
    "SIGSTOP before start: state, kill and delete --force work; start gives up only when killed"
    with container(config()) as c:
        os.kill(c.pid, 19)
        assert c.rt("state", c.name).ok.seconds < 5
        assert c.delete("--force").ok.seconds < 5


def test_a_program_that_ends_at_once_is_no_error():
    "twenty times: create, start, stopped, delete"
    for _ in range(20):
        with container(config(), "exit 0") as c:
            c.start().ok
            c.wait_status("stopped")
            c.delete().ok


def test_a_pid_that_is_used_again_is_not_signalled():
    "the record of a container whose init has gone names a pid; a stranger with it is left alone"
    with container(config(), "exit 0") as c:
        pid = c.pid
        c.start().ok
        c.wait_status("stopped")
        os.waitpid(pid, 0)
        # The next process gets that pid again.
        try:
            with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as out:
                out.write(str(pid - 1))
        except OSError:
            from deck import skip
            skip("this kernel has no ns_last_pid")
        stranger = os.fork()
        if stranger == 0:
            time.sleep(30)
            os._exit(0)
        try:
            if stranger != pid:
                from deck import skip
                skip(f"somebody else took pid {pid}")
            assert c.status == "stopped"
            c.kill("KILL").fails("container not running", rc=1)
            c.delete("--force").ok
            assert host.process_state(stranger) not in (None, "Z")
        finally:
            os.kill(stranger, 9)
            os.waitpid(stranger, 0)
