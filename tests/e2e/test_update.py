# SPDX-License-Identifier: Apache-2.0
"""update: other limits for a container that exists."""

import json
import os

from deck import (Container, config, container, controllers, current, host, needs, rt,
                  runtime_kind, skip)

MIB = 1 << 20


def resources(**members):
    return config(linux={"resources": members})


def update(box, *flags, document=None):
    """By options, or by a document on standard input."""
    if document is None:
        return box.rt("update", *flags, box.name)
    return box.rt("update", *flags, "--resources", "-", box.name, stdin=json.dumps(document))


def stored(box):
    """What orlop keeps beside config.json."""
    return json.loads(host.read(os.path.join(current().root, box.name, "resources.json")))


# ---- what needs no controller ------------------------------------------------------------------


def test_update_writes_unified_files():
    "one that is said changes, one that is not stays; options after the id are options"
    with container(resources(unified={"cgroup.max.depth": "5"})) as c:
        update(c, document={"unified": {"cgroup.max.descendants": "7"}}).ok
        assert (c.file("cgroup.max.depth"), c.file("cgroup.max.descendants")) == ("5", "7")
        c.rt("update", c.name, "--resources=-",
             stdin='{"unified": {"cgroup.max.depth": "max"}}').ok
        assert (c.file("cgroup.max.depth"), c.file("cgroup.max.descendants")) == ("max", "7")


def test_update_takes_a_file_and_nothing_beside_it():
    "the other options are ignored, as bad as they are"
    path = os.path.join(current().tmp, "limits.json")
    with open(path, "w", encoding="ascii") as out:
        out.write('{"unified": {"cgroup.max.depth": "3"}}')
    with container(config()) as c:
        update(c, "--resources", path, "--memory", "1", "--pids-limit", "1").ok
        assert c.file("cgroup.max.depth") == "3"
        update(c, "-r", path + ".absent").fails("no such file", rc=1)
        update(c, "-r", os.path.dirname(path)).fails("director", rc=1)


def test_update_with_nothing_changes_nothing():
    "engines send {} and deny-all device rules with every update"
    kmsg = {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}
    allow = {"allow": True, "access": "rwm", "type": "c", "major": 1, "minor": 11}
    with container(config(linux={"devices": [kmsg], "resources": {"devices": [allow]}},
                          process={"capabilities": {"bounding": ["CAP_SYSLOG"],
                                                    "effective": ["CAP_SYSLOG"],
                                                    "permitted": ["CAP_SYSLOG"]}})) as c:
        c.up()
        before = c.exec("open /dev/kmsg r,nonblock; open /dev/null rw").ok.lines
        update(c).ok
        update(c, document={}).ok
        update(c, document={"devices": [{"allow": False, "access": "rwm"}],
                            "pids": {"limit": 0}}).ok
        assert c.exec("open /dev/kmsg r,nonblock; open /dev/null rw").ok.lines == before
        assert before == ["open: ok", "open: ok"]


def test_update_refuses_documents_that_are_wrong():
    "with the place in the document; nothing is changed"
    if runtime_kind() == "runc":
        skip("runc takes half of these")
    with container(config()) as c:
        for text, said in (("", "empty"), ("{", "end"), ("[]", "object"), ("{} {}", ":1"),
                           ('{"unified": {"cgroup.max.depth": 3}}', "unified"),
                           ('{"pids": {"limit": 1}, "pids": {"limit": 2}}', "twice"),
                           ('{"memory": {"limit": "1G"}}', "memory.limit"),
                           ('{"cpu": {"shares": -1}}', "cpu.shares"),
                           ('{"unified": {"../cgroup.freeze": "1"}}', "unified"),
                           ('{"unified": {"cgroup.freeze": "1"}}', "cgroup.freeze"),
                           ('{"unified": {"cgroup.max.depth": "3"}} ' + " " * MIB, "1 MiB")):
            c.rt("update", "-r", "-", c.name, stdin=text).fails(said, rc=1)
        assert c.file("cgroup.max.depth") == "max"


def test_update_refuses_options_that_are_wrong():
    "and what cgroup v2 does not have"
    with container(config()) as c:
        for flags in (("--memory", "12Q"), ("--memory-swap", "x"), ("--cpu-period", "-1"),
                      ("--cpu-quota", "1.5"), ("--pids-limit", "many"), ("--cpu-idle", "5"),
                      ("--l3-cache-schema", "L3:0=f\nMB:0=1"), ("--mem-bw-schema", "0=20")):
            update(c, *flags).fails(flags[0].strip("-")[:3], rc=1)
        if runtime_kind() == "orlop":
            update(c, "--cpu-rt-period", "1000000").fails("cgroup v1 only", rc=1)
            update(c, "--cpu-rt-runtime", "5").fails("cgroup v1 only", rc=1)
        update(c, "--cpu-rt-period", "0", "--cpu-rt-runtime", "0").ok
        warned = update(c, "--kernel-memory", "1G", "--kernel-memory-tcp", "1G").ok
        assert "--kernel-memory " in warned.err and "--kernel-memory-tcp " in warned.err


def test_update_of_resctrl_needs_resctrl():
    "what was written before it is taken back; tests/unit/test_resctrl.c has the rest"
    if os.path.exists("/sys/fs/resctrl/schemata"):
        skip("resctrl is mounted here")
    with container(resources(unified={"cgroup.max.depth": "5"})) as c:
        for flags in (("--l3-cache-schema", "L3:0=f"), ("--mem-bw-schema", "MB:0=20")):
            update(c, *flags, document={"unified": {"cgroup.max.depth": "7"}}).fails(
                "resctrl is not mounted", rc=1)
            assert c.file("cgroup.max.depth") == "5"


def test_update_of_resctrl_waits_for_no_release():
    "in quarantine it is refused, with all that was said beside it"
    if runtime_kind() != "orlop":
        skip("a quarantine")
    with container(config()) as c:
        c.up()
        c.rt("quarantine", c.name)
        update(c, "--mem-bw-schema", "MB:0=20", document={"unified": {"cgroup.max.depth": "7"}}) \
            .fails("it is in quarantine", rc=4)
        assert not os.path.exists(os.path.join(current().root, c.name, "pending.json"))
        c.rt("release", c.name).ok


@needs("resctrl")
def test_update_makes_a_group_that_delete_removes():
    "everybody who is in the container is in it, and whoever comes by exec"
    with container(config()) as c:
        c.up()
        with open("/sys/fs/resctrl/schemata", encoding="ascii") as f:
            line = next(one.strip() for one in f if "L3:" in one)
        update(c, "--l3-cache-schema", line).ok
        group = f"/sys/fs/resctrl/{c.name}"
        assert str(c.pid) in host.read(f"{group}/tasks").split()
        c.exec("exit 0").ok
    assert not os.path.exists(group)


def test_update_of_what_does_not_run():
    "absent, stopped; created is fine"
    rt("update", "nobody-here").fails("does not exist", rc=1)
    with container(config(), "exit 0") as c:
        update(c, document={"unified": {"cgroup.max.depth": "3"}}).ok
        assert c.status == "created"
        c.start().ok
        c.wait_status("stopped")
        update(c, document={"unified": {"cgroup.max.depth": "4"}}).fails("container not running",
                                                                        rc=1)


def test_update_names_a_controller_that_is_not_there():
    "and takes back what was written before it"
    have = controllers(current().cgroup)
    cases = {"memory": {"memory": {"limit": 1 << 26}}, "cpu": {"cpu": {"shares": 512}},
             "pids": {"pids": {"limit": 5}}, "io": {"blockIO": {"weight": 500}},
             "rdma": {"rdma": {"mlx5_1": {"hcaHandles": 3}}}}
    absent = [name for name in cases if name not in have]
    if not absent:
        skip("every controller is here")
    with container(config()) as c:
        for name in absent:
            update(c, document=cases[name]).fails(name, rc=1)


def test_a_refused_update_is_taken_back():
    "a file that the kernel refuses, after one that it took"
    with container(resources(unified={"cgroup.max.depth": "5"})) as c:
        update(c, document={"unified": {"cgroup.max.depth": "6",
                                        "cgroup.max.descendants": "nonsense"}}) \
            .fails("cgroup.max.descendants", rc=1)
        assert (c.file("cgroup.max.depth"), c.file("cgroup.max.descendants")) == ("5", "max")
        update(c, document={"unified": {"cgroup.max.depth": "6", "bogus.max": "1"}}) \
            .fails("bogus.max", rc=1)
        assert c.file("cgroup.max.depth") == "5"


def test_update_leaves_a_paused_container_paused():
    "and exec and state work after it"
    with container(config()) as c:
        c.up()
        c.pause().ok
        update(c, document={"unified": {"cgroup.max.depth": "3"}}).ok
        assert c.status == "paused" and c.file("cgroup.max.depth") == "3"
        assert c.file("cgroup.freeze") == "1"
        c.resume().ok
        assert c.exec("echo ok").ok.lines == ["ok"] and c.status == "running"


def test_updates_are_stored_and_the_configuration_is_kept():
    "resources.json has what holds, config.json what was asked for at create"
    if runtime_kind() != "orlop":
        skip("how orlop stores it")
    rule = {"allow": False, "access": "rwm"}
    with container(resources(devices=[rule], unified={"cgroup.max.depth": "5"})) as c:
        where = os.path.join(current().root, c.name)
        before = host.read(where + "/config.json")
        assert not os.path.exists(where + "/resources.json")
        update(c, document={"unified": {"cgroup.max.descendants": "7"}}).ok
        assert stored(c) == {"devices": [{"allow": False, "type": "a", "access": "rwm"}],
                             "unified": {"cgroup.max.depth": "5", "cgroup.max.descendants": "7"}}
        assert os.stat(where + "/resources.json").st_mode & 0o7777 == 0o600
        update(c, document={"unified": {"cgroup.max.depth": "6", "bogus.max": "1"}}).fails()
        assert stored(c)["unified"]["cgroup.max.depth"] == "5"
        assert host.read(where + "/config.json") == before
        c.up()
        assert c.exec("echo ok").ok.lines == ["ok"]
        c.delete("--force").ok
        assert not os.path.exists(where)


def test_a_stored_update_that_was_damaged_is_an_error():
    "exec does not go on with half of the limits; delete does"
    if runtime_kind() != "orlop":
        skip("how orlop stores it")
    with container(config()) as c:
        c.up()
        path = os.path.join(current().root, c.name, "resources.json")
        with open(path, "w", encoding="ascii") as out:
            out.write('{"pids": {"limit": ')
        c.exec("echo ok").fails("resources.json")
        update(c, document={}).fails("resources.json")
        assert c.status == "running"


def test_an_update_that_cannot_be_stored_is_taken_back():
    "no room for the file: the limits are as before"
    if runtime_kind() != "orlop":
        skip("how orlop stores it")
    with container(resources(unified={"cgroup.max.depth": "5"})) as c:
        # The kernel takes blanks behind a number; files may not become larger than 2048 bytes.
        long = json.dumps({"unified": {"cgroup.max.depth": "6" + " " * 3000}})
        small = ("sh", "-c", 'trap "" XFSZ; ulimit -f 4; exec "$@"', "sh")
        c.rt("update", "-r", "-", c.name, stdin=long, wrap=small).fails("resources.json", rc=1)
        assert c.file("cgroup.max.depth") == "5"
        assert not os.path.exists(os.path.join(current().root, c.name, "resources.json"))
        c.rt("update", "-r", "-", c.name, stdin=long).ok
        assert c.file("cgroup.max.depth") == "6"


def test_a_container_without_a_cgroup_cannot_be_updated():
    "which is said"
    if runtime_kind() == "runc":
        skip("runc always makes one")
    c = Container(config(), front=("--cgroup-manager", "disabled"))
    with c:
        update(c, document={"unified": {"cgroup.max.depth": "6"}}).fails("cgroup", rc=1)


def test_an_update_that_limits_nothing_needs_no_cgroup():
    "Podman makes one for --restart, --ulimit and checks of health"
    c = Container(config(), front=("--cgroup-manager", "disabled"))
    with c:
        update(c, document={"devices": [{"allow": False, "access": "rwm"}]}).ok
        update(c, document={}).ok


# ---- controllers -------------------------------------------------------------------------------


@needs("memory", "pids", "cpu", "cpuset")
def test_every_option_of_update_is_written():
    "sizes with units, and all at once"
    with container(config()) as c:
        update(c, "--memory", "64M", "--memory-swap", "96m", "--memory-reservation", "32MiB",
               "--pids-limit", "20", "--cpu-share", "512", "--cpu-quota", "50000",
               "--cpu-period", "200000", "--cpuset-cpus", "0", "--cpuset-mems", "0").ok
        assert {name: c.file(name) for name in (
            "memory.max", "memory.swap.max", "memory.low", "pids.max", "cpu.weight", "cpu.max",
            "cpuset.cpus", "cpuset.mems")} == {
                "memory.max": str(64 * MIB), "memory.swap.max": str(32 * MIB),
                "memory.low": str(32 * MIB), "pids.max": "20", "cpu.weight": "59",
                "cpu.max": "50000 200000", "cpuset.cpus": "0", "cpuset.mems": "0"}
        update(c, "--pids-limit", "-1").ok
        assert c.file("pids.max") == "max" and c.file("memory.max") == str(64 * MIB)


@needs("memory", "cpu", "pids")
def test_what_engines_send_is_written():
    "the documents of containerd and podman, deny-all included"
    deny = [{"allow": False, "access": "rwm"}]
    with container(resources(pids={"limit": 9})) as c:
        update(c, document={"devices": deny, "memory": {"limit": 64 * MIB, "swap": 64 * MIB},
                            "cpu": {"shares": 512}, "pids": {"limit": 0}}).ok
        assert (c.file("memory.max"), c.file("memory.swap.max")) == (str(64 * MIB), "0")
        assert (c.file("cpu.weight"), c.file("pids.max")) == ("59", "9")
        update(c, document={"devices": deny, "memory": {"limit": 128 * MIB, "swap": 256 * MIB},
                            "pids": {"limit": 2048}}).ok
        assert (c.file("memory.max"), c.file("memory.swap.max")) == (str(128 * MIB),
                                                                     str(128 * MIB))
        assert c.file("pids.max") == "2048"


@needs("memory")
def test_memory_without_limit_is_swap_without_limit():
    "--memory -1; and swap alone is counted with the limit that is there"
    with container(resources(memory={"limit": 64 * MIB, "swap": 96 * MIB})) as c:
        if runtime_kind() == "orlop":
            update(c, "--memory-swap", "80M").ok
            assert (c.file("memory.max"), c.file("memory.swap.max")) == (str(64 * MIB),
                                                                         str(16 * MIB))
        update(c, "--memory", "-1").ok
        assert (c.file("memory.max"), c.file("memory.swap.max")) == ("max", "max")
        update(c, "--memory-swap", "50M").fails("unable to set swap limit without memory limit")


@needs("memory")
def test_memory_and_swap_together_stay_what_they_were():
    "beside a new limit for memory, which cannot be above that"
    with container(resources(memory={"limit": 64 * MIB, "swap": 96 * MIB})) as c:
        update(c, "--memory", "32M").ok
        assert (c.file("memory.max"), c.file("memory.swap.max")) == (str(32 * MIB), str(64 * MIB))
        update(c, document={"memory": {"limit": 96 * MIB}}).ok
        assert (c.file("memory.max"), c.file("memory.swap.max")) == (str(96 * MIB), "0")
        update(c, "--memory", "97M").fails(r"memory\+swap limit should be >= memory limit", rc=1)
        assert (c.file("memory.max"), c.file("memory.swap.max")) == (str(96 * MIB), "0")
        if runtime_kind() == "orlop":
            assert stored(c)["memory"] == {"limit": 96 * MIB, "swap": 96 * MIB}
    swap = {"memory.swap.max": "0"}
    with container(resources(memory={"limit": 64 * MIB, "swap": 96 * MIB}, unified=swap)) as c:
        update(c, "--memory", "32M").ok
        assert (c.file("memory.max"), c.file("memory.swap.max")) == (str(32 * MIB), "0")


@needs("memory")
def test_check_before_update():
    "a limit below what is in use is refused, in the document or the configuration"
    with container(resources(memory={"limit": 64 * MIB}), "hog 20; wait") as c:
        c.up()
        usage = int(c.file("memory.current"))
        assert usage > 20 * MIB
        wish = {"limit": 10 * MIB, "checkBeforeUpdate": True}
        update(c, document={"memory": wish}).fails(f"rejecting memory limit {10 * MIB} <= usage "
                                                   r"\d+", rc=1)
        update(c, document={"memory": dict(wish, limit=64 * MIB, swap=10 * MIB)}) \
            .fails(r"rejecting memory\+swap limit \d+ <= usage \d+", rc=1)
        update(c, document={"memory": dict(wish, limit=63 * MIB)}).ok
        assert c.file("memory.max") == str(63 * MIB) and c.status == "running"
    if runtime_kind() != "orlop":
        return
    with container(resources(memory={"limit": 64 * MIB, "checkBeforeUpdate": True}),
                   "hog 20; wait") as c:
        c.up()
        update(c, "--memory", "10M").fails("rejecting memory limit", rc=1)
        update(c, document={"memory": {"limit": 10 * MIB, "checkBeforeUpdate": False}}).ok


@needs("cpu")
def test_quota_and_period_keep_one_another():
    "only one of them: the other stays, whoever wrote it"
    with container(resources(cpu={"quota": 50000, "period": 200000})) as c:
        update(c, "--cpu-quota", "60000").ok
        assert c.file("cpu.max") == "60000 200000"
        update(c, "--cpu-period", "300000").ok
        assert c.file("cpu.max") == "60000 300000"
        update(c, "--cpu-quota", "-1").ok
        assert c.file("cpu.max") == "max 300000"
        update(c, "--cpu-period", "100000").ok
        assert c.file("cpu.max") == "max 100000"
    if runtime_kind() != "orlop":
        return
    with container(resources(unified={"cpu.max": "30000 150000"})) as c:
        update(c, "--cpu-period", "120000").ok
        assert c.file("cpu.max") == "30000 120000"
        assert stored(c) == {"cpu": {"quota": 30000, "period": 120000}}


@needs("cpu")
def test_burst_has_to_fit_the_quota():
    "or nothing changes"
    if runtime_kind() == "runc":
        skip("whether runc knows burst depends on its version")
    with container(resources(cpu={"quota": 50000, "period": 100000, "burst": 20000})) as c:
        update(c, "--cpu-quota", "10000").fails("burst", rc=1)
        assert (c.file("cpu.max"), c.file("cpu.max.burst")) == ("50000 100000", "20000")
        update(c, "--cpu-burst", "60000").fails("burst", rc=1)
        update(c, "--cpu-quota", "10000", "--cpu-burst", "5000").ok
        assert (c.file("cpu.max"), c.file("cpu.max.burst")) == ("10000 100000", "5000")
        update(c, "--cpu-burst", "0").ok
        assert (c.file("cpu.max"), c.file("cpu.max.burst")) == ("10000 100000", "0")


@needs("cpu")
def test_idle_and_shares():
    "each ends the other; both at once are refused"
    if runtime_kind() == "runc":
        skip("runc leaves it to the kernel")
    with container(resources(cpu={"shares": 512})) as c:
        update(c, "--cpu-idle", "1").ok
        assert c.file("cpu.idle") == "1"
        update(c, "--cpu-quota", "10000").ok
        assert c.file("cpu.idle") == "1"
        update(c, "--cpu-share", "1024").ok
        assert (c.file("cpu.idle"), c.file("cpu.weight")) == ("0", "100")
        update(c, "--cpu-share", "512", "--cpu-idle", "1").fails("unable to apply both", rc=1)
        assert (c.file("cpu.idle"), c.file("cpu.weight")) == ("0", "100")


@needs("memory", "pids", "cpu", "cpuset")
def test_a_refused_limit_takes_all_back():
    "the last of many is refused by the kernel: every file is as it was"
    before = {"memory.max": str(64 * MIB), "memory.swap.max": str(32 * MIB), "memory.low": "0",
              "pids.max": "9", "cpu.max": "50000 200000", "cpu.weight": "59",
              "memory.high": "max"}
    with container(resources(memory={"limit": 64 * MIB, "swap": 96 * MIB}, pids={"limit": 9},
                             cpu={"quota": 50000, "period": 200000, "shares": 512})) as c:
        before["cpuset.cpus.effective"] = c.file("cpuset.cpus.effective")
        assert {name: c.file(name) for name in before} == before
        wish = {"memory": {"limit": 80 * MIB, "swap": 200 * MIB, "reservation": MIB},
                "pids": {"limit": 3}, "cpu": {"quota": 7000, "shares": 2048, "cpus": "0"}}
        update(c, document=dict(wish, cpu=dict(wish["cpu"], mems="77"))).fails("cpuset.mems")
        assert {name: c.file(name) for name in before} == before
        update(c, document=dict(wish, unified={"memory.high": "nonsense"})).fails("memory.high")
        assert {name: c.file(name) for name in before} == before
        update(c, document=wish).ok
        assert c.file("pids.max") == "3" and c.file("cpuset.cpus") == "0"


@needs("memory")
def test_update_reads_through_unified():
    "a member that is said later replaces the file that unified said, and the other way round"
    if runtime_kind() != "orlop":
        skip("how orlop stores it")
    with container(resources(unified={"memory.max": str(64 * MIB), "memory.high": "max"})) as c:
        update(c, "--memory", "32M").ok
        assert c.file("memory.max") == str(32 * MIB)
        assert stored(c) == {"memory": {"limit": 32 * MIB}, "unified": {"memory.high": "max"}}
        update(c, document={"unified": {"memory.max": str(48 * MIB)}}).ok
        assert c.file("memory.max") == str(48 * MIB)


@needs("pids")
def test_a_lower_pids_limit_holds():
    "at once, and for a container that waits"
    with container(config(), "fork 10; wait") as c:
        update(c, "--pids-limit", "5").ok
        c.up()
        assert c.value("fork") == "4 EAGAIN"


def disk():
    with open("/proc/partitions", encoding="ascii") as text:
        disks = [line.split()[:2] for line in text.read().splitlines()[2:]
                 if line.split() and line.split()[3].startswith(("vd", "sd", "nvme"))]
    if not disks:
        skip("no disk")
    return tuple(map(int, disks[0]))


@needs("io")
def test_throttles_are_updated_by_device():
    "one rate of a device changes, the other stays; 0 takes it away; a refused one is restored"
    major, minor = disk()
    rate = {"major": major, "minor": minor}
    with container(resources(blockIO={"throttleReadBpsDevice": [dict(rate, rate=MIB)]})) as c:
        update(c, document={"blockIO": {"throttleWriteBpsDevice": [dict(rate, rate=2 * MIB)]}}).ok
        assert c.file("io.max") == f"{major}:{minor} rbps={MIB} wbps={2 * MIB} riops=max wiops=max"
        update(c, document={"blockIO": {"throttleReadBpsDevice": [
            dict(rate, rate=3 * MIB), {"major": 4000, "minor": 7, "rate": 1}]}}).fails("io.max")
        assert c.file("io.max") == f"{major}:{minor} rbps={MIB} wbps={2 * MIB} riops=max wiops=max"
        update(c, document={"blockIO": {"throttleReadBpsDevice": [dict(rate, rate=0)]}}).ok
        assert c.file("io.max") == f"{major}:{minor} rbps=max wbps={2 * MIB} riops=max wiops=max"
        if runtime_kind() == "orlop":
            assert stored(c)["blockIO"] == {"throttleWriteBpsDevice": [dict(rate, rate=2 * MIB)]}
    with container(config()) as c:
        update(c, document={"blockIO": {"throttleReadBpsDevice": [
            dict(rate, rate=3 * MIB), {"major": 4000, "minor": 7, "rate": 1}]}}).fails("io.max")
        assert c.file("io.max") == ""


@needs("memory", "pids")
def test_many_updates_at_once_leave_one_of_them():
    "the lock: limits and what is stored belong together"
    import subprocess
    with container(config()) as c:
        c.up()
        test = current()
        running = [subprocess.Popen([test.runtime, "--root", test.root, "update", "--pids-limit",
                                     str(10 + n), "--memory", f"{64 + n}M", c.name])
                   for n in range(8)]
        assert [process.wait(60) for process in running] == [0] * 8
        n = int(c.file("pids.max")) - 10
        assert c.file("memory.max") == str((64 + n) * MIB)
        if runtime_kind() == "orlop":
            assert stored(c) == {"memory": {"limit": (64 + n) * MIB}, "pids": {"limit": 10 + n}}
