"""Rows from the model's records and back: nothing is lost on the way."""

from __future__ import annotations

from station.ledger.rows import AttemptRow, BatchRow, ImageRow, ReleaseRow, RunRow
from station.model.batches import Batch
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunRecord
from station.model.units import Release

_RUN_FIELDS = (
    "station_id",
    "serial",
    "identified",
    "slot",
    "port_path",
    "batch",
    "operator",
    "recipe",
    "bundle",
    "bundle_sha256",
    "bootloader",
    "started_at",
    "finished_at",
    "duration_s",
    "code",
    "message",
    "verified",
    "boot_confirmed",
)
_ATTEMPT_FIELDS = (
    "attempt_id",
    "number",
    "code",
    "phase",
    "started_at",
    "duration_s",
    "message",
    "mram_initialized",
)
_IMAGE_FIELDS = (
    "partition",
    "alt",
    "size_bytes",
    "sha256",
    "readback_sha256",
    "blocks_total",
    "blocks_written",
    "write_s",
    "verify_s",
)

_BATCH_FIELDS = ("station_id", "name", "planned", "operator", "begun_at", "continued_at", "ended_at")


def fill_batch(row: BatchRow, batch: Batch) -> None:
    """Everything of `batch` but its key goes into `row`."""
    for name in _BATCH_FIELDS:
        setattr(row, name, getattr(batch, name))


def batch_record(row: BatchRow) -> Batch:
    """The record of a batch."""
    return Batch(row.batch_id, **{name: getattr(row, name) for name in _BATCH_FIELDS})


def fill_run(row: RunRow, run: RunRecord) -> None:
    """Everything of `run` but its key, its unit and its attempts goes into `row`."""
    for name in _RUN_FIELDS:
        setattr(row, name, getattr(run, name))
    row.outcome = None if run.outcome is None else str(run.outcome)


def attempt_row(run_id: str, attempt: AttemptRecord) -> AttemptRow:
    """A new row for an attempt, its images included."""
    row = AttemptRow(run_id=run_id, outcome=str(attempt.outcome), notes=list(attempt.notes))
    for name in _ATTEMPT_FIELDS:
        setattr(row, name, getattr(attempt, name))
    row.images = [_image_row(position, image) for position, image in enumerate(attempt.images)]
    return row


def _image_row(position: int, image: ImageRecord) -> ImageRow:
    return ImageRow(position=position, **{name: getattr(image, name) for name in _IMAGE_FIELDS})


def run_record(row: RunRow) -> RunRecord:
    """The record of a row that was loaded with its attempts and images."""
    return RunRecord(
        run_id=row.run_id,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        attempts=tuple(_attempt_record(attempt) for attempt in row.attempts),
        **{name: getattr(row, name) for name in _RUN_FIELDS},
    )


def _attempt_record(row: AttemptRow) -> AttemptRecord:
    return AttemptRecord(
        outcome=Outcome(row.outcome),
        images=tuple(ImageRecord(**{name: getattr(image, name) for name in _IMAGE_FIELDS}) for image in row.images),
        notes=tuple(row.notes),
        **{name: getattr(row, name) for name in _ATTEMPT_FIELDS},
    )


def release_record(row: ReleaseRow) -> Release:
    """The record of a release."""
    return Release(row.serial, row.batch, row.released_at, row.released_by)
