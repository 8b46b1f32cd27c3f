"""The dispatcher: the only thread that changes slots.

1. Everything that happens (devices, answers of the holder and the log, facts of workers, requests) becomes an event of
   a slot; `transitions.step` says what follows, and the dispatcher carries the effects out. It decides nothing about
   a slot itself.
2. Who answers has a class each: `Holds` for the holder, `RunWorkers` for the workers, `LogQuestions` for the log. What
   concerns several slots is seen here: one serial in two places, which run is next, when the line stops.
3. It holds first and queues then: no worker is started, and the log asked nothing that can wait, while holds are
   under way.
4. Slots are frozen values: other threads may look at the newest ones at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from multiprocessing.connection import Connection, wait

from station.clock import monotonic_s, now
from station.control.wire import LineStatus
from station.errors import StationError
from station.flash.messages import CyclePortPower, EnterBootloader, RunCamera
from station.line.batch_requests import BatchRequests
from station.line.bound_batches import batch_refusal
from station.line.errands import Errands
from station.line.holds import Holds
from station.line.hub_loss import HubLosses
from station.line.hung_children import HungChildren, silence_limit_s
from station.line.inbox import Inbox
from station.line.line_terms import Terms
from station.line.listeners import Listeners
from station.line.log_decisions import Decision
from station.line.log_questions import LogQuestions
from station.line.log_replies import LogReplies
from station.line.open_batch import Batching
from station.line.permission_questions import PermissionQuestions
from station.line.pool import Pool
from station.line.run_plan import plan_of
from station.line.run_workers import RunWorkers
from station.line.setup import LineSetup, OpenLog
from station.line.slot import Moment, Phase, Slot
from station.line.slot_events import (
    Arrived,
    AskApplication,
    AskFactory,
    AskLog,
    BatchChanged,
    CancelAsked,
    CyclePower,
    Effect,
    FactoryAnswered,
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
    WorkerGiven,
)
from station.line.slot_requests import rerun_ways
from station.line.start_gate import StartGate
from station.line.stop_policy import PauseForFailures, StopForErrors, TakeSlotOut
from station.line.stop_reasons import Stopping
from station.line.transitions import step
from station.line.twins import doubled, moved_from
from station.line.unit_bindings_asked import BindingsAsked
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceLeft, DeviceMode
from station.model.events import LedgerReply
from station.model.ids import new_id
from station.model.notices import Notice
from station.model.permission import Permission
from station.model.runs import RunRecord
from station.model.serials import is_identity
from station.model.slots import RerunWay, SlotView
from station.model.unit_values import OnBound, SaidOfUnit

TICK_S = 0.25
HURRIED = (Phase.ASKING, Phase.ENTERING, Phase.PULLED)
TICKED = (*HURRIED, Phase.PERMISSION)
"""What a slot waits for here ends also by time alone; in the first ones within a part of a second."""
HURRIED_TICK_S = 0.05
"""How often to look then: a camera is held first where the log is slow."""


class Dispatcher:
    """Feeds events to slots and carries their effects out. Only `post`, `views` and `status` are for other threads."""

    def __init__(self, setup: LineSetup, log: OpenLog, pool: Pool, listeners: Listeners) -> None:
        self._listeners = listeners
        self._log = log
        self._slots: dict[str, Slot] = {}
        self._workers = RunWorkers(pool, self._feed, silence_limit_s(setup))
        self._errands = Errands(pool, self._feed_known)
        self.holds = Holds(pool, lambda answer: self._feed(answer.device.port_path, HolderAnswered(answer)))
        self._hung = HungChildren(self._workers, self.holds)
        self._queue: list[str] = []
        self._inbox = Inbox()
        self.stopping = Stopping(setup)
        self.batching = Batching(setup, log)
        refusal = partial(batch_refusal, setup)
        self._gate = StartGate(self.batching, self.stopping, attended=setup.attended, due=setup.due, refusal=refusal)
        self._setup = self.batching.applied_to(setup)
        self._hub_losses = HubLosses()
        self._questions = LogQuestions(log, self._log_answered, self._unit_found, self._units_counted)
        self._bindings = BindingsAsked(log.submit)
        self._replies = LogReplies(self._bindings, self.stopping, listeners.on_notice, self._feed, self._feed_all)
        self._permissions = PermissionQuestions(self._factory_answered)
        self.batch_requests = BatchRequests(
            self.batching, self._gate, self.stopping, self._questions, self._batch_changed
        )
        for path, name in setup.slots.names:
            self._slots[path] = Slot(path, name)

    # --- the loop ---------------------------------------------------------------------------------------------------

    def post(self, action: Callable[[], None]) -> None:
        """Have `action` called in the dispatcher's thread."""
        self._inbox.post(action)

    def loop(self, on_turn: Callable[[], None]) -> None:
        """Turn events into runs until the line has stopped and every run is in the log. `on_turn`: it still turns."""
        while not self._finished():
            on_turn()
            self.turn()

    def _finished(self) -> bool:
        busy = any(slot.is_awaited for slot in self._slots.values())
        return self.stopping.stopped and not busy and self._inbox.empty

    def turn(self) -> None:
        """Wait for what comes next, or for the next tick, and take it in."""
        readers = {pipe: who.read for who in (self.holds, self._workers, self._errands) for pipe in who.connections}
        found = wait([*readers, self._inbox.fileno()], self._patience_s)
        self._hung.turned()
        for ready in found:
            if isinstance(ready, Connection):
                readers[ready](ready)
            else:
                self._inbox.silence()
        if self._hung.stalled_s:
            self._workers.catch_up()
        self._take_in()
        self._tick()
        if reached := self._gate.newly_reached():
            self._listeners.on_plan_reached(reached)
        if not self.holds.come_first:
            self._questions.ask_what_waits()
        self._start_queued()
        self._kill_overdue()

    @property
    def _patience_s(self) -> float:
        hurried = any(slot.phase in HURRIED for slot in self._slots.values())
        return HURRIED_TICK_S if hurried else TICK_S

    def _take_in(self) -> None:
        """What other threads posted. What the workers told before that is heard first, however much it is: a worker
        tells that its camera will leave before it leaves, and this thread may have stalled for seconds."""
        while actions := self._inbox.take_all():
            self._workers.catch_up()
            for action in actions:
                action()

    def _tick(self) -> None:
        for slot in list(self._slots.values()):
            if slot.phase in TICKED:
                self._feed(slot.path, Ticked())

    # --- events in, effects out -------------------------------------------------------------------------------------

    @property
    def _terms(self) -> Terms:
        return Terms(self._setup, self.stopping.accepting, self.stopping.returning, self._hung.stalled_s)

    def _feed(self, path: str, event: SlotEvent, at_s: float | None = None) -> None:
        """One event of one slot; `at_s` is when it happened, where that is not now."""
        before = self._slots.get(path) or self._new_slot(path)
        moment = Moment(monotonic_s() if at_s is None else at_s, now(), new_id(), new_id())
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

    def _feed_each(self, events: Iterable[tuple[str, SlotEvent]]) -> None:
        for path, event in events:
            self._feed(path, event)

    def _new_slot(self, path: str) -> Slot:
        known = self._setup.slots.slot_at(path)
        return Slot(path, known.name if known else path, in_line=known is not None)

    def _carry_out(self, path: str, effect: Effect) -> None:
        if isinstance(effect, Submit):
            self._log.submit(effect.fact)
        elif isinstance(effect, AskLog):
            at_once = self._slots[path].phase is Phase.ASKING
            self._questions.ask(effect.device, self._terms, at_once=at_once)
        elif isinstance(effect, AskFactory):
            self._permissions.ask(path, effect, self._setup.permission)
        elif isinstance(effect, FindUnit):
            self._questions.find_unit(effect.device, self._terms)
        elif isinstance(effect, AskApplication):
            self._errands.ask(path, EnterBootloader(effect.device))
        elif isinstance(effect, CyclePower):
            self._errands.ask(path, CyclePortPower(path, effect.template))
        elif isinstance(effect, Hold):
            self.holds.ask(effect.device)
        elif isinstance(effect, StartWorker):
            self._start(path, effect)
        elif isinstance(effect, TellWorker):
            self._workers.send(path, effect.message)
        elif isinstance(effect, FreeWorker):
            self._workers.free(path, dead=effect.dead)
        elif isinstance(effect, Report):
            self._report(effect.run)
        elif isinstance(effect, GiveNotice):
            slot = self._slots[path]
            self._listeners.on_notice(Notice(slot.name, path, effect.code, effect.message))
        elif isinstance(effect, FoundTwin):
            self._feed_each(doubled(self._slots, path, effect.serial))
        elif isinstance(effect, StopLine):
            self.stopping.stop_because(effect.reason)

    def _start(self, path: str, effect: StartWorker) -> None:
        plan = plan_of(self._setup, effect)
        self._workers.start(path, RunCamera(plan, effect.device, effect.bootloader))

    def _report(self, run: RunRecord) -> None:
        # Counted first: who hears of the run and looks at the line then finds it counted.
        self.batching.count(run)
        self._listeners.on_run(run)
        for consequence in self.stopping.count(run):
            if isinstance(consequence, TakeSlotOut):
                self._feed(consequence.port_path, TakenOut(consequence.message))
            elif isinstance(consequence, PauseForFailures):
                self._gate.pause_for(consequence)
            elif isinstance(consequence, StopForErrors):
                self.stopping.stop_because(StationError("line.stopped", consequence.message))

    # --- devices ----------------------------------------------------------------------------------------------------

    def device_event(self, event: DeviceEvent, at_s: float) -> None:
        """A device arrived or left; `at_s` is when that was seen, which may be some time ago."""
        if isinstance(event, DeviceLeft):
            self.holds.forget(event.port_path)
            if event.port_path in self._slots:
                self._left(self._slots[event.port_path], at_s)
        elif isinstance(event, DeviceArrived):
            self._feed(event.device.port_path, Arrived(event.device), at_s)
            if event.device.mode is DeviceMode.DFU and is_identity(event.device.serial):
                self._compare_serials(event.device)

    def _left(self, before: Slot, at_s: float) -> None:
        self._feed(before.path, Left(), at_s)
        loss = self._hub_losses.left(before, self._slots.values(), at_s)
        if loss is not None:
            for path in loss.ports:
                self._feed(path, HubLost(loss.hub, len(loss.ports)))

    def _compare_serials(self, device: Device) -> None:
        """The same serial elsewhere: the camera was moved in the middle of its run, or there are two of them."""
        self._feed_each((path, MovedAway()) for path in moved_from(self._slots, device))
        self._feed_each(doubled(self._slots, device.port_path, device.serial))

    def listing_done(self) -> None:
        """Every device that was there at the start has been announced."""
        self.stopping.listed = True
        if self._setup.only_present:
            self.stopping.refuse_arrivals()

    # --- what the log tells -------------------------------------------------------------------------------------------

    def _log_answered(self, device: Device, decision: Decision, error: StationError | None) -> None:
        """Called in another thread."""

        def take_in() -> None:
            if error is not None:
                self.stopping.stop_because(error)
            self._feed(device.port_path, LogAnswered(device, decision))

        self.post(take_in)

    def _unit_found(self, device: Device, serial: str, is_left: bool) -> None:
        """Called in another thread."""
        self.post(lambda: self._feed(device.port_path, UnitFound(device, serial, is_left)))

    def _factory_answered(self, path: str, ticket: str, permission: Permission) -> None:
        """Called in another thread."""
        self.post(lambda: self._feed_known(path, FactoryAnswered(ticket, permission)))

    def _units_counted(self, batch: str, units: Collection[str]) -> None:
        """Called in another thread."""
        self.post(lambda: self.batch_requests.counted(batch, units))

    def ledger_replied(self, reply: LedgerReply) -> None:
        """The log's answer to a run, a batch or a binding; or that it has to wait."""
        self._replies.take_in(reply)

    # --- which run is next ------------------------------------------------------------------------------------------

    def _start_queued(self) -> None:
        """One worker after the other: a new one takes its time to start, and an arrival must not wait for it.

        Errands before runs: a person waits for them, and runs that are writing would make the rest of them slow.
        """
        while self._errands.waiting and not self.holds.come_first:
            self._errands.start_next()
            self._take_in()
        while self._queue and self._gate.is_open and not (self.holds.come_first or self._errands.come_first):
            self._feed(self._queue[0], WorkerGiven())
            self._take_in()

    def _kill_overdue(self) -> None:
        """A worker that waits for a silent camera cannot hear a cancellation: after a while it is killed."""
        if self.stopping.abort_is_overdue():
            self._workers.kill_all()
        self._hung.look()

    # --- requests ---------------------------------------------------------------------------------------------------

    def views(self) -> list[SlotView]:
        """The newest state of every slot, and of every other port with something in it."""
        return [slot.view for slot in list(self._slots.values()) if slot.in_line or slot.device is not None]

    def status(self) -> LineStatus:
        """How the line stands."""
        return self._gate.status()

    def stop(self, *, abort: bool) -> None:
        """Take no new camera; let running ones finish, or end them at their next block."""
        self.stopping.refuse_new()
        self._log.hurry()
        if abort:
            self.stopping.abort()
        self._feed_all(LineStopped(abort))

    def bind(self, said: SaidOfUnit, on_bound: OnBound) -> None:
        """Somebody says what a unit is; `on_bound` is called once, in this thread."""
        self._bindings.ask(said, self._slots, self._setup, on_bound)

    def cancel(self, port_path: str) -> None:
        """End one slot's run at its next block, or before it starts."""
        self._feed_known(port_path, CancelAsked())

    def rerun(self, port_path: str) -> None:
        """Run the camera that is in a slot once more. One that is out of its bootloader is brought there first."""
        self._feed_known(port_path, RerunAsked())

    def rerun_ways(self, port_paths: Iterable[str]) -> dict[RerunWay, list[str]]:
        """What such a request comes to as things stand: the names of the slots. For other threads, too."""
        return rerun_ways(self._slots, port_paths, self._terms)

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
        self._gate.pause(paused=paused)

    def _batch_changed(self) -> None:
        self._setup = self.batching.applied_to(self._setup)
        self._feed_all(BatchChanged(self._setup.batch, self._setup.operator))
        self._listeners.on_batch(self.batching.batch, self.batching.operator)

    def close(self) -> None:
        """Free what the loop used."""
        self._errands.close()
        self._questions.close()
        self._inbox.close()
