# SPDX-License-Identifier: Apache-2.0
"""exec: every flag, what is inherited from the container and what is not."""

import json
import os
import time

from deck import (caps, config, container, current, host, namespaces, needs, rt, run, skip,
                  until)


def test_exec_runs_beside_the_program():
    "same namespaces, another pid, output and status passed through"
    with container(config(), "ns; wait") as c:
        c.up()
        with c.exec("ns; pid; stderr oops; exit 9") as r:
            assert r.rc == 9
            assert r.values("ns") == c.values("ns")
            assert r.value("pid").split()[0] != "1"
            assert "oops" in r.err


def test_exec_gives_128_plus_the_signal():
    "a second program that ends by SIGABRT"
    with container(config()) as c:
        c.up()
        assert c.exec("abort").rc == 134


def test_exec_takes_stdin():
    "line by line from the caller"
    with container(config()) as c:
        c.up()
        assert c.exec("readline; readline", stdin="a\nb\n").ok.values("readline") == ["a", "b"]


def test_exec_in_a_created_container():
    "before start: engines do that"
    with container(config()) as c:
        assert c.exec("echo early").ok.lines == ["early"]
        assert c.status == "created"
        c.up()


def test_exec_uses_the_process_of_the_config():
    "env, cwd, user, capabilities, umask, limits and no_new_privs are those of the container"
    c = config(process={"env": ["PATH=/bin", "A=1"], "cwd": "/tmp",
                        "user": {"uid": 1000, "gid": 100, "umask": 0o27, "additionalGids": [7]},
                        "rlimits": [{"type": "RLIMIT_CORE", "soft": 11, "hard": 22}],
                        "oomScoreAdj": 700})
    verbs = "env; cwd; ids; groups; umask; rlimits CORE; nnp; oom; caps"
    with container(c, verbs + "; wait") as box:
        box.up()
        # HOME is added by both, from the same place.
        assert box.exec(verbs).ok.lines == box.lines[:-1]


def test_exec_cwd():
    "--cwd DIR"
    with container(config(rootfs={"/there/": "dir"})) as c:
        c.up()
        assert c.exec("cwd", "--cwd", "/there").ok.lines == ["cwd: /there"]
        assert c.exec("cwd", "--cwd=/there").ok.lines == ["cwd: /there"]
        c.exec("cwd", "--cwd", "relative").fails(rc=255)
        assert c.exec("cwd", "--cwd", "").ok.lines == ["cwd: /"], "as if it were not given"


def test_exec_makes_no_cwd():
    "one that is missing is an error, as with runc and crun, and nothing is left in the container"
    with container(config(rootfs={"/there/": "dir"})) as c:
        c.up()
        for path in ("/missing", "/there/missing/below"):
            c.exec("cwd", "--cwd", path).fails("chdir to cwd", path, "no such file", rc=255)
        assert not os.path.exists(c.rootfs("/missing"))
        assert os.listdir(c.rootfs("/there")) == []


def test_exec_env():
    "--env K=V, again and again, last one wins, commas are not split"
    with container(config(process={"env": ["PATH=/bin", "A=1"]})) as c:
        c.up()
        found = c.exec("env", "--env", "B=2", "--env", "A=3", "--env", "C=x,y=z").ok.values("env")
        assert {"PATH=/bin", "B=2", "A=3", "C=x,y=z"} <= set(found)
        assert "A=1" not in found


def test_a_mistake_in_an_option_is_not_looked_for_in_the_configuration():
    "the message names the options, and no line of a document"
    with container(config()) as c:
        c.up()
        c.exec("env", "--env", "B").fails(r"options: process\.env\[\d+\]: .*missing '='.*\"B", rc=255)
        c.exec("pwd", "--cwd", "x").fails(r"options: process\.cwd: Cwd must be an absolute path", rc=255)


def test_a_double_dash_after_the_id_is_the_command():
    "as it is for runc; and the message says where it may stand"
    with container(config()) as c:
        c.up()
        rt("exec", c.name, "--", "true").fails('exec: "--": executable file not found',
                                             "may stand before ID", rc=255)


def test_exec_user():
    "--user UID and UID:GID; the groups of the config do not come along with another gid"
    with container(config()) as c:
        c.up()
        assert c.exec("ids", "--user", "1000:100").ok.lines == [
            "ids: uid 1000 1000 1000 gid 100 100 100"]
        assert c.exec("ids", "-u", "1000").ok.value("ids").startswith("uid 1000 1000 1000 gid 0")
        assert c.exec("groups", "-u", "5:6").ok.lines == ["groups:"]


def test_exec_additional_gids():
    "--additional-gids N, repeated"
    with container(config()) as c:
        c.up()
        found = c.exec("groups", "--additional-gids", "5", "--additional-gids", "9").ok
        assert found.lines == ["groups: 5 9"]


def test_exec_cap_adds_to_bounding_effective_and_permitted():
    "never to inheritable; to ambient only where the config has inheritable ones"
    with container(config(process={"capabilities": caps(*[["KILL"]] * 3)})) as c:
        c.up()
        r = c.exec("caps", "--cap", "CAP_NET_ADMIN", "--cap", "CAP_NET_RAW").ok
        found = dict(line.split() for line in r.values("caps"))
        wanted = f"{1 << 5 | 1 << 12 | 1 << 13:016x}"
        assert found["bounding"] == found["effective"] == found["permitted"] == wanted
        assert int(found["inheritable"], 16) == 0 and int(found["ambient"], 16) == 0


def test_exec_cap_that_nobody_knows_is_a_warning():
    "as in config.json: the program runs without it"
    with container(config(process={"capabilities": caps(*[["KILL"]] * 3)})) as c:
        c.up()
        r = c.exec("caps", "--cap", "CAP_BOGUS", "--cap", "CAP_NET_RAW").ok
        found = dict(line.split() for line in r.values("caps"))
        assert found["effective"] == f"{1 << 5 | 1 << 13:016x}"
        assert "CAP_BOGUS" in r.err


def test_exec_no_new_privs():
    "--no-new-privs over a config that does not ask for it"
    with container(config(process={"noNewPrivileges": False})) as c:
        c.up()
        assert c.exec("nnp").ok.lines == ["nnp: 0"]
        assert c.exec("nnp", "--no-new-privs").ok.lines == ["nnp: 1"]


def test_exec_detach_and_pid_file():
    "returns at once; the pid file has the host pid without a newline"
    with container(config()) as c:
        c.up()
        path = os.path.join(current().tmp, "exec.pid")
        result = c.exec("write /tmp/began x; sleep 30", "--detach", "--pid-file", path).ok
        assert result.seconds < 5
        until(lambda: os.path.exists(c.rootfs("/tmp/began")))
        text = host.read(path)
        assert text == text.strip() and int(text) in json.loads(
            c.rt("ps", "--format", "json", c.name).ok.out)


def test_exec_process_file():
    "--process FILE: everything from there"
    process = {"args": ["/bin/probe", "ids", ";", "cwd", ";", "env", ";", "nnp", ";", "caps"],
               "cwd": "/tmp", "env": ["ONLY=1"], "user": {"uid": 5, "gid": 6},
               "capabilities": caps(bounding=["KILL"]), "noNewPrivileges": True}
    path = os.path.join(current().tmp, "process.json")
    with open(path, "w", encoding="ascii") as out:
        json.dump(process, out)
    with container(config(process={"noNewPrivileges": False})) as c:
        c.up()
        for flag in (["--process", path], ["-p", path], ["--process=" + path]):
            with c.rt("exec", *flag, c.name) as r:
                assert r.ok.value("ids") == "uid 5 5 5 gid 6 6 6"
                assert r.value("cwd") == "/tmp" and "ONLY=1" in r.values("env")
                assert "A=1" not in r.values("env") and r.value("nnp") == "1"
                assert "bounding 0000000000000020" in r.values("caps")


def test_exec_process_file_without_capabilities():
    "the process has the container's; none where the document has an object without a set"
    path = os.path.join(current().tmp, "process.json")
    kill, none = "0000000000000020", "0000000000000000"
    with container(config(process={"capabilities": caps(
            bounding=["KILL"], effective=["KILL"], permitted=["KILL"])})) as c:
        c.up()
        for more, shown in (({}, kill), ({"capabilities": None}, kill), ({"capabilities": {}}, none)):
            with open(path, "w", encoding="ascii") as out:
                json.dump({"args": ["/bin/probe", "caps"], "cwd": "/"} | more, out)
            seen = c.rt("exec", "--process", path, c.name).ok.values("caps")
            assert [f"{kind} {shown}" for kind in ("bounding", "effective", "permitted")] == \
                seen[:3], seen


def test_exec_process_file_that_is_bad():
    "absent, empty, not JSON, no args: rc 255, a message, the container goes on"
    with container(config()) as c:
        c.up()
        path = os.path.join(current().tmp, "process.json")
        c.rt("exec", "--process", path, c.name).fails(rc=255)
        for text in ("", "{", "[]", "{}", '{"args": [], "cwd": "/"}', '{"args": ["x"]}',
                     '{"args": ["/bin/probe"], "cwd": "rel", "user": {"uid":0,"gid":0}}'):
            with open(path, "w", encoding="ascii") as out:
                out.write(text)
            c.rt("exec", "--process", path, c.name).fails(rc=255)
        assert c.status == "running"


def test_exec_preserve_fds():
    "--preserve-fds 1 passes fd 3, nothing else"
    with container(config()) as c:
        c.up()
        fd = os.open("/proc/self/status", os.O_RDONLY)
        r = c.exec("fds", "--preserve-fds", "1", close_fds=False,
                   preexec_fn=lambda: (os.dup2(fd, 13), os.dup2(13, 3), os.dup2(13, 4)))
        os.close(fd)
        assert [line.split()[0] for line in r.ok.values("fds")] == ["0", "1", "2", "3"]


def test_exec_leaks_no_fds():
    "0, 1, 2 and nothing of the runtime"
    with container(config()) as c:
        c.up()
        assert [line.split()[0] for line in c.exec("fds").ok.values("fds")] == ["0", "1", "2"]


def test_exec_ignore_paused():
    "with the flag it waits inside until resume"
    with container(config()) as c:
        c.up()
        c.pause().ok
        c.exec("echo no").fails("cannot exec in a paused container", rc=255)
        import threading
        results = []
        thread = threading.Thread(target=lambda: results.append(
            c.exec("echo yes", "--ignore-paused")))
        thread.start()
        time.sleep(0.3)
        c.resume().ok
        thread.join(10)
        assert results and results[0].ok.lines == ["yes"]


def test_exec_does_not_wait_in_a_container_that_was_killed_while_it_was_paused():
    "its first process is gone, or about to be, and its cgroup is still told to be frozen"
    for _ in range(20):
        with container(config()) as c:
            c.up()
            c.pause().ok
            c.kill("KILL").ok
            c.exec("echo no").fails("in a (stopped|paused) container", rc=255)


def test_exec_is_in_the_cgroup_of_the_container():
    "also before it could have forked"
    with container(config()) as c:
        c.up()
        assert "0::/" in c.exec("cgroup").ok.values("cgroup")
        c.exec("sleep 20", "--detach").ok
        assert len(c.file("cgroup.procs").split()) == 2


def test_exec_cgroup():
    "--cgroup PATH below the container's own"
    with container(config()) as c:
        c.up()
        os.mkdir(f"{host.CGROUP}{c.cgroup}/sub")
        assert "0::/sub" in c.exec("cgroup", "--cgroup", "sub").ok.values("cgroup")
        assert "0::/" in c.exec("cgroup", "--cgroup", "/").ok.values("cgroup")
        for path in ("..", "../x", "sub/..", "sub/../.."):
            c.exec("cgroup", "--cgroup", path).fails(f" {path} is not a sub cgroup path", rc=255)
        c.exec("cgroup", "--cgroup", "absent").fails(
            r" adding pid .* to cgroups: \S+/absent/cgroup.procs: no such file", rc=255)


def test_exec_a_program_that_is_not_there():
    "255 and the words of 127 and 126"
    with container(config(rootfs={"/etc/data": "x"})) as c:
        c.up()
        c.exec(None, args=["/bin/absent"]).fails("(?i)no such file or directory", rc=255)
        c.exec(None, args=["absent"]).fails(
            "(?i)executable file.* not found in \\$PATH", rc=255)
        c.exec(None, args=["/etc/data"]).fails("(?i)permission denied", rc=255)
        assert c.status == "running"


def test_exec_without_a_program_is_refused():
    "with a message"
    with container(config()) as c:
        c.up()
        c.rt("exec", c.name).fails("(?i)args|argument", rc=255)


def test_exec_passes_flags_of_the_program_on():
    "what comes after the id belongs to the program"
    with container(config()) as c:
        c.up()
        assert c.exec(None, args=["/bin/probe", "args", ";", "echo", "--tty", "-d", "--help"]
                      ).ok.lines[-1] == "--tty -d --help"


def test_exec_of_a_very_short_program_does_not_hang():
    "fifty times"
    with container(config()) as c:
        c.up()
        for _ in range(50):
            assert c.exec("exit 0").rc == 0


def test_exec_survives_the_end_of_the_container():
    "the program ends while exec runs: exec ends too"
    with container(config(), "await /tmp/go; exit 0") as c:
        c.start().ok
        import threading
        results = []
        thread = threading.Thread(target=lambda: results.append(c.exec("echo in; wait")))
        thread.start()
        time.sleep(0.5)
        with open(c.rootfs("/tmp/go"), "w", encoding="ascii"):
            pass
        thread.join(10)
        assert results and results[0].rc == 137


def test_exec_sees_dev_null_when_stdin_is_closed():
    "closed standard files become /dev/null"
    with container(config()) as c:
        c.up()
        r = c.exec("fdstat", preexec_fn=lambda: os.close(0))
        assert "dev=1:3" in r.ok.values("fdstat")[0]


@needs("userns")
def test_exec_in_a_user_namespace():
    "root inside, with the maps of the container; another user too"
    from deck import idmap
    maps = [idmap(0, 100000, 65536)]
    c = config(owner=100000, linux={"namespaces": namespaces("pid", "network", "ipc", "uts",
                                                             "mount", "cgroup", "user"),
                                    "uidMappings": maps, "gidMappings": maps})
    with container(c) as box:
        box.up()
        with box.exec("ids; uidmap; write /tmp/x y") as r:
            assert r.ok.value("ids") == "uid 0 0 0 gid 0 0 0"
            assert r.value("uidmap").split() == ["0", "100000", "65536"]
        assert os.stat(box.rootfs("/tmp/x")).st_uid == 100000
        assert box.exec("ids", "--user", "7:8").ok.value("ids") == "uid 7 7 7 gid 8 8 8"


def test_exec_apparmor_and_label_flags_need_their_module():
    "a label that cannot be applied is an error, not silence"
    with container(config()) as c:
        c.up()
        if not os.path.exists("/sys/fs/selinux/enforce"):
            c.exec("exit 0", "--process-label", "a:b:c:s0").fails("(?i)selinux|label", rc=255)
        if not os.path.exists("/sys/kernel/security/apparmor"):
            c.exec("exit 0", "--apparmor", "profile").fails("(?i)apparmor", rc=255)


def test_exec_cpu_affinity_of_the_config():
    "final holds inside, initial alone stays where nothing changes it; init has neither"
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        skip("needs two CPUs")
    first, last = str(cpus[0]), str(cpus[-1])
    every = "affinity: " + " ".join(map(str, cpus))
    both = {"execCPUAffinity": {"initial": first, "final": last}}
    with container(config(process=both), "affinity; wait") as c:
        c.up()
        assert c.lines[0] == every
        assert c.exec("affinity").supported.ok.lines == [f"affinity: {last}"]
    with container(config(process={"execCPUAffinity": {"initial": last}}), "wait") as c:
        c.up()
        wanted = [f"affinity: {last}"]
        if "cpuset" in host.controllers(current().cgroup):  # entering a cpuset widens it again
            wanted.append(every)
        assert c.exec("affinity").ok.lines[0] in wanted


def test_exec_cpu_affinity_that_cannot_be_is_refused():
    "a CPU that is not there, before or after; the container stays"
    for affinity, text in (({"initial": "8000"}, "execCPUAffinity.initial"),
                           ({"final": "60000"}, "execCPUAffinity.final")):
        with container(config(process={"execCPUAffinity": affinity}), "wait") as c:
            c.up()
            c.exec("affinity").fails(text, rc=255)
            assert c.status == "running"
    run(config(process={"execCPUAffinity": {"initial": "3-1"}}), "exit 0").fails("execCPUAffinity")
