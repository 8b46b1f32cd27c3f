"""The interlock's one question, asked while a camera waits in its slot: a log answers it in well under a millisecond.

The statement is written with SQLAlchemy like every other, but compiled once and run on a connection of its own:
building, checking out and unpacking would take ten times as long as the database does.
"""

from __future__ import annotations

from contextlib import closing, suppress
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, bindparam, exists, false, func, literal_column, or_, select, text
from sqlalchemy.pool import PoolProxiedConnection

from station.ledger.columns import storable
from station.ledger.selection import touched
from station.ledger.sqlite import recorded_at
from station.ledger.tables import LATEST_FIRST, PRODUCT_SERIALS, RELEASES, RUNS, UNITS
from station.model.done import COUNTED_PURPOSES
from station.model.events import TouchingRun, UnitHistory
from station.model.runs import Outcome
from station.model.serials import canonical_serial

OPEN = "OPEN"
"""The touched outcome of a run that is not finished."""


class HistoryQuestion:
    """Asks for units' histories on a connection of its own, one question at a time. Errors: the database's own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._connection: PoolProxiedConnection | None = None
        self._prepared: dict[bool, Prepared] = {}

    def ask(self, serial: str, batch: str | None) -> UnitHistory:
        """The history of the unit of a serial, as the bootloader spells it; `batch` None is a batch of its own."""
        values = {"serial": storable(canonical_serial(serial)), "batch": None if batch is None else storable(batch)}
        with self._lock:
            row = self._fetch(self.statement(in_batch=batch is not None), values)
        product_serial, outcome, bundle_sha256, recipe, verified, boot_confirmed, run_id, *rest = row
        if run_id is None:
            return UnitHistory(product_serial=product_serial)
        station_id, ordered_at, outlived, failed_runs = rest
        return UnitHistory(
            outcome or OPEN,
            bundle_sha256,
            recipe,
            bool(verified),
            bool(boot_confirmed),
            int(failed_runs),
            touched_is_newest=not outlived,
            product_serial=product_serial,
            touched_by=TouchingRun(run_id, station_id, _moment(ordered_at)),
        )

    def statement(self, *, in_batch: bool) -> Prepared:
        """What is asked. Compiled at the first question: reports, which ask none, need not wait for it."""
        if in_batch not in self._prepared:
            sqlite = self._engine.dialect.name == "sqlite"
            self._prepared[in_batch] = Prepared(self._engine, _of_batch(sqlite) if in_batch else _of_no_batch(sqlite))
        return self._prepared[in_batch]

    def close(self) -> None:
        """Close the connection; a later question opens another."""
        with self._lock:
            self._drop()

    def _fetch(self, prepared: Prepared, values: dict[str, str | None]) -> Any:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
            if self._engine.dialect.name != "sqlite":
                driver: Any = self._connection.driver_connection
                driver.autocommit = True
        try:
            # One statement outside any transaction: it sees one moment, and holds nothing when it is fetched.
            with closing(self._connection.cursor()) as cursor:
                cursor.execute(prepared.statement, prepared.parameters(values))
                rows = cursor.fetchall()
        except BaseException:
            self._drop()
            raise
        return rows[0]

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.invalidate()
            self._connection = None


class Prepared:
    """A statement as the driver takes it, with its parameters in order."""

    def __init__(self, engine: Engine, query: Select[Any]) -> None:
        compiled = query.compile(dialect=engine.dialect)
        self.statement = compiled.string
        self._names: list[str] | None = getattr(compiled, "positiontup", None)
        self._fixed = compiled.params

    def parameters(self, values: dict[str, str | None]) -> Any:
        """The values as this driver wants them: by position or by name."""
        named = {**self._fixed, **values}
        return named if self._names is None else [named[name] for name in self._names]


def _moment(stored: datetime | str) -> datetime:
    """SQLite's driver has texts, in UTC."""
    return stored if isinstance(stored, datetime) else datetime.fromisoformat(stored).replace(tzinfo=UTC)


def _of_unit() -> ColumnElement[bool]:
    """Runs of the unit of the parameter `serial`."""
    unit = select(UNITS.c.unit_id).where(UNITS.c.serial == bindparam("serial"), UNITS.c.identified)
    return RUNS.c.unit_id == unit.scalar_subquery()


def _of_batch(sqlite: bool) -> Select[Any]:
    in_batch = or_(RELEASES.c.batch == bindparam("batch"), RELEASES.c.batch.is_(None))
    return _question(RUNS.c.batch == bindparam("batch"), in_batch, sqlite)


def _of_no_batch(sqlite: bool) -> Select[Any]:
    return _question(RUNS.c.batch.is_(None), RELEASES.c.batch.is_(None), sqlite)


def _question(batch: ColumnElement[bool], release_batch: ColumnElement[bool], sqlite: bool) -> Select[Any]:
    """The newest run that touched the unit, and how often the unit failed in the batch since it was last good."""
    columns = (
        RUNS.c.outcome, RUNS.c.bundle_sha256, RUNS.c.recipe, RUNS.c.verified, RUNS.c.boot_confirmed,
        RUNS.c.run_id, RUNS.c.station_id, RUNS.c.ordered_at,
    )  # fmt: skip
    # A look of its own at the runs, not at the row that the outer statement has found.
    failed = _failed_since(batch, release_batch).correlate(None).scalar_subquery()
    query = select(*columns, _outlived() if sqlite else false(), failed).where(
        _of_unit(), touched(), _not_a_mere_test()
    )
    return _with_product_serial(query.order_by(*LATEST_FIRST).limit(1))


def _with_product_serial(query: Select[Any]) -> Select[Any]:
    """One row in any case: the unit's product serial, and behind it the row of the query where it has one."""
    mine = select(PRODUCT_SERIALS.c.product_serial).where(PRODUCT_SERIALS.c.serial == bindparam("serial"))
    one, found = select(literal_column("1").label("one")).subquery("always"), query.subquery("found")
    columns = (column.label(f"found_{place}") for place, column in enumerate(found.c))
    return select(mine.scalar_subquery(), *columns).select_from(one.outerjoin(found, text("1 = 1")))


def _not_a_mere_test(runs: Any = RUNS.c) -> ColumnElement[bool]:
    """A test of the application alone has no bundle and writes nothing: only one that failed says anything new."""
    return or_(runs.bundle_sha256 != "", runs.outcome == str(Outcome.FAIL))


def _outlived() -> ColumnElement[bool]:
    """Whether the run that seems the newest is not: its station's clock was set back, and another recorded later.

    Only a station's own log knows in which order it recorded.
    """
    later = RUNS.alias("later")
    return exists().where(
        later.c.unit_id == RUNS.c.unit_id,
        later.c.station_id == RUNS.c.station_id,
        touched(later.c),
        _not_a_mere_test(later.c),
        recorded_at(later) > recorded_at(RUNS),
    )


def _failed_since(batch: ColumnElement[bool], release_batch: ColumnElement[bool]) -> Select[Any]:
    """Counted FAIL runs of the unit in a batch, after its last PASS and after its last release there."""
    passed = select(func.max(RUNS.c.ordered_at)).where(_of_unit(), RUNS.c.outcome == str(Outcome.PASS))
    released = select(func.max(RELEASES.c.released_at)).where(RELEASES.c.serial == bindparam("serial"), release_batch)
    after_pass = passed.correlate(None).scalar_subquery()
    after_release = released.correlate(None).scalar_subquery()
    return select(func.count()).where(
        _of_unit(),
        batch,
        RUNS.c.outcome == str(Outcome.FAIL),
        # Spelt out: a list of values would be put in when the statement is run, and this one is compiled once.
        or_(*(RUNS.c.purpose == str(purpose) for purpose in COUNTED_PURPOSES)),
        or_(after_pass.is_(None), RUNS.c.ordered_at > after_pass),
        or_(after_release.is_(None), RUNS.c.ordered_at > after_release),
    )
