"""Printing: data on stdout, talk on stderr, files whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from station.errors import UsageError
from station.file_problems import reason
from station.local_time import time_text
from station.terminal_text import printable, printable_lines


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def say(line: str) -> None:
    """One line of talk on stderr. Where nobody listens any more (a closed pipe or terminal) it is no failure.

    Names in it were typed or come from files: nothing steers the terminal.
    """
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(printable_lines(line) + "\n")


def print_line(line: str) -> None:
    """One line for people on stdout; nothing in it steers the terminal."""
    print(printable_lines(line))


def on_terminal() -> bool:
    """Whether a person looks at this process."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def local_time(moment: datetime | None) -> str:
    """A time for people: the station's clock, to the second; "" for none."""
    return time_text(moment) if moment else ""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as they must be; numbers to the right. Serials come from devices: nothing steers the terminal."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    numeric = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(headings))]
    for line in (headings, *cells):
        fields = [
            cell.rjust(width) if to_the_right else cell.ljust(width)
            for cell, width, to_the_right in zip(line, widths, numeric, strict=True)
        ]
        sys.stdout.write("  ".join(fields).rstrip() + "\n")


def refuse_unwritable(path: Path) -> None:
    """UsageError `usage.output` for a file that could not be written, before hours are spent on what would be in it."""
    target = Path(os.path.realpath(path))
    try:
        if target.is_dir():
            raise IsADirectoryError
        if not _is_special(target):
            with tempfile.TemporaryFile(dir=target.parent):
                pass
    except OSError as error:
        raise UsageError("usage.output", f"cannot write {path}: {reason(error)}") from error


def _is_special(target: Path) -> bool:
    """Whether it is there and no file: a rename would put a file in its place."""
    return target.exists() and not target.is_file()


@contextlib.contextmanager
def text_output(path: Path | None) -> Iterator[TextIO]:
    """stdout, or a file that appears only when everything was written to it. UsageError where it cannot be written.

    A link stays a link, and what is no file (/dev/null, a pipe) is written to.
    """
    if path is None or str(path) == "-":
        try:
            yield sys.stdout
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError("usage.output", f"cannot write to stdout: {reason(error)}") from error
        return
    target = Path(os.path.realpath(path))
    try:
        with open(target, "w", encoding="utf-8", newline="") if _is_special(target) else _whole(target) as file:
            yield file
    except OSError as error:
        raise UsageError("usage.output", f"cannot write {path}: {reason(error)}") from error


@contextlib.contextmanager
def _whole(target: Path) -> Iterator[TextIO]:
    # Beside the target, because a rename is atomic only within one file system.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        with open(unfinished, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        with contextlib.suppress(OSError):  # it may be where no file can be
            unfinished.unlink(missing_ok=True)
