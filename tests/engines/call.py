# SPDX-License-Identifier: Apache-2.0
"""Calling programs: what came of it, what was called so far, and waiting for what must come.

Everything in an emulated machine is slow, and at times very slow: nothing here waits for a time,
all wait for a condition, and the limits are only there so that nothing hangs.
"""
import shlex
import subprocess
import time

SECONDS = 200           # for one command; a usual one takes two
JOURNAL = []            # what was called, for whoever reads a failure


class Result:
    """A command that ended: its status and what it said."""

    def __init__(self, argv, rc, out, err):
        self.argv, self.rc, self.out, self.err = argv, rc, out, err

    def __repr__(self):
        said = "".join(f"\n      {line}" for line in (self.out + self.err).splitlines()[-12:])
        return f"{shlex.join(self.argv)[:240]} => {self.rc}{said}"

    @property
    def ok(self):
        """Itself, and an error unless the command succeeded."""
        if self.rc:
            raise AssertionError(f"did not succeed: {self!r}")
        return self

    @property
    def value(self):
        """The one line of a command that succeeded."""
        return self.ok.out.strip()

    @property
    def lines(self):
        """The lines of a command that succeeded."""
        return self.ok.out.splitlines()


def call(*argv, stdin=None, seconds=SECONDS):
    """Runs a program to its end."""
    argv = [str(word) for word in argv]
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=seconds, check=False,
                              text=True, errors="replace",
                              stdin=subprocess.DEVNULL if stdin is None else None)
        result = Result(argv, done.returncode, done.stdout, done.stderr)
    except subprocess.TimeoutExpired as late:
        JOURNAL.append(Result(argv, "no end", *(
            (text or b"").decode(errors="replace") for text in (late.stdout, late.stderr))))
        raise AssertionError(f"no end after {seconds} s: {shlex.join(argv)}") from None
    JOURNAL.append(result)
    return result


def until(condition, what, seconds=120):
    """Waits until a function returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.2)


def fields(text):
    """The lines `Name: value` of a text, as /proc/PID/status has them."""
    return {name: value.strip() for name, found, value in
            (line.partition(":") for line in text.splitlines()) if found}


# Its memory is what a checkpoint has to keep: the numbers that it writes go on from there.
COUNTER = ("sh", "-c", "n=0; while :; do n=$((n+1)); echo $n >/new; mv /new /n; sleep 0.1; done")


def goes_on(count, since):
    """Waits until a counter is further than it was; its number."""
    return until(lambda: (number := count()) > since and number, f"it counts on from {since}")
