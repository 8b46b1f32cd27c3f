"""Times as people type them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from station.errors import UsageError

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_AGO_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(text: str, *, now: datetime, end_of_day: bool = False) -> datetime:
    """What `text` means, in UTC.

    An ISO date or time ("2026-11-22", "2026-11-22 14:30", "…+01:00"; local where it names no offset), "today",
    "yesterday", "now", or how long ago ("90s", "30m", "2h", "3d", "1w"). A day stands for its first moment or, with
    `end_of_day`, for the first moment of the next. `now` is timezone-aware, in the local zone. UsageError `usage.time`.
    """
    word = text.strip().lower()
    if word == "now":
        return now.astimezone(UTC)
    try:
        if match := _AGO.fullmatch(word):
            return (now - timedelta(**{_AGO_UNITS[match[2]]: int(match[1])})).astimezone(UTC)
        day = _day(word, now.date())
        if day is not None:
            return _midnight(day + timedelta(days=1) if end_of_day else day)
        # A time without an offset is one of the clock on the wall: astimezone() takes it as local.
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError("usage.time", f'"{text}" is no time') from None


def _day(word: str, today: date) -> date | None:
    if word == "today":
        return today
    if word == "yesterday":
        return today - timedelta(days=1)
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day).astimezone(UTC)  # local on purpose
