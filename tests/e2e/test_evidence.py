# SPDX-License-Identifier: Apache-2.0
"""evidence: what is in a set, that it is what it was, and what happens when it cannot be whole."""

import glob
import hashlib
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tarfile

from deck import bind, bundle, config, container, current, host, overlay, rt, skip, until
from deck.adversary import adversary
from test_quarantine import connected, quarantine

# What a container's program can be when the probe has no verb for it.
HOME = "" if os.path.exists("/usr/bin/python3") else sys.base_prefix
PYTHON = next(filter(os.path.exists, ["/usr/bin/python3", os.path.realpath(sys.executable)]))


def take(c, *flags, output=None, rc=0):
    """Takes evidence into a new directory and gives its path."""
    path = output or os.path.join(current().tmp, f"set-{current().next_number()}")
    result = rt("evidence", c.name, "-o", path, *flags)
    assert result.rc == rc, f"{result!r}"
    return path


def load(path, name):
    with open(os.path.join(path, name), encoding="utf-8") as file:
        return json.load(file)


def segments(core):
    """The loaded segments of an ELF core: (address, bytes)."""
    with open(core, "rb") as file:
        data = file.read()
    assert data[:6] == b"\x7fELF\x02\x01" and struct.unpack_from("<H", data, 16)[0] == 4
    at, = struct.unpack_from("<Q", data, 32)
    count, = struct.unpack_from("<H", data, 56)
    for i in range(count):
        kind, _, offset, address, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", data, at + 56 * i)
        if kind == 1:
            yield address, data[offset:offset + size]


def python_container(code, *more):
    """A container whose program is the host's Python, with the host's libraries."""
    mounts = [bind(place, place, "ro") for place in ("/usr", "/lib", "/lib64", HOME)
              if os.path.isdir(place)]
    return config(mounts=[*mounts, *more], args=[PYTHON, "-S", "-c", code])


def test_a_marker_is_in_the_core():
    "memory of the program is in its core at the address where it was, and the program runs on"
    with container(config(), "echo gefunden-4711; wait") as c:
        c.up()
        place = take(c)
        assert c.status == "running"
        found = [core for core in glob.glob(f"{place}/memory/core.*")
                 if any(b"gefunden-4711" in data for _, data in segments(core))]
        assert found == [f"{place}/memory/core.{c.pid}"]
        with open(f"/proc/{c.pid}/environ", "rb") as file:
            environ = file.read()
        with open(f"{place}/processes/{c.pid}/environ", "rb") as file:
            assert file.read() == environ
        rows = {row["path"]: row for row in load(place, "manifest.json")["files"]}
        assert rows[f"memory/core.{c.pid}"]["consistency"] == "frozen"


def test_memory_of_a_process_whose_first_thread_has_ended_is_taken():
    "under its own number /proc shows none; words, program, maps and descriptors are there as well"
    with adversary("headless") as c:
        c.bad()
        place, pid = take(c), c.pid
        assert any(b"headless" in data for _, data in segments(f"{place}/memory/core.{pid}"))
        row, = load(place, "processes.json")
        assert row["exe"].endswith("/bin/adversary") and "headless" in json.dumps(row), row
        assert "adversary" in host.read(f"{place}/processes/{pid}/maps")
        assert row["fds"], row
        assert not [each for each in load(place, "capture.json")["problems"]
                    if "mem" in each["where"]]


def test_gdb_opens_the_core():
    "gdb finds the registers and the files that were mapped"
    gdb = shutil.which("gdb")
    if not gdb:
        skip("gdb is not installed")
    with container(config(), "wait") as c:
        c.up()
        place = take(c)
        syscall = load(place, "registers.json")[0]["syscall"].split()
        out = subprocess.run([gdb, "-nx", "-batch", "-ex", "info registers", "-ex",
                              "info proc mappings", "-c", f"{place}/memory/core.{c.pid}"],
                             capture_output=True, text=True, timeout=60, check=False).stdout
        assert syscall[-1] in out, out
        assert "/bin/probe" in out, out


def test_a_frozen_container_stays_frozen():
    "evidence of a paused container leaves it paused"
    with container(config(), "wait") as c:
        c.up()
        c.pause().ok
        place = take(c)
        assert c.status == "paused"
        assert load(place, "capture.json")["frozenBefore"] is True
        c.resume().ok


def test_an_observed_container_goes_on():
    "in quarantine and not frozen, it runs on afterwards; one that is held frozen does not"
    with container(config(), "wait") as c:
        c.up()
        quarantine(c, "--observe")
        take(c)
        assert c.status == "running" and "frozen 0" in c.file("cgroup.events")
        quarantine(c)
        take(c)
        assert c.status == "paused"


def test_only_root_reads_it():
    "directories are 0700 and files 0600, in the tar as well"
    with container(config(), "wait") as c:
        c.up()
        place = take(c)
        for where, _, files in os.walk(place):
            assert os.stat(where).st_mode & 0o777 == 0o700
            for name in files:
                assert os.stat(os.path.join(where, name)).st_mode & 0o7777 == 0o600
        tar = take(c, output=os.path.join(current().tmp, "set.tar"))
        assert os.stat(tar).st_mode & 0o7777 == 0o600
        with tarfile.open(tar) as archive:
            assert {member.mode for member in archive} == {0o600}


def test_the_digests_are_those_of_the_files():
    "sha256sum agrees with the manifest, and the root with a computation of our own"
    def word(*values):
        return b"\0" + b"".join(str(v).encode() + b"\0" for v in values)
    with container(config(), "wait") as c:
        c.up()
        place = take(c)
    m = load(place, "manifest.json")
    nodes = [hashlib.sha256(word(1, m["id"], m["tool"])).digest()]
    for row in m["files"]:
        with open(os.path.join(place, row["path"]), "rb") as file:
            data = file.read()
        assert hashlib.sha256(data).hexdigest() == row["sha256"] and len(data) == row["size"]
        nodes.append(hashlib.sha256(word(
            row["path"], row["size"], row["mode"], row["sha256"], row["began"], row["ended"],
            row["consistency"], row["source"], row.get("error", ""),
            row.get("missing", 0))).digest())
    while len(nodes) > 1:
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(nodes[::2], nodes[1::2])]
        nodes = pairs + ([nodes[-1]] if len(nodes) % 2 else [])
    assert nodes[0].hex() == m["merkleRoot"]


def test_one_changed_byte_is_named():
    "whichever file it is in, verify says which and ends with 1"
    with container(config(), "wait") as c:
        c.up()
        place = take(c, "--mem", "none")
    assert rt("evidence", "verify", place).ok.lines[-2].startswith("unchanged: ")
    files = [os.path.join(where, name) for where, _, names in os.walk(place) for name in names]
    for path in files:
        with open(path, "r+b") as file:
            data = bytearray(file.read())
            if not data:
                continue
            data[len(data) // 2] ^= 1
            file.seek(0)
            file.write(data)
            file.flush()
            rt("evidence", "verify", place).fails(os.path.relpath(path, place) if "manifest." not
                                                  in path else "manifest", rc=1)
            data[len(data) // 2] ^= 1
            file.seek(0)
            file.write(data)
    assert files
    rt("evidence", "verify", place).ok
    with open(os.path.join(place, "more"), "w", encoding="ascii"):
        os.chmod(os.path.join(place, "more"), 0o600)
    rt("evidence", "verify", place).fails('"more": is not in the manifest', rc=1)
    os.unlink(os.path.join(place, "more"))
    os.unlink(os.path.join(place, "host.json"))
    rt("evidence", "verify", place).fails('"host.json": is missing', rc=1)


def test_one_changed_byte_of_a_tar_is_found():
    "also in headers, in what fills up, and at the end"
    with container(config(), "wait") as c:
        c.up()
        tar = take(c, "--mem", "none", "--fs", "none",
                   output=os.path.join(current().tmp, "set.tar"))
    rt("evidence", "verify", tar).ok
    size = os.stat(tar).st_size
    with open(tar, "r+b") as file:
        for at in [0, 100, 257, 400, 511, 512, size // 3, size // 2, size - 1030, size - 1]:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))
            file.flush()
            rt("evidence", "verify", tar).fails("changed: ", rc=1)
            file.seek(at)
            file.write(byte)
            file.flush()
    rt("evidence", "verify", tar).ok


def member(name, content, kind=tarfile.REGTYPE):
    """A member of an archive, as bytes."""
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content), kind
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)


def test_a_tar_that_says_more_than_was_written_is_found():
    "one more manifest, and records that give what follows another name, mode or size"
    with container(config(), "wait") as c:
        c.up()
        tar = take(c, "--mem", "none", "--fs", "none",
                   output=os.path.join(current().tmp, "set.tar"))
    rt("evidence", "verify", tar).ok
    with open(tar, "rb") as file:
        written = file.read()
    with tarfile.open(tar) as archive:
        at = {one.name: one.offset for one in archive}
    more = [member(name, content) for name in ("manifest.json", "manifest.sha256")
            for content in (b"{}", b"x" * 700)]
    more += [member("././@PaxHeader", text, tarfile.XHDTYPE) for text in (
        b"27 path=../../etc/cron.d/x\n", b"12 mode=755\n", b"14 size=10000\n",
        b"1" * 512, b"1" * 0x100000)]
    for where in (0, at["capture.json"], at["manifest.json"], at["manifest.sha256"],
                  len(written) - 1024):
        for one in more:
            with open(tar, "wb") as file:
                file.write(written[:where] + one + written[where:])
            rt("evidence", "verify", tar).fails("changed: ", rc=1)
    with open(tar, "wb") as file:
        file.write(written)
    rt("evidence", "verify", tar).ok


def test_a_stream_is_a_tar():
    "with -o - nothing is on the disk, and what comes is complete"
    with container(config(), "echo strom-1; wait") as c:
        c.up()
        out = subprocess.run([current().runtime, "--root", current().root, "evidence", c.name,
                              "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             timeout=60, check=True).stdout
        path = os.path.join(current().tmp, "stream.tar")
        with open(path, "wb") as file:
            file.write(out)
        rt("evidence", "verify", path).ok
        with tarfile.open(fileobj=io.BytesIO(out)) as archive:
            core = archive.extractfile(f"memory/core.{c.pid}").read()
            assert b"strom-1" in core
            assert archive.getnames()[-2:] == ["manifest.json", "manifest.sha256"]


def test_what_was_deleted_and_is_open_is_there():
    "and the position of the container's descriptor is where it was"
    code = ("import os,time; f=os.open('/tmp/x',os.O_RDWR|os.O_CREAT); os.write(f,b'weggeworfen');"
            "m=os.memfd_create('geheim'); os.write(m,b'im Speicher'); os.unlink('/tmp/x');"
            "os.mkdir('/tmp/ready'); time.sleep(600)")
    with container(python_container(code), None) as c:
        c.start().ok
        until(lambda: os.path.isdir(c.rootfs("/tmp/ready")))
        place = take(c)
        contents = set()
        for path in glob.glob(f"{place}/files/open/*"):
            with open(path, "rb") as file:
                contents.add(file.read())
        assert {b"weggeworfen", b"im Speicher"} <= contents, contents
        fd = [row["fd"] for row in load(place, "processes.json")[0]["fds"]
              if "deleted" in row["target"] and "/tmp/x" in row["target"]][0]
        assert "pos:\t11\n" in host.read(f"/proc/{c.pid}/fdinfo/{fd}")


def keep_picture(place):
    """With ORLOP_TEST_PICTURES, what a browser shows of a report is kept there to be looked at."""
    where, browser = os.environ.get("ORLOP_TEST_PICTURES"), shutil.which("chromium")
    if not where or not browser:
        return
    page = os.path.join(where, "report.html")
    rt("evidence", "report", place, "-o", page).ok
    subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu",
                    f"--user-data-dir={current().tmp}/profile", "--window-size=1300,1800",
                    f"--screenshot={where}/report.png", f"file://{page}"], timeout=90, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_unread_and_unsent_data_are_there_and_stay():
    "with --sockets both queues of a connection are in the set, and nobody misses them afterwards"
    code = ("import os,socket,time\n"
            "s=socket.create_server(('127.0.0.1',0)); a=socket.create_connection(s.getsockname())\n"
            "b,_=s.accept(); b.send(b'befehl: loesche alles'); a.setblocking(False)\n"
            "a.setsockopt(socket.SOL_SOCKET,socket.SO_SNDBUF,65536)\n"
            "n=0\n"
            "try:\n"
            "  while True: n+=a.send(b'beute'*10000)\n"
            "except BlockingIOError: pass\n"
            "os.mkdir('/tmp/ready')\n"
            "while not os.path.isdir('/tmp/go'): time.sleep(.01)\n"
            "assert a.recv(100)==b'befehl: loesche alles'\n"
            "a.setblocking(True); a.shutdown(socket.SHUT_WR); got=0\n"
            "while True:\n"
            "  d=b.recv(1<<20); got+=len(d)\n"
            "  if not d: break\n"
            "print('sent',n,'got',got,flush=True); time.sleep(600)")
    with container(python_container(code), None) as c:
        with open(f"/proc/{c.pid}/ns/net", "rb") as ns:
            subprocess.run(["nsenter", f"--net=/proc/self/fd/{ns.fileno()}", "ip", "link", "set",
                            "lo", "up"], pass_fds=[ns.fileno()], check=False)
        c.start().ok
        until(lambda: os.path.isdir(c.rootfs("/tmp/ready")), what=f"sockets: {host.read(c.err_path)}")
        place = take(c, "--sockets")
        unread, unsent = [], []
        for path in glob.glob(f"{place}/sockets/queues/*"):
            with open(path, "rb") as file:
                (unread if path.endswith(".unread") else unsent).append(file.read())
        assert b"befehl: loesche alles" in unread, [data[:50] for data in unread]
        assert any(b"beutebeute" in data and len(data) > 10000 for data in unsent)
        diag, = glob.glob(f"{place}/sockets/net-*/diag.json")
        rows = load(place, os.path.relpath(diag, place))
        ours = [row for row in rows if row["state"] == "established"]
        assert len(ours) == 2 and all(row["owners"][0]["pid"] == c.pid for row in ours), rows
        assert {row["unread"] for row in ours} >= {len(b"befehl: loesche alles")}, ours
        assert max(row["unsent"] for row in ours) > 10000, ours
        assert max(row["received"] for row in ours) > 1000, ours
        assert [row for row in rows if row["state"] == "listens"], rows
        page = rt("evidence", "report", place).ok.out
        assert f">127.0.0.1:{ours[0]['here'].split(':')[1]}<" in page, page
        assert f"{c.pid} fd {ours[0]['owners'][0]['fd']}" in page
        keep_picture(place)
        without = take(c)
        assert not os.path.exists(f"{without}/sockets/queues")
        os.mkdir(c.rootfs("/tmp/go"))
        line = until(lambda: c.lines and c.lines[-1])
        assert line.split()[1] == line.split()[3], line


def test_tables_of_tcp_are_read_where_there_is_any():
    "none, of one family, of the other, and only a connection that ends: each is told as it is"
    code = ("import os,socket,time\n"
            "if {family}: s=socket.socket({family}); s.bind(('{address}',0)); s.listen(1)\n"
            "if {ends}:\n"
            "  a=socket.create_connection(s.getsockname()); b,_=s.accept(); a.close(); b.close()\n"
            "  s.close(); time.sleep(.1)\n"
            "os.mkdir('/tmp/ready'); time.sleep(600)")
    for family, address, ends, tcp, tcp6 in ((0, "", False, False, False),
                                             (2, "127.0.0.1", False, True, False),
                                             (10, "::1", False, False, True),
                                             (2, "127.0.0.1", True, True, True)):
        with container(python_container(code.format(family=family, address=address, ends=ends)),
                       None) as c:
            with open(f"/proc/{c.pid}/ns/net", "rb") as ns:
                subprocess.run(["nsenter", f"--net=/proc/self/fd/{ns.fileno()}", "ip", "link",
                                "set", "lo", "up"], pass_fds=[ns.fileno()], check=True)
            c.start().ok
            until(lambda: os.path.isdir(c.rootfs("/tmp/ready")), what=host.read(c.err_path))
            place, = glob.glob(f"{take(c)}/sockets/net-*")
        what = (family, ends, sorted(os.listdir(place)))
        assert os.path.exists(f"{place}/tcp") is tcp, what
        assert os.path.exists(f"{place}/tcp6") is tcp6, what
        assert os.path.exists(f"{place}/sockstat"), what
        rows = load(place, "diag.json")
        assert len([row for row in rows if row["protocol"] == "tcp"]) == (1 if family else 0), rows
        if ends:
            assert "listens" not in [row["state"] for row in rows], rows


def test_the_upper_directory_with_whiteouts():
    "what was written and what was deleted can be told, in the tar and in the list"
    c = config(rootfs={"/etc/old": "alt", "/etc/kept": "da"})
    path = bundle(c, "write /etc/new neu; rm /etc/old; echo done; wait")
    with overlay(path):
        with container(path) as made:
            made.start().ok
            made.wait_line("wait: ready")
            place = take(made)
        with tarfile.open(f"{place}/rootfs-diff.tar") as archive:
            assert archive.extractfile("etc/new").read() == b"neu"
            old = archive.getmember("etc/old")
            assert old.ischr() and (old.devmajor, old.devminor) == (0, 0)
            assert "etc/kept" not in archive.getnames()
        kinds = {row["path"]: row["kind"] for row in load(place, "changes.json")}
        assert kinds["etc/new"] == "file" and kinds["etc/old"] == "deleted"


def test_temporary_file_systems_are_there():
    "what is only in a tmpfs is gone after the end, and in the set"
    with container(config(), "write /dev/shm/fluechtig weg; wait") as c:
        c.up()
        place = take(c)
        names = set()
        for tar in glob.glob(f"{place}/files/tmpfs-*.tar"):
            with tarfile.open(tar) as archive:
                names |= set(archive.getnames())
        assert "fluechtig" in names, names


def test_a_budget_ends_it_and_the_set_is_valid():
    "what there is by then is there, in a directory and in a stream, and the container runs on"
    with container(config(), "hog 300; wait") as c:
        c.start().ok
        c.wait_line("wait: ready")
        place = take(c, "--budget", "60ms", rc=2)
        story = load(place, "capture.json")
        assert story["complete"] is False and "budget" in story["stopped"]
        assert story["stages"][0]["result"] == "taken"
        assert story["stages"][-1]["result"] == "left out"
        rt("evidence", "verify", place).ok
        tar = take(c, "--budget", "60ms", rc=2, output=os.path.join(current().tmp, "part.tar"))
        rt("evidence", "verify", tar).ok
        assert c.status == "running"


def test_a_full_disk_ends_it_and_the_set_is_valid():
    "the reserve is left alone; a disk that is full from the start is refused"
    small = os.path.join(current().tmp, "small")
    os.mkdir(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs", small], check=True)
    try:
        with container(config(), "hog 100; wait") as c:
            c.start().ok
            c.wait_line("wait: ready")
            place = take(c, output=f"{small}/set", rc=2)
            assert "disk" in load(place, "capture.json")["stopped"]
            rt("evidence", "verify", place).ok
            room = os.statvfs(small)
            assert room.f_bavail / room.f_blocks > 0.02
            tar = rt("evidence", c.name, "-o", f"{small}/set.tar")
            tar.fails("the disk is nearly full", rc=1)
            assert not os.path.exists(f"{small}/set.tar")
            assert c.status == "running"
    finally:
        subprocess.run(["umount", small], check=True)


def test_an_interrupt_lets_the_container_go():
    "SIGINT ends it as a budget does"
    with container(config(), "hog 400; wait") as c:
        c.start().ok
        c.wait_line("wait: ready")
        place = os.path.join(current().tmp, "cut")
        with subprocess.Popen([current().runtime, "--root", current().root, "evidence", c.name,
                               "-o", place], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            until(lambda: os.path.isdir(f"{place}/memory"))
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 2
        assert load(place, "capture.json")["stopped"] == "interrupted"
        rt("evidence", "verify", place).ok
        assert c.status == "running"


def test_nothing_changes_in_the_container():
    "its mappings are the same before and after"
    with container(config(), "wait") as c:
        c.up()
        before = host.read(f"/proc/{c.pid}/maps")
        take(c, "--sockets")
        assert host.read(f"/proc/{c.pid}/maps") == before
        assert "TracerPid:\t0\n" in host.read(f"/proc/{c.pid}/status")


def test_a_ring_is_said_and_keeps_nothing_from_being_taken():
    "io_uring in use, which other tools cannot dump: all is there, and the files say what it means"
    with connected("ring") as (c, _):
        place = take(c)
    assert load(place, "capture.json")["ioUring"] is True
    rows = {row["path"]: row for row in load(place, "manifest.json")["files"]}
    core, = (row for path, row in rows.items() if path.startswith("memory/core."))
    assert core["consistency"] == "frozen-but-io_uring" and core["size"] > 4096, core
    rt("evidence", "verify", place).ok
    assert "Somebody has an io_uring." in rt("evidence", "report", place).ok.out
    with container(config(), "wait") as c:
        c.up()
        place = take(c)
    assert load(place, "capture.json")["ioUring"] is False
    assert not any("io_uring" in row["consistency"]
                   for row in load(place, "manifest.json")["files"]), "the control"


def test_two_pages_are_of_one_moment():
    "a counter that a program keeps in two pages is never torn"
    code = ("import mmap,os\n"
            "m=mmap.mmap(-1,1<<20); m[0:8]=b'ANFANG!!'; i=0\n"
            "os.mkdir('/tmp/ready')\n"
            "while True:\n"
            "  i+=1; b=i.to_bytes(8,'little'); m[8:16]=b; m[-8:]=b\n")
    with container(python_container(code), None) as c:
        c.start().ok
        until(lambda: os.path.isdir(c.rootfs("/tmp/ready")))
        for _ in range(10):
            place = take(c, "--mem", "anon", "--fs", "none")
            seen = {}
            for start, data in segments(f"{place}/memory/core.{c.pid}"):
                for at in range(0, len(data), 4096):
                    seen[start + at] = data[at:at + 4096]
            first = [a for a, page in seen.items() if page[:8] == b"ANFANG!!"]
            assert len(first) == 1, "the page with the marker"
            low, = struct.unpack_from("<Q", seen[first[0]], 8)
            high, = struct.unpack_from("<Q", seen[first[0] + (1 << 20) - 4096], 4088)
            assert low - high in (0, 1), (low, high)
            shutil.rmtree(place)


def test_a_stopped_container_has_evidence_too():
    "what is known of it is taken; there are no processes"
    with container(config(), "exit 0") as c:
        c.start().ok
        c.wait_status("stopped")
        place = take(c)
        assert os.path.exists(f"{place}/runtime/config.json")
        assert load(place, "processes.json") == []


def test_files_of_the_host_are_no_evidence():
    "while a hook holds up its create a container still sees them, and has none of its own"
    secret = os.path.join(current().tmp, "secret")
    os.mkdir(secret)
    inside = os.path.join(current().tmp, "inside")
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"touch {inside}; while test -e {inside}; "
                                       "do sleep 0.1; done"]}
    with host.mounted("tmpfs", secret, "tmpfs"):
        with open(os.path.join(secret, "key"), "w", encoding="ascii") as out:
            out.write("Geheimnis")
        name = current().next_id()
        path = bundle(config(hooks={"createRuntime": [hook]}), "wait", name)
        with subprocess.Popen([current().runtime, "--root", current().root, "create", "--bundle",
                               path, name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as making:
            until(lambda: os.path.exists(inside), what="the hook")
            rt("drift", name).fails("does not exist", rc=1)
            where = os.path.join(current().tmp, "set")
            rt("evidence", "-o", where, name).ok
            rt("delete", "--force", name).ok
            os.unlink(inside)
            assert making.wait(20) != 0
    with open(os.path.join(where, "capture.json"), encoding="utf-8") as file:
        story = json.load(file)
    assert not os.path.exists(os.path.join(where, "files")), os.listdir(where)
    assert any("was being made" in p["what"] for p in story["problems"]), story
    assert story["processes"] == 1, story


def test_what_is_refused():
    "an existing tar, a directory that is not empty, one that others may enter, no place at all"
    with container(config(), "wait") as c:
        c.up()
        place = take(c)
        rt("evidence", c.name, "-o", place).fails("not empty", rc=1)
        tar = take(c, output=os.path.join(current().tmp, "a.tar"))
        rt("evidence", c.name, "-o", tar).fails("file exists", rc=1)
        os.mkdir(f"{current().tmp}/open", 0o755)
        rt("evidence", c.name, "-o", f"{current().tmp}/open").fails("not private", rc=1)
        rt("evidence", c.name).fails("needs a place", rc=1)
        rt("evidence", "nobody", "-o", f"{current().tmp}/x").fails("does not exist", rc=1)
        assert c.status == "running"


def test_drift_is_in_the_set_and_on_the_page():
    "a program that was added to the image and runs, and a setuid file that nobody runs yet"
    name = current().next_id()
    path = bundle(config(), "await /tmp/new; run /tmp/new wait", name)
    with overlay(path), container(path, name=name) as c:
        c.start().ok
        assert load(take(c), "drift.json")["result"] == "none"
        shutil.copy(c.rootfs("/bin/probe"), c.rootfs("/tmp/new.part"))
        os.rename(c.rootfs("/tmp/new.part"), c.rootfs("/tmp/new"))
        until(lambda: "wait: ready" in c.lines)
        place = take(c)
        found, = load(place, "drift.json")["findings"]
        assert (found["kind"], found["path"], found["program"]) == ("upper", "/tmp/new", True)
        page = rt("evidence", "report", place).ok.out
        assert "Code that is not in the image" in page and "<td class=m>/tmp/new</td>" in page
        os.chmod(shutil.copy(c.rootfs("/bin/probe"), c.rootfs("/tmp/suid")), 0o4755)
        place = take(c)
        suid, = (f for f in load(place, "drift.json")["findings"] if f["kind"] == "setuid")
        assert suid["path"] == "/tmp/suid" and suid["drift"] and "pid" not in suid, suid
        page = rt("evidence", "report", place).ok.out
        assert "<td class=n></td><td class=m></td><td><span class=tag>setuid</span>" in page
        assert "<a href=#drift class=hot><b>2</b>" in page


def test_the_page_says_at_a_glance_what_matters():
    "numbers that lead to the parts, why it is held, what of the tree is not in the image"
    name = current().next_id()
    path = bundle(config(), "await /tmp/new; run /tmp/new wait", name)
    with overlay(path), container(path, name=name) as c:
        c.start().ok
        shutil.copy(c.rootfs("/bin/probe"), c.rootfs("/tmp/new.part"))
        os.rename(c.rootfs("/tmp/new.part"), c.rootfs("/tmp/new"))
        until(lambda: "wait: ready" in c.lines)
        calm = take(c)
        c.rt("quarantine", "--reason", "INC-4711 <i>", c.name).ok
        place = take(c)
        assert load(place, "capture.json")["heldNs"] == 0, "it was frozen before and stays so"
        assert load(calm, "capture.json")["heldNs"] > 0
        assert "remediation" not in load(calm, "capture.json")
        page = rt("evidence", "report", place).ok.out
        assert "<a href=#drift class=hot><b>1</b>" in page
        assert "<a href=#files class=hot><b>1</b>of them programs" in page
        assert "contained, frozen: INC-4711 &lt;i&gt;" in page
        assert page.count("runs code that is not in the image</a>") == 1
        assert "INC-4711" not in rt("evidence", "report", calm).ok.out


def test_the_report_is_inert_and_shown_by_a_browser():
    "what a container calls itself is text on the page; a browser shows the page without a network"
    with container(config(), ["echo", "<script>alert(1)</script>", ";", "wait"]) as c:
        c.up()
        place = take(c)
    page_path = os.path.join(current().tmp, "page.html")
    rt("evidence", "report", place, "-o", page_path).ok
    with open(page_path, encoding="utf-8") as file:
        page = file.read()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "http://" not in page and "https://" not in page and "Unchanged." in page
    browser = shutil.which("chromium")
    if browser:
        shot = os.path.join(current().tmp, "page.png")
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu",
                        f"--user-data-dir={current().tmp}/profile", "--window-size=1200,1600",
                        f"--screenshot={shot}", f"file://{page_path}"], timeout=90, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert os.stat(shot).st_size > 20000
    with open(os.path.join(place, "host.json"), "a", encoding="ascii") as file:
        file.write(" ")
    assert "Changed since it was taken" in rt("evidence", "report", place).ok.out

