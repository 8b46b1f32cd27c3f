"""The names that the log has seen: an unknown one is refused, because a report of nothing reads like "all clear"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Select, Table, select, union

from station.errors import UsageError
from station.ledger.product_serial_rows import unit_of_product
from station.ledger.selection import begins_with
from station.ledger.tables import BATCHES, HOUR_RUNS, PRODUCT_SERIALS, RUNS, UNIT_VALUES, UNITS
from station.model.serials import canonical_serial, reversed_serial
from station.terminal_text import printable

_MOST_NAMED = 3
_MOST_ENDING = 10
LEAST_OF_A_SERIAL = 4
"""Fewer characters of a serial's end name no unit: with a few hundred units they would by chance."""
_ALIKE = 0.6
_BEGINNING = 6
"""Serials that begin with so many of the same digits are looked at for the nearest, and as many of the newest."""
_MOST_SERIALS = 2000


def refuse_unknown(connection: Connection, kind: str, name: str) -> None:
    """UsageError usage.unknown_<kind> for a batch, station, slot, operator, bundle or unit that no run has."""
    if kind == "unit":
        if not _is_unit(connection, name):
            raise unknown("unit", name, _serials_like(connection, canonical_serial(name)))
        return
    known = seen(connection, kind)
    if name not in known:
        raise unknown(kind, name, known)


def seen(connection: Connection, kind: str) -> set[str]:
    """Every batch, station, slot, operator or bundle that the log has seen."""
    return set(connection.scalars(_seen(kind)))


def unknown(kind: str, name: str, seen: Iterable[str]) -> UsageError:
    """The refusal, with the nearest of the names that were seen."""
    what = f"no run of a unit with the serial {printable(name)}" if kind == "unit" else f"no {kind} {printable(name)}"
    near = nearest(name, seen)
    named, some = (near, "the nearest") if near or kind == "unit" else (sorted(seen)[:_MOST_NAMED], "it has")
    text = f"; {some}: {', '.join(printable(one) for one in named)}" if named else ""
    return UsageError(f"usage.unknown_{kind}", f"the log has {what}{text}")


def nearest(name: str, seen: Iterable[str]) -> list[str]:
    """The names most alike, in any case, the nearest first."""
    folded: dict[str, str] = {}
    for one in sorted(seen):
        folded.setdefault(one.casefold(), one)
    return [folded[one] for one in get_close_matches(name.casefold(), folded, _MOST_NAMED, _ALIKE)]


def units_of_application(connection: Connection, serial: str) -> list[str]:
    """The bootloaders' serials of the units whose application showed this serial, in any case."""
    shown = canonical_serial(serial)
    if not shown:
        return []
    of_runs = select(RUNS.c.unit_id).where(RUNS.c.application_key == shown)
    query = select(UNITS.c.serial).where(UNITS.c.unit_id.in_(of_runs), UNITS.c.identified)
    return sorted(connection.scalars(query))


def unit_of_application(connection: Connection, serial: str) -> str | None:
    """The bootloader's serial of the one unit whose application showed this serial; None of none and of several."""
    found = units_of_application(connection, serial)
    return found[0] if len(found) == 1 else None


def unit_named(connection: Connection, text: str) -> str:
    """The serial, as the log spells it, of the unit that a text names: its product serial, its serial, its
    application's, or the end of one of them that no other unit's has (a tile shows six characters).

    UsageError usage.several_units for an end that several have, usage.unknown_unit for a text that names none.
    """
    if (product := unit_of_product(connection, text.strip())) is not None:
        return product
    if not _is_unit(connection, text):
        ended_so = _units_ending(connection, canonical_serial(text))
        ended_so = sorted({*ended_so, *_units_of_products_ending(connection, text.strip())})
        if len(ended_so) == 1:
            return ended_so[0]
        if ended_so:
            raise _several(text, ended_so)
    refuse_unknown(connection, "unit", text)
    return text


def _units_ending(connection: Connection, end: str) -> list[str]:
    """The serials of the units whose serial, or else whose application's, ends so; a few more than are named."""
    if len(end) < LEAST_OF_A_SERIAL:
        return []
    named = select(UNITS.c.serial).where(UNITS.c.serial.endswith(end, autoescape=True)).distinct()
    if found := list(connection.scalars(named.order_by(UNITS.c.serial).limit(_MOST_SERIALS))):
        return found
    of_runs = select(RUNS.c.unit_id).where(RUNS.c.application_key.endswith(end, autoescape=True))
    shown = select(UNITS.c.serial).where(UNITS.c.unit_id.in_(of_runs), UNITS.c.identified).distinct()
    return list(connection.scalars(shown.order_by(UNITS.c.serial).limit(_MOST_SERIALS)))


def _products_ending(connection: Connection, end: str) -> list[str]:
    if len(end) < LEAST_OF_A_SERIAL:
        return []
    bound = PRODUCT_SERIALS.c.product_serial
    named = select(bound).where(bound.endswith(end, autoescape=True)).order_by(bound).limit(_MOST_SERIALS)
    # SQLite's LIKE takes letters of either case for the same.
    return [found for found in connection.scalars(named) if found.endswith(end)]


def _units_of_products_ending(connection: Connection, end: str) -> list[str]:
    """The units whose product serial ends so."""
    found = (unit_of_product(connection, product) for product in _products_ending(connection, end)[: _MOST_ENDING + 1])
    return [serial for serial in found if serial is not None]


def product_named(connection: Connection, text: str) -> str:
    """The product serial that a text names, or is the end of where no other ends so.

    UsageError usage.several_products, usage.unknown_product.
    """
    text = text.strip()
    if unit_of_product(connection, text) is not None or _is_product_of_a_run(connection, text):
        return text
    ended_so = _products_ending(connection, text)
    if len(ended_so) == 1:
        return ended_so[0]
    if ended_so:
        named = ", ".join(printable(one) for one in ended_so[:_MOST_ENDING])
        more = f" and {len(ended_so) - _MOST_ENDING} more" if len(ended_so) > _MOST_ENDING else ""
        what = f"{len(ended_so)} product serials end in {printable(text)}: {named}{more}"
        raise UsageError("usage.several_products", what)
    newest = select(PRODUCT_SERIALS.c.product_serial).order_by(PRODUCT_SERIALS.c.bound_at.desc()).limit(_MOST_SERIALS)
    raise _unknown_one("product", "product serial", text, connection.scalars(newest))


def _is_product_of_a_run(connection: Connection, text: str) -> bool:
    """Whether a run has it: one from elsewhere has no binding here."""
    return connection.scalar(select(RUNS.c.run_id).where(RUNS.c.product_serial == text).limit(1)) is not None


def refuse_unknown_value(connection: Connection, key: str, value: str) -> None:
    """UsageError usage.unknown_unit_key, usage.unknown_unit_value for what no unit was ever given."""
    given = select(UNIT_VALUES.c.value_id).where(UNIT_VALUES.c.key == key)
    if connection.scalar(given.limit(1)) is None:
        raise _unknown_one("unit_key", "key of units", key, connection.scalars(select(UNIT_VALUES.c.key).distinct()))
    if connection.scalar(given.where(UNIT_VALUES.c.value == value).limit(1)) is None:
        newest = select(UNIT_VALUES.c.value).where(UNIT_VALUES.c.key == key).order_by(UNIT_VALUES.c.value_id.desc())
        raise _unknown_one("unit_value", f"unit with {key} =", value, connection.scalars(newest.limit(_MOST_SERIALS)))


def _unknown_one(kind: str, what: str, name: str, seen: Iterable[str]) -> UsageError:
    known = set(seen)
    near = nearest(name, known)
    named, some = (near, "the nearest") if near else (sorted(known)[:_MOST_NAMED], "it has")
    text = f"; {some}: {', '.join(printable(one) for one in named)}" if named else ""
    return UsageError(f"usage.unknown_{kind}", f"the log has no {what} {printable(name)}{text}")


def _several(end: str, serials: Sequence[str]) -> UsageError:
    named = ", ".join(printable(serial) for serial in serials[:_MOST_ENDING])
    more = f" and {len(serials) - _MOST_ENDING} more" if len(serials) > _MOST_ENDING else ""
    return UsageError("usage.several_units", f"{len(serials)} units' serials end in {printable(end)}: {named}{more}")


def _seen(kind: str) -> Select[Any] | Any:
    """Every name of a kind: of runs that ended, which are summed up by the hour, of open ones, and of batches begun."""
    queries = [_of(HOUR_RUNS, kind), _of(RUNS, kind).where(RUNS.c.outcome.is_(None))]
    if kind == "batch":
        queries.append(select(BATCHES.c.name))
    return union(*queries)


def _of(table: Table, kind: str) -> Select[Any]:
    column = table.c["station_id" if kind == "station" else kind]
    return select(column).where(column.is_not(None)).distinct()


def _is_unit(connection: Connection, name: str) -> bool:
    spellings = [spelling for spelling in (canonical_serial(name), reversed_serial(name)) if spelling]
    found = connection.scalar(select(UNITS.c.unit_id).where(UNITS.c.serial.in_(spellings)).limit(1))
    return found is not None or unit_of_application(connection, name) is not None


def _serials_like(connection: Connection, asked: str) -> set[str]:
    """What the nearest is looked for among: not a million serials."""
    start = asked[:_BEGINNING]
    begins = select(UNITS.c.serial).where(begins_with(connection, UNITS.c.serial, start)).limit(_MOST_SERIALS)
    newest = select(UNITS.c.serial).order_by(UNITS.c.unit_id.desc()).limit(_MOST_SERIALS)
    shown = units_of_application(connection, asked)
    return {*connection.scalars(begins), *connection.scalars(newest), *shown} - {""}
