#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ends the runtime by SIGKILL at every system call stop of a command, counted over all its
processes, then `delete --force`, then looks for leftovers.
kill_sweep.py [--commands create,start] [--step N]"""

import argparse
import os
import subprocess
import sys

from kill_loop import (COMMANDS, Victim, arguments, claim, in_a_user_namespace, perform, reap,
                       reporting, restricted)
from tools import built


def killed_at(victim, command, index):
    """Runs the command under killat; whether it was killed, and at how many stops it could be."""
    read, write = os.pipe()

    def report_on_3():
        os.dup2(write, 3)

    flags = ("--detach",) if command == "run" else ()
    process = victim.quiet([built("killat"), str(index), *victim.argv(command, *flags)],
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


def sweep(command, make, step, report):
    """All stops of one command, from the first to the one that is never reached."""
    victim = Victim(make)
    index, kills = 1, 0
    while True:
        victim.prepare(command)
        killed, stops = killed_at(victim, command, index)
        reap()
        victim.clean_up(f"{command} killed at system call stop {index}")
        if not killed:
            break
        kills += 1
        index += step
    report(f"{command} {make.__name__}: {kills} kills over {stops} stops, slowest delete "
           f"{victim.slowest * 1000:.0f} ms")


def tests(options, report):
    """One for each command that was asked for."""
    for word in options.commands.split(","):
        command, _, where = word.partition("@")
        assert command in COMMANDS and where in ("", "userns"), f"no such command: {word}"
        make = in_a_user_namespace if where else restricted
        yield claim(lambda command=command, make=make: sweep(command, make, options.step, report),
                    f"a_{command}{'_in_a_user_namespace' if where else ''}"
                    "_killed_at_any_system_call_leaves_nothing_after_delete",
                    f"kill -9 of {command} at stop 1, 2, 3 ..., then delete --force: all is gone",
                    3600)


def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--commands", default="create,start,create@userns",
                        help="of create, start, run, exec, delete; @userns for a user namespace")
    parser.add_argument("--step", type=int, default=1, help="take every N-th stop only")
    options = parser.parse_args()
    with reporting() as report:
        return perform(list(tests(options, report)), options)


if __name__ == "__main__":
    sys.exit(main())
