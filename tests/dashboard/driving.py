"""A dashboard driven through its keys, over a real line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from textual.pilot import Pilot

from station.control.client import is_served
from station.dashboard.app import Dashboard
from station.dashboard.exit_status import Leaving
from station.dashboard.tiles.tile_content import Face
from station.dashboard.tiles.tile_grid import SlotGrid
from station.wiring.log import open_records
from tests.harness import LIMIT_S, Bench, wait_for


class Operator:
    """Looks at a dashboard and presses its keys."""

    def __init__(self, app: Dashboard, pilot: Pilot[Leaving]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys as a hand does, one after the other, and let the screen take them in."""
        for key in keys:
            await self.pilot.press(key)
            while not self.app._typed.is_done and self.app.return_value is None:
                await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def until(self, true: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
        """Look until the answer is true and return it; fails after the limit."""
        until_s = monotonic() + limit_s
        while not (answer := true()):
            assert monotonic() < until_s, f"{what}: not within {limit_s} s; the screen shows {self.faces}"
            await self.pilot.pause(0.02)
        return answer

    @property
    def faces(self) -> dict[str, Face]:
        """What each tile shows, by the slot's name."""
        return {face.name: face for grid in self.app.screen.query(SlotGrid) for face in grid.faces}

    async def until_word(self, slot: str, *words: str) -> Face:
        """The face of a slot once its word is one of these."""
        await self.until(lambda: slot in self.faces and self.faces[slot].word in words, f"{slot} says {words}")
        return self.faces[slot]

    def text(self) -> str:
        """The whole screen as plain text."""
        with self.app._context():  # of two dashboards in one process, Textual else takes the one that came last
            lines = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in line) for line in lines)

    async def until_text(self, text: str) -> None:
        """Look until this stands on the screen."""
        await self.until(lambda: text in self.text(), f"{text!r} on the screen")


@asynccontextmanager
async def dashboard(bench: Bench, size: tuple[int, int] = (80, 24), **options: Any) -> AsyncIterator[Operator]:
    """A dashboard attached to the line of a bench."""
    wait_for(lambda: is_served(bench.data_dir), "the line answers")
    with open_records(bench.data_dir) as records:
        app = Dashboard(bench.data_dir, records, **options)
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Operator(app, pilot)
