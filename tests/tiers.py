# SPDX-License-Identifier: Apache-2.0
"""tools/test: every tier of tests that this machine can run, and one sum at the end.

A tier is a row of TIERS: what it shows, the packages it needs (installed here), how long it may
take, and what it runs. Each leaves a log in build/test-logs/. A tier that cannot run is skipped
with its reason; with CI=true in the environment that is a failure. The last line is
"N passed, N failed, N skipped", and the exit status is 0 only when nothing failed.

Tests that the host tiers skip for want of a cgroup v2 controller are run again in the tiny machine
of tests/vm, and are counted there.
"""

import argparse
import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LOGS = TOP / "build/test-logs"
ORLOP = TOP / "build/src/orlop"
PROBE = TOP / "build/tests/probe/probe"
OURS = {"ORLOP": str(ORLOP), "ORLOP_PROBE": str(PROBE)}
CI = os.environ.get("CI") == "true"

sys.path.insert(0, str(TOP / "tests/e2e"))
from deck import host  # noqa: E402  pylint: disable=wrong-import-position

SUM = re.compile(r"^(?:# )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
CHECK = re.compile(r"^[\w-]+ +(ok|FAIL|SKIP) +[\d.]+ s *(.*)$", re.M)
MESON = re.compile(r"^(Ok|Expected Fail|Fail|Unexpected Pass|Skipped|Timeout): +(\d+)", re.M)
NO_CONTROLLER = re.compile(r"^ok \d+ - (.*?) # SKIP (needs the \w+ controller.*)$", re.M)
SKIPPED = re.compile(r"# SKIP (.*)$", re.M)
MINUTES = 45                        # for all together
SHOWN = 150                         # lines of a log at most, when something failed


@dataclass
class Result:
    """What came of a tier."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: Counter = field(default_factory=Counter)   # why tests in it were skipped
    cannot: str = ""                                    # why the tier did not run at all
    regained: int = 0                                   # tests that an earlier tier had skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.reasons += other.reasons
        self.regained += other.regained


class Late(Exception):
    """The time of a tier is over."""


class Run:
    """One run of one tier: its log and its deadline."""

    def __init__(self, tier, quick, latest):
        self.tier, self.quick = tier, quick
        self.path = LOGS / f"{tier.name}.log"
        self.log = self.path.open("w", encoding="utf-8")
        self.began = time.monotonic()
        self.end = min(self.began + tier.seconds, latest)

    def call(self, *argv, env=None):
        """Runs a command to its end; its exit status and all that it said."""
        argv = [str(word) for word in argv]
        self.log.write(f"$ {shlex.join(argv)}\n")
        self.log.flush()
        start = self.log.tell()
        with subprocess.Popen(argv, cwd=TOP, stdin=subprocess.DEVNULL, stdout=self.log,
                              stderr=subprocess.STDOUT, start_new_session=True,
                              env={**os.environ, **(env or {})}) as process:
            try:
                status = process.wait(max(1, self.end - time.monotonic()))
            except subprocess.TimeoutExpired as e:
                end_all(process)
                raise Late(f"no end after {time.monotonic() - self.began:.0f} s: "
                           f"{shlex.join(argv)}") from e
            except BaseException:
                end_all(process)
                raise
        self.log.seek(0, os.SEEK_END)
        text = self.path.read_bytes()[start:].decode(errors="replace")
        return status, text

    def left(self):
        """Seconds to the deadline."""
        return max(1, int(self.end - time.monotonic()))


def end_all(process):
    """Ends a command with everything that it started, also what left its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    for _ in range(50):
        left = [pid for pid, _ in host.descendants()]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reap()
        if not left:
            break
        time.sleep(0.1)


def reap():
    """Takes the dead children that were adopted."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def summed(status, text):
    """A Result out of the closing line of a command; without one, of its exit status."""
    found = SUM.findall(text)
    result = Result()
    if found:
        result = Result(*(int(n or 0) for n in found[-1]))
        result.reasons = Counter(SKIPPED.findall(text))
    elif status == 0:
        result.passed = 1
    if status and not result.failed:
        result.failed += 1
    return result


# ---- the tiers ---------------------------------------------------------------------------------


def checked(status, text):
    """A Result out of the lines of tools/check."""
    result = Result()
    for word, note in CHECK.findall(text):
        result.add(Result(word == "ok", word == "FAIL", word == "SKIP"))
        if word == "SKIP":
            result.reasons[note] += 1
    if status and not result.failed:
        result.failed = 1
    return result


def run_check(run):
    return checked(*run.call("tools/check", env={"CHECK_STRICT": "1"} if CI else {}))


def run_fuzz(run):
    return checked(*run.call("tools/check", "fuzz", env={"CHECK_FUZZ_SECONDS": "20"}))


def run_unit(run):
    status, text = run.call("meson", "test", "-C", "build", "--no-rebuild", "--print-errorlogs",
                            "--suite", "unit", "--suite", "golden", "--suite", "fuzz")
    count = {name: int(number) for name, number in MESON.findall(text)}
    result = Result(count.get("Ok", 0) + count.get("Expected Fail", 0),
                    sum(count.get(name, 0) for name in ("Fail", "Unexpected Pass", "Timeout")),
                    count.get("Skipped", 0))
    if result.skipped:
        result.reasons["a program said that it cannot run here"] = result.skipped
    if status and not result.failed:
        result.failed = 1
    return result


def run_seccomp(run):
    """libseccomp's programs, and ours."""
    result = Result()
    ours = ["--bpf-command", "build/tests/seccomp/compile {profile}"]
    for generator in ([], ours):
        result.add(summed(*run.call("python3", "-B", "tests/seccomp/check.py", *generator,
                                    *(["--samples", "500"] if run.quick else []))))
    return result


def run_quickstart(run):
    """Twice: the second time everything is there already."""
    result = Result()
    for _ in range(2):
        result.add(summed(*run.call("tools/quickstart")))
    return result


def containers(run, *paths):
    return summed(*run.call("tests/e2e/run", *paths, env=OURS))


def run_e2e(run):
    return containers(run, "tests/e2e")


def run_hostile(run):
    result = containers(run, "tests/hostile")
    result.add(summed(*run.call("tests/hostile/kill_random.py", "--rounds", "500", env=OURS)))
    result.add(summed(*run.call("tests/hostile/kill_sweep.py", env=OURS)))
    return result


def run_diff(run):
    return summed(*run.call("tests/diff/run", env=OURS))


def wanting_controllers():
    """Claims of the host tiers that were skipped for want of a controller."""
    claims = []
    for name in ("e2e", "hostile"):
        with contextlib.suppress(FileNotFoundError):
            text = (LOGS / f"{name}.log").read_text(errors="replace")
            claims += [claim for claim, _ in NO_CONTROLLER.findall(text)]
    return claims


def run_vm(run):
    """The quickstart in pure cgroup v2, all about cgroups, and what the host could not."""
    claims = wanting_controllers()
    result = Result()
    for kernel in ("bookworm", "cloud"):        # Linux 6.1 and 6.12
        result.add(summed(*run.call("tests/vm/run", "-k", kernel, "-T", run.left(), "--",
                                    "tools/quickstart")))
    result.add(summed(*run.call(
        "tests/vm/run", "-T", run.left(), "-e", f"ORLOP={ORLOP}", "-e", f"ORLOP_PROBE={PROBE}",
        "-e", "ORLOP_TEST_PATIENCE=10", "--", "tests/e2e/run",
        "-k", "|".join(["^cgroups: ", *(f"^{re.escape(claim)}$" for claim in claims)]),
        "tests/e2e", "tests/hostile")))
    result.regained = len(claims)
    return result


def run_bench(run):
    status, _ = run.call("tools/bench", "--quick", "--no-sid", "--runs", "3", "--many", "20")
    return Result(int(status == 0), int(status != 0))


@dataclass
class Tier:
    """A row: what it is called, what it shows, what it needs."""
    name: str
    about: str
    run: object
    seconds: int
    quick: bool = False             # a part of --quick
    root: bool = True
    packages: tuple = ()
    file: str = ""                  # what has to be in the tree


TIERS = [
    Tier("check", "the source keeps the rules of the house", run_check, 420, quick=True,
         root=False, packages=("clang", "clang-format", "git", "procps", "shellcheck"),
         file="tools/check"),
    Tier("unit", "functions, tables, plans and messages, without a kernel", run_unit, 240,
         quick=True, root=False, packages=("procps",)),
    Tier("seccomp", "the profiles decide as written, on a simulator", run_seccomp, 300,
         quick=True, root=False),
    Tier("quickstart", "the first command of the README", run_quickstart, 180, quick=True,
         packages=("busybox-static",)),
    Tier("e2e", "containers on this host", run_e2e, 480, quick=True,
         packages=("busybox-static", "procps", "strace", "uidmap")),
    Tier("hostile", "attacks, faults and kills", run_hostile, 900,
         packages=("busybox-static", "strace")),
    Tier("diff", "the same bundles under crun and runc", run_diff, 300,
         packages=("crun", "runc"), file="tests/diff/run"),
    Tier("vm", "pure cgroup v2 with every controller, in an emulated machine", run_vm, 900,
         packages=("busybox-static",)),
    Tier("fuzz", "configurations and command lines that nobody would write", run_fuzz, 300,
         root=False, packages=("clang",), file="tests/fuzz"),
    Tier("bench", "the measuring program works", run_bench, 180,
         packages=("crun", "runc", "strace")),
]


# ---- running them ------------------------------------------------------------------------------


def build():
    """The program and the test programs. Ends everything when that does not work."""
    began = time.monotonic()
    print("building", flush=True)
    if subprocess.run(["tools/build", "all"], cwd=TOP, check=False).returncode:
        print("the build failed\n0 passed, 1 failed, 0 skipped")
        raise SystemExit(1)
    print(f"built in {time.monotonic() - began:.0f} s", flush=True)


def cannot(tier):
    """Why a tier cannot run here, or an empty string."""
    if tier.file and not (TOP / tier.file).exists():
        return f"{tier.file} is not in this tree"
    if tier.root and os.geteuid() != 0:
        return "needs root"
    if tier.packages:
        done = subprocess.run([TOP / "tools/packages", f"the tier {tier.name}", *tier.packages],
                              check=False, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            return "packages: " + (done.stderr.strip().splitlines() or ["?"])[-1]
    return ""


def failures(path):
    """Of a log: what failed with its explanation, or the end of it."""
    lines = path.read_text(errors="replace").splitlines()
    shown, goes_on = [], None
    for line in lines:
        if line.startswith("not ok"):
            goes_on = re.compile(r"[ #]")
        elif re.match(r" *\d+/\d+ .* (FAIL|TIMEOUT) ", line):     # meson: up to an empty line
            goes_on = re.compile(r".")
        elif re.match(r"[\w-]+ +FAIL ", line):                    # tools/check: one line
            goes_on = re.compile(r"(?!)")
        elif goes_on and not goes_on.match(line):
            goes_on = None
        if goes_on:
            shown.append(line)
    if not shown:
        shown = lines[-40:]
    if len(shown) > SHOWN:
        shown = shown[:SHOWN] + [f"... {len(shown) - SHOWN} more lines"]
    return "\n".join("    " + line for line in shown)


def perform(tier, quick, latest):
    """One tier from its packages to its result; says what came of it."""
    print(f"\n== {tier.name}: {tier.about}", flush=True)
    began = time.monotonic()
    reason = cannot(tier)
    if reason:
        print(f"{'FAILED' if CI else 'SKIPPED'}: this tier cannot run: {reason}", flush=True)
        return Result(failed=int(CI), skipped=int(not CI), cannot=reason)
    run = Run(tier, quick, latest)
    try:
        result = tier.run(run)
    except Late as e:
        run.log.write(f"\n{e}\n")
        run.log.flush()
        print(e)
        result = summed(1, run.path.read_text(errors="replace"))
    finally:
        run.log.close()
    if result.failed:
        print(failures(run.path))
    for reason, times in sorted(result.reasons.items()):
        print(f"skipped {times}: {reason}")
    if result.regained:
        print(f"{result.regained} of these tests had been skipped on the host")
    print(f"{tier.name}: {result.passed} passed, {result.failed} failed, {result.skipped} skipped "
          f"({time.monotonic() - began:.0f} s, {run.path.relative_to(TOP)})", flush=True)
    return result


def options():
    p = argparse.ArgumentParser(prog="tools/test", formatter_class=argparse.RawTextHelpFormatter,
                                description="Run the tests that this machine can run.",
                                epilog="tiers:\n" + "\n".join(
                                    f"  {tier.name:<11}{tier.about}"
                                    f"{' (also with --quick)' if tier.quick else ''}"
                                    for tier in TIERS))
    p.add_argument("--quick", action="store_true", help="what takes a few minutes at most")
    p.add_argument("tiers", nargs="*", metavar="TIER", help="only these")
    args = p.parse_args()
    names = [tier.name for tier in TIERS]
    for name in args.tiers:
        if name not in names:
            p.error(f"no tier '{name}'; there are: {' '.join(names)}")
    return args


def main():
    args = options()
    wanted = [tier for tier in TIERS
              if (tier.name in args.tiers if args.tiers else tier.quick or not args.quick)]
    began = time.monotonic()
    host.become_subreaper()
    build()
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    total, lost = Result(), []
    for tier in wanted:
        result = perform(tier, args.quick, began + 60 * MINUTES)
        total.add(result)
        if result.cannot:
            lost.append(f"{tier.name} ({result.cannot})")
        reap()
    print(f"\n{len(wanted)} tiers in {(time.monotonic() - began) / 60:.1f} minutes")
    if lost:
        print("NOT RUN: " + "; ".join(lost))
    if args.quick:
        print("NOT RUN, because of --quick: " +
              ", ".join(tier.name for tier in TIERS if tier not in wanted))
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped - total.regained} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
