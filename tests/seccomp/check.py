#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the seccomp profiles decide as written? No filter is loaded, no privilege is needed.

Three readings of a profile are held against each other: the rows of the *.tests files, the
document itself (oci.py) and a BPF program run by an interpreter (bpf.py). The program is
libseccomp's (filter.c), or with --bpf-command any other generator's. Rows are

    PROFILE ARCH CALL [ARG...] -> ANSWER

PROFILE is a file of profiles/ or of cases/ here, ARCH an architecture or * for every one that
the profile lists and that has the call, CALL a name or #NUMBER, arguments that are not given are
0, and ANSWER is allow, errno N, kill_process and so on.
"""

import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import oci
from bpf import BpfError, Program

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
TABLES = oci.numbers()
MASK64 = (1 << 64) - 1
SKIP = 77


class Tally:
    """Counts claims and prints those that do not hold."""

    def __init__(self, verbose):
        self.verbose, self.passed, self.failed = verbose, 0, 0

    def claim(self, holds, text, detail=""):
        self.passed += bool(holds)
        self.failed += not holds
        if not holds or self.verbose:
            print(f"{'ok' if holds else 'not ok'} - {text}" + (f": {detail}" if detail else ""))


@dataclass
class Row:
    where: str
    profile: str
    arch: str
    call: str
    args: list
    answer: str

    def number(self, arch):
        """The call's number there, or None."""
        return int(self.call[1:], 0) if self.call[0] == "#" else TABLES[arch].get(self.call)

    def places(self, document):
        """(architecture, number) pairs that the row speaks of."""
        arches = document.arches if self.arch == "*" else [self.arch]
        return [(arch, self.number(arch)) for arch in arches if self.number(arch) is not None]


def rows_read(path):
    """The rows of a file; a line that is no row ends the test."""
    rows = []
    for at, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#", 1)[0].split() if line.lstrip().startswith("#") else line.split()
        if not words:
            continue
        where = f"{path.name}:{at}"
        try:
            arrow = words.index("->")
            profile, arch, call, *args = words[:arrow]
            answer = " ".join(words[arrow + 1:])
            rows.append(Row(where, profile, arch, call, [int(a, 0) for a in args], answer))
        except ValueError as err:
            raise SystemExit(f"{where}: no row: {err}") from err
        if arch != "*" and arch not in oci.ARCHES:
            raise SystemExit(f"{where}: no architecture '{arch}'")
        if call[0] != "#" and not any(call in table for table in TABLES.values()):
            raise SystemExit(f"{where}: no system call '{call}'")
    return rows


def unique(pairs):
    """An object whose members are all different; json would keep the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def profile_path(name):
    for path in (TREE / "profiles" / f"{name}.json", HERE / "cases" / f"{name}.json"):
        if path.exists():
            return path
    raise SystemExit(f"no profile '{name}'")


def profile_load(name):
    return json.loads(profile_path(name).read_text(), object_pairs_hook=unique)


# --- making programs --------------------------------------------------------

class Maker:
    """Turns profiles into programs: libseccomp's by filter.c, or a command's."""

    def __init__(self, command, tool, scratch):
        self.command, self.tool = command, tool.split() or [str(scratch / "filter")]
        self.available = bool(command or tool)
        if not self.available:
            ret = subprocess.run(["cc", "-O1", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-o",
                                  self.tool[0], str(HERE / "filter.c"), "-lseccomp"],
                                 capture_output=True, text=True, check=False)
            self.available = ret.returncode == 0
            self.why = (ret.stderr.strip().splitlines() or [""])[-1]

    def make(self, name, tree, level):
        """(program, names that the library does not know)."""
        if self.command:
            path = str(profile_path(name))
            argv = [word.replace("{profile}", path) for word in self.command.split()]
            ret = subprocess.run(argv, capture_output=True, check=False, timeout=60)
        else:
            ret = subprocess.run(self.tool, input=lines(tree, level).encode(),
                                 capture_output=True, check=False, timeout=60)
        said = ret.stderr.decode(errors="replace")
        if ret.returncode:
            raise BpfError(said.strip())
        unknown = {line.split()[1] for line in said.splitlines() if line.startswith("unknown ")}
        return Program(ret.stdout), unknown


def lines(tree, level):
    """The document in the lines that filter.c reads."""
    errno = tree.get("defaultErrnoRet")
    default = oci.action_of(tree["defaultAction"], errno)
    out = [f"default {default:#x}", f"optimize {level}"]
    out += [f"arch {oci.ARCHES[oci.OCI_ARCHES[a]][1]}" for a in tree["architectures"]]
    for rule in tree.get("syscalls", []):
        answer = oci.action_of(rule["action"], rule.get("errnoRet"))
        if answer == default:
            continue  # libseccomp refuses a rule that says what the default says
        for name in rule["names"]:
            for alternative in oci.conditions(rule):
                out.append(f"rule {answer:#x} {name}" + "".join(
                    f" {i} {op} {a} {b}" for i, op, a, b in alternative))
    return "\n".join(out) + "\n"


# --- claims -----------------------------------------------------------------

def full(args):
    return args + [0] * (6 - len(args))


def check_interpreter(tally):
    """The interpreter against programs that can be worked out by hand."""
    def ins(code, k, jt=0, jf=0):
        return struct.pack("=HBBI", code, jt, jf, k)
    high = Program(ins(0x20, 20) + ins(0x15, 1, 0, 1) + ins(0x06, 7) + ins(0x06, 9))
    tally.claim(high.run(0, 0, full([1 << 32])) == 7 and high.run(0, 0, full([1])) == 9,
                "the upper half of an argument is loaded from its own place")
    alu = Program(ins(0x20, 16) + ins(0x54, 0xf0) + ins(0x74, 4) + ins(0x14, 1) + ins(0x16, 0))
    tally.claim(alu.run(0, 0, full([0x1ff35])) == 2, "arithmetic is done on 32 bits")
    tally.claim(alu.run(0, 0, full([0])) == 0xffffffff, "and wraps around")
    store = Program(ins(0x20, 0) + ins(0x02, 3) + ins(0x00, 5) + ins(0x61, 3) + ins(0x1d, 0, 0, 1)
                    + ins(0x06, 1) + ins(0x06, 2))
    tally.claim((store.run(0, 5, full([])), store.run(0, 6, full([]))) == (1, 2),
                "memory words and X carry values")
    for raw, what in ((b"", "an empty program"), (ins(0x20, 0), "one without a return"),
                      (ins(0x20, 2) + ins(0x06, 0), "a load off its boundary"),
                      (ins(0x20, 64) + ins(0x06, 0), "a load beyond the data"),
                      (ins(0x15, 0, 9) + ins(0x06, 0), "a jump beyond the end"),
                      (ins(0x30, 0) + ins(0x06, 0), "a load of a byte")):
        try:
            Program(raw)
            tally.claim(False, f"{what} is refused")
        except BpfError:
            tally.claim(True, f"{what} is refused")


def check_shape(tally, name, tree):
    """The file is a profile: a purpose in one line, and a document that orlop can read."""
    tally.claim(set(tree) == {"description", "seccomp"}, f"{name} has a description and a document")
    text = tree["description"]
    tally.claim(0 < len(text) <= 90 and "\n" not in text, f"{name} says its purpose in a line")
    known = set().union(*TABLES.values())
    named = {n for rule in tree["seccomp"]["syscalls"] for n in rule["names"]}
    tally.claim(named <= known, f"{name} names only calls of Linux 6.18", " ".join(named - known))
    for rule in tree["seccomp"]["syscalls"]:
        members = {"comment", "names", "action", "errnoRet", "args"}
        if set(rule) - members or not rule["names"] or \
                any(c["op"].removeprefix("SCMP_CMP_") not in oci.OPERATORS or
                    not 0 <= c["index"] < 6 or not 0 <= c["value"] <= MASK64
                    for c in rule.get("args", [])):
            tally.claim(False, f"{name}: a rule is well formed", json.dumps(rule)[:100])
            break
    else:
        tally.claim(True, f"{name}: every rule is well formed")


def check_complete(tally, name, document, rows):
    """No call of 6.18 is forgotten: it is in the profile, or a row says that it gets ENOSYS."""
    left = {row.call for row in rows if row.profile == name and row.answer == "errno 38"}
    for arch in document.arches:
        forgotten = [n for n in TABLES[arch] if n not in document.by_name and n not in left]
        tally.claim(not forgotten, f"{name} decides about every call of {arch}",
                    " ".join(forgotten))


def check_rows(tally, rows, answers, by):
    """answers(row.profile, arch, nr, args) is what each row says."""
    for row in rows:
        document = answers.document(row.profile)
        places = row.places(document)
        tally.claim(places, f"{row.where}: the row speaks of a call that exists")
        for arch, nr in places:
            if row.call in answers.unknown(row.profile):
                continue
            try:
                found = oci.words(answers(row.profile, arch, nr, full(row.args)))
            except oci.Ambiguous as err:
                found = f"ambiguous: {err}"
            tally.claim(found == row.answer, f"{row.where}: {row.profile} {arch} {row.call} is "
                        f"{row.answer} by {by}", "" if found == row.answer else found)


def edges(document, name, rng):
    """Argument values near where the call's rules change their mind."""
    args = [rng.choice((0, 1, rng.getrandbits(32), rng.getrandbits(64))) for _ in range(6)]
    conditions = document.conditions_of(name)
    for i, op, a, b in rng.sample(conditions, min(len(conditions), rng.randint(0, 3))):
        base = b & a | (rng.getrandbits(64) & ~a) if op == "MASKED_EQ" else a
        kind = rng.randint(0, 5)
        if kind == 1:
            base += rng.choice((-1, 1))
        elif kind == 2:
            base ^= 1 << rng.randrange(64)
        elif kind == 3:
            base = base & 0xffffffff | rng.getrandbits(32) << 32
        elif kind == 4:
            base += rng.choice((-1, 1)) << 32
        args[i] = base & MASK64
    return args


def faults_read():
    """{(profile, call)} that libseccomp gets wrong: libseccomp-faults.txt says how."""
    text = (HERE / "libseccomp-faults.txt").read_text()
    return {tuple(line.split()[:2]) for line in text.splitlines()
            if line and not line.startswith("#")}


def sample(document, rng):
    """One call as a kernel could see it."""
    arch, nr, args = sample_any(document, rng)
    width = 0xffffffff if arch in ("x86", "arm") else MASK64  # what the kernel shows a filter
    return arch, nr, [arg & width for arg in args]


def sample_any(document, rng):
    """Mostly of an architecture that is listed and with a number that exists."""
    arch = rng.choice(document.arches) if rng.random() < 0.97 else rng.choice(list(oci.ARCHES))
    table = TABLES[arch]
    every, conditional = document.calls(arch, table)
    dice = rng.random()
    if dice < 0.6 and conditional:
        name = rng.choice(conditional)
    elif dice < 0.93:
        name = rng.choice(every)
    else:
        nr = rng.choice((rng.randrange(600), rng.getrandbits(32), 0xffffffff,
                         rng.randrange(600) | oci.X32_BIT))
        return arch, nr, edges(document, None, rng)
    return arch, table[name], edges(document, name, rng)


def check_random(tally, name, document, program, count, rng, by, faults):
    """The document and the program agree on calls made up at random, but for `faults`."""
    differences = []
    for _ in range(count):
        arch, nr, args = sample(document, rng)
        try:
            said = document.answer(arch, nr, args)
        except oci.Ambiguous as err:
            differences.append(f"ambiguous: {err}")
            continue
        found = program.run(oci.ARCHES[arch][0], nr, args)
        if found != said and (name, document.names.get(arch, {}).get(nr)) not in faults:
            call = document.names.get(arch, {}).get(nr, f"#{nr:#x}")
            differences.append(f"{arch} {call} {' '.join(f'{a:#x}' for a in args)}: "
                               f"{oci.words(said)}, but {oci.words(found)}")
    tally.claim(not differences, f"{name}: {count} random calls get what the document says from "
                f"{by}", f"{len(differences)} do not; {differences[:1]}" if differences else "")


class ByDocument:
    """Answers from the documents."""

    def __init__(self, documents):
        self.documents = documents

    def document(self, name):
        return self.documents[name]

    def unknown(self, name):
        return ()

    def __call__(self, name, arch, nr, args):
        return self.documents[name].answer(arch, nr, args)


class ByProgram(ByDocument):
    """Answers from programs; names their library does not know are told by unknown()."""

    def __init__(self, documents, programs):
        super().__init__(documents)
        self.programs = programs

    def unknown(self, name):
        return self.programs[name][1]

    def __call__(self, name, arch, nr, args):
        return self.programs[name][0].run(oci.ARCHES[arch][0], nr, args)


def main():
    p = argparse.ArgumentParser(description="Check the seccomp profiles.")
    p.add_argument("--samples", type=int, default=4000, metavar="N",
                   help="random calls per profile and program")
    p.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)), metavar="N",
                   help="repeat a random run")
    p.add_argument("--bpf-command", metavar="CMD", help="a runtime's generator: CMD writes the "
                   "program of {profile}, a path, to standard output")
    p.add_argument("--filter", metavar="CMD", default="",
                   help="filter.c as CMD runs it, say with another libseccomp")
    p.add_argument("-v", "--verbose", action="store_true", help="print claims that hold too")
    args = p.parse_args()
    tally, rng = Tally(args.verbose), random.Random(args.seed)

    shipped = sorted(path.stem for path in (TREE / "profiles").glob("*.json"))
    cases = sorted(path.stem for path in (HERE / "cases").glob("*.json"))
    trees = {name: profile_load(name) for name in shipped + cases}
    documents = {name: oci.Document(tree["seccomp"], TABLES) for name, tree in trees.items()}
    rows = [row for path in sorted(HERE.glob("*.tests")) for row in rows_read(path)]

    faults = set() if args.bpf_command else faults_read()

    check_interpreter(tally)
    for name in shipped:
        check_shape(tally, name, trees[name])
        check_complete(tally, name, documents[name], rows)
        tally.claim(any(row.profile == name for row in rows), f"{name} has rows")
    check_rows(tally, rows, ByDocument(documents), "the document")

    with tempfile.TemporaryDirectory() as scratch:
        maker = Maker(args.bpf_command, args.filter, Path(scratch))
        if not maker.available:
            print(f"skipped: no libseccomp to compile with ({maker.why})", file=sys.stderr)
        for level in (1, 2) if maker.available and not args.bpf_command else (1,):
            if not maker.available:
                break
            by = args.bpf_command or f"libseccomp, optimize {level}"
            programs, known = {}, {}
            for name, tree in trees.items():
                program, unknown = maker.make(name, tree["seccomp"], level)
                programs[name] = (program, unknown)
                known[name] = oci.Document(tree["seccomp"], TABLES, unknown,
                                           beyond=bool(args.bpf_command))
                if args.verbose:
                    print(f"# {name} by {by}: {len(program.code)} instructions, unknown: "
                          f"{' '.join(sorted(unknown)) or 'none'}")
            right = [row for row in rows if (row.profile, row.call) not in faults]
            check_rows(tally, right, ByProgram(documents, programs), by)
            for name in trees:
                check_random(tally, name, known[name], programs[name][0], args.samples, rng, by,
                             faults)

    print(f"seed {args.seed}")
    print(f"{tally.passed} passed, {tally.failed} failed")
    if tally.failed:
        return 1
    return 0 if maker.available else SKIP


if __name__ == "__main__":
    sys.exit(main())
