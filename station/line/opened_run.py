"""The records of a slot's run: its opening, its end, and an attempt that no worker could account for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from station import __version__
from station.line.setup import LineSetup
from station.line.slot import Moment, Slot
from station.model.devices import Device
from station.model.proof_settings import proofs_off
from station.model.runs import AttemptRecord, RunRecord
from station.model.verdicts import Verdict
from station.problem import joined


def opened_run(setup: LineSetup, slot: Slot, device: Device, now: Moment, *, identified: bool) -> RunRecord:
    """A run that begins now."""
    return RunRecord(
        run_id=now.run_id,
        station_id=setup.station_id,
        serial=device.serial,
        identified=identified,
        slot=slot.name,
        port_path=slot.path,
        batch=setup.batch,
        operator=setup.operator,
        recipe=setup.recipe.name,
        bundle=setup.bundle,
        bundle_sha256=setup.bundle_sha256,
        bootloader=slot.bootloader or None,
        started_at=now.utc,
        station_version=__version__,
        bundle_version=setup.bundle_version,
        part_number=setup.part_number,
        hardware_revision=setup.hardware_revision,
        location=setup.location,
        time_zone=setup.time_zone,
        proofs_off=proofs_off(setup.options),
        purpose=setup.purpose,
        notes=setup.notes,
    )


def closed_run(slot: Slot, attempts: tuple[AttemptRecord, ...], verdict: Verdict, now: Moment) -> RunRecord:
    """The slot's run as it ended, now.

    How long it took is measured, and its end computed from its beginning: the wall clock may have been set meanwhile.
    """
    assert slot.run is not None
    duration_s = measured_s(slot, now)
    notes = dict.fromkeys([*slot.run.notes, *(note for attempt in attempts for note in attempt.notes)])
    return replace(
        slot.run,
        attempts=attempts,
        notes=tuple(notes),
        outcome=verdict.outcome,
        code=verdict.code,
        message=verdict.message or joined(notes),
        finished_at=slot.run.started_at + timedelta(seconds=duration_s),
        duration_s=duration_s,
    )


def found_attempt(slot: Slot, verdict: Verdict, now: Moment) -> AttemptRecord:
    """An attempt that ended without a worker's own account: before a worker had it, or because the worker died."""
    assert slot.run is not None
    return AttemptRecord(
        attempt_id=now.attempt_id,
        number=len(slot.attempts) + 1,
        outcome=verdict.outcome,
        code=verdict.code,
        phase=slot.progress.phase if slot.progress else "hold",
        started_at=slot.run.started_at,
        duration_s=measured_s(slot, now),
        message=verdict.message,
    )


def measured_s(slot: Slot, now: Moment) -> float:
    """Seconds since the slot's run began."""
    return 0.0 if slot.started_s is None else now.at_s - slot.started_s
