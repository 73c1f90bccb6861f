# SPDX-License-Identifier: Apache-2.0
"""The bundles: the configuration that runtimes write themselves (`spec`), without a terminal.

Every bundle is a config.json over one shared root file system that holds one static program.
A bundle carries a cgroup path of its own, so bundles are made per container.
"""

import json
from pathlib import Path

from world import (CGROUP, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC,
                   MS_REMOUNT, WORK)

ROOTFS = WORK / "rootfs"
EMPTY = WORK / "empty"
ARCHES = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
ARCHES_ARM = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]

CLONE = {"mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000,
         "pid": 0x20000000, "network": 0x40000000}
FLAGS = {"nosuid": MS_NOSUID, "noexec": MS_NOEXEC, "nodev": MS_NODEV, "ro": MS_RDONLY,
         "strictatime": 1 << 24, "relatime": 1 << 21}
CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

MOUNTS = [
    ("/proc", "proc", "proc", []),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts",
     ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
]
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
          "/proc/scsi"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def config(args, name, devices=True, seccomp=None, annotations=None):
    """The configuration as a dict; `devices` adds the device filter that `spec` asks for."""
    linux = {
        "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "cgroup", "mount")],
        "cgroupsPath": f"/{CGROUP}/{name}",
        "maskedPaths": MASKED,
        "readonlyPaths": READONLY,
    }
    if devices:
        linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    if seccomp:
        linux["seccomp"] = seccomp
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": args,
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "TERM=xterm"],
            "cwd": "/",
            "capabilities": {"bounding": CAPS, "effective": CAPS, "permitted": CAPS},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": str(ROOTFS), "readonly": True},
        "hostname": "bench",
        "mounts": [{"destination": d, "type": t, "source": s, "options": o}
                   for d, t, s, o in MOUNTS],
        "linux": linux,
        "annotations": annotations or {},
    }


def seccomp_profile(machine):
    """345 allowed names, the rest refused with an error, on three architectures."""
    names = (Path(__file__).parent / "allow345.txt").read_text().split()
    assert len(names) == 345
    return {"defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ARCHES_ARM if machine == "aarch64" else ARCHES,
            "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}]}


def make(kind, slot, **kwargs):
    """Write bundle KIND-SLOT and return its directory."""
    name = f"{kind}-{slot}"
    path = WORK / "bundle" / name
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config(name=name, **kwargs), indent=1))
    return path


def floor_args(args):
    """The arguments that make the floor program do what config(args) asks of mounts."""
    flags = 0
    for bit in CLONE.values():
        flags |= bit
    # Directories over a fresh tmpfs have to be made, others are in the root file system.
    out = [str(flags), str(ROOTFS)]
    for dest, fstype, source, options in MOUNTS:
        target = dest.lstrip("/")
        bits, data = 0, []
        for option in options:
            if option in FLAGS:
                bits |= FLAGS[option]
            else:
                data.append(option)
        if target.startswith("dev/"):
            out += ["d", target]
        out += ["m", source, target, "cgroup2" if fstype == "cgroup" else fstype, str(bits),
                ",".join(data)]
    for path in MASKED:
        host = Path(path)
        if host.exists():
            source = str(EMPTY) if host.is_dir() else "/dev/null"
            out += ["m", source, path.lstrip("/"), "", str(MS_BIND), ""]
    for path in READONLY:
        target = path.lstrip("/")
        out += ["m", target, target, "", str(MS_BIND | MS_REC), ""]
        again = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
        out += ["m", "", target, "", str(again), ""]
    out += ["m", "", ".", "", str(MS_BIND | MS_REMOUNT | MS_RDONLY), ""]
    return out + ["n", "bench", "--"] + args
