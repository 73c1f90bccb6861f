# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: what is done, how often, and what it yields per program.

A row is a function that takes the bench and returns {lane: Cell}. Lanes that cannot do it carry
the reason. Every row leaves no container behind.
"""

import json
import os
import re
import statistics
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import bundle
from runtime import BIN, LOGS
from world import CGROUP, WORK, reap


@dataclass
class Cell:
    """Numbers of one lane in one row, smallest first is best."""

    values: list = field(default_factory=list)
    cpu: list = field(default_factory=list)
    error: str = ""
    note: str = ""
    factor: float | None = None  # of the row `many`: beside N to beside one

    @property
    def best(self):
        return min(self.values) if self.values else None

    @property
    def median(self):
        return statistics.median(self.values) if self.values else None


@dataclass
class Bench:
    """What rows need: the world, the runtimes and how often to repeat."""

    world: object
    runtimes: list
    runs: int
    warm: int
    many: int
    machine: str
    say: object

    def newest(self, kind):
        """The first runtime of a kind; the newest comes first in the list."""
        return next((r for r in self.runtimes if r.name.split("-")[0] == kind), None)

    def timed(self, lanes, key="ns", runs=None, warm=None):
        """Run lanes [(name, steps)] in turn; a step is a list of words."""
        job = [["runs", runs or self.runs], ["warm", self.warm if warm is None else warm]]
        for name, steps in lanes:
            job.append(["lane", name, LOGS / name])
            job += steps
        text = "".join("\t".join(str(w) for w in step) + "\n" for step in job)
        ret = self.world.run([BIN / "timer"], input=text, capture_output=True, timeout=3600)
        if ret.returncode:
            raise SystemExit(f"bench: {ret.stderr.strip()}")
        cells = {}
        for lane in json.loads(ret.stdout)["lanes"]:
            cell = Cell(error=lane["error"])
            if lane["error"]:
                log = LOGS / lane["name"]
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                cell.error = last[0] if last else lane["error"]
            elif key == "ns":
                cell.values = [ns / 1e6 for ns in lane["ns"]]
                cell.cpu = [us / 1e3 for us in lane["cpu_us"]]
            else:
                cell.values = lane[key]
            cells[lane["name"]] = cell
        return cells

    def clear(self):
        """Afterwards no container of any runtime is left."""
        for rt in self.runtimes:
            rt.clear(self.world)
        reap()

    @contextmanager
    def running(self, args, start=True):
        """A container of each runtime; yields those that have one and the others' complaints."""
        up, cells = [], {}
        for rt in self.runtimes:
            where = bundle.make("up", rt.slot, args=args, devices=False)
            if rt.call(self.world, "create", "--bundle", where, "up") and \
                    (not start or rt.call(self.world, "start", "up")):
                up.append(rt)
            else:
                cells[rt.name] = Cell(error=rt.complaint() or "create or start went wrong")
        try:
            yield up, cells
        finally:
            self.clear()


def once(argv):
    return [["begin"], ["exec", *argv], ["end"]]


def floor(name="floor"):
    """The command line of a floor program for the bundles here."""
    return [BIN / name, *bundle.floor_args(["/bin/true"])]


def floors():
    """Both floor programs as lanes."""
    return [(name, once(floor(name))) for name in ("floor-bare", "floor")]


def run_lanes(bench, kind, before=None, **kwargs):
    """Lanes that run /bin/true in a bundle; before(rt) gives steps ahead of the clock."""
    lanes = []
    for rt in bench.runtimes:
        where = bundle.make(kind, rt.slot, args=["/bin/true"], **kwargs)
        steps = before(rt) if before else []
        lanes.append((rt.name, steps + once(rt.argv("run", "--bundle", where, "r"))))
    return lanes


def row_run(bench):
    return bench.timed(floors() + run_lanes(bench, "run"))


def row_run_plain(bench):
    return bench.timed(floors() + run_lanes(bench, "plain", devices=False))


def row_life(bench):
    lanes = floors()
    for rt in bench.runtimes:
        where = bundle.make("life", rt.slot, args=["/bin/true"])
        lanes.append((rt.name, [["begin"], ["exec", *rt.argv("create", "--bundle", where, "l")],
                                ["exec", *rt.argv("start", "l")], ["reap"],
                                ["exec", *rt.argv("delete", "l")], ["end"]]))
    return bench.timed(lanes)


def row_exec(bench):
    with bench.running(["/bin/pause"]) as (up, cells):
        return cells | bench.timed([(rt.name, once(rt.argv("exec", "up", "/bin/true")))
                                    for rt in up])


def row_state(bench):
    with bench.running(["/bin/pause"]) as (up, cells):
        return cells | bench.timed([("nothing", once([BIN / "nothing"]))] +
                                   [(rt.name, once(rt.argv("state", "up"))) for rt in up])


def row_kill(bench):
    # The first process of a pid namespace gets no signal it has no handler for.
    with bench.running(["/bin/pause"]) as (up, cells):
        return cells | bench.timed([("nothing", once([BIN / "nothing"]))] +
                                   [(rt.name, once(rt.argv("kill", "up", "TERM"))) for rt in up])


def percentiles(values):
    """What the tail is, in words."""
    ordered = sorted(values)
    at = {p: ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 95, 99)}
    return ", ".join(f"p{p} {value:.2f}" for p, value in at.items())


def crowd(bench, rt, name="up"):
    """Makes the container's tasks a hundred; a complaint, or an empty string."""
    for _ in range(99):
        if not rt.call(bench.world, "exec", "--detach", name, "/bin/pause"):
            return rt.complaint() or "exec went wrong"
    return ""


ARMED = "orlop, armed"


def arm(bench, rt, lanes, cells):
    """Adds the lane of a crowded container whose cut is there beforehand, or a complaint."""
    where = bundle.make("armed", rt.slot, args=["/bin/pause"], devices=False,
                        annotations={"org.orlop.remediation.network": "armed"})
    if not (rt.call(bench.world, "create", "--bundle", where, "armed") and
            rt.call(bench.world, "start", "armed")):
        cells[ARMED] = Cell(error=rt.complaint() or "create or start went wrong")
        return
    error = crowd(bench, rt, "armed")
    if error:
        cells[ARMED] = Cell(error=error)
        return
    lanes.append((ARMED, once(rt.argv("quarantine", "armed")) +
                  [["exec", *rt.argv("release", "armed")]]))


def noted(cells):
    """With the tail in words."""
    for cell in cells.values():
        if cell.values:
            cell.note = percentiles(cell.values)
    return cells


def row_contain(bench):
    """quarantine (others: pause) of 100 idle tasks, the whole command; undone outside the clock.
    Beside them a program that does nothing but freeze those of the first runtime, and a container
    of ours whose policy has the cut armed beforehand."""
    with bench.running(["/bin/pause"]) as (up, cells):
        lanes = []
        for rt in up:
            error = crowd(bench, rt)
            if error:
                cells[rt.name] = Cell(error=error)
                continue
            do, undo = (("quarantine", "release") if rt.name.startswith("orlop")
                        else ("pause", "resume"))
            if not lanes:
                alone = [BIN / "freeze", f"/sys/fs/cgroup/{CGROUP}/up-{rt.slot}"]
                lanes.append(("freeze alone", once([*alone, "1"]) + [["exec", *alone, "0"]]))
            lanes.append((rt.name, once(rt.argv(do, "up")) + [["exec", *rt.argv(undo, "up")]]))
            if rt.name == "orlop":
                arm(bench, rt, lanes, cells)
        cells |= bench.timed(lanes, runs=max(200, bench.runs))
    return noted(cells)


def row_drift(bench):
    """drift of 100 idle tasks, the whole command; others have no such thing."""
    with bench.running(["/bin/pause"]) as (up, cells):
        cells = {name: cell for name, cell in cells.items() if name.startswith("orlop")}
        lanes = []
        for rt in (one for one in up if one.name.startswith("orlop")):
            error = crowd(bench, rt)
            if error:
                cells[rt.name] = Cell(error=error)
            else:
                lanes.append((rt.name, once(rt.argv("drift", "up"))))
        cells |= bench.timed(lanes, runs=max(50, bench.runs))
    return noted(cells)


def put_policy(bench, rt, document):
    """Makes a policy of the host in the private namespace; a complaint, or an empty string."""
    found = re.search(rb"(/[ -~]*/orlop)/remediation\0", rt.path.read_bytes())
    if not found:
        return "knows no policies"
    place = found[1].decode() + "/remediation"
    (WORK / "watched.json").write_text(json.dumps(document))
    # What is below the nearest directory stays to be seen; that is often /etc itself.
    script = (f'p={place}; while [ ! -d "$p" ]; do p=${{p%/*}}; done; '
              f'o={WORK}/policy-{rt.slot}; rm -rf "$o"; mkdir -p "$o/upper" "$o/work" && '
              'mount -t overlay -o "lowerdir=$p,upperdir=$o/upper,workdir=$o/work" overlay "$p" && '
              f'mkdir -p {place} && cp {WORK}/watched.json {place}/watched.json')
    made = bench.world.run(["sh", "-c", script], capture_output=True)
    return "" if made.returncode == 0 else f"{place} cannot be made here: {made.stderr.strip()}"


def alarm_ms(bench, rt, group):
    """From the moment before an alarming call to everybody frozen, in milliseconds; or None."""
    told = WORK / "alarm-time"
    with told.open("wb") as out, open(group / "cgroup.events", "rb", buffering=0) as events, \
            rt.log.open("a", encoding="utf-8") as log:
        if bench.world.run(rt.argv("exec", "--detach", "up", "/bin/alarm"), stdout=out,
                           stderr=log).returncode:
            return None
        end = time.monotonic_ns() + 5_000_000_000
        # Whoever looks has to be there when it happens, on a busy machine as well.
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        try:
            while b"frozen 1" not in os.pread(events.fileno(), 64, 0):
                if time.monotonic_ns() > end:
                    return None
            now = time.monotonic_ns()
        finally:
            os.setpriority(os.PRIO_PROCESS, 0, 0)
    seconds, nanoseconds = struct.unpack("<qq", told.read_bytes())
    return (now - seconds * 1_000_000_000 - nanoseconds) / 1e6


def row_alarm(bench):
    """A watched call until the whole container is frozen; others have no such thing."""
    cells = {}
    policy = {"watch": {"calls": ["keyctl"], "action": "quarantine", "onFailure": "quarantine"}}
    for rt in (one for one in bench.runtimes if one.name.startswith("orlop")):
        cell = cells[rt.name] = Cell(error=put_policy(bench, rt, policy))
        if cell.error:
            continue
        where = bundle.make("alarm", rt.slot, args=["/bin/pause"],
                            annotations={"org.orlop.remediation.policy": "watched"})
        group = bench.world.cgroup / CGROUP / f"alarm-{rt.slot}"
        if not (rt.call(bench.world, "create", "--bundle", where, "up") and
                rt.call(bench.world, "start", "up")):
            cell.error = rt.complaint()
            continue
        for _ in range(max(200, bench.runs)):
            took = alarm_ms(bench, rt, group)
            if took is None or not rt.call(bench.world, "release", "up"):
                cell.error = rt.complaint() or "an alarm did not freeze it"
                break
            cell.values.append(took)
        if not cell.error:
            cell.note = percentiles(cell.values)
    return cells


def row_unwatched(bench):
    """Two million calls that no policy watches: under a profile alone, and with a watcher as well."""
    rt = bench.newest("orlop")
    policy = {"watch": {"calls": ["keyctl"], "action": "quarantine", "onFailure": "quarantine"}}
    error = put_policy(bench, rt, policy) if rt else "there is no orlop"
    lanes = []
    for lane, notes in (("profile alone", {}),
                        ("orlop", {"org.orlop.remediation.policy": "watched"})):
        name = "up-" + lane.split()[0]
        where = bundle.make(name, "calls", args=["/bin/pause"], annotations=notes,
                            seccomp=bundle.seccomp_profile(bench.machine))
        if not error and not (rt.call(bench.world, "create", "--bundle", where, name) and
                              rt.call(bench.world, "start", name)):
            error = rt.complaint()
        if not error:
            lanes.append((lane, once(rt.argv("exec", name, "/bin/calls"))))
    cells = {"orlop": Cell(error=error)} if error else bench.timed(lanes, runs=max(20, bench.runs))
    bench.clear()
    return cells


def taken(rt):
    """Steps that time one set of evidence on the tmpfs, and remove it."""
    place = WORK / f"set-{rt.slot}"
    return [["begin"], ["exec", *rt.argv("evidence", "-o", place, "up")], ["end"],
            ["exec", "/bin/rm", "-rf", place]]


def row_evidence(bench):
    """A set with everything of one small process: memory, files, sockets, tables; verified once."""
    with bench.running(["/bin/pause"]) as (up, cells):
        lanes = [(rt.name, taken(rt)) for rt in up if rt.name.startswith("orlop")]
        cells = {name: cell for name, cell in cells.items() if name.startswith("orlop")}
        cells |= bench.timed(lanes, runs=max(100, bench.runs))
    return noted(cells)


def row_evidence_large(bench):
    """The same of 256 MiB; what counts is how much that is in a second, hashed and written."""
    size = 256
    with bench.running(["/bin/hold"]) as (up, cells):
        cells = {name: cell for name, cell in cells.items() if name.startswith("orlop")}
        lanes = [(rt.name, taken(rt)) for rt in up if rt.name.startswith("orlop")]
        for rt in up:
            pid = rt.state(bench.world, "up")["pid"]
            end = time.monotonic() + 60
            while private_kib(pid) < size << 10:
                if time.monotonic() > end:
                    return {rt.name: Cell(error="it never had its memory")}
                time.sleep(0.05)
        cells |= bench.timed(lanes, runs=10, warm=1)
    for cell in cells.values():
        if cell.values:
            cell.note = (f"{size / cell.best * 1000:.0f} MiB/s at best, "
                         f"{size / cell.median * 1000:.0f} in the middle")
    return cells


def row_seccomp_cold(bench):
    def forget(rt):
        dirs = [rt.root / ".cache"]
        if rt.name.startswith("crun"):
            dirs.append("/run/crun/.cache")
        return [["remove", d] for d in dirs]
    profile = bundle.seccomp_profile(bench.machine)
    return bench.timed(run_lanes(bench, "seccomp", before=forget, seccomp=profile))


def row_seccomp_warm(bench):
    profile = bundle.seccomp_profile(bench.machine)
    return bench.timed(run_lanes(bench, "seccomp", seccomp=profile), warm=max(2, bench.warm))


def row_memory(bench):
    lanes = floors() + run_lanes(bench, "run")
    return bench.timed(lanes, key="rss_kib", runs=5, warm=1)


def private_kib(pid):
    text = open(f"/proc/{pid}/smaps_rollup", encoding="ascii").read()
    return sum(int(n) for n in re.findall(r"^Private_(?:Clean|Dirty): +(\d+) kB", text, re.M))


def row_created(bench):
    cells = {}
    for _ in range(3):
        with bench.running(["/bin/true"], start=False) as (up, failed):
            cells |= failed
            for rt in up:
                procs = bench.world.cgroup / CGROUP / f"up-{rt.slot}" / "cgroup.procs"
                pids = procs.read_text().split() if procs.exists() else []
                if not pids:
                    pids = [bench.runtimes[rt.slot].state(bench.world, "up")["pid"]]
                cell = cells.setdefault(rt.name, Cell(note=f"processes: {len(pids)}"))
                cell.values.append(sum(private_kib(pid) for pid in pids))
    return cells


LINE = re.compile(r"^(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)")


def count_calls(text):
    """System calls in an strace -f log: (all but the program's own, those before its exec).

    The program is what the last exec that succeeded started; an interrupted line counts once.
    """
    calls, pending, last_exec = [], {}, None
    for line in text.splitlines():
        found = LINE.match(line)
        if not found:
            continue
        pid, name, resumed = found.groups()
        if name:
            calls.append(pid)
            pending[pid] = len(calls) - 1
        if (name or resumed) in ("execve", "execveat") and line.rstrip().endswith("= 0"):
            last_exec = pending[pid]
    if last_exec is None:
        return len(calls), len(calls)
    program = calls[last_exec]
    own = sum(1 for pid in calls[last_exec + 1:] if pid == program)
    return len(calls) - own, last_exec + 1


def row_syscalls(bench):
    cells = {}
    trace = WORK / "strace"
    lanes = [(name, floor(name)) for name in ("floor-bare", "floor")]
    for rt in bench.runtimes:
        where = bundle.make("run", rt.slot, args=["/bin/true"])
        lanes.append((rt.name, rt.argv("run", "--bundle", where, "r")))
    for _ in range(3):
        for name, argv in lanes:
            ret = bench.world.run(["strace", "-f", "-qq", "-o", trace, *argv],
                                  capture_output=True)
            cell = cells.setdefault(name, Cell())
            if ret.returncode:
                cell.error = (ret.stderr.strip().splitlines() or ["it failed"])[-1]
                continue
            whole, to_exec = count_calls(trace.read_text(errors="replace"))
            cell.values.append(whole)
            cell.note = f"to the exec: {to_exec}"
    trace.unlink(missing_ok=True)
    return cells


def create_lane(rt):
    where = bundle.make("one", rt.slot, args=["/bin/true"], devices=False)
    return (rt.name, [["begin"], ["exec", *rt.argv("create", "--bundle", where, "x")], ["end"],
                      ["exec", *rt.argv("delete", "--force", "x")], ["reap"]])


def fan_out(bench, rt, verb, count, *words):
    """Do a verb for COUNT containers, four at a time; the complaint, or an empty string."""
    job = [["lane", rt.name, rt.log],
           ["fan", count, 4, rt.path, "--root", rt.root, verb, *words]]
    ret = bench.world.run([BIN / "timer"], capture_output=True, timeout=1800,
                          input="".join("\t".join(map(str, step)) + "\n" for step in job))
    reap()
    return json.loads(ret.stdout)["lanes"][0]["error"]


def row_many(bench):
    """create beside N containers; the factor is its best time over the best beside one, taken
    before and after, and the floor program tells how much of that is the kernel's."""
    cells = {}
    for rt in (bench.newest("orlop"), bench.newest("crun")):
        if not rt:
            continue
        for i in range(bench.many):
            bundle.make(f"many{i}", rt.slot, args=["/bin/pause"], devices=False)
        where = WORK / "bundle" / f"many%d-{rt.slot}"
        lanes = [create_lane(rt), ("floor", once(floor()))]
        found, error = [], ""
        for count in (1, bench.many, 1):
            error = error or fan_out(bench, rt, "create", count, "--bundle", where, "m%d")
            found.append(bench.timed(lanes))
            error = fan_out(bench, rt, "delete", count, "--force", "m%d") or error
        cell = found[1][rt.name]
        cell.error = next((f[rt.name].error for f in found if f[rt.name].error), error)
        if not cell.error:
            one = {name: min(found[0][name].best, found[2][name].best)
                   for name in (rt.name, "floor")}
            cell.factor = cell.best / one[rt.name]
            kernel = found[1]["floor"].best / one["floor"]
            cell.note = (f"beside {bench.many}: {cell.factor:.2f} x beside one "
                         f"({one[rt.name]:.2f}); floor {kernel:.2f} x")
        cells[rt.name] = cell
        rt.clear(bench.world)
    return cells


def row_parallel(bench):
    lanes = [("floor", [["begin"], ["fan", 100, 8, *floor()], ["end"]])]
    for rt in bench.runtimes:
        for i in range(100):
            bundle.make(f"par{i}", rt.slot, args=["/bin/true"], devices=False)
        where = WORK / "bundle" / f"par%d-{rt.slot}"
        rt.ids.update(f"p{i}" for i in range(100))
        lanes.append((rt.name, [["begin"], ["fan", 100, 8, str(rt.path), "--root", str(rt.root),
                                            "run", "--bundle", where, "p%d"], ["end"]]))
    return bench.timed(lanes, runs=max(3, bench.runs // 10), warm=1)


@dataclass(frozen=True)
class Row:
    """A row by name: what it says, its unit, what does it, and the program it is held against."""

    name: str
    title: str
    unit: str
    measure: object
    base: str = ""


ROWS = [
    Row("run", "run /bin/true", "ms", row_run, "floor"),
    Row("run-plain", "run /bin/true, no linux.resources", "ms", row_run_plain, "floor"),
    Row("life", "create + start + delete", "ms", row_life, "floor"),
    Row("exec", "exec /bin/true", "ms", row_exec),
    Row("state", "state", "ms", row_state, "nothing"),
    Row("kill", "kill", "ms", row_kill, "nothing"),
    Row("contain", "quarantine (others: pause) of 100 idle tasks", "ms", row_contain),
    Row("drift", "drift of 100 idle tasks", "ms", row_drift),
    Row("alarm", "a watched call until all is frozen", "ms", row_alarm),
    Row("unwatched", "two million calls that a watcher does not watch", "ms", row_unwatched,
        "profile alone"),
    Row("evidence", "evidence of a small process", "ms", row_evidence),
    Row("evidence-large", "evidence of 256 MiB, hashed", "ms", row_evidence_large),
    Row("seccomp-cold", "run, 345-call filter, caches removed", "ms", row_seccomp_cold),
    Row("seccomp-warm", "run, 345-call filter, cached", "ms", row_seccomp_warm),
    Row("memory", "peak resident memory of run", "KiB", row_memory, "floor"),
    Row("created", "private memory of a created container", "KiB", row_created),
    Row("syscalls", "system calls of run", "calls", row_syscalls, "floor"),
    Row("parallel", "100 runs, 8 at a time", "ms", row_parallel, "floor"),
    Row("many", "create beside many containers", "ms", row_many, "floor"),
]
