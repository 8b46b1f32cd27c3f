"""A log of a million runs, made in a minute: rows go straight into the tables, as the recorder would have written them.

    python -m tests.bench.big_log DATA_DIR [RUNS]

Each batch has 2,000 units over eight slots; one run in thirty fails and is run again, a few end ERROR, ABORTED or
SKIPPED, and some pass at their second attempt. The same count gives the same log.
"""

from __future__ import annotations

import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from station.ledger import hourly_sums, schema_version
from station.ledger.database import log_file, open_writer

UNITS_PER_BATCH = 2000
SLOTS = tuple(f"{row}{column}" for row in "AB" for column in range(1, 5))
IMAGES = (
    ("HP", 1, 2_621_440, 640, 12.0),
    ("HE", 2, 1_048_576, 256, 5.0),
    ("ROMFS1", 3, 262_144, 64, 1.2),
    ("ROMFS0", 4, 12_582_912, 3072, 21.0),
)
START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
STEP_S = 7.5
_CHUNK_RUNS = 20_000

Row = tuple[object, ...]


@dataclass
class Rows:
    """Rows of some runs, by table, in the order of their columns."""

    units: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    images: list[Row] = field(default_factory=list)


def batch_name(number: int) -> str:
    """The name of a batch, counted from 0."""
    return f"B{number:04d}"


def serial_of(number: int) -> str:
    """The serial of a unit, counted from 0."""
    return f"{0xBE0C00000000000000000000 + number:024X}"


def make(data_dir: Path, runs: int = 1_000_000) -> None:
    """Make a log of so many runs in a folder that has none."""
    schema_version.create_or_check(data_dir)
    with closing(sqlite3.connect(log_file(data_dir), isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        source = _runs(random.Random(1))
        for done in range(0, runs, _CHUNK_RUNS):
            rows = Rows()
            for add in islice(source, min(_CHUNK_RUNS, runs - done)):
                add.into(rows)
            _insert(connection, rows)
    engine = open_writer(data_dir)
    with engine.begin() as connection:
        hourly_sums.rebuild(connection)
    with engine.connect() as connection_:
        connection_.exec_driver_sql("COMMIT")
        connection_.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection_.exec_driver_sql("BEGIN")
    engine.dispose()


def _insert(connection: sqlite3.Connection, rows: Rows) -> None:
    connection.execute("BEGIN")
    for table in ("units", "runs", "attempts", "images"):
        values = getattr(rows, table)
        names = _COLUMNS[table]
        marks = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)
    connection.execute("COMMIT")


@dataclass(frozen=True, slots=True)
class _Run:
    number: int
    unit: int
    new_unit: bool
    outcome: str
    code: str | None
    attempts: int
    seconds: float

    def into(self, rows: Rows) -> None:
        """Add the rows of this run."""
        if self.new_unit:
            rows.units.append((_key(0, self.unit), serial_of(self.unit), 1))
        started_at = START + timedelta(seconds=self.number * STEP_S)
        run_id = _key(1, self.number)
        rows.runs.append(self._run_row(run_id, started_at))
        for number in range(1, self.attempts + 1):
            last = number == self.attempts
            outcome = self.outcome if last else "FAIL"
            code = self.code if last else "usb.io"
            attempt_id = _key(1 + number, self.number)
            phase = "boot" if outcome == "PASS" else "write"
            rows.attempts.append(
                (attempt_id, run_id, number, outcome, code, phase, _text(started_at), self.seconds, "", 0, "[]")
            )
            images = IMAGES if outcome == "PASS" else IMAGES[:2]
            rows.images.extend(_image(attempt_id, position, self.seconds) for position in range(len(images)))

    def _run_row(self, run_id: str, started_at: datetime) -> Row:
        batch = batch_name(self.unit // UNITS_PER_BATCH)
        slot = SLOTS[self.number % len(SLOTS)]
        passed = self.outcome == "PASS"
        operator = ("Ada", "Bo", "Chris")[self.number // 4000 % 3]
        return (
            run_id, _key(0, self.unit), "bench-1", serial_of(self.unit), 1, slot, f"1-1.{slot}", batch, operator,
            "full", f"v4.{7 + self.number // 400_000}.0", "5" * 64, "1.0.3", _text(started_at),
            _text(started_at + timedelta(seconds=self.seconds)), self.seconds, self.outcome, self.code,
            "" if passed else "block 7 of ROMFS0 was refused", passed, passed, passed and self.attempts == 1,
            _text(started_at), self.outcome != "SKIPPED",
        )  # fmt: skip


def _runs(chance: random.Random) -> Iterator[_Run]:
    """Runs without end: a failed unit is run again some runs later."""
    again: list[tuple[int, int]] = []
    number = unit = 0
    while True:
        new = not (again and again[0][0] <= number)
        of_unit = unit if new else again.pop(0)[1]
        unit += new
        outcome, code, attempts = _fate(chance.random())
        if outcome not in ("PASS", "SKIPPED") and chance.random() < 0.9:
            again.append((number + 200, of_unit))
        yield _Run(number, of_unit, new, outcome, code, attempts, round(42 + 8 * chance.random(), 3))
        number += 1


def _fate(draw: float) -> tuple[str, str | None, int]:
    for limit, fate in _FATES:
        if draw < limit:
            return fate
    return "PASS", None, 1


_FATES: tuple[tuple[float, tuple[str, str | None, int]], ...] = (
    (0.020, ("FAIL", "dfu.err_write", 2)),
    (0.028, ("FAIL", "usb.io", 2)),
    (0.033, ("FAIL", "boot.timeout", 1)),
    (0.038, ("ERROR", "worker.died", 1)),
    (0.045, ("ABORTED", "operator.unplugged", 1)),
    (0.055, ("SKIPPED", "unit.already_passed", 0)),
    (0.080, ("PASS", None, 2)),
)


def _image(attempt_id: str, position: int, seconds: float) -> Row:
    partition, alt, size_bytes, blocks, write_s = IMAGES[position]
    digest = f"{alt:064d}"
    return (
        attempt_id, position, partition, alt, size_bytes, digest, digest, blocks, blocks, write_s * seconds / 46,
        write_s / 8,
    )  # fmt: skip


def _key(kind: int, number: int) -> str:
    """A key as of a time-ordered UUID; `kind` keeps those of one number apart."""
    milliseconds = int(START.timestamp() * 1000) + number * 7500
    mixed = (number * 2654435761 + kind * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFF
    head = f"{milliseconds:012x}"
    return f"{head[:8]}-{head[8:]}-7{kind:03x}-8000-{mixed:012x}"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


_COLUMNS = {
    "units": ("unit_id", "serial", "identified"),
    "runs": (
        "run_id", "unit_id", "station_id", "serial", "identified", "slot", "port_path", "batch", "operator", "recipe",
        "bundle", "bundle_sha256", "bootloader", "started_at", "finished_at", "duration_s", "outcome", "code",
        "message", "verified", "boot_confirmed", "passed_at_once", "ordered_at", "may_have_written",
    ),
    "attempts": (
        "attempt_id", "run_id", "number", "outcome", "code", "phase", "started_at", "duration_s", "message",
        "mram_initialized", "notes",
    ),
    "images": (
        "attempt_id", "position", "partition", "alt", "size_bytes", "sha256", "readback_sha256", "blocks_total",
        "blocks_written", "write_s", "verify_s",
    ),
}  # fmt: skip


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
