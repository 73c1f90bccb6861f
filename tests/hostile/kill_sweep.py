#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ends the runtime by SIGKILL at every system call stop of a command, counted over all its
processes, then `delete --force`, then looks for leftovers.
kill_sweep.py [--commands create,start] [--step N]"""

import argparse
import os
import subprocess
import sys

from kill_loop import Victim, arguments, in_a_user_namespace, perform, reap, restricted
from tools import built

OPTIONS = None
COMMANDS = ("create", "start", "run", "exec", "delete")


def argv_of(victim, command):
    if command == "exec":
        return [*victim.argv("exec"), "/bin/probe", "ids"]
    if command == "delete":
        return victim.argv("delete", "--force")
    if command == "run":
        return victim.argv("run", "--detach")
    return victim.argv(command)


def killed_at(victim, command, index):
    """Runs the command under killat; True when it was killed, False when it ended before."""
    read, write = os.pipe()

    def report_on_3():
        os.dup2(write, 3)

    process = victim.quiet([built("killat"), str(index), *argv_of(victim, command)],
                           preexec_fn=report_on_3, close_fds=False)
    os.close(write)
    try:
        status = process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{command} hung under the tracer at stop {index}") from None
    stops = int(os.read(read, 64) or b"0")
    os.close(read)
    assert status in (0, 3), f"{command} at {index}: killat gave {status}"
    return status == 0, stops


def sweep(command, make):
    """All stops of one command, from the first to the one that is never reached."""
    victim = Victim(make)
    prepare = {"create": lambda: None, "run": lambda: None, "start": victim.create,
               "exec": victim.start, "delete": victim.start}[command]
    index, kills, last = 1, 0, 0
    while True:
        prepare()
        killed, stops = killed_at(victim, command, index)
        reap()
        victim.clean_up(f"{command} killed at system call stop {index}")
        if not killed:
            last = stops
            break
        kills += 1
        index += OPTIONS.step
    with open(OPTIONS.report, "a", encoding="utf-8") as out:
        out.write(f"# {command} {make.__name__}: {kills} kills over {last} stops, slowest delete "
                  f"{victim.slowest * 1000:.0f} ms\n")


def tests():
    made = []
    for word in OPTIONS.commands.split(","):
        command, _, where = word.partition("@")
        assert command in COMMANDS and where in ("", "userns"), f"no such command: {word}"

        def test(command=command, make=in_a_user_namespace if where else restricted):
            sweep(command, make)
        test.__name__ = (f"test_a_{command}{'_in_a_user_namespace' if where else ''}"
                         "_killed_at_any_system_call_leaves_nothing_after_delete")
        test.__doc__ = f"kill -9 of {command} at stop 1, 2, 3 ..., then delete --force: all is gone"
        test.seconds = 3600
        made.append(test)
    return made


def main():
    global OPTIONS
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--commands", default="create,start,create@userns",
                        help="of create, start, run, exec, delete; @userns for a user namespace")
    parser.add_argument("--step", type=int, default=1, help="take every N-th stop only")
    OPTIONS = parser.parse_args()
    OPTIONS.report = f"/tmp/orlop-kill-sweep-{os.getpid()}"
    try:
        status = perform(tests(), OPTIONS)
        if os.path.exists(OPTIONS.report):
            with open(OPTIONS.report, encoding="utf-8") as text:
                print(text.read(), end="")
    finally:
        if os.path.exists(OPTIONS.report):
            os.unlink(OPTIONS.report)
    return status


if __name__ == "__main__":
    sys.exit(main())
