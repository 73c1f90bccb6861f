# SPDX-License-Identifier: Apache-2.0
"""hostname, domainname and sysctl."""

import os

from deck import bind, config, host_unchanged, idmap, namespaces, needs, run

NO_UTS = namespaces("pid", "network", "ipc", "mount", "cgroup")


def test_hostname_is_set_inside_only():
    "the host keeps its own"
    with host_unchanged():
        assert run(config(hostname="deck-7"), "hostname").ok.lines == ["hostname: deck-7"]


def test_domainname_is_set_inside_only():
    "the NIS domain name"
    with host_unchanged():
        assert run(config(domainname="hold"), "domainname").ok.lines == ["domainname: hold"]


def test_without_a_hostname_the_host_name_stays():
    "a new uts namespace starts as a copy"
    assert run(config(hostname=None), "hostname").ok.lines == ["hostname: " + os.uname().nodename]


def test_a_hostname_needs_a_uts_namespace():
    "it would change the host's"
    with host_unchanged():
        run(config(hostname="x", linux={"namespaces": NO_UTS}), "exit 0").fails("(?i)hostname|uts")
        run(config(hostname=None, domainname="x", linux={"namespaces": NO_UTS}), "exit 0").fails(
            "(?i)domainname|uts")


def test_a_hostname_that_is_too_long_is_an_error():
    "64 bytes is the kernel's limit"
    run(config(hostname="x" * 64), "hostname").ok
    run(config(hostname="x" * 65), "hostname").fails("(?i)hostname")



def test_sysctls_of_own_namespaces_are_set():
    "ipc, network and their two spellings; the host's values stay"
    with host_unchanged():
        c = config(linux={"sysctl": {"kernel.shmmax": "123456", "kernel.msgmax": "4096",
                                     "kernel.sem": "100 200 300 400", "fs.mqueue.msg_max": "5",
                                     "net.ipv4.ip_forward": "1",
                                     "net/ipv4/conf/lo/log_martians": "1",
                                     "kernel/shmall": "7777"}})
        with run(c, "sysctl kernel/shmmax; sysctl kernel/msgmax; sysctl kernel/sem; "
                    "sysctl fs/mqueue/msg_max; sysctl net/ipv4/ip_forward; "
                    "sysctl net/ipv4/conf/lo/log_martians; sysctl kernel/shmall") as r:
            assert [line.split(": ")[1].split() for line in r.ok.lines] == [
                ["123456"], ["4096"], ["100", "200", "300", "400"], ["5"], ["1"], ["1"], ["7777"]]


@needs("userns")
def test_sysctls_are_set_in_a_user_namespace_with_the_hosts_processes():
    "where there can be no procfs of our own, as with podman run --pid=host of a user"
    c = config(linux={"namespaces": namespaces("network", "ipc", "uts", "mount", "user"),
                      "uidMappings": [idmap(0, 100000, 65536)],
                      "gidMappings": [idmap(0, 100000, 65536)],
                      "sysctl": {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096"}})
    c.doc["mounts"] = [mount for mount in c.doc["mounts"] if mount["type"] not in ("proc", "cgroup")]
    c.doc["mounts"].insert(0, bind("/proc", "/proc", recursive=True))
    with host_unchanged():
        r = run(c, "sysctl net/ipv4/ip_forward; sysctl kernel/msgmax").ok
        assert [line.split(": ")[1] for line in r.lines] == ["1", "4096"], r


def test_sysctls_of_the_host_are_refused():
    "what no namespace owns, with its name in the message"
    with host_unchanged():
        for key in ("kernel.core_pattern", "vm.overcommit_memory", "kernel.panic", "kernel.sysrq",
                    "fs.file-max", "kernel.modprobe", "debug.exception-trace"):
            run(config(linux={"sysctl": {key: "1"}}), "exit 0").fails(key.replace(".", "[./]"))


def test_sysctls_need_their_namespace():
    "net without a network namespace, kernel.shm and fs.mqueue without ipc, names without uts"
    cases = [("net.ipv4.ip_forward", ("pid", "ipc", "uts", "mount", "cgroup")),
             ("kernel.shmmax", ("pid", "network", "uts", "mount", "cgroup")),
             ("fs.mqueue.msg_max", ("pid", "network", "uts", "mount", "cgroup")),
             ("kernel.domainname", ("pid", "network", "ipc", "mount", "cgroup"))]
    with host_unchanged():
        for key, kinds in cases:
            run(config(hostname=None, linux={"namespaces": namespaces(*kinds),
                                             "sysctl": {key: "1"}}), "exit 0").fails(key)


def test_sysctl_domainname_is_allowed_and_hostname_not():
    "kernel.domainname with an own uts namespace; the host name has its own member"
    c = config(linux={"sysctl": {"kernel.domainname": "hold"}})
    assert run(c, "domainname").ok.lines == ["domainname: hold"]
    run(config(linux={"sysctl": {"kernel.hostname": "x"}}), "exit 0").fails("kernel.hostname")


def test_the_domainname_is_said_once():
    "or twice the same; two different values are an error"
    def twice(value):
        return config(domainname="hold", linux={"sysctl": {"kernel.domainname": value}})
    assert run(twice("hold"), "domainname").ok.lines == ["domainname: hold"]
    run(twice("other"), "exit 0").fails(r"kernel\.domainname.*other.*but domainname is.*hold")


def test_a_value_that_the_kernel_refuses_is_an_error():
    "with the key in the message"
    run(config(linux={"sysctl": {"net.ipv4.ip_forward": "many"}}), "exit 0").fails(
        "net[./]ipv4[./]ip_forward")


def test_a_sysctl_that_does_not_exist_is_an_error():
    "with the key in the message"
    run(config(linux={"sysctl": {"net.ipv4.bogus": "1"}}), "exit 0").fails("net[./]ipv4[./]bogus")


