"""Times as people type them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from station.errors import UsageError
from station.local_time import from_clock, local

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_AGO_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d)?")
_OFFSET = re.compile(r"\s*(utc|gmt|z|[+-]\d\d:?\d\d)$", re.IGNORECASE)


def parse_time(text: str, *, now: datetime, end_of_day: bool = False) -> datetime:
    """What `text` means, in UTC.

    An ISO date or time ("2026-11-22", "2026-11-22 14:30", "…+01:00"; by the station's clock where it names no offset),
    a time of today ("14:30"), "today", "yesterday", "now", or how long ago ("90s", "30m", "2h", "3d", "1w"). A day
    stands for its first moment or, with `end_of_day`, for the first moment of the next; an hour that the clock shows
    twice for its first or, with `end_of_day`, its second. `now` is timezone-aware. UsageError `usage.time`.
    """
    word = text.strip().lower()
    if word == "now":
        return now.astimezone(UTC)
    try:
        if match := _AGO.fullmatch(word):
            return now.astimezone(UTC) - timedelta(**{_AGO_UNITS[match[2]]: int(match[1])})
        today = local(now).date()
        day = _day(word, today)
        if day is not None:
            return from_clock(datetime.combine(day + timedelta(days=1) if end_of_day else day, time()))
        if _CLOCK.fullmatch(word):
            word = f"{today} {word:0>5}" if word.count(":") == 1 else f"{today} {word:0>8}"
        moment = datetime.fromisoformat(_OFFSET.sub(_iso_offset, word.upper()))
        return moment.astimezone(UTC) if moment.tzinfo else from_clock(moment, last=end_of_day)
    except (ValueError, OverflowError):
        raise UsageError("usage.time", f'"{text}" is no time') from None


def _iso_offset(found: re.Match[str]) -> str:
    """The offset as ISO 8601 has it: without a blank before it, and in figures."""
    return found[1] if found[1].startswith(("+", "-")) else "+00:00"


def _day(word: str, today: date) -> date | None:
    if word == "today":
        return today
    if word == "yesterday":
        return today - timedelta(days=1)
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None
