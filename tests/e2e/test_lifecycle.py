# SPDX-License-Identifier: Apache-2.0
"""create, start, state, kill, delete, run, list, ps, pause, resume, and what each refuses."""

import json
import os
import re
import signal
import subprocess
import time

from deck import (Container, bind, bundle, config, container, current, host_unchanged, rt, run,
                  until)
from deck.adversary import program


def test_create_leaves_the_program_waiting():
    "after create the status is created, a process is there, and the program has not run"
    with container(config(), "echo ran; wait") as c:
        state = c.state()
        assert state["status"] == "created"
        assert state["id"] == c.name
        assert state["bundle"] == c.path
        assert os.path.exists(f"/proc/{state['pid']}")
        time.sleep(0.1)
        assert c.out == ""


def test_start_runs_the_program():
    "start makes the waiting program run and the status running"
    with container(config(), "echo ran; wait") as c:
        pid = c.pid
        c.up()
        state = c.state()
        assert state["status"] == "running"
        assert state["pid"] == pid
        assert c.lines == ["ran", "wait: ready"]


def test_state_is_complete_json_in_runc_order():
    "engines read ociVersion, id, pid, status, bundle, rootfs, created, owner, in that order"
    with container(config(annotations={"org.example.key": "value", "empty": ""})) as c:
        text = c.rt("state", c.name).ok.out
        state = json.loads(text)
        assert list(state) == ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created",
                               "annotations", "owner"]
        assert state["annotations"] == {"org.example.key": "value", "empty": ""}
        assert state["rootfs"] == c.rootfs("")[:-1]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", state["created"])
        assert text.startswith('{\n  "ociVersion": "1.')


def test_state_without_annotations_has_no_such_member():
    "annotations are omitted when there are none"
    with container(config()) as c:
        assert "annotations" not in c.state()


def test_a_zombie_is_stopped():
    "an init that has ended and that nobody has reaped is stopped, with pid 0"
    with container(config(), "exit 3") as c:
        pid = c.pid
        c.start().ok
        c.wait_status("stopped")
        assert c.state()["pid"] == 0
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            assert ") Z " in stat.read()


def test_a_reaped_init_is_stopped():
    "an init that is gone altogether is stopped too"
    with container(config(), "exit 3") as c:
        pid = c.pid
        c.start().ok
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
        assert c.status == "stopped"
        assert c.state()["pid"] == 0


def test_start_twice_is_refused():
    "the second start says that the container runs already and changes nothing"
    with container(config()) as c:
        c.up()
        before = c.state()
        c.start().fails("cannot start an already running container", rc=1)
        assert c.state() == before and before["status"] == "running"


def test_start_of_a_stopped_container_is_refused():
    "start after the end says so"
    with container(config(), "exit 0") as c:
        c.start().ok
        c.wait_status("stopped")
        c.start().fails("cannot start a container that has stopped", rc=1)
        assert c.status == "stopped" and c.out == ""


def test_delete_of_a_running_container_is_refused():
    "delete without force leaves a running container alone"
    with container(config()) as c:
        c.up()
        c.delete().fails("cannot delete container .* that is not stopped: running", rc=1)
        assert c.status == "running"


def test_delete_force_ends_a_running_container():
    "delete --force kills and removes"
    with container(config()) as c:
        c.up()
        pid = c.pid
        c.delete("--force").ok
        c.rt("state", c.name).fails("does not exist")
        assert not os.path.exists(f"/sys/fs/cgroup{c.cgroup}")
        os.waitpid(pid, 0)


def test_delete_of_a_created_container_succeeds():
    "engines delete what was never started"
    with container(config()) as c:
        c.delete().ok
        c.rt("state", c.name).fails("does not exist")


def test_delete_of_a_stopped_container_frees_the_id():
    "after delete the same id can be used again"
    with container(config(), "exit 0") as c:
        c.start().ok
        c.wait_status("stopped")
        c.delete().ok
        with Container(config(), "exit 0", name=c.name + "x") as other:
            assert other.status == "created"
        with Container(c.path, name=c.name) as again:
            assert again.status == "created"


def test_delete_of_an_absent_container_fails():
    "without force it says that there is none"
    rt("delete", "absent").fails("does not exist", rc=1)


def test_delete_force_of_an_absent_container_succeeds():
    "with force it is silent: engines call it again"
    r = rt("delete", "--force", "absent").ok
    assert r.out == "" and r.err == ""


def test_delete_force_takes_no_hundred_milliseconds():
    "no fixed pause: a container whose init ends at once is gone at once"
    with container(config()) as c:
        c.up()
        best = c.delete("--force").ok.seconds
    for _ in range(3):
        with container(config()) as c:
            best = min(best, c.delete("--force").ok.seconds)
    assert best < 0.09


def test_delete_force_kills_what_ignores_everything():
    "SIGTERM ignored, children left: all are gone"
    with container(config(), "ignore TERM; fork 5; wait") as c:
        c.start().ok
        c.wait_line("wait: ready")
        c.delete("--force").ok


def test_delete_force_kills_children_without_a_pid_namespace():
    "init has ended, its children live on in the host's pid namespace: all go"
    spaces = [{"type": kind} for kind in ("mount", "uts", "ipc", "network", "cgroup")]
    with container(config(linux={"namespaces": spaces}), "run /bin/probe sleep 0; fork 3; wait") \
            as c:
        c.start().ok
        c.wait_line("wait: ready")
        c.delete("--force").ok


def test_run_gives_the_exit_status_of_the_program():
    "run's status is the program's"
    for status in (0, 1, 7, 255):
        assert run(config(), f"exit {status}").rc == status


def test_run_gives_128_plus_the_signal():
    "a program that ends by SIGABRT gives 134"
    # pid 1 of a pid namespace ignores signals that it sends itself: use the host's.
    spaces = [{"type": kind} for kind in ("mount", "uts", "ipc", "network", "cgroup")]
    assert run(config(linux={"namespaces": spaces}), "abort").rc == 134


def test_run_deletes_the_container_at_the_end():
    "nothing is there after run"
    name = current().next_id()
    run(config(), "exit 0", name=name).ok
    rt("state", name).fails("does not exist")


def test_run_keep_leaves_the_stopped_container():
    "--keep: state says stopped, delete removes"
    name = current().next_id()
    run(config(), "exit 0", "--keep", name=name).ok
    assert json.loads(rt("state", name).ok.out)["status"] == "stopped"
    rt("delete", name).ok


def test_run_detach_returns_while_the_program_runs():
    "--detach: create and start in one"
    c = Container(config(), "wait")
    c.create("run --detach").ok
    c.wait_line("wait: ready")
    assert c.status == "running"
    c.delete("--force").ok


def test_run_passes_output_and_errors_through():
    "stdout and stderr of the program are those of run"
    with run(config(), "echo out; stderr err") as r:
        assert r.lines == ["out"]
        assert r.err.strip() == "err"


def test_run_passes_input_through():
    "stdin of run is the program's"
    with run(config(), "readline; readline", stdin="one\ntwo\n") as r:
        assert r.values("readline") == ["one", "two"]


def test_run_forwards_signals():
    "SIGHUP and SIGUSR1 to run arrive at the program, SIGTERM ends it"
    test = current()
    name = test.next_id()
    path = bundle(config(), "trap TERM", name)
    out_path = os.path.join(test.tmp, "signals")
    with open(out_path, "wb") as out:
        process = subprocess.Popen([test.runtime, "--root", test.root, "run", "--bundle", path,
                                    name], stdin=subprocess.DEVNULL, stdout=out)

    def said(text):
        with open(out_path, encoding="ascii") as lines:
            return text in lines.read()

    until(lambda: said("trap: ready"))
    for sig in ("HUP", "USR1", "TERM"):
        process.send_signal(getattr(signal, "SIG" + sig))
        until(lambda sig=sig: said(f"trap: SIG{sig}"), what=f"SIG{sig}")
    assert process.wait(10) == 0


def test_a_signal_after_the_end_does_not_hide_the_status():
    "SIGTERM while the poststop hooks run comes too late: run gives the program's status"
    test = current()
    name = test.next_id()
    began = os.path.join(test.tmp, "began")
    last = {"path": "/bin/sh", "args": ["sh", "-c", f": >{began}; sleep 0.5"]}
    path = bundle(config(hooks={"poststop": [last]}), "exit 7", name)
    with subprocess.Popen([test.runtime, "--root", test.root, "run", "--bundle", path, name],
                          stdin=subprocess.DEVNULL) as process:
        until(lambda: os.path.exists(began))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 7


def test_kill_sends_term_by_default():
    "kill ID is SIGTERM"
    with container(config(), "trap TERM") as c:
        c.start().ok
        c.wait_line("trap: ready")
        c.kill().ok
        c.wait_line("trap: SIGTERM")
        c.wait_status("stopped")


def test_kill_takes_every_spelling_of_a_signal():
    "numbers, names with and without SIG, any case"
    with container(config(), "trap TERM") as c:
        c.start().ok
        c.wait_line("trap: ready")
        for spelling in ("10", "USR1", "SIGUSR1", "usr1", "sigusr1"):
            before = c.lines.count("trap: SIGUSR1")
            c.kill(spelling).ok
            until(lambda before=before: c.lines.count("trap: SIGUSR1") > before, what=spelling)


def test_kill_with_an_unknown_signal_is_refused():
    "a message with the word, and no signal sent"
    with container(config()) as c:
        c.up()
        for word in ("FOO", "SIGFOO", "99", "-1", "1x"):
            c.rt("kill", c.name, *(["--"] if word.startswith("-") else []), word).fails(rc=1)
        c.kill("FOO").fails('unknown signal "?FOO')
        assert c.status == "running"


def test_kill_of_a_stopped_container_is_refused():
    "containerd and CRI-O look for these words"
    with container(config(), "exit 0") as c:
        c.start().ok
        c.wait_status("stopped")
        before = c.state()
        c.kill("KILL").fails("container not running", rc=1)
        assert c.state() == before and before["status"] == "stopped"


def test_kill_all_of_a_stopped_container_succeeds():
    "the old flag of containerd"
    with container(config(), "exit 0") as c:
        c.start().ok
        c.wait_status("stopped")
        c.rt("kill", "--all", c.name, "KILL").ok


def test_kill_of_an_absent_container_says_so():
    "containerd looks for the words"
    rt("kill", "absent", "KILL").fails("does not exist", rc=1)


def test_kill_reaches_a_created_container():
    "a container that was never started can be killed"
    for number in ("KILL", "TERM", "INT", "HUP"):
        with container(config()) as c:
            c.kill(number).ok
            c.wait_status("stopped")


def test_kill_without_a_pid_namespace_ends_all_processes():
    "SIGKILL to a container in the host's pid namespace ends children too"
    spaces = [{"type": kind} for kind in ("mount", "uts", "ipc", "network", "cgroup")]
    with container(config(linux={"namespaces": spaces}), "fork 3; wait") as c:
        c.up()
        c.kill("KILL").ok
        until(lambda: "populated 0" in c.file("cgroup.events"), what="an empty cgroup")
        c.wait_status("stopped")


def headless():
    """A container in the host's pid namespace, with a second process whose first thread ends while
    another goes on; cgroup.kill alone is no end to that one."""
    spaces = [{"type": kind} for kind in ("mount", "uts", "ipc", "network", "cgroup")]
    return container(config(linux={"namespaces": spaces},
                            mounts=[bind(program(), "/bin/adversary", "ro")]), "wait")


def add_headless(box):
    box.up()
    box.exec(None, "--detach", args=["/bin/adversary", "headless"]).ok
    until(lambda: set(box.file("cgroup.procs").split()) - set(box.file("cgroup.threads").split()),
          what="a process without its first thread")


def test_kill_ends_a_process_whose_first_thread_has_ended():
    "also in a paused container"
    for paused in (False, True):
        with headless() as box:
            add_headless(box)
            if paused:
                box.rt("pause", box.name).ok
            box.kill("KILL").ok
            until(lambda box=box: "populated 0" in box.file("cgroup.events"),
                  what="an empty cgroup")
            box.wait_status("stopped")
            box.delete().ok


def test_delete_force_ends_a_process_whose_first_thread_has_ended():
    "at once, not when ten seconds are over; also after the container's own has ended"
    for first in ("delete", "kill"):
        with headless() as box:
            add_headless(box)
            if first == "kill":
                box.kill("TERM").ok
                box.wait_status("stopped")
            assert box.delete("--force").ok.seconds < 5


def test_an_id_that_is_taken_is_refused():
    "create and run with a used id fail and the first container is as it was"
    with container(config()) as c:
        c.up()
        path = bundle(config(), "exit 0")
        for command in ("create", "run"):
            rt(command, "--bundle", path, c.name).fails("already exists|given ID already exists",
                                                         rc=1)
        assert c.status == "running"
        c.exec("echo alive").ok


def test_invalid_ids_are_refused():
    "slash, dots, blanks, control characters, empty, 2000 characters: a message, nothing made"
    path = bundle(config(), "exit 0")
    test = current()
    with host_unchanged():
        for name in ("a/b", "..", ".", "a b", "a\nb", "a\tb", "", "x" * 2000, "é", "../x", "/",
                     "a:b", "a\\b", "$(a)", "a*"):
            rt("create", "--bundle", path, "--", name).fails(rc=1)
            rt("run", "--bundle", path, "--", name).fails(rc=1)
        assert not os.path.exists(test.root) or os.listdir(test.root) == []
    for name in ("a/b", "..", "a b"):
        rt("create", "--bundle", path, name).fails("invalid container ID format")
        rt("state", name).fails(rc=1)
        rt("delete", "--force", name).fails(rc=1)


def test_ids_may_have_plus_dot_dash_and_underscore():
    "the alphabet of runc"
    test = current()
    for name in ("A+b_c.d-e", "0", "..a", "a" * 200):
        with Container(config(), "exit 0", name=f"{test.prefix}{name}") as c:
            assert c.status == "created"


def test_pid_file_has_the_pid_and_no_newline():
    "decimal, nothing else, at a path relative to the caller"
    test = current()
    path = os.path.join(test.tmp, "pid")
    with container(config(), "wait", "--pid-file", path) as c:
        with open(path, encoding="ascii") as pid:
            text = pid.read()
        assert text == str(c.pid)
        assert [name for name in os.listdir(test.tmp) if name.startswith(".pid")] == []
    c = Container(config(), "wait", "--pid-file", "relative.pid", cwd=test.tmp)
    with c:
        with open(os.path.join(test.tmp, "relative.pid"), encoding="ascii") as pid:
            assert pid.read() == str(c.pid)


def test_a_pid_file_that_cannot_be_written_fails_the_create():
    "and leaves no container"
    c = Container(config(), "wait", "--pid-file", "/nonexistent/dir/pid")
    c.create().fails(rc=1)
    rt("state", c.name).fails("does not exist")


def test_a_create_that_fails_leaves_nothing():
    "at the limits, in a hook, at the program: no pid file, no state, no mount, no cgroup"
    no_program = config(rootfs={"/bin/probe": None})
    no_limit = config(linux={"resources": {"unified": {"bogus.max": "1"}}})
    hook = config(hooks={"createRuntime": [{"path": current().probe, "args": ["probe", "exit",
                                                                              "3"]}]})
    for number, c in enumerate((no_program, no_limit, hook)):
        pid_file = os.path.join(current().tmp, f"pid-{number}")
        with host_unchanged():
            Container(c, "wait", "--pid-file", pid_file).create().fails(rc=1)
        assert not os.path.exists(pid_file), number
        assert not os.path.exists(current().root) or os.listdir(current().root) == []


def test_bundle_defaults_to_the_current_directory():
    "create without --bundle reads ./config.json"
    name = current().next_id()
    path = bundle(config(), "exit 0", name)
    assert rt("run", name, cwd=path).rc == 0


def test_bundle_may_be_relative():
    "the state says it as an absolute path"
    test = current()
    name = test.next_id()
    path = bundle(config(), "wait", name)
    c = Container(path, None, name=name)
    c.path = os.path.relpath(path, test.tmp)
    with c:
        assert c.state()["bundle"] == path


def test_config_changes_after_create_have_no_effect():
    "start, exec and the hooks are as they were, whether the new text is one or not"
    marks = [os.path.join(current().tmp, name) for name in ("old", "new")]
    hooks = [{"poststop": [{"path": current().probe, "args": ["probe", "write", mark, "x"]}]}
             for mark in marks]
    first = config(process={"env": ["WHICH=first"]}, hooks=hooks[0])
    second = config(process={"env": ["WHICH=second"]}, hooks=hooks[1])
    for text in ("{]", json.dumps(second.doc)):
        with container(first, "echo first; wait") as c:
            with open(os.path.join(c.path, "config.json"), "w", encoding="ascii") as out:
                out.write(text)
            c.up()
            assert c.lines[0] == "first" and c.status == "running"
            assert "WHICH=first" in c.exec("env").ok.out
            c.delete("--force").ok
        assert [os.path.exists(mark) for mark in marks] == [True, False]
        os.unlink(marks[0])


def test_list_is_null_without_containers():
    "json: null and a newline; table: the heading"
    os.makedirs(current().root, exist_ok=True)
    assert rt("list", "--format", "json").ok.out == "null\n"
    assert rt("list").ok.out.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert rt("list", "--quiet").ok.out == ""


def test_list_names_every_container():
    "json in one line, a table, and ids only"
    with container(config()) as a, container(config()) as b:
        a.up()
        text = rt("list", "--format=json").ok.out
        assert text.count("\n") == 1 and text.endswith("\n")
        found = {entry["id"]: entry for entry in json.loads(text)}
        assert sorted(found) == sorted([a.name, b.name])
        assert found[a.name]["status"] == "running"
        assert found[b.name]["status"] == "created"
        assert found[a.name]["pid"] == a.pid
        assert found[a.name]["bundle"] == a.path
        assert found[a.name]["owner"] == "root"
        assert sorted(rt("list", "-q").ok.lines) == sorted([a.name, b.name])
        table = rt("list").ok.lines
        assert table[0].split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
        row = next(line for line in table if line.startswith(a.name)).split()
        assert row[:4] == [a.name, str(a.pid), "running", a.path] and row[5] == "root"


def test_list_refuses_an_unknown_format():
    "the words of runc"
    os.makedirs(current().root, exist_ok=True)
    rt("list", "--format", "xml").fails("invalid format", rc=1)


def test_list_of_somebody_elses_containers():
    "each is named; that delete --force would help is not said, because it would not"
    test = current()
    with container(config()) as c:
        c.up()
        os.chmod(test.root, 0o755)
        found = rt("list", wrap=["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups"])
        assert found.rc == 0 and c.name in found.err and "permission denied; left out" in found.err
        assert "delete" not in found.err


def test_list_goes_on_past_a_broken_entry():
    "a state directory that is no container, or cannot be read, does not hide the others"
    test = current()
    with container(config()) as c:
        os.mkdir(os.path.join(test.root, "broken"))
        try:
            assert c.name in rt("list", "-q").out.split()
            with open(os.path.join(test.root, "broken/state.json"), "w", encoding="utf-8") as out:
                out.write("no state")
            listed = rt("list", "-q").ok
            assert listed.out.split() == [c.name]
            assert re.search("level=warning.*load container broken: .*left out .delete --force",
                             listed.err), listed
        finally:
            rt("delete", "--force", "broken").ok


def test_ps_names_the_processes():
    "json: host pids in one line; table: ps output with those rows"
    with container(config(), "fork 2; wait") as c:
        c.up()
        text = c.rt("ps", "--format", "json", c.name).ok.out
        pids = json.loads(text)
        assert len(pids) == 3 and c.pid in pids
        assert text.endswith("\n") and text.count("\n") == 1
        table = c.rt("ps", c.name).ok.lines
        assert "PID" in table[0].split()
        assert len(table) == 4
        short = c.rt("ps", c.name, "-o", "pid,comm").ok.lines
        assert short[0].split() == ["PID", "COMMAND"] and len(short) == 4


def test_pause_freezes_and_resume_thaws():
    "the cgroup is frozen, the status paused; afterwards it runs again"
    with container(config()) as c:
        c.up()
        c.pause().ok
        assert c.status == "paused"
        assert "frozen 1" in c.file("cgroup.events")
        c.resume().ok
        assert c.status == "running"
        assert "frozen 0" in c.file("cgroup.events")


def test_pause_needs_a_running_container_and_resume_a_paused_one():
    "the words of runc"
    with container(config(), "exit 0") as c:
        c.resume().fails("container not paused", rc=1)
        c.start().ok
        c.wait_status("stopped")
        c.pause().fails("container not running", rc=1)
        c.resume().fails("container not paused", rc=1)


def test_a_paused_container_cannot_be_started_or_executed_in():
    "the words of runc"
    with container(config()) as c:
        c.up()
        c.pause().ok
        c.start().fails("paused", rc=1)
        c.exec("echo no").fails("cannot exec in a paused container", rc=255)
        c.resume().ok


def test_a_paused_container_can_be_killed_and_deleted():
    "kill KILL ends it, delete --force removes it; neither waits for a thaw"
    with container(config()) as c:
        c.up()
        c.pause().ok
        c.kill("KILL").ok
        c.wait_status("stopped")
        c.delete().ok
    with container(config()) as c:
        c.up()
        c.pause().ok
        assert c.delete("--force").ok.seconds < 5


def test_a_created_container_can_be_paused():
    "pause works before start, and start after resume"
    with container(config()) as c:
        c.pause().ok
        assert c.status == "paused"
        c.resume().ok
        c.up()


def test_the_status_of_a_program_that_cannot_be_executed():
    "start or create says why, in the words engines read as 127"
    c = Container(config(args=["/bin/absent"]))
    made = c.create()
    if made.rc == 0:
        made = c.start()
    made.fails("(?i)no such file or directory|executable file not found")
    c.delete("--force").ok


def test_stopped_containers_do_not_answer_exec():
    "the words of runc"
    with container(config(), "exit 0") as c:
        c.start().ok
        c.wait_status("stopped")
        c.exec("echo no").fails("cannot exec in a stopped container|container.* not running",
                                rc=255)


def test_commands_on_an_absent_container_say_so():
    "state, start, kill, exec, pause, resume, ps"
    for command in (["state"], ["start"], ["kill"], ["pause"], ["resume"], ["ps"]):
        rt(*command, "absent").fails("does not exist", rc=1)
    rt("exec", "absent", "/bin/true").fails("does not exist", rc=255)


def test_the_version_is_1_3_0_or_any_other_1():
    "every 1.x is taken, another major or no version at all is refused"
    for version in ("1.0.0", "1.0.2-dev", "1.1.0", "1.2.1", "1.3.0", "1.99.0+build"):
        run(config(ociVersion=version), "exit 0").ok
    for version in ("2.0.0", "0.5.0", "", "invalid", "1", "1.0"):
        run(config(ociVersion=version), "exit 0").fails("ociVersion", rc=1)
    run(config(ociVersion=None), "exit 0").fails("ociVersion")


def test_create_without_a_process_and_start_refuses():
    "the specification wants process at start only"
    configuration = config(process=None)
    configuration.program(None)
    with Container(configuration) as c:
        assert c.status == "created"
        c.start().fails("process", rc=1)


def test_a_container_shows_its_cgroup_in_its_place():
    "cgroupsPath is honoured exactly"
    with container(config()) as c:
        with open(f"/proc/{c.pid}/cgroup", encoding="ascii") as text:
            assert f"0::{c.cgroup}\n" in text.read()


def test_version_says_what_engines_parse():
    "first line is a name, the word version and a version; spec is a line"
    r = rt("--version").ok
    assert re.match(r"(orlop|runc|crun) version \d+\.\d+", r.lines[0])
    assert any(line.startswith("spec: 1.") for line in r.lines)
    assert rt("-v").ok.out == r.out


def test_features_is_json_that_engines_read():
    "the members that containerd and CRI-O look at"
    features = json.loads(rt("features").ok.out)
    assert features["ociVersionMin"].startswith("1.")
    assert features["ociVersionMax"].startswith("1.")
    assert {"bind", "ro", "rro", "nosuid", "tmpcopyup"} <= set(features["mountOptions"])
    assert set(features["linux"]["namespaces"]) == {"cgroup", "ipc", "mount", "network", "pid",
                                                    "time", "user", "uts"}
    assert features["linux"]["mountExtensions"]["idmap"]["enabled"] is True
    assert features["linux"]["seccomp"]["enabled"] is True
    assert features["linux"]["cgroup"]["v2"] is True
    assert set(features["hooks"]) == {"prestart", "createRuntime", "createContainer",
                                      "startContainer", "poststart", "poststop"}


def has_null(value):
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    return any(map(has_null, value)) if isinstance(value, list) else value is None


def test_features_are_of_the_program_and_not_of_the_host():
    "the same for a user without rights and an empty environment; no null; both versions are taken"
    text = rt("features").ok.out
    assert rt("features", env={}, preexec_fn=lambda: os.setuid(65534)).ok.out == text
    features = json.loads(text)
    assert not has_null(features)
    for version in (features["ociVersionMin"], features["ociVersionMax"]):
        run(config(ociVersion=version), "exit 0").ok


def test_spec_writes_a_bundle_that_runs():
    "spec, then run its config with another program and no terminal"
    test = current()
    name = test.next_id()
    path = bundle(config(), "exit 0", name)
    os.unlink(os.path.join(path, "config.json"))
    rt("spec", "--bundle", path).ok
    rt("spec", "--bundle", path).fails("exists", rc=1)
    with open(os.path.join(path, "config.json"), encoding="utf-8") as text:
        doc = json.load(text)
    assert doc["process"]["terminal"] is True
    assert doc["root"]["readonly"] is True
    assert doc["process"]["noNewPrivileges"] is True
    assert not doc["process"]["capabilities"].get("inheritable")
    doc["process"]["terminal"] = False
    doc["process"]["args"] = ["/bin/probe", "echo", "hello"]
    doc["linux"]["cgroupsPath"] = f"{test.cgroup}/{name}"
    with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as out:
        json.dump(doc, out)
    assert rt("run", "--bundle", path, name).ok.lines == ["hello"]


def test_several_are_deleted_and_one_that_runs_does_not_keep_the_others():
    "each is tried; who stays is named; --force takes those too"
    with container(config()) as first, container(config()) as second, container(config()) as third:
        second.up()
        rt("delete", first.name, second.name, third.name).fails(
            f"{second.name}: cannot delete container", "1 of 3 containers", rc=1)
        assert rt("list", "-q").ok.lines == [second.name]
        rt("delete", "--force", first.name, second.name).ok
        assert rt("list", "-q").ok.lines == []


def test_names_that_match_an_expression_are_deleted():
    "and no other; none that match is an error, with --force it is not"
    name = current().next_id()
    with container(config(), name=name + "-web1") as one, \
            container(config(), name=name + "-web2") as two, \
            container(config(), name=name + "-db") as other:
        rt("delete", "--regex", f"^{name}-web[0-9]$").ok
        assert rt("list", "-q").ok.lines == [other.name]
        rt("delete", "-r", "^zebra").fails("zebra", rc=1)
        rt("delete", "-r", "-f", "^zebra").ok
        rt("delete", "-r", "(").fails("regular expression", rc=1)
        assert one.name != two.name
