"""A table of texts, one run or one unit a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.color import Color
from textual.coordinate import Coordinate
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import DataTable

from station.dashboard.tiles.tile_colours import inks
from station.terminal_text import printable


class Toned(str):
    """A cell in the colour of a tone."""

    tone: str

    def __new__(cls, text: str, tone: str) -> Toned:
        """The text, with its tone."""
        cell = super().__new__(cls, text)
        cell.tone = tone
        return cell


class Cell(Text):
    """A text as it is, and its tone ("": the row's own colour)."""

    def __init__(self, cell: object) -> None:
        super().__init__(printable(str(cell)), no_wrap=True)
        self.tone: str = getattr(cell, "tone", "")


class Rows(DataTable[Cell]):
    """Textual's table with its cursor, keys and mouse, whose rows are drawn here: each in one style, in one piece, but
    for the cells that have a tone.

    Textual lays out every cell of a row by itself, which takes a tenth of a second for a tall terminal full of runs,
    and does it again whenever a row has come in. Cells are texts as they are: a `[` in a message is no markup.
    """

    def __init__(self) -> None:
        super().__init__(cursor_type="row", zebra_stripes=True)
        self._styles_of_rows: tuple[Style, Style, Style] | None = None
        self._inks: dict[Style, dict[str, Style]] = {}

    def on_mount(self) -> None:
        """A scroll bar that comes up after the table was scrolled stands where the table is."""
        self.watch(self, "show_vertical_scrollbar", self._place_bar, init=False)

    def _place_bar(self) -> None:
        self.vertical_scrollbar.position = self.scroll_y

    def append(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows below those that there are."""
        self.add_rows([Cell(cell) for cell in row] for row in rows)

    def change(self, row: int, before: Sequence[object], now: Sequence[object]) -> None:
        """Other cells in a row; those that are as they were are left."""
        for column, (old, new) in enumerate(zip(before, now, strict=True)):
            if new != old or getattr(new, "tone", "") != getattr(old, "tone", ""):
                self.update_cell_at(Coordinate(row, column), Cell(new), update_width=True)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines that are looked at; their styles are looked up once for all of them."""
        self._styles_of_rows = None
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line: the header as Textual draws it, or a row."""
        row = y - self.header_height + self.scroll_offset.y
        if y < self.header_height or not self.is_valid_row_index(row):
            return super().render_line(y)
        even, odd, cursor = self._styles_of_rows = self._styles_of_rows or self._look_up_styles()
        ground, chosen = odd if row % 2 else even, row == self.cursor_row
        # The mouse finds the row by what is written into the style.
        style = ground + (cursor if chosen else Style.null()) + Style.from_meta({"row": row, "column": 0})
        tones = {} if chosen else self._inks_on(ground)
        parts = groupby(self._texts(row), key=lambda part: tones.get(part[1], Style.null()))
        segments = [Segment("".join(text for text, _ in texts), style + ink) for ink, texts in parts]
        width, left = self.size.width, self.scroll_offset.x
        return Strip(segments).crop(left, left + width).adjust_cell_length(width, style)

    def _texts(self, row: int) -> Iterator[tuple[str, str]]:
        """The cells as wide as their columns, and the tone of each."""
        space = " " * self.cell_padding
        for cell, column in zip(self.get_row_at(row), self.ordered_columns, strict=True):
            width = column.get_render_width(self) - 2 * self.cell_padding
            yield f"{space}{set_cell_size(cell.plain, width)}{space}", cell.tone

    def _inks_on(self, style: Style) -> dict[str, Style]:
        if style not in self._inks and style.bgcolor is not None:
            self._inks[style] = inks(self.app.theme_variables, Color.from_rich_color(style.bgcolor))
        return self._inks.get(style, {})

    def notify_style_update(self) -> None:
        """Another theme: other colours."""
        super().notify_style_update()
        self._inks = {}

    def _look_up_styles(self) -> tuple[Style, Style, Style]:
        even, odd = (self.get_component_styles(f"datatable--{kind}-row").rich_style for kind in ("even", "odd"))
        return even, odd, self.get_component_rich_style("datatable--cursor")

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """A row is not lit up because the mouse passes over it."""
        event.prevent_default()
