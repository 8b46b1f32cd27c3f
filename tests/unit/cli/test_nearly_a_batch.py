"""A batch on the command line that is nearly another one: nobody can be asked there."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.ledger import schema_version
from station.ledger.run_import import import_runs
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import a_run


@pytest.fixture
def log(data_dir: Path) -> None:
    schema_version.create_or_check(data_dir)
    import_runs(data_dir, [a_run(batch="2026-47")])


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("words", [["run", "--headless"], ["flash", "B", "--all"], ["test", "--all"]], ids=" ".join)
@pytest.mark.parametrize("batch", ["2026'47", "2026_47", "202647"])
def test_it_is_refused(station: Station, words: list[str], batch: str) -> None:
    told = station(*words, "--batch", batch)
    assert told.exit_code == 2
    assert told.err.startswith("usage.nearly_a_batch: ")
    assert "2026-47" in told.err
    assert "--new-batch" in told.err


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    "words", [["--batch", "2026'47", "--new-batch"], ["--batch", "2026-47"], ["--batch", "2026-48"]]
)
def test_what_is_meant_goes_on(station: Station, words: list[str]) -> None:
    """To the next question, which bundle: here is none."""
    told = station("flash", "no-such-bundle", "--all", "--batch", *words)
    assert "usage.nearly_a_batch" not in told.err
    assert told.exit_code != 0


@pytest.mark.usefixtures("log")
def test_the_configurations_batch_too(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_RUN__BATCH", "2026'47")
    assert station("run", "--headless").err.startswith("usage.nearly_a_batch: ")
