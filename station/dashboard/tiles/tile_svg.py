"""A tile as a picture for paper: what the screen draws in characters, as an SVG. Blocks are drawn as what they are, so
that no font leaves gaps in the large letters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.theme import BUILTIN_THEMES

from station.dashboard.tiles.large_letters import QUARTERS
from station.dashboard.tiles.tile_colours import palette
from station.dashboard.tiles.tile_content import Face
from station.dashboard.tiles.tile_rows import EIGHTHS, Row, draw

THEME = "textual-light"
"""On paper: dark text on a light ground, and filled tiles as on the screen."""
WIDE, TALL = 10, 20
"""Of one character's place, in the picture's own units."""
FONT = "'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', 'WenQuanYi Zen Hei Mono', monospace"
_WORDS = re.compile(r"\S+(?: \S+)*")


def tile_svg(face: Face, columns: int, rows: int) -> str:
    """The tile of a face, so many characters wide and tall."""
    variables: Mapping[str, str] = BUILTIN_THEMES[THEME].to_color_system().generate()
    drawn = draw(face, columns + 1, rows, palette(variables)[face.look.tone], Style(), selected=False)
    body = "".join(part for number, row in enumerate(drawn) for part in _row(row[:-1], number * TALL))
    return (
        f'<svg viewBox="0 0 {columns * WIDE} {rows * TALL}" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'font-family="{escape(FONT)}" font-size="15.5">{body}</svg>'
    )


def _row(row: Row, top: int) -> Iterator[str]:
    """Grounds first, so that no letter is cut by its neighbour's."""
    at = 0.0
    for segment in row:
        wide = cell_len(segment.text) * WIDE
        yield _rectangle(at, top, wide, TALL, _ground(segment))
        at += wide
    at = 0.0
    for segment in row:
        yield from _text(segment, at, top)
        at += cell_len(segment.text) * WIDE


def _text(segment: Segment, left: float, top: int) -> Iterator[str]:
    ink = _ink(segment)
    plain = "".join(" " if _block(letter) is not None else letter for letter in segment.text)
    for words in _WORDS.finditer(plain):
        at, wide = left + cell_len(plain[: words.start()]) * WIDE, cell_len(words.group()) * WIDE
        bold = ' font-weight="bold"' if segment.style and segment.style.bold else ""
        yield (
            f'<text x="{at}" y="{top + 15}" textLength="{wide}" lengthAdjust="spacingAndGlyphs" fill="{ink}"{bold}>'
            f"{escape(words.group())}</text>"
        )
    at = left
    for letter in segment.text:
        for x, y, width, height in _block(letter) or ():
            yield _rectangle(at + x * WIDE, top + y * TALL, width * WIDE, height * TALL, ink)
        at += cell_len(letter) * WIDE


def _block(letter: str) -> Sequence[tuple[float, float, float, float]] | None:
    """What a block fills of its place: left, top, width and height, as shares of it; None for a letter."""
    if letter in QUARTERS:
        bits = QUARTERS.index(letter)
        quarters = ((8, 0.0, 0.0), (4, 0.5, 0.0), (2, 0.0, 0.5), (1, 0.5, 0.5))
        return [(x, y, 0.5, 0.5) for bit, x, y in quarters if bits & bit]
    if letter in EIGHTHS:
        return [(0.0, 0.0, EIGHTHS.index(letter) / 8, 1.0)]
    return [(0.0, 0.46, 1.0, 0.08)] if letter == "─" else None


def _rectangle(left: float, top: float, wide: float, tall: float, colour: str) -> str:
    return (
        f'<rect x="{left:g}" y="{top:g}" width="{wide:g}" height="{tall:g}" fill="{colour}" '
        'shape-rendering="crispEdges"/>'
    )


def _ground(segment: Segment) -> str:
    style = segment.style or Style()
    return style.bgcolor.get_truecolor().hex if style.bgcolor else "#ffffff"


def _ink(segment: Segment) -> str:
    style = segment.style or Style()
    return style.color.get_truecolor().hex if style.color else "#000000"
