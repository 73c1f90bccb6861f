# SPDX-License-Identifier: Apache-2.0
"""Calling the runtime under test, and containers as objects.

Knows the command line that every OCI engine uses; knows nothing of what a runtime does inside.
The runtime's output goes through files, not pipes: whoever keeps one open must not hang the test.
"""

import array
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

from . import host
from .bundle import Config, words
from .tap import current, skip

PATIENCE = float(os.environ.get("ORLOP_TEST_PATIENCE", "1"))


def runtime_path():
    return current().runtime


def runtime_kind():
    """The first word of --version: orlop, crun or runc."""
    test = current()
    if not test.kind:
        test.kind = subprocess.run([test.runtime, "--version"], capture_output=True, text=True,
                                   timeout=20, check=False).stdout.split(" ", 1)[0]
    return test.kind


def until(claim, seconds=5.0, step=0.01, what="the condition"):
    """Waits for a function to give something true, and gives that."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = claim()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds * PATIENCE:.0f} s in vain for {what}")
        time.sleep(step)


class Result:
    """What one command gave: rc, out, err and readings of them."""

    def __init__(self, argv, rc, out, err, seconds):
        self.argv, self.rc, self.out, self.err, self.seconds = argv, rc, out, err, seconds

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def __repr__(self):
        return f"<rc {self.rc}, out {self.out!r}, err {self.err!r}>"

    @property
    def lines(self):
        return self.out.splitlines()

    def values(self, verb):
        """Every "verb: value"."""
        return [line[len(verb) + 2:] for line in self.lines if line.startswith(verb + ": ")]

    def value(self, verb):
        """The one "verb: value"."""
        found = self.values(verb)
        assert len(found) == 1, f"{verb}: {len(found)} lines in {self!r}"
        return found[0]

    def mount(self, where):
        """The last row of `mounts` for a path, as (options, type, propagation, source, super)."""
        rows = [row.split(" ") for row in self.values("mounts") if row.split(" ")[0] == where]
        assert rows, f"nothing is mounted on {where}: {self.out}"
        row = rows[-1]
        return {"options": row[1].split(","), "type": row[2], "propagation": row[3],
                "source": row[4], "super": row[5].split(","), "root": row[6][5:]}

    @property
    def supported(self):
        """Skips when the runtime says of a member that it does not know it yet."""
        if self.rc and "not supported" in self.err:
            skip(self.err.strip().rpartition("msg=")[2][:120])
        return self

    @property
    def ok(self):
        assert self.rc == 0, f"rc {self.rc}: {self.err or self.out}"
        return self

    def fails(self, *texts, rc=None):
        """Failed, with a message in which each text (a regular expression) occurs."""
        assert self.rc != 0, f"{self.argv[1:]} succeeded: {self.out}"
        assert self.rc > 0, f"{self.argv[1:]} was killed by signal {-self.rc}: {self.err}"
        if rc is not None:
            assert self.rc == rc, f"rc {self.rc}, not {rc}: {self.err}"
        else:
            assert self.rc < 128 or self.rc == 255, f"rc {self.rc}: {self.err}"
        said = (self.err + self.out).replace('\\"', '"')
        assert said.strip(), "failed without a word"
        for text in texts:
            assert re.search(text, said), f"no {text!r} in the message: {said!r}"
        return self


def rt(*args, root=None, front=(), stdin=None, seconds=20, env=None, cwd=None, wrap=(), **popen):
    """The runtime with --root and some arguments, to its end."""
    test = current()
    argv = [*wrap, test.runtime, "--root", root or test.root, *front, *args]
    out_path = os.path.join(test.tmp, f"out-{test.next_number()}")
    began = time.monotonic()
    with open(out_path, "w+b") as out, open(out_path + ".err", "w+b") as err:
        given = subprocess.DEVNULL if stdin is None else stdin
        if isinstance(stdin, (str, bytes)):
            given = open(out_path + ".in", "w+b")
            given.write(stdin.encode() if isinstance(stdin, str) else stdin)
            given.seek(0)
        with subprocess.Popen(argv, stdin=given, stdout=out, stderr=err, env=env, cwd=cwd,
                              **popen) as process:
            try:
                rc = process.wait(seconds * PATIENCE)
            except subprocess.TimeoutExpired:
                where = stuck(process.pid)
                process.kill()
                process.wait()
                test.journal.append(f"HUNG {argv} {where}")
                raise AssertionError(f"the runtime hung for {seconds} s: {argv}\n{where}") from None
        out.seek(0)
        err.seek(0)
        result = Result(argv, rc, out.read().decode(errors="replace"),
                        err.read().decode(errors="replace"), time.monotonic() - began)
    if given is not stdin and hasattr(given, "close"):
        given.close()
    test.journal.append(f"{' '.join(map(str, argv))[:400]} -> rc {rc}"
                        f"{' out ' + repr(result.out[:1500]) if result.out else ''}"
                        f"{' err ' + repr(result.err[:1500]) if result.err else ''}")
    return result


def stuck(pid):
    """Where a hung process and its children wait, for the report."""
    lines = []
    for child, command in [(pid, "runtime"), *host.descendants(pid)]:
        with contextlib.suppress(OSError):
            lines.append(f"  {child} {command}: {host.read(f'/proc/{child}/wchan')} "
                         f"syscall {host.read(f'/proc/{child}/syscall').strip()}")
    return "\n".join(lines)


def bundle(configuration, verbs=None, name=None):
    """Writes a bundle for this test and gives its path."""
    test = current()
    name = name or test.next_id()
    configuration.program(verbs)
    path = os.path.join(test.tmp, f"bundle-{name}")
    os.makedirs(path)
    return configuration.write(path, test.probe, f"{test.cgroup}/{name}")


def run(configuration, verbs=None, *flags, name=None, **keywords):
    """`run` in the foreground; when it returns, the container is gone."""
    name = name or current().next_id()
    path = (configuration if isinstance(configuration, str)
            else bundle(configuration, verbs, name))
    return rt("run", "--bundle", path, *flags, name, **keywords)


def exec_flags(**flags):
    """cap=["A"] -> --cap A."""
    out = []
    for key, value in flags.items():
        flag = "--" + key.replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            out += [flag] if one is True else [flag, str(one)]
    return out


class Container:
    """A container that outlives the command that made it; deleted by force at the end."""

    def __init__(self, configuration, verbs=None, *flags, name=None, root=None, **keywords):
        test = current()
        self.name = name or test.next_id()
        self.root = root
        self.path = (configuration if isinstance(configuration, str)
                     else bundle(configuration, verbs, self.name))
        self.cgroup = f"{test.cgroup}/{self.name}"
        self.out_path = os.path.join(test.tmp, f"{self.name}.out")
        self.err_path = os.path.join(test.tmp, f"{self.name}.err")
        self.flags, self.keywords = flags, keywords
        self.created = None

    def rt(self, *args, **keywords):
        return rt(*args, root=self.root, **keywords)

    def create(self, command="create"):
        """`create` (or run --detach) with stdio in files, as an engine's pipes would be."""
        test = current()
        front = self.keywords.get("front", ())
        argv = [*self.keywords.get("wrap", ()), test.runtime, "--root", self.root or test.root,
                *front, *command.split(), "--bundle", self.path, *self.flags, self.name]
        own_out = "stdout" not in self.keywords
        extra = {key: value for key, value in self.keywords.items()
                 if key not in ("front", "stdout", "stderr", "stdin", "wrap")}
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            out = (stack.enter_context(open(self.out_path, "ab")) if own_out
                   else self.keywords["stdout"])
            err = stack.enter_context(open(self.err_path, "ab"))
            process = subprocess.Popen(argv, stdin=self.keywords.get("stdin", subprocess.DEVNULL),
                                       stdout=out, stderr=err, **extra)
            try:
                rc = process.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                where = stuck(process.pid)
                process.kill()
                process.wait()
                raise AssertionError(f"{command} hung: {argv}\n{where}") from None
        self.created = Result(argv, rc, "", host.read(self.err_path), time.monotonic() - began)
        test.journal.append(f"{' '.join(argv)} -> rc {rc} {self.created.err!r}")
        return self.created

    def __enter__(self):
        self.create().ok
        return self

    def __exit__(self, *_):
        result = self.rt("delete", "--force", self.name)
        if _[0] is None:
            assert result.rc == 0, f"delete --force: {result!r}"
        return False

    # -- commands

    def start(self):
        return self.rt("start", self.name)

    def kill(self, *args):
        return self.rt("kill", self.name, *args)

    def delete(self, *flags):
        return self.rt("delete", *flags, self.name)

    def pause(self):
        # On a machine with a long queue the usual 250 ms are not much, and runc takes 10 s.
        patient = ("--timeout", "10000") if runtime_kind() == "orlop" else ()
        return self.rt("pause", *patient, self.name)

    def resume(self):
        return self.rt("resume", self.name)

    def state(self):
        return json.loads(self.rt("state", self.name).ok.out)

    def exec(self, verbs, *flags, args=None, **keywords):
        """The probe run by exec; or any program with args=[...]."""
        program = list(args) if args is not None else ["/bin/probe", *words(verbs)]
        return self.rt("exec", *flags, self.name, *program, **keywords)

    # -- readings

    @property
    def status(self):
        return self.state()["status"]

    @property
    def pid(self):
        return self.state()["pid"]

    @property
    def out(self):
        return host.read(self.out_path)

    @property
    def lines(self):
        return self.out.splitlines()

    def values(self, verb):
        return Result([], 0, self.out, "", 0).values(verb)

    def value(self, verb):
        return Result([], 0, self.out, "", 0).value(verb)

    def wait_line(self, text, seconds=5):
        """Until the program has printed a line."""
        until(lambda: text in self.lines, seconds, what=f"the line {text!r} in {self.name}")
        return self

    def wait_status(self, status, seconds=5):
        until(lambda: self.status == status, seconds, what=f"status {status} of {self.name}")
        return self

    def up(self):
        """Started, and its `wait` verb reached."""
        self.start().ok
        return self.wait_line("wait: ready")

    def file(self, name):
        """A file of the container's cgroup."""
        return host.cgroup_files(self.cgroup)(name)

    def rootfs(self, name):
        return os.path.join(self.path, "rootfs", name.strip("/"))


def container(configuration, verbs="wait", *flags, **keywords):
    """with container(config()) as c: a created container; c.up() starts it."""
    return Container(configuration, verbs, *flags, **keywords)


class Console:
    """A listening console socket, and the terminal that arrives."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(4)
        self.listener.settimeout(10 * PATIENCE)
        self.fd, self.name, self.count = -1, None, 0

    def accept(self):
        """Takes the one message; gives the master's fd."""
        peer, _ = self.listener.accept()
        with peer:
            peer.settimeout(10 * PATIENCE)
            data, ancillary, _, _ = peer.recvmsg(4096, socket.CMSG_SPACE(16 * 4))
        fds = array.array("i")
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
        self.count, self.name = len(fds), data.decode(errors="replace").rstrip("\0")
        assert self.count == 1, f"{self.count} fds on the console socket"
        self.fd = fds[0]
        return self.fd

    def read(self, end, seconds=5):
        """What the terminal shows, until some text has come."""
        import select
        shown = b""
        limit = time.monotonic() + seconds * PATIENCE
        while end.encode() not in shown:
            left = limit - time.monotonic()
            assert left > 0, f"no {end!r} on the terminal, only {shown!r}"
            if select.select([self.fd], [], [], left)[0]:
                try:
                    block = os.read(self.fd, 65536)
                except OSError:
                    block = b""
                assert block, f"the terminal closed before {end!r}: {shown!r}"
                shown += block
        return shown.decode(errors="replace").replace("\r\n", "\n")

    def close(self):
        self.listener.close()
        if self.fd >= 0:
            os.close(self.fd)


@contextlib.contextmanager
def console():
    """A console socket for the length of a block."""
    made = Console(os.path.join(current().tmp, f"tty{current().next_number()}"))
    try:
        yield made
    finally:
        made.close()


def signal_number(name):
    return getattr(signal, "SIG" + name)


assert Config
