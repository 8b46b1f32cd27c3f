"""A table of texts, one run or one unit a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import DataTable

from station.terminal_text import printable


class Rows(DataTable[Text]):
    """Textual's table with its cursor, keys and mouse, whose rows are drawn here: each in one style, in one piece.

    Textual lays out every cell of a row by itself, which takes a tenth of a second for a tall terminal full of runs,
    and does it again whenever a row has come in. Cells are texts as they are: a `[` in a message is no markup.
    """

    def __init__(self) -> None:
        super().__init__(cursor_type="row", zebra_stripes=True)
        self._styles_of_rows: tuple[Style, Style, Style] | None = None

    def append(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows below those that there are."""
        self.add_rows([Text(printable(str(cell)), no_wrap=True) for cell in row] for row in rows)

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
        style = (odd if row % 2 else even) + (cursor if row == self.cursor_row else Style.null())
        # The mouse finds the row by what is written into the style.
        segment = Segment(self._text(row), style + Style.from_meta({"row": row, "column": 0}))
        width, left = self.size.width, self.scroll_offset.x
        return Strip([segment]).crop(left, left + width).adjust_cell_length(width, segment.style)

    def _text(self, row: int) -> str:
        space = " " * self.cell_padding
        cells = zip(self.get_row_at(row), self.ordered_columns, strict=True)
        return "".join(
            f"{space}{set_cell_size(cell.plain, column.get_render_width(self) - 2 * self.cell_padding)}{space}"
            for cell, column in cells
        )

    def _look_up_styles(self) -> tuple[Style, Style, Style]:
        even, odd = (self.get_component_styles(f"datatable--{kind}-row").rich_style for kind in ("even", "odd"))
        return even, odd, self.get_component_rich_style("datatable--cursor")

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """A row is not lit up because the mouse passes over it."""
        event.prevent_default()
