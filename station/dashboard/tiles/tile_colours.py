"""The colours of the tiles, from the theme that is on: light, dark or sixteen colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style
from textual.color import Color

BLACK, WHITE = Color.parse("#000000"), Color.parse("#ffffff")
LEAST_CONTRAST = 4.5
"""Of every text on its ground (WCAG 2, AA)."""
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
    strong = Color.parse(variables.get(name, name)).blend(BLACK, darker)
    if tone in FILLED:
        strong = _dark_enough(strong)
    title_ground = strong.blend(BLACK, 0.25) if tone in FILLED else strong
    body_ground = strong if tone in FILLED else ground.blend(strong, 0.12)
    body_text = WHITE if tone in FILLED else text
    dim = next(
        blended
        for share in (0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
        if contrast(blended := body_ground.blend(body_text, share), body_ground) >= LEAST_CONTRAST or share == 1.0
    )
    return Colours(
        title=_style(_on(title_ground), title_ground, bold=True),
        body=_style(body_text, body_ground, bold=False),
        dim=_style(dim, body_ground, bold=False),
        bar=_style(strong if tone not in FILLED else WHITE, body_ground, bold=False),
        trough=_style(body_ground.blend(text, 0.25), body_ground, bold=False),
    )


def inks(variables: Mapping[str, str], ground: Color) -> dict[str, Style]:
    """The tones as colours of a text on a ground, each with as much of the theme's own text colour as it takes to be
    read there."""
    text = variables["foreground"]
    sources = {tone: variables.get(name, name) for tone, (name, _) in _SOURCES.items()}
    return {tone: Style(color=_ink(source, text, ground.hex).rich_color) for tone, source in sources.items()}


@lru_cache(maxsize=512)
def _ink(source: str, text: str, ground: str) -> Color:
    colour, under = Color.parse(source), Color.parse(ground)
    shares = (colour.blend(Color.parse(text), step / 20) for step in range(21))
    return next((blended for blended in shares if contrast(blended, under) >= LEAST_CONTRAST), Color.parse(text))


def contrast(text: Color, ground: Color) -> float:
    """How much lighter one of two colours is than the other, from 1 to 21, as WCAG 2 reckons it."""
    light, dark = sorted((_luminance(text), _luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Color) -> float:
    parts = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def _dark_enough(ground: Color) -> Color:
    """The colour with as much black as it takes for white text."""
    while contrast(WHITE, ground) < LEAST_CONTRAST:
        ground = ground.blend(BLACK, 0.05)
    return ground


def _on(ground: Color) -> Color:
    """White where it can be read on it, else black."""
    return WHITE if contrast(WHITE, ground) >= LEAST_CONTRAST else BLACK


def _style(text: Color, ground: Color, *, bold: bool) -> Style:
    return Style(color=text.rich_color, bgcolor=ground.rich_color, bold=bold)
