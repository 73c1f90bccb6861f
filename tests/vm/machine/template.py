# SPDX-License-Identifier: Apache-2.0
"""Templates: full machines that were booted, prepared and frozen, and the clones of them.

A template is a directory with the machine's memory (a file), the state of its devices, what it has
written to its disk, and what it was started with. A clone maps the memory privately and puts
another layer over the disks, so that it starts at once, many can run, and none leaves a trace.

    python3 -m machine.template key NAME            print the name of what NAME should be now
    python3 -m machine.template freeze NAME DIR     make it, in DIR
"""
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

from . import cache, cpio, emulator
from .instance import DIED, Instance, say
from .ports import TimedOut
from .qmp import Refused

MIB, CPUS = 2048, 2
BLANK = {"blank0": "2G", "blank1": "1G"}    # /dev/vdc and /dev/vdd, after the disk and the modules
# Memory that is a file is not written into the state a second time.
CAPABILITIES = [{"capability": "x-ignore-shared", "state": True}]
BOOT_LIMIT, PREPARE_LIMIT = 300, 600
PARTS = ["guest/init", "guest/full", "guest/agent.py", "guest/agent.service",
         "machine/emulator.py", "machine/template.py"]


class Template:
    """What is asked for: the script that prepares it, and what its first comments say."""

    def __init__(self, name: str):
        path = cache.HERE / "template" / name
        if "/" in name or not path.is_file():
            known = sorted(p.name for p in (cache.HERE / "template").iterdir())
            raise cache.Missing(f"no template is called '{name}': {', '.join(known)}")
        self.name, self.script = name, path.read_text()
        said = dict(re.findall(r"^# (kernel|disk|append): (.*)$", self.script, re.M))
        self.kernel, self.disk = said.get("kernel", "cloud"), said.get("disk", "trixie")
        self.append = said.get("append", "")

    def needs(self) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
        """The directories of kernel, modules and disk."""
        kernel = cache.kernel(self.kernel)
        return kernel, cache.modules(self.kernel, kernel.name), cache.disk(self.disk)

    def key(self) -> str:
        """A name that changes with everything that shapes it."""
        shape = hashlib.sha256(self.script.encode())
        for need in (*self.needs(), cache.qemu()):
            shape.update(b"\0" + need.name.encode())
        for part in PARTS:
            shape.update(b"\0" + (cache.HERE / part).read_bytes())
        return f"{self.name}-{shape.hexdigest()[:16]}"


def request(argv: list[str], cwd: str = "/root", env: dict[str, str] | None = None) -> bytes:
    """A line for the agent, with what a clone cannot have of itself: the time, and randomness."""
    return json.dumps({"argv": argv, "cwd": cwd, "env": env or {},
                       "time": time.time(), "seed": os.urandom(32).hex()}).encode()


def _blocks(directory: pathlib.Path, modules: pathlib.Path, *more: str) -> list[str]:
    """The disks of a machine, whose own part of them is in `directory`."""
    argv = emulator.disk(0, str(directory / "root.qcow2"), "qcow2", *more)
    argv += emulator.disk(1, str(modules / "disk.img"), "raw", "readonly=on")
    for number, name in enumerate(BLANK, start=2):
        argv += emulator.disk(number, str(directory / f"{name}.qcow2"), "qcow2", *more)
    return argv


def freeze(name: str, directory: pathlib.Path) -> None:
    """Boot a machine, prepare it, and leave it in `directory`."""
    template = Template(name)
    kernel, modules, disk = template.needs()
    qemu = cache.qemu()
    tool = str(qemu / "bin/qemu-img")
    # Relative, so that the cache can be moved; every part of it is two levels below its top.
    base = os.path.relpath(disk / "root.img", directory)
    subprocess.run([tool, "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw",
                    str(directory / "root.qcow2")], check=True)
    for blank, size in BLANK.items():
        subprocess.run([tool, "create", "-q", "-f", "qcow2", str(directory / f"{blank}.qcow2"),
                        size], check=True)
    guest = cache.HERE / "guest"
    job = cpio.archive({"init": (guest / "init").read_bytes(),
                        "stage": (guest / "full").read_bytes(),
                        "job/agent.py": (guest / "agent.py").read_bytes(),
                        "job/agent.service": (guest / "agent.service").read_bytes()})
    (directory / "initrd").write_bytes((kernel / "initramfs").read_bytes() + job)
    os.link(kernel / "vmlinux", directory / "vmlinux")
    started = time.monotonic()
    machine = Instance(qemu, out=2, err=2)
    try:
        machine.start(emulator.command(
            qemu, directory, str(directory / "initrd"),
            f"systemd.show_status=0 {template.append}",
            f"memory-backend-file,mem-path={directory}/memory,share=on", MIB, CPUS)
            + _blocks(directory, modules))
        if machine.ports.listen(time.monotonic() + BOOT_LIMIT) != "ready":
            machine.epitaph(None)
            raise Refused(f"template {name}: it did not boot")
        booted = time.monotonic()
        machine.ports.send(request(["/bin/sh", "-c", template.script]))
        status = machine.attend(PREPARE_LIMIT)
        if status != 0:
            raise Refused(f"template {name}: its script ended with {status}")
        prepared = time.monotonic()
        machine.ports.send(request(["/bin/sync"]))
        machine.attend(60)
        control = machine.connect()
        control("migrate-set-capabilities", capabilities=CAPABILITIES)
        control("migrate", uri=f"file:{directory}/state")
        control.migration()
        control("quit")
        machine.process.wait(60)
    except TimedOut:
        machine.epitaph(None)
        raise Refused(f"template {name}: no agent after {BOOT_LIMIT} s") from None
    finally:
        machine.close()
    (directory / "modules").write_text(os.path.relpath(modules, directory))
    (directory / "append").write_text(template.append)
    say(f"template {name}: booted in {booted - started:.1f} s, prepared in "
        f"{prepared - booted:.1f} s, frozen in {time.monotonic() - prepared:.1f} s")


def clone(directory: pathlib.Path, machine: Instance) -> None:
    """Start `machine`, with the shares it has been given, from the template in `directory`."""
    modules = (directory / (directory / "modules").read_text()).resolve()
    append = (directory / "append").read_text()
    memory = f"memory-backend-file,mem-path={directory}/memory,share=off,readonly=on,rom=off"
    fds = ()
    if machine.shares:
        # virtiofsd wants to see the memory, so it has to be one that can be seen: a copy.
        fds = (_copy(directory / "memory"),)
        memory = f"memory-backend-file,mem-path=/proc/self/fd/{fds[0]},share=on"
    argv = emulator.command(machine.qemu, directory, str(directory / "initrd"),
                            f"systemd.show_status=0 {append}", memory, MIB, CPUS)
    argv += _blocks(directory, modules, "snapshot=on")
    machine.start(argv + ["-incoming", "defer"], fds)
    for fd in fds:
        os.close(fd)
    control = machine.connect()
    control("migrate-set-capabilities", capabilities=CAPABILITIES)
    control("migrate-incoming", uri=f"file:{directory}/state")
    control.migration()
    for share in machine.shares:
        share.plug(control)


def _copy(path: pathlib.Path) -> int:
    """The descriptor of a file in memory with the same content and the same holes."""
    copy = os.memfd_create("orlop-vm-memory")
    with open(path, "rb") as source:
        size = os.fstat(source.fileno()).st_size
        os.truncate(copy, size)
        start = 0
        while start < size:
            try:
                start = os.lseek(source.fileno(), start, os.SEEK_DATA)
            except OSError:     # ENXIO: nothing but a hole from here on
                break
            end = os.lseek(source.fileno(), start, os.SEEK_HOLE)
            os.lseek(copy, start, os.SEEK_SET)
            os.lseek(source.fileno(), start, os.SEEK_SET)
            while start < end:
                start += os.sendfile(copy, source.fileno(), start, end - start)
    return copy


def command(shares: list[tuple[str, str]], argv: list[str], cwd: str) -> list[str]:
    """argv in `cwd`, once the shares (tag, directory) are mounted; for sh, which ends with 125."""
    lines = []
    for tag, directory in shares:
        where = shlex.quote(directory)
        # Plugged in a moment ago: the kernel may not have found it yet.
        lines += [f"mkdir -p {where}; n=0",
                  f"until mount -t virtiofs {tag} {where} 2>/dev/null; do",
                  f"[ $n -lt 200 ] || {{ mount -t virtiofs {tag} {where}; exit {DIED}; }}",
                  "n=$((n + 1)); sleep 0.05; done"]
    lines += [f"cd {shlex.quote(cwd)} || exit {DIED}", "exec " + " ".join(map(shlex.quote, argv))]
    return ["/bin/sh", "-c", "\n".join(lines)]


def main(argv: list[str]) -> int:
    try:
        if argv[:1] == ["key"] and len(argv) == 2:
            print(Template(argv[1]).key())
        elif argv[:1] == ["freeze"] and len(argv) == 3:
            freeze(argv[1], pathlib.Path(argv[2]))
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (cache.Missing, Refused, OSError, subprocess.SubprocessError) as e:
        say(str(e))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
