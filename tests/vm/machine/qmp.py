# SPDX-License-Identifier: Apache-2.0
"""The control connection of a running QEMU: one command, one answer."""
import json
import socket
import time


class Refused(Exception):
    """QEMU did not do what it was asked; its words."""


class Control:
    def __init__(self, connection: socket.socket, patience: float = 120):
        connection.settimeout(patience)
        self.file = connection.makefile("rw")
        self._answer("greeting", "QMP")
        self("qmp_capabilities")

    @staticmethod
    def arguments(fd: int) -> list[str]:
        """What QEMU is told; `fd` is the other end of our connection."""
        return ["-chardev", f"socket,id=qmp,fd={fd}", "-mon", "chardev=qmp,mode=control"]

    def __call__(self, command: str, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        return self._answer(command, "return")

    def _answer(self, command: str, wanted: str):
        while line := self.file.readline():
            answer = json.loads(line)
            if wanted in answer:
                return answer[wanted]
            if "error" in answer:
                raise Refused(f"QEMU, {command}: {answer['error']['desc']}")
        raise Refused(f"QEMU, {command}: it is gone")

    def migration(self, patience: float = 120) -> None:
        """Wait until the state has been written or read."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            state = self("query-migrate")
            if state.get("status") == "completed":
                return
            if state.get("status") in ("failed", "cancelled"):
                raise Refused(f"QEMU, migrate: {state.get('error-desc', state['status'])}")
            time.sleep(0.01)
        raise Refused("QEMU, migrate: no end of it")
