# SPDX-License-Identifier: Apache-2.0
"""Evidence keeps a container still; what others want of it meanwhile is not lost."""

import contextlib
import json
import os
import signal
import subprocess

from deck import container, current, until
from test_evidence import python_container
from test_last_look import MEMORY


@contextlib.contextmanager
def spacious():
    """A container with so much memory that its evidence takes a while."""
    with container(python_container(MEMORY), None) as c:
        c.start().ok
        c.wait_line("ready", 20)
        yield c


class Taking:
    """Evidence that is being taken, and held up in the middle: the container stands still."""

    def __init__(self, c):
        self.path = os.path.join(current().tmp, f"set-{current().next_number()}")
        self.process = subprocess.Popen(
            [current().runtime, "--root", current().root, "evidence", "-o", self.path, c.name],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: os.path.exists(os.path.join(self.path, "registers.json")), 10, step=0.001,
              what="evidence to begin")
        self.process.send_signal(signal.SIGSTOP)

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        assert self.process.wait(60) == 0
        with open(os.path.join(self.path, "capture.json"), encoding="utf-8") as file:
            return json.load(file)


def resumed(story):
    return [p for p in story["problems"] if "resumed while" in p["what"]]


def test_it_goes_on_afterwards():
    "the control: running before, running after; and nothing stays in its directory"
    with spacious() as c:
        taking = Taking(c)
        assert c.status == "paused"
        story = taking.end()
        assert c.status == "running" and not resumed(story) and story["frozenBefore"] is False
        assert "still" not in os.listdir(os.path.join(current().root, c.name))


def test_a_pause_meanwhile_is_kept():
    "it succeeds, and the container stays paused when the evidence is done; resume works then"
    with spacious() as c:
        taking = Taking(c)
        c.pause().ok
        c.pause().fails("not running")
        assert not resumed(taking.end())
        assert c.status == "paused"
        c.resume().ok
        assert c.status == "running"


def test_two_at_once_let_it_go_when_both_are_done():
    "the first one to end does not take the ground from under the other"
    with spacious() as c:
        first, second = Taking(c), Taking(c)
        assert not resumed(first.end())
        assert c.status == "paused"
        assert not resumed(second.end())
        assert c.status == "running"


def test_one_that_is_killed_is_counted_no_more():
    "the other one lets the container go"
    with spacious() as c:
        first, second = Taking(c), Taking(c)
        first.process.kill()
        first.process.wait()
        assert not resumed(second.end())
        assert c.status == "running"


def test_a_quarantine_meanwhile_remembers_that_it_ran():
    "evidence does not let it go, and release does not leave it paused"
    with spacious() as c:
        taking = Taking(c)
        c.rt("quarantine", "--timeout", "10000", c.name).ok
        taking.end()
        assert c.status == "paused" and "remediation" in c.state()
        c.rt("release", c.name).ok
        assert c.status == "running"
