# SPDX-License-Identifier: Apache-2.0
"""apparmorProfile, selinuxLabel and mountLabel: in force in the program and in exec, or refused."""

import contextlib
import os
import shutil
import subprocess
import time

from deck import config, container, current, host, needs, run, skip, timeout, until
from deck.container import PATIENCE
from deck.frozen import Frozen, busybox, shell

PROFILE = """
profile {name} flags=(attach_disconnected,mediate_deleted) {{
  file,
  capability,
  signal,
  umount,
{more}
  deny /forbidden rwklx,
}}
"""

PROCESS_LABEL = "system_u:system_r:container_t:s0:c5,c9"
FILE_LABEL = "system_u:object_r:container_file_t:s0:c5,c9"


@contextlib.contextmanager
def profile(suffix="", more=""):
    """A small profile in the kernel for as long as the block lasts."""
    name = f"orlop-test-{current().prefix}{suffix}"
    text = PROFILE.format(name=name, more=more)
    subprocess.run(["apparmor_parser", "-K", "-r"], input=text, text=True, check=True)
    try:
        yield name
    finally:
        subprocess.run(["apparmor_parser", "-K", "-R"], input=text, text=True, check=True)


@needs("apparmor", "apparmor_parser")
def test_an_apparmor_profile_confines_the_program_and_exec():
    "attr/current says so, and a file that it denies cannot be read; without it, it can"
    files = {"/forbidden": "x", "/allowed": "y"}
    assert run(config(rootfs=files), "cat /forbidden").ok.lines == ["cat: x"]
    with profile() as name:
        c = config(process={"apparmorProfile": name}, rootfs=files)
        with container(c, "label; cat /allowed; cat /forbidden; wait") as it:
            it.up()
            assert it.lines[:3] == [f"label: {name} (enforce)", "cat: y", "cat: EACCES"], it.lines
            assert it.exec("label; cat /forbidden").ok.lines == [
                f"label: {name} (enforce)", "cat: EACCES"]
            assert it.exec("label", "--apparmor", "unconfined").ok.lines == ["label: unconfined"]
        user = {"apparmorProfile": name, "user": {"uid": 1000, "gid": 1000},
                "noNewPrivileges": False}
        assert run(config(process=user), "label").ok.lines == [f"label: {name} (enforce)"]


def label_of(pid):
    return host.read(f"/proc/{pid}/attr/current").strip("\0\n")


# What criu needs of a confined program's profile: it traces it, stops it, and has it open a socket.
CHECKPOINTED = "  network,\n  unix,\n  ptrace,\n  signal,\n"


@needs("apparmor", "apparmor_parser", "criu")
@timeout(300)
def test_a_confined_container_is_restored_with_its_profile_or_another():
    "--lsm-profile puts another in its place; a profile that denies criu its socket is an error"
    with profile() as first, profile("-second", CHECKPOINTED) as second, \
            profile("-third", CHECKPOINTED) as third:
        loop = shell("while :; do /bin/busybox sleep 0.1; done")
        with Frozen(busybox(config(args=loop, process={"apparmorProfile": first}))) as box:
            box.checkpoint().fails("criu: .*transport socket: Permission denied")
            assert box.status == "running"
        with Frozen(busybox(config(args=loop, process={"apparmorProfile": second}))) as box:
            box.checkpoint().ok
            box.restore().ok
            assert label_of(box.pid) == f"{second} (enforce)"
            box.checkpoint().ok
            box.restore("--lsm-profile", f"apparmor:{third}").ok
            assert label_of(box.pid) == f"{third} (enforce)"


@needs("apparmor", "apparmor_parser", "criu")
@timeout(300)
def test_restore_with_a_profile_that_is_not_loaded():
    """--lsm-profile's is named at once. One that only the images name ends criu, which hangs over
    more than one process: it is over in bounded time then, with what criu said, and nothing is left"""
    with profile("", CHECKPOINTED) as name:
        loop = shell("while :; do /bin/busybox sleep 0.1; done")
        with Frozen(busybox(config(args=loop, process={"apparmorProfile": name}))) as box:
            box.checkpoint().ok
            box.restore("--lsm-profile", "apparmor:orlop-no-such").fails(
                'failed to apply profile "orlop-no-such"', "apparmor_parser", rc=1)
            assert box.is_absent()
            subprocess.run(["apparmor_parser", "-K", "-R"], text=True, check=True,
                           input=PROFILE.format(name=name, more=CHECKPOINTED))
            box.restore().fails(f'failed to apply profile "{name}"', rc=1)
            box.change(lambda doc: doc["process"].pop("apparmorProfile"))
            began = time.monotonic()
            box.restore().fails("criu: can't write lsm profile", rc=1)
            assert time.monotonic() - began < 60 + PATIENCE
            assert box.is_absent()
            subprocess.run(["apparmor_parser", "-K", "-r"], text=True, check=True,
                           input=PROFILE.format(name=name, more=CHECKPOINTED))
            box.restore().ok
            assert label_of(box.pid) == f"{name} (enforce)"


@needs("apparmor", "apparmor_parser")
def test_an_apparmor_profile_that_is_not_loaded_is_refused():
    "create fails and names it; exec too, and the container stays; unconfined is always there"
    run(config(process={"apparmorProfile": "orlop-no-such"}), "exit 0").fails(
        "apparmor failed to apply profile", "orlop-no-such", "apparmor_parser", rc=1)
    with container(config(process={"apparmorProfile": "unconfined"}), "label; wait") as c:
        c.up()
        assert c.lines[0] == "label: unconfined"
        c.exec("label", "--apparmor", "orlop-no-such").fails("orlop-no-such", rc=255)
        assert c.status == "running"


def test_labels_without_their_module_are_refused():
    "an error with runc's words, except unconfined, which is so"
    if not os.path.exists("/sys/kernel/security/apparmor") and not os.path.exists(
            "/sys/module/apparmor/parameters/enabled"):
        run(config(process={"apparmorProfile": "some"}), "exit 0").fails(
            "apparmor: config provided but apparmor not supported", rc=1)
        assert run(config(process={"apparmorProfile": "unconfined"}), "echo a").ok.lines == ["a"]
    if not os.path.exists("/sys/fs/selinux/enforce"):
        for label in ({"process": {"selinuxLabel": PROCESS_LABEL}},
                      {"linux": {"mountLabel": FILE_LABEL}}):
            run(config(**label), "exit 0").fails("selinux label is specified in config, but "
                                                 "selinux is disabled", rc=1)


def relabel(path, label):
    subprocess.run(["chcon", "-R", label, path], check=True)


def confined(label, rootfs, verbs):
    """A container with labels; a confined program may not write to a file that we opened for it,
    so it says its lines in /said of its root file system."""
    c = container(config(process={"selinuxLabel": label}, linux={"mountLabel": FILE_LABEL},
                         rootfs=rootfs), f"into /said; {verbs}; echo ready; wait")
    relabel(c.rootfs("/"), FILE_LABEL)
    return c


def said(c, name="/said", last="ready"):
    """The lines there, once the last one has come."""
    path = c.rootfs(name)
    until(lambda: os.path.exists(path) and last in host.read(path).splitlines(),
          what=f"{last} in {name}")
    return host.read(path).splitlines()


@needs("selinux", "chcon")
def test_an_selinux_label_confines_the_program_and_exec():
    "attr/current says so; a file of another category cannot be read; mounts have their label"
    c = confined(PROCESS_LABEL, {"/mine": "x", "/other": "y"},
                 "label; cat /mine; cat /other; write /dev/shm/a b")
    relabel(c.rootfs("/other"), FILE_LABEL.replace("c5,c9", "c1,c2"))
    with c:
        c.start().ok
        assert said(c)[:4] == [f"label: {PROCESS_LABEL}", "cat: x", "cat: EACCES", "write: ok"]
        c.exec("into /exec; label; cat /other; echo done").ok
        assert said(c, "/exec", "done") == [f"label: {PROCESS_LABEL}", "cat: EACCES", "done"]
        for path in ("/dev/shm/a", "/dev/shm", "/dev/mqueue", "/dev/pts"):
            name = f"/proc/{c.pid}/root{path}"
            label = os.getxattr(name, "security.selinux").rstrip(b"\0").decode()
            assert label == FILE_LABEL, f"{path} {label}"


@needs("selinux", "chcon")
def test_an_selinux_label_that_the_policy_lacks_is_refused():
    "for the process, for mounts, for exec; the categories in another order are the same label"
    run(config(process={"selinuxLabel": "a:b:c:s0"}), "exit 0").fails(
        "process.selinuxLabel", "no such label", rc=1)
    run(config(linux={"mountLabel": "a:b:c:s0"}), "exit 0").fails(
        "linux.mountLabel", "no such label", rc=1)
    with confined(PROCESS_LABEL.replace("c5,c9", "c9,c5"), {}, "label") as c:
        c.start().ok
        assert said(c)[0] == f"label: {PROCESS_LABEL}"
        c.exec("exit 0", "--process-label", "a:b:c:s0").fails("selinuxLabel", rc=255)


@needs("selinux", "chcon", "criu")
@timeout(400)
def test_a_labelled_container_is_not_restored_without_its_label():
    """Debian's criu is built without SELinux, and gives the processes its own label: that is an
    error, and nothing is left. A label that the policy lacks is named before criu is called"""
    linked = subprocess.run(["ldd", shutil.which("criu")], capture_output=True, text=True, check=True)
    if "libselinux" in linked.stdout:
        skip("this criu knows SELinux")
    free = PROCESS_LABEL.replace("container_t", "spc_t")
    loop = shell("while :; do /bin/busybox sleep 0.1; done")
    box = Frozen(busybox(config(args=loop, process={"selinuxLabel": free},
                                linux={"mountLabel": FILE_LABEL})))
    relabel(box.rootfs("/"), FILE_LABEL)
    with box:
        assert label_of(box.pid) == free
        box.checkpoint().ok
        box.restore().fails("the security label is", f'and not "{free}"', rc=1)
        assert box.is_absent()
        for flag, label, words in (("--lsm-profile", "selinux:a:b:c:s0", "no such label"),
                                   ("--lsm-mount-context", "a:b:c", "no such label"),
                                   ("--lsm-profile", f"selinux:{PROCESS_LABEL}",
                                    "selinux LSM specified but selinux not supported")):
            box.restore(flag, label).fails(words, rc=1)
            assert box.is_absent()


@needs("selinux", "chcon", "criu")
@timeout(400)
def test_a_label_that_denies_criu_its_socket():
    "container_t may not connect to what called orlop: an error with the reason, and it runs on"
    loop = shell("while :; do /bin/busybox sleep 0.1; done")
    box = Frozen(busybox(config(args=loop, process={"selinuxLabel": PROCESS_LABEL},
                                linux={"mountLabel": FILE_LABEL})))
    relabel(box.rootfs("/"), FILE_LABEL)
    with box:
        box.checkpoint().fails("criu: .*transport socket: Permission denied", rc=1)
        assert box.status == "running" and label_of(box.pid) == PROCESS_LABEL
        box.exec("exit 0").ok
