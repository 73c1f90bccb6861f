# SPDX-License-Identifier: Apache-2.0
"""The host's side of remediation: policies, hooks, and what the audit log says."""

import contextlib
import json
import os
import re

from . import host
from .container import rt, until
from .tap import current

PREFIX = "org.orlop.remediation."


def policy_directory():
    """Where the runtime looks for policies of the host: it says so itself."""
    with open(current().runtime, "rb") as file:
        binary = file.read()
    found = re.search(rb"(/[ -~]*/orlop)/remediation\0", binary)
    assert found, "the runtime knows no directory of policies"
    return found[1].decode() + "/remediation"


@contextlib.contextmanager
def policies(**documents):
    """These policies are the host's for a while, and no others; gives the directory of hooks."""
    where = policy_directory()
    mountable = where
    while not os.path.isdir(mountable):
        mountable = os.path.dirname(mountable)
    with host.mounted("tmpfs", mountable, "tmpfs"):
        os.makedirs(where)
        hooks = os.path.join(os.path.dirname(where), "hooks")
        os.makedirs(hooks)
        for name, document in documents.items():
            with open(os.path.join(where, name + ".json"), "w", encoding="utf-8") as out:
                json.dump(document, out)
        yield hooks


def script(path, *lines):
    """A program for the host's shell."""
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(["#!/bin/sh", *lines, ""]))
    os.chmod(path, 0o755)
    return path


def audit(operation=None, **members):
    """The lines of the audit log, or those with these members."""
    lines = [json.loads(line) for line in rt("audit", "--json").ok.out.splitlines()]
    wanted = members | ({"operation": operation} if operation else {})
    return [line for line in lines if all(line.get(k) == v for k, v in wanted.items())]


def audited(operation, seconds=5.0, **members):
    """Waits for a line and gives it."""
    return until(lambda: audit(operation, **members), seconds,
                 what=f"a line {operation} {members} in the audit log")[-1]


def annotated(**words):
    """pause="quarantine" -> the annotation; on_kill is on-kill."""
    return {PREFIX + key.replace("_", "-"): value for key, value in words.items()}
