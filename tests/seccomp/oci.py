# SPDX-License-Identifier: Apache-2.0
"""What an OCI seccomp document says, read straight from its text: the other side of the scales.

The meaning is taken from the specification and from what runtimes agree on: rules are joined by
"or", the conditions of a rule by "and", except that several conditions on one argument make a
rule each; names that an architecture does not have are passed over; a call that no rule matches
gets the default; an architecture that is not listed is killed (on x86_64 numbers from 0x40000000
on are x32's, but -1, which a tracer may leave). On 32-bit architectures and x32 only the lower
halves of arguments and values are compared; that is libseccomp's doing, not the specification's.
Where two rules that match say different things the document is ambiguous, and that is an error
here: libraries then decide by the order and shape of the rules.
"""

from pathlib import Path

ARCHES = {  # AUDIT_ARCH_*, and libseccomp's name
    "x86_64": (0xc000003e, "x86_64"), "x86": (0x40000003, "x86"), "x32": (0xc000003e, "x32"),
    "aarch64": (0xc00000b7, "aarch64"), "arm": (0x40000028, "arm"),
}
OCI_ARCHES = {f"SCMP_ARCH_{name.upper()}": name for name in ARCHES}
X32_BIT = 0x40000000
WIDTH = {name: 0xffffffff if name in ("x86", "arm", "x32") else (1 << 64) - 1 for name in ARCHES}

RET = {"KILL_PROCESS": 0x80000000, "KILL_THREAD": 0, "KILL": 0, "TRAP": 0x00030000,
       "ERRNO": 0x00050000, "NOTIFY": 0x7fc00000, "TRACE": 0x7ff00000, "LOG": 0x7ffc0000,
       "ALLOW": 0x7fff0000}
WORDS = {value: name.lower() for name, value in RET.items() if name != "KILL"}
EPERM, ENOSYS = 1, 38

OPERATORS = {  # of an argument, value and valueTwo
    "NE": lambda arg, a, b: arg != a, "LT": lambda arg, a, b: arg < a,
    "LE": lambda arg, a, b: arg <= a, "EQ": lambda arg, a, b: arg == a,
    "GE": lambda arg, a, b: arg >= a, "GT": lambda arg, a, b: arg > a,
    "MASKED_EQ": lambda arg, a, b: arg & a == b & a,
}


class Ambiguous(Exception):
    """Two rules that match one call say different things."""


def words(ret):
    """An answer in words, as tables spell it: `allow`, `errno 1`, `kill_process`."""
    action = WORDS.get(ret & 0xffff0000, f"{ret:#x}")
    return f"{action} {ret & 0xffff}" if action in ("errno", "trace") else action


def numbers():
    """{architecture: {name: number}} of Linux 6.18."""
    tables = {name: {} for name in ARCHES}
    order = ["x86_64", "x86", "x32", "aarch64", "arm"]
    text = (Path(__file__).parent / "syscalls.txt").read_text()
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, *columns = line.split()
        for arch, column in zip(order, columns, strict=True):
            if column != "-":
                tables[arch][name] = int(column)
    return tables


def action_of(name, errno):
    ret = RET[name.removeprefix("SCMP_ACT_")]
    if name in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        ret |= EPERM if errno is None else errno
    return ret


def conditions(rule):
    """The rule's conditions as alternatives: [[(index, operator, a, b), ...], ...]."""
    found = [(c["index"], c["op"].removeprefix("SCMP_CMP_"), c["value"], c.get("valueTwo", 0))
             for c in rule.get("args") or []]
    if len({c[0] for c in found}) == len(found):
        return [found]
    return [[c] for c in found]


class Document:
    """A linux.seccomp document that answers for calls."""

    def __init__(self, tree, tables, unknown=(), beyond=False):
        """`unknown` are names that the library at hand does not know: they are passed over.

        `beyond`: where the default is an errno, a number beyond the newest one that is named for
        its architecture gets ENOSYS, as runtimes do it and libseccomp does not.
        """
        self.default = action_of(tree["defaultAction"], tree.get("defaultErrnoRet"))
        self.arches = [OCI_ARCHES[name] for name in tree.get("architectures", [])]
        self.rules = []  # (name, answer, conditions)
        self.by_name = {}
        for rule in tree.get("syscalls", []):
            answer = action_of(rule["action"], rule.get("errnoRet"))
            for name in rule["names"]:
                for alternative in conditions(rule):
                    self.rules.append((name, answer, alternative))
                    if name not in unknown:
                        self.by_name.setdefault(name, []).append((answer, alternative))
        self.names = {arch: {nr: name for name, nr in tables[arch].items()}
                      for arch in self.arches}
        self._calls = {}
        self.newest = {}
        if beyond and self.default & 0xffff0000 == RET["ERRNO"]:
            named = {name for name, _, _ in self.rules}
            for arch in self.arches:
                numbers_named = [nr for nr, name in self.names[arch].items() if name in named]
                self.newest[arch] = max(numbers_named, default=0)

    def calls(self, arch, table):
        """The names of a table, and those of them that have conditions; remembered."""
        if arch not in self._calls:
            self._calls[arch] = (list(table), [n for n in table if self.conditions_of(n)])
        return self._calls[arch]

    def conditions_of(self, name):
        """Every condition of every rule about the call."""
        return [c for _, alternative in self.by_name.get(name, ()) for c in alternative]

    def answer(self, arch, nr, args):
        """What the call gets; Ambiguous if that is not one thing."""
        if arch in ("x86_64", "x32"):
            arch = "x32" if X32_BIT <= nr < 0xffffffff else "x86_64"
        if arch not in self.arches:
            return RET["KILL_PROCESS"]
        if self.newest.get(arch, 0) and self.newest[arch] < nr < 0xffffffff:
            return RET["ERRNO"] | ENOSYS
        name, width = self.names[arch].get(nr), WIDTH[arch]
        found = {answer for answer, alternative in self.by_name.get(name, ())
                 if all(OPERATORS[op](args[i] & width, a & width, b & width)
                        for i, op, a, b in alternative)}
        if len(found) > 1:
            raise Ambiguous(f"{arch} {name} {args}: " + ", ".join(words(f) for f in found))
        return found.pop() if found else self.default
