# SPDX-License-Identifier: Apache-2.0
"""S: many callers at once, on one container and on one each. Nothing hangs, every refusal is a
sentence that says why, and in the end nothing is left. ORLOP_CROWD_SECONDS makes it longer."""

import collections
import os
import random
import re
import subprocess
import tempfile
import threading
import time

from deck.container import PATIENCE as SLOWER, stuck
from deck import bundle, config, current, host, rt, timeout
from test_quarantine import limits, program_ids

SECONDS = float(os.environ.get("ORLOP_CROWD_SECONDS", "15"))
CALLERS = 8
PATIENCE = 60
# Each is what somebody who came too early or too late has to expect.
EXPECTED = re.compile("|".join((
    "already exists", "does not exist", "not running", "has stopped", "already running",
    "not paused", "paused container", "in the paused state", "was deleted while it was created",
    "cannot delete container", "is busy", "not been started|not started", "has ended",
    "ended before it ran", "process already finished", "no such process", "is not stopped",
    "cannot exec", "killed|signal: ", "frozen", "the child", "no such device",
    "no such file or directory")))


class Crowd:
    """Callers that do what comes to their minds, and what went wrong."""

    needed = ("create", "start", "exec", "delete", "kill")
    thawing = ("resume",)

    def __init__(self, names):
        test = current()
        self.base = [test.runtime, "--root", test.root]
        self.paths = {name: bundle(config(), "wait", name) for name in names}
        self.end = time.monotonic() + SECONDS
        self.wrong, self.counts = [], collections.Counter()
        self.slowest = 0.0

    def command(self, name, chance):
        path = self.paths[name]
        return chance.choice((
            ("create", "--bundle", path, name), ("create", "--bundle", path, name),
            ("run", "--detach", "--bundle", path, name), ("start", name), ("start", name),
            ("exec", name, "/bin/probe", "exit", "0"), ("exec", name, "/bin/probe", "exit", "7"),
            ("exec", "--detach", name, "/bin/probe", "exit", "0"), ("kill", name, "KILL"),
            ("kill", name, "TERM"), ("state", name), ("list",), ("ps", "--format", "json", name),
            ("pause", name), ("resume", name), ("resume", name), ("delete", name),
            ("delete", "--force", name), ("delete", "--force", name), ("events", "--stats", name)))

    def one(self, words):
        began = time.monotonic()
        # A file, no pipe: containers keep it.
        with tempfile.TemporaryFile() as err, \
                subprocess.Popen([*self.base, *words], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=err) as process:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.wrong.append(f"{words[0]} took more than {PATIENCE} s: {stuck(process.pid)}")
                process.kill()
                return
            err.seek(0)
            said = err.read().decode(errors="replace")
        self.slowest = max(self.slowest, time.monotonic() - began)
        status = process.returncode
        self.counts[words[0], "done" if status == 0 else "refused"] += 1
        if status < 0 or "internal error" in said:
            self.wrong.append(f"{words[0]}: status {status}: {said}")
        elif status and status != 7 and not self.is_expected(words[0], status, said):
            # The exec whose program was killed with its container has that status, and no words.
            if not (words[0] == "exec" and status in (128 + 9, 128 + 15)):
                self.wrong.append(f"{words[0]}: status {status}: {said!r}")

    def is_expected(self, _verb, _status, said):
        return EXPECTED.search(said)

    def caller(self, number, names):
        chance = random.Random(number + int(time.time()))
        while time.monotonic() < self.end and len(self.wrong) < 20:
            self.one(self.command(chance.choice(names), chance))

    def thaw(self, over):
        """An exec waits for a container that was paused after it began: somebody resumes them."""
        while not over.wait(0.3):
            for name in self.paths:
                for word in self.thawing:
                    self.one((word, name))

    def run(self, share):
        """Every caller with its names, to the end of the time."""
        threads = [threading.Thread(target=self.caller, args=(number, share(number)))
                   for number in range(CALLERS)]
        over = threading.Event()
        thaw = threading.Thread(target=self.thaw, args=(over,))
        for thread in (*threads, thaw):
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        thaw.join()
        assert not self.wrong, "\n".join(self.wrong)
        done = sum(count for (_, what), count in self.counts.items() if what == "done")
        assert done > CALLERS * 2, f"hardly anything was done: {self.counts}"
        for word in self.needed:
            assert self.counts[word, "done"], f"no {word} was done: {self.counts}"
        print(f"{sum(self.counts.values())} commands, slowest {self.slowest:.1f} s, {self.counts}")

    def clear(self):
        for name in self.paths:
            rt("delete", "--force", name, seconds=PATIENCE).ok
        root = current().root
        left = [name for name in os.listdir(root) if name != ".audit"]
        assert not left, left


@timeout(SECONDS * 2 + 200)
def test_S_eight_callers_of_one_container():
    "create, start, exec, kill, pause and delete against each other"
    mounts = host.mountpoints()
    crowd = Crowd([current().next_id()])
    crowd.run(lambda _: list(crowd.paths))
    crowd.clear()
    assert host.mountpoints() == mounts


@timeout(SECONDS * 2 + 200)
def test_S_eight_callers_of_containers_of_their_own():
    "what one does is not felt by another"
    mounts = host.mountpoints()
    names = [current().next_id() for _ in range(CALLERS)]
    crowd = Crowd(names)
    crowd.run(lambda number: [names[number]])
    crowd.clear()
    assert host.mountpoints() == mounts


HOLDING = re.compile("quarantine|has no cgroup|neither a record nor|"
                     # The cut is in force before its network is set up.
                     "operation not permitted")


class Holders(Crowd):
    """They hold it, look at it and let it go as well."""

    needed = ("create", "quarantine", "release", "evidence", "delete", "kill")
    thawing = ("release", "resume")

    def command(self, name, chance):
        if chance.random() < 0.45:
            return super().command(name, chance)
        return chance.choice((
            ("quarantine", name), ("quarantine", name), ("quarantine", "--observe", name),
            ("quarantine", "--allow", "10.0.0.1:80", name), ("release", name), ("release", name),
            ("release", name), ("drift", name), ("audit", "verify"),
            ("evidence", "-o", f"{current().tmp}/set-{current().next_number()}.tar", name)))

    def is_expected(self, verb, status, said):
        # Partial: something was busy, went away, or is not known.
        if verb in ("quarantine", "release", "evidence", "drift") and status in (2, 5):
            return True
        if verb == "quarantine" and not said:
            return True         # "failed" is on standard output: its cgroup went away meanwhile
        return HOLDING.search(said) or super().is_expected(verb, status, said)


class Onlookers(Holders):
    """They end nothing."""

    needed = ("quarantine", "release", "evidence", "exec", "pause")

    def command(self, name, chance):
        words = super().command(name, chance)
        while words[0] in ("create", "run", "delete", "kill"):
            words = super().command(name, chance)
        return words


@timeout(SECONDS * 2 + 200)
def test_S_eight_callers_who_hold_and_let_go():
    "also while it is made and while it ends; the audit log is whole"
    crowd = Holders([current().next_id()])
    crowd.run(lambda _: list(crowd.paths))
    assert crowd.slowest < 10 * SLOWER, f"one took {crowd.slowest:.0f} s: {crowd.counts}"
    crowd.clear()
    rt("audit", "verify").ok


@timeout(SECONDS * 2 + 200)
def test_S_a_container_that_was_held_by_many_is_as_it_was():
    "programs, limits and status, when all is over and it was let go"
    name = current().next_id()
    crowd = Onlookers([name])
    rt("run", "--detach", "--bundle", crowd.paths[name], name).ok
    crowd.name, crowd.cgroup = name, f"{current().cgroup}/{name}"
    crowd.file = host.cgroup_files(crowd.cgroup)
    before = program_ids(crowd), limits(crowd)
    crowd.run(lambda _: [name])
    rt("release", name)
    rt("resume", name)
    state = rt("state", name).ok.out
    assert '"status": "running"' in state and "remediation" not in state, state
    assert (program_ids(crowd), limits(crowd)) == before
    assert sorted(os.listdir(f"{current().root}/{name}")) == ["cgroup", "config.json", "state.json"]
    crowd.clear()
    rt("audit", "verify").ok
