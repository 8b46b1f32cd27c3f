"""A serial that is scanned while no field has the focus; keys that come quickly and are no serial."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from station.control.wire import LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.pages.units import UnitsPage
from station.dashboard.scanned import GAP_S, LEAST_DIGITS, Scan
from tests.dashboard.driving import Operator
from tests.dashboard.scripted import EVERY_STATE, NOON, RECORDS, scripted_line, serial

SLOW_S = 2 * GAP_S
FAST_S = GAP_S / 10


def scanned(text: str, pause_s: float) -> tuple[str, str]:
    """The characters that are keys, and the serial, where a text comes with such pauses and an Enter behind it."""
    scan, keys, found = Scan(), "", ""
    for number, character in enumerate([*text, "enter"]):
        name = character if len(character) > 1 else None
        key = events.Key(name or character, None if name else character)
        ready, serial_found = scan.take(key, number * pause_s)
        keys += "".join(each.character or "" for each in ready)
        found += serial_found
    return keys + "".join(each.character or "" for each in scan.let_go()), found


@pytest.mark.parametrize("text", [serial(1), serial(1).lower(), "c" * LEAST_DIGITS])
def test_quick_digits_and_enter_are_a_serial_and_no_steering_keys(text: str) -> None:
    keys, found = scanned(text, FAST_S)
    assert found == text
    assert keys in ("", text[0])
    assert not keys or keys.isdigit(), "a letter may be a key that changes something at the line"


@pytest.mark.parametrize(
    ("text", "pause_s"),
    [
        (serial(1), SLOW_S),
        ("c" * (LEAST_DIGITS - 1), FAST_S),
        ("bL42", FAST_S),
        ("12pqR", FAST_S),
        ("b2026-47-ABCDEF", FAST_S),
    ],
)
def test_what_is_typed_by_hand_or_is_no_serial_goes_its_way_in_its_order(text: str, pause_s: float) -> None:
    assert scanned(text, pause_s) == (text, "")


@pytest.mark.parametrize("begin", ["f1", "f2", "f5"])
async def test_a_scanner_finds_the_unit_wherever_one_looks(tmp_path: Path, begin: str) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    first, second = serial(5), serial(6).lower()
    with scripted_line(tmp_path, EVERY_STATE, LineStatus()) as heard:
        async with app.run_test(size=(160, 45), notifications=True) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.report and app.state.slots, "the line")
            await operator.press(begin)
            for number in (first, second):
                scan(app, number)
                await operator.until_text(f"{number.upper()}: 1 run")
                assert app.screen.query_one(UnitsPage).query_one(Input).value == number
        assert heard == [], "nothing was asked of the line"


def scan(app: Dashboard, text: str) -> None:
    """All of it comes in one go, as from a terminal that is behind."""
    for character in text:
        app.post_message(events.Key(character, character))
    app.post_message(events.Key("enter", "\r"))
