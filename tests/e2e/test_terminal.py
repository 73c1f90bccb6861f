# SPDX-License-Identifier: Apache-2.0
"""Terminals: the console socket, /dev/console, size, ownership, and when they are refused."""

import os
import struct
import fcntl
import termios
import time

from deck import Container, config, console, container, run


def terminal(**process):
    process.setdefault("terminal", True)
    return config(process=process)


def test_the_console_socket_gets_the_master():
    "one message, one fd, and what the program prints comes out of it"
    with console() as tty:
        with container(terminal(), "echo hello; wait", "--console-socket", tty.path) as c:
            tty.accept()
            assert os.isatty(tty.fd)
            c.start().ok
            assert "hello" in tty.read("wait: ready")


def test_the_program_has_a_controlling_terminal():
    "session leader, foreground group, /dev/tty opens, the same pty on 0, 1 and 2"
    with console() as tty:
        with container(terminal(), "tty; wait", "--console-socket", tty.path) as c:
            tty.accept()
            c.start().ok
            lines = [line for line in tty.read("wait: ready").splitlines()
                     if line.startswith("tty: ")]
            assert [line.split()[2] for line in lines[:3]] in (
                ["/dev/pts/0"] * 3, ["/dev/console"] * 3)
            assert lines[3] == "tty: session own leader yes foreground yes"
            assert lines[4] == "tty: controlling yes"


def test_dev_console_is_the_terminal():
    "a character device of devpts, the same as fd 0"
    with console() as tty:
        with container(terminal(), "stat /dev/console; fdstat; write /dev/console via; wait",
                       "--console-socket", tty.path) as c:
            tty.accept()
            c.start().ok
            text = tty.read("wait: ready")
            console_line = next(line for line in text.splitlines() if line.startswith("stat: "))
            fd_line = next(line for line in text.splitlines() if line.startswith("fdstat: 0 "))
            assert console_line.split("dev=")[1] == fd_line.split("dev=")[1]
            assert console_line.split("dev=")[1].startswith("136:")
            assert "via" in text


def test_without_a_terminal_there_is_no_dev_console():
    "only with process.terminal"
    assert run(config(), "stat /dev/console").lines == ["stat: ENOENT"]


def test_console_size_is_set_before_the_program():
    "rows and columns of process.consoleSize"
    with console() as tty:
        with container(terminal(consoleSize={"height": 33, "width": 101}), "tty; wait",
                       "--console-socket", tty.path) as c:
            tty.accept()
            c.start().ok
            assert "33x101" in tty.read("wait: ready")


def test_console_size_is_ignored_without_a_terminal():
    "not an error"
    run(config(process={"consoleSize": {"height": 1, "width": 1}}), "exit 0").ok


def test_the_terminal_can_be_resized_from_outside():
    "TIOCSWINSZ on the master is seen inside"
    with console() as tty:
        with container(terminal(), "readline; tty; wait", "--console-socket", tty.path) as c:
            tty.accept()
            c.start().ok
            fcntl.ioctl(tty.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 55, 0, 0))
            os.write(tty.fd, b"go\n")
            assert "44x55" in tty.read("wait: ready")


def test_what_is_typed_arrives():
    "line by line"
    with console() as tty:
        with container(terminal(), "readline; wait", "--console-socket", tty.path) as c:
            tty.accept()
            c.start().ok
            os.write(tty.fd, b"typed\n")
            assert "readline: typed" in tty.read("wait: ready")


def test_the_terminal_belongs_to_the_user():
    "a non-root container owns its tty"
    with console() as tty:
        with container(terminal(user={"uid": 1000, "gid": 1000}), "tty; wait",
                       "--console-socket", tty.path) as c:
            tty.accept()
            c.start().ok
            assert "uid 1000" in tty.read("wait: ready")


def test_a_terminal_works_with_a_read_only_root():
    "also when /dev is part of it"
    with console() as tty:
        configuration = terminal()
        configuration.doc["root"]["readonly"] = True
        with container(configuration, "tty; wait", "--console-socket", tty.path) as c:
            tty.accept()
            c.start().ok
            assert "controlling yes" in tty.read("wait: ready")


def test_a_detached_terminal_needs_a_console_socket():
    "create with terminal and without a socket: the words of runc"
    Container(terminal(), "exit 0").create().fails("(?i)console socket|cannot allocate tty", rc=1)


def test_a_console_socket_without_a_terminal_is_refused():
    "create without terminal and with a socket"
    with console() as tty:
        Container(config(), "exit 0", "--console-socket", tty.path).create().fails(
            "(?i)console socket", rc=1)


def test_a_console_socket_that_is_not_there_is_an_error():
    "absent, a plain file, nobody listening: an error at once, nothing left"
    with open("plain", "w", encoding="ascii"):
        pass
    import socket
    dead = socket.socket(socket.AF_UNIX)
    dead.bind("dead")
    dead.close()
    for path in ("absent", "plain", "dead"):
        c = Container(terminal(), "exit 0", "--console-socket", os.path.abspath(path))
        assert c.create().fails(rc=1).seconds < 10


def test_a_console_peer_that_hangs_up_is_no_disaster():
    "the listener closes before the message: create fails or the container is usable; no hang"
    with console() as tty:
        c = Container(terminal(), "exit 0", "--console-socket", tty.path)
        tty.listener.close()
        began = time.monotonic()
        c.create()
        assert time.monotonic() - began < 10
        c.delete("--force").ok


def test_exec_has_its_own_terminal():
    "exec --tty --console-socket: a new pty, controlling, in the container's devpts"
    with container(config()) as c, console() as tty:
        c.up()
        c.exec("tty; echo end", "--tty", "--detach", "--console-socket", tty.path).ok
        tty.accept()
        text = tty.read("end")
        assert "/dev/pts/0" in text
        assert "tty: controlling yes" in text


def test_a_foreground_terminal_that_is_piped_on_has_no_carriage_returns():
    "as with runc: who pipes the output of run or exec compares lines"
    with run(terminal(), "echo a; echo b") as r:
        assert r.ok.out == "a\nb\n"


def test_foreground_run_gives_the_terminal_through():
    "run on a terminal: what the program prints and reads goes through, size included"
    import pty
    from deck import bundle, current
    test = current()
    name = test.next_id()
    path = bundle(terminal(), "tty; readline; exit 4", name)
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 21, 66, 0, 0))
        os.execv(test.runtime, [test.runtime, "--root", test.root, "run", "--bundle", path, name])
    shown = b""
    sent = False
    while True:
        try:
            block = os.read(fd, 4096)
        except OSError:
            break
        if not block:
            break
        shown += block
        if b"tty: controlling" in shown and not sent:
            os.write(fd, b"from outside\r")
            sent = True
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    assert status == 4, shown
    assert b"21x66" in shown
    assert b"readline: from outside" in shown
