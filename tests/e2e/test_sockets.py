# SPDX-License-Identifier: Apache-2.0
"""What is passed through sockets: pidfds, readiness; and flags of other runtimes."""

import array
import os
import select
import socket
import threading

from deck import (Container, bundle, config, container, current, host, needs, rt, run)


class PidfdSocket:
    """Listens for one message with a process descriptor."""

    def __init__(self):
        self.path = os.path.join(current().tmp, f"pidfd{current().next_number()}")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.listener.settimeout(10)

    def accept(self):
        """(what it is called, the descriptor)"""
        peer, _ = self.listener.accept()
        with peer:
            data, ancillary, _, _ = peer.recvmsg(100, socket.CMSG_SPACE(8 * 4))
        self.listener.close()
        fds = array.array("i")
        for _, _, payload in ancillary:
            fds.frombytes(payload)
        assert len(fds) == 1, fds
        return data.decode(), fds[0]


def pid_of(pidfd):
    """The process that a descriptor stands for."""
    for line in host.read(f"/proc/self/fdinfo/{pidfd}").splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise AssertionError("not a pidfd")


def test_create_sends_a_pidfd_of_init():
    "--pidfd-socket: the word standard and a descriptor of the container's first process"
    sock = PidfdSocket()
    with container(config(), "wait", "--pidfd-socket", sock.path) as c:
        word, pidfd = sock.accept()
        assert word == "standard" and pid_of(pidfd) == c.pid
        c.up()
        c.kill("KILL").ok
        assert select.select([pidfd], [], [], 5)[0], "the descriptor does not tell the end"
        os.close(pidfd)


def test_exec_sends_a_pidfd_of_its_process():
    "--pidfd-socket: the word setns"
    with container(config()) as c:
        c.up()
        sock = PidfdSocket()
        c.exec("sleep 20", "--detach", "--pidfd-socket", sock.path).ok
        word, pidfd = sock.accept()
        assert word == "setns" and pid_of(pidfd) != c.pid
        assert str(pid_of(pidfd)) in c.file("cgroup.procs").split()
        os.close(pidfd)


def test_a_pidfd_socket_that_is_not_there_is_an_error():
    "and leaves no container"
    c = Container(config(), "wait", "--pidfd-socket", "/nonexistent/socket")
    c.create().fails(rc=1)
    rt("state", c.name).fails("does not exist")


def notify_socket():
    path = os.path.join(current().tmp, "notify")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    sock.settimeout(10)
    return sock, path


def test_readiness_is_passed_on():
    "NOTIFY_SOCKET of the caller: READY=1 of the program arrives, with MAINPID of init"
    sock, path = notify_socket()
    c = Container(config(), "env; wait", env=dict(os.environ, NOTIFY_SOCKET=path))
    c.create().ok
    try:
        results = []

        def start():
            results.append(c.rt("start", c.name, env=dict(os.environ, NOTIFY_SOCKET=path)))

        thread = threading.Thread(target=start)
        thread.start()
        c.wait_line("wait: ready")
        inside = next(value for value in c.values("env") if value.startswith("NOTIFY_SOCKET="))
        assert inside == "NOTIFY_SOCKET=/run/notify/notify.sock"
        assert thread.is_alive(), "start returned before the program was ready"
        pid = c.pid
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(f"/proc/{pid}/root/run/notify/notify.sock")
            sender.send(b"STATUS=not yet\n")
            sender.send(b"READY=1\n")
        first = sock.recv(4096)
        assert first.startswith(b"READY=1"), first
        assert f"MAINPID={pid}".encode() in first + sock.recv(4096)
        # A BARRIER may follow; whoever asks for it waits until its descriptor is closed.
        sock.close()
        thread.join(10)
        assert results and results[0].rc == 0
    finally:
        c.rt("delete", "--force", c.name)


def test_a_notify_socket_is_not_leaked_as_it_is():
    "the path of the host is not in the container's environment"
    with run(config(), "env", env=dict(os.environ, NOTIFY_SOCKET="")) as r:
        assert not [value for value in r.ok.values("env") if value.startswith("NOTIFY_SOCKET")]


def test_the_configuration_may_have_another_name():
    "run and create --config FILE, as crun spells it"
    test = current()
    name = test.next_id()
    path = bundle(config(), "echo other", name)
    os.rename(path + "/config.json", path + "/other.json")
    assert rt("run", "--bundle", path, "--config", path + "/other.json", name).ok.lines == [
        "other"]


def test_the_cgroup_manager_may_be_named():
    "--cgroup-manager cgroupfs is what it does; an unknown one is refused"
    assert run(config(), "echo ok", front=["--cgroup-manager", "cgroupfs"]).ok.lines == ["ok"]
    run(config(), "echo ok", front=["--cgroup-manager", "bogus"]).fails("bogus", rc=1)


def test_no_new_keyring_keeps_the_keyring_of_the_caller():
    "--no-new-keyring: a key of the caller's session is found inside"
    add_key, keyctl, session = 248, 250, -3
    if os.uname().machine != "x86_64":
        from deck import skip
        skip("needs the system call numbers of x86_64")
    host.syscall_check(host.LIBC.syscall(keyctl, 1, None), "keyctl")
    host.syscall_check(host.LIBC.syscall(add_key, b"user", b"shared", b"x", 1, session), "add_key")
    assert run(config(), "try key shared", "--no-new-keyring").ok.lines == ["try: key: ok"]
    assert run(config(), "try key shared").ok.lines == ["try: key: ENOKEY"]


def test_no_pivot_has_the_same_root():
    "by moving the mount: the root is the container's, the host's is nowhere to be found"
    with run(config(rootfs={"/mark": "x"}), "stat /mark; stat /etc/passwd", "--no-pivot") as r:
        assert r.ok.lines == ["stat: file 0644 0:0 size=1", "stat: ENOENT"]


@needs("userns")
def test_no_pivot_does_not_give_away_a_bare_proc():
    "the host's own is left below the root, and would let a user namespace mount one without masks"
    linux = {"maskedPaths": ["/proc/keys"], "readonlyPaths": ["/proc/sys"]}
    for words in ((), ("--no-pivot",)):
        assert run(config(linux=linux), "try bareproc", *words).ok.lines == ["try: bareproc: EPERM"]
    bare = config(linux={"maskedPaths": [], "readonlyPaths": []})
    assert run(bare, "try bareproc").ok.lines == ["try: bareproc: ok"]


