"""The figures of one station at one moment, as the log and the line gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from station.model.write_times import Spread


@dataclass(frozen=True, slots=True)
class LineFigures:
    """How the line stands. `states` counts slots by what they show, `phases` running ones by where they are."""

    takes_cameras: bool
    bundle: str
    bundle_version: str
    recipe: str
    states: Mapping[str, int]
    phases: Mapping[str, int]
    log_writes: Spread | None = None


@dataclass(frozen=True, slots=True)
class CentreFigures:
    """What the database of all stations has not got yet."""

    waiting: int
    lag_s: float
    away: bool


@dataclass(frozen=True, slots=True)
class StationFigures:
    """All of it; None for what nobody answers."""

    station_id: str
    version: str
    line: LineFigures | None = None
    log_readable: bool = False
    runs: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """By slot, outcome and code ("" for none)."""
    written: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """Bytes and seconds, by slot and partition."""
    durations: Mapping[str, Spread] = field(default_factory=dict)
    """By outcome."""
    outbox: Mapping[str, tuple[int, datetime | None]] = field(default_factory=dict)
    """How many records wait, and the oldest one's time, by system."""
    labels_missed: Mapping[str, int] = field(default_factory=dict)
    centre: CentreFigures | None = None
    batch: Mapping[str, int] | None = None
    """Units of the batch that is open, by where they are; None without one."""
    at: datetime | None = None
