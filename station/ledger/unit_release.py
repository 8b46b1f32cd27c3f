"""Letting a unit that was set aside run again, by somebody who looked at it."""

from __future__ import annotations

from pathlib import Path

from station.ledger import schema_version, transactions
from station.ledger.database import written
from station.model.units import Release


def release_unit(data_dir: Path, release: Release) -> None:
    """Release a unit from being set aside; works beside a running station. Errors: LedgerError."""
    schema_version.require_current(data_dir)
    with written(data_dir) as connection:
        transactions.put_release(connection, release)
