"""How many tiles go beside each other: as large as the terminal allows, wide enough to be read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

WIDTH_WANTED = 30
HEIGHT_WANTED = 10
LEAST_HEIGHT = 4
LEAST_WIDTH = 18


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns and rows of tiles; `visible_rows` of them fit at once."""

    columns: int
    rows: int
    visible_rows: int


@lru_cache(maxsize=8)
def layout(width: int, height: int, count: int) -> Layout:
    """The best layout of `count` tiles in so many columns and rows of characters."""
    most = max(1, min(count, width // LEAST_WIDTH))
    columns = max(range(1, most + 1), key=lambda columns: _quality(width, height, count, columns))
    rows = max(1, -(-count // columns))
    return Layout(columns, rows, max(1, min(rows, height // LEAST_HEIGHT)))


def _quality(width: int, height: int, count: int, columns: int) -> tuple[float, float]:
    """How near a tile comes to the size wanted; then, how few places stay empty; then, how square the tiles are."""
    rows = -(-count // columns)
    wide, high = width // columns, height // rows
    if high < LEAST_HEIGHT:
        return (-1.0, columns)
    size = min(1.0, wide / WIDTH_WANTED) * min(1.0, high / HEIGHT_WANTED)
    unused = (columns * rows - count) / (columns * rows)
    return (size - unused / 4, -abs(wide / 2.5 - high))


@lru_cache(maxsize=16)
def edges(total: int, parts: int) -> tuple[int, ...]:
    """Where each of `parts` nearly equal parts of `total` begins, and at last where they end."""
    return tuple(total * part // parts for part in range(parts + 1))
