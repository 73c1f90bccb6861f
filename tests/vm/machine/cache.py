# SPDX-License-Identifier: Apache-2.0
"""Where setup keeps what a machine is started from; what is missing is made first."""
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent.parent


class Missing(Exception):
    """Something is not in the cache, and setup could not put it there (it has said why)."""


def directory() -> pathlib.Path:
    base = os.environ.get("ORLOP_CACHE")
    if not base:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        base = os.path.join(base, "orlop")
    return pathlib.Path(os.path.realpath(base)) / "vm"


def _need(path: str, *setup: str) -> pathlib.Path:
    """The real path of something in the cache, where short names no longer matter."""
    want = directory() / path
    if not want.exists():
        done = subprocess.run([HERE / "setup", *setup], stdin=subprocess.DEVNULL, stdout=2,
                              check=False)
        if done.returncode != 0 or not want.exists():
            raise Missing(f"setup {' '.join(setup)} did not make {path}")
    return want.resolve()


def kernel(name: str) -> pathlib.Path:
    return _need(f"kernel/{name}", "tiny", name)


def modules(name: str, version: str) -> pathlib.Path:
    return _need(f"modules/{version}", "modules", name)


def disk() -> pathlib.Path:
    return _need("disk/current", "disk")


def template(name: str, key: str) -> pathlib.Path:
    return _need(f"template/{key}", "template", name)


def qemu() -> pathlib.Path:
    return _need("qemu/current", "tiny")
