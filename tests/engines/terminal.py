# SPDX-License-Identifier: Apache-2.0
"""A real terminal: a program that has a pty as its controlling terminal, and somebody at it."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

from call import JOURNAL, Result


class Terminal:
    """A person at a pty, who types and reads."""

    def __init__(self, *argv, rows=33, columns=101):
        self.argv, self.text, self.read_to = [str(word) for word in argv], "", 0
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.environ["TERM"] = "dumb"
                os.execvp(self.argv[0], self.argv)
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.master)

    def resize(self, rows, columns):
        """Another size of the window; the kernel sends SIGWINCH."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, line, end="\r"):
        os.write(self.master, (line + end).encode())

    def more(self, seconds):
        """Reads on; false when nobody can write any more."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            block = os.read(self.master, 65536)
        except OSError:         # EIO: the last slave was closed
            return False
        self.text += block.decode(errors="replace")
        return bool(block)

    def expect(self, pattern, seconds=200):
        """Reads until a pattern appears in what was not yet expected; the match."""
        end = time.monotonic() + seconds
        alive = True
        while True:
            found = re.compile(pattern).search(self.text, self.read_to)
            if found:
                self.read_to = found.end()
                return found
            if not alive or time.monotonic() > end:
                raise AssertionError(f"{pattern!r} did not appear at the terminal of {self.argv}: "
                                     f"{self.text!r}")
            alive = self.more(0.5)

    def end(self, seconds=200):
        """Waits for the end of the program; its exit status."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.more(0.2):
                time.sleep(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                rc = os.waitstatus_to_exitcode(status)
                JOURNAL.append(Result(self.argv, rc, self.text, ""))
                return rc
        raise AssertionError(f"no end of {self.argv}: {self.text!r}")
