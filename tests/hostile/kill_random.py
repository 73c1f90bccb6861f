#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ends the runtime by SIGKILL at random moments of create, start, run, exec and delete, then
`delete --force`, then looks for leftovers. kill_random.py [--rounds 500] [--seed N]"""

import argparse
import os
import random
import sys
import time

from kill_loop import Victim, arguments, perform, reap

COMMANDS = ("create", "start", "run", "exec", "delete")
OPTIONS = None


def typical(victim, command, prepare):
    """The middle of five undisturbed runs: how long there is something to disturb."""
    times = []
    for _ in range(5):
        prepare()
        began = time.monotonic()
        process = victim.quiet(argv_of(victim, command))
        if command == "run":
            # The foreground command ends with its program, which waits: its beginning counts.
            victim.wait_said()
            times.append(time.monotonic() - began)
            process.kill()
        process.wait(20)
        if command != "run":
            times.append(time.monotonic() - began)
        victim.clean_up("undisturbed " + command)
    return sorted(times)[2]


def argv_of(victim, command):
    if command == "exec":
        return [*victim.argv("exec"), "/bin/probe", "ids"]
    if command == "delete":
        return victim.argv("delete", "--force")
    return victim.argv(command)


def loop(command):
    """The rounds of one command."""
    victim = Victim()
    prepare = {"create": lambda: None, "run": lambda: None, "start": victim.create,
               "exec": victim.start, "delete": victim.start}[command]
    span = typical(victim, command, prepare)
    chance = random.Random(f"{OPTIONS.seed}-{command}")
    rounds = -(-OPTIONS.rounds // len(COMMANDS))
    killed = 0
    for number in range(rounds):
        prepare()
        delay = chance.uniform(0, span * 1.1)
        process = victim.quiet(argv_of(victim, command))
        end = time.perf_counter() + delay
        while time.perf_counter() < end:
            time.sleep(max(0, min(0.0005, end - time.perf_counter())))
        if process.poll() is None:
            process.kill()
            killed += 1
        process.wait(20)
        reap()
        if command == "exec":
            # The container itself is not touched by the death of an exec.
            from deck import rt
            state = rt("state", victim.name)
            assert state.rc == 0 and '"running"' in state.out, f"round {number}: {state!r}"
        victim.clean_up(f"{command} round {number}, killed after {delay * 1000:.2f} ms")
    with open(OPTIONS.report, "a", encoding="utf-8") as out:
        out.write(f"# {command}: {rounds} rounds, {killed} killed within {span * 1000:.1f} ms, "
                  f"slowest delete {victim.slowest * 1000:.0f} ms\n")


def tests():
    """One function for each command, named by what it claims."""
    made = []
    for command in COMMANDS:
        def test(command=command):
            loop(command)
        test.__name__ = f"test_a_{command}_killed_at_random_leaves_nothing_after_delete"
        test.__doc__ = f"kill -9 of {command} at any time, then delete --force: all is gone"
        test.seconds = 60 + OPTIONS.rounds
        made.append(test)
    return made


def main():
    global OPTIONS
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--rounds", type=int, default=500, help="over all commands")
    parser.add_argument("--seed", default=str(time.time_ns()), help="to repeat a run")
    OPTIONS = parser.parse_args()
    OPTIONS.report = f"/tmp/orlop-kill-random-{os.getpid()}"
    print(f"# seed {OPTIONS.seed}")
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
