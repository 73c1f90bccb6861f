# SPDX-License-Identifier: Apache-2.0
"""Buildah: calls the runtime itself (create, state, start, kill, delete), without conmon."""
import os
import tempfile

from call import call, fields
from engine import IMAGE, Engine, engine
from mark import quick
from place import configure_containers, has, has_systemd
from terminal import Terminal


class Buildah(Engine):
    """A working container stands for all; each `run` makes one that is gone afterwards."""

    def command(self, *words, before=()):
        return [self.program, words[0], "--isolation=oci", f"--runtime={self.binary}", *words[1:]]

    def inside(self, script, *options, **more):
        return call(*self.command("run", *options, self.working, "--", "sh", "-c", script), **more)

    def clear(self):
        pass


def prepare(runtime):
    """A working container of the image."""
    configure_containers()
    if not has_systemd():
        call("buildah", "pull", "docker-archive:/opt/images/busybox.tar").ok
    it = Buildah("/usr/bin/buildah", os.path.basename(runtime),
                 f"/run/{os.path.basename(runtime)}", ("/sys/fs/cgroup/*/buildah-*",))
    it.binary = runtime
    it.working = call("buildah", "from", IMAGE).value


@quick
def test_run_gives_what_was_said_and_the_exit_status():
    "input, both streams, 3 is 3"
    r = engine().inside("cat; echo problem >&2; exit 3", stdin="typed\n")
    # Before it: Buildah 1.28 wants ambient capabilities that cannot be, and is told so as by runc.
    assert r.rc == 3 and r.out == "typed\n" and "problem\n" in r.err, r


@quick
def test_a_step_has_the_confinement_that_was_asked_for():
    "capabilities, user and filter"
    r = engine().inside("cat /proc/self/status; pwd", "--cap-drop=all", "--user=65534",
                        "--workingdir=/tmp")
    found = fields(r.ok.out)
    assert int(found["CapBnd"], 16) == 0 and found["Seccomp"] == "2"
    assert found["Uid"].split()[0] == "65534" and r.lines[-1] == "/tmp"
    r = engine().inside("cat /proc/self/status", "--cap-add=CAP_SYS_ADMIN")
    assert int(fields(r.ok.out)["CapEff"], 16) >> 21 & 1


def test_run_has_a_terminal():
    "a real one"
    argv = engine().command("run", "-t", engine().working, "sh")
    with Terminal(*argv) as person:
        person.expect("# ")
        person.type("tty; exit 12")
        person.expect("/dev/pts/0")
        person.end()


def test_run_has_no_network_when_there_shall_be_none():
    "nothing but lo"
    r = engine().inside("ls /sys/class/net", "--network=none")
    assert r.value == "lo"


@quick
def test_an_image_is_built_step_by_step():
    "with an argument, a secret, a cache and a bind mount, and limits"
    limited = has("memory")
    with tempfile.TemporaryDirectory() as here:
        with open(f"{here}/word", "w", encoding="ascii") as out:
            out.write("swordfish")
        with open(f"{here}/Containerfile", "w", encoding="ascii") as out:
            out.write(f"FROM {IMAGE}\nARG WHO\nRUN echo $WHO > /made\n"
                      "RUN --mount=type=secret,id=word cat /run/secrets/word >> /made\n"
                      "RUN --mount=type=cache,target=/c touch /c/x\n"
                      "RUN --mount=type=bind,source=word,target=/w test -s /w && ! (: >>/w)\n"
                      "RUN ulimit -n >> /made\n" +
                      "RUN cat /sys/fs/cgroup/memory.max >> /made\n" * limited +
                      "USER 65534\nRUN id -u > /tmp/id\nCMD cat /made /tmp/id\n")
        call(*engine().command("build", "--build-arg=WHO=me", f"--secret=id=word,src={here}/word",
                               "--ulimit=nofile=123:123", *["--memory=70m"] * limited, "-q", "-t",
                               "made:1", here)).ok
        container = call("buildah", "from", "localhost/made:1").value
        r = call(*engine().command("run", container, "cat", "/made", "/tmp/id"))
        call("buildah", "rm", container).ok
    assert r.ok.out == "me\nswordfish123\n" + f"{70 << 20}\n" * limited + "65534\n"


def test_a_step_that_does_not_succeed_ends_the_build():
    "and says which"
    with tempfile.TemporaryDirectory() as here:
        with open(f"{here}/Containerfile", "w", encoding="ascii") as out:
            out.write(f"FROM {IMAGE}\nRUN exit 17\n")
        r = call(*engine().command("build", here))
    assert r.rc == 17 and "exit status 17" in r.err, r
    r = engine().inside("true", "--workingdir=/nowhere")
    r = call(*engine().command("run", engine().working, "--", "/nonexistent"))
    assert r.rc != 0 and "no such file or directory" in r.err, r
