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

from deck.container import stuck
from deck import bundle, config, current, host, rt, timeout

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
        elif status and status != 7 and not EXPECTED.search(said):
            # The exec whose program was killed with its container has that status, and no words.
            if not (words[0] == "exec" and status in (128 + 9, 128 + 15)):
                self.wrong.append(f"{words[0]}: status {status}: {said!r}")

    def caller(self, number, names):
        chance = random.Random(number + int(time.time()))
        while time.monotonic() < self.end and len(self.wrong) < 20:
            self.one(self.command(chance.choice(names), chance))

    def thaw(self, over):
        """An exec waits for a container that was paused after it began: somebody resumes them."""
        while not over.wait(0.3):
            for name in self.paths:
                self.one(("resume", name))

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
        for word in ("create", "start", "exec", "delete", "kill"):
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
