# SPDX-License-Identifier: Apache-2.0
"""X: exec into a container that has prepared for it: what is to be run, looked up or entered is
something else. It ends soon, with a reason, and nothing of the host is touched."""

import os

from deck import (DEFAULT_CAPS, Dev, Fifo, Link, bundle, canary, caps, config, container,
                  host_unchanged, rt, timeout)

SECONDS = 10


def ends(result, what):
    assert result.rc in (0, 1, 126, 127, 137, 255), f"{what}: {result!r}"
    assert result.rc == 0 or (result.err + result.out).strip(), f"{what}: without a word"


@timeout(120)
def test_X_programs_that_are_none():
    "a FIFO, a directory, a device, a loop, an empty file, a script that is its own interpreter"
    rootfs = {"/bin/fifo": Fifo(), "/bin/dir/": "dir", "/bin/zero": Dev("c", 1, 5, 0o777),
              "/bin/loop": Link("loop"), "/bin/magic": Link("/proc/self/exe"),
              "/bin/script": "#!/bin/script\n", "/bin/none": "",
              "/bin/elf": b"\x7fELF" + b"\xff" * 99,
              "/bin/host": Link("/../../../../../../etc/passwd")}
    with container(config(rootfs=rootfs)) as c:
        for name in ("script", "none", "elf"):
            os.chmod(c.rootfs(f"bin/{name}"), 0o755)
        c.up()
        place = canary()
        with host_unchanged(place):
            for name in ("fifo", "dir", "zero", "loop", "script", "elf", "host", "absent"):
                r = c.exec(None, args=[f"/bin/{name}"], seconds=SECONDS)
                assert r.rc == 255, (name, r)
                ends(r, name)
            # An empty file and the child's own copy: whatever comes of them, soon.
            ends(c.exec(None, args=["/bin/none"], seconds=SECONDS), "none")
            # The child program, which does nothing for a stranger, and says so by its status.
            assert c.exec(None, args=["/bin/magic"], seconds=SECONDS).rc == 64
        assert c.status == "running"


@timeout(120)
def test_X_a_passwd_that_is_none():
    "a FIFO, endless, a terabyte, a link out, a directory: HOME is looked up, with bounds"
    for what in (Fifo(), Dev("c", 1, 5), Link("/dev/zero"), Link("/proc/kcore"), "huge", "dir"):
        with container(config(rootfs={"/etc/passwd": "" if isinstance(what, str) else what})) as c:
            if what == "huge":
                os.truncate(c.rootfs("etc/passwd"), 1 << 40)
            if what == "dir":
                os.unlink(c.rootfs("etc/passwd"))
                os.mkdir(c.rootfs("etc/passwd"))
            c.up()
            r = c.exec("env", seconds=SECONDS).ok
            assert "env: HOME=/" in r.lines, (what, r)


@timeout(120)
def test_X_a_container_that_mounted_over_everything():
    "its /proc, /dev and /sys are other things: exec needs none of them"
    admin = DEFAULT_CAPS + ["CAP_SYS_ADMIN"]
    with container(config(process={"capabilities": caps(admin, admin, admin)}),
                   "try mount tmpfs /proc tmpfs; try umount /dev; wait") as c:
        c.up()
        place = canary()
        with host_unchanged(place):
            r = c.exec("caps; nnp; ids", seconds=SECONDS)
            ends(r, "exec")
            assert "nnp: 1" in r.lines, r
        rt("kill", c.name, "KILL").ok


@timeout(120)
def test_X_ids_of_every_length():
    "the longest that may be, one more, and what is no id: said, and nothing is made"
    for length, fine in ((1, True), (100, True), (255, True), (256, False), (1024, False),
                         (1025, False), (100000, False)):
        name = "x" * length
        path = bundle(config(), "wait")
        r = rt("create", "--bundle", path, name, seconds=SECONDS)
        assert (r.rc == 0) == fine, (length, r)
        assert fine or len(r.err) < 2000, (length, len(r.err))
        for command in ("state", "kill", "start"):
            ends(rt(command, name, seconds=SECONDS), f"{command}, {length}")
        rt("delete", "--force", name, seconds=SECONDS)
    for name in ("ä", "\u202e", "a/b", "a\nb", "a b", "", ".", "..", "-x", "*", "%s%n", "a\x7f"):
        r = rt("create", "--bundle", bundle(config(), "wait"), "--", name, seconds=SECONDS)
        if r.rc == 0:
            rt("delete", "--force", "--", name).ok
        assert r.rc or name == "-x", (name, r)
        assert "\n" not in r.err.strip() and "\u202e" not in r.err, (name, r)
