# SPDX-License-Identifier: Apache-2.0
"""H: capabilities, ids and groups are exactly those that were asked for, or nothing runs."""

import itertools
import json

from deck import Dir, File, bundle, caps, config, container, current, host, needs, rt, run

BIT = {"CHOWN": 0, "KILL": 5, "NET_ADMIN": 12}
KINDS = ("bounding", "effective", "permitted", "inheritable", "ambient")


def sets(result):
    return {key: value for key, value in (line.split() for line in result.values("caps"))}


def test_H1_every_combination_of_the_five_sets():
    "one capability in each subset of the sets, as root and as a user: the kernel's rules, no more"
    bit = 1 << BIT["KILL"]
    for chosen in itertools.chain.from_iterable(
            itertools.combinations(KINDS, count) for count in range(6)):
        for uid in (0, 1000):
            given = caps(**{kind: ["KILL"] for kind in chosen})
            r = run(config(process={"capabilities": given, "user": {"uid": uid, "gid": uid}}),
                    "caps")
            if r.rc:
                # Sets that the kernel cannot give (effective beyond permitted, ...) may be refused.
                r.fails("(?i)capab|ambient|effective|permitted|inheritable")
                continue
            found = {kind: int(sets(r)[kind], 16) for kind in KINDS}
            allowed = {kind: bit if kind in chosen else 0 for kind in KINDS}
            assert found["bounding"] == allowed["bounding"], (chosen, uid, found)
            assert found["inheritable"] & ~allowed["inheritable"] == 0, (chosen, uid, found)
            assert found["ambient"] & ~allowed["ambient"] == 0, (chosen, uid, found)
            limit = (allowed["bounding"] | allowed["inheritable"] | allowed["ambient"] if uid == 0
                     else allowed["ambient"])
            for kind in ("permitted", "effective"):
                assert found[kind] & ~limit == 0, (chosen, uid, kind, found)
            # With no_new_privs the new permitted set is within the old one.
            if uid == 0 and {"bounding", "permitted"} <= set(chosen):
                assert found["permitted"] == bit, (chosen, found)


def raw_user(uid, gid="0"):
    """A bundle whose config.json has these words where the numbers stand."""
    test = current()
    name = test.next_id()
    path = bundle(config(process={"user": {"uid": 77777, "gid": 88888}}), "ids", name)
    with open(path + "/config.json", encoding="ascii") as text:
        doc = text.read()
    with open(path + "/config.json", "w", encoding="ascii") as out:
        out.write(doc.replace("77777", uid).replace("88888", gid))
    return rt("run", "--bundle", path, name)


def test_H2_ids_are_exact_or_refused():
    "the edges of 32 bits, signs, fractions, exponents, strings"
    for word in ("0", "1", "2147483647", "2147483648", "4294967294"):
        assert raw_user(word).ok.value("ids").startswith(f"uid {word} {word} {word} "), word
        assert raw_user("5", word).ok.value("ids").endswith(f"gid {word} {word} {word}"), word
    for word in ("4294967295", "4294967296", "-1", "1.5", "1.0", "1e3", '"1"', "true", "[]", "{}",
                 "18446744073709551616", "0x10", "010", "+1", "-0.0"):
        raw_user(word).fails()
        raw_user("5", word).fails()


def test_H2_groups_are_exact_or_refused():
    "the same for additionalGids"
    for value in (0, 1, 2147483648, 4294967294):
        assert str(value) in run(config(process={"user": {"uid": 5, "gid": 5, "additionalGids":
                                                          [value]}}),
                                 "groups").ok.value("groups").split()
    for value in (4294967295, 4294967296, -1, 1.5, "1", None):
        run(config(process={"user": {"uid": 5, "gid": 5, "additionalGids": [value]}}),
            "groups").fails("(?i)additionalGids")


def test_H3_exec_user_is_exact_or_refused():
    "every odd spelling: the number that it says, or an error, never root by accident"
    with container(config(process={"user": {"uid": 9, "gid": 9}})) as c:
        c.up()
        good = {"1": "uid 1 1 1", "1:2": "uid 1 1 1 gid 2 2 2", "0": "uid 0 0 0",
                "0:0": "uid 0 0 0 gid 0 0 0", "4294967294": "uid 4294967294"}
        for word, shown in good.items():
            assert c.exec("ids", "--user", word).ok.value("ids").startswith(shown), word
        for word in ("-1", "4294967295", "4294967296", "18446744073709551617", "0x1", "1:", ":1",
                     " 1", "1 ", "", "a", "root", "1:2:3", "1:a", "1.0", "1e1", "--", "1,2",
                     "1:4294967295", "1:4294967296", "1:-1"):
            c.rt("exec", "--user=" + word, c.name, "/bin/probe", "ids").fails()
        for word in ("01", "+1"):
            r = c.rt("exec", "--user=" + word, c.name, "/bin/probe", "ids")
            assert r.rc != 0 or r.value("ids").startswith("uid 1 1 1"), (word, r)


def test_H3_exec_cap_gives_no_inheritable_set():
    "the mistake of five runtimes in 2022; ambient stays empty as well"
    with container(config(process={"capabilities": caps(bounding=["KILL"])})) as c:
        c.up()
        found = sets(c.exec("caps", "--cap", "CAP_NET_ADMIN").ok)
        assert int(found["inheritable"], 16) == 0 and int(found["ambient"], 16) == 0
        assert int(found["effective"], 16) >> BIT["NET_ADMIN"] & 1
        r = c.exec("caps", "--cap", "CAP_BOGUS")
        assert "BOGUS" in r.err, "an unknown capability was passed over in silence"


def test_H3_exec_process_cannot_smuggle_ids():
    "the same table for a process file"
    with container(config()) as c:
        c.up()
        for word in ("4294967295", "4294967296", "-1", "1.5", '"1"', "1e3"):
            with open("process.json", "w", encoding="ascii") as out:
                out.write('{"args": ["/bin/probe", "ids"], "cwd": "/", "user": {"uid": %s, '
                          '"gid": 0}}' % word)
            c.rt("exec", "--process", "process.json", c.name).fails(rc=255)


def test_H3_spec_has_no_inheritable_capabilities():
    "nor ambient ones"
    rt("spec", "--bundle", current().tmp).ok
    with open(current().tmp + "/config.json", encoding="utf-8") as text:
        given = json.load(text)["process"]["capabilities"]
    assert not given.get("inheritable") and not given.get("ambient")


def test_H4_a_missing_capabilities_object_drops_everything():
    "absent, null, empty: nothing is left in any set, for root too"
    for value in ("absent", None, {}):
        c = config()
        c.doc["process"].pop("capabilities")
        if value != "absent":
            c.doc["process"]["capabilities"] = value
        found = sets(run(c, "caps; try chroot").ok)
        assert all(int(found[kind], 16) == 0 for kind in KINDS), found


def test_H6_groups_are_exactly_those_of_the_config():
    "order does not matter, none is added, none is lost"
    for groups in ([], [5], [9, 3, 7], list(range(1001, 1100))):
        c = config(process={"user": {"uid": 1000, "gid": 1000, "additionalGids": groups}})
        found = run(c, "groups").ok.value("groups") if groups else ""
        assert set(map(int, found.split())) - {1000} == set(groups)
        if not groups:
            assert run(c, "groups").ok.lines in (["groups:"], ["groups: 1000"])


def test_H6_a_file_that_excludes_a_group_excludes_it():
    "negative permissions: a member of the group is kept out where others get in"
    rootfs = {"/d": Dir(0o755), "/d/file": File("x", 0o604, 0, 2000)}
    for user, shown in (({"uid": 1000, "gid": 1000}, "cat: x"),
                        ({"uid": 1000, "gid": 2000}, "cat: EACCES"),
                        ({"uid": 1000, "gid": 1000, "additionalGids": [2000]}, "cat: EACCES")):
        c = config(rootfs=rootfs, process={"user": user, "capabilities": {}})
        assert run(c, "cat /d/file").ok.lines == [shown], user


ADD_KEY, KEYCTL = 248, 250
JOIN_SESSION_KEYRING, SEARCH, SESSION = 1, 10, -3


@needs("int80")
def test_H_a_container_has_no_key_of_the_caller():
    "a key in the session keyring of whoever calls the runtime is not found inside, nor by exec"
    host.syscall_check(host.LIBC.syscall(KEYCTL, JOIN_SESSION_KEYRING, None), "keyctl join")
    host.syscall_check(host.LIBC.syscall(ADD_KEY, b"user", b"orlop-secret", b"x", 1, SESSION),
                       "add_key")
    assert host.LIBC.syscall(KEYCTL, SEARCH, SESSION, b"user", b"orlop-secret", 0) > 0
    with container(config(), "try key orlop-secret; wait") as c:
        c.up()
        assert c.values("try") == ["key: ENOKEY"]
        assert c.exec("try key orlop-secret").ok.lines == ["try: key: ENOKEY"]


def test_H_a_set_uid_program_stays_harmless_with_no_new_privileges():
    "probe as a set-uid file, run by a user: the effective uid does not change"
    for nnp, euid in ((True, "1000"), (False, "0")):
        c = config(process={"user": {"uid": 1000, "gid": 1000}, "noNewPrivileges": nnp})
        test = current()
        name = test.next_id()
        path = bundle(c, "run /bin/su ids", name)
        with open(path + "/rootfs/bin/probe", "rb") as program:
            File(program.read(), 0o4755).make(path + "/rootfs/bin/su")
        r = rt("run", "--bundle", path, name).ok
        assert r.value("ids").split()[2] == euid, r
