# SPDX-License-Identifier: Apache-2.0
"""The audit log: who did what, and that no line of it can be changed, removed or added unnoticed."""

import json
import os
import shutil
import subprocess

from deck import config, container, current, rt
from deck.policy import annotated, audit
from tools import built


def place(name="log"):
    return os.path.join(current().root, ".audit", name)


def lines(name="log"):
    with open(place(name), encoding="utf-8") as file:
        return file.read().splitlines(keepends=True)


def write(what, name="log"):
    with open(place(name), "w", encoding="utf-8") as file:
        file.writelines(what)


def fill(c, rounds=3):
    for _ in range(rounds):
        c.rt("quarantine", "--reason", "audit", c.name).ok
        c.rt("release", c.name).ok


def test_each_operation_is_a_line_that_says_who():
    "quarantine, release and refused ones; the caller is this process"
    with container(config(), "wait") as c:
        c.up()
        fill(c, 1)
        c.rt("release", c.name).fails("not in quarantine")
        held, released, refused = audit()
        assert [held["number"], released["number"], refused["number"]] == [1, 2, 3]
        assert (held["operation"], held["id"], held["result"], held["mode"], held["reason"]) == (
            "quarantine", c.name, "contained", "frozen", "audit"), held
        assert (released["operation"], released["result"]) == ("release", "released")
        assert refused["result"] == "refused" and "not in quarantine" in refused["detail"]
        caller = held["caller"]
        assert caller["uid"] == 0 and caller["parentPid"] == os.getpid(), caller
        assert "python" in caller["parent"], caller
        shown = rt("audit").ok.out
        assert f"release {c.name}: released" in shown and "by uid 0" in shown, shown
        assert not rt("audit", "show", "somebody-else").ok.out
        assert rt("audit", "verify").ok.out.startswith("unbroken: 3 lines")


def test_what_is_done_to_a_held_container_is_written_and_what_is_refused():
    "start, exec, pause, resume, update, kill, delete; of an ordinary container nothing (control)"
    def ordinary(c, held):
        c.rt("pause", c.name)
        c.rt("resume", c.name)
        c.exec("echo x")
        c.rt("update", "--pids-limit", "0", c.name)
        c.kill("USR1")
        c.kill("KILL").ok
        c.wait_status("stopped")
        c.delete().ok
        return [(line["operation"], line["result"]) for line in audit(id=c.name)
                if line["operation"] != held]
    with container(config(), "wait") as c:
        c.up()
        assert ordinary(c, None) == []
    with container(config(), "wait") as c:
        c.up()
        c.rt("quarantine", c.name).ok
        assert ordinary(c, "quarantine") == [
            ("pause", "failed"), ("resume", "refused"), ("exec", "refused"), ("update", "done"),
            ("kill", "kept back"), ("evidence", "taken"), ("kill", "done"),
            ("delete", "done")], audit(id=c.name)
    with container(config(annotations=annotated(on_kill="evidence")), "wait") as c:
        c.up()
        assert [line[:2] for line in ordinary(c, None)] == [
            ("start", "done"), ("pause", "done"), ("resume", "done"), ("exec", "done"),
            ("update", "done"), ("evidence", "taken"), ("kill", "done"), ("delete", "done")]


def test_a_long_line_is_found_by_the_next_writer():
    "one of more than 4 KiB, first, in the middle and last"
    with container(config(), "wait") as c:
        c.up()
        for _ in range(2):
            for reason in ('"' * 2040, "short"):
                c.rt("quarantine", "--reason", reason, c.name).ok
            c.rt("release", c.name).ok
        c.rt("quarantine", "--reason", '"' * 2040, c.name).ok
        written = lines()
        assert len(written) == 7 and {n for n, line in enumerate(written) if len(line) > 4096} == {
            0, 3, 6}, [len(line) for line in written]
        c.rt("release", c.name).ok
        assert rt("audit", "verify").ok.out.startswith("unbroken: 8 lines")


def test_an_empty_log_is_whole():
    "before anything was done there is nothing to be wrong with"
    assert rt("audit", "verify").ok.out == "unbroken: no lines\n"
    assert rt("audit").ok.out == ""


def test_any_change_is_noticed_and_named():
    "a line edited, removed, put in, moved; the last one; the head; what is no line"
    with container(config(), "wait") as c:
        c.up()
        fill(c)
        whole, head = lines(), lines("head")
        assert len(whole) == 6 and rt("audit", "verify").rc == 0
        edited = whole[2].replace('"contained"', '"released"')
        assert edited != whole[2]
        last = whole[5].replace('"released"', '"refused"')
        again = json.loads(whole[5])
        renumbered, none = (json.dumps(again | {"number": n}, separators=(",", ":")) + "\n"
                            for n in (7, 0))
        cases = [
            (whole[:2] + [edited] + whole[3:], head, "log:3: is not what was written"),
            (whole[:2] + whole[3:], head, "log:3: is number 4, the one before it is number 2"),
            (whole[1:], head, "1 lines, number 2|rotated away"),
            (whole[:3] + [whole[2]] + whole[3:], head, "log:4: is number 3"),
            (whole[:2] + [whole[3], whole[2]] + whole[4:], head, "log:3: is number 4"),
            (whole[:5], head, "head: names line number 6, the last one is number 5"),
            (whole[:3], head, "lines were removed at the end"),
            (whole[:5] + [last], head, "log:6: is not what was written: head"),
            (whole + [renumbered], head, "log:6: is not what was written"),
            (whole[:3] + ["nonsense\n"] + whole[3:], head, "log:4: is no line"),
            (whole[:3] + ["nonsense\n"] + whole[4:], head, "log:4: is no line"),
            ([none] + whole, head, "log:1: is no line"),
            (whole, [], "head: is missing"),
            (whole, [head[0].replace(" ", " f", 1)[:-2] + "\n"], "is not what was written"),
            ([], head, "lines were removed at the end"),
            (whole + ["torn"], head, "4 bytes that are no complete line"),
        ]
        for log, changed_head, says in cases:
            write(log)
            write(changed_head, "head")
            result = rt("audit", "verify")
            if log == whole[1:]:
                # Lines that are gone at the beginning look like a rotation, and are said to be.
                assert "rotated away" in result.out, result
                continue
            assert result.rc == 2 and says in result.out, (says, result)
            assert "\nbroken: " in "\n" + result.out, result
        write(whole)
        write(head, "head")
        assert rt("audit", "verify").rc == 0


def test_going_on_after_a_change_does_not_hide_it():
    "the next line says that the head was another one"
    with container(config(), "wait") as c:
        c.up()
        fill(c)
        whole = lines()
        write(whole[:4])
        fill(c, 1)
        result = rt("audit", "verify")
        assert result.rc == 2 and "log:5: when it was written the last line" in result.out, result


def test_the_digest_that_was_kept_elsewhere_is_looked_for():
    "a log that was computed anew as a whole is whole, but has not that digest"
    with container(config(), "wait") as c:
        c.up()
        fill(c, 1)
        kept = rt("audit", "head").ok.out.strip()
        assert len(kept) == 64
        fill(c, 1)
        rt("audit", "verify", kept).ok
        shutil.rmtree(os.path.join(current().root, ".audit"))
        fill(c, 2)
        assert rt("audit", "verify").rc == 0
        result = rt("audit", "verify", kept)
        assert result.rc == 2 and "kept elsewhere" in result.out, result
        rt("audit", "verify", "abc").fails("no digest")


def test_a_crash_at_any_system_call_leaves_a_log_that_is_whole():
    "kill -9 at each stop of release; a torn or headless line is no break, and the next one follows"
    killat = built("killat")
    with container(config(), "wait") as c:
        c.up()
        at, kills = 40, 0
        while True:
            c.rt("quarantine", c.name)
            result = subprocess.run(
                ["sh", "-c", 'exec 3>/dev/null; exec "$@"', "sh", killat, str(at),
                 current().runtime, "--root", current().root, "release", c.name],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)
            c.rt("release", c.name)
            checked = rt("audit", "verify")
            assert checked.rc == 0, (at, checked)
            if result.returncode != 0:
                break
            kills += 1
            at += 1
        assert kills > 30, kills
        numbers = [line["number"] for line in audit()]
        assert numbers == list(range(1, len(numbers) + 1))


def test_two_crashes_in_a_row_are_no_break():
    "kill -9 at each stop of a release that is refused, and of the next one about there"
    killat = built("killat")
    with container(config(), "wait") as c:
        c.up()

        def release(at):
            return subprocess.run(
                ["sh", "-c", 'exec 3>/dev/null; exec "$@"', "sh", killat, str(at),
                 current().runtime, "--root", current().root, "release", c.name],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20,
                check=False).returncode

        at, kills = 100, 0
        while release(at) == 0:
            for later in range(4):
                release(at)
                kills += release(at + later) == 0
                checked = rt("audit", "verify")
                assert checked.rc == 0, (at, later, checked)
            at += 1
        assert kills > 100, kills


def test_many_writers_keep_one_chain():
    "eight at once"
    with container(config(), "wait") as c:
        c.up()
        command = [current().runtime, "--root", current().root, "release", c.name]
        for _ in range(5):
            running = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(8)]
            for one in running:
                one.wait(20)
        assert rt("audit", "verify").ok.out.startswith("unbroken: 40 lines")


def test_a_log_that_is_full_goes_on_in_the_next_file():
    "the chain goes through all of them; a change in an old one is noticed; the oldest one goes"
    with container(config(), "wait") as c:
        c.up()
        fill(c, 1)
        filler = json.loads(lines()[-1])
        for generation in range(10):
            # Bigger than one file may be: what a year of lines would be.
            subprocess.run(["python3", "-c", GROW, place(), place("head")], check=True, timeout=60)
            fill(c, 1)
            result = rt("audit", "verify").ok
            assert os.path.exists(place(f"log.{min(generation + 1, 8)}")), os.listdir(place("."))
        assert "rotated away" in result.out and not os.path.exists(place("log.9")), result
        assert filler["number"] == 2
        old = lines("log.3")
        old[5] = old[5].replace('"grown"', '"grewn"')
        write(old, "log.3")
        result = rt("audit", "verify")
        assert result.rc == 2 and "log.3:6: is not what was written" in result.out, result


# Lines as the program writes them, until the file is larger than it lets one be.
GROW = """
import hashlib, json, sys
log, head = sys.argv[1:]
text = open(log, encoding="utf-8").read()
last = text.rstrip("\\n").rsplit("\\n", 1)[-1]
number = json.loads(last)["number"]
out = []
size = len(text)
while size < (4 << 20):
    before = hashlib.sha256(last.encode()).hexdigest()
    number += 1
    last = json.dumps({"number": number, "before": before, "operation": "grown", "result": "grown",
                       "detail": "x" * 2000, "caller": {"uid": 0}}, separators=(",", ":"))
    out.append(last + "\\n")
    size += len(last) + 1
open(log, "a", encoding="utf-8").write("".join(out))
open(head, "w").write("%020d %s\\n" % (number, hashlib.sha256(last.encode()).hexdigest()))
"""


def test_a_log_that_cannot_be_written_keeps_nobody_from_holding():
    "the report says that the log has no line of it"
    with container(config(), "wait") as c:
        c.up()
        fill(c, 1)
        os.remove(place("head"))
        os.mkdir(place("head"))
        report = json.loads(c.rt("quarantine", "--json", c.name).ok.out)
        line = next(m for m in report["mechanisms"] if m["name"] == "audit")
        assert line["outcome"] == "failed" and report["result"] == "contained", report
        os.rmdir(place("head"))
        c.rt("release", c.name).ok
