"""One log with the runs of two stations: every bench has an A1, and each is judged among its own."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from station.model.runs import Outcome, RunRecord
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import a_run


def _bench(station_id: str, bad: str | None, minute: float = 0) -> list[RunRecord]:
    """Four slots with twelve cameras each; all of one slot's fail at first."""
    runs = []
    for number in range(48):
        slot = f"A{number % 4 + 1}"
        outcome = Outcome.FAIL if slot == bad else Outcome.PASS
        serial = f"{station_id[-1]}{number:023d}"
        runs.append(a_run(outcome, minute + 3 * number, station_id=station_id, slot=slot, serial=serial, attempts=()))
    return runs


def _file(folder: Path, runs: list[RunRecord]) -> Path:
    file = folder / f"{len(list(folder.iterdir()))}.jsonl"
    file.write_text("".join(json.dumps(run.to_json()) + "\n" for run in runs))
    return file


@pytest.fixture
def both(station: Station, tmp_path: Path) -> None:
    for runs in (_bench("bench-1", "A1"), _bench("bench-2", None)):
        assert station("import", _file(tmp_path, runs)).exit_code == 0


@pytest.mark.usefixtures("both")
class TestTheReport:
    def test_each_slot_of_each_bench_is_a_row(self, station: Station) -> None:
        slots = station("report", "--json").json["slots"]
        assert [(slot["station_id"], slot["slot"], slot["runs"]) for slot in slots] == [
            (bench, slot, 12) for bench in ("bench-1", "bench-2") for slot in ("A1", "A2", "A3", "A4")
        ]

    def test_a_bad_slot_is_suspect_at_its_own_bench_alone(self, station: Station) -> None:
        slots = station("report", "--json").json["slots"]
        assert [(slot["station_id"], slot["slot"]) for slot in slots if slot["suspect"]] == [("bench-1", "A1")]
        assert "LOOK AT SLOT bench-1 A1" in station("report").out

    def test_a_bench_is_judged_as_it_was_alone(self, station: Station) -> None:
        together = [one for one in station("report", "--json").json["slots"] if one["station_id"] == "bench-1"]
        assert station("report", "--station", "bench-1", "--json").json["slots"] == together

    @pytest.mark.parametrize("form", ["text", "html", "csv"])
    def test_every_format_tells_them_apart(self, station: Station, form: str) -> None:
        out = station("report", "--format", form).out
        for bench in ("bench-1", "bench-2"):
            assert f"{bench} A1" in out
        rows = list(csv.reader(io.StringIO(out))) if form == "csv" else []
        assert not [row for row in rows if row[:2] == ["slot", "A1"]]

    def test_one_station_of_two(self, station: Station) -> None:
        report = station("report", "--station", "bench-2", "--json").json
        assert (report["station_id"], report["units_started"], report["units_passed"]) == ("bench-2", 48, 48)
        assert "bench-2 A1" not in station("report", "--station", "bench-2").out
        assert "station bench-2" in station("report", "--station", "bench-2").out

    def test_the_list_to_run_again(self, station: Station) -> None:
        units = station("failed", "--json").json
        assert {(unit["station_id"], unit["slot"]) for unit in units} == {("bench-1", "A1")}
        assert station("failed", "--station", "bench-2", "--json").json == []

    def test_the_export(self, station: Station) -> None:
        lines = station("export", "--station", "bench-2").out.splitlines()
        assert {json.loads(line)["station_id"] for line in lines} == {"bench-2"}
        assert len(lines) == 48

    @pytest.mark.parametrize("command", ["report", "failed", "export"])
    def test_a_station_that_the_log_never_saw(self, station: Station, command: str) -> None:
        told = station(command, "--station", "bench-3")
        assert told.exit_code == 2
        assert told.err.startswith("usage.unknown_station: ")
        assert "bench-1" in told.err


def test_two_machines_with_one_id_are_not_merged(station: Station, tmp_path: Path) -> None:
    """Both are named as the image that they were set up from: their cameras overlap in A1."""
    first, second = _bench("debian", None), [replace(run, serial="F" * 24) for run in _bench("debian", None, 0.5)]
    assert station("import", _file(tmp_path, first)).exit_code == 0
    told = station("import", _file(tmp_path, second))
    assert told.exit_code == 2
    assert told.err.startswith("usage.one_id_twice: ")
    assert "--as-station" in told.err
    assert station("report", "--json").json["units_started"] == 48

    assert station("import", _file(tmp_path, second), "--as-station", "bench-2").exit_code == 0
    assert {slot["station_id"] for slot in station("report", "--json").json["slots"]} == {"debian", "bench-2"}


def test_two_in_one_file(station: Station, tmp_path: Path) -> None:
    told = station("import", _file(tmp_path, [*_bench("debian", None), *_bench("debian", None, 0.5)]))
    assert told.err.startswith("usage.one_id_twice: ")


def test_the_rest_of_one_station_is_taken(station: Station, tmp_path: Path) -> None:
    """Its own export again, and later runs: a camera may come in the moment in which the last one left."""
    first = _bench("bench-2", None)
    later = replace(first[-1], run_id=a_run().run_id, started_at=first[-1].finished_at or first[-1].started_at)
    later = replace(later, finished_at=later.started_at)
    assert station("import", _file(tmp_path, first)).exit_code == 0
    assert station("import", _file(tmp_path, [*first, later]), "--json").json["new"] == 1
