# SPDX-License-Identifier: Apache-2.0
"""What kill_random.py and kill_sweep.py share: a container on which commands are ended by SIGKILL,
delete --force, a look at what is left, and a line about it at the end.

The claim: whenever the runtime dies, `delete --force ID` removes everything in bounded time, and no
program has run with less restriction than the configuration asks for.
"""

import contextlib
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]

from deck import bundle, caps, config, current, host, rt  # noqa: E402
from deck.tap import Item, Runner  # noqa: E402

DELETE_SECONDS = 10
COMMANDS = ("create", "start", "run", "exec", "delete")
ALL = {"bounding": ["KILL"], "effective": ["KILL"], "permitted": ["KILL"]}

# What the program says, when it says anything: all of it, or the container was half restricted.
VERBS = "into /tmp/said; caps; ids; nnp; ls /secret; write /ro/x y; echo complete; wait"
COMPLETE = """caps: bounding 0000000000000020
caps: effective 0000000000000000
caps: permitted 0000000000000000
caps: inheritable 0000000000000000
caps: ambient 0000000000000000
caps: securebits 0
caps: keepcaps 0
ids: uid 1000 1000 1000 gid 1000 1000 1000
nnp: 1
ls: 0 entries
write: EROFS
complete
wait: ready
""".splitlines()


def in_a_user_namespace():
    """The same in a user namespace: other steps, other places to die."""
    made = restricted()
    made.owner = 100000
    maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    made.doc["linux"].update(uidMappings=maps, gidMappings=maps)
    made.doc["linux"]["namespaces"].append({"type": "user"})
    return made


def restricted():
    """A configuration with something of everything, so that dying has many places."""
    test = current()
    hook = {"path": test.probe, "args": ["probe", "stdin"]}
    os.makedirs("volume", exist_ok=True)
    return config(
        process={"user": {"uid": 1000, "gid": 1000}, "capabilities": caps(**ALL),
                 "oomScoreAdj": 100},
        rootfs={"/secret/key": "x", "/ro/": "dir"},
        hooks={"createRuntime": [hook], "createContainer": [hook]},
        mounts=[{"destination": "/vol", "type": "bind", "source": os.path.abspath("volume"),
                 "options": ["rbind", "ro"]},
                {"destination": "/m", "type": "tmpfs", "source": "tmpfs"}],
        linux={"maskedPaths": ["/secret", "/proc/keys"], "readonlyPaths": ["/ro", "/proc/sys"],
               "sysctl": {"net.ipv4.ip_forward": "1"},
               "resources": {"devices": [{"allow": False, "access": "rwm"}]}})


class Victim:
    """One bundle used again and again, and the checks after each death."""

    def __init__(self, make=restricted):
        self.test = current()
        self.name = self.test.next_id()
        self.path = bundle(make(), VERBS, self.name)
        self.said = os.path.join(self.path, "rootfs/tmp/said")
        self.mounts = host.mountpoints()
        self.slowest = 0.0
        self.number = 0

    def argv(self, command, *flags):
        """The command line that is to die, for the victim; the bundle only where it belongs."""
        if command in ("create", "run"):
            flags = ("--bundle", self.path, *flags)
        elif command == "delete":
            flags = ("--force", *flags)
        program = ("/bin/probe", "ids") if command == "exec" else ()
        return [self.test.runtime, "--root", self.test.root, command, *flags, self.name, *program]

    def prepare(self, command):
        """What the command wants to find: nothing, a created container, or a running one."""
        if command == "start":
            self.create()
        elif command in ("exec", "delete"):
            self.start()

    def quiet(self, argv, **keywords):
        """Starts a command whose output nobody reads."""
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, **keywords)

    def create(self):
        assert self.quiet(self.argv("create")).wait(20) == 0, "create failed"

    def start(self):
        self.create()
        rt("start", self.name).ok
        self.wait_said()

    def wait_said(self):
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if "complete" in host.read(self.said):
                    return
            time.sleep(0.005)
        raise AssertionError("the program did not run")

    def delete(self, where):
        """delete --force, while the orphans of the killed command are reaped, as pid 1 would: the
        kernel keeps a pid namespace until each process in it has been waited for."""
        log = os.path.join(self.test.tmp, "delete.log")
        began = time.monotonic()
        with open(log, "wb") as out:
            process = subprocess.Popen(self.argv("delete"), stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out)
        while process.poll() is None:
            reap(process.pid)
            time.sleep(0.001)
            assert time.monotonic() - began < 2 * DELETE_SECONDS, f"{where}: delete --force hangs"
        seconds = time.monotonic() - began
        self.slowest = max(self.slowest, seconds)
        assert process.returncode == 0, f"{where}: delete --force: {host.read(log)}"
        assert seconds < DELETE_SECONDS, f"{where}: delete took {seconds:.1f} s"

    def left(self):
        """Everything of the victim that is still there."""
        found = [f"process {pid} {command}" for pid, command in host.descendants()]
        found += [f"cgroup {path}" for path in host.cgroup_tree(self.test.cgroup)
                  if not path.endswith("/test")]
        with contextlib.suppress(FileNotFoundError):
            found += [f"state {name}" for name in os.listdir(self.test.root)]
        return found

    def clean_up(self, where):
        """delete --force, then nothing may be left; `where` says what was killed."""
        self.delete(where)
        found = []
        for _ in range(100):
            reap()
            found = self.left()
            if not found:
                break
            time.sleep(0.02)
        assert not found, f"{where}: left behind: " + "; ".join(found)
        state = rt("state", self.name)
        assert state.rc == 1, f"{where}: {state!r}"
        self.check_said(where)
        self.number += 1
        if self.number % 50 == 0:
            assert host.mountpoints() == self.mounts, f"{where}: a mount is left"
        del self.test.journal[:-20]
        for name in os.listdir(self.test.tmp):
            if name.startswith("out-"):
                os.unlink(os.path.join(self.test.tmp, name))

    def check_said(self, where):
        """What the program said before it was killed is the beginning of all it should say."""
        with contextlib.suppress(FileNotFoundError):
            lines = host.read(self.said).splitlines()
            os.unlink(self.said)
            assert COMPLETE[:len(lines)] == lines, (
                f"{where}: the program ran half restricted: {lines}")


def reap(but=0):
    """Takes every ended child but one, as the pid 1 of a machine would."""
    with contextlib.suppress(ChildProcessError):
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid == but:
                return
            os.waitpid(ended.si_pid, 0)


def claim(function, name, about, seconds):
    """A function as a test of the harness."""
    function.__name__, function.__doc__, function.seconds = f"test_{name}", about, seconds
    return Item(os.path.abspath(sys.argv[0]), function.__name__, function)


@contextlib.contextmanager
def reporting():
    """Gives a function that keeps a line, also from the processes of the tests, to be printed."""
    path = f"/tmp/orlop-kill-{os.getpid()}"

    def report(line):
        with open(path, "a", encoding="utf-8") as out:
            out.write(f"# {line}\n")
    try:
        yield report
        with contextlib.suppress(FileNotFoundError):
            print(host.read(path), end="")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def perform(items, options):
    """Runs them; gives an exit status."""
    with Runner(options) as runner:
        counts = runner.run(items)
    return 1 if counts["failed"] or counts["skipped"] else 0


def arguments(parser):
    """The options of the runner that make sense here."""
    parser.add_argument("--runtime", help="the runtime to test (else ORLOP, else the build)")
    parser.add_argument("-j", dest="jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--tmp", help="make bundles below this directory")
    parser.add_argument("--keep", action="store_true", help="keep the bundles")
    return parser
