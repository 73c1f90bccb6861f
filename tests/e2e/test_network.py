# SPDX-License-Identifier: Apache-2.0
"""linux.netDevices: moved, renamed, with their addresses, and back only when create fails."""

import json
import os
import subprocess

from deck import (config, container, current, host_unchanged, idmap, namespaces, needs, run, until)
from deck.host import LIBC

CLONE_NEWNET = 0x40000000


def ip(*args, pid=None):
    """ip(8) in the network namespace of a process, or ours."""
    front = ["nsenter", "--net", "-t", str(pid)] if pid else []
    return subprocess.run([*front, "ip", *args], check=True, capture_output=True, text=True).stdout


def own_network(*devices):
    """From here on this test has a network of its own, with pairs of these names."""
    assert LIBC.unshare(CLONE_NEWNET) == 0
    for name in devices:
        ip("link", "add", name, "type", "veth", "peer", "name", f"{name}-peer")


def link(name, pid=None):
    """What ip(8) says about a device, or None."""
    for one in json.loads(ip("-j", "addr", "show", pid=pid)):
        if one["ifname"] == name:
            return one
    return None


def addresses(device):
    return sorted(f"{a['local']}/{a['prefixlen']}" for a in device["addr_info"]
                  if a["scope"] == "global")


@needs("ip")
def test_a_new_network_is_the_same_on_one_processor_and_on_more():
    "made by a thread or by clone3: another than ours, with its loopback alone, which is up"
    every = os.sched_getaffinity(0)
    for processors in ({min(every)}, every):
        os.sched_setaffinity(0, processors)
        with container(config()) as c:
            assert os.stat(f"/proc/{c.pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino
            assert "UP" in link("lo", c.pid)["flags"]
            assert "127.0.0.1/8" in ip("addr", "show", "lo", pid=c.pid)
            assert os.listdir(f"/proc/{c.pid}/root/sys/class/net") == ["lo"]


def with_devices(devices, **more):
    return config(linux={"netDevices": devices, **more.pop("linux", {})}, **more)


@needs("ip")
def test_network_devices_move_with_their_addresses():
    "permanent global addresses of both families, MTU and MAC are kept; the device is set up"
    own_network("first", "second")
    ip("link", "set", "first", "mtu", "1400", "address", "02:00:00:00:00:77")
    ip("addr", "add", "192.0.2.1/24", "brd", "+", "dev", "first")
    ip("addr", "add", "192.0.2.9", "peer", "198.51.100.1/32", "dev", "first")
    ip("addr", "add", "2001:db8::1/64", "dev", "first", "nodad")
    ip("addr", "add", "192.0.2.33/24", "dev", "first", "valid_lft", "1000", "preferred_lft", "100")
    ip("addr", "add", "203.0.113.5/24", "scope", "link", "dev", "first")
    ip("link", "set", "first", "up")
    with container(with_devices({"first": {}, "second": {"name": "eth7"}}), "wait") as c:
        assert link("first") is None and link("second") is None
        moved = link("first", c.pid)
        assert addresses(moved) == ["192.0.2.1/24", "192.0.2.9/32", "2001:db8::1/64"], moved
        assert [a["broadcast"] for a in moved["addr_info"] if "broadcast" in a] == ["192.0.2.255"]
        assert [a["address"] for a in moved["addr_info"] if "address" in a] == ["198.51.100.1"]
        assert moved["mtu"] == 1400 and moved["address"] == "02:00:00:00:00:77"
        assert "UP" in moved["flags"] and "UP" in link("eth7", c.pid)["flags"]
        assert link("second", c.pid) is None
        c.up()
    assert link("first") is None and link("eth7") is None


@needs("ip")
def test_network_devices_can_take_a_number():
    "name eth%d: the kernel takes the first one that is free, for each device"
    own_network("one", "two")
    ip("addr", "add", "192.0.2.1/24", "dev", "two")
    with container(with_devices({"one": {"name": "eth%d"}, "two": {"name": "eth%d"}})) as c:
        assert link("eth0", c.pid) and addresses(link("eth1", c.pid)) == ["192.0.2.1/24"]


@needs("ip")
def test_network_devices_are_there_for_hooks_and_sysctls():
    "createRuntime sees it in the container's namespace; a sysctl of it is set"
    own_network("one")
    seen = os.path.join(current().tmp, "seen")
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p' "
                                        "-n); nsenter --net -t $pid ip -br link >" + seen]}
    c = with_devices({"one": {"name": "net0"}}, hooks={"createRuntime": [hook]},
                     linux={"sysctl": {"net.ipv4.conf.net0.forwarding": "1"}})
    with run(c, "sysctl net.ipv4.conf.net0.forwarding") as r:
        assert r.ok.lines == ["sysctl: 1"]
    with open(seen, encoding="utf-8") as text:
        assert "net0" in text.read()


@needs("ip")
def test_network_device_of_a_name_that_is_taken_is_refused():
    "lo is there already, or a joined namespace has it; all devices are on the host as before"
    own_network("one", "two")
    ip("addr", "add", "192.0.2.1/24", "dev", "one")
    ip("link", "set", "one", "up")
    route = ip("route")
    run(with_devices({"one": {"name": "eth0"}, "two": {"name": "lo"}}), "exit 0").fails(
        "two: interface lo of the container: file exists", rc=1)
    assert addresses(link("one")) == ["192.0.2.1/24"] and "UP" in link("one")["flags"]
    assert link("two") and "UP" not in link("two")["flags"]
    assert ip("route") == route


@needs("ip")
def test_network_devices_come_back_when_create_fails():
    "at a later device, in a hook, at the program: as they were, with index, addresses and state"
    own_network("one")
    ip("addr", "add", "192.0.2.1/24", "dev", "one")
    ip("addr", "add", "2001:db8::1/64", "dev", "one", "nodad")
    ip("link", "set", "one", "up")
    before = link("one")
    bad_hook = {"createRuntime": [{"path": "/bin/false"}]}
    for c, text in ((with_devices({"one": {"name": "x"}, "none": {}}), "none: link not found"),
                    (with_devices({"one": {}}, hooks=bad_hook), "createRuntime"),
                    (with_devices({"one": {}}, args=["/bin/nothing"]), "nothing")):
        run(c).fails(text, rc=1 if text != "nothing" else None)
        after = link("one")
        assert (after["ifindex"], addresses(after)) == (before["ifindex"], addresses(before))
        assert "UP" in after["flags"] and after["mtu"] == before["mtu"]


@needs("ip")
def test_network_devices_are_not_moved_back_by_delete():
    "a virtual one ends with the container's namespace, also its peer; nothing returns"
    own_network("one")
    with container(with_devices({"one": {}}), "wait") as c:
        c.up()
        assert link("one-peer")
    until(lambda: link("one-peer") is None, what="the end of the peer")
    assert link("one") is None


@needs("ip")
def test_network_devices_go_into_a_namespace_that_is_joined():
    "by path; they stay there when the container goes, and that of the runtime itself is refused"
    own_network("one")
    with subprocess.Popen(["unshare", "--net", "sleep", "60"]) as holder:
        try:
            path = f"/proc/{holder.pid}/ns/net"
            while os.readlink(path) == os.readlink("/proc/self/ns/net"):
                pass
            ns = namespaces("pid", "mount", "ipc", "uts", "cgroup", network=path)
            with run(with_devices({"one": {"name": "joined"}}, linux={"namespaces": ns}),
                     "exit 0") as r:
                assert r.ok
            assert link("joined", holder.pid)
        finally:
            holder.kill()
    own = namespaces("pid", "mount", "ipc", "uts", "cgroup", network="/proc/self/ns/net")
    ip("link", "add", "again", "type", "veth", "peer", "name", "again-peer")
    run(with_devices({"again": {}}, linux={"namespaces": own}), "exit 0").fails(
        "the runtime's own", rc=1)
    assert link("again")


@needs("ip", "userns")
def test_network_devices_go_into_a_user_namespace():
    "the namespace belongs to the container's root, the device is moved all the same"
    own_network("one")
    ip("addr", "add", "192.0.2.1/24", "dev", "one")
    maps = [idmap(0, 100000, 65536)]
    c = with_devices({"one": {"name": "eth0"}}, owner=100000,
                     linux={"uidMappings": maps, "gidMappings": maps,
                            "namespaces": namespaces("pid", "mount", "ipc", "uts", "cgroup",
                                                     "network", "user")})
    with container(c, "wait") as it:
        assert addresses(link("eth0", it.pid)) == ["192.0.2.1/24"]


@needs("ip")
def test_network_devices_need_a_network_namespace():
    "without one nothing could be moved; bad names are refused before anything is done"
    own_network("one")
    with host_unchanged():
        bare = namespaces("pid", "mount", "ipc", "uts", "cgroup")
        run(with_devices({"one": {}}, linux={"namespaces": bare}), "exit 0").fails(
            "unable to move network devices without a NET namespace", rc=1)
        for devices in ({"one": {"name": "a/b"}}, {"one": {"name": "a%s"}},
                        {"one": {"name": "eth%d%d"}}, {"one": {"name": "x"}, "two": {"name": "x"}}):
            run(with_devices(devices), "exit 0").fails("netDevices", rc=1)
    assert link("one")
