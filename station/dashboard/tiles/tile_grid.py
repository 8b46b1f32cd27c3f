"""The grid of slot tiles: one widget, so that forty-eight busy tiles cost no more than what changed in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from station.dashboard.language import tr
from station.dashboard.text_wrap import pad
from station.dashboard.tiles.tile_colours import Colours, palette
from station.dashboard.tiles.tile_content import Face
from station.dashboard.tiles.tile_layout import Layout, edges, layout
from station.dashboard.tiles.tile_rows import Row, draw

FLASH_S = 0.5
"""How long a tile that just finished is lit up, and how long it is dark between two flashes."""


class SlotGrid(Widget, can_focus=True):
    """Tiles by number, in the order of `show`'s faces. One tile is selected; arrows and clicks move the selection."""

    DEFAULT_CSS = "SlotGrid { width: 1fr; height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1, 0)", "left", show=False),
        Binding("right", "move(1, 0)", "right", show=False),
        Binding("up", "move(0, -1)", "up", show=False),
        Binding("down", "move(0, 1)", "down", show=False),
    ]

    class Selected(Message):
        """Another tile was selected."""

    def __init__(self) -> None:
        super().__init__()
        self.faces: tuple[Face, ...] = ()
        self.selected = 0
        self._tiles: dict[int, list[Row]] = {}
        self._lines: dict[int, Strip] = {}
        """Rows of the terminal as they were joined, for `_lines_size`."""
        self._lines_size = Size(0, 0)
        self._lit: set[int] = set()
        self._colours: dict[str, Colours] = {}
        self._ground = Style()
        """What the theme makes of the widget itself; Textual works it out again whenever it is asked."""

    # --- what it shows ----------------------------------------------------------------------------------------------

    def show(self, faces: Sequence[Face]) -> None:
        """Show these faces; only tiles that changed are drawn again."""
        before, self.faces = self.faces, tuple(faces)
        if len(before) != len(self.faces):
            self._draw_all_again()
            return
        changed = [number for number, face in enumerate(self.faces) if face != before[number]]
        self._draw_again(changed)

    def light_up(self, numbers: Sequence[int], times: int = 1) -> None:
        """Light tiles up for a moment, once or more often."""
        if numbers:
            self._lit.update(numbers)
            self._draw_again(numbers)
            self.set_timer(FLASH_S, lambda: self._put_out(numbers, times - 1))

    def _put_out(self, numbers: Sequence[int], times: int) -> None:
        self._lit.difference_update(numbers)
        self._draw_again(numbers)
        if times:
            self.set_timer(FLASH_S, lambda: self.light_up(numbers, times))

    def _draw_again(self, numbers: Sequence[int]) -> None:
        """Draw tiles again, and refresh the rows in which they look different now: of a busy tile, two or three."""
        regions: list[Region] = []
        for number in numbers:
            before = self._tiles.pop(number, None)
            region = self._region(number)
            if region is not None and region.size:
                now = self._tile(number, region.width, region.height)
                rows: Sequence[int] = range(len(now))
                if before is not None and len(before) == len(now):
                    rows = [row for row in rows if now[row] != before[row]]
                regions += [Region(region.x, region.y + row, region.width, 1) for row in rows]
        for region in regions:
            self._lines.pop(region.y, None)
        if regions:
            self.refresh(*regions)

    def _draw_all_again(self) -> None:
        self._tiles.clear()
        self._lines.clear()
        self.refresh()

    # --- where things are -------------------------------------------------------------------------------------------

    @property
    def _layout_now(self) -> Layout:
        return layout(self.size.width, self.size.height, max(1, len(self.faces)))

    def _first_row(self, plan: Layout) -> int:
        """The first row of tiles on the screen: where not all fit, the selected one is among them."""
        row = self.selected // plan.columns
        return max(0, min(row, plan.rows - plan.visible_rows))

    def _region(self, number: int) -> Region | None:
        plan = self._layout_now
        row = number // plan.columns - self._first_row(plan)
        if not 0 <= row < plan.visible_rows:
            return None
        across, down = edges(self.size.width, plan.columns), edges(self.size.height, plan.visible_rows)
        column = number % plan.columns
        return Region(across[column], down[row], across[column + 1] - across[column], down[row + 1] - down[row])

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Those of the program but for one: tiles have no colours of the terminal's palette, and no dim ones. To look
        for them in each piece of each row is a fifth of what drawing the grid costs."""
        return [one for one in super().get_line_filters() if not isinstance(one, ANSIToTruecolor)]

    # --- drawing ----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One row of the terminal through a row of tiles; where one tile changes, so do few rows."""
        if (size := self.size) != self._lines_size:
            self._lines.clear()
            self._lines_size = size
        if not self.faces:
            return self._blank(y, size)
        if (line := self._lines.get(y)) is None:
            line = self._lines[y] = self._line(y, size)
        return line

    def _line(self, y: int, size: Size) -> Strip:
        plan = self._layout_now
        across, down = edges(size.width, plan.columns), edges(size.height, plan.visible_rows)
        row = next((row for row in range(plan.visible_rows) if down[row] <= y < down[row + 1]), None)
        if row is None:
            return self._blank(y, size)
        height, first = down[row + 1] - down[row], (row + self._first_row(plan)) * plan.columns
        columns = min(plan.columns, len(self.faces) - first)
        rows = (
            self._tile(first + column, across[column + 1] - across[column], height)[y - down[row]]
            for column in range(columns)
        )
        drawn = Strip([segment for row in rows for segment in row], across[columns])
        return drawn.adjust_cell_length(size.width, self._ground)

    def _blank(self, y: int, size: Size) -> Strip:
        text = tr("No camera yet: plug one in.") if not self.faces and y == size.height // 2 else ""
        return Strip([_centred(text, size.width)]).apply_style(self.rich_style)

    def _tile(self, number: int, width: int, height: int) -> list[Row]:
        drawn = self._tiles.get(number)
        # After a change of size the first rows may be asked for before the news of it has come.
        if drawn is None or (len(drawn), _width(drawn)) != (height, width):
            face = self.faces[number]
            if not self._colours:
                self._take_colours()
            colours, selected = self._colours[face.look.tone], number == self.selected
            plan = self._layout_now
            least = (self.size.width // plan.columns, self.size.height // plan.visible_rows)
            drawn = draw(face, width, height, colours, self._ground, selected=selected, least=least)
            drawn = self._tiles[number] = [_lit(row) for row in drawn] if number in self._lit else drawn
        return drawn

    def on_resize(self, _event: events.Resize) -> None:
        """Everything moves."""
        self._draw_all_again()

    def notify_style_update(self) -> None:
        """Another theme: other colours."""
        super().notify_style_update()
        self._colours = {}
        self._tiles.clear()
        self._lines.clear()

    def _take_colours(self) -> None:
        self._colours = palette(self.app.theme_variables)
        self._ground = self.rich_style

    # --- the selection ----------------------------------------------------------------------------------------------

    def select(self, number: int) -> None:
        """Select a tile, where there is one of that number."""
        if 0 <= number < len(self.faces):
            plan = self._layout_now
            before, first_row, self.selected = self.selected, self._first_row(plan), number
            if self._first_row(plan) == first_row:
                self._draw_again([before, number])
            else:
                self._draw_all_again()
            self.post_message(self.Selected())

    def action_move(self, across: int, down: int) -> None:
        """Move the selection by so many tiles."""
        self.select(self.selected + across + down * self._layout_now.columns)

    def on_click(self, event: events.Click) -> None:
        """Select the tile under the mouse."""
        for number in range(len(self.faces)):
            region = self._region(number)
            if region is not None and region.contains(event.x, event.y):
                self.select(number)


def _width(rows: list[Row]) -> int:
    return sum(segment.cell_length for segment in rows[0])


def _lit(row: Row) -> Row:
    return [Segment(part.text, (part.style or Style()) + Style(reverse=True)) for part in row]


def _centred(text: str, width: int) -> Segment:
    before = max(0, width - cell_len(text)) // 2
    return Segment(pad(" " * before + text, width))
