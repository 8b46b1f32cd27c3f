"""A face drawn into the rows of a tile, by hand: forty-eight of them are drawn several times a second.

1. The outcome (or what is left of the time) comes first: large letters, as tall as the tile has room for.
2. The slot's name is large beside it, where the outcome loses no more than one size by that.
3. What to do now is large below it where there is room; else it stands in the title, and its sentence at the foot.
4. Tiles beside each other are not all of one size: letters are as large as the smallest has room for, on each of them.
5. The foot keeps a share of the rows, so that a long hint never costs the outcome its letters, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from station.dashboard.text_wrap import cut, wrap
from station.dashboard.tiles.large_letters import LEAST_ROWS, largest
from station.dashboard.tiles.tile_colours import Colours
from station.dashboard.tiles.tile_content import BAR_STEPS, Face

Row = list[Segment]
"""One row of the terminal through one tile. Making a `Strip` of each would take longer than drawing it."""
EIGHTHS = " ▏▎▍▌▋▊▉"
FOOT_SHARE = 0.4
"""Of the rows below the title, what the foot may take from the large letters."""
NAME_COLUMNS = 7
"""A slot's name of two letters in the smallest square letters."""
ACT_FROM = 9
"""So many rows are needed before what to do is drawn large too: five for the outcome, an empty one, three."""
UNPROVEN = "!!"
"""Before a slot's name, and before the words where there is a row for them: the line does not prove all."""
GAP = 3
"""Columns between the outcome and the slot."""
SPARED = 0.7
"""Of their width, the smallest letters keep so much beside a slot's name: not as narrow as can hardly be read."""
MARGIN_FROM = 7
"""Where there are so many rows below the title, one stays empty above the large letters and one below."""
EMPTY_SHARE = 0.5
"""An empty slot's name takes no more of its tile: it is not what one looks for."""


def draw(
    face: Face,
    width: int,
    height: int,
    colours: Colours,
    ground: Style,
    *,
    selected: bool,
    least: tuple[int, int] | None = None,
) -> list[Row]:
    """The rows of a tile, each exactly `width` wide. The last column stays the gap, in `ground`. `least` is the size of
    the smallest tile, in columns and rows."""
    narrower, lower = (width - least[0], height - least[1]) if least else (0, 0)
    inner, gap = max(1, width - 1), Segment(" ", ground)
    rows = height - 1
    margin = _margin(rows)
    hints, facts = _foot(face, inner, colours)
    room = _for_letters(rows - lower, len(hints) + len(facts))
    large, act_is_large = _large(face, inner, inner - 2 - narrower, room, colours)
    title, has_serial = _title(face, inner, selected=selected, with_act=not act_is_large)
    if has_serial:
        hints, facts = _foot(replace(face, serial=""), inner, colours)
    foot = _shortened(hints, facts, rows - len(large) - margin)
    blank: list[Row] = [_line("", inner, colours.body)]
    body = blank * margin + large + blank * (rows - margin - len(large) - len(foot)) + foot
    head = [Segment(title, colours.title + Style(underline=selected))]
    return [[*row, gap] for row in [head, *body][:height]]


def _margin(rows: int) -> int:
    return 1 if rows >= MARGIN_FROM else 0


def _for_letters(rows: int, foot_rows: int) -> int:
    """How many of the rows below the title the large letters may take."""
    kept = min(foot_rows, max(1, int(FOOT_SHARE * rows)))
    return rows - kept - 2 * _margin(rows)


def _title(face: Face, width: int, *, selected: bool, with_act: bool) -> tuple[str, bool]:
    """State, what to do and serial on the left, the slot on the right; the last of the left goes first where room is
    short. And whether the serial is there."""
    mark = "◆" if selected else " "
    name = f"{UNPROVEN if face.unproven else ''}{face.name} " + (f"#{face.attempt} " if face.attempt > 1 else "")
    room = width - cell_len(name)
    if room < 4:
        return set_cell_size(f"{mark}{face.look.glyph} {face.name}", width), False
    left = f"{mark}{face.look.glyph} {face.word}"
    for more in (f": {face.act}" if face.act and with_act else "", f"  {face.serial}"):
        if cell_len(left + more) < room:
            left += more
    has_serial = bool(face.serial) and left.endswith(f"  {face.serial}")
    return set_cell_size(cut(left, room - 1), room) + name, has_serial


# --- large letters ----------------------------------------------------------------------------------------------------


def _large(face: Face, width: int, columns: int, rows: int, colours: Colours) -> tuple[list[Row], bool]:
    """The outcome with the slot beside it, and what to do below, in so many columns and rows; whether the last is
    there."""
    if not face.sign:
        name = largest(face.name, columns, max(LEAST_ROWS, int(EMPTY_SHARE * rows))) if rows >= LEAST_ROWS else None
        return [_line(row, width, colours.dim) for row in name or ()], False
    act: tuple[str, ...] = ()
    if face.acts and rows >= ACT_FROM:
        act = _first(face.acts, columns, max(LEAST_ROWS, rows // 3)) or ()
    strong = colours.body + Style(bold=True)
    lines = [_line(row, width, strong) for row in _beside(face, columns, rows - len(act) - 1 if act else rows)]
    if lines and act:
        lines += [_line("", width, colours.body), *(_line(row, width, strong) for row in act)]
    return lines, bool(act)


def _first(words: Sequence[str], columns: int, rows: int) -> tuple[str, ...] | None:
    """The first of these words that there are letters for, as large as fits."""
    return next((drawn for word in words if (drawn := largest(word, columns, rows))), None)


def _beside(face: Face, columns: int, rows: int) -> tuple[str, ...]:
    """The sign, and on the right of it the slot, smaller, where the sign loses little by that."""
    alone = _first(face.sign, columns, rows) or ()
    shared = _first(face.sign, columns - NAME_COLUMNS - GAP, rows) or ()
    if not _is_about(shared, alone):
        return alone
    tall = max(LEAST_ROWS, len(shared) * 2 // 3)
    name = largest(face.name, columns - len(shared[0]) - GAP, tall)
    if name is None:
        return alone
    gap = columns - len(shared[0]) - len(name[0])
    padded = (*name, *[" " * len(name[0])] * (len(shared) - len(name)))
    return tuple(left + " " * gap + right for left, right in zip(shared, padded, strict=True))


def _is_about(shared: tuple[str, ...], alone: tuple[str, ...]) -> bool:
    """Whether letters are about as good as these: of the smallest ones, few columns can be spared."""
    if not shared or len(shared) < len(alone) - 3:
        return False
    return len(shared) > LEAST_ROWS or len(shared[0]) >= SPARED * len(alone[0])


# --- the foot -------------------------------------------------------------------------------------------------------


def _foot(face: Face, width: int, colours: Colours) -> tuple[list[Row], list[Row]]:
    """The bar and what to do; then times, and what happened. A pass is known by its letters: its figures come first."""
    hints = [_line(line, width, colours.body) for line in _wrapped(face.details[:1], width)]
    facts = [_line(line, width, colours.body) for line in _ends(face.image or face.serial, face.times, width - 2)]
    facts += [_line(line, width, colours.body) for line in _wrapped(face.details[1:], width)]
    if face.filled is not None:
        hints = [_bar(face.filled, width, colours), *hints]
    hints, facts = (facts, hints) if face.look.tone == "passed" else (hints, facts)
    unproven = [_line(f"{UNPROVEN} {face.unproven}", width, colours.body + Style(bold=True))] if face.unproven else []
    return unproven + hints, facts


def _wrapped(texts: Sequence[str], width: int) -> list[str]:
    return [line for text in texts for line in wrap(text, max(4, width - 2))]


def _ends(left: str, right: str, width: int) -> list[str]:
    """Two texts at the ends of one row, or in two rows."""
    gap = width - cell_len(left) - cell_len(right)
    if gap > 0 and right:
        return [left + " " * gap + right]
    return [text for text in (left, right) if text]


def _shortened(hints: list[Row], facts: list[Row], rows: int) -> list[Row]:
    """As many rows as there are: what to do first; an ellipsis where it goes on."""
    shown = (hints + facts)[: max(0, rows)]
    if shown and len(shown) < len(hints):
        return [*shown[:-1], _going_on(shown[-1])]
    return shown


def _going_on(row: Row) -> Row:
    """The row with an ellipsis behind its text."""
    if len(row) != 1:
        return row
    text, width = row[0].text.rstrip(), cell_len(row[0].text)
    return [Segment(set_cell_size(cut(text, width - 1).rstrip("…") + "…", width), row[0].style)]


def _bar(filled: int, width: int, colours: Colours) -> Row:
    """The bar over the whole run, and how much that is."""
    percent = f"{100 * filled // BAR_STEPS:>3} %"
    room = max(1, width - 2 - len(percent) - 1)
    eighths = room * 8 * min(filled, BAR_STEPS) // BAR_STEPS
    whole, part = divmod(eighths, 8)
    solid = "█" * whole + (EIGHTHS[part] if part else "")
    rest = "─" * (room - len(solid))
    return [
        Segment(" ", colours.body),
        Segment(solid, colours.bar),
        Segment(rest, colours.trough),
        Segment(f" {percent} ", colours.body),
    ]


def _line(text: str, width: int, style: Style) -> Row:
    return [Segment(set_cell_size(" " + cut(text, width - 1), width), style)]
