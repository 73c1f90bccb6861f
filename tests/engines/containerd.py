# SPDX-License-Identifier: Apache-2.0
"""containerd by its own client, ctr: the shim and nothing above it. ctr's containers have few
capabilities and no filter unless one is asked for, and no_new_privs always.
"""
import contextlib
import itertools
import json
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import cri
import rpc
from alike import bits, namespace, sets
from call import COUNTER, call, fields, goes_on, until
from engine import FOREVER, IMAGE, Engine, engine
from mark import needs, quick
from place import has_systemd, kill, restart, start, version
from terminal import Terminal

STATUS = "cat /proc/self/status"
MANY = 50
NUMBERS = itertools.count(1)
TASKS = rpc.Schema("""
Any: type_url=1 string, value=2 bytes
UpdateTaskRequest: container_id=1 string, resources=2 Any
""")


class Containerd(Engine):
    """ctr, in containerd's namespace `default`."""
    limits = []

    @property
    def name(self):
        return "containerd"

    def command(self, *words, before=()):
        return [self.program, words[0], f"--runc-binary={self.runtime}", *self.limits, *words[1:]]

    def sh(self, script, *options, **more):
        return call(*self.command("run", "--rm", *options, IMAGE, f"c{next(NUMBERS)}", "sh", "-c",
                                  script), **more)

    def task(self, *options, command=FOREVER):
        return Task(self, options, command)

    def shared(self):
        if not self.kept:
            self.kept = Task(self, (), FOREVER)
        return self.kept

    def clear(self):
        self.kept = None
        for name in self("container", "ls", "-q").lines:
            self("task", "rm", "-f", name)
            self("container", "rm", name)


class Task:
    """A container with a task that runs on; to be used with `with`."""

    def __init__(self, of, options, command):
        self.engine, self.id = of, f"task{next(NUMBERS)}"
        call(*of.command("run", "-d", *options, IMAGE, self.id, *command)).ok

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine("task", "rm", "-f", self.id)
        self.engine("container", "rm", self.id).ok

    def listed(self):
        """What the list of tasks says: pid and status; None when there is no task."""
        rows = [line.split() for line in self.engine("task", "ls").lines]
        return next(((int(row[1]), row[2]) for row in rows if row[0] == self.id), None)

    @property
    def pid(self):
        return self.listed()[0]

    @property
    def status(self):
        return self.listed()[1]

    def exec(self, *words, options=(), **more):
        return self.engine("task", "exec", f"--exec-id=e{next(NUMBERS)}", *options, self.id, *words,
                           **more)

    def sh(self, script, *options, **more):
        return self.exec("sh", "-c", script, options=options, **more)

    def kill(self, signal):
        return self.engine("task", "kill", "-s", signal, self.id)

    def ended(self):
        """Waits for its end and takes the task away; its exit status."""
        until(lambda: self.status == "STOPPED", f"{self.id} ends")
        said = self.engine("task", "rm", self.id).ok.err
        code = re.search(r"non-zero exit code (\d+)", said)
        return int(code[1]) if code else 0


def prepare(runtime):
    """Nothing to be configured: ctr names the runtime by its path."""
    it = Containerd("/usr/bin/ctr", runtime, "/run/containerd/runc/default",
               ("/sys/fs/cgroup/default/*[0-9]", "/sys/fs/cgroup/system.slice/ctr-*.scope"))
    if not has_systemd():
        start("containerd", "containerd", asked=("ctr", "version"))
        call("ctr", "images", "import", "/opt/images/busybox.tar").ok
        # What ctr asks for unless told otherwise is more than a host without that controller can do.
        if "--cpu-shares" in call("ctr", "run", "--help").out:
            it.limits = ["--cpu-shares=0"]


@contextlib.contextmanager
def listening():
    """Gives a function that returns the events so far."""
    with tempfile.TemporaryFile("w+") as heard, \
            subprocess.Popen(["ctr", "events"], stdout=heard) as listener:
        def events():
            heard.seek(0)
            return heard.read()
        try:
            # An event of ours, until it is heard: only then does it listen.
            until(lambda: call("ctr", "images", "label", IMAGE, "heard=yes") and events(),
                  "it listens")
            yield events
        finally:
            listener.kill()


# ---- run and its end ---------------------------------------------------------------------------


@quick
def test_run_gives_what_was_said_and_the_exit_status():
    "both streams, apart; 3 is 3"
    # No input: ctr forgets to close it when its end comes before the task is there.
    r = engine().sh("echo said; echo problem >&2; exit 3")
    assert (r.rc, r.out, r.err) == (3, "said\n", "problem\n")


@quick
def test_the_runtime_that_is_used_is_the_one_that_was_asked_for():
    "it has the state of the container, and the pid is the shim's"
    task = engine().shared()
    state = json.loads(engine().rt("state", task.id).ok.out)
    assert (state["status"], state["pid"]) == ("running", task.pid)


@quick
def test_a_program_that_is_not_there_is_an_error_of_create():
    "and one that may not be run; ctr shows the last error of the log"
    for program, text in (("/nonexistent", "stat /nonexistent: no such file or directory"),
                          ("nonexistent", "executable file not found in $PATH"),
                          ("/etc/passwd", "permission denied")):
        r = call(*engine().command("run", "--rm", IMAGE, f"c{next(NUMBERS)}", program))
        assert r.rc == 1 and "OCI runtime create failed" in r.err and text in r.err, r


@quick
def test_a_terminal_is_a_real_one():
    "size, another size, and the exit status"
    argv = engine().command("run", "--rm", "-t", IMAGE, f"c{next(NUMBERS)}", "sh")
    with Terminal(*argv) as person:
        person.expect("# ")
        person.type("tty; until test \"$(stty size)\" = '33 101'; do sleep 0.2; done; "
                    "stty size | tr ' ' x")
        person.expect("/dev/pts/0")
        person.expect("33x101")
        person.resize(44, 122)
        person.type("until test \"$(stty size)\" = '44 122'; do sleep 0.2; done; stty size|tr ' ' x")
        person.expect("44x122")
        person.type("exit 9")
        status = person.end()
    assert status == 9


def test_output_goes_to_a_file_when_that_was_asked_for():
    "the shim's logging by file"
    with tempfile.TemporaryDirectory() as here:
        with engine().task(f"--log-uri=file://{here}/log", command=("echo", "kept")) as task:
            assert task.ended() == 0
        with open(f"{here}/log", encoding="ascii") as text:
            assert text.read() == "kept\n"


# ---- exec --------------------------------------------------------------------------------------


@quick
def test_exec_gives_what_was_said_and_the_exit_status():
    "in the namespaces of the container, in a directory, as a user"
    task = engine().shared()
    r = task.sh("cat; pwd; exit 7", "--cwd=/tmp", stdin="typed\n")
    assert (r.rc, r.out) == (7, "typed\n/tmp\n")
    r = task.sh("id -u; for n in pid mnt net; do readlink /proc/self/ns/$n; done")
    assert r.lines == ["0", *(namespace(kind, task.pid) for kind in ("pid", "mnt", "net"))]
    r = task.sh("id -u; " + STATUS, "--user=65534:65534")
    assert r.lines[0] == "65534" and sets(r)["CapEff"] == 0


def test_exec_of_a_program_that_is_not_there_is_an_error():
    "and the container does not mind"
    task = engine().shared()
    r = task.exec("/nonexistent")
    assert r.rc == 1 and "OCI runtime exec failed: exec failed: " in r.err, r
    assert "no such file or directory" in r.err
    assert task.exec("echo", "well").value == "well"


def test_exec_has_a_terminal():
    "of its own"
    task = engine().shared()
    with Terminal("ctr", "task", "exec", "-t", f"--exec-id=e{next(NUMBERS)}", task.id, "sh",
                  rows=21, columns=87) as person:
        person.expect("# ")
        person.type("tty; until test \"$(stty size)\" = '21 87'; do sleep 0.2; done; exit 11")
        person.expect("/dev/pts/")
        status = person.end()
    assert status == 11


# ---- the lifecycle -----------------------------------------------------------------------------


@quick
def test_kill_sends_any_signal():
    "one that is handled; then another; a third finds nobody, and is told so"
    with engine().task(command=("sh", "-c", "trap 'echo got > /got' USR1; trap 'exit 5' TERM; "
                                "touch /up; while :; do sleep 0.1; done")) as task:
        until(lambda: task.exec("test", "-e", "/up").rc == 0, "it is up")
        task.kill("USR1").ok
        until(lambda: task.exec("cat", "/got").out == "got\n", "the signal is handled")
        task.kill("TERM").ok
        until(lambda: task.status == "STOPPED", "it ends")
        r = task.kill("KILL")
        assert r.rc == 1 and "process already finished: not found" in r.err
        status = task.ended()
        assert status == 5


@quick
def held(name):
    """How the runtime says that it holds a container, or None."""
    said = json.loads(engine().rt("state", name).ok.out)
    return said.get("remediation", {}).get("quarantine")


def update_task(name, unified):
    """What a plugin or a client does: Tasks.Update with a part of linux.resources."""
    kind = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
    request = TASKS.write("UpdateTaskRequest", {"container_id": name, "resources": {
        "type_url": kind, "value": json.dumps({"unified": unified}).encode()}})
    rpc.call(cri.SOCKET, "/containerd.services.tasks.v1.Tasks/Update", request, cri.SECONDS,
             [("containerd-namespace", "default")])


def test_an_update_of_a_task_holds_and_lets_go():
    "the keys reach the runtime through the shim; an error of it comes back; a thaw is refused"
    with engine().task() as task:
        assert held(task.id) is None
        update_task(task.id, {"orlop.quarantine": "frozen"})
        assert held(task.id) == "contained"
        with open(f"/sys/fs/cgroup/default/{task.id}/cgroup.events", encoding="ascii") as text:
            assert "frozen 1" in text.read()
        for wrong in ({"cgroup.freeze": "0"}, {"orlop.quarantine": "perhaps"}):
            try:
                update_task(task.id, wrong)
                raise AssertionError(f"{wrong} was taken")
            except rpc.CallError:
                pass
        assert held(task.id) == "contained"
        update_task(task.id, {"orlop.quarantine": "release"})
        assert held(task.id) is None and task.exec("echo", "on").value == "on"


def test_pause_freezes_and_resume_goes_on():
    "the kernel says so, and so does the list; what is paused can be killed"
    with engine().task() as task:
        engine()("task", "pause", task.id).ok
        with open(f"/sys/fs/cgroup/default/{task.id}/cgroup.events", encoding="ascii") as text:
            assert "frozen 1" in text.read()
        assert task.status == "PAUSED"
        engine()("task", "resume", task.id).ok
        assert task.status == "RUNNING" and task.exec("echo", "on").value == "on"
        engine()("task", "pause", task.id).ok
        task.kill("KILL").ok
        status = task.ended()
        assert status == 137


@needs("memory", "pids")
def test_processes_and_metrics_are_the_containers():
    "as many as its cgroup has"
    task = engine().shared()
    rows = [line.split() for line in engine()("task", "ps", task.id).lines[1:]]
    assert [int(row[0]) for row in rows] == [task.pid]
    metrics = dict(line.split() for line in engine()("task", "metrics", task.id).lines[2:] if line)
    assert metrics["pids.current"] == "1" and int(metrics["memory.usage"]) > 0


@quick
@needs("memory")
def test_an_out_of_memory_kill_is_an_event():
    "the shim watches the cgroup in which we put the process"
    with listening() as events:
        r = engine().sh("x=$(head -c 60000000 /dev/zero | tr '\\0' a); echo survived",
                        "--memory-limit=20000000")
        assert r.rc == 137 and "survived" not in r.out, r
        until(lambda: "/tasks/oom" in events(), "the event")
        order = [word for word in ("/tasks/create", "/tasks/start", "/tasks/exit") if word in
                 events()]
        assert order == ["/tasks/create", "/tasks/start", "/tasks/exit"]


# ---- what can be asked for ---------------------------------------------------------------------


@quick
@needs("memory", "cpu", "cpuset")
def test_limits_are_seen_inside():
    "memory, CPU time and set"
    r = engine().sh("cd /sys/fs/cgroup/default/c*; cat memory.max cpu.max cpuset.cpus",
                    "--memory-limit=67108864", "--cpus=0.25", "--cpuset-cpus=1",
                    "--mount=type=bind,src=/sys/fs/cgroup,dst=/sys/fs/cgroup,options=rbind:ro")
    assert r.lines == ["67108864", "25000 100000", "1"], r


@quick
@needs("apparmor")
def test_rights_are_those_that_were_asked_for():
    "capabilities, no_new_privs, a filter, AppArmor, a read-only root"
    r = engine().sh(STATUS + "; cat /proc/self/attr/current; touch /x", "--cap-drop=CAP_CHOWN",
                    "--cap-add=CAP_NET_ADMIN", "--seccomp", "--apparmor-default-profile=dflt",
                    "--read-only")
    found = fields(r.out)
    effective = int(found["CapEff"], 16)
    assert effective & bits(0, 12) == bits(12)
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert r.out.splitlines()[-1] == "dflt (enforce)" and "Read-only file system" in r.err
    found = fields(engine().sh(STATUS, "--privileged", "--allow-new-privs").ok.out)
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("0", "0")
    assert int(found["CapEff"], 16) == sets(call("cat", "/proc/1/status"))["CapEff"]


def test_a_device_is_there_when_it_was_given():
    "and can be opened; its node alone is not enough"
    assert engine().sh(": <>/dev/fuse && echo open", "--device=/dev/fuse").value == "open"
    r = engine().sh("mknod /fuse c 10 229 && : <>/fuse", "--cap-add=CAP_MKNOD")
    assert r.rc != 0 and "Operation not permitted" in r.err, r


def test_mounts_are_as_asked():
    "a directory for reading only, a tmpfs with a size"
    r = engine().sh("ls /m; touch /m/x; grep ' /t ' /proc/mounts",
                    "--mount=type=bind,src=/opt/images,dst=/m,options=rbind:ro",
                    "--mount=type=tmpfs,src=tmpfs,dst=/t,options=size=1m:noexec")
    assert r.out.startswith("busybox.tar\npause.tar\n") and "Read-only file system" in r.err
    assert "noexec" in r.lines[2] and "size=1024k" in r.lines[2]


def test_a_user_namespace_maps_root_away():
    "root inside is another outside"
    with engine().task("--uidmap=0:100000:65536", "--gidmap=0:100000:65536") as task:
        assert task.exec("cat", "/proc/self/uid_map").value.split() == ["0", "100000", "65536"]
        assert os.stat(f"/proc/{task.pid}").st_uid == 100000
        assert task.sh("touch /mine && stat -c %u /mine").value == "0"


def test_networks_are_none_the_hosts_or_from_cni():
    "nothing but lo; the host's namespace; an address"
    assert engine().sh("ls /sys/class/net").value == "lo"
    # ctr binds two files of the host for that
    call("sh", "-c", "test -e /etc/resolv.conf || : >/etc/resolv.conf").ok
    assert engine().sh("readlink /proc/self/ns/net", "--net-host").value == namespace("net")
    assert " inet 10.88." in engine().sh("ip -4 -o addr show dev eth0", "--cni").ok.out


def test_two_containers_share_namespaces():
    "those that were named"
    task = engine().shared()
    pid = task.pid
    r = engine().sh("for n in net pid ipc mnt; do readlink /proc/self/ns/$n; done; ps", *(
        f"--with-ns={word}:/proc/{pid}/ns/{kind}" for word, kind in
        (("network", "net"), ("pid", "pid"), ("ipc", "ipc"))))
    assert r.lines[:3] == [namespace(kind, pid) for kind in ("net", "pid", "ipc")]
    assert r.lines[3] != namespace("mnt", pid) and " ".join(FOREVER) in r.out


@quick
@needs("systemd")
def test_the_systemd_driver_makes_a_scope():
    "with the limits, which systemd knows as well; it goes with the container"
    with engine().task("--runc-systemd-cgroup", "--cgroup=system.slice:ctr:scoped",
                       "--memory-limit=67108864") as task:
        with open(f"/proc/{task.pid}/cgroup", encoding="ascii") as text:
            assert text.read() == "0::/system.slice/ctr-scoped.scope\n"
        r = call("systemctl", "show", "-P", "ActiveState", "-P", "MemoryMax", "ctr-scoped.scope")
        assert set(r.lines) == {"active", "67108864"}
        engine()("task", "pause", task.id).ok
        engine()("task", "resume", task.id).ok
        assert task.exec("echo", "in").value == "in"


# ---- checkpoints ------------------------------------------------------------------------------


@needs("criu")
def test_a_checkpoint_is_restored():
    "with its memory and its files, as another container; the first one was left running"
    def count(name):
        return int(engine()("task", "exec", f"--exec-id=e{next(NUMBERS)}", name, "cat",
                            "/n").out.strip() or 0)
    image, other = "localhost/checkpoint:1", f"task{next(NUMBERS)}"
    with engine().task(command=COUNTER) as task:
        last = goes_on(lambda: count(task.id), 3)
        engine()("container", "checkpoint", "--rw", "--task", task.id, image).ok
        goes_on(lambda: count(task.id), last)
    try:
        engine()("container", "restore", "--rw", "--live", other, image).ok
        goes_on(lambda: count(other), last)
        assert json.loads(engine().rt("state", other).ok.out)["status"] == "running"
    finally:
        engine()("task", "rm", "-f", other)
        engine()("container", "rm", other)
        engine()("images", "rm", image)


@needs("criu")
def test_a_task_is_checkpointed_and_ends():
    "into a directory; the task has ended by that, and nothing of it is left"
    with tempfile.TemporaryDirectory() as here, engine().task(command=COUNTER) as task:
        goes_on(lambda: int(task.exec("cat", "/n").out.strip() or 0), 3)
        os.mkdir(f"{here}/work")
        engine()("task", "checkpoint", "--exit", f"--image-path={here}/image",
                 f"--work-path={here}/work", task.id).ok
        assert os.path.exists(f"{here}/image/inventory.img")
        until(lambda: task.status == "STOPPED", "it ends")


# ---- what goes wrong, and many -----------------------------------------------------------------


def test_tasks_live_on_when_containerd_is_restarted_or_killed():
    "the shim holds them; afterwards they can be looked into, and one that ended is cleared away"
    with engine().task() as task, engine().task() as short:
        pid = task.pid
        restart("containerd")
        assert task.listed() == (pid, "RUNNING") and task.exec("echo", "there").value == "there"
        last = short.pid
        kill("containerd", meanwhile=lambda: os.kill(last, 9))
        until(lambda: call("ctr", "version").rc == 0, "it answers")
        assert task.listed() == (pid, "RUNNING") and task.exec("echo", "there").value == "there"
        # containerd 1.6 finds what ended meanwhile, and has it deleted only with the task.
        if version("containerd") < (1, 7):
            until(lambda: short.status == "STOPPED", "it is known that it has ended")
            engine()("task", "rm", short.id).ok
        until(lambda: engine().rt("state", short.id).rc, "what has ended is cleared away")


def test_a_shim_that_is_killed_leaves_nothing():
    "containerd notices, and has the runtime clear away"
    with engine().task() as task:
        pid = task.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as text:
            shim = next(line.split()[1] for line in text if line.startswith("PPid"))
        os.kill(int(shim), 9)
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the process ends")
        until(lambda: not task.listed(), "there is no task")


def test_fifty_containers_run_at_once():
    "all of them, and all of them go"
    names = [f"many{number}" for number in range(MANY)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: call(*engine().command("run", "-d", IMAGE, name, *FOREVER),
                                        seconds=200).ok, names))
        states = json.loads(engine().rt("list", "--format", "json").ok.out)
        assert {state["id"] for state in states if state["status"] == "running"} >= set(names)
        list(pool.map(lambda name: engine()("task", "rm", "-f", name, seconds=200).ok, names))
        list(pool.map(lambda name: engine()("container", "rm", name).ok, names))
