# SPDX-License-Identifier: Apache-2.0
"""What Docker and Podman have in common, for their command lines are alike: each case is run with
both. What was asked for is read back from inside the container, or from the kernel.
"""
import json
import os
import re
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from call import call, fields, until
from engine import FOREVER, IMAGE, engine
from mark import needs, quick, since, without
from place import version
from terminal import Terminal

STATUS = "cat /proc/self/status"
MANY = 50


def bits(*numbers):
    return sum(1 << number for number in numbers)


def sets(result):
    """The capability sets of a /proc/PID/status."""
    found = fields(result.ok.out)
    return {name: int(found[name], 16) for name in
            ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


def is_every(effective):
    """Every capability that there is; Docker 20 knows no more than the first 38."""
    there = sets(call("cat", "/proc/1/status"))["CapEff"]
    return effective == there & (1 << max(38, effective.bit_length())) - 1


def old_docker():
    """Debian 12's, which differs in a few things from all later ones."""
    return engine().name == "docker" and version(engine().program) < (23, 0)


def namespace(kind, pid="self"):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def frozen(box):
    return "frozen 1" in box.cgroup("cgroup.events")


# ---- run and its end ---------------------------------------------------------------------------


@quick
def test_run_gives_what_was_said_and_the_exit_status():
    "both streams, apart; input; 3 is 3"
    r = engine().sh("cat; echo problem >&2; exit 3", "-i", stdin="some input\n")
    assert (r.rc, r.out, r.err) == (3, "some input\n", "problem\n")


@quick
def test_the_runtime_that_is_used_is_the_one_that_was_asked_for():
    "it has the state of the container; another one would not"
    box = engine().shared()
    state = json.loads(engine().rt("state", box.id).ok.out)
    assert (state["status"], state["pid"]) == ("running", box.pid)


def test_a_program_that_is_not_there_is_127_and_one_that_may_not_be_run_126():
    "the engine finds that out from our texts"
    for program, status, text in (("/nonexistent", 127, "no such file or directory"),
                                  ("nonexistent", 127, "executable file not found in $PATH"),
                                  ("/etc/passwd", 126, "permission denied"),
                                  ("/etc", 126, "is a directory")):
        r = engine().run("--rm", "--network=none", IMAGE, program)
        assert r.rc == status and text in r.err, r


def test_what_the_runtime_refuses_is_told_in_its_words():
    "with the status for what is not the program's: 125; Podman has 126 for all that a runtime says"
    status = {"docker": 125, "podman": 126}[engine().name]
    r = engine().run("--rm", "--network=none", "--sysctl=net.ipv4.ip_forward=nonsense", IMAGE, "true")
    assert r.rc == status and "ip_forward: invalid argument" in r.err, r


@quick
def test_a_terminal_is_a_real_one():
    "size, another size, an interrupt, /dev/console, and the exit status"
    argv = engine().command("run", "--rm", "-it", "--network=none", IMAGE, "sh")
    with Terminal(*argv, rows=33, columns=101) as person:
        person.expect("# ")
        person.type("tty; ls -l /dev/console; until test \"$(stty size)\" = '33 101';"
                    "do sleep 0.2; done; stty size | tr ' ' x")
        person.expect("/dev/pts/0")
        person.expect(r"crw--w---- .* 136, +0 .*/dev/console")
        person.expect("33x101")
        # It is a shell without a terminal's habits that says it sleeps: of an interrupt that comes
        # while ash is about to start a program, ash's child knows nothing.
        person.type("trap 'stty size | tr \" \" y' WINCH; sh -c 'echo as\"\"leep; exec sleep 100000'")
        person.expect("asleep")             # said, and not only typed
        person.resize(44, 122)
        person.type("\x03", end="")
        person.type("until test \"$(stty size)\" = '44 122'; do sleep 0.2; done; stty size|tr ' ' x")
        person.expect("44x122")
        person.type("exit 9")
        status = person.end()
    assert status == 9


def test_logs_have_both_streams():
    "of a container that nobody is attached to, also after its end"
    with engine().box(command=("sh", "-c", "echo one; echo two >&2; exit 4")) as box:
        assert box.ended() == 4
        r = engine()("logs", box.name).ok
        assert (r.out, r.err) == ("one\n", "two\n")


# ---- exec --------------------------------------------------------------------------------------


@quick
def test_exec_gives_what_was_said_and_the_exit_status():
    "with input, a variable and a working directory; in the namespaces of the container"
    box = engine().shared()
    r = box.sh("cat; echo $A; pwd; exit 7", "-i", "--env=A=b", "--workdir=/tmp")
    assert r.rc == 7 and r.out == "b\n/tmp\n"
    r = box.exec("-i", "cat", stdin="typed\n")
    assert r.value == "typed"
    r = box.sh("for n in pid mnt net; do readlink /proc/self/ns/$n; done")
    assert r.lines == [namespace(kind, box.pid) for kind in ("pid", "mnt", "net")]


@quick
def test_exec_as_another_user_has_that_users_rights():
    "ids and no capability; as root, those of the container; privileged, all"
    box = engine().shared()
    r = box.sh("id -u; id -g; " + STATUS, "--user=65534:65533")
    assert r.lines[:2] == ["65534", "65533"]
    assert sets(r)["CapEff"] == sets(r)["CapPrm"] == 0 != sets(r)["CapBnd"]
    assert sets(box.sh(STATUS))["CapEff"] == sets(r)["CapBnd"]
    every = sets(box.sh(STATUS, "--privileged"))["CapEff"]
    assert is_every(every) and every != sets(r)["CapBnd"]


def test_exec_of_a_program_that_is_not_there_is_127():
    "and of one that may not be run 126; the container does not mind"
    # Docker 20 and 26 give 126 for all of them, with runc, too; 28 does not.
    alike = engine().name == "docker" and version(engine().program) < (28, 0)
    box = engine().shared()
    for program, status in (("/nonexistent", 127), ("nonexistent", 127), ("/etc/passwd", 126),
                            ("/etc", 126)):
        r = box.exec(program)
        assert r.rc == (126 if alike else status), r
    assert box.exec("echo", "well").value == "well"


def test_exec_has_a_terminal():
    "of its own, with the size of the window, and gives the exit status"
    box = engine().shared()
    with Terminal(engine().program, "exec", "-it", box.name, "sh", rows=21, columns=87) as person:
        person.expect("# ")
        person.type("tty; until test \"$(stty size)\" = '21 87'; do sleep 0.2; done; "
                    "stty size | tr ' ' x")
        person.expect("/dev/pts/")
        person.expect("21x87")
        person.type("exit 11")
        status = person.end()
    assert status == 11


def test_exec_in_the_background_runs_on():
    "after the call has returned"
    box = engine().shared()
    engine()("exec", "-d", box.name, "sh", "-c", "sleep 1; echo yes > /tmp/later").ok
    until(lambda: box.sh("cat /tmp/later").out == "yes\n", "the file appears")


# ---- stop, kill, restart, pause ----------------------------------------------------------------


@quick
def test_stop_lets_a_container_end_by_itself():
    "SIGTERM reaches it, and its exit status is kept"
    with engine().box(command=("sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; "
                               "while :; do sleep 0.1; done")) as box:
        box.says("up")
        engine()("stop", "-t", "60", box.name).ok
        assert box.ended() == 5
        assert "bye" in box.log()


def test_stop_kills_what_does_not_want_to_end():
    "after the time that was given"
    with engine().box(command=("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")
                      ) as box:
        box.says("up")
        engine()("stop", "-t", "1", box.name).ok
        assert box.ended() == 137


def test_kill_sends_any_signal():
    "one that is handled, and then the one that cannot be; twice is an error"
    with engine().box(command=("sh", "-c", "trap 'echo got it' USR1; echo up; "
                               "while :; do sleep 0.1; done")) as box:
        box.says("up")
        engine()("kill", "-s", "USR1", box.name).ok
        box.says("got it")
        assert box.inspect("State.Status") == "running"
        engine()("kill", box.name).ok
        assert box.ended() == 137
        r = engine()("kill", box.name)
        assert r.rc != 0 and "is not running" in r.err or "can only kill running" in r.err, r


def test_restart_makes_a_new_process_of_the_same_container():
    "its files stay"
    with engine().box() as box:
        old = box.pid
        box.sh("echo kept > /file").ok
        engine()("restart", "-t", "0", box.name).ok
        assert box.pid not in (0, old)
        assert box.exec("cat", "/file").value == "kept"


@quick
def test_pause_freezes_and_unpause_goes_on():
    "the kernel says so; exec is refused meanwhile"
    box = engine().shared()
    engine()("pause", box.name).ok
    assert frozen(box) and box.inspect("State.Status") == "paused"
    r = box.exec("true")
    assert r.rc != 0
    engine()("unpause", box.name).ok
    assert not frozen(box) and box.inspect("State.Status") == "running"
    assert box.exec("echo", "on").value == "on"


def test_a_paused_container_can_be_removed():
    "by force, without being thawed first"
    with engine().box() as box:
        engine()("pause", box.name).ok
        pid = box.pid
        box.remove().ok
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the process ends")


# ---- looking at it -----------------------------------------------------------------------------


@needs("memory", "pids")
def test_stats_are_of_the_container():
    "as many processes as are in its cgroup, and some memory"
    box = engine().shared()
    r = engine()("stats", "--no-stream", "--format", "{{.PIDs}} {{.MemUsage}}", box.name)
    pids, used = r.value.split()[:2]
    assert int(pids) == int(box.cgroup("pids.current"))
    assert float(re.match(r"[\d.]+", used)[0]) > 0


def test_events_tell_what_happened():
    "from create, which is the first, to the end with its exit status"
    since = str(int(time.time()))
    with engine().box(command=("sh", "-c", "exit 6")) as box:
        box.ended()
        form = ("{{.Status}} {{.ContainerExitCode}}" if engine().name == "podman" else
                "{{.Action}} {{.Actor.Attributes.exitCode}}")

        def happened():
            return engine()("events", "--since", since, "--until", str(int(time.time()) + 1),
                            "--filter", f"container={box.name}", "--format", form).lines
        kinds = ("create", "start", "die", "died")

        def lifetime():
            """All of it: who says that it started may say so after it has ended."""
            seen = [line for line in happened() if line.split()[0] in kinds]
            return len(seen) == 3 and seen
        seen = until(lifetime, "create, start and the end are events")
        assert seen[0].split()[0] == "create"
        assert [line.split()[-1] for line in seen if line.startswith("die")] == ["6"]


def test_top_shows_the_processes():
    "of the container, and no other"
    box = engine().shared()
    lines = engine()("top", box.name).lines
    assert len(lines) == 2 and lines[1].rstrip().endswith(" ".join(FOREVER)), lines


def test_files_are_copied_both_ways():
    "into a running container and out of it"
    box = engine().shared()
    with tempfile.TemporaryDirectory() as here:
        with open(f"{here}/in", "w", encoding="ascii") as out:
            out.write("carried")
        engine()("cp", f"{here}/in", f"{box.name}:/tmp/in").ok
        assert box.exec("cat", "/tmp/in").value == "carried"
        box.sh("echo back > /tmp/out").ok
        engine()("cp", f"{box.name}:/tmp/out", f"{here}/out").ok
        with open(f"{here}/out", encoding="ascii") as text:
            assert text.read() == "back\n"


def test_health_is_checked():
    "healthy while the check succeeds, unhealthy when it does not"
    def health():
        if engine().name == "podman":      # its timer is systemd's; ask for a check at once
            engine()("healthcheck", "run", box.name)
        return box.inspect("State.Health.Status")
    with engine().box("--health-cmd=test -e /tmp/well", "--health-interval=1s",
                      "--health-retries=1", command=("sh", "-c", "touch /tmp/well; sleep 1000")
                      ) as box:
        until(lambda: health() == "healthy", "it is healthy")
        box.exec("rm", "/tmp/well").ok
        until(lambda: health() == "unhealthy", "it is unhealthy")


@since(podman=(5, 5))   # 5.4 waits as long as it takes
def test_a_check_of_health_may_take_no_longer_than_its_time():
    "one that hangs is ended, with all that it started"
    with engine().box("--health-cmd=sleep 54321", "--health-interval=1s", "--health-timeout=1s",
                      "--health-retries=1") as box:
        def health():
            if engine().name == "podman":
                engine()("healthcheck", "run", box.name)
            return box.inspect("State.Health.Status")
        until(lambda: health() == "unhealthy", "it is unhealthy")


# ---- files -------------------------------------------------------------------------------------


def test_a_volume_outlives_the_container_that_wrote_it():
    "and one that is read-only is not written"
    engine()("volume", "create", "vol").ok
    try:
        engine().sh("echo data > /v/file", "-v=vol:/v").ok
        r = engine().sh("cat /v/file; echo x > /v/file", "-v=vol:/v:ro")
        assert r.rc != 0 and r.out == "data\n" and "Read-only file system" in r.err, r
    finally:
        engine()("volume", "rm", "vol").ok


def test_a_directory_of_the_host_is_mounted_as_asked():
    "read-only, to Docker since 25 with all that is mounted below it; writable where asked for"
    with tempfile.TemporaryDirectory() as here:
        os.mkdir(f"{here}/below")
        call("mount", "-t", "tmpfs", "inner", f"{here}/below").ok
        try:
            r = engine().sh("touch /m/x || touch /m/below/x",
                            f"--mount=type=bind,src={here},dst=/m,readonly")
            recursive = engine().name == "docker" and not old_docker()
            assert r.err.count("Read-only file system") == 1 + recursive, r
            engine().sh("touch /m/x /m/below/y", f"-v={here}:/m").ok
            assert os.path.exists(f"{here}/x") and os.path.exists(f"{here}/below/y")
        finally:
            call("umount", f"{here}/below").ok


def test_a_tmpfs_has_its_size_and_its_options():
    "and /dev/shm has its own"
    r = engine().sh("grep -E ' (/t|/dev/shm) ' /proc/mounts; dd if=/dev/zero of=/t/x bs=1M count=2",
                    "--tmpfs=/t:size=1m,noexec,mode=1700", "--shm-size=5m")
    mounts = {line.split()[1]: line.split()[3].split(",") for line in r.out.splitlines()}
    assert {"size=1024k", "noexec", "nosuid", "nodev", "mode=1700"} <= set(mounts["/t"])
    assert {"size=5120k", "noexec", "nosuid", "nodev"} <= set(mounts["/dev/shm"])
    assert r.rc != 0 and "No space left on device" in r.err


@quick
def test_a_read_only_container_cannot_be_written():
    "but where it was given something to write to"
    r = engine().sh("touch /x; touch /etc/x; touch /t/x && echo written", "--read-only",
                    "--tmpfs=/t")
    assert r.lines == ["written"] and r.err.count("Read-only file system") == 2


# ---- identity and rights -----------------------------------------------------------------------


def test_a_user_has_its_ids_and_groups():
    "in numbers and by name, and the name of the host is the one that was given"
    r = engine().sh("id; hostname; pwd", "--user=65534:12", "--group-add=77", "--hostname=here",
                    "--workdir=/var")
    ids = re.sub(r"\(12\)", "", r.lines[0])        # Podman gives a group without a name one
    assert ids.startswith("uid=65534(nobody) gid=12 groups=") and r.lines[1:] == ["here", "/var"]
    assert set(re.search(r"groups=(\S+)", ids)[1].split(",")) == {"12", "77"}


def test_init_is_process_1_and_buries_orphans():
    "a grandchild whose parent has ended is no zombie when it ends; without an init it is one"
    orphan = ("sh", "-c", "(sleep 1 & ) ; exec sleep 100000")
    for opts, zombies in (("--init",), 0), ((), 1):
        with engine().box(*opts, command=orphan) as box:
            processes = until(lambda of=box: (text := of.exec("ps").out) and "sleep 1\n" not in text
                              and text, "the orphan ends")
            assert processes.count("[sleep]") == zombies
            assert ("init" in processes.splitlines()[1]) == (not zombies)


@quick
def test_no_capability_is_left_when_all_are_dropped():
    "in none of the five sets; one that is added back is the only one"
    assert set(sets(engine().sh(STATUS, "--cap-drop=ALL")).values()) == {0}
    r = sets(engine().sh(STATUS, "--cap-drop=ALL", "--cap-add=NET_ADMIN"))
    assert r["CapEff"] == r["CapPrm"] == r["CapBnd"] == bits(12)
    assert sets(engine().sh(STATUS))["CapEff"] & bits(0, 1, 5) == bits(0, 1, 5)


@quick
def test_no_new_privileges_holds():
    "and is not there when it was not asked for"
    for wanted, opts in (("1", ("--security-opt=no-new-privileges",)), ("0", ())):
        assert fields(engine().sh(STATUS, *opts).ok.out)["NoNewPrivs"] == wanted


@quick
def test_seccomp_is_the_engines_default_the_file_or_none():
    "a filter that denies mkdir denies it, with its error; unconfined is no filter"
    assert fields(engine().sh(STATUS).ok.out)["Seccomp"] == "2"
    r = engine().sh(STATUS, "--security-opt=seccomp=unconfined")
    assert fields(r.ok.out)["Seccomp"] == "0"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as profile:
        json.dump({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}, profile)
        profile.flush()
        r = engine().sh("mkdir /tmp/x", f"--security-opt=seccomp={profile.name}")
    assert r.rc == 1 and "Function not implemented" in r.err, r


@quick
@needs("apparmor")
def test_apparmor_confines_unless_told_not_to():
    "the engine's profile, enforced; unconfined; the profile holds for exec, too"
    label = "cat /proc/self/attr/current"
    default = engine().shared().sh(label).value
    assert re.fullmatch(r"(docker|containers)-default\S* \(enforce\)", default)
    assert engine().sh(label).value == default
    assert engine().sh(label, "--security-opt=apparmor=unconfined").value == "unconfined"


@needs("apparmor")
def test_a_profile_that_is_not_loaded_is_an_error():
    "of create, and no container runs without it"
    r = engine().sh("echo ran", "--security-opt=apparmor=no-such-profile")
    assert r.rc not in (0, 1) and "ran" not in r.out and "apparmor" in r.err.lower(), r


def test_a_privileged_container_has_everything():
    "all capabilities, no filter, the devices, a writable /sys"
    r = engine().sh(STATUS + "; ls /dev; touch /sys/kernel/x 2>&1; grep ' /sys ' /proc/mounts",
                    "--privileged")
    found = fields(r.out)
    assert is_every(int(found["CapEff"], 16))
    assert found["Seccomp"] == "0" and "loop-control" in r.out.split()
    assert re.search(r" /sys sysfs rw", r.out)


def test_a_device_is_there_when_it_was_given_and_only_then():
    "also not by making its node; for reading only, it cannot be written"
    r = engine().sh(": <>/dev/fuse && echo open", "--device=/dev/fuse")
    assert r.lines == ["open"]
    r = engine().sh("ls /dev/fuse; mknod /tmp/fuse c 10 229 && : <>/tmp/fuse", "--cap-add=MKNOD")
    assert r.rc != 0 and "No such file" in r.err and "Operation not permitted" in r.err, r
    r = engine().sh("mknod /tmp/a c 10 229 && echo made; : </dev/kmsg && echo read; : >/dev/kmsg",
                    "--device=/dev/kmsg:/dev/kmsg:r", "--cap-add=MKNOD", "--cap-add=SYSLOG")
    assert r.rc != 0 and r.out == "made\nread\n" and "Operation not permitted" in r.err, r


# ---- limits ------------------------------------------------------------------------------------


@quick
def test_ulimits_are_in_force():
    "soft and hard"
    r = engine().sh("ulimit -n; ulimit -Hn; ulimit -c; ulimit -Hc; grep processes /proc/self/limits",
                    "--ulimit=nofile=111:222", "--ulimit=core=0:0", "--ulimit=nproc=333:444")
    assert r.lines[:4] == ["111", "222", "0", "0"] and r.lines[4].split()[2:4] == ["333", "444"]


@needs("memory", "cpu", "cpuset", "pids")
def test_limits_of_the_cgroup_are_seen_inside():
    "memory, swap, CPU time, weight and set, processes"
    r = engine().sh("cd /sys/fs/cgroup; cat memory.max memory.swap.max memory.low cpu.max "
                    "cpu.weight cpuset.cpus pids.max", "--memory=64m", "--memory-swap=96m",
                    "--memory-reservation=16m", "--cpus=0.25", "--cpu-shares=512",
                    "--cpuset-cpus=1", "--pids-limit=44")
    *others, weight, cpuset, pids = r.lines
    assert (cpuset, pids) == ("1", "44") and 20 <= int(weight) <= 60
    assert others == [str(64 << 20), str(32 << 20), str(16 << 20), "25000 100000"]


@quick
@needs("pids")
def test_too_many_processes_cannot_be_made():
    "fork fails at the limit"
    r = engine().sh("cat /sys/fs/cgroup/pids.max; for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; "
                    "echo all made", "--pids-limit=6")
    assert r.out.startswith("6\n") and "can't fork" in r.err, r


@quick
@needs("memory")
def test_a_container_that_takes_too_much_memory_is_reported_as_that():
    "OOMKilled, and 137"
    # Under its systemd driver conmon races with systemd, which removes the cgroup that has the
    # count as soon as it is empty; so it is with runc.
    before = ("--cgroup-manager=cgroupfs",) if engine().name == "podman" else ()
    with engine().box("--memory=20m", "--memory-swap=20m", before=before, command=(
            "sh", "-c", "x=$(head -c 60000000 /dev/zero | tr '\\0' a); echo survived")) as box:
        assert box.ended() == 137
        assert box.inspect("State.OOMKilled") is True
        assert "survived" not in box.log()


@needs("memory", "cpu", "pids")
def test_update_changes_the_limits_of_a_running_container():
    "and they are seen inside; what was not named stays"
    with engine().box("--memory=80m", "--memory-swap=80m", "--pids-limit=50") as box:
        engine()("update", "--memory=90m", "--memory-swap=100m", "--cpus=0.5", box.name).ok
        r = box.sh("cd /sys/fs/cgroup; cat memory.max memory.swap.max cpu.max pids.max")
        assert r.lines == [str(90 << 20), str(10 << 20), "50000 100000", "50"]
        assert box.sh(": </dev/null && echo null").value == "null"


def test_a_sysctl_and_an_oom_score_are_set():
    "in the container's own namespaces"
    r = engine().sh("cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax "
                    "/proc/self/oom_score_adj", "--sysctl=net.ipv4.ip_default_ttl=77",
                    "--sysctl=kernel.msgmax=9999", "--oom-score-adj=321")
    assert r.lines == ["77", "9999", "321"]


# ---- namespaces and networks -------------------------------------------------------------------


@quick
def test_networks_are_none_the_hosts_or_a_bridge():
    "nothing but lo; the host's namespace; an address, and the host answers"
    r = engine().sh("ls /sys/class/net; readlink /proc/self/ns/net", "--network=none")
    assert r.lines[:-1] == ["lo"] and r.lines[-1] != namespace("net")
    r = engine().sh("readlink /proc/self/ns/net", "--network=host")
    assert r.value == namespace("net")
    r = engine().sh("ip -4 -o addr show dev eth0; gw=$(ip route | awk '/default/{print $3}'); "
                    "ping -c 1 -W 20 $gw", "--network=bridge", "--cap-add=NET_RAW")
    assert " inet " in r.ok.out and "1 packets received" in r.out


def test_a_port_is_published():
    "what listens inside is reached at a port of the host"
    with engine().box("--network=bridge", "-p=127.0.0.1:8099:80", command=(
            "sh", "-c", "echo page > /tmp/index.html; exec httpd -f -p 80 -h /tmp")):
        until(lambda: call("busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8099/").out
              == "page\n", "the page is served")


@quick
def test_two_containers_share_namespaces():
    "those that were named, and no other; each sees the other's processes"
    box = engine().shared()
    opts = [f"--{kind}=container:{box.name}" for kind in ("network", "pid", "ipc")]
    r = engine().sh("for n in net pid ipc mnt; do readlink /proc/self/ns/$n; done; ps", *opts)
    assert r.lines[:3] == [namespace(kind, box.pid) for kind in ("net", "pid", "ipc")]
    assert r.lines[3] != namespace("mnt", box.pid) and " ".join(FOREVER) in r.out


def test_the_end_of_one_that_shares_is_not_the_end_of_the_other():
    "also when it is killed: without a pid namespace of its own, its cgroup is what ends"
    box = engine().shared()
    with engine().box(f"--pid=container:{box.name}", command=(
            "sh", "-c", "sleep 4242 & sleep 4243 & wait")) as other:
        until(lambda: "sleep 4243" in box.exec("ps").out, "its processes are seen")
        engine()("kill", other.name).ok
        assert other.ended() == 137
        until(lambda: "sleep 424" not in box.exec("ps").out, "all of its processes end")
        assert box.inspect("State.Status") == "running"


def test_namespaces_of_the_host_are_used_when_asked_for():
    "pid, ipc, uts and cgroup; otherwise they are the container's own"
    kinds = ("pid", "ipc", "uts", "cgroup")
    script = "for n in pid ipc uts cgroup; do readlink /proc/self/ns/$n; done"
    host = [namespace(kind) for kind in kinds]
    r = engine().sh(script, "--pid=host", "--ipc=host", "--uts=host", "--cgroupns=host")
    assert r.lines == host
    assert not set(engine().sh(script, "--cgroupns=private").lines) & set(host)


# ---- building, and many ------------------------------------------------------------------------


def test_an_image_is_built():
    "its steps are run by the runtime, with the engine's confinement"
    with tempfile.TemporaryDirectory() as here:
        with open(f"{here}/Dockerfile", "w", encoding="ascii") as out:
            out.write(f"FROM {engine().base()}\nRUN id -u > /made && grep Seccomp: /proc/self/status >> /made\n"
                      "RUN test \"$(cat /proc/1/comm)\" = sh && echo two >> /made\n"
                      "CMD [\"cat\", \"/made\"]\n")
        call(*engine().building(here, "made:1")).ok
        r = engine().run("--rm", "--network=none", "localhost/made:1"
                         if engine().name == "podman" else "made:1")
        assert r.ok.out == "0\nSeccomp:\t2\ntwo\n"


@without("podman")
def test_fifty_containers_run_at_once():
    "all of them, and all of them go"
    def start(number):
        return engine().run("-d", f"--name=many{number}", "--network=none", IMAGE, *FOREVER,
                            seconds=200).value
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(start, range(MANY)))
    assert len(ids) == MANY
    states = json.loads(engine().rt("list", "--format", "json").ok.out)
    assert {state["id"] for state in states if state["status"] == "running"} >= ids
    engine()("rm", "-f", *ids, seconds=200).ok
