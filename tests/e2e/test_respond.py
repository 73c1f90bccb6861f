# SPDX-License-Identifier: Apache-2.0
"""respond: an alarm of Falco or Tetragon comes in, the container that it is about is held."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

from deck import config, container, current, rt, until
from deck.adversary import adversary
from deck.container import PATIENCE
from deck.tap import TOP


def sample(tool, number, **words):
    """A line of tests/respond, with the container's id in its place."""
    with open(os.path.join(TOP, "tests/respond", f"{tool}.jsonl"), encoding="utf-8") as file:
        line = file.read().splitlines()[number]
    for word, value in words.items():
        line = line.replace(word, value)
    return line


DROPPED = "Drop and execute new binary in container"


def rule(*actions, name="a rule", match=None, **more):
    return {"name": name, "match": match or {}, "actions": list(actions)} | more


def rules_file(*rules):
    path = os.path.join(current().tmp, f"rules-{current().next_number()}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"version": 1, "rules": list(rules)}, file)
    return path


def respond(lines, *rules, flags=()):
    """Gives it lines to the end, and gives its answers."""
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    result = rt("respond", "--rules", rules_file(*rules), *flags, stdin=text, seconds=60).ok
    return [json.loads(line) for line in result.lines]


class Responder:
    """One that goes on reading, as Falco's program_output keeps it."""

    def __init__(self, *rules, flags=()):
        self.process = subprocess.Popen(
            [current().runtime, "--root", current().root, "respond", "--rules",
             rules_file(*rules), *flags],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.answers = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.answers.append((time.monotonic(), json.loads(line)))

    def send(self, line):
        began = time.monotonic()
        self.process.stdin.write(line + "\n")
        return began

    def answer(self, number, seconds=20):
        until(lambda: len(self.answers) > number, seconds, what=f"answer {number}")
        return self.answers[number]

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.reader.join(10)


@contextlib.contextmanager
def responding(*rules, flags=()):
    made = Responder(*rules, flags=flags)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.end()


def frozen(c):
    return "frozen 1" in c.file("cgroup.events").splitlines()


def test_an_alarm_holds_the_container_in_time():
    "from the line to everybody frozen, and to the answer; the container beside it goes on"
    took = []
    with container(config(), "wait") as beside:
        beside.up()
        with responding(rule("quarantine", match={"rule": DROPPED})) as r:
            for i in range(10):
                with container(config(), "wait") as c:
                    c.up()
                    began = r.send(sample("falco", 1, CONTAINER=c.name))
                    until(lambda: frozen(c), step=0.0005)
                    took.append(time.monotonic() - began)
                    _, answer = r.answer(i)
                    assert answer["result"] == "done", answer
                    assert answer["actions"][0]["result"] == "contained", answer
                    assert answer["container"] == c.name and answer["matched"] == "a rule"
                    assert "quarantine" in c.state()["remediation"], c.state()
                    assert DROPPED in c.state()["remediation"]["reason"]
        assert beside.status == "running"
    took.sort()
    current().journal.append(f"line to frozen: {[round(t * 1000, 1) for t in took]} ms")
    assert took[len(took) // 2] < 0.05 * PATIENCE, took


def test_both_tools_and_all_forms_of_an_id():
    "the whole id, twelve and thirty-one characters of it, with an engine's prefix; never another's"
    name, other = "f" * 20 + "0123456789abcdef" * 2, "f" * 11 + "0" * 53
    with container(config(), "wait", name=name) as c, container(config(), "wait", name=other):
        c.up()
        lines = [sample("falco", 1, CONTAINER=name), sample("falco", 1, CONTAINER=name[:12]),
                 sample("falco", 1, CONTAINER="docker://" + name),
                 sample("tetragon", 0, CONTAINER=name, DOCKER=name[:31]),
                 sample("tetragon", 1, DOCKER=name[:31])]
        for answer in respond(lines, rule("log", rate={"count": 99, "seconds": 9})):
            assert (answer["result"], answer["container"]) == ("done", name), answer
        lines = [sample("falco", 1, CONTAINER=name[:11]), sample("falco", 1, CONTAINER="../x"),
                 sample("falco", 1, CONTAINER="a" * 12), sample("falco", 2)]
        for answer in respond(lines, rule("kill")):
            assert answer["result"] == "no-container", answer
        assert c.status == "running"


def test_a_beginning_that_two_share_is_nobodys():
    "better none than the wrong one"
    both = ["abcdefabcdef" + "1" * 4, "abcdefabcdef" + "2" * 4]
    with container(config(), "wait", name=both[0]) as a, \
            container(config(), "wait", name=both[1]) as b:
        a.up(), b.up()
        answer, = respond([sample("falco", 1, CONTAINER=both[0][:12])], rule("kill"))
        assert answer["result"] == "no-container" and "more than one" in answer["detail"], answer
        assert a.status == b.status == "running"


def test_a_pod_is_held_as_a_whole():
    "by the annotations of its engine, from one container of it and from its name alone"
    def member(sandbox, pod):
        return config(annotations={"io.kubernetes.cri.sandbox-id": sandbox,
                                   "io.kubernetes.cri.sandbox-name": pod,
                                   "io.kubernetes.cri.sandbox-namespace": "prod"})
    web = "web-7d4b9c6f5-x2x7k"
    with container(member("s1", web), "wait") as a, container(member("s1", web), "wait") as b, \
            container(member("s2", "db"), "wait") as other:
        a.up(), b.up(), other.up()
        answers = respond([sample("falco", 0, CONTAINER=a.name)],
                          rule("quarantine", scope="pod"))
        assert {one["container"] for one in answers} == {a.name, b.name}, answers
        assert a.status == b.status == "paused" and other.status == "running"
        nameless = sample("falco", 0).replace("\"container.id\":\"CONTAINER\",", "")
        answers = respond([nameless], rule("log", scope="pod"))
        assert {one["container"] for one in answers} == {a.name, b.name}, answers
        answer, = respond([nameless], rule("log"))
        assert answer["result"] == "no-container", answer


def test_what_matches_and_what_does_not():
    "rule, priority, fields, source; the first rule counts; --quiet hides what none matches"
    with container(config(), "wait") as c:
        c.up()
        events = [sample("falco", 0, CONTAINER=c.name), sample("falco", 1, CONTAINER=c.name),
                  sample("tetragon", 1, DOCKER=c.name)]
        often = {"rate": {"count": 99, "seconds": 9}}
        rules = [rule("log", name="fields", match={"fields": {"proc.name": ["bash", "s*"]}},
                      **often),
                 rule("log", name="urgent", match={"priority": "error"}, **often),
                 rule("log", name="never", match={"source": "falco"}, **often),
                 rule("log", name="path", match={"source": "tetragon", "rule": "file-*",
                                                 "fields": {"args.0.file_arg.path": "/etc/*"}})]
        assert [a["matched"] for a in respond(events, *rules)] == ["fields", "urgent", "path"]
        answers = respond(events, rules[1])
        assert [a["result"] for a in answers] == ["no-rule", "done", "no-rule"], answers
        assert [a["result"] for a in respond(events, rules[1], flags=["--quiet"])] == ["done"]


def test_a_dry_run_does_nothing():
    "and says what it would do"
    with container(config(), "wait") as c:
        c.up()
        answer, = respond([sample("falco", 1, CONTAINER=c.name)], rule("kill", name="deadly"),
                          flags=["--dry-run"])
        assert (answer["result"], answer["matched"]) == ("dry-run", "deadly"), answer
        assert c.status == "running"


def test_every_action_does_what_it_says():
    "pause, quarantine with observation, evidence that verifies, kill; in the order of the rule"
    sets = os.path.join(current().tmp, "sets")
    with container(config(), "wait") as c:
        c.up()
        event = [sample("falco", 1, CONTAINER=c.name)]
        answer, = respond(event, rule("pause"))
        assert answer["actions"][0]["result"] == "paused" and c.status == "paused"
        c.resume().ok
        answer, = respond(event, rule("quarantine", "evidence", "kill", observe=True,
                                      evidence={"directory": sets, "budgetMs": 20000}))
        done = {one["action"]: one for one in answer["actions"]}
        assert list(done) == ["quarantine", "evidence", "kill"], answer
        assert done["quarantine"]["result"] == "contained", answer
        assert done["evidence"]["result"] == "taken", answer
        rt("evidence", "verify", done["evidence"]["path"]).ok
        assert os.stat(sets).st_mode & 0o777 == 0o700
        assert done["kill"]["result"] == "killed"
        c.wait_status("stopped")
        answer, = respond(event, rule("quarantine", "log"))
        assert answer["result"] == "failed" and "not running" in answer["actions"][0]["detail"]
        assert answer["actions"][1]["result"] == "done", answer


def test_a_rate_is_kept():
    "one in its time for each container, or for the rule"
    with container(config(), "wait") as a, container(config(), "wait") as b:
        a.up(), b.up()
        lines = [sample("falco", 1, CONTAINER=one.name) for one in (a, a, b, b)]

        def results(**more):
            return sorted(one["result"] for one in respond(lines, rule("log", **more)))
        assert results() == ["done", "done", "rate-limited", "rate-limited"]
        limit = {"count": 3, "seconds": 60, "per": "rule"}
        assert results(rate=limit) == ["done"] * 3 + ["rate-limited"]
        assert results(rate=limit | {"count": 9}) == ["done"] * 4


def test_an_alarm_is_in_the_audit_log():
    "with its tool, its rule and the rule of ours that matched, also when nothing else is done"
    with container(config(), "wait") as c:
        c.up()
        respond([sample("falco", 1, CONTAINER=c.name)], rule("log", name="ours"))
        respond([sample("tetragon", 1, DOCKER=c.name)], rule("quarantine", name="hold"))
        lines = [json.loads(line) for line in c.rt("audit", "--json", "show", c.name).ok.lines]
        alarms = [(one["source"], one["rule"], one["detail"]) for one in lines
                  if one["operation"] == "alarm"]
        assert alarms == [("falco", DROPPED, "ours"),
                          ("tetragon", "file-monitoring-filtered", "hold")], lines
        rt("audit", "verify").ok


def test_bad_lines_are_passed_over():
    "garbage, half a line, one that is far too long, depth, NUL: each is told of, the next counts"
    with container(config(), "wait") as c:
        c.up()
        lines = ["garbage", "", "   ", "{\"rule\":", "[" * 100 + "]" * 100, "x" * 700_000,
                 "{\"a\":\"\\u0000\"}", "{\"hello\":\"world\"}",
                 sample("falco", 1, CONTAINER=c.name)]
        answers = respond(lines, rule("quarantine"))
        assert sorted(a["result"] for a in answers) == sorted(
            ["malformed", "malformed", "malformed", "too-long", "malformed", "unknown-event",
             "done"]), answers
        assert c.status == "paused"


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmHWM:")).split()[1])


def test_memory_is_bounded():
    "a long stream of events and a line without an end leave it as small as it was"
    with responding(rule("log", match={"rule": "never"}), flags=["--quiet"]) as r:
        line = sample("falco", 1)
        for _ in range(50):
            r.send(line)
        r.send("garbage")
        r.answer(0)
        before = peak(r.process.pid)
        for _ in range(5000):
            r.send(line)
        for _ in range(300):
            r.process.stdin.write("y" * 65536)
        r.send("")
        r.send("garbage")
        until(lambda: r.answers[-1][1]["result"] == "malformed" and len(r.answers) > 2, 60)
        assert peak(r.process.pid) - before < 1500, (before, peak(r.process.pid))


def test_one_container_that_hangs_blocks_no_other():
    "alarms about one that cannot be frozen, then one about another: that is held at once"
    with adversary("notify") as hung, container(config(), "wait") as c:
        hung.bad()
        c.up()
        # pause gives up on it after a second; what comes meanwhile is being done already.
        often = {"rate": {"count": 99, "seconds": 9}}
        with responding(rule("pause", match={"rule": DROPPED}, **often),
                        rule("quarantine", **often)) as r:
            for _ in range(8):
                r.send(sample("falco", 1, CONTAINER=hung.name))
            began = r.send(sample("falco", 0, CONTAINER=c.name))
            until(lambda: frozen(c), step=0.001)
            assert time.monotonic() - began < 0.5 * PATIENCE
            until(lambda: len(r.answers) == 9, 30)
            results = sorted(a["result"] for _, a in r.answers)
            assert results == ["busy"] * 7 + ["done", "failed"], results


def test_what_was_begun_is_finished():
    "SIGTERM ends it when the container is held; the rest of the input is not acted on"
    with container(config(), "hog 200; wait") as c:
        c.start().ok
        c.wait_line("wait: ready")
        sets = os.path.join(current().tmp, "sets")
        r = Responder(rule("evidence", "quarantine", evidence={"directory": sets}))
        r.send(sample("falco", 1, CONTAINER=c.name))
        until(lambda: os.path.isdir(sets))
        r.process.send_signal(signal.SIGTERM)
        assert r.process.wait(60) == 0
        r.reader.join(10)
        (_, answer), = r.answers
        assert [a["result"] for a in answer["actions"]] == ["taken", "contained"], answer


def test_more_roots():
    "--also looks in other directories; one that is not there is passed over"
    second = os.path.join(current().tmp, "second")
    with container(config(), "wait", root=second) as c:
        c.up()
        event = [sample("falco", 1, CONTAINER=c.name)]
        assert respond(event, rule("log"))[0]["result"] == "no-container"
        answer, = respond(event, rule("quarantine"),
                          flags=["--also", "/nonexistent", "--also", second])
        assert answer["result"] == "done" and answer["root"] == second, answer
        assert c.status == "paused"


def test_wrong_rules_are_refused_at_once():
    "with file, line and member; nothing is read"
    path = rules_file(rule("quarantine", obseve=True))
    rt("respond", "--rules", path, stdin="").fails(r"rules\[0\]", "obseve", rc=1)
    rt("respond", "--rules", "/nonexistent", stdin="").fails("no such file", rc=1)
    rt("respond", stdin="").fails("needs rules", rc=1)
