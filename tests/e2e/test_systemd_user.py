# SPDX-License-Identifier: Apache-2.0
"""The systemd driver for a user: scopes of her own manager. There has to be a user `tester` whose
manager runs, as in the full machine of tests/vm."""

import os
import pwd
import subprocess

from deck import current, host, needs
from deck.alice import User, rootless

FRONT = ("--systemd-cgroup",)
LIMITED = {"resources": {"pids": {"limit": 9}, "memory": {"limit": 64 << 20}}}


def tester():
    """The user, who is really there."""
    entry = pwd.getpwnam("tester")
    return User(entry.pw_uid, f"/run/user/{entry.pw_uid}")


def in_job(her):
    """Her commands run in a unit of her own manager; otherwise they are in a group of root's."""
    her.wrap = ("systemd-run", "--user", "--quiet", "--pipe", "--wait", "--collect",
                "--property=Delegate=yes", f"--working-directory={current().tmp}", "--")
    return her


def show(her, unit, *names):
    out = her.call("systemctl", "--user", "show", unit,
                   *(f"--property={name}" for name in names)).stdout
    return dict(line.split("=", 1) for line in out.splitlines())


def scope(her, verbs="wait", linux=None, maps=None, **changes):
    """A container of hers in a scope of hers."""
    box = her.box(rootless(maps, linux=linux, user=her, **changes), verbs, front=FRONT)
    box.unit = f"orlop-{box.name}.scope"
    return box


def group_of(box):
    for line in host.read(f"/proc/{box.pid}/cgroup").splitlines():
        if line.startswith("0::"):
            return line[3:]
    raise AssertionError("no cgroup")


def used(her):
    """Made, limited, entered, changed, frozen and deleted."""
    with scope(her, "fork 20; wait", linux=LIMITED) as box:
        group = group_of(box)
        assert group == show(her, box.unit, "ControlGroup")["ControlGroup"]
        assert group.endswith(f"/user@{her.uid}.service/user.slice/{box.unit}")
        assert host.cgroup_files(group)("pids.max") == "9"
        assert host.cgroup_files(group)("memory.max") == str(64 << 20)
        box.up()
        assert box.value("fork") == "8 EAGAIN"
        box.rt("update", "--pids-limit", "33", box.name).ok
        assert show(her, box.unit, "TasksMax") == {"TasksMax": "33"}
        her.call("systemctl", "--user", "daemon-reload")
        assert host.cgroup_files(group)("pids.max") == "33"
        before = set(host.cgroup_files(group)("cgroup.procs").split())
        r = box.exec("cgroup; ids")
        assert r.ok.value("cgroup") == "0::/" and r.value("ids") == "uid 0 0 0 gid 0 0 0"
        assert set(host.cgroup_files(group)("cgroup.procs").split()) == before
        box.pause().ok
        assert box.status == "paused"
        box.resume().ok
        box.delete("--force").ok
        assert not os.path.exists(host.CGROUP + group)
        assert show(her, box.unit, "LoadState") == {"LoadState": "not-found"}


@needs("systemd", "tester")
def test_a_users_container_is_a_scope_of_her_manager():
    "called from a unit of hers: it is born in the scope"
    used(in_job(tester()))


@needs("systemd", "tester")
def test_from_elsewhere_her_manager_moves_it():
    "called from a group that is not hers, as in a login session: before it does anything"
    used(tester())


@needs("systemd", "tester")
def test_an_exec_from_elsewhere_is_in_the_container():
    "its process counts there, and was there before its program ran"
    her = tester()
    with scope(her, linux=LIMITED) as box:
        box.up()
        group = host.cgroup_files(group_of(box))
        with subprocess.Popen([current().runtime, "--root", her.root, "exec", box.name,
                               "/bin/probe", "wait"], stdout=subprocess.PIPE,
                              **her.keywords()) as one:
            try:
                assert b"ready" in one.stdout.readline()
                assert group("pids.current") == "2"
                assert box.exec("fork 20").value("fork") == "6 EAGAIN"
            finally:
                one.terminate()


@needs("systemd", "tester")
def test_the_session_bus_does_as_well():
    "named by DBUS_SESSION_BUS_ADDRESS, where the runtime directory has no systemd"
    her = tester()
    runtime = os.path.join(current().tmp, "elsewhere")
    os.mkdir(runtime, 0o700)
    os.chown(runtime, her.uid, her.uid)
    bus = f"unix:path={her.runtime}/bus"
    plain = dict(her.env)
    her.env.update(XDG_RUNTIME_DIR=runtime, DBUS_SESSION_BUS_ADDRESS=bus)
    her.runtime = runtime
    with scope(her, linux=LIMITED) as box:
        box.up()
        box.rt("update", "--pids-limit", "33", box.name).ok
        her.env, kept = plain, her.env
        assert show(her, box.unit, "TasksMax") == {"TasksMax": "33"}
        her.env = kept
    # The control: without that address nobody is found.
    del her.env["DBUS_SESSION_BUS_ADDRESS"]
    scope(her).create().fails("systemd of this user", rc=1)


@needs("systemd", "tester")
def test_root_in_her_engines_user_namespace_has_her_manager():
    "and is known there by her id, whatever the number inside"
    her = tester()
    with subprocess.Popen(["unshare", "--user", "--mount", "--map-root-user", "--map-auto", "sh",
                           "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE,
                          **her.keywords()) as engine:
        try:
            assert engine.stdout.readline() == b"\n", "unshare"
            her.wrap = ("nsenter", "-t", str(engine.pid), "--user", "--mount",
                        "--preserve-credentials", f"--wdns={current().tmp}", "--")
            kinds = ("pid", "network", "ipc", "uts", "mount", "cgroup")
            box = her.box(rootless({}, kinds=kinds, linux=LIMITED, user=her), "wait", front=FRONT)
            box.unit = f"orlop-{box.name}.scope"
            with box:
                box.up()
                group = group_of(box)
                assert group.endswith(f"/user@{her.uid}.service/user.slice/{box.unit}")
                assert host.cgroup_files(group)("pids.max") == "9"
                assert box.exec("echo hello").ok.lines == ["hello"]
                box.rt("update", "--pids-limit", "33", box.name).ok
                box.delete("--force").ok
                assert not os.path.exists(host.CGROUP + group)
        finally:
            engine.kill()


@needs("systemd", "tester")
def test_without_a_manager_of_hers_the_driver_says_so():
    "and nothing is left"
    her = tester()
    her.env = {"PATH": her.env["PATH"], "XDG_RUNTIME_DIR": current().tmp}
    box = scope(her)
    box.create().fails("systemd of this user", rc=1)
    assert not os.path.exists(f"{her.root}/{box.name}")
