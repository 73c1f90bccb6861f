# SPDX-License-Identifier: Apache-2.0
"""linux.namespaces: new ones, joined ones, inherited ones, id maps, time offsets."""

import contextlib
import os
import subprocess

from deck import bind, config, container, idmap, namespaces, needs, run

ALL = ("pid", "network", "ipc", "uts", "mount", "cgroup")
LINKS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt",
         "cgroup": "cgroup", "user": "user", "time": "time"}
MAPS = {"uidMappings": [idmap(0, 100000, 65536)], "gidMappings": [idmap(0, 200000, 65536)]}


def links(result):
    """{"net": "4026531833"}"""
    return dict(value.rstrip("]").split(":[") for value in result.values("ns"))


def own_links():
    return dict(os.readlink(f"/proc/self/ns/{link}").rstrip("]").split(":[")
                for link in LINKS.values())


@contextlib.contextmanager
def helper(*flags):
    """A process with namespaces of its own, made by unshare(1); gives its pid."""
    with subprocess.Popen(["unshare", "--fork", *flags, "sh", "-c", "echo; exec sleep 60"],
                          stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as text:
            child = int(text.read().split()[0])
        try:
            yield child
        finally:
            os.kill(child, 9)
            process.wait()


def space(*kinds, **more):
    return config(linux=dict({"namespaces": namespaces(*kinds)}, **more),
                  **({} if "uts" in kinds else {"hostname": None}))


def test_every_listed_namespace_is_new():
    "all six are different from the caller's, user and time are not"
    with run(config(), "ns") as r:
        mine, theirs = own_links(), links(r)
        for kind in ALL:
            assert theirs[LINKS[kind]] != mine[LINKS[kind]], kind
        assert theirs["user"] == mine["user"] and theirs["time"] == mine["time"]


def test_a_namespace_that_is_not_listed_is_inherited():
    "one by one"
    for kind in ("pid", "network", "ipc", "uts", "cgroup"):
        kinds = [each for each in ALL if each != kind]
        # sysfs and mqueue can only be mounted by who owns the namespaces: root does here.
        with run(space(*kinds), "ns") as r:
            assert links(r.ok)[LINKS[kind]] == own_links()[LINKS[kind]], kind


def test_namespaces_can_be_joined_by_path():
    "network, ipc, uts, pid and cgroup of another process"
    with helper("-n", "-i", "-u", "-p", "-C") as pid:
        for kind in ("network", "ipc", "uts", "pid", "cgroup"):
            path = f"/proc/{pid}/ns/{LINKS[kind]}"
            wanted = os.readlink(path).rstrip("]").split(":[")[1]
            others = [each for each in ALL if each != kind]
            c = config(hostname=None, linux={"namespaces": namespaces(*others, **{kind: path})})
            with run(c, "ns") as r:
                assert links(r.ok)[LINKS[kind]] == wanted, kind


def test_a_bound_namespace_file_can_be_joined():
    "a path that is a bind mount of an ns file, as engines make them"
    from deck import mounted
    with helper("-n") as pid:
        with open("netns", "w", encoding="ascii"):
            pass
        here = os.path.abspath("netns")
        with mounted(f"/proc/{pid}/ns/net", here, None, 4096):
            others = [each for each in ALL if each != "network"]
            c = config(linux={"namespaces": namespaces(*others, network=here)})
            wanted = os.readlink(f"/proc/{pid}/ns/net").rstrip("]").split(":[")[1]
            assert links(run(c, "ns").ok)["net"] == wanted


def test_a_path_of_the_wrong_kind_is_an_error():
    "an ipc file for the network, a regular file, a directory, a fifo, nothing at all: no hang"
    os.mkfifo("fifo")
    with open("file", "w", encoding="ascii"):
        pass
    here = os.getcwd()
    for path in ("/proc/self/ns/ipc", here + "/file", here, here + "/fifo", here + "/absent"):
        others = [each for each in ALL if each != "network"]
        c = config(linux={"namespaces": namespaces(*others, network=path)})
        with run(c, "exit 0") as r:
            r.fails("(?i)network|namespace")
            assert r.seconds < 10


def test_a_relative_namespace_path_is_an_error():
    "the specification wants an absolute one"
    run(config(linux={"namespaces": namespaces("pid", "mount", network="proc/self/ns/net")},
               hostname=None), "exit 0").fails("(?i)absolute|namespaces")


def test_a_namespace_listed_twice_is_an_error():
    "with the kind in the message"
    run(config(linux={"namespaces": namespaces(*ALL, "pid")}), "exit 0").fails("(?i)pid|twice")


def test_an_unknown_namespace_is_an_error():
    "with the word in the message"
    run(config(linux={"namespaces": namespaces(*ALL, "bogus")}), "exit 0").fails("bogus")
    run(config(linux={"namespaces": [{"path": "/x"}]}, hostname=None), "exit 0").fails(
        "(?i)type|namespaces")


def test_a_new_network_has_a_loopback_that_is_up():
    "as runc does; nothing else is there"
    with run(config(), "ls /sys/class/net; cat /sys/class/net/lo/flags") as r:
        assert r.ok.lines[0] == "ls: 1 entries lo"
        assert int(r.value("cat"), 16) & 1


def test_a_new_pid_namespace_shows_its_own_processes_only():
    "pid 1 is the program"
    with run(config(), "pid; procs") as r:
        assert r.ok.values("procs") == ["1 probe"]


@needs("userns")
def test_a_user_namespace_has_the_maps_of_the_config():
    "several lines, exactly as written; root inside is not root outside"
    maps = {"uidMappings": [idmap(0, 100000, 1000), idmap(1000, 300000, 10)],
            "gidMappings": [idmap(0, 200000, 65536)]}
    c = space(*ALL, "user", **maps)
    c.owner = 100000
    with container(c, "uidmap; gidmap; ids; wait") as box:
        box.up()
        assert [line.split() for line in box.values("uidmap")] == [
            ["0", "100000", "1000"], ["1000", "300000", "10"]]
        assert [line.split() for line in box.values("gidmap")] == [["0", "200000", "65536"]]
        assert box.value("ids") == "uid 0 0 0 gid 0 0 0"
        st = os.stat(f"/proc/{box.pid}")
        assert (st.st_uid, st.st_gid) == (100000, 200000)


@needs("userns")
def test_many_lines_of_maps():
    "340 are the kernel's limit; 341 are an error"
    # The kernel takes no more than a page of text either.
    lines = [idmap(number, 1000 + 2 * number, 1) for number in range(340)]
    c = space(*ALL, "user", uidMappings=lines, gidMappings=lines)
    assert len(run(c, "uidmap").ok.values("uidmap")) == 340
    lines.append(idmap(340, 5000, 1))
    run(space(*ALL, "user", uidMappings=lines, gidMappings=lines), "exit 0").fails("(?i)mapping")


@needs("userns")
def test_a_user_namespace_without_maps_is_an_error():
    "new, and nobody is root in it"
    run(space(*ALL, "user"), "exit 0").fails("(?i)mapping")


@needs("userns")
def test_impossible_maps_are_an_error():
    "overlap, zero size, overflow, a process id that is not mapped"
    for lines in ([idmap(0, 100000, 10), idmap(5, 200000, 10)],
                  [idmap(0, 100000, 10), idmap(20, 100005, 10)],
                  [idmap(0, 100000, 0)],
                  [idmap(0, 4294967290, 10)],
                  [idmap(0, 4294967296, 1)]):
        run(space(*ALL, "user", uidMappings=lines, gidMappings=lines), "exit 0").fails()
    c = space(*ALL, "user", **{"uidMappings": [idmap(0, 100000, 10)],
                               "gidMappings": [idmap(0, 100000, 10)]})
    c.doc["process"]["user"] = {"uid": 50, "gid": 0}
    run(c, "exit 0").fails("(?i)50|uid|map|invalid")


@needs("userns")
def test_a_user_in_a_user_namespace():
    "uid, gid and groups are those inside"
    c = space(*ALL, "user", **MAPS)
    c.owner = 100000
    c.doc["process"]["user"] = {"uid": 1000, "gid": 100, "additionalGids": [7, 9]}
    with run(c, "ids; groups") as r:
        assert r.ok.lines == ["ids: uid 1000 1000 1000 gid 100 100 100", "groups: 7 9"]


@needs("userns")
def test_a_user_namespace_can_be_joined():
    "the maps are those of the other process"
    with helper("-U", "--map-root-user") as pid:
        c = config(linux={"namespaces": namespaces(*ALL, user=f"/proc/{pid}/ns/user")},
                   process={"capabilities": {}})
        with run(c, "ns; uidmap") as r:
            wanted = os.readlink(f"/proc/{pid}/ns/user").rstrip("]").split(":[")[1]
            assert links(r.ok)["user"] == wanted
            assert r.value("uidmap").split() == ["0", "0", "1"]


@needs("userns")
def test_a_network_of_another_user_namespace_can_be_joined():
    "a user namespace made or joined by path beside a network that is not its own, in any order"
    rest = ("mount", "uts", "ipc", "cgroup", "pid")
    with helper("-U", "--map-root-user") as user, helper("-n") as network:
        net = f"/proc/{network}/ns/net"
        joined = config(linux={"namespaces": namespaces(*rest, user=f"/proc/{user}/ns/user",
                                                        network=net)},
                        process={"capabilities": {}})
        made = config(linux={"namespaces": namespaces(*rest, "user", network=net), **MAPS})
        made.owner = 100000
        for c in (joined, made):
            c.doc["mounts"] = [m for m in c.doc["mounts"] if m["type"] != "sysfs"]
            for order in (c.doc["linux"]["namespaces"], c.doc["linux"]["namespaces"][::-1]):
                c.doc["linux"]["namespaces"] = order
                with run(c, "ns") as r:
                    assert links(r.ok)["net"] == os.readlink(net).rstrip("]").split(":[")[1]


@needs("userns")
def test_the_mounts_of_a_user_namespace_belong_to_it():
    "proc, tmpfs, mqueue, devpts can all be mounted, and written where they should be"
    c = space(*ALL, "user", **MAPS)
    c.owner = 100000
    with run(c, "write /dev/shm/x y; open /dev/mqueue/q rw,creat; stat /dev/shm; "
                "open /dev/ptmx rw; stat /dev/mqueue/q; stat /dev/mqueue") as r:
        assert r.ok.lines == ["write: ok", "open: ok", "stat: dir 1777 0:0", "open: ok",
                              "stat: file 0644 0:0 size=80", "stat: dir 1777 0:0"]


@needs("timens")
def test_time_offsets_are_those_of_the_config():
    "monotonic and boottime, positive and negative, with nanoseconds"
    offsets = {"monotonic": {"secs": 86400, "nanosecs": 500000000},
               "boottime": {"secs": 172800, "nanosecs": 0}}
    with run(space(*ALL, "time", timeOffsets=offsets), "offsets; time") as r:
        found = [line.split() for line in r.ok.values("offsets")]
        assert found == [["monotonic", "86400", "500000000"], ["boottime", "172800", "0"]]
        fields = r.value("time").split()
        assert int(fields[1]) > 86400 and int(fields[3]) > 172800


@needs("timens", "userns")
def test_time_offsets_in_a_user_namespace_with_the_hosts_processes():
    "where there can be no procfs of our own"
    c = space("network", "ipc", "uts", "mount", "user", "time", **MAPS,
              timeOffsets={"monotonic": {"secs": 86400, "nanosecs": 0}})
    c.doc["mounts"] = [mount for mount in c.doc["mounts"] if mount["type"] not in ("proc", "cgroup")]
    c.doc["mounts"].insert(0, bind("/proc", "/proc", recursive=True))
    with run(c, "time") as r:
        assert int(r.ok.value("time").split()[1]) > 86400


@needs("timens")
def test_exec_is_in_the_time_namespace():
    "the second program has the same offsets"
    offsets = {"monotonic": {"secs": 86400, "nanosecs": 0}}
    with container(space(*ALL, "time", timeOffsets=offsets)) as c:
        c.up()
        assert int(c.exec("time").ok.value("time").split()[1]) > 86400


@needs("timens")
def test_time_offsets_need_a_new_time_namespace():
    "none, or a joined one, is an error"
    offsets = {"monotonic": {"secs": 1, "nanosecs": 0}}
    run(space(*ALL, timeOffsets=offsets), "exit 0").fails("timeOffsets")
    run(config(linux={"namespaces": namespaces(*ALL, time="/proc/self/ns/time"),
                      "timeOffsets": offsets}), "exit 0").fails("timeOffsets")


@needs("timens")
def test_bad_time_offsets_are_refused():
    "unknown clock, a billion nanoseconds, before zero"
    for offsets in ({"realtime": {"secs": 1, "nanosecs": 0}},
                    {"monotonic": {"secs": 1, "nanosecs": 1000000000}},
                    {"boottime": {"secs": -1000000000, "nanosecs": 0}}):
        run(space(*ALL, "time", timeOffsets=offsets), "exit 0").fails("timeOffsets")


def test_without_a_mount_namespace_the_host_is_as_it_was():
    "refused with the reason, or run: in no case is a mount of the host changed"
    from deck import host_unchanged
    with host_unchanged():
        r = run(space(*[kind for kind in ALL if kind != "mount"]), "exit 0")
        if r.rc:
            r.fails("(?i)mount")


def test_two_containers_share_the_namespaces_of_the_first():
    "a pod: network, ipc and uts of a sandbox, processes seen by hostname"
    with container(config(hostname="pod")) as sandbox:
        sandbox.up()
        paths = {kind: f"/proc/{sandbox.pid}/ns/{LINKS[kind]}" for kind in
                 ("network", "ipc", "uts")}
        c = config(hostname=None, linux={"namespaces": namespaces("pid", "mount", "cgroup",
                                                                  **paths)})
        assert run(c, "hostname").ok.lines == ["hostname: pod"]


def test_joining_the_own_namespace_is_no_error():
    "a path that is the caller's own"
    c = config(linux={"namespaces": namespaces("pid", "ipc", "uts", "mount", "cgroup",
                                               network="/proc/self/ns/net")})
    assert links(run(c, "ns").ok)["net"] == own_links()["net"]
