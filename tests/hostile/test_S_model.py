# SPDX-License-Identifier: Apache-2.0
"""S: commands at random on one container, beside a model of what may come of each. In the second
test two of five are killed in the middle. ORLOP_MODEL_SEED repeats a sequence, ORLOP_MODEL_SECONDS
makes it longer."""

import contextlib
import json
import os
import random
import subprocess
import time

from deck import bundle, config, current, host, rt, timeout, until
from test_quarantine import limits, program_ids

SECONDS = float(os.environ.get("ORLOP_MODEL_SECONDS", "12"))
ALIVE = ("created", "running", "paused")
PATIENCE = 60


def looking():
    """Processes that take evidence before an end: they outlive a command that was killed, and hold
    the container still until they are done."""
    found = []
    for pid, _ in host.descendants():
        with contextlib.suppress(OSError):
            found += [pid] if host.read(f"/proc/{pid}/comm").strip() == "orlop:[look]" else []
    return found


class Model:
    """What the container is: its status; how it is held, None, "frozen" or "observe"; whether its
    program was started; whether it was paused when it was held."""

    def __init__(self, seed):
        test = current()
        self.chance = random.Random(seed)
        self.name = test.next_id()
        self.cgroup = f"{test.cgroup}/{self.name}"
        self.bundle = bundle(config(), "wait", self.name)
        self.status, self.held, self.started, self.was_paused = "none", None, False, False
        self.before = None      # programs and limits when nothing holds it, and its cgroup's inode
        self.log, self.killed = [], 0

    def file(self, name):
        return host.cgroup_files(self.cgroup)(name)

    # -- what may be

    def words(self):
        name, number = self.name, len(self.log)
        choices = [
            ("create", "--bundle", self.bundle, name), ("start", name), ("pause", name),
            ("resume", name), ("exec", name, "/bin/probe", "exit", "7"), ("state", name),
            ("quarantine", name), ("quarantine", "--observe", name), ("release", name),
            ("release", name), ("quarantine", "--allow", "10.0.0.1", name), ("kill", name, "KILL"),
            ("delete", name), ("delete", "--force", name), ("drift", name), ("ps", name),
            ("evidence", "--mem", "none", "--fs", "none", "-o",
             f"{current().tmp}/set-{number}.tar", name)]
        if self.held:
            choices += [("kill", name, "TERM")]      # which is kept back
        return self.chance.choice(choices)

    def under(self):
        return "running" if self.started else "created"

    def expect(self, words):
        """The exit statuses that it may have; what the container is then, and how it is held."""
        status, held, verb = self.status, self.held, words[0]
        same = status, held
        if verb == "create":
            return ({0}, "created", None) if status == "none" else ({1}, *same)
        if verb == "delete" and ("--force" in words or status in ("created", "stopped")):
            return {0}, "none", None
        if status == "none":
            return {1, 255}, *same
        if verb == "quarantine" and status in ALIVE:
            if "--observe" not in words:
                return {0}, "paused", "frozen"
            # One that waits for start is told of its own socket.
            return {0} if self.started else {0, 2}, self.under(), "observe"
        if verb == "release" and status == "stopped":
            return {0, 1}, status, None
        if verb == "release" and held:
            return {0}, "paused" if self.was_paused else self.under(), None
        if verb == "kill" and status in ALIVE:
            return {0}, "stopped" if "KILL" in words else status, held
        if verb == "pause" and status in ("created", "running"):
            return {0}, "paused", held
        if verb in ("start", "resume", "exec") and held:
            return {1, 4, 255}, *same
        if verb == "start" and status == "created":
            return {0}, "running", None
        if verb == "resume" and status == "paused":
            return {0}, self.under(), None
        if verb == "exec" and status in ("created", "running"):
            return {7}, *same
        if verb in ("state", "evidence") or (verb in ("drift", "ps") and status in ALIVE):
            return {0}, *same
        return {0, 1, 255} if verb in ("drift", "ps") else {1, 255}, *same

    # -- what is

    def look(self):
        result = rt("state", self.name)
        if result.rc:
            return "none", None
        document = json.loads(result.out)
        return document["status"], document.get("remediation")

    def check(self):
        """The container is what the model says, and the kernel says the same."""
        if self.log[-1][0] in ("start", "kill", "delete"):
            until(lambda: self.look()[0] == self.status, what=f"{self.status}:\n{self.tail()}")
        status, held = self.look()
        assert status == self.status, f"is {status}, not {self.status}:\n{self.tail()}"
        if status not in ALIVE:
            return
        assert (held and held["mode"]) == self.held, f"{held}, not {self.held}:\n{self.tail()}"
        programs, texts = program_ids(self), limits(self)
        asked = texts.pop("cgroup.freeze") == "1"
        assert asked == (status == "paused"), f"freeze asked: {asked}:\n{self.tail()}"
        if self.held:
            assert held["networkCut"] and held["freezeRequested"] == asked, (held, self.tail())
            return
        found = programs, texts, os.stat(f"/sys/fs/cgroup{self.cgroup}").st_ino
        if not self.before or self.before[2] != found[2]:
            self.before = found
        assert found == self.before, f"{found}, not {self.before}:\n{self.tail()}"

    def tail(self):
        return "\n".join(f"  {words}" for words in self.log[-10:])

    # -- one step

    def step(self):
        words = self.words()
        codes, status, held = self.expect(words)
        result = rt(*words, seconds=PATIENCE)
        self.log.append((*words, f"-> {result.rc}"))
        assert result.rc in codes, f"{result}, not {codes}:\n{self.tail()}"
        if held and not self.held:
            self.was_paused = self.status == "paused"
        if words[0] in ("create", "start") and result.rc == 0:
            self.started = words[0] == "start"
        self.status, self.held = status, held
        self.check()

    def killed_step(self):
        """It may be over, undone, or half done, which it says; repeating it makes it whole."""
        words = self.words()
        with subprocess.Popen([current().runtime, "--root", current().root, *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            time.sleep(self.chance.random() ** 3 * 0.03)
            process.kill()
        self.log.append((*words, f"-> {process.returncode}, perhaps killed"))
        self.killed += process.returncode == -9
        time.sleep(0.02)        # what it has begun to kill is dead
        until(lambda: not looking(), 20, what="who takes evidence before an end")
        self.learn(words)
        self.check()

    def learn(self, words):
        verb, (status, held) = words[0], self.look()
        if verb in ("create", "delete") and status in ("none", "stopped") != self.status:
            rt("delete", "--force", self.name, seconds=PATIENCE).ok
            status, held = "none", None
        if status == "stopped" and self.status in ALIVE:
            assert verb in ("kill", "start", "delete"), f"it was ended:\n{self.tail()}"
        if verb in ("create", "start") and status in ALIVE and not held and not self.held:
            self.started = status == "running"
        if held and held["quarantine"] in ("incomplete", "releasing"):
            done = rt("release", self.name, seconds=PATIENCE)
            assert done.rc == 0 or status == "stopped", f"{done}:\n{self.tail()}"
            status, held = self.look()
        elif held and not self.held:
            self.was_paused = self.status == "paused"
        # A wish to freeze that was left standing is taken back by resume.
        if verb in ("pause", "resume", "evidence") and status in ALIVE and not held:
            rt("resume", self.name)
            status, held = self.look()
        # Of what has ended `state` does not say how it was held.
        self.held = self.held if status == "stopped" else held and held["mode"]
        self.status = status

    def end(self):
        rt("delete", "--force", self.name, seconds=PATIENCE).ok
        left = [name for name in os.listdir(current().root) if name != ".audit"]
        assert not left, left
        rt("audit", "verify").ok


def play(share_killed):
    seed = int(os.environ.get("ORLOP_MODEL_SEED", time.time_ns() % 1_000_000_007))
    model, end = Model(seed), time.monotonic() + SECONDS
    print(f"ORLOP_MODEL_SEED={seed}")
    try:
        while time.monotonic() < end:
            killed = model.chance.random() < share_killed
            (model.killed_step if killed else model.step)()
    except AssertionError as error:
        raise AssertionError(f"ORLOP_MODEL_SEED={seed}: {error}") from error
    print(f"{len(model.log)} commands, {model.killed} of them killed")
    assert len(model.log) > 50, len(model.log)
    model.end()


@timeout(SECONDS * 2 + 100)
def test_S_each_command_does_what_the_status_allows():
    "a random sequence, and the kernel looked at after each"
    play(0)


@timeout(SECONDS * 2 + 100)
def test_S_killed_commands_leave_what_another_completes():
    "two of five are killed in the middle: never an illegal state, never one that stays"
    play(0.4)
