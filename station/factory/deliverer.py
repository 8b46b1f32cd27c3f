"""Delivers what waits in the outbox: a thread for each sink, so that none waits for another.

1. What waits, and when it is tried again, stands in the log alone: a deliverer that is killed loses nothing, and the
   next one goes on. A record may arrive twice, where it is killed before it noted the arrival; never not at all.
2. Of one unit's runs only the oldest is tried, so they arrive in their order. Those of other units go on past it.
3. A record that is refused is tried again after a pause of its own, which doubles up to a limit. Where the system does
   not answer at all, or refuses so many in a row, the sink as a whole rests as well: else a dead one would be asked
   about every record that waits.
4. Results are noted together, at most `NOTE_S` after they came in. What cannot be noted now is not sent again: it is
   noted later.
5. A label (`zpl`) is the exception to rule 1: a second one would end up on somebody's camera. It is noted in the log
   before it is sent, and arrives once at most (`station.ledger.label_rows`).
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from station.clock import monotonic_s, now
from station.errors import StationError
from station.factory.delivery_error import DeliveryError
from station.factory.record_sinks import RecordSink, record_sink
from station.model.sinks import DueRun, Sink, Tried
from station.problem import mistake_of_ours

POLL_S = 0.25
"""How often a sink that has nothing to do looks for new runs."""
NOTE_S = 0.5
AT_ONCE = 25
"""So many records are read together."""
REFUSED_IN_A_ROW = 5

_log = logging.getLogger(__name__)


class Rows(Protocol):
    """What waits, in the log. May be used by several threads. Errors: StationError."""

    def due(self, sink: Sink, limit: int) -> Sequence[DueRun]:
        """The oldest runs that are to be delivered now, of each unit one."""
        ...

    def note(self, tried: Sequence[Tried]) -> None:
        """How tries ended: what was delivered waits no more."""
        ...

    def claim(self, sink: Sink, run_id: str) -> bool:
        """A label is being sent to its printer: it is never sent again. False where it is wanted no more."""
        ...


def pause_s(sink: Sink, failures: int) -> float:
    """How long to wait after so many failures: doubled each time up to the limit, a quarter of it left to chance."""
    longest = min(sink.retry_limit_s, sink.retry_s * 2.0 ** min(failures - 1, 40))
    return longest * random.uniform(0.75, 1.0)


class SinkDelivery:
    """One sink's turns, in one thread."""

    def __init__(self, sink: Sink, rows: Rows, way: RecordSink) -> None:
        self._sink = sink
        self._rows = rows
        self._way = way
        self._tried: list[Tried] = []
        """Results that are not noted yet."""
        self._oldest_s = 0.0
        self._failures = 0
        """Tries in a row for which the whole sink rests."""
        self._refused = 0
        self._rests_until_s = 0.0

    def turn(self, stopping: threading.Event) -> bool:
        """Deliver what is due; whether there was anything. Never raises."""
        try:
            self._note()
            if self._tried or monotonic_s() < self._rests_until_s:
                return False
            due = self._rows.due(self._sink, AT_ONCE)
            for one in due:
                self._deliver(one)
                if stopping.is_set() or monotonic_s() < self._rests_until_s:
                    break
                if monotonic_s() - self._oldest_s > NOTE_S:
                    self._note()
            self._note()
            return bool(due)
        except StationError as error:
            # The log is locked or gone for a moment: whoever works with it says so.
            _log.warning("the outbox of %s waits: %s", self._sink.name, error)
        return False

    @property
    def is_unwell(self) -> bool:
        """Whether the whole sink rests."""
        return self._rests_until_s > monotonic_s()

    def close(self) -> None:
        """Note what is not noted, and hang up."""
        with suppress(StationError):
            self._note()
        with suppress(Exception):  # it may be in the middle of anything
            self._way.close()

    def _note(self) -> None:
        if self._tried:
            self._rows.note(self._tried)
            self._tried = []

    def _deliver(self, due: DueRun) -> None:
        failure = None
        try:
            self._way.deliver(due.record)
        except DeliveryError as error:
            failure = error.failure
        except Exception as error:  # one record's surprise must not cost the others theirs
            _log.exception("a record for %s could not be delivered", self._sink.name)
            failure = DeliveryError("outbox.internal", mistake_of_ours(error).message).failure
        if not self._tried:
            self._oldest_s = monotonic_s()
        again_at = None
        if failure is not None and not failure.is_unbound:
            again_at = now() + timedelta(seconds=pause_s(self._sink, due.tries + 1))
        self._tried.append(Tried(self._sink.name, due.run_id, now(), failure, again_at, due.queued_at))
        if failure is not None and failure.is_unbound:
            return  # it says nothing of the printer
        self._rest(failed=failure is not None, refused=failure is not None and failure.refused)

    def _rest(self, *, failed: bool, refused: bool) -> None:
        """Whether the whole sink is left in peace for a while."""
        self._refused = self._refused + 1 if refused else 0
        if not failed:
            self._failures = 0
        elif not refused or self._refused > REFUSED_IN_A_ROW:
            self._failures += 1
            self._rests_until_s = monotonic_s() + pause_s(self._sink, self._failures)


class Deliverer:
    """A thread for each sink, until `stop`."""

    def __init__(self, sinks: Sequence[Sink], rows: Rows) -> None:
        self._rows = rows
        self._draining = threading.Event()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(sink,), name=f"outbox {sink.name}", daemon=True) for sink in sinks
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def drain(self, limit_s: float) -> bool:
        """Deliver what is due, and end; True where every sink's thread did so within `limit_s` seconds."""
        self._draining.set()
        until_s = monotonic_s() + limit_s
        for thread in self._threads:
            thread.join(max(0.0, until_s - monotonic_s()))
        self._stopping.set()
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self, sink: Sink) -> None:
        delivery = SinkDelivery(sink, self._rows, record_sink(sink, self._rows.claim))
        while not self._stopping.is_set():
            draining = self._draining.is_set()
            if delivery.turn(self._stopping):
                continue
            if draining:
                break
            self._draining.wait(POLL_S)
        delivery.close()
