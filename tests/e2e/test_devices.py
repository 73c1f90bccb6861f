# SPDX-License-Identifier: Apache-2.0
"""linux.devices and the devices and links that every container has."""

from deck import BASE_MOUNTS, Dev, File, config, namespaces, needs, run
from deck.bundle import idmap

DEFAULTS = {"null": "1:3", "zero": "1:5", "full": "1:7", "random": "1:8", "urandom": "1:9",
            "tty": "5:0"}


def device(path, kind="c", major=1, minor=3, **more):
    return dict({"path": path, "type": kind, "major": major, "minor": minor}, **more)


def test_the_default_devices_are_there():
    "null zero full random urandom tty, 0666, root's, with their numbers"
    with run(config(), "dev /dev") as r:
        found = {line.split()[0]: line for line in r.values("dev")}
        for name, number in DEFAULTS.items():
            assert found["/dev/" + name] == f"/dev/{name} char 0666 0:0 dev={number}"


def test_the_default_devices_work():
    "reading zero and writing null"
    with run(config(), "write /dev/null x; open /dev/zero r; open /dev/full w; open /dev/random r; "
                       "open /dev/urandom r") as r:
        assert r.lines == ["write: ok"] + ["open: ok"] * 4


def test_the_default_links_are_there():
    "fd, stdin, stdout, stderr, ptmx; core only if the kernel has one"
    with run(config(), "readlink /dev/fd; readlink /dev/stdin; readlink /dev/stdout; "
                       "readlink /dev/stderr") as r:
        assert r.values("readlink") == ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1",
                                        "/proc/self/fd/2"]
    with run(config(), "stat /dev/ptmx; open /dev/ptmx rw") as r:
        assert r.lines[0].startswith("stat: link") or "dev=5:2" in r.lines[0]
        assert r.lines[1] == "open: ok"


def test_the_hosts_ptmx_is_never_made():
    "engines list all that the host has in /dev: the container keeps its own"
    c = config(linux={"devices": [device("/dev/ptmx", major=5, minor=2, fileMode=0o600)]})
    with run(c, "readlink /dev/ptmx; open /dev/ptmx rw") as r:
        assert r.ok.lines == ["readlink: pts/ptmx", "open: ok"]


def test_nothing_else_is_in_dev():
    "the default devices, links and mount points, and no more"
    with run(config(), "ls /dev") as r:
        names = set(r.value("ls").split()[2:])
        assert names - {"core"} == set(DEFAULTS) | {"fd", "stdin", "stdout", "stderr", "ptmx",
                                                     "pts", "shm", "mqueue"}


def test_configured_devices_are_made():
    "character, block and fifo, with mode, owner and numbers"
    devices = [device("/dev/mine", fileMode=0o640, uid=5, gid=6),
               device("/dev/fuse", major=10, minor=229, fileMode=0o666),
               device("/dev/blk", "b", 7, 77, fileMode=0o660),
               {"path": "/dev/pipe", "type": "p", "fileMode": 0o644},
               device("/elsewhere/null", fileMode=0o600)]
    verbs = "; ".join("stat " + each["path"] for each in devices)
    with run(config(linux={"devices": devices}), verbs) as r:
        assert r.ok.lines == ["stat: char 0640 5:6 dev=1:3", "stat: char 0666 0:0 dev=10:229",
                              "stat: block 0660 0:0 dev=7:77", "stat: fifo 0644 0:0",
                              "stat: char 0600 0:0 dev=1:3"]


def test_an_unbuffered_device_is_a_character_device():
    "type u"
    with run(config(linux={"devices": [device("/dev/u", "u", 1, 5)]}), "stat /dev/u") as r:
        assert r.ok.lines[0].startswith("stat: char") and r.lines[0].endswith("dev=1:5")


def test_the_file_mode_is_not_cut_by_a_umask():
    "nor by process.user.umask"
    c = config(process={"user": {"uid": 0, "gid": 0, "umask": 0o077}},
               linux={"devices": [device("/dev/open", fileMode=0o666)]})
    assert run(c, "stat /dev/open; stat /dev/null").ok.lines == [
        "stat: char 0666 0:0 dev=1:3", "stat: char 0666 0:0 dev=1:3"]


def test_type_bits_in_the_file_mode_are_masked_off():
    "real callers pass S_IFCHR|0666"
    c = config(linux={"devices": [device("/dev/mine", fileMode=0o020666)]})
    assert run(c, "stat /dev/mine").ok.lines == ["stat: char 0666 0:0 dev=1:3"]


def test_a_device_of_the_config_may_repeat_a_default_one():
    "engines list /dev/null too"
    c = config(linux={"devices": [device("/dev/null", fileMode=0o666, uid=0, gid=0)]})
    assert run(c, "stat /dev/null").ok.lines == ["stat: char 0666 0:0 dev=1:3"]


def test_a_fifo_ignores_major_and_minor():
    "the specification says so"
    c = config(linux={"devices": [{"path": "/dev/p", "type": "p", "major": 5, "minor": 6}]})
    assert run(c, "stat /dev/p").ok.lines[0].startswith("stat: fifo")


def test_an_existing_node_that_matches_is_taken():
    "same type and numbers in the image"
    c = config(rootfs={"/devs/null": Dev("c", 1, 3)},
               linux={"devices": [device("/devs/null", fileMode=0o666)]})
    run(c, "stat /devs/null").ok


def test_an_existing_file_that_does_not_match_is_an_error():
    "another type, or other numbers"
    for what in (File("x"), Dev("c", 1, 5), Dev("b", 1, 3), "dir"):
        c = config(rootfs={"/devs/null": what}, linux={"devices": [device("/devs/null")]})
        run(c, "exit 0").fails("/devs/null")


def test_bad_devices_are_refused():
    "unknown type, relative or missing path, missing or impossible numbers"
    for bad in (device("/dev/x", "q"), device("dev/x"), {"type": "c", "major": 1, "minor": 3},
                {"path": "/dev/x", "type": "c"}, device("/dev/x", major=-1),
                device("/dev/x", minor=1 << 40), device("/dev/x", fileMode=-1)):
        run(config(linux={"devices": [bad]}), "exit 0").fails("(?i)device")


def test_devices_work_without_a_mount_on_dev():
    "the default devices are made in the image's own /dev"
    mounts = [mount for mount in BASE_MOUNTS if not mount["destination"].startswith("/dev")]
    with run(config(base_mounts=mounts), "stat /dev/null; stat /dev/tty; readlink /dev/fd") as r:
        assert r.ok.lines == ["stat: char 0666 0:0 dev=1:3", "stat: char 0666 0:0 dev=5:0",
                              "readlink: /proc/self/fd"]


@needs("userns")
def test_devices_in_a_user_namespace_are_bound():
    "mknod is not possible there; the nodes work all the same"
    maps = [idmap(0, 100000, 65536)]
    c = config(owner=100000,
               linux={"namespaces": namespaces("pid", "network", "ipc", "uts", "mount", "cgroup",
                                               "user"),
                      "uidMappings": maps, "gidMappings": maps})
    with run(c, "write /dev/null x; open /dev/zero r; stat /dev/urandom; readlink /dev/stdin") as r:
        assert r.ok.lines[:2] == ["write: ok", "open: ok"]
        assert r.lines[2].startswith("stat: char 0666") and r.lines[2].endswith("dev=1:9")


def test_devices_are_bound_where_mknod_is_not_allowed():
    "as in a container of another runtime, without CAP_MKNOD: the host's nodes, and they work"
    with run(config(), "write /dev/null x; open /dev/zero r; stat /dev/urandom",
             wrap=("setpriv", "--bounding-set=-mknod", "--inh-caps=-mknod")) as r:
        assert r.ok.lines[:2] == ["write: ok", "open: ok"]
        assert r.lines[2].startswith("stat: char 0666") and r.lines[2].endswith("dev=1:9")


def test_without_proc_the_links_are_not_made():
    "/dev/fd and its like only where their target is"
    mounts = [mount for mount in BASE_MOUNTS if mount["destination"] != "/proc"]
    r = run(config(base_mounts=mounts), "readlink /dev/fd; write /dev/null x")
    assert r.ok.lines == ["readlink: ENOENT", "write: ok"]


