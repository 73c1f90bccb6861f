# SPDX-License-Identifier: Apache-2.0
"""A person's terminal around `run` and `exec`: raw mode, job control, size, and closed pipes."""

import json
import os
import shlex
import signal
import subprocess

from deck import (bundle, config, container, current, host, namespaces, rt, runtime_path, timeout,
                  until)
from deck.container import PATIENCE
from deck.terminal import Shell, Terminal


def command(*args):
    return [runtime_path(), "--root", current().root, *args]


def prepared(verbs, terminal=True):
    """A bundle, and the words that run it; the container's name comes last."""
    name = current().next_id()
    path = bundle(config(process={"terminal": terminal}), verbs, name)
    return command("run", "--bundle", path, name)


def kill(name):
    rt("kill", name, "KILL").ok


# ---- raw mode ----------------------------------------------------------------------------------


def test_the_terminal_is_raw_while_the_program_runs_and_as_before_afterwards():
    "every mode is restored, and the program's status is the command's"
    argv = prepared("echo there; readline; exit 7")
    with Shell() as t:
        t.type("stty -g; stty susp undef\n")
        t.prompt()
        t.type("stty -g\n")
        before = t.prompt().splitlines()[-1]
        t.type(shlex.join(argv) + "\n")
        t.until("there")
        t.wait_raw()
        t.type("x\r")
        t.prompt()
        assert t.status_of_last() == 7
        t.type("stty -g\n")
        assert t.prompt().splitlines()[-1] == before


def test_a_program_that_is_killed_leaves_the_terminal_as_it_was():
    "with another kill, and by SIGTERM or SIGINT to the runtime, which passes it on"
    for end in ("kill", "term", "int"):
        argv = prepared("echo there; wait" if end != "int" else "echo wait: ready; trap INT")
        with Terminal(argv) as t:
            t.until("trap: ready" if end == "int" else "wait: ready")
            t.wait_raw()
            if end == "kill":
                kill(argv[-1])
                assert t.end() == 128 + 9
            else:
                os.kill(t.pid, signal.SIGTERM if end == "term" else signal.SIGINT)
                t.end()
                assert end == "term" or "INT" in t.shown, t.shown
            assert t.modes == t.first_modes, end


def test_a_failure_to_start_leaves_the_terminal_as_it_was():
    "no program: the error is readable and the terminal never was raw"
    name = current().next_id()
    path = bundle(config(process={"terminal": True}, args=["/absent"]), None, name)
    with Terminal(command("run", "--bundle", path, name)) as t:
        assert t.end() == 1
        assert "no such file or directory\r\n" in t.shown, t.shown
        assert t.modes == t.first_modes


def test_a_shell_survives_that_the_runtime_is_killed():
    "SIGKILL lets nobody restore anything; an interactive shell does it, and can be typed to"
    argv = prepared("echo there; wait")
    with Shell() as t:
        t.type(shlex.join(argv) + "\n")
        t.until("wait: ready")
        os.kill(t.job, signal.SIGKILL)
        t.prompt()
        assert t.status_of_last() == 128 + 9
    rt("delete", "--force", argv[-1]).ok


# ---- keys --------------------------------------------------------------------------------------


def test_ctrl_c_is_the_programs():
    "in raw mode it is a byte for the container's terminal, whose program gets SIGINT"
    argv = prepared("trap INT")
    with Terminal(argv) as t:
        t.until("ready")
        t.wait_raw()
        t.type("\x03")
        assert t.end() == 0
        assert "INT" in t.shown


def test_ctrl_z_in_raw_mode_is_the_programs():
    "it is not the runtime that stops"
    argv = prepared("trap TSTP")
    with Terminal(argv) as t:
        t.until("ready")
        t.wait_raw()
        t.type("\x1a")
        assert t.end() == 0
        assert "TSTP" in t.shown


def test_ctrl_c_without_a_container_terminal_is_passed_on():
    "SIGINT reaches the container's first process"
    argv = prepared("trap INT", terminal=False)
    with Terminal(argv) as t:
        t.until("ready")
        t.type("\x03")
        assert t.end() == 0
        assert "INT" in t.shown


def test_ctrl_z_without_a_container_terminal_gives_the_shell_back():
    "the job is stopped, fg brings it back, and the program was told but runs"
    argv = prepared("trap USR1", terminal=False)
    with Shell() as t:
        t.type(shlex.join(argv) + "\n")
        t.until("ready")
        t.type("\x1a")
        t.prompt()
        t.type("jobs\n")
        assert "Stopped" in t.prompt()
        assert rt("state", argv[-1]).ok.out.find('"running"') > 0
        t.type("fg\n")
        t.until(argv[-1])
        rt("kill", argv[-1], "USR1").ok
        t.prompt()
        assert t.status_of_last() == 0


def test_a_run_in_the_background_stops_before_it_takes_the_terminal():
    "the shell's terminal stays usable; fg gives the program the terminal"
    argv = prepared("echo there; readline; exit 3")
    with Shell() as t:
        t.type(shlex.join(argv) + " &\n")
        t.prompt()
        until(lambda: (t.type("jobs\n"), t.prompt())[1].count("Stopped"), 10, 0.2,
              what="the job to stop")
        assert {"post"} <= t.modes, t.modes
        t.type("fg\n")
        t.wait_raw()
        t.type("typed\r")
        t.until("readline: typed")
        t.prompt()
        assert t.status_of_last() == 3


def test_after_a_stop_and_fg_the_terminal_is_raw_again():
    "somebody stopped the runtime from outside; the shell took its terminal back meanwhile"
    argv = prepared("echo there; readline; exit 3")
    with Shell() as t:
        t.type(shlex.join(argv) + "\n")
        t.until("there")
        t.wait_raw()
        os.kill(t.job, signal.SIGSTOP)
        t.prompt()
        t.type("stty sane\n")
        t.prompt()
        t.resize(17, 71)
        t.type("fg\n")
        t.wait_raw()
        t.type("typed\r")
        t.until("readline: typed")
        t.prompt()
        assert t.status_of_last() == 3


# ---- size --------------------------------------------------------------------------------------


def test_the_size_is_there_at_the_first_instruction_and_follows():
    "TIOCGWINSZ at once; SIGWINCH passes the new size on"
    argv = prepared("tty; trap WINCH; tty; exit 0")
    with Terminal(argv, rows=31, columns=97) as t:
        t.until("31x97")
        t.until("ready")
        t.resize(44, 101)
        t.until("WINCH")
        t.until("44x101")
        assert t.end() == 0


def test_exec_has_the_size_too_and_follows():
    "the same for exec --tty"
    with container(config()) as c:
        c.up()
        with Terminal(command("exec", "-t", c.name, "/bin/probe", "tty", ";", "trap", "WINCH", ";",
                              "tty"), rows=32, columns=98) as t:
            t.until("32x98")
            t.until("ready")
            t.resize(45, 102)
            t.until("45x102")
            assert t.end() == 0


# ---- pipes around a container's terminal -------------------------------------------------------


@timeout(60)
def test_more_input_than_a_terminal_holds_goes_through():
    "a program that writes much before it reads: neither side waits for the other for ever"
    text = "".join(f"line {number}\n" for number in range(20000))
    path = bundle(config(process={"terminal": True}), "flood 1000000; stdin",
                  name := current().next_id())
    r = rt("run", "--bundle", path, name, stdin=text, seconds=30).ok
    assert r.out.count("x\n") == 977, r.out[:2000]
    assert "\nline 19999\n" in r.out.partition("stdin: ")[2], r.out[-2000:]


def test_the_end_of_input_reaches_a_line_without_an_end():
    "printf abc | run: the program reads abc, and then the end"
    path = bundle(config(process={"terminal": True}), "stdin", name := current().next_id())
    r = rt("run", "--bundle", path, name, stdin="abc", seconds=10).ok
    assert "stdin: abc" in r.out.replace("\r", ""), r.out


@timeout(60)
def test_a_program_whose_output_nobody_reads_is_hung_up_on():
    "run | head: the program's writes fail, instead of waiting for room for ever"
    argv = prepared("flood 10000000; exit 5")
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        try:
            assert process.wait(10 * PATIENCE) == 5
        except subprocess.TimeoutExpired:
            kill(argv[-1])
            raise


@timeout(60)
def test_signals_are_passed_on_while_nobody_reads_the_output():
    "a pager that waits does not keep a signal from the program, nor its end from the runtime"
    name = current().next_id()
    doc = config(process={"terminal": True},
                 linux={"namespaces": namespaces("mount", "ipc", "uts")})
    argv = command("run", "--bundle", bundle(doc, "flood 10000000; exit 5", name), name)
    read, write = os.pipe()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=write) as process:
        os.close(write)
        until(lambda: rt("state", name).out.find('"running"') > 0, what="it to run")
        pid = json.loads(rt("state", name).ok.out)["pid"]
        until(lambda: host.read(f"/proc/{pid}/wchan").endswith("tty_write")
              or host.read(f"/proc/{pid}/syscall").startswith("1 "), what="it to wait for room")
        process.send_signal(signal.SIGTERM)
        until(lambda: host.process_state(pid) in (None, "Z"), what="the program's end")
        os.close(read)
        assert process.wait(10 * PATIENCE) == 128 + 15


# ---- a reader that went away -------------------------------------------------------------------


def test_a_closed_pipe_is_no_error():
    "list | head: nothing is said, and the end is that of any program: SIGPIPE"
    with container(config()) as c:
        for args in (["list"], ["list", "-q"], ["list", "-f", "json"], ["state", c.name],
                     ["ps", c.name], ["ps", "-f", "json", c.name], ["features"], ["--help"],
                     ["--version"], ["events", "--stats", c.name]):
            read, write = os.pipe()
            os.close(read)
            done = subprocess.run(command(*args), stdout=write, stderr=subprocess.PIPE, text=True,
                                  check=False)
            os.close(write)
            assert (done.returncode, done.stderr) == (-signal.SIGPIPE, ""), (args, done)


def test_a_mistake_is_explained_also_when_nobody_reads_the_usage():
    "the reason goes to stderr, and the status stays 1"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command("create"), stdout=write, stderr=subprocess.PIPE, text=True,
                          check=False)
    os.close(write)
    assert done.returncode == 1 and "argument" in done.stderr, done


def test_output_that_cannot_be_written_is_an_error():
    "a full disk is not a reader that went away"
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command("features"), stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False)
    assert done.returncode == 1 and "no space left" in done.stderr, done
