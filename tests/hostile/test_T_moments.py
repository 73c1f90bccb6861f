# SPDX-License-Identifier: Apache-2.0
"""T: things that happen to orlop at any moment: a root that is exchanged, signals, sizes."""

import os
import random
import signal
import subprocess
import time

from deck import bundle, canary, config, container, current, host_unchanged, rt, run, timeout
from deck.container import PATIENCE
from tools import racing, rounds


@timeout(200)
def test_T_a_root_that_is_exchanged_for_a_link_during_create():
    "the container has the real one as a whole, or none; where the link leads nothing is touched"
    bait = canary()
    path = bundle(config(rootfs={"/which": "real"}), "cat /which; mounts")
    os.symlink(bait, path + "/link")
    counts = {"real": 0, "none": 0}
    with host_unchanged(bait), racing(path + "/rootfs", path + "/link"):
        for n in range(rounds(150)):
            r = rt("run", "--bundle", path, f"{current().prefix}-l{n}")
            if r.rc == 0:
                assert r.lines[0] == "cat: real", r
                places = [row.split()[0] for row in r.values("mounts")]
                assert "/dev/pts" in places and len(places) == 8, places
            else:
                r.fails("rootfs.*(symbolic link|not a directory)", rc=1)
            counts["real" if r.rc == 0 else "none"] += 1
    assert counts["real"] and counts["none"], counts


@timeout(200)
def test_T_a_root_that_is_exchanged_for_another_during_create():
    "one of the two, with all its mounts and device nodes in that one"
    path = bundle(config(rootfs={"/which": "one"}), "cat /which; cat /etc/which; stat /dev/null")
    subprocess.run(["cp", "-a", path + "/rootfs", path + "/other"], check=True)
    for root, word in (("rootfs", "one"), ("other", "two")):
        for name in ("which", "etc/which"):
            with open(f"{path}/{root}/{name}", "w", encoding="utf-8") as out:
                out.write(word)
    seen = set()
    with racing(path + "/rootfs", path + "/other"):
        for n in range(rounds(100)):
            r = rt("run", "--bundle", path, f"{current().prefix}-o{n}").ok
            assert r.lines[0] == r.lines[1] and "char" in r.lines[2], r
            seen.add(r.lines[0])
    assert seen == {"cat: one", "cat: two"}, seen


def struck(argv, number, after, meanwhile=lambda: None):
    """Starts a command, sends it a signal after a while (and another that continues it), and gives
    its status. `meanwhile` is called until it has ended."""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        time.sleep(after)
        process.send_signal(number)
        if number == signal.SIGTSTP:
            time.sleep(0.005)
            process.send_signal(signal.SIGCONT)
        end = time.monotonic() + 20 * PATIENCE
        while process.poll() is None:
            if time.monotonic() > end:
                process.kill()
                raise AssertionError(f"{argv} hangs: signal {number} at {after * 1000:.1f} ms")
            meanwhile()
            time.sleep(0.002)
        return process.returncode


def moments(count):
    """From before its first instruction to when the program runs."""
    chance = random.Random(7)
    return [chance.uniform(0, 0.012) * PATIENCE for _ in range(rounds(count))]


@timeout(300)
def test_T_a_signal_at_any_moment_of_run():
    "it or the program ends, nothing of the container stays, and a stop is only a pause"
    test = current()
    stays, ends = bundle(config(), "sleep 20"), bundle(config(), "exit 3")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
        for n, after in enumerate(moments(30)):
            name = f"{test.prefix}-{number}-{n}"
            argv = [test.runtime, "--root", test.root, "run", "--bundle"]
            if number == signal.SIGTSTP:
                assert struck([*argv, ends, name], number, after) == 3, after
            else:
                # A first process is not ended by what it has no handler for.
                rc = struck([*argv, stays, name], number, after,
                            lambda name=name: rt("kill", name, "KILL"))
                assert rc in (1, -number, 128 + number, 137), (number, after, rc)
            gone(name)


def gone(name):
    """As after `delete`: what a signal left of it before its program ran, `delete --force` takes."""
    rt("delete", "--force", name).ok
    rt("state", name).fails("does not exist")


@timeout(300)
def test_T_a_signal_at_any_moment_of_exec():
    "the container goes on, with its one process, and the next exec works"
    test = current()
    with container(config()) as box:
        box.up()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
            for after in moments(30):
                argv = [test.runtime, "--root", test.root, "exec", box.name, "/bin/probe", "exit",
                        "3"]
                rc = struck(argv, number, after)
                assert rc in (3, -number, 128 + number, 255), (number, after, rc)
            assert box.exec("echo on").ok.lines == ["on"]
        assert box.status == "running"


def test_T_sizes():
    "1,000 mounts, 100,000 variables; more arguments than the kernel takes are an error that says so"
    many = [{"destination": f"/m/{n}", "type": "tmpfs", "source": "tmpfs"} for n in range(1000)]
    assert run(config(mounts=many), "mounts /m/999").ok.mount("/m/999")["type"] == "tmpfs"
    c = config(process={"env": [f"V{n}=x" for n in range(100000)]})
    assert run(c, "env").ok.lines[99999] == "env: V99999=x"
    for args in (["x" * 1000] * 10000, ["x" * (200 << 10)]):
        c = config(args=["/bin/probe", "echo", *args])
        run(c).fails("exec /bin/probe: argument list too long", "process.args and process.env", rc=1)
    with container(config()) as box:
        box.up()
        box.exec(None, "--process", "/dev/stdin", args=[], stdin='{"cwd": "/", "args": ["/bin/probe",'
                 f' "echo", "{"x" * (200 << 10)}"]}}').fails("argument list too long", rc=255)
