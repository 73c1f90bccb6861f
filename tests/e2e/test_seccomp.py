# SPDX-License-Identifier: Apache-2.0
"""linux.seccomp: actions, arguments, errno values, architectures, flags, the notify listener."""

import array
import fcntl
import json
import os
import signal
import socket
import struct
import threading

from deck import Container, bundle, config, container, current, needs, rt, run
from deck.container import PATIENCE

PERSONALITY = 135


def seccomp(*syscalls, default="SCMP_ACT_ALLOW", **more):
    """A filter over everything that is allowed unless a rule says otherwise."""
    return config(linux={"seccomp": dict({"defaultAction": default, "syscalls": list(syscalls)},
                                         **more)})


def rule(action, *names, args=None, **more):
    made = dict({"names": list(names), "action": "SCMP_ACT_" + action}, **more)
    if args is not None:
        made["args"] = args
    return made


def arg(index, op, value, two=None):
    made = {"index": index, "value": value, "op": "SCMP_CMP_" + op}
    if two is not None:
        made["valueTwo"] = two
    return made


def test_without_seccomp_there_is_no_filter():
    "mode 0"
    assert run(config(), "seccomp").lines == ["seccomp: 0"]


def test_a_filter_is_in_force_when_the_program_starts():
    "mode 2, with and without no_new_privs"
    for nnp in (True, False):
        c = seccomp(rule("ERRNO", "personality"))
        c.doc["process"]["noNewPrivileges"] = nnp
        with run(c, "seccomp; nnp; try personality") as r:
            assert r.ok.lines == ["seccomp: 2", f"nnp: {int(nnp)}", "try: personality: EPERM"]


def test_a_filter_that_refuses_everything_hangs_nobody():
    "neither execve nor the words about it nor the end: it is said why, and nothing is left"
    filters = [("ERRNO", 1), ("ERRNO", 4),       # EPERM; EINTR, which others would try again
               ("KILL_PROCESS", None), ("KILL_THREAD", None), ("TRAP", None)]
    for action, number in filters:
        filtered = {"defaultAction": f"SCMP_ACT_{action}"}
        if number:
            filtered["defaultErrnoRet"] = number
        c = config(linux={"seccomp": filtered})
        with run(c, "echo never") as r:
            r.fails("already dead: it ended in silence", "has to allow execve", rc=1)
            assert not r.lines, r
            assert r.seconds < 5 * PATIENCE, r
        with container(c, None) as box:
            box.start().fails("already dead: it ended in silence", rc=1)
            assert box.status == "stopped"


def test_a_program_that_its_filter_ends_is_told_of():
    "its status is the signal's, and a warning says whose doing that was; for exec too"
    c = seccomp(rule("KILL_PROCESS", "umask"))
    with run(c, "umask") as r:
        assert r.rc == 128 + signal.SIGSYS and "its seccomp filter refused" in r.err, r
    with container(c) as box:
        box.up()
        r = box.exec("umask")
        assert r.rc == 128 + signal.SIGSYS and "its seccomp filter refused" in r.err, r
    with run(config(), "exit 159") as r:
        assert r.rc == 159 and not r.err, r


def test_each_action_does_what_it_says():
    "allow, errno, kill, trap, log, trace"
    for action, shown in (("ALLOW", "ok"), ("LOG", "ok"), ("ERRNO", "EPERM"),
                          ("TRACE", "ENOSYS"), ("TRAP", "killed SIGSYS"),
                          ("KILL", "killed SIGSYS"), ("KILL_THREAD", "killed SIGSYS"),
                          ("KILL_PROCESS", "killed SIGSYS")):
        with run(seccomp(rule(action, "personality")), "try personality") as r:
            assert r.ok.lines == [f"try: personality: {shown}"], action


def test_errno_values_are_those_of_the_config():
    "errnoRet of a rule, zero included; defaultErrnoRet of the filter"
    for value, name in ((38, "ENOSYS"), (13, "EACCES"), (1, "EPERM")):
        c = seccomp(rule("ERRNO", "personality", errnoRet=value))
        assert run(c, "try personality").ok.lines == [f"try: personality: {name}"]
    allowed = ["exit", "exit_group", "write", "read", "brk", "mmap", "munmap", "mprotect",
               "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "getrandom",
               "fstat", "newfstatat", "execve", "execveat", "clone", "wait4", "rt_sigaction",
               "rt_sigprocmask", "rt_sigreturn", "readlink", "readlinkat", "close", "openat",
               "open", "fcntl", "uname", "futex", "gettid", "getpid"]
    c = seccomp(rule("ALLOW", *allowed), default="SCMP_ACT_ERRNO", defaultErrnoRet=95)
    with run(c, "try personality; try keyctl") as r:
        assert r.ok.lines == ["try: personality: EOPNOTSUPP", "try: keyctl: EOPNOTSUPP"]


def test_a_filter_that_allows_almost_nothing_still_starts():
    "between loading and exec the runtime needs nothing but the exec"
    allowed = ["execve", "execveat", "exit_group", "exit", "write", "brk", "arch_prctl",
               "set_tid_address", "set_robust_list", "rseq", "prlimit64", "readlinkat", "readlink",
               "getrandom", "mprotect", "newfstatat", "fstat", "mmap", "munmap", "uname"]
    c = seccomp(rule("ALLOW", *allowed), default="SCMP_ACT_ERRNO")
    assert run(c, "echo started").ok.lines == ["started"]


def test_comparisons_of_arguments():
    "every operator, true and false"
    cases = [("EQ", 5, None, {5: True, 4: False}), ("NE", 5, None, {5: False, 4: True}),
             ("LT", 5, None, {4: True, 5: False, 6: False}),
             ("LE", 5, None, {5: True, 6: False}), ("GT", 5, None, {6: True, 5: False}),
             ("GE", 5, None, {5: True, 4: False}),
             ("MASKED_EQ", 0xf0, 0x30, {0x31: True, 0x3f: True, 0x41: False})]
    for op, value, two, expected in cases:
        c = seccomp(rule("ERRNO", "getpriority", errnoRet=95,
                         args=[arg(1, op, value, two)]))
        verbs = "; ".join(f"try raw 140 0 {number}" for number in expected)
        with run(c, verbs) as r:
            for line, hit in zip(r.ok.lines, expected.values()):
                assert ("EOPNOTSUPP" in line) == hit, (op, r.lines, expected)


def test_arguments_are_compared_in_64_bits():
    "values above 32 bits, exactly"
    big = 0x1_0000_0005
    c = seccomp(rule("ERRNO", "getpriority", errnoRet=95, args=[arg(1, "EQ", big)]))
    with run(c, f"try raw 140 0 {big}; try raw 140 0 5") as r:
        assert "EOPNOTSUPP" in r.ok.lines[0] and "EOPNOTSUPP" not in r.lines[1]
    top = 18446744073709551615
    c = seccomp(rule("ERRNO", "getpriority", errnoRet=95, args=[arg(1, "EQ", top)]))
    with run(c, f"try raw 140 0 {top}; try raw 140 0 {top - 1}") as r:
        assert "EOPNOTSUPP" in r.ok.lines[0] and "EOPNOTSUPP" not in r.lines[1]


def test_several_arguments_are_all_needed():
    "conditions on different arguments of one rule are and-ed"
    c = seccomp(rule("ERRNO", "getpriority", errnoRet=95, args=[arg(0, "EQ", 1),
                                                                arg(1, "EQ", 5)]))
    with run(c, "try raw 140 1 5; try raw 140 1 4; try raw 140 0 5") as r:
        assert ["EOPNOTSUPP" in line for line in r.ok.lines] == [True, False, False]


def test_two_conditions_on_one_argument_are_alternatives():
    "as runc and crun read it: separate rules"
    c = seccomp(rule("ERRNO", "getpriority", errnoRet=95, args=[arg(1, "EQ", 5),
                                                                arg(1, "EQ", 6)]))
    with run(c, "try raw 140 0 5; try raw 140 0 6; try raw 140 0 7") as r:
        assert ["EOPNOTSUPP" in line for line in r.ok.lines] == [True, True, False]


def test_unknown_system_calls_are_passed_over():
    "a profile for newer kernels works"
    c = seccomp(rule("ERRNO", "no_such_call", "personality"))
    assert run(c, "try personality").ok.lines == ["try: personality: EPERM"]


def test_calls_newer_than_the_profile_are_enosys():
    "number 9999 gives ENOSYS under a deny-by-default filter, a known one its errno"
    names = KNOWN
    c = seccomp(rule("ALLOW", *names), default="SCMP_ACT_ERRNO", defaultErrnoRet=1)
    with run(c, "try raw 9999; try mount; try keyctl") as r:
        assert r.ok.lines == ["try: raw: ENOSYS", "try: mount: EPERM", "try: keyctl: EPERM"]


KNOWN = """read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction
rt_sigprocmask rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select sched_yield
madvise dup dup2 pause nanosleep getpid socket connect clone fork vfork execve exit wait4 kill uname
fcntl getcwd chdir mkdir unlink readlink chmod umask gettimeofday getrlimit getuid getgid setuid
setgid geteuid getegid getppid getpgrp setsid getgroups getresuid getresgid capget sigaltstack
statfs arch_prctl gettid futex getdents64 set_tid_address clock_gettime clock_nanosleep exit_group
openat newfstatat readlinkat faccessat set_robust_list prlimit64 getrandom execveat statx rseq
clone3 faccessat2 close_range prctl""".split()


@needs("int80")
def test_the_32_bit_entry_is_closed_unless_listed():
    "a filter for x86_64 kills int 0x80; with SCMP_ARCH_X86 it is filtered like the rest"
    only = seccomp(rule("ERRNO", "personality"), architectures=["SCMP_ARCH_X86_64"])
    assert run(only, "try int80 20").ok.lines == ["try: int80: killed SIGSYS"]
    both = seccomp(rule("ERRNO", "personality"),
                   architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
    # 136 is personality in the 32-bit table, 20 getpid.
    with run(both, "try int80 20; try int80 136; try personality") as r:
        assert r.ok.lines == ["try: int80: ok", "try: int80: EPERM", "try: personality: EPERM"]


@needs("int80")
def test_x32_is_closed_unless_listed():
    "numbers with the x32 bit do not slip past an x86_64 filter"
    only = seccomp(rule("ERRNO", "personality"), architectures=["SCMP_ARCH_X86_64"])
    assert run(only, "try x32 39").ok.lines == ["try: x32: killed SIGSYS"]


def test_flags_are_taken():
    "LOG, SPEC_ALLOW, TSYNC"
    for flags in (["SECCOMP_FILTER_FLAG_LOG"], ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
                  ["SECCOMP_FILTER_FLAG_TSYNC"], [],
                  ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]):
        assert run(seccomp(rule("ERRNO", "personality"), flags=flags), "seccomp").ok.lines == [
            "seccomp: 2"]


def test_unknown_words_are_refused():
    "action, operator, architecture, flag: the word is in the message"
    for c, word in ((seccomp(rule("BOGUS", "personality")), "BOGUS"),
                    (seccomp(default="SCMP_ACT_BOGUS"), "BOGUS"),
                    (seccomp(rule("ERRNO", "personality", args=[arg(0, "BOGUS", 1)])), "BOGUS"),
                    (seccomp(architectures=["SCMP_ARCH_BOGUS"]), "BOGUS"),
                    (seccomp(flags=["SECCOMP_FILTER_FLAG_BOGUS"]), "BOGUS")):
        run(c, "exit 0").fails(word)


def test_what_makes_no_sense_is_refused():
    "no names, argument 6, errnoRet with kill, metadata without a listener, no default action"
    for c, word in ((seccomp(rule("ERRNO")), "names"),
                    (seccomp({"action": "SCMP_ACT_ERRNO"}), "names"),
                    (seccomp(rule("ERRNO", "personality", args=[arg(6, "EQ", 1)])), "index"),
                    (seccomp(rule("KILL", "personality", errnoRet=1)), "errnoRet"),
                    (seccomp(default="SCMP_ACT_ALLOW", defaultErrnoRet=1), "defaultErrnoRet"),
                    (seccomp(listenerMetadata="x"), "listenerMetadata"),
                    (config(linux={"seccomp": {"syscalls": []}}), "defaultAction")):
        run(c, "exit 0").fails(f"linux.seccomp.*{word}", rc=1)


def test_exec_is_filtered_too():
    "the second program runs under the same filter"
    with container(seccomp(rule("ERRNO", "personality"))) as c:
        c.up()
        assert c.exec("seccomp; try personality").ok.lines == ["seccomp: 2",
                                                               "try: personality: EPERM"]


def test_a_long_profile_works():
    "345 names over three architectures"
    names = KNOWN * 4
    c = seccomp(rule("ALLOW", *names), rule("ERRNO", "personality", errnoRet=95),
                default="SCMP_ACT_ERRNO",
                architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"])
    assert run(c, "try personality; try mount").ok.lines == ["try: personality: EOPNOTSUPP",
                                                             "try: mount: EPERM"]


# ---- the listener ------------------------------------------------------------------------------

NOTIF_RECV = 0xc0502100
NOTIF_SEND = 0xc0182101


class Agent:
    """A seccomp agent: takes the state and the fd, answers every call with an errno."""

    def __init__(self, answer=0, errno=0):
        self.path = os.path.join(current().tmp, f"agent{current().next_number()}")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.listener.settimeout(10)
        self.answer, self.errno = answer, errno
        self.state, self.fds, self.calls, self.error = None, [], [], None
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            peer, _ = self.listener.accept()
            with peer:
                data, ancillary, _, _ = peer.recvmsg(65536, socket.CMSG_SPACE(16 * 4))
                fds = array.array("i")
                for _, _, payload in ancillary:
                    fds.frombytes(payload)
                self.fds = list(fds)
                while True:
                    try:
                        self.state = json.loads(data)
                        break
                    except ValueError:
                        more = peer.recv(65536)
                        if not more:
                            raise
                        data += more
            while True:
                request = bytearray(80)
                fcntl.ioctl(self.fds[0], NOTIF_RECV, request)
                number, _, _, call = struct.unpack_from("QIIi", request)
                self.calls.append(call)
                fcntl.ioctl(self.fds[0], NOTIF_SEND,
                            struct.pack("QqiI", number, self.answer, -self.errno, 0))
        except (OSError, ValueError) as error:
            self.error = error

    def close(self):
        self.listener.close()
        for fd in self.fds:
            os.close(fd)


def test_the_listener_gets_the_state_and_the_fd():
    "one message with ociVersion, fds, pid, metadata and state, and one fd that works"
    agent = Agent(errno=95)
    c = seccomp(rule("NOTIFY", "personality"), listenerPath=agent.path, listenerMetadata="meta")
    c.doc["annotations"] = {"org.example": "x"}
    with container(c, "try personality; wait") as box:
        pid = box.pid
        box.up()
        assert box.values("try") == ["personality: EOPNOTSUPP"]
        state = agent.state
        assert state["fds"] == ["seccompFd"] and len(agent.fds) == 1
        assert state["pid"] == pid and state["metadata"] == "meta"
        assert state["ociVersion"].startswith("1.")
        inner = state["state"]
        assert inner["id"] == box.name and inner["bundle"] == box.path and inner["pid"] == pid
        assert inner["status"] in ("creating", "created")
        assert inner["annotations"] == {"org.example": "x"}
        assert agent.calls == [PERSONALITY]
    agent.close()


def test_exec_tells_the_listener_too():
    "status running, pid of the new process, a fd of its own"
    first = Agent()
    c = seccomp(rule("NOTIFY", "personality"), listenerPath=first.path)
    with container(c) as box:
        box.up()
        os.unlink(first.path)
        second = Agent(errno=95)
        os.rename(second.path, first.path)
        assert box.exec("try personality").ok.lines == ["try: personality: EOPNOTSUPP"]
        assert second.state["state"]["status"] == "running"
        assert second.state["state"]["pid"] == box.pid
        second.close()
    first.close()


def test_a_listener_that_is_not_used_is_ignored():
    "listenerPath without a notify action is not even connected to"
    run(seccomp(rule("ERRNO", "personality"), listenerPath="/nonexistent/agent"), "exit 0").ok


def test_a_listener_that_is_not_there_is_an_error():
    "nothing runs without its agent"
    c = seccomp(rule("NOTIFY", "personality"), listenerPath="/nonexistent/agent")
    run(c, "exit 0").fails("(?i)agent|listener")


def test_notify_needs_a_listener_path():
    "an action without anyone to ask"
    run(seccomp(rule("NOTIFY", "personality")), "exit 0").fails("listenerPath")


def test_notify_is_refused_where_it_would_hang():
    "write, and as the default action"
    agent = Agent()
    run(seccomp(rule("NOTIFY", "write"), listenerPath=agent.path), "exit 0").fails("write|NOTIFY")
    run(seccomp(default="SCMP_ACT_NOTIFY", listenerPath=agent.path), "exit 0").fails("NOTIFY")
    agent.listener.close()


def test_an_agent_that_hangs_up_does_not_hang_the_create():
    "the connection is closed at once: create ends, one way or the other"
    path = os.path.join(current().tmp, "deaf")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(1)

    def serve():
        peer, _ = listener.accept()
        peer.close()

    threading.Thread(target=serve, daemon=True).start()
    c = Container(seccomp(rule("NOTIFY", "personality"), listenerPath=path), "exit 0")
    assert c.create().seconds < 10
    c.delete("--force").ok
    listener.close()


def test_one_container_does_not_change_the_filter_of_another():
    "two different profiles one after the other"
    path = bundle(seccomp(rule("ERRNO", "personality", errnoRet=95)), "try personality", "a")
    for _ in range(2):
        assert rt("run", "--bundle", path, current().next_id()).ok.lines == [
            "try: personality: EOPNOTSUPP"]
    assert run(seccomp(rule("ERRNO", "keyctl")), "try personality; try keyctl").ok.lines == [
        "try: personality: ok", "try: keyctl: EPERM"]
