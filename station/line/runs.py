"""The runs of a line: opened, given to workers, closed, and shown only when the log has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection

from station.flash.messages import AttemptEnded, CancelRun, HoldWanted, Progressed, RunCamera, RunEnded
from station.line.batching import Batching
from station.line.interlock import Skip
from station.line.pool import Child, Pool
from station.line.port import STATE_OF, Port
from station.line.records import closed_run, found_attempt, opened_run
from station.line.setup import LineSetup, OpenLog
from station.line.stopping import Stopping
from station.model.devices import Device
from station.model.events import (
    AttemptFinished,
    LedgerFact,
    OpeningCommitted,
    OpeningNotCommitted,
    RunCommitted,
    RunFinished,
    RunNotCommitted,
    RunOpened,
)
from station.model.runs import Outcome, RunPlan, RunRecord
from station.model.slots import SlotState


class Runs:
    """Every run that is open or on its way into the log. For the dispatcher's thread alone."""

    def __init__(
        self,
        setup: LineSetup,
        pool: Pool,
        stopping: Stopping,
        batching: Batching,
        on_run: Callable[[RunRecord], None],
    ) -> None:
        self.setup = setup
        """What the next runs are made of; a batch that is begun changes it."""
        self.log: OpenLog | None = None
        self.waiting: list[Port] = []
        self.workers: dict[Connection, Port] = {}
        self.committing: dict[str, Port] = {}
        self._pool = pool
        self._stopping = stopping
        self._batching = batching
        self._on_run = on_run

    @property
    def busy(self) -> bool:
        """Whether any run is open or not in the log yet."""
        return bool(self.waiting or self.workers or self.committing)

    def submit(self, fact: LedgerFact) -> None:
        """Hand a fact to the log."""
        assert self.log is not None, "no run begins before the log is open"
        self.log.submit(fact)

    def open(self, port: Port, device: Device, *, identified: bool) -> None:
        """A run begins on a port; the log is told, and answers."""
        run = opened_run(self.setup, port, device, identified=identified)
        port.begin(run)
        self.submit(RunOpened(run))

    def skip(self, port: Port, device: Device, skip: Skip) -> None:
        """Leave a unit alone; noted once, however often the same camera comes and goes by itself."""
        repeated = port.last is not None and port.is_same_unit_again() and port.last.code == skip.code
        if repeated and port.absent_s < self.setup.options.return_window_s:
            port.show_last()
            return
        run = opened_run(self.setup, port, device, identified=True)
        port.begin(run)
        self._finish(port, closed_run(port, run, (), Outcome.SKIPPED, skip.code, skip.message))

    def opening_replied(self, reply: OpeningCommitted | OpeningNotCommitted) -> None:
        """The log has an open run, or cannot take it: then the camera is left as it is."""
        port = next((port for port in self.waiting if port.run and port.run.run_id == reply.run.run_id), None)
        if port is None:
            return
        if isinstance(reply, OpeningCommitted):
            port.recorded = True
        else:
            text = f"the log could not be written: {reply.reason}; the camera was not touched"
            self.close_unrun(port, Outcome.ERROR, "ledger.write_failed", text)

    def next_to_start(self) -> Port | None:
        """The run that waited longest. None is begun before the log has it: if power fails in the middle of it, the
        log must not still say that the camera holds what it was last seen with.
        """
        return next((port for port in self.waiting if port.recorded), None)

    def start(self, port: Port) -> None:
        """Give a port's open run to a worker."""
        assert port.run is not None
        assert port.device is not None
        self.waiting.remove(port)
        plan = RunPlan(
            port.run.run_id,
            port.run.serial,
            self.setup.recipe,
            self.setup.images,
            self.setup.options,
            check_first=port.check_first,
            hold_notes=port.hold_notes,
        )
        port.worker = self._pool.take()
        self.workers[port.worker.connection] = port
        port.show(SlotState.RUNNING)
        port.worker.send(RunCamera(plan, port.device, port.bootloader))

    def read(self, connection: Connection) -> None:
        """Take what a worker tells, or its death."""
        port = self.workers[connection]
        try:
            fact = connection.recv()
        except (EOFError, OSError):
            self._worker_died(port)
            return
        if isinstance(fact, Progressed):
            port.progress = fact.progress
        elif isinstance(fact, HoldWanted):
            port.hold_wanted = fact.wanted
        elif isinstance(fact, AttemptEnded):
            port.attempts.append(fact.attempt)
            if port.run:
                self.submit(AttemptFinished(port.run.run_id, fact.attempt))
        elif isinstance(fact, RunEnded):
            self._ended(port, fact)

    def _ended(self, port: Port, ended: RunEnded) -> None:
        assert port.run is not None
        self._pool.give_back(self._release(port))
        port.fickle = ended.left_by_itself
        port.application_serial = ended.application_serial
        run = replace(
            port.run,
            verified=ended.verified,
            boot_confirmed=ended.boot_confirmed,
            application_serial=ended.application_serial,
            notes=ended.notes,
        )
        self._finish(port, closed_run(port, run, tuple(port.attempts), ended.outcome, ended.code, ended.message))

    def _worker_died(self, port: Port) -> None:
        child = self._release(port)
        child.close()
        assert port.run is not None
        outcome, code, text = Outcome.ERROR, "worker.died", "the worker process of this slot ended unexpectedly"
        if port.cancelled:
            outcome, code, text = Outcome.ABORTED, "operator.cancelled", "the run was cancelled"
        attempts = (*port.attempts, found_attempt(port, outcome, code, text))
        self._finish(port, closed_run(port, port.run, attempts, outcome, code, text))

    def _release(self, port: Port) -> Child:
        assert port.worker is not None
        child, port.worker = port.worker, None
        del self.workers[child.connection]
        return child

    def close_unrun(self, port: Port, outcome: Outcome, code: str, message: str) -> None:
        """End an open run that no worker has."""
        if port in self.waiting:
            self.waiting.remove(port)
        assert port.run is not None
        attempt = found_attempt(port, outcome, code, message)
        self._finish(port, closed_run(port, port.run, (attempt,), outcome, code, message))

    def _finish(self, port: Port, run: RunRecord) -> None:
        port.run, port.last_serial = None, run.serial
        port.show(SlotState.RECORDING)
        self.committing[run.run_id] = port
        self.submit(RunFinished(run))

    def ledger_replied(self, reply: RunCommitted | RunNotCommitted) -> None:
        """The log has a finished run, or cannot take it. Only now may the slot show how the run ended."""
        port = self.committing.pop(reply.run.run_id, None)
        run = reply.run
        if not isinstance(reply, RunCommitted):
            text = f"{reply.reason} (the run itself: {run.outcome} {run.code or ''})".strip()
            run = replace(run, outcome=Outcome.ERROR, code="ledger.write_failed", message=text)
        assert run.outcome is not None
        if port is not None and port.run is None and port.state is SlotState.RECORDING:
            port.show_ended(run, run.code, run.message, STATE_OF[run.outcome])
            # A camera that failed and is off the bus still sits in its slot: what to do with it stays to be read.
            if port.device is None and run.outcome in (Outcome.PASS, Outcome.SKIPPED):
                port.show_nothing()
        self._on_run(run)
        self._batching.count(run)
        self._stopping.count(run)

    def cancel(self, port: Port) -> None:
        """Have a running camera's run end at its next block."""
        port.cancelled = True
        if port.worker:
            port.worker.send(CancelRun(Outcome.ABORTED, "operator.cancelled", "the run was cancelled"))

    def kill_overdue(self) -> None:
        """A worker that waits for a silent camera cannot hear a cancellation: after a while it is killed."""
        if self._stopping.abort_is_overdue():
            for port in self.workers.values():
                if port.worker:
                    port.worker.kill()
