"""Which batch the next runs belong to, and whether every planned unit of it has its result."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from station.clock import now
from station.line.setup import LineSetup, OpenLog
from station.model.batches import Batch
from station.model.done import has_result
from station.model.events import BatchNoted
from station.model.ids import new_id
from station.model.runs import RunRecord
from station.model.units import unit_key


class Batching:
    """The batch at the bench. What changes it is written to the log; errors are the log's, where it cannot be asked."""

    def __init__(self, setup: LineSetup, log: OpenLog) -> None:
        """A batch that the log has open goes on."""
        self._log = log
        self.station_id = setup.station_id
        self.operator = setup.operator
        self.batch = None if setup.batch is None else self._new(setup.batch, None)
        if log.begun is not None:
            self.batch, self.operator = log.begun, log.begun.operator
        self._done = self._counted_units()

    def _new(self, name: str, planned: int | None) -> Batch:
        return Batch(new_id(), self.station_id, name, planned, self.operator, now())

    def _counted_units(self) -> set[str]:
        """What a quantity is counted from: asked of the log once, kept up from then on."""
        if self.batch is None or self.batch.planned is None:
            return set()
        return set(self._log.counted_units(self.station_id, self.batch.name))

    @property
    def asks(self) -> bool:
        """Whether every planned unit has its result and nobody has said how to go on: no camera starts until then."""
        batch = self.batch
        if batch is None or batch.planned is None or batch.continued_at is not None:
            return False
        return len(self._done) >= batch.planned

    def begin(self, name: str, operator: str | None, planned: int | None) -> bool:
        """The next runs are of this batch. False where it is the one at the bench already, changed perhaps."""
        self.operator = operator
        same = self.batch is not None and self.batch.name == name
        if self.batch is not None and same:
            continued_at = self.batch.continued_at if planned == self.batch.planned else None
            self.batch = replace(self.batch, operator=operator, planned=planned, continued_at=continued_at)
        else:
            self.end()
            self.batch = self._new(name, planned)
        self._note()
        self._done = self._counted_units()
        return not same

    def cuts_short(self, name: str | None, planned: int | None) -> bool:
        """Whether the batch would end before every planned unit has its result, were the next runs of another batch
        (None: of none), or of this one with another plan. May be asked from any thread."""
        batch = self.batch
        if batch is None or batch.planned is None or batch.continued_at is not None or len(self._done) >= batch.planned:
            return False
        return name != batch.name or planned is None or planned < batch.planned

    def end(self) -> None:
        """The next runs are of no batch."""
        if self.batch is not None:
            self.batch = replace(self.batch, ended_at=now())
            self._note()
            self.batch = None

    def go_on(self) -> None:
        """The batch may have more units than planned."""
        if self.batch is not None:
            self.batch = replace(self.batch, continued_at=now())
            self._note()

    def _note(self) -> None:
        if self.batch is not None:
            self._log.submit(BatchNoted(self.batch))

    def also_done(self, units: Collection[str]) -> None:
        """These units of the batch have their result in the log, perhaps by somebody else: a camera was scrapped."""
        self._done.update(units)

    def count(self, run: RunRecord) -> None:
        """A run is in the log."""
        if self.batch is not None and run.batch == self.batch.name and has_result(run):
            self._done.add(unit_key(run.serial, run.identified, run.run_id))

    def is_at_the_bench(self, name: str) -> bool:
        """Whether this is the batch that somebody speaks of: on another screen it may have been ended already."""
        return self.batch is not None and self.batch.name == name

    def applied_to(self, setup: LineSetup) -> LineSetup:
        """The setup for the next runs."""
        return replace(setup, batch=self.batch.name if self.batch else None, operator=self.operator)
