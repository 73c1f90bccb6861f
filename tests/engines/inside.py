# SPDX-License-Identifier: Apache-2.0
"""inside.py ENGINE [--runtime NAME] [--quick] [-k PATTERN] [--budget SECONDS]

What runs in the machine: the cases of one engine, one after the other, the quick ones first; TAP,
and the sum at the end. A case that would begin when the budget is spent is a failure.
"""
import argparse
import importlib
import os
import re
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]

from call import JOURNAL, until     # noqa: E402
from deck import tap                # noqa: E402
from engine import engine           # noqa: E402
from place import missing, version  # noqa: E402

# Where the cases of an engine are; the first file also prepares it.
FILES = {"containerd": ("containerd",), "docker": ("docker", "alike"),
         "podman": ("podman", "alike", "rootless"),
         "buildah": ("buildah",)}
SECONDS = 500                       # for one case


def runtime_of(name):
    """The path of a runtime in the machine; orlop is put where the engines look for it."""
    return {"orlop": "/usr/local/sbin/orlop", "runc": "/usr/sbin/runc",
            "crun": "/usr/bin/crun"}[name]


def late(*_):
    raise AssertionError(f"no end after {SECONDS} s")


def perform(item):
    """One case and what it leaves: "" or what was wrong, in words."""
    lacking = missing(item.function) or too_old(item.function)
    if lacking:
        raise tap.Skip(lacking)
    del JOURNAL[:]
    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        item.function()
        until(lambda: not list(engine().leftovers()), "nothing is left behind", 30)
        return ""
    except tap.Skip:
        raise
    except Exception as error:      # pylint: disable=broad-except
        why = tap.explain(error)
        if not isinstance(error, (AssertionError, OSError)):
            why += "\n" + traceback.format_exc()
        signal.alarm(SECONDS)
        left = list(engine().leftovers())
        why += f"\nleft: {left}" if left else ""
        why += "".join(f"\n  $ {called!r}" for called in JOURNAL[-8:])
        engine().clear()
        for name in engine().states():      # so that the next case finds none
            engine().rt("delete", "--force", name)
        return why
    finally:
        signal.alarm(0)


def too_old(function):
    """Why this version of the engine has no such thing, or ""."""
    wanted = getattr(function, "since", {}).get(engine().name)
    if not wanted or version(engine().program) >= wanted:
        return ""
    return f"since {engine().name} {wanted[0]}.{wanted[1]}"


def options():
    p = argparse.ArgumentParser()
    p.add_argument("engine", choices=FILES)
    p.add_argument("--runtime", default="orlop")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--list", action="store_true")
    p.add_argument("--budget", type=float, default=600)
    p.add_argument("-k", dest="pattern", default="")
    return p.parse_args()


def main():
    given = options()
    began = time.monotonic()
    items = tap.find([os.path.join(HERE, f"{name}.py") for name in FILES[given.engine]])
    items = [item for item in items if re.search(given.pattern, claim(given.engine, item))
             and given.engine not in getattr(item.function, "without", ())]
    items.sort(key=lambda item: not getattr(item.function, "quick", False))
    if given.quick:
        items = [item for item in items if getattr(item.function, "quick", False)]
    if given.list:
        print("\n".join(claim(given.engine, item) for item in items))
        return 0
    importlib.import_module(FILES[given.engine][0]).prepare(runtime_of(given.runtime))
    print(f"TAP version 13\n# {given.engine} with {given.runtime}\n1..{len(items)}", flush=True)
    passed = failed = skipped = 0
    for number, item in enumerate(items, 1):
        start = time.monotonic()
        try:
            over = start - began > given.budget
            why = f"not begun: {given.budget:.0f} s are over" if over else perform(item)
            tail = ""
        except tap.Skip as reason:
            why, tail = "", f" # SKIP {reason}"
            skipped += 1
        passed, failed = passed + (not why and not tail), failed + bool(why)
        print(f"{'not ok' if why else 'ok'} {number} - {claim(given.engine, item)}{tail}")
        print(f"# {time.monotonic() - start:.1f} s")
        for line in why.splitlines():
            print(f"  # {line}")
        sys.stdout.flush()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0)


def claim(name, item):
    return f"{name}: {item.name[len('test_'):].replace('_', ' ')}"


if __name__ == "__main__":
    sys.exit(main())
