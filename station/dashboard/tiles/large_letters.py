"""Letters from quarter blocks, as tall and as wide as there is room: to be read from three metres away."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

# Five rows of three pixels a letter, one octal digit a row: 4 is the left pixel, 2 the middle, 1 the right.
_FONT = """
0=75557 1=26227 2=71747 3=71717 4=55711 5=74717 6=74757 7=71122 8=75757 9=75717
A=25755 B=65656 C=34443 D=65556 E=74647 F=74644 G=34553 H=55755 I=72227 J=11152 K=55655 L=44447 M=57755 N=75555
O=25552 P=65644 Q=25563 R=65655 S=34216 T=72222 U=55557 V=55552 W=55775 X=55255 Y=55222 Z=71247
-=00700 .=00002 _=00007 :=02020 /=11244 %=51245
"""
_PIXELS = {" ": "00000", **{pair[0]: pair[2:] for pair in _FONT.split()}}
PIXEL_ROWS = 5
LEAST_ROWS = 3
"""Rows of a terminal that the smallest letters take."""
QUARTERS = " ▗▖▄▝▐▞▟▘▚▌▙▀▜▛█"
"""By the bits upper left, upper right, lower left, lower right, the first the highest."""
Widths = tuple[int, int, int, int]
"""Of the left, middle and right pixel of a letter and of the gap behind it, in half columns."""


def largest(text: str, columns: int, rows: int) -> tuple[str, ...] | None:
    """The text in rows of equal length, as tall as fits and then as wide; None where none fits or has no big form."""
    letters = text.upper()
    if not letters or any(letter not in _PIXELS for letter in letters):
        return None
    for tall in range(2 * rows // PIXEL_ROWS, 0, -1):
        for widths in _widths(tall):
            if _columns(len(letters), widths) <= columns:
                return _drawn(letters, tall, widths)
    return None


def _widths(tall: int) -> Iterator[Widths]:
    """Widths for pixels that are `tall` half rows tall: square ones first, then narrower ones, down to half as wide.

    Whole columns, so that edges are sharp; only the smallest letters may have half ones.
    """
    for wide in range(2 * tall, tall - 1, -2):
        yield wide, wide, wide, wide
        if wide > 2:
            yield wide, wide - 2, wide, wide - 2
    if tall == 1:
        yield 2, 1, 2, 1
        yield 1, 1, 1, 1


def _columns(letters: int, widths: Widths) -> int:
    return -(-(letters * sum(widths) - widths[3]) // 2)


@lru_cache(maxsize=512)
def _drawn(letters: str, tall: int, widths: Widths) -> tuple[str, ...]:
    lines = [_stretched(letters, row, widths) for row in range(PIXEL_ROWS)]
    halves = [line for line in lines for _ in range(tall)]
    if len(halves) % 2:
        halves.append([False] * len(halves[0]))
    return tuple(_row(upper, lower) for upper, lower in zip(halves[::2], halves[1::2], strict=True))


def _stretched(letters: str, row: int, widths: Widths) -> list[bool]:
    """One row of pixels through all letters, a value for each half column."""
    line: list[bool] = []
    for letter in letters:
        pixels = int(_PIXELS[letter][row])
        for bit, width in zip((4, 2, 1, 0), widths, strict=True):
            line += [bool(pixels & bit)] * width
    line = line[: len(line) - widths[3]]
    return line + [False] * (len(line) % 2)


def _row(upper: list[bool], lower: list[bool]) -> str:
    return "".join(
        QUARTERS[8 * upper[at] + 4 * upper[at + 1] + 2 * lower[at] + lower[at + 1]] for at in range(0, len(upper), 2)
    )
