# SPDX-License-Identifier: Apache-2.0
"""profile learn: what a program calls comes out as a profile, under which it runs and no other."""

import json
import os

from deck import bundle, config, current, rt, run, until

VERBS = "mkdir /tmp/made; write /tmp/made/file text; stat /tmp/made/file; hostname; exit 3"


def learn(c, verbs, *flags, rc=0, name=None):
    """Learns, and gives the document and what was said."""
    name = name or current().next_id()
    path = os.path.join(current().tmp, f"{name}.json")
    result = rt("profile", "learn", "-b", bundle(c, verbs, name), "-o", path, *flags, name,
                seconds=60)
    assert result.rc == rc, result
    with open(path, encoding="utf-8") as file:
        return json.load(file), result, path


def names(profile):
    return set(profile["seccomp"]["syscalls"][0]["names"])


def test_the_same_program_runs_under_what_was_learned():
    "with its output and status; another call than those is refused"
    profile, result, _ = learn(config(), VERBS, rc=3)
    assert result.lines[-1].startswith("hostname: "), result
    assert {"execve", "exit_group", "brk"} <= names(profile), profile
    assert names(profile) & {"mkdir", "mkdirat"} and "ptrace" not in names(profile)
    plain = run(config(), VERBS)
    under = run(config(linux={"seccomp": profile["seccomp"]}), VERBS)
    assert (under.rc, under.out) == (3, plain.out), under
    other = run(config(linux={"seccomp": profile["seccomp"]}),
                VERBS.replace("hostname", "try sethostname x"))
    assert "ENOSYS" in other.out, other


def test_one_name_less_and_it_does_not_run():
    "the control: each name is there because it is needed"
    profile, _, _ = learn(config(), VERBS, rc=3)
    plain = run(config(), VERBS).out
    for name in sorted(names(profile) & {"mkdir", "mkdirat", "uname", "newfstatat", "stat"}):
        less = json.loads(json.dumps(profile["seccomp"]))
        less["syscalls"][0]["names"].remove(name)
        assert run(config(linux={"seccomp": less}), VERBS).out != plain, name


def test_orlop_takes_the_profile():
    "spec writes it into a bundle, which runs"
    _, _, path = learn(config(), "echo hello; hostname")
    target = os.path.join(current().tmp, "bundle")
    os.mkdir(target)
    rt("spec", "--bundle", target, "--profile", path).ok
    with open(os.path.join(target, "config.json"), encoding="utf-8") as file:
        seccomp = json.load(file)["linux"]["seccomp"]
    assert run(config(linux={"seccomp": seccomp}), "echo hello; hostname").ok.lines[0] == "hello"


def test_several_runs_come_to_one():
    "--add keeps what was learned before; a profile of another kind is refused"
    first, _, path = learn(config(), "hostname")
    second, _, _ = learn(config(), "mkdir /tmp/x", "--add", path)
    assert names(first) < names(second) and names(second) & {"mkdir", "mkdirat"}
    name = current().next_id()
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    rt("profile", "learn", "-b", bundle(config(), "exit 0", name), "-o", path, "--add",
       os.path.join(top, "profiles/default.json"), name).fails("not made by profile learn")


def test_children_are_seen_and_a_filter_of_the_bundle_is_not_in_the_way():
    "what a child calls counts; what the configuration refuses is learned all the same"
    refuse = {"defaultAction": "SCMP_ACT_ALLOW",
              "syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_ERRNO"}]}
    profile, _, _ = learn(config(linux={"seccomp": refuse}),
                          "run /bin/probe try sethostname x")
    assert "sethostname" in names(profile), profile


def test_addresses_are_listed():
    "where it connected to and what it bound, each once"
    profile, result, _ = learn(config(), "try connect 192.0.2.7 80; try connect 192.0.2.7 80; "
                                         "try bind 127.0.0.1 8080; try local /run/some.sock")
    assert {"connect", "bind", "socket"} <= names(profile), profile
    said = result.err.splitlines()
    for line in ("connect 192.0.2.7:80", "bind 127.0.0.1:8080", "connect unix:/run/some.sock"):
        assert said.count(line) == 1, said


def test_a_place_that_is_not_there_is_found_out_before_the_program_runs():
    "and so is an earlier profile that cannot be read: what was learned would be lost"
    for flags in (("-o", "/nowhere/p.json"),
                  ("-o", os.path.join(current().tmp, "p.json"), "--add", "/nowhere/q.json")):
        name = current().next_id()
        path = bundle(config(), "echo it ran", name)
        result = rt("profile", "learn", "-b", path, *flags, name).fails("no such file", rc=1)
        assert "it ran" not in result.out, result


def test_nothing_is_left():
    "no directory, and the container is gone; a bundle that does not run leaves no profile"
    before = set(os.listdir("/run"))

    def left():
        "Others may be learning at the same time; what is theirs goes as well."
        return [name for name in set(os.listdir("/run")) - before if "orlop-learn" in name]
    learn(config(), "exit 0")
    until(lambda: not left())
    name = current().next_id()
    path = os.path.join(current().tmp, "none.json")
    broken = bundle(config(args=["/no/such"]), None, name)
    rt("profile", "learn", "-b", broken, "-o", path, name).fails("no such file")
    assert not os.path.exists(path)
    until(lambda: not left())
    rt("profile", "learn", name).fails("needs a place")
    rt("profile", "forget", name).fails('"forget" is not known: profile learn')
