# SPDX-License-Identifier: Apache-2.0
"""What came of a tier, read from what its commands said. PURE: knows no process and no file.

A test that has a name (TAP: "ok 3 - topic: claim") is counted by it: however many tiers run it, it
is one test, failed if it failed anywhere, skipped if it ran nowhere. What only says numbers is
counted by them.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

SUM = re.compile(r"^(?:# )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
TAP = re.compile(r"^(not ok|ok)(?: \d+)? - (.*?)(?: # SKIP (.*))?$", re.M)
CHECK = re.compile(r"^([\w-]+) +(ok|FAIL|SKIP) +[\d.]+ s *(.*)$", re.M)
MESON = re.compile(r"^(Ok|Expected Fail|Fail|Unexpected Pass|Skipped|Timeout): +(\d+)", re.M)
FAILED, PASSED = "failed", "passed"         # any other verdict is the reason of a skip
RANK = {FAILED: 0, PASSED: 1}


@dataclass
class Result:
    """Verdicts by name, and numbers of what has none."""
    claims: dict = field(default_factory=dict)
    numbers: Counter = field(default_factory=Counter)   # passed, failed, skipped
    reasons: Counter = field(default_factory=Counter)   # why those without a name were skipped
    cannot: str = ""                                    # why the tier did not run at all

    def add(self, other):
        """Takes the other one in."""
        for name, verdict in other.claims.items():
            mine = self.claims.get(name, verdict)
            self.claims[name] = min(mine, verdict, key=lambda word: RANK.get(word, 2))
        self.numbers += other.numbers
        self.reasons += other.reasons
        return self

    def fail(self):
        """A failure that no line of the commands tells."""
        self.numbers["failed"] += 1
        return self

    def count(self, word):
        """How many passed, failed or were skipped."""
        return self.numbers[word] + sum(
            (verdict if verdict in RANK else "skipped") == word for verdict in self.claims.values())

    def skipped_claims(self):
        return [name for name, verdict in self.claims.items() if verdict not in RANK]

    def skip_reasons(self):
        return self.reasons + Counter(verdict for verdict in self.claims.values()
                                      if verdict not in RANK)

    def __str__(self):
        return ", ".join(f"{self.count(word)} {word}" for word in ("passed", "failed", "skipped"))


def named(name, status):
    """A command as one test."""
    return Result({name: FAILED if status else PASSED})


def tap(text):
    """The tests that a log tells by name."""
    return Result({name: FAILED if word == "not ok" else reason or PASSED
                   for word, name, reason in TAP.findall(text)})


def summed(status, text):
    """Of a command that says TAP, or closes with "N passed, N failed", or has but a status."""
    result = tap(text)
    found = SUM.findall(text)
    if found and not result.claims:
        result.numbers = Counter(dict(zip(("passed", "failed", "skipped"),
                                          (int(n or 0) for n in found[-1]))))
    elif not found and status == 0:
        result.numbers["passed"] += 1
    return result.fail() if status and not result.count("failed") else result


def checked(status, text):
    """Of the lines of tools/check."""
    result = Result({f"check {name}": {"ok": PASSED, "FAIL": FAILED}.get(word, note or "skipped")
                     for name, word, note in CHECK.findall(text)})
    return result.fail() if status and not result.count("failed") else result


def tested(status, text):
    """Of meson test."""
    count = Counter({name: int(number) for name, number in MESON.findall(text)})
    result = Result(numbers=Counter(
        passed=count["Ok"] + count["Expected Fail"],
        failed=count["Fail"] + count["Unexpected Pass"] + count["Timeout"],
        skipped=count["Skipped"]))
    if count["Skipped"]:
        result.reasons["a program said that it cannot run here"] = count["Skipped"]
    return result.fail() if status and not result.count("failed") else result


def failures(text, most=150):
    """Of a log: what failed with its explanation, or else the end of it."""
    shown, goes_on = [], None
    lines = text.splitlines()
    for line in lines:
        if line.startswith("not ok"):
            goes_on = re.compile(r"[ #]")
        elif re.match(r" *\d+/\d+ .* (FAIL|TIMEOUT) ", line):     # meson: up to an empty line
            goes_on = re.compile(r".")
        elif re.match(r"[\w-]+ +FAIL ", line):                    # tools/check: one line
            goes_on = re.compile(r"(?!)")
        elif goes_on and not goes_on.match(line):
            goes_on = None
        if goes_on:
            shown.append(line)
    shown = shown or lines[-40:]
    if len(shown) > most:
        shown = shown[:most] + [f"... {len(shown) - most} more lines"]
    return "\n".join("    " + line for line in shown)
