# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal: a pty, a program on it, what is typed and what is shown.

Knows terminals; calls no runtime.
"""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

from .container import PATIENCE, until

# What makes a terminal raw or not, by name: (which word of tcgetattr, bit).
MODES = {"canonical": (3, termios.ICANON), "echo": (3, termios.ECHO), "signals": (3, termios.ISIG),
         "post": (1, termios.OPOST)}


class Terminal:
    """A session leader on a pty of its own.

    `shown` is everything it printed, as text; `first_modes` are the modes before it began.
    """

    def __init__(self, argv, rows=24, columns=80):
        self.shown, self.seen, self.status = "", 0, None
        ready, go = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.close(go)
            os.read(ready, 1)
            os.close(ready)
            os.execvp(argv[0], argv)
        os.close(ready)
        self.resize(rows, columns)
        self.first_modes = self.modes
        os.close(go)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def take(self, seconds):
        """Reads what has come; False when nothing does or the terminal is closed."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            block = os.read(self.fd, 65536)
        except OSError:
            block = b""
        self.shown += block.decode(errors="replace")
        return bool(block)

    def until(self, text, seconds=5):
        """Waits for a text after those that were waited for before; gives what came before it."""
        end = time.monotonic() + seconds * PATIENCE
        while text not in self.shown[self.seen:]:
            left = end - time.monotonic()
            assert left > 0 and self.take(left), \
                f"no {text!r} on the terminal, only {self.shown[self.seen:]!r}"
        before, self.seen = self.seen, self.shown.index(text, self.seen) + len(text)
        return self.shown[before:self.seen - len(text)]

    def until_silent(self, seconds=0.3):
        while self.take(seconds * PATIENCE):
            pass

    @property
    def modes(self):
        """The names in MODES that are on."""
        words = termios.tcgetattr(self.fd)
        return {name for name, (word, bit) in MODES.items() if words[word] & bit}

    def wait_raw(self):
        until(lambda: "canonical" not in self.modes and "signals" not in self.modes,
              what="raw mode")
        return self

    def end(self, seconds=10):
        """Waits for the session leader's end; gives its status."""
        end = time.monotonic() + seconds * PATIENCE
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.until_silent(0.05)
                return self.status
            assert time.monotonic() < end, f"it does not end; shown so far: {self.shown!r}"
            self.take(0.05)


class Shell(Terminal):
    """An interactive shell with job control, and a prompt that can be waited for."""

    PROMPT = "<ready>"

    def __init__(self, **size):
        super().__init__(["bash", "--norc", "--noprofile", "--noediting", "-i"], **size)
        # The quotes keep the echo of this line from looking like the prompt.
        self.type("PS1='<rea''dy>'; PS2=; set +o history; bind 'set enable-bracketed-paste off'"
                  " 2>/dev/null\n")
        self.prompt()

    def prompt(self, seconds=5):
        return self.until(self.PROMPT, seconds)

    @property
    def job(self):
        """The process id of its first child."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as children:
            return int(children.read().split()[0])

    def status_of_last(self):
        """$? of what was last in the foreground."""
        self.type("echo status=$?=\n")
        self.until("status=")               # the echo of the command, or of what it printed
        while (word := self.until("=", 3)) == "$?":
            self.until("status=")
        self.prompt()
        return int(word)
