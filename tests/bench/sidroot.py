# SPDX-License-Identifier: Apache-2.0
"""A Debian sid tree with the newest packaged crun and runc, made once by debootstrap and kept.

The mirror is the one apt is configured with; signatures are checked with Debian's keyring.
"""

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = ["crun", "runc", "strace", "libyajl2"]  # libyajl2: crun before 1.28 is linked to it
KEYRINGS = ["/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp"]


class SidError(Exception):
    """Why there is no sid tree."""


def cache_dir():
    base = os.environ.get("ORLOP_CACHE")
    if not base:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        base = os.path.join(home, "orlop")
    return Path(base) / "bench"


def mirror():
    """The first Debian archive in apt's configuration (not the security archive)."""
    out = subprocess.run(["apt-get", "indextargets", "--format",
                          "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"],
                         capture_output=True, text=True, check=False).stdout
    for line in out.splitlines():
        origin, label, uri = line.split("|", 2)
        if origin == "Debian" and label == "Debian":
            return uri
    raise SidError("apt's configuration names no Debian archive (--mirror URL gives one)")


def keyring():
    for path in KEYRINGS:
        if Path(path).exists():
            return path
    raise SidError("no Debian keyring: apt-get install debian-archive-keyring")


def unmount_below(path):
    """debootstrap that was interrupted can leave its procfs behind."""
    prefix = f"{path}/"
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for target in sorted((m for m in mounts if m.startswith(prefix)), reverse=True):
        subprocess.run(["umount", "-l", target], check=False)


def remove(path):
    """Remove a tree and what is mounted in it; it may be absent."""
    if path.exists():
        unmount_below(path)
        shutil.rmtree(path)


def tree(say, fresh=False, url=None):
    """The path of the sid tree; made if it is not there, or if `fresh`."""
    path = cache_dir() / "sid"
    if path.is_dir() and not fresh:
        return path
    if not shutil.which("debootstrap"):
        raise SidError("debootstrap is not there: apt-get install debootstrap")
    url = url or mirror()
    part = path.with_name("sid.part")
    remove(part)
    part.parent.mkdir(parents=True, exist_ok=True)
    say("making a Debian sid tree (once, about 270 MB, half a minute)")
    log = path.with_name("debootstrap.log")
    with log.open("w", encoding="utf-8") as out:
        ret = subprocess.run(["debootstrap", "--variant=minbase",
                              "--include=" + ",".join(PACKAGES), "--keyring=" + keyring(), "sid",
                              str(part), url], stdout=out, stderr=out, check=False,
                             stdin=subprocess.DEVNULL, timeout=1800)
    if ret.returncode:
        remove(part)
        last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise SidError(f"debootstrap: {last[0]} (all of it: {log})")
    shutil.rmtree(part / "var/cache/apt/archives", ignore_errors=True)
    remove(path)
    part.rename(path)
    log.unlink()
    return path
