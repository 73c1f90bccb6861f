# SPDX-License-Identifier: Apache-2.0
"""The virtio-serial ports of a machine: what it says, and how its command ended."""
import os
import selectors
import socket
import time


class TimedOut(Exception):
    """The time limit was reached."""


class Ports:
    """Ports `out`, `err` and `status` come from the machine, `request` goes to it."""

    def __init__(self, out: int = 1, err: int = 2):
        """What arrives on the ports out and err is written to these descriptors."""
        pairs = {name: socket.socketpair() for name in ("out", "err", "status", "request")}
        self.ours = {name: pair[0] for name, pair in pairs.items()}
        self.theirs = {name: pair[1] for name, pair in pairs.items()}
        self.copies = {"out": out, "err": err}
        self.status = b""
        self.selector = selectors.DefaultSelector()
        for name in ("out", "err", "status"):
            self.ours[name].setblocking(False)
            self.selector.register(self.ours[name], selectors.EVENT_READ, name)

    def arguments(self) -> list[str]:
        """What QEMU is told, which is also to inherit self.fds()."""
        argv = []
        for name, their in self.theirs.items():
            argv += ["-chardev", f"socket,id=port-{name},fd={their.fileno()}",
                     "-device", f"virtserialport,chardev=port-{name},name={name}"]
        return argv

    def fds(self) -> list[int]:
        return [their.fileno() for their in self.theirs.values()]

    def started(self) -> None:
        """QEMU has its ends; when it goes, ours will tell."""
        for their in self.theirs.values():
            their.close()

    def send(self, line: bytes) -> None:
        self.ours["request"].sendall(line + b"\n")

    def listen(self, end: float) -> str | None:
        """Pass on what is said until a status comes, which is returned; None if the machine went.

        A machine writes its status after everything else, and QEMU hands over what it is given
        before the writer goes on: when the status is here, the rest is too.
        """
        while True:
            if b"\n" in self.status:
                for name in self.copies:
                    self._pass(name)
                line, _, self.status = self.status.partition(b"\n")
                return line.decode()
            if not self.selector.get_map():
                return None
            left = end - time.monotonic()
            if left <= 0:
                raise TimedOut
            for key, _ in self.selector.select(left):
                if not self._pass(key.data):
                    self.selector.unregister(key.fileobj)

    def _pass(self, name: str) -> bool:
        """What has arrived on a port; false when nothing will any more."""
        while True:
            try:
                data = self.ours[name].recv(1 << 18)
            except BlockingIOError:
                return True
            except ConnectionResetError:
                return False
            if not data:
                return False
            if name == "status":
                self.status += data
            while name != "status" and data:
                data = data[os.write(self.copies[name], data):]

    def close(self) -> None:
        self.selector.close()
        for ours in self.ours.values():
            ours.close()
        self.started()
