"""Units, failures and yield of all stations: switched by a key, said in a line, never in a key's way."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from textual.widgets import DataTable

from station.control.wire import LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.log_port import AllStations, Answer, Records
from station.errors import LedgerError
from station.model.units import RunLine
from station.yields.counting import summarize
from tests.dashboard.driving import Operator
from tests.dashboard.scripted import EVERY_STATE, NOON, RECORDS, RUNS, failed_unit, listed, scripted_line

THERE = [replace(run, station_id=f"bench-{8 + number % 2}", serial=f"{number:024X}") for number, run in enumerate(RUNS)]


@dataclass
class Centre:
    """A database of all stations that can be away, and that can take its time."""

    away: bool = False
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    @property
    def port(self) -> AllStations:
        return AllStations(self.records, lambda: self.answered(["bench-8", "bench-9"]))

    def answered(self, answer: Answer) -> Answer:
        self.may_answer.wait(120)
        if self.away:
            raise LedgerError("central.unreachable", "the central database cannot be used: no route to host")
        return answer

    def records(self, station_id: str | None) -> Records:
        runs = [run for run in THERE if station_id in (None, run.station_id)]

        def newest(*_asked: object) -> list[RunLine]:
            lines = {run.run_id: run for run in runs}
            return [replace(line, station_id=lines[line.run_id].station_id) for line in listed(runs)]

        failing = [replace(failed_unit(run), station_id=run.station_id) for run in runs if run.code]
        return replace(
            RECORDS,
            newest=lambda *asked: self.answered(newest(*asked)),
            failed=lambda batch, since: self.answered(failing),
            summary=lambda batch, since: self.answered(summarize(runs, batch=batch)),
        )


@asynccontextmanager
async def screen(data_dir: Path, centre: Centre | None) -> AsyncIterator[Operator]:
    with scripted_line(data_dir, EVERY_STATE, LineStatus()):
        others = None if centre is None else centre.port
        app = Dashboard(data_dir, RECORDS, all_stations=others, now=lambda: NOON)
        async with app.run_test(size=(120, 40)) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.about, "the line is known")
            yield operator


async def test_a_key_shows_the_units_of_all_stations_and_of_one(tmp_path: Path) -> None:
    async with screen(tmp_path, Centre()) as operator:
        await operator.press("2")
        await operator.until_text("This station's log. F7: all stations")
        await operator.until_text(RUNS[0].serial)
        await operator.press("f7")
        await operator.until_text("All stations: read")
        await operator.until_text(THERE[0].serial)
        assert "bench-8" in operator.text()
        assert "bench-9" in operator.text()
        await operator.until_text("F9: one station")
        await operator.press("f9")
        await operator.until_text("Station bench-8: read")
        await operator.until(lambda: "bench-9" not in operator.text(), "only one station's runs")
        await operator.press("f9", "f9")
        await operator.until_text("All stations: read")
        await operator.press("f7")
        await operator.until_text(RUNS[0].serial)
        assert "bench-8" not in operator.text()


async def test_failures_and_yield_are_of_all_stations_too(tmp_path: Path) -> None:
    async with screen(tmp_path, Centre()) as operator:
        await operator.press("4")
        await operator.until_text("This station's log")
        await operator.press("f7")
        await operator.until_text("bench-9")
        await operator.press("3")
        await operator.until_text("All stations: read")
        failing = [run for run in THERE if run.code]
        await operator.until(lambda: operator.app.desk.page.query_one(DataTable).row_count == len(failing), "the list")
        await operator.until_text(f"{failing[0].station_id} {failing[0].slot}")


async def test_a_centre_that_is_away_is_said_with_the_age_of_what_is_shown(tmp_path: Path) -> None:
    centre = Centre()
    async with screen(tmp_path, centre) as operator:
        await operator.press("2", "f7")
        await operator.until_text(THERE[0].serial)
        centre.away = True
        operator.app.desk.page.facts_changed()
        await operator.until_text("the central log does not answer (central.unreachable), this was read 0 s ago")
        assert THERE[0].serial in operator.text()
        await operator.press("f7")
        await operator.until_text(RUNS[0].serial)
        await operator.press("f7")
        await operator.until_text("the central log does not answer (central.unreachable). F7")
        centre.away = False
        operator.app.desk.page.facts_changed()
        await operator.until_text("All stations: read")


async def test_a_centre_that_does_not_answer_holds_no_key_up(tmp_path: Path) -> None:
    centre = Centre()
    centre.may_answer.clear()
    async with screen(tmp_path, centre) as operator:
        await operator.press("2", "f7")
        await operator.until_text("All stations: asking")
        await operator.press("f7")
        await operator.until_text(RUNS[0].serial)
        centre.may_answer.set()
        await operator.until(lambda: operator.app._source._centre.is_done, "the late answer")  # type: ignore[attr-defined]
        assert THERE[0].serial not in operator.text(), "an answer of before the key was pressed"


async def test_nothing_is_said_where_there_is_only_one_log(tmp_path: Path) -> None:
    async with screen(tmp_path, None) as operator:
        await operator.press("2")
        await operator.until_text(RUNS[0].serial)
        await operator.press("f7")
        assert "F7" not in operator.text()
        assert RUNS[0].serial in operator.text()
