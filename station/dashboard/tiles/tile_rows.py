"""A face drawn into the rows of a tile, by hand: forty-eight of them are drawn several times a second."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from station.dashboard.text_wrap import cut, wrap
from station.dashboard.tiles.large_letters import ROWS, big, big_width
from station.dashboard.tiles.tile_colours import FILLED, Colours
from station.dashboard.tiles.tile_content import BAR_STEPS, Face

Row = list[Segment]
"""One row of the terminal through one tile. Making a `Strip` of each would take longer than drawing it."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def draw(face: Face, width: int, height: int, colours: Colours, ground: Style, *, selected: bool) -> list[Row]:
    """The rows of a tile, each exactly `width` wide. The last row and column stay the gap, in `ground`."""
    inner, gap = max(1, width - 1), Segment(" ", ground)
    needed = _foot(face, inner, colours, height - 1)
    rows = [_title(face, inner, colours, selected=selected)]
    rows += _head(face, inner, height - 1 - len(needed), colours)
    rows += needed
    blank = [Segment(" " * inner, colours.body)]
    return [[*row, gap] for row in (rows + [blank] * (height - len(rows)))[:height]]


def _title(face: Face, width: int, colours: Colours, *, selected: bool) -> Row:
    mark = "▸" if selected else " "
    attempt = f"#{face.attempt} " if face.attempt > 1 else ""
    left = f"{mark}{face.look.glyph} {face.word}"
    name = f"{face.name} {attempt}"
    style = colours.title + Style(underline=selected)
    room = width - cell_len(name)
    if room < 4:
        return [Segment(set_cell_size(f"{mark}{face.look.glyph} {face.name}", width), style)]
    return [Segment(set_cell_size(cut(left, room - 1), room) + name, style)]


def _head(face: Face, width: int, rows: int, colours: Colours) -> list[Row]:
    """The slot's name and the serial's last digits, as large as the room allows."""
    name, serial = big(face.name), big(face.serial) if face.serial else None
    text = colours.body + Style(bold=True)
    one_row = 1 + big_width(face.name) + 3 + big_width(face.serial) <= width
    if name and serial and one_row and rows >= ROWS:
        gap = width - 2 - big_width(face.name) - big_width(face.serial)
        joined = (a + " " * gap + b for a, b in zip(name, serial, strict=True))
        lines = [_line(row, width, text) for row in joined]
    else:
        lines = _stacked(face, width, rows, colours)
    if face.look.tone in FILLED and rows - len(lines) > ROWS + 1:
        lines += [_line(row, width, text) for row in _word(face, width)]
    return _padded(lines, rows, width, colours)


def _word(face: Face, width: int) -> tuple[str, ...]:
    """The state in large letters below an empty row: the word, or what is said everywhere, where there are letters."""
    for word in (face.word, face.look.sign):
        if word and (drawn := big(word)) and big_width(word) < width:
            return ("", *drawn)
    return ()


def _stacked(face: Face, width: int, rows: int, colours: Colours) -> list[Row]:
    """Name above serial, each large where it fits; the serial first."""
    text = colours.body + Style(bold=True)
    name, serial = big(face.name), big(face.serial) if face.serial else None
    lines = [_line(face.serial, width, text)] if face.serial else []
    if serial and big_width(face.serial) < width and rows >= ROWS:
        lines = [_line(row, width, text) for row in serial]
    if name and big_width(face.name) < width and rows - len(lines) >= ROWS:
        lines = [_line(row, width, colours.dim) for row in name] + lines
    return lines


def _padded(lines: list[Row], rows: int, width: int, colours: Colours) -> list[Row]:
    """Spread over the rows there are: an empty one above, between and below where there is room."""
    spare = max(0, rows - len(lines))
    above = 1 if spare >= 2 else 0
    blank = [_line("", width, colours.body)]
    return (blank * above + lines + blank * (spare - above))[: max(rows, 0)]


def _foot(face: Face, width: int, colours: Colours, rows: int) -> list[Row]:
    """Image, bar, times and details; shortened to leave a row for the serial."""
    lines: list[Row] = []
    ends = [part for part in (face.image, face.times) if part]
    if sum(map(cell_len, ends)) + 1 > width - 2:
        lines += [_line(part, width, colours.body) for part in ends]
    elif ends:
        lines.append(_line(_both_ends(face.image, face.times, width - 2), width, colours.body))
    if face.filled is not None:
        lines.append(_bar(face.filled, width, colours))
    room = max(1, rows - len(lines) - 1)
    wrapped = [line for detail in face.details for line in wrap(detail, max(4, width - 2))]
    if len(wrapped) > room:
        wrapped = [*wrapped[: room - 1], cut(wrapped[room - 1] + "…", width - 2)]
    return (lines + [_line(line, width, colours.body) for line in wrapped])[:rows]


def _both_ends(left: str, right: str, width: int) -> str:
    gap = width - cell_len(left) - cell_len(right)
    return left + " " * gap + right if gap > 0 else f"{left} {right}"


def _bar(filled: int, width: int, colours: Colours) -> Row:
    room = max(1, width - 2)
    eighths = room * 8 * filled // BAR_STEPS
    whole, part = divmod(eighths, 8)
    solid = "█" * whole + (_EIGHTHS[part] if part else "")
    rest = "─" * (room - len(solid))
    return [
        Segment(" ", colours.body),
        Segment(solid, colours.bar),
        Segment(rest, colours.trough),
        Segment(" ", colours.body),
    ]


def _line(text: str, width: int, style: Style) -> Row:
    return [Segment(set_cell_size(" " + cut(text, width - 1), width), style)]
