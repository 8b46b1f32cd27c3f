from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from station.cli.time_arguments import parse_time
from station.errors import UsageError


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone with summer time, whatever the machine's own is."""
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def now() -> datetime:
    return datetime(2026, 11, 22, 15, 30, tzinfo=UTC).astimezone()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22", "2026-11-21T23:00+00:00"),
        ("2026-07-01", "2026-06-30T22:00+00:00"),
        ("2026-11-22 14:30", "2026-11-22T13:30+00:00"),
        ("2026-11-22T14:30:05", "2026-11-22T13:30:05+00:00"),
        ("2026-11-22T14:30:05Z", "2026-11-22T14:30:05+00:00"),
        ("2026-11-22T14:30+05:30", "2026-11-22T09:00+00:00"),
        ("today", "2026-11-21T23:00+00:00"),
        ("Yesterday", "2026-11-20T23:00+00:00"),
        ("now", "2026-11-22T15:30+00:00"),
        ("90s", "2026-11-22T15:28:30+00:00"),
        ("30m", "2026-11-22T15:00+00:00"),
        (" 2 h ", "2026-11-22T13:30+00:00"),
        ("3d", "2026-11-19T15:30+00:00"),
        ("1w", "2026-11-15T15:30+00:00"),
    ],
)
def test_what_people_type(text: str, expected: str) -> None:
    moment = parse_time(text, now=now())
    assert moment == datetime.fromisoformat(expected)
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22", "2026-11-22T23:00+00:00"),
        ("today", "2026-11-22T23:00+00:00"),
        ("2026-10-25", "2026-10-25T23:00+00:00"),  # this day has 25 hours
        ("2026-11-22 14:30", "2026-11-22T13:30+00:00"),
    ],
)
def test_until_includes_the_whole_day(text: str, expected: str) -> None:
    assert parse_time(text, now=now(), end_of_day=True) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text", ["", "soon", "2h30", "-2h", "2026-13-01", "2026-11-22 25:00", "999999w", "99999-01-01"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_time(text, now=now())
    assert caught.value.code == "usage.time"
    assert caught.value.hint
