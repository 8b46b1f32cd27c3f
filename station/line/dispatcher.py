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

from station.ae3.identity import is_identity
from station.errors import StationError, UsbAccessError
from station.line.batching import Batching
from station.line.clock import monotonic_s
from station.line.interlock import Skip, interlock
from station.line.messages import (
    AttemptEnded,
    CameraHeld,
    CameraNotHeld,
    CancelRun,
    HoldWanted,
    PortChanged,
    Progressed,
    RunCamera,
    RunEnded,
)
from station.line.pool import Child, Pool
from station.line.port import BOOTED_S, STATE_OF, Port
from station.line.records import closed_run, found_attempt, opened_run
from station.line.setup import LineSetup, OpenLog
from station.line.stopping import Stopping
from station.model.batches import Batch
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceLeft, DeviceMode
from station.model.events import AttemptFinished, LedgerFact, LedgerReply, RunCommitted, RunFinished, RunOpened
from station.model.live import LineStatus
from station.model.runs import Outcome, RunPlan, RunRecord
from station.model.slots import SlotState, SlotView

HOLD_FIRST_S = 1.5
"""For how long a hold under way keeps workers from starting. One that takes longer is a broken camera, no busy line."""
TICK_S = 0.25


class Dispatcher:
    """The state of every port, and what happens next. Only `post` may be called from another thread."""

    def __init__(
        self,
        setup: LineSetup,
        pool: Pool,
        on_run: Callable[[RunRecord], None],
        on_batch: Callable[[Batch | None, str | None], None],
    ) -> None:
        self._setup = setup
        self._on_run = on_run
        self._on_batch = on_batch
        self._log: OpenLog | None = None
        self._unread: list[CameraHeld | CameraNotHeld] = []
        self._pool = pool
        self._ports: dict[str, Port] = {}
        self._waiting: list[Port] = []
        self._workers: dict[Connection, Port] = {}
        self._committing: dict[str, Port] = {}
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell_in, self._bell_out = socket.socketpair()
        self._bell_in.setblocking(False)
        self._paused = False
        self.stopping = Stopping(setup)
        self.batching = Batching(setup)
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
        busy = self._waiting or self._workers or self._committing or not self._inbox.empty()
        waits_for_log = self._unread and self.stopping.reason is None
        return self.stopping.stopped and not busy and not waits_for_log and not self._holding()

    def _step(self) -> None:
        holder = [self._pool.holder.connection] if self._pool.holder else []
        idle = {child.connection: child for child in self._pool.idle}
        sources: list[Connection | socket.socket] = [*holder, *self._workers, *idle, self._bell_out]
        for ready in wait(sources, TICK_S):
            if ready is self._bell_out:
                self._bell_out.recv(4096)
            elif holder and ready is holder[0]:
                self._read_holder()
            elif isinstance(ready, Connection) and ready in self._workers:
                self._read_worker(ready)
            elif isinstance(ready, Connection) and ready in idle:
                self._read_idle(idle[ready])
        self._take_in()
        self._start_waiting()
        self._kill_overdue()

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
        if isinstance(event, DeviceLeft):
            port = self._ports.get(event.port_path)
            if port and port.device:
                self._left(port)
        elif isinstance(event, DeviceArrived):
            self._arrived(event.device)

    def listing_done(self) -> None:
        """Every device that was there at the start has been announced."""
        self.stopping.listed = True
        if self._setup.only_present:
            self.stopping.refuse_new()

    def _arrived(self, device: Device) -> None:
        port = self._ports.get(device.port_path)
        if port is None:
            port = Port(device.port_path, self._setup.slots.slot_at(device.port_path))
            self._ports[device.port_path] = port
        known = port.device
        if known and (known.bus, known.address, known.product_id) == (device.bus, device.address, device.product_id):
            return
        if known:
            self._left(port)
        port.device = device
        if port.slot is None:
            port.show(SlotState.NOT_A_SLOT, message="this port is not a slot: the camera is left alone")
        elif port.run is not None:
            self._came_back(port, device)
        elif device.mode is DeviceMode.DFU:
            self._inserted(port, device)
        elif device.mode is DeviceMode.APPLICATION:
            self._booted(port)

    def _left(self, port: Port) -> None:
        port.device, port.left_at_s, port.hold_since_s = None, monotonic_s(), None
        if port.run is None:
            port.show(SlotState.EMPTY)
        elif port.worker is not None:
            port.worker.send(PortChanged(None))
        else:
            self._waiting.remove(port)
            self._close_unrun(port, Outcome.ABORTED, "operator.unplugged", "the camera was unplugged before its run")

    def _came_back(self, port: Port, device: Device) -> None:
        if port.worker is None:
            return
        port.worker.send(PortChanged(device))
        if device.mode is DeviceMode.DFU and port.hold_wanted:
            self._hold(port, device)

    def _booted(self, port: Port) -> None:
        if port.last and port.is_same_unit_again() and port.absent_s < BOOTED_S:
            port.show_last()
        else:
            port.show(SlotState.APPLICATION, message="it runs its application: replug it to flash it")

    def _inserted(self, port: Port, device: Device) -> None:
        """A camera in DFU mode that has no run yet: skip it, leave it alone, or hold it."""
        if not self._setup.accepts(device) or not self.stopping.accepting:
            port.show(SlotState.WAITING, message="the line takes no new cameras now")
            return
        if port.came_back_by_itself(self._setup.options.return_window_s):
            port.show_last()
            return
        port.history_due = self._log is None
        if skip := self._interlock(port, device):
            self._skip(port, device, skip)
        else:
            port.show(SlotState.HOLDING)
            self._hold(port, device)

    def _interlock(self, port: Port, device: Device) -> Skip | None:
        """Why the unit is not to be run; None as well where no log can be asked yet or the serial names no unit."""
        if self._log is None or not is_identity(device.serial) or self._twins(port, device):
            return None
        try:
            history = self._log.history(device.serial, self._setup.batch)
        except StationError as error:
            self.stopping.stop_because(error)
            return Skip(error.code, str(error))
        return interlock(history, self._setup.options, self._setup.bundle_sha256, self._setup.recipe.name)

    def _twins(self, port: Port, device: Device) -> list[Port]:
        """Other ports whose device has the same serial now: then the serial names no unit."""
        if not is_identity(device.serial):
            return []
        return [other for other in self._ports.values() if other is not port and other.has_unit_of(device)]

    # --- holding ----------------------------------------------------------------------------------------------------

    def _hold(self, port: Port, device: Device) -> None:
        port.hold_since_s = monotonic_s()
        self._pool.hold(device)

    def _holding(self) -> bool:
        return any(port.hold_since_s is not None for port in self._ports.values())

    def _read_holder(self) -> None:
        assert self._pool.holder is not None
        try:
            answer = self._pool.holder.connection.recv()
        except (EOFError, OSError):
            self._holder_died()
            return
        port = self._ports.get(answer.device.port_path)
        if port is None or port.device != answer.device or port.hold_since_s is None:
            return
        port.hold_since_s = None
        self._holder_answered(port, answer)

    def _holder_answered(self, port: Port, answer: CameraHeld | CameraNotHeld) -> None:
        """A hold has ended. Before the log is open nothing more may happen: a held camera can wait for as long."""
        if self._log is None:
            self._unread.append(answer)
            return
        if port.history_due and (skip := self._interlock(port, answer.device)):
            self._skip(port, answer.device, skip)
        elif isinstance(answer, CameraHeld):
            self._held(port, answer)
        else:
            self._not_held(port, answer)

    def log_opened(self, log: OpenLog) -> None:
        """The log can be asked and written: what came before that goes on."""
        self._log = log
        try:
            self.batching.log_opened(log)
        except StationError as error:
            self.stopping.stop_because(error)
        self._setup = self.batching.applied_to(self._setup)
        unread, self._unread = self._unread, []
        for answer in unread:
            port = self._ports[answer.device.port_path]
            if port.device == answer.device and port.run is None:
                self._holder_answered(port, answer)

    def _holder_died(self) -> None:
        """Whatever it was holding is asked for again; cameras that it held already stay held."""
        self._pool.replace_holder()
        for port in self._ports.values():
            if port.hold_since_s is not None and port.device is not None:
                self._hold(port, port.device)

    def _held(self, port: Port, answer: CameraHeld) -> None:
        port.bootloader = answer.bootloader
        if port.run is not None:
            if port.worker is not None:
                port.worker.send(PortChanged(answer.device, held=True, bootloader=answer.bootloader))
            return
        twins = self._twins(port, answer.device)
        self._open(port, answer.device, identified=is_identity(answer.device.serial) and not twins)
        if twins:
            self._refuse_twins([port, *twins], answer.device.serial)
        elif not is_identity(answer.device.serial):
            text = f"the serial {answer.device.serial!r} names no single unit"
            self._close_unrun(port, Outcome.FAIL, "identity.default_serial", text)
        elif answer.bad_boot_header:
            text = "block 1 of BOOT holds no bootloader header"
            self._close_unrun(port, Outcome.FAIL, "identity.not_an_ae3", text)
        else:
            self._waiting.append(port)

    def _not_held(self, port: Port, answer: CameraNotHeld) -> None:
        if answer.code == "usb.access_denied":
            self.stopping.stop_because(UsbAccessError(answer.code, answer.message))
        if port.run is not None:
            return
        if answer.gone:
            port.show(SlotState.EMPTY, "usb.not_held", "it left its bootloader before it could be held: replug it")
            return
        self._open(port, answer.device, identified=is_identity(answer.device.serial))
        self._close_unrun(port, answer.outcome, answer.code, answer.message)

    def _refuse_twins(self, ports: list[Port], serial: str) -> None:
        """Two cameras with one serial: neither result could be told from the other's, so neither is green."""
        places = " and ".join(sorted(port.name for port in ports))
        text = f"the serial {serial} is plugged in more than once: {places}"
        for port in ports:
            if port.run is None:
                continue
            port.run = replace(port.run, identified=False)
            if port.worker is not None:
                port.worker.send(CancelRun(Outcome.FAIL, "identity.duplicate_serial", text))
            else:
                if port in self._waiting:
                    self._waiting.remove(port)
                self._close_unrun(port, Outcome.FAIL, "identity.duplicate_serial", text)

    # --- runs -------------------------------------------------------------------------------------------------------

    def _submit(self, fact: LedgerFact) -> None:
        assert self._log is not None, "no run begins before the log is open"
        self._log.submit(fact)

    def _open(self, port: Port, device: Device, *, identified: bool) -> RunRecord:
        run = opened_run(self._setup, port, device, identified=identified)
        port.begin(run)
        self._submit(RunOpened(run))
        return run

    def _skip(self, port: Port, device: Device, skip: Skip) -> None:
        """Leave a unit alone; noted once, however often the same camera comes and goes by itself."""
        repeated = port.last is not None and port.is_same_unit_again() and port.last.code == skip.code
        if repeated and port.absent_s < self._setup.options.return_window_s:
            port.show_last()
            return
        run = opened_run(self._setup, port, device, identified=True)
        port.begin(run)
        self._finish(port, closed_run(run, (), Outcome.SKIPPED, skip.code, skip.message))

    def _start_waiting(self) -> None:
        """One worker after the other: a new one takes its time to start, and an arrival must not wait for it."""
        while self._waiting and not self._paused and not self.batching.asks and not self._holds_come_first():
            self._start(self._waiting.pop(0))
            self._take_in()

    def _holds_come_first(self) -> bool:
        since_s = monotonic_s() - HOLD_FIRST_S
        return any(port.hold_since_s is not None and port.hold_since_s > since_s for port in self._ports.values())

    def _start(self, port: Port) -> None:
        assert port.run is not None
        assert port.device is not None
        plan = RunPlan(port.run.run_id, port.run.serial, self._setup.recipe, self._setup.images, self._setup.options)
        port.worker = self._pool.take()
        self._workers[port.worker.connection] = port
        port.show(SlotState.RUNNING)
        port.worker.send(RunCamera(plan, port.device, port.bootloader))

    def _read_worker(self, connection: Connection) -> None:
        port = self._workers[connection]
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
                self._submit(AttemptFinished(port.run.run_id, fact.attempt))
        elif isinstance(fact, RunEnded):
            self._ended(port, fact)

    def _ended(self, port: Port, ended: RunEnded) -> None:
        assert port.run is not None
        self._pool.give_back(self._release(port))
        port.fickle = ended.left_by_itself
        run = replace(port.run, verified=ended.verified, boot_confirmed=ended.boot_confirmed)
        self._finish(port, closed_run(run, tuple(port.attempts), ended.outcome, ended.code, ended.message))

    def _worker_died(self, port: Port) -> None:
        child = self._release(port)
        child.close()
        assert port.run is not None
        outcome, code, text = Outcome.ERROR, "worker.died", "the worker process of this slot ended unexpectedly"
        if port.cancelled:
            outcome, code, text = Outcome.ABORTED, "operator.cancelled", "the run was cancelled"
        attempts = (*port.attempts, found_attempt(port, outcome, code, text))
        self._finish(port, closed_run(port.run, attempts, outcome, code, text))

    def _release(self, port: Port) -> Child:
        assert port.worker is not None
        child, port.worker = port.worker, None
        del self._workers[child.connection]
        return child

    def _read_idle(self, child: Child) -> None:
        try:
            child.connection.recv()
        except (EOFError, OSError):
            self._pool.drop_idle(child)

    def _close_unrun(self, port: Port, outcome: Outcome, code: str, message: str) -> None:
        """End an open run that no worker has."""
        assert port.run is not None
        attempt = found_attempt(port, outcome, code, message)
        self._finish(port, closed_run(port.run, (attempt,), outcome, code, message))

    def _finish(self, port: Port, run: RunRecord) -> None:
        port.run, port.last_serial = None, run.serial
        port.show(SlotState.RECORDING)
        self._committing[run.run_id] = port
        self._submit(RunFinished(run))

    def ledger_replied(self, reply: LedgerReply) -> None:
        """The log has a finished run, or cannot take it. Only now may the slot show how the run ended."""
        port = self._committing.pop(reply.run.run_id, None)
        run = reply.run
        if not isinstance(reply, RunCommitted):
            text = f"{reply.reason} (the run itself: {run.outcome} {run.code or ''})".strip()
            run = replace(run, outcome=Outcome.ERROR, code="ledger.write_failed", message=text)
        assert run.outcome is not None
        if port is not None and port.run is None and port.state is SlotState.RECORDING:
            port.show_ended(run, run.code, run.message, STATE_OF[run.outcome])
            # A camera that failed and is off the bus still sits in its slot: what to do with it stays to be read.
            if port.device is None and run.outcome in (Outcome.PASS, Outcome.SKIPPED):
                port.show(SlotState.EMPTY)
        self._on_run(run)
        self.batching.count(run)
        self.stopping.count(run)

    # --- requests ---------------------------------------------------------------------------------------------------

    def views(self) -> list[SlotView]:
        """The newest state of every port."""
        return [port.view for port in list(self._ports.values())]

    def stop(self, *, abort: bool) -> None:
        """Take no new camera; let running ones finish, or end them at their next block."""
        self.stopping.refuse_new()
        self._unread.clear()
        for port in self._ports.values():
            if port.run is None:
                port.hold_since_s = None
        for port in list(self._waiting):
            self._waiting.remove(port)
            self._close_unrun(port, Outcome.ABORTED, "operator.cancelled", "the station was stopped before the run")
        if abort:
            self.stopping.abort()
            for port in self._workers.values():
                self._cancel(port)

    def cancel(self, port_path: str) -> None:
        """End one slot's run at its next block, or before it starts."""
        port = self._ports.get(port_path)
        if port and port.worker:
            self._cancel(port)
        elif port in self._waiting:
            self._waiting.remove(port)
            self._close_unrun(port, Outcome.ABORTED, "operator.cancelled", "the run was cancelled before it started")

    def status(self) -> LineStatus:
        """How the line stands."""
        reason = self.stopping.reason
        code, message = (reason.code, reason.message) if reason else (None, "")
        return LineStatus(self.stopping.accepting, self._paused, False, code, message, self.batching.asks)

    def pause(self, *, paused: bool) -> None:
        """Start no camera while paused: cameras are held and wait, running ones finish."""
        self._paused = paused

    def begin_batch(self, name: str, operator: str | None, planned: int | None) -> None:
        """Runs that start from now on are of this batch and operator; one that was ended is paused no longer."""
        try:
            if self.batching.begin(name, operator, planned):
                self._paused = False
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
        self._setup = self.batching.applied_to(self._setup)
        for port in self._waiting:
            # Held and not begun: it will run under what is said now.
            assert port.run is not None
            port.run = replace(port.run, batch=self._setup.batch, operator=self._setup.operator)
            self._submit(RunOpened(port.run))
        self._on_batch(self.batching.batch, self.batching.operator)

    def rerun(self, port_path: str) -> None:
        """Run the camera that is in a slot once more. One that is out of its bootloader must be plugged in again."""
        port = self._ports.get(port_path)
        if port is None or port.slot is None or port.run is not None or port.device is None:
            return
        if port.state is SlotState.RECORDING or port.hold_since_s is not None:
            return
        if port.device.mode is DeviceMode.DFU:
            port.fickle = False
            self._inserted(port, port.device)
        else:
            port.message = "it is out of its bootloader: unplug it and plug it in again, that runs it"

    def _cancel(self, port: Port) -> None:
        port.cancelled = True
        if port.worker:
            port.worker.send(CancelRun(Outcome.ABORTED, "operator.cancelled", "the run was cancelled"))

    def _kill_overdue(self) -> None:
        """A worker that waits for a silent camera cannot hear a cancellation: after a while it is killed."""
        if self.stopping.abort_is_overdue():
            for port in self._workers.values():
                if port.worker:
                    port.worker.kill()

    def close(self) -> None:
        """Free what the loop used."""
        self._bell_in.close()
        self._bell_out.close()
