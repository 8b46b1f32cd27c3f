"""What the doctor sees of who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from station.cli.finding import Finding, wrong
from station.errors import UsageError

if TYPE_CHECKING:
    from station.settings import Settings


def role_finding(settings: Settings) -> Finding:
    """Whether an engineer's PIN is set. None is no fault, but everybody may do everything then."""
    from station.roles.pin_file import is_guarded, pin_file
    from station.wiring.authority import was_guarded

    try:
        if is_guarded(settings.data_dir):
            return Finding("engineer's PIN", True, "is set")
    except UsageError as error:
        return wrong("engineer's PIN", error)
    if was_guarded(settings.data_dir, settings.station_id):
        found = f"was set, and {pin_file(settings.data_dir)} was taken away by hand: everybody may do everything"
        return Finding("engineer's PIN", False, found, "station pin set", UsageError.exit_code)
    return Finding("engineer's PIN", True, "none is set: everybody may do everything; to set one: station pin set")
