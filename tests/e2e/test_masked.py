# SPDX-License-Identifier: Apache-2.0
"""One feature of the kernel at a time that is not there, or is forbidden: what holds all the same,
what is said of what does not, and that everything comes back."""

import contextlib
import json
import os
import re
import socket

from deck import (bind, bundle, config, container, current, host, namespaces, rt, timeout,
                  until)
from deck.adversary import adversary
from deck.container import PATIENCE
from deck.masked import Masked, Refused, no_file
from deck.policy import annotated, policies
from deck.tap import kernel
from deck.wire import OUTSIDE, drained, wire
from test_quarantine import (KINDS, RAW, connected, frozen, limits, program_ids, quarantine,
                             release, wired, with_nothing_under_way)
from test_scan import found as scanned

SOON = 1.0 * PATIENCE
SYS_PTRACE = 19
# Commands of bpf(2), and where they have the place (include/uapi/linux/bpf.h).
LOAD, ATTACH, DETACH, QUERY = 5, 8, 9, 16
PLACE_AT = {LOAD: 68, ATTACH: 8, DETACH: 8, QUERY: 4}
PLACES = {"ingress": 0, "egress": 1, "sock": 2, "dev": 6, "connect4": 10, "connect6": 11,
          "send4": 14, "send6": 15, "unix": 49, "unixs": 50}
VITAL = ("egress", "ingress")
NETLINK, SOCK_DIAG, BY_FAMILY, UNIX = 16, 4, 20, 1
LIMITS = ("pids.max", "memory.high", "cpu.max")
UNKNOWN = "not known: see sock-diag"


def no_place(*names):
    """A kernel without these places for programs on a cgroup."""
    numbers = [PLACES[name] for name in names]
    return Masked(Refused("bpf", "EINVAL", lambda call: call.arguments[0] in PLACE_AT and
                          call.word(1, PLACE_AT[call.arguments[0]]) in numbers))


def no_sock_diag(error="EPROTONOSUPPORT"):
    return Masked(Refused("socket", error, lambda call: call.arguments[0] == NETLINK and
                          call.arguments[2] == SOCK_DIAG))


def no_tcp_diag():
    """sock_diag is there and knows unix sockets alone: the kernel answers ENOENT."""
    return Masked(Refused("sendto", "ENOENT", lambda call: call.arguments[2] >= 20 and
                          call.word(1, 4) & 0xffff == BY_FAMILY and
                          call.word(1, 16) & 0xff != UNIX))


def call(mask, c, verb, *flags, rc=0):
    """One command under a mask: its status as expected, and never long."""
    result = mask.rt(c.rt, verb, *flags, c.name)
    assert result.rc == rc, result
    assert result.seconds < SOON, f"{verb}: {result.seconds} s"
    assert "internal error" not in result.err, result
    return result


RC = {"contained": 0, "contained-partial": 2, "failed": 1, "released": 0, "released-partial": 2}


def said(mask, c, verb, *flags, result, expect=(), others="applied"):
    """The report: its result, and each line as expected; those that are not named are `others`."""
    patient = () if "--impatient" in flags or verb == "release" else ("--timeout", "10000")
    flags = [flag for flag in flags if flag != "--impatient"]
    report = json.loads(call(mask, c, verb, "--json", *patient, *flags, rc=RC[result]).out)
    assert report["result"] == result, report
    expect = dict(expect)
    for line in report["mechanisms"]:
        want, text = expect.pop(line["name"], (others, ""))
        if line["name"] in LIMITS and want == others:
            continue            # as the host has the controllers
        if line["name"] in ("unix", "unixs") and not kernel(6, 7):
            assert line["outcome"] in ("unsupported", want), (line, report)
            continue
        assert line["outcome"] == want, (line, report)
        assert re.search(text, line.get("detail", "")), (line, text)
    assert not expect, f"no line for {expect}: {report}"
    return report


def found(report):
    """The ways out: (kind, what holds it)."""
    return sorted({(f["kind"], f["held"]) for f in report["findings"]})


def answers(peer):
    """Whether a reverse shell hears and is heard."""
    with_nothing_under_way(peer)
    peer.settimeout(5)
    peer.send(b"x")
    return b"answer" in drained(peer, 0.6 * PATIENCE)


@contextlib.contextmanager
def shell():
    """A container that talks to the outside, what it was like, and that it is so in the end."""
    with connected("shell") as (c, peer):
        before = program_ids(c), limits(c)
        yield c, peer
        assert (program_ids(c), limits(c)) == before
        assert c.status == "running" and "remediation" not in c.state()
        until(lambda: answers(peer), what="the connection to go on")


def evidence(mask, c, *flags, still=True):
    """A set that verifies; gives its capture.json and where it is."""
    path = os.path.join(current().tmp, f"set-{current().next_number()}")
    mask.rt(c.rt, "evidence", c.name, "-o", path, *flags).ok
    rt("evidence", "verify", path).ok
    capture = json.loads(host.read(f"{path}/capture.json"))
    assert capture["still"] is still, capture
    return capture, path


def problems(capture):
    """What is missing and why, without what any directory as a root has."""
    return {one["where"]: one["what"] for one in capture["problems"] if one["where"] != "upper"}


@timeout(120)
def test_without_bpf_it_is_frozen_and_that_is_all_that_is_said():
    "no place is claimed, an observed one is not let go, and release has nothing to take back"
    for error, outcome, why in (("EPERM", "failed", "CAP_BPF, CAP_NET_ADMIN"),
                                ("ENOSYS", "unsupported", "no bpf.2. in this kernel")):
        refused = Masked(Refused("bpf", error))
        lines = {name: (outcome, "^load: .*" + (why if name in VITAL else "")) for name in PLACES}
        gone = {name: ("unsupported", "nothing was put there") for name in PLACES}
        with shell() as (c, peer):
            report = said(refused, c, "quarantine", result="contained-partial", expect=lines)
            assert frozen(c) and not any(program_ids(c)[PLACES[name]] for name in VITAL)
            assert found(report) == []
            held = c.state()["remediation"]
            assert held["quarantine"] == "contained-partial" and held["networkCut"] is False, held
            told = json.loads(call(refused, c, "state").out)["remediation"]
            assert "networkCut" not in told and told["freezeRequested"], told
            call(refused, c, "resume", rc=4)
            evidence(refused, c)
            assert frozen(c)
            said(refused, c, "release", result="released", expect=gone)
            assert not frozen(c)

            lines["thaw"] = ("failed", "left frozen, because the network is not cut")
            said(refused, c, "quarantine", "--observe", result="contained-partial", expect=lines)
            assert frozen(c) and not answers(peer)
            evidence(refused, c)
            assert frozen(c), "let go on by somebody who only looked"
            text = call(refused, c, "quarantine", "--observe", "--timeout", "10000", rc=2).out
            assert "contained-partial, not observed," in text, text
            said(refused, c, "release", result="released", expect=gone)


def test_what_was_put_there_is_not_said_to_be_gone_where_bpf_is_refused():
    "the release is partial and says so, the container stays held, and a later one completes it"
    for error in ("EPERM", "ENOSYS"):
        refused = Masked(Refused("bpf", error))
        with shell() as (c, peer):
            quarantine(c)
            before = program_ids(c)
            said(refused, c, "release", result="released-partial",
                 expect={name: ("failed", "^detach: ") for name in PLACES})
            assert program_ids(c) == before and not answers(peer)
            assert c.state()["remediation"]["quarantine"] == "releasing"
            c.resume().fails("quarantine", rc=4)
            # Freezing it again puts nothing there, and does not forget what is.
            said(refused, c, "quarantine", result="contained-partial", expect={
                name: ("failed" if error == "EPERM" else "unsupported", "^load: ")
                for name in PLACES})
            said(refused, c, "release", result="released-partial",
                 expect={name: ("failed", "^detach: ") for name in PLACES})
            release(c)


@timeout(120)
def test_a_place_that_the_kernel_does_not_have_is_unsupported_and_the_others_hold():
    "without egress or ingress the network is not cut; without another it is"
    with shell() as (c, peer):
        before = program_ids(c)
        for names in (("egress",), ("ingress",), ("sock",), ("dev",), ("connect4", "connect6"),
                      ("unix", "unixs")):
            mask = no_place(*names)
            lines = {name: ("unsupported", "this kernel has no such place") for name in names}
            cut = not set(names) & set(VITAL)
            result = "contained" if cut else "contained-partial"
            said(mask, c, "quarantine", result=result, expect=lines)
            assert frozen(c)
            ids = program_ids(c)
            for name, place in PLACES.items():
                same = ids.get(place) == before.get(place)
                assert place not in before or same is (name in names), (name, ids)
            said(mask, c, "release", result="released", expect=lines)
            if not cut:
                lines["thaw"] = ("failed", "left frozen")
            said(mask, c, "quarantine", "--observe", result=result, expect=lines)
            assert frozen(c) is not cut and not answers(peer)
            lines.pop("thaw", None)
            said(mask, c, "release", result="released", expect=lines)


def test_a_cgroup_above_that_allows_no_programs_is_said():
    "the kernel refuses to attach, not to load"
    refused = Masked(Refused("bpf", "EPERM", lambda one: one.arguments[0] == ATTACH))
    with shell() as (c, _):
        said(refused, c, "quarantine", result="contained-partial", expect={
            name: ("failed", "^attach: .*: a program on a cgroup above") for name in PLACES})
        said(refused, c, "release", result="released")


def test_a_ring_is_open_where_nothing_is_cut():
    "what a ring sends to the network is not dropped then, and is not said to be"
    with wire() as cable, cable.listen() as listener:
        with wired(cable, "ring", OUTSIDE, listener.getsockname()[1]) as c:
            c.start().ok
            peer, _ = listener.accept()
            c.wait_line("ready")
            report = json.loads(call(Masked(Refused("bpf", "EPERM")), c, "quarantine", "--json",
                                     rc=2).out)
            assert ("io-uring", "open") in found(report), report
            assert ("io-uring", "cut") in found(quarantine(c)), "the control"
            release(c)
            peer.close()


@timeout(120)
def test_without_sock_diag_no_socket_is_called_its_own():
    "in a shared namespace it is open, alone in it the interfaces hold it, and sever says that it cannot"
    for mask in (no_sock_diag(), no_tcp_diag()):
        with shell() as (c, peer):
            lines = {"sock-diag": ("unsupported", "modules tcp_diag, udp_diag, unix_diag"),
                     "netns": ("unsupported", "process .* is in the same network namespace")}
            report = said(mask, c, "quarantine", result="contained-partial", expect=lines)
            assert found(report) == [("inet-socket", "open")] and not answers(peer)
            assert UNKNOWN in report["findings"][0]["detail"], report
            said(mask, c, "release", result="released")
            report = said(mask, c, "quarantine", "--observe", "--sever", result="contained-partial",
                          expect={**lines, "sever": ("failed", "see sock-diag")})
            assert not frozen(c) and not answers(peer)
            capture, _ = evidence(mask, c)
            assert re.search("sock_diag: |tcp_diag", str(problems(capture))), problems(capture)
            said(mask, c, "release", result="released")
    if not kernel(6, 6):        # no programs at interfaces
        return
    with wire() as cable, cable.listen() as listener:
        with wired(cable, "shell", OUTSIDE, listener.getsockname()[1]) as c:
            c.start().ok
            peer, _ = listener.accept()
            c.wait_line("ready")
            cable.holders[0].kill()
            cable.holders[0].wait()
            lines.pop("netns")
            for flags in ([], ["--observe"]):
                report = said(no_sock_diag(), c, "quarantine", *flags, result="contained",
                              expect=lines)
                assert found(report) == [("inet-socket", "cut")] and not answers(peer)
            said(no_sock_diag(), c, "release", result="released")
            until(lambda: answers(peer), what="the connection to go on")
            peer.close()


def test_without_sock_diag_a_unix_socket_leads_nobody_knows_where():
    "frozen it is held, observed it is open"
    given = os.path.join(current().tmp, "given")
    os.mkdir(given)
    os.chmod(current().tmp, 0o755)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as door:
        door.bind(os.path.join(given, "s"))
        os.chmod(os.path.join(given, "s"), 0o777)
        door.listen(4)
        with adversary("unix", "/given/s", mounts=[bind(given, "/given")]) as c:
            c.start().ok
            door.accept()
            c.wait_line("ready")
            lines = {"sock-diag": ("unsupported", "unix_diag")}
            report = said(no_sock_diag(), c, "quarantine", result="contained", expect=lines)
            assert found(report) == [("unix-socket", "frozen")], report
            assert UNKNOWN in report["findings"][0]["detail"], report
            report = said(no_sock_diag(), c, "quarantine", "--observe", result="contained-partial",
                          expect=lines)
            assert found(report) == [("unix-socket", "open")], report
            # Refused by somebody is another thing than missing.
            report = said(no_sock_diag("EPERM"), c, "quarantine", result="contained-partial",
                          expect={"sock-diag": ("failed", "sock_diag: operation not permitted")})
            release(c)


@timeout(120)
def test_where_unix_sockets_cannot_be_refused_those_in_reach_are_found():
    "observed: by a mount, by an abstract name of its network, or nobody can say; else none"
    given = os.path.join(current().tmp, "given")
    os.mkdir(given)
    blind = no_place("unix", "unixs")
    lines = {"unix": ("unsupported", ""), "unixs": ("unsupported", "")}
    abstract = f"orlop-test-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        for name in (os.path.join(given, "door"), os.path.join(current().tmp, "beside")):
            door = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
            door.bind(name)
            door.listen(4)
        with adversary("idle", 1) as c:
            c.bad()
            said(blind, c, "quarantine", "--observe", result="contained", expect=lines)
            said(blind, c, "release", result="released", expect=lines)
        with adversary("idle", 1, mounts=[bind(given, "/given")]) as c:
            c.bad()
            report = said(blind, c, "quarantine", result="contained", expect=lines)
            assert found(report) == [], report
            report = said(blind, c, "quarantine", "--observe", result="contained-partial",
                          expect=lines)
            detail, = (f["detail"] for f in report["findings"])
            assert f'may connect to "{given}/door": this kernel' in detail, detail
            said(blind, c, "release", result="released", expect=lines)
            both = Masked(*blind.refusals, *no_sock_diag().refusals)
            report = said(both, c, "quarantine", "--observe", result="contained-partial",
                          expect=lines)
            assert "which there are is not known" in report["findings"][0]["detail"], report
            release(c)
        door = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
        door.bind("\0" + abstract)
        door.listen(4)
        with adversary("idle", 1, linux={"namespaces": namespaces(*KINDS)}) as c:
            c.bad()
            report = said(blind, c, "quarantine", "--observe", result="contained-partial",
                          expect=lines)
            detail, = (f["detail"] for f in report["findings"])
            # There may be others of this host.
            assert f'"@{abstract}"' in detail or "more" in detail, detail
            release(c)


def test_a_socket_that_cannot_be_fetched_is_judged_by_what_sock_diag_lists():
    "the container's own are known by that; of what is not listed it is said that nobody could look"
    masks = [Masked(Refused("pidfd_getfd", "EPERM")), Masked(Refused("pidfd_open", "ENOSYS"))]
    for mask in masks:
        with shell() as (c, peer):
            for flags in ([], ["--observe"]):
                report = said(mask, c, "quarantine", *flags, result="contained")
                assert found(report) == [] and not answers(peer), report
            capture, _ = evidence(mask, c, "--sockets")
            assert "pidfd_" in str(problems(capture)), problems(capture)
            said(mask, c, "release", result="released")
    with wire() as cable, wired(cable, "packet", "c0", process=RAW) as c:
        c.bad()
        for mask in masks:
            report = said(mask, c, "quarantine", result="contained-partial")
            assert found(report) == [("socket", "open")], report
            assert "cannot be looked at: " in report["findings"][0]["detail"]
        release(c)


def test_without_pidfd_open_what_needs_no_process_works():
    "state says which call it misses; containment, evidence and the end of it do not need it"
    mask = Masked(Refused("pidfd_open", "ENOSYS"))
    with container(config(), "wait") as c:
        c.up()
        for verb in ("state", "pause", "ps"):
            assert "(pidfd_open): function not implemented" in call(mask, c, verb, rc=1).err
        listed = mask.rt(c.rt, "list").ok
        assert "(pidfd_open): function not implemented; left out" in listed.err, listed
        said(mask, c, "quarantine", result="contained")
        assert frozen(c)
        call(mask, c, "delete", "--force")
        assert not os.path.exists(f"{host.CGROUP}{c.cgroup}")


def test_without_setns_the_namespace_is_not_asked_and_that_is_said():
    "no socket is called its own or another namespace's, and the cut of the cgroup holds"
    mask = Masked(Refused("setns", "EPERM"))
    lines = {"sock-diag": ("failed", "entering the network namespace: operation not permitted")}
    with shell() as (c, peer):
        for flags in ([], ["--observe"]):
            report = said(mask, c, "quarantine", *flags, result="contained-partial", expect=lines)
            assert found(report) == [("inet-socket", "open")] and not answers(peer), report
            assert UNKNOWN in report["findings"][0]["detail"], report
        capture, _ = evidence(mask, c)
        assert "entering the network namespace: operation not permitted" in problems(
            capture).values(), problems(capture)
        said(mask, c, "release", result="released")


OTHER = "os.dup2(s.fileno(), 0); s.close()"
LATE = "threading.Thread(target=unshared, args=(0,), daemon=True).start()\ntime.sleep(0.3)"


@timeout(120)
def test_without_kcmp_nothing_is_missed():
    "it only saves work: among many alike the one that differs is found, of a thread as well"
    for error in ("ENOSYS", "EPERM"):
        mask = Masked(Refused("kcmp", error))
        with shell() as (c, peer):
            for flags in ([], ["--observe"]):
                assert found(said(mask, c, "quarantine", *flags, result="contained")) == []
                assert not answers(peer)
            said(mask, c, "release", result="released")
        for odd, low in (({"which": 11}, False), ({"which": 11, "odd": OTHER}, True),
                         ({"late": LATE}, False)):
            one, = scanned(**odd, held=lambda c: said(mask, c, "quarantine", result="contained"))
            assert one["held"] == "frozen" and (one["fd"] == 0) is low, one


def test_without_ptrace_only_registers_are_missing():
    "quarantine does not need it"
    mask = Masked(Refused("ptrace", "EPERM"))
    with shell() as (c, _):
        said(mask, c, "quarantine", result="contained")
        capture, _ = evidence(mask, c)
        assert problems(capture) == {f"registers of {c.pid}": "operation not permitted"}
        said(mask, c, "release", result="released")


NO_FREEZER = "this kernel does not freeze cgroups .Linux 5.2 does.: cgroup.freeze"


@timeout(120)
def test_without_a_freezer_it_is_cut_and_nobody_is_waited_for():
    "unsupported and not busy, the header says that it is not frozen, and pause is refused with why"
    mask = Masked(no_file("cgroup.freeze"))
    lines = {"freeze": ("unsupported", NO_FREEZER)}
    with shell() as (c, peer):
        refused = call(mask, c, "pause", rc=1)
        assert re.search(NO_FREEZER, refused.err.replace("\\", "")), refused
        assert "may still be paused" not in refused.err and c.status == "running"
        report = said(mask, c, "quarantine", result="contained-partial", expect=lines)
        assert report["elapsedMicroseconds"] < 10_000_000 / 2, "waited for nobody"
        assert not report["notFrozen"] and not frozen(c) and not answers(peer)
        text = call(mask, c, "quarantine", rc=2).out
        assert "contained-partial, not frozen," in text, text
        capture, _ = evidence(mask, c, still=False)
        assert list(problems(capture)) == ["freeze"], problems(capture)
        said(mask, c, "release", result="released")
        until(lambda: answers(peer), what="the connection to go on")
        said(mask, c, "quarantine", "--observe", result="contained", expect=lines)
        assert not answers(peer)
        said(mask, c, "release", result="released")


def test_with_neither_freezer_nor_bpf_nothing_is_in_force_and_that_is_said():
    "failed, status 1; what was begun can be taken back"
    mask = Masked(no_file("cgroup.freeze"), Refused("bpf", "EPERM"))
    lines = {name: ("failed", "^load: ") for name in PLACES}
    lines["freeze"] = ("unsupported", NO_FREEZER)
    with shell() as (c, peer):
        for flags in ([], ["--observe"]):
            said(mask, c, "quarantine", *flags, result="failed", expect=lines)
            assert answers(peer) and not frozen(c)
            assert c.state()["remediation"]["quarantine"] == "failed"
        said(mask, c, "release", result="released", expect={
            name: ("unsupported", "nothing was put there") for name in PLACES})


def test_a_freezer_that_may_not_be_written_is_a_failure():
    "and a container that was paused before is still said to be frozen, because it is"
    mask = Masked(Refused("openat2", "EACCES", lambda one: one.path() == "cgroup.freeze" and
                          one.word(2, 0) & 3))
    with shell() as (c, peer):
        said(mask, c, "quarantine", result="contained-partial", expect={
            "freeze": ("failed", "cgroup.freeze \"1\": permission denied")})
        assert not frozen(c) and not answers(peer)
        release(c)
        c.pause().ok
        said(mask, c, "quarantine", result="contained", expect={
            "freeze": ("applied", "as it was before; asked again: .*permission denied")})
        assert frozen(c)
        release(c)
        assert c.status == "paused"
        c.resume().ok


def test_memory_that_cannot_be_read_is_said_with_its_file():
    "the set is valid without the core, and the path says which file it was"
    for name, mask, why in (
            ("mem", Masked(Refused("openat", "EACCES", lambda one: one.path() == "mem")),
             "permission denied"),
            ("pagemap", Masked(no_file("pagemap")), "no such file or directory")):
        with shell() as (c, _):
            capture, path = evidence(mask, c)
            assert problems(capture) == {f"memory/core.{c.pid}": f"/proc/{c.pid}/{name}: {why}"}
            assert not os.path.exists(f"{path}/memory"), os.listdir(f"{path}/memory")
            said(mask, c, "quarantine", result="contained")
            said(mask, c, "release", result="released")


def test_without_map_files_drift_is_not_called_clean():
    "status 5 and the file that could not be looked at"
    with container(config(), "wait") as c:
        c.up()
        call(Masked(), c, "drift")
        for mask, why in ((Masked(no_file("map_files/")), "no such file or directory"),
                          (Masked(Refused("statx", "EPERM", lambda one: one.path().startswith(
                              "map_files/"))), "operation not permitted")):
            result = call(mask, c, "drift", rc=5)
            assert f"not known: process {c.pid}: /bin/probe: map_files: {why}" in result.out, result
            _, path = evidence(mask, c)
            assert json.loads(host.read(f"{path}/drift.json"))["result"] == "unknown"


@timeout(120)
def test_processes_that_may_not_be_looked_at_are_said():
    "without CAP_SYS_PTRACE, also where /proc hides them: partial, unknown, and never clean"
    for hidden in (False, True):
        with contextlib.ExitStack() as stack, shell() as (c, peer):
            if hidden:
                stack.enter_context(host.mounted("proc", "/proc", "proc", 0,
                                                 "hidepid=2,gid=65533"))
            mask = Masked(without=(SYS_PTRACE,))
            pid = c.pid
            told = call(mask, c, "drift", rc=5).out
            assert f"not known: process {pid}: " in told, told
            for flags in ([], ["--observe"]):
                report = said(mask, c, "quarantine", *flags, result="contained-partial")
                finding, = [f for f in report["findings"] if f["kind"] == "process"]
                assert finding["held"] == "open" and finding["pid"] == pid, report
                assert re.match("what 1 of 1 processes have open cannot be seen: .*CAP_SYS_PTRACE",
                                finding["detail"]), report
                assert not answers(peer)
            capture, _ = evidence(mask, c)
            assert re.search("little of it can be seen|does not show it",
                             problems(capture)[f"/proc/{pid}"]), problems(capture)
            call(mask, c, "state")
            said(mask, c, "release", result="released")
            # All of root's capabilities see through it.
            assert found(said(Masked(), c, "quarantine", result="contained")) == []
            call(Masked(), c, "drift")
            release(c)


def test_without_controllers_the_limits_are_unsupported_and_it_is_contained():
    "freeze and cut do not need them"
    mask = Masked(no_file(*LIMITS, "memory.current", "memory.events"))
    gone = {name: ("unsupported", "the controller is not enabled for the cgroup")
            for name in LIMITS}
    with shell() as (c, peer):
        said(mask, c, "quarantine", result="contained", expect={"pids.max": gone["pids.max"]})
        said(mask, c, "quarantine", "--observe", result="contained", expect=gone)
        assert not answers(peer) and mask.asked
        said(mask, c, "release", result="released")


def test_without_pressure_a_policy_that_wants_it_says_so():
    "the container is not made; nothing else misses it"
    mask = Masked(no_file("memory.pressure", "cpu.pressure", "io.pressure", "pressure"))
    wants = {"watch": {"events": ["memoryPressure"], "action": "quarantine",
                       "onFailure": "quarantine"}}
    with policies(w=wants):
        name = current().next_id()
        path = bundle(config(annotations=annotated(policy="w")), "wait", name)
        mask.rt(rt, "create", "--bundle", path, name).fails("memory.pressure")
        assert mask.asked
        rt("delete", "--force", name)
    with shell() as (c, _):
        call(mask, c, "events", "--stats")
        said(mask, c, "quarantine", result="contained")
        said(mask, c, "release", result="released")
