"""The records that the dispatcher writes: a run's opening, its closing, and attempts that no worker could tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from station import __version__
from station.clock import monotonic_s, now
from station.line.port import Port
from station.line.setup import LineSetup
from station.model.devices import Device
from station.model.ids import new_id
from station.model.runs import AttemptRecord, Outcome, RunRecord


def opened_run(setup: LineSetup, port: Port, device: Device, *, identified: bool) -> RunRecord:
    """A run that begins now."""
    return RunRecord(
        run_id=new_id(),
        station_id=setup.station_id,
        serial=device.serial,
        identified=identified,
        slot=port.name,
        port_path=port.path,
        batch=setup.batch,
        operator=setup.operator,
        recipe=setup.recipe.name,
        bundle=setup.bundle,
        bundle_sha256=setup.bundle_sha256,
        bootloader=port.bootloader or None,
        started_at=now(),
        station_version=__version__,
        bundle_version=setup.bundle_version,
        purpose=setup.purpose,
        notes=port.hold_notes,
    )


def closed_run(
    port: Port,
    run: RunRecord,
    attempts: tuple[AttemptRecord, ...],
    outcome: Outcome,
    code: str | None,
    message: str,
) -> RunRecord:
    """The port's run as it ended, now.

    How long it took is measured, and its end told by its beginning: the wall clock may have been set meanwhile.
    """
    duration_s = _measured_s(port)
    notes = dict.fromkeys([*run.notes, *(note for attempt in attempts for note in attempt.notes)])
    return replace(
        run,
        attempts=attempts,
        notes=tuple(notes),
        outcome=outcome,
        code=code,
        message=message,
        finished_at=run.started_at + timedelta(seconds=duration_s),
        duration_s=duration_s,
    )


def found_attempt(port: Port, outcome: Outcome, code: str, message: str) -> AttemptRecord:
    """An attempt that ended without a worker's own account: before a worker had it, or because the worker died."""
    progress = port.progress
    started_at = port.run.started_at if port.run else now()
    return AttemptRecord(
        attempt_id=new_id(),
        number=len(port.attempts) + 1,
        outcome=outcome,
        code=code,
        phase=progress.phase if progress else "hold",
        started_at=started_at,
        duration_s=_measured_s(port),
        message=message,
    )


def _measured_s(port: Port) -> float:
    """Since the port's run began."""
    return 0.0 if port.started_s is None else monotonic_s() - port.started_s
