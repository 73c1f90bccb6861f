# SPDX-License-Identifier: Apache-2.0
"""The command line of `run` and `full`: options, then -- and a command that is taken as it is."""
import argparse
import os
import re
import sys


class Options(argparse.ArgumentParser):
    """A parser that has -e, -T and --help, and on a mistake says only what it is."""

    def __init__(self, text: str):
        super().__init__(prog=os.path.basename(sys.argv[0]), usage=argparse.SUPPRESS,
                         add_help=False, allow_abbrev=False)
        self.text = text
        self.add_argument("-h", "--help", action="store_true")
        self.add_argument("-e", dest="env", action="append", default=[])
        self.add_argument("-T", dest="limit", type=float, default=600)

    def error(self, message: str) -> None:
        print(f"vm: {self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)

    def read(self, argv: list[str]) -> argparse.Namespace:
        """The options, with the command as `command`. Does not return if something is wrong."""
        split = argv.index("--") if "--" in argv else len(argv)
        given = self.parse_args(argv[:split])
        given.command = argv[split + 1:]
        if given.help:
            print(self.text, end="")
            raise SystemExit(0)
        if not given.command:
            self.error("no command after --")
        if given.limit <= 0:
            self.error(f"-T {given.limit:g}: not a time")
        for variable in given.env:
            if not re.match(r"[A-Za-z_][A-Za-z0-9_]*=", variable):
                self.error(f"-e {variable}: not NAME=VALUE")
        if os.geteuid() != 0:
            self.error("only root can start a machine")
        return given

    def directory(self, path: str) -> str:
        """The real path of a directory that is to be shared."""
        if not os.path.isdir(path):
            self.error(f"{path}: not a directory")
        return os.path.realpath(path)
