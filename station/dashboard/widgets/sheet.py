"""Text in lines of coloured parts, made for the width that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.color import Color
from textual.geometry import Size
from textual.widget import Widget

from station.dashboard.text_wrap import cut, wrap
from station.dashboard.tiles.tile_colours import inks
from station.terminal_text import printable

GAP = 2
_MARKED = {"title": Style(bold=True), "heading": Style(bold=True, underline=True)}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line. `tone` is one of the tiles' tones, "title", "heading" or "" for the plain text."""

    text: str
    tone: str = ""


Line = tuple[Part, ...]


class Sheet(Widget):
    """Shows the lines that `make` gives for a width in columns. No part of a text is markup, none steers a terminal."""

    DEFAULT_CSS = "Sheet { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make: Callable[[int], Iterable[Line]] = lambda width: ()
        self._lines: tuple[int, list[Line]] | None = None

    def show(self, make: Callable[[int], Iterable[Line]]) -> None:
        """Show other lines."""
        self._make, self._lines = make, None
        self.refresh(layout=True)

    def lines(self, width: int) -> list[Line]:
        """The lines as they are for this width, made once."""
        if self._lines is None or self._lines[0] != width:
            self._lines = width, list(self._make(width))
        return self._lines[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as there are lines."""
        return len(self.lines(width))

    def render(self) -> RenderResult:
        """The lines in the theme's colours."""
        variables = self.app.theme_variables
        styles = {**inks(variables, Color.parse(variables["surface"])), **_MARKED}
        text = Text(no_wrap=True, overflow="crop")
        for number, line in enumerate(self.lines(self.size.width)):
            text.append("\n" if number else "")
            for part in line:
                text.append(printable(part.text), styles.get(part.tone))
        return text


def single(text: str, tone: str = "") -> Line:
    """A line of one part."""
    return (Part(text, tone),)


def paragraph(text: str, width: int, indent: int = 0, tone: str = "") -> Iterator[Line]:
    """A text in as many lines as it needs."""
    for row in wrap(printable(text), max(8, width - indent)):
        yield single(" " * indent + row, tone)


def columns(
    heads: Sequence[str], rows: Sequence[Sequence[Part]], width: int, aligns: str, indent: int = 0
) -> list[Line]:
    """A table: its headings, and rows whose parts are one for each column. `aligns` has a letter for
    each column: "r" where it is aligned to the right, else "l". What does not fit into `width` is cut."""
    table = [[Part(head, "heading" if head else "") for head in heads], *rows]
    widths = [max(cell_len(row[column].text) for row in table) for column in range(len(heads))]
    return [tuple(_aligned(row, widths, aligns, width, indent)) for row in table]


def _aligned(row: Sequence[Part], widths: Sequence[int], aligns: str, width: int, indent: int) -> Iterator[Part]:
    room = width - indent
    yield Part(" " * indent)
    for part, wide, align in zip(row, widths, aligns, strict=True):
        if room <= 0:
            return
        blank = " " * min(room, wide - cell_len(part.text))
        if align == "r":
            yield Part(blank)
            yield Part(cut(part.text, room - len(blank)), part.tone)
            yield Part(" " * GAP)
        else:
            yield Part(cut(part.text, room), part.tone)
            yield Part(blank + " " * GAP)
        room -= wide + GAP
