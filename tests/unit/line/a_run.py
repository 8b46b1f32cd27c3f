"""A run as the log opens it; each test changes what it is about."""

from __future__ import annotations

from datetime import UTC, datetime

from station.model.runs import RunRecord

RUN = RunRecord(
    run_id="r",
    station_id="s1",
    serial="S",
    identified=True,
    slot="A1",
    port_path="1-1",
    batch=None,
    operator=None,
    recipe="full",
    bundle="b",
    bundle_sha256="b1",
    bootloader=None,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
)
