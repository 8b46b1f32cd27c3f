"""The tables, one typed row each.

    units     one row per camera, by serial; a run whose serial names no single camera has a row of its own here
    runs      one row per insertion, from the moment that the camera is held; `outcome` is null while it is open
    attempts  one row per pass through the phases
    images    one row per image of an attempt, in the order in which they were written
    releases  units released from being set aside

Keys are time-ordered UUIDs, so rows of many stations can meet in one database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, UniqueConstraint, text
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
_ONLY_IDENTIFIED: dict[str, Any] = {"sqlite_where": text("identified = 1"), "postgresql_where": text("identified")}
_ONLY_OPEN: dict[str, Any] = {"sqlite_where": text("outcome IS NULL"), "postgresql_where": text("outcome IS NULL")}


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
        # Has all that the interlock and the list to re-run ask of a unit's runs, so that neither visits the rows.
        Index("ix_runs_history", "unit_id", "started_at", "run_id", "outcome", "batch"),
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


NEWEST_FIRST = (RunRow.started_at.desc(), RunRow.run_id.desc())
OLDEST_FIRST = (RunRow.started_at, RunRow.run_id)
