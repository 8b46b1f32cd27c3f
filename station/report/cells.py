"""Values as they may stand in a terminal or a spreadsheet. Serials and messages come from devices: never trust them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from station.local_time import time_text

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_TRUTHS = ("true", "false")
_LONGEST_LITERAL = 255
"""So long a text may be inside a formula of Excel (its "Specifications and limits")."""
BYTE_ORDER_MARK = "\ufeff"
"""Says UTF-8 to spreadsheets, which else take a CSV file for one of the machine's old code page."""


def spreadsheet_cell(value: object) -> str:
    """As `csv_cell`, but a text that a spreadsheet could take for a number, a date or a truth stays as it is: it is the
    value of a formula (`="1-2"`). A serial of digits with one E among them is a number to it, slot 1-2 a date."""
    if isinstance(value, str) and _is_misread(text := _storable(value)):
        doubled = text.replace('"', '""')
        return f'="{doubled}"'
    return csv_cell(value)


def _is_misread(text: str) -> bool:
    alike = any(letter.isdigit() for letter in text) or text.strip().casefold() in _TRUTHS
    return alike and len(text) <= _LONGEST_LITERAL and text.isprintable()


def csv_cell(value: object) -> str:
    """A value for a spreadsheet: "" for None, ISO 8601 for times, true and false; text cannot act as a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = _storable(str(value))
    # Programs that open CSV run a cell that starts like a formula; a leading apostrophe keeps it text.
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA_STARTS) else text


def _storable(text: str) -> str:
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def share(value: float | None) -> str:
    """A yield in per cent, "-" where nothing was counted."""
    return "-" if value is None else f"{value * 100:.1f} %"


def interval(value: tuple[float, float] | None) -> str:
    """A yield's interval in per cent, "-" where nothing was counted."""
    return "-" if value is None else f"{value[0] * 100:.1f} to {value[1] * 100:.1f} %"


def rate(value: float | None) -> str:
    """MiB per second, "-" where nothing was written."""
    return "-" if value is None else f"{value:.2f} MiB/s"


def number(value: float | None) -> str:
    """A figure with one decimal, "-" where there is none."""
    return "-" if value is None else f"{value:.1f}"


def figure(value: float | None) -> str:
    """A measured number in as few digits as tell it, "-" where there is none."""
    return "-" if value is None else f"{value:.6g}"


def chance(value: float | None) -> str:
    """A probability, "-" where nothing was compared."""
    return "-" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def seconds(value: float | None) -> str:
    """A duration with its unit, "-" where there is none."""
    return "-" if value is None else f"{value:.1f} s"


def moment(value: datetime | None) -> str:
    """A time by the station's clock, to the second, "-" where there is none."""
    return "-" if value is None else time_text(value)


def hour(value: datetime) -> str:
    """The first minute of an hour by the station's clock."""
    return time_text(value, "%Y-%m-%d %H:%M")


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], indent: str = "  ") -> list[str]:
    """Lines of left-aligned columns, two blanks apart."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in [header, *rows]
    ]
