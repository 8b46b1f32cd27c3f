"""Units, failures, yield, log and help: over a real line, and as pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import DataTable, Input

from station.control.wire import LineAbout, LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.exit_status import Leaving
from station.dashboard.pages import help_page
from station.errors import HINTS
from station.sim.faults import Fault
from tests.dashboard.driving import Operator, dashboard
from tests.dashboard.scripted import ABOUT, EVERY_STATE, NOON, RECORDS, RUNS, scripted_line
from tests.dashboard.settling import until, until_begun, until_still
from tests.integration.conftest import MakeBench, camera, serial


async def test_a_failed_camera_is_found_looked_up_and_run_again(make_bench: MakeBench) -> None:
    refuses = Fault("err_write", "WRITE", alt=1, times=2)
    bench = make_bench([camera(1, faults=(refuses,)), camera(2)])
    with bench.station("--batch", "L42", plug=False) as running:
        async with dashboard(bench, (120, 40)) as operator:
            await operator.until_text("No camera yet")
            bench.line.plug_all()
            await operator.until_word("1-1.1", "FAIL")
            await operator.until_word("1-1.2", "PASS")

            await operator.press("5")
            await operator.until_text(serial(1))
            await operator.until_text("dfu.err_write")

            await operator.press("2")
            await operator.until_text(serial(2))
            await operator.press(*"3a0001")
            await operator.until(lambda: operator.app.desk.page.query_one(DataTable).row_count == 1, "one unit fits")
            await operator.press("enter")
            await operator.until_text(": 1 run")
            await operator.until_text("#2  ✗ FAIL   dfu.err_write")

            await operator.press("f4")
            await operator.until_text("What failed most")
            await operator.until_text("50.0 %")

            await operator.press("3")
            await operator.until_text("could not store a block")
            await operator.until(lambda: operator.app.desk.page.query_one(DataTable).row_count == 1, "one failure")
            await operator.press("enter")
            await operator.until_text("Nothing to run again")
            await operator.press("escape")
            await operator.until_word("1-1.1", "PASS")
        running.interrupt()
        running.end()


async def test_a_failed_camera_that_was_taken_out_is_not_run_again(make_bench: MakeBench) -> None:
    refuses = Fault("err_write", "WRITE", alt=1, times=2)
    bench = make_bench([camera(1, faults=(refuses,))])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("No camera yet")
            bench.line.plug_all()
            await operator.until_word("1-1.1", "FAIL")
            bench.line.unplug(serial(1))
            await operator.until_word("1-1.1", "empty")
            await operator.press("3")
            await operator.until_text(serial(1))
            await operator.press("enter")
            await operator.until_text("in no slot now")
        running.interrupt()
        running.end()


async def test_typing_a_serial_is_not_taken_for_keys(make_bench: MakeBench) -> None:
    bench = make_bench([])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.press("2")
            await operator.press(*"12pqR")
            assert operator.app.desk.page.query_one(Input).value == "12pqR"
            await operator.press("escape")
            await operator.until_text("No camera yet")
        running.interrupt()
        running.end()


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])
@pytest.mark.parametrize(
    ("key", "seen"),
    [("f2", "PASS"), ("f3", "boot.timeout"), ("f4", "interval"), ("f5", "verify.mismatch"), ("f6", "KEYS")],
    ids=["units", "failures", "yield", "log", "help"],
)
def test_screen(
    snap_compare: Callable[..., bool],
    tmp_path: Path,
    size: tuple[int, int],
    theme: str,
    key: str,
    seen: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The help lists all codes below its end: a new one would move the end of the scroll bar in the picture.
    monkeypatch.setattr(help_page, "HINTS", dict(list(HINTS.items())[:100]))
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)

    async def settle(pilot: Pilot[None]) -> None:
        await until_begun(pilot, app, theme)
        await pilot.press(key)
        await until(pilot, lambda: seen in app.export_screenshot(), seen)
        await until_still(pilot, app)

    with scripted_line(tmp_path, EVERY_STATE[:4], LineStatus(), runs=RUNS[-8:]):
        assert snap_compare(app, terminal_size=size, run_before=settle)


BATCHLESS = replace(ABOUT, batch=None, planned=None)
REACHED = replace(LineStatus(), plan_reached=True)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])
@pytest.mark.parametrize(
    ("about", "status", "keys", "seen"),
    [
        (BATCHLESS, LineStatus(), ("b", *"L43", "enter"), "operator"),
        (ABOUT, REACHED, (), "100"),
        (ABOUT, LineStatus(), ("b", "x"), "first-pass"),
        (ABOUT, LineStatus(), ("right", "c"), "A2"),
        (ABOUT, LineStatus(), ("q",), "running"),
    ],
    ids=["batch", "plan-reached", "closing", "cancel", "leave"],
)
def test_dialog(
    snap_compare: Callable[..., bool],
    tmp_path: Path,
    size: tuple[int, int],
    theme: str,
    about: LineAbout,
    status: LineStatus,
    keys: tuple[str, ...],
    seen: str,
) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)

    async def settle(pilot: Pilot[Leaving]) -> None:
        await until_begun(pilot, app, theme)
        await Operator(app, pilot).press(*keys)
        await until(pilot, lambda: isinstance(app.screen, ModalScreen) and seen in app.export_screenshot(), seen)
        await until_still(pilot, app)

    with scripted_line(tmp_path, EVERY_STATE[:4], status, about):
        assert snap_compare(app, terminal_size=size, run_before=settle)
