# SPDX-License-Identifier: Apache-2.0
"""process: args, env, cwd, user, limits, and the messages when a program cannot be executed."""

import os

from deck import (Container, Dir, File, Link, bind, bundle, config, container, namespaces, needs,
                  rt, run, skip)

HOST_PIDS = namespaces("mount", "uts", "ipc", "network", "cgroup")


def fails_to_execute(configuration, *texts):
    """create or start refuses with a text; nothing is left."""
    with run(configuration) as r:
        r.fails(*texts)
    c = Container(configuration)
    made = c.create()
    if made.rc == 0:
        made = c.start()
    made.fails(*texts, rc=1)
    c.delete("--force").ok


# ---- args, env, cwd ----------------------------------------------------------------------------


def test_args_arrive_as_they_are():
    "empty, blank, newline and non-ASCII arguments reach the program unchanged"
    args = ["/bin/probe", "args", ";", "echo", "", " ", "a b", "é"]
    with run(config(args=args)) as r:
        assert r.values("args") == args
        assert r.lines[-1] == "   a b é"


def test_args_zero_need_not_be_a_path():
    "a bare name is looked up in the PATH of process.env, not of the runtime"
    with run(config(args=["probe", "args"])) as r:
        assert r.ok.values("args") == ["probe", "args"]
    fails_to_execute(config(args=["probe", "args"], process={"env": ["PATH=/usr/bin:/sbin"]}),
                     "executable file.* not found in \\$PATH")


def test_path_lookup_passes_over_what_cannot_be_executed():
    "a directory and a file without x come first in PATH and are passed over"
    c = config(args=["probe", "echo", "found"],
               process={"env": ["PATH=/a:/b::/nonexistent:/bin"]},
               rootfs={"/a/probe/": "dir", "/b/probe": File("x", mode=0o644)})
    assert run(c).ok.lines == ["found"]


def test_a_relative_program_is_found_from_cwd():
    "./probe starts in process.cwd"
    assert run(config(args=["./probe", "cwd"], process={"cwd": "/bin"})).ok.lines == ["cwd: /bin"]


def test_a_missing_cwd_is_made():
    "as runc does, and also where the root is read-only for the program"
    for readonly in (False, True):
        c = config(process={"cwd": "/made/here"}, root={"path": "rootfs", "readonly": readonly})
        assert run(c, "cwd").ok.lines == ["cwd: /made/here"]


def test_the_environment_is_exactly_that_of_the_config():
    "nothing of the runtime's environment comes through, order kept; HOME is added when missing"
    with run(config(process={"env": ["PATH=/bin", "B=2", "A=1", "EMPTY="]}), "env",
             env={"PATH": os.environ["PATH"], "SECRET": "x"}) as r:
        assert r.values("env")[:4] == ["PATH=/bin", "B=2", "A=1", "EMPTY="]
        assert set(r.values("env")[4:]) <= {"HOME=/"}


def test_home_comes_from_the_passwd_of_the_container():
    "HOME unset: the home directory of the uid in /etc/passwd, else /"
    passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"
    for uid, home in ((0, "/root"), (1000, "/home/user"), (77, "/")):
        with run(config(process={"user": {"uid": uid, "gid": 0}}, rootfs={"/etc/passwd": passwd}),
                 "env") as r:
            assert f"HOME={home}" in r.ok.values("env")


def test_home_in_the_config_is_kept():
    "process.env wins over passwd"
    with run(config(process={"env": ["PATH=/bin", "HOME=/there"]},
                    rootfs={"/etc/passwd": "root:x:0:0::/root:/bin/sh\n"}), "env") as r:
        assert r.values("env").count("HOME=/there") == 1
        assert "HOME=/root" not in r.values("env")


def test_cwd_is_where_the_program_starts():
    "a directory of the root file system"
    with run(config(process={"cwd": "/a/b"}, rootfs={"/a/b/": "dir"}), "cwd") as r:
        assert r.lines == ["cwd: /a/b"]


def test_cwd_may_lead_over_a_symlink_in_the_root():
    "an absolute link is followed inside the root file system"
    with run(config(process={"cwd": "/link"}, rootfs={"/a/b/": "dir", "/link": Link("/a/b")}),
             "cwd") as r:
        assert r.lines == ["cwd: /a/b"]


def test_cwd_may_be_in_a_mount():
    "a bind mount's directory is a fine place to start"
    os.makedirs("src/deep")
    with run(config(process={"cwd": "/vol/deep"},
                    mounts=[bind(os.path.abspath("src"), "/vol")]), "cwd") as r:
        assert r.lines == ["cwd: /vol/deep"]


def test_a_missing_cwd_is_made():
    "as runc does: the directory appears"
    with run(config(process={"cwd": "/new/dir"}), "cwd; stat /new/dir") as r:
        assert r.ok.lines == ["cwd: /new/dir", "stat: dir 0755 0:0"]


def test_a_relative_or_empty_cwd_is_refused():
    "the specification wants an absolute path"
    run(config(process={"cwd": "bin"}), "cwd").fails("(?i)cwd.*absolute|absolute.*cwd")
    run(config(process={"cwd": ""}), "cwd").fails("(?i)cwd")
    run(config(process={"cwd": None}), "cwd").fails("(?i)cwd")


def test_a_cwd_that_is_a_file_is_refused():
    "with the reason"
    run(config(process={"cwd": "/file"}, rootfs={"/file": "x"}), "cwd").fails(
        "(?i)not a directory|mkdir")


def test_a_cwd_that_the_user_may_not_enter():
    "the user of the container starts there if root could, or the refusal says permission denied"
    with run(config(process={"cwd": "/secret", "user": {"uid": 1000, "gid": 1000},
                             "capabilities": None},
                    rootfs={"/secret/": "dir", "/secret": Dir(0o700)}), "cwd") as r:
        if r.rc == 0:
            assert r.lines == ["cwd: /secret"]
        else:
            r.fails("(?i)permission denied")


# ---- when it cannot be executed ----------------------------------------------------------------


def test_an_absolute_program_that_is_missing_is_like_127():
    "no such file or directory"
    fails_to_execute(config(args=["/bin/absent"]), "/bin/absent", "(?i)no such file or directory")


def test_a_name_that_is_not_in_path_is_like_127():
    "executable file not found in $PATH"
    fails_to_execute(config(args=["absent"]), '"?absent"?: executable file not found in \\$PATH')


def test_a_program_without_x_is_like_126():
    "permission denied"
    fails_to_execute(config(args=["/etc/data"], rootfs={"/etc/data": "x"}), "/etc/data",
                     "(?i)permission denied")


def test_a_directory_as_program_is_like_126():
    "is a directory, for Docker; permission denied, for Podman"
    fails_to_execute(config(args=["/etc"]), "/etc", "is a directory: permission denied")


def test_empty_args_are_refused():
    "absent, empty list, empty string: a message that names args"
    for args in (None, []):
        c = config()
        c.doc["process"]["args"] = args
        if args is None:
            del c.doc["process"]["args"]
        run(c).fails("(?i)args")
    run(config(args=[""])).fails()


def test_a_script_runs_by_its_interpreter():
    "#! is the kernel's business and works"
    c = config(args=["/script", "x"], rootfs={"/script": File("#!/bin/probe args\n", 0o755)})
    # The interpreter gets "args", "/script", "x": too many arguments for the verb.
    with run(c) as r:
        assert r.rc == 64 and "args" in r.err


def test_a_script_whose_interpreter_is_missing_says_no_such_file():
    "as execve gives it, with the name of the script"
    c = config(args=["/script"], rootfs={"/script": File("#!/absent\n", 0o755)})
    with run(c) as r:
        r.fails("(?i)/script", "(?i)no such file or directory")


def test_no_memory_for_the_arguments_names_the_program():
    "a limit of the address space that has no room for a long list of them"
    limit = {"type": "RLIMIT_AS", "soft": 65536, "hard": 65536}
    with run(config(process={"rlimits": [limit]}, args=["/bin/probe"] + ["word"] * 200), None) as r:
        r.fails('exec: "/bin/probe": cannot allocate memory', rc=1)


def test_something_that_is_no_program_says_exec_format_error():
    "a text file with x and without #!"
    c = config(args=["/text"], rootfs={"/text": File("hello\n", 0o755)})
    with run(c) as r:
        r.fails("(?i)/text", "(?i)exec format error")


# ---- user --------------------------------------------------------------------------------------


def test_uid_and_gid_are_real_effective_and_saved():
    "all three of each"
    with run(config(process={"user": {"uid": 1000, "gid": 100}}), "ids") as r:
        assert r.lines == ["ids: uid 1000 1000 1000 gid 100 100 100"]


def test_additional_gids_are_exactly_those_of_the_config():
    "in any order, duplicates allowed; none of the runtime's groups"
    with run(config(process={"user": {"uid": 1000, "gid": 100,
                                      "additionalGids": [10, 5, 65534, 10]}}), "groups") as r:
        assert sorted(set(r.value("groups").split())) == ["10", "5", "65534"]


def test_without_additional_gids_there_are_none():
    "an empty list, whatever the runtime had"
    with run(config(), "groups") as r:
        assert r.lines == ["groups:"]


def test_umask_is_taken_from_the_config():
    "and decides the mode of new files"
    with run(config(process={"user": {"uid": 0, "gid": 0, "umask": 0o077}}),
             "umask; write /tmp/x y; stat /tmp/x") as r:
        assert r.lines == ["umask: 0077", "write: ok", "stat: file 0600 0:0 size=1"]


def test_without_umask_it_is_that_of_the_caller():
    "and the files that are made on the way do not have it"
    assert run(config(), "umask").lines == ["umask: 0022"]
    r = run(config(process={"cwd": "/made"}), "umask; stat /made", umask=0o077)
    assert r.ok.lines == ["umask: 0077", "stat: dir 0755 0:0"], r


def test_a_number_in_passwd_is_no_name():
    "uid 1000 stays 1000 although the image calls root 1000"
    with run(config(process={"user": {"uid": 1000, "gid": 1000}},
                    rootfs={"/etc/passwd": "1000:x:0:0::/root:/bin/sh\n",
                            "/etc/group": "1000:x:0:\n"}), "ids; groups") as r:
        assert r.lines == ["ids: uid 1000 1000 1000 gid 1000 1000 1000", "groups:"]


# ---- limits, scores, flags ---------------------------------------------------------------------


def test_rlimits_are_exactly_soft_and_hard():
    "every kind can be lowered, each number arrives"
    kinds = {"AS": (1 << 40, 1 << 41), "CORE": (0, 4096), "CPU": (1000, 2000),
             "DATA": (1 << 40, 1 << 41), "FSIZE": (1 << 30, 1 << 31), "MEMLOCK": (4096, 8192),
             "MSGQUEUE": (100, 200), "NICE": (0, 0), "NOFILE": (100, 200), "NPROC": (500, 600),
             "RSS": (1 << 33, 1 << 34), "RTPRIO": (0, 0), "RTTIME": (10, 20),
             "SIGPENDING": (100, 200), "STACK": (1 << 20, 1 << 22), "LOCKS": (10, 20)}
    limits = [{"type": "RLIMIT_" + kind, "soft": soft, "hard": hard}
              for kind, (soft, hard) in kinds.items()]
    with run(config(process={"rlimits": limits}), "rlimits") as r:
        found = {line.split()[0]: tuple(map(int, line.split()[1:])) for line in r.values("rlimits")}
        assert found == kinds


def test_an_infinite_rlimit_is_exact():
    "18446744073709551615 is RLIM_INFINITY, not a rounded double"
    limits = [{"type": "RLIMIT_CPU", "soft": 18446744073709551615, "hard": 18446744073709551615},
              {"type": "RLIMIT_FSIZE", "soft": 9007199254740993, "hard": 18446744073709551614}]
    with run(config(process={"rlimits": limits}), "rlimits CPU; rlimits FSIZE") as r:
        assert r.lines == ["rlimits: CPU 18446744073709551615 18446744073709551615",
                           "rlimits: FSIZE 9007199254740993 18446744073709551614"]


def test_bad_rlimits_are_refused():
    "duplicate, unknown, soft above hard, negative, too large"
    for limits in ([{"type": "RLIMIT_CPU", "soft": 1, "hard": 1},
                    {"type": "RLIMIT_CPU", "soft": 2, "hard": 2}],
                   [{"type": "RLIMIT_BOGUS", "soft": 1, "hard": 1}],
                   [{"type": "CPU", "soft": 1, "hard": 1}],
                   [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}],
                   [{"type": "RLIMIT_CPU", "soft": -1, "hard": -1}],
                   [{"type": "RLIMIT_CPU", "soft": 1, "hard": 18446744073709551616}],
                   [{"type": "RLIMIT_CPU", "soft": 1.5, "hard": 2}]):
        run(config(process={"rlimits": limits}), "rlimits").fails("(?i)rlimit")


def test_oom_score_adj_is_written():
    "a value that may be set"
    assert run(config(process={"oomScoreAdj": 500}), "oom").ok.lines == ["oom: 500"]


def test_without_oom_score_adj_it_is_inherited():
    "the runtime's own value stays"
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as out:
        out.write("321")
    assert run(config(), "oom").ok.lines == ["oom: 321"]


def test_no_new_privileges_is_what_the_config_says():
    "true sets it, false and absent leave it"
    for value, shown in ((True, "1"), (False, "0"), (None, "0")):
        assert run(config(process={"noNewPrivileges": value}), "nnp").lines == [f"nnp: {shown}"]


def test_signals_are_as_new():
    "nothing blocked, ignored or caught, even when the runtime was called with some"
    with run(config(), "signals") as r:
        assert r.values("signals") == ["blocked 0000000000000000", "ignored 0000000000000000",
                                       "caught 0000000000000000"]
    import signal
    with run(config(), "signals", preexec_fn=lambda: (
            signal.signal(signal.SIGCHLD, signal.SIG_IGN),
            signal.signal(signal.SIGUSR1, signal.SIG_IGN),
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGHUP]))) as r:
        assert r.ok.values("signals") == ["blocked 0000000000000000", "ignored 0000000000000000",
                                          "caught 0000000000000000"]


def test_the_program_is_pid_1_leader_of_its_session():
    "setsid was called; no parent death signal is left"
    with run(config(), "pid; pdeath") as r:
        assert r.lines == ["pid: 1 parent 0 session 1 group 1", "pdeath: 0"]


def test_a_program_in_the_host_pid_namespace_has_its_own_session():
    "also without a pid namespace"
    with run(config(linux={"namespaces": HOST_PIDS}), "pid") as r:
        fields = r.value("pid").split()
        assert fields[0] == fields[4] == fields[6]


def test_the_program_is_not_dumpable_less_than_usual():
    "execve makes it dumpable again"
    assert run(config(), "dumpable").lines == ["dumpable: 1"]


def test_standard_files_are_given_to_the_user():
    "fds 0-2 of a non-root container belong to its uid, /dev/null excepted"
    with container(config(process={"user": {"uid": 1000, "gid": 1000}}), "fdstat; wait") as c:
        c.up()
        found = c.values("fdstat")
        assert " 1000:" in found[1] and " 1000:" in found[2]
        assert " 0:0" in found[0]


def test_standard_files_belong_to_root_otherwise():
    "nothing changes for uid 0"
    with container(config(), "fdstat; wait") as c:
        c.up()
        assert " 0:0 " in c.values("fdstat")[1]


def test_scheduler_of_the_config_is_set():
    "policy, nice, flags"
    with run(config(process={"scheduler": {"policy": "SCHED_BATCH", "nice": 5}}), "sched") as r:
        assert r.supported.ok.lines == ["sched: BATCH priority 0 nice 5"]
    with run(config(process={"scheduler": {"policy": "SCHED_IDLE"}}), "sched") as r:
        assert r.lines == ["sched: IDLE priority 0 nice 0"]
    with run(config(process={"scheduler": {"policy": "SCHED_OTHER", "nice": 3,
                                           "flags": ["SCHED_FLAG_RESET_ON_FORK"]}}), "sched") as r:
        assert r.lines == ["sched: OTHER priority 0 nice 3 reset-on-fork"]
    run(config(process={"scheduler": {"policy": "SCHED_BOGUS"}}), "sched").fails("(?i)sched")


@needs("sys_nice")
def test_realtime_schedulers_of_the_config_are_set():
    "FIFO and RR with a priority, DEADLINE with its times; also for a user without rights, and exec"
    for policy in ("FIFO", "RR"):
        with run(config(process={"scheduler": {"policy": f"SCHED_{policy}", "priority": 7},
                                 "user": {"uid": 1000, "gid": 1000}}), "sched") as r:
            assert r.supported.ok.lines == [f"sched: {policy} priority 7 nice 0"]
    deadline = {"policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 100000000,
                "period": 100000000, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    with run(config(process={"scheduler": deadline}), "sched") as r:
        assert r.ok.lines == ["sched: DEADLINE priority 0 nice 0 reset-on-fork"]
    with container(config(process={"scheduler": {"policy": "SCHED_RR", "priority": 3}}),
                   "wait") as c:
        c.up()
        assert c.exec("sched").ok.lines == ["sched: RR priority 3 nice 0"]


def test_scheduler_members_of_other_policies_are_refused():
    "a priority is for FIFO and RR, times are for DEADLINE; nice has a range; nothing is left"
    for scheduler in ({"policy": "SCHED_OTHER", "priority": 1}, {"policy": "SCHED_FIFO"},
                      {"policy": "SCHED_BATCH", "runtime": 1}, {"policy": "SCHED_DEADLINE"},
                      {"policy": "SCHED_OTHER", "nice": 20}):
        run(config(process={"scheduler": scheduler}), "sched").fails("scheduler", rc=1)
    impossible = {"policy": "SCHED_DEADLINE", "runtime": 9, "deadline": 5, "period": 7}
    run(config(process={"scheduler": impossible}), "sched").fails("error setting scheduler", rc=1)


@needs("cpuset", "sys_nice")
def test_a_deadline_and_a_cpuset_exclude_each_other():
    "the kernel wants every CPU for a deadline; the message is runc's"
    deadline = {"policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 100000000}
    if os.cpu_count() == 1:
        skip("one CPU is every CPU")
    run(config(process={"scheduler": deadline}, linux={"resources": {"cpu": {"cpus": "0"}}}),
        "sched").fails("process scheduler can't be used together with AllowedCPUs")


def test_the_cpu_affinity_of_the_runtime_is_not_inherited():
    "a runtime that may use one CPU starts containers and processes in them that may use all"
    every = "affinity: " + " ".join(map(str, sorted(os.sched_getaffinity(0))))
    pinned = {"preexec_fn": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})}
    assert run(config(), "affinity", **pinned).ok.lines == [every]
    with container(config(), "wait") as c:
        c.up()
        assert c.exec("affinity", **pinned).ok.lines == [every]


def test_memory_policy_of_the_config_is_set():
    "mode, nodes and flags, as get_mempolicy sees them; exec has it too"
    bind = {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}
    said = "mempolicy: mode 2 flags 0x8000 nodes 0x1"
    with container(config(linux={"memoryPolicy": bind}), "mempolicy; wait") as c:
        c.up()
        assert c.lines[0] == said
        assert c.exec("mempolicy").ok.lines == [said]
    with run(config(linux={"memoryPolicy": {"mode": "MPOL_PREFERRED"}}), "mempolicy") as r:
        assert r.ok.lines[0].startswith("mempolicy: mode ")
    with run(config(linux={"memoryPolicy": {"mode": "MPOL_INTERLEAVE", "nodes": "0-0,"}}),
             "mempolicy") as r:
        assert r.ok.lines == ["mempolicy: mode 3 flags 0 nodes 0x1"]


def test_memory_policy_that_cannot_be_is_refused():
    "nodes where none may be, none where some must be, a node that is not there"
    for policy, text in (({"mode": "MPOL_LOCAL", "nodes": "0"}, "requires 0 nodes but got 1"),
                         ({"mode": "MPOL_BIND"}, "requires at least one node but got 0"),
                         ({"mode": "MPOL_BIND", "nodes": "1-0"}, "invalid memory policy nodes"),
                         ({"mode": "MPOL_BIND", "nodes": "1000"}, "memory policy"),
                         ({"mode": "MPOL_BIND", "nodes": "60000"}, "memory policy")):
        run(config(linux={"memoryPolicy": policy}), "mempolicy").fails(text, rc=1)


def test_io_priority_of_the_config_is_set():
    "class and level"
    with run(config(process={"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6}}),
             "ioprio") as r:
        assert r.supported.ok.lines == ["ioprio: BE 6"]
    with run(config(process={"ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 0}}),
             "ioprio") as r:
        assert r.lines == ["ioprio: IDLE 0"]
    run(config(process={"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}}),
        "ioprio").fails("(?i)ioprio|priority")


def test_personality_of_the_config_is_set():
    "LINUX32 makes uname say i686"
    with run(config(linux={"personality": {"domain": "LINUX32"}}), "personality; machine") as r:
        assert r.supported.ok.lines == ["personality: 8", "machine: i686"]
    with container(config(linux={"personality": {"domain": "LINUX32"}}), "wait") as c:
        c.up()
        assert c.exec("personality").ok.lines == ["personality: 8"]
    run(config(linux={"personality": {"domain": "BSD"}}), "personality").fails("(?i)personality")


def test_preserved_fds_arrive_and_others_do_not():
    "--preserve-fds 2 keeps 3 and 4, not 5"
    fds = [os.open("/proc/self/status", os.O_RDONLY) for _ in range(3)]

    def spread():
        for number, fd in zip((13, 14, 15), fds):
            os.dup2(fd, number)
        for number in (3, 4, 5):
            os.dup2(number + 10, number)

    with run(config(), "fds", "--preserve-fds", "2", preexec_fn=spread, close_fds=False) as r:
        numbers = [line.split()[0] for line in r.ok.values("fds")]
        assert numbers == ["0", "1", "2", "3", "4"]
    for fd in fds:
        os.close(fd)


def test_preserving_a_fd_that_is_not_open_is_refused():
    "a message with the number, and no container"
    run(config(), "fds", "--preserve-fds", "3", close_fds=True).fails("(?i)preserved-fd|fd 3")


def test_listen_fds_are_passed_on():
    "LISTEN_FDS and LISTEN_PID of the runtime become the container's, pid 1"
    read, write = os.pipe()
    script = ('import os,sys; os.dup2(%d, 3); os.environ["LISTEN_FDS"]="1"; '
              'os.environ["LISTEN_PID"]=str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])'
              % read)
    with run(config(), "env; fds", wrap=("python3", "-c", script), pass_fds=(read,)) as r:
        assert {"LISTEN_FDS=1", "LISTEN_PID=1"} <= set(r.ok.values("env"))
        assert [line.split()[0] for line in r.values("fds")] == ["0", "1", "2", "3"]
    os.close(read)
    os.close(write)


def planned(configuration):
    """What would be done, without the names of this test's directories and groups."""
    path = bundle(configuration, "exit 0")
    return rt("plan", "--bundle", path).ok.out.replace(os.path.basename(path)[7:], "ID")


def test_unknown_members_are_ignored():
    "everywhere, whatever they hold"
    c = config(process={"unknown": {"a": [1, 2]}}, linux={"x": None}, org={"y": "z"},
               annotations={"z": ""})
    c.doc["mounts"][0]["unknown"] = 1
    run(c, "exit 0").ok
    # And nothing else is done because of them.
    assert planned(c) == planned(config(annotations={"z": ""}))
    assert planned(c) != planned(config(hostname="other", annotations={"z": ""}))


def test_null_means_absent():
    "Go emits null for what is unset in some writers"
    c = config(process={"oomScoreAdj": 5})
    c.doc["process"]["oomScoreAdj"] = None
    c.doc["process"]["rlimits"] = None
    c.doc["hooks"] = None
    c.doc["annotations"] = None
    c.doc["linux"]["resources"] = None
    c.doc["linux"]["maskedPaths"] = None
    own = run(config(), "oom; rlimits").ok.lines
    assert run(c, "oom; rlimits").ok.lines == own
    c.doc["process"]["oomScoreAdj"] = 567
    assert run(c, "oom; rlimits").ok.lines != own


@needs("sys_resource")
def test_rlimits_can_be_raised():
    "with CAP_SYS_RESOURCE the hard limit goes up"
    limits = [{"type": "RLIMIT_NPROC", "soft": 1 << 21, "hard": 1 << 21}]
    with run(config(process={"rlimits": limits}), "rlimits NPROC") as r:
        assert r.ok.lines == [f"rlimits: NPROC {1 << 21} {1 << 21}"]


@needs("sys_resource")
def test_oom_score_adj_can_be_lowered():
    "with CAP_SYS_RESOURCE"
    assert run(config(process={"oomScoreAdj": -500}), "oom").ok.lines == ["oom: -500"]


def test_an_rlimit_that_may_not_be_raised_is_an_error():
    "nothing runs with less than was asked for, silently"
    limits = [{"type": "RLIMIT_NOFILE", "soft": 1 << 30, "hard": 1 << 31}]
    run(config(process={"rlimits": limits}), "rlimits").fails("(?i)rlimit|NOFILE")


def test_help_is_there_for_every_command():
    "COMMAND --help exits 0 and names the command"
    for command in ("create", "start", "run", "state", "kill", "delete", "list", "ps", "exec",
                    "pause", "resume", "spec", "features"):
        assert command in rt(command, "--help").ok.out
