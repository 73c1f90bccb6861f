# SPDX-License-Identifier: Apache-2.0
"""CRI-O's contract, by conmon itself called as CRI-O calls it: create, exec, attach, log, exit."""

import json
import os
import re
import signal
import subprocess

from deck import config, current, host, namespaces, needs, rt, timeout, until
from deck.conmon import Monitored, attached
from deck.terminal import Terminal


def terminal(**process):
    return config(process={"terminal": True, **process})


# ---- create ------------------------------------------------------------------------------------


def test_create_reports_the_pid_and_writes_it():
    "the sync pipe and the pid file say what state says; no newline in the file; CRI-O reads created"
    with Monitored(config(), "wait") as box:
        state = box.state()
        assert state["status"] == "created"
        assert host.read(box.pid_file) == str(state["pid"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", state["created"])
        assert box.up().state()["status"] == "running"
        assert box.stop() == 128 + 9
        assert (box.state()["status"], box.state()["pid"]) == ("stopped", 0)


def test_output_becomes_log_lines():
    "stdout and stderr apart, each line with its time and stream, an unfinished one marked P"
    with Monitored(config(), "echo one; stderr two; echo three; exit 0") as box:
        box.start()
        assert box.exit_status() == 0
        until(lambda: "three" in box.text(), what="the log")
        assert box.text() == "one\nthree\n"
        assert "two" in box.text("stderr") and "one" not in box.text("stderr")


def test_exit_statuses_reach_the_exit_file():
    "the program's own, and 128 + N"
    for verbs, status in (("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("abort", 128 + 6)):
        with Monitored(config(linux={"namespaces": namespaces("mount", "ipc", "uts")}),
                       verbs) as box:
            box.start()
            assert box.exit_status() == status, verbs


def test_create_that_fails_is_told_with_the_reason():
    "pid -1 and the runtime's words; nothing is left, and no exit file says that it ran"
    for configuration, words in (
            (config(args=["/absent"]), "no such file or directory"),
            (config(args=["absent"]), "executable file not found in $PATH"),
            (config(args=["/etc"], rootfs={"/etc/": "dir"}), "is a directory|permission denied"),
            (config(process={"cwd": "/bin/probe"}), "not a directory"),
            (config(process={"args": 5}), "process.args")):
        box = Monitored(configuration, None)
        said = box.create()
        assert said["pid"] == -1, said
        assert re.search(words.replace("$", r"\$"), said["message"]), said
        assert not os.path.exists(box.pid_file) or host.read(box.pid_file) == ""
        rt("state", box.name).fails("does not exist", rc=1)
        r = rt("delete", "--force", box.name)          # what CRI-O does then
        assert (r.rc, r.out, r.err) == (0, "", ""), r
        box.gone()


def test_a_container_with_a_terminal():
    "conmon gets the master, the output is in the log as stdout, and resizing by ctl arrives"
    with Monitored(terminal(), "tty; trap WINCH; tty; wait", terminal=True) as box:
        box.start()
        until(lambda: "trap: ready" in box.text(), what="the program")
        assert "tty: controlling yes" in box.text()
        with open(os.path.join(box.path, "ctl"), "wb", buffering=0) as ctl:
            ctl.write(b"1 41 109\n")
        until(lambda: "41x109" in box.text(), what="the new size")
        assert box.stop() == 128 + 9


# ---- attach ------------------------------------------------------------------------------------


def test_attach_shows_both_streams():
    "2 is stdout, 3 is stderr; what is written to stdin arrives"
    with Monitored(config(), "readline; stderr oops; echo done; wait", stdin=True) as box:
        box.start()
        with box.attach() as client:
            client.send(b"typed\n")
            shown = attached(client, "ready", "oops")
        assert "readline: typed" in shown[2] and "oops" in shown[3]
        assert box.stop() == 128 + 9


def test_attach_to_a_terminal():
    "one stream, and keys arrive, Ctrl-C as a signal"
    with Monitored(terminal(), "readline; trap INT", terminal=True) as box:
        box.start()
        with box.attach() as client:
            client.send(b"typed\r")
            assert "readline: typed" in attached(client, "trap: ready")[2]
            client.send(b"\x03")
            assert box.exit_status() == 0
    assert "SIGINT" in box.text()


# ---- exec --------------------------------------------------------------------------------------


def test_exec_sync_gives_output_and_status():
    "a probe of the kubelet: both streams, the exit code, and the pid file"
    with Monitored(config()) as box:
        box.up()
        said, out, err, pid = box.exec_sync("echo", "fine", ";", "stderr", "warn", ";", "exit", "3")
        assert said["exit_code"] == 3, said
        assert "fine" in out and "warn" in err
        assert re.fullmatch(r"\d+", pid)
        assert box.exec_sync("exit", "0")[0]["exit_code"] == 0
        box.stop()


def test_exec_sync_with_a_terminal():
    "conmon takes the console and the output comes on stdout"
    with Monitored(terminal(), terminal=True) as box:
        box.up()
        said, out, _, _ = box.exec_sync("tty", ";", "exit", "4", terminal=True)
        assert said["exit_code"] == 4
        assert "tty: controlling yes" in out.replace("\r", "")
        box.stop()


def test_exec_sync_of_a_program_that_is_not_there():
    "no process: a negative code or the runtime's status, its words, and an empty pid file"
    with Monitored(config()) as box:
        box.up()
        said, _, _, pid = box.exec_sync(program="/absent")
        assert said["exit_code"] != 0, said
        assert "no such file or directory" in said["message"], said
        assert pid == ""
        box.stop()


@timeout(90)
def test_exec_sync_that_takes_too_long_is_ended():
    "conmon kills the process group of the pid: the command and its children, not the container"
    with Monitored(config()) as box:
        box.up()
        said, _, _, pid = box.exec_sync("fork", "2", ";", "sleep", "100", seconds=1)
        assert said["exit_code"] == -1 and "timed out" in said["message"], said
        until(lambda: host.process_state(int(pid)) in (None, "Z"), what="the command's end")
        pids = json.loads(rt("ps", "--format", "json", box.name).ok.out)
        until(lambda: json.loads(rt("ps", "--format", "json", box.name).ok.out) ==
              [box.state()["pid"]], what=f"the children's end ({pids})")
        assert box.state()["status"] == "running"
        box.stop()


def test_exec_sync_in_a_container_that_has_ended():
    "an error with words, no hang"
    with Monitored(config(), "exit 0") as box:
        box.start()
        box.exit_status()
        said, _, _, pid = box.exec_sync("echo", "x")
        assert said["exit_code"] != 0 and "stopped" in said["message"], said
        assert pid == ""


def test_streaming_exec_is_the_runtimes_own_foreground():
    "kubectl exec: exec --process FILE ID, with pipes; the status is the program's"
    with Monitored(config()) as box:
        box.up()
        path = box.process("stdin", ";", "stderr", "warn", ";", "exit", "6")
        r = rt("exec", "--process", path, box.name, stdin="given\n", env={})
        assert (r.rc, r.out) == (6, "stdin: given\n"), r
        assert "warn" in r.err
        box.stop()


def test_streaming_exec_with_a_terminal():
    "kubectl exec -it: the runtime's stdio is a pty that CRI-O made, process.json says terminal"
    with Monitored(config()) as box:
        box.up()
        path = box.process("tty", ";", "trap", "WINCH", ";", "tty", ";", "exit", "9",
                           terminal=True)
        argv = [current().runtime, "--root", current().root, "exec", "--process", path, box.name]
        with Terminal(argv, rows=37, columns=91) as t:
            t.until("37x91")
            t.until("ready")
            t.resize(38, 92)
            t.until("38x92")
            assert t.end() == 9
        box.stop()


def test_an_exec_whose_runtime_is_killed_does_not_outlive_the_container():
    "CRI-O kills the foreground exec when it stops a container; the rest goes with the container"
    with Monitored(config()) as box:
        box.up()
        path = box.process("wait")
        argv = [current().runtime, "--root", current().root, "exec", "--process", path, box.name]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"wait: ready\n"
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        assert len(json.loads(rt("ps", "-f", "json", box.name).ok.out)) == 2
        assert box.stop() == 128 + 9
        until(lambda: rt("ps", "-f", "json", box.name).ok.out == "null\n", what="the end of all")


# ---- stop, kill, state, features: what CRI-O calls itself --------------------------------------


def test_the_stop_loop():
    "kill ID 15, then kill ID KILL until the process is gone; then the words that end the loop"
    with Monitored(config(), "trap USR2") as box:
        box.start()
        until(lambda: "ready" in box.text(), what="the program")
        r = rt("kill", box.name, "15").ok
        assert (r.out, r.err) == ("", "")
        assert box.state()["status"] == "running"
        rt("kill", box.name, "KILL").ok
        assert box.exit_status() == 128 + 9
        r = rt("kill", box.name, "KILL").fails(rc=1)
        assert "container not running" in r.err or "no such process" in r.err
        box.rt("kill", "-a", box.name, "9").ok


def test_the_words_for_a_container_that_is_not_there():
    "state and kill say that it does not exist; delete --force says nothing"
    for args in (("state", "absent"), ("kill", "absent", "15"), ("start", "absent"),
                 ("pause", "absent"), ("update", "--resources", "-", "absent")):
        r = rt(*args, stdin="{}").fails("does not exist", rc=1)
        assert r.out == ""
    r = rt("delete", "--force", "absent").ok
    assert (r.out, r.err) == ("", "")


def test_features_and_version_are_read_with_both_streams_together():
    "pure JSON with the versions that CRI-O asks for; a version line that can be logged"
    for args in (["features"], ["--version"]):
        done = subprocess.run([current().runtime, *args], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env={}, check=True)
        if args == ["features"]:
            said = json.loads(done.stdout)
            assert said["ociVersionMin"] and said["ociVersionMax"]
            assert "rro" in said["mountOptions"]
            assert said["linux"]["mountExtensions"]["idmap"]["enabled"] is True
            assert "user" in said["linux"]["namespaces"]
        else:
            assert re.match(r"\w+ version \S+\n", done.stdout)


def test_pause_update_and_resume_without_a_driver_said():
    "as CRI-O calls them; update takes two words and the JSON on stdin"
    with Monitored(config()) as box:
        box.up()
        r = rt("update", "--resources", "-", box.name, stdin="{}").ok
        assert (r.out, r.err) == ("", "")
        rt("pause", box.name).ok
        assert box.state()["status"] == "paused"
        rt("resume", box.name).ok
        assert box.state()["status"] == "running"
        box.stop()


def test_checkpoint_help_says_whether_it_can():
    "CRI-O and podman ask so: 0 only when there is such a command"
    r = rt("checkpoint", "--help")
    assert (r.rc == 0) == ("image-path" in r.out), r


# ---- limits ------------------------------------------------------------------------------------


@needs("memory")
@timeout(120)
def test_an_oom_kill_leaves_conmons_oom_file():
    "conmon watches memory.events of the cgroup in which it finds the process"
    with Monitored(config(linux={"resources": {"memory": {"limit": 32 << 20,
                                                          "swap": 32 << 20}}}),
                   "hog 100") as box:
        box.start()
        assert box.exit_status(60) == 128 + 9
        until(lambda: os.path.exists(os.path.join(box.path, "oom")), 20, what="the oom file")
        assert os.path.exists(os.path.join(box.persist, "oom"))


@needs("systemd")
@timeout(120)
def test_with_systemd_the_scope_is_where_crio_looks_for_it():
    "slice:crio:ID; exec, state, kill and delete are called without --systemd-cgroup"
    configuration = config(linux={"cgroupsPath": "orlop-test.slice:crio:conmon"})
    with Monitored(configuration, systemd=True) as box:
        path = "/orlop.slice/orlop-test.slice/crio-conmon.scope"
        pid = box.up().state()["pid"]
        assert host.read(f"/proc/{pid}/cgroup") == f"0::{path}\n"
        said, out, _, _ = box.exec_sync("echo", "fine")
        assert said["exit_code"] == 0 and "fine" in out
        assert box.stop() == 128 + 9
        rt("delete", "--force", box.name).ok
        assert not os.path.exists(host.CGROUP + path)
