# SPDX-License-Identifier: Apache-2.0
"""What engines can set off without knowing it: pause by policy, and the keys of an update."""

import fcntl
import json
import os

from deck import config, container, current, needs, run
from deck.adversary import adversary
from deck.policy import annotated, audit, policies


def frozen(c):
    return "frozen 1" in c.file("cgroup.events").splitlines()


def held(c):
    return c.state().get("remediation", {}).get("quarantine")


def update(c, resources):
    return c.rt("update", "--resources", "-", c.name, stdin=json.dumps(resources))


def unified(c, **keys):
    return update(c, {"unified": {key.replace("_", "."): value for key, value in keys.items()}})


def cut(c):
    """What the kernel says of programs of ours on the container's cgroup: the state has it."""
    return c.state()["remediation"]["networkCut"]


def test_pause_means_quarantine_where_the_policy_says_so():
    "by annotation or by the host's policy; resume is refused; without it pause only freezes"
    with container(config(), "wait") as c:
        c.up()
        c.pause().ok
        assert frozen(c) and not held(c)
        c.resume().ok
    with policies(firm={"pause": "quarantine"}):
        for words in ({"pause": "quarantine"}, {"policy": "firm"}):
            with container(config(annotations=annotated(**words)), "wait") as c:
                c.up()
                c.pause().ok
                assert frozen(c) and held(c) == "contained" and cut(c)
                assert audit("quarantine", id=c.name)[-1]["trigger"] == "pause"
                c.pause().ok  # engines ask twice
                c.resume().fails("it is in quarantine", rc=4)
                c.rt("release", c.name).ok
                assert c.status == "running"


def test_a_pause_by_policy_is_truthful_and_stays():
    "one that cannot be frozen: pause fails with its name, and it is cut off all the same"
    with adversary("notify", annotations=annotated(pause="quarantine")) as c:
        c.bad()
        c.pause().fails("not frozen: .*seccomp_do_user_notification", "it is in quarantine")
        assert held(c) == "contained-partial" and cut(c)


def test_an_update_holds_and_lets_go():
    "orlop.quarantine frozen, observe, release: as NRI and CRI pass it on"
    with container(config(), "wait") as c:
        c.up()
        unified(c, orlop_quarantine="frozen").ok
        assert frozen(c) and held(c) == "contained" and cut(c)
        assert audit("quarantine")[-1]["trigger"] == "update"
        unified(c, orlop_quarantine="observe").ok
        assert not frozen(c) and held(c) == "contained" and cut(c)
        unified(c, orlop_quarantine="release").ok
        assert not held(c) and c.status == "running"


def test_a_key_that_an_engine_repeats_undoes_nothing():
    "what was said before a quarantine neither ends nor thaws it; said once more it counts"
    with container(config(), "wait") as c:
        c.up()
        for key in ("release", "observe"):
            unified(c, orlop_quarantine=key).ok
            unified(c, orlop_quarantine=key).ok
            c.rt("quarantine", c.name).ok
            unified(c, orlop_quarantine=key, cgroup_max_depth="7").fails(
                f'its quarantine is newer than orlop.quarantine "{key}"', rc=4)
            assert frozen(c) and held(c) == "contained" and cut(c)
            unified(c, orlop_quarantine="none").ok
            assert frozen(c) and held(c) == "contained"
            unified(c, orlop_quarantine=key).ok
            assert not frozen(c) and held(c) == (None if key == "release" else "contained")
        assert c.file("cgroup.max.depth") == "max"
        c.rt("release", c.name).ok


def test_a_release_says_that_an_engine_may_hold_it_again():
    "it does when it repeats its update; where the last word does not hold there is nothing to say"
    with container(config(), "wait") as c:
        c.up()
        for again in (True, False):
            unified(c, orlop_quarantine="frozen").ok
            if not again:
                unified(c, orlop_quarantine="none").ok
            assert ("holds the container again" in c.rt("release", c.name).ok.err) is again
        unified(c, orlop_quarantine="frozen").ok
        c.rt("release", c.name).ok
        unified(c, orlop_quarantine="frozen").ok
        assert frozen(c) and held(c) == "contained"
        c.rt("release", c.name).ok


def test_a_release_that_does_not_succeed_can_be_said_again():
    "somebody else works on the quarantine; then the same word counts"
    with container(config(), "wait") as c:
        c.up()
        for _ in range(2):
            unified(c, orlop_quarantine="frozen").ok
            with open(os.path.join(current().root, c.name, "quarantine"), "rb") as journal:
                fcntl.flock(journal, fcntl.LOCK_EX)
                unified(c, orlop_quarantine="release").fails("another quarantine or release of it")
            assert frozen(c) and held(c) == "contained"
            unified(c, orlop_quarantine="release").ok
            assert not held(c)


def test_a_new_container_takes_no_key_that_holds():
    "an engine that was asked before its start keeps it: nothing runs that was to be held"
    def with_key(**keys):
        return config(linux={"resources": {"unified": {
            f"orlop.{key}": value for key, value in keys.items()}}})
    for keys in ({"quarantine": "frozen"}, {"quarantine": "observe"}, {"evidence": "take"}):
        run(with_key(**keys), "exit 0").fails("for the update of a container, and this one is new")
    with container(with_key(quarantine="release", evidence="none"), "wait") as c:
        c.up()
        assert c.status == "running" and not held(c)
        c.rt("quarantine", c.name).ok
        unified(c, orlop_quarantine="release").fails("its quarantine is newer", rc=4)
        assert frozen(c) and held(c) == "contained"
        c.rt("release", c.name).ok


def test_a_key_that_is_not_known_is_refused_and_does_nothing():
    "neither the quarantine nor what else stands in the update"
    with container(config(), "wait") as c:
        c.up()
        for keys, says in (({"orlop.quarantine": "yes"}, 'unknown value "yes"'),
                           ({"orlop.quarantin": "frozen"}, "there are orlop.quarantine"),
                           ({"orlop.evidence": "maybe"}, 'neither "take"')):
            update(c, {"unified": keys | {"cgroup.freeze": "1"}}).fails(says)
            assert not frozen(c) and not held(c)


def test_an_update_takes_evidence():
    "orlop.evidence: where the policy says; together with the quarantine, after it"
    place = os.path.join(current().tmp, "kept")
    with policies(default={"evidence": {"directory": place}}):
        with container(config(), "wait") as c:
            c.up()
            unified(c, orlop_quarantine="frozen", orlop_evidence="take").ok
            name, = os.listdir(place)
            c.rt("evidence", "verify", os.path.join(place, name)).ok
            line, = audit("evidence")
            assert line["trigger"] == "update" and line["set"].endswith(name)
            assert c.state()["remediation"]["evidence"].endswith(name)
            unified(c, orlop_evidence="none", orlop_quarantine="frozen").ok
            assert os.listdir(place) == [name]
            c.rt("release", c.name).ok


def test_a_raw_thaw_is_refused_while_it_is_held():
    "cgroup.freeze by an update would be the way around resume; it is not taken from others either"
    with container(config(), "wait") as c:
        c.up()
        unified(c, cgroup_freeze="1").fails("may not be set: the group is managed by it")
        c.rt("quarantine", c.name).ok
        unified(c, cgroup_freeze="0").fails("cannot thaw", "it is in quarantine", rc=4)
        assert frozen(c)
        c.rt("release", c.name).ok


def test_a_kill_by_an_update_is_not_unseen_either():
    "cgroup.kill 1: evidence first, then its end"
    place = os.path.join(current().tmp, "kept")
    with policies(default={"evidence": {"directory": place}}):
        with container(config(), "wait") as c:
            c.up()
            c.rt("quarantine", c.name).ok
            unified(c, cgroup_kill="1").ok
            c.wait_status("stopped")
            name, = os.listdir(place)
            c.rt("evidence", "verify", os.path.join(place, name)).ok
            assert audit("kill")[0]["evidence"].endswith(name)
            c.delete().ok


def test_a_kill_by_an_update_ends_a_program_whose_first_thread_has_ended():
    "the kernel's cgroup.kill alone does not"
    with adversary("headless") as c:
        c.bad()
        unified(c, cgroup_kill="1").ok
        c.wait_status("stopped")


@needs("pids")
def test_an_update_of_a_held_container_is_made_at_its_release():
    "the clamp stays meanwhile; the last word of several counts; it is on top of what was restored"
    with container(config(linux={"resources": {"pids": {"limit": 50}}}), "wait") as c:
        c.up()
        c.rt("quarantine", c.name).ok
        assert c.file("pids.max") == "0"
        for limit in (60, 70):
            done = update(c, {"pids": {"limit": limit}}).ok
            assert "when it is released" in done.err
        assert c.file("pids.max") == "0" and frozen(c)
        update(c, {"unified": {"pids.nonsense": "1"}}).fails("pids.nonsense")
        c.rt("release", c.name).ok
        assert c.file("pids.max") == "70"
        with open(os.path.join(current().root, c.name, "resources.json"),
                  encoding="utf-8") as file:
            assert json.load(file)["pids"]["limit"] == 70
        assert not os.path.exists(os.path.join(current().root, c.name, "pending.json"))
        update(c, {"pids": {"limit": 80}}).ok
        assert c.file("pids.max") == "80"


def test_an_update_that_waits_is_there_after_a_crash():
    "it is a file; release makes it, with what this host has"
    with container(config(), "wait") as c:
        c.up()
        c.rt("quarantine", c.name).ok
        update(c, {"unified": {"cgroup.max.depth": "7"}}).ok
        assert c.file("cgroup.max.depth") == "max"
        assert os.path.exists(os.path.join(current().root, c.name, "pending.json"))
        c.rt("release", c.name).ok
        assert c.file("cgroup.max.depth") == "7"
