"""Letters three rows tall, from half blocks: to be read from three metres away."""

from __future__ import annotations

from functools import lru_cache

# Five rows of three pixels a letter, one octal digit a row: 4 is the left pixel, 2 the middle, 1 the right.
_FONT = """
0=75557 1=26227 2=71747 3=71717 4=55711 5=74717 6=74757 7=71122 8=75757 9=75717
A=25755 B=65656 C=34443 D=65556 E=74647 F=74644 G=34553 H=55755 I=72227 J=11152 K=55655 L=44447 M=57755 N=75555
O=25552 P=65644 Q=25563 R=65655 S=34216 T=72222 U=55557 V=55552 W=55775 X=55255 Y=55222 Z=71247
-=00700 .=00002 _=00007 :=02020 /=11244
"""
_PIXELS = {" ": "00000", **{pair[0]: pair[2:] for pair in _FONT.split()}}
ROWS = 3
_HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


def big_width(text: str) -> int:
    """Columns that the text takes."""
    return max(0, 4 * len(text) - 1)


@lru_cache(maxsize=512)
def big(text: str) -> tuple[str, ...] | None:
    """The text in three rows of equal length, or None where a letter has no big form."""
    letters = text.upper()
    if any(letter not in _PIXELS for letter in letters):
        return None
    return tuple(" ".join(_row(letter, row) for letter in letters) for row in range(ROWS))


def _row(letter: str, row: int) -> str:
    pixels = [int(digit) for digit in _PIXELS[letter] + "0"]
    upper, lower = pixels[2 * row], pixels[2 * row + 1]
    return "".join(_HALVES[upper >> bit & 1, lower >> bit & 1] for bit in (2, 1, 0))
