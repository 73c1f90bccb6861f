# SPDX-License-Identifier: Apache-2.0
"""Where setup keeps what a machine is started from; what is missing is made first.

    python3 -m machine.cache disk-key NAME      print the name of what disk NAME should be now
    python3 -m machine.cache disk-suites NAME   print the suites that its packages come from
"""
import hashlib
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent


# The disks: the suites that they are made from, and what shapes them beside the package lists.
SUITES = {"trixie": ["trixie", "sid"], "bookworm": ["bookworm"]}
RECIPES = {"trixie": ["part/disk.sh", "guest/furnish", "guest/furnish-engines", "guest/image.py"],
           "bookworm": ["part/disk.sh", "guest/furnish"]}


class Missing(Exception):
    """Something is not in the cache, and setup could not put it there (it has said why)."""


def directory() -> pathlib.Path:
    base = os.environ.get("ORLOP_CACHE")
    if not base:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        base = os.path.join(base, "orlop")
    return pathlib.Path(os.path.realpath(base)) / "vm"


def _setup(*what: str) -> None:
    done = subprocess.run([HERE / "setup", *what], stdin=subprocess.DEVNULL, stdout=2, check=False)
    if done.returncode != 0:
        raise Missing(f"setup {' '.join(what)} ended with {done.returncode}")


def _need(path: str, *what: str) -> pathlib.Path:
    """The real path of something in the cache, where short names no longer matter."""
    want = directory() / path
    if not want.exists():
        _setup(*what)
        if not want.exists():
            raise Missing(f"setup {' '.join(what)} did not make {path}")
    return want.resolve()


def kernel(name: str) -> pathlib.Path:
    return _need(f"kernel/{name}", "tiny", name)


def modules(name: str, version: str) -> pathlib.Path:
    return _need(f"modules/{version}", "modules", name)


def disk_key(name: str) -> str | None:
    """A name that changes with the recipe and the package lists; None without lists."""
    lists = [sorted((directory() / "apt" / suite / "lists").glob("*Release"))
             for suite in SUITES[name]]
    if not all(lists):
        return None
    shape = hashlib.sha256(name.encode())
    for path in [HERE / part for part in RECIPES[name]] + sum(lists, []):
        shape.update(path.read_bytes())
    return shape.hexdigest()[:16]


def disk(name: str) -> pathlib.Path:
    if name not in SUITES:
        raise Missing(f"no disk is called '{name}': {', '.join(SUITES)}")
    if disk_key(name) is None:
        _setup("disk", name)
    return _need(f"disk/{disk_key(name)}", "disk", name)


def template(name: str, key: str) -> pathlib.Path:
    return _need(f"template/{key}", "template", name)


def qemu() -> pathlib.Path:
    return _need("qemu/current", "tiny")


if __name__ == "__main__" and sys.argv[1:2] == ["disk-key"]:
    print(disk_key(sys.argv[2]))
if __name__ == "__main__" and sys.argv[1:2] == ["disk-suites"]:
    print(*SUITES[sys.argv[2]])
