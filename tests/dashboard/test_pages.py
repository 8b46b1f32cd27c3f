"""Changing between the pages, the keys at the foot, and rows of any text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual.widgets import Input

from station.control.wire import LineAbout, LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.pages.failed_page import FailuresPage
from station.dashboard.tiles.tile_grid import SlotGrid
from station.dashboard.widgets.keys_line import KeysLine, rows_of
from station.dashboard.widgets.plain_text import Plain
from station.dashboard.widgets.text_table import Rows
from station.model.runs import Outcome, RunRecord
from station.model.sinks import Backlog, LostLabel
from station.model.slots import SlotView
from station.model.units import FailedUnit, FinishedRun, UnitStory
from station.yields.counting import summarize
from tests.dashboard.driving import Operator
from tests.dashboard.scripted import ABOUT, EVERY_STATE, NOON, RECORDS, RUNS, ended, failed_unit, listed, scripted_line

STRANGE = ("[/dev/bus/usb/001/004] is gone", "[red]", "[/]", "a\\[b]", "[link=x]")
"""What a camera, a path or a system may say, and what reads like Textual's own marks."""


@asynccontextmanager
async def looking(
    tmp_path: Path,
    size: tuple[int, int] = (120, 40),
    runs: tuple[RunRecord, ...] = RUNS[-8:],
    slots: Sequence[SlotView] = EVERY_STATE,
    about: LineAbout = ABOUT,
    stories: Mapping[str, tuple[RunRecord, ...]] | None = None,
    failed: list[FailedUnit] | None = None,
    finished: list[FinishedRun] | None = None,
    backlogs: Sequence[Backlog] = (),
    labels: Sequence[LostLabel] = (),
    unbound: Mapping[str, int] | None = None,
) -> AsyncIterator[Operator]:
    """A dashboard of the scripted line."""
    records = replace(
        RECORDS,
        newest=lambda batch, since, limit: listed(runs),
        unit=lambda serial: UnitStory(serial, runs if stories is None else stories[serial]),
        failed=lambda batch, since: (
            [failed_unit(run) for run in runs if run.outcome is Outcome.FAIL] if failed is None else list(failed)
        ),
        finished=RECORDS.finished if finished is None else lambda station, since, limit: finished,
        summary=lambda batch, since: summarize(runs),
        backlogs=lambda: list(backlogs),
        lost_labels=lambda since: [label for label in labels if label.dropped_at >= since],
        unbound_labels=lambda: dict(unbound or {}),
    )
    app = Dashboard(tmp_path, records, now=lambda: NOON)
    with scripted_line(tmp_path, slots, LineStatus(), about, runs):
        async with app.run_test(size=size) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.report is not None and operator.faces, "the line")
            yield operator


@pytest.mark.parametrize("key", ["f2", "f5"])
async def test_rows_show_any_text_as_it_is(tmp_path: Path, key: str) -> None:
    said = [replace(RUNS[-1], run_id=f"s{number}", slot=text, message=text) for number, text in enumerate(STRANGE)]
    async with looking(tmp_path, (200, 40), tuple(said)) as operator:
        await operator.press(key)
        for text in STRANGE:
            await operator.until_text(text)


async def test_nothing_that_a_camera_says_steers_the_terminal(tmp_path: Path) -> None:
    evil = "a\x1b[2Jb\nc\x07d\x9be"
    run = replace(RUNS[-1], serial=evil, slot=evil, message=evil)
    slots = (replace(EVERY_STATE[2], slot=evil, serial=evil, message=evil),)
    about = replace(ABOUT, batch=evil, operator=evil)
    async with looking(tmp_path, runs=(run,), slots=slots, about=about) as operator:
        for keys in ((), ("2", "enter"), ("f3",), ("f4",), ("f5",), ("f1", "b")):
            await operator.press(*keys)
            await operator.until_text("\\x1b[2J")
            shown = operator.text().replace("\n", "")
            assert shown.isprintable(), [character for character in shown if not character.isprintable()]
            assert len(operator.text().split("\n")) == 40


async def test_keys_come_back_to_where_they_went_on_a_page(tmp_path: Path) -> None:
    async with looking(tmp_path) as operator:
        app = operator.app
        assert isinstance(app.focused, SlotGrid)
        await operator.press("right", "right", "5", "tab")
        assert isinstance(app.focused, Input)
        await operator.press("f3")
        assert isinstance(app.focused, Rows)
        await operator.press("f5")
        assert isinstance(app.focused, Input)
        await operator.press(*"boot")
        await operator.until(lambda: app.screen.query_one("#log Rows", Rows).row_count == 2, "the filter's rows")
        await operator.press("f1")
        assert isinstance(app.focused, SlotGrid)
        assert app.focused.selected == 2


async def test_a_row_is_chosen_with_the_mouse(tmp_path: Path) -> None:
    async with looking(tmp_path) as operator:
        await operator.press("2")
        table = operator.app.screen.query_one("#units Rows", Rows)
        await operator.until(lambda: table.row_count == 8, "the runs")
        await operator.pilot.click(table, offset=(5, 4))
        await operator.until(lambda: table.cursor_row == 3, "the fourth row, below the header")


async def test_a_key_at_the_foot_is_clicked(tmp_path: Path) -> None:
    async with looking(tmp_path, (80, 24)) as operator:
        foot = operator.app.screen.query_one(KeysLine)
        rows = operator.text().split("\n")[foot.region.y : foot.region.bottom]
        y, x = next((y, row.index("Yield")) for y, row in enumerate(rows) if "Yield" in row)
        await operator.pilot.click(foot, offset=(x, y))
        await operator.until_text("What failed most")


@pytest.mark.parametrize("width", [40, 80, 160])
async def test_every_key_stands_at_the_foot(tmp_path: Path, width: int) -> None:
    async with looking(tmp_path, (width, 24)) as operator:
        for name in ("p Pause", "R All failed", "? Help", "1 Line", "5 Log", "l 中文"):
            await operator.until_text(name)


def test_keys_are_spread_over_rows_that_they_fit_in() -> None:
    keys = tuple((letter, letter, letter * 7) for letter in "abcdef")
    assert [len(row) for row in rows_of(keys, 30)] == [3, 3]
    assert [len(row) for row in rows_of(keys, 29)] == [3, 3]
    assert [len(row) for row in rows_of(keys, 28)] == [2, 2, 2]
    assert [len(row) for row in rows_of(keys, 1)] == [1] * 6
    assert rows_of((), 80) == []


async def test_the_story_of_the_row_under_the_cursor_is_there(tmp_path: Path) -> None:
    units = {run.serial: (run,) for run in RUNS[-8:]}
    async with looking(tmp_path, (120, 40), stories=units) as operator:
        table = operator.app.screen.query_one("#units Rows", Rows)
        await operator.press("2")
        await operator.until(lambda: table.row_count == 8, "the runs")
        newest = sorted(units.values(), key=lambda runs: runs[0].started_at, reverse=True)
        await operator.until_text(f"{newest[0][0].serial}: 1 run")
        # The keys are in the field; the arrows go through the list all the same.
        for number in (1, 2):
            await operator.press("down")
            await operator.until_text(f"{newest[number][0].serial}: 1 run")
        await operator.press("up", "tab", "down", "down")
        await operator.until_text(f"{newest[3][0].serial}: 1 run")
        for head in ("started (", "took", "attempt", "ended in", "blocks", "read back in", "proof"):
            assert head in operator.text()


async def test_outcomes_are_coloured_where_the_cursor_is_not(tmp_path: Path) -> None:
    async with looking(tmp_path) as operator:
        await operator.press("2")
        await operator.until_text("✗ FAIL")
        await operator.until_text("✓ PASS")
        table = operator.app.screen.query_one("#units Rows", Rows)
        plain = inked(operator, "A2")
        assert len({plain, inked(operator, "✓ PASS"), inked(operator, "✗ FAIL")}) == 3
        assert table.cursor_row == 0


def inked(operator: Operator, text: str) -> object:
    """The colour of the last text on the list that holds this; the cursor is above it."""
    table = operator.app.screen.query_one("#units Rows", Rows)
    with operator.app._context():
        lines = [table.render_line(y) for y in range(2, table.row_count + 1)]
    return [segment.style.color for line in lines for segment in line if text in segment.text and segment.style][-1]


async def test_a_screen_that_comes_later_has_the_events_of_the_shift(tmp_path: Path) -> None:
    async with looking(tmp_path, (120, 40)) as operator:
        app = operator.app
        await operator.press("5")
        table = app.screen.query_one("#log Rows", Rows)
        # 88 are in the log; of the eight that the line told of none stands there twice.
        await operator.until(lambda: table.row_count == len(RUNS), "the shift's runs")
        times = [str(table.get_row_at(row)[0]) for row in range(table.row_count)]
        assert times == sorted(times)
        assert table.cursor_row == len(RUNS) - 1


async def test_what_the_factorys_systems_have_not_taken_stands_above_the_events(tmp_path: Path) -> None:
    backlog = Backlog("mes", 12, NOON - timedelta(minutes=7), 1, 3, "outbox.unreachable", "[mes] cannot be reached")
    for backlogs in ([backlog], []):
        folder = tmp_path / str(len(backlogs))
        folder.mkdir()
        async with looking(folder, backlogs=backlogs) as operator:
            await operator.press("5")
            table = operator.app.screen.query_one("#log Rows", Rows)
            line = operator.app.screen.query_one("#outbox", Plain)
            await operator.until(lambda table=table: table.row_count == len(RUNS), "the shift's runs")  # type: ignore[misc]
            if not backlogs:
                assert not line.display
                continue
            await operator.until(lambda line=line: line.display, "what waits")  # type: ignore[misc]
            said = "mes: 12 results wait to be delivered, the oldest for 7 min ([mes] cannot be reached)"
            assert str(line.render()) == said


async def test_labels_that_were_missed_stand_there_too(tmp_path: Path) -> None:
    ago = (timedelta(hours=1), timedelta(hours=2), timedelta(days=3))
    labels = [
        LostLabel("zebra", f"r{n}", "A1", NOON - one, NOON - one, "label.too_old", "x") for n, one in enumerate(ago)
    ]
    async with looking(tmp_path, labels=labels, unbound={"zebra": 3}) as operator:
        await operator.press("5")
        line = operator.app.screen.query_one("#outbox", Plain)
        await operator.until(lambda: line.display, "what was missed")
        said = [
            "zebra: 2 labels of the last 24 hours were not printed, or maybe (station label)",
            "zebra: 3 labels wait until the labels of their cameras are scanned",
        ]
        assert str(line.render()).splitlines() == said


async def test_a_long_shift_is_listed_in_pieces_and_whole(tmp_path: Path) -> None:
    many = [replace(ended(RUNS[0]), run_id=f"m{n}", finished_at=NOON - timedelta(seconds=n)) for n in range(1500)]
    async with looking(tmp_path, (120, 40), finished=many) as operator:
        await operator.press("5")
        table = operator.app.screen.query_one("#log Rows", Rows)
        await operator.until(lambda: table.row_count == 1508, "all of them")
        await operator.press("tab", *"boot")
        await operator.until(lambda: table.row_count == 2, "those that fit")


async def test_the_list_to_re_run_is_a_checklist_that_empties(tmp_path: Path) -> None:
    failed = [run for run in RUNS if run.outcome is Outcome.FAIL]
    left = [failed_unit(run) for run in failed]
    at_work = replace(EVERY_STATE[1], serial=failed[1].serial)
    # A unit in its first run is not done either, and is not to be run again.
    new = replace(left[0], serial=EVERY_STATE[4].serial, run_id="new", outcome=None)
    slots, to_do = (EVERY_STATE[0], at_work, EVERY_STATE[4]), [*left, new]
    async with looking(tmp_path, (120, 40), slots=slots, failed=to_do) as operator:
        page = operator.app.screen.query_one(FailuresPage)
        await operator.press("3")
        await operator.until_text("3 units to run again")
        table = page.query_one(Rows)
        cells = [[str(cell) for cell in table.get_row_at(row)] for row in range(3)]
        assert [row[0] for row in cells] == ["☐", "▶", "☐"]
        assert cells[1][2] == "A2 ▶ WRITING"
        assert cells[0][2] == "not plugged in"
        await operator.press("down", "down")
        del to_do[1]
        page.facts_changed()
        await operator.until_text("2 units to run again")
        # The cursor stays on its unit.
        assert str(table.get_row_at(table.cursor_row)[1]) == failed[2].serial
        to_do.clear()
        page.facts_changed()
        await operator.until_text("Nothing to run again.")
        assert table.row_count == 0


async def test_help_names_the_function_keys(tmp_path: Path) -> None:
    async with looking(tmp_path) as operator:
        await operator.press("?")
        await operator.until_text("F1 F2 F3 F4 F5 F6")
