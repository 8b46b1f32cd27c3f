"""Which slots are to be verified before a production line starts, or goes on, by what the log says of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

from station.clock import now
from station.errors import LedgerError, UsageError
from station.model.runs import Purpose
from station.model.units import RunFilter
from station.qualification import verification

if TYPE_CHECKING:
    from station.settings import Settings


def verified(settings: Settings) -> tuple[tuple[str, ...], Callable[[], tuple[str, ...]]]:
    """The slots that are due now, and a function that says so later without asking the log again."""
    from station.ledger.reader import Reader

    hours = settings.verification.valid_h
    selection = RunFilter(
        station_id=settings.station_id,
        since=now() - timedelta(hours=hours + 1),
        purposes=(Purpose.VERIFICATION,),
    )
    try:
        with closing(Reader(settings.data_dir)) as reader:
            until = verification.valid_until(reader.runs(selection), hours)
    except LedgerError:
        until = {}
    slots = tuple(name for _, name in settings.slot_map.names)

    def due() -> tuple[str, ...]:
        return verification.due(slots, until, now())

    return due(), due


def refuse_unverified(settings: Settings, purpose: Purpose) -> None:
    """UsageError `line.not_verified` where a production run needs slots that are verified, and some are not."""
    if not settings.verification.require_verification or purpose not in (Purpose.PRODUCTION, Purpose.REWORK):
        return
    if missing := verified(settings)[0]:
        raise UsageError(
            "line.not_verified", f"not verified in the last {settings.verification.valid_h:g} h: {', '.join(missing)}"
        )
