"""A station that is renamed while a batch is open: its next line has no batch, and says so."""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from station.control.wire import LineAbout
from station.dashboard.widgets.status_lines import what_runs
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.line.setup import LineSetup, OpenLog
from station.model.batches import Batch
from station.model.ids import new_id
from station.model.recipes import Recipe
from station.model.runs import RunOptions
from station.wiring.line import about_line
from station.wiring.log import Replies, open_log
from tests.unit.ledger.builders import START
from tests.unit.ledger.test_batches import BATCH, note

RENAMED = LineSetup("new-host", Recipe("full", ()), "b", "b1", (), RunOptions())


def next_line(data_dir: Path, setup: LineSetup) -> OpenLog:
    with ExitStack() as opened:
        return open_log(data_dir, setup, Replies(), opened)


def begun(data_dir: Path, *batches: Batch) -> None:
    recorder = Recorder(data_dir, lambda _reply: None)
    note(recorder, *batches)
    assert recorder.close(120)


def test_it_says_which_batch_is_open_and_under_which_id(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    begun(data_dir, BATCH)
    log = next_line(data_dir, RENAMED)
    assert (log.begun, log.elsewhere) == (None, BATCH)
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    for word in ("2026-47", "bench-1", "new-host", "STATION_ID", "--batch 2026-47"):
        assert word in said


@pytest.mark.parametrize(
    ("batches", "setup"),
    [
        pytest.param([], RENAMED, id="no batch at all"),
        pytest.param([replace(BATCH, ended_at=START)], RENAMED, id="it was ended"),
        pytest.param([BATCH], replace(RENAMED, station_id="bench-1"), id="not renamed"),
        pytest.param([BATCH], replace(RENAMED, batch="2026-47"), id="it is named"),
        pytest.param([BATCH], replace(RENAMED, only_present=True), id="what is plugged in, once"),
        pytest.param(
            [BATCH, Batch(new_id(), "new-host", "2026-48", None, "Ada", START)], RENAMED, id="another goes on"
        ),
        pytest.param(
            [BATCH, Batch(new_id(), "new-host", "2026-47", 5, "Ada", START, ended_at=START)], RENAMED, id="ended here"
        ),
    ],
)
def test_nothing_to_say(
    data_dir: Path, caplog: pytest.LogCaptureFixture, batches: list[Batch], setup: LineSetup
) -> None:
    begun(data_dir, *batches)
    assert next_line(data_dir, setup).elsewhere is None
    assert not [record for record in caplog.records if "station id" in record.getMessage()]


def test_the_newest_of_several(data_dir: Path) -> None:
    later = replace(BATCH, batch_id=new_id(), station_id="older-host", name="L9", begun_at=START.replace(hour=20))
    begun(data_dir, later, BATCH)
    with closing(Reader(data_dir)) as reader:
        assert reader.open_elsewhere("new-host") == later


def test_every_screen_shows_it() -> None:
    about = replace(about_line(RENAMED), left_open=("2026-47", "bench-1"))
    about = LineAbout.from_json(about.to_json())
    assert "no batch: 2026-47 is open under the id bench-1" in what_runs(about, None, START, 80)
