"""The line screen in its states, as pictures: small and large, dark and light."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from station.control.wire import LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.tiles.tile_grid import SlotGrid
from tests.dashboard.scripted import EVERY_STATE, NOON, RECORDS, STOPPED, scripted_line
from tests.dashboard.settling import until, until_begun, until_still

Compare = Callable[..., bool]


THEMES = pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])
STATES = {"four": (4, LineStatus()), "every-state": (12, LineStatus()), "stopped": (4, STOPPED)}


@THEMES
@SIZES
@pytest.mark.parametrize(("count", "status"), STATES.values(), ids=STATES)
def test_line_screen(
    snap_compare: Compare,
    tmp_path: Path,
    size: tuple[int, int],
    theme: str,
    count: int,
    status: LineStatus,
) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    with scripted_line(tmp_path, EVERY_STATE[:count], status):
        assert snap_compare(app, terminal_size=size, run_before=settled(app, theme, count))


@THEMES
@SIZES
@pytest.mark.parametrize("state", ["every-state", "stopped"])
def test_line_screen_in_chinese(
    snap_compare: Compare,
    tmp_path: Path,
    size: tuple[int, int],
    theme: str,
    state: str,
) -> None:
    count, status = STATES[state]
    app = Dashboard(tmp_path, RECORDS, language="zh_CN", now=lambda: NOON)
    with scripted_line(tmp_path, EVERY_STATE[:count], status):
        assert snap_compare(app, terminal_size=size, run_before=settled(app, theme, count))


def settled(app: Dashboard, theme: str, count: int) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Waits until the picture is whole."""

    async def settle(pilot: Pilot[None]) -> None:
        await until_begun(pilot, app, theme)
        await until(pilot, lambda: len(app.screen.query_one(SlotGrid).faces) == count, f"{count} tiles")
        await until_still(pilot, app)

    return settle
