# SPDX-License-Identifier: Apache-2.0
"""The command line: mistakes, spellings, logs."""

import json
import os
import re

from deck import bundle, config, container, current, rt, run


def test_an_unknown_command_gives_3():
    "with the word and no state touched"
    rt("foo").fails("foo", rc=3)
    rt("strat", "x").fails("strat", rc=3)


def test_an_unknown_option_gives_1():
    "the option is named; global and of a command"
    rt("state", "--bogus", "x").fails("(?i)bogus", rc=1)
    rt("create", "-bogus", "x").fails("(?i)bogus", rc=1)
    rt("list", front=["--bogus"]).fails("(?i)bogus", rc=1)


def test_an_option_without_its_argument_gives_1():
    "the words that podman looks for"
    rt("create", "--console-socket").fails("flag needs an argument|requires an argument", rc=1)
    rt("exec", "--user").fails("flag needs an argument|requires an argument")


def test_the_wrong_number_of_arguments_gives_1():
    "none, and one too many"
    for command in ("start", "state", "create", "delete", "pause", "resume"):
        rt(command).fails(command, "argument", rc=1)
        rt(command, "a", "b").fails(command, rc=1)
    rt("kill").fails("argument", rc=1)
    rt("exec").fails("argument", rc=1)
    rt("kill", "a", "b", "c").fails(rc=1)


def test_options_are_taken_in_every_spelling():
    "--opt=v, --opt v, -opt v, -opt=v, short"
    test = current()
    for form in (["--bundle={}"], ["--bundle", "{}"], ["-bundle", "{}"], ["-bundle={}"],
                 ["-b", "{}"], ["-b={}"]):
        name = test.next_id()
        path = bundle(config(), "echo ok", name)
        assert rt("run", *[part.format(path) for part in form], name).ok.lines == ["ok"], form


def test_options_after_the_id_are_taken():
    "as runc does"
    test = current()
    name = test.next_id()
    path = bundle(config(), "echo ok", name)
    assert rt("run", name, "--bundle", path).ok.lines == ["ok"]


def test_a_double_dash_ends_the_options():
    "what follows is the id"
    test = current()
    name = test.next_id()
    path = bundle(config(), "echo ok", name)
    assert rt("run", "--bundle", path, "--", name).ok.lines == ["ok"]


def test_flags_of_engines_are_accepted():
    "--no-subreaper, --no-new-keyring, --systemd-cgroup=false, --rootless, single dash too"
    test = current()
    name = test.next_id()
    path = bundle(config(), "echo ok", name)
    assert rt("run", "-no-subreaper", "--no-new-keyring", "--bundle", path, name,
              front=["--rootless=auto", "--systemd-cgroup=false"]).ok.lines == ["ok"]


def test_help_says_what_it_can_do():
    "no arguments, --help and -h: the commands, rc 0"
    for args in (["--help"], ["-h"], []):
        r = rt(*args).ok
        for command in ("create", "start", "state", "kill", "delete", "exec", "features"):
            assert command in r.out


def test_a_mistake_in_a_word_is_answered_with_its_neighbour():
    "not with the whole help on stderr"
    r = rt("create", "--bundel", "x", "y").fails("bundel", rc=1)
    assert "--bundle" in r.err + r.out


# ---- --root ------------------------------------------------------------------------------------


def test_a_root_of_slash_is_refused():
    "it would make a mess"
    rt("list", root="/").fails("(?i)root", rc=1)


def test_the_root_is_made_with_its_parents_and_closed_to_others():
    "mode 0700; the container's directory is not open either; its files are 0600"
    test = current()
    root = os.path.join(test.tmp, "deep/er/root")
    c = container(config(), "wait", root=root)
    with c:
        assert os.stat(root).st_mode & 0o777 == 0o700
        assert os.stat(os.path.join(root, c.name)).st_mode & 0o066 == 0
        for name in os.listdir(os.path.join(root, c.name)):
            path = os.path.join(root, c.name, name)
            if os.path.isfile(path):
                assert os.stat(path).st_mode & 0o077 == 0, name
    assert os.listdir(root) == []


def test_a_relative_root_counts_from_the_caller():
    "and is made absolute"
    name = current().next_id()
    path = bundle(config(), "echo ok", name)
    assert rt("run", "--bundle", path, name, root="rel-root").ok.lines == ["ok"]
    assert os.listdir("rel-root") == []


def test_a_checkpoint_without_criu_makes_no_directory():
    "what fails at once leaves nothing"
    with container(config()) as c:
        c.up()
        images = os.path.join(current().tmp, "images")
        rt("checkpoint", "--image-path", images, c.name, front=["--criu", "/nowhere/criu"]).fails(
            "criu: /nowhere/criu: no such file", rc=1)
        assert not os.path.exists(images)


def test_list_of_a_root_that_is_not_there():
    "an explicit one that is missing is an error, as in runc"
    rt("list", root=current().tmp + "/absent").fails("(?i)no such file or directory", rc=1)


# ---- logs --------------------------------------------------------------------------------------


def test_errors_go_to_stderr_as_text():
    "time=, level=error and msg=, one line"
    r = rt("state", "absent").fails(rc=1)
    assert re.fullmatch(r'time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^"]*" level=error '
                        r'msg="[^\n]*does not exist"\n', r.err), r.err
    assert r.out == ""


def test_errors_as_json():
    "level, msg and time, nothing else on the line"
    r = rt("state", "absent", front=["--log-format", "json"]).fails(rc=1)
    record = json.loads(r.err)
    assert record["level"] == "error" and "does not exist" in record["msg"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z)", record["time"])
    assert list(record) == ["level", "msg", "time"]


def test_a_log_file_gets_the_record_and_stderr_the_message():
    "appended; the bare message stays on stderr"
    path = os.path.join(current().tmp, "log")
    front = ["--log", path, "--log-format=json"]
    r = rt("state", "absent", front=front).fails(rc=1)
    rt("state", "absent", front=front)
    assert "level" not in r.err and "does not exist" in r.err and r.err.endswith("\n")
    with open(path, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    assert [record["level"] for record in records] == ["error", "error"]


def test_a_successful_command_logs_nothing():
    "an engine's log stays empty"
    path = os.path.join(current().tmp, "log")
    run(config(), "exit 0", front=["--log", path, "--log-format", "json"]).ok
    assert not os.path.exists(path) or os.path.getsize(path) == 0


def test_an_unknown_log_format_is_refused():
    "with the word"
    rt("state", "x", front=["--log-format", "xml"]).fails("xml", rc=1)


def test_a_log_that_cannot_be_opened_is_an_error():
    "with the path"
    rt("state", "x", front=["--log", "/nonexistent/dir/log"]).fails("/nonexistent/dir/log", rc=1)


def test_debug_says_more():
    "--debug adds lines of level debug"
    r = run(config(), "exit 0", front=["--debug"]).ok
    assert "level=debug" in r.err


def test_debug_changes_nothing():
    "a container is created and not yet started, and waits for start"
    with container(config(), front=["--debug"]) as c:
        assert c.state()["status"] == "created"
        c.rt("start", c.name, front=["--debug"]).ok
        assert c.state()["status"] == "running"


def test_messages_are_escaped():
    "quotes and newlines in a message stay one record"
    r = run(config(args=['/bin/"x"\ny']), None, front=["--log-format", "json"]).fails()
    last = r.err.strip().splitlines()[-1]
    assert '"x"' in json.loads(last)["msg"]


def test_the_failure_of_create_is_prefixed():
    "runc create failed, runc run failed, exec failed: engines and people grep for these"
    r = run(config(args=["/absent"]), None).fails()
    assert re.search(r"\w+ run failed: ", r.err)
    with container(config()) as c:
        c.up()
        assert "exec failed: " in c.exec(None, args=["/absent"]).fails(rc=255).err
