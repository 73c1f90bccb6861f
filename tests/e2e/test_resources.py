# SPDX-License-Identifier: Apache-2.0
"""linux.resources as the container itself meets them: what it reads in its own cgroup, what it
cannot have more of, and cgroups in which it cannot be. That the files are written is shown by
test_cgroups.py, that they change by test_update.py."""

import contextlib
import ctypes
import os
import struct
import subprocess

from deck import Container, caps, config, container, current, host, idmap, needs, run, skip, until

MIB = 1 << 20


def resources(**members):
    return config(linux={"resources": members})


def inside(**members):
    """What a container with these limits reads of its own: inside(...)("pids.max")."""
    def read(*names):
        r = run(resources(**members), ";".join(f"cgroup {name}" for name in names))
        return r.ok.values("cgroup")
    return read


def put(path, text):
    with open(path, "w", encoding="ascii") as out:
        out.write(text)


def number_of(device):
    st = os.stat(device)
    return {"major": os.major(st.st_rdev), "minor": os.minor(st.st_rdev)}


# ---- memory ------------------------------------------------------------------------------------


@needs("memory")
def test_a_container_reads_its_memory_limits():
    "limit, reservation, swap as memory and swap together, high and oom.group through unified"
    read = inside(memory={"limit": 64 * MIB, "reservation": 32 * MIB, "swap": 96 * MIB},
                  unified={"memory.high": str(48 * MIB), "memory.oom.group": "1",
                           "memory.min": str(4 * MIB)})
    assert read("memory.max", "memory.low", "memory.swap.max", "memory.high", "memory.oom.group",
                "memory.min") == [str(64 * MIB), str(32 * MIB), str(32 * MIB), str(48 * MIB), "1",
                                  str(4 * MIB)]


@needs("memory")
def test_unified_comes_after_the_typed_limits_and_overrules_them():
    "the same file in both: what unified says stands"
    assert inside(memory={"limit": 64 * MIB}, pids={"limit": 7},
                  unified={"memory.max": str(48 * MIB), "pids.max": "9"})(
        "memory.max", "pids.max") == [str(48 * MIB), "9"]


@needs("memory")
def test_memory_high_slows_and_does_not_kill():
    "a program beyond it goes on, and memory.events has counted it"
    r = run(resources(unified={"memory.high": str(12 * MIB)}),
            "hog 13; cgroup memory.events", seconds=60).ok
    assert r.value("hog") == "ok"
    counted = dict(line.replace("cgroup: ", "").split() for line in r.lines[1:])
    assert int(counted["high"]) > 0 and counted["oom_kill"] == "0", counted


@needs("memory")
def test_a_memory_hog_is_limited_from_its_first_instruction():
    "as the container's program: killed, and there was never more than the limit"
    with container(resources(memory={"limit": 16 * MIB, "swap": 16 * MIB}), "hog 64") as c:
        c.start().ok
        c.wait_status("stopped", 20)
        assert "hog: ok" not in c.lines
        if os.path.exists(f"{host.CGROUP}{c.cgroup}/memory.peak"):      # Linux 5.19
            assert int(c.file("memory.peak")) <= 16 * MIB
        assert "oom_kill 1" in c.file("memory.events").splitlines()


@needs("memory")
def test_oom_group_ends_all_and_without_it_one():
    "a child that takes too much: alone it dies alone"
    limit = {"limit": 16 * MIB, "swap": 16 * MIB}
    assert run(resources(memory=limit), "run /bin/probe hog 64; echo alive").ok.lines == [
        "run: killed SIGKILL", "alive"]
    r = run(resources(memory=limit, unified={"memory.oom.group": "1"}),
            "run /bin/probe hog 64; echo alive")
    assert r.rc == 137 and "alive" not in r.lines, r


@contextlib.contextmanager
def swap_on(device):
    subprocess.run(["mkswap", device], check=True, capture_output=True)
    subprocess.run(["swapon", device], check=True)
    try:
        yield
    finally:
        subprocess.run(["swapoff", device], check=True)


@needs("memory", "swap")
def test_swap_is_what_the_limit_leaves_of_memory_and_swap():
    "limit 16, swap 48 MiB: 32 fit, 96 do not; swap as the limit: no page goes out"
    with swap_on(os.environ["ORLOP_TEST_SWAP"]):
        wide = {"limit": 16 * MIB, "swap": 48 * MIB}
        # A disk that is slow makes the kernel give up early: once is enough to show that it fits.
        tries = [run(resources(memory=wide), "hog 32; cgroup memory.swap.current", seconds=60)]
        while tries[-1].rc == 137 and len(tries) < 5:
            tries.append(run(resources(memory=wide), "hog 32; cgroup memory.swap.current",
                             seconds=60))
        r = tries[-1].ok
        assert r.value("hog") == "ok" and int(r.value("cgroup")) > 8 * MIB, r
        assert run(resources(memory=wide), "hog 96", seconds=60).rc == 137
        assert run(resources(memory={"limit": 16 * MIB, "swap": 16 * MIB}), "hog 32").rc == 137
        assert inside(memory={"limit": 16 * MIB, "swap": -1})("memory.swap.max") == ["max"]


# ---- pids --------------------------------------------------------------------------------------


@needs("pids")
def test_a_container_meets_its_pids_limit():
    "0 leaves it alone with itself (since 1.3), -1 and no member are no limit, 3 is three"
    for limit, shown, forked in (({"limit": 0}, "1", "0 EAGAIN"), ({"limit": 3}, "3", "2 EAGAIN"),
                                 ({"limit": -1}, "max", "8 ok"), ({}, "max", "8 ok"),
                                 (None, "max", "8 ok")):
        c = resources(pids=limit) if limit is not None else config()
        c.doc["ociVersion"] = "1.3.0"
        with container(c, "cgroup pids.max; fork 8; wait") as box:
            box.up()
            assert (box.value("cgroup"), box.value("fork")) == (shown, forked), limit


@needs("pids")
def test_a_fork_bomb_is_limited_from_its_first_instruction():
    "as the container's program: there were never more processes than the limit"
    with container(resources(pids={"limit": 20}), "bomb") as c:
        c.start().ok
        until(lambda: c.file("pids.current") == "20", 20, what="the bomb")
        if os.path.exists(f"{host.CGROUP}{c.cgroup}/pids.peak"):        # Linux 6.7
            assert c.file("pids.peak") == "20"
        c.kill("KILL").ok
        c.wait_status("stopped", 20)


# ---- cpu ---------------------------------------------------------------------------------------


@needs("cpu")
def test_a_container_reads_its_cpu_limits():
    "shares as the weight of the usual curve, quota and period, burst, idle"
    for shares, weight in ((2, "1"), (3, "2"), (10, "4"), (512, "59"), (1024, "100"),
                           (4096, "303"), (262144, "10000"), (300000, "10000")):
        assert inside(cpu={"shares": shares})("cpu.weight") == [weight], shares
    assert inside(cpu={"quota": 50000, "period": 200000, "burst": 20000})(
        "cpu.max", "cpu.max.burst") == ["50000 200000", "20000"]
    assert inside(cpu={"period": 200000})("cpu.max") == ["max 200000"]
    assert inside(cpu={"idle": 1})("cpu.idle") == ["1"]


@needs("cpu")
def test_a_container_gets_the_quota_and_no_more():
    "a tenth of a processor for a second and a half; without a quota it is not held back"
    r = run(resources(cpu={"quota": 10000, "period": 100000}),
            "cpu 1500; cgroup cpu.stat", seconds=60).ok
    used = int(r.value("cpu").split()[0])
    assert used <= 600, f"{used} ms of 1500"
    stat = dict(line.replace("cgroup: ", "").split() for line in r.lines[1:])
    assert int(stat["nr_throttled"]) > 0
    free = run(resources(cpu={"quota": -1}), "cpu 200; cgroup cpu.stat").ok
    assert dict(line.replace("cgroup: ", "").split()
                for line in free.lines[1:])["nr_throttled"] == "0"


@needs("cpuset")
def test_a_container_runs_on_its_cpus():
    "its affinity is the cpuset, of exec too; one that is not there refuses the container"
    last = os.cpu_count() - 1
    with container(resources(cpu={"cpus": str(last), "mems": "0"}),
                   "affinity; cgroup cpuset.cpus.effective; wait") as c:
        c.up()
        assert (c.value("affinity"), c.value("cgroup")) == (str(last), str(last))
        assert c.exec("affinity").ok.lines == [f"affinity: {last}"]
    for members in ({"cpus": "8191"}, {"cpus": "1-0"}, {"cpus": "one"}, {"mems": "900"}):
        run(resources(cpu=members), "exit 0").fails("linux.resources.cpu", rc=1)


# ---- io ----------------------------------------------------------------------------------------


def reading(rate, mib):
    """Milliseconds in which a container reads from the disk, under blockIO members."""
    disk = number_of(os.environ["ORLOP_TEST_DISK"])
    c = config(linux={"resources": {"blockIO": rate, "devices": [
        {"allow": True, "type": "b", "access": "r", **disk}]},
        "devices": [{"path": "/dev/disk", "type": "b", **disk}]})
    r = run(c, f"disk /dev/disk {mib}; cgroup io.stat", seconds=60).ok
    assert f"{disk['major']}:{disk['minor']} rbytes={mib * MIB}" in r.out, r
    return int(r.value("disk").split()[0])


@needs("io", "disk")
def test_a_container_reads_as_fast_as_its_disk_may():
    "4 MiB at 1 MiB a second, or at 4 operations a second; another disk's limit is not ours"
    disk = number_of(os.environ["ORLOP_TEST_DISK"])
    other = number_of(os.environ["ORLOP_TEST_SWAP"])
    free = reading({"throttleReadBpsDevice": [dict(other, rate=MIB)]}, 4)
    assert reading({"throttleReadBpsDevice": [dict(disk, rate=MIB)]}, 4) >= max(2500, free + 1000)
    assert reading({"throttleReadIOPSDevice": [dict(disk, rate=4)]}, 4) >= max(2500, free + 1000)


@needs("io", "disk")
def test_a_container_reads_its_io_limits():
    "four rates in one line; the weight in BFQ's own range, of a device too; no such device"
    disk = number_of(os.environ["ORLOP_TEST_DISK"])
    name = f"{disk['major']}:{disk['minor']}"
    rates = {"throttleReadBpsDevice": [dict(disk, rate=MIB)],
             "throttleWriteBpsDevice": [dict(disk, rate=2 * MIB)],
             "throttleReadIOPSDevice": [dict(disk, rate=100)],
             "throttleWriteIOPSDevice": [dict(disk, rate=200)]}
    assert inside(blockIO=rates)("io.max") == [f"{name} rbps={MIB} wbps={2 * MIB} riops=100 "
                                               "wiops=200"]
    run(resources(blockIO={"throttleReadBpsDevice": [{"major": 4000, "minor": 7, "rate": 1}]}),
        "exit 0").fails(r"linux.resources.blockIO.throttleReadBpsDevice\[0\]", "4000:7", rc=1)
    if not os.path.exists(f"{host.CGROUP}{current().cgroup}/io.bfq.weight"):
        skip("the module bfq is not loaded")
    queue = f"/sys/dev/block/{name}/queue/scheduler"
    put(queue, "bfq")
    r = run(resources(blockIO={"weight": 700, "weightDevice": [dict(disk, weight=300)]}),
            "cgroup io.bfq.weight").ok
    assert r.lines == ["cgroup: default 700", f"cgroup: {name} 300"], r


# ---- huge pages, RDMA, misc --------------------------------------------------------------------


@needs("hugetlb", "disk")
def test_a_container_gets_its_huge_pages_and_no_more():
    "the reservation is limited too, so that it is told by mmap and not by a signal"
    put("/proc/sys/vm/nr_hugepages", "8")
    try:
        r = run(resources(hugepageLimits=[{"pageSize": "2MB", "limit": 4 * MIB}]),
                "huge 4; cgroup hugetlb.2MB.max; cgroup hugetlb.2MB.rsvd.max").ok
        assert r.lines == ["huge: ok", f"cgroup: {4 * MIB}", f"cgroup: {4 * MIB}"]
        limited = resources(hugepageLimits=[{"pageSize": "2MB", "limit": 4 * MIB}])
        assert run(limited, "huge 6").ok.lines == ["huge: ENOMEM"]
        assert run(config(), "huge 6").ok.lines == ["huge: ok"]
    finally:
        put("/proc/sys/vm/nr_hugepages", "0")


@needs("rdma", "misc")
def test_devices_that_rdma_and_misc_do_not_know_are_refused():
    "the kernel takes names that it has, the member is in the message, and nothing is left"
    run(resources(rdma={"mlx5_9": {"hcaHandles": 3, "hcaObjects": 10}}), "exit 0").fails(
        "linux.resources.rdma.mlx5_9", "mlx5_9 hca_handle=3 hca_object=10", rc=1)
    run(resources(unified={"misc.max": "nothing 1"}), "exit 0").fails(
        r'linux.resources.unified\["misc.max"\]', "nothing 1", rc=1)
    run(resources(unified={"rdma.max": "mlx5_9 hca_handle=3"}), "exit 0").fails("rdma.max", rc=1)


# ---- the tree ----------------------------------------------------------------------------------


@contextlib.contextmanager
def group(name, **files):
    """A cgroup below the test's, with nothing in it; its path for cgroupsPath."""
    path = f"{current().cgroup}/{name}"
    os.mkdir(host.CGROUP + path)
    try:
        for file, text in files.items():
            put(f"{host.CGROUP}{path}/{file.replace('_', '.', 1)}", text)
        yield path
    finally:
        host.cgroup_remove(path)


def device_filters(path):
    """How many device programs are attached to a cgroup: BPF_PROG_QUERY of BPF_CGROUP_DEVICE."""
    fd = os.open(host.CGROUP + path, os.O_RDONLY)
    ids = (ctypes.c_uint32 * 64)()
    query = struct.pack("<IIIIQI", fd, 6, 0, 0, ctypes.addressof(ids), 64).ljust(128, b"\0")
    attr = ctypes.create_string_buffer(query, len(query))
    try:
        host.syscall_check(host.LIBC.syscall(321, 16, attr, len(query)), "bpf")
        return struct.unpack_from("<I", attr, 24)[0]
    finally:
        os.close(fd)


def at(path, **members):
    """A container with its cgroup there, and limits."""
    return Container(config(linux={"cgroupsPath": path, "resources": members}))


@needs("pids", "memory")
def test_controllers_are_enabled_down_the_tree():
    "in groups that exist and in those that are made"
    with group("bare") as path, at(f"{path}/a/b/c", pids={"limit": 9},
                                   unified={"memory.high": str(64 * MIB)}) as c:
        c.cgroup = f"{path}/a/b/c"
        assert (c.file("pids.max"), c.file("memory.high")) == ("9", str(64 * MIB))
        for above in ("", "/a", "/a/b"):
            enabled = host.cgroup_files(path + above)("cgroup.subtree_control").split()
            assert {"memory", "pids"} <= set(enabled), above


@needs("pids", "memory")
def test_a_parent_with_processes_cannot_have_limited_children():
    "memory is refused with the group's name; without limits the container is there"
    with group("busy") as path:
        with subprocess.Popen(["sleep", "600"]) as other:
            put(f"{host.CGROUP}{path}/cgroup.procs", str(other.pid))
            try:
                at(f"{path}/in", memory={"limit": 64 * MIB}).create().fails("memory", "busy", rc=1)
                assert not os.path.exists(f"{host.CGROUP}{path}/in")
                with at(f"{path}/in") as c:
                    assert c.status == "created"
            finally:
                other.kill()
                other.wait()


@needs("pids")
def test_threaded_and_invalid_groups_are_refused():
    "a threaded group, one below it, one that its sibling made invalid: the type is in the message"
    with group("top") as top:
        os.mkdir(f"{host.CGROUP}{top}/threads")
        put(f"{host.CGROUP}{top}/threads/cgroup.type", "threaded")
        for path in (f"{top}/threads", f"{top}/threads/new", f"{top}/new", top):
            there = os.path.exists(host.CGROUP + path)
            at(path).create().fails("threaded|domain invalid", rc=1)
            assert os.path.exists(host.CGROUP + path) == there, path


def test_a_group_below_a_frozen_one_is_refused():
    "in bounded time, and it is removed"
    with group("ice", cgroup_freeze="1") as path:
        made = at(f"{path}/in").create()
        made.fails("frozen", rc=1)
        assert made.seconds < 10 and not os.path.exists(f"{host.CGROUP}{path}/in")
        assert host.cgroup_files(path)("cgroup.freeze") == "1"


def test_a_full_hierarchy_is_an_error():
    "cgroup.max.descendants of a group above: the message says so"
    with group("small") as path:
        put(f"{host.CGROUP}{path}/cgroup.max.descendants", "0")
        at(f"{path}/in").create().fails("cgroup.max.descendants", rc=1)


def test_a_group_whose_processes_were_killed_once_can_start_containers():
    "Linux 6.14 to 6.18 kill at birth what is born from there into another group: run and exec work"
    with group("killed", cgroup_kill="1") as path:
        def enter():
            put(f"{host.CGROUP}{path}/cgroup.procs", "0")

        for c in (config(), delegated()):
            assert "0::/" in run(c, "cgroup", preexec_fn=enter).ok.values("cgroup")
        with container(config()) as c:
            c.up()
            assert "0::/" in c.exec("cgroup", preexec_fn=enter).ok.values("cgroup")


def test_a_group_that_was_there_before_stays_and_one_that_was_made_goes():
    "empty, thawed and without our device filter; also when create fails or was killed"
    with group("theirs") as path:
        inner = config(process={"capabilities": caps(*[["SYS_ADMIN"]] * 3)},
                       linux={"cgroupsPath": path, "resources": {"devices": []}})
        inner.doc["mounts"][-1]["options"] = ["rw"]
        for _ in range(2):
            with Container(inner, "mkdir /sys/fs/cgroup/child; wait") as c:
                c.cgroup = path
                c.up()
                assert device_filters(path) == 1
                c.pause().ok
            assert host.cgroup_tree(path) == [] and device_filters(path) == 0
            assert host.cgroup_files(path)("cgroup.events").split() == ["populated", "0",
                                                                       "frozen", "0"]
        at(path, unified={"bogus.max": "1"}).create().fails("bogus.max")
        gone = at(path)
        os.unlink(gone.rootfs("bin/probe"))
        gone.create().fails(rc=1)
        assert os.path.exists(host.CGROUP + path) and device_filters(path) == 0
        with at(f"{path}/ours") as c:
            assert c.status == "created"
        assert not os.path.exists(f"{host.CGROUP}{path}/ours")


# ---- handing over ------------------------------------------------------------------------------

OWNER = 100000


def delegated(options=("rw", "nosuid", "nodev", "noexec"), uid=0, **linux):
    """A container in a user namespace with its cgroup mounted; `uid` is its user."""
    c = config(owner=OWNER, process={"user": {"uid": uid, "gid": uid}, "capabilities": caps()},
               linux={"uidMappings": [idmap(0, OWNER, 65536)],
                      "gidMappings": [idmap(0, OWNER, 65536)], **linux})
    c.doc["linux"]["namespaces"].append({"type": "user"})
    c.doc["mounts"][-1]["options"] = list(options)
    # A sysfs of its own is refused to a user namespace where the host's is mounted over.
    c.doc["mounts"][-2].update(type="tmpfs", options=["mode=755"])
    return c


def owners(c):
    """The files of a container's cgroup that do not belong to the host's root, with the owner."""
    path = host.CGROUP + c.cgroup
    found = {name: os.lstat(f"{path}/{name}").st_uid for name in [".", *os.listdir(path)]}
    return {name: uid for name, uid in found.items() if uid}


@needs("userns", "pids")
def test_a_delegated_cgroup_is_limited_from_above_and_free_below():
    "the user makes groups, moves into them, limits them; the container's own limit stays"
    with container(delegated(resources={"pids": {"limit": 20}}),
                   "mkdir /sys/fs/cgroup/in; put /sys/fs/cgroup/in/cgroup.procs 0; "
                   "put /sys/fs/cgroup/cgroup.subtree_control +pids; "
                   "put /sys/fs/cgroup/in/pids.max 3; fork 5; "
                   "put /sys/fs/cgroup/pids.max max; cgroup pids.max; wait") as c:
        c.up()
        assert c.lines[:7] == ["mkdir: ok", "put: ok", "put: ok", "put: ok", "fork: 2 EAGAIN",
                               "put: EACCES", "cgroup: 20"], c.lines
        c.delete("--force").ok
        assert not os.path.exists(host.CGROUP + c.cgroup)


@needs("userns")
def test_the_files_that_the_kernel_lists_are_handed_over_and_no_other():
    "to the host's id of the container's user; a listed file that is not there is passed over"
    listed = set(host.read("/sys/kernel/cgroup/delegate").split())
    for uid in (0, 1000):
        with container(delegated(uid=uid)) as c:
            there = {name for name in listed if os.path.exists(f"{host.CGROUP}{c.cgroup}/{name}")}
            assert owners(c) == {name: OWNER + uid for name in there | {"."}}
    wish = os.path.join(current().tmp, "delegate")
    put(wish, "cgroup.procs\nno.such.file\n")
    with host.mounted(wish, "/sys/kernel/cgroup/delegate", None, host.MS_BIND), \
            container(delegated()) as c:
        assert owners(c) == {".": OWNER, "cgroup.procs": OWNER}


@needs("userns")
def test_without_a_list_the_three_files_of_old_are_handed_over():
    "/sys/kernel/cgroup/delegate is not there"
    with host.mounted("tmpfs", "/sys/kernel/cgroup", "tmpfs"), container(delegated()) as c:
        assert owners(c) == {name: OWNER for name in (
            ".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads")}


@needs("userns")
def test_a_cgroup_is_handed_over_only_where_it_is_the_containers_own():
    "not when it is mounted read-only, nor without a cgroup namespace"
    with container(delegated(("ro", "nosuid", "nodev", "noexec"))) as c:
        assert owners(c) == {}
    shared = delegated()
    shared.doc["linux"]["namespaces"] = [one for one in shared.doc["linux"]["namespaces"]
                                         if one["type"] != "cgroup"]
    with container(shared) as c:
        assert owners(c) == {}
