"""Questions to the log, from any process or thread, while the station writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from station.clock import now
from station.errors import UsageError
from station.ledger import (
    label_rows,
    names,
    outbox_rows,
    product_serial_rows,
    schema_version,
    unit_lists,
    unit_value_rows,
    yield_queries,
)
from station.ledger.database import open_reader, reading
from station.ledger.history import HistoryQuestion
from station.ledger.row_records import batch_record, release_record
from station.ledger.run_loading import load_runs
from station.ledger.selection import conditions_of, has_result
from station.ledger.tables import BATCHES, OLDEST_FIRST, RELEASES, RUNS, STATIONS, UNIT_VALUES, UNITS
from station.model.batches import Batch
from station.model.events import UnitHistory
from station.model.near_names import near_names
from station.model.runs import Purpose, RunRecord
from station.model.serials import canonical_serial, reversed_serial
from station.model.sinks import Backlog, LostLabel
from station.model.units import FailedUnit, FinishedRun, RunFilter, RunLine, UnitStory, unit_key
from station.yields.balance import BatchSummary, summary_of
from station.yields.counting import Rates, YieldReport, rates_of, report_of

_EVERYTHING = RunFilter()
NEWEST_RUNS = 50


class Reader:
    """Reads a station's log, or the database of all stations. Every answer is of one moment: the last commit when its
    question began.

    May be shared by threads. Errors: LedgerError, at the start also for a log that is not there or not current.
    """

    def __init__(self, data_dir: Path) -> None:
        schema_version.require_current(data_dir)
        self._ask(open_reader(data_dir), partial(reading, data_dir))

    @classmethod
    def of_central(cls, url: str, limit_s: float | None = None) -> Reader:
        """Reads the database of all stations. `limit_s`: an answer comes within so many seconds, or not at all.

        Errors: UsageError central.url; LedgerError central.*.
        """
        from station.ledger import central

        reader = cls.__new__(cls)
        engine = central.central_engine(url)
        errors = (
            partial(central.central_errors, url) if limit_s is None else central.limited_errors(url, engine, limit_s)
        )
        reader._ask(engine.execution_options(isolation_level="REPEATABLE READ"), errors)
        try:
            with reader._errors(), reader._engine.connect() as connection:
                central.require_current(connection, url)
        except BaseException:
            reader.close()
            raise
        return reader

    def _ask(self, engine: Engine, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._engine = engine
        self._errors = errors
        self._history = HistoryQuestion(engine)

    def close(self) -> None:
        """Close the connections."""
        self._history.close()
        self._engine.dispose()

    def runs(self, selection: RunFilter = _EVERYTHING) -> Iterator[RunRecord]:
        """The runs of a selection with their attempts and images, open ones too, in the order they started.

        Read in chunks, all of one moment: a million runs need no more memory than a few hundred.
        """
        query = select(RUNS).where(*conditions_of(selection)).order_by(*OLDEST_FIRST)
        with self._errors(), self._engine.connect() as connection:
            yield from load_runs(connection, query)

    def newest(self, selection: RunFilter, limit: int) -> list[RunLine]:
        """The newest runs of a selection, newest first, at most `limit`."""
        with self._errors(), self._engine.connect() as connection:
            return unit_lists.newest_runs(connection, selection, limit)

    def finished(self, station_id: str, since: datetime, limit: int) -> list[FinishedRun]:
        """How the newest runs of a station ended that started since, newest first, at most `limit`."""
        with self._errors(), self._engine.connect() as connection:
            return unit_lists.finished_runs(connection, station_id, since, limit)

    def found(self, text: str, limit: int) -> list[RunLine]:
        """The runs of the units that a serial or a part of one names, newest first, at most `limit` of at most so many.

        A whole serial may be in either byte order. It, and a beginning of eight digits or more, is found by an index.
        """
        with self._errors(), self._engine.connect() as connection:
            return unit_lists.runs_of_units(connection, text, limit)

    def unit(self, serial: str) -> UnitStory:
        """One camera's whole history, oldest run first, also runs in which its serial named no single unit.

        The serial may be in either case, and the bootloader's, that with its bytes reversed, the product's or the
        application's, in this order; the last where exactly one unit showed it. A serial that the log does not know
        gives a story without runs.
        """
        with self._errors(), self._engine.connect() as connection:
            known = _known_spelling(connection, serial)
            runs = select(RUNS).join(UNITS).where(UNITS.c.serial == known).order_by(*OLDEST_FIRST)
            released = select(RELEASES).where(RELEASES.c.serial == known).order_by(RELEASES.c.released_at)
            releases = tuple(release_record(row) for row in connection.execute(released))
            product = product_serial_rows.product_serial_of(connection, known)
            given = tuple(unit_value_rows.history_of(connection, known))
            return UnitStory(known, tuple(load_runs(connection, runs)), releases, product, given)

    def unit_of_application(self, serial: str) -> str | None:
        """The bootloader's serial of the one unit whose application showed this serial, in any case; else None."""
        with self._errors(), self._engine.connect() as connection:
            return names.unit_of_application(connection, serial)

    def refuse_unknown(self, **asked: str | None) -> None:
        """UsageError usage.unknown_batch (station, slot, operator, bundle, unit) for a name that the log has never
        seen, with the nearest that it has. Names are given by their kind; None is not asked."""
        with self._errors(), self._engine.connect() as connection:
            for kind, name in asked.items():
                if name is not None:
                    names.refuse_unknown(connection, kind, name)

    def known_unit(self, text: str) -> str | None:
        """The serial of the unit that a text names; None of none. UsageError usage.several_units."""
        try:
            return self.unit(self.unit_named(text)).serial
        except UsageError as error:
            if error.code != "usage.unknown_unit":
                raise
        return None

    def near_batches(self, name: str) -> list[str]:
        """The batches that differ from a new one only in how it was typed or scanned; none where it is known itself."""
        with self._errors(), self._engine.connect() as connection:
            return near_names(name, names.seen(connection, "batch"))

    def unit_named(self, text: str) -> str:
        """The serial of the unit that a text names: a serial, an application's, or the end of one that only one has.

        UsageError usage.several_units, usage.unknown_unit.
        """
        with self._errors(), self._engine.connect() as connection:
            return names.unit_named(connection, text)

    def product_named(self, text: str) -> str:
        """The product serial that a text names: one, or the end of one that only one has.

        UsageError usage.several_products, usage.unknown_product.
        """
        with self._errors(), self._engine.connect() as connection:
            return names.product_named(connection, text)

    def refuse_unknown_values(self, where: Iterable[tuple[str, str]]) -> None:
        """UsageError usage.unknown_unit_key, usage.unknown_unit_value for what no unit was ever given."""
        with self._errors(), self._engine.connect() as connection:
            for key, value in where:
                names.refuse_unknown_value(connection, key, value)

    def value_keys(self) -> list[str]:
        """The keys by which units were given values."""
        with self._errors(), self._engine.connect() as connection:
            return sorted(connection.scalars(select(UNIT_VALUES.c.key).distinct()))

    def history(self, serial: str, batch: str | None) -> UnitHistory:
        """What the interlock must know before it touches the unit of a serial, as the bootloader spells it. Fast."""
        with self._errors():
            return self._history.ask(serial, batch)

    def failed(
        self,
        batch: str | None = None,
        *,
        station_id: str | None = None,
        since: datetime | None = None,
        purposes: tuple[Purpose, ...] = (),
        max_runs: int = 0,
        product_serial: str | None = None,
        where: tuple[tuple[str, str], ...] = (),
    ) -> list[FailedUnit]:
        """The units that are not done (`station.model.done`), whatever the outcome, the longest waiting first; of all
        batches where none is named.

        With `since`, only units with runs that started then or later; with `max_runs`, those that failed so often in
        the batch of the run that tells why are marked as set aside.
        """
        selection = RunFilter(
            batch=batch,
            station_id=station_id,
            since=since,
            purposes=purposes,
            product_serial=product_serial,
            where=where,
        )
        with self._errors(), self._engine.connect() as connection:
            units = yield_queries.failed(connection, selection)
        return [replace(unit, set_aside=self._is_set_aside(unit, max_runs)) for unit in units] if max_runs else units

    def _is_set_aside(self, unit: FailedUnit, max_runs: int) -> bool:
        """As the interlock sees it; a serial that names no unit has no history."""
        return unit.identified and self.history(unit.serial, unit.batch).failed_runs >= max_runs

    def summary(
        self, batch: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> YieldReport:
        """The yield report of the runs of a batch that started from `since` until before `until`."""
        return self.report(RunFilter(batch=batch, since=since, until=until))

    def report(self, selection: RunFilter = _EVERYTHING) -> YieldReport:
        """The yield report of a selection of runs (`serial` is not asked: for one camera there is `unit`)."""
        with self._errors(), self._engine.connect() as connection:
            counts = yield_queries.count(connection, replace(selection, serial=None))
            return report_of(counts, selection, _planned(connection, selection.whole_batch))

    def open_batch(self, station_id: str) -> Batch | None:
        """The batch that was begun last at a station's bench and is not ended; None where there is none."""
        query = select(BATCHES).where(BATCHES.c.station_id == station_id, BATCHES.c.ended_at.is_(None))
        with self._errors(), self._engine.connect() as connection:
            row = connection.execute(query.order_by(BATCHES.c.begun_at.desc()).limit(1)).one_or_none()
            return batch_record(row) if row else None

    def newest_stations(self) -> list[str]:
        """The stations of the newest runs, the newest first."""
        newest = select(RUNS.c.station_id).order_by(RUNS.c.started_at.desc()).limit(NEWEST_RUNS)
        with self._errors(), self._engine.connect() as connection:
            return list(dict.fromkeys(connection.scalars(newest)))

    def stations(self) -> list[str]:
        """Who has rows in the database of all stations."""
        with self._errors(), self._engine.connect() as connection:
            return list(connection.scalars(select(STATIONS.c.station_id).order_by(STATIONS.c.station_id)))

    def first_run_after(self, moment: datetime | None) -> datetime | None:
        """When the first run began that began after a moment (None: the first of all); None where none did."""
        first = select(RUNS.c.started_at).order_by(RUNS.c.started_at).limit(1)
        asked = first if moment is None else first.where(RUNS.c.started_at > moment)
        with self._errors(), self._engine.connect() as connection:
            return connection.scalar(asked)

    def open_elsewhere(self, station_id: str) -> Batch | None:
        """The batch that was begun last in this log under another station's id, is not ended, and was not begun under
        this one too; None where there is none. Only batches begun here are in the log, never those of imported runs."""
        begun_here = select(BATCHES.c.name).where(BATCHES.c.station_id == station_id)
        query = select(BATCHES).where(
            BATCHES.c.station_id != station_id, BATCHES.c.ended_at.is_(None), BATCHES.c.name.not_in(begun_here)
        )
        with self._errors(), self._engine.connect() as connection:
            row = connection.execute(query.order_by(BATCHES.c.begun_at.desc()).limit(1)).one_or_none()
            return batch_record(row) if row else None

    def batch_summary(self, batch: str) -> BatchSummary:
        """The balance of a batch: where its units are."""
        return summary_of(batch, self.summary(batch))

    def counted_units(self, station_id: str, batch: str) -> set[str]:
        """The units with a result in a batch at a station, by `unit_key`: a counted run, or they passed earlier."""
        chosen = (RUNS.c.batch == batch, RUNS.c.station_id == station_id, has_result())
        query = select(RUNS.c.serial, RUNS.c.identified, RUNS.c.run_id).where(*chosen)
        with self._errors(), self._engine.connect() as connection:
            return {unit_key(serial, identified, run_id) for serial, identified, run_id in connection.execute(query)}

    def rates(self, selection: RunFilter = _EVERYTHING) -> Rates:
        """How fast the runs of a selection were (`serial` is not asked)."""
        with self._errors(), self._engine.connect() as connection:
            return rates_of(yield_queries.count_rates(connection, replace(selection, serial=None)))

    def backlogs(self) -> list[Backlog]:
        """What the factory's systems have not taken yet, by system."""
        with self._errors(), self._engine.connect() as connection:
            return outbox_rows.backlogs(connection)

    def lost_labels(self, since: datetime | None = None, limit: int = 1000) -> list[LostLabel]:
        """Labels that were not printed, or maybe, the newest first."""
        with self._errors(), self._engine.connect() as connection:
            return list(label_rows.lost(connection, since, now(), limit))

    def unbound_labels(self) -> dict[str, int]:
        """How many labels of each printer wait until something of their cameras is known."""
        with self._errors(), self._engine.connect() as connection:
            return label_rows.unbound(connection)

    def run_count(self) -> int:
        """How many runs are in the log, open ones too."""
        with self._errors(), self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(RUNS)).scalar_one()

    def open_runs(self, station_id: str | None = None) -> int:
        """How many runs are open, of one station or of all."""
        query = select(func.count()).select_from(RUNS).where(RUNS.c.outcome.is_(None))
        if station_id is not None:
            query = query.where(RUNS.c.station_id == station_id)
        with self._errors(), self._engine.connect() as connection:
            return connection.execute(query).scalar_one()


def _known_spelling(connection: Connection, serial: str) -> str:
    """The serial's spelling in the log; the canonical form of what was asked where the log knows neither."""
    asked = canonical_serial(serial)
    for spelling in (asked, reversed_serial(serial)):
        if spelling and connection.scalar(select(UNITS.c.unit_id).where(UNITS.c.serial == spelling).limit(1)):
            return spelling
    product = product_serial_rows.unit_of_product(connection, serial.strip())
    return product or names.unit_of_application(connection, serial) or asked


def _planned(connection: Connection, batch: str | None) -> int | None:
    """How many units are planned for a batch, at all stations; None where nobody said, and for no batch."""
    planned: int | None = connection.scalar(select(func.sum(BATCHES.c.planned)).where(BATCHES.c.name == batch))
    return planned
