#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes every system call of a command fail in turn, counted over all processes of the runtime,
and looks whether the exit status told the truth, a message said why, and nothing is left.
fault_sweep.py [--commands create,start] [--errors ENOMEM,EIO] [--all-errors] [--step N] [--say]

A command that succeeds all the same has to have done everything: the program inside says what it
may do, and it is compared with what it said when nothing failed. Without --all-errors each call
fails once, with the errors in turn; the whole of it is errors x calls.
"""

import argparse
import errno
import json
import os
import re
import subprocess
import sys
import time

from kill_loop import (ALL, Victim, arguments, claim, perform, reap, reporting)
from deck import Dev, bundle, caps, config, current, host, rt, until
from deck.bundle import words
from tools import built

SECONDS = 20
COMMANDS = ("create", "start", "run", "exec", "kill", "delete", "force", "pause", "resume", "held",
            "quarantine", "release")
ERRORS = ("ENOMEM", "EIO", "EMFILE", "ENOSPC", "EPERM", "EINTR")
SELF = ("caps; ids; groups; nnp; seccomp; mkdir /vol/x; ls /secret; write /ro/x y; write /x y; "
        "open /kmsg r; hostname; oom; rlimits NOFILE; fds; signals; umask; pdeath; dumpable; cwd; "
        "env; write /proc/sys/kernel/shmmax 1; cgroup; label; mounts; echo complete")
MUST_SAY = ("caps: bounding 0000000000000020", "nnp: 1", "seccomp: 2", "mkdir: EXDEV",
            "ls: 0 entries", "write: EROFS", "open: EPERM",
            "ids: uid 1000 1000 1000 gid 1000 1000 1000",
            "oom: 100", "complete")
# Whatever fails, these say nothing about the container: they fail when the outcome is known.
TELLING = {"write", "writev", "fdatasync", "fsync", "close"}


def strict():
    """A configuration whose every restriction can be seen from inside."""
    hook = {"path": current().probe, "args": ["probe", "stdin"]}
    os.makedirs("volume", exist_ok=True)
    os.makedirs("out", exist_ok=True)
    os.chmod("out", 0o1777)
    return config(
        process={"user": {"uid": 1000, "gid": 1000, "additionalGids": [7, 8], "umask": 0o27},
                 "capabilities": caps(**ALL), "oomScoreAdj": 100,
                 "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}]},
        root={"readonly": True},
        rootfs={"/secret/key": "x", "/ro/": "dir", "/vol/": "dir", "/m/": "dir", "/out/": "dir",
                "/kmsg": Dev("c", 1, 11)},
        hooks={"createRuntime": [hook], "createContainer": [hook]},
        mounts=[{"destination": "/vol", "type": "bind", "source": os.path.abspath("volume"),
                 "options": ["rbind", "ro", "nosuid"]},
                {"destination": "/out", "type": "bind", "source": os.path.abspath("out"),
                 "options": ["bind", "nosuid", "nodev"]},
                {"destination": "/m", "type": "tmpfs", "source": "tmpfs"}],
        linux={"maskedPaths": ["/secret", "/proc/keys"], "readonlyPaths": ["/ro", "/proc/sys"],
               "sysctl": {"net.ipv4.ip_forward": "1"},
               "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                   {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO",
                    "errnoRet": errno.EXDEV}]},
               "resources": {"devices": [{"allow": False, "access": "rwm"}]}})


def names_of_calls():
    """The kernel's numbers of this machine, for messages."""
    found = {}
    for path in ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
                 "/usr/include/asm-generic/unistd.h"):
        if os.path.exists(path):
            for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", host.read(path)):
                found.setdefault(int(number), name)
            break
    return found


class Faults(Victim):
    """One container on which a command's calls fail, and what has to be true after each."""

    def __init__(self, report, say):
        super().__init__(strict)
        self.path = bundle(strict(), f"into /out/said; {SELF}; wait", self.name + "b")
        self.said = os.path.abspath("out/said")
        self.report, self.say = report, say
        self.calls = names_of_calls()
        self.tool = built("faultat")
        self.truth = {}
        self.lasting = False        # the call fails from then on
        self.noted = set()

    # -- what the commands are

    def words(self, command):
        """The command line without the program."""
        if command == "create":
            return ("create", "--bundle", self.path, self.name)
        if command == "run":
            return ("run", "--detach", "--bundle", self.path, self.name)
        if command == "exec":
            return ("exec", self.name, "/bin/probe", *words(SELF))
        if command == "kill":
            return ("kill", self.name, "KILL")
        if command == "force":
            return ("delete", "--force", self.name)
        if command == "list":
            return ("list", "--format", "json")
        if command == "update":
            return ("update", "--resources", os.path.abspath("resources.json"), self.name)
        return ("state" if command == "held" else command, self.name)

    def prepare(self, command):
        if command in ("create", "run"):
            return
        self.create()
        if command in ("start",):
            return
        rt("start", self.name).ok
        self.wait_said()
        if command in ("resume", "held"):
            rt("pause", "--timeout", "5000", self.name).ok
        if command == "release":
            rt("quarantine", self.name)
        if command == "delete":
            rt("kill", self.name, "KILL").ok
            until(lambda: self.status() == "stopped", what="the end of it")
        if command == "update":
            with open("resources.json", "w", encoding="utf-8") as out:
                json.dump({"pids": {"limit": 50}}, out)

    def status(self):
        found = rt("state", self.name)
        return json.loads(found.out)["status"] if found.rc == 0 else None

    def frozen(self):
        group = f"{host.CGROUP}{self.test.cgroup}/{self.name}b"
        return "frozen 1" in host.read(f"{group}/cgroup.events")

    # -- one fault

    def faulty(self, command, index, error):
        """Runs the command with its fault; gives status, output, messages, calls, which one."""
        read, write = os.pipe()
        out_path, err_path = "fault.out", "fault.err"
        pid = "0"
        if command == "start":
            pid = str(json.loads(rt("state", self.name).ok.out)["pid"])
        with open(out_path, "wb") as out, open(err_path, "wb") as err:
            process = subprocess.Popen(
                [self.tool, str(index), error, pid, self.test.runtime, "--root", self.test.root,
                 *self.words(command)], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                preexec_fn=lambda: os.dup2(write, 3), close_fds=False)
            os.close(write)
            try:
                status = process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                where = [(pid, name, host.read(f"/proc/{pid}/syscall").strip())
                         for pid, name in host.descendants()]
                process.kill()
                process.wait()
                raise AssertionError(f"hung: {where}; {host.read(err_path)}") from None
        text = os.read(read, 4096).decode().splitlines()
        os.close(read)
        calls = int(text[0]) if text else 0
        which = ""
        if len(text) > 1 and text[1]:
            name, number, argument = text[1].split(" ")
            which = f"{self.calls.get(int(number), number)}({argument}) of {name}"
        return status, host.read(out_path), host.read(err_path), calls, which

    def note(self, line):
        if line not in self.noted:
            self.noted.add(line)
            if self.say:
                self.report(line)

    def judge(self, command, status, out, err, which):
        """What the exit status promises."""
        call = which.split("(")[0]
        if "while loading shared" in err:
            return                      # before main(), by the C library
        if "internal error" in err and call == "setns":
            return                      # in another network namespace, and no way back
        assert status < 126 or status == 255, f"status {status}: {err}"
        if status == 0:
            self.is_done(command, out, which)
            if err:
                self.note(f"{command}: {which}: succeeded and said: {err.strip()}")
            return
        if command in ("quarantine", "release"):
            err += out
        if not err.strip():
            assert call in TELLING or "execve" in call or which.endswith(" ?"), "without a word"
            self.note(f"{command}: {which}: failed without a word")
        else:
            self.note(f"{command}: {which}: {status} {err.strip()}")
        self.is_not_half_done(command)

    def is_done(self, command, out, which):
        """After success: the container is as when nothing fails."""
        if command == "create":
            if self.status() == "stopped" and which.endswith("of orlop:[child]"):
                # It was complete, and died waiting for its start: its status says so.
                assert which.startswith(("recvmsg", "accept4")), which
                return
            assert self.status() == "created", self.status()
            rt("start", self.name).ok
        if command in ("create", "start", "run"):
            self.wait_said()
            self.same("program", host.read(self.said))
            assert self.status() == "running", self.status()
        elif command in ("exec", "state", "list", "ps", "events"):
            self.same(command, out)
        elif command == "pause":
            assert self.frozen() and self.status() == "paused", "not paused"
        elif command == "held":
            assert '"paused"' in out, f"says that it is not paused: {out}"
        elif command in ("resume", "release"):
            assert not self.frozen() and self.status() == "running", "still frozen"
        elif command == "quarantine":
            assert self.frozen(), "not frozen"
            # What follows the first line is what could not be kept of it, and is said.
            self.same(command, out.splitlines()[0] if command == "quarantine" else out)
        elif command == "kill":
            until(lambda: self.status() == "stopped", 2, what="the end of what was killed")
        elif command in ("delete", "force"):
            self.gone(command)

    def is_not_half_done(self, command):
        """After failure: what was begun was taken back, without a delete."""
        if command in ("create", "run"):
            self.gone(command)
        elif command == "pause":
            assert self.frozen() == (self.status() == "paused"), "frozen, and says that it is not"

    def gone(self, command):
        for _ in range(100):
            reap()
            found = [item for item in self.left() if not item.endswith(" .audit")]
            if not found:
                return
            if self.lasting and any(item.startswith("state ") for item in found):
                return              # what cannot be removed is there for delete --force
            time.sleep(0.02)
        raise AssertionError(f"left by {command}: {found}")

    def same(self, what, said):
        """As without a fault; the first time, that is what it is. Pids, times and ids differ."""
        if what not in ("program", "exec"):
            said = re.sub(r" +", " ", re.sub(r"[\d:.TZ-]*\d[\d:.TZ-]*", "N", said))
        # Where cgroup2 cannot be made it is bound, and shows another source.
        said = said.replace(" cgroup2 private cgroup2 ", " cgroup2 private cgroup ")
        # Where mknod is refused the host's device is bound: one and the same, at the same place.
        said = re.sub(r"^mounts: /dev/(null|zero|full|u?random|tty) \S+ devtmpfs \S+ devtmpfs \S+ "
                      r"root=/\1$\n?", "", said, flags=re.M)
        self.truth.setdefault(what, said)
        was, now = self.truth[what].splitlines(), said.splitlines()
        assert was == now, f"{what}: {[x for x in now if x not in was]} in place of " \
                           f"{[x for x in was if x not in now]}"

    def left(self):
        return [item for item in super().left() if not item.endswith(" .audit")]

    def check_said(self, where):
        """Whatever it said is a beginning of all that it has to say."""
        if not os.path.exists(self.said):
            return
        text = host.read(self.said)
        os.unlink(self.said)
        if "complete" in text:
            self.same("program", text)
            return
        for verb in ("caps: bounding", "nnp:", "seccomp:", "ls:"):
            for line in text.splitlines()[:-1]:
                if line.startswith(verb):
                    assert line in MUST_SAY, f"{where}: half restricted: {line}"

    def one(self, command, index, error):
        """Gives whether there was such a call, and whether the command succeeded in spite of it."""
        self.prepare(command)
        self.lasting = error.endswith("+")
        status, out, err, calls, which = self.faulty(command, index, str(
            getattr(errno, error.rstrip("+"))) + ("+" if error.endswith("+") else ""))
        where = f"{command}: {error} from call {index}, {which}"
        try:
            self.judge(command, status, out, err, which)
        except AssertionError as problem:
            try:
                self.clean_up(where)
            except AssertionError as more:
                problem = f"{problem}; {more}"
            raise AssertionError(f"{where}: {problem} [status {status}: {err.strip()}]") from None
        self.clean_up(where)
        return bool(which), status == 0, calls


def sweep(command, options, report):
    victim = Faults(report, options.say)
    errors = options.errors.split(",")
    reached, fine, calls = victim.one(command, 0, errors[0].rstrip("+"))
    assert fine and not reached, f"{command} fails without a fault"
    if "program" in victim.truth:
        for line in MUST_SAY:
            assert line in victim.truth["program"].splitlines(), (line, victim.truth["program"])
    index, faults, unharmed, problems = 1, 0, 0, []
    turns = len(errors) if options.all_errors else 1
    while index <= calls + 200:
        going = False
        for turn in range(turns):
            error = errors[turn if options.all_errors else (index + options.turn) % len(errors)]
            try:
                reached, fine, _ = victim.one(command, index, error)
            except AssertionError as problem:
                problems.append(str(problem))
                report(f"PROBLEM {problem}")
                reached, fine = True, False
                assert len(problems) < options.problems, "too many"
            going |= reached
            faults += reached
            unharmed += reached and fine
        if not going:
            break
        index += options.step
    report(f"{command}: {faults} faults over {calls} calls, {unharmed} of them without harm, "
           f"slowest delete {victim.slowest * 1000:.0f} ms")
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems)


def tests(options, report):
    for command in options.commands.split(","):
        yield claim(lambda command=command: sweep(command, options, report),
                    f"{command}_with_any_system_call_failing_tells_the_truth",
                    "status, message, what is in force and what is left after each failing call",
                    7200)


def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--errors", default=",".join(ERRORS))
    parser.add_argument("--all-errors", action="store_true", help="each call with each error")
    parser.add_argument("--turn", type=int, default=0, help="begin with the N-th error")
    parser.add_argument("--step", type=int, default=1, help="take every N-th call only")
    parser.add_argument("--problems", type=int, default=40, help="give up after so many")
    parser.add_argument("--say", action="store_true", help="print every message that is given")
    options = parser.parse_args()
    with reporting() as report:
        return perform(list(tests(options, report)), options)


if __name__ == "__main__":
    sys.exit(main())
