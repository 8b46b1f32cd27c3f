"""The one writer of the log: a thread that takes facts in order, one short transaction each.

A run is answered, always and once, when it is opened and when it is finished: `OpeningCommitted` and `RunCommitted`
after the commit is on the disk, `OpeningNotCommitted` and `RunNotCommitted` with the reason. A finished run that the
log does not take is kept in the journal if at all possible.

A log that another program locks is waited for, minutes if need be: nothing is wrong with it, and the line goes on. What
is handed in meanwhile keeps its order; finished runs among it are put in the journal at once, and taken from there when
the log has them. So is a full disk, but for this: results are written into room that was reserved for them, and an
opening that finds no room is put aside until there is some, so that no result waits behind it (`disk_room`).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from station.errors import LedgerError, UsageError
from station.ledger import damage, disk_room, sqlite, transactions, unit_bindings, wal_link
from station.ledger.database import as_ledger_error, log_file, open_writer, translated
from station.ledger.disk_room import LOG_RESERVE, LOG_RESERVE_BYTES, Reserve
from station.ledger.journal import Journal, journal_files
from station.ledger.journal_replay import replay
from station.ledger.wal_size import WalWatch
from station.model.batches import Batch
from station.model.events import (
    AttemptFinished,
    BatchNotCommitted,
    BatchNoted,
    BindingCommitted,
    BindingRefused,
    BindingSaid,
    DiskFull,
    LedgerFact,
    LedgerReply,
    LogLocked,
    OpeningCommitted,
    OpeningNotCommitted,
    RunCommitted,
    RunFinished,
    RunNotCommitted,
    RunOpened,
)
from station.model.runs import RunRecord
from station.model.sinks import Sink
from station.model.unit_values import UnitBinding
from station.model.write_times import WRITE_BOUNDS_S, Spread
from station.problem import Problem, sentence

WRITE_LIMIT_S = 180.0
"""How long a transaction waits for another program's lock, in all: somebody looks at the log in an SQL browser."""
HASTE_LIMIT_S = 10.0
"""The same at the start of a station and at its end, when somebody waits for it."""
JOURNAL_AFTER_S = 2.0
"""After how long a lock is told, and finished runs go into the journal meanwhile."""

_TRY_S = 0.5
"""How long one try waits for the lock, and for room. Also all that is waited while the log is known to be stuck."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a start found left over: runs closed as interrupted, journaled runs written, journal lines not usable."""

    interrupted_runs: int = 0
    journaled_runs: int = 0
    unusable_lines: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    """Something to do on the writing thread, for a caller who waits."""

    work: Callable[[], Recovery]
    result: Future[Recovery]


@dataclass(frozen=True, slots=True)
class _PutAside:
    """An open run that the log has no room for, and since when (monotonic seconds)."""

    run: RunRecord
    since_s: float


class Recorder:
    """Takes facts from any thread; owns the write connection and its thread.

    `on_reply` is called on that thread and must be quick. `write_limit_s` is how long, in seconds, a transaction waits
    for a lock. The transaction that finishes a run also puts it into the outbox of each of `sinks`. The log must be
    there and current (`schema_version.create_or_check`).
    """

    def __init__(
        self,
        data_dir: Path,
        on_reply: Callable[[LedgerReply], None],
        *,
        write_limit_s: float = WRITE_LIMIT_S,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self._data_dir = data_dir
        self._sinks = sinks
        self._on_reply = on_reply
        self._write_limit_s = write_limit_s
        self._engine = open_writer(data_dir, min(_TRY_S, write_limit_s))
        self._journal = Journal(data_dir)
        self._reserve = Reserve(data_dir / LOG_RESERVE, LOG_RESERVE_BYTES)
        self._put_aside: list[_PutAside] = []
        self._looked_s = 0.0
        self._stuck = False
        self._damage = ""
        """What became of the log under the station, with the command that restores it; "" while it is sound."""
        self.writes = Spread.nothing(WRITE_BOUNDS_S)
        """How long transactions took, waits for locks too. Replaced by the recorder's thread, read by any."""
        self._place: wal_link.Place | None = None
        self._marks = wal_link.Marks()
        self._wal = WalWatch()
        self._queue: queue.SimpleQueue[LedgerFact | _Job | None] = queue.SimpleQueue()
        self._ahead: deque[LedgerFact | _Job | None] = deque()
        """Taken from the queue while the log was locked, and still to be done."""
        self._limit_s = write_limit_s
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def submit(self, fact: LedgerFact) -> None:
        """Take a fact; never waits for the log. Errors: LedgerError ledger.write_failed after `close`."""
        self._put(fact)

    def close_interrupted(self) -> Recovery:
        """At start-up: bring journaled runs into the log and close what was left open. Waits until done.

        To be called before this station's first run, and only by who holds the data folder. May be repeated, and
        interrupted at any point. Errors: LedgerError.
        """
        job = _Job(self._recover, Future())
        self._put(job)
        with translated(self._data_dir):
            return job.result.result()

    def hurry(self) -> None:
        """The station is to end: a lock is not waited for as long as usual any more."""
        self._limit_s = min(self._write_limit_s, HASTE_LIMIT_S)

    def close(self, timeout_s: float) -> bool:
        """Write what is queued, then end. True when all of it was done within `timeout_s` seconds."""
        self.hurry()
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _put(self, item: LedgerFact | _Job) -> None:
        with self._closing:
            if self._closed:
                raise LedgerError("ledger.write_failed", sentence("the log's recorder is closed"))
            self._queue.put(item)

    def _work(self) -> None:
        while (item := self._next()) is not None:
            match item:
                case RunOpened(run):
                    self._open_or_put_aside(_PutAside(run, time.monotonic()))
                case AttemptFinished(run_id, attempt):
                    self._try_early(partial(transactions.put_attempt, run_id=run_id, attempt=attempt))
                case RunFinished(run):
                    self._reply(self._finish(run))
                case BatchNoted(batch):
                    self._note(batch)
                case BindingSaid(ticket, binding):
                    self._reply(self._bind(ticket, binding))
                case _Job():
                    _complete(item)
        self._limit_s = 0.0
        self._look_for_room()
        self._engine.dispose()

    def _next(self) -> LedgerFact | _Job | None:
        """What is to be done next; room is looked for meanwhile where there was none."""
        while self._put_aside or self._reserve.is_given_up:
            if time.monotonic() - self._looked_s >= _TRY_S:
                self._look_for_room()
            with suppress(queue.Empty):
                return self._ahead.popleft() if self._ahead else self._queue.get(timeout=_TRY_S)
        return self._ahead.popleft() if self._ahead else self._queue.get()

    def _look_for_room(self) -> None:
        """The reserve first: then what was put aside goes on, in order."""
        self._looked_s = time.monotonic()
        if self._reserve.is_given_up and self._reserve.take_again():
            self._journal.reserve_again()
        waiting, self._put_aside = self._put_aside, []
        for opening in waiting:
            self._open_or_put_aside(opening)

    def _open_or_put_aside(self, opening: _PutAside) -> None:
        """A camera is not begun on room that is reserved for results."""
        reply = None if self._reserve.is_given_up else self._open(opening.run)
        if reply is None and time.monotonic() - opening.since_s >= self._limit_s:
            reply = OpeningNotCommitted(opening.run, sentence("the disk is full"))
        if reply is None:
            self._put_aside.append(opening)
        self._reply(reply or DiskFull())

    def _open(self, run: RunRecord) -> LedgerReply | None:
        """None where there is no room for it."""
        try:
            stored = self._transact(partial(transactions.put_run, run=run), is_result=False)
        except Exception as error:  # as for a finished run: it gets its answer
            if disk_room.is_full(error, self._data_dir):
                return None
            reason = sqlite.reason_of(error)
            _log.warning("the log did not take an open run: %s", reason)
            return OpeningNotCommitted(run, reason)
        return OpeningCommitted(stored)

    def _try_early(self, work: Callable[[Connection], None]) -> None:
        """An attempt of an open run: the finished run brings it again."""
        try:
            self._transact(work, is_result=False)
        except Exception as error:  # the thread must live, whatever one fact brings
            _log.warning("the log did not take an attempt: %s", sqlite.reason_of(error))

    def _note(self, batch: Batch) -> None:
        try:
            self._transact(partial(transactions.put_batch, batch=batch))
        except Exception as error:  # nothing brings it again: whoever is at the bench must know
            reason = sqlite.reason_of(error)
            _log.error("the log did not take batch %s: %s", batch.name, reason)
            self._reply(BatchNotCommitted(batch, reason))

    def _bind(self, ticket: str, binding: UnitBinding) -> LedgerReply:
        """What people say of a unit: whoever said it waits for the answer."""
        try:
            unit = self._transact(partial(unit_bindings.put_unit, binding=binding, sinks=self._sinks))
        except UsageError as error:
            return BindingRefused(ticket, error.problem)
        except Exception as error:  # it gets its answer, whatever went wrong
            text = sentence("the log could not be written: {reason}", reason=sqlite.reason_of(error))
            return BindingRefused(ticket, Problem("ledger.write_failed", text))
        return BindingCommitted(ticket, unit)

    def _finish(self, run: RunRecord) -> LedgerReply:
        self._put_aside = [opening for opening in self._put_aside if opening.run.run_id != run.run_id]
        try:
            stored = self._transact(partial(transactions.put_run, run=run, sinks=self._sinks), run)
            self._journal.taken(run)
        except Exception as error:  # every finished run gets its answer, whatever went wrong
            reason = self._way_back(error) or sqlite.reason_of(error)
            _log.error("the log did not take run %s: %s", run.run_id, reason)
            return RunNotCommitted(run, self._keep(run, reason))
        return RunCommitted(stored)

    def _way_back(self, error: Exception) -> str:
        """Of a log that was damaged under the station: what is wrong, and the command that restores it; else ""."""
        if not self._damage and sqlite.is_corrupt(error):
            self._damage = as_ledger_error(self._data_dir, error).message
        return self._damage

    def _keep(self, run: RunRecord, reason: str) -> str:
        """Put a run into the journal; returns the line for the operator."""
        try:
            self._journal.append(run, reason)
        except Exception as error:  # as above: the answer must be given
            _log.error("nor did the journal take run %s: %s", run.run_id, error)
            return sentence(
                "the log could not be written: {reason}; nor could the journal: {error}", reason=reason, error=error
            )
        return sentence(
            "the log could not be written: {reason}; the result is kept in {file}",
            reason=reason,
            file=self._journal.file.parent,
        )

    def _reply(self, reply: LedgerReply) -> None:
        try:
            self._on_reply(reply)
        except Exception:  # the listener's mistake must not stop the log
            _log.exception("a reply of the log was not taken")

    def _transact(
        self, work: Callable[[Connection], _T], finished: RunRecord | None = None, *, is_result: bool = True
    ) -> _T:
        """One transaction; waits for a lock, and with a result for room, but not again and again while the log is
        stuck."""
        started_s = time.monotonic()
        while True:
            try:
                result = self._commit(work)
            except Exception as error:
                waited_s = time.monotonic() - started_s
                if sqlite.is_busy(error) and self._may_wait(waited_s):
                    if waited_s >= JOURNAL_AFTER_S:
                        self._keep_meanwhile(sqlite.reason_of(error), finished, LogLocked())
                    continue
                # A connection that saw an I/O error or a full disk is not trusted with the next transaction.
                self._engine.dispose()
                if (
                    is_result
                    and disk_room.is_full(error, self._data_dir)
                    and self._room_came(error, finished, waited_s)
                ):
                    continue
                raise
            self._stuck = False
            self.writes = self.writes.with_one(time.monotonic() - started_s)
            return result

    def _may_wait(self, waited_s: float) -> bool:
        """Whether what keeps the log from being written is waited for; where not, it is not for the next one either."""
        self._stuck = self._stuck or waited_s >= self._limit_s
        return not self._stuck

    def _room_came(self, error: Exception, finished: RunRecord | None, waited_s: float) -> bool:
        """The reserve's at once; when that is used up, what somebody makes. False where nobody did in time."""
        if self._reserve.give_up():
            self._reply(DiskFull())
            return True
        if not self._may_wait(waited_s):
            return False
        self._keep_meanwhile(sqlite.reason_of(error), finished, DiskFull())
        time.sleep(_TRY_S)
        return True

    def _keep_meanwhile(self, reason: str, finished: RunRecord | None, reply: LedgerReply) -> None:
        """Nothing is lost while it lasts, and whoever looks at the line knows what it waits for."""
        with suppress(queue.Empty):
            while True:
                self._ahead.append(self._queue.get_nowait())
        ended = [finished] if finished else []
        ended += [item.run for item in self._ahead if isinstance(item, RunFinished)]
        for run in ended:
            try:
                self._journal.wait(run, reason)
            except OSError as error:
                _log.warning("the journal did not take run %s: %s", run.run_id, error)
        self._reply(reply)

    def _commit(self, work: Callable[[Connection], _T]) -> _T:
        """One try. A log that was replaced or taken away under the station must not swallow a result."""
        file = log_file(self._data_dir)
        self._place = self._place or wal_link.place_of(file)
        self._refuse_another_log(file)
        with self._engine.begin() as connection:
            result = work(connection)
            has_wal = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        # Again: where the -wal was used up, this transaction began it anew, and only now does it not fit.
        self._refuse_another_log(file)
        if not wal_link.is_in_place(file, self._place, has_wal=has_wal):
            text = sentence("the log {file} was taken away while the station worked", file=file)
            raise LedgerError("ledger.not_writable", text)
        self._wal.look(file)
        return result

    def _refuse_another_log(self, file: Path) -> None:
        if not wal_link.belongs(file, self._marks):
            text = sentence("the log {file} was replaced while the station worked", file=file)
            raise damage.corrupt(self._data_dir, text)

    def _recover(self) -> Recovery:
        self._journal.require_writable()
        if not (self._reserve.take() and self._journal.reserve()):
            raise disk_room.no_room(self._data_dir)
        self._limit_s, usual_s = min(self._write_limit_s, HASTE_LIMIT_S), self._limit_s
        try:
            replayed = [replay(file, self._transact, self._sinks) for file in journal_files(self._data_dir)]
            interrupted = self._transact(partial(transactions.close_open_runs, sinks=self._sinks))
        finally:
            self._limit_s = usual_s
        written, unusable = (sum(counts) for counts in zip(*replayed, strict=True)) if replayed else (0, 0)
        return Recovery(interrupted, written, unusable)


def _complete(job: _Job) -> None:
    try:
        job.result.set_result(job.work())
    except Exception as error:  # handed to the caller, who waits
        job.result.set_exception(error)
