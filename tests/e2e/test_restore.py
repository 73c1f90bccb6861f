# SPDX-License-Identifier: Apache-2.0
"""What a restore refuses: images are data, and the configuration decides what may run."""

import os
import time

from deck import config, current, needs, timeout
from deck.bundle import caps
from deck.container import PATIENCE
from deck.frozen import Frozen

MORE = ["CHOWN", "KILL", "SETUID"]


def waiting(**changes):
    return Frozen(config(**changes), "wait")


def dumped(box):
    box.wait_line("wait: ready")
    box.checkpoint().ok
    return box


def is_refused(box, *texts):
    """Refused, nothing is there; and without the change it would have worked."""
    box.restore().fails(*texts)
    assert box.is_absent()


@needs("criu")
@timeout(300)
def test_more_capabilities_than_the_configuration_has():
    "refused before anything runs; with the old configuration it works"
    with waiting(process={"capabilities": caps(MORE, MORE, MORE)}) as box:
        dumped(box)
        box.change(lambda doc: doc["process"].update(capabilities=caps(MORE[:2], MORE[:2],
                                                                       MORE[:2])))
        is_refused(box, "process.capabilities: Cap", "what was restored is not what")
        box.change(lambda doc: doc["process"].update(capabilities=caps(MORE, MORE, MORE)))
        box.restore().ok


@needs("criu")
@timeout(300)
def test_no_new_privs_that_is_not_there():
    "refused"
    with waiting(process={"noNewPrivileges": False}) as box:
        dumped(box)
        box.change(lambda doc: doc["process"].update(noNewPrivileges=True))
        is_refused(box, "process.noNewPrivileges: is not in force")


@needs("criu")
@timeout(300)
def test_a_filter_that_is_not_there():
    "refused"
    with waiting() as box:
        dumped(box)
        box.change(lambda doc: doc["linux"].update(seccomp={"defaultAction": "SCMP_ACT_ALLOW"}))
        is_refused(box, "linux.seccomp: there is no filter")


@needs("criu")
@timeout(300)
def test_paths_that_are_not_masked_or_read_only():
    "refused; a root that is to be read-only by now is so, or that is refused: it depends on criu"
    with waiting() as box:
        dumped(box)
        for member, value, text in (
                ("maskedPaths", ["/proc/timer_list"], "/proc/timer_list is not masked"),
                ("maskedPaths", ["/proc/irq"], "/proc/irq is not masked"),
                ("readonlyPaths", ["/proc/sys"], "/proc/sys is not read-only")):
            box.change(lambda doc, m=member, v=value: doc["linux"].update({m: v}))
            is_refused(box, text)
            box.change(lambda doc, m=member: doc["linux"].pop(m))
        box.change(lambda doc: doc["root"].update(readonly=True))
        back = box.restore()
        if back.rc == 0:
            assert box.exec("write /x y").ok.lines == ["write: EROFS"]
        else:
            back.fails("root.readonly: the root is not read-only")
            assert box.is_absent()


@needs("criu")
@timeout(300)
def test_a_namespace_that_is_not_as_asked():
    "the host's ipc namespace in the images, an own one in the configuration"
    kinds = ("pid", "network", "uts", "mount", "cgroup")
    with waiting(linux={"namespaces": [{"type": kind} for kind in kinds]}) as box:
        dumped(box)
        box.change(lambda doc: doc["linux"]["namespaces"].append({"type": "ipc"}))
        is_refused(box, "linux.namespaces: the ipc namespace is the host's")


@needs("criu")
@timeout(300)
def test_files_beside_the_images_are_read_with_care():
    "a FIFO is not waited for, a large or broken file is an error, images of others are refused"
    with waiting() as box:
        dumped(box)
        path = os.path.join(box.images, "descriptors.json")
        os.rename(path, path + ".kept")
        is_refused(box, "descriptors.json: no such file")
        os.mkfifo(path)
        is_refused(box, "descriptors.json: invalid argument")
        os.unlink(path)
        for text in ('["a",', '{"a": 1}', "[1]", '["a", "b", "c", "d"]', " " * 70000):
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            is_refused(box, "descriptors.json")
        os.unlink(path)
        os.symlink(path + ".kept", path)
        is_refused(box, "descriptors.json")
        os.unlink(path)
        os.rename(path + ".kept", path)
        os.chmod(box.images, 0o777)
        is_refused(box, "others may write there")
        os.chmod(box.images, 0o700)
        box.restore().ok


@needs("criu")
@timeout(300)
def test_images_that_are_broken():
    "criu's error, and nothing left: no process, no directory, no mount, no cgroup"
    with waiting() as box:
        dumped(box)
        with open(os.path.join(box.images, "core-1.img"), "r+b") as image:
            image.seek(40)
            image.write(b"\xff" * 40)
        is_refused(box, "criu", f"the whole log is {box.work}/restore.log")
        box.restore(images=current().tmp + "/nowhere").fails("nowhere: no such file")
        assert box.is_absent()


@timeout(120)
def test_a_criu_that_says_nothing_is_ended():
    "after 20 seconds in which nothing in the container's cgroup moved; nothing is left"
    silent = os.path.join(current().tmp, "silent")
    with open(silent, "w", encoding="utf-8") as out:
        out.write("#!/bin/sh\nexec sleep 1000\n")
    os.chmod(silent, 0o755)
    with waiting() as box:
        box.wait_line("wait: ready")
        box.delete("--force").ok
        os.mkdir(box.images, 0o700)
        with open(os.path.join(box.images, "descriptors.json"), "w", encoding="utf-8") as out:
            out.write('["/dev/null", "/dev/null", "/dev/null"]')
        began = time.monotonic()
        box.rt("restore", "--detach", "--bundle", box.path, "--image-path", box.images,
               "--work-path", box.work, box.name, front=("--criu", silent), seconds=60).fails(
                   "criu: it hung, and was killed", rc=1)
        assert 20 <= time.monotonic() - began < 22 + 2 * PATIENCE
        assert box.is_absent()
