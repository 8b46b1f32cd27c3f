"""The yield page's lines: what they say of slots and of the target, and that they fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len

from station.control.wire import LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.language import choose
from station.dashboard.pages.yield_lines import line_lines, newest_hours, part_lines, rank_of, time_lines, verdict_of
from station.dashboard.widgets.bars import TARGET, count_bar, yield_bar
from station.dashboard.widgets.sheet import Line
from station.model.runs import Outcome, RunRecord
from station.yields.counting import HourCount, YieldReport, summarize
from tests.dashboard.driving import Operator
from tests.dashboard.scripted import ABOUT, EVERY_STATE, NOON, RECORDS, RUNS, run, scripted_line

BROKEN = Outcome.ERROR


def of_slot(name: str, number: int, outcome: Outcome, code: str | None = None) -> RunRecord:
    return replace(run(number, outcome, code), slot=name)


def bad_slot() -> YieldReport:
    """Ten slots, of which B1 fails half of its cameras; and a station error with a long code."""
    good = [of_slot(f"1-1.{slot}", 100 * slot + n, Outcome.PASS) for slot in range(1, 10) for n in range(30)]
    bad = [of_slot("B1", 2000 + n, Outcome.FAIL if n % 2 else Outcome.PASS, "dfu.err_write") for n in range(30)]
    errors = [of_slot("B1", 3000, BROKEN, "identity.wrong_partitions")]
    return summarize([*good, *bad, *errors], batch="L42")


def text(lines: Iterator[Line]) -> list[str]:
    return ["".join(part.text for part in line) for line in lines]


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    yield
    choose("en")


@pytest.mark.parametrize("language", ["en", "zh_CN", "es"])
@pytest.mark.parametrize("width", [38, 58, 78, 100, 118, 158, 238])
def test_no_line_is_wider_than_there_is_room(language: str, width: int) -> None:
    choose(language)
    report = bad_slot()
    for line in [
        *text(line_lines(report, 0.98, width)),
        *text(part_lines(report, 0.98, width)),
        *text(time_lines(report, width)),
    ]:
        assert cell_len(line.rstrip()) <= width, line


@pytest.mark.parametrize("language", ["en", "zh_CN", "es"])
@pytest.mark.parametrize("width", [78, 118])
def test_the_figures_of_a_table_stand_below_each_other_and_none_is_cut(language: str, width: int) -> None:
    choose(language)
    lines = text(part_lines(bad_slot(), None, width))
    slots = [line for line in lines if re.match("(1-1|B1)", line)]
    assert len(slots) == 10
    starts = {cell_len(line[: line.index(bar[0])]) for line in slots if (bar := re.search("[█▓]", line))}
    ends = {cell_len(line[: line.index(" %")]) for line in slots}
    assert (len(starts), len(ends)) == (1, 1)
    assert not any("…" in line for line in slots)


def test_a_slot_is_ranked_beside_the_line_as_the_report_does() -> None:
    report = bad_slot()
    ranks = {slot.slot: rank_of(slot, report) for slot in report.slots}
    assert ranks.pop("B1") == ("failed", "SUSPECT")
    assert set(ranks.values()) == {("passed", "")}

    # Two of four, where others lose one of twenty: below the line, and of twenty slots one may be so by chance.
    usual = [
        of_slot(f"A{slot}", 100 * slot + n, Outcome.PASS if n else Outcome.FAIL)
        for slot in range(20)
        for n in range(20)
    ]
    few = [of_slot("B1", 5000 + n, Outcome.PASS if n < 2 else Outcome.FAIL) for n in range(4)]
    report = summarize([*usual, *few])
    low = next(slot for slot in report.slots if slot.slot == "B1")
    assert not low.suspect
    assert rank_of(low, report) == ("waiting", "▽")


def test_the_intervals_and_the_suspect_mark_stand_beside_their_slot() -> None:
    lines = text(part_lines(bad_slot(), None, 78))
    line = next(line for line in lines if line.startswith("B1"))
    assert re.search(r"50\.0 % +15/30 +33\.2 - 66\.8 %  SUSPECT", line)
    assert any(line.startswith("SUSPECT: worse than the other slots") for line in lines)
    assert not any("SUSPECT" in line for line in text(part_lines(summarize(RUNS), None, 78)))


def test_errors_of_the_station_stand_apart_from_what_failed() -> None:
    lines = text(part_lines(bad_slot(), None, 78))
    failed, errors = (next(n for n, line in enumerate(lines) if line.startswith(head)) for head in ("What", "Errors"))
    codes = {
        code: next(n for n, line in enumerate(lines) if line.startswith(code))
        for code in ("dfu.err_write", "identity.wrong_partitions")
    }
    assert failed < codes["dfu.err_write"] < errors < codes["identity.wrong_partitions"]
    assert "100.0 %" in lines[codes["dfu.err_write"]]


@pytest.mark.parametrize(
    ("passed", "of", "target", "tone", "words"),
    [
        (50, 100, 0.98, "failed", "missed"),
        (1000, 1000, 0.98, "passed", "reached"),
        (10, 10, 0.98, "passed", "not decided yet"),
        (7, 8, 0.98, "waiting", "not decided yet"),
        (5, 8, 0.98, "failed", "missed"),
        (900_000, 1_000_000, 0.98, "failed", "missed"),
        (9, 10, 0.98, "waiting", "not decided yet"),
        (0, 0, 0.98, "", "nothing was counted"),
    ],
)
def test_a_target_is_reached_or_missed_only_where_enough_units_say_so(
    passed: int, of: int, target: float, tone: str, words: str
) -> None:
    verdict = verdict_of(passed, of, target)
    assert verdict[0] == tone
    assert words in verdict[1]


def test_the_target_is_drawn_where_it_belongs() -> None:
    assert yield_bar(0.5, (0.25, 0.75), None, 8) == "██▓▓░░··"
    assert yield_bar(0.5, (0.25, 0.75), 0.875, 8) == f"██▓▓░░·{TARGET}"
    assert yield_bar(1.0, (0.5, 1.0), 1.0, 8) == f"████▓▓▓{TARGET}"
    assert yield_bar(None, None, None, 4) == "····"


@pytest.mark.parametrize(("share", "filled"), [(0.0, 0), (0.5, 12), (1.0, 24)])
def test_bars_are_as_long_as_their_share(share: float, filled: int) -> None:
    assert count_bar(share, 24) == "█" * filled + "·" * (24 - filled)


def test_hours_in_which_nothing_happened_are_drawn_too_and_old_ones_are_not() -> None:
    hours = [HourCount(NOON + timedelta(hours=hour), hour, 1) for hour in (-30, -3, 0)]
    drawn = newest_hours(hours)
    assert len(drawn) == 24
    assert drawn[-4:] == [hours[1], *(HourCount(NOON - timedelta(hours=ago), 0, 0) for ago in (2, 1)), hours[2]]
    assert newest_hours(hours[1:]) == drawn[-4:]
    assert newest_hours([]) == []


async def test_the_page_shows_the_target_that_is_set_and_none_where_none_is(tmp_path: Path) -> None:
    for target, seen in ((0.98, True), (None, False)):
        app = Dashboard(tmp_path, RECORDS, now=lambda: NOON, yield_target=target)
        with scripted_line(tmp_path, EVERY_STATE, LineStatus(), ABOUT):
            async with app.run_test(size=(80, 40)) as pilot:
                operator = Operator(app, pilot)
                await operator.press("f4")
                await operator.until_text("What failed most")
                assert ("target 98.0 %" in operator.text()) is seen
