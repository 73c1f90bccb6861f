# SPDX-License-Identifier: Apache-2.0
"""Q: a caller, a host or a container that has run out of something. Each command then does all of
its work, or says what was missing and leaves what it found."""

import os
import resource
import subprocess

from deck import bundle, config, container, current, host, rt, timeout, until

FEW = (*range(3, 14), 16, 20, 30, 40, 64)


def limited(kind, soft):
    """The arguments of Popen that limit the runtime, and not the test."""
    return {"preexec_fn": lambda: resource.setrlimit(kind, (soft, resource.getrlimit(kind)[1]))}


def descriptors(count):
    return limited(resource.RLIMIT_NOFILE, count)


def cgroup_of(name):
    return f"{host.CGROUP}{current().cgroup}/{name}"


def state_of(name):
    return os.path.join(current().root, name)


def failed_cleanly(result, what):
    """With a message, and not by a signal."""
    assert 0 < result.rc < 128 or result.rc == 255, f"{what}: {result!r}"
    assert result.err.strip(), f"{what}: failed without a word: {result!r}"


@timeout(240)
def test_Q_create_with_few_descriptors():
    "everything is there, or nothing is"
    made = refused = 0
    for count in FEW:
        name = current().next_id()
        path = bundle(config(), "wait", name)
        r = rt("create", "--bundle", path, name, **descriptors(count))
        if r.rc == 0:
            made += 1
            assert rt("start", name, **descriptors(1024)).rc == 0
            assert '"running"' in rt("state", name).ok.out
        else:
            refused += 1
            failed_cleanly(r, f"{count} descriptors")
            assert not os.path.exists(state_of(name)), (count, os.listdir(state_of(name)))
            assert not os.path.exists(cgroup_of(name)), count
        rt("delete", "--force", name).ok
    assert made and refused, (made, refused)


@timeout(240)
def test_Q_a_delete_with_few_descriptors_forgets_no_container():
    "what could not be opened is still there afterwards, and can be deleted"
    kept = 0
    for count in FEW:
        with container(config()) as c:
            c.up()
            r = rt("delete", "--force", c.name, **descriptors(count))
            group = os.path.exists(cgroup_of(c.name))
            if r.rc == 0:
                assert not group, f"{count} descriptors: gone, and its processes are there"
            else:
                failed_cleanly(r, f"{count} descriptors")
                kept += group and os.path.exists(state_of(c.name))
                assert not group or os.path.exists(state_of(c.name)), f"{count}: forgotten"
    assert kept, "no limit was low enough"


@timeout(240)
def test_Q_commands_with_few_descriptors_say_nothing_false():
    "start, state, kill, pause and exec"
    for count in FEW:
        with container(config()) as c:
            r = rt("start", c.name, **descriptors(count))
            if r.rc == 0:
                c.wait_line("wait: ready")
            else:
                failed_cleanly(r, f"start, {count}")
                assert c.status == "created", (count, r)
                c.up()
            r = rt("exec", c.name, "/bin/probe", "echo", "here", **descriptors(count))
            if r.rc == 0:
                assert "here" in r.out, (count, r)
            else:
                failed_cleanly(r, f"exec, {count}")
            r = rt("pause", "--timeout", "5000", c.name, **descriptors(count))
            frozen = "frozen 1" in c.file("cgroup.events")
            assert frozen == (r.rc == 0), (count, r)
            r = rt("state", c.name, **descriptors(count))
            assert r.rc or f'"{"paused" if frozen else "running"}"' in r.out, (count, r)
            r = rt("kill", c.name, "KILL", **descriptors(count))
            if r.rc == 0:
                c.wait_status("stopped")
            else:
                failed_cleanly(r, f"kill, {count}")


def test_Q_a_container_that_may_have_few_descriptors():
    "it starts, or start says that it did not; the program has what it was given"
    for count in (3, 4, 5, 6, 10):
        c = config(process={"rlimits": [{"type": "RLIMIT_NOFILE", "soft": count, "hard": count}]})
        with container(c, "rlimits NOFILE; wait") as made:
            r = made.start()
            if r.rc == 0:
                made.wait_line("wait: ready")
                assert made.value("rlimits") == f"NOFILE {count} {count}"
            else:
                failed_cleanly(r, f"limit {count}")


def test_Q_files_that_may_not_grow():
    "RLIMIT_FSIZE: no SIGXFSZ, no half a record"
    for size in (0, 1, 100, 1000, 3000, 10000):
        name = current().next_id()
        path = bundle(config(), "wait", name)
        # What it says goes to a pipe: the limit is on files, and the waiting process keeps it.
        read, write = os.pipe()
        r = rt("create", "--bundle", path, name, env={"NO": "1"}, pass_fds=(write,),
               wrap=("sh", "-c", f'exec 2>&{write}; exec "$@"', "-"),
               **limited(resource.RLIMIT_FSIZE, size))
        os.close(write)
        r.err = os.read(read, 4096).decode() if r.rc else ""
        os.close(read)
        if r.rc == 0:
            assert rt("start", name).rc == 0
        else:
            failed_cleanly(r, f"{size} bytes")
            assert not os.path.exists(state_of(name)), size
        rt("delete", "--force", name, **limited(resource.RLIMIT_FSIZE, size)).ok
        assert not os.path.exists(cgroup_of(name)), size


def closed(*numbers):
    """Starts without some of 0, 1 and 2."""
    def close():
        for number in numbers:
            os.close(number)
    return {"preexec_fn": close}


@timeout(120)
def test_Q_every_combination_of_closed_standard_descriptors():
    "create, start, exec, state, kill, delete; nothing of ours lands on 0 to 2 of the container"
    for mask in range(8):
        gone = closed(*(n for n in range(3) if mask >> n & 1))
        name = current().next_id()
        path = bundle(config(), "into /tmp/said; fds; echo complete; wait", name)
        said = os.path.join(path, "rootfs/tmp/said")
        assert rt("create", "--bundle", path, name, **gone).rc == 0, mask
        assert rt("start", name, **gone).rc == 0, mask
        until(lambda said=said: os.path.exists(said) and "complete" in host.read(said),
              what="the program")
        for line in host.read(said).splitlines():
            if line.startswith("fds: "):
                _, number, target = line.split(" ", 2)
                assert int(number) < 3, (mask, line)
                if mask >> int(number) & 1 and number != "1":
                    assert target == "/dev/null", (mask, line)
        for command in (("exec", name, "/bin/probe", "exit", "0"), ("state", name), ("ps", name),
                        ("list",), ("kill", name, "KILL"), ("delete", "--force", name)):
            r = rt(*command, **gone)
            # What cannot be written may be an error, and nothing else may.
            loud = mask & 2 and command[0] in ("state", "ps", "list")
            assert r.rc == 0 or loud, (mask, r.argv, r)
        assert not os.path.exists(state_of(name)), mask


def test_Q_output_that_cannot_be_written_is_an_error():
    "/dev/full as standard output: the exit status says so; as standard error: nothing else changes"
    with container(config()) as c, open("/dev/full", "wb") as full:
        c.up()
        for command in (("state", c.name), ("list",), ("list", "--format", "json"), ("features",),
                        ("ps", c.name), ("ps", "--format", "json", c.name), ("--version",),
                        ("--help",), ("help", "run"), ("doctor",), ("events", "--stats", c.name),
                        ("list", "--quiet"), ("plan", "--bundle", c.path), ("state", "--help"),
                        ("audit",), ("drift", c.name)):
            argv = [current().runtime, "--root", current().root, *command]
            done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, check=False,
                                  timeout=30)
            usual = subprocess.run(argv, capture_output=True, check=False, timeout=30)
            if usual.stdout:
                assert done.returncode, f"{command}: lost its output and was content"
                assert done.stderr, f"{command}: failed without a word"
        for command in (("state", "absent"), ("nonsense",), ("create", "absent")):
            argv = [current().runtime, "--root", current().root, *command]
            done = subprocess.run(argv, stderr=full, check=False, timeout=30)
            usual = subprocess.run(argv, capture_output=True, check=False, timeout=30)
            assert done.returncode == usual.returncode, command


def test_Q_a_reader_that_has_gone_ends_nothing_halfway():
    "SIGPIPE on standard output and error: create, start and delete do their work"
    read, write = os.pipe()
    os.close(read)
    name = current().next_id()
    path = bundle(config(), "wait", name)
    base = [current().runtime, "--root", current().root, "--debug"]
    for command in (("create", "--bundle", path, name), ("start", name), ("kill", name, "KILL"),
                    ("delete", "--force", name)):
        done = subprocess.run([*base, *command], stdout=write, stderr=write, check=False,
                              timeout=30)
        assert done.returncode == 0, (command, done.returncode)
    done = subprocess.run([*base, "features"], stdout=write, stderr=write, check=False, timeout=30)
    assert done.returncode == -13, "not the end that a program in a pipe has"
    os.close(write)
    assert not os.path.exists(state_of(name)) and not os.path.exists(cgroup_of(name))
