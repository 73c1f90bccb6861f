# SPDX-License-Identifier: Apache-2.0
"""tools/bench --engine: what a runtime costs where it is used, below containerd, podman and docker.

Each engine runs /bin/true in a new container and in one that is there, with each runtime in turn,
run by run. The engines are those of the full machine of tests/vm: natively, in its root file
system, and in the machine, where everything is emulated and only ratios mean something.
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

import table

HERE = Path(__file__).resolve().parent
VM = HERE.parent / "vm"
HEAD = ("", "best", "median", "x crun", "x runc", "")
PLACES = ("native", "machine")


def disk():
    """The machine's disk; made when it is not there."""
    base = os.environ.get("ORLOP_CACHE")
    if not base:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
                            "orlop")
    image = Path(base) / "vm/disk/trixie/root.img"
    if not image.exists():
        subprocess.run([VM / "setup", "full"], check=True)
    return image.resolve()


def results(place, orlop, timer, runs):
    """What engine_inside.py found there."""
    with tempfile.TemporaryDirectory(prefix="orlop-bench.", dir="/var/tmp") as work:
        for path, name in ((orlop, "orlop"), (timer, "timer"),
                           (HERE / "engine_inside.py", "engine_inside.py")):
            shutil.copy(path, Path(work) / name)
        inside = ["python3", "-B", f"{work}/engine_inside.py", work, str(runs), place]
        enter = [HERE / "enter_disk", disk(), work]
        if place == "machine":
            enter = [VM / "full", "--template", "engines", "-T", "3000", "-w", work, "--"]
        subprocess.run([*enter, *inside], check=True, stdin=subprocess.DEVNULL)
        return json.loads((Path(work) / "results.json").read_text(encoding="ascii"))


def against(lane, other):
    """The ratios of best and median."""
    if not other or lane is other or not other["ms"]:
        return ""
    mine, theirs = lane["ms"], other["ms"]
    return (f"{min(mine) / min(theirs):.2f}/"
            f"{statistics.median(mine) / statistics.median(theirs):.2f}")


def rows(found):
    """Lines of the table: a title for each row, a line for each runtime."""
    for title, lanes in found["rows"].items():
        yield f"{title} /bin/true, ms"
        for name, lane in lanes.items():
            label = f"{name} {found['versions'][name]}"
            if lane["error"]:
                yield (label, "fails", "", "", "", lane["error"][:100])
                continue
            yield (label, f"{min(lane['ms']):.1f}", f"{statistics.median(lane['ms']):.1f}",
                   against(lane, lanes.get("crun")), against(lane, lanes.get("runc")), "")


def main(args, timer):
    """Measures and prints; 1 when orlop did not work. What others cannot do here they say."""
    kept, failed = {}, False
    for place in PLACES if args.engine == "both" else (args.engine,):
        runs = args.runs if place == "native" else max(3, args.runs // 5)
        found = kept[place] = results(place, args.orlop, timer, runs)
        engines = ", ".join(f"{name} {found['versions'][name]}"
                            for name in ("containerd", "podman", "docker"))
        print(f"\n{place}: {engines}; {runs} runs each, in turn, run by run; ratios are of "
              "best/median" + (" (emulated: times mean nothing)" if place == "machine" else ""))
        print(table.layout([HEAD, *rows(found)]))
        failed |= any("orlop" not in lanes or lanes["orlop"]["error"]
                      for lanes in found["rows"].values())
    if args.json:
        Path(args.json).write_text(json.dumps(kept, indent=1) + "\n", encoding="ascii")
    return 1 if failed else 0
