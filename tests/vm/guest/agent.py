#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The agent of the full machine: runs the commands that arrive on a virtio-serial port.

Ports: `request` brings one command per line, as JSON {argv, cwd, env, time, seed}; `out` and `err`
take what it writes; `status` says "ready" once and then, after each command and after all of its
output, how it ended. One command at a time. There is no way to end one: a machine is thrown away.
"""
import fcntl
import json
import os
import signal
import subprocess
import threading
import time

PORTS = "/sys/class/virtio-ports"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
    "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash", "LANG": "C.UTF-8", "TERM": "dumb",
}
RNDRESEEDCRNG = 0x5207      # <linux/random.h>
GRACE = 1       # seconds for what a process left in the background still has to say


def port(name: str, flags: int) -> int:
    while True:
        for entry in os.listdir(PORTS) if os.path.isdir(PORTS) else []:
            with open(f"{PORTS}/{entry}/name") as f:
                if f.read().strip() == name:
                    return os.open(f"/dev/{entry}", flags | os.O_CLOEXEC)
        time.sleep(0.05)


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data):]


def pump(source: int, target: int) -> None:
    while data := os.read(source, 1 << 16):
        write_all(target, data)


class Group:
    """Our delegated cgroup: the agent in one below it, commands in another, nobody in itself."""

    def __init__(self):
        with open("/proc/self/cgroup") as f:
            own = "/sys/fs/cgroup" + f.read().strip().removeprefix("0::")
        if not own.endswith("/agent"):
            os.makedirs(f"{own}/agent", exist_ok=True)
            self.enter(f"{own}/agent")
            own += "/agent"
        self.job = own.removesuffix("/agent") + "/job"
        os.makedirs(self.job, exist_ok=True)

    @staticmethod
    def enter(path: str) -> None:
        with open(f"{path}/cgroup.procs", "w") as f:
            f.write("0")


def wake(request: dict) -> None:
    """A clone wakes up with the time and the random numbers of the moment of freezing."""
    if abs(request["time"] - time.time()) > 1:
        time.clock_settime(time.CLOCK_REALTIME, request["time"])
    with open("/dev/urandom", "wb", buffering=0) as random:
        random.write(bytes.fromhex(request["seed"]))
        fcntl.ioctl(random, RNDRESEEDCRNG)


def run(request: dict, group: Group, out: int, err: int) -> int:
    def prepare() -> None:
        group.enter(group.job)
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write("0")
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    pipes, pumps = [], []
    for target in (out, err):
        source, sink = os.pipe()
        pipes.append(sink)
        pumps.append(threading.Thread(target=pump, args=(source, target), daemon=True))
    try:
        command = subprocess.Popen(request["argv"], cwd=request["cwd"], stdin=subprocess.DEVNULL,
                                   stdout=pipes[0], stderr=pipes[1], preexec_fn=prepare,
                                   env={**ENVIRONMENT, **request["env"]}, start_new_session=True)
    except OSError as e:
        write_all(err, f"vm: {e}\n".encode())
        return 127 if isinstance(e, FileNotFoundError) else 126
    finally:
        for sink in pipes:
            os.close(sink)
    for thread in pumps:
        thread.start()
    code = command.wait()
    for thread in pumps:
        thread.join(GRACE)
    return code if code >= 0 else 128 - code


def main() -> None:
    group = Group()
    out, err, status = (port(name, os.O_WRONLY) for name in ("out", "err", "status"))
    request = port("request", os.O_RDONLY)
    write_all(status, b"ready\n")
    line = b""
    while True:
        line += os.read(request, 1 << 16)
        while b"\n" in line:
            one, _, line = line.partition(b"\n")
            asked = json.loads(one)
            wake(asked)
            code = run(asked, group, out, err)
            write_all(status, b"%d\n" % code)


if __name__ == "__main__":
    main()
