"""A face drawn into the rows of a tile, by hand: forty-eight of them are drawn several times a second.

1. The outcome (or what is left of the time) comes first: large letters, as tall as the tile has room for.
2. The slot's name is large beside it, where the outcome loses no more than one size by that.
3. What to do now is large below it where there is room; else it stands in the title, and its sentence at the foot.
4. The foot keeps a share of the rows, so that a long hint never costs the outcome its letters, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from station.dashboard.text_wrap import cut, wrap
from station.dashboard.tiles.large_letters import LEAST_ROWS, largest
from station.dashboard.tiles.tile_colours import Colours
from station.dashboard.tiles.tile_content import BAR_STEPS, Face

Row = list[Segment]
"""One row of the terminal through one tile. Making a `Strip` of each would take longer than drawing it."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
FOOT_SHARE = 0.4
"""Of the rows below the title, what the foot may take from the large letters."""
NAME_COLUMNS = 7
"""A slot's name of two letters in the smallest square letters."""
ACT_FROM = 9
"""So many rows are needed before what to do is drawn large too: five for the outcome, an empty one, three."""
EMPTY_SHARE = 0.5
"""An empty slot's name takes no more of its tile: it is not what one looks for."""


def draw(face: Face, width: int, height: int, colours: Colours, ground: Style, *, selected: bool) -> list[Row]:
    """The rows of a tile, each exactly `width` wide. The last column stays the gap, in `ground`."""
    inner, gap = max(1, width - 1), Segment(" ", ground)
    rows = height - 1
    hints, facts = _foot(face, inner, colours)
    kept = min(len(hints) + len(facts), max(1, int(FOOT_SHARE * rows)))
    large, act_is_large = _large(face, inner, rows - kept, colours)
    foot = _shortened(hints, facts, rows - len(large))
    spare = rows - len(large) - len(foot)
    above = 1 if spare >= 3 else 0
    blank: list[Row] = [_line("", inner, colours.body)]
    body = blank * above + large + blank * (spare - above) + foot
    title = _title(face, inner, colours, selected=selected, with_act=not act_is_large)
    return [[*row, gap] for row in [title, *body][:height]]


def _title(face: Face, width: int, colours: Colours, *, selected: bool, with_act: bool) -> Row:
    """State, what to do and serial on the left, the slot on the right; the last of them goes first."""
    mark = "▸" if selected else " "
    attempt = f"#{face.attempt} " if face.attempt > 1 else ""
    name = f"{face.name} {attempt}"
    style = colours.title + Style(underline=selected)
    room = width - cell_len(name)
    if room < 4:
        return [Segment(set_cell_size(f"{mark}{face.look.glyph} {face.name}", width), style)]
    left = f"{mark}{face.look.glyph} {face.word}"
    for more in (f": {face.act}" if face.act and with_act else "", f"  {face.serial}" if face.serial else ""):
        if cell_len(left + more) < room:
            left += more
    return [Segment(set_cell_size(cut(left, room - 1), room) + name, style)]


# --- large letters --------------------------------------------------------------------------------------------------


def _large(face: Face, width: int, rows: int, colours: Colours) -> tuple[list[Row], bool]:
    """The outcome with the slot beside it, and what to do below; whether the last is there."""
    columns = width - 2
    if not face.sign:
        return _plain(
            largest(face.name, columns, max(LEAST_ROWS, int(EMPTY_SHARE * rows))), width, rows, colours
        ), False
    act: tuple[str, ...] = ()
    if face.acts and rows >= ACT_FROM:
        act = _first(face.acts, columns, max(LEAST_ROWS, rows // 3)) or ()
    sign_rows = rows - len(act) - 1 if act else rows
    strong = colours.body + Style(bold=True)
    lines = [_line(row, width, strong) for row in _beside(face, columns, sign_rows)]
    if lines and act:
        lines += [_line("", width, colours.body), *(_line(row, width, strong) for row in act)]
    return lines, bool(act)


def _plain(drawn: tuple[str, ...] | None, width: int, rows: int, colours: Colours) -> list[Row]:
    return [_line(row, width, colours.dim) for row in drawn or ()] if drawn and len(drawn) <= rows else []


def _first(words: Sequence[str], columns: int, rows: int) -> tuple[str, ...] | None:
    """The first of these words that there are letters for, as large as fits."""
    return next((drawn for word in words if (drawn := largest(word, columns, rows))), None)


def _beside(face: Face, columns: int, rows: int) -> tuple[str, ...]:
    """The sign, and on the right of it the slot where it fits and the sign stays about as tall."""
    alone = _first(face.sign, columns, rows) or ()
    shared = _first(face.sign, columns - NAME_COLUMNS - 2, rows) or ()
    sign = shared if len(shared) >= len(alone) - 3 and len(shared) >= LEAST_ROWS else alone
    if not sign:
        return ()
    name = largest(face.name, columns - len(sign[0]) - 2, len(sign))
    if name is None:
        return sign if len(sign) == len(alone) else alone
    gap = columns - len(sign[0]) - len(name[0])
    padded = (*name, *[" " * len(name[0])] * (len(sign) - len(name)))
    return tuple(left + " " * gap + right for left, right in zip(sign, padded, strict=True))


# --- the foot -------------------------------------------------------------------------------------------------------


def _foot(face: Face, width: int, colours: Colours) -> tuple[list[Row], list[Row]]:
    """What to do and the bar; then times, and what happened."""
    hints: list[Row] = [] if face.filled is None else [_bar(face.filled, width, colours)]
    hints += [_line(line, width, colours.body) for detail in face.details[:1] for line in _wrapped(detail, width)]
    facts = [_line(line, width, colours.body) for line in _ends(face.image or face.serial, face.times, width - 2)]
    facts += [_line(line, width, colours.body) for detail in face.details[1:] for line in _wrapped(detail, width)]
    return hints, facts


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, max(4, width - 2))


def _ends(left: str, right: str, width: int) -> list[str]:
    """Two texts at the ends of one row, or in two rows."""
    gap = width - cell_len(left) - cell_len(right)
    if not right:
        return [left] if left else []
    return [left + " " * gap + right] if gap > 0 or not left else [left, right]


def _shortened(hints: list[Row], facts: list[Row], rows: int) -> list[Row]:
    """As many rows as there are: what to do first; an ellipsis where it goes on."""
    if len(hints) + len(facts) <= rows:
        return hints + facts
    shown = (hints + facts)[:rows]
    return [*shown[:-1], _going_on(shown[-1])] if shown else []


def _going_on(row: Row) -> Row:
    if len(row) != 1:
        return row
    text, width = row[0].text, cell_len(row[0].text)
    return [
        Segment(
            set_cell_size(cut(text.rstrip() + "…" * width, min(width, cell_len(text.rstrip()) + 1)), width),
            row[0].style,
        )
    ]


def _bar(filled: int, width: int, colours: Colours) -> Row:
    """The bar over the whole run, and how much that is."""
    percent = f"{100 * filled // BAR_STEPS:>3} %"
    room = max(1, width - 2 - len(percent) - 1)
    eighths = room * 8 * min(filled, BAR_STEPS) // BAR_STEPS
    whole, part = divmod(eighths, 8)
    solid = "█" * whole + (_EIGHTHS[part] if part else "")
    rest = "─" * (room - len(solid))
    return [
        Segment(" ", colours.body),
        Segment(solid, colours.bar),
        Segment(rest, colours.trough),
        Segment(f" {percent} ", colours.body),
    ]


def _line(text: str, width: int, style: Style) -> Row:
    return [Segment(set_cell_size(" " + cut(text, width - 1), width), style)]
