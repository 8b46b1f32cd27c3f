"""Labels scanned on the screen: whatever the order, no label is bound to a camera that it may not belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from station.control.wire import LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.input.label_scans import SETTLES_S, LabelScans, Mark, mark_of, place_of
from station.dashboard.pages.units_page import UnitsPage
from station.dashboard.widgets.label_banner import LabelBanner
from station.model.product_serials import ProductSerialRule
from station.model.slots import SlotState, SlotView
from station.model.unit_marks import UnitMarks
from station.model.unit_values import UnitKey
from tests.dashboard.driving import Operator, dashboard
from tests.dashboard.scripted import ABOUT, NOON, RECORDS, scripted_line, serial, view
from tests.dashboard.test_scanner import scan
from tests.harness import wait_for
from tests.integration.conftest import MakeBench, camera
from tests.integration.conftest import serial as chip

MARKS = UnitMarks(ProductSerialRule("P-[0-9]{4}"), (UnitKey("lens", "L-[0-9]+", "LENS:"),), scan_waits_s=30.0)
WAITING = SlotState.WAITING
P1, P2, LENS = Mark("P-0001"), Mark("P-0002"), Mark(key="lens", value="L-7")


class Desk:
    """Labels, what they asked of the line, and a clock that is set by hand."""

    def __init__(self, *slots: SlotView) -> None:
        self.slots: Sequence[SlotView] = slots
        self.at_s = 0.0
        self.asked: list[dict[str, Any]] = []
        about = replace(ABOUT, marks=MARKS)
        self.labels = LabelScans(self._ask, lambda: about, lambda: self.at_s)

    def _ask(self, do: str, **given: Any) -> bool:
        assert do == "bind_unit"
        self.asked.append(given)
        return True

    def later(self, seconds: float) -> None:
        """Time goes by in looks, as on the screen."""
        for _ in range(10):
            self.at_s += seconds / 10
            self.labels.look(self.slots)

    def comes(self, number: int) -> None:
        mine = view(number, WAITING)
        self.slots = [mine if one.slot == mine.slot else one for one in self.slots]
        self.labels.look(self.slots)

    @property
    def tone(self) -> str:
        words = self.labels.words()
        return words.tone if words else ""

    @property
    def pairs(self) -> list[tuple[str, str, str | None]]:
        return [(one["port_path"], one["serial"], one["product_serial"]) for one in self.asked]


def empty(*numbers: int) -> list[SlotView]:
    return [view(number, SlotState.EMPTY) for number in numbers]


def test_what_a_scanned_text_is() -> None:
    assert mark_of("P-0001", MARKS) == P1
    assert mark_of("LENS:L-7", MARKS) == LENS
    assert getattr(mark_of("LENS:X", MARKS), "code", "") == "value.form"
    assert mark_of("L42", MARKS) is None, "a batch, a slot, or nothing"
    digits = UnitMarks(ProductSerialRule("", "luhn"))
    assert getattr(mark_of("79927398714", digits), "code", "") == "product.check_digit"
    assert mark_of("P-0001", UnitMarks()) is None, "nothing is bound where nobody set it up"
    slots = [view(1, WAITING), *empty(2)]
    assert place_of("a2", slots) is slots[1]
    assert place_of(serial(1).lower(), slots) is slots[0]
    assert place_of("", slots) is None


def test_a_label_and_then_the_next_camera() -> None:
    desk = Desk(view(1, WAITING), *empty(2, 3))
    desk.labels.label(P1, desk.slots)
    desk.later(5)
    assert not desk.asked, "the one that was there before is not the next"
    assert desk.tone == "wait"
    desk.comes(2)
    desk.later(2 * SETTLES_S)
    assert desk.pairs == [("1-1.2", serial(2), "P-0001")]
    assert desk.tone == "wait", "it is not in the log yet"
    bound = {"port_path": "1-1.2", "serial": serial(2), "product_serial": "P-0001", "unit_values": {}}
    desk.labels.bound(bound, desk.slots)
    assert desk.tone == "done"
    desk.later(5)
    desk.comes(3)
    desk.later(5)
    assert len(desk.asked) == 1


def test_a_line_that_never_answers_is_not_waited_for_for_ever() -> None:
    """It was killed before its log had it, or after: nobody at the screen knows."""
    desk = Desk(view(1, WAITING))
    desk.labels.label(P1, desk.slots)
    desk.labels.place(desk.slots[0], desk.slots)
    assert len(desk.asked) == 1
    desk.later(29)
    assert desk.tone == "wait"
    desk.later(2)
    assert (desk.tone, desk.labels.waits) == ("refused", False)
    desk.labels.label(P2, desk.slots)
    assert desk.labels.has_label, "the next one can be scanned"


def test_two_cameras_at_once_are_not_guessed_between() -> None:
    desk = Desk(*empty(1, 2))
    desk.labels.label(P1, desk.slots)
    desk.comes(1)
    desk.comes(2)
    desk.later(20)
    assert not desk.asked
    assert desk.labels.has_label
    desk.labels.place(desk.slots[1], desk.slots)
    assert desk.pairs == [("1-1.2", serial(2), "P-0001")]


def test_one_that_comes_and_goes_is_not_taken() -> None:
    desk = Desk(*empty(1, 2))
    desk.labels.label(P1, desk.slots)
    desk.comes(1)
    desk.slots = empty(1, 2)
    desk.later(5)
    assert not desk.asked
    desk.comes(2)
    desk.later(2 * SETTLES_S)
    assert desk.pairs == [("1-1.2", serial(2), "P-0001")]


def test_a_label_then_the_slot_or_the_slot_then_a_label() -> None:
    for slot_first in (False, True):
        desk = Desk(view(1, SlotState.PASSED), view(2, WAITING))
        if slot_first:
            desk.labels.place(desk.slots[0], desk.slots)
            desk.labels.label(P1, desk.slots)
        else:
            desk.labels.label(P1, desk.slots)
            desk.labels.place(desk.slots[0], desk.slots)
        assert desk.pairs == [("1-1.1", serial(1), "P-0001")]


def test_a_slot_that_is_empty_waits_for_its_own_camera() -> None:
    desk = Desk(*empty(1, 2))
    desk.labels.label(P1, desk.slots)
    desk.labels.place(desk.slots[1], desk.slots)
    desk.comes(1)
    desk.later(5)
    assert not desk.asked, "that is another slot"
    desk.comes(2)
    desk.later(2 * SETTLES_S)
    assert desk.pairs == [("1-1.2", serial(2), "P-0001")]


def test_a_camera_that_was_changed_between_slot_and_label_is_not_bound() -> None:
    desk = Desk(view(1, WAITING))
    desk.labels.place(desk.slots[0], desk.slots)
    desk.slots = [replace(view(1, WAITING), serial=serial(9))]
    desk.labels.label(P1, desk.slots)
    assert (desk.asked, desk.tone, desk.labels.waits) == ([], "refused", False)


def test_two_labels_in_a_row_drop_both_and_the_same_twice_is_one() -> None:
    desk = Desk(*empty(1))
    desk.labels.label(P1, desk.slots)
    desk.labels.label(P1, desk.slots)
    assert desk.tone == "wait"
    desk.labels.label(P2, desk.slots)
    assert (desk.tone, desk.labels.waits) == ("refused", False)
    desk.comes(1)
    desk.later(5)
    assert not desk.asked


def test_a_label_and_a_value_go_together() -> None:
    desk = Desk(*empty(1))
    desk.labels.label(LENS, desk.slots)
    desk.labels.label(P1, desk.slots)
    desk.comes(1)
    desk.later(2 * SETTLES_S)
    (asked,) = desk.asked
    assert (asked["product_serial"], asked["values"]) == ("P-0001", [("lens", "L-7")])
    desk.labels.label(P2, desk.slots)
    assert (desk.tone, len(desk.asked)) == ("refused", 1), "not before the first is in the log"


def test_time_and_escape_drop_it() -> None:
    desk = Desk(*empty(1))
    desk.labels.label(P1, desk.slots)
    desk.later(29)
    assert desk.labels.has_label
    desk.later(2)
    assert (desk.tone, desk.labels.waits) == ("refused", False)
    desk.labels.label(P1, desk.slots)
    assert desk.labels.drop()
    assert (desk.tone, desk.labels.drop()) == ("", False)
    desk.comes(1)
    desk.later(5)
    assert not desk.asked


def shown(operator: Operator) -> LabelBanner:
    return operator.app.screen.query_one(LabelBanner)


async def test_scans_on_every_page_and_what_they_are_told_apart_by(tmp_path: Path) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    slots = (view(1, WAITING, "product.unbound", "it waits"), *empty(2))
    with scripted_line(tmp_path, slots, LineStatus(), replace(ABOUT, marks=MARKS)) as heard:
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.report and app.state.slots, "the line")
            await operator.until(lambda: operator.faces["A1"].act == "SCAN", "what to do")
            for page in ("f2", "f5", "f1"):
                await operator.press(page)
                scan(app, "P-0001")
                await operator.until_text("P-0001 waits")
                assert app.desk.page.id == "line", "where a slot is scanned, or chosen with Enter"
                assert shown(operator).has_class("wait")
                await operator.press("escape")
                await operator.until(lambda: not shown(operator).display, "it is dropped")
            await operator.press("f1")
            scan(app, "L42")  # a batch is a batch
            await operator.until_text("Batch L42")
            scan(app, serial(5))  # and a unit a unit
            await operator.until_text(f"{serial(5)}: 1 run")
            assert app.screen.query_one(UnitsPage).query_one(Input).value
            scan(app, "X-99")
            await operator.until_text("No unit, batch or slot is called X-99.")
            assert not heard
            scan(app, "P-0001")
            await operator.until_text("P-0001 waits")
            scan(app, "a1")
            await operator.until(lambda: heard, "the line is asked")
            scan(app, "P-0002")
            await operator.until_text("the label before is not in the log yet")
    given = {"port_path": "1-1.1", "serial": serial(1), "product_serial": "P-0001", "values": []}
    assert list(heard) == [{"do": "bind_unit", **given}]


@pytest.mark.parametrize("pasted", ["]C1P-0\x1d001\n", "]d2P-0001\x04", "P-0001\r\n"])
async def test_a_label_that_is_pasted_is_the_one_that_is_scanned(tmp_path: Path, pasted: str) -> None:
    """The separators of its fields are no blanks, as they are none when they come as keys."""
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    with scripted_line(tmp_path, (view(1, WAITING),), LineStatus(), replace(ABOUT, marks=MARKS)):
        async with app.run_test(size=(100, 35), notifications=True) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.report and app.state.slots, "the line")
            app.post_message(events.Paste(pasted))
            await operator.until_text("P-0001 waits")


async def test_enter_binds_to_the_selected_slot_and_only_then(tmp_path: Path) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    with scripted_line(tmp_path, (view(1, WAITING),), LineStatus(), replace(ABOUT, marks=MARKS)) as heard:
        async with app.run_test(size=(100, 35), notifications=True) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.report and app.state.slots, "the line")
            scan(app, "P-0001")
            await operator.until_text("P-0001 waits")
            await operator.press("enter")
            await operator.until(lambda: heard, "the line is asked")
    assert [(one["do"], one.get("serial")) for one in heard] == [("bind_unit", serial(1))]


async def test_a_screen_that_may_only_look_binds_nothing(tmp_path: Path) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON, read_only=True)
    with scripted_line(tmp_path, (view(1, WAITING),), LineStatus(), replace(ABOUT, marks=MARKS)) as heard:
        async with app.run_test(size=(100, 35), notifications=True) as pilot:
            operator = Operator(app, pilot)
            await operator.until(lambda: app.state.report and app.state.slots, "the line")
            scan(app, "P-0001")
            await operator.until_text("No unit, batch or slot is called P-0001.")
    assert not heard


async def test_with_a_real_line_from_the_scan_to_the_log(make_bench: MakeBench, tmp_path: Path) -> None:
    """Scanned first, then plugged in; then after a run; and a label that another camera has."""
    bench = make_bench([camera(1), camera(2)])
    config = tmp_path / "station.toml"
    config.write_text('[product_serial]\npattern = "P-[0-9]{4}"\nrequired = true\n')
    with bench.station("--config", config, plug=False) as running:
        async with dashboard(bench, (120, 40)) as operator:
            await operator.until(lambda: operator.app.state.about, "the line")
            scan(operator.app, "P-0001")
            await operator.until_text("P-0001 waits")
            bench.line.plug(chip(1))
            await operator.until_text("P-0001 is bound, and in the log.")
            await operator.until_word("1-1.1", "PASS")
            assert "P-0001" in operator.faces["1-1.1"].details
            bench.line.plug(chip(2))
            await operator.until(lambda: operator.faces.get("1-1.2") and operator.faces["1-1.2"].act == "SCAN", "waits")
            scan(operator.app, "1-1.2")
            await operator.until_text("Slot 1-1.2: scan the label")
            scan(operator.app, "P-0001")
            await operator.until_text(f"P-0001 is the product serial of unit {chip(1)}")
            assert bench.blocks_written(chip(2)) == 0
            scan(operator.app, "P-0002")
            await operator.until_text("P-0002 waits")
            scan(operator.app, chip(2))
            await operator.until_word("1-1.2", "PASS")
        wait_for(lambda: len(bench.export()) == 2, "both are in the log")
        running.interrupt()
        running.end()
    assert [(run["serial"], run["product_serial"]) for run in bench.export()] == [
        (chip(1), "P-0001"),
        (chip(2), "P-0002"),
    ]
