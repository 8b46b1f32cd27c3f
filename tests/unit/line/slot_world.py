"""Slots under any sequence of events: the events to draw, and what must hold after each of them and in the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from station.flash.messages import (
    AttemptEnded,
    BootloaderEntered,
    BootloaderNotEntered,
    CameraHeld,
    CameraNotHeld,
    HoldWanted,
    PowerCycled,
    PowerNotCycled,
    Progressed,
    RunEnded,
)
from station.line.interlock import Skip
from station.line.line_terms import Terms
from station.line.log_decisions import Go
from station.line.permission_rules import LATE_S
from station.line.run_rules import HUB_DECISION_S
from station.line.setup import PermissionTerms
from station.line.slot import WORKING, Moment, Phase, Slot
from station.line.slot_events import (
    Arrived,
    AskApplication,
    AskFactory,
    AskLog,
    BatchChanged,
    CancelAsked,
    CyclePower,
    Doubled,
    Effect,
    FactoryAnswered,
    FindUnit,
    FreeWorker,
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
    Submit,
    TakenOut,
    TellWorker,
    Ticked,
    UnitFound,
    UnitMarked,
    WorkerDied,
    WorkerGiven,
)
from station.line.transitions import step
from station.model import verdicts
from station.model.devices import Device, DeviceMode
from station.model.events import (
    AttemptFinished,
    OpeningCommitted,
    OpeningNotCommitted,
    RunCommitted,
    RunFinished,
    RunNotCommitted,
    RunOpened,
)
from station.model.permission import Answer as Said
from station.model.permission import Permission
from station.model.runs import AttemptRecord, Outcome, RunRecord
from station.model.slots import Progress, SlotState
from station.model.unit_marks import UnitMarks
from station.model.unit_values import UnitBinding, UnitKey, UnitValues
from station.model.verdicts import Verdict, ended_by
from station.problem import Problem, Sentence
from tests.unit.line.quiet_line import SETUP

START = datetime(2026, 11, 25, tzinfo=UTC)
SERIALS = ("4F6A1C6A3381000000000001", "4F6A1C6A3381000000000002", "0" * 24)
SOUND = Device("1-1", 1, 5, 0x37C5, 0x96E3, SERIALS[0], 0x0103, DeviceMode.DFU)
UHUBCTL = "uhubctl -l {hub} -p {port} -a cycle"
HELD_WHILE_SILENT = PermissionTerms(lambda question: Permission(Said.YES), "hold")
MARKED = UnitMarks(keys=(UnitKey("lens", required=True),), product_required=True)
ALLOWED_WHERE_SILENT = replace(HELD_WHILE_SILENT, silent="allow")
worlds: st.SearchStrategy[World] = st.deferred(
    lambda: st.builds(
        lambda application, power_cycle, permission, marks: World(
            terms=Terms(
                replace(SETUP, application=application, power_cycle=power_cycle, permission=permission, marks=marks)
            )
        ),
        st.sampled_from(["leave", "take", "enter"]),
        st.sampled_from(["", UHUBCTL]),
        st.sampled_from([None, HELD_WHILE_SILENT, ALLOWED_WHERE_SILENT]),
        st.sampled_from([UnitMarks(), MARKED]),
    )
)
"""Every setting of what becomes of a camera in its application, and of who allows its run."""

addresses = st.integers(1, 4)
devices = st.builds(
    lambda address, serial, mode: Device(
        "1-1", 1, address, 0x37C5, {"dfu": 0x96E3, "application": 0x16E3}.get(mode, 0x9206), serial, 0x0103, mode
    ),
    addresses,
    st.sampled_from(SERIALS),
    st.sampled_from([DeviceMode.DFU] * 4 + [DeviceMode.APPLICATION, DeviceMode.OTHER]),
)

applications = st.builds(
    lambda address: replace(SOUND, address=address, product_id=0x16E3, mode=DeviceMode.APPLICATION), addresses
)
"""Of one camera: what concerns them comes of several in a row."""


def marked(serial: str, product_serial: str | None = "P-1", **values: str) -> UnitMarked:
    """The log has what was said of a unit; without values, its lens."""
    given = UnitValues.of(values or {"lens": "L-1"})
    return UnitMarked(UnitBinding(serial, "s1", START, "ann", product_serial, given))


@dataclass
class World:
    """One slot and everything around it that answers: the log, the holder, a worker. Checks after every event."""

    slot: Slot = field(default_factory=lambda: Slot("1-1", "A1"))
    terms: Terms = field(default_factory=lambda: Terms(SETUP))
    at_s: float = 0.0
    keys: int = 0
    opened: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    on_disk: set[str] = field(default_factory=set)
    committed: set[str] = field(default_factory=set)
    reported: Counter[str] = field(default_factory=Counter)
    working: str | None = None
    asked: Device | None = None
    factory_asked: list[AskFactory] = field(default_factory=list)
    allowed: set[tuple[str, str | None]] = field(default_factory=set)
    """The runs that the factory's system allowed, or that need not wait for it, each in the batch that it has."""
    holding: list[Device] = field(default_factory=list)
    entering: list[Device | None] = field(default_factory=list)
    """The applications that were asked into their bootloader; None for a port whose power is being cycled."""
    taken_by_itself: bool = False
    """Since the port was empty for as long as a hand needs, or since a person restored the slot."""
    left_at_s: float = float("-inf")
    looked_up: list[Device] = field(default_factory=list)
    unanswered: list[RunRecord] = field(default_factory=list)
    unclosed: list[RunRecord] = field(default_factory=list)
    lost_with_hub: set[str] = field(default_factory=set)

    def feed(self, event: SlotEvent, later_s: float = 0.01) -> tuple[Effect, ...]:
        """One event; its effects are taken in and everything that must hold is checked."""
        self.at_s += later_s
        self.keys += 1
        now = Moment(self.at_s, START + timedelta(seconds=self.at_s), f"r{self.keys}", f"a{self.keys}")
        if isinstance(event, LineStopped):
            self.terms = replace(self.terms, accepting=False, returning=False)
        if isinstance(event, FactoryAnswered):
            self._note_permission(event)
        if isinstance(event, Ticked):
            self._note_silence()
        if isinstance(event, OpeningCommitted):
            self.on_disk.add(event.run.run_id)
        if isinstance(event, RunCommitted):
            self.committed.add(event.run.run_id)
        if isinstance(event, Arrived) and self.slot.device is None:
            self.taken_by_itself &= self.at_s - self.left_at_s < SETUP.options.return_window_s
        if isinstance(event, Arrived | Left) and self.slot.device is not None:
            self.left_at_s = self.at_s
        if isinstance(event, Restored) and self.slot.taken_out:
            self.taken_by_itself = False
        before = self.slot
        if isinstance(event, HubLost) and before.phase in (Phase.PULLED, *WORKING):
            assert before.run is not None
            self.lost_with_hub.add(before.run.run_id)
        self.slot, effects = step(before, event, now, self.terms)
        for effect in effects:
            self._take(effect)
            if isinstance(effect, AskApplication) and not isinstance(event, RerunAsked):
                assert not self.taken_by_itself, "taken by itself again and again"
                self.taken_by_itself = True
        self._check()
        return effects

    def _take(self, effect: Effect) -> None:
        if isinstance(effect, Submit):
            self._submitted(effect)
        elif isinstance(effect, StartWorker):
            assert effect.run.run_id in self.on_disk, "a worker began before the opening was on the disk"
            if self.terms.setup.permission is not None:
                assert (effect.run.run_id, effect.run.batch) in self.allowed, "written without permission"
            if effect.run.identified:
                missing = self.terms.setup.marks.missing(effect.run.product_serial, effect.run.unit_values)
                assert not missing, "written without what is required of its unit"
            assert self.working is None, "two workers"
            self.working = effect.run.run_id
        elif isinstance(effect, TellWorker):
            assert self.working is not None, "a message to no worker"
        elif isinstance(effect, FreeWorker):
            assert self.working is not None
            self.working = None
        elif isinstance(effect, AskLog):
            self.asked = effect.device
        elif isinstance(effect, Hold):
            assert effect.device == self.slot.device, "what is not here was to be held"
            self.holding.append(effect.device)
        elif isinstance(effect, AskApplication):
            assert effect.device == self.slot.device, "what is not here was to be asked"
            assert effect.device.mode is DeviceMode.APPLICATION
            assert self.slot.in_line
            assert not self.slot.taken_out
            self.entering.append(effect.device)
        elif isinstance(effect, CyclePower):
            assert effect.template, "no command was given"
            self.entering.append(None)
        elif isinstance(effect, AskFactory):
            assert self.slot.run is not None
            assert (effect.question.run_id, effect.question.batch) == (self.slot.run.run_id, self.slot.run.batch)
            assert effect.question.run_id in self.on_disk, "asked before the opening was on the disk"
            self.factory_asked.append(effect)
        elif isinstance(effect, FindUnit):
            self.looked_up.append(effect.device)
        elif isinstance(effect, Report):
            self.reported[effect.run.run_id] += 1

    def _note_permission(self, event: FactoryAnswered) -> None:
        """What the newest question's answer allows, by the setting."""
        terms, asked = self.terms.setup.permission, self.slot.permission
        if terms is None or asked is None or asked.ticket != event.ticket or self.slot.run is None:
            return
        if event.permission.answer is Said.YES or (event.permission.answer is Said.SILENT and terms.silent == "allow"):
            self.allowed.add((self.slot.run.run_id, self.slot.run.batch))

    def _note_silence(self) -> None:
        """Nobody answered within the question's limit: that is as good as silence, where the setting lets it pass."""
        terms, asked = self.terms.setup.permission, self.slot.permission
        if terms is None or terms.silent != "allow" or asked is None or self.slot.run is None:
            return
        if asked.open and self.at_s - asked.at_s > terms.timeout_s + LATE_S:
            self.allowed.add((self.slot.run.run_id, self.slot.run.batch))

    def _submitted(self, effect: Submit) -> None:
        fact = effect.fact
        if isinstance(fact, RunOpened):
            if fact.run.run_id not in self.opened:
                assert not self._open_runs(), "a slot has two runs"
                self.unanswered.append(fact.run)
            self.opened[fact.run.run_id] += 1
            assert not self.closed[fact.run.run_id], "opened again after it was closed"
        elif isinstance(fact, RunFinished):
            assert fact.run.run_id not in self.lost_with_hub or fact.run.code not in (
                "usb.disconnected",
                "boot.timeout",
            )
            skipped = fact.run.outcome is Outcome.SKIPPED
            assert skipped or self.opened[fact.run.run_id], "closed and never opened"
            self.closed[fact.run.run_id] += 1
            self.unclosed.append(fact.run)
        elif isinstance(fact, AttemptFinished):
            assert self.opened[fact.run_id]
            assert not self.closed[fact.run_id], "an attempt of a closed run"

    def _open_runs(self) -> list[str]:
        return [run_id for run_id in self.opened if not self.reported[run_id]]

    def _check(self) -> None:
        slot = self.slot
        assert all(count == 1 for count in self.closed.values() if count), "closed twice"
        assert all(count == 1 for count in self.reported.values() if count), "reported twice"
        assert (slot.run is not None) == (slot.phase not in _WITHOUT_RUN), slot.phase
        assert (slot.entry is not None) == (slot.phase is Phase.ENTERING), slot.phase
        if slot.state is SlotState.PASSED:
            assert slot.last is not None
            assert slot.last.run_id in self.committed, "green before the commit"
        if slot.phase in (Phase.RUNNING, Phase.AWAY, Phase.GONE):
            assert slot.run is not None
            assert self.working == slot.run.run_id
        assert slot.view.port_path == "1-1"

    def settle(self) -> None:
        """Everybody answers who was asked; a run that a worker has ends."""
        for _ in range(12):
            if self.asked is not None:
                asked, self.asked = self.asked, None
                self.feed(LogAnswered(asked, Go()))
            while self.holding:
                self.feed(HolderAnswered(CameraHeld(self.holding.pop(0), "1.0.3", 0.1)))
            while self.unanswered:
                self.feed(OpeningCommitted(self.unanswered.pop(0)))
            while self.factory_asked:
                self.feed(FactoryAnswered(self.factory_asked.pop(0).ticket, Permission(Said.YES)))
            if self.slot.phase is Phase.PERMISSION:
                self.feed(Ticked(), later_s=100.0)
            if self.slot.phase is Phase.UNBOUND:
                assert self.slot.run is not None
                self.feed(marked(self.slot.run.serial))
            if self.slot.phase is Phase.QUEUED:
                self.feed(WorkerGiven())
            if self.slot.phase is Phase.PULLED:
                self.feed(Ticked(), later_s=HUB_DECISION_S)
            if self.working is not None:
                self.feed(WorkerDied())
            while self.unclosed:
                self.feed(RunCommitted(self.unclosed.pop(0)))
            while self.looked_up:
                self.feed(UnitFound(self.looked_up.pop(0), ""))
            while self.entering:
                self.answer_entry(well=True)
            if self.slot.phase is Phase.ENTERING:
                self.feed(Ticked(), later_s=100.0)

    def answer_entry(self, *, well: bool, later_s: float = 0.01) -> None:
        """The worker answers that asked the application, or had the power cycled."""
        device = self.entering.pop(0)
        if device is None:
            self.feed(PowerCycled("1-1") if well else PowerNotCycled("1-1", "uhubctl ended with 1"), later_s)
        else:
            refusal = BootloaderNotEntered(
                device, Problem("test.no_repl", Sentence("the camera's REPL does not answer"))
            )
            self.feed(BootloaderEntered(device) if well else refusal, later_s)

    def check_end(self) -> None:
        """After everybody answered: all that was opened is closed and reported, once."""
        for run_id in self.opened:
            assert self.closed[run_id] == 1, f"{run_id} was never closed"
            assert self.reported[run_id] == 1, f"{run_id} was never reported"
        assert self.slot.run is None
        assert self.working is None
        assert not self.slot.is_awaited, "the line would never end"

    def check_usable(self) -> None:
        """An unplugged camera leaves a slot that takes the next one."""
        if not self.terms.accepting or self.slot.taken_out:
            return
        self.feed(Left(), later_s=100.0)
        self.settle()
        new = Device("1-1", 1, 99, 0x37C5, 0x96E3, "4F6A1C6A3381000000000009", 0x0103, DeviceMode.DFU)
        self.feed(Arrived(new))
        self.settle()
        assert self.slot.last is not None
        assert self.slot.last.serial == new.serial, "the slot is blocked"


_WITHOUT_RUN = (
    *(Phase.EMPTY, Phase.FOREIGN, Phase.APPLICATION, Phase.ENTERING, Phase.ASKING, Phase.HOLDING, Phase.DONE),
)


@dataclass(frozen=True)
class AnswerLog:
    """The log answers what it was asked last."""

    skip: bool


@dataclass(frozen=True)
class AnswerHold:
    """The holder answers one of what it was asked."""

    held: bool
    gone: bool


@dataclass(frozen=True)
class AnswerOpening:
    """The log answers an opening."""

    committed: bool


@dataclass(frozen=True)
class AnswerClose:
    """The log answers a close."""

    committed: bool


@dataclass(frozen=True)
class AnswerEntry:
    """A worker answers whether the application took the request, or the power was cycled."""

    well: bool


@dataclass(frozen=True)
class AnswerFactory:
    """The factory's system answers one of the questions that it was asked."""

    said: Said


@dataclass(frozen=True)
class AnswerUnit:
    """The log answers whose application it was asked about."""

    is_left: bool


@dataclass(frozen=True)
class Forward:
    """What a sound bench does next, some steps of it: arbitrary events alone seldom come as far as a result."""

    steps: int


Answer = Forward | AnswerLog | AnswerHold | AnswerOpening | AnswerClose | AnswerEntry | AnswerUnit | AnswerFactory

attempts = st.builds(
    lambda key: AttemptRecord(key, 1, Outcome.FAIL, "usb.timeout", "write", START, 1.0), st.text("xyz", min_size=3)
)
ends = st.builds(
    RunEnded,
    st.builds(
        Verdict,
        st.sampled_from(Outcome),
        st.sampled_from([None, Problem("usb.disconnected", Sentence("")), Problem("boot.timeout", Sentence(""))]),
    ),
    verified=st.booleans(),
    boot_confirmed=st.booleans(),
    left_by_itself=st.booleans(),
)
stray_runs = st.builds(
    lambda run_id, outcome: RunRecord(
        run_id=run_id,
        station_id="s1",
        serial=SERIALS[0],
        identified=True,
        slot="A1",
        port_path="1-1",
        batch=None,
        operator=None,
        recipe="full",
        bundle="b",
        bundle_sha256="b1",
        bootloader=None,
        started_at=START,
        outcome=outcome,
    ),
    st.sampled_from(["r1", "r2", "stray"]),
    st.just(Outcome.PASS),
)
forwards = st.builds(Forward, st.integers(1, 7))
answers: st.SearchStrategy[Answer] = st.one_of(
    forwards,
    forwards,
    forwards,
    st.builds(AnswerLog, skip=st.booleans()),
    st.builds(AnswerHold, held=st.sampled_from([True, True, True, False]), gone=st.booleans()),
    st.builds(AnswerOpening, committed=st.sampled_from([True, True, True, False])),
    st.builds(AnswerClose, committed=st.sampled_from([True, True, True, False])),
    st.builds(AnswerEntry, well=st.booleans()),
    st.builds(AnswerUnit, is_left=st.booleans()),
    st.builds(AnswerFactory, st.sampled_from(Said)),
)
events: st.SearchStrategy[SlotEvent] = st.one_of(
    st.builds(Arrived, devices),
    st.builds(Arrived, devices),
    st.builds(Arrived, applications),
    st.builds(Arrived, applications),
    st.just(Left()),
    st.builds(
        LogAnswered, devices, st.sampled_from([Go(), Go(check=True), Skip(Problem("unit.set_aside", Sentence("")))])
    ),
    st.builds(HolderAnswered, st.builds(CameraHeld, devices, st.just("1.0.3"), st.just(0.1))),
    st.builds(Doubled, st.sampled_from(SERIALS), st.just("A1 and A2")),
    st.just(MovedAway()),
    st.just(HubLost("1-1", 4)),
    st.just(HubLost("1-1", 4)),
    st.just(WorkerGiven()),
    st.just(CancelAsked()),
    st.just(RerunAsked()),
    st.builds(UnitFound, devices, st.sampled_from(["", *SERIALS]), st.booleans()),
    st.one_of(st.builds(BootloaderEntered, devices), st.just(PowerCycled("1-1"))),
    st.builds(BatchChanged, st.sampled_from([None, "L1"]), st.none()),
    st.builds(FactoryAnswered, st.sampled_from(["stray", ""]), st.just(Permission(Said.YES))),
    st.builds(marked, st.sampled_from(SERIALS), st.sampled_from([None, "P-1", "P-1"])),
    st.just(Ticked()),
    st.sampled_from([TakenOut("three"), Restored(), Restored(), LineStopped(False), LineStopped(True)]),
    st.builds(OpeningNotCommitted, stray_runs, st.just("stray")),
    st.builds(RunNotCommitted, stray_runs, st.just("stray")),
)
worker_events: st.SearchStrategy[SlotEvent] = st.one_of(
    st.just(WorkerDied()),
    st.builds(HoldWanted, st.booleans()),
    st.builds(Progressed, st.just(Progress("write", 1))),
    st.builds(AttemptEnded, attempts),
    ends,
)
delays_s = st.sampled_from([0.001, 0.01, 0.3, 5.0, 61.0])
moves: st.SearchStrategy[SlotEvent | Answer] = st.one_of(events, answers, answers, worker_events)


def play(world: World, move: SlotEvent | Answer, later_s: float) -> None:
    """One move: an event, or an answer to something that was asked (nothing where nothing was)."""
    if isinstance(move, Forward):
        for _ in range(move.steps):
            forward(world, later_s)
    elif isinstance(move, AnswerLog):
        if world.asked is not None:
            asked, world.asked = world.asked, None
            world.feed(
                LogAnswered(asked, Skip(Problem("unit.already_passed", Sentence(""))) if move.skip else Go()), later_s
            )
    elif isinstance(move, AnswerHold):
        if world.holding:
            device = world.holding.pop(0)
            not_held = CameraNotHeld(device, ended_by(Outcome.FAIL, "usb.timeout", Sentence("silent")), move.gone)
            world.feed(HolderAnswered(CameraHeld(device, "1.0.3", 0.1) if move.held else not_held), later_s)
    elif isinstance(move, AnswerEntry):
        if world.entering:
            world.answer_entry(well=move.well, later_s=later_s)
    elif isinstance(move, AnswerFactory):
        if world.factory_asked:
            ticket = world.factory_asked.pop(0).ticket
            world.feed(FactoryAnswered(ticket, Permission(move.said, "so")), later_s)
    elif isinstance(move, AnswerUnit):
        if world.looked_up:
            world.feed(UnitFound(world.looked_up.pop(0), SERIALS[0], move.is_left), later_s)
    elif isinstance(move, AnswerOpening):
        if world.unanswered:
            run = world.unanswered.pop(0)
            world.feed(OpeningCommitted(run) if move.committed else OpeningNotCommitted(run, "full"), later_s)
    elif isinstance(move, AnswerClose):
        if world.unclosed:
            run = world.unclosed.pop(0)
            world.feed(RunCommitted(run) if move.committed else RunNotCommitted(run, "full"), later_s)
    elif isinstance(move, WorkerDied | HoldWanted | Progressed | AttemptEnded | RunEnded):
        # A worker speaks only while it has a run: its pipe belongs to one slot.
        if world.working is not None:
            world.feed(move, later_s)
    else:
        world.feed(move, later_s)


PASSED = RunEnded(verdicts.PASSED, verified=True, boot_confirmed=True, left_by_itself=False)


def forward(world: World, later_s: float) -> None:
    """The next step of a sound bench."""
    if world.slot.device is None and not world.slot.busy:
        world.feed(Arrived(SOUND), later_s)
    elif world.asked is not None:
        asked, world.asked = world.asked, None
        world.feed(LogAnswered(asked, Go()), later_s)
    elif world.holding:
        world.feed(HolderAnswered(CameraHeld(world.holding.pop(0), "1.0.3", 0.1)), later_s)
    elif world.unanswered:
        world.feed(OpeningCommitted(world.unanswered.pop(0)), later_s)
    elif world.factory_asked:
        world.feed(FactoryAnswered(world.factory_asked.pop(0).ticket, Permission(Said.YES)), later_s)
    elif world.slot.phase is Phase.UNBOUND:
        world.feed(marked(SERIALS[0]), later_s)
    elif world.slot.phase is Phase.QUEUED:
        world.feed(WorkerGiven(), later_s)
    elif world.working is not None:
        world.feed(PASSED, later_s)
    elif world.unclosed:
        world.feed(RunCommitted(world.unclosed.pop(0)), later_s)
    elif world.entering:
        world.answer_entry(well=True, later_s=later_s)
    elif world.looked_up:
        world.feed(UnitFound(world.looked_up.pop(0), ""), later_s)
    elif world.slot.phase is Phase.ENTERING:
        world.feed(Arrived(replace(SOUND, address=9)), later_s)
