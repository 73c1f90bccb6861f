# SPDX-License-Identifier: Apache-2.0
"""What can be said of a case."""


def quick(function):
    """It is among those that are run when there is little time."""
    function.quick = True
    return function


def without(*engines):
    """Some engines have no such thing."""
    def mark(function):
        function.without = engines
        return function
    return mark


def needs(*things):
    """Controllers, "systemd", "apparmor", "criu": what the host has to have."""
    def mark(function):
        function.needs = getattr(function, "needs", ()) + things
        return function
    return mark


def since(**versions):
    """The first version, as (major, minor), of an engine that has such a thing, by engine."""
    def mark(function):
        function.since = versions
        return function
    return mark
