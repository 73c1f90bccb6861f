#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pod.py SOCKET HANDLER IMAGE COMMAND... - what a kubelet asks of an engine, as far as a test needs.

Makes a pod with the runtime handler HANDLER, in it a container of IMAGE that sleeps; prints their
ids; runs COMMAND with `sh -c` while they are there (ids in $POD and $CONTAINER); runs `echo` in the
container; stops and removes the pod. Ends with the status of COMMAND.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "engines"))

import cri  # noqa: E402  pylint: disable=wrong-import-position


def main(socket, handler, image, *command):
    cri.SOCKET = socket
    Path("/etc/resolv.conf").touch()        # is copied into each pod, and no disk of ours has one
    with (tempfile.TemporaryDirectory() as logs,
          cri.Pod(handler, logs, cgroup_parent="system.slice") as pod):
        container = pod.run("sleeper", "sleep", "1000", image=image)
        print(pod.id, container, flush=True)
        status = subprocess.run(["sh", "-c", " ".join(command)], check=False,
                                env={**os.environ, "POD": pod.id,
                                     "CONTAINER": container}).returncode
        said = cri.ask("ExecSync", container_id=container, cmd=["echo", "hello"], timeout=100)
        assert said.get("stdout") == b"hello\n" and not said.get("exit_code"), said
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
