# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces with a cable between them, and sockets in either; needs ip(8)."""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import time

from .container import until
from .tap import skip

LIBC = ctypes.CDLL(None, use_errno=True)
INSIDE, OUTSIDE = "10.77.0.2", "10.77.0.1"


@contextlib.contextmanager
def inside(path):
    """This process's network namespace is another one for the length of a block."""
    with open("/proc/self/ns/net", "rb") as here, open(path, "rb") as there:
        if LIBC.setns(there.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            assert LIBC.setns(here.fileno(), 0x40000000) == 0


class Wire:
    """`inside` is the container's end (a namespace path), `outside` the other one."""

    def __init__(self):
        self.holders = [subprocess.Popen(["unshare", "-n", "sleep", "300"]) for _ in range(2)]
        mine = os.readlink("/proc/self/ns/net")
        for holder in self.holders:
            until(lambda pid=holder.pid: os.readlink(f"/proc/{pid}/ns/net") != mine,
                  what="a network namespace")
        self.inside, self.outside = (f"/proc/{holder.pid}/ns/net" for holder in self.holders)
        with inside(self.inside):
            self.ip("link add c0 type veth peer name h0 netns", str(self.holders[1].pid))
            self.ip(f"addr add {INSIDE}/24 dev c0")
            self.ip("link set c0 up")
            self.ip("link set lo up")
        with inside(self.outside):
            self.ip(f"addr add {OUTSIDE}/24 dev h0")
            self.ip("link set h0 up")
            self.ip("link set lo up")

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *" ".join(words).split()], check=True)

    def listen(self, port=0, small=False):
        """A listening socket outside; its port is .getsockname()[1]."""
        with inside(self.outside):
            s = socket.socket()
            if small:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((OUTSIDE, port))
            s.listen(16)
            s.settimeout(10)
            return s

    def close(self):
        for holder in self.holders:
            holder.kill()
            holder.wait()


@contextlib.contextmanager
def wire():
    """The namespaces for the length of a block."""
    if not shutil.which("ip"):
        skip("no ip(8)")
    made = Wire()
    try:
        yield made
    finally:
        made.close()


def drained(peer, seconds):
    """Everything that arrives within a time, or until the end."""
    total = b""
    end = time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while (left := end - time.monotonic()) > 0:
            peer.settimeout(left)
            block = peer.recv(1 << 20)
            if not block:
                break
            total += block
    return total
