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
from station.line.messages import CameraHeld, CameraNotHeld, CancelRun, PortChanged
from station.line.pool import Child, Pool
from station.line.port import BOOTED_S, Port
from station.line.runs import Runs
from station.line.setup import LineSetup, OpenLog
from station.line.stopping import Stopping
from station.model.batches import Batch
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceLeft, DeviceMode
from station.model.events import LedgerReply, RunOpened
from station.model.live import LineStatus
from station.model.runs import Outcome, RunRecord
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
        self._on_batch = on_batch
        self._unread: list[CameraHeld | CameraNotHeld] = []
        self._pool = pool
        self._ports: dict[str, Port] = {}
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell_in, self._bell_out = socket.socketpair()
        self._bell_in.setblocking(False)
        self._paused = False
        self.stopping = Stopping(setup)
        self.batching = Batching(setup)
        self._runs = Runs(setup, pool, self.stopping, self.batching, on_run)
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
        waits_for_log = self._unread and self.stopping.reason is None
        return self.stopping.stopped and not busy and not waits_for_log and not self._holding()

    def _step(self) -> None:
        holder = [self._pool.holder.connection] if self._pool.holder else []
        idle = {child.connection: child for child in self._pool.idle}
        sources: list[Connection | socket.socket] = [*holder, *self._runs.workers, *idle, self._bell_out]
        for ready in wait(sources, TICK_S):
            if ready is self._bell_out:
                self._bell_out.recv(4096)
            elif holder and ready is holder[0]:
                self._read_holder()
            elif isinstance(ready, Connection) and ready in self._runs.workers:
                port = self._runs.workers[ready]
                self._runs.read(ready)
                self._take_newcomer(port)
            elif isinstance(ready, Connection) and ready in idle:
                self._read_idle(idle[ready])
        self._take_in()
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
        if isinstance(event, DeviceLeft):
            port = self._ports.get(event.port_path)
            if port and port.device:
                self._left(port)
        elif isinstance(event, DeviceArrived):
            self._arrived(event.device)

    def listing_done(self) -> None:
        """Every device that was there at the start has been announced."""
        self.stopping.listed = True
        if self._runs.setup.only_present:
            self.stopping.refuse_new()

    def _arrived(self, device: Device) -> None:
        port = self._ports.get(device.port_path)
        if port is None:
            port = Port(device.port_path, self._runs.setup.slots.slot_at(device.port_path))
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
        else:
            self._came_new(port, device)

    def _came_new(self, port: Port, device: Device) -> None:
        if device.mode is DeviceMode.DFU:
            self._inserted(port, device)
        elif device.mode is DeviceMode.APPLICATION:
            self._booted(port)
            if twins := self._twins(port, device):
                self._refuse_twins([port, *twins], device.serial)

    def _left(self, port: Port) -> None:
        port.device, port.left_at_s, port.hold_since_s, port.newcomer = None, monotonic_s(), None, False
        if port.run is None:
            port.show(SlotState.EMPTY)
        elif port.worker is not None:
            port.worker.send(PortChanged(None))
        else:
            self._runs.close_unrun(
                port, Outcome.ABORTED, "operator.unplugged", "the camera was unplugged before its run"
            )

    def _came_back(self, port: Port, device: Device) -> None:
        if port.worker is None:
            return
        if device.mode is not DeviceMode.OTHER and port.runs_another_than(device):
            # A hand was quicker than the return window. The run is not this camera's, and must not end as if it were.
            port.newcomer = True
            text = "the camera was unplugged during the run, and another one plugged in"
            port.worker.send(CancelRun(Outcome.ABORTED, "operator.unplugged", text))
            return
        port.worker.send(PortChanged(device))
        if twins := self._twins(port, device):
            self._refuse_twins([port, *twins], device.serial)
            return
        if device.mode is DeviceMode.DFU and port.hold_wanted:
            self._hold(port, device)

    def _take_newcomer(self, port: Port) -> None:
        """The run that was in the way of another camera has ended: now it is that camera's turn."""
        if port.newcomer and port.run is None and port.device is not None:
            port.newcomer = False
            self._came_new(port, port.device)

    def _end_where_it_was(self, device: Device) -> None:
        """A camera was pulled out while it started, and is in another slot: its application will not come back."""
        for port in self._ports.values():
            if is_identity(device.serial) and port.waits_for(device) and port.worker is not None:
                text = "the camera was unplugged before its application came, and is in another slot"
                port.worker.send(CancelRun(Outcome.ABORTED, "operator.unplugged", text))

    def _booted(self, port: Port) -> None:
        if port.last and port.is_same_unit_again() and port.absent_s < BOOTED_S:
            port.show_last()
        else:
            port.show(SlotState.APPLICATION, message="it runs its application: replug it to flash it")

    def _inserted(self, port: Port, device: Device) -> None:
        """A camera in DFU mode that has no run yet: skip it, leave it alone, or hold it."""
        if not self._runs.setup.accepts(device) or not self.stopping.accepting:
            port.show(SlotState.WAITING, message="the line takes no new cameras now")
            return
        if port.came_back_by_itself(self._runs.setup.options.return_window_s):
            port.show_last()
            return
        port.history_due = self._runs.log is None
        if skip := self._interlock(port, device):
            self._runs.skip(port, device, skip)
        else:
            port.show(SlotState.HOLDING)
            self._hold(port, device)

    def _interlock(self, port: Port, device: Device) -> Skip | None:
        """Why the unit is not to be run; None as well where no log can be asked yet or the serial names no unit."""
        if self._runs.log is None or not is_identity(device.serial) or self._twins(port, device):
            return None
        try:
            history = self._runs.log.history(device.serial, self._runs.setup.batch)
        except StationError as error:
            self.stopping.stop_because(error)
            return Skip(error.code, str(error))
        return interlock(
            history, self._runs.setup.options, self._runs.setup.bundle_sha256, self._runs.setup.recipe.name
        )

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
        if self._runs.log is None:
            self._unread.append(answer)
            return
        # Asked once an insertion: a camera that is held again comes back in the middle of its own run.
        due, port.history_due = port.history_due, False
        if due and (skip := self._interlock(port, answer.device)):
            self._runs.skip(port, answer.device, skip)
        elif isinstance(answer, CameraHeld):
            self._held(port, answer)
        else:
            self._not_held(port, answer)

    def log_opened(self, log: OpenLog) -> None:
        """The log can be asked and written: what came before that goes on."""
        self._runs.log = log
        try:
            self.batching.log_opened(log)
        except StationError as error:
            self.stopping.stop_because(error)
        self._runs.setup = self.batching.applied_to(self._runs.setup)
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
        self._end_where_it_was(answer.device)
        twins = self._twins(port, answer.device)
        self._runs.open(port, answer.device, identified=is_identity(answer.device.serial) and not twins)
        if twins:
            self._refuse_twins([port, *twins], answer.device.serial)
        elif not is_identity(answer.device.serial):
            text = f"the serial {answer.device.serial!r} names no single unit"
            self._runs.close_unrun(port, Outcome.FAIL, "identity.default_serial", text)
        elif answer.bad_boot_header:
            text = "block 1 of BOOT holds no bootloader header"
            self._runs.close_unrun(port, Outcome.FAIL, "identity.not_an_ae3", text)
        else:
            self._runs.waiting.append(port)

    def _not_held(self, port: Port, answer: CameraNotHeld) -> None:
        if answer.code == "usb.access_denied":
            self.stopping.stop_because(UsbAccessError(answer.code, answer.message))
        if port.run is not None:
            return
        if answer.gone:
            port.show(SlotState.EMPTY, "usb.not_held", "it left its bootloader before it could be held: replug it")
            return
        self._runs.open(port, answer.device, identified=is_identity(answer.device.serial))
        self._runs.close_unrun(port, answer.outcome, answer.code, answer.message)

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
                self._runs.close_unrun(port, Outcome.FAIL, "identity.duplicate_serial", text)

    # --- runs -------------------------------------------------------------------------------------------------------

    def _start_waiting(self) -> None:
        """One worker after the other: a new one takes its time to start, and an arrival must not wait for it."""
        while self._runs.waiting and not self._paused and not self.batching.asks and not self._holds_come_first():
            self._runs.start(self._runs.waiting.pop(0))
            self._take_in()

    def _holds_come_first(self) -> bool:
        since_s = monotonic_s() - HOLD_FIRST_S
        return any(port.hold_since_s is not None and port.hold_since_s > since_s for port in self._ports.values())

    def _read_idle(self, child: Child) -> None:
        try:
            child.connection.recv()
        except (EOFError, OSError):
            self._pool.drop_idle(child)

    def ledger_replied(self, reply: LedgerReply) -> None:
        """The log's answer to a finished run."""
        self._runs.ledger_replied(reply)

    # --- requests ---------------------------------------------------------------------------------------------------

    def views(self) -> list[SlotView]:
        """The newest state of every slot, and of every other port with something in it."""
        return [port.view for port in list(self._ports.values()) if port.slot is not None or port.device is not None]

    def stop(self, *, abort: bool) -> None:
        """Take no new camera; let running ones finish, or end them at their next block."""
        self.stopping.refuse_new()
        self._unread.clear()
        for port in self._ports.values():
            if port.run is None:
                port.hold_since_s = None
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
        if port is None or port.slot is None or port.run is not None or port.device is None:
            return
        if port.state is SlotState.RECORDING or port.hold_since_s is not None:
            return
        if port.device.mode is DeviceMode.DFU:
            port.fickle = False
            self._inserted(port, port.device)
        else:
            port.message = "it is out of its bootloader: unplug it and plug it in again, that runs it"

    def close(self) -> None:
        """Free what the loop used."""
        self._bell_in.close()
        self._bell_out.close()
