"""What the doctor sees of the database of all stations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from station.cli.finding import Finding
from station.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from station.settings import Settings

LATE = timedelta(minutes=15)
"""A change that waits so long while the centre answers waits for a line that does not run."""


def central_findings(settings: Settings) -> Iterator[Finding]:
    """Nothing where the configuration names no centre. A log that cannot be read is another's matter."""
    if not settings.central_url:
        return
    from station.cli.central import asked_state, state_line

    try:
        state, problem = asked_state(settings)
    except LedgerError:
        return
    if problem is not None:
        yield Finding(
            "central database", False, f"{problem.message}; {state_line(state)}", problem.hint, problem.exit_code
        )
    elif state.twin_at is not None:
        fix = f"one id for one machine: another than {settings.station_id} at one of the two (id in [station])"
        yield Finding("central database", False, state_line(state), fix, UsageError.exit_code)
    elif state.waiting_since is not None and datetime.now(UTC) - state.waiting_since > LATE:
        yield Finding("central database", False, state_line(state), "station central push", LedgerError.exit_code)
    else:
        yield Finding("central database", True, state_line(state))
