# SPDX-License-Identifier: Apache-2.0
"""checkpoint and restore: each flag by what it changes, and what happens without it."""

import contextlib
import os
import shutil
import socket
import subprocess

from deck import bind, config, console, current, host, needs, skip, timeout, until
from deck.container import PATIENCE
from deck.frozen import Frozen, busybox, shell, size

# Two ends of a connection in one container: what is said at one comes back to it.
CONNECTS = """
cd /tmp
/bin/busybox mkfifo in
/bin/busybox nc -l -p 5000 -e /bin/busybox cat &
until /bin/busybox grep -q :1388 /proc/net/tcp6; do /bin/busybox sleep 0.1; done
/bin/busybox nc 127.0.0.1 5000 <in >out &
exec 3>in
echo before >&3
while :; do
    if [ -e say ]; then /bin/busybox rm say; echo after >&3; fi
    /bin/busybox sleep 0.1
done
"""

# 24 MiB in a variable of the shell, which nobody touches again.
LARGE = """
big=$(/bin/busybox dd if=/dev/urandom bs=1M count=16 2>/dev/null | /bin/busybox base64)
echo large
while :; do /bin/busybox sleep 0.1; done
"""


def running(script, **changes):
    return Frozen(busybox(config(args=shell(script), **changes)))


def connected(box):
    until(lambda: os.path.exists(box.rootfs("/tmp/out"))
          and host.read(box.rootfs("/tmp/out")) == "before\n", 20, what="an answer")


@needs("criu")
@timeout(300)
def test_options_that_criu_does_not_know():
    "the file with them is named, and the container runs on"
    path = f"{current().tmp}/criu.conf"
    with open(path, "w", encoding="ascii") as out:
        out.write("no-such-option\n")
    with Frozen(config(annotations={"org.criu.config": path}), "wait") as box:
        box.wait_line("wait: ready")
        box.checkpoint().fails(f"criu: no reason was given.*{path}: criu check --config")
        assert box.status == "running"


@needs("criu")
@timeout(300)
def test_a_connection_needs_tcp_established():
    "and lives on with it; without it the dump fails and the connection lives on"
    with running(CONNECTS) as box:
        connected(box)
        box.checkpoint().fails("criu: .*TCP")
        box.checkpoint("--tcp-established").ok
        box.restore().fails("criu: ")
        assert box.is_absent()
        box.restore("--tcp-established").ok
        open(box.rootfs("/tmp/say"), "w", encoding="utf-8").close()
        until(lambda: host.read(box.rootfs("/tmp/out")) == "before\nafter\n", 20,
              what="an answer over the old connection")


@needs("criu")
@timeout(300)
def test_tcp_close():
    "the connection is over, and everybody is back"
    with running(CONNECTS) as box:
        connected(box)
        box.checkpoint("--tcp-established").ok
        box.restore("--tcp-close").ok
        table = box.sh("cat /proc/net/tcp /proc/net/tcp6").ok.out
        assert " 01 " not in table, table


@needs("criu")
@timeout(400)
def test_a_dump_after_a_pre_dump_is_small():
    "what did not change is in the parent, which is named from where the images are"
    with running(LARGE) as box:
        box.wait_line("large", 60)
        first, second = (os.path.join(current().tmp, name) for name in ("first", "second"))
        done = box.checkpoint("--pre-dump", images=first)
        if "MemTrack" in done.err or "mem_track" in done.err or "soft-dirty" in done.err:
            skip("needs a kernel that tracks memory changes")
        done.ok
        assert box.status == "running"
        box.checkpoint("--parent-path", first, images=second).fails("--parent-path must be relative")
        box.checkpoint("--parent-path", "../no", images=second).fails("invalid --parent-path")
        assert box.status == "running"
        box.checkpoint("--parent-path", "../first", images=second).ok
        assert size(first) > 16 << 20
        assert size(second) < size(first) / 4, (size(first), size(second))
        box.restore(images=second).ok
        assert box.status == "running"


@needs("criu")
@timeout(300)
def test_auto_dedup():
    "the parent's memory gives up what the dump has again"
    with running(LARGE + "big=x") as box:
        box.wait_line("large", 60)
        first, second = (os.path.join(current().tmp, name) for name in ("first", "second"))
        box.checkpoint("--pre-dump", images=first).ok

        def blocks():
            return sum(os.stat(os.path.join(first, name)).st_blocks
                       for name in os.listdir(first) if name.startswith("pages-"))

        before = blocks()
        box.checkpoint("--parent-path", "../first", "--auto-dedup", images=second).ok
        assert blocks() < before


@needs("criu")
@timeout(300)
def test_a_terminal_is_restored():
    "its master comes through the console socket, and what is typed arrives"
    script = "echo here; read line; echo \"got $line\"; read line"
    with console() as tty:
        with Frozen(busybox(config(args=shell(script), process={"terminal": True})), None,
                    "--console-socket", tty.path) as box:
            tty.accept()
            tty.read("here")
            box.checkpoint().ok
            os.close(tty.fd)
            box.restore().ok
            master = tty.accept()
            assert os.isatty(master)
            os.write(master, b"again\n")
            tty.read("got again", 20)


@needs("criu")
@timeout(300)
def test_no_network_for_one_of_its_own():
    "nothing but lo, whatever was in it, and the connection is over"
    with running(CONNECTS) as box:
        connected(box)
        subprocess.run(["nsenter", "-t", str(box.pid), "-n", "ip", "address", "add", "10.7.7.7/32",
                        "dev", "lo"], check=True)
        box.checkpoint("--tcp-established").ok
        box.restore("--tcp-established").ok
        assert "10.7.7.7" in box.sh("cat /proc/net/fib_trie").out
        box.checkpoint("--tcp-established").ok
        box.restore("--network", "none").ok
        devices = box.sh("cat /proc/net/dev").ok.lines[2:]
        assert [line.split(":")[0].strip() for line in devices] == ["lo"], devices
        assert "10.7.7.7" not in box.sh("cat /proc/net/fib_trie").out
        assert box.status == "running"


@needs("criu")
@timeout(400)
def test_no_network_for_one_that_was_joined_and_for_the_hosts():
    "an empty one in its place"
    kinds = ("pid", "ipc", "uts", "mount", "cgroup")
    with subprocess.Popen(["unshare", "--net", "sh", "-c",
                           "ip link add dummy8 type dummy; exec sleep 1000"]) as holder, \
            contextlib.ExitStack() as ends:
        ends.callback(holder.kill)
        path = f"/proc/{holder.pid}/ns/net"
        until(lambda: "dummy8" in host.read(f"/proc/{holder.pid}/net/dev"), what="a network")
        for joined in ({"type": "network", "path": path}, None):
            namespaces = [{"type": kind} for kind in kinds] + ([joined] if joined else [])
            with running("while :; do /bin/busybox sleep 0.1; done",
                         linux={"namespaces": namespaces}) as box:
                box.checkpoint().ok
                box.restore("--network", "none").ok
                devices = box.sh("cat /proc/net/dev").ok.lines[2:]
                assert [line.split(":")[0].strip() for line in devices] == ["lo"], devices


@needs("criu")
@timeout(300)
def test_no_network_runs_no_hooks():
    "one that would connect it is left out, and it is said"
    hook = f"{current().tmp}/hook"
    with open(hook, "w", encoding="utf-8") as out:
        out.write(f"#!/bin/sh\n: >{current().tmp}/ran\n")
    os.chmod(hook, 0o755)
    with running("while :; do /bin/busybox sleep 0.1; done") as box:
        box.checkpoint().ok
        box.change(lambda doc: doc.update(hooks={"prestart": [{"path": hook}]}))
        done = box.restore("--network", "none")
        done.ok
        assert "hooks not run" in done.err
        assert not os.path.exists(f"{current().tmp}/ran")


@needs("criu")
@timeout(300)
def test_empty_ns_network():
    "what is in the network is not dumped; a hook would fill it"
    with running("while :; do /bin/busybox sleep 0.1; done") as box:
        box.checkpoint("--empty-ns", "network").ok
        assert not [name for name in os.listdir(box.images) if name.startswith("netdev-")]
        box.restore("--empty-ns", "network").ok
        assert box.status == "running"


@needs("criu")
@timeout(300)
def test_link_remap():
    "a file that is open and has no name any more, but another name"
    script = """
    echo text >/tmp/one; /bin/busybox ln /tmp/one /tmp/two; exec 5</tmp/one
    /bin/busybox rm /tmp/one; echo ready
    while :; do /bin/busybox sleep 0.1; done
    """
    with running(script) as box:
        box.wait_line("ready", 20)
        box.checkpoint().fails("criu: .*link-remap")
        box.checkpoint("--link-remap").ok
        box.restore().ok
        assert box.sh("cat /proc/1/fd/5").ok.out == "text\n"


@needs("criu")
@timeout(300)
def test_a_page_server():
    "memory goes there and not to the disk"
    there = os.path.join(current().tmp, "there")
    os.mkdir(there)
    with subprocess.Popen(["criu", "page-server", "--images-dir", there, "--port", "7227",
                           "--address", "127.0.0.1"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server, \
            contextlib.ExitStack() as ends:
        ends.callback(server.kill)
        until(lambda: ":1C3B" in host.read("/proc/net/tcp"), 20, what="the page server")
        with running(LARGE) as box:
            box.wait_line("large", 60)
            box.checkpoint("--page-server", "nowhere").fails("ADDRESS:PORT")
            box.checkpoint("--page-server", "127.0.0.1:7227").ok
            assert server.wait(20 * PATIENCE) == 0
            assert size(box.images) == 0 and size(there) > 16 << 20
            for name in os.listdir(there):
                shutil.copy(os.path.join(there, name), box.images)
            box.restore().ok


@needs("criu")
@timeout(500)
def test_lazy_pages():
    "the restored container runs before its memory is there, and fetches it"
    test = current()
    with running(LARGE) as box:
        box.wait_line("large", 60)
        # The old one is there until all is fetched, so the new one has another name and place.
        other = Frozen(box.path)
        other.images, other.work = box.images, box.work
        box.change(lambda doc: doc["linux"].update(cgroupsPath=other.cgroup))
        reads, writes = os.pipe()
        argv = [test.runtime, "--root", test.root, "checkpoint", "--image-path", box.images,
                "--work-path", box.work, "--lazy-pages", "--page-server", "127.0.0.1:7228",
                "--status-fd", str(writes), box.name]
        fetch = ["criu", "lazy-pages", "--page-server", "--address", "127.0.0.1", "--port", "7228",
                 "--images-dir", box.images, "--work-dir", box.work]
        with contextlib.ExitStack() as ends:
            dump = ends.enter_context(subprocess.Popen(argv, pass_fds=[writes]))
            ends.callback(dump.kill)
            os.close(writes)
            assert os.read(reads, 10) == b"\0"
            os.close(reads)
            assert size(box.images) < 4 << 20
            daemon = ends.enter_context(subprocess.Popen(fetch, stdout=subprocess.DEVNULL,
                                                         stderr=subprocess.DEVNULL))
            ends.callback(daemon.kill)
            until(lambda: os.path.exists(os.path.join(box.work, "lazy-pages.socket")), 20,
                  what="criu lazy-pages")
            try:
                other.restore("--lazy-pages").ok
                assert daemon.wait(20 * PATIENCE) == 0
                assert dump.wait(20 * PATIENCE) == 0
                assert other.status == "running"
                assert box.is_absent()
            finally:
                other.delete("--force").ok


@needs("criu")
@timeout(300)
def test_shell_job_without_a_terminal():
    "the flag allows one and needs none: standard streams come through restore as without it"
    with running("n=0; while :; do n=$((n+1)); echo $n; /bin/busybox sleep 0.1; done") as box:
        box.wait_line("2", 20)
        box.checkpoint("--shell-job").ok
        box.restore("--shell-job").ok
        last = len(box.lines)
        until(lambda: len(box.lines) > last + 1, 20, what="more lines")


@needs("criu", "pids")
@timeout(300)
def test_cgroups_modes():
    "the processes are in the container's cgroup, and its limits hold; strict wants none there"
    with running("while :; do /bin/busybox sleep 0.1; done",
                 linux={"resources": {"pids": {"limit": 9}}}) as box:
        for mode in ("full", "ignore"):
            box.checkpoint("--manage-cgroups-mode", mode).ok
            box.restore("--manage-cgroups-mode", mode).ok
            assert host.read(f"/proc/{box.pid}/cgroup").strip().endswith(box.cgroup), mode
            assert box.file("pids.max") == "9", mode
        box.checkpoint().ok
        box.restore("--manage-cgroups-mode", "strict").fails("criu: cg: Abort restore of existing")
        assert box.is_absent()


@needs("criu")
@timeout(300)
def test_file_locks():
    "a lock on a file of the root is held again; without the flag the dump fails and it is held on"
    with Frozen(config(), "lock /lock; wait") as box:
        box.wait_line("wait: ready", 20)
        assert box.values("lock") == ["ok"]
        box.checkpoint().fails("criu: .*file-locks")
        assert box.exec("lock /lock").ok.lines == ["lock: EAGAIN"]
        box.checkpoint("--file-locks").ok
        box.restore("--file-locks").ok
        assert box.exec("lock /lock; lock /other").ok.lines == ["lock: EAGAIN", "lock: ok"]


def attached(kind, place, *kinds):
    """A container whose descriptor 3 is a socket that is connected to one of ours in a directory
    that it sees at the same path."""
    server = socket.socket(socket.AF_UNIX, kind)
    server.bind(os.path.join(place, "server"))
    if kind == socket.SOCK_STREAM:
        server.listen()
    client = socket.socket(socket.AF_UNIX, kind)
    client.connect(os.path.join(place, "server"))
    if kind == socket.SOCK_STREAM:
        listener, server = server, server.accept()[0]
        listener.close()
    script = """
    echo before >&3; echo ready
    while :; do
        if [ -e /say ]; then /bin/busybox rm /say; echo after >&3; fi
        /bin/busybox sleep 0.1
    done
    """
    spaces = [{"type": each} for each in ("pid", "ipc", "uts", "mount", "cgroup", *kinds)]
    c = busybox(config(args=shell(script), mounts=[bind(place, place)],
                       linux={"namespaces": spaces}))

    def at_three():
        os.dup2(client.fileno(), 3)

    box = Frozen(c, None, "--preserve-fds", "1", preexec_fn=at_three, close_fds=False)
    return box, server, client


@needs("criu")
@timeout(300)
def test_ext_unix_sk():
    "a datagram socket is connected again to one of the outside that has a name both see"
    place = os.path.join(current().tmp, "outside")
    os.mkdir(place)
    box, server, client = attached(socket.SOCK_DGRAM, place)
    with server, box:
        client.close()
        server.settimeout(20 * PATIENCE)
        assert server.recv(100) == b"before\n"
        box.wait_line("ready", 20)
        box.checkpoint().fails("criu: .*ext-unix-sk")
        assert box.status == "running"
        box.checkpoint("--ext-unix-sk").ok
        box.keywords = {}
        box.flags = ()
        box.restore("--ext-unix-sk").ok
        open(box.rootfs("/say"), "w", encoding="utf-8").close()
        assert server.recv(100) == b"after\n"


@needs("criu")
@timeout(300)
def test_what_ext_unix_sk_cannot():
    "half a stream, and a peer in a network that is not the container's: criu says so"
    for kind, kinds, words in ((socket.SOCK_STREAM, (), "half of stream unix connection"),
                               (socket.SOCK_DGRAM, ("network",), "Unix socket .* not found")):
        place = os.path.join(current().tmp, f"outside-{kind}")
        os.mkdir(place)
        box, server, client = attached(kind, place, *kinds)
        with server, box:
            client.close()
            box.wait_line("ready", 20)
            assert server.recv(100) == b"before\n"
            box.checkpoint("--ext-unix-sk").fails(f"criu: .*{words}")
            assert box.status == "running"
