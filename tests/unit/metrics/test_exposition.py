"""What Prometheus is told: every figure once, labels with bounds, and a board that asks for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from station.ledger import schema_version, transactions
from station.ledger.database import open_writer
from station.ledger.metric_queries import DURATION_BOUNDS_S, MetricQueries
from station.metrics.exposition import exposed
from station.metrics.station_figures import CentreFigures, LineFigures, StationFigures
from station.model.runs import Outcome
from station.model.write_times import WRITE_BOUNDS_S, Spread
from tests.unit.ledger.builders import a_run

BOARD = Path(__file__).parents[3] / "deploy/grafana/ae3-stations.json"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
WRITES = Spread.nothing(WRITE_BOUNDS_S).with_one(0.004).with_one(99.0)
LINE = LineFigures(True, "v5", "OpenMV v5", "full", {"waiting": 2, "running": 1}, {"write": 1}, WRITES)
EVERYTHING = StationFigures(
    "bench-1",
    "1.0",
    LINE,
    log_readable=True,
    runs={("A1", "PASS", ""): 3, ("A1", "FAIL", "boot.timeout"): 1, ("A2", "FAIL", "from.another"): 2},
    written={("A1", "HP"): (4096.0, 2.0)},
    durations={"PASS": Spread.nothing(DURATION_BOUNDS_S).with_one(12.0)},
    outbox={"mes": (4, NOON - timedelta(minutes=2)), "zebra": (0, None)},
    labels_missed={"zebra": 1},
    centre=CentreFigures(7, 30.0, away=True),
    batch={"planned": 10, "passed": 3},
    at=NOON,
)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: bytes) -> Samples:
    """Every sample, read by Prometheus' own parser; one that is there twice is an error."""
    found: Samples = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_every_figure_is_there() -> None:
    found = samples(exposed(EVERYTHING))
    assert value(found, "ae3_runs_total", slot="A1", outcome="PASS", code="") == 3
    assert value(found, "ae3_runs_total", slot="A2", outcome="FAIL", code="other") == 2
    assert value(found, "ae3_run_duration_seconds_bucket", outcome="PASS", le="10") == 0
    assert value(found, "ae3_run_duration_seconds_bucket", outcome="PASS", le="15") == 1
    assert value(found, "ae3_run_duration_seconds_count", outcome="PASS") == 1
    assert value(found, "ae3_log_write_seconds_bucket", le="0.005") == 1
    assert value(found, "ae3_log_write_seconds_bucket", le="10") == 1
    assert value(found, "ae3_log_write_seconds_count") == 2
    assert value(found, "ae3_slots", state="waiting") == value(found, "ae3_cameras_held") == 2
    assert value(found, "ae3_slots", state="failed") == 0
    assert value(found, "ae3_slots_in_phase", phase="write") == 1
    assert value(found, "ae3_outbox_lag_seconds", sink="mes") == 120
    assert value(found, "ae3_outbox_waiting", sink="zebra") == 0
    assert value(found, "ae3_central_lag_seconds") == 30
    assert value(found, "ae3_batch_units", where="planned") == 10
    assert value(found, "ae3_station_info", station_id="bench-1", version="1.0") == 1


def test_what_nobody_answers_is_left_out_and_not_zero() -> None:
    found = samples(exposed(StationFigures("bench-1", "1.0")))
    assert value(found, "ae3_line_up") == value(found, "ae3_log_readable") == 0
    assert not [name for name, _ in found if name.startswith(("ae3_runs", "ae3_slots", "ae3_central", "ae3_batch"))]


def test_no_text_of_a_record_breaks_the_form() -> None:
    hostile = replace(EVERYTHING, runs={('A"1\n\\', "PASS", ""): 1}, line=replace(LINE, bundle='x"}\nae3_fake 1'))
    found = samples(exposed(hostile))
    assert value(found, "ae3_runs_total", slot='A"1\n\\', outcome="PASS", code="") == 1
    assert ("ae3_fake", frozenset()) not in found


def expressions() -> Iterator[str]:
    board = json.loads(BOARD.read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query")


def test_the_board_asks_only_for_what_there_is_and_for_all_of_it() -> None:
    there: dict[str, set[str]] = {}
    for name, labels in samples(exposed(EVERYTHING)):
        there.setdefault(name, set()).update(label for label, _ in labels)
    asked: set[str] = set()
    for expression in expressions():
        names = re.findall(r"ae3_[a-z0-9_]+", expression)
        assert names, expression
        assert set(names) <= there.keys(), expression
        asked.update(names)
        known = set.union(*(there[name] for name in names)) | {"instance"}
        for listed in re.findall(r"by \(([^)]*)\)", expression):
            assert {label.strip() for label in listed.split(",")} <= known, expression
        assert set(re.findall(r"(\w+)(?:=~|=|!=)\"", expression)) <= known, expression

    def family(name: str) -> str:
        return re.sub(r"_(bucket|sum|count|created)$", "", name)

    assert {family(name) for name in there} == {family(name) for name in asked}


# --- from a log ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    schema_version.create_or_check(tmp_path)
    return tmp_path


def test_the_log_is_counted_again_only_where_it_changed(folder: Path) -> None:
    engine = open_writer(folder)
    runs = [replace(a_run(minute=minute), duration_s=minute + 1.0) for minute in (0, 10, 100, 200)]
    with engine.begin() as connection:
        for run in runs:
            transactions.put_run(connection, run)
        transactions.put_run(connection, replace(a_run(minute=5), station_id="bench-2"))
        transactions.put_run(connection, a_run(None, minute=300))
    queries = MetricQueries(folder, "bench-1")
    counted, _, durations = queries.take()
    assert [(one.slot, one.outcome, one.code, one.runs) for one in counted] == [("A1", "PASS", "", 4)]
    assert sum(durations["PASS"].counts) == 4
    assert durations["PASS"].total_s == sum(run.duration_s or 0.0 for run in runs)
    assert durations["PASS"].counts[0] == 1
    assert durations["PASS"].counts[-1] == 0
    with engine.begin() as connection:
        transactions.put_run(connection, replace(a_run(minute=11), duration_s=1000.0))
        transactions.put_run(connection, a_run(Outcome.FAIL, minute=12))
    _, _, durations = queries.take()
    assert {outcome: sum(spread.counts) for outcome, spread in durations.items()} == {"PASS": 5, "FAIL": 1}
    assert durations["PASS"].counts[-1] == 1
    queries.close()
    engine.dispose()
