# SPDX-License-Identifier: Apache-2.0
"""A kernel that lacks something, or a host that forbids it, for one command of the runtime.

The calls of the runtime are refused by a seccomp filter; where it depends on what an argument
points to, the filter asks the test. Nothing else on the machine notices.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import threading

from .host import LIBC, descendants
from .tap import skip

# x86_64 and those that have the generic table (aarch64, riscv64)
NUMBERS = {
    "bpf": (321, 280), "faccessat": (269, 48), "faccessat2": (439, 439), "kcmp": (312, 272),
    "newfstatat": (262, 79), "openat": (257, 56), "openat2": (437, 437),
    "pidfd_getfd": (438, 438), "pidfd_open": (434, 434), "ptrace": (101, 117),
    "readlinkat": (267, 78), "seccomp": (317, 277), "sendto": (44, 206), "setns": (308, 268),
    "socket": (41, 198), "statx": (332, 291),
}
PATHS = ("openat", "openat2", "newfstatat", "statx", "readlinkat", "faccessat", "faccessat2")

LOAD_WORD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO, USER_NOTIF = 0x7fff0000, 0x00050000, 0x7fc00000
SET_MODE_FILTER, NEW_LISTENER = 1, 8
NOTIF_RECV, NOTIF_SEND, NOTIF_SIZE, CONTINUE = 0xc0502100, 0xc0182101, 80, 1
CAPBSET_DROP = 24


def number(name):
    return NUMBERS[name][os.uname().machine != "x86_64"]


class Call:
    """A call that is under way: its arguments, and what they point to."""

    def __init__(self, pid, arguments):
        self.pid, self.arguments = pid, arguments

    def memory(self, argument, size):
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            memory.seek(self.arguments[argument])
            return memory.read(size)

    def word(self, argument, offset):
        """A 32 bit word of the structure that an argument points to."""
        return struct.unpack_from("<I", self.memory(argument, offset + 4), offset)[0]

    def path(self, argument=1):
        for size in (4096, 64):     # the end of what is mapped may be near
            with contextlib.suppress(OSError):
                return self.memory(argument, size).split(b"\0")[0].decode(errors="replace")
        return ""


class Refused:
    """One call that gives an error, always or when a function of it says so."""

    def __init__(self, name, error, when=None):
        self.name, self.error, self.when = name, getattr(errno, error), when


def no_file(*names):
    """A file of that name is nowhere; with a slash behind it, a directory and what is in it."""
    def is_named(call):
        path = call.path()
        return any(name in path + "/" if name.endswith("/") else
                   path == name or path.endswith("/" + name) for name in names)
    return [Refused(name, "ENOENT", is_named) for name in PATHS]


class Masked:
    """Commands under some refusals and without some capabilities (by number)."""

    def __init__(self, *refusals, without=()):
        self.refusals = [one for given in refusals
                         for one in (given if isinstance(given, list) else [given])]
        self.without = without
        self.asked = 0              # calls that were refused by the test
        self.by_number = {}
        for one in self.refusals:
            self.by_number.setdefault(number(one.name), []).append(one)

    def filter(self):
        code = [(LOAD_WORD, 0, 0, 0)]
        for called, refusals in self.by_number.items():
            always = next((one for one in refusals if not one.when), None)
            code += [(JUMP_EQUAL, 0, 1, called),
                     (RETURN, 0, 0, ERRNO | always.error if always else USER_NOTIF)]
        code.append((RETURN, 0, 0, ALLOW))
        return b"".join(struct.pack("<HBBI", *one) for one in code), len(code)

    def install(self, channel):
        """In the process that becomes the runtime. The filter comes last: it may refuse prctl."""
        for capability in self.without:
            if LIBC.prctl(CAPBSET_DROP, capability, 0, 0, 0):
                os._exit(98)
        code, count = self.filter()
        kept = ctypes.create_string_buffer(code)
        program = struct.pack("HxxxxxxP", count, ctypes.addressof(kept))
        listener = LIBC.syscall(number("seccomp"), SET_MODE_FILTER, NEW_LISTENER, program)
        if listener < 0:
            os._exit(99)
        socket.send_fds(channel, [b"f"], [listener])
        os.close(listener)

    def answer(self, listener):
        """Until nobody is left under the filter."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while not any(event & select.POLLHUP for _, event in poll.poll()):
            notice = bytearray(NOTIF_SIZE)
            try:
                fcntl.ioctl(listener, NOTIF_RECV, notice)
            except OSError:         # interrupted meanwhile
                continue
            key, pid, _, called = struct.unpack_from("<QIIi", notice)
            call = Call(pid, struct.unpack_from("<6Q", notice, 32))
            error = 0
            with contextlib.suppress(OSError):
                error = next((one.error for one in self.by_number[called] if one.when(call)), 0)
            self.asked += error != 0
            with contextlib.suppress(OSError):
                fcntl.ioctl(listener, NOTIF_SEND, struct.pack(
                    "<QqiI", key, 0, -error, 0 if error else CONTINUE))
        os.close(listener)

    def serve(self, channel):
        with channel:
            fds = socket.recv_fds(channel, 1, 1)[1]
        if fds:
            self.answer(fds[0])

    def rt(self, call, *words, **keywords):
        """`call` (Container.rt, deck.rt) with these words, under the filter."""
        ours, theirs = socket.socketpair()
        before = dict(descendants())
        answering = threading.Thread(target=self.serve, args=(ours,), daemon=True)
        answering.start()
        with theirs:
            result = call(*words, preexec_fn=lambda: self.install(theirs), **keywords)
        if result.rc in (98, 99) and not result.err:
            skip("seccomp filters with a listener, or capabilities, cannot be had here")
        answering.join(10)
        # Before Linux 6.11 a process that has ended keeps its filter until it is waited for.
        left = {pid: line for pid, line in descendants() if pid not in before}
        assert not answering.is_alive() or not left, f"something of the runtime goes on: {left}"
        return result
