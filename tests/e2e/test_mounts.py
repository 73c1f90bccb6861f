# SPDX-License-Identifier: Apache-2.0
"""mounts: every option, binds, propagation, order, destinations, id maps, data, copy-up."""

import json
import os

from deck import (Dir, File, Link, bind, bundle, config, container, current, host, idmap, mounted,
                  namespaces, needs, rt, run, skip)
from deck.host import MS_SHARED

MAPS = {"uidMappings": [idmap(0, 100000, 65536)], "gidMappings": [idmap(0, 100000, 65536)]}
USER = dict({"namespaces": namespaces("pid", "network", "ipc", "uts", "mount", "cgroup", "user")},
            **MAPS)

# ---- options -----------------------------------------------------------------------------------

TMPFS = {"destination": "/m", "type": "tmpfs", "source": "tmpfs"}


def options_of(options, kind="tmpfs", **more):
    mount = dict(TMPFS, type=kind, source=kind, options=options, **more)
    return run(config(mounts=[mount]), "mounts /m").ok.mount("/m")


def test_an_option_that_nobody_knows():
    "the file system's words, and what became of the options"
    for word in ("nosuidd", "ro,nosuid"):
        run(config(mounts=[{"destination": "/v", "type": "tmpfs", "source": "t",
                            "options": [word]}])).fails(
            f"Unknown parameter '{word}'", "each string of the array", rc=1)


def test_flags_of_a_mount_are_those_of_its_options():
    "each word that shows in the mount table, alone"
    for word, shown in (("ro", "ro"), ("rw", "rw"), ("nosuid", "nosuid"), ("nodev", "nodev"),
                        ("noexec", "noexec"), ("noatime", "noatime"), ("relatime", "relatime"),
                        ("nodiratime", "nodiratime"), ("defaults", "rw"), ("atime", "relatime"),
                        ("nosymfollow", "nosymfollow")):
        assert shown in options_of([word])["options"], word


def test_strictatime_shows_as_the_absence_of_relatime():
    "neither relatime nor noatime"
    shown = options_of(["strictatime"])["options"]
    assert "relatime" not in shown and "noatime" not in shown


def test_the_opposite_word_clears():
    "the last of a pair wins"
    for pair, gone in ((["nosuid", "suid"], "nosuid"), (["nodev", "dev"], "nodev"),
                       (["noexec", "exec"], "noexec"), (["ro", "rw"], "ro"),
                       (["noatime", "atime"], "noatime"),
                       (["nodiratime", "diratime"], "nodiratime"),
                       (["noatime", "relatime"], "noatime"),
                       (["nosymfollow", "symfollow"], "nosymfollow")):
        assert gone not in options_of(pair)["options"], pair
        assert gone in options_of(list(reversed(pair)))["options"], pair


def test_flags_of_the_file_system_are_set():
    "sync, dirsync, lazytime, silent: on the superblock"
    assert "sync" in options_of(["sync"])["super"]
    assert "dirsync" in options_of(["dirsync"])["super"]
    assert "lazytime" in options_of(["lazytime"])["super"]
    for words in (["async"], ["nolazytime"], ["silent"], ["loud"], ["iversion"], ["noiversion"],
                  ["norelatime"], ["nostrictatime"], ["lazytime", "nolazytime"],
                  ["sync", "async"]):
        shown = options_of(words)
        assert "sync" not in shown["super"] and "lazytime" not in shown["super"], words


def test_all_words_at_once():
    "what containerd sends for /dev/shm, and a few more"
    shown = options_of(["nosuid", "noexec", "nodev", "noatime", "nodiratime", "mode=1777",
                        "size=65536k", "ro"])
    assert {"ro", "nosuid", "nodev", "noexec", "noatime"} <= set(shown["options"])
    assert "size=64k" not in shown["super"] and "size=65536k" in shown["super"]


def test_unknown_words_go_to_the_file_system():
    "data options of tmpfs arrive; a word that tmpfs does not know is an error that names it"
    shown = options_of(["size=1m", "mode=700", "nr_inodes=50"])
    assert {"size=1024k", "mode=700", "nr_inodes=50"} <= set(shown["super"])
    run(config(mounts=[dict(TMPFS, options=["bogus=1"])]), "exit 0").fails("/m")


def test_an_unknown_file_system_is_an_error():
    "with the destination and the type in the message"
    run(config(mounts=[dict(TMPFS, type="bogusfs")]), "exit 0").fails(
        "/m", "(?i)bogusfs|no such dev")


def test_mounts_are_made_in_the_listed_order():
    "a tmpfs over a directory hides an earlier bind below it, not a later one"
    os.mkdir("src")
    with open("src/f", "w", encoding="ascii") as out:
        out.write("bound")
    source = os.path.abspath("src")
    tmpfs = {"destination": "/a", "type": "tmpfs", "source": "tmpfs"}
    assert run(config(mounts=[tmpfs, bind(source, "/a/b")]), "cat /a/b/f").lines == ["cat: bound"]
    assert run(config(mounts=[bind(source, "/a/b"), tmpfs]), "cat /a/b/f").lines == ["cat: ENOENT"]


def test_two_mounts_on_one_place():
    "the later one is seen"
    first = dict(TMPFS, options=["size=1m"])
    second = dict(TMPFS, options=["size=2m"])
    assert "size=2048k" in run(config(mounts=[first, second]), "mounts /m").mount("/m")["super"]


# ---- destinations ------------------------------------------------------------------------------


def test_a_missing_destination_is_made():
    "a directory for a directory, an empty file for a file"
    os.makedirs("src/d")
    with open("src/f", "w", encoding="ascii") as out:
        out.write("text")
    source = os.path.abspath("src")
    c = config(mounts=[bind(source + "/d", "/new/dir"), bind(source + "/f", "/new/file")])
    with run(c, "stat /new; stat /new/dir; stat /new/file; cat /new/file") as r:
        assert r.ok.lines == ["stat: dir 0755 0:0", "stat: dir 0755 0:0",
                              "stat: file 0644 0:0 size=4", "cat: text"]


def test_a_relative_destination_counts_from_the_root():
    "the specification's rule for Linux"
    assert run(config(mounts=[dict(TMPFS, destination="rel/dir")]), "mounts /rel/dir").ok.mount(
        "/rel/dir")["type"] == "tmpfs"


def test_dots_in_a_destination_stay_in_the_root():
    "/../../x is /x"
    r = run(config(mounts=[dict(TMPFS, destination="/../../a/../m")]), "mounts /m")
    if r.rc:
        r.fails("destination|mount")
    else:
        assert r.mount("/m")["type"] == "tmpfs"


def test_symlinks_in_a_destination_are_followed_in_the_root():
    "absolute, relative, dangling in the middle and at the end"
    rootfs = {"/real/": "dir", "/abs": Link("/real"), "/rel": Link("./real/../real"),
              "/up": Link("../../../../../real"), "/dangling": Link("/made/later")}
    for name, place in (("/abs/m", "/real/m"), ("/rel/m", "/real/m"), ("/up/m", "/real/m"),
                        ("/dangling/m", "/made/later/m"), ("/dangling", "/made/later"),
                        ("/abs", "/real")):
        with run(config(rootfs=rootfs, mounts=[dict(TMPFS, destination=name)]), "mounts") as r:
            assert r.ok.mount(place)["type"] == "tmpfs", name


def test_a_loop_of_symlinks_is_an_error():
    "with the destination in the message"
    run(config(rootfs={"/a": Link("/b"), "/b": Link("/a")},
               mounts=[dict(TMPFS, destination="/a/m")]), "exit 0").fails(
        "/a/m", "(?i)too many levels|ELOOP|loop")


def test_a_destination_below_a_file_is_an_error():
    "not a directory, with the destination"
    run(config(rootfs={"/file": "x"}, mounts=[dict(TMPFS, destination="/file/m")]),
        "exit 0").fails("/file/m", "(?i)not a directory")


def test_a_file_over_a_directory_is_an_error():
    "and a directory over a file"
    os.mkdir("dir")
    with open("file", "w", encoding="ascii"):
        pass
    here = os.getcwd()
    rootfs = {"/d/": "dir", "/f": "x"}
    run(config(rootfs=rootfs, mounts=[bind(here + "/file", "/d")]), "exit 0").fails("/d")
    run(config(rootfs=rootfs, mounts=[bind(here + "/dir", "/f")]), "exit 0").fails("/f")


def test_a_missing_or_empty_destination_is_an_error():
    "the member is named"
    for destination in (None, ""):
        mount = dict(TMPFS)
        mount["destination"] = destination
        if destination is None:
            del mount["destination"]
        run(config(mounts=[mount]), "exit 0").fails("destination")


def test_a_mount_over_the_root_itself_is_refused_or_seen():
    "no half-way: the program runs from it or nothing does"
    r = run(config(mounts=[dict(TMPFS, destination="/")]), "exit 0")
    r.fails()


# ---- binds -------------------------------------------------------------------------------------


def source_dir(name="src"):
    os.makedirs(name + "/sub")
    with open(name + "/file", "w", encoding="ascii") as out:
        out.write("text")
    return os.path.abspath(name)


def test_a_bind_shows_the_source_and_writes_go_there():
    "both ways"
    source = source_dir()
    with run(config(mounts=[bind(source, "/v")]), "cat /v/file; write /v/new x") as r:
        assert r.lines == ["cat: text", "write: ok"]
    assert os.path.exists(source + "/new")


def test_a_read_only_bind_refuses_writes():
    "EROFS inside; the host stays writable"
    source = source_dir()
    with run(config(mounts=[bind(source, "/v", "ro")]),
             "write /v/new x; try remount /v; write /v/new x") as r:
        assert r.lines[0] == "write: EROFS" and r.lines[2] == "write: EROFS"
    with open(source + "/new", "w", encoding="ascii") as out:
        out.write("host")


def test_a_file_goes_on_no_directory():
    "nor a directory on a file: ENOTDIR, by which Docker says what may have been meant"
    source = source_dir()
    for path, target in ((source, "/file"), (source + "/file", "/dir")):
        run(config(rootfs={"/file": "text", "/dir/": "dir"}, mounts=[bind(path, target)]),
            "exit 0").fails(f'error mounting "{path}" to rootfs at "{target}"', "not a directory")


def test_bind_takes_flags():
    "nosuid, nodev, noexec, noatime on a bind"
    shown = run(config(mounts=[bind(source_dir(), "/v", "nosuid", "nodev", "noexec", "noatime",
                                    "ro")]), "mounts /v").ok.mount("/v")["options"]
    assert {"ro", "nosuid", "nodev", "noexec", "noatime"} <= set(shown)


def test_a_bind_can_clear_the_flags_of_its_source():
    "what the host mounted noexec and nosuid becomes executable when the config says so"
    os.mkdir("t")
    with mounted("tmpfs", "t", "tmpfs", 0x8 | 0x2):
        shown = run(config(mounts=[bind(os.path.abspath("t"), "/v", "exec", "suid")]),
                    "mounts /v").ok.mount("/v")
        assert not {"nosuid", "noexec"} & set(shown["options"])


@needs("userns")
def test_a_bind_in_a_user_namespace_keeps_locked_flags():
    "ro on a bind of a nosuid, nodev, noexec mount works, and none of them is lost"
    os.mkdir("t")
    with mounted("tmpfs", "t", "tmpfs", 0x8 | 0x4 | 0x2):
        c = config(linux=USER, owner=100000, mounts=[bind(os.path.abspath("t"), "/v", "ro")])
        shown = run(c, "mounts /v").ok.mount("/v")
        assert {"ro", "nosuid", "nodev", "noexec"} <= set(shown["options"])


def test_one_word_about_attributes_says_all_of_a_bind():
    "what it does not name goes, but not the access times; without such a word everything stays"
    os.mkdir("t")
    source = os.path.abspath("t")
    kept = {"ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"}
    with mounted("tmpfs", "t", "tmpfs", 0x1 | 0x2 | 0x4 | 0x8 | 0x400 | 0x800):
        for words, there in (((), kept), (("rprivate",), kept),
                             (("nodev",), {"nodev", "noatime", "nodiratime"}),
                             (("dev",), {"noatime", "nodiratime"}),
                             (("ro", "atime"), {"ro", "noatime", "nodiratime"}),
                             (("rro",), kept | {"ro"}),
                             (("ro", "relatime"), {"ro", "relatime"}),
                             (("ro", "nodiratime"), {"ro", "nodiratime", "relatime"}),
                             (("ro", "rnoexec"), {"ro", "noexec", "noatime", "nodiratime"})):
            shown = run(config(mounts=[bind(source, "/v", *words)]), "mounts /v").ok.mount("/v")
            assert set(shown["options"]) & (kept | {"relatime"}) == there, (words, shown)


@needs("userns")
def test_a_bind_in_a_user_namespace_cannot_take_locked_flags():
    "asked for by name it is an error; not named, they stay; a read-only file system is no lock"
    os.mkdir("t")
    source = os.path.abspath("t")

    def tried(*words):
        return run(config(linux=USER, owner=100000, mounts=[bind(source, "/v", *words)]),
                   "mounts /v")
    os.mkdir("u")
    with mounted("tmpfs", "u", "tmpfs", 0x2), mounted("u", "t", None, 0x1000):
        host.mount(None, "t", None, 0x20 | 0x1000 | 0x1 | 0x2 | 0x400)
        assert {"ro", "nosuid", "nodev", "noatime"} <= set(
            tried("nodev").ok.mount("/v")["options"])
        for words in (("rw",), ("suid", "ro"), ("ro", "relatime"), ("ro", "strictatime")):
            tried(*words).fails("error mounting .*: operation not permitted")
        assert "noatime" in tried("ro", "noatime").ok.mount("/v")["options"]
    with mounted("tmpfs", "t", "tmpfs"):
        host.mount(None, "t", None, 0x20 | 0x1)
        host.mount(None, "t", None, 0x20 | 0x1000)
        assert "rw" in tried("rw", "nodev").ok.mount("/v")["options"]


def below_the_root(verbs, mounts, **more):
    """A run of a bundle whose mounts, given the root's path on the host, name places in it."""
    path = bundle(config(**more), verbs)
    with open(path + "/config.json", encoding="utf-8") as f:
        doc = json.load(f)
    doc["mounts"] += mounts(path + "/rootfs")
    with open(path + "/config.json", "w", encoding="utf-8") as f:
        json.dump(doc, f)
    return run(path)


def test_a_destination_may_be_the_path_on_the_host():
    "the root's own path is taken off, once, and only where it ends at a slash"
    source = source_dir()
    with below_the_root("cat /v/file; cat /w/file", lambda root: [
            bind(source, root + "/v"), bind(source, root.replace("/rootfs", "/./rootfs//w"))]) as r:
        assert r.ok.lines == ["cat: text", "cat: text"]
    with below_the_root("stat /v/file", lambda root: [bind(source, root + "s/v")]) as r:
        assert r.ok.lines == ["stat: ENOENT"]
    below_the_root("exit 0", lambda root: [bind(source, root)]).fails("hide the root")
    below_the_root("exit 0", lambda root: [bind(source, root + "/proc/self")]).fails(
        "inside /proc")


def test_a_source_below_the_root_is_seen_with_its_mounts():
    "with and without a user namespace"
    source = source_dir()
    os.chmod(source, 0o755)
    os.chmod(current().tmp, 0o711)
    for more in ({}, {"linux": USER, "owner": 100000}):
        with below_the_root("cat /w/sub/file; mounts /w/sub", lambda root: [
                bind(source, "/v/sub"), bind(root + "/v", "/w", recursive=True)],
                rootfs={"/v": Dir()}, **more) as r:
            assert r.ok.lines[0] == "cat: text"
        # A link of the image leads nowhere but into the image.
        below_the_root("exit 0", lambda root: [bind(root + "/link/shadow", "/w")],
                       rootfs={"/link": Link("/etc")}, **more).fails("no such file")


def test_bind_is_decided_by_the_options():
    "any type with bind in its options; type bind without it is no bind"
    source = source_dir()
    for kind in ("none", "bind", "ext4", None):
        mount = {"destination": "/v", "source": source, "options": ["rbind"]}
        if kind:
            mount["type"] = kind
        assert run(config(mounts=[mount]), "cat /v/file").ok.lines == ["cat: text"]
    for options in ([], ["ro"]):
        mount = {"destination": "/v", "source": source, "type": "bind", "options": options}
        run(config(mounts=[mount]), "cat /v/file").fails("the options make a bind mount", rc=1)


def test_a_relative_source_counts_from_the_bundle():
    "the specification's rule"
    from deck import bundle, rt
    name = current().next_id()
    path = bundle(config(mounts=[bind("data", "/v")]), "cat /v/file", name)
    os.mkdir(path + "/data")
    with open(path + "/data/file", "w", encoding="ascii") as out:
        out.write("relative")
    assert rt("run", "--bundle", path, name, cwd="/").ok.lines == ["cat: relative"]


def test_a_missing_source_is_an_error():
    "source and destination are in the message"
    run(config(mounts=[bind("/nonexistent/source", "/v")]), "exit 0").fails(
        "/nonexistent/source", "(?i)no such file or directory")


def test_a_symlinked_source_is_followed_on_the_host():
    "the engine's paths are trusted"
    source = source_dir()
    os.symlink(source, "link")
    assert run(config(mounts=[bind(os.path.abspath("link"), "/v")]), "cat /v/file").ok.lines == [
        "cat: text"]


def test_a_file_can_be_bound():
    "over a file of the image"
    source = source_dir() + "/file"
    assert run(config(rootfs={"/etc/name": "old"}, mounts=[bind(source, "/etc/name", "ro")]),
               "cat /etc/name; write /etc/name x").ok.lines == ["cat: text", "write: EROFS"]


def test_a_socket_and_a_device_can_be_bound():
    "whatever is not a directory gets a file to sit on"
    import socket
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("sock")
    with run(config(mounts=[bind(os.path.abspath("sock"), "/run/sock"),
                            bind("/dev/null", "/run/null")]),
             "stat /run/sock; stat /run/null") as r:
        assert r.ok.lines[0].startswith("stat: socket")
        assert r.lines[1] == "stat: char 0666 0:0 dev=1:3"
    listener.close()


def test_bind_shows_one_mount_and_rbind_the_tree():
    "what is mounted below the source"
    source = source_dir()
    with mounted("tmpfs", source + "/sub", "tmpfs"):
        with open(source + "/sub/deep", "w", encoding="ascii") as out:
            out.write("deep")
        with run(config(mounts=[bind(source, "/v")]), "cat /v/sub/deep") as r:
            assert r.lines == ["cat: ENOENT"]
        with run(config(mounts=[bind(source, "/v", recursive=True)]), "cat /v/sub/deep") as r:
            assert r.lines == ["cat: deep"]


def test_ro_is_for_the_top_and_rro_for_all():
    "rbind with ro leaves what is below writable; rro does not"
    source = source_dir()
    with mounted("tmpfs", source + "/sub", "tmpfs"):
        for word, below in (("ro", "write: ok"), ("rro", "write: EROFS")):
            with run(config(mounts=[bind(source, "/v", word, recursive=True)]),
                     "write /v/x y; write /v/sub/x y") as r:
                assert r.ok.lines == ["write: EROFS", below], word


def test_recursive_flags_reach_every_mount_below():
    "rnosuid rnodev rnoexec rnoatime rnodiratime rnosymfollow"
    source = source_dir()
    with mounted("tmpfs", source + "/sub", "tmpfs"):
        words = ["rnosuid", "rnodev", "rnoexec", "rnoatime", "rnodiratime", "rnosymfollow"]
        with run(config(mounts=[bind(source, "/v", *words, recursive=True)]), "mounts") as r:
            for place in ("/v", "/v/sub"):
                shown = r.ok.mount(place)["options"]
                assert {word[1:] for word in words} <= set(shown), place


def test_recursive_clearing_reaches_every_mount_below():
    "rsuid rdev rexec rrelatime rrw rsymfollow over a mount that had them"
    source = source_dir()
    with mounted("tmpfs", source + "/sub", "tmpfs", 0x2 | 0x4 | 0x8 | 0x1):
        words = ["rsuid", "rdev", "rexec", "rrw", "rrelatime", "rsymfollow"]
        with run(config(mounts=[bind(source, "/v", *words, recursive=True)]), "mounts") as r:
            shown = r.ok.mount("/v/sub")["options"]
            assert not {"nosuid", "nodev", "noexec", "ro", "noatime"} & set(shown)
            assert "relatime" in shown


def test_remount_changes_flags_of_what_is_there():
    "remount with ro on an earlier mount of the config"
    first = dict(TMPFS)
    again = dict(TMPFS, options=["remount", "ro", "nosuid"])
    with run(config(mounts=[first, again]), "mounts /m; write /m/x y") as r:
        shown = r.ok.mount("/m")
        assert {"ro", "nosuid"} <= set(shown["options"]) or "ro" in shown["super"]
        assert r.lines[-1] == "write: EROFS"
        assert len(r.values("mounts")) == 1


def test_remount_of_what_is_no_mount_is_an_error():
    "that says which path, and that an earlier mount is meant; without an attribute too"
    for words in (["ro"], ["rro"], ["rprivate"], ["bind", "nosuid"], []):
        again = dict(TMPFS, type="none", options=["remount", *words])
        run(config(mounts=[again], rootfs={"/m/": "dir"}), "exit 0").fails(
            'error remounting "/m": invalid argument', "an earlier mount", rc=1)


def test_remount_changes_the_propagation_of_what_is_there():
    "with all below it, or without"
    below = dict(TMPFS, destination="/m/below")
    for word, shown in (("unbindable", ["unbindable", "private"]), ("rshared", ["shared", "shared"])):
        again = dict(TMPFS, type="none", options=["remount", word])
        with run(config(mounts=[dict(TMPFS), below, again]), "mounts /m; mounts /m/below") as r:
            got = [r.ok.mount(where)["propagation"].split(":")[0] for where in ("/m", "/m/below")]
            assert got == shown, (word, got)


def test_remount_bind_changes_the_mount_only():
    "bind,remount,ro: the superblock stays rw"
    again = dict(TMPFS, type="bind", source="/", options=["bind", "remount", "ro"])
    with run(config(mounts=[dict(TMPFS), again]), "mounts /m; write /m/x y") as r:
        shown = r.ok.mount("/m")
        assert "ro" in shown["options"] and "rw" in shown["super"]
        assert r.lines[-1] == "write: EROFS"


# ---- propagation -------------------------------------------------------------------------------


def test_propagation_words_are_applied():
    "what mountinfo says for shared, slave, private, unbindable and their r forms"
    source = source_dir()
    with mounted("tmpfs", source + "/sub", "tmpfs"):
        for word, shown in (("private", "private"), ("rprivate", "private"),
                            ("shared", "shared"), ("rshared", "shared"),
                            ("unbindable", "unbindable"), ("runbindable", "unbindable")):
            with run(config(mounts=[bind(source, "/v", word, recursive=True)],
                            linux={"rootfsPropagation": "shared" if "shared" in word else None}),
                     "mounts") as r:
                assert shown in r.ok.mount("/v")["propagation"], word
                if word.startswith("r"):
                    assert shown in r.mount("/v/sub")["propagation"], word


def test_slave_receives_from_the_host():
    "a mount made on the host below an rslave bind appears inside"
    os.mkdir("vol")
    source = os.path.abspath("vol")
    with mounted("tmpfs", source, "tmpfs", propagation=MS_SHARED):
        os.mkdir(source + "/later")
        with container(config(mounts=[bind(source, "/v", "rslave", recursive=True)],
                              linux={"rootfsPropagation": "slave"}), "wait") as c:
            c.up()
            with mounted("tmpfs", source + "/later", "tmpfs"):
                with open(source + "/later/f", "w", encoding="ascii") as out:
                    out.write("came")
                assert c.exec("cat /v/later/f").ok.lines == ["cat: came"]
                assert "master" in c.exec("mounts /v").mount("/v")["propagation"]


def test_private_does_not_receive_from_the_host():
    "a mount made on the host stays there"
    os.mkdir("vol")
    source = os.path.abspath("vol")
    with mounted("tmpfs", source, "tmpfs", propagation=MS_SHARED):
        os.mkdir(source + "/later")
        with container(config(mounts=[bind(source, "/v", "rprivate", recursive=True)])) as c:
            c.up()
            with mounted("tmpfs", source + "/later", "tmpfs"):
                with open(source + "/later/f", "w", encoding="ascii") as out:
                    out.write("came")
                assert c.exec("cat /v/later/f").lines == ["cat: ENOENT"]


def test_shared_gives_to_the_host():
    "with rootfsPropagation shared, as engines write it, a mount inside an rshared bind comes out"
    os.mkdir("vol")
    source = os.path.abspath("vol")
    allowed = {kind: ["CAP_SYS_ADMIN"] for kind in ("bounding", "effective", "permitted")}
    with mounted("tmpfs", source, "tmpfs", propagation=MS_SHARED):
        os.mkdir(source + "/given")
        c = config(mounts=[bind(source, "/v", "rshared", recursive=True)],
                   process={"capabilities": allowed}, linux={"rootfsPropagation": "shared"})
        with container(c, "wait") as box:
            box.up()
            # `try` runs in a child but in the same mount namespace.
            assert box.exec("try mount /v/given").ok.lines == ["try: mount: ok"]
            assert [m for m in host.mountpoints() if m[0] == source + "/given"]
            host.umount(source + "/given")


# ---- file systems ------------------------------------------------------------------------------


def test_the_usual_file_systems_are_there():
    "proc, tmpfs, devpts, mqueue, sysfs, cgroup2, with the options of the config"
    with run(config(), "mounts") as r:
        assert r.ok.mount("/proc")["type"] == "proc"
        assert r.mount("/dev")["type"] == "tmpfs"
        assert "noexec" not in r.mount("/dev")["options"]
        assert r.mount("/dev/pts")["type"] == "devpts"
        assert "ptmxmode=666" in r.mount("/dev/pts")["super"]
        assert r.mount("/dev/shm")["type"] == "tmpfs"
        assert r.mount("/dev/mqueue")["type"] == "mqueue"
        assert "ro" in r.mount("/sys")["options"]
        assert r.mount("/sys/fs/cgroup")["type"] == "cgroup2"
        assert "ro" in r.mount("/sys/fs/cgroup")["options"]


def test_the_cgroup_mount_shows_only_the_own_cgroup():
    "with a private cgroup namespace the root of the view is the container's cgroup"
    with run(config(), "cgroup; ls /sys/fs/cgroup; cgroup cgroup.procs") as r:
        assert "0::/" in r.values("cgroup")
        assert r.values("cgroup")[-1] == "1"


def test_without_a_cgroup_namespace_the_own_cgroup_is_bound():
    "the container still sees its own subtree on /sys/fs/cgroup, not the host's"
    with run(config(linux={"namespaces": namespaces("pid", "network", "ipc", "uts", "mount")}),
             "cgroup cgroup.procs; put /sys/fs/cgroup/cgroup.freeze 0") as r:
        assert r.ok.lines == ["cgroup: 1", "put: EROFS"]


def test_a_cgroup_mount_without_a_cgroup_shows_the_callers():
    "in the host's cgroup namespace, as with podman run --cgroups=disabled --cgroupns=host"
    linux = {"namespaces": namespaces("pid", "network", "ipc", "uts", "mount")}
    r = run(config(linux=linux), "cgroup; mounts /sys/fs/cgroup; put /sys/fs/cgroup/cgroup.type x",
            front=("--cgroup-manager", "disabled")).ok
    assert f"0::{r.mount('/sys/fs/cgroup')['root']}" in r.values("cgroup"), r
    assert r.lines[-1] == "put: EROFS", r


def test_tmpcopyup_copies_what_was_there():
    "files, modes, owners, links and directories of the destination appear in the tmpfs"
    rootfs = {"/d/file": File("text", 0o640, 5, 6), "/d/link": Link("file"),
              "/d/sub/": "dir", "/d/sub/deep": "deep"}
    c = config(rootfs=rootfs, mounts=[{"destination": "/d", "type": "tmpfs", "source": "tmpfs",
                                       "options": ["tmpcopyup"]}])
    with run(c, "mounts /d; cat /d/file; stat /d/file; readlink /d/link; cat /d/sub/deep; "
                "write /d/new x") as r:
        assert r.ok.mount("/d")["type"] == "tmpfs"
        assert r.lines[1:] == ["cat: text", "stat: file 0640 5:6 size=4", "readlink: file",
                               "cat: deep", "write: ok"]


def test_tmpcopyup_leaves_the_image_alone():
    "writes go to the tmpfs"
    c = config(rootfs={"/d/file": "text"},
               mounts=[{"destination": "/d", "type": "tmpfs", "source": "tmpfs",
                        "options": ["tmpcopyup", "mode=755"]}])
    with container(c, "write /d/file changed; wait") as box:
        box.up()
        with open(box.rootfs("/d/file"), encoding="ascii") as text:
            assert text.read() == "text"


def test_tmpcopyup_leaves_the_root_of_the_tmpfs_alone():
    "it looks as it would without: mode= and uid= hold, and one for which there was no directory is 1777"
    c = config(rootfs={"/d": Dir(0o711, 5, 6), "/d/file": "text"}, mounts=[
        dict(TMPFS, destination="/d", options=["tmpcopyup"]),
        dict(TMPFS, destination="/d/e", options=["tmpcopyup", "mode=0700", "uid=7"]),
        dict(TMPFS, destination="/none", options=["tmpcopyup"])])
    assert run(c, "stat /d; stat /d/e; stat /none; cat /d/file").ok.lines == [
        "stat: dir 0711 0:0", "stat: dir 0700 7:0", "stat: dir 1777 0:0", "cat: text"]


def copied(name, target, *options):
    return bind(os.path.abspath(name), target, "copy-symlink", *options)


@needs("userns")
def test_copy_symlink_makes_the_link_and_no_mount():
    "Podman's no-dereference; where the link leads does not matter, nor whether the same is there"
    os.symlink("nowhere", "link")
    os.symlink("/dev/null", "absolute")
    mounts = [copied("link", "/a/link"), copied("absolute", "/etc/absolute", "ro"),
              copied("link", "/same")]
    for more in ({}, {"linux": USER, "owner": 100000}):
        r = run(config(rootfs={"/same": Link("nowhere")}, mounts=mounts, **more),
                "readlink /a/link; readlink /etc/absolute; readlink /same; mounts").ok
        assert r.lines[:3] == ["readlink: nowhere", "readlink: /dev/null", "readlink: nowhere"]
        assert not [row for row in r.values("mounts")
                    if row.split()[0] in ("/a/link", "/etc/absolute", "/same")], r


def test_copy_symlink_makes_the_link_beneath_the_root():
    "where a link of the image stands for the directory, it leads somewhere inside"
    os.symlink("nowhere", "link")
    os.mkdir("outside")
    c = config(rootfs={"/a": Link(os.path.abspath("outside"))}, mounts=[copied("link", "/a/link")])
    assert run(c, "readlink /a/link").ok.lines == ["readlink: nowhere"]
    assert not os.listdir("outside")


def test_copy_symlink_of_what_is_no_link_is_a_bind():
    "a directory and a file are mounted, read-only if so asked"
    source = source_dir()
    for path in (source, source + "/file"):
        shown = run(config(mounts=[copied(path, "/v", "ro")]), "mounts /v").ok.mount("/v")
        assert "ro" in shown["options"], path


def test_copy_symlink_replaces_nothing():
    "a file, a directory or another link of the image is an error that names both"
    os.symlink("nowhere", "link")
    for there in (File("text"), Dir(), Link("elsewhere")):
        run(config(rootfs={"/there": there}, mounts=[copied("link", "/there")]), "exit 0").fails(
            f'error mounting "{os.path.abspath("link")}" to rootfs at "/there".*: '
            'file exists', "hint: .*copy-symlink")


def test_a_tmpfs_takes_the_mode_of_its_mountpoint():
    "without mode= the directory's own mode stays"
    c = config(rootfs={"/d": Dir(0o711)}, mounts=[dict(TMPFS, destination="/d")])
    assert run(c, "stat /d").ok.lines == ["stat: dir 0711 0:0"]


def test_mode_of_a_tmpfs_is_that_of_the_options():
    "mode=0700 over a 0755 directory"
    c = config(rootfs={"/d": Dir(0o755)}, mounts=[dict(TMPFS, destination="/d",
                                                       options=["mode=0700"])])
    assert run(c, "stat /d").ok.lines == ["stat: dir 0700 0:0"]


def test_overlay_takes_its_directories():
    "an overlay inside the container from data options"
    for name in ("lower", "upper", "work"):
        os.mkdir(name)
    with open("lower/f", "w", encoding="ascii") as out:
        out.write("low")
    here = os.getcwd()
    overlay = {"destination": "/o", "type": "overlay", "source": "overlay",
               "options": [f"lowerdir={here}/lower", f"upperdir={here}/upper",
                           f"workdir={here}/work"]}
    assert run(config(mounts=[overlay]), "cat /o/f; write /o/n x").ok.lines == [
        "cat: low", "write: ok"]
    assert os.path.exists("upper/n")


def test_what_fails_early_is_said_every_time():
    "the child is gone before it has read what the parent sends it meanwhile (a network namespace)"
    path = bundle(config(mounts=[dict(TMPFS, destination="/a-file")], rootfs={"/a-file": File("x")}))
    doc = json.loads(host.read(f"{path}/config.json"))
    doc["mounts"].insert(0, doc["mounts"].pop())
    with open(f"{path}/config.json", "w", encoding="utf-8") as out:
        json.dump(doc, out)
    for _ in range(60):
        rt("run", "--bundle", path, current().next_id()).fails("mounts.0.", "not a directory", rc=1)


def long_overlay(layers, name="l" * 100, **more):
    """An overlay of so many directories, of which the last has a file `f`."""
    places = [os.path.join(os.getcwd(), f"{name}{n}") for n in range(layers)]
    for place in places:
        os.makedirs(place, exist_ok=True)
    with open(places[-1] + "/f", "w", encoding="ascii") as out:
        out.write("low")
    return dict({"destination": "/o", "type": "overlay", "source": "overlay",
                 "options": ["lowerdir=" + ":".join(places), *more.pop("options", [])]}, **more)


def test_options_that_are_longer_than_fsconfig_takes():
    "256 bytes and more, of an option and of the source; attributes and order are as ever"
    mounts = [long_overlay(8, options=["ro", "nosuid", "noexec", "noatime"]),
              dict(TMPFS, destination="/after"),
              dict(TMPFS, destination="/named", source="s" * 300, options=["mode=0750", "nodev"])]
    with run(config(mounts=mounts, rootfs={"/named": Dir(0o755)}),
             "cat /o/f; write /o/n x; cwd; stat /named; stat /m; "
             "mounts /; mounts /o; mounts /named") as r:
        assert r.ok.lines[:5] == ["cat: low", "write: EROFS", "cwd: /", "stat: dir 0750 0:0",
                                  "stat: ENOENT"], r
        assert [row.split()[0] for row in r.values("mounts")].count("/") == 1, r
        made = r.mount("/o")
        assert {"ro", "nosuid", "noexec", "noatime"} <= set(made["options"]), made
        assert r.mount("/named")["source"] == "s" * 300
        assert "nodev" in r.mount("/named")["options"]


def test_an_adopted_mode_stands_beside_long_options():
    "a tmpfs over 0700, by mount(2)"
    c = config(rootfs={"/d": Dir(0o700)},
               mounts=[dict(TMPFS, destination="/d", source="s" * 256, options=[])])
    assert run(c, "stat /d").ok.lines == ["stat: dir 0700 0:0"]


@needs("userns")
def test_long_options_in_a_user_namespace():
    "as for a user whose engine mounts an image into a container"
    c = config(mounts=[long_overlay(4)], linux=USER)
    c.owner = 100000
    assert run(c, "cat /o/f").ok.lines == ["cat: low"]


def test_options_that_are_longer_than_the_kernel_takes_are_refused():
    "more than a page: nothing is cut off"
    run(config(mounts=[long_overlay(40)]), "exit 0").fails("/o", "4095 bytes", rc=1)


def test_a_bind_with_data_options_is_refused():
    "a word that cannot be applied is not dropped"
    run(config(mounts=[bind(source_dir(), "/v", "size=1m")]), "exit 0").fails("/v|size")


# ---- id maps -----------------------------------------------------------------------------------


def idmapped(source, *options, **more):
    maps = {"uidMappings": [idmap(0, 5000, 1000)], "gidMappings": [idmap(0, 6000, 1000)]}
    maps.update(more)
    return dict(bind(source, "/v", *options), **maps)


def idmap_works():
    """ext4 and tmpfs do; whatever is below the temporary directory may not."""
    probe = run(config(mounts=[idmapped(source_dir("probe"), "idmap")]), "exit 0")
    if probe.rc and "Invalid argument" in probe.err:
        skip("the file system of the temporary directory has no idmapped mounts")


def test_an_idmapped_bind_shifts_owners():
    "uid 0 on disk is seen as 5000, files made by 5000 inside are 0 on disk"
    idmap_works()
    source = source_dir()
    os.chown(source + "/file", 7, 8)
    with run(config(mounts=[idmapped(source, "idmap")]), "stat /v/file") as r:
        assert r.ok.lines == ["stat: file 0644 5007:6008 size=4"]


@needs("tmpfs_idmap")
def test_a_recursive_idmap_reaches_below_and_a_plain_one_does_not():
    "ridmap and idmap on an rbind"
    idmap_works()
    source = source_dir()
    with mounted("tmpfs", source + "/sub", "tmpfs"):
        with open(source + "/sub/f", "w", encoding="ascii"):
            pass
        for word, owner in (("ridmap", "5000:6000"), ("idmap", "0:0")):
            mount = idmapped(source, word)
            mount["options"][0] = "rbind"
            with run(config(mounts=[mount]), "stat /v/sub/f") as r:
                assert r.ok.lines == [f"stat: file 0644 {owner} size=0"], word


def test_an_idmap_without_any_mapping_is_an_error():
    "no maps on the mount, no user namespace"
    run(config(mounts=[bind(source_dir(), "/v", "idmap")]), "exit 0").fails("(?i)idmap|mapping")


def test_one_mapping_without_the_other_is_an_error():
    "uidMappings needs gidMappings and the other way round"
    source = source_dir()
    for lonely in ("uidMappings", "gidMappings"):
        mount = dict(bind(source, "/v", "idmap"), **{lonely: [idmap(0, 5000, 10)]})
        run(config(mounts=[mount]), "exit 0").fails("(?i)mapping")


@needs("userns")
def test_an_idmapped_bind_in_a_user_namespace():
    "the mount's own map makes files of uid 0 on disk root's inside"
    idmap_works()
    source = source_dir()
    c = config(linux=USER, owner=100000, mounts=[dict(bind(source, "/v", "idmap"), **MAPS)])
    with run(c, "stat /v/file; write /v/new x") as r:
        assert r.ok.lines == ["stat: file 0644 0:0 size=4", "write: ok"]
    assert os.stat(source + "/new").st_uid == 0


# ---- the root ----------------------------------------------------------------------------------


def test_a_read_only_root_refuses_writes():
    "root.readonly; mounts on it stay writable"
    with run(config(root={"path": "rootfs", "readonly": True}),
             "write /x y; write /dev/shm/x y; mounts /") as r:
        assert r.ok.lines[:2] == ["write: EROFS", "write: ok"]
        assert "ro" in r.mount("/")["options"]


def test_a_read_only_tmpfs_is_filled_first():
    "a read-only /dev has its nodes and the places of its mounts; nobody can add to it"
    c = config()
    next(m for m in c.doc["mounts"] if m["destination"] == "/dev")["options"] += ["ro"]
    c.doc["mounts"] += [{"destination": "/t", "type": "tmpfs", "source": "t", "options": ["ro"]},
                        {"destination": "/t/a/b", "type": "tmpfs", "source": "u"}]
    with run(c, "write /dev/x y; open /dev/null rw; write /t/x y; write /t/a/x y; "
                "write /t/a/b/x y; mounts /dev; mounts /t") as r:
        assert r.ok.lines[:5] == ["write: EROFS", "open: ok", "write: EROFS", "write: EROFS",
                                  "write: ok"]
        assert "ro" in r.mount("/dev")["options"] and "ro" in r.mount("/t")["options"]


def test_a_writable_root_takes_writes():
    "and they are on disk"
    with container(config(), "write /x y; wait") as c:
        c.up()
        assert os.path.exists(c.rootfs("/x"))


def test_the_root_may_be_an_absolute_path():
    "and lie outside the bundle"
    c = config()
    from deck import bundle, rt
    name = current().next_id()
    path = bundle(c, "ls /bin", name)
    os.rename(path + "/rootfs", "elsewhere")
    c.doc["root"]["path"] = os.path.abspath("elsewhere")
    import json
    c.doc["linux"]["cgroupsPath"] = f"{current().cgroup}/{name}"
    with open(path + "/config.json", "w", encoding="ascii") as out:
        json.dump(c.doc, out)
    assert rt("run", "--bundle", path, name).ok.lines == ["ls: 1 entries probe"]


def test_no_host_mount_is_seen_inside():
    "the table has the root and the configured mounts, nothing of the host"
    with run(config(), "mounts") as r:
        places = [row.split()[0] for row in r.values("mounts")]
        expected = {"/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys",
                    "/sys/fs/cgroup"}
        assert set(places) == expected
        assert len(places) == len(set(places))


def test_mounts_beside_one_that_becomes_read_only():
    "each is where it was asked for, wherever in the list the read-only ones stand"
    tree = [{"destination": place, "type": "tmpfs", "source": name, "options": options}
            for place, name, options in (("/a", "A", ["mode=755", "ro"]),
                                         ("/a/b", "B", ["mode=755", "ro"]),
                                         ("/a/c", "C", ["mode=755"]),
                                         ("/a/b/d", "D", ["mode=755"]))]
    for before in range(9):
        more = [{"destination": f"/m{number}", "type": "tmpfs", "source": "m",
                 "options": ["mode=755"]} for number in range(before)]
        with run(config(mounts=more + tree), "mounts") as r:
            found = {row.split()[0]: row for row in r.ok.values("mounts")}
            for place, name in (("/a", "A"), ("/a/b", "B"), ("/a/c", "C"), ("/a/b/d", "D")):
                assert f" {name} " in found[place] + " ", (before, place, found.get(place))
            assert "/a/b/c" not in found and "ro," in found["/a/b"] and "ro," in found["/a"]


def test_two_hundred_mounts():
    "each is there"
    source = source_dir()
    mounts = [bind(source, f"/many/{number}") for number in range(200)]
    with run(config(mounts=mounts), "mounts") as r:
        assert sum(row.startswith("/many/") for row in r.ok.values("mounts")) == 200


# ---- propagation of the root -------------------------------------------------------------------


def test_rootfs_propagation_is_what_the_config_says():
    "shared: own peer group; slave, private, unbindable as named; anything else an error"
    for word, shown in (("shared", "shared"), ("private", "private"), ("slave", ""),
                        ("unbindable", "unbindable"), (None, "")):
        with run(config(linux={"rootfsPropagation": word}), "mounts /") as r:
            propagation = r.ok.mount("/")["propagation"]
            assert shown in propagation, word
            if word != "shared":
                assert "shared" not in propagation, word
    run(config(linux={"rootfsPropagation": "bogus"}), "exit 0").fails("(?i)rootfsPropagation|bogus")


def test_a_shared_root_does_not_leak_to_the_host():
    "mounts inside a shared root stay in the container"
    allowed = {kind: ["CAP_SYS_ADMIN"] for kind in ("bounding", "effective", "permitted")}
    before = host.mountpoints()
    with container(config(linux={"rootfsPropagation": "shared"},
                          process={"capabilities": allowed})) as c:
        c.up()
        assert c.exec("try mount /tmp").ok.lines == ["try: mount: ok"]
        assert host.mountpoints() == before


def test_a_slave_root_receives_from_the_host():
    "rootfsPropagation slave: what the host mounts below a shared mount of the root is seen inside"
    from deck import bundle
    from deck.container import Container
    name = current().next_id()
    path = bundle(config(linux={"rootfsPropagation": "slave"}, rootfs={"/vol/": "dir"}), "wait",
                  name)
    volume = path + "/rootfs/vol"
    with mounted("tmpfs", volume, "tmpfs", propagation=MS_SHARED):
        os.mkdir(volume + "/later")
        with Container(path, name=name) as c:
            c.up()
            with mounted("tmpfs", volume + "/later", "tmpfs"):
                with open(volume + "/later/f", "w", encoding="ascii") as out:
                    out.write("came")
                assert c.exec("cat /vol/later/f").lines == ["cat: came"]
