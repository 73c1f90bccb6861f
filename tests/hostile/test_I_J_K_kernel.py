# SPDX-License-Identifier: Apache-2.0
"""I: the cgroup is no way out. J: filters filter. K: devices are denied unless allowed."""

import ctypes
import itertools
import os
import re
import struct

from deck import (caps, config, container, current, host, namespaces, needs, run)

NO_CGROUP = namespaces("pid", "network", "ipc", "uts", "mount")
ADMIN = {"capabilities": caps(*[["SYS_ADMIN", "DAC_OVERRIDE"]] * 3)}

# ---- I -----------------------------------------------------------------------------------------


def test_I1_without_a_cgroup_namespace_nothing_can_be_written():
    "neither a limit, nor a process moved, nor a directory made"
    with run(config(linux={"namespaces": NO_CGROUP}, process=ADMIN),
             "put /sys/fs/cgroup/cgroup.procs 1; "
             "put /sys/fs/cgroup/cgroup.subtree_control +hugetlb; "
             "put /sys/fs/cgroup/cgroup.max.depth 1; mkdir /sys/fs/cgroup/new; "
             "put /sys/fs/cgroup/cgroup.kill 1") as r:
        assert r.ok.lines == ["put: EROFS"] * 3 + ["mkdir: EROFS"] + ["put: EROFS"]


def test_I1_without_a_cgroup_namespace_only_the_own_cgroup_is_seen():
    "not the cgroups of others"
    with container(config()) as other:
        other.up()
        with run(config(linux={"namespaces": NO_CGROUP}),
                 "ls /sys/fs/cgroup; cgroup cgroup.procs") as r:
            assert r.ok.values("cgroup") == ["1"], r
            assert "orlop-test" not in r.value("ls")


def test_I2_with_a_cgroup_namespace_the_own_cgroup_is_the_root():
    "no path leads above it"
    with run(config(), "cgroup; ls /sys/fs/cgroup/..; cat /proc/1/cgroup") as r:
        assert "0::/" in r.ok.values("cgroup")


@needs("pids")
def test_I4_a_limit_of_one_process_holds_from_the_first_instruction():
    "the program starts in its cgroup; it cannot fork once"
    with run(config(linux={"resources": {"pids": {"limit": 1}}}), "fork 1; cgroup") as r:
        assert r.ok.value("fork") == "0 EAGAIN"


@needs("strace")
def test_I4_the_process_is_born_in_its_cgroup():
    "nothing is moved by writing cgroup.procs"
    trace = os.path.join(current().tmp, "trace")
    run(config(), "exit 0", wrap=("strace", "-f", "-y", "-o", trace, "-e",
                                  "trace=clone3,clone,write,openat,openat2")).ok
    text = host.read(trace)
    assert "CLONE_INTO_CGROUP" in text
    assert not re.search(r"write\(\d+<[^>]*cgroup\.procs>", text)


def test_I5_exec_cgroup_stays_below_the_container():
    "dots, a neighbour whose name begins alike, an absolute path, one that is not there"
    with container(config()) as c:
        c.up()
        path = f"{host.CGROUP}{c.cgroup}"
        os.mkdir(path + "-suffix")
        os.mkdir(path + "/sub")
        parent = os.path.dirname(c.cgroup)
        try:
            for word in ("..", "../", f"../{c.name}-suffix", "sub/../..", "../../..",
                         f"sub/../../{c.name}-suffix", f"{c.cgroup}-suffix", parent, "absent",
                         "sub/absent", f"/{c.name}-suffix", "/../" + c.name + "-suffix"):
                c.exec("cgroup", "--cgroup", word).fails(rc=255)
            assert host.cgroup_files(c.cgroup + "-suffix")("cgroup.procs") == ""
        finally:
            os.rmdir(path + "-suffix")


def test_I6_after_delete_no_cgroup_is_left():
    "also when the container made some and filled them"
    c = config(process=ADMIN)
    c.doc["mounts"][-1]["options"] = ["rw"]
    with container(c, "mkdir /sys/fs/cgroup/a; mkdir /sys/fs/cgroup/a/b; "
                      "put /sys/fs/cgroup/a/b/cgroup.procs 1; wait") as box:
        box.up()
        box.delete("--force").ok
        assert not os.path.exists(host.CGROUP + box.cgroup)


# ---- J -----------------------------------------------------------------------------------------


def filtered(*rules, **more):
    return config(linux={"seccomp": dict({"defaultAction": "SCMP_ACT_ALLOW",
                                          "syscalls": list(rules)}, **more)})


def errno(number, *names):
    return {"names": list(names), "action": "SCMP_ACT_ERRNO", "errnoRet": number}


@needs("int80")
def test_J1_other_entries_of_the_kernel_do_not_pass_the_filter():
    "int 0x80 and x32 numbers under a filter for x86_64 end the program; listed, they are filtered"
    only = filtered(errno(1, "personality"), architectures=["SCMP_ARCH_X86_64"])
    with run(only, "try int80 20; try int80 136; try x32 39; try x32 135; try personality") as r:
        assert r.ok.values("try") == ["int80: killed SIGSYS"] * 2 + ["x32: killed SIGSYS"] * 2 + [
            "personality: EPERM"]
    both = filtered(errno(1, "personality"), architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86",
                                                            "SCMP_ARCH_X32"])
    with run(both, "try int80 20; try int80 136; try personality") as r:
        assert r.ok.values("try") == ["int80: ok", "int80: EPERM", "personality: EPERM"]


def test_J2_what_the_profile_says_and_what_it_cannot_know():
    "clone3 ENOSYS by the profile, number 9999 ENOSYS because it is newer, mount EPERM"
    allowed = "read write close fstat lstat stat mmap mprotect munmap brk rt_sigaction " \
        "rt_sigprocmask ioctl access dup2 getpid clone fork vfork execve exit wait4 kill uname " \
        "fcntl getcwd readlink readlinkat arch_prctl gettid futex set_tid_address exit_group " \
        "openat newfstatat set_robust_list prlimit64 getrandom execveat statx rseq close_range " \
        "faccessat2 openat2 prctl"
    c = config(linux={"seccomp": {
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
        "syscalls": [{"names": allowed.split(), "action": "SCMP_ACT_ALLOW"},
                     errno(38, "clone3")]}})
    with run(c, "try clone3; try raw 9999; try mount; try unshare; try keyctl") as r:
        assert r.ok.values("try") == ["clone3: ENOSYS", "raw: ENOSYS", "mount: EPERM",
                                      "unshare: EPERM", "keyctl: EPERM"]


def test_J_no_filter_is_silently_missing():
    "mode 2 in init, in exec, with and without no_new_privs, as root and as a user"
    for nnp, uid in itertools.product((True, False), (0, 1000)):
        c = filtered(errno(1, "personality"))
        c.doc["process"]["noNewPrivileges"] = nnp
        c.doc["process"]["user"] = {"uid": uid, "gid": uid}
        with container(c, "seccomp; wait") as box:
            box.up()
            assert box.value("seccomp") == "2"
            assert box.exec("seccomp; try personality").ok.lines == ["seccomp: 2",
                                                                     "try: personality: EPERM"]


# ---- K -----------------------------------------------------------------------------------------

BPF_PROG_QUERY, BPF_CGROUP_DEVICE, SYS_BPF = 16, 6, 321
KMSG = {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}
RIGHTS = {"capabilities": caps(*[["MKNOD", "DAC_OVERRIDE", "SYSLOG", "SYS_ADMIN"]] * 3)}
DENY = {"allow": False, "access": "rwm"}


def programs(cgroup):
    """How many device programs are attached to a cgroup."""
    fd = os.open(host.CGROUP + cgroup, os.O_RDONLY | os.O_DIRECTORY)
    ids = (ctypes.c_uint32 * 64)()
    attr = ctypes.create_string_buffer(144)
    struct.pack_into("IIIIQI", attr, 0, fd, BPF_CGROUP_DEVICE, 0, 0, ctypes.addressof(ids), 64)
    result = host.LIBC.syscall(SYS_BPF, BPF_PROG_QUERY, attr, 144)
    os.close(fd)
    host.syscall_check(result, "BPF_PROG_QUERY")
    return struct.unpack_from("I", attr, 24)[0]


def test_K_every_access_and_type():
    "eight letter sets, two types, exact numbers and wildcards: open and mknod agree with the rule"
    for kind, letters, wild in itertools.product(
            ("c", "b"), ("", "r", "w", "m", "rw", "rm", "wm", "rwm"), (False, True)):
        if not letters:
            rules = [DENY]
        else:
            rule = {"allow": True, "access": letters, "type": kind}
            if not wild:
                rule.update(major=1 if kind == "c" else 7, minor=11 if kind == "c" else 200)
            rules = [DENY, rule]
        c = config(process=RIGHTS, linux={"devices": [KMSG], "resources": {"devices": rules}})
        with run(c, "open /dev/kmsg r,nonblock; open /dev/kmsg w; try mknod c 1 11; "
                    "try mknod b 7 200; open /dev/null rw") as r:
            shown = [line.endswith(": ok") for line in r.ok.lines]
            char = kind == "c"
            # Making nodes without opening them is allowed by default in every engine.
            assert shown[:2] == [char and "r" in letters, char and "w" in letters], (
                kind, letters, wild, r.lines)
            assert shown[4], r.lines


def test_K_a_list_without_a_leading_deny_is_no_hole():
    "rules that only allow something leave everything else denied"
    c = config(process=RIGHTS, linux={
        "devices": [KMSG, {"path": "/dev/mem", "type": "c", "major": 1, "minor": 1},
                    {"path": "/dev/disk", "type": "b", "major": 8, "minor": 0}],
        "resources": {"devices": [{"allow": True, "access": "r", "type": "c", "major": 10,
                                   "minor": 229}]}})
    assert run(c, "open /dev/mem r; open /dev/disk r; open /dev/kmsg r").ok.lines == [
        "open: EPERM"] * 3


def test_K_one_program_is_attached_and_none_is_leaked():
    "to the cgroup of the container; no program fd is in the container or left after delete"
    c = config(linux={"resources": {"devices": [DENY]}})
    with container(c, "fds; wait") as box:
        assert programs(box.cgroup) == 1
        box.up()
        assert programs(box.cgroup) == 1
        assert not [line for line in box.values("fds") if "bpf" in line]
        box.exec("exit 0").ok
        assert programs(box.cgroup) == 1


def test_K_devices_that_are_allowed_in_every_container():
    "null zero full random urandom tty ptmx pts, whatever the rules say first"
    c = config(process=RIGHTS, linux={"resources": {"devices": [DENY]}})
    with run(c, "open /dev/null rw; open /dev/zero r; open /dev/full w; open /dev/random r; "
                "open /dev/urandom r; open /dev/ptmx rw; open /dev/tty r") as r:
        assert r.ok.lines[:6] == ["open: ok"] * 6
        assert r.lines[6] == "open: ENXIO"
