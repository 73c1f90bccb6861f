# SPDX-License-Identifier: Apache-2.0
"""E: objects of the image are not trusted. F: writes to /proc go to the real one. G: masks hold."""

import os
import re
import socket

from deck import (BASE_MOUNTS, Container, Dev, Fifo, File, Link, bind, canary, caps, config,
                  console, current, host, host_unchanged, namespaces, needs, run)

NO_DEV = [mount for mount in BASE_MOUNTS if not mount["destination"].startswith("/dev")]
ADMIN = {"capabilities": caps(*[["SYS_ADMIN", "DAC_OVERRIDE"]] * 3)}

# ---- E -----------------------------------------------------------------------------------------


def test_E1_a_dev_null_of_the_image_is_not_a_mask():
    "link to core_pattern or sysrq, a file, a fifo, another device: masked all the same or refused"
    with host_unchanged():
        for what in (Link("/proc/sys/kernel/core_pattern"), Link("/proc/sysrq-trigger"),
                     File("evil"), Fifo(), Dev("c", 1, 11), Dev("c", 1, 5), "dir",
                     Link("/secret2")):
            c = config(rootfs={"/dev/null": what, "/secret": "key", "/secret2": "key2"},
                       base_mounts=NO_DEV, linux={"maskedPaths": ["/secret", "/proc/keys"]},
                       process=ADMIN)
            r = run(c, "cat /secret; append /secret x; cat /proc/keys; stat /secret")
            assert r.rc in (0, 1) and r.seconds < 10, r
            if r.rc == 0:
                assert r.lines[0] == "cat: " and r.lines[2] == "cat: ", (what, r)
                assert r.lines[3].endswith("dev=1:3"), (what, r)


def test_E2_odd_targets_of_a_mask():
    "fifo, socket, links, magic links, missing, twice, other spellings: masked or absent, no hang"
    with host_unchanged():
        for path in ("/fifo", "/link", "/dangling", "/loop", "/proc/self/exe", "/proc/self/fd/0",
                     "/proc/self/root", "//proc/keys", "/proc/../proc/keys", "/proc/keys/",
                     "/proc/self/mem", "/missing/deep", "/file/below"):
            c = config(rootfs={"/fifo": Fifo(), "/secret/x": "y", "/link": Link("/secret"),
                               "/dangling": Link("/nowhere"), "/loop": Link("/loop"),
                               "/file": "z"},
                       linux={"maskedPaths": [path, path, "/secret"]})
            r = run(c, "ls /secret")
            assert r.rc in (0, 1) and r.seconds < 10, (path, r)
            if r.rc == 0:
                assert r.lines == ["ls: 0 entries"], path


def test_E2_a_socket_can_be_masked():
    "it is no longer there to connect to"
    os.mkdir("v")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("v/sock")
    with run(config(mounts=[bind(os.path.abspath("v"), "/v")],
                    linux={"maskedPaths": ["/v/sock"]}), "stat /v/sock") as r:
        assert r.ok.lines == ["stat: char 0666 0:0 dev=1:3"]
    listener.close()


def test_E3_a_console_comes_from_the_own_devpts():
    "pts replaced, numbers planted as links, a hostile /dev: still a pty, still masked"
    bait = canary()
    planted = {f"/dev/pts/{number}": Link("/proc/sys/kernel/core_pattern")
               for number in range(10)}
    os.makedirs("evil/pts")
    for number in range(10):
        os.symlink("/proc/sys/kernel/core_pattern", f"evil/pts/{number}")
    os.symlink(bait + "/console", "evil/console")
    os.symlink(bait + "/ptmx", "evil/ptmx")
    evil = os.path.abspath("evil")
    cases = [dict(rootfs=planted), dict(rootfs=planted, base_mounts=NO_DEV),
             dict(base_mounts=NO_DEV, mounts=[bind(evil, "/dev")]),
             dict(mounts=[bind(evil + "/pts", "/dev/pts")])]
    with host_unchanged(bait):
        for case in cases:
            case.setdefault("rootfs", {})["/secret"] = "key"
            with console() as tty:
                c = config(process={"terminal": True}, linux={"maskedPaths": ["/secret"]}, **case)
                box = Container(c, "stat /dev/console; fdstat; cat /secret; wait",
                                "--console-socket", tty.path)
                made = box.create()
                if made.rc == 0:
                    tty.accept()
                    box.start().ok
                    text = tty.read("wait: ready")
                    numbers = re.findall(r"dev=(\d+):\d+", text)
                    assert numbers and set(numbers) == {"136"}, text
                    assert "cat: \n" in text
                box.delete("--force").ok


def test_E4_stdio_is_never_a_file_of_the_image():
    "/dev/null as a link to a file of the host, stdio closed, another user: nothing is given away"
    bait = canary()
    with host_unchanged(bait):
        for what in (Link(bait + "/null"), Link("/target"), File("x"), Fifo()):
            for mounts in (None, NO_DEV):
                c = config(rootfs={"/dev/null": what, "/target": "mine"}, base_mounts=mounts,
                           process={"user": {"uid": 1000, "gid": 1000}})
                r = run(c, "write /tmp/r x; fdstat", preexec_fn=lambda: [os.close(fd) for fd in
                                                                        (0, 1, 2)])
                assert r.seconds < 10
                box = Container(c)
                if box.create().rc == 0:
                    st = os.stat(box.rootfs("/target"))
                    assert (st.st_uid, st.st_gid) == (0, 0)
                box.delete("--force").ok


# ---- F -----------------------------------------------------------------------------------------


def test_F1_nothing_is_mounted_over_proc():
    "a volume or tmpfs on /proc, /proc/self, /proc/self/attr, /proc/sys is an error"
    os.mkdir("v")
    source = os.path.abspath("v")
    with host_unchanged():
        for place in ("/proc", "/proc/self", "/proc/self/attr", "/proc/sys", "/proc/sys/kernel",
                      "/proc/1", "/proc/thread-self/attr", "/proc/../proc/self", "/proc/net"):
            for mount in (bind(source, place),
                          {"destination": place, "type": "tmpfs", "source": "tmpfs"}):
                run(config(mounts=[mount]), "exit 0").fails("proc")


def test_F1_links_do_not_help():
    "a destination that leads into /proc over a link of the image"
    os.mkdir("v")
    with host_unchanged():
        for target in ("/proc/self", "/proc/self/attr", "proc/sys", "/proc"):
            c = config(rootfs={"/l": Link(target)}, mounts=[bind(os.path.abspath("v"), "/l")])
            run(c, "exit 0").fails("proc|/l")


def test_F1_the_files_of_lxcfs_may_be_mounted_over():
    "cpuinfo, meminfo, stat, swaps, uptime, loadavg, diskstats"
    with open("file", "w", encoding="ascii") as out:
        out.write("faked")
    mounts = [bind(os.path.abspath("file"), f"/proc/{name}", "ro") for name in
              ("cpuinfo", "meminfo", "stat", "swaps", "uptime", "loadavg", "diskstats")]
    with run(config(mounts=mounts), "cat /proc/uptime; cat /proc/meminfo") as r:
        assert r.ok.lines == ["cat: faked", "cat: faked"]


@needs("strace")
def test_F3_writes_to_proc_go_to_a_private_instance():
    "oom_score_adj, sysctls, id maps: no file is opened for writing by a path below /proc"
    maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    cases = [config(process={"oomScoreAdj": 600},
                    linux={"sysctl": {"net.ipv4.ip_forward": "1", "kernel.shmmax": "12345678"}}),
             config(owner=100000, linux={"namespaces": namespaces("pid", "network", "ipc", "uts",
                                                                  "mount", "cgroup", "user"),
                                         "uidMappings": maps, "gidMappings": maps})]
    for c in cases:
        trace = os.path.join(current().tmp, f"trace{current().next_number()}")
        run(c, "exit 0", wrap=("strace", "-f", "-y", "-s", "200", "-o", trace, "-e",
                               "trace=open,openat,openat2,write")).ok
        text = host.read(trace)
        assert "write(" in text
        opened = [line for line in text.splitlines()
                  if re.search(r'open(at2?)?\((AT_FDCWD[^,]*, )?"/proc/', line)
                  and re.search(r"O_WRONLY|O_RDWR", line) and " = -1 " not in line]
        assert not opened, opened
        written = [line for line in text.splitlines()
                   if re.search(r"write\(\d+</proc/(sys|self|\d+|thread-self)/", line)]
        assert not written, written


def test_F4_sysctl_keys_that_climb_are_refused():
    "dots, slashes, empty, newline, NUL: refused, and the host's values stay"
    with host_unchanged():
        for key in ("net/../kernel/core_pattern", "net.ipv4.conf.x/../../../kernel/core_pattern",
                    "net/./../kernel/core_pattern", "/", "", ".", "..", "net", "net/", "/net",
                    "net..ipv4", "net/ipv4/../../kernel/core_pattern", "kernel.shmmax\n",
                    "/proc/sys/net/ipv4/ip_forward",
                    "net/ipv4/ip_forward/../../../kernel/core_pattern", "kernel/shm\0max"):
            run(config(linux={"sysctl": {key: "1"}}), "exit 0").fails()


def test_F4_values_are_written_whole_or_refused():
    "NUL, five kilobytes, a plus sign that smuggles another key"
    with host_unchanged():
        for value in ("1\0", "x" * 5000, "1+kernel.core_pattern=x"):
            run(config(linux={"sysctl": {"net.ipv4.ip_forward": value}}), "exit 0").fails()


# ---- G -----------------------------------------------------------------------------------------

MASKED = ["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
          "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
          "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
          "/sys/devices/system/cpu/cpu0/thermal_throttle"]


def test_G1_every_path_that_engines_mask():
    "reads are empty, writes fail, it cannot be unmounted or removed"
    c = config(linux={"maskedPaths": MASKED}, process={"capabilities": caps(
        *[["DAC_OVERRIDE", "SYS_PTRACE"]] * 3)})
    verbs = "; ".join(f"stat {path}; cat {path}; ls {path}; try umount {path}; rm {path}; "
                      f"write {path}/x y" for path in MASKED)
    lines = run(c, verbs).ok.lines
    for index, path in enumerate(MASKED):
        stat, cat, listing, umount, remove, write = lines[6 * index:6 * index + 6]
        if "ENOENT" in stat:
            continue
        assert cat in ("cat: ", "cat: EISDIR"), (path, cat)
        assert listing in ("ls: 0 entries", "ls: ENOTDIR"), (path, listing)
        assert umount == "try: umount: EPERM", (path, umount)
        assert remove != "rm: ok" and write != "write: ok", (path, remove, write)


def test_G1_with_sys_admin_the_masks_are_a_mount_away_and_no_less():
    "only who may unmount gets behind them; a new proc in a user namespace does not help"
    c = config(linux={"maskedPaths": ["/proc/keys"]})
    assert run(c, "try unshare user; cat /proc/keys").ok.lines[1] == "cat: "


def test_G3_masks_and_mounts_in_each_others_way():
    "below a bind, equal to a destination, two levels, the root itself"
    os.makedirs("v/secret")
    with open("v/secret/key", "w", encoding="ascii"):
        pass
    source = os.path.abspath("v")
    c = config(mounts=[bind(source, "/v")], linux={"maskedPaths": ["/v/secret"]})
    assert run(c, "ls /v/secret").ok.lines == ["ls: 0 entries"]
    c = config(mounts=[bind(source, "/v")], linux={"maskedPaths": ["/v", "/v/secret"]})
    assert run(c, "ls /v").ok.lines == ["ls: 0 entries"]
    c = config(mounts=[bind(source, "/v")], linux={"maskedPaths": ["/v/secret"],
                                                   "readonlyPaths": ["/v", "/v/secret"]})
    assert run(c, "ls /v/secret; write /v/x y").ok.lines == ["ls: 0 entries", "write: EROFS"]
    r = run(config(linux={"maskedPaths": ["/"]}), "ls /")
    assert r.rc != 0 or r.lines == ["ls: 0 entries"]
    assert os.path.exists("v/secret/key")


def test_G5_eight_hundred_masks():
    "one file system for all of them, and no noticeable time"
    names = [f"/many/{number}" for number in range(800)]
    rootfs = {f"{name}/x": "" for name in names}
    c = config(rootfs=rootfs, linux={"maskedPaths": names})
    plain = config(rootfs=rootfs)
    from deck import bundle, rt
    test = current()
    paths = [bundle(each, "inode /many/0; inode /many/799; ls /many/400", f"b{number}")
             for number, each in enumerate((plain, c))]
    best = [60.0, 60.0]
    for _ in range(5):
        for which, path in enumerate(paths):
            r = rt("run", "--bundle", path, test.next_id()).ok
            best[which] = min(best[which], r.seconds)
    values = r.values("inode")
    assert r.lines[2] == "ls: 0 entries"
    assert values[0].split(":")[0] == values[1].split(":")[0]
    assert best[1] - best[0] < 0.1, best
