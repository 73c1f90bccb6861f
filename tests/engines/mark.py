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
