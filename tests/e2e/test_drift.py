# SPDX-License-Identifier: Apache-2.0
"""drift: which processes run code that is not in the image, and which do not."""

import contextlib
import json
import os
import shutil
import socket
import subprocess

from deck import (File, bind, bundle, config, container, current, host, namespaces, needs,
                  overlay, rt, until)
from deck.adversary import program
from deck.container import PATIENCE
from deck.drifted import bad, drift, executables, kinds, listeners
from deck.wire import inside


@contextlib.contextmanager
def imaged(*, mounts=(), options="", above=None, **changes):
    """A running container whose root is an overlay with the adversary in the image; `above` are
    files of one more layer of it."""
    with open(program(), "rb") as file:
        evil = file.read()
    files = {name: File(evil, 0o755) for name in ("/bin/adversary", "/opt/lib.so")}
    files["/bin/suid"] = File(evil, 0o4755)
    name = current().next_id()
    path = bundle(config(rootfs=files, mounts=list(mounts), **changes), "wait", name)
    with overlay(path, options, above=above) as layers:
        with container(path, name=name) as c:
            c.layers = layers
            yield c


def test_a_container_at_rest_has_none():
    "running, frozen and in quarantine; also when files were written that nobody executes"
    with imaged() as c:
        c.up()
        shutil.copyfile(program(), c.rootfs("/tmp/unused"))
        for before in ((), ("pause", "--timeout", "10000"), ("quarantine", "--timeout", "10000")):
            if before:
                c.rt(*before, c.name).ok
            found = drift(c, rc=0)
            assert found["result"] == "none" and not found["findings"], found
            assert not found["notKnown"], found
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


def privileged(path, *, ids=0, capability=b""):
    """Gives an existing file privileges."""
    if ids:
        os.chmod(path, 0o755 | ids)
    if capability:
        os.setxattr(path, "security.capability", capability)


CAPABLE = bytes([1, 0, 0, 2, 0x80, 0, 0, 0]) + bytes(12)        # cap_setuid, effective
BINDING = bytes([1, 0, 0, 2, 0, 0x44, 0, 0]) + bytes(12)        # cap_net_bind_service, cap_ipc_lock


def test_an_added_file_that_gives_privileges_is_found():
    "nobody runs it: set-user-ID, set-group-ID and capabilities; of no process, in text and JSON"
    with imaged() as c:
        c.up()
        for name, how in (("suid", {"ids": 0o4000}), ("sgid", {"ids": 0o2000}),
                          ("capable", {"capability": CAPABLE}), ("plain", {})):
            os.makedirs(c.rootfs(f"/var/{name}"))
            shutil.copy(program(), c.rootfs(f"/var/{name}/{name}"))
            privileged(c.rootfs(f"/var/{name}/{name}"), **how)
        found = drift(c, rc=2)
        assert kinds(found) == {("setuid", f"/var/{name}/{name}", False, True)
                                for name in ("suid", "sgid", "capable")}
        assert executables(found) == {("/var/plain/plain", False)}
        assert not any("pid" in f or "name" in f for f in found["findings"]), found
        text = c.rt("drift", c.name)
        assert '  drift setuid     "/var/suid/suid": set-user-ID, in the' in text.out, text
        assert "mode 4755, owner 0:0" in text.out and " 0 (" not in text.out, text


def test_names_do_nothing_to_a_terminal():
    "control characters of one byte and of two, what turns the line around, what is no character"
    with imaged() as c:
        c.up()
        os.makedirs(c.rootfs("/var"))
        for name in (b"\xc2\x9b2J", b"\x9b2J", b"\xe2\x80\xaetxt.exe", b"\x1b[2J"):
            path = os.path.join(os.fsencode(c.rootfs("/var")), name)
            shutil.copy(program(), path)
            privileged(path, ids=0o4000)
        text = c.rt("drift", c.name).out
        for name in (r"\xc2\x9b2J", r"\x9b2J", r"\xe2\x80\xaetxt.exe", r"\x1b[2J"):
            assert f'setuid     "/var/{name}"' in text, text


def test_a_file_of_the_image_that_was_given_privileges_is_found():
    "its content is the image's; with metacopy the writable layer has not even that"
    for options in ("metacopy=on,", "metacopy=off,"):
        with imaged(options=options) as c:
            c.up()
            privileged(c.rootfs("/bin/adversary"), ids=0o4000)
            privileged(c.rootfs("/opt/lib.so"), capability=CAPABLE)
            assert kinds(drift(c, rc=2)) == {("setuid", "/bin/adversary", False, True),
                                             ("setuid", "/opt/lib.so", False, True)}


def test_capabilities_that_services_are_given_are_a_note():
    "of the image's own file: its images do it at start; with --strict it counts; not of another"
    with imaged() as c:
        c.up()
        privileged(c.rootfs("/opt/lib.so"), capability=BINDING)
        for flags, counts in (((), False), (("--strict",), True)):
            assert kinds(drift(c, *flags, rc=2 if counts else 0)) == \
                {("capable", "/opt/lib.so", False, counts)}
        shutil.copy(program(), c.rootfs("/tmp/added"))
        privileged(c.rootfs("/tmp/added"), capability=BINDING)
        assert ("setuid", "/tmp/added", False, True) in kinds(drift(c, rc=2))
        privileged(c.rootfs("/opt/lib.so"), ids=0o4000)
        assert ("setuid", "/opt/lib.so", False, True) in kinds(drift(c, rc=2))


def test_privileges_of_the_image_are_none():
    "a copy with the image's own bits; those of another user are not the image's"
    for options in ("metacopy=on,", "metacopy=off,"):
        with imaged(options=options) as c:
            c.up()
            os.utime(c.rootfs("/bin/suid"))
            assert os.path.exists(f"{c.layers}/upper/bin/suid")
            found = drift(c, rc=0)
            assert not found["findings"], found
            for owner in ((1, 0), (0, 1)):
                os.chown(c.rootfs("/bin/suid"), *owner)
                assert not drift(c, rc=0)["findings"]
                os.chmod(c.rootfs("/bin/suid"), 0o4755)
                assert kinds(drift(c, rc=2)) == {("setuid", "/bin/suid", False, True)}


def test_another_program_under_a_privileged_name_is_found():
    "renamed where the overlay keeps only the name of its content, and written anew"
    for options in ("metacopy=on,redirect_dir=on,", "metacopy=off,"):
        with imaged(options=options, above={"/bin/other": File(b"other", 0o755)}) as c:
            c.up()
            os.rename(c.rootfs("/bin/other"), c.rootfs("/bin/suid"))
            privileged(c.rootfs("/bin/suid"), ids=0o4000)
            assert kinds(drift(c, rc=2)) == {("setuid", "/bin/suid", False, True)}


def test_an_added_executable_that_nobody_runs_is_a_note():
    "with --strict it counts; what only was given to another user, or cannot be executed, is none"
    with imaged() as c:
        c.up()
        os.chown(c.rootfs("/opt/lib.so"), 1, 1)
        shutil.copyfile(program(), c.rootfs("/tmp/data"))
        shutil.copy(program(), c.rootfs("/tmp/added"))
        os.link(c.rootfs("/tmp/added"), c.rootfs("/tmp/second"))
        with open(c.rootfs("/bin/adversary"), "ab") as file:
            file.write(b"x")
        for flags, counts in (((), False), (("--strict",), True)):
            found = executables(drift(c, *flags, rc=2 if counts else 0))
            assert ("/bin/adversary", counts) in found and len(found) == 2, found
            # One of a file's two names is enough.
            assert found & {("/tmp/added", counts), ("/tmp/second", counts)}, found


def test_what_a_process_runs_is_told_once():
    "as its process's, also when it gives privileges"
    with imaged() as c:
        c.up()
        shutil.copy(program(), c.rootfs("/tmp/added"))
        privileged(c.rootfs("/tmp/added"), ids=0o4000)
        shutil.copy(program(), c.rootfs("/opt/lib.so"))
        with open(c.rootfs("/opt/lib.so"), "ab") as file:
            file.write(b"x")
        bad(c, "/tmp/added", "map", "/opt/lib.so")
        found = drift(c, rc=2)
        assert len(found["findings"]) == 2 and {f["kind"] for f in found["findings"]} == {"upper"}


def test_the_walk_follows_nothing():
    "links to the host's files, a mount below the layer, directories, whiteouts and devices"
    with imaged() as c:
        c.up()
        outside = os.path.join(current().tmp, "outside")
        os.mkdir(outside)
        shutil.copy(program(), f"{outside}/suid")
        privileged(f"{outside}/suid", ids=0o4000)
        os.symlink(f"{outside}/suid", c.rootfs("/tmp/link"))
        os.symlink(outside, c.rootfs("/tmp/directory"))
        os.mkdir(c.rootfs("/tmp/shared"))
        os.chmod(c.rootfs("/tmp/shared"), 0o6777)
        os.mkfifo(c.rootfs("/tmp/pipe"), 0o777)
        os.unlink(c.rootfs("/bin/suid"))
        os.mkdir(f"{c.layers}/upper/mounted")
        subprocess.run(["mount", "--bind", outside, f"{c.layers}/upper/mounted"], check=True)
        try:
            found = drift(c, rc=0)
            assert not found["findings"] and not found["notKnown"], found
        finally:
            subprocess.run(["umount", f"{c.layers}/upper/mounted"], check=True)


def test_a_walk_that_ends_early_is_not_called_clean():
    "too deep, and too many; what is there is told all the same"
    with imaged() as c:
        c.up()
        os.makedirs(c.rootfs("/tmp" + "/d" * 126))
        assert drift(c, rc=0)["result"] == "none"
        os.makedirs(c.rootfs("/tmp" + "/d" * 130))
        found = drift(c, rc=5)
        assert "1 entries could not be looked at" in found["notKnown"][0], found
        shutil.rmtree(c.rootfs("/tmp/d"))
        os.mkdir(f"{c.layers}/upper/many")
        for n in range(200_001):
            os.mkfifo(f"{c.layers}/upper/many/{n}")
        found = drift(c, rc=5)
        assert "more that were not looked at" in found["notKnown"][0], found


def written(path, mode):
    """A new file."""
    with open(path, "wb") as file:
        os.fchmod(file.fileno(), mode)


def test_many_notes_are_no_drift():
    "256 are listed, the others are a number"
    with imaged() as c:
        c.up()
        for n in range(300):
            written(c.rootfs(f"/tmp/{n}"), 0o755)
        found = drift(c, rc=0)
        assert len(found["findings"]) == 256 and found["moreNotes"] == 44, found["moreNotes"]
        assert not found["more"] and "at most 44 more notes" in c.rt("drift", c.name).out


def test_ten_thousand_files_are_quick():
    "in the writable layer, one in ten of them executable"
    with imaged() as c:
        c.up()
        for n in range(10_000):
            if n % 100 == 0:
                os.mkdir(f"{c.layers}/upper/{n}")
            written(f"{c.layers}/upper/{n // 100 * 100}/{n}", 0o644 if n % 10 else 0o755)
        took = []
        for _ in range(5):
            result = c.rt("drift", "--json", c.name)
            assert result.rc == 0 and json.loads(result.out)["moreNotes"] == 744, result
            took.append(result.seconds)
        print(f"best {min(took) * 1000:.1f} ms")
        assert min(took) < 0.2 * PATIENCE, took


def test_who_listens_is_a_note():
    "with address, port, protocol and process; --strict does not make it drift"
    with imaged() as c:
        c.up()
        pid = bad(c, "/bin/adversary", "listen", "tcp", "0.0.0.0", "8080")
        bad(c, "/bin/adversary", "listen", "udp", "::", "53")
        bad(c, "/bin/adversary", "listen", "udp", "::", "53")
        for flags in ((), ("--strict",)):
            found = drift(c, *flags, rc=0)
            assert listeners(found) == {("listener", "tcp", "0.0.0.0", 8080, False),
                                        ("listener", "udp", "::", 53, False)}
        assert len(found["findings"]) == 2, "workers that share a port are told once"
        first, = (f for f in found["findings"] if f["protocol"] == "tcp")
        assert (first["pid"], first["name"], first["path"]) == (pid, "adversary", "/bin/adversary")
        text = c.rt("drift", c.name)
        assert f"  note  listener   {pid} (adversary) listens at tcp 0.0.0.0 port 8080: " \
            '"/bin/adversary": by a' in text.out, text


def test_who_is_connected_does_not_listen():
    "a connection of TCP, and a socket of UDP that speaks to one peer"
    with imaged() as c:
        c.up()
        bad(c, "/bin/adversary", "listen", "tcp", "127.0.0.1", "8080")
        with inside(f"/proc/{c.pid}/ns/net"):
            tcp = socket.create_connection(("127.0.0.1", 8080), 10)
            udp = socket.socket(type=socket.SOCK_DGRAM)
        with tcp, udp:
            udp.connect(("127.0.0.1", 53))
            assert listeners(drift(c, rc=0)) == {("listener", "tcp", "127.0.0.1", 8080, False)}


def test_who_listens_and_has_drifted_counts():
    "also when the socket is one that it shares with a process of the image"
    with imaged() as c:
        c.up()
        shutil.copy(program(), c.rootfs("/tmp/added"))
        bad(c, "/bin/adversary", "listen", "tcp", "0.0.0.0", "8080")
        pid = bad(c, "/bin/adversary", "hand", "/tmp/added")
        until(lambda: os.readlink(f"/proc/{pid}/exe").endswith("/tmp/added"))
        found = drift(c, rc=2)
        assert kinds(found) == {("upper", "/tmp/added", True, True)}
        assert listeners(found) == {("listener", "tcp", "0.0.0.0", 8080, False),
                                    ("listener", "tcp", "0.0.0.0", 4444, True)}
        assert {f["pid"] for f in found["findings"] if f["drift"]} == {pid}, found


def test_a_port_that_the_image_does_not_expose_is_told():
    "as its annotation says; a note that counts with --strict; the loopback is nobody's business"
    ports = "8080/tcp, 53/udp,9090"
    with imaged(annotations={"org.opencontainers.image.exposedPorts": ports}) as c:
        c.up()
        for words in (("tcp", "0.0.0.0", "8080"), ("udp", "0.0.0.0", "53"),
                      ("tcp", "0.0.0.0", "9090"), ("tcp", "127.0.0.1", "7000"),
                      ("tcp", "::1", "7001"), ("udp", "0.0.0.0", "40000")):
            bad(c, "/bin/adversary", "listen", *words)
        found = drift(c, "--strict", rc=0)
        assert len(listeners(found)) == 6, found
        assert {f["kind"] for f in found["findings"]} == {"listener"}, found
        for words in (("tcp", "::", "53"), ("udp", "0.0.0.0", "8080"),
                      ("tcp", "0.0.0.0", "80")):
            bad(c, "/bin/adversary", "listen", *words)
        want = {("tcp", "::", 53), ("udp", "0.0.0.0", 8080), ("tcp", "0.0.0.0", 80)}
        for flags, counts in (((), False), (("--strict",), True)):
            found = drift(c, *flags, rc=2 if counts else 0)
            assert {x for x in listeners(found) if x[0] == "unexposed"} == \
                {("unexposed", *words, counts) for words in want}


def test_in_the_hosts_network_only_the_containers_sockets_are_told():
    "in its own also one that no process of it has open"
    with socket.socket() as theirs:
        theirs.bind(("127.0.0.1", 0))
        theirs.listen()
        port = theirs.getsockname()[1]
        with imaged(linux={"namespaces": namespaces("pid", "ipc", "uts", "mount", "cgroup")}) as c:
            c.up()
            bad(c, "/bin/adversary", "listen", "udp", "127.0.0.1", str(port))
            found = drift(c, rc=0)
            assert listeners(found) == {("listener", "udp", "127.0.0.1", port, False)}
    with imaged() as c:
        c.up()
        with inside(f"/proc/{c.pid}/ns/net"):
            nobodys = socket.socket()
        with nobodys:
            nobodys.bind(("0.0.0.0", 80))
            nobodys.listen()
            found = drift(c, rc=0)
            assert listeners(found) == {("listener", "tcp", "0.0.0.0", 80, False)}
            assert "pid" not in found["findings"][0], found
            text = c.rt("drift", c.name)
            assert "listener   listens at tcp 0.0.0.0 port 80: no process" in text.out, text


@needs("strace")
def test_sockets_that_cannot_be_seen_are_said():
    "and change nothing about what is drift"
    trace = ("strace", "-o", os.path.join(current().tmp, "trace"), "-e", "trace=setns",
             "-e", "inject=setns:error=EPERM")
    with imaged() as c:
        c.up()
        bad(c, "/bin/adversary", "listen", "tcp", "0.0.0.0", "8080")
        result = c.rt("drift", "--json", c.name, wrap=trace)
        found = json.loads(result.out)
        assert result.rc == 0 and not found["findings"], found
        assert "cannot be seen: operation not permitted" in found["how"][0], found
