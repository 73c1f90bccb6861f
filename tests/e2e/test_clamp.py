# SPDX-License-Identifier: Apache-2.0
"""The limits of a held container, with real controllers: what they do, and that they come back."""

import json
import os

from deck import config, container, needs, until
from test_evidence import python_container

FILES = ("pids.max", "memory.high", "memory.max", "memory.swap.max", "cpu.max", "cpu.weight",
         "cpu.max.burst", "io.max", "io.weight", "cgroup.freeze")

# Each half a second: the processor time it got, whether it may fork, and how much memory it has.
GREEDY = """
import os, time
room = []
print("ready", flush=True)
while True:
    begin, used = time.monotonic(), time.process_time()
    while time.monotonic() - begin < 0.5:
        pass
    share = (time.process_time() - used) / (time.monotonic() - begin)
    try:
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        fork = "ok"
    except BlockingIOError:
        fork = "EAGAIN"
    room.append(bytearray(b"x" * (1 << 20)))
    print("sample", round(share, 2), fork, len(room), flush=True)
"""


def limits(c):
    where = f"/sys/fs/cgroup/{c.cgroup}"
    return {name: c.file(name) for name in FILES if os.path.exists(os.path.join(where, name))}


def samples(c, count):
    """The next lines, as (share of a processor, fork, MiB)."""
    begin = len(c.lines)
    until(lambda: len(c.lines) >= begin + count + 1, 120, what="samples")
    rows = [line.split() for line in c.lines[begin + 1:] if line.startswith("sample")]
    return [(float(share), fork, int(mib)) for _, share, fork, mib in rows]


@needs("pids", "memory", "cpu", "io", "greed")
def test_limits_bite_while_it_is_observed_and_come_back_byte_for_byte():
    "fork, processor and memory: the control has them all, the observed one none, then all again"
    given = {"pids": {"limit": 77}, "memory": {"limit": 512 << 20, "reservation": 1 << 20},
             "cpu": {"quota": 150000, "period": 100000, "shares": 512},
             "blockIO": {"weight": 300}}
    c = python_container(GREEDY)
    c.doc["linux"]["resources"] = given
    with container(c, None) as c:
        c.start().ok
        c.wait_line("ready", 60)
        before = limits(c)
        assert before["pids.max"] == "77" and before["cpu.max"] == "150000 100000", before
        free = samples(c, 3)
        assert max(share for share, _, _ in free) > 0.5, free
        assert {fork for _, fork, _ in free} == {"ok"}, free
        high = int(events(c)["high"])

        report = json.loads(c.rt("quarantine", "--json", "--observe", "--timeout", "10000",
                                 c.name).ok.out)
        applied = {m["name"]: m["outcome"] for m in report["mechanisms"]}
        assert [applied[name] for name in ("pids.max", "memory.high", "cpu.max")] == [
            "applied"] * 3, applied
        now = limits(c)
        changed = {name for name in now if now[name] != before[name]}
        assert changed == {"pids.max", "memory.high", "cpu.max"}, (before, now)
        held = samples(c, 3)
        assert max(share for share, _, _ in held) < 0.35, held
        assert {fork for _, fork, _ in held} == {"EAGAIN"}, held
        until(lambda: int(events(c)["high"]) > high, 60, what="memory.high to bite")

        c.rt("quarantine", "--timeout", "10000", c.name).ok
        assert limits(c)["cgroup.freeze"] == "1"
        c.rt("release", c.name).ok
        assert limits(c) == before
        again = samples(c, 3)
        assert {fork for _, fork, _ in again} == {"ok"}, again
        assert max(share for share, _, _ in again) > 0.5, again


@needs("pids", "memory", "cpu", "io", "greed")
def test_who_was_observed_is_frozen_without_the_clamp():
    "who has used up the fifth of a processor is frozen in time, and is as before but for forks"
    c = python_container("print('ready', flush=True)\nwhile True:\n    pass\n")
    c.doc["linux"]["resources"] = {"cpu": {"quota": 150000, "period": 100000}}
    with container(c, None) as c:
        c.start().ok
        c.wait_line("ready", 60)
        before = limits(c)
        for _ in range(3):
            c.rt("quarantine", "--observe", "--timeout", "10000", c.name).ok
            assert limits(c)["cpu.max"] == "20000 100000"
            throttled = cpu(c)["nr_throttled"]
            until(lambda: cpu(c)["nr_throttled"] > throttled, what="the clamp to bite")
            report = json.loads(c.rt("quarantine", "--json", c.name).ok.out)
            lines = {m["name"]: m["detail"] for m in report["mechanisms"] if "detail" in m}
            assert lines["cpu.max"] == '"150000 100000" again', lines
            assert limits(c) == before | {"pids.max": limits(c)["pids.max"], "cgroup.freeze": "1"}
        c.rt("release", c.name).ok
        assert limits(c) == before


def cpu(c):
    return {name: int(n) for name, n in (line.split() for line in c.file("cpu.stat").splitlines())}


def events(c):
    return dict(line.split() for line in c.file("memory.events").splitlines())


@needs("pids", "memory", "cpu", "io", "greed")
def test_a_limit_that_is_stricter_already_stays():
    "what is lower than the clamp is not raised by it"
    given = {"memory": {"limit": 64 << 20}, "cpu": {"quota": 5000, "period": 50000},
             "unified": {"memory.high": "1048576"}}
    with container(config(linux={"resources": given}), "wait") as c:
        c.up()
        before = limits(c)
        c.rt("quarantine", "--observe", "--timeout", "10000", c.name).ok
        now = limits(c)
        assert now["cpu.max"] == before["cpu.max"] == "5000 50000"
        assert int(now["memory.high"]) <= int(before["memory.high"])
        c.rt("release", c.name).ok
        assert limits(c) == before


@needs("pids", "greed")
def test_the_first_value_is_the_one_that_comes_back():
    "frozen, then observed, again and again: never our own zero"
    with container(config(linux={"resources": {"pids": {"limit": 9}}}), "wait") as c:
        c.up()
        for _ in range(3):
            c.rt("quarantine", "--timeout", "10000", c.name).ok
            c.rt("quarantine", "--observe", "--timeout", "10000", c.name).ok
            assert c.file("pids.max") == "0"
            c.rt("release", c.name).ok
            assert c.file("pids.max") == "9"
