"""Which product serial is which unit's. Each has one of the other, once and for all: another pairing is refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from station.errors import UsageError
from station.ledger import changes, outbox_rows, schema_version
from station.ledger.database import BUSY_TIMEOUT_S, open_writer, translated
from station.ledger.selection import is_identified_unit
from station.ledger.tables import LATEST_FIRST, PRODUCT_SERIALS, RUNS, UNITS
from station.model.ids import new_id
from station.model.product_serials import Pairing
from station.model.serials import canonical_serial
from station.model.sinks import Sink
from station.problem import sentence


def bind(data_dir: Path, pairing: Pairing, sinks: Sequence[Sink] = ()) -> None:
    """Bind a product serial to a unit; works beside a running station, and again is the same as once.

    The unit's runs carry it from then on, those before too; the sinks hear of its latest finished run again.
    UsageError product.taken, product.unit_has_another; LedgerError.
    """
    schema_version.require_current(data_dir)
    engine = open_writer(data_dir, BUSY_TIMEOUT_S)
    try:
        with translated(data_dir), engine.begin() as connection:
            put_binding(connection, pairing, sinks)
    finally:
        with suppress(Exception):
            engine.dispose()


def put_binding(connection: Connection, pairing: Pairing, sinks: Sequence[Sink]) -> None:
    """The same in a transaction."""
    serial = canonical_serial(pairing.serial)
    if _is_bound(connection, pairing.product_serial, serial):
        return
    values: dict[str, Any] = {
        "binding_id": new_id(),
        "product_serial": pairing.product_serial,
        "serial": serial,
        "station_id": pairing.station_id,
        "bound_at": pairing.bound_at,
        "bound_by": pairing.bound_by,
    }
    connection.execute(insert(PRODUCT_SERIALS), values)
    changes.note(connection, changes.Kind.PRODUCT, [values["binding_id"]])
    unit = select(UNITS.c.unit_id).where(is_identified_unit(serial)).scalar_subquery()
    mine = RUNS.c.unit_id == unit
    connection.execute(update(RUNS).where(mine).values(product_serial=pairing.product_serial))
    finished = select(RUNS.c.run_id).where(mine, RUNS.c.outcome.is_not(None)).order_by(*LATEST_FIRST)
    run_ids = connection.scalars(finished).all()
    changes.note(connection, changes.Kind.RUN, run_ids)
    if run_ids:
        # A label that was printed is not printed again by itself.
        told = [sink for sink in sinks if not sink.is_printer]
        outbox_rows.queue(connection, run_ids[:1], told, pairing.bound_at)


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
