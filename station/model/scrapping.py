"""Cameras that will never pass, booked by an engineer: a run of their own, that no line made.

1. It ended FAIL, so its unit has a result, and is not done.
2. It was in no slot and with no firmware: it says nothing of the bench, of the time that runs take, or of a bundle.
"""

from __future__ import annotations

from datetime import datetime

from station.model.ids import new_id
from station.model.runs import Outcome, RunRecord
from station.problem import sentence

SCRAPPED = "unit.scrapped"
NO_SLOT = ""


def scrapped_run(
    station_id: str, serial: str | None, batch: str, reason: str, engineer: str, moment: datetime
) -> RunRecord:
    """The record; without a serial it stands for one camera that nobody can name."""
    return RunRecord(
        run_id=new_id(),
        station_id=station_id,
        serial=serial or "",
        identified=serial is not None,
        slot=NO_SLOT,
        port_path="",
        batch=batch,
        operator=engineer,
        recipe="",
        bundle="",
        bundle_sha256="",
        bootloader=None,
        started_at=moment,
        finished_at=moment,
        outcome=Outcome.FAIL,
        code=SCRAPPED,
        message=sentence("scrapped: {reason}", reason=reason),
    )
