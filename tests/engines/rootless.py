# SPDX-License-Identifier: Apache-2.0
"""Podman and Buildah as a user without privileges, with subordinate ids: all of it, the runtime too,
is in a user namespace. Under systemd its driver is that of the user's own manager.
"""
import contextlib
import itertools
import os
import pwd
import shutil
import subprocess

from call import call, fields, until
from engine import FOREVER, IMAGE, engine
from mark import needs, quick
from place import has_systemd
from terminal import Terminal

USER, GROUP = "tester", "/sys/fs/cgroup/tester"
NUMBERS = itertools.count(1)


def runtime_dir():
    return f"/run/user/{pwd.getpwnam(USER).pw_uid}"


def mine(*words, pty=False):
    """The words of a command of that user: a unit of the user's manager, which delegates a cgroup."""
    login = ["runuser", "-u", USER, "--", "env", "-C", f"/home/{USER}", f"HOME=/home/{USER}",
             f"XDG_RUNTIME_DIR={runtime_dir()}"]
    if not has_systemd():
        return ["sh", "-c", f'echo 0 >{GROUP}/session/cgroup.procs; exec "$@"', "sh", *login, *words]
    return [*login, "systemd-run", "--user", "--quiet", "--collect", "--wait",
            "--pty" if pty else "--pipe", f"--working-directory=/home/{USER}",
            # A container that goes on is no reason for the unit to wait, nor to end it.
            "--property=Delegate=yes", "--property=KillMode=process", "--expand-environment=no",
            "--", *words]


def prepared():
    """What a login would make; then the image, once."""
    home, uid = f"/home/{USER}", pwd.getpwnam(USER).pw_uid
    if not has_systemd():
        for path in (home, runtime_dir(), GROUP, f"{GROUP}/session"):
            os.makedirs(path, mode=0o700, exist_ok=True)
        if not os.path.ismount(home):       # an overlay over the root's overlay is not to be had
            call("mount", "-t", "tmpfs", "tmpfs", home).ok
        call("chown", "-R", f"{uid}:{uid}", home, runtime_dir(), GROUP).ok
    if IMAGE not in call(*mine("podman", "images", "--format={{.Repository}}:{{.Tag}}")).ok.out:
        call(*mine("podman", "load", "-q", "-i", "/opt/images/busybox.tar")).ok


def podman(*words, **more):
    return call(*mine("podman", *words), **more)


def run(*words, **more):
    """`run` with the runtime under test."""
    prepared()
    return podman("--runtime", engine().binary, "run", *words, **more)


def sh(script, *options, **more):
    return run("--rm", "--network=none", *options, IMAGE, "sh", "-c", script, **more)


def states():
    """The containers that the runtime keeps for this user."""
    with contextlib.suppress(FileNotFoundError):
        return [name for name in os.listdir(f"{runtime_dir()}/{engine().runtime}")
                if not name.startswith(".")]
    return []


@contextlib.contextmanager
def box(*options, command=FOREVER):
    """A container that runs on; nothing of it is left afterwards."""
    name = f"mine{next(NUMBERS)}"
    run("-d", f"--name={name}", "--network=none", *options, IMAGE, *command).ok
    try:
        yield name
    finally:
        podman("rm", "-f", "-t", "0", name)
    until(lambda: not states(), "no state is left")


@quick
def test_a_user_runs_a_container():
    "root inside is the user outside; input, both streams, the exit status, no state afterwards"
    r = sh("cat; echo problem >&2; cat /proc/self/uid_map /proc/self/status; exit 3", "-i",
           stdin="typed\n")
    uid = pwd.getpwnam(USER).pw_uid
    assert r.rc == 3 and r.err == "problem\n", r
    lines = r.out.splitlines()
    assert lines[0] == "typed" and lines[1].split() == ["0", str(uid), "1"]
    assert lines[2].split() == ["1", "100000", "65536"]
    found = fields(r.out)
    assert found["Seccomp"] == "2" and int(found["CapEff"], 16) < 1 << 38
    until(lambda: not states(), "no state is left")


def test_a_program_that_is_not_there_is_127_for_a_user():
    "and one that may not be run 126"
    for program, status in (("/nonexistent", 127), ("nonexistent", 127), ("/etc/passwd", 126),
                            ("/etc", 126)):
        r = run("--rm", "--network=none", IMAGE, program)
        assert r.rc == status, r
    until(lambda: not states(), "no state is left")


@quick
def test_a_users_container_is_entered_signalled_and_stopped():
    "exec with its ids, a signal that is handled, SIGTERM and then SIGKILL"
    with box(command=("sh", "-c", "trap 'echo got it' USR1; trap '' TERM; echo up; "
                      "while :; do sleep 0.1; done")) as name:
        until(lambda: "up" in podman("logs", name).out, "it is up")
        r = podman("exec", "--user=65534", name, "sh", "-c", "id -u; exit 7")
        assert (r.rc, r.out) == (7, "65534\n"), r
        assert podman("exec", name, "/nonexistent").rc == 127
        podman("kill", "-s", "USR1", name).ok
        until(lambda: "got it" in podman("logs", name).out, "the signal is handled")
        podman("stop", "-t", "1", name).ok
        assert podman("inspect", "-f", "{{.State.ExitCode}}", name).value == "137"


def test_a_user_has_a_terminal():
    "of its own, and the exit status"
    prepared()
    argv = mine("podman", "--runtime", engine().binary, "run", "--rm", "-it", "--network=none",
                IMAGE, "sh", pty=True)
    with Terminal(*argv) as person:
        person.expect("# ")
        person.type("tty; exit 9")
        person.expect("/dev/pts/0")
        status = person.end()
    assert status == 9


def test_a_user_can_keep_the_own_id():
    "keep-id: inside the user is who the user is outside, and writes as that"
    uid = pwd.getpwnam(USER).pw_uid
    prepared()
    here = f"/home/{USER}/share"
    call(*mine("mkdir", "-p", here)).ok
    r = sh("id -u; : >/m/made", "--userns=keep-id", f"-v={here}:/m")
    assert r.value == str(uid) and os.stat(f"{here}/made").st_uid == uid
    call(*mine("rm", "-r", here)).ok


def test_a_users_files_are_confined():
    "a read-only root, a tmpfs with a size, a directory for reading only"
    r = sh("touch /x; touch /t/x && echo written; touch /m/x; grep ' /t ' /proc/mounts",
           "--read-only", "--tmpfs=/t:size=1m,noexec", "-v=/opt/images:/m:ro")
    assert r.err.count("Read-only file system") == 2, r
    assert r.lines[0] == "written" and "size=1024k" in r.lines[1] and "noexec" in r.lines[1]


@needs("systemd", "memory", "pids")
def test_a_users_limits_are_in_force():
    "in a scope of the user's manager; update and pause work there"
    with box("--memory=64m", "--pids-limit=30") as name:
        r = podman("exec", name, "sh", "-c", "cd /sys/fs/cgroup; cat memory.max pids.max")
        assert r.lines == [str(64 << 20), "30"], r
        podman("update", "--memory=80m", name).ok
        r = podman("exec", name, "cat", "/sys/fs/cgroup/memory.max")
        assert r.value == str(80 << 20)
        podman("pause", name).ok
        assert podman("inspect", "-f", "{{.State.Status}}", name).value == "paused"
        podman("unpause", name).ok
        assert podman("exec", name, "echo", "on").value == "on"


@needs("systemd")
def test_a_user_has_a_network():
    "an address, from a program that needs no privileges"
    assert " inet " in run("--rm", IMAGE, "ip", "-4", "-o", "addr", "show", "scope",
                           "global").ok.out


def test_a_user_builds_an_image():
    "with Podman and with Buildah, whose steps are run by the runtime"
    prepared()
    here = f"/home/{USER}/built"
    call(*mine("mkdir", "-p", here)).ok
    with subprocess.Popen(mine("sh", "-c", f"cat >{here}/Containerfile"), text=True,
                          stdin=subprocess.PIPE) as writer:
        writer.communicate(f"FROM {IMAGE}\nRUN id -u > /made; cat /proc/self/uid_map >> /made\n")
    uid = pwd.getpwnam(USER).pw_uid
    builders = (("podman", "--runtime", engine().binary, "build"),
                ("buildah", "build", f"--runtime={engine().binary}"))
    for number, builder in enumerate(builders):
        name = f"localhost/mine:{number}"
        call(*mine(*builder, "--isolation=oci", "--network=none", "-q", "-t", name, here)).ok
        r = run("--rm", "--network=none", name, "cat", "/made")
        assert [line.split() for line in r.lines[:2]] == [["0"], ["0", str(uid), "1"]], r
        podman("rmi", name).ok
    shutil.rmtree(here)
