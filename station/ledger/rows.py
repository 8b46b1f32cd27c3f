"""The tables, one typed row each.

    units     one row per camera, by serial; a run whose serial names no single camera has a row of its own here
    runs      one row per insertion, from the moment that the camera is held; `outcome` is null while it is open
    attempts  one row per pass through the phases
    images    one row per image of an attempt, in the order in which they were written
    releases  units released from being set aside
    batches   one row per batch that was begun at a station's bench, with the quantity planned

Two more hold sums by the hour, made from the runs by `tallies` and never a source:

    hour_runs    runs by hour, place (station, batch, bundle, slot, operator), outcome and code
    hour_images  images by hour, place and partition

Keys are time-ordered UUIDs, so rows of many stations can meet in one database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import JSON

from station.ledger.columns import Key, UtcTime, Words

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name, so that a later migration can drop it in any database."""

_OUTCOMES = "outcome IN ('PASS', 'FAIL', 'ERROR', 'ABORTED', 'SKIPPED')"
# Only this database's words: naming another dialect's would load it on every start. The migrations, which make the
# tables, name them all.
_ONLY_IDENTIFIED: dict[str, Any] = {"sqlite_where": text("identified = 1")}
_ONLY_OPEN: dict[str, Any] = {"sqlite_where": text("outcome IS NULL")}


HISTORY_COLUMNS = (
    "unit_id",
    "started_at",
    "run_id",
    "outcome",
    "batch",
    "slot",
    "passed_at_once",
    "code",
    "duration_s",
    "bundle",
    "operator",
    "station_id",
)


class Base(DeclarativeBase):
    """The tables' common ground."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {str: Words(), datetime: UtcTime(), list[Any]: JSON()}  # noqa: RUF012 (SQLAlchemy's name)


class UnitRow(Base):
    """A camera. `serial` is canonical; where `identified` is false it names no camera and the row has one run only."""

    __tablename__ = "units"
    __table_args__ = (
        Index("uq_units_serial", "serial", unique=True, **_ONLY_IDENTIFIED),
        Index(None, "serial"),
    )

    unit_id: Mapped[str] = mapped_column(Key, primary_key=True)
    serial: Mapped[str]
    identified: Mapped[bool]


class RunRow(Base):
    """One insertion of a camera."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(_OUTCOMES, name="outcome"),
        # Has all that the interlock, the list to re-run and the yields ask of a unit's runs, in each unit's order: a
        # report over a million runs reads this alone, once, and sorts nothing.
        Index("ix_runs_history", *HISTORY_COLUMNS),
        Index(None, "batch", "started_at", "run_id"),
        Index(None, "started_at", "run_id"),
        Index("ix_runs_open", "station_id", **_ONLY_OPEN),
    )

    run_id: Mapped[str] = mapped_column(Key, primary_key=True)
    unit_id: Mapped[str] = mapped_column(Key, ForeignKey("units.unit_id"))
    station_id: Mapped[str]
    serial: Mapped[str]
    identified: Mapped[bool]
    slot: Mapped[str]
    port_path: Mapped[str]
    batch: Mapped[str | None]
    operator: Mapped[str | None]
    recipe: Mapped[str]
    bundle: Mapped[str]
    bundle_sha256: Mapped[str]
    bootloader: Mapped[str | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    duration_s: Mapped[float | None]
    outcome: Mapped[str | None]
    code: Mapped[str | None]
    message: Mapped[str]
    verified: Mapped[bool]
    boot_confirmed: Mapped[bool]
    passed_at_once: Mapped[bool] = mapped_column(server_default=false())
    """PASS at the first attempt. Kept beside the attempts that it follows from, so that a yield need not read them."""

    attempts: Mapped[list[AttemptRow]] = relationship(order_by="AttemptRow.number", lazy="raise")


class AttemptRow(Base):
    """One pass through the phases. `notes` is a JSON list of text."""

    __tablename__ = "attempts"
    __table_args__ = (
        CheckConstraint(_OUTCOMES, name="outcome"),
        UniqueConstraint("run_id", "number"),
    )

    attempt_id: Mapped[str] = mapped_column(Key, primary_key=True)
    run_id: Mapped[str] = mapped_column(Key, ForeignKey("runs.run_id"))
    number: Mapped[int]
    outcome: Mapped[str]
    code: Mapped[str | None]
    phase: Mapped[str]
    started_at: Mapped[datetime]
    duration_s: Mapped[float]
    message: Mapped[str]
    mram_initialized: Mapped[bool]
    notes: Mapped[list[Any]]

    images: Mapped[list[ImageRow]] = relationship(order_by="ImageRow.position", lazy="raise")


class ImageRow(Base):
    """One image of an attempt; `position` counts from 0 in the order of writing."""

    __tablename__ = "images"

    attempt_id: Mapped[str] = mapped_column(Key, ForeignKey("attempts.attempt_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    partition: Mapped[str]
    alt: Mapped[int]
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    readback_sha256: Mapped[str | None]
    blocks_total: Mapped[int]
    blocks_written: Mapped[int]
    write_s: Mapped[float]
    verify_s: Mapped[float]


class ReleaseRow(Base):
    """A unit was released from being set aside, in one batch or (null) in every; earlier failures count no more."""

    __tablename__ = "releases"
    __table_args__ = (Index(None, "serial", "released_at"),)

    release_id: Mapped[str] = mapped_column(Key, primary_key=True)
    serial: Mapped[str]
    batch: Mapped[str | None]
    released_at: Mapped[datetime]
    released_by: Mapped[str]


class BatchRow(Base):
    """A batch that was begun at a bench; `ended_at` is null while it is open. A run may name one that has no row."""

    __tablename__ = "batches"
    __table_args__ = (CheckConstraint("planned > 0", name="planned"), UniqueConstraint("station_id", "name"))

    batch_id: Mapped[str] = mapped_column(Key, primary_key=True)
    station_id: Mapped[str]
    name: Mapped[str]
    planned: Mapped[int | None]
    operator: Mapped[str | None]
    begun_at: Mapped[datetime]
    continued_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


def _place_columns() -> tuple[Column[Any], ...]:
    """Where and when runs were, by the hour in which they started."""
    return (
        Column("hour_at", UtcTime(), nullable=False),
        Column("station_id", Words(), nullable=False),
        Column("batch", Words()),
        Column("bundle", Words(), nullable=False),
        Column("slot", Words(), nullable=False),
        Column("operator", Words()),
    )


HOUR_RUNS = Table(
    "hour_runs",
    Base.metadata,
    *_place_columns(),
    Column("outcome", Words(), nullable=False),
    Column("code", Words()),
    Column("runs", Integer, nullable=False),
    Column("timed_runs", Integer, nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("first_started_at", UtcTime(), nullable=False),
    Column("last_ended_at", UtcTime(), nullable=False),
    Index("ix_hour_runs_hour_at", "hour_at"),
    Index("ix_hour_runs_batch_hour_at", "batch", "hour_at"),
)
"""Finished runs; `duration_s` is the sum over the `timed_runs` that passed."""

HOUR_IMAGES = Table(
    "hour_images",
    Base.metadata,
    *_place_columns(),
    Column("partition", Words(), nullable=False),
    Column("images", Integer, nullable=False),
    Column("total_s", Double, nullable=False),
    Column("write_s", Double, nullable=False),
    Column("written_bytes", Double, nullable=False),
    Column("retries", Integer, nullable=False),
    Index("ix_hour_images_hour_at", "hour_at"),
    Index("ix_hour_images_batch_hour_at", "batch", "hour_at"),
)
"""Images of which blocks were written in an attempt that passed; `retries` counts those after a first attempt."""

NEWEST_FIRST = (RunRow.started_at.desc(), RunRow.run_id.desc())
OLDEST_FIRST = (RunRow.started_at, RunRow.run_id)
