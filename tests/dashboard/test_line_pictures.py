"""The line screen in its states, as pictures: small and large, dark and light."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from station.dashboard.app import Dashboard
from station.dashboard.widgets.grid import SlotGrid
from station.model.live import LineStatus
from tests.dashboard.scripted import EVERY_STATE, NOON, RECORDS, STOPPED, scripted_line

Compare = Callable[..., bool]


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])
@pytest.mark.parametrize(
    ("count", "status"), [(4, LineStatus()), (12, LineStatus()), (4, STOPPED)], ids=["four", "every-state", "stopped"]
)
def test_line_screen(
    snap_compare: Compare,
    tmp_path: Path,
    size: tuple[int, int],
    theme: str,
    count: int,
    status: LineStatus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)

    async def settle(pilot: Pilot[None]) -> None:
        app.theme = theme
        while len(app.screen.query_one(SlotGrid).faces) != count or app.state.report is None:
            await pilot.pause(0.02)
        await pilot.pause(0.3)

    with scripted_line(tmp_path, EVERY_STATE[:count], status):
        assert snap_compare(app, terminal_size=size, run_before=settle)
