# SPDX-License-Identifier: Apache-2.0
"""Evidence before a kill: what is held or alarmed about is not ended unseen, and not kept alive."""

import contextlib
import json
import os
import signal
import struct
import subprocess
import time

from deck import bind, bundle, config, container, current, descendants, mounted, rt, until
from deck.adversary import adversary
from deck.container import PATIENCE
from deck.host import evidence_directory
from deck.policy import annotated, audit, audited, policies
from test_evidence import python_container


@contextlib.contextmanager
def kept(**policy):
    """The host's policy is this, and evidence goes to a directory of the test."""
    place = os.path.join(current().tmp, "evidence")
    evidence = {"directory": place} | policy.pop("evidence", {})
    with policies(default={"evidence": evidence} | policy):
        yield place


def sets(place):
    return sorted(os.listdir(place)) if os.path.isdir(place) else []


def verified(place):
    """The one set that is there, unchanged."""
    name, = sets(place)
    path = os.path.join(place, name)
    result = rt("evidence", "verify", path).ok
    assert result.lines[-2].startswith("unchanged: "), result
    return path


def mapped(path):
    """The counter of an adversary, as it is now."""
    with open(path, "rb") as file:
        return struct.unpack("<Q", file.read(8))[0]


def test_an_engines_stop_of_a_held_container_leaves_evidence_and_runs_nothing():
    "resume, SIGTERM and SIGKILL, as CRI-O sends them: not one instruction, a verified set, its end"
    place = os.path.join(current().tmp, "shared")
    os.mkdir(place, 0o777)
    os.chmod(place, 0o777)
    with kept() as store, adversary("count", "/shared/counter",
                                    mounts=[bind(place, "/shared")]) as c:
        c.bad()
        until(lambda: mapped(f"{place}/counter") > 10)
        c.rt("quarantine", c.name).ok
        before = mapped(f"{place}/counter")
        c.resume().fails("it is in quarantine", rc=4)
        assert "kept back" in c.kill("TERM").ok.err
        time.sleep(0.3)
        assert c.status == "paused" and not sets(store)
        c.kill("KILL").ok
        c.wait_status("stopped")
        assert mapped(f"{place}/counter") == before
        path = verified(store)
        with open(os.path.join(path, "capture.json"), encoding="utf-8") as file:
            assert json.load(file)["still"] is True
        line = audited("kill", signal="9")
        assert line["result"] == "done" and line["evidence"] == path, line
        assert audit("kill", signal="15")[0]["result"] == "kept back"
        root = rt("evidence", "verify", path).lines[-1].split()[-1]
        assert audit("evidence", merkleRoot=root, set=path, trigger="kill")
        c.delete().ok
        assert len(sets(store)) == 1
    rt("audit", "verify").ok


def test_a_signal_to_run_in_the_foreground_is_kept_back_too():
    "it is not passed on to a held container, and is to one that is not (control)"
    for held in (True, False):
        name = current().next_id()
        with subprocess.Popen([current().runtime, "--root", current().root, "run", "--bundle",
                               bundle(config(), "wait", name), name],
                              stdout=subprocess.DEVNULL) as running:
            until(lambda: rt("state", name).rc == 0 and '"running"' in rt("state", name).out)
            if held:
                rt("quarantine", "--observe", name).ok
            running.send_signal(signal.SIGTERM)
            if held:
                time.sleep(0.5)
                assert running.poll() is None
                rt("release", name).ok
                running.send_signal(signal.SIGTERM)
            assert running.wait(20) == 143


def test_others_are_ended_at_once():
    "the control: nobody's evidence is taken who is neither held nor meant by a policy"
    with kept() as store:
        for freeze in (False, True):
            with container(config(), "wait") as c:
                c.up()
                if freeze:
                    c.pause().ok
                c.kill("KILL").ok
                c.wait_status("stopped")
                c.delete().ok
        assert not sets(store)
    with kept(onKill="kill") as store, container(config(), "wait") as c:
        c.up()
        c.rt("quarantine", c.name).ok
        c.kill("KILL").ok
        c.wait_status("stopped")
        assert not sets(store)


def test_delete_force_takes_it_too():
    "of a held container, also when neither its record nor its configuration can be read"
    with kept() as store:
        for broken in (False, True):
            with container(config(), "wait") as c:
                c.up()
                c.rt("quarantine", c.name).ok
                where = os.path.join(current().root, c.name)
                for name in ("state.json", "config.json") if broken else ():
                    with open(os.path.join(where, name), "w", encoding="ascii") as out:
                        out.write("{nonsense")
                c.delete("--force").ok
                assert not os.path.exists(f"/sys/fs/cgroup/{c.cgroup}")
                assert len(sets(store)) == 1 + broken, sets(store)
        for name in sets(store):
            rt("evidence", "verify", os.path.join(store, name)).ok


def test_a_policy_can_want_it_of_everybody_or_of_the_alarmed():
    "evidence: also of one that is not held; evidence-if-alarmed: only after an alarm"
    with kept(onKill="evidence") as store, container(config(), "wait") as c:
        c.up()
        c.kill("KILL").ok
        c.wait_status("stopped")
        verified(store)
    with kept(onKill="evidence-if-alarmed") as store:
        before = len(sets(store))
        for alarmed in (False, True):
            with container(config(), "wait") as c:
                c.up()
                if alarmed:
                    with open(os.path.join(current().root, c.name, "alarms"), "w",
                              encoding="ascii") as out:
                        out.write("{}\n")
                c.kill("KILL").ok
                c.wait_status("stopped")
                assert len(sets(store)) == before + alarmed


def test_what_was_taken_is_not_taken_twice():
    "after evidence of a frozen container the kill is at once; one that was observed is looked at"
    with kept() as store:
        for mode in ("--frozen", "--observe"):
            with container(config(), "wait") as c:
                c.up()
                before = len(sets(store))
                c.rt("quarantine", mode, c.name).ok
                rt("evidence", c.name, "-o", os.path.join(current().tmp, f"by-hand{mode}")).ok
                began = time.monotonic()
                c.kill("KILL").ok
                assert mode != "--frozen" or time.monotonic() - began < 0.2 * PATIENCE
                c.wait_status("stopped")
                assert len(sets(store)) == before + (mode == "--observe")


def test_what_moved_since_is_looked_at_again():
    "a set from while it was observed, or from before that, says nothing of the frozen container"
    with kept() as store:
        for modes in (("--observe", "take", "--frozen"),
                      ("--frozen", "take", "--observe", "--frozen")):
            with container(config(), "wait") as c:
                c.up()
                before = len(sets(store))
                for mode in modes:
                    if mode == "take":
                        rt("evidence", c.name, "-o",
                           os.path.join(current().tmp, f"by-hand-{c.name}")).ok
                    else:
                        c.rt("quarantine", mode, c.name).ok
                c.kill("KILL").ok
                c.wait_status("stopped")
                assert len(sets(store)) == before + 1, modes


def test_a_full_disk_does_not_keep_it_alive():
    "the container ends, and the audit log says why there is no evidence"
    with kept() as store:
        os.makedirs(store)
        with mounted("tmpfs", store, "tmpfs", data="size=64k"):
            with container(config(), "wait") as c:
                c.up()
                c.rt("quarantine", c.name).ok
                c.kill("KILL").ok
                c.wait_status("stopped")
                line = audited("kill")
                assert line["evidence"].startswith("none: ") and "full" in line["evidence"], line
                assert audit("evidence", result="failed")


MEMORY = """
import mmap, time
room = mmap.mmap(-1, 400 << 20)
for at in range(0, 400 << 20, 4096):
    room[at:at + 8] = at.to_bytes(8, "little")
print("ready", flush=True)
time.sleep(3600)
"""


def test_the_budget_ends_it_with_a_valid_set():
    "much memory and little time: the kill is not late, and what there is verifies"
    with kept(evidence={"budgetMs": 300}) as store:
        with container(python_container(MEMORY), None) as c:
            c.start().ok
            c.wait_line("ready", 20)
            c.rt("quarantine", c.name).ok
            began = time.monotonic()
            c.kill("KILL").ok
            took = time.monotonic() - began
            assert took < 0.3 + 0.25 * PATIENCE, took
            c.wait_status("stopped")
            audited("evidence", 20, result="partial")
            verified(store)


def test_a_reader_that_hangs_keeps_nothing_alive():
    "the process that takes the evidence is stopped: the kill comes after the budget all the same"
    with kept(evidence={"budgetMs": 1000}):
        with container(python_container(MEMORY), None) as c:
            c.start().ok
            c.wait_line("ready", 20)
            c.rt("quarantine", c.name).ok
            began = time.monotonic()
            with subprocess.Popen([current().runtime, "--root", current().root, "kill", c.name,
                                   "KILL"]) as killing:
                reader, = until(lambda: [
                    pid for pid, _ in descendants(killing.pid)
                    if name_of(pid) == "orlop:[look]"], step=0.001, what="the reader")
                os.kill(reader, signal.SIGSTOP)
                assert killing.wait(20) == 0
            took = time.monotonic() - began
            try:
                assert 0.9 < took < 1.0 + 0.3 * PATIENCE, took
                c.wait_status("stopped")
                assert audited("kill")["evidence"] == "not complete after 1000 ms"
            finally:
                os.kill(reader, signal.SIGCONT)
            audited("evidence", 20)  # it ends by itself, and says what it got


def name_of(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip()
    return None


def test_annotations_ask_for_it_without_a_policy_of_the_host():
    "on-kill: evidence; the set goes to the host's place, which an annotation cannot choose"
    with policies(), container(config(annotations=annotated(on_kill="evidence")), "wait") as c:
        c.up()
        with open(os.path.join(current().root, c.name, "policy.json"), encoding="utf-8") as file:
            assert json.load(file)["onKill"] == "evidence"
        c.kill("KILL").ok
        c.wait_status("stopped")
        path = audited("kill")["evidence"]
        assert path.startswith(f"{evidence_directory(current().runtime)}/{c.name}-20"), path
        rt("evidence", "verify", path).ok


def ended(c, held=False):
    """A container that was killed, and held before that when it is to be a proof."""
    c.up()
    if held:
        c.rt("quarantine", c.name).ok
    c.kill("KILL").ok
    c.wait_status("stopped")
    return c.name


def of(store, name):
    """The sets of that container."""
    return [one for one in sets(store) if one.startswith(name + "-")]


def heavier(store, name, mib=1):
    """Makes the set of a container larger."""
    one, = of(store, name)
    with open(os.path.join(store, one, "ballast"), "wb") as out:
        out.write(os.urandom(mib << 20))
    return one


def test_routine_sets_make_room_and_proofs_stay():
    "the oldest first, each with its line; without room routine ones are not taken, proofs are"
    with kept(onKill="evidence", evidence={"maxMiB": 5}) as store, contextlib.ExitStack() as stack:
        def another(held=False):
            return ended(stack.enter_context(container(config(), "wait")), held)

        first, proof, second = another(), another(held=True), another()
        assert len(sets(store)) == 3, "the control: below the bound nothing goes"
        gone = heavier(store, first, 2)
        heavier(store, proof)
        third = another()
        assert not of(store, first) and of(store, proof) and of(store, second) and of(store, third)
        line = audited("evidence-prune", id=first)
        assert line["set"] == os.path.join(store, gone) and line["trigger"] == "bound", line
        assert line["merkleRoot"] == audit("evidence", id=first)[-1]["merkleRoot"], line
        heavier(store, proof, 4)
        fourth = another()
        assert [len(of(store, name)) for name in (proof, second, third, fourth)] == [1, 0, 0, 0]
        assert "evidence prune" in audited("kill", id=fourth)["evidence"]
        fifth = another(held=True)
        assert of(store, proof) and of(store, fifth), "a proof is taken all the same"


def test_prune_removes_what_it_is_told_to():
    "by age, routine ones alone or all, with a line in the audit log; nothing that is no set"
    with kept(onKill="evidence") as store, contextlib.ExitStack() as stack:
        routine, proof = (ended(stack.enter_context(container(config(), "wait")), held)
                          for held in (False, True))
        other = os.path.join(store, "somebody-20200101T000000.000000Z")
        os.mkdir(other)
        with open(os.path.join(store, "notes.txt"), "w", encoding="ascii") as out:
            out.write("mine")
        rt("evidence", "prune", store).fails("needs an age")
        rt("evidence", "prune", store, "--older-than", "soon").fails("invalid age")
        assert rt("evidence", "prune", store, "--older-than", "1d").ok.lines[-1] == \
            "0 removed, 2 kept"
        said = rt("evidence", "prune", store, "--older-than", "0s", "--dry-run").ok
        assert said.lines[-1] == "2 would go, 0 kept" and of(store, routine) and of(store, proof)
        said = rt("evidence", "prune", store, "--older-than", "0s", "--routine").ok
        assert said.lines[-1] == "1 removed, 1 kept" and "routine" in said.lines[0]
        assert not of(store, routine) and of(store, proof)
        root = audit("evidence", id=proof)[-1]["merkleRoot"]
        said = rt("evidence", "prune", store, "--older-than", "0s").ok
        assert "a proof" in said.lines[0] and root in said.lines[0]
        assert sets(store) == sorted([os.path.basename(other), "notes.txt"])
        line = audited("evidence-prune", id=proof)
        assert line["merkleRoot"] == root and line["class"] == "proof", line
        rt("audit", "verify").ok
