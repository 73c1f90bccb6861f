#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""engine_inside.py DIR RUNS native|machine - times engines with each runtime; runs beside them.

DIR has orlop and timer, and gets results.json. The engines' programs and images are where the full
machine of tests/vm has them. In the machine its engines run already; natively they are started
here, with the options that a host without cgroup controllers needs.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

IMAGE = "localhost/busybox:1"
ORLOP = "/usr/local/sbin/orlop"     # where the engines of the machine look for it
RUNTIMES = {"orlop": ORLOP, "crun": "/usr/bin/crun", "runc": "/usr/sbin/runc"}
DOCKER = {"runtimes": {name: {"path": path} for name, path in RUNTIMES.items() if name != "runc"},
          "iptables": False, "ip6tables": False, "bridge": "none"}


class Ctr:
    """containerd's own client."""
    name = "ctr"

    def __init__(self, native):
        self.limits = ["--cpu-shares", "0"] if native else []

    def start(self, *_, **runtime):
        return ["ctr", "run", *self.limits, "--runc-binary", runtime["path"]]

    def run(self, lane):
        return [*self.start(path=RUNTIMES[lane]), "--rm", IMAGE, f"run-{lane}", "true"]

    def detach(self, lane):
        return [*self.start(path=RUNTIMES[lane]), "-d", IMAGE, f"exec-{lane}", "sleep", "100000"]

    def exec(self, lane):
        return ["ctr", "task", "exec", "--exec-id", "e", f"exec-{lane}", "true"]

    def remove(self, lane):
        return ["sh", "-c", f"ctr task rm -f exec-{lane}; ctr container rm exec-{lane}"]


class Client:
    """podman and docker, whose words are the same."""

    def __init__(self, name, native):
        self.name = name
        self.bare = native and name == "podman"
        self.words = [name, *(["--cgroup-manager", "cgroupfs"] if self.bare else [])]

    def with_runtime(self, lane):
        """podman has the option before the command, docker after it."""
        limits = ["--network", "none"]
        if self.bare:   # "no limit", for a host that cannot limit: to crun and runc 1.3 that is 0
            limits += ["--pids-limit", "-1" if lane == "orlop" else "0"]
        if self.name == "podman":
            return [*self.words, "--runtime", RUNTIMES[lane], "run", *limits]
        return [*self.words, "run", "--runtime", lane, *limits]

    def run(self, lane):
        return [*self.with_runtime(lane), "--rm", IMAGE, "true"]

    def detach(self, lane):
        return [*self.with_runtime(lane), "-d", "--name", f"exec-{lane}", IMAGE, "sleep", "100000"]

    def exec(self, lane):
        return [*self.words, "exec", f"exec-{lane}", "true"]

    def remove(self, lane):
        return [*self.words, "rm", "-f", f"exec-{lane}"]


def ready(*command):
    """Waits for an engine to answer."""
    for _ in range(600):
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise SystemExit(f"{' '.join(command)}: no answer")


def daemon(log, *command):
    with open(log, "wb") as out:
        subprocess.Popen(command, stdout=out, stderr=out)   # pylint: disable=consider-using-with


def start_engines():
    """What the machine's template does before it is frozen."""
    daemon("/tmp/containerd.log", "containerd")
    ready("ctr", "version")
    Path("/tmp/daemon.json").write_text(json.dumps(DOCKER), encoding="ascii")
    daemon("/tmp/dockerd.log", "dockerd", "--config-file", "/tmp/daemon.json",
           "--containerd", "/run/containerd/containerd.sock")
    ready("docker", "version")
    archive = "/opt/images/busybox.tar"
    for command in (["ctr", "images", "import", archive], ["docker", "load", "-q", "-i", archive],
                    ["podman", "load", "-q", "-i", archive]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def timed(work, runs, commands):
    """{lane: what timer says of it}; the commands run in turn, run by run."""
    job = [["runs", runs], ["warm", 1]]
    for lane, command in commands.items():
        command = [shutil.which(command[0]), *command[1:]]
        job += [["lane", lane, f"/tmp/bench-{lane}.log"], ["begin"], ["exec", *command], ["end"]]
    text = "".join("\t".join(map(str, step)) + "\n" for step in job)
    done = subprocess.run([work / "timer"], input=text, capture_output=True, text=True, check=True)
    lanes = {}
    for lane in json.loads(done.stdout)["lanes"]:
        if lane["error"]:
            said = Path(f"/tmp/bench-{lane['name']}.log").read_text(errors="replace")
            lane["error"] += ": " + (said.strip().splitlines() or [""])[-1]
        lanes[lane["name"]] = {"ms": [ns / 1e6 for ns in lane["ns"]], "error": lane["error"]}
    return lanes


def measure(work, runs, engine):
    rows = {f"{engine.name} run": timed(work, runs, {r: engine.run(r) for r in RUNTIMES})}
    lanes = {}
    try:
        for lane in RUNTIMES:
            done = subprocess.run(engine.detach(lane), capture_output=True, text=True, check=False)
            if done.returncode == 0:
                lanes[lane] = engine.exec(lane)
            else:
                print(f"{engine.name} {lane}: {done.stderr.strip()}", file=sys.stderr)
        rows[f"{engine.name} exec"] = timed(work, runs, lanes)
    finally:
        for lane in RUNTIMES:
            subprocess.run(engine.remove(lane), capture_output=True, check=False)
    return rows


def version(*command):
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    words = said.replace(",", " ").split("\n", maxsplit=1)[0].split()
    with contextlib.suppress(ValueError):
        return words[words.index("version") + 1]
    return next((word for word in words if word[:1].isdigit()), "?")


def main(directory, runs, where):
    work, native = Path(directory), where == "native"
    shutil.copy(work / "orlop", ORLOP)
    if native:
        start_engines()
    rows = {}
    for engine in (Ctr(native), Client("podman", native), Client("docker", native)):
        rows |= measure(work, int(runs), engine)
    versions = {name: version(path, "--version") for name, path in RUNTIMES.items()}
    versions |= {name: version(name, "--version") for name in ("containerd", "docker", "podman")}
    (work / "results.json").write_text(json.dumps({"rows": rows, "versions": versions}),
                                       encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
