"""What units were given by key. Rows are only added: the newest of a unit's key counts, the others say what was before.

1. A run's record has the values that its unit had when the run ended.
2. A key that had no value by then takes the first one that comes later: the label of a lens is scanned after the run.
3. A changed value is in the records of the runs that end from then on; those before keep what was so then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from station.errors import UsageError
from station.ledger import changes, label_rows, outbox_rows
from station.ledger.selection import is_identified_unit
from station.ledger.tables import LATEST_FIRST, RUNS, UNIT_VALUES, UNITS
from station.model.ids import new_id
from station.model.runs import RunRecord
from station.model.serials import canonical_serial
from station.model.sinks import Sink
from station.model.unit_values import UnitBinding, UnitValue
from station.problem import sentence


def history_of(connection: Connection, serial: str) -> list[UnitValue]:
    """All values that a unit was given, the oldest first."""
    query = select(UNIT_VALUES).where(UNIT_VALUES.c.serial == canonical_serial(serial))
    # They are few, and in no index in this order.
    rows = sorted(connection.execute(query), key=lambda row: (row.set_at, row.value_id))
    return [UnitValue(row.serial, row.key, row.value, row.station_id, row.set_at, row.set_by) for row in rows]


def values_of(connection: Connection, serial: str) -> dict[str, str]:
    """The values that a unit has now."""
    return {one.key: one.value for one in history_of(connection, serial)}


def put_values(connection: Connection, binding: UnitBinding, sinks: Sequence[Sink]) -> None:
    """Give a unit values; the ones that it has already stay as they are. UsageError value.known where one has
    another value, and nobody said that it is to be changed."""
    serial = canonical_serial(binding.serial)
    known = values_of(connection, serial)
    new = {key: value for key, value in binding.values.pairs if known.get(key) != value}
    if not binding.changes:
        _refuse_changes(serial, known, new)
    if not new:
        return
    rows = [_row(serial, key, value, binding) for key, value in new.items()]
    connection.execute(insert(UNIT_VALUES), rows)
    changes.note(connection, changes.Kind.VALUE, [row["value_id"] for row in rows])
    _put_into_runs(connection, serial, new, binding, sinks)


def _refuse_changes(serial: str, known: Mapping[str, str], new: Mapping[str, str]) -> None:
    for key in new:
        if key in known:
            text = sentence("{key} of unit {serial} is {value} already", key=key, serial=serial, value=known[key])
            raise UsageError("value.known", text)


def _row(serial: str, key: str, value: str, binding: UnitBinding) -> dict[str, Any]:
    said = {"station_id": binding.station_id, "set_at": binding.at, "set_by": binding.by}
    return {"value_id": new_id(), "serial": serial, "key": key, "value": value, **said}


def _put_into_runs(
    connection: Connection, serial: str, new: Mapping[str, str], binding: UnitBinding, sinks: Sequence[Sink]
) -> None:
    """By rules 1 and 2. The sinks hear of the unit's latest finished run again, where it is another now."""
    unit = select(UNITS.c.unit_id).where(is_identified_unit(serial)).scalar_subquery()
    query = select(RUNS.c.run_id, RUNS.c.outcome, RUNS.c.unit_values).where(RUNS.c.unit_id == unit)
    rows = connection.execute(query.order_by(*LATEST_FIRST)).all()
    changed = []
    for row in rows:
        before = row.unit_values or {}
        after = {**before, **new} if row.outcome is None else {**new, **before}
        if after != before:
            connection.execute(update(RUNS).where(RUNS.c.run_id == row.run_id).values(unit_values=after))
            changed.append(row.run_id)
    finished = [row.run_id for row in rows if row.outcome is not None]
    changed = [run_id for run_id in finished if run_id in changed]
    changes.note(connection, changes.Kind.RUN, changed)
    outbox_rows.queue_again(connection, [run_id for run_id in finished[:1] if run_id in changed], sinks, binding.at)
    label_rows.bound(connection, unit, sinks, binding.at)


def put_of_import(connection: Connection, run: RunRecord) -> None:
    """What a run from elsewhere says of its unit, where the log does not know it: the key and value are found then."""
    if not run.unit_values or not run.identified:
        return
    serial = canonical_serial(run.serial)
    known = {(one.key, one.value) for one in history_of(connection, serial)}
    at = run.finished_at or run.started_at
    said = UnitBinding(serial, run.station_id, at, run.operator or run.station_id)
    rows = [_row(serial, key, value, said) for key, value in run.unit_values.pairs if (key, value) not in known]
    if rows:
        connection.execute(insert(UNIT_VALUES), rows)
        changes.note(connection, changes.Kind.VALUE, [row["value_id"] for row in rows])
