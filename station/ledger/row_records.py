"""Rows from the model's records and back: nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from station.model.batches import Batch
from station.model.measurements import Measurement
from station.model.record_json import field_names
from station.model.runs import AttemptRecord, ImageRecord, Outcome, Purpose, RunRecord
from station.model.serials import canonical_serial
from station.model.unit_values import UnitValues
from station.model.units import Release
from station.problem import restored, stored_parts

_MADE = ("run_id", "message", "outcome", "purpose", "unit_values", "notes", "attempts", "images", "measurements")
"""What is no column just as it stands in the record."""
_RUN_FIELDS = tuple(name for name in field_names(RunRecord) if name not in _MADE)
_ATTEMPT_FIELDS = tuple(name for name in field_names(AttemptRecord) if name not in _MADE)
_IMAGE_FIELDS = field_names(ImageRecord)
_MEASUREMENT_FIELDS = ("name", "value", "unit", "low", "high", "passed")
_BATCH_FIELDS = ("station_id", "name", "planned", "operator", "begun_at", "continued_at", "ended_at")

Values = dict[str, Any]
"""A row to be written, by column."""


def batch_values(batch: Batch) -> Values:
    """Everything of a batch but its key."""
    return _values(batch, _BATCH_FIELDS)


def batch_record(row: Any) -> Batch:
    """The record of a batch."""
    return Batch(row.batch_id, **_values(row, _BATCH_FIELDS))


def run_values(run: RunRecord) -> Values:
    """Everything of a run but its key, its unit and its attempts."""
    shown = run.application_serial
    return {
        **_values(run, _RUN_FIELDS),
        **message_values(run.message),
        "outcome": None if run.outcome is None else str(run.outcome),
        "purpose": str(run.purpose),
        "notes": list(run.notes),
        "unit_values": run.unit_values.to_json() or None,
        "application_key": None if shown is None else canonical_serial(shown),
    }


def attempt_values(run_id: str, attempt: AttemptRecord) -> Values:
    """An attempt of a run, without its images and measurements."""
    outcome, notes = str(attempt.outcome), list(attempt.notes)
    message = message_values(attempt.message)
    return {**_values(attempt, _ATTEMPT_FIELDS), **message, "run_id": run_id, "outcome": outcome, "notes": notes}


def image_values(attempt: AttemptRecord) -> list[Values]:
    """The images of an attempt."""
    key = attempt.attempt_id
    return [
        {**_values(image, _IMAGE_FIELDS), "attempt_id": key, "position": position}
        for position, image in enumerate(attempt.images)
    ]


def measurement_values(attempt: AttemptRecord) -> list[Values]:
    """The measurements of an attempt."""
    key = attempt.attempt_id
    return [
        {**_values(one, _MEASUREMENT_FIELDS), "number": one.number, "attempt_id": key, "position": position}
        for position, one in enumerate(attempt.measurements)
    ]


def run_record(row: Any, attempts: Sequence[AttemptRecord]) -> RunRecord:
    """The record of a run and its attempts."""
    return RunRecord(
        run_id=row.run_id,
        message=message_of(row),
        outcome=None if row.outcome is None else Outcome(row.outcome),
        purpose=Purpose(row.purpose),
        notes=tuple(row.notes),
        unit_values=UnitValues.of(row.unit_values),
        attempts=tuple(attempts),
        **_values(row, _RUN_FIELDS),
    )


def attempt_record(row: Any, images: Sequence[ImageRecord], measurements: Sequence[Measurement]) -> AttemptRecord:
    """The record of an attempt, its images and its measurements."""
    return AttemptRecord(
        outcome=Outcome(row.outcome),
        message=message_of(row),
        images=tuple(images),
        notes=tuple(row.notes),
        measurements=tuple(measurements),
        **_values(row, _ATTEMPT_FIELDS),
    )


def image_record(row: Any) -> ImageRecord:
    """The record of an image."""
    return ImageRecord(**_values(row, _IMAGE_FIELDS))


def measurement_record(row: Any) -> Measurement:
    """The record of a measurement."""
    return Measurement(**_values(row, _MEASUREMENT_FIELDS))


def release_record(row: Any) -> Release:
    """The record of a release."""
    return Release(row.serial, row.batch, row.released_at, row.released_by)


def message_values(message: str) -> Values:
    """A message in its three columns."""
    form, values = stored_parts(message)
    return {"message": str(message), "message_form": form, "message_values": values}


def message_of(row: Any) -> str:
    """The message of a row: with its form where it has one, and as it stands where an older station wrote it."""
    return restored(row.message, row.message_form, row.message_values)


def _values(of: Any, names: Sequence[str]) -> Values:
    return {name: getattr(of, name) for name in names}
