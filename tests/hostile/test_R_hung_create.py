# SPDX-License-Identifier: Apache-2.0
"""R: a create that hangs somewhere is forced out by delete --force, and goes on later."""

import os
import random
import signal
import subprocess
import time

from deck import bundle, config, current, needs, rt, timeout, until

TIMES = 30
WORDS = ("was deleted while it was created", "no such file or directory", "no such device",
         "does not exist")


def start_create(path, name, log):
    test = current()
    return subprocess.Popen([test.runtime, "--root", test.root, "create", "--bundle", path, name],
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def left_of(name):
    """What there is of a container: its directory, its cgroup, its processes."""
    test = current()
    group = f"/sys/fs/cgroup{test.cgroup}/{name}"
    found = [path for path in (os.path.join(test.root, name), group) if os.path.exists(path)]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
                inside = f"{test.cgroup}/{name}" in file.read()
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                dead = file.read().rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            continue
        if inside and not dead:
            found.append(f"process {pid}")
    return found


@timeout(300)
def test_R_a_create_that_was_stopped_leaves_nothing_when_it_goes_on():
    "delete --force does not wait for it, and it takes back itself what the delete did not see"
    stopped = 0
    for _ in range(TIMES):
        name = current().next_id()
        path = bundle(config(), "wait", name)
        with open(os.path.join(current().tmp, f"{name}.log"), "w+b") as log:
            process = start_create(path, name, log)
            time.sleep(random.random() * 0.012)
            process.send_signal(signal.SIGSTOP)
            deleted = rt("delete", "--force", name)
            process.send_signal(signal.SIGCONT)
            status = process.wait(20)
            log.seek(0)
            said = log.read().decode(errors="replace")
        assert deleted.rc == 0 and deleted.seconds < 5, deleted
        if status == 0:
            # It had not begun, or was over, when it was stopped.
            rt("delete", "--force", name).ok
        else:
            stopped += 1
            assert any(words in said for words in WORDS), said
        assert not left_of(name), (status, said, left_of(name))
    assert stopped, "no create was stopped in the middle: nothing was tested"


@timeout(300)
def test_R_a_create_that_was_killed_is_removed_whole():
    "whatever it had done by then"
    killed = 0
    for _ in range(TIMES):
        name = current().next_id()
        path = bundle(config(), "wait", name)
        with open(os.path.join(current().tmp, f"{name}.log"), "wb") as log:
            process = start_create(path, name, log)
            time.sleep(random.random() * 0.012)
            process.kill()
            killed += process.wait(20) != 0
        deleted = rt("delete", "--force", name).ok
        assert deleted.seconds < 5, deleted
        assert not left_of(name), left_of(name)
    assert killed, "no create was killed in the middle: nothing was tested"


@needs("strace")
def test_R_a_create_that_was_overtaken_touches_nothing_of_the_other():
    "it made a directory, which was deleted and made again by another: that one keeps its container"
    name = current().next_id()
    path = bundle(config(), "wait", name)
    test = current()
    slow = ["strace", "-o", "/dev/null", "-e", "trace=mkdirat",
            "-e", "inject=mkdirat:delay_exit=1500000:when=1"]
    with open(os.path.join(test.tmp, "slow.log"), "w+b") as log:
        process = subprocess.Popen([*slow, test.runtime, "--root", test.root, "create", "--bundle",
                                    path, name], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: os.path.exists(os.path.join(test.root, name)), what="the directory")
        rt("delete", "--force", name).ok
        rt("create", "--bundle", path, name).ok
        assert process.poll() is None, "it was not slow enough to be overtaken"
        status = process.wait(20)
        log.seek(0)
        said = log.read().decode(errors="replace")
    assert status == 1 and "already exists" in said, (status, said)
    rt("start", name).ok
    assert '"running"' in rt("state", name).ok.out
    rt("delete", "--force", name).ok
    assert not left_of(name), left_of(name)
