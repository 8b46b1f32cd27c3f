"""What people say of a unit, put into the log: the serial on its label, and values by key; all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from station.ledger import product_serial_rows, schema_version, unit_value_rows
from station.ledger.database import written
from station.model.sinks import Sink
from station.model.unit_values import UnitBinding, UnitValues


def bind_unit(data_dir: Path, binding: UnitBinding, sinks: Sequence[Sink] = ()) -> UnitBinding:
    """Put it into the log, beside a running station if need be; again is the same as once. Returns what the unit has.

    UsageError product.taken, product.unit_has_another, value.known; LedgerError.
    """
    schema_version.require_current(data_dir)
    with written(data_dir) as connection:
        return put_unit(connection, binding, sinks)


def put_unit(connection: Connection, binding: UnitBinding, sinks: Sequence[Sink]) -> UnitBinding:
    """The same in a transaction."""
    product_serial_rows.put_binding(connection, binding, sinks)
    unit_value_rows.put_values(connection, binding, sinks)
    return of_unit(connection, binding)


def of_unit(connection: Connection, binding: UnitBinding) -> UnitBinding:
    """What the log knows of the unit that a binding is about."""
    return UnitBinding(
        binding.serial,
        binding.station_id,
        binding.at,
        binding.by,
        product_serial_rows.product_serial_of(connection, binding.serial),
        UnitValues.of(unit_value_rows.values_of(connection, binding.serial)),
        binding.changes,
    )
