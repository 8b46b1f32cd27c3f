"""What a tile says, and how large: the outcome first, at every size of the terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.style import Style
from textual.widgets import Input

from station.control.wire import CentralLag, LineStatus, Snapshot
from station.dashboard.app import Dashboard
from station.dashboard.eta import Pace
from station.dashboard.rerun_requests import words_of
from station.dashboard.screens.batch_form import BatchDialog
from station.dashboard.state import State
from station.dashboard.tiles.acts import act_for_code
from station.dashboard.tiles.large_letters import largest
from station.dashboard.tiles.tile_colours import palette
from station.dashboard.tiles.tile_content import Face, face_of
from station.dashboard.tiles.tile_grid import SlotGrid
from station.dashboard.tiles.tile_rows import draw
from station.dashboard.widgets.status_lines import banner_of, figures, what_runs
from station.errors import HINTS
from station.local_time import use_zone
from station.model.slots import Progress, RerunWay, SlotState, SlotView
from station.problem import sentence
from station.yields.counting import summarize
from tests.dashboard.driving import Operator
from tests.dashboard.scripted import (
    ABOUT,
    EVERY_STATE,
    IMAGES,
    NOON,
    RECORDS,
    RUNS,
    running,
    scripted_line,
    view,
)
from tests.dashboard.tile_table import SIZES, large_on, pace, text_of, tile, variables

LARGE = {"PASS", "FAIL", "ERROR", "ABORTED", "SKIPPED", "WAITING", "0:30", "0:12"}
LONG = sentence(
    "{partition}: {blocks} blocks read back wrong", partition="ROMFS0", blocks="3, 9, 12, 15, 18, 21, 24 " * 9
)


def face(slot: SlotView) -> Face:
    return face_of(slot, pace(), IMAGES, 0.0)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_each_outcome_is_in_large_letters_at_every_size(size: tuple[int, int]) -> None:
    words = {
        next((letters.word for letters in large_on(face(slot), text_of(tile(slot, size)))), "") for slot in EVERY_STATE
    }
    assert words >= LARGE


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("state", [SlotState.FAILED, SlotState.ERROR, SlotState.ABORTED])
def test_a_long_hint_costs_the_outcome_no_letter_and_what_to_do_is_there(
    size: tuple[int, int], state: SlotState
) -> None:
    slot = view(3, state, "boot.timeout", LONG)
    rows = text_of(tile(slot, size))
    assert next(large_on(face(slot), rows)).word == face(slot).sign[0]
    assert "Replug" in "\n".join(rows) or "REPLUG" in "\n".join(rows)
    assert any("Replug the camera" in row for row in rows)


@pytest.mark.parametrize("state", [SlotState.FAILED, SlotState.SKIPPED, SlotState.PASSED])
@pytest.mark.parametrize("height", range(6, 40))
def test_a_tile_that_is_a_row_taller_has_letters_as_large_as_its_neighbour(state: SlotState, height: int) -> None:
    shown, least = face(view(3, state, "boot.timeout", LONG)), (26, height)
    colours = palette(variables("textual-dark"))[shown.look.tone]
    tall = [
        text_of(draw(shown, 26, rows, colours, Style(), selected=False, least=least)) for rows in (height, height + 1)
    ]
    large = [[(letters.word, letters.rows) for letters in large_on(shown, rows)] for rows in tall]
    assert large[0] == large[1]
    assert large[0], "the outcome has its letters"


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_large_letters_do_not_reach_the_edges_of_their_tile(size: tuple[int, int]) -> None:
    for slot in EVERY_STATE:
        rows = text_of(tile(slot, size))
        assert all(row[0] == " " for row in rows[1:])
        assert all(row[-2:].isspace() for row in rows[1:] if "█" in row), slot.state


def test_a_word_without_large_letters_stays_small() -> None:
    assert largest("通过", 80, 20) is None
    assert largest("PASS", 6, 3) is None
    assert largest("PASS", 80, 2) is None


def test_letters_grow_with_the_room() -> None:
    heights = [len(largest("FAIL", columns, columns // 4) or ()) for columns in (16, 32, 64, 128)]
    assert heights == sorted(set(heights)), "each larger than the one before"


def test_a_finished_tile_says_its_duration_and_its_attempts() -> None:
    shown = "\n".join(text_of(tile(EVERY_STATE[2], (160, 45))))
    assert "1:58" in shown
    assert "#2" in shown


def test_every_code_has_something_to_do() -> None:
    assert {act_for_code(code) for code in HINTS} == {"TAKE OUT", "REPLUG", "SET ASIDE", "RE-RUN", "ENGINEER"}
    assert (act_for_code("boot.timeout"), act_for_code("unit.already_passed")) == ("REPLUG", "TAKE OUT")


# --- the bar and the time that is left -----------------------------------------------------------------------------


def test_the_bar_is_the_whole_runs() -> None:
    steps = [running(1, phase, name, 1.0, 0.0).progress for phase in ("write", "verify") for name, _ in IMAGES]
    shares = [pace().share(progress, IMAGES) or 0.0 for progress in steps if progress]
    assert shares == sorted(set(shares)), "it only grows"
    assert 0.0 < shares[0] < shares[-1] <= 1.0


def test_without_anything_learned_the_bar_is_there_and_no_time_is_promised() -> None:
    slot = running(1, "write", "HE", 0.5, 3.0)
    shown = face_of(slot, Pace(), IMAGES, 0.0)
    assert 0 < (shown.filled or 0) < 400
    assert "left" not in shown.times


def test_an_estimate_that_is_used_up_says_late_and_never_that_nothing_is_left() -> None:
    boots = SlotView("A1", "1-1.1", SlotState.RUNNING, "AB", progress=Progress("boot", 1))
    expected = sum(pace().write_s.values()) + sum(pace().verify_s.values()) + pace().rest_s
    late = face_of(replace(boots, started_at_s=-expected - 40), pace(), IMAGES, 0.0)
    near = face_of(replace(boots, started_at_s=-expected - 1), pace(), IMAGES, 0.0)
    assert "late" in late.times
    assert late.sign == ("LATE",)
    assert "0:01 left" in near.times


def test_a_slow_run_corrects_its_estimate_by_its_own_rate() -> None:
    usual = running(1, "write", "ROMFS0", 0.5, 12.0).progress
    assert usual is not None
    done = pace().share(usual, IMAGES) or 0.0
    whole = sum(pace().write_s.values()) + sum(pace().verify_s.values()) + pace().rest_s
    in_time = pace().remaining_s(usual, IMAGES, done * whole) or 0.0
    slow = pace().remaining_s(usual, IMAGES, 2 * done * whole) or 0.0
    assert slow == pytest.approx(2 * in_time)
    hardly_begun = running(1, "write", "HP", 0.01, 0.0).progress
    assert hardly_begun is not None
    assert (pace().remaining_s(hardly_begun, IMAGES, 2 * whole) or 0.0) > 10 * whole, "a slow camera from the start"


# --- what keys and banners say --------------------------------------------------------------------------------------


def test_a_key_says_slot_by_slot_what_it_did() -> None:
    ways: dict[str, list[str]] = {RerunWay.RERUN: ["A1", "A2"], RerunWay.REPLUG: ["A4"], RerunWay.EMPTY: []}
    assert words_of(ways) == "2 re-run, 1 must be replugged: A4."
    assert words_of({way: ["A7"] for way in RerunWay}).count("A7") == len(RerunWay) - 2
    assert words_of({way: [] for way in RerunWay}) == ""


def test_a_pause_without_a_batch_names_both_keys() -> None:
    _, text = banner_of(LineStatus(paused=True), has_batch=False)
    assert "Press b" in text
    assert "or p" in text


def test_what_a_line_that_is_gone_was_at_is_not_shown_as_running() -> None:
    gone = LineStatus(accepting=False, ended=True, code="line.gone", message=sentence("the line's process ended"))
    state = State(snapshot=Snapshot(gone, EVERY_STATE))
    assert {slot.state for slot in state.slots} & {SlotState.RUNNING, SlotState.HOLDING, SlotState.WAITING} == set()
    assert next(slot.state for slot in state.slots if slot.slot == "A1") is SlotState.PASSED
    assert "station run" in banner_of(gone)[1]


def test_slots_sort_as_people_count() -> None:
    slots = tuple(replace(view(1, SlotState.EMPTY), slot=name) for name in ("1-1.10", "1-1.2", "B1", "A10", "A2"))
    names = [slot.slot for slot in State(snapshot=Snapshot(LineStatus(), slots)).slots]
    assert names == ["A2", "A10", "B1", "1-1.2", "1-1.10"]


def test_the_header_says_whose_figures_they_are_and_no_rate_of_a_few_minutes() -> None:
    whole = summarize(RUNS, batch="L42")
    assert figures(whole, ABOUT).startswith("this batch: ")
    assert figures(whole, replace(ABOUT, batch="L43")) == "", "they are still another batch's"
    first = summarize(RUNS[:3], batch="L42")
    assert figures(first, ABOUT).endswith(" -/h")
    assert "done about" not in what_runs(ABOUT, first, NOON, 100)


@pytest.mark.parametrize(("room", "bar"), [(0, 4), (65, 8), (69, 12), (200, 40)])
def test_the_bar_of_the_batch_is_as_long_as_there_is_room(room: int, bar: int) -> None:
    header = what_runs(ABOUT, summarize(RUNS, batch="L42"), NOON, room)
    assert header.startswith("bench-3 · batch L42 (88 of 100) · ann · █")
    assert header.endswith("─ done about 12:12")
    assert (header.count("█"), header.count("█") + header.count("─")) == (88 * bar // 100, bar)


@pytest.mark.parametrize("width", [60, 80, 160])
async def test_the_clock_says_its_zone_and_is_never_cut(tmp_path: Path, width: int) -> None:
    use_zone("Asia/Shanghai")
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    about = replace(ABOUT, station_id="a-bench-with-a-long-name", operator="an operator with a long name")
    with scripted_line(tmp_path, EVERY_STATE, LineStatus(), about=about):
        async with app.run_test(size=(width, 24)) as pilot:
            operator = Operator(app, pilot)
            await operator.until_text("a-bench")
            assert operator.text().split("\n")[0].rstrip().endswith("20:00:00 CST")
            assert operator.text().count("CST") == 1


async def test_a_number_field_makes_no_number_of_what_is_none(tmp_path: Path) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    with scripted_line(tmp_path, EVERY_STATE, LineStatus(), about=replace(ABOUT, batch=None)) as heard:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.slots and app.state.about, "the line")
            await operator.press("b", "L", "enter", "enter")
            app.screen.query_one("#planned", Input).value = "L1A4"
            await operator.press("enter")
            assert isinstance(app.screen, BatchDialog)
            await operator.until_text("a whole number from 1")
            app.screen.query_one("#planned", Input).value = "14"
            await operator.press("enter")
            await operator.until(lambda: heard, "the batch begins")
        assert [request["planned"] for request in heard] == [14]


@pytest.mark.parametrize("width", [141, 142, 143])
async def test_tiles_beside_each_other_have_letters_of_one_size(tmp_path: Path, width: int) -> None:
    slots = tuple(replace(EVERY_STATE[0], slot=f"1-1.{n}", port_path=f"1-1.{n}") for n in range(1, 9))
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    with scripted_line(tmp_path, slots, LineStatus()):
        async with app.run_test(size=(width, 38)) as pilot:
            operator = Operator(app, pilot)
            await operator.until_text("Take it out.")
            grid = app.screen.query_one(SlotGrid)
            await operator.until(lambda: len(grid.faces) == 8 and grid._tiles, "the tiles")
            drawn = [text_of(grid._tile(n, r.width, r.height)) for n in range(8) if (r := grid._region(n))]
            sizes = {tuple(large_on(face, rows)) for face, rows in zip(grid.faces, drawn, strict=True)}
            heights = {tuple(letters.rows for letters in found) for found in sizes}
            assert len(heights) == 1, heights


@pytest.mark.parametrize(
    ("lag", "said"),
    [
        (CentralLag(0, away=False), "central log ✓"),
        (CentralLag(3, away=False), "3 wait for the central log"),
        (CentralLag(40, away=True), "central log away, 40 wait"),
    ],
)
def test_the_header_says_how_far_the_central_log_is_behind(lag: CentralLag, said: str) -> None:
    assert said in what_runs(ABOUT, None, NOON, 100, lag)
    assert "central" not in what_runs(ABOUT, None, NOON, 100)
