"""A bench that qualifies itself: a line of engineering runs, each camera sent round until its slot has enough.

1. The line does what it always does: it takes a camera that is in its bootloader, or asks its application there, and
   runs it. `Rounds` only asks for the next run where one is over, as the key `r` does.
2. `Rounds` looks in a thread of its own at what the line shows. Every wait ends: a camera that does not come back in
   `GONE_S`, `FAILURES` runs in a row that do not pass, or `NOT_ENTERED` requests in a row that it does not follow, and
   its slot gives up with the reason.
3. A slot counts from its first camera on. The end is when every slot that had one has its runs, or gave up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from station import __version__
from station.clock import monotonic_s, now
from station.errors import UsageError
from station.line.listeners import Listeners
from station.line.running_line import Line
from station.line.setup import LineSetup
from station.model.bundles import Bundle
from station.model.devices import Device
from station.model.functional_tests import FunctionalTests
from station.model.notices import Notice
from station.model.recipes import Recipe, StepKind
from station.model.runs import Outcome, Purpose, RunRecord
from station.model.slots import RerunWay, SlotState, SlotView, slot_order
from station.qualification.bench_report import About, BenchReport, bench_report
from station.qualification.bench_run import Expectations, SlotCycles
from station.usb.ports import parse_port_path
from station.wiring.bench import Bench
from station.wiring.line import line_setup, taught

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.settings import Settings

RECIPE = "qualify"
LOOK_S = 0.25
ASK_AGAIN_S = 3.0
FIRST_S = 60.0
"""How long the next camera may take to be plugged in, where one is waited for."""
GONE_S = 60.0
"""How long a camera that is off the bus, or shows nothing that could be run, may take to come back."""
FAILURES = 5
NOT_ENTERED = 2

MADE = ("version", "sensor", "picture", "files", "he")
AT_WORK = (SlotState.HOLDING, SlotState.WAITING, SlotState.RUNNING, SlotState.RECORDING)
NOT_MEANT = (SlotState.NOT_A_SLOT, SlotState.TAKEN_OUT)


def qualifying_setup(
    settings: Settings, store: BundleStore, bundle: Bundle, slots: Collection[str] | None = None
) -> LineSetup:
    """A line for engineering runs that write every block, make every test and stop for no failure.

    `slots` are the names of those to qualify, None for all. UsageError `usage.unknown_slot` for one that there is not.
    """
    map_of = settings.slot_map
    known = [name for _, name in map_of.names]
    for name in slots or ():
        _refuse_unknown(name, known)
    setup = line_setup(settings, store, bundle, enter_bootloader=True)

    def accepts(device: Device) -> bool:
        slot = map_of.slot_at(device.port_path)
        return slots is None or (slot is not None and slot.name in slots)

    return replace(
        setup,
        recipe=with_every_test(settings, setup.recipe),
        options=replace(setup.options, already_passed="reflash", write="all", verify=True, max_runs=0),
        tests=_all_noted(setup),
        qualifies=True,
        purpose=Purpose.ENGINEERING,
        batch=None,
        outside_batches=True,
        errors_in_a_row=0,
        same_failures_in_a_row=0,
        slot_failures_in_a_row=0,
        accepts=accepts,
    )


def _refuse_unknown(name: str, known: Sequence[str]) -> None:
    """A camera in a slot that there is not would be waited for in vain."""
    if known and name not in known:
        raise UsageError("usage.unknown_slot", f"there is no slot {name}; there are {', '.join(known)}")
    try:
        if not known:
            parse_port_path(name)
    except ValueError as error:
        text = f"there is no slot {name}: with no [slots] in the configuration a slot is named by its port, as 1-1.4.2"
        raise UsageError("usage.unknown_slot", text) from error


def with_every_test(settings: Settings, recipe: Recipe) -> Recipe:
    """A recipe's steps, and behind them every test that it does not have."""
    from station.settings import STEPS

    tests = tuple(step for step in STEPS.values() if step.kind is StepKind.TEST and step.test not in recipe.tests)
    return Recipe(RECIPE, (*recipe.steps, *tests))


def _all_noted(setup: LineSetup) -> FunctionalTests:
    """Every test is made at least for a note, but for the one that only takes time: the boot phase waits, too."""
    noted: dict[str, Any] = {name: "note" for name in MADE if setup.tests.mode(name) == "off"}
    return replace(setup.tests, **noted)


@dataclass
class _Round:
    """One slot on its way round."""

    slot: str
    port_path: str
    since_s: float
    runs: list[RunRecord] = field(default_factory=list)
    entered_s: list[float] = field(default_factory=list)
    not_entered: int = 0
    refused_in_a_row: int = 0
    asked_s: float | None = None
    """When its application was asked into the bootloader last, None while nobody waits for that."""
    asked_at_s: float = float("-inf")
    gave_up: str = ""
    over: bool = False

    def failed_in_a_row(self) -> int:
        """How many of the newest runs did not pass."""
        count = 0
        for run in reversed(self.runs):
            if run.outcome is Outcome.PASS:
                break
            count += 1
        return count

    @property
    def cycles(self) -> SlotCycles:
        """What the report is made of."""
        return SlotCycles(
            self.slot, self.port_path, tuple(self.runs), tuple(self.entered_s), self.not_entered, self.gave_up
        )


class Rounds:
    """Sends every camera round. `listeners` is for the line, `watch` for a thread, `cycles` for whoever reports."""

    def __init__(
        self,
        count: int,
        wanted: Collection[str] | None,
        on_run: Callable[[RunRecord], None],
        say: Callable[[str], None],
        wait_s: float = FIRST_S,
    ) -> None:
        """`count` runs a slot; `wanted` slots by name, None for those with a camera. `wait_s` is for the next one."""
        self._wait_s = wait_s
        self._count = count
        self._wanted = wanted
        self._on_run = on_run
        self._say = say
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._rounds: dict[str, _Round] = {}
        self._notices: list[Notice] = []
        self._ended = False

    @property
    def listeners(self) -> Listeners:
        """What the line tells."""
        return Listeners(self._ran, on_notice=self._noticed)

    def _ran(self, run: RunRecord) -> None:
        with self._lock:
            one = self._round_of(run.slot, run.port_path)
            one.runs.append(run)
            one.since_s, one.asked_s, one.asked_at_s = monotonic_s(), None, float("-inf")
            one.refused_in_a_row = 0
        self._on_run(run)
        self._news.set()

    def _noticed(self, notice: Notice) -> None:
        if notice.code != "notice.application":  # the line takes these by itself, or is asked to
            self._say(notice.line)
        with self._lock:
            if notice.code == "notice.not_entered" and notice.port_path in self._rounds:
                one = self._rounds[notice.port_path]
                one.not_entered += 1
                one.refused_in_a_row += 1
                one.asked_s = None
        self._news.set()

    def _round_of(self, slot: str, port_path: str) -> _Round:
        return self._rounds.setdefault(port_path, _Round(slot, port_path, monotonic_s()))

    @property
    def cycles(self) -> tuple[SlotCycles, ...]:
        """Every slot that had a camera, or should have had one, in the order of their names."""
        with self._lock:
            found = [one.cycles for one in self._rounds.values()]
        missing = sorted(set(self._wanted or ()) - {each.slot for each in found})
        nobody = [SlotCycles(name, "", (), gave_up="no camera came") for name in missing]
        return tuple(sorted([*found, *nobody], key=lambda each: slot_order(each.slot)))

    def watch(self, line: Line) -> None:
        """Ask for the next runs until there is none to ask for, then stop the line. For a thread of its own."""
        started_s = monotonic_s()
        while not self._ended:
            self._news.wait(LOOK_S)
            self._news.clear()
            for view in line.views():
                self._look(view, line)
            with self._lock:
                rounds = list(self._rounds.values())
                missing = set(self._wanted or ()) - {one.slot for one in rounds}
            late = monotonic_s() - max([started_s, *(one.since_s for one in rounds)]) > self._wait_s
            if (late or (rounds and not missing)) and all(one.over for one in rounds):
                line.stop()
                return

    def end(self) -> None:
        """Nobody is to be asked any more."""
        self._ended = True
        self._news.set()

    def _look(self, view: SlotView, line: Line) -> None:
        if view.state in NOT_MEANT or (self._wanted is not None and view.slot not in self._wanted):
            return
        with self._lock:
            known = self._rounds.get(view.port_path)
            if known is None:
                if view.state is SlotState.EMPTY and not view.code:
                    return
                known = self._round_of(view.slot, view.port_path)
            asks = self._asks(known, view)
        if asks:
            ways = line.rerun([view.port_path])
            with self._lock:
                known.asked_at_s = monotonic_s()
                if ways.get(RerunWay.ENTERING):
                    known.asked_s = known.asked_s or known.asked_at_s

    def _asks(self, one: _Round, view: SlotView) -> bool:
        """Whether its next run is to be asked for now; a slot that is through, or gives up, is marked."""
        at_s = monotonic_s()
        if view.state in AT_WORK:
            if one.asked_s is not None:
                one.entered_s.append(round(at_s - one.asked_s, 2))
                one.asked_s = None
            one.since_s, one.over = at_s, False
            return False
        if one.over:
            return False
        one.gave_up = self._why_given_up(one, view, at_s)
        if one.gave_up or len(one.runs) >= self._count:
            one.over = True
            if one.gave_up:
                self._say(f"{one.slot} gives up after {len(one.runs)} runs: {one.gave_up}")
            return False
        return view.state is not SlotState.ENTERING and at_s - one.asked_at_s >= ASK_AGAIN_S

    def _why_given_up(self, one: _Round, view: SlotView, at_s: float) -> str:
        if len(one.runs) >= self._count:
            return ""
        if one.failed_in_a_row() >= FAILURES:
            return f"{FAILURES} runs in a row did not pass, the last with {one.runs[-1].code}"
        if one.refused_in_a_row >= NOT_ENTERED:
            return "the camera did not come into its bootloader"
        if view.state is not SlotState.ENTERING and at_s - one.since_s > GONE_S:
            return "the camera is gone" if view.state is SlotState.EMPTY else f"no run began within {GONE_S:g} s"
        return ""


def report_of(
    settings: Settings, setup: LineSetup, bench: Bench, count: int, cycles: Sequence[SlotCycles], started_at: datetime
) -> BenchReport:
    """The report of what was found. `started_at` is when the first camera could come."""
    wanted = Expectations(
        taught(bench.board, settings),
        settings.run_options,
        settings.functional_tests,
        settings.run.bootloader_timeout_s,
    )
    about = About(
        station_id=setup.station_id,
        station_version=__version__,
        bundle=setup.bundle,
        bundle_version=setup.bundle_version,
        cycles=count,
        started_at=started_at,
        finished_at=now(),
    )
    return bench_report(about, wanted, cycles)
