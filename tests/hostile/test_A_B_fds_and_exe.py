# SPDX-License-Identifier: Apache-2.0
"""A: no file descriptor of the host reaches a container. B: nor does the runtime's program."""

import fcntl
import hashlib
import os
import threading

from deck import (File, Link, caps, config, container, current, host, host_unchanged,
                  run, runtime_path)

F_GET_SEALS, F_SEAL_SEAL, F_SEAL_WRITE = 1034, 1, 8


def fds_of(pid):
    return {int(name): os.readlink(f"/proc/{pid}/fd/{name}")
            for name in os.listdir(f"/proc/{pid}/fd")}


def is_harmless(target):
    """A pipe, a socket, an anonymous inode, a memfd, the start barrier: no file of the host."""
    return (target.startswith(("pipe:", "socket:", "anon_inode:", "/memfd:", "memfd:"))
            or target.endswith("/exec.fifo") or target == "/dev/null")


# ---- A -----------------------------------------------------------------------------------------


def test_A1_a_created_process_holds_nothing_of_the_host():
    "before start: stdio and the barrier; after start: exactly 0, 1 and 2"
    with container(config()) as c:
        found = fds_of(c.pid)
        assert all(is_harmless(target) for fd, target in found.items() if fd > 2), found
        c.up()
        assert sorted(fds_of(c.pid)) == [0, 1, 2]


def test_A1_the_current_directory_and_root_of_a_created_process_are_inside():
    "neither is a directory of the host"
    with container(config()) as c:
        inside = os.stat(c.rootfs("/"))
        for link in ("cwd", "root"):
            st = os.stat(f"/proc/{c.pid}/{link}")
            assert (st.st_dev, st.st_ino) == (inside.st_dev, inside.st_ino), link


def test_A2_inherited_fds_do_not_leak():
    "200 directories of the host, open without close-on-exec in the caller of run, create and exec"
    def flood():
        for number in range(200):
            os.dup2(os.open("/etc" if number % 2 else "/", os.O_RDONLY), 20 + number)

    with run(config(), "fds", preexec_fn=flood, close_fds=False) as r:
        assert [line.split()[0] for line in r.ok.values("fds")] == ["0", "1", "2"]
    with container(config(), "wait", preexec_fn=flood, close_fds=False) as c:
        assert not {"/", "/etc"} & set(fds_of(c.pid).values())
        c.up()
        assert sorted(fds_of(c.pid)) == [0, 1, 2]
        r = c.exec("fds", preexec_fn=flood, close_fds=False)
        assert [line.split()[0] for line in r.ok.values("fds")] == ["0", "1", "2"]


def test_A2_hooks_do_not_get_them_either():
    "a hook has 0, 1 and 2"
    log = os.path.join(current().tmp, "hook")
    hook = {"path": current().probe, "args": ["probe", "into", log, ";", "fds"]}

    def flood():
        for number in range(50):
            os.dup2(os.open("/etc", os.O_RDONLY), 20 + number)

    run(config(hooks={"createRuntime": [hook], "poststop": [hook]}), "exit 0",
        preexec_fn=flood, close_fds=False).ok
    assert [line.split()[1] for line in host.read(log).splitlines()] == ["0", "1", "2"] * 2


def test_A3_cwd_by_a_descriptor_is_refused():
    "process.cwd /proc/self/fd/N for every N, /proc/1/fd/N, thread-self: an error, no container"
    os.mkdir("leak")
    fd = os.open("leak", os.O_RDONLY)
    with host_unchanged():
        for number in range(65):
            run(config(process={"cwd": f"/proc/self/fd/{number}"}), "cwd", pass_fds=(fd,)).fails()
        for number in range(3, 12):
            for form in (f"/proc/1/fd/{number}", f"/proc/thread-self/fd/{number}",
                         f"/proc/self/fd/{number}/..", f"/proc/self/fd/{number}/../../.."):
                run(config(process={"cwd": form}), "cwd", pass_fds=(fd,)).fails()
    os.close(fd)


def test_A3_cwd_by_another_magic_link_stays_inside():
    "/proc/self/cwd, /proc/self/root/../..: refused, or a directory of the container"
    for form in ("/proc/self/cwd", "/proc/thread-self/cwd", "/proc/self/root",
                 "/proc/self/root/../..", "/proc/1/root/../../..", "/proc/1/cwd"):
        with run(config(process={"cwd": form}, rootfs={"/inside": "x"}), "cwd; ls .") as r:
            if r.rc:
                r.fails()
            else:
                assert r.value("cwd") == "/" and " inside " in r.value("ls") + " ", form


def test_A3_links_in_the_image_to_descriptors_are_refused():
    "as the working directory and as the program"
    with host_unchanged():
        for number in range(3, 16):
            rootfs = {"/work": Link(f"/proc/self/fd/{number}"),
                      "/program": Link(f"/proc/self/fd/{number}/bin/true")}
            run(config(process={"cwd": "/work"}, rootfs=rootfs), "cwd").fails()
            run(config(args=["/program"], rootfs=rootfs)).fails()


def test_A3_exec_cwd_by_a_descriptor_is_refused():
    "the same for exec --cwd"
    with container(config(rootfs={"/work": Link("/proc/self/fd/7")})) as c:
        c.up()
        for number in range(3, 24):
            c.exec("cwd", "--cwd", f"/proc/self/fd/{number}").fails(rc=255)
        c.exec("cwd", "--cwd", "/work").fails(rc=255)


def test_A4_only_the_preserved_fds_are_kept():
    "--preserve-fds 2: 3 and 4 are there, 5 is gone, for run, create and exec"
    fd = os.open("/proc/self/status", os.O_RDONLY)

    def spread():
        os.dup2(fd, 99)
        for number in (3, 4, 5):
            os.dup2(99, number)

    with run(config(), "fds", "--preserve-fds=2", preexec_fn=spread, close_fds=False) as r:
        assert [line.split()[0] for line in r.ok.values("fds")] == ["0", "1", "2", "3", "4"]
    with container(config(), "fds; wait", "--preserve-fds=2", preexec_fn=spread,
                   close_fds=False) as c:
        c.up()
        assert [line.split()[0] for line in c.values("fds")] == ["0", "1", "2", "3", "4"]
        r = c.exec("fds", "--preserve-fds=2", preexec_fn=spread, close_fds=False)
        assert [line.split()[0] for line in r.ok.values("fds")] == ["0", "1", "2", "3", "4"]
    os.close(fd)


def test_A5_closed_standard_fds_are_filled_with_dev_null():
    "0, 1, 2 closed: the pid file holds a pid, the state is JSON, the container has /dev/null"
    test = current()
    for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
        pid_path = os.path.join(test.tmp, f"pid{test.next_number()}")
        box = container(config(), "write /tmp/mark x; wait", "--pid-file", pid_path,
                        preexec_fn=lambda closed=closed: [os.close(fd) for fd in closed])
        with box as c:
            assert host.read(pid_path) == str(c.pid)
            assert c.state()["id"] == c.name
            c.start().ok
            for fd in closed:
                assert os.readlink(f"/proc/{c.pid}/fd/{fd}").endswith("/null"), closed
            for name in os.listdir(os.path.join(test.root, c.name)):
                path = os.path.join(test.root, c.name, name)
                if os.path.isfile(path):
                    assert "hello" not in host.read(path)


def test_A_a_container_that_watches_an_exec_finds_no_host_path():
    "a process with CAP_SYS_PTRACE looks at /proc/*/fd of everything that enters"
    c = config(process={"capabilities": caps(*[["SYS_PTRACE", "DAC_OVERRIDE"]] * 3)})
    with container(c, "hunt 20000; wait") as box:
        box.start().ok
        box.wait_line("hunt: ready")
        for _ in range(40):
            box.exec("exit 0").ok
        with open(box.rootfs("/tmp/enough"), "w", encoding="ascii"):
            pass
        box.wait_line("hunt: over")
        allowed = ("/dev/null", "/memfd:", "/dev/pts", "/dev/console", "/")
        for target in (line[3:] for line in box.values("hunt") if line.startswith("fd ")):
            target = target.removesuffix(" (deleted)")
            assert target in allowed or target.startswith(("/memfd:", current().tmp)), target


# ---- B -----------------------------------------------------------------------------------------


class Unchanged:
    """The installed runtime: content, inode and times are what they were."""

    def __enter__(self):
        self.before = self.look()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            assert self.look() == self.before, "the runtime's program was changed"
        return False

    @staticmethod
    def look():
        path = os.path.realpath(runtime_path())
        st = os.stat(path)
        with open(path, "rb") as program:
            return (st.st_ino, st.st_size, st.st_mtime_ns, st.st_mode,
                    hashlib.sha256(program.read()).hexdigest())


def assert_hunted_nothing(box):
    """Every program that the hunter saw was the container's own or a private copy."""
    for line in box.values("hunt"):
        what, _, target = line.partition(" ")
        if what in ("exe", "opened"):
            assert target.startswith("/memfd:") or target == "/bin/probe", line
        assert line != "opened /bin/probe", line


TRICKS = {"/entry": File("#!/proc/self/exe\n", 0o755), "/link": Link("/proc/self/exe"),
          "/bin/sh": Link("/proc/self/exe"), "/script": File("#!/bin/sh\n", 0o755),
          "/one": Link("/proc/1/exe")}


def test_B1_an_image_that_executes_the_runtime_cannot_write_it():
    "entrypoints that lead to /proc/self/exe: the run ends, the installed program is unchanged"
    with Unchanged():
        for entry in ("/entry", "/link", "/script", "/one"):
            r = run(config(args=[entry, "x"], rootfs=TRICKS))
            assert r.seconds < 10, entry


def test_B1_a_container_cannot_open_the_program_of_its_own_start():
    "a second container in the same pid namespace tries to write /proc/PID/exe all the time"
    with Unchanged():
        with container(config(), "hunt 20000; wait") as hunter:
            hunter.start().ok
            hunter.wait_line("hunt: ready")
            spaces = [{"type": kind} for kind in ("network", "ipc", "uts", "mount", "cgroup")]
            spaces.append({"type": "pid", "path": f"/proc/{hunter.pid}/ns/pid"})
            for entry in ("/bin/probe", "/entry", "/link"):
                for _ in range(5):
                    run(config(args=[entry], rootfs=TRICKS, linux={"namespaces": spaces}))
            with open(hunter.rootfs("/tmp/enough"), "w", encoding="ascii"):
                pass
            hunter.wait_line("hunt: over")
            assert_hunted_nothing(hunter)


def test_B2_exec_into_a_container_that_waits_for_it():
    "the same through exec: scripts, links, and a hunter inside"
    with Unchanged():
        with container(config(rootfs=TRICKS, process={
                "capabilities": caps(*[["SYS_PTRACE", "DAC_OVERRIDE"]] * 3)}),
                "hunt 30000; wait") as c:
            c.start().ok
            c.wait_line("hunt: ready")
            for _ in range(10):
                for entry in ("/entry", "/link", "/script", "/one", "/bin/probe"):
                    assert c.exec(None, args=[entry]).seconds < 10, entry
            with open(c.rootfs("/tmp/enough"), "w", encoding="ascii"):
                pass
            c.wait_line("hunt: over")
            assert_hunted_nothing(c)


def test_B3_the_waiting_process_runs_from_a_sealed_copy():
    "its program is another inode than the installed one, and sealed against writing"
    installed = os.stat(os.path.realpath(runtime_path()))
    with container(config()) as c:
        fd = os.open(f"/proc/{c.pid}/exe", os.O_RDONLY)
        st = os.fstat(fd)
        seals = fcntl.fcntl(fd, F_GET_SEALS)
        os.close(fd)
        assert (st.st_dev, st.st_ino) != (installed.st_dev, installed.st_ino)
        assert seals & F_SEAL_WRITE and seals & F_SEAL_SEAL, seals


def test_B3_the_waiting_process_maps_nothing_of_the_installed_program():
    "no page of it is in the container, so none can be written through the page cache"
    path = os.path.realpath(runtime_path())
    with container(config()) as c:
        maps = host.read(f"/proc/{c.pid}/maps")
        assert path not in maps
        assert not [line for line in maps.splitlines()
                    if line.split()[-1].startswith("/") and "/memfd:" not in line], maps


def test_B3_exec_processes_run_from_a_sealed_copy_too():
    "whatever is in the pid namespace of the container while exec enters, seen from the host"
    installed = os.path.realpath(runtime_path())
    seen = set()
    with container(config()) as c:
        c.up()
        inside = os.readlink(f"/proc/{c.pid}/ns/pid")
        stop = threading.Event()

        def watch():
            while not stop.is_set():
                for pid in host.read(f"/sys/fs/cgroup{c.cgroup}/cgroup.procs").split():
                    try:
                        if os.readlink(f"/proc/{pid}/ns/pid") == inside:
                            seen.add(os.readlink(f"/proc/{pid}/exe"))
                    except OSError:
                        continue

        thread = threading.Thread(target=watch)
        thread.start()
        for _ in range(30):
            c.exec("exit 0").ok
        stop.set()
        thread.join()
    assert installed not in seen, seen
