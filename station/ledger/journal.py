"""Finished runs that the log could not take, kept as JSON lines until it can.

One file per recorder, made at its first such run. A line is {"journaled_at", "reason", "run"}; each is on the disk
before the line gets the answer. The next start writes them to the log and removes the file.

A run that only waits for another program's lock is kept too, as `"waiting": true`: nobody was told that it failed. It
goes into the log once the lock is gone, and does not count where the log has it by the time that the journal is read.

Room for them is reserved while there is some (`disk_room`): a file beside the log, which goes when the disk is full.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from station.atomic_write import sync_folder
from station.json_lines import line_of, object_of
from station.ledger.disk_room import FULL, Reserve
from station.model.ids import new_id
from station.model.run_json import run_from_json
from station.model.runs import Outcome, RunRecord
from station.problem import joined, sentence

FOLDER = "journal"
_SUFFIX = ".jsonl"
UNUSABLE = ".unusable"
"""How the name of a journal ends of which some lines are no runs: it is kept for whoever can read them."""
RESERVE = ".journal-reserve"
RESERVE_BYTES = 2 << 20
"""A run takes 3 to 10 KiB: some hundred results, more than there are cameras on any bench."""


class Journal:
    """One recorder's file; made when it is needed first."""

    def __init__(self, data_dir: Path) -> None:
        self.file = data_dir / FOLDER / f"{new_id()}{_SUFFIX}"
        self._reserve = Reserve(data_dir / RESERVE, RESERVE_BYTES)
        self._waiting: set[str] = set()
        self._has_failed = False

    def require_writable(self) -> None:
        """Errors: OSError where no result could be kept: better said before the first camera than with a result."""
        folder = self.file.parent
        if not os.path.lexists(folder):
            return
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            if error.errno not in FULL:  # for a full disk there is the reserve
                error.filename = str(folder)
                raise

    def reserve(self) -> bool:
        """Take room on the disk for what may have to be kept; False where there is none."""
        return self._reserve.take()

    def reserve_again(self) -> None:
        """The same once there is room again."""
        if self._reserve.is_given_up:
            self._reserve.take_again()

    def append(self, run: RunRecord, reason: str) -> None:
        """Keep a finished run; on the disk when this returns. The reserve makes room on a full one. Errors: OSError."""
        self._keep({"reason": reason, "run": run.to_json()})
        self._has_failed = True

    def wait(self, run: RunRecord, reason: str) -> None:
        """Keep a finished run that waits for a lock; once is enough. Errors: OSError."""
        if run.run_id not in self._waiting:
            self._keep({"reason": reason, "waiting": True, "run": run.to_json()})
            self._waiting.add(run.run_id)

    def taken(self, run: RunRecord) -> None:
        """The log has it; the file goes with the last that waited. Where that fails, the next start does it."""
        if run.run_id not in self._waiting:
            return
        self._waiting.remove(run.run_id)
        if not self._waiting and not self._has_failed:
            with suppress(OSError):
                settle(self.file, all_usable=True)

    def _keep(self, entry: dict[str, Any]) -> None:
        try:
            self._append(entry)
        except OSError as error:
            if error.errno not in FULL or not self._reserve.give_up():
                raise
            self._append(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        entry = {"journaled_at": datetime.now(UTC).isoformat(), **entry}
        self.file.parent.mkdir(exist_ok=True)
        # A line feed before and after: half a line, cut off by a full disk, does not spoil the next one.
        data = b"\n" + line_of(entry)
        with self.file.open("ab", buffering=0) as stream:
            _write_all(stream.fileno(), data)
            os.fsync(stream.fileno())
        sync_folder(self.file.parent)
        sync_folder(self.file.parent.parent)


@dataclass(frozen=True, slots=True)
class JournalContent:
    """A journal's runs, as the log will have them, and how many lines are no runs. `waiting`: see above."""

    runs: tuple[RunRecord, ...]
    unreadable_lines: int
    waiting: tuple[RunRecord, ...] = ()


def journal_files(data_dir: Path) -> list[Path]:
    """The journals that wait for the log, oldest first."""
    return sorted((data_dir / FOLDER).glob(f"*{_SUFFIX}"))


def read(file: Path) -> JournalContent:
    """The runs of a journal. Errors: OSError."""
    runs: list[RunRecord] = []
    waiting: list[RunRecord] = []
    unreadable = 0
    for line in file.read_bytes().splitlines():
        if not line.strip():
            continue
        try:
            entry = object_of(line)
            run = as_unwritten(run_from_json(entry["run"]), str(entry["reason"]))
            (waiting if entry.get("waiting") is True else runs).append(run)
        except (ValueError, KeyError, TypeError):
            unreadable += 1
    return JournalContent(tuple(runs), unreadable, tuple(waiting))


def settle(file: Path, *, all_usable: bool) -> None:
    """The runs are in the log: remove the journal, or put it aside where some of it could not be used."""
    if all_usable:
        file.unlink(missing_ok=True)
    else:
        file.replace(file.with_name(file.name + UNUSABLE))
    sync_folder(file.parent)


def as_unwritten(run: RunRecord, reason: str) -> RunRecord:
    """The run as the operator saw it: ERROR ledger.write_failed. What it had been is in the message."""
    was = str(run.outcome) if run.code is None else f"{run.outcome} {run.code}"
    parts: list[str] = [
        sentence("was {outcome}, but the log could not be written at the time: {reason}", outcome=was, reason=reason)
    ]
    if run.message:
        parts.append(run.message)
    return replace(run, outcome=Outcome.ERROR, code="ledger.write_failed", message=joined(parts))


def _write_all(descriptor: int, data: bytes) -> None:
    """`os.write` may take less than all, above all when a disk fills; the next call then says why."""
    while data:
        data = data[os.write(descriptor, data) :]
