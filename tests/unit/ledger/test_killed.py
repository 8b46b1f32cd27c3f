"""SIGKILL in the middle of writing: what was told as committed is there, what was open is closed at the next start."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.errors import UsageError
from station.ledger.integrity import check
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.unit_bindings import bind_unit
from station.model.runs import Outcome
from station.model.unit_values import UnitBinding

WRITER = Path(__file__).with_name("endless_writer.py")
BINDER = Path(__file__).with_name("endless_binder.py")
ROOT = Path(__file__).resolve().parents[3]


def committed_until_killed(program: Path, data_dir: Path, count: int) -> list[str]:
    """What it said that was committed. It is killed once that are so many; what it says until its death counts too."""
    command = [sys.executable, str(program), str(data_dir)]
    committed: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            committed.append(line.strip())
            if len(committed) == count:
                writer.send_signal(signal.SIGKILL)
        assert writer.wait(120) == -signal.SIGKILL
    assert len(committed) >= count
    return committed


def test_sigkill_loses_no_binding_and_leaves_no_half_of_one(data_dir: Path) -> None:
    """Again and again in one log: a pairing is there with its run's record, its values and what waits for the sink, or
    nothing of it is. Then every label is bound once more, and that changes nothing."""
    for count in (7, 23, 40):
        committed = committed_until_killed(BINDER, data_dir, count)
        assert check(data_dir).problems == ()
        with closing(sqlite3.connect(data_dir / "station.sqlite3")) as log:
            bound = dict(log.execute("SELECT product_serial, serial FROM product_serials").fetchall())
            runs = log.execute("SELECT serial, product_serial, unit_values FROM runs").fetchall()
            told = {row[0] for row in log.execute("SELECT unit_id FROM outbox")}
            units = dict(log.execute("SELECT serial, unit_id FROM units").fetchall())
        assert set(committed) <= set(bound)
        assert len(set(bound.values())) == len(bound)
        for serial, product, values in runs:
            number = int(serial, 16)
            assert (product, values) in ((None, None), (f"P-{number}", f'{{"box": "{number}"}}'))
            assert (bound.get(f"P-{number}") == serial) is (product is not None)
            assert units[serial] in told
    for product, serial in bound.items():
        bind_unit(data_dir, UnitBinding(serial, "bench-1", datetime.now(UTC), "ann", product))
        with pytest.raises(UsageError, match="already"):
            bind_unit(data_dir, UnitBinding(serial, "bench-1", datetime.now(UTC), "ann", "P-other"))
    with closing(sqlite3.connect(data_dir / "station.sqlite3")) as log:
        assert dict(log.execute("SELECT product_serial, serial FROM product_serials").fetchall()) == bound


def test_sigkill_loses_no_committed_run(data_dir: Path, new_recorder: Callable[..., Recorder]) -> None:
    committed = committed_until_killed(WRITER, data_dir, 60)
    assert check(data_dir).problems == ()

    reader = Reader(data_dir)
    before = {run.run_id: run for run in reader.runs()}
    assert all(before[run_id].outcome is Outcome.PASS and before[run_id].attempts for run_id in committed)
    left_open = {run_id for run_id, run in before.items() if run.outcome is None}
    assert left_open

    recovery = new_recorder().close_interrupted()
    assert recovery.interrupted_runs == len(left_open)
    after = {run.run_id: run for run in reader.runs()}
    assert {run_id for run_id, run in after.items() if run.code == "station.interrupted"} == left_open
    assert all(after[run_id] == before[run_id] for run_id in committed)
    reader.close()
