# SPDX-License-Identifier: Apache-2.0
"""What orlop has to reach, by row, and whether it did. Ratios are of best times."""


def best(results, row, lane):
    """The best value of a lane, or None when it was not measured."""
    cell = results.get(row, {}).get(lane)
    return cell.best if cell else None


def median(results, row, lane):
    cell = results.get(row, {}).get(lane)
    return cell.median if cell else None


def late(results, row, lane):
    """What 99 of a hundred do not exceed, or None."""
    cell = results.get(row, {}).get(lane)
    values = sorted(cell.values) if cell else []
    return values[min(len(values) - 1, len(values) * 99 // 100)] if values else None


def ratio(results, row, other):
    ours, theirs = best(results, row, "orlop"), best(results, row, other)
    return ours / theirs if ours is not None and theirs else None


def judge(results, crun):
    """{row: (what is asked, what was found or None, met)}; `crun` names crun's lane."""
    def at_most(limit, what, value, show="{:.2f}"):
        return (what, None if value is None else show.format(value),
                None if value is None else value <= limit)

    def warm():
        cached, plain = best(results, "seccomp-warm", "orlop"), best(results, "run", "orlop")
        return None if cached is None or plain is None else cached - plain

    def beside():
        cell = results.get("many", {}).get("orlop")
        return cell.factor if cell else None

    rows = {
        "run": at_most(1.6, "<= 1.6 x floor", ratio(results, "run", "floor")),
        "life": at_most(0.4, "<= 0.4 x crun", ratio(results, "life", crun)),
        "exec": at_most(0.5, "<= 0.5 x crun", ratio(results, "exec", crun)),
        "state": at_most(1.3, "<= 1.3 x nothing", ratio(results, "state", "nothing")),
        "kill": at_most(1.3, "<= 1.3 x nothing", ratio(results, "kill", "nothing")),
        "contain": at_most(2, "p50 <= 2 ms", median(results, "contain", "orlop"), "{:.2f} ms"),
        "alarm": at_most(10, "p99 <= 10 ms", late(results, "alarm", "orlop"), "{:.2f} ms"),
        "unwatched": at_most(1.01, "<= 1.01 x the profile alone",
                             ratio(results, "unwatched", "profile alone"), "{:.3f}"),
        "evidence": at_most(20, "p50 <= 20 ms", median(results, "evidence", "orlop"), "{:.1f} ms"),
        "seccomp-cold": at_most(0.4, "<= 0.4 x crun", ratio(results, "seccomp-cold", crun)),
        "seccomp-warm": at_most(0.5, "<= run + 0.5 ms", warm(), "+{:.2f} ms"),
        "memory": at_most(1536, "<= 1536 KiB", best(results, "memory", "orlop"), "{:.0f} KiB"),
        "created": at_most(100, "<= 100 KiB", best(results, "created", "orlop"), "{:.0f} KiB"),
        "syscalls": at_most(250, "<= 250 calls", best(results, "syscalls", "orlop"), "{:.0f}"),
        "many": at_most(1.1, "<= 1.1 x beside one", beside()),
    }
    return {name: row for name, row in rows.items() if name in results}
