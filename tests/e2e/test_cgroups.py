# SPDX-License-Identifier: Apache-2.0
"""cgroupsPath and linux.resources on cgroup v2."""

import os

from deck import (Container, caps, cgroup_files, config, container, controllers, current, host,
                  host_unchanged, needs, rt, run, skip, until)


def resources(**members):
    return config(linux={"resources": members})


def test_the_process_is_in_the_cgroup_of_the_config():
    "an absolute cgroupsPath is below the mount, missing directories are made"
    test = current()
    path = f"{test.cgroup}/deep/er/{test.next_id()}"
    c = Container(config(linux={"cgroupsPath": path}))
    c.create().ok
    with open(f"/proc/{c.pid}/cgroup", encoding="ascii") as text:
        assert f"0::{path}\n" in text.read()
    assert cgroup_files(path)("cgroup.procs") == str(c.pid)
    c.delete("--force").ok
    assert not os.path.exists(host.CGROUP + path)
    for part in (f"{test.cgroup}/deep/er", f"{test.cgroup}/deep"):
        if os.path.exists(host.CGROUP + part):
            os.rmdir(host.CGROUP + part)


def cgroup_of(box):
    with open(f"/proc/{box.pid}/cgroup", encoding="ascii") as text:
        return next(line[3:] for line in text.read().splitlines() if line.startswith("0::"))


def prune(path):
    """Removes empty cgroups from here upwards, as far as nobody else uses them."""
    while path not in ("/", current().cgroup):
        try:
            os.rmdir(host.CGROUP + path)
        except FileNotFoundError:
            pass
        except OSError:
            return
        path = os.path.dirname(path)


def test_without_a_path_the_cgroup_is_named_after_the_container():
    "absent: a place of the runtime's choice, removed by delete"
    c = config()
    c.cgroups_path_set = True
    box = Container(c)
    box.create().ok
    path = cgroup_of(box)
    box.delete("--force").ok
    left = os.path.exists(host.CGROUP + path)
    prune(path)
    assert path.endswith(box.name) and not left


def test_a_relative_path_always_means_the_same_place():
    "and ends with what the config says"
    seen = set()
    for _ in range(2):
        box = Container(config(linux={"cgroupsPath": f"rel/{current().prefix}"}))
        box.create().ok
        seen.add(cgroup_of(box))
        box.delete("--force").ok
    path = seen.pop()
    prune(path)
    assert not seen and path.endswith(f"/rel/{current().prefix}")


def test_a_cgroup_has_all_controllers_of_the_host():
    "limits or not: engines read what it uses, and what runs inside may divide what it has"
    with container(config(), "wait") as c:
        c.up()
        assert controllers() and c.file("cgroup.controllers").split() == controllers()


def test_paths_that_leave_the_hierarchy_are_refused():
    "dot dot, however deep"
    test = current()
    for path in ("../../x", "/../x", f"{test.cgroup}/a/../../../../x", "a/../../../../../b"):
        box = Container(config(linux={"cgroupsPath": path}))
        made = box.create()
        if made.rc == 0:
            # Cleaned like an absolute path: then it must still be inside the hierarchy.
            where = cgroup_of(box)
            box.delete("--force").ok
            left = os.path.exists(host.CGROUP + where)
            prune(where)
            assert ".." not in where and not left


def test_a_cgroup_that_has_processes_is_refused():
    "another container's, with the number of processes in the message"
    with container(config()) as c:
        other = Container(config(linux={"cgroupsPath": c.cgroup}))
        other.create().fails("cgroup is not empty", rc=1)
        assert c.status == "created"


def test_a_frozen_cgroup_is_refused():
    "a container born there would never run"
    test = current()
    path = f"{test.cgroup}/frozen"
    os.mkdir(host.CGROUP + path)
    with open(f"{host.CGROUP}{path}/cgroup.freeze", "w", encoding="ascii") as out:
        out.write("1")
    made = Container(config(linux={"cgroupsPath": path})).create()
    made.fails("frozen", rc=1)
    assert made.seconds < 10
    if os.path.exists(host.CGROUP + path):
        os.rmdir(host.CGROUP + path)


def test_delete_removes_cgroups_that_the_container_made():
    "children of the own cgroup go too"
    cap = caps(*[["SYS_ADMIN"]] * 3)
    c = config(process={"capabilities": cap})
    c.doc["mounts"][-1]["options"] = ["rw"]
    with container(c, "mkdir /sys/fs/cgroup/child; mkdir /sys/fs/cgroup/child/deep; wait") as box:
        box.up()
        assert box.lines[:2] == ["mkdir: ok", "mkdir: ok"]
        assert os.path.exists(f"{host.CGROUP}{box.cgroup}/child/deep")
        box.delete("--force").ok
        assert not os.path.exists(host.CGROUP + box.cgroup)


def test_the_cgroup_namespace_root_is_the_own_cgroup():
    "/proc/self/cgroup says / inside"
    assert "0::/" in run(config(), "cgroup").ok.values("cgroup")


# ---- devices -----------------------------------------------------------------------------------

ALL_CAPS = caps(*[["MKNOD", "DAC_OVERRIDE"]] * 3)


def device_rules(*rules):
    return config(linux={"resources": {"devices": list(rules)}},
                  process={"capabilities": ALL_CAPS},
                  base_mounts=None)


def allow(access, kind="a", major=None, minor=None, yes=True):
    made = {"allow": yes, "access": access}
    if kind is not None:
        made["type"] = kind
    if major is not None:
        made["major"] = major
    if minor is not None:
        made["minor"] = minor
    return made


DENY_ALL = allow("rwm", yes=False)


def test_a_device_that_is_not_allowed_cannot_be_opened_or_made():
    "deny all, then the default devices only: a disk, /dev/mem and /dev/kmsg are refused"
    c = config(linux={"resources": {"devices": [DENY_ALL]},
                      "devices": [{"path": "/dev/disk", "type": "b", "major": 8, "minor": 0},
                                  {"path": "/dev/mem", "type": "c", "major": 1, "minor": 1},
                                  {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}]},
               process={"capabilities": ALL_CAPS})
    with run(c, "open /dev/disk r; open /dev/mem r; open /dev/kmsg r; open /dev/null rw; "
                "open /dev/urandom r; open /dev/ptmx rw") as r:
        assert r.ok.lines == ["open: EPERM"] * 3 + ["open: ok"] * 3


def test_without_device_rules_everything_but_the_defaults_is_denied():
    "no resources at all is no hole"
    c = config(linux={"devices": [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}],
                      "resources": {"devices": []}},
               process={"capabilities": ALL_CAPS})
    with run(c, "open /dev/null rw; try mknod b 8 0; open /dev/zero r") as r:
        assert r.ok.lines[0] == "open: ok" and r.lines[2] == "open: ok"


def test_a_rule_allows_exactly_its_letters():
    "r, w, m alone and together, on a device that no default covers"
    for access in ("r", "w", "rw", "rwm", "m"):
        c = config(linux={"resources": {"devices": [DENY_ALL, allow(access, "c", 1, 11)]},
                          "devices": [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}]},
                   process={"capabilities": caps(*[["MKNOD", "DAC_OVERRIDE", "SYSLOG",
                                                    "SYS_ADMIN"]] * 3)})
        with run(c, "open /dev/kmsg r,nonblock; open /dev/kmsg w") as r:
            assert [line == "open: ok" for line in r.ok.lines] == ["r" in access, "w" in access], \
                (access, r.lines)


def test_rules_are_applied_in_order():
    "the last one that matches counts"
    for rules, shown in (([DENY_ALL, allow("rwm", "c", 1, 11), allow("w", "c", 1, 11, False)],
                          ["open: ok", "open: EPERM"]),
                         ([allow("rwm", "c", 1, 11), DENY_ALL], ["open: EPERM", "open: EPERM"]),
                         ([DENY_ALL, allow("rwm", "c", 1)], ["open: ok", "open: ok"]),
                         ([DENY_ALL, allow("rwm", "c", -1, -1)], ["open: ok", "open: ok"]),
                         ([DENY_ALL, allow("rwm", "b", 1, 11)], ["open: EPERM", "open: EPERM"])):
        c = config(linux={"resources": {"devices": rules},
                          "devices": [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}]},
                   process={"capabilities": caps(*[["MKNOD", "DAC_OVERRIDE", "SYSLOG",
                                                    "SYS_ADMIN"]] * 3)})
        assert run(c, "open /dev/kmsg r,nonblock; open /dev/kmsg w").ok.lines == shown, rules


def test_bad_device_rules_are_refused():
    "an unknown letter or type, a number that is none"
    for bad in (allow("q"), allow("rwx", "c", 1, 3), allow("r", "z", 1, 3),
                {"allow": "yes", "access": "r"}, allow("r", "c", "1", 3)):
        run(resources(devices=[bad]), "exit 0").fails("(?i)device")


def test_exec_is_under_the_device_rules():
    "a second program cannot open more"
    c = config(linux={"resources": {"devices": [DENY_ALL]},
                      "devices": [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}]},
               process={"capabilities": ALL_CAPS})
    with container(c) as box:
        box.up()
        assert box.exec("open /dev/kmsg r").ok.lines == ["open: EPERM"]


# ---- controllers -------------------------------------------------------------------------------


@needs("pids")
def test_the_pids_limit_is_written_and_holds():
    "pids.max, and a fork beyond it fails"
    with container(resources(pids={"limit": 5}), "fork 10; wait") as c:
        c.up()
        assert c.file("pids.max") == "5"
        assert c.value("fork") == "4 EAGAIN"


@needs("pids")
def test_pids_limits_zero_and_minus_one():
    "-1 is max; 0 is a real limit, written as 1, but before version 1.3 it was none"
    for version, limit, shown in (("1.3.0", -1, "max"), ("1.3.0", 0, "1"), ("1.3.0", 1, "1"),
                                  ("1.2.1", 0, "max"), ("1.0.2-dev", 0, "max")):
        with container(config(linux={"resources": {"pids": {"limit": limit}}},
                              ociVersion=version)) as c:
            assert c.file("pids.max") == shown


@needs("memory")
def test_memory_limits_are_written():
    "limit, reservation, swap as memory+swap"
    with container(resources(memory={"limit": 64 << 20, "reservation": 32 << 20,
                                     "swap": 96 << 20})) as c:
        assert c.file("memory.max") == str(64 << 20)
        assert c.file("memory.low") == str(32 << 20)
        assert c.file("memory.swap.max") == str(32 << 20)
    with container(resources(memory={"limit": 64 << 20, "swap": 64 << 20})) as c:
        assert c.file("memory.swap.max") == "0"
    with container(resources(memory={"limit": -1})) as c:
        assert c.file("memory.max") == "max"


@needs("memory")
def test_the_memory_limit_holds():
    "a program that takes more is killed"
    with run(resources(memory={"limit": 16 << 20, "swap": 16 << 20}), "hog 64") as r:
        assert r.rc == 137, r


@needs("memory")
def test_swap_without_a_limit_is_refused():
    "and swap below the limit"
    run(resources(memory={"swap": 1 << 26}), "exit 0").fails("(?i)swap")
    run(resources(memory={"limit": 1 << 27, "swap": 1 << 26}), "exit 0").fails("(?i)swap")


@needs("memory")
def test_a_small_container_starts_in_a_megabyte():
    "the runtime's own work is not charged beyond that"
    with run(resources(memory={"limit": 1 << 20}), "echo ok") as r:
        assert r.ok.lines == ["ok"]


@needs("cpu")
def test_cpu_limits_are_written():
    "shares as weight, quota and period, burst, idle"
    for shares, weight in ((2, "1"), (1024, "100"), (262144, "10000")):
        with container(resources(cpu={"shares": shares})) as c:
            assert c.file("cpu.weight") == weight
    with container(resources(cpu={"quota": 50000, "period": 200000})) as c:
        assert c.file("cpu.max") == "50000 200000"
    with container(resources(cpu={"quota": -1})) as c:
        assert c.file("cpu.max") == "max 100000"
    with container(resources(cpu={"quota": 50000, "period": 100000, "burst": 20000})) as c:
        assert c.file("cpu.max.burst") == "20000"
    with container(resources(cpu={"idle": 1})) as c:
        assert c.file("cpu.idle") == "1"


@needs("cpu")
def test_a_quota_that_the_kernel_refuses_says_what_it_takes():
    "too short a quota, too long a period"
    for cpu in ({"quota": 999}, {"quota": 100000, "period": 1000001}):
        run(resources(cpu=cpu), "exit 0").fails("a period from 1000 to 1000000 microseconds", rc=1)


@needs("cpuset")
def test_cpusets_are_written():
    "cpus and mems"
    with container(resources(cpu={"cpus": "0", "mems": "0"}), "affinity; wait") as c:
        c.up()
        assert c.file("cpuset.cpus") == "0" and c.file("cpuset.mems") == "0"
        assert c.value("affinity") == "0"


@needs("io")
def test_io_weight_is_written():
    "weight 10-1000 as io.weight or io.bfq.weight"
    with container(resources(blockIO={"weight": 500})) as c:
        path = f"{host.CGROUP}{c.cgroup}"
        if os.path.exists(path + "/io.bfq.weight"):
            assert c.file("io.bfq.weight").split()[-1] == "500"
        elif os.path.exists(path + "/io.weight"):
            assert c.file("io.weight").split()[-1] == str(1 + (500 - 10) * 9999 // 990)
        else:
            skip("this kernel has no io weight")


@needs("io")
def test_a_weight_of_a_device_without_bfq_says_so():
    "only that scheduler knows weights of its own for a device"
    disk = os.path.basename(os.environ.get("ORLOP_TEST_DISK", ""))
    queue = f"/sys/block/{disk}/queue/scheduler"
    if not disk or "[bfq]" in host.read(queue) or "io.bfq.weight" not in os.listdir(
            f"{host.CGROUP}{current().cgroup}"):
        skip("no disk without BFQ beside BFQ")
    major, minor = map(int, host.read(f"/sys/block/{disk}/dev").split(":"))
    weight = {"major": major, "minor": minor, "weight": 100}
    run(resources(blockIO={"weightDevice": [weight]}), "exit 0").fails("is not BFQ", rc=1)


@needs("io")
def test_io_throttling_is_written():
    "rbps, wbps, riops, wiops of one device in io.max"
    with open("/proc/partitions", encoding="ascii") as text:
        disks = [line.split()[:2] for line in text.read().splitlines()[2:]
                 if line.split() and line.split()[3].startswith(("vd", "sd", "nvme"))]
    if not disks:
        skip("no disk")
    major, minor = map(int, disks[0])
    rate = {"major": major, "minor": minor}
    with container(resources(blockIO={
            "throttleReadBpsDevice": [dict(rate, rate=1048576)],
            "throttleWriteBpsDevice": [dict(rate, rate=2097152)],
            "throttleReadIOPSDevice": [dict(rate, rate=100)],
            "throttleWriteIOPSDevice": [dict(rate, rate=200)]})) as c:
        assert c.file("io.max") == (f"{major}:{minor} rbps=1048576 wbps=2097152 riops=100 "
                                    "wiops=200")


@needs("hugetlb")
def test_hugepage_limits_are_written():
    "2MB pages; a size that the kernel does not have is an error"
    with container(resources(hugepageLimits=[{"pageSize": "2MB", "limit": 4194304}])) as c:
        path = f"{host.CGROUP}{c.cgroup}"
        names = [name for name in ("hugetlb.2MB.rsvd.max", "hugetlb.2MB.max")
                 if os.path.exists(f"{path}/{name}")]
        assert "4194304" in [c.file(name) for name in names]
    run(resources(hugepageLimits=[{"pageSize": "3MB", "limit": 1}]), "exit 0").fails("3MB")
    run(resources(hugepageLimits=[{"pageSize": "64kB", "limit": 1}]), "exit 0").fails("64kB")


@needs("hugetlb")
def test_unified_files_are_written():
    "any file of the cgroup, by name"
    with container(resources(unified={"hugetlb.2MB.max": "8388608"})) as c:
        assert c.file("hugetlb.2MB.max") == "8388608"


def test_unified_files_of_the_core_are_written():
    "cgroup.max.depth needs no controller"
    with container(resources(unified={"cgroup.max.depth": "3"})) as c:
        assert c.file("cgroup.max.depth") == "3"


def test_unified_files_that_are_not_there_are_an_error():
    "with the name; a name with a slash is refused"
    run(resources(unified={"bogus.max": "1"}), "exit 0").fails("bogus.max")
    for key in ("../cgroup.freeze", "a/b", "", "..", "/cgroup.freeze"):
        run(resources(unified={key: "1"}), "exit 0").fails("(?i)unified")


def test_a_controller_that_is_not_there_is_named():
    "a limit that cannot be written is an error, not silence"
    have = controllers(current().cgroup)
    cases = {"pids": {"pids": {"limit": 5}}, "memory": {"memory": {"limit": 1 << 26}},
             "cpu": {"cpu": {"shares": 512}}, "io": {"blockIO": {"weight": 500}},
             "cpuset": {"cpu": {"cpus": "0"}}, "rdma": {"rdma": {"mlx5_1": {"hcaHandles": 3}}}}
    absent = [name for name in cases if name not in have]
    if not absent:
        skip("every controller is here")
    for name in absent:
        run(config(linux={"resources": cases[name]}), "exit 0").fails(name)


def test_what_exists_only_in_v1_is_refused():
    "network class and priorities, kernel memory, swappiness, real time, oom killer, leaf weight"
    for members in ({"network": {"classID": 1}},
                    {"network": {"priorities": [{"name": "lo", "priority": 1}]}},
                    {"memory": {"swappiness": 60}}, {"memory": {"kernel": 1 << 26}},
                    {"memory": {"kernelTCP": 1 << 26}}, {"memory": {"disableOOMKiller": True}},
                    {"cpu": {"realtimeRuntime": 1000}}, {"cpu": {"realtimePeriod": 1000}},
                    {"blockIO": {"leafWeight": 100}}):
        kind, = members
        name, = members[kind]
        run(config(linux={"resources": members}), "exit 0").fails(
            f"linux.resources.{kind}.{name}: exists in cgroup v1 only", rc=1)


def test_failed_limits_leave_no_cgroup():
    "the directory is gone, its parent too if it was made"
    test = current()
    # A file that is not there is known before; what is no number, the kernel says.
    for unified, words in (({"bogus.max": "1"}, "bogus.max"),
                           ({"cgroup.max.depth": "many"}, "cgroup.max.depth")):
        path = f"{test.cgroup}/new/{test.next_id()}"
        Container(config(linux={"cgroupsPath": path, "resources": {"unified": unified}})
                  ).create().fails(words, rc=1)
        assert not os.path.exists(host.CGROUP + path), words
        assert not os.path.exists(f"{host.CGROUP}{test.cgroup}/new"), words


def test_a_fork_bomb_is_killed():
    "delete --force empties the cgroup however many there are"
    with container(config(), "fork 300; wait") as c:
        c.start().ok
        until(lambda: "wait: ready" in c.out, 10)
        c.delete("--force").ok
        assert not os.path.exists(host.CGROUP + c.cgroup)


def test_state_works_when_the_cgroup_is_gone():
    "somebody removed it behind our back after the end: state says stopped, delete succeeds"
    with container(config(), "exit 0") as c:
        c.start().ok
        c.wait_status("stopped")
        os.rmdir(host.CGROUP + c.cgroup)
        assert c.status == "stopped"
        rt("delete", c.name).ok


def test_a_container_that_was_moved_can_be_entered():
    "its group is gone: exec goes where the first process is, what needs the group names it"
    with container(config()) as c:
        c.up()
        other = f"{current().cgroup}/{c.name}-elsewhere"
        os.mkdir(host.CGROUP + other)
        with open(f"{host.CGROUP}{other}/cgroup.procs", "w", encoding="ascii") as procs:
            procs.write(str(c.pid))
        until(lambda: "populated 0" in host.read(f"{host.CGROUP}{c.cgroup}/cgroup.events"), 10)
        os.rmdir(host.CGROUP + c.cgroup)
        c.exec("echo here").ok
        c.rt("exec", "--cgroup", "/", c.name, "/bin/probe", "echo").fails("no such file")
        for command in (("ps",), ("pause",), ("update", "--cpu-share", "99")):
            said = c.rt(*command, c.name).fails("no such file", rc=1)
            assert said.err.splitlines()[-1].count(c.cgroup) == 1, said.err
        c.delete("--force").ok
        until(lambda: "populated 0" in host.read(f"{host.CGROUP}{other}/cgroup.events"), 10)
        os.rmdir(host.CGROUP + other)


@needs("memory")
def test_a_memory_limit_that_lets_nobody_be_born_is_named():
    "not only that there was no memory"
    run(resources(memory={"limit": 1}), "exit 0").fails("memory limit too low", rc=1)


def test_v1_members_that_say_nothing_are_taken():
    "disableOOMKiller false is what Docker always sends"
    run(resources(memory={"disableOOMKiller": False}, network={}, blockIO={}, cpu={}), "exit 0").ok


def test_resctrl_is_needed_for_intel_rdt():
    "where it is not mounted the member is an error, and nothing is left"
    if os.path.exists("/sys/fs/resctrl/schemata"):
        skip("resctrl is mounted here")
    with host_unchanged():
        run(config(linux={"intelRdt": {"l3CacheSchema": "L3:0=f"}}), "exit 0").fails(
            "linux.intelRdt: resctrl is not mounted", rc=1)


@needs("resctrl")
def test_resctrl_group_lives_as_long_as_the_container():
    "named by the container's id; its process and exec are in it; delete removes it"
    with container(config(linux={"intelRdt": {"enableMonitoring": True}}), "wait") as c:
        c.up()
        group = f"/sys/fs/resctrl/{c.name}"
        for tasks in (f"{group}/tasks", f"{group}/mon_groups/{c.name}/tasks"):
            assert str(c.pid) in host.read(tasks).split()
    assert not os.path.exists(group)
