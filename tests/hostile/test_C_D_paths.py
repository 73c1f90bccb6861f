# SPDX-License-Identifier: Apache-2.0
"""C: mount targets never leave the root. D: nothing is made or removed outside of it."""

import os

from deck import (BASE_MOUNTS, Container, Dev, Fifo, File, Link, bind, canary, config, console,
                  current, host, host_unchanged, run, timeout)
from tools import racing, rounds

TMPFS = {"type": "tmpfs", "source": "tmpfs"}
NO_DEV = [mount for mount in BASE_MOUNTS if not mount["destination"].startswith("/dev")]


def up_from(path):
    """A relative link target that would reach a host path from deep inside a root."""
    return "../" * 40 + path.lstrip("/")


# ---- C -----------------------------------------------------------------------------------------


def test_C1_links_in_a_destination_lead_nowhere_outside():
    "absolute, relative, chained forty times, dangling, looping, to a directory of the host"
    bait = canary()
    chain = {f"/c{number}": Link(f"/c{number + 1}") for number in range(38)}
    chain["/c38"] = Link(bait)
    rootfs = dict({"/abs": Link(bait), "/rel": Link(up_from(bait)),
                   "/dots": Link("../../.." + bait),
                   "/dangling": Link(bait + "/new/deep"), "/loop": Link("/loop2"),
                   "/loop2": Link("/loop")}, **chain)
    with host_unchanged(bait):
        for start in ("/abs", "/rel", "/dots", "/dangling", "/loop", "/c0"):
            for rest in ("", "/sub", "/new", "/file"):
                r = run(config(rootfs=rootfs, mounts=[dict(TMPFS, destination=start + rest)]),
                        "mounts; ls /")
                if r.rc == 0:
                    assert sum(" tmpfs " in row for row in r.values("mounts")) == 3, r.out


def test_C1_binds_over_links_lead_nowhere_outside():
    "a file and a directory bound onto links to the host"
    bait = canary()
    os.mkdir("dir")
    with open("file", "w", encoding="ascii"):
        pass
    here = os.getcwd()
    rootfs = {"/d": Link(bait + "/sub"), "/f": Link(bait + "/passwd"), "/n": Link(bait + "/new"),
              "/u": Link(up_from(bait + "/core"))}
    with host_unchanged(bait):
        for source, place in (("dir", "/d"), ("file", "/f"), ("dir", "/n"), ("file", "/n"),
                              ("file", "/u"), ("dir", "/d/new"), ("file", "/d/new")):
            run(config(rootfs=rootfs, mounts=[bind(f"{here}/{source}", place)]), "exit 0")


def test_C2_dots_in_a_destination_lead_nowhere_outside():
    "more of them than there are parents, in every position"
    bait = canary()
    with host_unchanged(bait):
        for place in ("/" + up_from(bait), "/../../../../" + bait, up_from(bait),
                      "/bin/" + up_from(bait), "/./../." + bait, "//../" + bait, "/..", "/.", ""):
            run(config(mounts=[dict(TMPFS, destination=place)]), "exit 0")
            run(config(mounts=[bind(bait, place + "/new")]), "exit 0")


def test_C3_proc_and_sys_must_be_real_directories():
    "a link, a file, a fifo in their place is an error, wherever it points"
    bait = canary()
    with host_unchanged(bait):
        for place in ("/proc", "/sys"):
            for what in (Link(bait), Link("/tmp"), Link("../tmp"), File("x"), Fifo()):
                made = Container(config(rootfs={place: what})).create()
                made.fails(place, rc=1)
                assert made.seconds < 10


@timeout(300)
def test_C4_a_destination_that_is_exchanged_while_we_mount():
    "directory and link to the host swapped in a shared volume during many creates"
    bait = canary()
    os.mkdir(bait + "/m")
    volume = os.path.abspath("volume")
    os.makedirs(volume + "/a/m")
    os.symlink(bait, volume + "/b")
    mounts = [bind(volume, "/vol"), dict(TMPFS, destination="/vol/a/m")]
    counts = {"good": 0, "bad": 0}
    with host_unchanged(bait):
        with racing(volume + "/a", volume + "/b"):
            for _ in range(rounds(150)):
                r = run(config(mounts=mounts), "mounts")
                counts["good" if r.rc == 0 else "bad"] += 1
                if r.rc == 0:
                    places = [row.split()[0] for row in r.values("mounts")]
                    assert len(places) == 10, places
    assert counts["good"], counts


@timeout(300)
def test_C4_a_bind_onto_an_exchanged_path():
    "the same with a bind and a propagation change, which some runtimes do by path afterwards"
    bait = canary()
    os.mkdir(bait + "/m")
    volume = os.path.abspath("volume")
    os.makedirs(volume + "/a/m")
    os.symlink(bait, volume + "/b")
    os.mkdir("src")
    mounts = [bind(volume, "/vol"),
              bind(os.path.abspath("src"), "/vol/a/m", "ro", "rprivate", "nosuid")]
    with host_unchanged(bait):
        with racing(volume + "/a", volume + "/b"):
            for _ in range(rounds(100)):
                run(config(mounts=mounts), "exit 0")


def test_C6_a_dangling_link_in_a_destination_is_made_inside():
    "images do that: the directory appears in the root, not on the host"
    bait = canary()
    with host_unchanged(bait):
        c = config(rootfs={"/data": Link(bait + "/made/later")},
                   mounts=[dict(TMPFS, destination="/data")])
        assert run(c, "mounts").ok.mount(bait + "/made/later")["type"] == "tmpfs"
        c = config(rootfs={"/var/": "dir", "/var/lib": Link("../opt/lib")},
                   mounts=[dict(TMPFS, destination="/var/lib/x")])
        assert run(c, "mounts").ok.mount("/opt/lib/x")["type"] == "tmpfs"


def test_C7_a_source_by_descriptor_is_taken():
    "/proc/PID/fd/N as source is how kubelet passes a subPath"
    os.makedirs("sub/path")
    with open("sub/path/file", "w", encoding="ascii") as out:
        out.write("subpath")
    fd = os.open("sub/path", os.O_RDONLY)
    file_fd = os.open("sub/path/file", os.O_RDONLY)
    mounts = [bind(f"/proc/{os.getpid()}/fd/{fd}", "/v"),
              bind(f"/proc/{os.getpid()}/fd/{file_fd}", "/f", "ro")]
    assert run(config(mounts=mounts), "cat /v/file; cat /f").ok.lines == ["cat: subpath"] * 2
    os.close(fd)
    os.close(file_fd)


# ---- D -----------------------------------------------------------------------------------------


def test_D1_a_directory_of_the_image_that_is_a_link_to_the_host():
    "dev, dev/pts, dev/shm, dev/mqueue, etc, proc, sys, run; with and without a mount on /dev"
    bait = canary()
    with host_unchanged(bait):
        for place in ("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/etc", "/proc", "/sys",
                      "/run", "/tmp"):
            for target in (bait, up_from(bait), "../../../../../../../.." + bait):
                for mounts in (None, NO_DEV):
                    c = config(rootfs={place: Link(target)}, base_mounts=mounts)
                    r = run(c, "exit 0")
                    assert r.seconds < 10 and r.rc in (0, 1), (place, target, r)


def test_D1_with_a_terminal():
    "console and ptmx are made with /dev pointing to the host"
    bait = canary()
    with host_unchanged(bait):
        for mounts in (None, NO_DEV):
            for target in (bait, up_from(bait)):
                with console() as tty:
                    c = config(rootfs={"/dev": Link(target)}, base_mounts=mounts,
                               process={"terminal": True})
                    box = Container(c, "exit 0", "--console-socket", tty.path)
                    box.create()
                    box.delete("--force").ok


NODES = ("console", "ptmx", "null", "zero", "full", "tty", "random", "urandom", "fd", "stdin",
         "stdout", "stderr", "core")


def test_D2_nodes_that_are_something_else_in_the_image():
    "each default node as link to the host, fifo, file, directory, other device: right or refused"
    bait = canary()
    with host_unchanged(bait):
        for node in NODES:
            for what in (Link(f"{bait}/{node}"), Link(up_from(f"{bait}/{node}")), Fifo(),
                         File("mine"), "dir", Dev("c", 1, 11)):
                if node == "core":
                    continue
                c = config(rootfs={f"/dev/{node}": what}, base_mounts=NO_DEV)
                r = run(c, "open /dev/null rw; stat /dev/null; stat /dev/zero; stat /dev/urandom")
                assert r.seconds < 10, (node, what)
                assert r.rc in (0, 1), (node, what, r)
                if r.rc == 0:
                    assert r.lines[1].endswith("dev=1:3") and r.lines[2].endswith("dev=1:5") and \
                        r.lines[3].endswith("dev=1:9"), (node, what, r)


def test_D2_the_console_of_an_image_without_a_mount_on_dev():
    "a link to a file of the host in the place of /dev/console is not followed"
    bait = canary()
    with host_unchanged(bait):
        for what in (Link(bait + "/new-console"), Link(bait + "/console"),
                     Link(up_from(bait + "/new-console")), Fifo(), "dir", File("x")):
            with console() as tty:
                c = config(rootfs={"/dev/console": what}, base_mounts=NO_DEV,
                           process={"terminal": True})
                box = Container(c, "exit 0", "--console-socket", tty.path)
                made = box.create()
                assert made.seconds < 10
                box.delete("--force").ok


@timeout(300)
def test_D3_mount_points_made_while_the_path_is_exchanged():
    "a directory and a file that have to be created below a path that flips: nothing on the host"
    bait = canary()
    volume = os.path.abspath("volume")
    os.makedirs(volume + "/a")
    os.symlink(bait, volume + "/b")
    with open("file", "w", encoding="ascii"):
        pass
    with host_unchanged(bait):
        with racing(volume + "/a", volume + "/b"):
            for number in range(rounds(150)):
                mounts = [bind(volume, "/vol"),
                          dict(TMPFS, destination=f"/vol/a/new{number}/deep"),
                          bind(os.path.abspath("file"), f"/vol/a/file{number}")]
                run(config(mounts=mounts), "exit 0")


def test_D_a_missing_cwd_is_not_made_on_the_host():
    "a working directory behind a link to the host"
    bait = canary()
    with host_unchanged(bait):
        for target in (bait, up_from(bait)):
            run(config(rootfs={"/w": Link(target)}, process={"cwd": "/w/new/dir"}), "exit 0")


def test_D_devices_of_the_config_behind_links():
    "linux.devices with a parent that is a link to the host, with dots"
    bait = canary()
    with host_unchanged(bait):
        for path in ("/l/node", "/l/null", "/dev/../l/node", "/../" + bait + "/node"):
            run(config(rootfs={"/l": Link(bait)},
                       linux={"devices": [{"path": path, "type": "c", "major": 1, "minor": 3}]}),
                "exit 0")


def test_D_a_failed_create_removes_only_what_it_made():
    "an error after the mounts: files of the image are all still there"
    test = current()
    name = test.next_id()
    c = config(rootfs={"/data/file": "x", "/m/": "dir"},
               mounts=[dict(TMPFS, destination="/m"), dict(TMPFS, destination="/bad",
                                                           type="bogusfs")])
    from deck import bundle, rt
    path = bundle(c, "exit 0", name)
    before = {key for key in host.tree_state(path)}
    rt("create", "--bundle", path, name).fails(rc=1)
    after = {key for key in host.tree_state(path)}
    assert before <= after
    assert after - before <= {path + "/rootfs/bad"}, after - before
