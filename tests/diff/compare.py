# SPDX-License-Identifier: Apache-2.0
"""What the probe sees in a bundle under one runtime, as facts that can be compared, and which
differences between two runtimes are known.

A fact is a line without what must differ (inode numbers, paths of the test). A difference is a fact
that only one of the two has; each has to match a row of differences.json, which says why.
"""

import fnmatch
import json
import os
import re
import shutil

from deck import Container, console, current, host, until

VERBS = """mounts; ns; dev; caps; ids; groups; umask; cwd; env; rlimits; fds; fdstat; nnp; seccomp;
oom; hostname; domainname; signals; pid; pdeath; uidmap; gidmap; offsets; affinity; sched; ioprio;
personality; dumpable; tty; stat /; stat /dev; stat /proc; stat /tmp; ls /; ls /dev;
stat /proc/keys; ls /secret; cat /file; write /file x; ls /ro; write /ro/x y; write /new x;
stat /d; stat /d/file; ls /d; stat /not/there; ls /sys/firmware; ls /sys/class/net;
put /proc/sys/kernel/shmmni 4096; sysctl net/ipv4/ip_forward; sysctl kernel/shmmax;
sysctl fs/mqueue/msg_max; sysctl net/ipv4/ip_unprivileged_port_start; write /v/new x; stat /v/file;
open /dev/kmsg r,nonblock; open /dev/kmsg w; open /dev/null rw; open /dev/tty r;
try mknod c 1 3; try mknod b 8 0; try mount; try unshare user; try keyctl; try personality;
try raw 140 0 77; try raw 140 0 78; try chroot; try sethostname; try socket AF_INET; comm;
statfs /dev/shm; statfs /dev""".replace("\n", " ")

LAST = "last-of-all-facts"
EXEC_VERBS = """ids; caps; nnp; seccomp; cwd; groups; rlimits NOFILE; oom; signals; fds; umask;
try personality; env""".replace("\n", " ")


def labelled(verbs):
    """Each verb after a line that names it, so that every fact says what it is about."""
    return "; ".join(f"echo '## {verb.strip()}'; {verb.strip()}" for verb in verbs.split(";"))


def with_labels(lines):
    """The facts of labelled verbs: "stat /d: dir 0755 0:0"."""
    label, out = "", []
    for line in lines:
        if line.startswith("## "):
            label = line[3:]
        elif line != LAST:
            out.append(f"{label}: {line.partition(': ')[2]}" if ": " in line
                       and line.startswith(label.split()[0]) else f"{label}: {line}")
    return out


def normal(line, test, box, links):
    """A line without the numbers and paths of this run."""
    line = line.replace(box.path, "BUNDLE").replace(test.tmp, "TMP").replace(box.name, "ID")
    line = re.sub(r"pipe:\[\d+\]", "pipe", line)
    line = re.sub(r"socket:\[\d+\]", "socket", line)
    line = re.sub(r"TMP/out-\d+(\.\w+)?|TMP/ID\.(out|err)", "FILE", line)
    if line.startswith("ns: ") and ":[" in line:
        kind, _, number = line[4:].rstrip("]").partition(":[")
        return f"ns: {kind} {'host' if links.get(kind) == number else 'new'}"
    if line.startswith("mounts: "):
        # Which disk the test runs on is of no interest.
        line = re.sub(r" (\S+) (\S+) (\S+) root=\S*(BUNDLE/rootfs|TMP)(\S*)$",
                      r" \1 DISK \4\5", line)
        line = re.sub(r"/\S*BUNDLE", "BUNDLE", line)
    if line.startswith("pid: "):
        numbers = line.split()
        return f"pid: own session {numbers[1] == numbers[5]} own group {numbers[1] == numbers[7]}"
    return re.sub(r" inodes=\d{4,}", " inodes=MANY", line)


def own_links():
    return {name: os.readlink(f"/proc/self/ns/{name}").rstrip("]").split(":[")[1]
            for name in os.listdir("/proc/self/ns") if not name.endswith("_for_children")}


def remove(test, box, peer):
    """Ends a container; what a peer leaves when one of its hooks fails is taken away as well."""
    box.rt("delete", "--force", box.name)
    host.cgroup_remove(box.cgroup)
    if peer:
        shutil.rmtree(os.path.join(test.tmp, "state", box.name), ignore_errors=True)


def facts(runtime, make):
    """Everything that the probe says in a bundle under a runtime, in the container and by exec."""
    test = current()
    keep, test.runtime, test.kind = test.runtime, runtime, None
    hook_log = os.path.join(test.tmp, "hooks")
    if os.path.exists(hook_log):                # of a try that came to nothing
        os.unlink(hook_log)
    try:
        configuration = make()
        terminal = configuration.doc["process"].get("terminal")
        with console() as tty:
            flags = ["--console-socket", tty.path] if terminal else []
            box = Container(configuration, f"{labelled(VERBS)}; wait {LAST}", *flags)
            made = box.create()
            if made.rc == 0 and terminal:
                tty.accept()
            if made.rc == 0:
                made = box.start()
            if made.rc:
                remove(test, box, runtime != keep)
                return ["outcome: refused"], made.err or f"killed by signal {-made.rc}"
            if terminal:
                text = tty.read(LAST, 10)
            else:
                until(lambda: LAST in box.out, 10, what="the facts")
                text = box.out
            links = own_links()
            lines = with_labels(normal(line, test, box, links) for line in text.splitlines())
            inside = box.exec(labelled(EXEC_VERBS))
            lines += ["exec " + line for line in with_labels(normal(line, test, box, links)
                                                             for line in inside.lines)]
            lines.append(f"exec rc {inside.rc}")
            remove(test, box, runtime != keep)
            if os.path.exists(hook_log):
                lines += ["hook " + line for line in host.read(hook_log).splitlines()]
                os.unlink(hook_log)
            return ["outcome: ran"] + number_twins(lines), ""
    finally:
        test.runtime, test.kind = keep, None
        for key, value in test.sysctls.items():
            if host.read("/proc/sys/" + key) != value:
                with open("/proc/sys/" + key, "w", encoding="ascii") as out:
                    out.write(value)
        # Later versions of crun keep compiled filters below the root.
        shutil.rmtree(os.path.join(test.tmp, "state", ".cache"), ignore_errors=True)
        # Some runtimes give the caller's /dev/null to the user of the container.
        os.chown("/dev/null", 0, 0)


def number_twins(lines):
    """A line that is there twice is two facts."""
    seen, out = {}, []
    for line in lines:
        seen[line] = seen.get(line, 0) + 1
        out.append(line if seen[line] == 1 else f"{line} ({seen[line]})")
    return out


class Known:
    """The rows of differences.json."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as text:
            self.rows = json.load(text)["differences"]
        for number, row in enumerate(self.rows):
            row["pattern"] = re.compile(row["line"])
            assert row["side"] in ("ours", "theirs") and len(row["reason"]) > 10, row
            row["number"] = number

    def explain(self, peer, bundle, side, line):
        """The row that knows this difference, or None."""
        for row in self.rows:
            if (fnmatch.fnmatch(peer, row.get("peer", "*"))
                    and fnmatch.fnmatch(bundle, row.get("bundle", "*"))
                    and row["side"] == side and row["pattern"].fullmatch(line)):
                return row
        return None


def compare(known, peer, peer_path, bundle, make):
    """Fails on a difference that no row explains; gives the numbers of the rows that were used."""
    ours, our_error = facts(current().runtime, make)
    theirs, their_error = facts(peer_path, make)
    # The packaged crun loses a race of its own now and then: "writing to pipe: Broken pipe", the
    # signal of that, or "error executing hook" for one that did not fail.
    for _ in range(3):
        if ours[0] == theirs[0] or not re.search("(?i)broken pipe|signal 13|executing hook", their_error):
            break
        theirs, their_error = facts(peer_path, make)
    unknown, used = [], set()
    differences = [("ours", line) for line in ours if line not in theirs]
    differences += [("theirs", line) for line in theirs if line not in ours]
    refused = {"outcome: refused"} & ({ours[0]} ^ {theirs[0]})
    for side, line in differences:
        if refused and not line.startswith("outcome: "):
            continue
        row = known.explain(peer, bundle, side, line)
        if row:
            used.add(row["number"])
        else:
            unknown.append(f"{side}: {line}")
    assert not unknown, (f"{len(unknown)} unknown differences to {peer}:\n  " + "\n  ".join(unknown)
                         + (f"\n  our error: {our_error.strip()}" if our_error else "")
                         + (f"\n  their error: {their_error.strip()}" if their_error else ""))
    return used
