#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does the harness notice? Tests that leave something behind, fail or hang have to be failures, and
nothing of theirs may outlive the run. Needs root and no runtime."""

import os
import subprocess
import sys
import tempfile
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))

TESTS = textwrap.dedent('''
    import os, subprocess, time
    from deck import current, host, host_unchanged, mounted, needs, skip, timeout

    def test_good():
        "nothing wrong"

    def test_assertion():
        "a claim that does not hold"
        assert 1 + 1 == 3

    def test_process():
        "a process left"
        subprocess.Popen(["sleep", "321"])

    def test_orphan():
        "an orphan left"
        subprocess.run(["sh", "-c", "setsid sleep 322 &"])

    def test_cgroup():
        "a cgroup left"
        os.mkdir(host.CGROUP + current().cgroup + "/left")

    def test_mount():
        "a mount left"
        os.mkdir("m")
        host.mount("tmpfs", "m", "tmpfs")

    def test_state():
        "a state directory left"
        os.makedirs(current().root + "/container")

    def test_changed():
        "a file changed under host_unchanged"
        os.mkdir("tree")
        with host_unchanged(os.path.abspath("tree")):
            open("tree/new", "w").close()

    def test_tidy():
        "a mount that is taken away is no mount left"
        os.mkdir("m")
        with mounted("tmpfs", "m", "tmpfs"):
            pass

    @timeout(1)
    def test_hang():
        "a test that never ends"
        time.sleep(600)

    def test_skip():
        "a test that cannot run"
        skip("because")

    @needs("no-such-controller")
    def test_needs():
        "a test that needs what is not there"

    def test_death():
        "a test process that dies"
        os.kill(os.getpid(), 9)
''')

EXPECTED = {"good": "ok", "assertion": "not ok", "process": "not ok", "orphan": "not ok",
            "cgroup": "not ok", "mount": "not ok", "state": "not ok", "changed": "not ok",
            "tidy": "ok", "hang": "not ok", "skip": "SKIP", "needs": "SKIP", "death": "not ok"}


def main():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "test_harness.py")
        with open(path, "w", encoding="ascii") as out:
            out.write(TESTS)
        result = subprocess.run([os.path.join(HERE, "run"), "--runtime", "/bin/true", "-j", "3",
                                 "--tmp", directory, path], capture_output=True, text=True,
                                timeout=120, check=False)
        wrong = []
        for name, verdict in EXPECTED.items():
            line = next((line for line in result.stdout.splitlines()
                         if f"- harness: {name}" in line), "no line")
            shown = ("SKIP" if "# SKIP" in line else "not ok" if line.startswith("not ok")
                     else "ok" if line.startswith("ok") else line)
            if shown != verdict:
                wrong.append(f"{name}: {verdict} expected, got {line!r}")
        if result.stdout.splitlines()[-1:] != ["2 passed, 9 failed, 2 skipped"]:
            wrong.append(f"last line {result.stdout.splitlines()[-1:]}")
        if result.returncode != 1:
            wrong.append(f"exit status {result.returncode}")
        if "left: " not in result.stdout.replace("left behind", "left"):
            wrong.append("what was left is not named")
        left = os.listdir(directory)
        if left != ["test_harness.py"]:
            wrong.append(f"files left: {left}")
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", encoding="utf-8") as text:
                    command = text.read().split("\0")
            except OSError:
                continue
            if command[:2] in (["sleep", "321"], ["sleep", "322"]):
                wrong.append(f"process left: {command}")
    for line in wrong:
        print(f"not ok - {line}")
    if wrong:
        print(result.stdout)
        print(result.stderr)
    print(f"{len(EXPECTED) - min(len(wrong), len(EXPECTED))} passed, {len(wrong)} failed, 0 skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
