# SPDX-License-Identifier: Apache-2.0
"""One run of one tier: its log, its deadline, and the end of everything that it started."""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

from deck import host

TOP = Path(__file__).resolve().parent.parent.parent
LOGS = TOP / "build/test-logs"


class Late(Exception):
    """The time of a tier is over."""


class Run:
    """What a row of the tiers is given: `call` runs its commands; `skipped` are the names of the
    tests that no tier before could run."""

    def __init__(self, tier, quick, latest, skipped=()):
        self.quick, self.skipped = quick, list(skipped)
        self.path = LOGS / f"{tier.name}.log"
        self.log = self.path.open("w", encoding="utf-8")
        self.began = time.monotonic()
        self.end = min(self.began + tier.seconds, latest)

    def call(self, *argv, env=None):
        """Runs a command to its end; its exit status and all that it said."""
        argv = [str(word) for word in argv]
        self.log.write(f"$ {shlex.join(argv)}\n")
        self.log.flush()
        start = self.log.tell()
        with subprocess.Popen(argv, cwd=TOP, stdin=subprocess.DEVNULL, stdout=self.log,
                              stderr=subprocess.STDOUT, start_new_session=True,
                              env={**os.environ, **(env or {})}) as process:
            try:
                status = process.wait(max(1, self.end - time.monotonic()))
            except subprocess.TimeoutExpired as e:
                end_all(process)
                raise Late(f"no end after {time.monotonic() - self.began:.0f} s: "
                           f"{shlex.join(argv)[:200]}") from e
            except BaseException:
                end_all(process)
                raise
        self.log.seek(0, os.SEEK_END)
        text = self.path.read_bytes()[start:].decode(errors="replace")
        return status, text

    def left(self):
        """Seconds to the deadline."""
        return max(1, int(self.end - time.monotonic()))

    def text(self):
        """The log so far."""
        self.log.flush()
        return self.path.read_text(errors="replace")


def end_all(process):
    """Ends a command with everything that it started, also what left its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    for _ in range(50):
        left = [pid for pid, _ in host.descendants()]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reap()
        if not left:
            break
        time.sleep(0.1)


def reap():
    """Takes the dead children that were adopted."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
