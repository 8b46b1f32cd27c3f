"""The colours of the tiles, from the theme that is on: light, dark or sixteen colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color

FILLED = frozenset({"passed", "failed", "error"})
"""Tones that fill the whole tile: to be seen from across the hall."""
_SOURCES: Mapping[str, tuple[str, float]] = {
    "idle": ("panel", 0.0),
    "waiting": ("warning", 0.0),
    "running": ("primary", 0.0),
    "passed": ("success", 0.25),
    "failed": ("error", 0.15),
    "error": ("#8a3ab9", 0.0),
    "aborted": ("foreground", 0.45),
    "skipped": ("#2a9d8f", 0.0),
}
"""For each tone a colour, of the theme or its own, and how much black is mixed in so that white stands out."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The styles of one tone: the title bar, the body, what is dim in the body, and the bar."""

    title: Style
    body: Style
    dim: Style
    bar: Style
    trough: Style


def palette(variables: Mapping[str, str]) -> dict[str, Colours]:
    """The styles of every tone under a theme's variables."""
    ground = Color.parse(variables["surface"])
    text = Color.parse(variables["foreground"])
    return {tone: _colours(tone, variables, ground, text) for tone in _SOURCES}


def _colours(tone: str, variables: Mapping[str, str], ground: Color, text: Color) -> Colours:
    name, darker = _SOURCES[tone]
    strong = Color.parse(variables.get(name, name)).blend(Color.parse("#000000"), darker)
    on_strong = _on(strong)
    body_ground = strong if tone in FILLED else ground.blend(strong, 0.12)
    body_text = on_strong if tone in FILLED else text
    return Colours(
        title=_style(on_strong, strong.blend(Color.parse("#000000"), 0.25) if tone in FILLED else strong, bold=True),
        body=_style(body_text, body_ground, bold=False),
        dim=_style(body_ground.blend(body_text, 0.9 if tone in FILLED else 0.75), body_ground, bold=False),
        bar=_style(strong if tone not in FILLED else on_strong, body_ground, bold=False),
        trough=_style(body_ground.blend(text, 0.25), body_ground, bold=False),
    )


def _on(ground: Color) -> Color:
    """Black or white, whichever can be read on it."""
    return Color.parse("#ffffff") if ground.brightness < 0.6 else Color.parse("#000000")


def _style(text: Color, ground: Color, *, bold: bool) -> Style:
    return Style(color=text.rich_color, bgcolor=ground.rich_color, bold=bold)
