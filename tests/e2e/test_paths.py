# SPDX-License-Identifier: Apache-2.0
"""maskedPaths and readonlyPaths."""

import os

from deck import Dir, Link, bind, config, run


def masked(*paths, **more):
    return config(linux={"maskedPaths": list(paths)}, **more)


def test_a_masked_directory_shows_nothing():
    "it is empty and refuses writes"
    c = masked("/secret", rootfs={"/secret/a": "x", "/secret/b/c": "y"})
    with run(c, "ls /secret; write /secret/b x; cat /secret/a; mkdir /secret/d") as r:
        assert r.ok.lines == ["ls: 0 entries", "write: EROFS", "cat: ENOENT", "mkdir: EROFS"]


def test_a_masked_file_is_empty():
    "reads give nothing, writes go nowhere"
    with run(masked("/secret", rootfs={"/secret": "key"}), "cat /secret; stat /secret") as r:
        assert r.ok.lines == ["cat: ", "stat: char 0666 0:0 dev=1:3"]
    os.mkdir("out")
    c = masked("/v/secret", mounts=[bind(os.path.abspath("out"), "/v")])
    with open("out/secret", "w", encoding="ascii") as out:
        out.write("key")
    with run(c, "cat /v/secret; append /v/secret more") as r:
        assert r.ok.lines[0] == "cat: "
    with open("out/secret", encoding="ascii") as text:
        assert text.read() == "key"


def test_what_is_missing_is_passed_over():
    "a masked or read-only path that the image does not have is no error"
    run(config(linux={"maskedPaths": ["/no/such", "/nothing"],
                      "readonlyPaths": ["/no/such/either"]}), "exit 0").ok


def test_the_paths_of_the_engines_can_be_masked():
    "every default of containerd, CRI-O and Docker"
    paths = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
             "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
             "/proc/interrupts", "/sys/firmware", "/sys/devices/virtual/powercap"]
    readonly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    c = config(linux={"maskedPaths": paths, "readonlyPaths": readonly})
    with run(c, "cat /proc/keys; cat /proc/interrupts; ls /sys/firmware; "
                "put /proc/sys/kernel/shmmax 1; open /proc/irq/default_smp_affinity w") as r:
        assert r.ok.lines == ["cat: ", "cat: ", "ls: 0 entries", "put: EROFS", "open: EROFS"]


def test_links_of_proc_lead_to_what_is_covered():
    "a mask or a read-only mount lies over the target, not over the link; files and directories"
    c = config(linux={"maskedPaths": ["/proc/net", "/proc/mounts", "/proc/cmdline", "/proc/fs"],
                      "readonlyPaths": ["/proc/thread-self", "/proc/swaps", "/proc/sys/"]})
    with run(c, "mounts") as r:
        places = {row.split()[0]: row for row in r.ok.values("mounts")}
        assert {"/proc/1/net", "/proc/1/mounts", "/proc/cmdline", "/proc/fs", "/proc/1/task/1",
                "/proc/swaps", "/proc/sys"} <= set(places)
        assert not {"/proc/net", "/proc/mounts", "/proc/thread-self"} & set(places)
        assert "tmpfs" in places["/proc/1/net"] and "tmpfs" in places["/proc/fs"]
        assert places["/proc/1/mounts"].endswith("root=/null")


def test_what_was_mounted_over_proc_s_place_is_covered():
    "masks follow what is seen under the name, whatever was mounted there before"
    os.mkdir("v")
    with open("v/keys", "w", encoding="ascii") as out:
        out.write("x")
    c = masked("/sys/keys", "/sys/firmware", "/sys/v/keys", rootfs={"/sys/": "dir"})
    c.doc["mounts"].append({"destination": "/sys", "type": "tmpfs", "source": "other",
                            "options": ["mode=755"]})
    c.doc["mounts"] += [bind(os.path.abspath("v"), "/sys/v")]
    with run(c, "cat /sys/v/keys; ls /sys") as r:
        assert r.ok.lines == ["cat: ", "ls: 1 entries v"]


def test_masked_paths_must_be_absolute():
    "and read-only ones"
    for member in ("maskedPaths", "readonlyPaths"):
        for path in ("secret", "./secret", ""):
            run(config(linux={member: [path]}, rootfs={"/secret": "x"}), "exit 0").fails(member)


def test_a_masked_path_may_lead_over_a_symlink():
    "the target is masked, inside the root"
    c = masked("/link", rootfs={"/real/a": "x", "/link": Link("/real")})
    with run(c, "ls /real; ls /link") as r:
        assert r.ok.lines == ["ls: 0 entries", "ls: 0 entries"]


def test_a_path_masked_twice_is_masked():
    "duplicates and other spellings are no error"
    c = masked("/secret", "/secret", "//secret", "/secret/", "/a/../secret",
               rootfs={"/secret/a": "x", "/a/": "dir"})
    assert run(c, "ls /secret").ok.lines == ["ls: 0 entries"]


def test_a_masked_path_may_be_a_mount():
    "the mask lies over the bind"
    os.mkdir("v")
    with open("v/f", "w", encoding="ascii"):
        pass
    c = masked("/v", mounts=[bind(os.path.abspath("v"), "/v")])
    assert run(c, "ls /v").ok.lines == ["ls: 0 entries"]


def test_masks_work_on_a_read_only_root():
    "both are applied"
    c = masked("/secret", rootfs={"/secret/a": "x", "/file": "y"})
    c.doc["root"]["readonly"] = True
    assert run(c, "ls /secret; write /file x").ok.lines == ["ls: 0 entries", "write: EROFS"]


def test_many_masked_directories_share_one_file_system():
    "one read-only tmpfs, not one per path"
    names = [f"/many/{number}" for number in range(50)]
    c = masked(*names, rootfs={f"/many/{number}/x": "y" for number in range(50)})
    with run(c, "ls /many/7; inode /many/7; inode /many/8; inode /many/49") as r:
        devices = {value.split(":")[0] for value in r.ok.values("inode")}
        assert r.lines[0] == "ls: 0 entries" and len(devices) == 1


def test_a_read_only_path_refuses_writes_and_can_be_read():
    "directory and file"
    c = config(linux={"readonlyPaths": ["/ro", "/file"]},
               rootfs={"/ro/a": "x", "/file": "y", "/ro/d": Dir(0o777)})
    with run(c, "cat /ro/a; write /ro/a x; write /ro/d/n x; cat /file; write /file x; rm /ro/a") \
            as r:
        assert r.ok.lines == ["cat: x", "write: EROFS", "write: EROFS", "cat: y", "write: EROFS",
                              "rm: EROFS"]


def test_read_only_reaches_what_is_mounted_below():
    "a bind below a read-only path is read-only too"
    os.mkdir("v")
    c = config(linux={"readonlyPaths": ["/ro"]}, rootfs={"/ro/a": "x"},
               mounts=[bind(os.path.abspath("v"), "/ro/v")])
    assert run(c, "write /ro/v/x y").ok.lines == ["write: EROFS"]


def test_a_read_only_path_keeps_its_other_flags():
    "nosuid, nodev and noexec of /proc stay"
    c = config(linux={"readonlyPaths": ["/proc/sys"]})
    c.doc["mounts"][0]["options"] = ["nosuid", "noexec", "nodev"]
    with run(c, "mounts /proc/sys") as r:
        assert {"ro", "nosuid", "noexec", "nodev"} <= set(r.ok.mount("/proc/sys")["options"])


def test_masks_cannot_be_taken_off():
    "umount and remount from inside are refused"
    c = masked("/secret", rootfs={"/secret/a": "x"})
    with run(c, "try umount /secret; try remount /secret; rm /secret") as r:
        assert r.ok.lines[:2] == ["try: umount: EPERM", "try: remount: EPERM"]
        assert r.lines[2] in ("rm: EBUSY", "rm: EISDIR", "rm: EROFS")


def test_exec_sees_the_masks():
    "a second program in the container is no way around"
    from deck import container
    c = masked("/secret", rootfs={"/secret/a": "x", "/proc": Dir()})
    with container(c) as box:
        box.up()
        assert box.exec("ls /secret").ok.lines == ["ls: 0 entries"]


