"""What is largest on a tile in each state, at several sizes of the terminal: `python -m tests.dashboard.tile_table`.

Of the twelve slots of the pictures, as a Markdown table: the words, rows of the first one, and the least contrast of a
text on the tile in the two themes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from station.dashboard.eta import Pace
from station.dashboard.tiles.large_letters import largest
from station.dashboard.tiles.tile_colours import Colours, contrast, palette
from station.dashboard.tiles.tile_content import Face, face_of
from station.dashboard.tiles.tile_layout import edges, layout
from station.dashboard.tiles.tile_rows import draw
from station.model.slots import SlotView
from station.yields.counting import Rates, summarize
from tests.dashboard.scripted import EVERY_STATE, IMAGES, RUNS

SIZES = ((80, 24), (160, 45), (240, 67))
BARS_ROWS = 4
"""Of the terminal, which the header and the keys take."""
THEMES = ("textual-dark", "textual-light")


@dataclass(frozen=True)
class Letters:
    """A word that is drawn large, and the rows that it takes."""

    word: str
    rows: int


def variables(theme: str) -> Mapping[str, str]:
    """A theme's colours by their names."""
    return BUILTIN_THEMES[theme].to_color_system().generate()


def pace() -> Pace:
    """What the pictures' station has learned."""
    return Pace.learned(Rates(summarize(RUNS).images, 28.0), IMAGES)


def tile(view: SlotView, size: tuple[int, int], count: int = 12, theme: str = "textual-dark") -> list[list[Segment]]:
    """The rows of a slot's tile on a terminal of this size, where there are `count` slots."""
    face, (width, height) = face_of(view, pace(), IMAGES, 0.0), size
    plan = layout(width, height - BARS_ROWS, count)
    across, down = edges(width, plan.columns), edges(height - BARS_ROWS, plan.visible_rows)
    colours = palette(variables(theme))[face.look.tone]
    return draw(face, across[1], down[1], colours, Style(), selected=False)


def text_of(rows: list[list[Segment]]) -> list[str]:
    """The rows as plain text."""
    return ["".join(segment.text for segment in row) for row in rows]


def large_on(face: Face, rows: list[str]) -> Iterator[Letters]:
    """The words of a face that stand on its tile in large letters, each in the size that it has there."""
    for word in (*face.sign, face.name, *face.acts):
        if (drawn := next(_sizes_of(word, rows), None)) is not None:
            yield Letters(word, drawn)


def _sizes_of(word: str, rows: list[str]) -> Iterator[int]:
    sizes = {largest(word, columns, tall) for tall in range(len(rows), 2, -1) for columns in range(len(rows[0]), 2, -1)}
    for drawn in sorted((size for size in sizes if size), key=len, reverse=True):
        for first in range(len(rows) - len(drawn) + 1):
            if any(_stands_at(drawn, rows, first, left) for left in range(len(rows[0]) - len(drawn[0]) + 1)):
                yield len(drawn)


def _stands_at(drawn: tuple[str, ...], rows: list[str], first: int, left: int) -> bool:
    return all(rows[first + row][left : left + len(line)] == line for row, line in enumerate(drawn))


def least_contrast(colours: Colours) -> float:
    """Of the texts of one tone: title, body and what is dim."""
    return min(style_contrast(style) for style in (colours.title, colours.body, colours.dim))


def style_contrast(style: Style) -> float:
    """Of a style's text on its ground."""
    assert style.color is not None
    assert style.bgcolor is not None
    return contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))


def main() -> None:
    """Print the table."""
    heads = [f"{width}x{height}" for width, height in SIZES]
    print("| state | " + " | ".join(f"{head}: largest | rows" for head in heads) + " | contrast dark | light |")
    print("|---" * (2 + 2 * len(SIZES) + 1) + "|")
    for view in EVERY_STATE:
        face = face_of(view, pace(), IMAGES, 0.0)
        cells = [face.look.word]
        for size in SIZES:
            found = list(large_on(face, text_of(tile(view, size))))
            cells += [", ".join(letters.word for letters in found) or "-", str(found[0].rows if found else 1)]
        cells += [f"{least_contrast(palette(variables(theme))[face.look.tone]):.1f}" for theme in THEMES]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
