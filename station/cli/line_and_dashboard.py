"""The line in a process of its own and a dashboard in this one: neither needs the other to live.

The line's process leads a session of its own: a closed terminal, a signal to the terminal's processes or the end of
this process does not reach it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from station.cli.engineer import PIN_FILE, pin_for
from station.cli.talk_file import keep_small, talk_file
from station.errors import HINTS, BusyError, StationError

if TYPE_CHECKING:
    from station.dashboard.exit_status import Leaving
    from station.settings import Settings

START_LIMIT_S = 120.0
"""Until the line answers: a release is hashed first, and a rig's guest loads programs slowly."""
END_LIMIT_S = 60.0
NEEDED = "role.engineer_needed"
END_KEYS = {"enter": "enter", "tab": "tab", "line feed": "ctrl+j"}
"""The settings' words, and the keys' names to the dashboard."""


def run_attached(data_dir: Path, words: Sequence[str], settings: Settings) -> int:
    """Start `station WORDS --serve` as a line of its own and look at it. Returns the exit code for this process.

    0 where the operator left the line running, else the line's own. A line that could not start is reported on stderr.
    """
    from station.control.client import is_served

    if is_served(data_dir):
        raise BusyError("station.attachable", f"a line already works in the data folder {data_dir}")
    line, said = _started(data_dir, words)
    if line.returncode is not None and (what := needs_engineer(said)) and PIN_FILE not in os.environ:
        # Only the line knows whether what it starts with needs an engineer; only here is somebody to ask.
        line, said = _started(data_dir, words, pin_for(what))
    if line.returncode is not None:
        sys.stderr.write(said)
        return line.returncode
    leaving = attach(data_dir, settings)
    if leaving.line_goes_on:
        sys.stderr.write(f"the line goes on; look at it again with: station dashboard --data-dir {data_dir}\n")
        return 0
    return line.wait(END_LIMIT_S)


def needs_engineer(said: str) -> str | None:
    """What a line that did not start needs an engineer for, by what it said: warnings, and in the end why, with the
    hint; None where it is something else."""
    for line in reversed(said.splitlines()):
        if line.startswith(f"{NEEDED}: "):
            refused = line.removeprefix(f"{NEEDED}: ").removesuffix(HINTS[NEEDED]).strip().removesuffix(".")
            return refused.removeprefix("only an engineer may do this: ")
    return None


def _started(data_dir: Path, words: Sequence[str], pin: str | None = None) -> tuple[subprocess.Popen[bytes], str]:
    """The line's process once it answers, or once it has ended, and what it has said. A PIN goes through a pipe."""
    from station.control.client import is_served

    log = talk_file(data_dir)
    log.parent.mkdir(parents=True, exist_ok=True)
    keep_small(log)
    with log.open("ab") as talk:
        said_from = talk.tell()
        line = subprocess.Popen(
            [sys.executable, "-m", "station", *words, "--serve", "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL if pin is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=talk,
            start_new_session=True,
            env=None if pin is None else {**os.environ, PIN_FILE: "-"},
        )
    if line.stdin is not None and pin is not None:
        with suppress(BrokenPipeError), line.stdin as pipe:
            pipe.write(pin.encode() + b"\n")
    until_s = time.monotonic() + START_LIMIT_S
    while not is_served(data_dir):
        if line.poll() is not None:
            break
        if time.monotonic() > until_s:
            line.terminate()
            raise StationError("line.no_answer", f"the line did not start; what it said is in {log}")
        time.sleep(0.05)
    return line, log.read_bytes()[said_from:].decode(errors="replace")


def as_scanned(settings: Settings, label: str) -> str:
    """A label's text as the screen takes it: without what the scanner puts before it and between its fields."""
    from station.dashboard.input.barcode import Scanner, without_separators

    return Scanner(prefixes=tuple(settings.scanner.prefixes)).label(without_separators(label))


def attach(data_dir: Path, settings: Settings, *, read_only: bool = False, kiosk: bool = False) -> Leaving:
    """Show the dashboard of the line that works in this data folder until the operator leaves it; a `kiosk`'s ends with
    the line."""
    from station.dashboard.input.barcode import Scanner
    from station.dashboard.start import show
    from station.wiring.all_stations import all_stations
    from station.wiring.log import open_records

    given = settings.scanner
    ends = frozenset(END_KEYS[end] for end in given.end)
    scanner = Scanner(given.gap_ms / 1000, ends, tuple(given.prefixes), given.min_length)
    with open_records(data_dir) as records, all_stations(settings) as others:
        language = settings.station.language
        target = settings.dashboard.yield_target / 100 or None
        return show(
            data_dir,
            records,
            all_stations=others,
            language=language,
            read_only=read_only,
            scanner=scanner,
            yield_target=target,
            kiosk=kiosk,
        )
