# SPDX-License-Identifier: Apache-2.0
"""Looking over what is held: one among many that look alike is found."""

import json
import os
import socket

from deck import bind, container, current, host, until
from test_evidence import python_container
from test_quarantine import outcome, quarantine, release

# Twenty children with the same descriptors, but for what one of them does.
FAMILY = """
import ctypes, os, socket, threading, time
def odd():
    s = socket.socket(socket.AF_UNIX)
    s.connect("/host/service")
    {odd}
    time.sleep(3600)
def unshared(number):
    # A thread with a table of its own (CLONE_FILES).
    assert ctypes.CDLL(None).unshare(0x400) == 0
    s = socket.socket(socket.AF_UNIX)
    s.connect("/host/service")
    time.sleep(3600)
for i in range(20):
    if not os.fork():
        if i == {which}:
            odd()
        time.sleep(3600)
{late}
print("ready", flush=True)
time.sleep(3600)
"""


def family(place, which=-1, odd="", late=""):
    made = python_container(FAMILY.format(which=which, odd=odd, late=late))
    made.doc["mounts"].append(bind(place, "/host"))
    return made


def found(odd="", which=-1, late="", held=quarantine):
    """The unix connections that a quarantine finds in such a family."""
    place = os.path.join(current().tmp, f"host-{current().next_number()}")
    os.mkdir(place, 0o777)
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(os.path.join(place, "service"))
        os.chmod(os.path.join(place, "service"), 0o777)
        service.listen(8)
        with container(family(place, which, odd, late), None) as c:
            c.start().ok
            c.wait_line("ready", 20)
            # The odd one may still be on its way.
            peer = service.accept()[0] if which >= 0 or late else None
            findings = held(c)["findings"]
            release(c)
            if peer:
                peer.close()
    return [f for f in findings if f["kind"] == "unix-socket"]


def test_all_alike_have_nothing():
    "the control"
    assert not found()


def test_one_more_descriptor_is_found():
    "the first, one in the middle, the last"
    for which in (0, 11, 19):
        one, = found(which=which)
        assert one["fd"] > 2, one


def test_another_file_under_the_same_number_is_found():
    "as many descriptors, with the same numbers: only what they are differs"
    one, = found(which=11, odd="os.dup2(s.fileno(), 0); s.close()")
    assert one["fd"] == 0, one


def test_what_a_process_has_whose_first_thread_has_ended_is_found():
    "under its own number it has nothing any more, and it is one thread as all the others"
    leave = "ctypes.CDLL(None).syscall(%d, 0)" % {"x86_64": 60, "aarch64": 93}[os.uname().machine]
    one, = found(which=11, odd="threading.Thread(target=time.sleep, args=(3600,)).start(); " + leave)
    assert one["fd"] > 2, one


def test_a_thread_with_a_table_of_its_own_is_found():
    "its process has what all others have"
    one, = found(late="threading.Thread(target=unshared, args=(0,), daemon=True).start()\n"
                      "time.sleep(0.3)")
    assert one["fd"] > 2, one


def may_make_packet_sockets(code="print('ready', flush=True)", observed=True, **process):
    """What a quarantine finds of the right to them."""
    c = python_container("import ctypes, os, threading, time\n" + code + "\ntime.sleep(3600)")
    c.doc["process"].update(process)
    with container(c, None) as c:
        c.start().ok
        c.wait_line("ready", 20)
        held = c.rt("quarantine", "--json", "--timeout", "10000",
                    *(["--observe"] if observed else []), c.name)
        release(c)
    return [f["detail"] for f in json.loads(held.out)["findings"] if f["kind"] == "capability"]


def test_who_may_gain_the_right_to_packet_sockets_is_found():
    "held by a thread alone; or to be had by executing something, as root; else nobody"
    def sets(*names):
        return {k: [f"CAP_{n}" for n in names] for k in ("bounding", "permitted", "effective")}
    every = sets("NET_RAW")
    user = {"uid": 0, "gid": 0}
    dropped = ("def stay():\n"
               "    time.sleep(3600)\n"
               "threading.Thread(target=stay).start()\n"
               # capset of version 3: this thread's sets are empty.
               "h = (ctypes.c_uint32 * 2)(0x20080522, 0)\n"
               "d = (ctypes.c_uint32 * 6)()\n"
               "assert ctypes.CDLL(None).capset(h, d) == 0\n"
               "print('ready', flush=True)")
    one, = may_make_packet_sockets(user=user, capabilities=every)
    assert "it may make" in one
    one, = may_make_packet_sockets(dropped, user=user, capabilities=every)
    assert "it may make" in one, "a thread keeps what the first one gave up"
    assert not may_make_packet_sockets(user=user, capabilities=every, observed=False)
    # Root that gave up its sets has them again with the next execve.
    alone = dropped[dropped.index("h = "):]
    one, = may_make_packet_sockets(alone, user=user, capabilities=every, noNewPrivileges=False)
    assert "gain it by executing" in one
    assert not may_make_packet_sockets(alone, user=user, capabilities=every, noNewPrivileges=True)
    # So has who can become root again.
    change = "os.setresuid(1000, 1000, 0); " + alone
    one, = may_make_packet_sockets(change, user=user, capabilities=sets("NET_RAW", "SETUID"),
                                   noNewPrivileges=False)
    assert "gain it by executing" in one
    bounding = {"bounding": ["CAP_NET_RAW"]}
    assert not may_make_packet_sockets(user={"uid": 1000, "gid": 1000}, capabilities=bounding,
                                       noNewPrivileges=False)
    assert not may_make_packet_sockets(noNewPrivileges=False, capabilities={})


def test_the_network_of_a_process_whose_first_thread_has_ended_can_be_cut():
    "what is alone in its network is cut there, and let go again, also without a first thread"
    leave = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
    c = python_container(
        "import ctypes, socket, threading, time\n"
        "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300)\n"
        "threading.Thread(target=time.sleep, args=(3600,)).start()\n"
        "print('ready', flush=True)\n"
        f"ctypes.CDLL(None).syscall({leave}, 0)\n")
    raw = ["CAP_NET_RAW"]
    c.doc["process"].update(user={"uid": 0, "gid": 0}, capabilities={
        k: raw for k in ("bounding", "effective", "permitted")})
    with container(c, None) as c:
        c.start().ok
        c.wait_line("ready", 20)
        until(lambda: " Z " in host.read(f"/proc/{c.pid}/stat"))
        held = json.loads(c.rt("quarantine", "--json", "--observe", "--timeout", "10000",
                               c.name).out)
        assert "netns" in [line["name"] for line in held["mechanisms"]], held
        if outcome(held, "netns") == "applied":
            assert held["result"] == "contained", held
            assert outcome(release(c), "netns") == "applied"
