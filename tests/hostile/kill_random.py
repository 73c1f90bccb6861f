#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ends the runtime by SIGKILL at random moments of create, start, run, exec and delete, then
`delete --force`, then looks for leftovers. kill_random.py [--rounds 500] [--seed N]"""

import argparse
import random
import sys
import time

from kill_loop import COMMANDS, Victim, arguments, claim, perform, reap, reporting
from deck import rt


def typical(victim, command):
    """The middle of five undisturbed runs: how long there is something to disturb."""
    times = []
    for _ in range(5):
        victim.prepare(command)
        began = time.monotonic()
        process = victim.quiet(victim.argv(command))
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


def loop(command, rounds, seed, report):
    """The rounds of one command."""
    victim = Victim()
    span = typical(victim, command)
    chance = random.Random(f"{seed}-{command}")
    killed = 0
    for number in range(rounds):
        victim.prepare(command)
        delay = chance.uniform(0, span * 1.1)
        process = victim.quiet(victim.argv(command))
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
            state = rt("state", victim.name)
            assert state.rc == 0 and '"running"' in state.out, f"round {number}: {state!r}"
        victim.clean_up(f"{command} round {number}, killed after {delay * 1000:.2f} ms")
    report(f"{command}: {rounds} rounds, {killed} killed within {span * 1000:.1f} ms, "
           f"slowest delete {victim.slowest * 1000:.0f} ms")


def tests(options, report):
    """One for each command, named by what it claims."""
    rounds = -(-options.rounds // len(COMMANDS))
    for command in COMMANDS:
        yield claim(lambda command=command: loop(command, rounds, options.seed, report),
                    f"a_{command}_killed_at_random_leaves_nothing_after_delete",
                    f"kill -9 of {command} at any time, then delete --force: all is gone",
                    60 + options.rounds)


def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--rounds", type=int, default=500, help="over all commands")
    parser.add_argument("--seed", default=str(time.time_ns()), help="to repeat a run")
    options = parser.parse_args()
    print(f"# seed {options.seed}")
    with reporting() as report:
        return perform(list(tests(options, report)), options)


if __name__ == "__main__":
    sys.exit(main())
