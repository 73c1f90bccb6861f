# SPDX-License-Identifier: Apache-2.0
"""tools/bench: orlop, crun and runc side by side with a static floor program.

All programs run in turn, run by run, on the same bundles in one private mount namespace; a small
static program does the timing. See world.py, rows.py and target.py.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import bundle
import engine
import sidroot
import table
import target
from rows import ARMED, ROWS, Bench
from runtime import BIN, collect
from world import World

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
NEEDED = {  # what is looked for: the package that has it
    "cc": "gcc", "/usr/include/stdio.h": "libc6-dev", "strace": "strace", "crun": "crun",
    "runc": "runc", "debootstrap": "debootstrap",
    sidroot.KEYRINGS[0]: "debian-archive-keyring",
}
WARN = ["-O2", "-std=gnu17", "-Wall", "-Wextra", "-Werror"]
BARE = ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie"]
PROGRAMS = {  # name: (source, flags)
    "floor": ("floor", ["-static", "-DBARE_WITH_LIBC"]),
    "floor-bare": ("floor", BARE),
    "freeze": ("freeze", ["-static", "-DBARE_WITH_LIBC"]),
    "inside": ("inside", BARE),
    "nothing": ("nothing", ["-static"]),
    "timer": ("timer", ["-static", "-D_GNU_SOURCE"]),
}


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def options():
    p = argparse.ArgumentParser(prog="tools/bench", description="Time orlop beside crun, runc and "
                                "a static floor program, and hold it against its targets.")
    p.add_argument("--orlop", metavar="PATH", default=str(TREE / "build/src/orlop"),
                   help="the orlop to measure (default: build/src/orlop)")
    p.add_argument("--runtime", metavar="NAME=PATH", action="append", default=[],
                   help="measure this program too; may be given several times")
    p.add_argument("--engine", nargs="?", const="both", choices=[*engine.PLACES, "both"],
                   help="measure below containerd, podman and docker instead: natively and in the "
                   "machine of tests/vm")
    p.add_argument("--rows", metavar="ROW,...", help="only these rows: " +
                   " ".join(r.name for r in ROWS))
    p.add_argument("--runs", type=int, metavar="N", help="measured runs of each (50; quick 10)")
    p.add_argument("--many", type=int, metavar="N",
                   help="containers present in the row `many` (1000; quick 100)")
    p.add_argument("--quick", action="store_true", help="fewer runs and containers")
    p.add_argument("--json", metavar="FILE", help="write every value to FILE")
    p.add_argument("--strict", action="store_true", help="exit 1 if a target is not met")
    p.add_argument("--no-sid", action="store_true",
                   help="without the Debian sid tree: the machine's own runtimes and libraries")
    p.add_argument("--fresh-sid", action="store_true", help="make the sid tree anew")
    p.add_argument("--mirror", metavar="URL", help="Debian mirror for it (default: apt's)")
    args = p.parse_args()
    args.runs = args.runs or (10 if args.quick else 50)
    args.many = args.many or (100 if args.quick else 1000)
    names = [r.name for r in ROWS]
    args.rows = args.rows.split(",") if args.rows else names
    for name in args.rows:
        if name not in names:
            p.error(f"no row '{name}'; there are: {' '.join(names)}")
    for pair in args.runtime:
        if "=" not in pair:
            p.error(f"--runtime {pair}: NAME=PATH is asked for")
    return args


def find(name):
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return shutil.which(name, path=path)


def install(args):
    """Install what is missing from Debian; where there is no apt-get, say what is missing."""
    skip = {"debootstrap", sidroot.KEYRINGS[0]} if args.no_sid else set()
    missing = [pkg for what, pkg in NEEDED.items() if what not in skip and not find(what)
               and not Path(what).exists()]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise SystemExit(f"bench: these are needed: {' '.join(missing)}")
    say(f"installing {' '.join(missing)}")
    quiet = {"stdout": subprocess.DEVNULL, "check": False,
             "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if subprocess.run(command, stderr=subprocess.DEVNULL, **quiet).returncode:
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        if subprocess.run(command, **quiet).returncode:
            raise SystemExit(f"bench: apt-get could not install {' '.join(missing)}")


def compile_programs(where, *names):
    where.mkdir(exist_ok=True)
    for name in names or PROGRAMS:
        source, flags = PROGRAMS[name]
        subprocess.run(["cc", *WARN, *flags, "-o", str(where / name), str(HERE / f"{source}.c")],
                       check=True)


def make_rootfs():
    for name in ("bin", "dev", "proc", "sys"):
        (bundle.ROOTFS / name).mkdir(parents=True)
    bundle.EMPTY.mkdir()
    for name in ("true", "pause", "alarm", "hold", "calls"):
        shutil.copy(BIN / "inside", bundle.ROOTFS / "bin" / name)


def wanted(args, sid):
    """(name, file, origin) of every program, the newest of a kind first."""
    out = [("orlop", args.orlop, "")]
    for kind in ("crun", "runc"):
        if sid:
            path = next((sid / d / kind for d in ("usr/bin", "usr/sbin")
                         if (sid / d / kind).is_file()), sid / "usr/bin" / kind)
            out.append((f"{kind}-sid", path, "Debian sid"))
        out.append((f"{kind}-host", find(kind) or f"/usr/bin/{kind}", "this machine's package"))
    for pair in args.runtime:
        name, path = pair.split("=", 1)
        out.append((name, path, "given"))
    return out


def sid_tree(args):
    if args.no_sid:
        return None
    try:
        return sidroot.tree(say, args.fresh_sid, args.mirror)
    except (sidroot.SidError, subprocess.TimeoutExpired) as err:
        say(f"no Debian sid tree: {err}")
        return None


def facts(world, sid):
    """The conditions under which it was measured."""
    cpu = next((line.split(":", 1)[1].strip() for line in
                Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
               os.uname().machine)
    controllers = (world.cgroup / "cgroup.controllers").read_text().split()
    return {
        "kernel": os.uname().release, "cpu": cpu, "cores": os.cpu_count(),
        "load": list(os.getloadavg()), "cgroup2_controllers": controllers,
        "root": "Debian sid tree" if sid else "this machine's own",
    }


def print_head(about, runtimes, args):
    print(f"Linux {about['kernel']}, {about['cores']} x {about['cpu']}, "
          f"load {about['load'][0]:.2f}")
    print(f"cgroup v2 controllers: {' '.join(about['cgroup2_controllers']) or 'none'}")
    print(f"Everything ran in one private mount namespace, its root {about['root']}: dynamic "
          "programs use the libraries\nthere. Binaries, bundles, state and root file system are "
          "on one tmpfs. No shell or wrapper is timed.")
    print(f"{args.runs} runs each, in turn, run by run; ratios are of best/median; cpu is the "
          "median user+system time of the\nprocesses waited for. floor: namespaces, mounts, "
          "pivot_root and exec of the same bundle, nothing else, linked\nstatically; floor-bare: "
          "the same without a C library; nothing: a static program that returns 0; freeze alone: "
          "one that\nfreezes the tasks of the first container and waits until they are; orlop, "
          "armed: where the policy has the\ncut put there when the container is created.")
    for rt in runtimes:
        print(f"  {rt.name}: {rt.version}{', ' + rt.origin if rt.origin else ''}")


def measure(bench, args):
    chosen = [r for r in ROWS if r.name in args.rows]
    results = {}
    for row in chosen:
        say(row.title)
        try:
            results[row.name] = row.measure(bench)
        finally:
            bench.clear()
    return chosen, results


def report(chosen, results, bench, about, args):
    crun = bench.newest("crun")
    crun_name = crun.name if crun else None
    verdicts = target.judge(results, crun_name)
    labels = {name: name for name in ("nothing", "profile alone", "freeze alone", "floor-bare",
                                     "floor")}
    for rt in bench.runtimes:
        labels[rt.name] = f"{rt.name.split('-')[0]} {rt.version}" if rt.origin else rt.name
        if rt.name == "orlop":
            labels[ARMED] = ARMED
    lines = [table.HEAD]
    for row in chosen:
        lines += table.row_lines(row, results[row.name], labels, crun_name,
                                 verdicts.get(row.name))
    print(table.layout(lines))
    met = [v[2] for v in verdicts.values()]
    print(f"\ntargets: {met.count(True)} met, {met.count(False)} not met, "
          f"{met.count(None)} not measured")
    if args.json:
        tree = {"about": about | {"load_after": list(os.getloadavg()), "runs": args.runs},
                "runtimes": {rt.name: {"version": rt.version, "origin": rt.origin}
                             for rt in bench.runtimes},
                "crun": crun_name,
                "rows": {r.name: table.as_tree(r, results[r.name], verdicts.get(r.name))
                         for r in chosen}}
        Path(args.json).write_text(json.dumps(tree, indent=1) + "\n")
    return 1 if args.strict and (False in met or None in met) else 0


def main():
    args = options()
    if os.geteuid() != 0:
        raise SystemExit("bench: containers of other runtimes need root")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args.orlop = os.path.abspath(args.orlop)
    if args.json:
        args.json = os.path.abspath(args.json)
    lock_dir = sidroot.cache_dir()
    lock_dir.mkdir(parents=True, exist_ok=True)
    with open(lock_dir / "lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("bench: another bench is running; two would disturb each other")
        install(args)
        if args.engine:
            with tempfile.TemporaryDirectory() as where:
                compile_programs(Path(where), "timer")
                return engine.main(args, Path(where) / "timer")
        sid = sid_tree(args)
        programs = wanted(args, sid)
        world = World(sid or "/")
        try:
            compile_programs(BIN)
            make_rootfs()
            runtimes = collect(world, programs, say)
            about = facts(world, sid)
            if about["load"][0] > (os.cpu_count() or 1):
                say(f"the machine is busy (load {about['load'][0]:.1f}): ratios count, times do "
                    "not")
            bench = Bench(world, runtimes, args.runs, 5 if args.runs >= 20 else 2, args.many,
                          os.uname().machine, say)
            print_head(about, runtimes, args)
            chosen, results = measure(bench, args)
            return report(chosen, results, bench, about, args)
        finally:
            world.close()


if __name__ == "__main__":
    sys.exit(main())
