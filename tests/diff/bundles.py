# SPDX-License-Identifier: Apache-2.0
"""The bundles that are run through several runtimes: a table of name and configuration.

Each is what some engine writes, or one member of the specification alone. A bundle is a function
because some need a directory of the test.
"""

import os

from deck import (BASE_MOUNTS, Dir, File, Link, bind, caps, config, current, idmap, namespaces)

ALL = ("pid", "network", "ipc", "uts", "mount", "cgroup")
USER_MAPS = {"uidMappings": [idmap(0, 100000, 65536)], "gidMappings": [idmap(0, 100000, 65536)]}
USER = dict({"namespaces": namespaces(*ALL, "user")}, **USER_MAPS)

DOCKER_CAPS = """CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP
NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE""".split()

MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
          "/sys/firmware", "/sys/devices/virtual/powercap"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

DENY = {"allow": False, "access": "rwm"}
RULES = [DENY, {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "rwm"},
         {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]

SECCOMP = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
           "syscalls": [{"names": ["personality", "keyctl", "no_such_call"],
                         "action": "SCMP_ACT_ERRNO"},
                        {"names": ["getpriority"], "action": "SCMP_ACT_ERRNO",
                         "args": [{"index": 1, "value": 77, "op": "SCMP_CMP_EQ"}]}]}

MOUNTS = {each["destination"]: each for each in BASE_MOUNTS}


def engine_mounts(**options):
    """The base mounts with other options for some of them."""
    return [dict(each, options=options.get(each["destination"].rpartition("/")[2],
                                           each.get("options", []))) for each in BASE_MOUNTS]


def volume(name="volume"):
    """A directory of the host with a file and a directory."""
    path = os.path.join(current().tmp, name)
    if not os.path.exists(path):
        os.makedirs(path + "/sub")
        with open(path + "/file", "w", encoding="ascii") as out:
            out.write("volume")
    return path


def all_sets(*names):
    return caps(bounding=names, effective=names, permitted=names)


def containerd():
    return config(
        process={"capabilities": all_sets(*DOCKER_CAPS), "rlimits": [
            {"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "env": ["PATH=/usr/local/sbin:/usr/sbin:/bin", "HOSTNAME=c"], "noNewPrivileges": True},
        base_mounts=engine_mounts(proc=["nosuid", "noexec", "nodev"]),
        mounts=[{"destination": "/run", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}],
        linux={"maskedPaths": MASKED, "readonlyPaths": READONLY,
               "resources": {"devices": [DENY]}})


def docker():
    path = volume("docker")
    for name in ("resolv.conf", "hostname", "hosts"):
        with open(f"{path}/{name}", "w", encoding="ascii") as out:
            out.write(name)
    return config(
        process={"capabilities": all_sets(*DOCKER_CAPS), "oomScoreAdj": 0,
                 "user": {"uid": 0, "gid": 0, "additionalGids": [0, 1, 2, 3, 4, 6, 10]},
                 "noNewPrivileges": False},
        base_mounts=engine_mounts(proc=["nosuid", "noexec", "nodev"]),
        mounts=[bind(f"{path}/{name}", f"/etc/{name}", "rprivate", recursive=True)
                for name in ("resolv.conf", "hostname", "hosts")],
        linux={"maskedPaths": MASKED, "readonlyPaths": READONLY,
               "sysctl": {"net.ipv4.ip_unprivileged_port_start": "0"},
               "resources": {"devices": RULES, "memory": {"disableOOMKiller": False}}})


def podman():
    return config(
        process={"capabilities": all_sets(*DOCKER_CAPS[:11]), "user": {"uid": 0, "gid": 0,
                                                                       "umask": 0o22},
                 "rlimits": [{"type": "RLIMIT_NPROC", "hard": 4096, "soft": 4096}],
                 "env": ["PATH=/bin", "container=podman", "HOME=/root"]},
        base_mounts=engine_mounts(proc=["nosuid", "noexec", "nodev"]),
        mounts=[bind(volume() + "/file", "/run/.containerenv", "private", "nosuid", "noexec",
                     "nodev")],
        annotations={"io.container.manager": "libpod", "org.opencontainers.image.stopSignal": "15"},
        linux={"maskedPaths": MASKED, "readonlyPaths": READONLY,
               "rootfsPropagation": "private"})


def many_mounts():
    source = volume()
    return config(mounts=[bind(source, f"/m/{number}", *options)
                          for number, options in enumerate([[], ["ro"], ["nosuid"], ["nodev"],
                                                            ["noexec"], ["noatime"],
                                                            ["ro", "nosuid"],
                                                            ["nodiratime"], ["relatime"]])] +
                  [{"destination": f"/t/{number}", "type": "tmpfs", "source": "tmpfs",
                    "options": options} for number, options in enumerate(
                        [["size=1m"], ["mode=700"], ["ro"], ["nosuid", "nodev", "noexec"],
                         ["noatime"], ["nr_inodes=10"], ["strictatime"]])])


def hooks():
    log = os.path.join(current().tmp, "hooks")
    return config(hooks={kind: [{"path": current().probe,
                                 "args": ["probe", "into", log, ";", "echo", kind]}]
                         for kind in ("prestart", "createRuntime", "createContainer", "poststart",
                                      "poststop")})


def devices():
    return config(linux={"devices": [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666},
        {"path": "/dev/loop9", "type": "b", "major": 7, "minor": 9, "fileMode": 0o660, "gid": 6},
        {"path": "/dev/pipe", "type": "p", "fileMode": 0o600},
        {"path": "/opt/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 0o444, "uid": 7}]})


BUNDLES = {
    "minimal": config,
    "containerd": containerd,
    "docker": docker,
    "podman": podman,
    "terminal": lambda: config(process={"terminal": True,
                                        "consoleSize": {"height": 24, "width": 80}}),
    "terminal-user": lambda: config(process={"terminal": True, "user": {"uid": 7, "gid": 8}}),
    "many-mounts": many_mounts,
    "mount-order": lambda: config(mounts=[
        {"destination": "/a", "type": "tmpfs", "source": "tmpfs"},
        bind(volume(), "/a/b"), {"destination": "/a/b/sub", "type": "tmpfs", "source": "t"}]),
    "mount-links": lambda: config(
        rootfs={"/real/": "dir", "/abs": Link("/real"), "/rel": Link("real")},
        mounts=[bind(volume(), "/abs/x"), bind(volume(), "/rel/y")]),
    "user-namespace": lambda: config(linux=USER, owner=100000),
    "user-namespace-user": lambda: config(linux=USER, owner=100000,
                                          process={"user": {"uid": 1000, "gid": 100,
                                                            "additionalGids": [5, 6]}}),
    "id-mapped-mount": lambda: config(mounts=[dict(bind(volume(), "/v", "idmap"), **USER_MAPS)]),
    "propagation-shared": lambda: config(linux={"rootfsPropagation": "shared"},
                                         mounts=[bind(volume(), "/v", "rshared", recursive=True)]),
    "propagation-slave": lambda: config(linux={"rootfsPropagation": "slave"},
                                        mounts=[bind(volume(), "/v", "rslave", recursive=True)]),
    "propagation-private": lambda: config(linux={"rootfsPropagation": "private"},
                                          mounts=[bind(volume(), "/v", "private")]),
    "capabilities-none": lambda: config(process={"capabilities": {}}),
    "capabilities-five": lambda: config(process={"capabilities": caps(
        bounding=["CHOWN", "KILL", "NET_RAW"], effective=["KILL", "NET_RAW"],
        permitted=["KILL", "NET_RAW"], inheritable=["NET_RAW"], ambient=["NET_RAW"])}),
    "capabilities-ambient-user": lambda: config(process={
        "user": {"uid": 1000, "gid": 1000}, "capabilities": caps(
            bounding=["NET_RAW"], effective=["NET_RAW"], permitted=["NET_RAW"],
            inheritable=["NET_RAW"], ambient=["NET_RAW"])}),
    "seccomp": lambda: config(linux={"seccomp": SECCOMP}),
    "seccomp-new-privileges": lambda: config(process={"noNewPrivileges": False},
                                             linux={"seccomp": SECCOMP}),
    "rlimits": lambda: config(process={"rlimits": [
        {"type": "RLIMIT_" + kind, "soft": soft, "hard": hard} for kind, soft, hard in
        (("CORE", 0, 0), ("NOFILE", 256, 512), ("STACK", 1 << 20, 1 << 21), ("CPU", 100, 200),
         ("FSIZE", 1 << 30, 18446744073709551615))]}),
    "hooks": hooks,
    "devices": devices,
    "masked-paths": lambda: config(linux={"maskedPaths": MASKED + ["/secret", "/file", "/none"],
                                          "readonlyPaths": READONLY + ["/ro", "/none"]},
                                   rootfs={"/secret/key": "x", "/file": "y", "/ro/a": "z"}),
    "read-only-root": lambda: config(root={"path": "rootfs", "readonly": True}),
    "read-only-root-masked": lambda: config(
        root={"path": "rootfs", "readonly": True},
        linux={"maskedPaths": MASKED, "readonlyPaths": READONLY}),
    "host-network": lambda: config(linux={"namespaces": namespaces("pid", "ipc", "uts", "mount",
                                                                   "cgroup")}),
    "host-pid-ipc-uts": lambda: config(hostname=None, linux={
        "namespaces": namespaces("network", "mount", "cgroup")}),
    "host-cgroup-namespace": lambda: config(linux={
        "namespaces": namespaces("pid", "network", "ipc", "uts", "mount")}),
    "sysctl": lambda: config(linux={"sysctl": {"net.ipv4.ip_forward": "1",
                                               "kernel.shmmax": "1000000",
                                               "fs.mqueue.msg_max": "7"}}),
    "user-and-groups": lambda: config(process={"user": {"uid": 1000, "gid": 100,
                                                        "additionalGids": [1, 2, 3]}}),
    "umask": lambda: config(process={"user": {"uid": 0, "gid": 0, "umask": 0o77}}),
    "cwd": lambda: config(process={"cwd": "/srv/here"}, rootfs={"/srv/here": Dir(0o700)}),
    "cwd-missing": lambda: config(process={"cwd": "/not/there"}),
    "environment": lambda: config(process={"env": ["PATH=/bin", "A=1", "B=", "A=2"]},
                                  rootfs={"/etc/passwd": "root:x:0:0::/my/home:/bin/sh\n"}),
    "oom-score": lambda: config(process={"oomScoreAdj": 200}),
    "names": lambda: config(hostname="deck", domainname="hold"),
    "copy-up": lambda: config(rootfs={"/d/file": File("x", 0o640, 3, 4), "/d/sub/": "dir"},
                              mounts=[{"destination": "/d", "type": "tmpfs", "source": "tmpfs",
                                       "options": ["tmpcopyup", "mode=755"]}]),
    "recursive-read-only": lambda: config(mounts=[bind(volume(), "/v", "rro", recursive=True)]),
    "no-mount-on-dev": lambda: config(base_mounts=[
        MOUNTS[name] for name in ("/proc", "/sys", "/sys/fs/cgroup")]),
    "time-namespace": lambda: config(linux={"namespaces": namespaces(*ALL, "time"), "timeOffsets": {
        "monotonic": {"secs": 1000, "nanosecs": 0}}}),
    "device-rules": lambda: config(
        process={"capabilities": all_sets("MKNOD", "SYSLOG")},
        linux={"devices": [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}],
               "resources": {"devices": [DENY, {"allow": True, "type": "c", "major": 1,
                                                "minor": 11, "access": "r"}]}}),
}
