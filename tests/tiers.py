# SPDX-License-Identifier: Apache-2.0
"""tools/test: every tier of tests that this machine can run, and one sum at the end.

A tier is a row of TIERS: what it shows, the packages it needs (installed here), how long it may
take, and what it runs. Each leaves a log in build/test-logs/. A tier that cannot run is skipped
with its reason; with CI=true in the environment that is a failure. The last line is
"N passed, N failed, N skipped", and the exit status is 0 only when nothing failed.

The emulated machines come after the host, and take over what the host had to skip: a test counts
once, wherever and however often it ran, and as skipped only when no tier could run it.
"""

import argparse
import os
import platform
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/e2e")]

from deck import host  # noqa: E402  pylint: disable=wrong-import-position
from tier.result import (Result, checked, failures, named, summed, tap,  # noqa: E402
                         tested)
from tier.run import LOGS, Late, Run, reap  # noqa: E402

ORLOP = TOP / "build/src/orlop"
PROBE = TOP / "build/tests/probe/probe"
OURS = {"ORLOP": str(ORLOP), "ORLOP_PROBE": str(PROBE)}
CI = os.environ.get("CI") == "true"
# For all together, but for making the machines, which is done once. Two idle processors need 40; a
# job of continuous integration may have neighbours, and has an end of its own: there it is for all.
MINUTES = 55 if CI else 45


# ---- the tiers ---------------------------------------------------------------------------------


def run_check(run):
    return checked(*run.call("tools/check", env={"CHECK_STRICT": "1"} if CI else {}))


def run_fuzz(run):
    return checked(*run.call("tools/check", "fuzz", env={"CHECK_FUZZ_SECONDS": "8"}))


def run_unit(run):
    return tested(*run.call("meson", "test", "-C", "build", "--no-rebuild", "--print-errorlogs",
                            "--suite", "unit", "--suite", "golden", "--suite", "fuzz"))


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
    return Result().add(named("quickstart", run.call("tools/quickstart")[0])).add(
        named("quickstart: and again", run.call("tools/quickstart")[0]))


def containers(run, *paths):
    return summed(*run.call("tests/e2e/run", *paths, env=OURS))


def run_e2e(run):
    return containers(run, "tests/e2e")


def run_hostile(run):
    result = containers(run, "tests/hostile")
    result.add(summed(*run.call("tests/hostile/kill_random.py", "--rounds", "500", env=OURS)))
    result.add(summed(*run.call("tests/hostile/kill_sweep.py", env=OURS)))
    # Every third call, with one error of six; fault_sweep.py --all-errors is the rest.
    result.add(summed(*run.call("tests/hostile/fault_sweep.py", "--step", "3", env=OURS)))
    # And calls that go on failing, as on a disk that is broken and on an old kernel. Want of memory is
    # not among them: a created container waits until that has passed.
    return result.add(summed(*run.call("tests/hostile/fault_sweep.py", "--step", "3", "--errors",
                                       "EIO+,ENOSYS+", env=OURS)))


def run_images(run):
    return containers(run, "tests/images")


def program(*argv):
    """A function for a row: one program that says by itself what came of it."""
    return lambda run: summed(*run.call(*argv, env=OURS))


def run_bench(run):
    return named("the measuring program",
                 run.call("tools/bench", "--quick", "--no-sid", "--runs", "3", "--many", "20")[0])


# ---- in machines -------------------------------------------------------------------------------

# Of the tests with containers, what leans most on the kernel: for the kernels beside the usual one.
KERNEL_TOPICS = ("cgroups", "mounts", "namespaces", "resources")


def run_machines(run):
    """Kernels, disk and templates; with a cache that has them this takes seconds."""
    return named("machines", run.call("tests/vm/setup", "all")[0])


def claims_of(topics, names=()):
    """A pattern for tests/e2e/run: topics, and tests by name."""
    return "|".join([*(f"^{topic}: " for topic in topics),
                     *(f"^{re.escape(name)}$" for name in names)])


def in_machine(run, machine, disks, *argv):
    """The container tests in a machine; `argv` says which. It has two disks to spoil, BFQ, and
    AF_VSOCK without a hypervisor."""
    given = {**OURS, "ORLOP_TEST_PATIENCE": "10",
             "ORLOP_TEST_DISK": f"/dev/{disks[0]}", "ORLOP_TEST_SWAP": f"/dev/{disks[1]}"}
    return summed(*run.call(*machine, "-T", run.left(), *(word for name, value in given.items()
                                                          for word in ("-e", f"{name}={value}")),
                            "--", "sh", "-c",
                            'modprobe -aq bfq vsock_loopback; exec tests/e2e/run "$@"', "run",
                            *argv))


def run_vm(run):
    """The quickstart in pure cgroup v2, all about cgroups, and what the host could not."""
    result = Result()
    for kernel in ("bookworm", "cloud"):        # Linux 6.1 and 6.12
        result.add(named(f"quickstart on {kernel}",
                         run.call("tests/vm/run", "-k", kernel, "-T", run.left(), "--",
                                  "tools/quickstart")[0]))
    machine = ["tests/vm/run", "-d", "256M", "-d", "256M"]
    result.add(in_machine(run, machine, ("vda", "vdb"),
                          "-k", claims_of(["cgroups", "resources", "update"], run.skipped),
                          "tests/e2e", "tests/hostile"))
    # Nobody else shall be in a machine whose clock is set.
    return result.add(in_machine(run, [*machine, "-e", "ORLOP_TEST_CLOCK=1"], ("vda", "vdb"),
                                 "-k", claims_of(["clock"]), "-j", "1", "tests/e2e"))


def full(template, *topics, skipped=False, argv=()):
    """A function for a row: some topics in a clone of a template, with `skipped` also what could
    not be run before."""
    def tier(run):
        machine = ["tests/vm/full", "--template", template, "-r", str(TOP)]
        names = run.skipped if skipped else ()
        return in_machine(run, machine, ("vdc", "vdd"), "-k", claims_of(topics, names), *argv, "tests/e2e",
                          *(["tests/hostile"] if names else []))
    return tier


def run_debians(run):
    """The engines of Debian 12 and 13, in roots, without a machine."""
    result = Result()
    for place in ("bookworm", "trixie"):
        result.add(summed(*run.call("tests/engines/run", "--in", place, env=OURS)))
    return result


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
    machine: bool = False           # runs emulated machines
    long: bool = False              # only with --long, or by name


TIERS = [
    Tier("check", "the source keeps the rules of the house", run_check, 420, quick=True,
         root=False, packages=("clang", "clang-format", "git", "procps", "shellcheck")),
    Tier("unit", "functions, tables, plans and messages, without a kernel", run_unit, 240,
         quick=True, root=False, packages=("procps",)),
    Tier("seccomp", "the profiles decide as written, on a simulator", run_seccomp, 300,
         quick=True, root=False),
    Tier("quickstart", "the first command of the README", run_quickstart, 180, quick=True,
         packages=("busybox-static",)),
    Tier("e2e", "containers on this host", run_e2e, 480, quick=True,
         packages=("busybox-static", "conmon", "procps", "strace", "uidmap")),
    Tier("hostile", "attacks, faults and kills", run_hostile, 900,
         packages=("busybox-static", "strace")),
    Tier("images", "twelve popular images at rest: no drift, and what is added to them is some",
         run_images, 900, long=True, packages=("busybox-static", "debootstrap")),
    Tier("diff", "the same bundles under crun and runc", program("tests/diff/run"), 300,
         packages=("crun", "runc")),
    Tier("machines", "kernels, a disk and templates for what follows", run_machines, 1200,
         machine=True),
    Tier("vm", "pure cgroup v2 with every controller, in a tiny machine", run_vm, 900,
         machine=True, packages=("busybox-static",)),
    Tier("plain", "systemd as pid 1: its cgroup driver, CRIU, and what no tier before could run",
         full("plain", "systemd", "systemd_user", skipped=True), 900, machine=True),
    Tier("apparmor", "AppArmor confines", full("apparmor", "labels"), 180, machine=True),
    Tier("selinux", "SELinux, enforcing, confines", full("selinux", "labels"), 180, machine=True),
    # /var/tmp is on a disk: tmpfs has id-mapped mounts since Linux 6.3.
    Tier("bookworm", "Debian 12: what leans on the kernel, 6.1, and on systemd, 252",
         full("bookworm", *KERNEL_TOPICS, "systemd", "systemd_user", argv=("--tmp", "/var/tmp")),
         720, machine=True),
    Tier("sid", "the same on the newest kernel", full("sid", *KERNEL_TOPICS), 480, machine=True,
         long=True),
    Tier("kubelet", "pods as a kubelet makes them, by the CRI of a real containerd",
         program("tests/engines/kubelet"), 1200, machine=True, long=True),
    Tier("engines", "containerd, Docker, Podman and Buildah drive it",
         program("tests/engines/run", "--quick"), 1800, machine=True, long=True),
    Tier("debians", "the same engines as Debian 12 and 13 have them, natively", run_debians, 3600,
         machine=True, long=True, packages=("mmdebstrap",)),
    Tier("package", "the quickstart and the Debian package in clean Debian roots",
         program("tests/package/run", "fresh", "deb"), 900,
         packages=("busybox-static", "debootstrap", "lintian")),
    Tier("contrib", "its files with the engines and the cluster that they are for",
         program("tests/package/run", "dropins", "kubernetes"), 1800, machine=True, long=True,
         packages=("busybox-static", "debootstrap")),
    Tier("fuzz", "what nobody would write, in every reader of what others write", run_fuzz, 540,
         root=False, packages=("clang",)),
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


def cannot(tier, total):
    """Why a tier cannot run here, or an empty string."""
    if tier.root and os.geteuid() != 0:
        return "needs root"
    if tier.machine:
        if platform.machine() != "x86_64" or not Path("/etc/debian_version").exists():
            return "the machines are made on Debian on x86_64"
        if total.claims.get("machines") == "failed":
            return "the machines could not be made"
    if tier.packages:
        done = subprocess.run([TOP / "tools/packages", f"the tier {tier.name}", *tier.packages],
                              check=False, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            return "packages: " + (done.stderr.strip().splitlines() or ["?"])[-1]
    return ""


def processors():
    """Seconds that processors have worked for us: says more than the clock on a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def perform(tier, quick, latest, total):
    """One tier from its packages to its result; says what came of it."""
    print(f"\n== {tier.name}: {tier.about}", flush=True)
    began, worked = time.monotonic(), processors()
    reason = cannot(tier, total)
    if reason:
        print(f"{'FAILED' if CI else 'SKIPPED'}: this tier cannot run: {reason}", flush=True)
        result = Result(cannot=reason)
        result.numbers["failed" if CI else "skipped"] = 1
        return result
    run = Run(tier, quick, latest, total.skipped_claims())
    try:
        result = tier.run(run)
    except Late as e:
        print(e)
        result = tap(run.text()).fail()
        run.log.write(f"\n{e}\n")
    finally:
        run.log.close()
    if result.count("failed"):
        print(failures(run.path.read_text(errors="replace")))
    for reason, times in sorted(result.skip_reasons().items()):
        print(f"skipped {times}: {reason}")
    regained = [name for name in run.skipped if result.claims.get(name) in ("passed", "failed")]
    if regained:
        print(f"{len(regained)} of these tests had been skipped before")
    print(f"{tier.name}: {result} ({time.monotonic() - began:.0f} s, of processors "
          f"{processors() - worked:.0f} s, {run.path.relative_to(TOP)})", flush=True)
    return result


def options():
    p = argparse.ArgumentParser(prog="tools/test", formatter_class=argparse.RawTextHelpFormatter,
                                description="Run the tests that this machine can run.",
                                epilog="tiers:\n" + "\n".join(
                                    f"  {tier.name:<11}{tier.about}"
                                    f"{' (also with --quick)' if tier.quick else ''}"
                                    f"{' (only with --long)' if tier.long else ''}"
                                    for tier in TIERS))
    p.add_argument("--quick", action="store_true", help="what takes a few minutes at most")
    p.add_argument("--long", action="store_true",
                   help="engines, a kubelet and the newest kernel too: half an hour more")
    p.add_argument("tiers", nargs="*", metavar="TIER", help="only these")
    args = p.parse_args()
    names = [tier.name for tier in TIERS]
    for name in args.tiers:
        if name not in names:
            p.error(f"no tier '{name}'; there are: {' '.join(names)}")
    return args


def is_wanted(tier, args):
    if args.tiers:
        return tier.name in args.tiers
    return tier.quick if args.quick else args.long or not tier.long


def main():
    args = options()
    wanted = [tier for tier in TIERS if is_wanted(tier, args)]
    began = time.monotonic()
    host.become_subreaper()
    build()
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    total, lost = Result(), []
    latest = began + 60 * MINUTES * (2 if args.long else 1)
    for tier in wanted:
        started = time.monotonic()
        result = perform(tier, args.quick, latest, total)
        total.add(result)
        if result.cannot:
            lost.append(f"{tier.name} ({result.cannot})")
        if tier.name == "machines" and not CI:
            latest += time.monotonic() - started
        reap()
    print(f"\n{len(wanted)} tiers in {(time.monotonic() - began) / 60:.1f} minutes, "
          f"{processors() / 60:.1f} of processors")
    for reason, times in sorted(total.skip_reasons().items()):
        print(f"skipped everywhere: {times}: {reason}")
    if lost:
        print("NOT RUN: " + "; ".join(lost))
    left = [tier.name for tier in TIERS if tier not in wanted]
    if left and not args.tiers:
        print(f"NOT RUN {'because of --quick' if args.quick else 'without --long'}: "
              f"{', '.join(left)}")
    print(total)
    return 1 if total.count("failed") else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
