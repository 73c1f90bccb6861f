# SPDX-License-Identifier: Apache-2.0
"""Where the engines are: in the machine, which has systemd and every controller, or natively in a
root of some Debian, which has what this host has and no systemd.
"""
import os
import re
import resource
import shutil
import subprocess

from call import call, until

CONTROLLERS = "/sys/fs/cgroup/cgroup.controllers"


# For Podman and Buildah where there is no systemd; "no limit", for a host that cannot limit, and no
# more descriptors and processes than this process may have.
BARE = """[containers]
pids_limit = 0
log_driver = "k8s-file"
default_ulimits = ["nofile={0}:{0}", "nproc={1}:{1}"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def has_systemd():
    return os.path.isdir("/run/systemd/system")


def has(thing):
    """A controller, "systemd", "apparmor" or "criu"."""
    if thing == "criu":
        return bool(shutil.which("criu")) and call("criu", "check").rc == 0
    if thing == "systemd":
        return has_systemd()
    if thing == "apparmor":
        return os.path.isdir("/sys/kernel/security/apparmor")
    with open(CONTROLLERS, encoding="ascii") as text:
        return thing in text.read().split()


def missing(function):
    """What a case needs and is not here, in words; "" when all is."""
    lacking = [thing for thing in getattr(function, "needs", ()) if not has(thing)]
    return "not here: " + ", ".join(lacking) if lacking else ""


def version(program):
    """The first two numbers of what a client says of its version."""
    found = re.search(r"\bv?(\d+)\.(\d+)", call(program, "--version").value)
    return int(found[1]), int(found[2])


class Daemon:
    """One that was started here, as systemd would start it."""

    def __init__(self, *command, asked):
        self.command, self.asked, self.process = command, asked, None
        self.start()

    def start(self):
        log = f"/run/{os.path.basename(self.command[0])}.log"
        with open(log, "ab") as out:
            self.process = subprocess.Popen(    # pylint: disable=consider-using-with
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)
        until(self.answers, f"{self.command[0]} answers (it says why not in {log})")

    def answers(self):
        return call(*self.asked).rc == 0


DAEMONS = {}            # by the name that systemd has for them


def start(unit, *command, asked):
    """Starts a daemon where there is no systemd; waits until it answers."""
    DAEMONS[unit] = Daemon(*command, asked=asked)


def pid_of(unit):
    if unit in DAEMONS:
        return DAEMONS[unit].process.pid
    return int(call("systemctl", "show", "-P", "MainPID", unit).value)


def restart(unit):
    """As an administrator does."""
    if unit in DAEMONS:
        DAEMONS[unit].process.terminate()
        DAEMONS[unit].process.wait()
        DAEMONS[unit].start()
        return
    call("systemctl", "reset-failed", unit)
    call("systemctl", "restart", unit).ok


def kill(unit, meanwhile=lambda: None):
    """By SIGKILL; it is started again, by systemd where that is. `meanwhile` is done in between."""
    old = pid_of(unit)
    if unit in DAEMONS:
        DAEMONS[unit].process.kill()
        DAEMONS[unit].process.wait()
        meanwhile()
        DAEMONS[unit].start()
        return
    call("systemctl", "reset-failed", unit)
    os.kill(old, 9)
    meanwhile()
    until(lambda: pid_of(unit) not in (0, old), f"systemd starts {unit} again")


def configure_containers():
    """What Podman and Buildah find by themselves where there is systemd."""
    if has_systemd():
        return
    limits = [hard if (hard := resource.getrlimit(limit)[1]) > 0 else 1048576
              for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)]
    os.makedirs("/etc/containers/containers.conf.d", exist_ok=True)
    with open("/etc/containers/containers.conf.d/bare.conf", "w", encoding="ascii") as out:
        out.write(BARE.format(*limits))
