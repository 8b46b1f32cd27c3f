from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from station.errors import HINTS, UsageError
from station.local_time import use_zone
from station.model.run_json import run_from_json
from station.model.runs import Outcome
from station.model.units import FailedUnit
from station.report.cells import csv_cell
from station.report.render import FORMATS, render_report
from station.report.run_export import CSV_HEADER, export_lines
from station.report.text import failed_text
from station.terminal_text import printable
from station.yields.counting import YieldReport, summarize
from station.yields.definitions import DEFINITIONS
from station.yields.measurement_spread import MeasurementSpread
from tests.unit.ledger.builders import START, a_run, an_attempt, opened

STEERING = "\x1b[2J\x07evil\u202e"


@pytest.fixture
def report() -> YieldReport:
    runs = [
        a_run(serial="GOOD"),
        a_run(Outcome.FAIL, serial="BAD", slot="B2", code="usb.io"),
        a_run(Outcome.ERROR, serial="", identified=False, slot="B2"),
    ]
    return summarize(runs, batch="2026-47", since=START)


def test_the_text_has_figures_with_their_counts_and_on_demand_definitions(report: YieldReport) -> None:
    text = render_report(report, "text")
    lines = text.splitlines()
    assert "First-pass yield  50.0 %  (1 of 2)  95 %: 9.5 to 90.5 %" in lines
    assert "Final yield       50.0 %  (1 of 2)  95 %: 9.5 to 90.5 %" in lines
    assert "Runs              PASS 1  FAIL 1  ERROR 1  ABORTED 0  SKIPPED 0  open 0" in lines
    assert any(line.split()[:5] == ["usb.io", "FAIL", "1", "1", "100.0"] and HINTS["usb.io"] in line for line in lines)
    assert any(line.split()[:3] == ["B2", "2", "0.0"] for line in lines)
    assert "Open units (2)" in lines
    (bad,) = (line for line in lines if line.startswith("  BAD "))
    assert bad.split()[:4] == ["BAD", "usb.io", "B2", "1"]
    assert bad.endswith(HINTS["usb.io"])
    assert any(line.startswith("  (no serial)  worker.died") for line in lines)
    assert "cumulative share" in text
    assert not any(meaning in text for meaning in DEFINITIONS.values())
    assert lines[-1] == "What each figure means: station report --explain"
    explained = render_report(report, "text", explain=True)
    assert all(meaning in explained for meaning in DEFINITIONS.values())


def test_texts_that_were_measured_everywhere_are_one_line(report: YieldReport) -> None:
    empty = MeasurementSpread("device_id", None, "B2", 2, 0, 0, None, None, None, label="B2")
    spreads = (
        empty,
        replace(empty, name="firmware"),
        replace(empty, name="version"),
        replace(empty, name="version", slot="A1", label="A1", failed=1),
        replace(empty, name="light", least=1.0, mean=1.5, most=2.0),
    )
    text = render_report(replace(report, measurements=spreads), "text")
    table = text.partition("Measurements\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[:2] for line in table[1:4]] == [["version", "B2"], ["version", "A1"], ["light", "B2"]]
    assert table[4:] == ["  texts, none failed or missing in any slot: device_id, firmware"]


@pytest.mark.parametrize(("minutes", "an_hour"), [(14.9, "-"), (15, "4.0")])
def test_a_rate_an_hour_is_for_people_once_a_quarter_of_an_hour_lies_between(minutes: float, an_hour: str) -> None:
    report = summarize([a_run(serial="GOOD", finished_at=START + timedelta(minutes=minutes))])
    (line,) = (line for line in render_report(report, "text").splitlines() if line.startswith("Units per hour"))
    assert line.split()[3] == an_hour
    assert ("quarter of an hour" in line) == (an_hour == "-")
    page = render_report(report, "html")
    exact = json.loads(render_report(report, "json"))["units_per_hour"]
    assert exact == pytest.approx(60 / minutes)
    assert f'data-figure="units_per_hour" data-value="{exact!r}">{an_hour}</span>' in page


def test_what_was_planned_stands_beside_what_was_started(report: YieldReport) -> None:
    planned = replace(report, planned=12)
    assert "Units planned     12" in render_report(planned, "text").splitlines()
    assert json.loads(render_report(planned, "json"))["planned"] == 12
    assert "total,,planned,12" in render_report(planned, "csv").splitlines()
    of_plan = 'units started of <span data-figure="planned" data-value="12">12</span> planned'
    assert of_plan in render_report(planned, "html")
    assert json.loads(render_report(report, "json"))["planned"] is None
    for report_format in ("text", "html"):
        assert "planned" not in render_report(report, report_format).partition("Definitions")[0]


def test_a_batch_with_two_firmwares_says_so_in_every_format() -> None:
    runs = [a_run(), a_run(minute=1, serial="B", bundle="v4.8.0", bundle_sha256="8" * 64, recipe="hp")]
    mixed, pure = summarize(runs, batch="2026-47"), summarize(runs[:1], batch="2026-47")
    text = render_report(mixed, "text")
    sentence = "MIXED: This batch has 2 firmwares and 2 recipes."
    assert sentence in text.splitlines()
    assert "  v4.8.0, sha256 888888888888, recipe hp: 1 unit, 1 run" in text.splitlines()
    assert f"bundle,v4.8.0 {'8' * 64} hp,runs,1" in render_report(mixed, "csv").splitlines()
    assert "total,,mixed,true" in render_report(mixed, "csv").splitlines()
    data = json.loads(render_report(mixed, "json"))
    assert data["mixed"] is True
    assert [(one["bundle"], one["recipe"], one["units"], one["runs"]) for one in data["bundles"]] == [
        ("v4.7.0", "full", 1, 1),
        ("v4.8.0", "hp", 1, 1),
    ]
    page = render_report(mixed, "html")
    assert sentence in page
    assert '<span data-figure="bundles.1.runs" data-value="1">1</span>' in page
    for report_format in ("text", "html"):
        assert "MIXED" not in render_report(pure, report_format)
    assert json.loads(render_report(pure, "json"))["mixed"] is False


def test_an_empty_report_divides_by_nothing() -> None:
    empty = summarize([])
    for report_format in FORMATS:
        assert render_report(empty, report_format)
    assert "First-pass yield  -  (0 of 0)" in render_report(empty, "text")
    assert json.loads(render_report(empty, "json"))["final_yield"] is None


def test_the_json_is_the_reports_own(report: YieldReport) -> None:
    assert json.loads(render_report(report, "json")) == report.to_json()


def test_the_csv_has_one_figure_a_line(report: YieldReport) -> None:
    rows = list(csv.reader(io.StringIO(render_report(report, "csv"))))
    assert rows[0] == ["section", "name", "figure", "value"]
    figures = {tuple(row[:3]): row[3] for row in rows[1:] if row[0] != "open unit"}
    assert figures["selection", "", "batch"] == "2026-47"
    assert figures["selection", "", "until"] == ""
    assert figures["total", "", "first_pass_yield"] == "0.5"
    assert figures["outcome", "FAIL", "runs"] == "1"
    assert figures["failure", "usb.io", "FAIL runs"] == "1"
    assert figures["slot", "B2", "code usb.io"] == "1"
    assert [row[1] for row in rows if row[0] == "open unit"] == list(report.open_units)


def test_formats_that_there_are_not(report: YieldReport) -> None:
    with pytest.raises(UsageError, match="text, json, csv, html") as caught:
        render_report(report, "xml")
    assert caught.value.hint
    with pytest.raises(UsageError, match="jsonl, csv"):
        export_lines([], "xml")


def test_json_lines_are_complete() -> None:
    runs = [
        a_run(attempts=(an_attempt(1, Outcome.FAIL), an_attempt(2))),
        opened(a_run(minute=1)),
        a_run(serial=f'"\n{STEERING}'),
    ]
    lines = list(export_lines(runs, "jsonl"))
    assert [line.count("\n") for line in lines] == [1, 1, 1]
    assert "".join(lines).isascii()
    assert [run_from_json(json.loads(line)) for line in lines] == runs


def test_csv_has_a_line_per_image() -> None:
    two_attempts = a_run(attempts=(an_attempt(1, Outcome.FAIL, images=()), an_attempt(2)))
    none = a_run(Outcome.SKIPPED, minute=1, serial='a;b,"c"\nd')
    rows = list(csv.DictReader(io.StringIO("".join(export_lines([two_attempts, none], "csv")))))
    assert [(row["run_id"], row["attempt_number"], row["partition"]) for row in rows] == [
        (two_attempts.run_id, "1", ""),
        (two_attempts.run_id, "2", "HP"),
        (two_attempts.run_id, "2", "ROMFS0"),
        (none.run_id, "", ""),
    ]
    assert rows[3]["serial"] == none.serial
    assert rows[1]["readback_sha256"] == rows[1]["sha256"] == two_attempts.attempts[1].images[0].sha256
    assert (rows[1]["verified"], rows[1]["write_s"], rows[0]["code"]) == ("true", "2", "")
    assert rows[0]["attempt_code"] == "dfu.err_write"
    assert rows[0]["started_at"] == START.isoformat()
    assert rows[1]["attempt_notes"] == "the reset was retried; ünïcode ✓"
    assert tuple(rows[0]) == CSV_HEADER
    assert len(set(CSV_HEADER)) == len(CSV_HEADER)


def test_csv_of_no_runs_is_its_header() -> None:
    assert list(export_lines([], "csv")) == [",".join(CSV_HEADER) + "\n"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_a_serial_cannot_be_a_formula(text: str) -> None:
    line = "".join(export_lines([a_run(serial=text)], "csv"))
    (row, *_) = csv.DictReader(io.StringIO(line))
    assert row["serial"] == f"'{text}"
    assert csv_cell(-1.5) == "-1.5"


def test_a_serial_cannot_steer_the_terminal() -> None:
    assert printable(STEERING) == "\\x1b[2J\\x07evil\\u202e"
    assert printable("ünïcode ✓") == "ünïcode ✓"
    run = a_run(Outcome.FAIL, serial=STEERING, slot=STEERING, code=STEERING)
    report = replace(summarize([run]), batch=STEERING)
    unit = FailedUnit(STEERING, True, STEERING, STEERING, STEERING, STEERING, "1-1", None, 1, "b", "full", run.run_id)
    for text in (render_report(report, "text"), failed_text([unit])):
        assert "evil" in text
        assert all(char.isprintable() or char == "\n" for char in text)


def test_the_list_to_rerun_says_what_to_do() -> None:
    unit = FailedUnit("BAD", True, None, "usb.io", "", "B2", "1-1", START, 3, "b", "full", "id")
    text = failed_text([unit])
    assert text.splitlines()[0] == "Units to run again: 1; times are UTC"
    assert text.splitlines()[1].split() == [
        "BAD", "usb.io", "failed", "slot", "B2", "2026-11-22", "08:00:00", "runs", "3", "batch", "-"
    ]  # fmt: skip
    assert HINTS["usb.io"] in text
    assert "1 to re-run" in text
    assert failed_text([]).startswith("Every unit is done")


@pytest.mark.parametrize("report_format", ["text", "html"])
def test_errors_of_the_station_stand_apart_from_the_failures_of_cameras(
    report: YieldReport, report_format: str
) -> None:
    text = render_report(report, report_format)
    of_cameras, title, of_the_station = text.partition("Errors of the station")
    assert title
    assert "worker.died" in of_the_station.partition("Open units")[0]
    assert "worker.died" not in of_cameras.rpartition("Failures")[2]
    assert "cumulative share" not in of_the_station.partition("Open units")[0]
    assert "Errors of the station" not in render_report(summarize([a_run(Outcome.FAIL)]), report_format)


def test_the_hours_of_a_change_of_the_clocks_are_told_apart() -> None:
    change = datetime(2026, 10, 25, 1, tzinfo=UTC)
    runs = [a_run(serial=str(hour)) for hour in range(4)]
    runs = [replace(run, started_at=change + timedelta(hours=hour - 2)) for hour, run in enumerate(runs)]
    report = summarize([replace(run, finished_at=run.started_at + timedelta(minutes=1)) for run in runs])
    use_zone("Europe/Berlin")
    try:
        text, page = render_report(report, "text"), render_report(report, "html")
    finally:
        use_zone("")
    hours = ["2026-10-25 01:00", "2026-10-25 02:00 CEST", "2026-10-25 02:00 CET", "2026-10-25 03:00"]
    assert [line.rsplit(maxsplit=2)[0].strip() for line in text.splitlines() if line.endswith("  1       0")] == hours
    assert text.splitlines()[0].endswith("  times are CEST, CET")
    assert all(f"<td>{hour}</td>" in page for hour in hours)
