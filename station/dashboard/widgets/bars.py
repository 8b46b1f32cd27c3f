"""Bars made of characters, and tables whose second column is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len

from station.dashboard.widgets.sheet import GAP, Line, Part, columns

LEAST, MOST = 6, 64
"""Columns of a bar."""
TARGET = "┃"
_EIGHTHS = " ▏▎▍▌▋▊▉"

Draw = Callable[[int], str]
"""A bar for so many columns."""
BarRow = tuple[Part, Draw, Sequence[Part]]
"""Name, bar, and the figures behind it; the bar has the tone of its first figure."""


def count_bar(share: float, width: int) -> str:
    """A bar of `width` columns, `share` (0 to 1) of it filled."""
    whole, part = divmod(round(share * width * 8), 8)
    return ("█" * whole + (_EIGHTHS[part] if part else "")).ljust(width, "·")


def yield_bar(share: float | None, interval: tuple[float, float] | None, target: float | None, width: int) -> str:
    """A yield as a bar of `width` columns: full up to where its interval begins, thinner through it, and a line at the
    target. All shares are 0 to 1."""
    low, high = interval or (0.0, 0.0)
    ends = [round(end * width) for end in (low, share or 0.0, high)]
    text = "█" * ends[0] + "▓" * (ends[1] - ends[0]) + "░" * (ends[2] - ends[1])
    text = text.ljust(width, "·")
    if target is None:
        return text
    at = min(width - 1, round(target * width))
    return text[:at] + TARGET + text[at + 1 :]


def bar_table(heads: Sequence[str], rows: Sequence[BarRow], width: int, aligns: str) -> list[Line]:
    """A table whose bars take the room that the other columns leave; where that is none, there are no bars. `heads` and
    `aligns` have no place for the bar."""
    figures = [max(cell_len(cell) for cell in cells) for cells in _cells(heads, rows)]
    room = width - sum(figures) - GAP * (len(figures) + 1)
    bar = min(MOST, room) if room >= LEAST else 0
    drawn = [(name, Part(draw(bar), behind[0].tone), *behind) for name, draw, behind in rows]
    return columns((heads[0], "", *heads[1:]), drawn, width, f"{aligns[0]}l{aligns[1:]}")


def _cells(heads: Sequence[str], rows: Sequence[BarRow]) -> list[list[str]]:
    """Column by column, all texts but the bars."""
    table = [list(heads), *([name.text, *(part.text for part in behind)] for name, _, behind in rows)]
    return [[row[column] for row in table] for column in range(len(heads))]
