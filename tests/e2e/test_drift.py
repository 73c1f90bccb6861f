# SPDX-License-Identifier: Apache-2.0
"""drift: which processes run code that is not in the image, and which do not."""

import contextlib
import json
import os
import shutil
import subprocess

from deck import File, bind, bundle, config, container, current, host, needs, overlay, rt, until
from deck.adversary import program
from deck.container import PATIENCE
from deck.drifted import bad, drift, kinds


@contextlib.contextmanager
def imaged(*, mounts=(), options="", above=None):
    """A running container whose root is an overlay with the adversary in the image; `above` are
    files of one more layer of it."""
    with open(program(), "rb") as file:
        evil = file.read()
    files = {name: File(evil, 0o755) for name in ("/bin/adversary", "/opt/lib.so")}
    name = current().next_id()
    path = bundle(config(rootfs=files, mounts=list(mounts)), "wait", name)
    with overlay(path, options, above=above) as layers:
        with container(path, name=name) as c:
            c.layers = layers
            yield c


def test_a_container_at_rest_has_none():
    "running, frozen and in quarantine; also when files were written that nobody runs"
    with imaged() as c:
        c.up()
        shutil.copy(program(), c.rootfs("/tmp/unused"))
        for before in ((), ("pause", "--timeout", "10000"), ("quarantine", "--timeout", "10000")):
            if before:
                c.rt(*before, c.name).ok
            found = drift(c, rc=0)
            assert found["result"] == "none" and not kinds(found) and not found["notKnown"], found
            assert found["processes"] == 1 and not found["how"], found


def test_a_container_that_waits_for_start_has_none():
    "what runs there is what makes containers; that is said, also when it is paused"
    with imaged() as c:
        for _ in range(2):
            found = drift(c, rc=0)
            assert "waits for start" in found["how"][0], found
            c.pause()


def test_a_program_that_was_added_is_found():
    "and one that was changed under its name, and a library; the same file in the image is not"
    with imaged() as c:
        c.up()
        bad(c, "/bin/adversary", "map", "/opt/lib.so")
        assert not kinds(drift(c, rc=0))
        shutil.copy(program(), c.rootfs("/tmp/added"))
        with open(c.rootfs("/opt/lib.so"), "ab") as file:
            file.write(b"x")
        pid = bad(c, "/tmp/added", "map", "/opt/lib.so")
        want = {("upper", "/tmp/added", True, True), ("upper", "/opt/lib.so", False, True)}
        found = drift(c, rc=2)
        assert kinds(found) == want
        assert any(f["pid"] == pid and f["name"] == "added" for f in found["findings"]), found
        text = c.rt("drift", c.name)
        assert text.rc == 2 and 'runs "/tmp/added"' in text.out, text
        # Frozen and cut off it can be seen as well.
        c.rt("quarantine", "--timeout", "10000", c.name).ok
        assert kinds(drift(c, rc=2)) == want


def test_a_change_of_attributes_alone_is_none():
    "the overlay copies nothing then and says so, or the whole file; what is changed later is found"
    for options in ("metacopy=on,", "metacopy=off,"):
        with imaged(options=options) as c:
            c.up()
            os.chmod(c.rootfs("/bin/adversary"), 0o700)
            os.chown(c.rootfs("/opt/lib.so"), 1, 1)
            assert os.path.exists(f"{c.layers}/upper/bin/adversary")
            bad(c, "/bin/adversary", "map", "/opt/lib.so")
            assert not kinds(drift(c, rc=0))
            before = os.stat(c.rootfs("/opt/lib.so"))
            with open(c.rootfs("/opt/lib.so"), "r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"x")
            os.utime(c.rootfs("/opt/lib.so"), ns=(before.st_atime_ns, before.st_mtime_ns))
            assert before.st_size == os.stat(c.rootfs("/opt/lib.so")).st_size
            assert kinds(drift(c, rc=2)) == {("upper", "/opt/lib.so", False, True)}


def test_what_another_layer_or_place_has_is_not_the_images():
    "the image's file under another name, and one that a layer above hides, put back"
    with imaged(above={"/opt/lib.so": b"another"}) as c:
        c.up()
        shutil.copy(c.rootfs("/bin/adversary"), c.rootfs("/tmp/adversary"))
        assert host.read(c.rootfs("/opt/lib.so")) == "another"
        shutil.copy(c.rootfs("/bin/adversary"), c.rootfs("/opt/lib.so"))
        bad(c, "/tmp/adversary", "map", "/opt/lib.so")
        assert kinds(drift(c, rc=2)) == {("upper", "/tmp/adversary", True, True),
                                         ("upper", "/opt/lib.so", False, True)}


def test_a_file_in_memory_is_found():
    "memfd_create and fexecve"
    with imaged() as c:
        c.up()
        bad(c, "/bin/adversary", "memfd")
        assert kinds(drift(c, rc=2)) == {("memfd", "/memfd:nothing (deleted)", True, True)}


def test_a_library_in_memory_is_found():
    "mapped from a file in memory, as a loader does it"
    with imaged() as c:
        c.up()
        bad(c, "/bin/adversary", "maplib")
        assert kinds(drift(c, rc=2)) == {("memfd", "/memfd:lib (deleted)", False, True)}


def test_a_deleted_program_is_found():
    "one of the image and one that was added"
    with imaged() as c:
        c.up()
        shutil.copy(program(), c.rootfs("/tmp/added"))
        bad(c, "/tmp/added", "idle", "0")
        bad(c, "/bin/adversary", "idle", "0")
        assert kinds(drift(c, rc=2)) == {("upper", "/tmp/added", True, True)}
        os.unlink(c.rootfs("/tmp/added"))
        os.unlink(c.rootfs("/bin/adversary"))
        assert {("deleted", "/tmp/added (deleted)", True, True),
                ("deleted", "/bin/adversary (deleted)", True, True)} == kinds(drift(c, rc=2))


def test_mounts_are_told_apart():
    "tmpfs and a volume count; a read-only one is a note, and counts with --strict"
    place = os.path.join(current().tmp, "volume")
    os.mkdir(place)
    shutil.copy(program(), f"{place}/evil")
    mounts = [bind(place, "/data", "rw"), bind(place, "/ro", "ro"),
              {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs"}]
    with imaged(mounts=mounts) as c:
        c.up()
        bad(c, "/bin/adversary", "map", "/ro/evil")
        assert kinds(drift(c, rc=0)) == {("read-only", "/ro/evil", False, False)}
        assert kinds(drift(c, "--strict", rc=2)) == {("read-only", "/ro/evil", False, True)}
        bad(c, "/data/evil", "idle", "0")
        assert ("volume", "/data/evil", True, True) in kinds(drift(c, rc=2))
        shutil.copy(program(), f"/proc/{c.pid}/root/scratch/evil")
        bad(c, "/scratch/evil", "idle", "0")
        assert ("tmpfs", "/scratch/evil", True, True) in kinds(drift(c, rc=2))


def test_memory_without_a_file_is_a_note():
    "compilers at run time have it; with --strict it counts"
    with imaged() as c:
        c.up()
        bad(c, "/bin/adversary", "jit")
        finding, = drift(c, rc=0)["findings"]
        assert finding["kind"] == "anonymous" and not finding["drift"], finding
        assert finding["detail"].startswith("8192 bytes in 1 regions, also writable"), finding
        drift(c, "--strict", rc=2)


def test_memory_with_a_file_that_is_no_library_is_a_note():
    "as Erlang and .NET have it, what processes share, and large pages; with --strict it counts"
    with imaged() as c:
        c.up()
        bad(c, "/bin/adversary", "jits")
        found = drift(c, rc=0)
        assert {f["kind"] for f in found["findings"]} == {"anonymous"}, found
        assert "/memfd:vmem (deleted)" in {f["path"] for f in found["findings"]}, found
        drift(c, "--strict", rc=2)


@needs("strace")
def test_an_older_kernel_is_asked_otherwise():
    "without a question about regions (Linux 6.11) the same is found"
    trace = ("strace", "-o", os.path.join(current().tmp, "trace"), "-e", "trace=ioctl",
             "-e", "inject=ioctl:error=ENOTTY")
    with imaged() as c:
        c.up()
        shutil.copy(program(), c.rootfs("/tmp/added"))
        for verb in ("jit", "jits", "maplib"):
            bad(c, "/bin/adversary", verb)
        bad(c, "/bin/adversary", "map", "/tmp/added")
        found = drift(c, rc=2)
        assert len(found["findings"]) >= 6, found
        assert json.loads(c.rt("drift", "--json", c.name, wrap=trace).out) == found
        assert "(INJECTED)" in host.read(trace[2])


def test_a_process_without_its_first_thread_is_seen():
    "/proc/PID shows no program then, and no memory"
    with imaged() as c:
        c.up()
        shutil.copy(program(), c.rootfs("/tmp/added"))
        pid = bad(c, "/tmp/added", "headless")
        until(lambda: ") Z " in host.read(f"/proc/{pid}/stat"))
        assert not os.path.exists(f"/proc/{pid}/exe")
        assert ("upper", "/tmp/added", True, True) in kinds(drift(c, rc=2))


def test_an_exec_under_way_is_none():
    "for a moment the process is orlop's, which is known by what it is and not by a name"
    with imaged() as c:
        c.up()
        many = ";".join([f"{current().runtime} --root {current().root} exec {c.name} "
                         "/bin/probe exit 0"] * 60)
        with subprocess.Popen(["sh", "-c", many]) as process:
            while process.poll() is None:
                assert not kinds(drift(c, rc=0))


def aside(c, pid):
    """Makes the calling process one of the container's, in a mount namespace of its own."""
    with open(f"/sys/fs/cgroup/{c.cgroup}/cgroup.procs", "w", encoding="ascii") as file:
        file.write("0")
    with open(f"/proc/{pid}/ns/mnt", "rb") as ns:
        assert host.LIBC.setns(ns.fileno(), host.CLONE_NEWNS) == 0
    assert host.LIBC.unshare(host.CLONE_NEWNS) == 0


def test_a_mount_namespace_of_its_own_hides_nothing():
    "the same root under another number of the mount is the same image, and the same upper layer"
    with imaged() as c:
        c.up()
        shutil.copy(program(), c.rootfs("/tmp/added"))
        pid = c.pid
        for name, want in (("/bin/adversary", set()),
                           ("/tmp/added", {("upper", "/tmp/added", True, True)})):
            process = subprocess.Popen([name, "idle", "0"], stdout=subprocess.PIPE,
                                       preexec_fn=lambda: aside(c, pid))
            assert process.stdout.readline() == b"ready\n"
            assert os.stat(f"/proc/{process.pid}/ns/mnt") != os.stat(f"/proc/{pid}/ns/mnt")
            assert kinds(drift(c, rc=2 if want else 0)) == want
            process.kill()
            process.wait()


def test_without_an_overlay_time_decides():
    "what was changed after the container was made counts, and that it is judged so is said"
    with container(config(), "wait") as c:
        c.up()
        found = drift(c, rc=0)
        assert "not an overlay" in found["how"][0] and not kinds(found), found
        shutil.copy(program(), c.rootfs("/tmp/added"))
        os.utime(c.rootfs("/tmp/added"), (0, 0))
        bad(c, "/tmp/added", "idle", "0")
        assert kinds(drift(c, rc=2)) == {("changed", "/tmp/added", True, True)}


def test_what_cannot_be_judged_is_not_called_clean():
    "a lost record: neither overlay nor time says what is the image's"
    with container(config(), "wait") as c:
        c.up()
        record = os.path.join(current().root, c.name, "state.json")
        os.rename(record, record + ".away")
        found = drift(c, rc=5)
        assert found["result"] == "unknown" and "time of creation" in found["notKnown"][0], found
        os.rename(record + ".away", record)
        c.kill("KILL").ok
        c.wait_status("stopped")
        c.rt("drift", c.name).fails("not running", rc=1)
    rt("drift", "nobody").fails("does not exist", rc=1)


def test_a_hundred_processes_are_quick():
    "and each is looked at"
    with imaged() as c:
        c.up()
        bad(c, "/bin/adversary", "idle", "100")
        took = []
        for _ in range(5):
            result = c.rt("drift", "--json", c.name)
            assert result.rc == 0 and json.loads(result.out)["processes"] >= 101, result
            took.append(result.seconds)
        assert min(took) < 0.1 * PATIENCE, took
