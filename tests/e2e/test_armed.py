# SPDX-License-Identifier: Apache-2.0
"""A network that is armed at create: open until a number says otherwise, and then cut."""

import os
import subprocess

from deck import config, container, current, until
from deck.policy import annotated
from deck.wire import OUTSIDE, drained, wire
from test_quarantine import (connected, outcome, program_ids, quarantine, release, wired,
                             with_nothing_under_way)
from tools import built

ARMED = annotated(network="armed")


def lines(report):
    return {m["name"]: m.get("detail") for m in report["mechanisms"]}


def test_only_what_asks_for_it_is_armed():
    "the control has no program of ours; the armed one has one at each place, and they stay"
    with container(config(), "wait") as c:
        c.up()
        assert not any(program_ids(c)[place] for place in (0, 1, 2)), program_ids(c)
    with container(config(annotations=ARMED), "wait") as c:
        c.up()
        before = program_ids(c)
        assert all(len(before[place]) == 1 for place in (0, 1, 2)), before
        report = quarantine(c)
        assert lines(report)["egress"] == "armed" and outcome(report, "egress") == "applied"
        assert program_ids(c) == before, "a program was added although one was there"
        assert c.state()["remediation"]["networkCut"] is True
        done = release(c)
        assert outcome(done, "armed") == "applied" and program_ids(c) == before
        c.rt("release", c.name).fails("not in quarantine")


def test_an_armed_network_is_open_then_cut_then_open():
    "an established connection: bytes both ways, then none, then again"
    with connected("shell", annotations=ARMED) as (c, peer):
        peer.send(b"x")
        assert b"answer" in drained(peer, 0.5)
        for flags in ([], ["--observe"]):
            assert lines(quarantine(c, *flags))["egress"] == "armed"
            with_nothing_under_way(peer)
            peer.settimeout(5)
            peer.send(b"x")
            assert drained(peer, 1) == b""
        release(c)
        assert b"answer" in drained(peer, 6), "the connection did not go on"
        peer.close()


def test_what_is_allowed_gets_through_and_nothing_more():
    "programs take the place of the switch; without the rules the switch cuts again"
    with wire() as cable:
        allowed = cable.listen()
        port = allowed.getsockname()[1]
        with wired(cable, "try", OUTSIDE, port, annotations=ARMED) as c:
            c.bad()
            c.wait_line("connect: ok")
            before = program_ids(c)
            quarantine(c, "--observe", "--allow", f"{OUTSIDE}:{port}")
            seen = len(c.lines)
            until(lambda: "connect: ok" in c.lines[seen:], what="the allowed connection")
            quarantine(c, "--observe")
            assert program_ids(c) == before
            seen = len(c.lines)
            until(lambda: len(c.lines) > seen + 5)
            assert not [line for line in c.lines[seen + 2:] if "ok" in line], c.lines[seen:]
            release(c)
            assert program_ids(c) == before
            seen = len(c.lines)
            until(lambda: "connect: ok" in c.lines[seen:], what="connections after release")


def test_a_crash_leaves_an_armed_one_held_or_open():
    "kill -9 along quarantine and release: what state says is what the switch does"
    killat = built("killat")
    with container(config(annotations=ARMED), "wait") as c:
        c.up()
        before = program_ids(c)
        for verb in ("quarantine", "release"):
            at, kills = 1, 0
            while True:
                if verb == "release":
                    quarantine(c)
                result = subprocess.run(
                    ["sh", "-c", 'exec 3>/dev/null; exec "$@"', "sh", killat, str(at),
                     current().runtime, "--root", current().root, verb, c.name],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20,
                    check=False)
                if result.returncode != 0:
                    break
                kills += 1
                if "remediation" in c.state():
                    assert c.resume().rc == 4
                    release(c)
                assert (c.status, program_ids(c)) == ("running", before), (verb, at)
                c.rt("release", c.name).fails("not in quarantine")
                at += 4
            c.rt("release", c.name)
            assert kills > 10, (verb, kills)


def test_without_a_cgroup_there_is_nothing_to_arm():
    "what was asked for and cannot be done is an error"
    doc = config(annotations=ARMED)
    doc.cgroups_path_set = True
    doc.doc["linux"].pop("cgroupsPath", None)
    made = container(doc, "wait", front=("--cgroup-manager", "disabled"))
    made.create().fails("without a cgroup cannot be armed")
    assert not os.path.exists(os.path.join(current().root, made.name))
