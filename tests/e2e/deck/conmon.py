# SPDX-License-Identifier: Apache-2.0
"""conmon as CRI-O calls it: the container's monitor, its files and sockets, and execs through it.

Knows CRI-O's command lines, pipes and files (internal/oci/runtime_oci.go of CRI-O); knows nothing
of what the runtime does. A conmon goes on until its container has ended, so tests end that.
"""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import host
from .container import PATIENCE, bundle, rt, until
from .tap import current, skip

LOG_LINE = re.compile(r"\S+ (stdout|stderr) ([FP]) (.*)")


def program():
    """The monitor's path; tests that need it are skipped where it is not installed."""
    path = shutil.which("conmon")
    if not path:
        skip("needs conmon")
    return path


class Sync:
    """The two pipes of CRI-O: on one conmon waits for its cgroup, on the other it reports."""

    def __init__(self):
        self.read, self.write = os.pipe()
        self.wait, self.go = os.pipe()

    @property
    def fds(self):
        return self.write, self.wait

    @property
    def environment(self):
        # monitor_env of CRI-O, and nothing of ours.
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "_OCI_SYNCPIPE": str(self.write), "_OCI_STARTPIPE": str(self.wait)}

    def release(self):
        """What CRI-O does when the monitor is in its cgroup."""
        os.close(self.write)
        os.close(self.wait)
        os.write(self.go, b"\0")

    def message(self, seconds=30):
        """The next line of JSON, or None at the end of the pipe."""
        text = b""
        end = time.monotonic() + seconds * PATIENCE
        while not text.endswith(b"\n"):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.read], [], [], left)[0], \
                f"conmon says nothing but {text!r}"
            byte = os.read(self.read, 1)
            if not byte:
                assert not text, text
                return None
            text += byte
        return json.loads(text)

    def close(self):
        os.close(self.read)
        os.close(self.go)


def log_text(path, stream="stdout"):
    """What a log holds of one stream, as CRI-O's parseLog puts it together."""
    text = ""
    for line in host.read(path).splitlines():
        match = LOG_LINE.fullmatch(line)
        assert match, f"no log line: {line!r}"
        if match[1] == stream:
            text += match[3] + ("\n" if match[2] == "F" else "")
    return text


class Monitored:
    """A container behind a conmon; `create` gives what conmon reported."""

    def __init__(self, configuration, verbs="wait", systemd=False, terminal=False, stdin=False):
        test = current()
        self.conmon = program()
        self.name = test.next_id()
        self.configuration = configuration
        self.path = bundle(configuration, verbs, self.name)
        self.cgroup = f"{test.cgroup}/{self.name}"
        self.systemd, self.terminal, self.stdin = systemd, terminal, stdin
        self.exits, self.persist = self.directory("exits"), self.directory("persist")
        self.sockets = tempfile.mkdtemp(dir=current().tmp)     # short: sun_path is
        self.log = os.path.join(self.directory("log"), "0.log")
        self.pid_file = os.path.join(self.path, "pidfile")
        self.conmon_pid_file = os.path.join(self.persist, "conmon.pid")

    def directory(self, name):
        path = os.path.join(current().tmp, f"{name}-{self.name}")
        os.mkdir(path)
        return path

    def create(self):
        sync = Sync()
        argv = [self.conmon, "-b", self.path, "-c", self.name, "--exit-dir", self.exits,
                "-l", self.log, "--log-level", "info", "-n", "k8s_box_pod_default_0",
                "-P", self.conmon_pid_file, "-p", self.pid_file, "--persist-dir", self.persist,
                "-r", current().runtime, "--runtime-arg", f"--root={current().root}",
                "--socket-dir-path", self.sockets, "--syslog", "-u", self.name,
                *(["-s"] if self.systemd else []),
                *(["-t"] if self.terminal else ["-i"] if self.stdin else [])]
        with subprocess.Popen(argv, cwd=self.path, env=sync.environment, pass_fds=sync.fds,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            sync.release()
            assert process.wait(30 * PATIENCE) == 0, "conmon itself"
        try:
            said = sync.message()
        finally:
            sync.close()
        current().journal.append(f"{' '.join(argv)} -> {said}")
        return said

    def __enter__(self):
        said = self.create()
        assert said["pid"] > 0, said
        return self

    def __exit__(self, kind, *_):
        r = self.rt("delete", "--force", self.name)
        if kind is None:
            assert (r.rc, r.out, r.err) == (0, "", ""), r
            self.gone()
        return False

    def gone(self):
        """Waits until the monitor has ended."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid = int(host.read(self.conmon_pid_file))
            until(lambda: host.process_state(pid) in (None, "Z"), 20, what="conmon's end")

    @staticmethod
    def rt(*args, **keywords):
        """The calls that CRI-O makes by itself; the driver is never said there."""
        return rt(*args, **keywords)

    def start(self):
        r = self.rt("start", self.name).ok
        assert (r.out, r.err) == ("", ""), r
        return self

    def up(self):
        """Started, and its `wait` verb reached."""
        self.start()
        until(lambda: "wait: ready\n" in self.text(), what="the program")
        return self

    def state(self):
        r = self.rt("state", self.name).ok
        assert r.err == "", r
        return json.loads(r.out)

    def text(self, stream="stdout"):
        return log_text(self.log, stream) if os.path.exists(self.log) else ""

    def exit_status(self, seconds=20):
        """What conmon writes when the container has ended: the number CRI-O reports."""
        path = os.path.join(self.exits, self.name)
        until(lambda: os.path.exists(path) and host.read(path), seconds, what="the exit file")
        return int(host.read(path))

    def process(self, *verbs, terminal=False, program=None):
        """The file that CRI-O makes for an exec: the container's process with other arguments."""
        process = dict(self.configuration.doc["process"], terminal=terminal,
                       args=[program] if program else ["/bin/probe", *verbs])
        path = os.path.join(current().tmp, f"exec-process-{current().next_number()}")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(process, out)
        return path

    def exec_sync(self, *verbs, terminal=False, seconds=None, program=None):
        """A probe's exec: (what conmon reported, stdout, stderr, the pid file's text)."""
        sync, number = Sync(), current().next_number()
        log, pid_file = (os.path.join(current().tmp, f"{name}{number}")
                         for name in ("crio-log", "pidfile"))
        for path in (log, pid_file):                # CRI-O makes both, empty
            with open(path, "wb"):
                pass
        argv = [self.conmon, "-c", self.name, "-n", "k8s_box_pod_default_0",
                "-r", current().runtime, "-p", pid_file, "-e", "-l", log,
                "--socket-dir-path", self.sockets, "--log-level", "info", "--sync",
                "--log-global-size-max", str(16 << 20), *(["-t"] if terminal else []),
                *(["-T", str(seconds)] if seconds else []), *(["-s"] if self.systemd else []),
                "--exec-process-spec", self.process(*verbs, terminal=terminal, program=program),
                "--runtime-arg", f"--root={current().root}"]
        with subprocess.Popen(argv, env=sync.environment, pass_fds=sync.fds, cwd=current().tmp,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            sync.release()
            out, err = process.communicate(timeout=40 * PATIENCE)
            said = sync.message()
        sync.close()
        current().journal.append(f"{' '.join(argv)} -> {process.returncode} {said} {out} {err}")
        return said, log_text(log), log_text(log, "stderr"), host.read(pid_file)

    def attach(self):
        """A client of the attach socket: packets, the first byte says which stream."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(10 * PATIENCE)
        client.connect(os.path.join(self.sockets, self.name, "attach"))
        return client

    def stop(self, number=signal.SIGKILL):
        self.rt("kill", self.name, str(int(number))).ok
        return self.exit_status()


def attached(client, *texts):
    """Reads packets until each text has come: {stream number: what came on it}."""
    shown = {}
    while not all(any(text in stream for stream in shown.values()) for text in texts):
        packet = client.recv(32768)
        assert packet, f"attach ended before {texts}: {shown}"
        shown[packet[0]] = shown.get(packet[0], "") + packet[1:].decode(errors="replace")
    return {stream: part.replace("\r\n", "\n") for stream, part in shown.items()}
