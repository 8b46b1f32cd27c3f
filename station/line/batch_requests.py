"""What people ask of the batch at the bench. Called in the dispatcher's thread."""

from __future__ import annotations

from collections.abc import Callable, Collection

from station.errors import StationError
from station.line.log_questions import LogQuestions
from station.line.open_batch import Batching
from station.line.start_gate import StartGate
from station.line.stop_reasons import Stopping


class BatchRequests:
    """Begins, ends and continues batches. Each names the batch that it means: another screen may have ended it."""

    def __init__(
        self,
        batching: Batching,
        gate: StartGate,
        stopping: Stopping,
        questions: LogQuestions,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when the next runs are of another batch, or its count of units is another."""
        self._batching = batching
        self._gate = gate
        self._stopping = stopping
        self._questions = questions
        self._changed = changed

    def begin(self, name: str, operator: str | None, planned: int | None) -> None:
        """Runs that start from now on are of this batch and operator; one that was ended is paused no longer."""
        try:
            if self._batching.begin(name, operator, planned):
                self._gate.pause(paused=False)
        except StationError as error:
            self._stopping.stop_because(error)
        self._changed()

    def end(self, name: str) -> None:
        """Runs that start from now on are of no batch. The line is paused: the next camera may be of the next batch."""
        if self._batching.is_at_the_bench(name):
            self._batching.end()
            self._gate.pause(paused=True)
            self._changed()

    def go_on(self, name: str) -> None:
        """The batch goes on although every planned unit has its result."""
        if self._batching.is_at_the_bench(name):
            self._batching.go_on()

    def count(self, name: str) -> None:
        """Results of the batch came into the log that are no runs of this line: ask the log; `counted` takes it."""
        self._questions.count_units(self._batching.station_id, name)

    def counted(self, name: str, units: Collection[str]) -> None:
        """These units of the batch have a result in the log."""
        if self._batching.is_at_the_bench(name):
            self._batching.also_done(units)
            self._changed()
