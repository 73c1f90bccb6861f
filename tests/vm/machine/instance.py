# SPDX-License-Identifier: Apache-2.0
"""One machine that runs, with all that it has on this host: a directory, processes, sockets."""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

from . import emulator, process
from .ports import Ports, TimedOut
from .qmp import Control
from .share import Share

TIMED_OUT, DIED = 124, 125
LINES = 60


def say(text: str) -> None:
    print(f"vm: {text}", file=sys.stderr, flush=True)


class Instance:
    """Close it, and nothing is left but what the command did to shared directories and disks."""

    def __init__(self, qemu: pathlib.Path, out: int = 1, err: int = 2):
        self.qemu, self.ports = qemu, Ports(out, err)
        self.scratch = tempfile.mkdtemp(prefix="orlop-vm.")
        self.files, self.shares, self.process, self.control = [], [], None, None
        self.console = self.file("console")
        self.complaints = self.file("qemu")

    def file(self, name: str, content: bytes = b"") -> str:
        """A file that is gone when the machine is; its path."""
        path = os.path.join(self.scratch, name)
        self.files.append(path)
        with open(path, "wb") as f:
            f.write(content)
        return path

    def share(self, directory: str, readonly: bool) -> Share:
        made = Share(self.qemu / "bin/virtiofsd", f"share{len(self.shares)}", directory,
                     self.scratch, readonly)
        self.shares.append(made)
        return made

    def start(self, argv: list[str], fds: tuple[int, ...] = ()) -> None:
        """Start QEMU; it also inherits `fds`."""
        ours, theirs = socket.socketpair()
        argv = argv + ["-serial", f"file:{self.console}", *self.ports.arguments(),
                       *Control.arguments(theirs.fileno())]
        with open(self.complaints, "wb") as log:
            self.process = process.start(argv, stdout=log, stderr=log,
                                         pass_fds=[*self.ports.fds(), theirs.fileno(), *fds],
                                         env=emulator.environment(self.qemu))
        self.ports.started()
        theirs.close()
        self.connection = ours

    def attend(self, limit: float) -> int:
        """Pass on what the command says; the exit status to end with."""
        try:
            status = self.ports.listen(time.monotonic() + limit)
        except TimedOut:
            say(f"time limit of {limit:g} s; the console says:")
            self._show(self.console)
            return TIMED_OUT
        if status is not None and status.isdigit():
            return int(status)
        self.epitaph(status)
        return DIED

    def connect(self) -> Control:
        """The control connection, which only some need."""
        if not self.control:
            self.control = Control(self.connection)
        return self.control

    def epitaph(self, status: str | None) -> None:
        """Say on stderr what is known about the end of a machine."""
        how = "" if status is None else f", but said '{status}'"
        try:
            how += f" (QEMU: {self.process.wait(1)})"
        except subprocess.TimeoutExpired:
            pass
        say(f"the machine died without an exit status{how}; QEMU and the console said:")
        self._show(self.complaints)
        self._show(self.console)

    @staticmethod
    def _show(path: str) -> None:
        with open(path, errors="replace") as f:
            for line in f.readlines()[-LINES:]:
                print("  " + line.rstrip(), file=sys.stderr)

    def close(self) -> None:
        if self.process:
            process.stop(self.process)
            self.connection.close()
        self.ports.close()
        for share in self.shares:
            said = share.close()
            if said and os.environ.get("ORLOP_VM_VERBOSE"):
                say(f"virtiofsd for {share.tag}: {said}")
        for path in self.files:
            os.unlink(path)
        os.rmdir(self.scratch)
