"""Which product serial is which unit's. Each has one of the other, once and for all: another pairing is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from station.errors import UsageError
from station.ledger import changes, label_rows, outbox_rows
from station.ledger.selection import is_identified_unit
from station.ledger.tables import LATEST_FIRST, PRODUCT_SERIALS, RUNS, UNITS
from station.model.ids import new_id
from station.model.serials import canonical_serial
from station.model.sinks import Sink
from station.model.unit_values import UnitBinding
from station.problem import sentence


def put_binding(connection: Connection, binding: UnitBinding, sinks: Sequence[Sink]) -> None:
    """Bind a product serial to a unit, where one was said; again is the same as once.

    The unit's runs carry it from then on, those before too; the sinks hear of its latest finished run again.
    UsageError product.taken, product.unit_has_another.
    """
    serial = canonical_serial(binding.serial)
    if binding.product_serial is None or _is_bound(connection, binding.product_serial, serial):
        return
    values: dict[str, Any] = {
        "binding_id": new_id(),
        "product_serial": binding.product_serial,
        "serial": serial,
        "station_id": binding.station_id,
        "bound_at": binding.at,
        "bound_by": binding.by,
    }
    connection.execute(insert(PRODUCT_SERIALS), values)
    changes.note(connection, changes.Kind.PRODUCT, [values["binding_id"]])
    unit = select(UNITS.c.unit_id).where(is_identified_unit(serial)).scalar_subquery()
    mine = RUNS.c.unit_id == unit
    connection.execute(update(RUNS).where(mine).values(product_serial=binding.product_serial))
    finished = select(RUNS.c.run_id).where(mine, RUNS.c.outcome.is_not(None)).order_by(*LATEST_FIRST)
    run_ids = connection.scalars(finished).all()
    changes.note(connection, changes.Kind.RUN, run_ids)
    outbox_rows.queue_again(connection, run_ids[:1], sinks, binding.at)
    label_rows.bound(connection, unit, sinks, binding.at)


def _is_bound(connection: Connection, product_serial: str, serial: str) -> bool:
    """Whether this very pairing is there. UsageError where one of the two is in another."""
    either = or_(PRODUCT_SERIALS.c.product_serial == product_serial, PRODUCT_SERIALS.c.serial == serial)
    rows: Sequence[Any] = connection.execute(select(PRODUCT_SERIALS).where(either)).all()
    for row in rows:
        if row.product_serial != product_serial:
            text = sentence(
                "unit {serial} has the product serial {other} already", serial=serial, other=row.product_serial
            )
            raise UsageError("product.unit_has_another", text)
        if row.serial != serial:
            text = sentence("{product} is the product serial of unit {other}", product=product_serial, other=row.serial)
            raise UsageError("product.taken", text)
    return bool(rows)


def product_serial_of(connection: Connection, serial: str) -> str | None:
    """The product serial of a unit, by its bootloader's serial; None where it has none."""
    query = select(PRODUCT_SERIALS.c.product_serial).where(PRODUCT_SERIALS.c.serial == canonical_serial(serial))
    found: str | None = connection.scalar(query)
    return found


def unit_of_product(connection: Connection, product_serial: str) -> str | None:
    """The bootloader's serial of the unit with a product serial; None where no unit has it."""
    query = select(PRODUCT_SERIALS.c.serial).where(PRODUCT_SERIALS.c.product_serial == product_serial)
    found: str | None = connection.scalar(query)
    return found
