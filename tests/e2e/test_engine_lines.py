# SPDX-License-Identifier: Apache-2.0
"""Every line of engine_lines.py: exact stdout, stderr, log record, exit status and pid file."""

import contextlib
import json
import os
import re
import subprocess

from deck import (bundle, config, console, current, host, mounted, needs, rt, runtime_path,
                  timeout, until)
from deck.container import PATIENCE
from engine_lines import CONTAINERD, CRIO, DOCKER, PODMAN

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"


class Teller:
    """Plays one story with one cgroup driver."""

    def __init__(self, story, systemd):
        test = current()
        self.story = story
        name = test.next_id()
        doc = config(process={"terminal": story.terminal}, args=story.args,
                     rootfs={"/etc/passwd": "root:x:0:0::/:/bin/sh\n"})
        if systemd:
            doc.doc["linux"]["cgroupsPath"] = f"system.slice:test:{name}"
            doc.cgroups_path_set = True
        self.doc = doc.doc
        path = bundle(doc, None if story.args else story.verbs, name)
        self.words = {"root": test.root, "bundle": path, "id": name, "pid": "0",
                      "name": os.path.basename(runtime_path()), "console": "", "process": "",
                      "file": os.path.join(test.tmp, f"file-{name}"),
                      "driver": "--systemd-cgroup" if systemd else ""}
        self.log_length = 0

    def fill(self, text, quote=str):
        return text.format(**{key: quote(value) for key, value in self.words.items()})

    def prepare(self, row):
        """The files that the engine makes before it calls."""
        with open(self.words["file"], "w", encoding="utf-8") as out:
            out.write(row.file)             # empty where it is to be the pid file, as CRI-O has it
        if row.process:
            path = os.path.join(current().tmp, f"runc-process{current().next_number()}")
            self.words["process"] = path
            with open(path, "w", encoding="utf-8") as out:
                json.dump(dict(self.doc["process"], args=row.process, terminal=row.terminal), out)

    def argv(self, row):
        line = row.line[2:] if row.line.startswith("= ") else f"{self.story.front} {row.line}"
        return [runtime_path(), *self.fill(line).split()]

    def play(self, row, consoles):
        """One row; `consoles` keeps the terminals, which hang up when they are closed."""
        self.prepare(row)
        tty = consoles.enter_context(console()) if row.terminal else None
        if tty:
            self.words["console"] = tty.path
        argv = self.argv(row)
        done = subprocess.run(argv, input=row.stdin.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, timeout=30 * PATIENCE,
                              cwd=self.words["bundle"], env=row.env) if not self.holds(row) \
            else self.detached(argv, row)
        test_line = " ".join(argv[1:])
        current().journal.append(f"{test_line} -> {done.returncode} {done.stderr!r}")
        if tty and done.returncode == 0:
            assert os.isatty(tty.accept()), test_line
        if row.pid:
            self.check_pid(row, test_line)
        self.check(row, argv, done, test_line)
        for path, status in row.dies.items():
            self.reap(self.fill(path), status, test_line)

    @staticmethod
    def holds(row):
        """Does the call leave a process behind that has its stdout? Then that must be a file."""
        return bool(re.search(r"\b(create|run|exec)\b", row.line)) and "--process {process} {id}" \
            not in row.line

    def detached(self, argv, row):
        out, err = (os.path.join(current().tmp, f"{kind}{current().next_number()}")
                    for kind in ("out", "err"))
        with open(out, "wb") as to, open(err, "wb") as problems:
            rc = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=to, stderr=problems,
                                check=False, timeout=30 * PATIENCE, cwd=self.words["bundle"],
                                env=row.env).returncode
        # What the program says is its own affair; the runtime's silence is checked on stderr.
        said = host.read(out).encode() if row.error else b""
        return subprocess.CompletedProcess(argv, rc, said, host.read(err).encode())

    def check(self, row, argv, done, line):
        out, err = done.stdout.decode(), done.stderr.decode()
        status = row.status if row.status >= 0 else 0 if not row.error else \
            255 if "exec" in argv else 1
        assert done.returncode == status, f"{line}: status {done.returncode}: {err}"
        self.check_log(row, argv, err, line)
        if row.error.startswith("?"):       # a regular expression, and help on stdout
            return
        pattern = self.fill(row.out, re.escape)
        assert re.fullmatch(pattern, out), f"{line}: stdout {out!r}, not {pattern!r}"

    def check_log(self, row, argv, err, line):
        """stderr has the message alone when there is a log, which then has one record more."""
        if row.loud:
            assert "--log" not in argv or err == "", f"{line}: stderr {err!r} beside a log"
            return
        logged = [argv[at + 1] for at, word in enumerate(argv) if word == "--log"]
        if not row.error:
            assert err == "", f"{line}: stderr {err!r}"
            if logged and os.path.exists(logged[0]):
                assert os.path.getsize(logged[0]) == self.log_length, f"{line}: the log grew"
            return
        message = self.fill(row.error)
        if row.error.startswith("?"):
            assert re.search(message[1:], err), f"{line}: {err!r}"
        elif not logged:
            quoted = json.dumps(message)
            assert re.fullmatch(f'time="{TIME}" level=error msg={re.escape(quoted)}\n', err), \
                f"{line}: stderr {err!r}"
        else:
            assert err == message + "\n", f"{line}: stderr {err!r}"
            with open(logged[0], encoding="utf-8") as log:
                log.seek(self.log_length)
                added = log.read()
                self.log_length = log.tell()
            record = json.loads(added)      # one and only one
            assert list(record) == ["level", "msg", "time"] and added.endswith("}\n"), added
            assert (record["level"], record["msg"]) == ("error", message), f"{line}: {added}"
            assert re.fullmatch(TIME, record["time"]), added

    def check_pid(self, row, line):
        path = self.fill(row.pid)
        text = host.read(path) if os.path.exists(path) else ""
        if row.error:
            assert text == "", f"{line}: a pid file for a process that does not run: {text!r}"
            return
        assert re.fullmatch(r"[1-9]\d*", text), f"{line}: pid file {text!r}"
        if int(text) not in host.ENDED:
            with contextlib.suppress(FileNotFoundError), \
                    open(f"/proc/{text}/status", encoding="ascii") as status:
                parent = re.search(r"^PPid:\t(\d+)$", status.read(), re.M)[1]
                assert parent == str(os.getpid()), f"{line}: {text} is not the subreaper's child"
        if re.search(r"\b(create|run)\b", row.line):
            self.words["pid"] = text

    @staticmethod
    def reap(path, status, line):
        """What shim and conmon do: the process is theirs to wait for."""
        pid = int(host.read(path))

        def ended():
            with contextlib.suppress(ChildProcessError):    # the harness waits for them as well
                found, code = os.waitpid(pid, os.WNOHANG)
                if found:
                    host.ENDED[pid] = os.waitstatus_to_exitcode(code)
            return pid in host.ENDED

        until(ended, 10, what=f"the end of {pid} after {line}")
        code = host.ENDED[pid] if host.ENDED[pid] >= 0 else 128 - host.ENDED[pid]
        assert code == status, f"{line}: {pid} ended with {code}, not {status}"


def tell(stories, systemd=False):
    """All of them; a story that failed half way is cleared away by the harness."""
    test = current()
    commands = re.findall(r"^  (\w+)", rt("--help").ok.out, re.M)
    for story in stories:
        teller = Teller(story, systemd)
        with contextlib.ExitStack() as consoles:
            for row in story.rows:
                if not row.needs or row.needs in commands \
                        or row.needs in host.controllers(test.cgroup):
                    teller.play(row, consoles)
        log = os.path.join(teller.words["bundle"], "log.json")
        if os.path.exists(log):
            with open(log, encoding="utf-8") as lines:
                assert all(json.loads(line)["time"] for line in lines), story.source


@contextlib.contextmanager
def default_root():
    """The place of containers that are made without --root, empty for this test."""
    os.makedirs("/run/orlop", exist_ok=True)
    with mounted("tmpfs", "/run/orlop", "tmpfs", 0, "mode=700"):
        yield
        assert os.listdir("/run/orlop") == []


def test_the_lines_of_containerd():
    "the shim's create, exec, kill, delete; its CRI; what go-runc can send"
    tell(CONTAINERD)


def test_the_lines_of_docker():
    "dockerd's features and version, and its shim"
    tell(DOCKER)


def test_the_lines_of_podman():
    "without --root, almost without an environment, with a log for conmon"
    with default_root():
        tell(PODMAN)


def test_the_lines_of_crio():
    "through conmon and conmon-rs, and its own"
    tell(CRIO)


@needs("systemd")
@timeout(300)
def test_the_lines_with_the_systemd_driver():
    "--systemd-cgroup where the engines say it, which is not everywhere"
    def said(stories):
        return [story for story in stories if "{driver}" in story.front + story.rows[0].line]

    tell(said(CONTAINERD + DOCKER + CRIO), systemd=True)
    with default_root():
        tell(said(PODMAN), systemd=True)
