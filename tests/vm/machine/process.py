# SPDX-License-Identifier: Apache-2.0
"""Processes that do not outlive the one that started them, however that one ends."""
import ctypes
import signal
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def start(argv: list[str], before=None, **more) -> subprocess.Popen:
    """Start argv; `before` is called in the new process, just before it becomes argv."""
    def prepare() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # Ctrl-C is for the caller, who then ends this one.
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if before:
            before()
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=prepare, **more)


def stop(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
