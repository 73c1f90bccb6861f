# SPDX-License-Identifier: Apache-2.0
"""Podman: no daemon; conmon calls the runtime and stays with the container. Under systemd its driver
is systemd's.
"""
import json
import os
import signal
import subprocess
import tempfile

from call import COUNTER, call, goes_on, until
from deck import tap
from engine import FOREVER, IMAGE, Engine, engine
from mark import needs, quick, since
from place import configure_containers, has_systemd, version

CONFIG = """[engine]
runtime_supports_json = ["orlop", "runc", "crun"]
runtime_supports_nocgroup = ["orlop", "crun"]
[engine.runtimes]
orlop = ["/usr/local/sbin/orlop"]
"""

class Podman(Engine):
    """It has no daemon to talk to."""

    def building(self, where, name):
        return [self.program, "build", f"--runtime={self.binary}", "-q", "-t", name, where]

    def base(self):
        # Podman 4 counts the layers by the history of the image, and gives up when there are more.
        # That of the tests has no history, which the specification allows; what is imported has.
        if version(self.program) >= (5, 0):
            return IMAGE
        with self.box() as box, tempfile.NamedTemporaryFile(suffix=".tar") as tar:
            self("export", "-o", tar.name, box.name).ok
            self("import", "-q", "-c", "ENV PATH=/bin", tar.name, "localhost/based:1").ok
        return "localhost/based:1"


def prepare(runtime):
    """It knows what the runtime can do."""
    with open("/etc/containers/containers.conf.d/orlop.conf", "w", encoding="ascii") as out:
        out.write(CONFIG)
    configure_containers()
    if not has_systemd():
        call("podman", "load", "-q", "-i", "/opt/images/busybox.tar").ok
        call("podman", "load", "-q", "-i", "/opt/images/pause.tar").ok
    name = os.path.basename(runtime)
    it = Podman("/usr/bin/podman", name, f"/run/{name}",
                ("/sys/fs/cgroup/machine.slice/libpod-*.scope",
                 "/sys/fs/cgroup/libpod_parent/libpod-*",
                 "/sys/fs/cgroup/system.slice/*/*/libpod-payload-*"))
    it.binary = runtime


def conmon_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as text:
        return int(next(line.split()[1] for line in text if line.startswith("PPid")))


@quick
def test_a_reason_comes_through_the_log():
    "as one line of text, without the frame of the log"
    r = engine().run("--rm", "--network=none", IMAGE, "/nonexistent")
    assert r.rc == 127 and "level=error" not in r.err and "/nonexistent" in r.err, r


@needs("memory", "pids")
def test_the_cgroupfs_driver_sets_and_updates_limits():
    "in a group that Podman names"
    with engine().box("--memory=32m", "--pids-limit=20", before=("--cgroup-manager=cgroupfs",)
                      ) as box:
        with open(f"/proc/{box.pid}/cgroup", encoding="ascii") as text:
            assert text.read() == f"0::/libpod_parent/libpod-{box.id}\n"
        assert box.sh("cd /sys/fs/cgroup; cat memory.max pids.max").lines == [str(32 << 20), "20"]
        engine()("--cgroup-manager=cgroupfs", "update", "--memory=48m", box.name).ok
        assert box.exec("cat", "/sys/fs/cgroup/memory.max").value == str(48 << 20)


@needs("systemd")
def test_the_scope_has_the_stop_signal_of_the_container():
    "so that a machine that goes down ends it as Podman would"
    with engine().box("--stop-signal=SIGRTMIN+3", "--stop-timeout=7") as box:
        r = call("systemctl", "show", "-P", "KillSignal", "-P", "TimeoutStopUSec",
                 f"libpod-{box.id}.scope")
        assert set(r.lines) == {"37", "7s"}


@needs("systemd")
def test_cgroups_can_be_split_or_left_out():
    "below conmon's; or none of its own"
    r = engine().sh("cat /proc/self/cgroup", "--cgroups=split", "--cgroupns=host")
    assert "/libpod-payload-" in r.value, r
    if engine().runtime != "runc":
        r = engine().sh("echo $$", "--cgroups=disabled")
        assert r.value == "1"


def test_a_user_namespace_maps_root_away():
    "inside it is root, outside it is another; files that it makes are root's inside"
    with engine().box("--uidmap=0:100000:65536", "--gidmap=0:200000:65536") as box:
        r = box.sh("cat /proc/self/uid_map /proc/self/gid_map; touch /x; stat -c %u:%g /x /etc")
        assert [line.split() for line in r.lines[:2]] == [["0", "100000", "65536"],
                                                          ["0", "200000", "65536"]]
        assert r.lines[2:] == ["0:0", "0:0"]
        st = os.stat(f"/proc/{box.pid}")
        assert (st.st_uid, st.st_gid) == (100000, 200000)


def test_a_secret_is_a_file_of_the_container():
    "with its owner and mode, and in no layer"
    call(engine().program, "secret", "create", "word", "-", stdin="swordfish").ok
    try:
        r = engine().sh("cat /run/secrets/word; stat -c ' %u %a' /run/secrets/word",
                        "--secret=word,uid=12,mode=0400")
        assert r.value == "swordfish 12 400"
    finally:
        engine()("secret", "rm", "word").ok


def test_containers_of_a_pod_share_what_a_pod_shares():
    "network, ipc and host name, and not the processes"
    # Podman 4's cgroupfs driver denies a pod's cgroup every device, /dev/null too.
    if not has_systemd() and version(engine().program) < (5, 0):
        raise tap.Skip("Podman 4 makes no pods without systemd that any runtime can run")
    call(*engine().command("pod", "create", "--name=pod", "--infra-image=localhost/pause:1",
                           "--network=none", "--hostname=podded")).ok
    try:
        call(*engine().command("run", "-d", "--pod=pod", "--name=first", IMAGE, *FOREVER)).ok
        script = "for n in net ipc uts pid; do readlink /proc/self/ns/$n; done; hostname"
        one = engine()("exec", "first", "sh", "-c", script).lines
        two = call(*engine().command("run", "--rm", "--pod=pod", IMAGE, "sh", "-c", script)).lines
        assert one[:3] == two[:3] and one[3] != two[3] and one[4] == two[4] == "podded"
    finally:
        engine()("pod", "rm", "-f", "-t", "0", "pod").ok


def test_a_descriptor_is_passed_on():
    "the one that was asked for, and no other"
    with tempfile.TemporaryFile("w+") as file:
        file.write("handed over")
        file.flush()
        os.lseek(file.fileno(), 0, 0)
        os.dup2(file.fileno(), 3)
        argv = engine().command("run", "--rm", "--network=none", "--preserve-fds=1", IMAGE, "sh",
                                "-c", "cat <&3; ls /proc/self/fd | wc -l")
        done = subprocess.run(argv, pass_fds=(3,), capture_output=True, text=True, check=False,
                              timeout=120)
    # 0 to 3, and the one with which ls reads the directory
    assert done.stdout == "handed over5\n", done


def test_a_container_outlives_the_podman_that_started_it():
    "killed by SIGKILL while attached: conmon has the container"
    argv = engine().command("run", "--name=alone", "--network=none", IMAGE, *FOREVER)
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as podman:
        try:
            until(lambda: engine()("exec", "alone", "echo", "up").out == "up\n", "it runs", 90)
            podman.send_signal(signal.SIGKILL)
            podman.wait()
            assert engine()("exec", "alone", "echo", "there").value == "there"
        finally:
            podman.kill()
            engine()("rm", "-f", "-t", "0", "alone").ok


# Podman 4 forgets to have the runtime delete it; 5.4 says that it could not be stopped.
@since(podman=(5, 5))
def test_a_conmon_that_is_killed_leaves_a_container_that_can_be_removed():
    "by SIGKILL; nothing is left afterwards"
    with engine().box() as box:
        pid = box.pid
        os.kill(conmon_of(pid), signal.SIGKILL)
        box.remove().ok
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the process ends")


def test_a_container_is_systemds_when_it_is_asked_to_be():
    "--systemd: what an init needs is there, and its own cgroup is writable"
    r = engine().sh("mkdir /sys/fs/cgroup/mine && echo made; grep -E ' (/run|/tmp) ' /proc/mounts",
                    "--systemd=always")
    assert r.lines[0] == "made" and len([line for line in r.lines if "tmpfs" in line]) == 2


@needs("criu")
def test_a_checkpoint_is_restored():
    "its memory goes on: the same container, one that was left running, one that came from a file"
    def counted(name):
        return int(engine()("exec", name, "cat", "/n").out.strip() or 0)
    with engine().box(command=COUNTER) as box, tempfile.TemporaryDirectory() as here:
        last = goes_on(lambda: counted(box.name), 3)
        engine()("container", "checkpoint", box.name).ok
        assert box.inspect("State.Status") == "exited"
        engine()("container", "restore", box.name).ok
        last = goes_on(lambda: counted(box.name), last)
        engine()("container", "checkpoint", "--leave-running", f"--export={here}/all.tar",
                 box.name).ok
        last = goes_on(lambda: counted(box.name), last)
        box.remove().ok
        engine()("container", "restore", f"--import={here}/all.tar", "--name=another").ok
        try:
            goes_on(lambda: counted("another"), 3)
            state = engine().rt("list", "--format", "json").ok.out
            assert json.loads(state)[-1]["status"] == "running"
        finally:
            engine()("rm", "-f", "-t", "0", "another").ok
