"""Scans and keys: what comes faster than a hand types steers nothing, whatever it holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.widgets import Input

from station.control.wire import LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.input.barcode import Recognizer, Scan, Scanner
from station.dashboard.pages.units_page import UnitsPage
from station.dashboard.tiles.tile_grid import SlotGrid
from tests.dashboard.driving import Operator
from tests.dashboard.scripted import EVERY_STATE, NOON, RECORDS, scripted_line, serial

SCANNER = Scanner()
SLOW_S = 1.2 * SCANNER.gap_s
ENDS = {"enter": "\r", "tab": "\t", "ctrl+j": "\n", "": None}
LABELS = ("op-70", "qs-77", "RRR", "]C1op-70", "cccc", "p1R", "bxbx", "1p2c3q")
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("C", "Z")), min_size=1)


def keys_of(text: str, end: str) -> list[events.Key]:
    keys = [events.Key(character, character) for character in text]
    return [*keys, events.Key(end, ENDS[end])] if end else keys


def recognized(keys: Sequence[events.Key], gaps: Sequence[float], *, typed: bool = False) -> list[str | Scan]:
    """Characters and scans in the order in which they are given back, no key going ahead."""
    recognizer: Recognizer[events.Key] = Recognizer(SCANNER)
    found: list[events.Key | Scan] = []
    at_s = 0.0
    for key, gap in zip(keys, gaps, strict=True):
        at_s += gap
        found += recognizer.take(key, at_s, typed=typed)
    found += recognizer.let_go()
    return [one if isinstance(one, Scan) else one.character or one.key for one in found]


@given(TEXTS, st.sampled_from([*ENDS]), st.data())
def test_whatever_is_scanned_is_no_key(text: str, end: str, data: st.DataObject) -> None:
    if not end and len(text) < SCANNER.min_length:
        text *= SCANNER.min_length
    keys = keys_of(text, end)
    gaps = data.draw(st.lists(st.floats(0, 0.99 * SCANNER.gap_s), min_size=len(keys), max_size=len(keys)))
    assert recognized(keys, gaps) == [Scan(text, ended=bool(end))]


@given(TEXTS, st.booleans())
def test_whatever_is_typed_by_hand_is_keys_in_their_order(text: str, typed: bool) -> None:
    assert recognized(keys_of(text, "enter"), [SLOW_S] * (len(text) + 1), typed=typed) == [*text, "\r"]


def test_two_keys_that_a_hand_rolls_over_are_two_keys() -> None:
    assert recognized(keys_of("ps", ""), [1.0, 0.01]) == ["p", "s"]
    assert recognized(keys_of("1", "enter"), [1.0, 0.01], typed=True) == ["1", "\r"]


def test_a_scan_may_pause_inside_and_end_with_nothing() -> None:
    assert recognized(keys_of("op-70", ""), [0, 0.041, 0.041, 0.15, 0.041]) == [Scan("op-70", ended=False)]


@pytest.mark.parametrize(("text", "label"), [("]C1op-70", "op-70"), ("SN:77", "77"), (" a ", "a"), ("]x", "]x")])
def test_prefixes_are_no_part_of_the_label(text: str, label: str) -> None:
    assert Scanner(prefixes=("SN:",)).label(text) == label


def scan(app: Dashboard, text: str, end: str = "enter", gap_s: float = 0.0) -> None:
    """All of it comes in one go, as from a terminal that is behind; by its times, at a scanner's pace."""
    keys = keys_of(text, end)
    for number, key in enumerate(keys):
        key.time += gap_s * (number - len(keys))
        app.post_message(key)


@pytest.mark.parametrize("begin", ["f1", "f2", "f3", "f4", "f5", "f6", "q", "c"])
async def test_no_scan_asks_anything_of_the_line_on_any_page(tmp_path: Path, begin: str) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    with scripted_line(tmp_path, EVERY_STATE, LineStatus()) as heard:
        async with app.run_test(size=(160, 45), notifications=True) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.report and app.state.slots, "the line")
            await operator.press("right", begin)
            for label in LABELS:
                for end in ENDS:
                    page, screen = app.desk.page, app.screen
                    scan(app, label, end, 0.041)
                    await operator.until(lambda: app._typed.is_done and app._inquiries.is_done, "it is quiet")
                    await operator.press("f24")
                    assert (app.desk.page, app.screen, app.return_value) == (page, screen, None), label
            app.post_message(events.Paste("op-70\n"))
            await operator.press("f24")
            if screen is app.desk:
                await operator.until_text("No unit, batch or slot is called op-70.")
        assert heard == [], "nothing was asked of the line"


@pytest.mark.parametrize("begin", ["f1", "f2", "f5"])
async def test_a_scan_opens_what_it_names(tmp_path: Path, begin: str) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    dashed = f"{serial(7)[:12]}-{serial(7)[12:]}"
    with scripted_line(tmp_path, EVERY_STATE, LineStatus()) as heard:
        async with app.run_test(size=(160, 45), notifications=True) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.report and app.state.slots, "the line")
            await operator.press(begin)
            texts = (serial(5), serial(6).lower(), dashed, f"]C1{serial(8)}")
            for number, (text, end) in enumerate(zip(texts, ENDS, strict=True), 5):
                scan(app, text, end)
                await operator.until_text(f"{serial(number)}: 1 run")
                assert app.screen.query_one(UnitsPage).query_one(Input).value.upper() == serial(number)
            scan(app, "L42")
            await operator.until_text("Batch L42")
            scan(app, "a3")
            await operator.until(lambda: app.desk.page.id == "line", "the slot's page")
            assert app.screen.query_one(SlotGrid).selected == 2
        assert heard == [], "nothing was asked of the line"
