"""Text in lines of so many columns: a Chinese character takes two, and a line may break between any two of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

_WIDE = "\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff01-\uff60"
_CLOSING = "，。；：！？、）》」』】％"  # noqa: RUF001
_OPENING = "（《「『【"  # noqa: RUF001
_PIECE = re.compile(rf"\s+|[{_OPENING}]*[{_WIDE}][{_CLOSING}]*|[^\s{_WIDE}]+[{_CLOSING}]*")
"""Blanks; one wide character with the marks that may not be parted from it; a word of other letters."""
_MARKS = re.compile(r"(?<=[._/])")


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns; no line begins with a blank or with a closing mark."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(text, width):
        if line and cell_len(line) + cell_len(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str, width: int) -> Iterator[str]:
    """What may not be broken; where one is wider than a line, its parts: a code or a path breaks at its marks."""
    for piece in _PIECE.findall(text):
        for part in [piece] if cell_len(piece) <= width else _MARKS.split(piece):
            yield from chop_cells(part, width)


def cut(text: str, width: int) -> str:
    """The text, or its beginning with an ellipsis."""
    if cell_len(text) <= width:
        return text
    kept = chop_cells(text, width - 1)[0] if width > 1 else ""
    return kept.rstrip() + "…" if kept else ""


def pad(text: str, width: int) -> str:
    """The text with blanks behind it, to be `width` columns wide; a wider text stays as it is."""
    return text + " " * max(0, width - cell_len(text))
