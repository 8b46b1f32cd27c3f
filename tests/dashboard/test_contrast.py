"""Every text can be read on its ground, in both themes: computed over the palette and over what the screens show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.color import Color
from textual.screen import ModalScreen

from station.control.wire import LineStatus
from station.dashboard.app import Dashboard
from station.dashboard.tiles.tile_colours import LEAST_CONTRAST, contrast, palette
from tests.dashboard.driving import Operator
from tests.dashboard.pictures import ALARMED, PAUSED
from tests.dashboard.scripted import EVERY_STATE, NOON, RECORDS, STOPPED, scripted_line
from tests.dashboard.settling import until_begun
from tests.dashboard.tile_table import THEMES, least_contrast, variables

DRAWN = range(0x2500, 0x25A0)
"""Box drawing and blocks: no text. Large letters are made of them, in the style of the tile's body."""
WAYS: tuple[list[str], ...] = ([], ["f2"], ["f3"], ["f4"], ["f5"], ["f6"], ["q"], ["b"], ["b", "c"], ["right", "c"])
"""The keys that lead to each screen and question."""


@pytest.mark.parametrize("theme", THEMES)
def test_every_tone_of_a_tile_can_be_read(theme: str) -> None:
    contrasts = {tone: least_contrast(colours) for tone, colours in palette(variables(theme)).items()}
    assert {tone: ratio for tone, ratio in contrasts.items() if ratio < LEAST_CONTRAST} == {}


def test_what_contrast_is() -> None:
    black, white = Color.parse("#000000"), Color.parse("#ffffff")
    assert (contrast(black, white), contrast(white, white)) == (21.0, 1.0)
    assert contrast(white, Color.parse("#777777")) == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("status", [LineStatus(), LineStatus(paused=True), PAUSED, STOPPED], ids=repr)
async def test_every_text_on_every_screen_can_be_read(tmp_path: Path, theme: str, status: LineStatus) -> None:
    app = Dashboard(tmp_path, RECORDS, now=lambda: NOON)
    slots = EVERY_STATE if status.paused_code is None else ALARMED
    with scripted_line(tmp_path, slots, status):
        async with app.run_test(size=(160, 45), notifications=True) as pilot:
            operator = Operator(app, pilot)
            await until_begun(pilot, app, theme)
            for way in WAYS if status == LineStatus() else WAYS[:1]:
                await operator.press("f1", *way)
                assert sorted(set(unreadable(operator))) == [], f"after {way}"
                await operator.press("escape", "escape")


def unreadable(operator: Operator) -> Iterator[str]:
    """The texts on the screen with too little contrast, and how much it is; of what lies dimmed under a question, none
    is to be read."""
    screen = operator.app.screen
    with operator.app._context():
        lines = screen._compositor.render_strips()
    shown = screen.children[0].region if isinstance(screen, ModalScreen) else screen.region
    for line in lines[shown.y : shown.bottom]:
        for segment in line.crop(shown.x, shown.right):
            ratio = _contrast_of(segment)
            if ratio is not None and ratio < LEAST_CONTRAST:
                yield f"{segment.text.strip()[:30]!r} {ratio:.2f} {segment.style}"


def _contrast_of(segment: Segment) -> float | None:
    style = segment.style
    text = [letter for letter in segment.text if not letter.isspace() and ord(letter) not in DRAWN]
    if not text or style is None or style.color is None or style.bgcolor is None:
        return None
    return contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))
