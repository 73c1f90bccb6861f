# SPDX-License-Identifier: Apache-2.0
"""The host's clock is set while commands wait and write: waits are as long as they were to be, and
what is written makes sense."""

import contextlib
import json
import os
import re
import threading
import time

from deck import Container, config, container, current, needs, rt, timeout, until
from deck.adversary import adversary
from deck.container import PATIENCE
from deck.policy import audit

HOUR = 3600


def set_clock(seconds):
    """By so much, from where it would be if nobody had set it."""
    time.clock_settime(time.CLOCK_REALTIME, time.monotonic() + set_clock.truth + seconds)


set_clock.truth = time.time() - time.monotonic()


@contextlib.contextmanager
def clock(*offsets):
    """To these offsets in turn, many times a second, or to the one for as long as this lasts. There
    is one clock: no other test may run beside this one."""
    over = threading.Event()

    def jump():
        while not over.wait(0.02):
            for offset in offsets:
                set_clock(offset)

    set_clock(offsets[0])
    jumper = threading.Thread(target=jump)
    if len(offsets) > 1:
        jumper.start()
    try:
        yield set_clock
    finally:
        over.set()
        if jumper.ident:
            jumper.join()
        set_clock(0)


@contextlib.contextmanager
def lasts(least, most):
    """In seconds; the machine may be slow, but nothing is over before its time."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert least <= took < most * PATIENCE, (took, least, most)


def negative(value):
    """Numbers in a document that no time can be: below zero, or what that is without a sign."""
    if isinstance(value, dict):
        return [bad for each in value.values() for bad in negative(each)]
    if isinstance(value, list):
        return [bad for each in value for bad in negative(each)]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return [value] if is_number and not 0 <= value < 1 << 63 else []


def documents(place):
    """The documents of a set of evidence that tell when something was."""
    for name in ("capture.json", "manifest.jsonl", "manifest.json"):
        path = os.path.join(place, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as text:
                yield name, [json.loads(line) for line in text] if name.endswith("l") else \
                    json.load(text)


FORTH, BACK = (HOUR, 0), (-HOUR, 0)


@needs("clock")
@timeout(200)
def test_jumps_of_the_clock_end_no_wait_before_its_time_and_none_after():
    "a pause that fails, a hook that is too long, a budget, a lock, an exec, the end of processes"
    for offsets in (FORTH, BACK):
        with clock(*offsets):
            with adversary("notify") as c:
                c.bad()
                with lasts(0.2, 3):
                    c.rt("pause", c.name).fails("not paused within 250 ms", rc=1)
                with lasts(0, 5):
                    c.delete("--force").ok
            hook = {"path": current().probe, "args": ["probe", "sleep", "300"], "timeout": 1}
            with lasts(0.9, 5):
                Container(config(hooks={"createRuntime": [hook]})).create().fails(
                    "ran past specified timeout", rc=1)
            with container(config(), "hog 64; wait") as c:
                c.start().ok
                c.wait_line("wait: ready", 60)
                with lasts(0, 5):
                    assert c.exec("exit 7").rc == 7
                    c.pause().ok
                    c.resume().ok
                place = os.path.join(current().tmp, f"part-{current().next_number()}")
                with lasts(0, 10):
                    assert rt("evidence", c.name, "-o", place, "--budget", "60ms").rc == 2
                with lasts(0, 10):
                    assert rt("quarantine", c.name).rc in (0, 2)
                    c.rt("release", c.name).ok


@needs("clock")
@timeout(200)
def test_what_is_written_while_the_clock_jumps_makes_sense():
    "a verified set of evidence without a negative time, an audit log that is unbroken"
    for offsets in (FORTH, BACK):
        with clock(*offsets), container(config(), "hog 16; wait") as c:
            c.start().ok
            c.wait_line("wait: ready", 60)
            c.rt("quarantine", c.name).ok
            c.rt("release", c.name).ok
            place = os.path.join(current().tmp, f"set-{current().next_number()}")
            began = time.monotonic_ns()
            rt("evidence", c.name, "-o", place).ok
            took = time.monotonic_ns() - began
            rt("evidence", "verify", place).ok
            seen = dict(documents(place))
            assert 0 < seen["capture.json"]["heldNs"] < took, seen["capture.json"]
            for name, document in seen.items():
                assert not negative(document), (name, negative(document))
            shown = rt("evidence", "report", place).ok.out
            assert not re.search(r"[^\w.]-\d+(\.\d+)? ?(ns|µs|us|ms|s|seconds?|minutes?)\b", shown)
            assert rt("audit", "verify").ok.out.startswith("unbroken")
            for line in audit():
                assert not negative(line), line


@needs("clock")
@timeout(200)
def test_a_clock_that_is_set_back_for_good():
    "by a day, after create: state, list, exec, events, drift, evidence and the end are as ever"
    with clock(0) as set_to, container(config(), "wait") as c:
        c.up()
        made = c.state()["created"]
        set_to(-24 * HOUR)
        assert c.state()["created"] == made and c.status == "running"
        assert c.name in rt("list").ok.out
        assert c.exec("exit 7").rc == 7
        used = json.loads(rt("events", "--stats", c.name).ok.out)["data"]["cpu"]
        assert not negative(used), negative(used)
        rt("drift", c.name).ok
        place = os.path.join(current().tmp, "set")
        rt("evidence", c.name, "-o", place).ok
        rt("evidence", "verify", place).ok
        for name, document in documents(place):
            assert not negative(document), (name, negative(document))
        rt("evidence", "report", place).ok
        with container(config(), "exit 0") as other:
            assert other.state()["created"] < made
            other.start().ok
            other.wait_status("stopped")
        c.rt("quarantine", c.name).ok
        c.rt("release", c.name).ok
        assert rt("audit", "verify").ok.out.startswith("unbroken")
        with lasts(0, 5):
            c.delete("--force").ok
        until(lambda: c.rt("state", c.name).rc != 0)
