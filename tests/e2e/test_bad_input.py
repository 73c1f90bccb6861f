# SPDX-License-Identifier: Apache-2.0
"""Configurations, root file systems and state directories that are no good: a message that helps,
and nothing left behind."""

import json
import os
import time

from deck import (Container, bundle, config, current, host, host_unchanged, mounted, rt, run,
                  timeout)


def refused(text, *words, seconds=20):
    """A config.json with this text is refused by create and run; nothing is left."""
    test = current()
    path = os.path.join(test.tmp, f"bad{test.next_number()}")
    os.makedirs(path + "/rootfs")
    with open(path + "/config.json", "wb") as out:
        out.write(text if isinstance(text, bytes) else text.encode())
    for command in ("create", "run"):
        name = test.next_id()
        r = rt(command, "--bundle", path, name, seconds=seconds).fails(*words, rc=1)
        assert len(r.err) < 10000, "the message is longer than anyone reads"
        assert not os.path.exists(os.path.join(test.root, name))
    return r


def document(**changes):
    """The base configuration as text, with a changed member."""
    return json.dumps(config(**changes).doc)


def test_no_config_json():
    "an empty bundle, a bundle that is not there, a bundle that is a file"
    os.mkdir("empty")
    with open("file", "w", encoding="ascii"):
        pass
    for path in ("empty", "absent", "file"):
        rt("create", "--bundle", os.path.abspath(path), "x").fails(
            "config.json|bundle|" + path, "(?i)no such file|not found|not a directory", rc=1)


def test_an_empty_document():
    "nothing, blanks, an empty object"
    refused("", "config.json")
    refused("  \n", "config.json")
    refused("{}", "ociVersion|root|process")


def test_a_truncated_document():
    "at every kind of place"
    text = document()
    for length in (1, 2, 10, len(text) // 3, len(text) // 2, len(text) - 1):
        refused(text[:length], "config.json|unexpected|premature|JSON")


def test_a_binary_document():
    "zeros, ELF, random bytes, UTF-16, a NUL in a string, invalid UTF-8"
    refused(b"\0" * 4096)
    with open("/proc/self/exe", "rb") as program:
        refused(program.read(4096))
    refused(os.urandom(4096))
    refused(document().encode("utf-16"))
    refused(document(hostname="a\0b"), "(?i)hostname|NUL|null")
    refused(document(hostname="MARK").encode().replace(b"MARK", b"\xff\xfe"),
            "(?i)utf-8|config.json")


@timeout(180)
def test_a_document_of_100_megabytes():
    "refused at once, without reading it all"
    began = time.monotonic()
    refused(b'{"annotations": {"a": "' + b"x" * (100 << 20) + b'"}}',
            "(?i)large|long|size|limit|big", seconds=60)
    refused(b" " * (100 << 20), "(?i)large|long|size|limit|big", seconds=60)
    assert time.monotonic() - began < 30


def test_a_document_that_is_deeply_nested():
    "a hundred thousand brackets: no crash"
    refused("[" * 100000, "(?i)deep|nest|depth|array|object|config")
    refused('{"a":' * 100000, "(?i)deep|nest|depth|config")
    refused(document(annotations=None)[:-1] + ',"x":' + "[" * 5000 + "]" * 5000 + "}",
            "(?i)deep|nest|depth")


def test_duplicate_members_are_refused():
    "at the top and below, with the name: parsers differ on which one counts"
    text = document()
    refused(text[:-1] + ', "hostname": "other"}', "hostname")
    refused(text.replace('"terminal": false', '"terminal": false, "terminal": true'), "terminal")
    refused(text.replace('"terminal"', '"term\\u0069nal": true, "terminal"'), "terminal")


def test_wrong_types_are_refused():
    "the member is named with its path"
    for changes, member in (({"hostname": 5}, "hostname"), ({"base_mounts": {}}, "mounts"),
                            ({"process": {"args": "sh"}}, "process.args"),
                            ({"process": {"args": ["a", 1]}}, r"process.args\[1\]"),
                            ({"process": {"terminal": "yes"}}, "process.terminal"),
                            ({"process": {"user": 0}}, "process.user"),
                            ({"process": {"user": {"uid": "0"}}}, "process.user.uid"),
                            ({"process": {"env": {"A": "1"}}}, "process.env"),
                            ({"process": {"cwd": 1}}, "process.cwd"),
                            ({"linux": {"namespaces": {}}}, "linux.namespaces"),
                            ({"linux": {"maskedPaths": "x"}}, "linux.maskedPaths"),
                            ({"linux": {"sysctl": {"a": 1}}}, "linux.sysctl"),
                            ({"annotations": {"a": 1}}, "annotations"),
                            ({"root": "rootfs"}, "root"),
                            ({"root": {"readonly": 1}}, "root.readonly")):
        refused(document(**changes), member)


def test_numbers_out_of_range_are_refused():
    "and fractions, exponents, negative ids"
    for changes, member in (({"process": {"user": {"uid": -1}}}, "process.user.uid"),
                            ({"process": {"user": {"uid": 4294967295}}}, "process.user.uid"),
                            ({"process": {"user": {"uid": 4294967296}}}, "process.user.uid"),
                            ({"process": {"user": {"uid": 1.5}}}, "process.user.uid"),
                            ({"process": {"oomScoreAdj": 1001}}, "oomScoreAdj"),
                            ({"process": {"oomScoreAdj": 1 << 40}}, "oomScoreAdj"),
                            ({"process": {"user": {"umask": 1 << 33}}}, "umask")):
        refused(document(**changes), member)


def test_text_after_the_document_is_refused():
    "a second value"
    refused(document() + "{}")
    refused(document() + "x")


def test_json_that_is_none():
    "comments, trailing commas, single quotes, NaN, a bare word, a byte order mark before nothing"
    for text in ("/* x */ " + document(), document()[:-1] + ",}", "{'a': 1}", '{"a": NaN}', "null",
                 "[]", "42", '"text"', "true", "\ufeff"):
        refused(text)


def test_a_config_json_that_is_no_regular_file():
    "a directory, a fifo, a device, a dangling link: an error at once, no hang"
    test = current()
    for number, make in enumerate((lambda path: os.mkdir(path), lambda path: os.mkfifo(path),
                                   lambda path: os.symlink("/dev/zero", path),
                                   lambda path: os.symlink("/nonexistent", path))):
        path = os.path.join(test.tmp, f"odd{number}")
        os.makedirs(path + "/rootfs")
        make(path + "/config.json")
        r = rt("create", "--bundle", path, test.next_id()).fails(rc=1)
        assert r.seconds < 10


def test_the_message_says_where():
    "file, line and member for a mistake in a document of many lines"
    text = json.dumps(config(process={"cwd": 7}).doc, indent=1)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if '"cwd"' in each)
    refused(text, "config.json", "process.cwd", rf"\b{line}\b")


# ---- the root file system ----------------------------------------------------------------------


def with_root(make):
    test = current()
    name = test.next_id()
    path = bundle(config(), "exit 0", name)
    os.rename(path + "/rootfs", path + "/real")
    make(path + "/rootfs", path + "/real")
    with host_unchanged():
        return rt("create", "--bundle", path, name)


def test_a_rootfs_that_is_not_there():
    "missing, a file, a fifo, a device: the path is in the message"
    with_root(lambda path, real: None).fails("rootfs", "(?i)no such file", rc=1)
    with_root(lambda path, real: open(path, "w", encoding="ascii").close()).fails(
        "rootfs", "(?i)not a directory", rc=1)
    with_root(lambda path, real: os.mkfifo(path)).fails("rootfs", rc=1)
    with_root(lambda path, real: os.symlink("/dev/null", path)).fails("rootfs", rc=1)
    with_root(lambda path, real: os.symlink("/nonexistent", path)).fails("rootfs", rc=1)


def test_a_rootfs_that_is_a_symlink():
    "the engine's path may be one: it works, or is refused with a message"
    r = with_root(lambda path, real: os.symlink(real, path))
    if r.rc:
        r.fails("rootfs")
    else:
        rt("delete", "--force", r.argv[-1]).ok


def test_a_rootfs_without_the_path_member():
    "root absent, root.path absent or empty"
    refused(document(root=None), "root")
    refused(document(root={"path": None}), "root")
    refused(document(root={"path": ""}), "root")


def test_an_empty_rootfs():
    "the program is not there: the words of 127, nothing left"
    test = current()
    name = test.next_id()
    path = bundle(config(), "exit 0", name)
    os.rename(path + "/rootfs", path + "/real")
    os.mkdir(path + "/rootfs")
    rt("run", "--bundle", path, name).fails("(?i)no such file or directory|not found")


def test_a_read_only_file_system_below_the_rootfs():
    "mount points that exist are enough; one that is missing is an error with its name"
    test = current()
    name = test.next_id()
    c = config(rootfs={"/dev/pts/": "dir"})
    path = bundle(c, "echo ok", name)
    root = path + "/rootfs"
    with mounted(root, root, None, host.MS_BIND):
        host.mount(None, root, None, host.MS_BIND | host.MS_REMOUNT | host.MS_RDONLY)
        assert rt("run", "--bundle", path, name).ok.lines == ["ok"]
    bad = config(mounts=[{"destination": "/not/there", "type": "tmpfs", "source": "tmpfs"}])
    name = test.next_id()
    path = bundle(bad, "echo ok", name)
    root = path + "/rootfs"
    with mounted(root, root, None, host.MS_BIND):
        host.mount(None, root, None, host.MS_BIND | host.MS_REMOUNT | host.MS_RDONLY)
        rt("run", "--bundle", path, name).fails("/not", "(?i)read-only file system")


# ---- the state directory -----------------------------------------------------------------------


def test_a_full_state_directory():
    "no space and no inodes: create fails and leaves nothing"
    os.mkdir("full")
    root = os.path.abspath("full")
    for options in ("mode=700,size=4k,nr_inodes=3", "mode=700,size=4096,nr_inodes=20",
                    "mode=700,nr_inodes=4"):
        with mounted("tmpfs", root, "tmpfs", 0, options):
            if "nr_inodes=20" in options:
                with open(root + "/filler", "wb") as out:
                    out.write(b"x" * 4096)
            path = bundle(config(), "exit 0")
            with host_unchanged():
                made = rt("create", "--bundle", path, "x", root=root)
                if made.rc == 0:
                    # It fitted: then all of it works.
                    rt("delete", "--force", "x", root=root).ok
                else:
                    made.fails("(?i)no space left|space|inode", rc=1)
            assert [name for name in os.listdir(root) if name != "filler"] == []


def test_kill_and_delete_work_with_a_full_disk():
    "the state directory has no byte and no inode left after create"
    os.mkdir("small")
    root = os.path.abspath("small")
    with mounted("tmpfs", root, "tmpfs", 0, "mode=700,size=1m,nr_inodes=100"):
        c = Container(config(), "wait", root=root)
        c.create().ok
        c.up()
        with open(root + "/filler", "wb", buffering=0) as out:
            try:
                while True:
                    out.write(b"x" * 4096)
            except OSError:
                pass
        try:
            for number in range(200):
                os.mkdir(f"{root}/inode{number}")
        except OSError:
            pass
        assert c.status == "running"
        c.kill("KILL").ok
        c.wait_status("stopped")
        c.delete().ok
        assert c.name not in os.listdir(root)


def test_a_read_only_state_directory():
    "create fails with the path; list and state still read"
    os.mkdir("ro")
    root = os.path.abspath("ro")
    with mounted("tmpfs", root, "tmpfs", 0, "mode=700"):
        c = Container(config(), "wait", root=root)
        c.create().ok
        host.mount(None, root, None, host.MS_REMOUNT | host.MS_RDONLY)
        path = bundle(config(), "exit 0")
        with host_unchanged():
            rt("create", "--bundle", path, "x", root=root).fails("(?i)read-only file system", rc=1)
        assert c.status == "created"
        assert c.name in rt("list", "-q", root=root).ok.lines
        host.mount(None, root, None, host.MS_REMOUNT)
        c.delete("--force").ok


def test_a_state_directory_that_is_a_file():
    "the path is in the message"
    with open("plain", "w", encoding="ascii"):
        pass
    path = bundle(config(), "exit 0")
    rt("create", "--bundle", path, "x", root=os.path.abspath("plain")).fails(
        "plain", "(?i)not a directory|exists", rc=1)


def test_a_damaged_state_is_refused_and_can_be_deleted():
    "empty, truncated, garbage, another version: state and kill refuse, delete --force cleans"
    test = current()
    for damage in (b"", b"{", b"\0" * 100, b"[]", b'{"x": 1}', b"x" * 100000):
        c = Container(config(), "wait")
        c.create().ok
        c.up()
        pid = c.pid
        directory = os.path.join(test.root, c.name)
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path):
                with open(path, "wb") as out:
                    out.write(damage)
        c.rt("state", c.name).fails(rc=1)
        c.kill("TERM").fails(rc=1)
        assert host.process_state(pid) not in (None, "Z")
        c.delete("--force").ok
        assert c.name not in os.listdir(test.root)
        host.cgroup_remove(c.cgroup)


def test_a_truncated_state_at_any_byte():
    "no crash, no signal to a stranger, and delete --force works"
    test = current()
    c = Container(config(), "wait")
    c.create().ok
    c.up()
    directory = os.path.join(test.root, c.name)
    names = [name for name in os.listdir(directory)
             if os.path.isfile(os.path.join(directory, name))
             and os.path.getsize(os.path.join(directory, name))]
    for name in names:
        path = os.path.join(directory, name)
        with open(path, "rb") as data:
            text = data.read()
        step = max(1, len(text) // 25)
        for length in range(0, len(text), step):
            with open(path, "wb") as out:
                out.write(text[:length])
            r = c.rt("state", c.name)
            assert r.rc in (0, 1), r
            if r.rc == 0:
                json.loads(r.out)
        with open(path, "wb") as out:
            out.write(text)
    assert c.status == "running"
    c.delete("--force").ok


def test_closed_standard_files_are_no_disaster():
    "0, 1, 2 closed, each alone and all: state files are not written into them"
    for fds in ((0,), (1,), (2,), (0, 1, 2)):
        r = run(config(), "write /tmp/x y; fdstat",
                preexec_fn=lambda fds=fds: [os.close(fd) for fd in fds])
        assert r.rc == 0, (fds, r)


def test_nobody_reads_the_output():
    "stdout and stderr are closed pipes: the command ends, without a signal"
    read, write = os.pipe()
    os.close(read)
    r = rt("state", "absent", preexec_fn=lambda: (os.dup2(write, 1), os.dup2(write, 2)))
    os.close(write)
    assert r.rc == 1, r


def test_too_few_descriptors_are_said():
    "a caller with a low RLIMIT_NOFILE: what to change, wherever it ends; 64 are enough"
    path = bundle(config(), "exit 0")
    with host_unchanged():
        for limit in (*range(4, 25), 64):
            name = current().next_id()
            r = rt("run", "--bundle", path, name, wrap=("prlimit", f"--nofile={limit}:{limit}"))
            if limit == 64:
                r.ok
            elif r.rc or limit < 17:
                r.fails("too many open files", "ulimit -n", rc=1)
            assert not os.path.exists(os.path.join(current().root, name)), limit
