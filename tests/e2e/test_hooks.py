# SPDX-License-Identifier: Apache-2.0
"""The six kinds of hooks: when, where, with what, and what their failure does."""

import contextlib
import json
import os
import time

from deck import (Container, caps, config, container, current, host, host_unchanged, rt, run,
                  runtime_kind, until)

KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
HOST = ("prestart", "createRuntime", "poststart", "poststop")


def hook(*verbs, into=None, **more):
    """A hook that runs the probe of the host; what it says goes to a file."""
    into = into or os.path.join(current().tmp, "hooks")
    return dict({"path": current().probe, "args": ["probe", "into", into, ";", *verbs]}, **more)


def inside(*verbs, **more):
    """A hook that runs the probe of the container."""
    return dict({"path": "/bin/probe", "args": ["probe", "into", "/tmp/hooks", ";", *verbs]},
                **more)


def said(name="hooks"):
    path = os.path.join(current().tmp, name)
    return host.read(path).splitlines() if os.path.exists(path) else []


def test_hooks_run_in_the_order_of_the_specification():
    "three kinds in create, startContainer and poststart in start, poststop in delete"
    hooks = {kind: [hook("echo", kind + "1"), hook("echo", kind + "2")] for kind in KINDS}
    hooks["startContainer"] = [inside("echo", "startContainer1"), inside("echo", "startContainer2")]
    with container(config(hooks=hooks)) as c:
        made = ["prestart1", "prestart2", "createRuntime1", "createRuntime2", "createContainer1",
                "createContainer2"]
        assert said() == made
        c.up()
        assert host.read(c.rootfs("/tmp/hooks")).split() == ["startContainer1", "startContainer2"]
        assert said() == made + ["poststart1", "poststart2"]
        c.kill("KILL").ok
        c.wait_status("stopped")
        assert said()[-1] == "poststart2"
        c.delete().ok
        assert said() == made + ["poststart1", "poststart2", "poststop1", "poststop2"]


def test_create_container_hooks_begin_in_the_root():
    "as with runc: their working directory is the container's root, not yet its /"
    c = config(hooks={"createContainer": [hook("append", "made-by-hook", "x")]})
    with container(c) as made:
        assert os.path.exists(made.rootfs("/made-by-hook"))


def test_start_container_hooks_run_before_the_program():
    "the program sees what they did"
    c = config(hooks={"startContainer": [dict(path="/bin/probe",
                                              args=["probe", "write", "/tmp/mark", "x"])]})
    assert run(c, "cat /tmp/mark").ok.lines[-1] == "cat: x"


def test_start_container_hooks_are_confined_as_the_program_is():
    "they come from the image: the filter holds for them, and their failure is told through it"
    hook_line = dict(path="/bin/probe", args=["probe", "mkdir", "/tmp/by-hook"])
    deny = [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}]
    for rules in (deny, deny + [{"names": ["sendmsg"], "action": "SCMP_ACT_ERRNO"}]):
        c = config(hooks={"startContainer": [hook_line]},
                   linux={"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}})
        run(c, "echo never").fails("error running startContainer hook")
    assert run(config(hooks={"startContainer": [hook_line]}), "stat /tmp/by-hook").ok


def test_poststart_hooks_run_after_the_program_began():
    "what the program has written is there, and start has not returned before the hook has"
    name = current().next_id()
    begun, mark = (os.path.join(current().tmp, place) for place in
                   (f"bundle-{name}/rootfs/tmp/begun", "mark"))
    hooks = {"poststart": [hook("await", begun, ";", "await", mark, ";", "echo", "seen")]}
    with container(config(hooks=hooks), "write /tmp/begun x; wait", name=name) as c:
        # The hook waits for a file that this test makes; start has to wait for the hook.
        import threading
        threading.Timer(0.3, lambda: open(mark, "w", encoding="ascii").close()).start()
        assert not os.path.exists(begun)
        began = time.monotonic()
        c.start().ok
        assert time.monotonic() - began >= 0.25
        assert said() == ["await: ok", "await: ok", "seen"]
        c.wait_line("wait: ready")


def test_a_hook_gets_exactly_its_own_environment():
    "hook.env and nothing else, whatever process.env and the caller's hold"
    hooks = {"createRuntime": [hook("env", env=["A=1", "B=2"])],
             "startContainer": [inside("env", env=["C=3"])]}
    c = config(hooks=hooks, process={"env": ["PATH=/bin", "LD_PRELOAD=/evil.so", "SECRET=x"]})
    with container(c, env=dict(os.environ, RUNTIME_SECRET="y")) as c:
        c.up()
        assert said() == ["env: A=1", "env: B=2"]
        assert host.read(c.rootfs("/tmp/hooks")).splitlines() == ["env: C=3"]
        c.delete("--force").ok


def test_a_hook_without_an_environment_gets_that_of_where_it_runs():
    "the caller's on the host; the program's, with HOME, in startContainer; none in createContainer"
    hooks = {"createRuntime": [hook("env")],
             "createContainer": [hook("env", into=os.path.join(current().tmp, "container"))],
             "startContainer": [inside("env")]}
    given = {"PATH": "/usr/bin:/bin", "FROM_CALLER": "y", "ORLOP_DEBUG": ""}
    with container(config(hooks=hooks, process={"env": ["PATH=/bin", "OWN=x"]}), env=given) as c:
        c.up()
        assert sorted(said()) == sorted(f"env: {k}={v}" for k, v in given.items())
        assert said("container") == []
        lines = host.read(c.rootfs("/tmp/hooks")).splitlines()
        assert sorted(lines) == ["env: HOME=/", "env: OWN=x", "env: PATH=/bin"]
        assert "env: FROM_CALLER=y" not in lines
        c.delete("--force").ok


def test_a_hook_gets_its_arguments():
    "argv from hook.args, argv[0] included; absent args mean the path alone"
    hooks = {"createRuntime": [hook("args")]}
    run(config(hooks=hooks), "exit 0").ok
    assert said()[0] == "args: probe" and said()[-1] == "args: args"


def test_a_hook_gets_the_state_on_stdin():
    "JSON with id, bundle, pid, status and annotations, then the end"
    hooks = {kind: [hook("stdin", into=os.path.join(current().tmp, kind))] for kind in HOST}
    hooks["createContainer"] = [hook("stdin", into=os.path.join(current().tmp, "createContainer"))]
    hooks["startContainer"] = [inside("stdin")]
    statuses = {"prestart": ("creating", "created"), "createRuntime": ("creating", "created"),
                "createContainer": ("creating", "created"),
                "startContainer": ("creating", "created", "running"),
                "poststart": ("running",), "poststop": ("stopped",)}
    with container(config(hooks=hooks, annotations={"k": "v"})) as c:
        pid = c.pid
        c.up()
        text = {"startContainer": host.read(c.rootfs("/tmp/hooks"))}
        c.delete("--force").ok
        for kind in KINDS:
            line = text.get(kind) or "\n".join(said(kind))
            state = json.loads(line[len("stdin: "):])
            assert state["id"] == c.name and state["bundle"] == c.path, kind
            assert state["annotations"] == {"k": "v"} and state["ociVersion"][0] == "1", kind
            assert state["status"] in statuses[kind], (kind, state["status"])
            if kind in ("prestart", "createRuntime", "poststart"):
                assert state["pid"] == pid, kind
            elif kind == "poststop":
                assert state.get("pid", 0) == 0
            elif kind == "startContainer" and runtime_kind() == "orlop":
                assert state["pid"] == 1, state     # as the container sees it


def test_a_hook_has_three_fds_and_no_more():
    "stdin, stdout, stderr; nothing of the runtime's"
    hooks = {"createRuntime": [hook("fds")], "createContainer": [hook("fds")],
             "poststop": [hook("fds")]}
    run(config(hooks=hooks), "exit 0").ok
    lines = said()
    assert [line.split()[1] for line in lines] == ["0", "1", "2"] * 3, lines


def test_a_hook_has_default_signals():
    "nothing blocked or ignored, whoever runs it"
    shown = ["signals: blocked 0000000000000000", "signals: ignored 0000000000000000",
             "signals: caught 0000000000000000"]
    for kind in KINDS:
        hooks = {kind: [inside("signals") if kind == "startContainer" else hook("signals")]}
        with container(config(hooks=hooks)) as c:
            c.up()
            seen = host.read(c.rootfs("/tmp/hooks")).splitlines() if kind == "startContainer" \
                else None
        assert (seen or said()) == shown, (kind, seen or said())
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(current().tmp, "hooks"))


def test_hooks_run_in_their_namespaces():
    "createContainer and startContainer in those of the container, the others in the runtime's"
    hooks = {kind: [hook("ns", into=os.path.join(current().tmp, kind))] for kind in HOST}
    hooks["createContainer"] = [hook("ns", into=os.path.join(current().tmp, "createContainer"))]
    hooks["startContainer"] = [inside("ns")]
    with container(config(hooks=hooks), "ns; wait") as c:
        c.up()
        theirs = ["ns: " + value for value in c.values("ns")]
        last = host.read(c.rootfs("/tmp/hooks")).splitlines()
        c.delete("--force").ok
    mine = sorted("ns: " + os.readlink(f"/proc/self/ns/{name}") for name in
                  ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"))
    for kind in HOST:
        assert sorted(said(kind)) == mine, kind
    assert last == theirs
    assert sorted(said("createContainer")) == sorted(theirs)


def test_create_container_hooks_see_the_host_and_the_mounts():
    "before pivot_root: the path is one of the host, the container's mounts are there"
    verbs = ("mounts",)
    run(config(hooks={"createContainer": [hook(*verbs)]}), "exit 0").ok
    assert any("/rootfs/proc proc" in line.replace(" rw,relatime", "") or "rootfs/proc" in line
               for line in said())


def test_a_mount_of_a_create_container_hook_is_seen_inside():
    "what that hook mounts below the rootfs is in the container"
    test = current()
    script = os.path.join(test.tmp, "mount.sh")
    with open(script, "w", encoding="ascii") as out:
        out.write("#!/bin/sh\nset -e\nread -r state || :\n"
                  f"/bin/mount -t tmpfs -o size=4k tmpfs {test.tmp}/bundle-*/rootfs/hooked\n")
    os.chmod(script, 0o755)
    c = config(hooks={"createContainer": [{"path": script}]}, rootfs={"/hooked/": "dir"})
    assert run(c, "mounts /hooked").ok.mount("/hooked")["type"] == "tmpfs"


def test_a_failing_hook_before_start_ends_the_create():
    "an error with kind and status, poststop hooks run, nothing left"
    for kind in ("prestart", "createRuntime", "createContainer"):
        log = os.path.join(current().tmp, "after-" + kind)
        hooks = {kind: [hook("stderr", "went wrong", ";", "exit", "3"), hook("echo", "second")],
                 "poststop": [hook("echo", "poststop", into=log)]}
        with host_unchanged():
            c = Container(config(hooks=hooks))
            c.create().fails(kind, "exit status 3|status 3", rc=1)
            rt("state", c.name).fails("does not exist")
        assert said("after-" + kind) == ["poststop"], kind
    assert said() == []


def test_a_failing_start_container_hook_ends_the_container():
    "the program does not run, start or the status says so, poststop runs"
    hooks = {"startContainer": [inside("exit", "3")], "poststop": [hook("echo", "poststop")]}
    c = Container(config(hooks=hooks), "write /tmp/ran x; wait")
    c.create().ok
    c.start().fails(rc=1)
    if runtime_kind() == "orlop":       # nobody has to call delete
        assert said() == ["poststop"]
        c.rt("state", c.name).fails("does not exist")
    c.delete("--force").ok
    assert said() == ["poststop"] and not os.path.exists(c.rootfs("/tmp/ran"))


def test_a_failing_poststart_hook_is_an_error():
    "since specification 1.3: start fails, the container is stopped"
    hooks = {"poststart": [hook("exit", "3")], "poststop": [hook("echo", "poststop")]}
    c = Container(config(hooks=hooks))
    c.create().ok
    c.start().fails("poststart", rc=1)
    if runtime_kind() == "orlop":
        assert said() == ["poststop"]
        c.rt("state", c.name).fails("does not exist")
    c.delete("--force").ok
    assert said() == ["poststop"]


def test_a_failing_poststop_hook_is_a_warning():
    "delete succeeds, the other hooks run"
    hooks = {"poststop": [hook("exit", "3"), hook("echo", "second")]}
    with container(config(hooks=hooks), "exit 0") as c:
        c.start().ok
        c.wait_status("stopped")
        assert "poststop" in c.delete().ok.err
    assert said() == ["second"]


def test_a_hook_that_takes_too_long_is_ended():
    "timeout in seconds: it and what it started are killed, the create fails"
    test = current()
    script = os.path.join(test.tmp, "slow.sh")
    with open(script, "w", encoding="ascii") as out:
        out.write(f"#!/bin/sh\n{test.probe} sleep 300 &\n{test.probe} sleep 300\n")
    os.chmod(script, 0o755)
    c = Container(config(hooks={"createRuntime": [{"path": script, "timeout": 1}]}))
    began = time.monotonic()
    c.create().fails("createRuntime", "(?i)timeout|timed out|time", rc=1)
    assert 0.9 < time.monotonic() - began < 5
    until(lambda: not host.descendants(), what="the end of the hook's children")


def test_a_timeout_of_zero_or_less_is_refused():
    "the specification: greater than zero"
    for timeout in (0, -1):
        run(config(hooks={"createRuntime": [hook("echo", "x", timeout=timeout)]}),
            "exit 0").fails("timeout")


def test_a_hook_that_is_not_there_is_an_error():
    "absent, not executable, relative: the path and the kind are in the message"
    for path in ("/nonexistent/hook", "/etc/hostname"):
        run(config(hooks={"createRuntime": [{"path": path}]}), "exit 0").fails(path)
    run(config(hooks={"createRuntime": [{"path": "bin/true"}]}), "exit 0").fails(
        "(?i)absolute|path")
    run(config(hooks={"createRuntime": [{"args": ["x"]}]}), "exit 0").fails("path")


def test_a_hook_of_the_container_that_cannot_be_executed_is_named_with_the_reason():
    "not a bare exit status of 127"
    for kind, path, reason in (("createContainer", "/nonexistent/hook", "no such file"),
                               ("createContainer", "/etc/passwd", "permission denied"),
                               ("startContainer", "/bin/absent", "no such file"),
                               ("startContainer", "/etc", "permission denied")):
        with container(config(hooks={kind: [{"path": path}]})) if kind[0] == "s" else run(
                config(hooks={kind: [{"path": path}]}), "exit 0") as r:
            (r.start() if kind[0] == "s" else r).fails(kind, path, reason)


def test_a_hook_that_reads_nothing_is_no_error():
    "a closed stdin does not kill the runtime, even with a long state"
    c = config(hooks={"createRuntime": [hook("exit", "0")]},
               annotations={f"key{number}": "x" * 1000 for number in range(200)})
    run(c, "exit 0").ok


def test_a_hook_of_the_container_that_reads_nothing_is_ended_at_its_timeout():
    "the state does not fit into the pipe, and nobody waits for room in it"
    for kind in ("createContainer", "startContainer"):
        path = current().probe if kind[0] == "c" else "/bin/probe"
        made = Container(config(hooks={kind: [{"path": path, "args": ["probe", "sleep", "100"],
                                               "timeout": 1}]},
                                annotations={f"key{n}": "x" * 1000 for n in range(200)}))
        began = time.monotonic()
        with made if kind[0] == "s" else contextlib.nullcontext():
            (made.start() if kind[0] == "s" else made.create()).fails(kind, "longer than its timeout")
        assert 0.9 < time.monotonic() - began < 8


def test_a_hook_that_talks_a_lot_does_not_block():
    "a megabyte on stdout and stderr"
    c = config(hooks={"createRuntime": [{"path": current().probe,
                                         "args": ["probe", "flood", "1000000"]}]})
    assert run(c, "exit 0").ok.seconds < 10


def test_a_hook_that_leaves_a_daemon_does_not_hang_the_create():
    "the hook has ended; who keeps its stdout open is not waited for"
    test = current()
    script = os.path.join(test.tmp, "daemon.sh")
    with open(script, "w", encoding="ascii") as out:
        out.write(f"#!/bin/sh\n{test.probe} sleep 15 &\nexit 0\n")
    os.chmod(script, 0o755)
    began = time.monotonic()
    c = Container(config(hooks={"createRuntime": [{"path": script}]}))
    c.create().ok
    took = time.monotonic() - began
    c.delete("--force").ok
    for pid, _ in host.descendants():
        os.kill(pid, 9)
    assert took < 5


def test_start_container_hooks_run_with_the_rights_of_the_container():
    "user, capabilities and root of the process"
    c = config(hooks={"startContainer": [inside("ids", ";", "ls", "/")]},
               process={"user": {"uid": 1000, "gid": 1000}, "capabilities": caps()})
    with container(c) as box:
        box.up()
        lines = host.read(box.rootfs("/tmp/hooks")).splitlines()
        assert lines[1].startswith("ls: ") and " bin " in lines[1]
