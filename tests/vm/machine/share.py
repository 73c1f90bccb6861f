# SPDX-License-Identifier: Apache-2.0
"""A directory of this host that a machine can mount: one virtiofsd process each.

A share that is only to be read is made so on this side: virtiofsd gets a mount namespace of its own
with a copy of the tree in which every mount is read-only, so that nothing a machine does can write.
"""
import ctypes
import os
import pathlib
import resource
import socket
import struct

from . import process

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _readonly_copy(directory: bytes, target: bytes) -> None:
    libc = process.LIBC
    _checked(libc.unshare(CLONE_NEWNS), "unshare")
    _checked(libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "private")
    _checked(libc.mount(directory, target, None, ctypes.c_ulong(MS_BIND | MS_REC), None), "bind")
    attributes = struct.pack("=QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    _checked(libc.syscall(ctypes.c_long(SYS_MOUNT_SETATTR), ctypes.c_long(AT_FDCWD), target,
                          ctypes.c_long(AT_RECURSIVE), attributes,
                          ctypes.c_size_t(len(attributes))), "mount_setattr")


class Share:
    def __init__(self, program: pathlib.Path, tag: str, directory: str, scratch: str,
                 readonly: bool = False):
        """Serve `directory`; `scratch` is an empty directory that is ours while this lives."""
        self.tag, self.scratch, self.below = tag, scratch, None
        self.path = os.path.join(scratch, tag)
        source, before = directory, None
        if readonly:
            source = self.below = self.path + ".tree"
            os.mkdir(source, 0o700)
            arguments = os.fsencode(directory), os.fsencode(source)

            def before() -> None:
                _readonly_copy(*arguments)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self.path)
        listening.listen(1)
        argv = [str(program), f"--fd={listening.fileno()}", "--thread-pool-size=0",
                "--rlimit-nofile=0"]
        argv += self._dialect(program, source, "always" if readonly else "auto")
        self.log = open(self.path + ".log", "w+b")
        self.process = process.start(argv, before=lambda: (self._files(), before and before()),
                                     pass_fds=[listening.fileno()],
                                     stdout=self.log, stderr=self.log)
        listening.close()

    @staticmethod
    def _files() -> None:
        # A descriptor for every file that the machine knows of.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    @staticmethod
    def _dialect(program: pathlib.Path, source: str, caching: str) -> list[str]:
        if program.resolve().parent.name == "qemu":     # the C program that came with QEMU 7
            return ["-f", "-o", f"source={source}", "-o", f"cache={caching}", "-o", "xattr",
                    "-o", "sandbox=chroot", "-o", "log_level=err"]
        # Announced, each mount below would be one in the machine too, and overlayfs wants one tree.
        return [f"--shared-dir={source}", f"--cache={caching}", "--xattr", "--sandbox=chroot",
                "--no-announce-submounts", "--log-level=error"]

    def arguments(self) -> list[str]:
        """What QEMU is told."""
        return ["-chardev", f"socket,id=share-{self.tag},path={self.path}",
                "-device", f"vhost-user-fs-pci,chardev=share-{self.tag},tag={self.tag}"]

    def plug(self, control) -> None:
        """Plug it into a machine that runs."""
        control("chardev-add", id=f"share-{self.tag}", backend={"type": "socket", "data": {
            "addr": {"type": "unix", "data": {"path": self.path}}, "server": False}})
        control("device_add", driver="vhost-user-fs-pci", id=self.tag, tag=self.tag,
                chardev=f"share-{self.tag}")

    def close(self) -> str:
        """End it and leave nothing; what it had to complain about."""
        process.stop(self.process)
        self.log.seek(0)
        said = self.log.read().decode(errors="replace")
        self.log.close()
        os.unlink(self.path)
        os.unlink(self.path + ".log")
        if self.below:
            # rmdir and nothing that goes down: in another namespace the whole tree is mounted here.
            os.rmdir(self.below)
        return said
