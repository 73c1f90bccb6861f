# SPDX-License-Identifier: Apache-2.0
"""Containers of an ordinary user: with her own id alone and with subordinate ids, with a cgroup and
without; and of root in a user namespace that an engine made for her."""

import contextlib
import json
import os
import shutil
import subprocess

from deck import bind, caps, console, current, host, idmap, needs
from deck.alice import (KINDS, SUBORDINATE, UID, alice, delegated, many_maps, rootless, single_map)

ASKED = caps(*[["CHOWN", "SETUID", "KILL"]] * 3)


@needs("userns")
def test_a_user_makes_a_container_with_her_own_id():
    "created, started, entered, killed and deleted; root inside is she outside"
    with alice() as her, her.box(rootless(), "ids; uidmap; gidmap; wait") as box:
        assert box.status == "created" and os.stat(f"{her.root}/{box.name}").st_uid == UID
        box.up()
        assert box.value("ids") == "uid 0 0 0 gid 0 0 0"
        assert box.value("uidmap").split() == box.value("gidmap").split() == ["0", str(UID), "1"]
        assert os.stat(f"/proc/{box.pid}").st_uid == UID
        assert box.exec("ids; cwd").ok.lines == ["ids: uid 0 0 0 gid 0 0 0", "cwd: /"]
        assert her.rt("list", "-q").ok.lines == [box.name]
        box.kill("KILL").ok
        box.wait_status("stopped")
        box.delete().ok


@needs("userns")
def test_her_containers_are_below_her_runtime_directory():
    "without --root; another user's root is not touched"
    with alice() as her, her.box(rootless()) as box:
        made = her.call(current().runtime, "state", box.name)
        assert made.returncode == 0 and json.loads(made.stdout)["id"] == box.name, made


@needs("userns", "newuidmap")
def test_a_user_makes_a_container_with_subordinate_ids():
    "a user other than root inside is one of hers outside; groups can be set"
    c = rootless(many_maps(), process={"user": {"uid": 1000, "gid": 100,
                                                "additionalGids": [7, 9]}})
    with alice() as her, her.box(c, "ids; groups; write /tmp/x y; wait") as box:
        box.up()
        assert box.lines[:3] == ["ids: uid 1000 1000 1000 gid 100 100 100", "groups: 7 9",
                                 "write: ok"]
        st = os.stat(box.rootfs("tmp/x"))
        assert (st.st_uid, st.st_gid) == (SUBORDINATE + 999, SUBORDINATE + 99)
        assert os.stat(f"/proc/{box.pid}").st_uid == SUBORDINATE + 999
        assert box.exec("ids", "--user", "33:44").ok.value("ids") == "uid 33 33 33 gid 44 44 44"
        # She is not that user, and may end its process nevertheless.
        box.kill("KILL").ok
        box.wait_status("stopped")


@needs("userns", "newuidmap")
def test_ids_that_are_not_hers_are_refused_by_newuidmap():
    "with its name and its words; nothing is left"
    maps = many_maps()
    maps["uidMappings"] = [idmap(0, UID, 1), idmap(1, 100, 10)]
    with alice() as her:
        for command in ("create", "run"):
            box = her.box(rootless(maps))
            box.create(command).fails("linux.uidMappings: .*/newuidmap: exit status 1",
                                      "stderr: newuidmap: .*not allowed", "/etc/subuid", rc=1)
            assert not os.path.exists(f"{her.root}/{box.name}")


RECORDER = """#!/bin/sh
{{ printf '%s\\n' "$0" "$@"; echo "env:"; env; echo "in:"; cat; }} > {log}-{name}
exec {real} "$@"
"""


@needs("userns", "newuidmap")
def test_newuidmap_is_called_exactly_and_by_nobody_elses_path():
    "pid and triples, no environment, nothing on stdin; a newuidmap in PATH is not looked at"
    test = current()
    evil = os.path.join(test.tmp, "evil")
    log = os.path.join(test.tmp, "log-of")
    os.makedirs(evil)
    os.makedirs(log)
    os.chown(log, UID, UID)
    with alice() as her:
        for name in ("newuidmap", "newgidmap"):
            real = os.path.join(evil, "real-" + name)
            shutil.copy(shutil.which(name), real)
            os.chmod(real, 0o4755)
            script = os.path.join(evil, name)
            with open(script, "w", encoding="ascii") as out:
                out.write(RECORDER.format(log=log + "/x", name=name, real=real))
            os.chmod(script, 0o755)
        her.env["PATH"] = f"{evil}:{her.env['PATH']}"
        assert her.run(rootless(many_maps()), "echo done").ok.lines == ["done"]
        assert os.listdir(log) == []
        # The control: where the system's are these, they are what is run.
        with host.mounted(f"{evil}/newuidmap", shutil.which("newuidmap"), None, host.MS_BIND), \
                host.mounted(f"{evil}/newgidmap", shutil.which("newgidmap"), None, host.MS_BIND):
            assert her.run(rootless(many_maps()), "echo done").ok.lines == ["done"]
        for name in ("newuidmap", "newgidmap"):
            lines = host.read(f"{log}/x-{name}").splitlines()
            assert lines[0] == shutil.which(name) and lines[1].isdigit()
            assert lines[2:8] == ["0", str(UID), "1", "1", str(SUBORDINATE), "65535"]
            assert lines[8] == "env:" and lines[-1] == "in:"
            # What the shell sets by itself is not what it was given.
            assert {line.split("=")[0] for line in lines[9:-1]} <= {"PWD", "OLDPWD", "SHLVL", "_"}


@needs("userns")
def test_without_newuidmap_more_ids_are_refused():
    "before anything is made; her own id still works"
    hidden = os.path.join(current().tmp, "hidden")
    with open(hidden, "w", encoding="ascii"):
        pass
    with alice() as her:
        for name in ("newuidmap", "newgidmap"):
            found = shutil.which(name)
            if found:
                host.mount(hidden, found, None, host.MS_BIND)
        her.run(rootless(many_maps()), "exit 0").fails("newuidmap, which is not installed", rc=1)
        her.run(rootless(), "exit 0").ok
        for name in ("newuidmap", "newgidmap"):
            if shutil.which(name) or os.path.exists("/usr/bin/" + name):
                host.umount("/usr/bin/" + name)


@needs("userns")
def test_a_user_needs_a_user_namespace():
    "in runc's words"
    with alice() as her:
        c = rootless({}, kinds=[kind for kind in KINDS if kind != "user"])
        her.run(c, "exit 0").fails("rootless container requires user namespaces", rc=1)


@needs("userns")
def test_groups_cannot_be_set_with_one_id():
    "asked for they are refused; otherwise hers stay, and setgroups stays forbidden"
    with alice() as her:
        c = rootless(process={"user": {"uid": 0, "gid": 0, "additionalGids": [0]}})
        her.run(c, "exit 0").fails("cannot set any additional groups", rc=1)
        privileged = rootless(process={"capabilities": caps(*[["SETGID"]] * 3)})
        assert her.run(privileged, "cat /proc/self/setgroups; try setgroups").ok.lines == [
            "cat: deny", "try: setgroups: EPERM"]


@needs("userns")
def test_what_was_asked_for_is_in_force():
    "capabilities, no_new_privs, filter, masks, read-only paths, devices, limits: as for root"
    c = rootless(
        process={"capabilities": ASKED, "rlimits": [
            {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]},
        root={"path": "rootfs", "readonly": True},
        linux={"maskedPaths": ["/proc/keys", "/sys/firmware"], "readonlyPaths": ["/proc/sys"],
               "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                   {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 123}]}})
    with alice() as her, her.box(c, "caps; nnp; seccomp; try personality; write /x y; "
                                    "mounts /proc/sys; cat /proc/keys; "
                                    "rlimits NOFILE; dev; hostname; wait") as box:
        box.up()
        assert box.value("nnp") == "1" and box.value("seccomp") == "2"
        assert box.value("try") == "personality: ENOMEDIUM"
        assert "write: EROFS" in box.lines and "cat: " in box.lines
        assert box.value("mounts").split()[1].startswith("ro,")
        assert box.value("rlimits").split()[-2:] == ["100", "200"]
        assert box.value("hostname") == "vessel"
        assert box.values("caps")[:3] == [f"{kind} 00000000000000a1" for kind in (
            "bounding", "effective", "permitted")]
        status = host.read(f"/proc/{box.pid}/status")
        assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status and "CapBnd:\t00000000000000a1" in status
        nodes = box.values("dev")
        for name in ("null", "zero", "full", "random", "urandom", "tty"):
            assert any(name in line for line in nodes), nodes


@needs("userns")
def test_the_waiting_child_is_out_of_reach():
    """it runs from a sealed copy, not from her orlop, and processes that are in its namespaces
    cannot look in; into the program that it becomes they can"""
    with alice() as her, her.box(rootless(process={"capabilities": caps()})) as box:
        exe = os.readlink(f"/proc/{box.pid}/exe")
        assert exe.startswith("/memfd:"), exe
        joined = rootless({}, kinds=[kind for kind in KINDS if kind not in ("user", "pid")],
                          linux={"namespaces": [{"type": "mount"}, {"type": "uts"},
                                                {"type": "user",
                                                 "path": f"/proc/{box.pid}/ns/user"},
                                                {"type": "pid",
                                                 "path": f"/proc/{box.pid}/ns/pid"}]},
                          process={"capabilities": caps(*[["SYS_ADMIN"]] * 3)})
        joined.doc["mounts"] = [m for m in joined.doc["mounts"] if m["type"] in ("proc", "tmpfs")]
        look = "open /proc/1/mem r; readlink /proc/1/fd/0"
        assert her.run(joined, look).ok.lines == ["open: EACCES", "readlink: EACCES"]
        box.up()
        assert her.run(joined, look).ok.lines == ["open: ok", "readlink: /dev/null"]


@needs("userns")
def test_a_terminal_of_her_own():
    "by the console socket; and one more by exec"
    with alice() as her, console() as socket:
        os.chown(socket.path, UID, UID)
        c = rootless(process={"terminal": True})
        with her.box(c, "isatty 0; wait", "--console-socket", socket.path) as box:
            socket.accept()
            box.start().ok
            assert "isatty: yes" in socket.read("wait: ready")
            r = her.rt("exec", "--tty", box.name, "/bin/probe", "isatty", "0")
            assert r.rc == 0 or "tty" in r.err, r


@needs("userns")
def test_binds_are_what_she_may_see():
    "her own directory is bound; a way that is closed to her stays closed"
    test = current()
    hers = os.path.join(test.tmp, "hers")
    closed = os.path.join(test.tmp, "closed")
    for path in (hers, closed, closed + "/below"):
        os.mkdir(path)
    os.chown(hers, UID, UID)
    os.chmod(closed, 0o700)
    with alice() as her:
        r = her.run(rootless(mounts=[bind(hers, "/mnt", "ro")]), "ls /mnt; write /mnt/x y")
        assert r.ok.lines == ["ls: 0 entries", "write: EROFS"]
        her.run(rootless(mounts=[bind(closed + "/below", "/mnt")]),
                "exit 0").fails("below.*permission denied", rc=1)
        mapped = bind(hers, "/mnt", **single_map())
        her.run(rootless(mounts=[mapped]), "exit 0").fails("only root may map the ids", rc=1)


@needs("userns")
def test_in_the_hosts_network_sysfs_is_the_hosts():
    "bound, read-only with everything below it, the user's own cgroups included"
    kinds = [kind for kind in KINDS if kind not in ("network", "cgroup")]
    with alice() as her, delegated() as top:
        c = rootless(kinds=kinds)
        c.doc["mounts"] = [m for m in c.doc["mounts"] if m["destination"] != "/sys/fs/cgroup"]
        r = her.run(c, f"mkdir /sys/fs/cgroup{top}/x; mounts /sys; "
                       "mounts /sys/fs/cgroup").ok
        assert "mkdir: EROFS" in r.lines, r
        assert "ro" in r.mount("/sys")["options"] and "ro" in r.mount("/sys/fs/cgroup")["options"]


# ---- cgroups -------------------------------------------------------------------------------------


@needs("userns")
def test_without_a_cgroup_of_hers_there_is_none():
    "nothing was asked for: it runs where she is; a limit, a path and pause are errors"
    with alice() as her:
        with her.box(rootless(), "cgroup; wait") as box:
            box.up()
            assert host.read(f"/proc/{box.pid}/cgroup") == host.read("/proc/self/cgroup")
            assert '"disabled"' in host.read(f"{her.root}/{box.name}/state.json")
            assert box.exec("echo hello").ok.lines == ["hello"]
            box.pause().fails("cgroup", rc=1)
            box.kill("KILL").ok
        her.run(rootless(linux={"resources": {"pids": {"limit": 10}}}), "exit 0").fails(
            "rootless needs no limits", "systemd-cgroup", rc=1)
        her.run(rootless(linux={"cgroupsPath": "/not-hers/x"}), "exit 0").fails(
            "make cgroup .*permission denied", rc=1)


@needs("userns", "newuidmap")
def test_without_a_cgroup_it_sees_the_callers():
    "read-only, whatever the mount says: in the host's cgroup namespace, and an engine's"
    kinds = [kind for kind in KINDS if kind != "cgroup"]
    with alice() as her, delegated() as top:
        for engine in (contextlib.nullcontext(), Engine(her, "--map-root-user", "--map-auto")):
            with engine:
                own = rootless(kinds=kinds) if not her.wrap else inner(kinds[:-1])
                own.doc["mounts"][-1]["options"] = ["rw", "nosuid"]
                verbs = "mkdir /sys/fs/cgroup/x; cat /sys/fs/cgroup/cgroup.type; cgroup"
                r = her.run(own, verbs, front=("--cgroup-manager", "disabled")).ok
                assert r.lines[:2] == ["mkdir: EROFS", "cat: domain"], r
                assert r.lines[-1] == f"cgroup: 0::{top}/caller"


@needs("userns")
def test_device_rules_of_a_user_are_not_claimed():
    "a warning says that there is no filter; the plan says so as well"
    rules = {"resources": {"devices": [{"allow": False, "access": "rwm"}]}}
    with alice() as her:
        r = her.run(rootless(linux=rules), "open /dev/null rw; try mknod c 1 3").ok
        assert "linux.resources.devices" in r.err and "ignored" in r.err, r
        assert r.lines == ["open: ok", "try: mknod: EPERM"]
        with delegated():
            box = her.box(rootless(linux=rules))
            plan = her.rt("plan", "--bundle", box.path, "x").ok
            assert "device-filter no" in plan.lines, plan
            r = her.run(rootless(linux=rules), "echo done").ok
            assert "cannot be attached by a user" in r.err and r.lines == ["done"]


@needs("userns", "pids")
def test_in_a_delegated_group_limits_hold():
    "from the first instruction; pause, resume, update and exec work; delete leaves nothing"
    with alice() as her, delegated() as top:
        c = rootless(linux={"resources": {"pids": {"limit": 5}}})
        with her.box(c, "fork 10; cgroup; wait") as box:
            group = f"{top}/orlop/{box.name}"
            assert host.cgroup_files(group)("cgroup.procs") == str(box.pid)
            assert host.cgroup_files(group)("pids.max") == "5"
            box.up()
            assert box.value("fork") == "4 EAGAIN"
            her.rt("update", "--pids-limit", "50", box.name).ok
            assert host.cgroup_files(group)("pids.max") == "50"
            r = box.exec("cgroup")
            assert r.ok.value("cgroup") == box.value("cgroup")
            box.pause().ok
            assert box.status == "paused"
            box.resume().ok
            box.delete("--force").ok
            assert not os.path.exists(host.CGROUP + group)


@needs("userns")
def test_a_group_of_hers_is_used_by_itself():
    "without a cgroupsPath below the group that is hers; with one, there"
    with alice() as her, delegated() as top:
        with her.box(rootless()) as box:
            assert host.cgroup_files(f"{top}/orlop/{box.name}")("cgroup.procs") == str(box.pid)
        with her.box(rootless(linux={"cgroupsPath": f"{top}/mine"})) as box:
            assert host.cgroup_files(f"{top}/mine")("cgroup.procs") == str(box.pid)
        with her.box(rootless(linux={"cgroupsPath": "relative/one"})) as box:
            assert os.path.exists(f"{host.CGROUP}{top}/orlop/relative/one")
        os.rmdir(f"{host.CGROUP}{top}/orlop/relative")


@needs("userns", "newuidmap")
def test_her_groups_stay_hers():
    "a container's own user does not get them, and the container cannot write to those above"
    with alice() as her, delegated():
        c = rootless(many_maps(), process={"user": {"uid": 5, "gid": 5}})
        c.doc["mounts"][-1]["options"] = ["rw"]
        with her.box(c, "write /sys/fs/cgroup/cgroup.procs 1; ls /sys/fs/cgroup/..; wait") as box:
            box.up()
            assert "write: EACCES" in box.lines
            assert os.stat(host.CGROUP + cgroup_of(box)).st_uid == UID


def cgroup_of(box):
    for line in host.read(f"/proc/{box.pid}/cgroup").splitlines():
        if line.startswith("0::"):
            return line[3:]
    raise AssertionError("no cgroup")


# ---- root in a user namespace --------------------------------------------------------------------


class Engine:
    """Her engine's user namespace, and calls of the runtime as its root."""

    def __init__(self, her, *flags):
        self.process = subprocess.Popen(
            ["unshare", "--user", "--mount", *flags, "sh", "-c", "echo; exec sleep 600"],
            stdout=subprocess.PIPE, **her.keywords())
        self.her = her

    def __enter__(self):
        assert self.process.stdout.readline() == b"\n", "unshare"
        self.her.wrap = ("nsenter", "-t", str(self.process.pid), "--user", "--mount",
                         "--preserve-credentials", f"--wdns={current().tmp}", "--")
        return self.her

    def __exit__(self, *_):
        self.her.wrap = ()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def inner(kinds=KINDS[:-1], maps=None, **changes):
    """A configuration for root there: usually without a user namespace of its own."""
    return rootless(maps or {}, kinds=kinds, **changes)


@needs("userns", "newuidmap")
def test_root_in_an_engines_user_namespace_makes_a_container():
    "created, started, entered, killed, deleted; devices are bound, rules only warned about"
    rules = {"resources": {"devices": [{"allow": False, "access": "rwm"}]}}
    with alice() as her, Engine(her, "--map-root-user", "--map-auto"):
        c = inner(linux=rules, process={"user": {"uid": 1000, "gid": 100, "additionalGids": [7]}})
        with her.box(c, "ids; groups; uidmap; open /dev/null rw; caps; wait") as box:
            assert "resources.devices" in box.created.err and "ignored" in box.created.err
            box.up()
            assert box.value("ids") == "uid 1000 1000 1000 gid 100 100 100"
            assert box.value("groups") == "7" and box.value("open") == "ok"
            assert os.stat(f"/proc/{box.pid}").st_uid == SUBORDINATE + 999
            assert box.exec("ids").ok.value("ids") == "uid 1000 1000 1000 gid 100 100 100"
            box.kill("TERM").ok
            box.wait_status("stopped")
            box.delete().ok


@needs("userns", "newuidmap")
def test_root_in_an_engines_user_namespace_makes_another():
    "a user namespace within, as with --userns=keep-id: maps are those of the engine's ids"
    maps = {"uidMappings": [idmap(0, 1, 1000), idmap(1000, 0, 1), idmap(1001, 1001, 5000)],
            "gidMappings": [idmap(0, 1, 1000), idmap(1000, 0, 1), idmap(1001, 1001, 5000)]}
    with alice() as her, Engine(her, "--map-root-user", "--map-auto"):
        c = inner(KINDS, maps, process={"user": {"uid": 1000, "gid": 1000}})
        c.owner = SUBORDINATE
        with her.box(c, "ids; write /dev/shm/x y; wait") as box:
            box.up()
            assert box.lines[:2] == ["ids: uid 1000 1000 1000 gid 1000 1000 1000", "write: ok"]
            assert os.stat(f"/proc/{box.pid}").st_uid == UID
            assert box.exec("ids").ok.value("ids") == "uid 1000 1000 1000 gid 1000 1000 1000"


@needs("userns", "newuidmap")
def test_the_limit_on_network_namespaces_is_named():
    "of the user namespace that the runtime is in, however the namespace would be made"
    every = os.sched_getaffinity(0)
    with alice() as her, Engine(her, "--map-root-user", "--map-auto"):
        her.wrap += ("sh", "-c", 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"', "-")
        for processors in ({min(every)}, every):
            os.sched_setaffinity(0, processors)
            her.run(inner(), "exit 0").fails("no space left on device", "/proc/sys/user", rc=1)


@needs("userns")
def test_an_engine_with_one_id_has_no_groups_to_set():
    "setgroups is forbidden there: containers run, additional groups are a warning, as with runc"
    with alice() as her, Engine(her, "--map-root-user"):
        assert her.run(inner(), "ids").ok.value("ids") == "uid 0 0 0 gid 0 0 0"
        c = inner(process={"user": {"uid": 0, "gid": 0, "additionalGids": [0]}})
        r = her.run(c, "cat /proc/self/setgroups; ids").ok
        assert "additionalGids" in r.err and r.lines[0] == "cat: deny"
        her.run(inner(process={"user": {"uid": 33, "gid": 0}}), "exit 0").fails(
            "identity user and groups: invalid argument", "does not map", rc=1)


@needs("userns", "newuidmap")
def test_an_engine_can_have_its_groups_kept():
    "by crun's annotation, in run and in exec; without it none stays"
    with alice() as her, Engine(her, "--map-root-user", "--map-auto"):
        her.wrap += ("setpriv", "--groups", "7", "--")
        c = inner(annotations={"run.oci.keep_original_groups": "1"})
        with her.box(c, "groups; wait") as box:
            box.up()
            assert box.value("groups") == "7"
            assert box.exec("groups").ok.value("groups") == "7"
        assert her.run(inner(), "groups").ok.lines == ["groups:"]


@needs("userns", "newuidmap")
def test_what_an_engine_may_not_do_is_an_error():
    "a lower oom_score_adj, a higher hard limit; a limit where no cgroup is hers"
    with alice() as her, Engine(her, "--map-root-user", "--map-auto"):
        her.run(inner(process={"oomScoreAdj": -1000}), "exit 0").fails("oomScoreAdj", rc=1)
        hard = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 1 << 30}]
        her.run(inner(process={"rlimits": hard}), "exit 0").fails("RLIMIT_NOFILE", rc=1)
        her.run(inner(linux={"resources": {"pids": {"limit": 9}}}), "exit 0").fails(
            "rootless needs no limits", rc=1)


@needs("userns", "newuidmap")
def test_an_engine_in_the_hosts_network_gets_the_hosts_sysfs():
    "sysfs cannot be mounted there; the plan says that it is bound"
    kinds = [kind for kind in KINDS[:-1] if kind != "network"]
    with alice() as her, Engine(her, "--map-root-user", "--map-auto"):
        box = her.box(inner(kinds), "ls /sys/class/net")
        assert any(line.startswith("mount /sys bind") for line in
                   her.rt("plan", "--bundle", box.path, "x").ok.lines)
        her.rt("run", "--bundle", box.path, box.name).ok


@needs("userns", "newuidmap")
def test_an_engines_delegated_group_is_used():
    "as hers; and without it nothing is lost but the group"
    with alice() as her, delegated() as top, Engine(her, "--map-root-user", "--map-auto"):
        with her.box(inner()) as box:
            assert host.cgroup_files(f"{top}/orlop/{box.name}")("cgroup.procs") == str(box.pid)
            box.up()
            assert box.exec("echo hello").ok.lines == ["hello"]
            box.pause().ok
            box.resume().ok

