"""The command `station`. One file a command: parse, call, print, exit code.

This file imports nothing: the worker processes of a line import the main script, and so this package, again.
"""

from __future__ import annotations


def main() -> None:
    """Run the command of `sys.argv` and leave the process with its exit code."""
    import gc
    import sys

    # A start makes hundreds of thousands of objects that stay: looking among them for garbage, as often as Python does
    # by default, is a sixth of the time that a short command takes.
    gc.set_threshold(50_000, 20, 50)
    from station.cli.dispatch import dispatch

    code = dispatch(sys.argv[1:])
    # All memory goes with the process: taking it apart object by object would be another fifth of that time.
    gc.freeze()
    sys.exit(code)
