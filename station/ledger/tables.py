"""The tables.

    units     one row per camera, by serial; a run whose serial names no single camera has a row of its own here
    runs      one row per insertion, from the moment that the camera is held; `outcome` is null while it is open
    attempts  one row per pass through the phases
    images    one row per image of an attempt, in the order in which they were written
    measurements  one row per value that a test of an attempt measured
    releases  units released from being set aside
    batches   one row per batch that was begun at a station's bench, with the quantity planned
    audit     one row per act that only an engineer may do; a chain of hashes for each station (`audit_chain`)
    product_serials  one row per unit whose product serial is known
    unit_values  one row per value that a unit was given by a key of the factory's own; the newest of a key counts
    outbox    one row per finished run and system of the factory that has not taken it yet
    changes   what the database of all stations has to hear of, numbered (`changes.py`); log_identity has the log's key
    stations, shipments  in that database alone: who sent, and how far it got

Three more hold sums by the hour, made from the runs by `hourly_sums` and never a source:

    hour_runs    runs by hour, place (station, batch, bundle, slot, operator), purpose, outcome and code
    hour_images  images by hour, place, purpose and partition
    hour_measurements  measurements by hour, place, purpose, name and unit

Keys are time-ordered UUIDs, so rows of many stations can meet in one database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    true,
)
from sqlalchemy.types import JSON

from station.ledger.columns import Key, UtcTime, Words
from station.model.runs import Purpose

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
    "ordered_at",
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
    "started_at",
    "purpose",
    "may_have_written",
)


METADATA = MetaData(naming_convention=NAMING)

UNITS = Table(
    "units",
    METADATA,
    Column("unit_id", Key, primary_key=True),
    Column("serial", Words, nullable=False),
    Column("identified", Boolean, nullable=False),
    Index("uq_units_serial", "serial", unique=True, **_ONLY_IDENTIFIED),
    Index(None, "serial"),
)
"""Cameras. `serial` is canonical; where `identified` is false it names no camera and the row has one run only."""

RUNS = Table(
    "runs",
    METADATA,
    Column("run_id", Key, primary_key=True),
    Column("unit_id", Key, ForeignKey("units.unit_id"), nullable=False),
    Column("station_id", Words, nullable=False),
    Column("serial", Words, nullable=False),
    Column("identified", Boolean, nullable=False),
    Column("slot", Words, nullable=False),
    Column("port_path", Words, nullable=False),
    Column("batch", Words),
    Column("operator", Words),
    Column("recipe", Words, nullable=False),
    Column("bundle", Words, nullable=False),
    Column("bundle_sha256", Words, nullable=False),
    Column("bootloader", Words),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("duration_s", Double),
    Column("outcome", Words),
    Column("code", Words),
    Column("message", Words, nullable=False),
    Column("message_form", Words),
    Column("message_values", JSON(none_as_null=True)),
    Column("verified", Boolean, nullable=False),
    Column("boot_confirmed", Boolean, nullable=False),
    Column("station_version", Words, nullable=False, server_default=""),
    Column("bundle_version", Words, nullable=False, server_default=""),
    Column("application_serial", Words),
    Column("product_serial", Words),
    Column("part_number", Words),
    Column("hardware_revision", Words),
    Column("location", Words),
    Column("time_zone", Words),
    Column("proofs_off", Words),
    Column("central_wait_s", Double),
    Column("unit_values", JSON(none_as_null=True)),
    Column("purpose", Words, nullable=False, server_default=str(Purpose.PRODUCTION)),
    Column("notes", JSON, nullable=False, server_default="[]"),
    # The application's serial in the form to compare: units are found by it too.
    Column("application_key", Words),
    # Where the run stands among its unit's: `started_at`, but for a clock that was set back. See `writes`.
    Column("ordered_at", UtcTime, nullable=False, server_default="1970-01-01 00:00:00.000000"),
    # Whether it wrote to the camera, or may have. Kept beside the attempts that it follows from, as the next one.
    Column("may_have_written", Boolean, nullable=False, server_default=true()),
    # PASS at the first attempt. Kept beside the attempts that it follows from, so that a yield need not read them.
    Column("passed_at_once", Boolean, nullable=False, server_default=false()),
    CheckConstraint(_OUTCOMES, name="outcome"),
    # Has all that the interlock, the list to re-run and the yields ask of a unit's runs, in each unit's order: a
    # report over a million runs reads this alone, once, and sorts nothing.
    Index("ix_runs_history", *HISTORY_COLUMNS),
    Index(None, "batch", "started_at", "run_id"),
    Index(None, "started_at", "run_id"),
    Index("ix_runs_open", "station_id", **_ONLY_OPEN),
    Index("ix_runs_unproven", "started_at", sqlite_where=text("proofs_off IS NOT NULL")),
    Index("ix_runs_application_key", "application_key", "unit_id"),
    Index(None, "product_serial"),
)
"""Insertions of a camera."""

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("attempt_id", Key, primary_key=True),
    Column("run_id", Key, ForeignKey("runs.run_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("code", Words),
    Column("phase", Words, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("message", Words, nullable=False),
    Column("message_form", Words),
    Column("message_values", JSON(none_as_null=True)),
    Column("mram_initialized", Boolean, nullable=False),
    Column("notes", JSON, nullable=False),
    CheckConstraint(_OUTCOMES, name="outcome"),
    UniqueConstraint("run_id", "number"),
)
"""Passes through the phases. `notes` is a JSON list of text."""

IMAGES = Table(
    "images",
    METADATA,
    Column("attempt_id", Key, ForeignKey("attempts.attempt_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("partition", Words, nullable=False),
    Column("alt", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("readback_sha256", Words),
    Column("blocks_total", Integer, nullable=False),
    Column("blocks_written", Integer, nullable=False),
    Column("write_s", Double, nullable=False),
    Column("verify_s", Double, nullable=False),
)
"""Images of an attempt; `position` counts from 0 in the order of writing."""

MEASUREMENTS = Table(
    "measurements",
    METADATA,
    Column("attempt_id", Key, ForeignKey("attempts.attempt_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Words, nullable=False),
    Column("value", JSON(none_as_null=True)),
    Column("number", Double),
    Column("unit", Words),
    Column("low", Double),
    Column("high", Double),
    Column("passed", Boolean),
)
"""Measured values, in the order in which they were measured; `number` is the value again where it is one."""

RELEASES = Table(
    "releases",
    METADATA,
    Column("release_id", Key, primary_key=True),
    Column("serial", Words, nullable=False),
    Column("batch", Words),
    Column("released_at", UtcTime, nullable=False),
    Column("released_by", Words, nullable=False),
    Index(None, "serial", "released_at"),
)
"""Units released from being set aside, in one batch or (null) in every; earlier failures count no more."""

BATCHES = Table(
    "batches",
    METADATA,
    Column("batch_id", Key, primary_key=True),
    Column("station_id", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("planned", Integer),
    Column("operator", Words),
    Column("begun_at", UtcTime, nullable=False),
    Column("continued_at", UtcTime),
    Column("ended_at", UtcTime),
    CheckConstraint("planned > 0", name="planned"),
    UniqueConstraint("station_id", "name"),
)
"""Batches that were begun at a bench; `ended_at` is null while one is open. A run may name one that has no row."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("station_id", Words, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Words, nullable=False),
    Column("who", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("act", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("details", Words, nullable=False),
    Column("previous_hash", Words, nullable=False),
    Column("hash", Words, nullable=False),
)
"""Acts, numbered from 1 for each station; all but the number is text, exactly as it was hashed. Rows are only added."""


OUTBOX = Table(
    "outbox",
    METADATA,
    Column("sink", Words, primary_key=True),
    Column("run_id", Key, ForeignKey("runs.run_id"), primary_key=True),
    Column("unit_id", Key, nullable=False),
    Column("ordered_at", UtcTime, nullable=False),
    Column("queued_at", UtcTime, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("tried_at", UtcTime),
    Column("code", Words),
    Column("message", Words, nullable=False, server_default=""),
    Column("dropped_at", UtcTime),
    Column("dropped_by", Words),
    Column("dropped_reason", Words),
    Index(None, "sink", "next_at"),
    Index(None, "sink", "unit_id", "ordered_at", "run_id"),
)
"""Runs that wait for a sink; `unit_id` and `ordered_at` are the run's, and say which of a unit's runs goes first."""


PRODUCT_SERIALS = Table(
    "product_serials",
    METADATA,
    Column("binding_id", Key, primary_key=True),
    Column("product_serial", Words, nullable=False),
    Column("serial", Words, nullable=False),
    Column("station_id", Words, nullable=False),
    Column("bound_at", UtcTime, nullable=False),
    Column("bound_by", Words, nullable=False),
    UniqueConstraint("product_serial"),
    UniqueConstraint("serial"),
)
"""Which unit, by its bootloader's canonical serial, carries which serial on its label; also before its first run."""


UNIT_VALUES = Table(
    "unit_values",
    METADATA,
    Column("value_id", Key, primary_key=True),
    Column("serial", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("value", Words, nullable=False),
    Column("station_id", Words, nullable=False),
    Column("set_at", UtcTime, nullable=False),
    Column("set_by", Words, nullable=False),
    Index(None, "serial", "key"),
    Index(None, "key", "value"),
)
"""What units were given by key, by their bootloaders' canonical serials; also before a first run."""


CHANGES = Table(
    "changes",
    METADATA,
    Column("kind", Words, primary_key=True),
    Column("key", Key, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Index("ix_changes_number", "number", unique=True),
)
"""The newest change of each row that the centre is to have; `number` rises with every change of the log."""

LOG_IDENTITY = Table("log_identity", METADATA, Column("log_id", Key, primary_key=True))
"""One row in a station's log: a log that takes its place has another."""

STATIONS = Table(
    "stations",
    METADATA,
    Column("station_id", Words, primary_key=True),
    Column("heard_at", UtcTime, nullable=False),
    Column("virtual", Boolean, nullable=False),
)
"""Who has rows in the centre, when the first came, and whether the cameras are virtual. Whoever writes a station's rows
holds its row here meanwhile."""

SHIPMENTS = Table(
    "shipments",
    METADATA,
    Column("station_id", Words, primary_key=True),
    Column("log_id", Key, primary_key=True),
    Column("sent_number", BigInteger, nullable=False),
    Column("sent_at", UtcTime, nullable=False),
    Column("refused", Integer, nullable=False),
)
"""How far each log was sent, written with the rows themselves. `refused`: rows that the centre could not hold."""


def _place_columns() -> tuple[Column[Any], ...]:
    """Where and when runs were, by the hour in which they started."""
    return (
        Column("hour_at", UtcTime, nullable=False),
        Column("station_id", Words, nullable=False),
        Column("batch", Words),
        Column("bundle", Words, nullable=False),
        Column("slot", Words, nullable=False),
        Column("operator", Words),
        Column("purpose", Words, nullable=False, server_default=str(Purpose.PRODUCTION)),
    )


HOUR_RUNS = Table(
    "hour_runs",
    METADATA,
    *_place_columns(),
    Column("outcome", Words, nullable=False),
    Column("code", Words),
    Column("runs", Integer, nullable=False),
    Column("timed_runs", Integer, nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("first_started_at", UtcTime, nullable=False),
    Column("last_ended_at", UtcTime, nullable=False),
    Index("ix_hour_runs_hour_at", "hour_at"),
    Index("ix_hour_runs_batch_hour_at", "batch", "hour_at"),
)
"""Finished runs; `duration_s` is the sum over the `timed_runs` that passed."""

HOUR_IMAGES = Table(
    "hour_images",
    METADATA,
    *_place_columns(),
    Column("partition", Words, nullable=False),
    Column("images", Integer, nullable=False),
    Column("total_s", Double, nullable=False),
    Column("write_s", Double, nullable=False),
    Column("written_bytes", Double, nullable=False),
    Column("retries", Integer, nullable=False),
    Index("ix_hour_images_hour_at", "hour_at"),
    Index("ix_hour_images_batch_hour_at", "batch", "hour_at"),
)
"""Images of which blocks were written in an attempt that passed; `retries` counts those after a first attempt."""

HOUR_MEASUREMENTS = Table(
    "hour_measurements",
    METADATA,
    *_place_columns(),
    Column("name", Words, nullable=False),
    Column("unit", Words),
    Column("measured", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("numbers", Integer, nullable=False),
    Column("total", Double, nullable=False),
    Column("least", Double),
    Column("most", Double),
    Index("ix_hour_measurements_hour_at", "hour_at"),
    Index("ix_hour_measurements_batch_hour_at", "batch", "hour_at"),
)
"""Measurements of every attempt; `total`, `least` and `most` are over those whose value is a number."""

LATEST_FIRST = (RUNS.c.ordered_at.desc(), RUNS.c.run_id.desc())
"""Of one unit's runs; the others are for lists, by the time that people know."""
NEWEST_FIRST = (RUNS.c.started_at.desc(), RUNS.c.run_id.desc())
OLDEST_FIRST = (RUNS.c.started_at, RUNS.c.run_id)
