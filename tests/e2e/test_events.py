# SPDX-License-Identifier: Apache-2.0
"""events: what a container uses, and when it runs out of memory."""

import contextlib
import json
import os
import signal
import subprocess
import time

from deck import config, container, controllers, current, host, needs, rt, runtime_kind, skip, until
from deck.container import PATIENCE

MIB = 1 << 20


def stats(box):
    """The data of the one line that --stats prints."""
    result = box.rt("events", "--stats", box.name).ok
    assert result.out.count("\n") == 1 and result.out.endswith("\n")
    line = json.loads(result.out)
    assert list(line) == ["type", "id", "data"]
    assert (line["type"], line["id"]) == ("stats", box.name)
    return line["data"]


class Stream:
    """A running `events`, whose lines go to a file."""

    def __init__(self, box, *flags):
        test = current()
        self.path = os.path.join(test.tmp, f"events{test.next_number()}")
        with open(self.path, "wb") as out, open(self.path + ".err", "wb") as err:
            self.process = subprocess.Popen([test.runtime, "--root", test.root, "events", *flags,
                                             box.name], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err)

    @property
    def events(self):
        text = host.read(self.path)
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    @property
    def kinds(self):
        return [event["type"] for event in self.events]

    def ends(self, seconds=10):
        """Waits for its end; gives the exit status."""
        rc = self.process.wait(seconds * PATIENCE)
        current().journal.append(f"events: rc {rc}: {host.read(self.path + '.err')!r}")
        return rc


@contextlib.contextmanager
def stream(box, *flags):
    made = Stream(box, *flags)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait()


def test_events_have_runcs_members_in_runcs_order():
    "all of the first level, and of the second what is never left out"
    with container(config()) as c:
        c.up()
        data = stats(c)
        assert list(data) == ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt",
                              "network_interfaces"]
        assert list(data["cpu"])[:2] == ["usage", "throttling"]
        assert [key for key in data["cpu"]["usage"] if key != "total"] == ["kernel", "user"]
        assert list(data["cpuset"]) == [
            "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate",
            "memory_spread_page", "memory_spread_slab", "memory_pressure", "sched_load_balance",
            "sched_relax_domain_level"]
        assert set(data["cpuset"].values()) == {0}
        assert [key for key in data["memory"] if key not in ("cache", "raw", "psi")] == [
            "usage", "swap", "kernel", "kernelTCP"]
        assert data["memory"]["kernel"] == data["memory"]["kernelTCP"] == {"limit": 0,
                                                                          "failcnt": 0}
        assert data["intel_rdt"] == {} and data["network_interfaces"] is None


def test_the_cpu_time_is_that_of_the_cgroup():
    "in nanoseconds; there without any controller"
    with container(config(), "cpu 200; wait") as c:
        c.up()
        usage = stats(c)["cpu"]["usage"]
        text = c.file("cpu.stat")
        used = {line.split()[0]: int(line.split()[1]) * 1000 for line in text.splitlines()}
        assert 1e6 <= usage["total"] <= used["usage_usec"]
        assert usage["user"] <= used["user_usec"] and usage["kernel"] <= used["system_usec"]
        assert usage["user"] + usage["kernel"] > 0


def test_pressure_is_shown_where_the_kernel_has_it():
    "as numbers"
    if runtime_kind() == "runc":
        skip("whether runc knows pressure depends on its version")
    with container(config()) as c:
        c.up()
        data = stats(c)
        for part, name in (("cpu", "cpu"), ("memory", "memory"), ("blkio", "io")):
            path = f"{host.CGROUP}{c.cgroup}/{name}.pressure"
            try:
                there = bool(host.read(path))
            except OSError:
                there = False
            assert ("psi" in data[part]) == there, part
            for stall in data[part].get("psi", {}).values():
                assert list(stall) == ["avg10", "avg60", "avg300", "total"]
                assert all(isinstance(number, (int, float)) for number in stall.values())


def test_processes_are_counted():
    "with the pids controller or without"
    with container(config(), "fork 4; wait") as c:
        c.up()
        assert stats(c)["pids"]["current"] == 5


def test_counters_of_a_container_that_waits_or_is_paused():
    "created and paused are fine; stopped and absent are not"
    rt("events", "nobody-here").fails("does not exist", rc=1)
    with container(config()) as c:
        assert stats(c)["pids"]["current"] >= 1
        c.up()
        c.pause().ok
        assert stats(c)["pids"]["current"] == 1
        c.resume().ok
        c.kill("KILL").ok
        c.wait_status("stopped")
        for flags in (("--stats",), ()):
            c.rt("events", *flags, c.name).fails(f"container with id {c.name} is not running",
                                                 rc=1)


def test_the_interval_is_a_time():
    "positive, with a unit"
    with container(config()) as c:
        for interval in ("0", "0s", "-1s", "-5ms"):
            c.rt("events", "--interval", interval, c.name) \
                .fails("duration interval must be greater than 0", rc=1)
        for interval in ("5", "s", "five", "5 s", "1e3s", ""):
            c.rt("events", f"--interval={interval}", c.name).fails("interval", rc=1)


def test_the_stream_comes_at_intervals_and_ends_with_the_container():
    "the first after one interval; rc 0 when the last process has ended"
    with container(config()) as c:
        c.up()
        with stream(c, "--interval", "100ms") as s:
            began = time.monotonic()
            until(lambda: len(s.events) >= 5, 20, what="five events")
            assert time.monotonic() - began >= 0.4
            assert set(s.kinds) == {"stats"}
            assert all(event["data"]["pids"]["current"] == 1 for event in s.events)
            c.kill("KILL").ok
            assert s.ends() == 0
        assert set(s.kinds) == {"stats"}


def test_a_long_interval_does_not_delay_the_end():
    "also when the cgroup is removed at once"
    with container(config()) as c:
        c.up()
        with stream(c, "--interval", "1h") as s:
            time.sleep(0.3 * PATIENCE)
            assert s.process.poll() is None
            c.delete("--force").ok
            assert s.ends() == 0
        assert s.events == []


def test_the_stream_goes_on_while_others_work():
    "it holds no lock: pause, update, resume, exec, start"
    with container(config()) as c:
        with stream(c, "--interval", "50ms") as s:
            c.up()
            c.pause().ok
            c.rt("update", c.name).ok
            c.resume().ok
            c.exec("echo ok").ok
            count = len(s.events)
            until(lambda: len(s.events) > count + 2, 20, what="more events")
            c.kill("KILL").ok
            assert s.ends() == 0


def test_the_stream_ends_when_nobody_reads():
    "a closed pipe ends it as it ends any filter, by SIGPIPE and without a word"
    if runtime_kind() == "runc":
        skip("runc goes on")
    with container(config()) as c:
        c.up()
        test = current()
        with subprocess.Popen([test.runtime, "--root", test.root, "events", "--interval", "20ms",
                               c.name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(10 * PATIENCE) == -signal.SIGPIPE
            assert process.stderr.read() == b""


def test_without_the_memory_controller_there_is_no_memory():
    "zeros, and no error"
    if "memory" in controllers(current().cgroup):
        skip("the controller is here")
    with container(config()) as c:
        c.up()
        data = stats(c)
        assert data["memory"]["usage"] == data["memory"]["swap"] == {"limit": 0, "failcnt": 0}
        assert "raw" not in data["memory"]


# ---- controllers -------------------------------------------------------------------------------


@needs("memory")
def test_memory_is_shown():
    "usage and limit, swap with memory in it, memory.stat by name"
    limits = {"limit": 64 * MIB, "swap": 96 * MIB}
    with container(config(linux={"resources": {"memory": limits}}), "hog 20; wait") as c:
        c.up()
        memory = stats(c)["memory"]
        assert memory["usage"]["limit"] == 64 * MIB and memory["usage"]["failcnt"] == 0
        assert 20 * MIB <= memory["usage"]["usage"] <= 64 * MIB
        if runtime_kind() == "orlop" and os.path.exists(f"{host.CGROUP}{c.cgroup}/memory.peak"):
            assert memory["usage"]["max"] >= 20 * MIB
        if os.path.exists(f"{host.CGROUP}{c.cgroup}/memory.swap.max"):
            assert memory["swap"]["limit"] == 96 * MIB
        assert memory["swap"]["usage"] >= 20 * MIB and "max" not in memory["swap"]
        assert memory["raw"]["anon"] >= 20 * MIB
        assert list(memory["raw"]) == sorted(memory["raw"])
        names = {line.split()[0] for line in c.file("memory.stat").splitlines()}
        assert set(memory["raw"]) == names
        assert memory.get("cache", 0) == memory["raw"]["file"]
    with container(config()) as c:
        memory = stats(c)["memory"]
        assert memory["usage"]["limit"] == memory["swap"]["limit"] == 2 ** 64 - 1


@needs("pids", "cpu")
def test_limits_of_pids_and_throttling_are_shown():
    "no limit of pids is left out"
    with container(config(linux={"resources": {"pids": {"limit": 7},
                                               "cpu": {"quota": 10000, "period": 100000}}}),
                   "cpu 50; wait") as c:
        c.start().ok
        c.wait_line("wait: ready", 20)
        data = stats(c)
        assert data["pids"] == {"current": 1, "limit": 7}
        assert data["cpu"]["throttling"]["throttledPeriods"] > 0
        assert data["cpu"]["throttling"]["throttledTime"] > 0
        c.rt("update", "--pids-limit", "-1", c.name).ok
        assert "limit" not in stats(c)["pids"]


@needs("hugetlb")
def test_huge_pages_are_shown_by_size():
    "every size that the group has"
    with container(config()) as c:
        sizes = sorted(name.split(".")[1] for name in os.listdir(host.CGROUP + c.cgroup)
                       if name.startswith("hugetlb.") and name.endswith(".events"))
        if not sizes:
            skip("the controller is not enabled for the container")
        data = stats(c)["hugetlb"]
        assert list(data) == sizes
        assert all(value == {"failcnt": 0} for value in data.values())


@needs("io")
def test_io_is_shown_by_device():
    "Read and Write of each device that was used"
    with container(config()) as c:
        c.up()
        text = c.file("io.stat")
        blkio = stats(c)["blkio"]
        used = [line.split()[0] for line in text.splitlines() if "rbytes=" in line]
        shown = [f"{entry.get('major', 0)}:{entry.get('minor', 0)}"
                 for entry in blkio.get("ioServiceBytesRecursive", [])]
        assert sorted(set(shown)) == sorted(used)
        assert all(entry["op"] in ("Read", "Write")
                   for entry in blkio.get("ioServicedRecursive", []))


@needs("memory")
def test_a_kill_for_want_of_memory_is_an_event():
    "of a process beside the first one, once, with nothing else in the line"
    limits = {"limit": 32 * MIB, "swap": 32 * MIB}
    with container(config(linux={"resources": {"memory": limits}})) as c:
        c.up()
        with stream(c, "--interval", "200ms") as s:
            until(lambda: s.events, 20, what="the first event")
            assert c.exec("hog 64").rc == 137
            until(lambda: "oom" in s.kinds, 20, what="the event")
            count = len(s.events)
            until(lambda: len(s.events) > count + 3, 20, what="more events")
            killed = [event for event in s.events if event["type"] == "oom"]
            assert killed == [{"type": "oom", "id": c.name}] * len(killed)
            if runtime_kind() == "orlop":
                assert len(killed) == 1
                assert c.exec("hog 64").rc == 137
                until(lambda: s.kinds.count("oom") == 2, 20, what="the second event")
            c.kill("KILL").ok
            assert s.ends() == 0


@needs("memory")
def test_the_kill_that_ends_the_container_is_an_event():
    "the last line of the stream"
    limits = {"limit": 32 * MIB, "swap": 32 * MIB}
    if runtime_kind() == "runc":
        skip("runc may miss it")
    with container(config(linux={"resources": {"memory": limits}}), "hog 64; wait") as c:
        with stream(c, "--interval", "1h") as s:
            time.sleep(0.3 * PATIENCE)
            c.start().ok
            assert s.ends() == 0
        assert s.kinds == ["oom"]
        c.wait_status("stopped")
