"""The station's own time: what its people read and type. Records, JSON and exports are UTC.

1. A process has one local zone, as it has one locale: the machine's, until `use_zone` names another. It is named once,
   before anything is printed.
2. A local time stands without its zone, which the heading names once (`zone_names`); only in the hour that the clocks
   show twice it carries its own.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_zone: tzinfo | None = None
"""None: the machine's, which the C library knows."""


def zone_of(name: str) -> tzinfo | None:
    """The zone of an IANA name, from the system or the package `tzdata`; None (the machine's) for empty text.

    ValueError for a name that there is not, with the nearest that there are.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(_no_such_zone(name)) from None


def machine_zone(root: Path = Path("/")) -> str | None:
    """The IANA name of the machine's zone, as /etc/localtime leads to it; None where it does not say."""
    try:
        _, found, name = os.readlink(root / "etc/localtime").rpartition("zoneinfo/")
    except OSError:
        return None
    return name if found and name else None


def use_zone(name: str) -> None:
    """Let local times be those of the zone of this name; ValueError as `zone_of`."""
    global _zone
    _zone = zone_of(name)


def local(moment: datetime) -> datetime:
    """The same moment by the station's clock."""
    return moment.astimezone(_zone)


def from_clock(wall: datetime, *, last: bool = False) -> datetime:
    """The moment in UTC at which the station's clock shows `wall` (without an offset).

    Of an hour that is shown twice the first time is meant, or with `last` the second. A time that the clock jumps over
    is taken as if it had not jumped yet.
    """
    return wall.replace(tzinfo=_zone, fold=int(last)).astimezone(UTC)


def is_shown_twice(moment: datetime) -> bool:
    """Whether the station's clock shows the time of this moment once more, an hour earlier or later."""
    wall = local(moment).replace(tzinfo=None)
    return from_clock(wall) != from_clock(wall, last=True)


def time_text(moment: datetime, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment by the station's clock, as `strftime` has it."""
    text = local(moment).strftime(pattern)
    return f"{text} {_zone_name(moment)}" if is_shown_twice(moment) else text


def span_text(span: timedelta) -> str:
    """How long something lasts, roughly: "40 s", "12 min", "5 h", "3 days"."""
    seconds = span.total_seconds()
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def zone_names(moments: Iterable[datetime | None]) -> str:
    """The short name of the station's zone at these moments ("CET"; "CEST, CET" across a change), for a heading.

    Today's where there are no moments.
    """
    known = sorted(moment for moment in moments if moment is not None)
    return ", ".join(dict.fromkeys(map(_zone_name, known or [datetime.now(UTC)])))


def _zone_name(moment: datetime) -> str:
    """Many zones have no letters, only an offset ("-03")."""
    name = local(moment).tzname() or ""
    return f"UTC{name}" if name.startswith(("+", "-")) else name


def _no_such_zone(name: str) -> str:
    known = {zone.casefold(): zone for zone in available_timezones()}
    near = difflib.get_close_matches(name.strip().replace(" ", "_").casefold(), known, n=3)
    last = [zone for zone in known if zone.rpartition("/")[2] == name.strip().replace(" ", "_").casefold()]
    names = [known[zone] for zone in dict.fromkeys([*last, *near])][:3]
    meant = f"did you mean {', '.join(names)}?" if names else "allowed: an IANA name such as Europe/Berlin, or empty"
    return f"there is no such time zone; {meant}"
