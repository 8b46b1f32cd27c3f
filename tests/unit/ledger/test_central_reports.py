"""What is asked of all stations is answered as one log that has all their runs answers it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.cli.dispatch import dispatch
from station.errors import UsageError
from station.ledger.reader import Reader
from station.ledger.unit_release import release_unit
from station.model.runs import Outcome, RunRecord
from station.model.units import Release, RunFilter
from tests.postgres import Postgres
from tests.unit.ledger.builders import OTHER_SERIAL, SERIAL, START, a_run, an_attempt, rounded
from tests.unit.ledger.sending import another_log, asking, push, put
from tests.unit.ledger.test_yields_in_sql import any_run, empty, selections

SHIFT = [
    a_run(Outcome.FAIL, 0, slot="B2"),
    a_run(Outcome.PASS, 5, attempts=(an_attempt(1, Outcome.FAIL), an_attempt(2))),
    a_run(Outcome.ABORTED, 8, serial=OTHER_SERIAL, application_serial="9fab9ab3810000ff"),
    a_run(Outcome.PASS, 70, serial="", identified=False, operator=None),
    a_run(Outcome.SKIPPED, 130, batch="l42"),
]


@pytest.fixture
def both(data_dir: Path, centre: str) -> Iterator[tuple[Reader, Reader]]:
    """A station's log and the centre."""
    with closing(Reader(data_dir)) as own, closing(Reader.of_central(centre)) as central:
        yield own, central


def put_everywhere(data_dir: Path, url: str, *runs: RunRecord) -> None:
    put(data_dir, *runs)
    push(data_dir, url)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(any_run(), max_size=14), asked=st.lists(selections, min_size=1, max_size=4))
def test_the_centre_counts_as_the_log_does(
    data_dir: Path, centre: str, both: tuple[Reader, Reader], runs: list[RunRecord], asked: list[RunFilter]
) -> None:
    own, central = both
    empty(data_dir)
    with asking(centre) as connection:
        connection.exec_driver_sql(
            "TRUNCATE runs, attempts, images, measurements, releases, units, batches, hour_runs, "
            "hour_images, hour_measurements, outbox"
        )
        connection.commit()
    put_everywhere(data_dir, centre, *(run for run in runs if run.outcome is not None))
    for selection in [RunFilter(), *asked]:
        assert rounded(central.report(selection)) == rounded(own.report(selection))
    assert [unit.to_json() for unit in central.failed(max_runs=2)] == [
        unit.to_json() for unit in own.failed(max_runs=2)
    ]
    assert sorted(run.run_id for run in central.runs()) == sorted(run.run_id for run in own.runs())
    for serial in ("A", "B"):
        assert central.unit(serial) == own.unit(serial)
        assert central.history(serial, "x") == own.history(serial, "x")


def test_the_other_questions(data_dir: Path, centre: str, both: tuple[Reader, Reader]) -> None:
    put(data_dir, *SHIFT)
    release_unit(data_dir, Release(SERIAL, "2026-47", START, "Ada"))
    push(data_dir, centre)
    own, central = both
    for ask in QUESTIONS:
        assert ask(central) == ask(own)
    assert central.unit_named("5566") == OTHER_SERIAL
    for reader in both:
        with pytest.raises(UsageError, match="the nearest: 2026-47"):
            reader.refuse_unknown(batch="2026-48")
        with pytest.raises(UsageError, match="the nearest: 3A0F5C77B1D2E49600112233"):
            reader.refuse_unknown(unit="3A0F5C77B1D2E49600112244")


QUESTIONS: list[Any] = [
    lambda reader: list(reader.runs()),
    lambda reader: reader.newest(RunFilter(slot="A1"), 3),
    lambda reader: reader.found("3A0F5C77", 10),
    lambda reader: reader.found("5566", 10),
    lambda reader: reader.found("0000FF", 10),
    lambda reader: reader.unit("9FAB9AB3810000FF"),
    lambda reader: reader.finished("bench-1", START, 9),
    lambda reader: reader.near_batches("L42"),
    lambda reader: reader.batch_summary("2026-47"),
    lambda reader: reader.counted_units("bench-1", "2026-47"),
    lambda reader: reader.newest_stations(),
    lambda reader: reader.first_run_after(START),
    lambda reader: (reader.run_count(), reader.open_runs()),
]


def test_the_commands_read_all_stations(
    data_dir: Path, centre: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = another_log(data_dir, tmp_path / "other")
    put_everywhere(data_dir, centre, *SHIFT[:2])
    put(other, a_run(Outcome.FAIL, 90, station_id="bench-3", serial=OTHER_SERIAL))
    push(other, centre, "bench-3")
    monkeypatch.setenv("STATION_CENTRAL__URL", centre)

    def answer(*words: str) -> Any:
        assert dispatch([*words, "--central", "--data-dir", str(tmp_path / "nowhere")]) == 0
        return (
            [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            if "export" in words
            else json.loads(capsys.readouterr().out)
        )

    assert answer("report", "--batch", "2026-47", "--json")["units_started"] == 2
    assert answer("report", "--station", "bench-3", "--json")["units_started"] == 1
    assert [unit["serial"] for unit in answer("failed", "--json")] == [OTHER_SERIAL]
    assert answer("failed", "--station", "bench-1", "--json") == []
    assert {run["station_id"] for run in answer("export")} == {"bench-1", "bench-3"}
    assert [run["station_id"] for run in answer("unit", "5566", "--json")["runs"]] == ["bench-3"]


def test_a_command_without_a_centre_says_what_to_set(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    assert dispatch(["report", "--central", "--data-dir", str(data_dir)]) == 2
    assert "central.not_set" in capsys.readouterr().err
    monkeypatch.setenv("STATION_CENTRAL__URL", postgres.url("nowhere"))
    assert dispatch(["report", "--central", "--data-dir", str(data_dir)]) == 4
    said = capsys.readouterr().err
    assert "central.unreachable" in said
    assert "se cret" not in said
    assert "se%20cret" not in said


def test_the_commands_of_the_centre(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    """From an empty database to one that has the whole log."""
    put(data_dir, *SHIFT)
    name = postgres.new_database()
    monkeypatch.setenv("STATION_CENTRAL__URL", postgres.url(name))
    monkeypatch.setenv("STATION_DATA_DIR", str(data_dir))

    def answer(code: int, *words: str) -> Any:
        assert dispatch([*words, "--json"]) == code
        return capsys.readouterr()

    assert "station db upgrade --central" in answer(4, "central", "push").err
    assert json.loads(answer(0, "db", "upgrade", "--central").out)["before"] is None
    assert json.loads(answer(0, "central", "status").out)["waiting"] == len(SHIFT)
    assert json.loads(answer(0, "central", "push").out) == {"sent": len(SHIFT), "refused": 0}
    assert json.loads(answer(0, "central", "push").out) == {"sent": 0, "refused": 0}
    assert json.loads(answer(0, "central", "push", "--all").out) == {"sent": len(SHIFT), "refused": 0}
    found = json.loads(answer(0, "central", "status").out)
    assert (found["waiting"], found["code"]) == (0, None)
    assert "se%20cret" not in found["url"]
    postgres.stop()
    try:
        put(data_dir, replace(a_run(), serial=OTHER_SERIAL))
        away = answer(4, "central", "status")
        assert (json.loads(away.out)["waiting"], json.loads(away.out)["code"]) == (1, "central.unreachable")
    finally:
        postgres.start()
