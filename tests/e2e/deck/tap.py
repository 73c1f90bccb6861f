# SPDX-License-Identifier: Apache-2.0
"""Finding tests, running each in a process of its own, looking at what is left, and saying TAP.

A test is a function test_*; its name is the claim, its docstring says what it shows. Each runs in
its own mount namespace, cgroup, temporary directory and state root, as the subreaper of all that
it starts; whatever is left of those afterwards fails the test.
"""

import argparse
import ast
import contextlib
import glob
import importlib.util
import inspect
import itertools
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from . import host

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
DEFAULT_SECONDS = 60
CLONE_NEWUSER = 0x10000000


class Skip(Exception):
    """This test cannot run here, and why."""


def skip(reason):
    raise Skip(reason)


class Test:
    """What a running test may know about itself."""

    def __init__(self, number, tmp, cgroup, runtime, probe):
        self.number, self.tmp, self.cgroup = number, tmp, cgroup
        self.runtime, self.probe = runtime, probe
        self.root = os.path.join(tmp, "state")
        self.kind = None
        self.numbers = itertools.count(1)
        self.journal = []
        self.sysctls = host.sysctls()
        self.prefix = f"t{os.getpid()}-{number}"

    def next_number(self):
        return next(self.numbers)

    def next_id(self):
        return f"{self.prefix}-{self.next_number()}"


CURRENT = None


def current():
    """The test that is running in this process."""
    assert CURRENT is not None, "no test is running"
    return CURRENT


def timeout(seconds):
    """More (or less) time than the usual minute."""
    def mark(function):
        function.seconds = seconds
        return function
    return mark


# ---- what a test can need ----------------------------------------------------------------------


def can_new_user():
    pid = os.fork()
    if pid == 0:
        os._exit(0 if host.LIBC.unshare(CLONE_NEWUSER) == 0 else 1)
    return os.waitpid(pid, 0)[1] == 0


def has_capability(bit):
    for line in host.read("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> bit & 1)
    return False


def has_criu():
    """Version 4, with a network lock of its own, that works with this kernel: many do not."""
    try:
        version = subprocess.run(["criu", "--version"], capture_output=True, timeout=120,
                                 check=False, text=True).stdout
        return re.search(r"^Version: ([4-9]|\d\d)", version, re.M) is not None and \
            subprocess.run(["criu", "check"], capture_output=True, timeout=120,
                           check=False).returncode == 0
    except FileNotFoundError:
        return False


def kernel(major, minor):
    """Whether this one is at least that."""
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups())) >= (major, minor)


CONDITIONS = {
    "root": (lambda: os.geteuid() == 0, "root"),
    "userns": (can_new_user, "user namespaces"),
    "timens": (lambda: os.path.exists("/proc/self/ns/time"), "time namespaces"),
    "sys_resource": (lambda: has_capability(24), "CAP_SYS_RESOURCE"),
    "resctrl": (lambda: os.path.exists("/sys/fs/resctrl/schemata"), "resctrl"),
    "sys_nice": (lambda: has_capability(23), "CAP_SYS_NICE"),
    "tmpfs_idmap": (lambda: kernel(6, 3), "id-mapped mounts of tmpfs (Linux 6.3)"),
    "int80": (lambda: os.uname().machine == "x86_64", "the 32-bit entry of x86_64"),
    "apparmor_parser": (lambda: shutil.which("apparmor_parser") is not None, "apparmor_parser"),
    "newuidmap": (lambda: shutil.which("newuidmap") is not None, "newuidmap"),
    "tester": (lambda: bool(glob.glob("/run/user/[1-9]*/systemd/private")),
               "a user with a systemd of her own"),
    "chcon": (lambda: shutil.which("chcon") is not None, "chcon"),
    "ip": (lambda: shutil.which("ip") is not None, "ip(8)"),
    "strace": (lambda: shutil.which("strace") is not None, "strace"),
    "gcc": (lambda: shutil.which("cc") is not None, "a C compiler"),
    "apparmor": (lambda: os.path.exists("/sys/kernel/security/apparmor"), "AppArmor"),
    "systemd": (lambda: os.path.exists("/run/systemd/system"), "systemd as pid 1"),
    "criu": (has_criu, "criu 4 that works with this kernel"),
    "greed": (lambda: "ORLOP_TEST_GREED" in os.environ,
              "processors and memory to waste (ORLOP_TEST_GREED)"),
    # Of a machine that is thrown away: the tests write to them.
    "disk": (lambda: "ORLOP_TEST_DISK" in os.environ, "a disk to spoil (ORLOP_TEST_DISK)"),
    "swap": (lambda: "ORLOP_TEST_SWAP" in os.environ, "a disk to swap to (ORLOP_TEST_SWAP)"),
    "clock": (lambda: "ORLOP_TEST_CLOCK" in os.environ, "a clock to set (ORLOP_TEST_CLOCK)"),
    "psi": (lambda: os.path.exists(host.CGROUP + "/cpu.pressure"), "pressure of cgroups (PSI)"),
    "selinux": (lambda: os.path.exists("/sys/fs/selinux/enforce"), "SELinux"),
}


def needs(*names):
    """A controller, or one of CONDITIONS; without it the test is skipped, and says so."""
    def mark(function):
        function.needs = getattr(function, "needs", ()) + names
        return function
    return mark


def missing(names, cgroup):
    """The first thing that is not here, in words, or None."""
    for name in names:
        if name in CONDITIONS:
            present, what = CONDITIONS[name]
            if not present():
                return f"needs {what}"
        elif name not in host.controllers(cgroup):
            return f"needs the {name} controller in cgroup v2"
    return None


# ---- saying why --------------------------------------------------------------------------------


def calls_runtime(node):
    """Whether evaluating it again would run something; the journal shows what that gave."""
    names = {call.func.attr if isinstance(call.func, ast.Attribute) else
             getattr(call.func, "id", "") for call in ast.walk(node) if isinstance(call, ast.Call)}
    return bool(names & {"run", "rt", "exec", "state", "start", "kill", "delete", "create"})


def explain(error):
    """A failed bare assert with the values of both sides, by evaluating the line again."""
    frames = inspect.getinnerframes(error.__traceback__)
    text = []
    for frame in frames[1:]:
        text.append(f"{os.path.relpath(frame.filename, TOP)}:{frame.lineno}: {frame.function}: "
                    f"{(frame.code_context or [''])[0].strip()}")
    text.append(f"{type(error).__name__}: {error}")
    if isinstance(error, AssertionError) and not str(error):
        frame = frames[-1]
        with contextlib.suppress(Exception):
            lines, first = inspect.getsourcelines(frame.frame)
            first = max(first, 1)
            tree = ast.parse(inspect.cleandoc("if 1:\n" + "".join(lines))
                             if lines[0][:1].isspace() else "".join(lines))
            shift = frame.lineno - first + (2 if lines[0][:1].isspace() else 1)
            for node in ast.walk(tree):
                if isinstance(node, ast.Assert) and node.lineno <= shift <= node.end_lineno:
                    sides = ([node.test.left, *node.test.comparators]
                             if isinstance(node.test, ast.Compare) else [node.test])
                    for side in sides:
                        if isinstance(side, ast.Constant) or calls_runtime(side):
                            continue
                        code = compile(ast.Expression(side), "assert", "eval")
                        value = eval(code, frame.frame.f_globals, frame.frame.f_locals)
                        text.append(f"  {ast.unparse(side)} = {value!r}"[:3000])
    return "\n".join(text)


# ---- one test, in its own process --------------------------------------------------------------


def residue(test, mounts):
    """Everything that a test left behind, in words."""
    left = []
    for _ in range(20):
        left = [f"process {pid} {command}" for pid, command in host.descendants()]
        left += [f"cgroup {path}" for path in host.cgroup_tree(test.cgroup)
                 if not path.endswith("/test")]
        if not left:
            break
        time.sleep(0.05)
    with contextlib.suppress(FileNotFoundError):
        left += [f"state directory {name}" for name in sorted(os.listdir(test.root))
                 if name != ".audit"]  # which outlives containers on purpose
    for key, value in test.sysctls.items():
        if host.read("/proc/sys/" + key) != value:
            left.append(f"sysctl {key} of the host changed (put right again)")
            with open("/proc/sys/" + key, "w", encoding="ascii") as out:
                out.write(value)
    st = os.stat("/dev/null")
    if st.st_uid or st.st_gid:
        left.append(f"/dev/null of the host given to {st.st_uid}:{st.st_gid} (put right again)")
        os.chown("/dev/null", 0, 0)
    now = host.mountpoints()
    left += [f"mount {entry[0]}" for entry in now if entry not in mounts]
    left += [f"mount gone {entry[0]}" for entry in mounts if entry not in now]
    for where, dirs, _ in os.walk(host.CGROUP):
        left += [f"cgroup {where}/{name}" for name in dirs if test.prefix in name]
    return left


def perform(function, test):
    """In the child: run it, look at what is left, give a verdict as a dictionary."""
    global CURRENT
    CURRENT = test
    verdict = {"status": "passed", "why": ""}
    mounts = host.mountpoints()
    threading.Thread(target=host.reap_orphans, daemon=True).start()
    try:
        why = missing(getattr(function, "needs", ()), test.cgroup)
        if why:
            raise Skip(why)
        function()
    except Skip as reason:
        verdict = {"status": "skipped", "why": str(reason)}
    except BaseException as error:  # pylint: disable=broad-except
        verdict = {"status": "failed", "why": explain(error)}
        if not isinstance(error, (AssertionError, OSError, subprocess.SubprocessError)):
            verdict["why"] += "\n" + traceback.format_exc()
    left = residue(test, mounts)
    if verdict["status"] != "failed":
        if left:
            verdict = {"status": "failed", "why": "left behind: " + "; ".join(left)}
    if verdict["status"] == "failed":
        verdict["why"] += "".join(f"\n  $ {line}" for line in test.journal[-12:])
    return verdict


class Worker:
    """The process of one test, seen from the runner."""

    def __init__(self, runner, number, item, repeated):
        self.runner, self.number, self.item = runner, number, item
        # What the first try could not put away must not be in the way of the second.
        place = f"{number}-again" if repeated else str(number)
        self.tmp = os.path.join(runner.tmp, place)
        self.cgroup = f"{runner.cgroup}/{place}"
        os.mkdir(self.tmp, 0o755)
        os.mkdir(f"{host.CGROUP}{self.cgroup}")
        host.enable_controllers(self.cgroup)
        os.mkdir(f"{host.CGROUP}{self.cgroup}/test")
        self.began = time.monotonic()
        self.seconds = getattr(item.function, "seconds", DEFAULT_SECONDS) * runner.patience
        self.pipe, write = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.pipe)
            self.child(write)
        os.close(write)
        self.text = b""

    def child(self, write):
        """Never returns."""
        status = 1
        try:
            os.setsid()
            host.die_with_parent()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            with open(f"{host.CGROUP}{self.cgroup}/test/cgroup.procs", "w",
                      encoding="ascii") as out:
                out.write("0")
            host.unshare_mounts()
            host.become_subreaper()
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            log = os.open(os.path.join(self.tmp, "log"), os.O_WRONLY | os.O_CREAT, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(null)
            os.close(log)
            os.chdir(self.tmp)
            os.umask(0o022)
            test = Test(self.number, self.tmp, self.cgroup, self.runner.runtime,
                        self.runner.probe)
            verdict = perform(self.item.function, test)
            with os.fdopen(write, "w", encoding="utf-8") as out:
                json.dump(verdict, out)
            status = 0
        finally:
            os._exit(status)

    def finish(self):
        """Ends what is left, cleans, gives the verdict."""
        timed_out = time.monotonic() - self.began >= self.seconds
        if timed_out:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        host.cgroup_remove(self.cgroup)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        os.close(self.pipe)
        try:
            verdict = json.loads(self.text)
        except ValueError:
            verdict = {"status": "failed",
                       "why": f"no end after {self.seconds:.0f} s" if timed_out
                       else "the test process died"}
        if not self.runner.keep:
            shutil.rmtree(self.tmp, ignore_errors=True)
        verdict["seconds"] = time.monotonic() - self.began
        return verdict


class Item:
    """One test function that was found."""

    def __init__(self, path, name, function):
        self.path, self.name, self.function = path, name, function
        self.topic = os.path.basename(path)[len("test_"):-len(".py")]

    @property
    def claim(self):
        return f"{self.topic}: {self.name[len('test_'):].replace('_', ' ')}"


def find(paths):
    """All tests of some files and directories, in the order in which they are written."""
    files = []
    for path in paths:
        if os.path.isdir(path):
            files += sorted(os.path.join(path, name) for name in os.listdir(path)
                            if name.startswith("test_") and name.endswith(".py"))
        else:
            files.append(path)
    items = []
    for path in files:
        name = "tests_" + re.sub(r"\W", "_", os.path.relpath(path, TOP))
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        found = [Item(path, key, value) for key, value in vars(module).items()
                 if key.startswith("test_") and inspect.isfunction(value)
                 and value.__module__ == name]
        for item in found:
            if not item.function.__doc__:
                raise SystemExit(f"{path}: {item.name} does not say what it shows")
        items += found
    return items


def find_probe(tmp):
    """The probe that the build made, or one compiled here."""
    for path in (os.environ.get("ORLOP_PROBE"),
                 *(os.path.join(TOP, name, "tests/probe/probe")
                   for name in ("build", "builddir", "build-release"))):
        if path and os.path.exists(path) and os.path.getmtime(path) >= os.path.getmtime(
                os.path.join(TOP, "tests/probe/probe.c")):
            return os.path.abspath(path)
    path = os.path.join(tmp, "probe")
    subprocess.run(["cc", "-std=gnu17", "-static", "-O2",
                    os.path.join(TOP, "tests/probe/probe.c"), "-o", path], check=True)
    return path


def find_runtime(given):
    """What --runtime or ORLOP names, else the built orlop, else the installed one."""
    for path in (given, os.environ.get("ORLOP"), os.path.join(TOP, "build/src/orlop"),
                 shutil.which("orlop")):
        if path:
            found = shutil.which(path)
            if not found:
                raise SystemExit(f"no runtime: {path} is not a program")
            return os.path.abspath(found)
    raise SystemExit("no runtime: build orlop, or name one with --runtime or ORLOP")


REPEATS = 5     # of tests that failed, alone: a busy host breaks limits of time, and it is said


class Runner:
    """All of it: the private machine, the workers, the report."""

    def __init__(self, options):
        self.patience = float(os.environ.get("ORLOP_TEST_PATIENCE", "1"))
        self.keep = options.keep
        self.jobs = options.jobs
        self.runtime = find_runtime(options.runtime)
        self.tmp = tempfile.mkdtemp(prefix="orlop-test-", dir=options.tmp)
        os.chmod(self.tmp, 0o755)
        self.probe = find_probe(self.tmp)
        self.cgroup = f"/orlop-test-{os.getpid()}"
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        host.unshare_mounts()
        host.make_pure_cgroup2()
        host.cover_evidence(self.runtime)
        host.become_subreaper()
        # Inside a container whose root cgroup holds processes this may be refused; the tests
        # that need a controller then skip, and say so.
        host.enable_controllers("")
        os.mkdir(host.CGROUP + self.cgroup)
        host.enable_controllers(self.cgroup)
        return self

    def __exit__(self, *_):
        host.cgroup_remove(self.cgroup)
        for pid, _ in host.descendants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.keep:
            print(f"# kept {self.tmp}")
        else:
            shutil.rmtree(self.tmp, ignore_errors=True)

    def report(self, number, item, verdict):
        self.counts[verdict["status"]] += 1
        word = "not ok" if verdict["status"] == "failed" else "ok"
        tail = f" # SKIP {verdict['why']}" if verdict["status"] == "skipped" else ""
        print(f"{word} {number} - {item.claim}{tail}")
        if "before" in verdict:
            print("  # REPEATED, and passed alone; what was wrong with others beside it:")
            for line in verdict["before"].splitlines():
                print(f"  # {line}")
        if verdict["status"] == "failed":
            print(f"  # {os.path.relpath(item.path, TOP)}: {item.name}: {item.function.__doc__}")
            for line in verdict["why"].splitlines():
                print(f"  # {line}")
        sys.stdout.flush()

    def run(self, items):
        print("TAP version 13")
        print(f"# runtime {self.runtime}")
        print(f"# controllers: {' '.join(host.controllers(self.cgroup)) or 'none'}")
        print(f"1..{len(items)}")
        waiting = list(enumerate(items, 1))
        running, done, said = {}, {}, 0
        failed, again = {}, []
        while waiting or running or again:
            if not waiting and not running:     # alone
                waiting.append(again.pop(0))
            while waiting and len(running) < self.jobs:
                number, item = waiting.pop(0)
                worker = Worker(self, number, item, number in failed)
                running[worker.pipe] = worker
            ready = select.select(list(running), [], [], 0.2)[0]
            for pipe in list(running):
                worker = running[pipe]
                over = time.monotonic() - worker.began >= worker.seconds
                if pipe in ready:
                    block = os.read(pipe, 65536)
                    worker.text += block
                    over = over or not block
                if over:
                    del running[pipe]
                    verdict = worker.finish()
                    if verdict["status"] == "failed" and worker.number not in failed \
                            and len(failed) < REPEATS:
                        failed[worker.number] = verdict
                        again.append((worker.number, worker.item))
                        continue
                    if worker.number in failed and verdict["status"] != "failed":
                        verdict["before"] = failed[worker.number]["why"]
                    done[worker.number] = (worker.item, verdict)
            while said + 1 in done:
                said += 1
                self.report(said, *done.pop(said))
        skipped = self.counts["skipped"]
        if skipped:
            print(f"# NOTE: {skipped} tests were SKIPPED; the reasons stand beside them")
        print(f"{self.counts['passed']} passed, {self.counts['failed']} failed, "
              f"{skipped} skipped")
        return self.counts


def main(argv=None, default=None):
    """The command line of tests/e2e/run."""
    parser = argparse.ArgumentParser(description="run container tests and print TAP")
    parser.add_argument("files", nargs="*", metavar="FILE", help="test files or directories")
    parser.add_argument("-k", dest="pattern", default="", help="only tests that match a "
                        "regular expression (topic: name)")
    parser.add_argument("-j", dest="jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--list", action="store_true", help="name the tests, run none")
    parser.add_argument("--runtime", help="the runtime to test (else ORLOP, else the build)")
    parser.add_argument("--tmp", help="make bundles below this directory")
    parser.add_argument("--keep", action="store_true", help="keep the bundles and outputs")
    parser.add_argument("--no-skips", action="store_true", help="a skipped test is a failure")
    options = parser.parse_args(argv)
    here = os.path.dirname(HERE)
    items = find(options.files or [default or here])
    items = [item for item in items if re.search(options.pattern, item.claim)
             or re.search(options.pattern, item.name)]
    if options.list:
        for item in items:
            print(f"{os.path.relpath(item.path, TOP)}: {item.name}: {item.function.__doc__}")
        return 0
    if not items:
        raise SystemExit(f"no test matches {options.pattern!r}")
    if os.geteuid() != 0:
        print("SKIP ALL: these tests need root")
        print(f"0 passed, 0 failed, {len(items)} skipped")
        return 1 if options.no_skips else 0
    with Runner(options) as runner:
        counts = runner.run(items)
    return 1 if counts["failed"] or (options.no_skips and counts["skipped"]) else 0
