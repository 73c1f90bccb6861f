# SPDX-License-Identifier: Apache-2.0
"""The programs that are compared: where each comes from and how it is called."""

import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from world import WORK, reap

BIN = WORK / "bin"
LOGS = WORK / "log"


@dataclass
class Runtime:
    """One runtime, copied into the work directory; `slot` keeps its containers apart."""

    name: str
    path: Path
    slot: int
    origin: str
    version: str = ""
    ids: set = field(default_factory=set)

    @property
    def root(self):
        return WORK / "state" / self.name

    @property
    def log(self):
        return LOGS / self.name

    def argv(self, verb, *args):
        """The command line; ids that are created are remembered for clear()."""
        if verb in ("create", "run"):
            self.ids.add(str(args[-1]))
        return [str(self.path), "--root", str(self.root), verb, *map(str, args)]

    def call(self, world, verb, *args):
        """True when it ended well. Its errors go to the log, not to a pipe: a container holds
        on to what it inherits."""
        with self.log.open("a", encoding="utf-8") as log:
            return world.run(self.argv(verb, *args), stdout=log, stderr=log).returncode == 0

    def state(self, world, cid):
        ret = world.run(self.argv("state", cid), capture_output=True)
        return json.loads(ret.stdout) if ret.returncode == 0 else None

    def complaint(self):
        """The last line of the log, for a table."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def clear(self, world):
        """Remove every container it was asked to make; most are gone already. On a busy machine
        one may need longer than the runtime waits for it."""
        for cid in sorted(self.ids) if self.root.is_dir() else ():
            for tries in range(20):
                if not (self.root / cid).exists():
                    break
                if tries:
                    reap()
                    time.sleep(0.5)
                self.call(world, "delete", "--force", cid)
            else:
                raise SystemExit(f"bench: {self.name} cannot remove {cid}: {self.complaint()}")
        self.ids.clear()
        self.log.write_text("")


def version_of(world, path):
    """The first line of --version without its words, or None when it does not start."""
    try:
        ret = world.run([path, "--version"], capture_output=True)
    except OSError:
        return None
    words = ret.stdout.split("\n")[0].split()
    return words[-1] if ret.returncode == 0 and words else None


def collect(world, wanted, say):
    """Copy each (name, file, origin) in and keep those that start; the rest are named.

    A runtime with the version of an earlier one of the same kind is left out: it is the same
    program.
    """
    BIN.mkdir(exist_ok=True)
    LOGS.mkdir(exist_ok=True)
    found, seen = [], set()
    for name, path, origin in wanted:
        if not Path(path).is_file():
            say(f"{name}: {path} is not there; left out")
            continue
        copy = BIN / name
        shutil.copyfile(path, copy)
        copy.chmod(0o755)
        version = version_of(world, copy)
        if version is None:
            say(f"{name}: {path} does not start in the private namespace; left out")
            continue
        kind = (name.split("-")[0], version)
        if kind in seen:
            say(f"{name}: the same version as an earlier one ({version}); left out")
            continue
        seen.add(kind)
        rt = Runtime(name, copy, len(found), origin, version)
        rt.log.write_text("")
        found.append(rt)
    return found
