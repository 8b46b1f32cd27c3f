"""What is known of a unit where two logs were asked: the station's own, which has all of its own runs, and that of all
stations, which may lack the last of them.

1. The newer of the two newest runs that touched the unit says what the camera holds.
2. Clocks of two stations are not the same to the second. Where the newest runs of two stations are less than a minute
   apart and left the camera differently, what it holds is not known.
3. How often the unit failed is counted by the centre, over all stations and with every release, where it has the newest
   run of this station; where it has not, by whichever counts more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from station.model.events import UnitHistory
from station.problem import sentence

CLOCK_SLACK = timedelta(minutes=1)


def of_both(own: UnitHistory, central: UnitHistory) -> UnitHistory:
    """What is known of a unit by its history here and in the centre."""
    here, there = own.touched_by, central.touched_by
    if there is None:
        return own
    if here is None:
        return _of_another(own, central)
    if here.run_id == there.run_id:
        # This log knows whether its own clock was set back, the centre counts.
        return replace(own, failed_runs=central.failed_runs)
    slack = timedelta() if here.station_id == there.station_id else CLOCK_SLACK
    if there.ordered_at > here.ordered_at + slack:
        return _of_another(own, central)
    known = replace(own, failed_runs=max(own.failed_runs, central.failed_runs))
    if here.ordered_at > there.ordered_at + slack or _left(own) == _left(central):
        return known
    return replace(known, touched_is_newest=False)


def _left(history: UnitHistory) -> tuple[object, ...]:
    """How the newest run left the camera."""
    return history.touched_outcome, history.touched_bundle_sha256, history.touched_recipe


def _of_another(own: UnitHistory, central: UnitHistory) -> UnitHistory:
    assert central.touched_by is not None
    note = sentence("by the central log, station {station} had this camera last", station=central.touched_by.station_id)
    return replace(central, notes=(*own.notes, note), product_serial=own.product_serial)
