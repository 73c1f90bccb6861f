#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The parts of the benchmark that count and judge, without running anything."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bundle  # noqa: E402
import target  # noqa: E402
from rows import Cell, count_calls  # noqa: E402

TRACE = """\
10 execve("/bin/rt", ["rt"], 0x1 /* 2 vars */) = 0
10 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>
11 mount(NULL, "/", NULL, MS_REC, NULL <unfinished ...>
10 <... clone resumed>) = 11
11 <... mount resumed>) = 0
11 execve("/bin/false", ["false"], 0x1) = -1 ENOENT (No such file or directory)
11 execve("/bin/true", ["true"], 0x1 <unfinished ...>
10 wait4(11 <unfinished ...>
11 <... execve resumed>) = 0
11 exit_group(0) = ?
11 +++ exited with 0 +++
10 <... wait4 resumed>, NULL, 0, NULL) = 11
10 --- SIGCHLD {si_signo=SIGCHLD} ---
10 exit_group(0) = ?
"""


class Counting(unittest.TestCase):
    def test_interrupted_calls_count_once_and_the_program_not_at_all(self):
        self.assertEqual(count_calls(TRACE), (7, 5))

    def test_without_a_program_every_call_counts(self):
        lines = TRACE.splitlines()[1:2]
        self.assertEqual(count_calls("\n".join(lines)), (1, 1))


class Judging(unittest.TestCase):
    def results(self, ours):
        return {"run": {"orlop": Cell([ours, 9.0]), "floor": Cell([1.0, 2.0])}}

    def test_best_is_held_against_best(self):
        self.assertEqual(target.judge(self.results(1.6), "crun")["run"][1:], ("1.60", True))
        self.assertEqual(target.judge(self.results(1.7), "crun")["run"][1:], ("1.70", False))

    def test_what_was_not_measured_is_neither_met_nor_missed(self):
        self.assertIsNone(target.judge({"run": {"floor": Cell([1.0])}}, "crun")["run"][2])
        self.assertIsNone(target.judge({"life": {"orlop": Cell([1.0])}}, None)["life"][2])

    def test_a_row_that_was_not_asked_for_is_not_judged(self):
        self.assertEqual(list(target.judge(self.results(1.0), "crun")), ["run"])


class Bundles(unittest.TestCase):
    def test_profile_names_345_calls_once_each(self):
        names = bundle.seccomp_profile("x86_64")["syscalls"][0]["names"]
        self.assertEqual(len(set(names)), 345)

    def test_floor_makes_every_mount_of_the_bundle(self):
        args = bundle.floor_args(["/bin/true"])
        for mount in bundle.config(["/bin/true"], "x")["mounts"]:
            self.assertIn(mount["destination"].lstrip("/"), args)


if __name__ == "__main__":
    unittest.main()
