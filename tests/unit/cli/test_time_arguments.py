from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from station.cli.time_arguments import parse_time
from station.errors import UsageError
from station.local_time import use_zone


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone with summer time, whatever the machine's own is."""
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    use_zone("")
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14:30", "2026-11-22T13:30+00:00"),
        ("9:05", "2026-11-22T08:05+00:00"),
        ("2026-11-22 14:30 UTC", "2026-11-22T14:30+00:00"),
        ("2026-11-22t14:30z", "2026-11-22T14:30+00:00"),
        ("2026-11-22 14:30 -05:00", "2026-11-22T19:30+00:00"),
    ],
)
def test_a_time_of_today_and_an_offset_apart(text: str, expected: str) -> None:
    assert parse_time(text, now=now()) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("zone", ["", "Europe/Berlin"])
def test_the_hour_that_the_clock_shows_twice_is_selected_whole(zone: str) -> None:
    use_zone(zone)
    assert parse_time("2026-10-25 02:30", now=now()) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert parse_time("2026-10-25 02:30", now=now(), end_of_day=True) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_hours_ago_are_hours_whatever_the_clock_did() -> None:
    use_zone("Europe/Berlin")
    after_the_change = datetime(2026, 10, 25, 2, tzinfo=UTC)
    assert parse_time("3h", now=after_the_change) == after_the_change - timedelta(hours=3)


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        ("America/New_York", "2026-11-25 14:00", "2026-11-25T19:00+00:00"),
        ("America/New_York", "today", "2026-11-22T05:00+00:00"),
        ("Asia/Tokyo", "today", "2026-11-22T15:00+00:00"),  # it is the 23rd there
        ("Asia/Kolkata", "2026-11-25", "2026-11-24T18:30+00:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00+00:00"),  # a day without a midnight
        ("America/New_York", "2026-11-25T14:00+01:00", "2026-11-25T13:00+00:00"),
    ],
)
def test_the_clock_is_the_stations_not_the_machines(zone: str, text: str, expected: str) -> None:
    use_zone(zone)
    assert parse_time(text, now=now()) == datetime.fromisoformat(expected)
