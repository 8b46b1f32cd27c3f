"""The dispatcher: the only thread that changes slots.

1. Everything that happens (devices, answers of the holder and the log, facts of workers, requests) becomes an event of
   a slot; `transitions.step` says what follows, and the dispatcher carries the effects out. It decides nothing about
   a slot itself.
2. What concerns several slots is seen here: one serial in two places, which run is next, when the line stops.
3. It holds first and queues then: no worker is started while holds are under way.
4. Slots are frozen values: other threads may look at the newest ones at any time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from station.bell import Bell
from station.clock import monotonic_s, now
from station.control.wire import LineStatus
from station.errors import LedgerError, StationError
from station.flash.messages import AttemptEnded, HolderReady, HoldWanted, Progressed, RunCamera, RunEnded
from station.line.hub_loss import HubLosses
from station.line.line_terms import Terms
from station.line.log_decisions import Decision
from station.line.log_questions import LogQuestions
from station.line.open_batch import Batching
from station.line.pool import Child, Pool
from station.line.setup import LineSetup, OpenLog
from station.line.slot import Moment, Phase, Slot
from station.line.slot_events import (
    Arrived,
    AskLog,
    BatchChanged,
    CancelAsked,
    Doubled,
    Effect,
    FindUnit,
    FoundTwin,
    FreeWorker,
    GiveNotice,
    Hold,
    HolderAnswered,
    HubLost,
    Left,
    LineStopped,
    LogAnswered,
    MovedAway,
    Report,
    RerunAsked,
    Restored,
    SlotEvent,
    StartWorker,
    StopLine,
    Submit,
    TakenOut,
    TellWorker,
    Ticked,
    UnitFound,
    WorkerDied,
    WorkerGiven,
)
from station.line.stop_policy import PauseForFailures, StopForErrors, TakeSlotOut
from station.line.stop_reasons import Stopping
from station.line.transitions import step
from station.model.batches import Batch
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceLeft, DeviceMode
from station.model.events import (
    BatchNotCommitted,
    LedgerReply,
)
from station.model.ids import new_id
from station.model.notices import Notice
from station.model.runs import RunPlan, RunRecord
from station.model.serials import canonical_serial, is_identity
from station.model.slots import SlotView

TICK_S = 0.25
TICKED = (Phase.ASKING, Phase.PULLED)
"""What a slot waits for here ends also by time alone."""
ASKING_TICK_S = 0.05
"""How often to look while a slot waits so: a camera is held first where the log is slow."""
HOLD_FIRST_S = 1.5
"""For how long a hold under way keeps workers from starting. One that takes longer is a broken camera, no busy line."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who hears what the line does. Called in the dispatcher's thread; each must be quick."""

    on_run: Callable[[RunRecord], None]
    on_batch: Callable[[Batch | None, str | None], None] = lambda batch, operator: None
    on_plan_reached: Callable[[Batch], None] = lambda batch: None
    on_notice: Callable[[Notice], None] = lambda notice: None


class Dispatcher:
    """Feeds events to slots and carries their effects out. Only `post`, `views` and `status` are for other threads."""

    def __init__(self, setup: LineSetup, log: OpenLog, pool: Pool, listeners: Listeners) -> None:
        self._listeners = listeners
        self._log = log
        self._pool = pool
        self._slots: dict[str, Slot] = {}
        self._workers: dict[str, Child] = {}
        self._holds: dict[str, tuple[Device, float]] = {}
        self._queue: list[str] = []
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell = Bell()
        self._paused = False
        self._pause_reason: PauseForFailures | None = None
        self._plan_was_reached = False
        self.on_ready: Callable[[], None] | None = None
        """Called in a thread of its own when cameras may come."""
        self.stopping = Stopping(setup)
        self.batching = Batching(setup, log)
        self._setup = self.batching.applied_to(setup)
        self._hub_losses = HubLosses()
        self._questions = LogQuestions(log, self._log_answered, self._unit_found)
        for path, name in setup.slots.names:
            self._slots[path] = Slot(path, name)

    # --- the loop ---------------------------------------------------------------------------------------------------

    def post(self, action: Callable[[], None]) -> None:
        """Have `action` called in the dispatcher's thread."""
        self._inbox.put(action)
        self._bell.ring()

    def loop(self) -> None:
        """Turn events into runs until the line has stopped and every run is in the log."""
        while not self._finished():
            self._step()

    def _finished(self) -> bool:
        busy = any(slot.busy or slot.arrival is not None for slot in self._slots.values())
        return self.stopping.stopped and not busy and self._inbox.empty()

    def _step(self) -> None:
        holder = [self._pool.holder.connection] if self._pool.holder else []
        working = {child.connection: path for path, child in self._workers.items()}
        idle = {child.connection: child for child in self._pool.idle}
        sources: list[Connection | int] = [*holder, *working, *idle, self._bell.fileno()]
        for ready in wait(sources, self._patience_s):
            if ready == self._bell.fileno():
                self._bell.silence()
            elif holder and ready is holder[0]:
                self._read_holder()
            elif isinstance(ready, Connection) and ready in working:
                self._read_worker(working[ready], ready)
            elif isinstance(ready, Connection) and ready in idle:
                self._read_idle(idle[ready])
        self._take_in()
        self._tick()
        self._notice_plan()
        self._start_queued()
        self._kill_overdue()

    @property
    def _patience_s(self) -> float:
        asking = any(slot.phase in TICKED for slot in self._slots.values())
        return ASKING_TICK_S if asking else TICK_S

    def _take_in(self) -> None:
        while True:
            try:
                action = self._inbox.get_nowait()
            except queue.Empty:
                return
            action()

    def _tick(self) -> None:
        for slot in list(self._slots.values()):
            if slot.phase in TICKED:
                self._feed(slot.path, Ticked())

    # --- events in, effects out -------------------------------------------------------------------------------------

    @property
    def _terms(self) -> Terms:
        return Terms(self._setup, self.stopping.accepting)

    def _feed(self, path: str, event: SlotEvent) -> None:
        """One event of one slot."""
        before = self._slots.get(path) or self._new_slot(path)
        moment = Moment(monotonic_s(), now(), new_id(), new_id())
        slot, effects = step(before, event, moment, self._terms)
        self._slots[path] = slot
        if slot.phase is Phase.QUEUED and path not in self._queue:
            self._queue.append(path)
        elif slot.phase is not Phase.QUEUED and path in self._queue:
            self._queue.remove(path)
        for effect in effects:
            self._carry_out(path, effect)

    def _feed_all(self, event: SlotEvent) -> None:
        for path in list(self._slots):
            self._feed(path, event)

    def _new_slot(self, path: str) -> Slot:
        known = self._setup.slots.slot_at(path)
        return Slot(path, known.name if known else path, in_line=known is not None)

    def _carry_out(self, path: str, effect: Effect) -> None:
        if isinstance(effect, Submit):
            self._log.submit(effect.fact)
        elif isinstance(effect, AskLog):
            self._questions.ask(effect.device, self._terms)
        elif isinstance(effect, FindUnit):
            self._questions.find_unit(effect.device)
        elif isinstance(effect, Hold):
            self._holds[path] = effect.device, monotonic_s()
            self._pool.hold(effect.device)
        elif isinstance(effect, StartWorker):
            self._start(path, effect)
        elif isinstance(effect, TellWorker):
            self._workers[path].send(effect.message)
        elif isinstance(effect, FreeWorker):
            self._free(self._workers.pop(path), dead=effect.dead)
        elif isinstance(effect, Report):
            self._report(effect.run)
        elif isinstance(effect, GiveNotice):
            slot = self._slots[path]
            self._listeners.on_notice(Notice(slot.name, path, effect.code, effect.message))
        elif isinstance(effect, FoundTwin):
            self._refuse_twins(path, effect.serial)
        elif isinstance(effect, StopLine):
            self.stopping.stop_because(effect.reason)

    def _start(self, path: str, effect: StartWorker) -> None:
        setup, run = self._setup, effect.run
        plan = RunPlan(
            run.run_id,
            run.serial,
            setup.recipe,
            setup.images,
            setup.options,
            check_first=effect.check,
            hold_notes=run.notes,
        )
        child = self._workers[path] = self._pool.take()
        child.send(RunCamera(plan, effect.device, effect.bootloader))

    def _free(self, child: Child, *, dead: bool) -> None:
        if dead:
            child.close()
        else:
            self._pool.give_back(child)

    def _report(self, run: RunRecord) -> None:
        self._listeners.on_run(run)
        self.batching.count(run)
        for consequence in self.stopping.count(run):
            if isinstance(consequence, TakeSlotOut):
                self._feed(consequence.port_path, TakenOut(consequence.message))
            elif isinstance(consequence, PauseForFailures):
                self._pause_for(consequence)
            elif isinstance(consequence, StopForErrors):
                self.stopping.stop_because(StationError("line.stopped", consequence.message))

    def _pause_for(self, reason: PauseForFailures) -> None:
        if not self._setup.attended:
            self.stopping.stop_because(StationError("line.same_failures", reason.message))
        else:
            self._paused, self._pause_reason = True, reason

    # --- devices ----------------------------------------------------------------------------------------------------

    def device_event(self, event: DeviceEvent) -> None:
        """A device arrived or left."""
        if isinstance(event, DeviceLeft):
            self._holds.pop(event.port_path, None)
            if event.port_path in self._slots:
                self._left(self._slots[event.port_path])
        elif isinstance(event, DeviceArrived):
            self._feed(event.device.port_path, Arrived(event.device))
            if event.device.mode is DeviceMode.DFU and is_identity(event.device.serial):
                self._compare_serials(event.device)

    def _left(self, before: Slot) -> None:
        self._feed(before.path, Left())
        loss = self._hub_losses.left(before, self._slots.values(), monotonic_s())
        if loss is not None:
            for path in loss.ports:
                self._feed(path, HubLost(loss.hub, len(loss.ports)))

    def _compare_serials(self, device: Device) -> None:
        """The same serial elsewhere: the camera was moved in the middle of its run, or there are two of them."""
        others = [slot for slot in self._slots.values() if slot.path != device.port_path]
        for slot in others:
            if slot.lost and slot.run and canonical_serial(slot.run.serial) == canonical_serial(device.serial):
                self._feed(slot.path, MovedAway())
        self._refuse_twins(device.port_path, device.serial)

    def _refuse_twins(self, path: str, serial: str) -> None:
        """The camera at `path` and every other one with its serial name no single unit."""
        mine = self._slots[path]
        doubled = [slot for slot in self._slots.values() if slot.path != path and slot.has_serial(serial)]
        if not doubled or not mine.in_line:
            return
        places = " and ".join(sorted(slot.name for slot in (mine, *doubled)))
        for slot in (*doubled, mine):
            self._feed(slot.path, Doubled(serial, places))

    def listing_done(self) -> None:
        """Every device that was there at the start has been announced."""
        self.stopping.listed = True
        if self._setup.only_present:
            self.stopping.refuse_new()

    # --- what the holder, the workers and the log tell ---------------------------------------------------------------

    def _read_holder(self) -> None:
        assert self._pool.holder is not None
        try:
            answer = self._pool.holder.connection.recv()
        except (EOFError, OSError):
            # Whatever it was holding is asked for again; cameras that it held already stay held.
            self._pool.replace_holder()
            for device, _ in self._holds.values():
                self._pool.hold(device)
            return
        if isinstance(answer, HolderReady):
            self._say_ready()
            return
        path = answer.device.port_path
        asked = self._holds.get(path)
        if asked is not None and asked[0] == answer.device:
            del self._holds[path]
            self._feed(path, HolderAnswered(answer))

    def _say_ready(self) -> None:
        """The holder can hold; reported once, also where a holder that died is replaced later."""
        on_ready, self.on_ready = self.on_ready, None
        if on_ready is not None:
            threading.Thread(target=on_ready, name="ready", daemon=True).start()

    def _read_worker(self, path: str, connection: Connection) -> None:
        if path not in self._workers or self._workers[path].connection is not connection:
            return
        try:
            fact = connection.recv()
        except (EOFError, OSError):
            self._feed(path, WorkerDied())
            return
        if isinstance(fact, Progressed | HoldWanted | AttemptEnded | RunEnded):
            self._feed(path, fact)

    def _read_idle(self, child: Child) -> None:
        try:
            child.connection.recv()
        except (EOFError, OSError):
            self._pool.drop_idle(child)

    def _log_answered(self, device: Device, decision: Decision, error: StationError | None) -> None:
        """Called in another thread."""

        def take_in() -> None:
            if error is not None:
                self.stopping.stop_because(error)
            self._feed(device.port_path, LogAnswered(device, decision))

        self.post(take_in)

    def _unit_found(self, device: Device, serial: str) -> None:
        """Called in another thread."""
        self.post(lambda: self._feed(device.port_path, UnitFound(device, serial)))

    def ledger_replied(self, reply: LedgerReply) -> None:
        """The log's answer to a run; or that it could not take a batch, which stops the line as well."""
        if isinstance(reply, BatchNotCommitted):
            text = f"batch {reply.batch.name} could not be written to the log: {reply.reason}"
            self.stopping.stop_because(LedgerError("ledger.write_failed", text))
        else:
            self._feed(reply.run.port_path, reply)

    # --- which run is next ------------------------------------------------------------------------------------------

    def _start_queued(self) -> None:
        """One worker after the other: a new one takes its time to start, and an arrival must not wait for it."""
        while self._queue and not self._paused and not self.batching.asks and not self._holds_come_first:
            self._feed(self._queue[0], WorkerGiven())
            self._take_in()

    @property
    def _holds_come_first(self) -> bool:
        """Whether a hold is under way that must not be made slower."""
        since_s = monotonic_s() - HOLD_FIRST_S
        return any(asked_s > since_s for _, asked_s in self._holds.values())

    def _notice_plan(self) -> None:
        """Tell it once, whichever way it came about: the last unit, a smaller quantity, a batch that goes on."""
        reached, batch = self.batching.asks, self.batching.batch
        if reached and not self._plan_was_reached and batch is not None:
            self._listeners.on_plan_reached(batch)
        self._plan_was_reached = reached

    def _kill_overdue(self) -> None:
        """A worker that waits for a silent camera cannot hear a cancellation: after a while it is killed."""
        if self.stopping.abort_is_overdue():
            for child in self._workers.values():
                child.kill()

    # --- requests ---------------------------------------------------------------------------------------------------

    def views(self) -> list[SlotView]:
        """The newest state of every slot, and of every other port with something in it."""
        return [slot.view for slot in list(self._slots.values()) if slot.in_line or slot.device is not None]

    def status(self) -> LineStatus:
        """How the line stands."""
        stopped, paused = self.stopping.reason, self._pause_reason
        return LineStatus(
            accepting=self.stopping.accepting,
            paused=self._paused,
            code=stopped.code if stopped else None,
            message=stopped.message if stopped else "",
            plan_reached=self.batching.asks,
            paused_code=paused.code if paused else None,
            paused_message=paused.message if paused else "",
        )

    def stop(self, *, abort: bool) -> None:
        """Take no new camera; let running ones finish, or end them at their next block."""
        self.stopping.refuse_new()
        if abort:
            self.stopping.abort()
        self._feed_all(LineStopped(abort))

    def cancel(self, port_path: str) -> None:
        """End one slot's run at its next block, or before it starts."""
        self._feed_known(port_path, CancelAsked())

    def rerun(self, port_path: str) -> None:
        """Run the camera that is in a slot once more. One that is out of its bootloader must be plugged in again."""
        self._feed_known(port_path, RerunAsked())

    def restore_slot(self, place: str) -> None:
        """Use a slot again that was taken out; `place` is its name or its port path."""
        for slot in list(self._slots.values()):
            if place in (slot.name, slot.path):
                self.stopping.restored(slot.path)
                self._feed(slot.path, Restored())

    def _feed_known(self, path: str, event: SlotEvent) -> None:
        if path in self._slots:
            self._feed(path, event)

    def pause(self, *, paused: bool) -> None:
        """Start no camera while paused: cameras are held and wait, running ones finish."""
        self._paused, self._pause_reason = paused, None
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
            self.pause(paused=True)
            self._batch_changed()

    def go_on_with_batch(self, name: str) -> None:
        """The batch goes on although every planned unit has its result."""
        if self.batching.is_at_the_bench(name):
            self.batching.go_on()

    def _batch_changed(self) -> None:
        self._setup = self.batching.applied_to(self._setup)
        self._feed_all(BatchChanged(self._setup.batch, self._setup.operator))
        self._listeners.on_batch(self.batching.batch, self.batching.operator)

    def close(self) -> None:
        """Free what the loop used."""
        self._questions.close()
        self._bell.close()
