# SPDX-License-Identifier: Apache-2.0
"""process.capabilities: five sets, each exactly as written."""

import os

from deck import caps, config, run

BITS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7, "NET_BIND_SERVICE": 10,
        "NET_ADMIN": 12, "NET_RAW": 13, "SYS_CHROOT": 18, "SYS_ADMIN": 21, "MKNOD": 27,
        "AUDIT_WRITE": 29}
KINDS = ("bounding", "effective", "permitted", "inheritable", "ambient")


def mask(*names):
    return f"{sum(1 << BITS[name] for name in names):016x}"


def sets(result):
    return dict(line.split() for line in result.values("caps"))


def seen(**given):
    return sets(run(config(process={"capabilities": caps(**given)}), "caps").ok)


def test_all_five_sets_are_exact():
    "different sets of different sizes"
    # One name of each relation that the kernel allows: ambient within permitted and inheritable,
    # effective within permitted, permitted within bounding (the rest is dropped at exec).
    five = seen(bounding=["CHOWN", "KILL", "NET_RAW", "SYS_CHROOT"],
                permitted=["CHOWN", "KILL", "NET_RAW"], effective=["CHOWN", "KILL", "NET_RAW"],
                inheritable=["NET_RAW"], ambient=["NET_RAW"])
    assert five["bounding"] == mask("CHOWN", "KILL", "NET_RAW", "SYS_CHROOT")
    assert five["inheritable"] == mask("NET_RAW")
    assert five["ambient"] == mask("NET_RAW")


def test_a_caller_in_a_thousand_groups_can_give_what_it_has():
    "his list of groups pushes the bounding set out of what is read of /proc/self/status at once"
    five = dict.fromkeys(KINDS[:4], ["CHOWN", "KILL", "NET_RAW"])
    with run(config(process={"capabilities": caps(**five)}), "caps",
             preexec_fn=lambda: os.setgroups(range(100000, 101200))) as r:
        assert "ignoring" not in r.ok.err
        assert [sets(r)[kind] for kind in KINDS[:4]] == [mask("CHOWN", "KILL", "NET_RAW")] * 4


def test_root_gets_its_bounding_set_at_exec():
    "uid 0: the kernel gives permitted and effective from bounding and inheritable"
    five = seen(bounding=["CHOWN", "KILL"], permitted=["CHOWN", "KILL"],
                effective=["CHOWN", "KILL"])
    assert five["bounding"] == five["permitted"] == five["effective"] == mask("CHOWN", "KILL")
    assert five["inheritable"] == five["ambient"] == mask()


def test_a_user_has_only_ambient_capabilities_after_exec():
    "uid 1000: permitted and effective are what was ambient"
    for ambient in ([], ["NET_BIND_SERVICE"]):
        given = caps(bounding=["NET_BIND_SERVICE", "CHOWN"], permitted=["NET_BIND_SERVICE"],
                     effective=["NET_BIND_SERVICE"], inheritable=ambient, ambient=ambient)
        five = sets(run(config(process={"capabilities": given,
                                        "user": {"uid": 1000, "gid": 1000}}), "caps").ok)
        assert five["bounding"] == mask("NET_BIND_SERVICE", "CHOWN")
        for kind in ("permitted", "effective", "ambient", "inheritable"):
            assert five[kind] == mask(*ambient), kind


def test_no_capabilities_object_means_none():
    "absent and empty: all five sets are empty"
    for given in (None, {}):
        c = config()
        c.doc["process"].pop("capabilities")
        if given is not None:
            c.doc["process"]["capabilities"] = given
        five = sets(run(c, "caps").ok)
        assert all(five[kind] == mask() for kind in KINDS), five


def test_unknown_capabilities_are_a_warning():
    "the specification since 1.1: logged, not an error"
    with run(config(process={"capabilities": caps(bounding=["CAP_BOGUS", "KILL"])}), "caps") as r:
        assert sets(r.ok)["bounding"] == mask("KILL")
        assert "CAP_BOGUS" in r.err


def test_ambient_without_inheritable_is_not_given():
    "the kernel refuses it; the set stays empty and the log says so, or the create fails"
    with run(config(process={"capabilities": caps(bounding=["KILL"], permitted=["KILL"],
                                                  effective=["KILL"], ambient=["KILL"])}),
             "caps") as r:
        if r.rc == 0:
            assert sets(r)["ambient"] == mask()
            assert "ambient" in r.err
        else:
            r.fails("(?i)ambient")


def test_all_capabilities_can_be_kept():
    "every capability that the caller has, and no more"
    with open("/proc/self/status", encoding="ascii") as status:
        have = next(line.split()[1] for line in status if line.startswith("CapBnd:"))
    names = ALL_NAMES
    given = [name for bit, name in enumerate(names) if int(have, 16) >> bit & 1]
    five = seen(bounding=given, permitted=given, effective=given)
    assert five["bounding"] == five["permitted"] == five["effective"] == have


ALL_NAMES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE
SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()


def test_securebits_and_keepcaps_are_clear():
    "nothing of the way there is left"
    five = seen(bounding=["KILL"], permitted=["KILL"], effective=["KILL"])
    assert five["securebits"] == "0" and five["keepcaps"] == "0"


def test_a_dropped_capability_is_really_gone():
    "without CAP_MKNOD and CAP_SYS_CHROOT the kernel refuses"
    with run(config(process={"capabilities": caps(bounding=["KILL"], permitted=["KILL"],
                                                  effective=["KILL"])}),
             "try mknod c 1 3; try chroot; try mount; try sethostname") as r:
        assert r.values("try") == ["mknod: EPERM", "chroot: EPERM", "mount: EPERM",
                                   "sethostname: EPERM"]
