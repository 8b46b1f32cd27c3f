"""The dispatcher: one thread that turns events into runs.

It holds first and queues then: an arrival goes to the holder at once, and no worker is started while holds are under
way. Everything else (facts of workers, answers of the ledger, requests of a screen) comes through one queue, so that
no state here needs a lock.
"""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from station.control.wire import LineStatus
from station.errors import LedgerError, StationError
from station.line.arrivals import Arrivals
from station.line.batching import Batching
from station.line.notices import Notices
from station.line.pool import Child, Pool
from station.line.port import Port
from station.line.runs import Runs
from station.line.setup import LineSetup, OpenLog
from station.line.stopping import Stopping
from station.model.batches import Batch
from station.model.devices import DeviceEvent, DeviceMode
from station.model.events import (
    BatchNotCommitted,
    LedgerReply,
    OpeningCommitted,
    OpeningNotCommitted,
    RunOpened,
)
from station.model.notices import Notice
from station.model.runs import Outcome, RunRecord
from station.model.slots import SlotState, SlotView

TICK_S = 0.25


class Dispatcher:
    """The state of every port, and what happens next. Only `post` may be called from another thread."""

    def __init__(
        self,
        setup: LineSetup,
        pool: Pool,
        on_run: Callable[[RunRecord], None],
        on_batch: Callable[[Batch | None, str | None], None],
        on_plan_reached: Callable[[Batch], None],
        on_notice: Callable[[Notice], None],
    ) -> None:
        self._on_batch = on_batch
        self._on_plan_reached = on_plan_reached
        self._plan_was_reached = False
        self._pool = pool
        self._ports: dict[str, Port] = {}
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell_in, self._bell_out = socket.socketpair()
        self._bell_in.setblocking(False)
        self._paused = False
        self.stopping = Stopping(setup)
        self.batching = Batching(setup)
        self._runs = Runs(setup, pool, self.stopping, self.batching, on_run)
        self._notices = Notices(on_notice, setup.options.return_window_s)
        self._arrivals = Arrivals(self._ports, pool, self._runs, self.stopping, self._notices)
        for path, _ in setup.slots.names:
            self._ports[path] = Port(path, setup.slots.slot_at(path))

    # --- the loop ---------------------------------------------------------------------------------------------------

    def post(self, action: Callable[[], None]) -> None:
        """Have `action` called in the dispatcher's thread."""
        self._inbox.put(action)
        try:
            self._bell_in.send(b"!")
        except OSError:
            # Full: it is going to wake up anyway. Closed: nobody is left to wake.
            return

    def loop(self) -> None:
        """Turn events into runs until the line has stopped and every run is in the log."""
        while not self._finished():
            self._step()

    def _finished(self) -> bool:
        busy = self._runs.busy or not self._inbox.empty()
        waits_for_log = self._arrivals.wait_for_log and self.stopping.reason is None
        return self.stopping.stopped and not busy and not waits_for_log and not self._arrivals.holding

    def _step(self) -> None:
        holder = [self._pool.holder.connection] if self._pool.holder else []
        idle = {child.connection: child for child in self._pool.idle}
        sources: list[Connection | socket.socket] = [*holder, *self._runs.workers, *idle, self._bell_out]
        for ready in wait(sources, TICK_S):
            if ready is self._bell_out:
                self._bell_out.recv(4096)
            elif holder and ready is holder[0]:
                self._arrivals.read_holder()
            elif isinstance(ready, Connection) and ready in self._runs.workers:
                port = self._runs.workers[ready]
                self._runs.read(ready)
                self._arrivals.take_newcomer(port)
            elif isinstance(ready, Connection) and ready in idle:
                self._read_idle(idle[ready])
        self._take_in()
        self._notice_plan()
        self._start_waiting()
        self._runs.kill_overdue()

    def _take_in(self) -> None:
        while True:
            try:
                action = self._inbox.get_nowait()
            except queue.Empty:
                return
            action()

    # --- devices ----------------------------------------------------------------------------------------------------

    def device_event(self, event: DeviceEvent) -> None:
        """A device arrived or left."""
        self._arrivals.device_event(event)

    def listing_done(self) -> None:
        """Every device that was there at the start has been announced."""
        self.stopping.listed = True
        if self._runs.setup.only_present:
            self.stopping.refuse_new()

    def log_opened(self, log: OpenLog) -> None:
        """The log can be asked and written: what came before that goes on."""
        self._runs.log = log
        try:
            self.batching.log_opened(log)
        except StationError as error:
            self.stopping.stop_because(error)
        self._runs.setup = self.batching.applied_to(self._runs.setup)
        self._arrivals.log_opened()

    # --- runs -------------------------------------------------------------------------------------------------------

    def _start_waiting(self) -> None:
        """One worker after the other: a new one takes its time to start, and an arrival must not wait for it."""
        while not self._paused and not self.batching.asks and not self._arrivals.come_first:
            if (port := self._runs.next_to_start()) is None:
                return
            self._runs.start(port)
            self._take_in()

    def _notice_plan(self) -> None:
        """Tell it once, whichever way it came about: the last unit, a smaller quantity, a batch that goes on."""
        reached, batch = self.batching.asks, self.batching.batch
        if reached and not self._plan_was_reached and batch is not None:
            self._on_plan_reached(batch)
        self._plan_was_reached = reached

    def _read_idle(self, child: Child) -> None:
        try:
            child.connection.recv()
        except (EOFError, OSError):
            self._pool.drop_idle(child)

    def ledger_replied(self, reply: LedgerReply) -> None:
        """The log's answer to a run; or that it could not take a batch, which stops the line as well."""
        if isinstance(reply, BatchNotCommitted):
            text = f"batch {reply.batch.name} could not be written to the log: {reply.reason}"
            self.stopping.stop_because(LedgerError("ledger.write_failed", text))
        elif isinstance(reply, OpeningCommitted | OpeningNotCommitted):
            self._runs.opening_replied(reply)
        else:
            self._runs.ledger_replied(reply)
            self._notice_failures(reply.run)

    def _notice_failures(self, run: RunRecord) -> None:
        """Failures that speak against the bench: of all slots, or of one."""
        if self.stopping.pause_reason is not None:
            self._paused = True
        limit = self._runs.setup.slot_failures_in_a_row
        for path in self.stopping.slots_to_take_out:
            text = (
                f"taken out: {limit} units in a row failed here while others passed; check its cable, then restore it"
            )
            self._ports[path].taken_out = True
            self._ports[path].show(SlotState.TAKEN_OUT, run.code if run.port_path == path else None, text)
            command = f"station slots restore {self._ports[path].name}"
            self._notices.tell(self._ports[path], "notice.taken_out", f"{text}: {command}")
        self.stopping.slots_to_take_out.clear()

    # --- requests ---------------------------------------------------------------------------------------------------

    def views(self) -> list[SlotView]:
        """The newest state of every slot, and of every other port with something in it."""
        return [port.view for port in list(self._ports.values()) if port.slot is not None or port.device is not None]

    def stop(self, *, abort: bool) -> None:
        """Take no new camera; let running ones finish, or end them at their next block."""
        self.stopping.refuse_new()
        self._arrivals.forget()
        for port in list(self._runs.waiting):
            self._runs.close_unrun(
                port, Outcome.ABORTED, "operator.cancelled", "the station was stopped before the run"
            )
        if abort:
            self.stopping.abort()
            for port in self._runs.workers.values():
                self._runs.cancel(port)

    def cancel(self, port_path: str) -> None:
        """End one slot's run at its next block, or before it starts."""
        port = self._ports.get(port_path)
        if port and port.worker:
            self._runs.cancel(port)
        elif port in self._runs.waiting:
            self._runs.close_unrun(
                port, Outcome.ABORTED, "operator.cancelled", "the run was cancelled before it started"
            )

    def status(self) -> LineStatus:
        """How the line stands."""
        reason = self.stopping.reason
        code, message = (reason.code, reason.message) if reason else (None, "")
        paused = self.stopping.pause_reason
        paused_code, paused_message = (paused.code, paused.message) if paused else (None, "")
        return LineStatus(
            self.stopping.accepting,
            self._paused,
            False,
            code,
            message,
            self.batching.asks,
            paused_code,
            paused_message,
        )

    def pause(self, *, paused: bool) -> None:
        """Start no camera while paused: cameras are held and wait, running ones finish."""
        self._paused = paused
        if not paused:
            self.stopping.resumed()

    def begin_batch(self, name: str, operator: str | None, planned: int | None) -> None:
        """Runs that start from now on are of this batch and operator; one that was ended is paused no longer."""
        try:
            if self.batching.begin(name, operator, planned):
                self.pause(paused=False)
        except StationError as error:
            self.stopping.stop_because(error)
        self._batch_changed()

    def end_batch(self, name: str) -> None:
        """Runs that start from now on are of no batch. The line is paused: the next camera may be of the next batch."""
        if self.batching.is_at_the_bench(name):
            self.batching.end()
            self._paused = True
            self._batch_changed()

    def go_on_with_batch(self, name: str) -> None:
        """The batch goes on although every planned unit has its result."""
        if self.batching.is_at_the_bench(name):
            self.batching.go_on()

    def _batch_changed(self) -> None:
        self._runs.setup = self.batching.applied_to(self._runs.setup)
        for port in self._runs.waiting:
            # Held and not begun: it will run under what is said now.
            assert port.run is not None
            port.run = replace(port.run, batch=self._runs.setup.batch, operator=self._runs.setup.operator)
            self._runs.submit(RunOpened(port.run))
        self._on_batch(self.batching.batch, self.batching.operator)

    def rerun(self, port_path: str) -> None:
        """Run the camera that is in a slot once more. One that is out of its bootloader must be plugged in again."""
        port = self._ports.get(port_path)
        if port is None or port.slot is None or port.run is not None or port.device is None or port.taken_out:
            return
        if port.state is SlotState.RECORDING or port.hold_since_s is not None:
            return
        if port.device.mode is DeviceMode.DFU:
            port.fickle = False
            self._arrivals.inserted(port, port.device)
        else:
            port.message = "it is out of its bootloader: unplug it and plug it in again, that runs it"

    def restore_slot(self, place: str) -> None:
        """Take cameras again in a slot that was taken out, by its port path or its name."""
        for port in self._ports.values():
            if port.taken_out and place in (port.path, port.name):
                port.taken_out = False
                port.show(SlotState.EMPTY)
                self._arrivals.look_again(port)

    def close(self) -> None:
        """Free what the loop used."""
        self._bell_in.close()
        self._bell_out.close()
