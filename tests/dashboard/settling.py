"""Until a dashboard's picture is whole and does not change any more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from station.control.wire import Snapshot
from station.dashboard.app import Dashboard
from tests.harness import LIMIT_S


async def until(pilot: Pilot[Any], true: Callable[[], object], what: str) -> None:
    """Look until it is true; fails after the limit."""
    until_s = monotonic() + LIMIT_S
    while not true():
        assert monotonic() < until_s, f"{what}: not within {LIMIT_S} s"
        await pilot.pause(0.02)


async def until_begun(pilot: Pilot[Any], app: Dashboard, theme: str) -> None:
    """In this theme, until the line and the log have answered first."""
    app.theme = theme
    await until(pilot, lambda: app.state.report is not None and app.state.slots, "the line's slots and figures")


async def until_still(pilot: Pilot[Any], app: Dashboard) -> None:
    """Until nothing is under way, and a newer snapshot of the line has changed nothing on the screen."""
    for field in app.screen.query(Input):
        field.cursor_blink = False
    until_s, before = monotonic() + LIMIT_S, ""
    while True:
        await until(pilot, partial(is_newer_and_quiet, app, app.state.snapshot), "a newer snapshot and no question")
        await pilot.wait_for_scheduled_animations()
        picture = app.export_screenshot()
        if picture == before:
            return
        assert monotonic() < until_s, f"the screen still changes after {LIMIT_S} s"
        before = picture


def is_newer_and_quiet(app: Dashboard, shown: Snapshot) -> bool:
    """Whether every key has done what it does, the log has answered all that it was asked, and the line once more."""
    quiet = app._typed.is_done and app._inquiries.is_done
    return quiet and app.state.snapshot is not shown
