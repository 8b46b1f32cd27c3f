"""The command `station`. One file a command: parse, call, print, exit code.

This file imports nothing: the worker processes of a line import the main script, and so this package, again.
"""

from __future__ import annotations


def main() -> None:
    """Run the command of `sys.argv` and leave the process with its exit code."""
    import sys

    from station.cli.dispatch import dispatch

    sys.exit(dispatch(sys.argv[1:]))
