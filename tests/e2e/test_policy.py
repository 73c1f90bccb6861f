# SPDX-License-Identifier: Apache-2.0
"""Policies and their hooks: where they come from, what they may say, and that they hold up nothing."""

import json
import os
import time

from deck import config, container, current, rt, timeout, until
from deck.container import PATIENCE
from deck.policy import PREFIX, annotated, audit, audited, policies, script


def hook(path, **more):
    return [{"path": path} | more]


def hooked(**moments):
    return {"hooks": moments}


def stored(c):
    with open(os.path.join(current().root, c.name, "policy.json"), encoding="utf-8") as file:
        return json.load(file)


def test_without_a_policy_there_is_none():
    "the control: nothing is stored for a container that says nothing, nor written for its life"
    with container(config(), "wait") as c:
        c.up()
        assert not os.path.exists(os.path.join(current().root, c.name, "policy.json"))
    assert not audit()


def test_a_policy_comes_from_the_host_and_annotations_add_to_it():
    "default for everybody, the named one, then annotations: the stronger word counts"
    with policies(default={"description": "all", "onKill": "kill"},
                  web={"pause": "quarantine", "evidence": {"budgetMs": 500}}):
        with container(config(), "wait") as c:
            assert (stored(c)["onKill"], stored(c)["pause"]) == ("kill", "freeze")
        with container(config(annotations=annotated(policy="web", on_kill="evidence")),
                       "wait") as c:
            kept = stored(c)
            assert (kept["onKill"], kept["pause"], kept["evidence"]["budgetMs"]) == (
                "evidence", "quarantine", 500), kept
        with container(config(annotations=annotated(policy="web", pause="freeze")), "wait") as c:
            assert stored(c)["pause"] == "quarantine", "an annotation weakened the host's policy"


def test_what_a_policy_does_not_know_is_refused():
    "unknown annotations, names, words, members: create fails and leaves nothing"
    cases = [
        (annotated(pasue="quarantine"), "pasue.*not known"),
        (annotated(policy="nobody"), 'no remediation policy "nobody"'),
        (annotated(policy="../web"), "no remediation policy"),
        (annotated(policy="broken"), "onkill: unknown member of a remediation policy"),
        (annotated(pause="stop"), 'unknown meaning of pause "stop"'),
        (annotated(on_kill="kill"), "only a policy of the host"),
        (annotated(hooks='{"onAlrm": []}'), "onAlrm"),
    ]
    with policies(broken={"onkill": "evidence"}):
        for annotations, says in cases:
            made = container(config(annotations=annotations), "wait").create()
            made.fails(says)


def test_an_annotation_runs_only_the_hosts_hooks():
    "root's files of one directory; not another program, not by a longer path, not one of others"
    with policies() as place:
        good = script(f"{place}/good", "exit 0")
        script(f"{place}/loose", "exit 0")
        os.chmod(f"{place}/loose", 0o777)
        os.symlink("/bin/sh", f"{place}/link")
        for path in ("/bin/sh", f"{place}/../hooks/good", f"{place}/loose", f"{place}/link"):
            document = json.dumps({"postQuarantine": hook(path)})
            container(config(annotations=annotated(hooks=document)), "wait").create().fails(
                "none of the host's hooks")
        document = json.dumps({"postQuarantine": hook(good, timeout=5)})
        with container(config(annotations=annotated(hooks=document)), "wait") as c:
            c.up()
            c.rt("quarantine", c.name).ok
            audited("hook", path=good, result="done")
            c.rt("release", c.name).ok


def test_each_moment_runs_its_hooks_with_the_state_on_standard_input():
    "pre and post of quarantine and release; the document says what happened"
    out = os.path.join(current().tmp, "seen")
    program = script(f"{out}.sh", f"cat >> {out}.$1; echo >> {out}.$1")
    moments = {name: hook(program, args=[program, name]) for name in (
        "preQuarantine", "postQuarantine", "preRelease", "postRelease")}
    with policies(web=hooked(**moments)):
        with container(config(annotations=annotated(policy="web")), "wait") as c:
            c.up()
            c.rt("quarantine", "--reason", "odd", c.name).ok
            audited("hook", moment="postQuarantine", result="done")
            audited("hook", moment="preQuarantine", result="done")
            c.rt("release", "--reason", "fine", c.name).ok
            # That one was waited for.
            assert audit("hook", moment="preRelease", result="done")
            audited("hook", moment="postRelease", result="done")
            for name, result, reason in (("preQuarantine", None, "odd"),
                                         ("postQuarantine", "contained", "odd"),
                                         ("preRelease", None, "fine"),
                                         ("postRelease", "released", "fine")):
                with open(f"{out}.{name}", encoding="utf-8") as file:
                    state, = [json.loads(line) for line in file]
                told = state["remediation"]
                assert (state["id"], told["moment"]) == (c.name, name), state
                assert (told.get("result"), told.get("reason")) == (result, reason), told
                assert state["annotations"][PREFIX + "policy"] == "web"
    rt("audit", "verify").ok


def test_the_hook_after_evidence_knows_the_set():
    "by the command; its digest is the one that the command printed"
    out = os.path.join(current().tmp, "seen")
    program = script(f"{out}.sh", f"cat > {out}")
    with policies(default=hooked(postEvidence=hook(program))):
        with container(config(), "wait") as c:
            c.up()
            place = os.path.join(current().tmp, "set")
            printed = rt("evidence", "-o", place, c.name).ok.lines[0].split()[-1]
            audited("hook", moment="postEvidence", result="done")
            with open(out, encoding="utf-8") as file:
                told = json.load(file)["remediation"]
            assert (told["set"], told["merkleRoot"], told["result"]) == (
                place, printed, "taken"), told


@timeout(60)
def test_a_hook_that_sleeps_for_ever_delays_nothing():
    "the answer comes as fast as without; at its deadline it ends, with all it has started"
    left = os.path.join(current().tmp, "left")
    program = script(f"{left}.sh", f"setsid sh -c 'echo $$ > {left}; exec sleep 3600' &",
                     "trap '' TERM", "while :; do sleep 3600; done")
    with policies(web=hooked(preQuarantine=hook(program, timeout=1),
                             postQuarantine=hook(program, timeout=1))):
        with container(config(annotations=annotated(policy="web")), "wait") as c:
            c.up()
            done = c.rt("quarantine", c.name).ok
            assert done.seconds < 0.9 * PATIENCE, done.seconds
            assert "frozen 1" in c.file("cgroup.events")
            with open(until(lambda: os.path.exists(left) and os.path.getsize(left) and left),
                      encoding="ascii") as file:
                pid = int(file.read())
            for moment in ("preQuarantine", "postQuarantine"):
                line = audited("hook", 15, moment=moment)
                assert line["result"] == "failed" and "timeout of 1" in line["detail"], line
            assert not os.path.exists(f"/proc/{pid}"), "what the hook started goes on"
            assert "frozen 1" in c.file("cgroup.events")
            journal = os.path.join(current().root, c.name, "quarantine")
            with open(journal, encoding="utf-8") as file:
                steps = [json.loads(line) for line in file]
            assert {s["moment"] for s in steps if s["step"] == "hook"} == {
                "preQuarantine", "postQuarantine"}, steps
            c.rt("release", c.name).ok


def test_a_hook_that_fails_undoes_nothing():
    "a missing program, one that fails: the container is held, and the log says what they did"
    failing = script(os.path.join(current().tmp, "failing"), "echo went wrong >&2", "exit 3")
    with policies(web=hooked(preQuarantine=hook("/nonexistent/program"),
                             postQuarantine=hook(failing), preRelease=hook(failing))):
        with container(config(annotations=annotated(policy="web")), "wait") as c:
            c.up()
            c.rt("quarantine", c.name).ok
            assert "No such file" in audited("hook", moment="preQuarantine")["detail"].replace(
                "no such", "No such")
            line = audited("hook", moment="postQuarantine")
            assert line["result"] == "failed" and "went wrong" in line["detail"], line
            assert c.status == "paused"
            c.rt("release", c.name).ok
            assert c.status == "running"


def test_a_policy_that_cannot_be_read_keeps_nobody_from_holding():
    "the hooks are not run, and that is said"
    with container(config(annotations=annotated(pause="quarantine")), "wait") as c:
        c.up()
        with open(os.path.join(current().root, c.name, "policy.json"), "w",
                  encoding="ascii") as out:
            out.write("{nonsense")
        report = json.loads(c.rt("quarantine", "--json", c.name).ok.out)
        assert report["result"] == "contained"
        assert "policy" in [m["name"] for m in report["mechanisms"]]
        c.rt("release", c.name).ok
