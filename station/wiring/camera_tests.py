"""The tests of running cameras by themselves: each camera in a thread, its result in the log.

1. A test writes nothing to a camera. So no run is opened in the log beforehand: one that is cut off leaves no trace.
2. What happens at a camera's port reaches its thread through the bench's watcher, as it reaches a line's workers.
3. The unit is the one whose application the log saw with this serial. Where there is none, the run names no unit.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from station import __version__
from station.board.board import Board
from station.clock import monotonic_s, now
from station.flash.messages import AttemptEnded, CancelRun, PortChanged, RunCamera, RunEnded
from station.flash.pipe import Link, Orphaned
from station.flash.worker import run_camera
from station.local_time import machine_zone
from station.model.bundles import Bundle
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceMode
from station.model.events import LedgerReply, RunCommitted, RunFinished, RunNotCommitted
from station.model.ids import new_id
from station.model.recipes import Recipe
from station.model.runs import AttemptRecord, ImagePlan, Outcome, Purpose, RunPlan, RunRecord
from station.model.sinks import Sink
from station.model.verdicts import ended_by
from station.problem import sentence
from station.usb.access import UsbAccess
from station.wiring.bench import Bench
from station.wiring.delivering import delivering
from station.wiring.line import flashed_application
from station.wiring.log import tell_of

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.settings import Settings

RECIPE = "test"
CANCELLED = CancelRun(ended_by(Outcome.ABORTED, "operator.cancelled", sentence("the test was cancelled")))
LOG_CLOSE_S = 15.0

Choose = Callable[[Sequence[Device]], Sequence[Device]]
"""Which of the cameras that run their application are to be tested; may refuse them all."""


class Log:
    """What the tests use of the log: whose application a camera is, and a place for the result."""

    def __init__(self, data_dir: Path, opened: ExitStack, sinks: Sequence[Sink] = ()) -> None:
        from contextlib import closing

        from station.ledger import schema_version
        from station.ledger.reader import Reader
        from station.ledger.recorder import Recorder

        schema_version.create_or_check(data_dir)
        self._replies: queue.SimpleQueue[LedgerReply] = queue.SimpleQueue()
        recorder = Recorder(data_dir, self._replies.put, sinks=sinks)
        opened.callback(recorder.close, LOG_CLOSE_S)
        tell_of(recorder.close_interrupted(), data_dir)
        reader = opened.enter_context(closing(Reader(data_dir)))
        self._submit = recorder.submit
        self.unit_of_application = reader.unit_of_application
        self.history = reader.history

    def kept(self, run: RunRecord) -> RunRecord:
        """The run once it is in the log; an ERROR where the log does not take it."""
        self._submit(RunFinished(run))
        while True:
            reply = self._replies.get()
            if isinstance(reply, RunCommitted):
                return reply.run
            if isinstance(reply, RunNotCommitted):
                text = f"{reply.reason} (the test itself: {run.outcome} {run.code or ''})".strip()
                return replace(run, outcome=Outcome.ERROR, code="ledger.write_failed", message=text)


@dataclass
class _Tested:
    """One camera under test, as the main thread sees it."""

    run: RunRecord
    plan: RunPlan
    device: Device
    ours: Connection
    theirs: Connection
    started_s: float
    attempts: list[AttemptRecord] = field(default_factory=list)

    def begin(self, access: UsbAccess, board: Board) -> None:
        """Start its thread."""
        name = f"test {self.device.port_path}"
        threading.Thread(target=self._work, args=(access, board), name=name, daemon=True).start()

    def _work(self, access: UsbAccess, board: Board) -> None:
        try:
            link = Link(self.theirs)
            link.tell(run_camera(RunCamera(self.plan, self.device, ""), link, access, board))
        except Orphaned:
            pass
        finally:
            self.theirs.close()

    def ended(self, end: RunEnded) -> RunRecord:
        """The record of the run."""
        duration_s = monotonic_s() - self.started_s
        return replace(
            self.run,
            attempts=tuple(self.attempts),
            notes=end.notes,
            outcome=end.verdict.outcome,
            code=end.verdict.code,
            message=end.verdict.message,
            duration_s=duration_s,
            finished_at=self.run.started_at + timedelta(seconds=duration_s),
        )


class _Ports:
    """The bench's watcher's events: what is there, and, for ports under test, every change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.present: dict[str, Device] = {}
        self._told: dict[str, Connection] = {}

    def __call__(self, event: DeviceEvent) -> None:
        """One event, in the watcher's thread."""
        device = event.device if isinstance(event, DeviceArrived) else None
        path = device.port_path if device is not None else event.port_path  # type: ignore[union-attr]
        with self._lock:
            if device is not None and self.present.get(path) == device:
                return
            self.present.pop(path, None)
            if device is not None:
                self.present[path] = device
            if path in self._told:
                self._send(path, PortChanged(device))

    def tell(self, path: str, connection: Connection) -> None:
        """Changes at this port go there from now on."""
        with self._lock:
            self._told[path] = connection

    def forget(self, path: str) -> None:
        """Nobody asks about this port any more."""
        with self._lock:
            self._told.pop(path, None)

    def cancel(self) -> None:
        """Every test ends as soon as it hears of it."""
        with self._lock:
            for path in self._told:
                self._send(path, CANCELLED)

    def _send(self, path: str, message: PortChanged | CancelRun) -> None:
        try:
            self._told[path].send(message)
        except OSError:
            return  # its thread has ended


def run_tests(
    settings: Settings,
    bench: Bench,
    store: BundleStore,
    bundle: Bundle | None,
    choose: Choose,
    on_run: Callable[[RunRecord], None],
) -> bool:
    """Test the running cameras that are chosen, all at once; True where that was interrupted.

    `on_run` is called with each run when it is in the log. `bundle` is what they should hold, None where nobody says.
    """
    bench.check()
    ports = _Ports()
    with ExitStack() as opened:
        opened.enter_context(delivering(settings.data_dir, settings.sinks))
        log = Log(settings.data_dir, opened, settings.sinks)
        bench.watcher.start(ports)
        opened.callback(bench.watcher.stop)
        bench.ready()
        slots = settings.slot_map
        running = [each for each in ports.present.values() if each.mode is DeviceMode.APPLICATION]
        chosen = choose([each for each in running if slots.slot_at(each.port_path) is not None])
        plan = _plan(settings, store, bundle)
        tested = [_begun(settings, plan, device, log) for device in chosen]
        for one in tested:
            ports.tell(one.device.port_path, one.ours)
            one.begin(bench.access, bench.board)
        return _until_ended(tested, ports, log, on_run)


def _until_ended(tested: Sequence[_Tested], ports: _Ports, log: Log, on_run: Callable[[RunRecord], None]) -> bool:
    interrupted = False
    left = {one.ours: one for one in tested}
    while left:
        try:
            for connection in wait(list(left)):
                assert isinstance(connection, Connection)
                one, message = left[connection], connection.recv()
                if isinstance(message, AttemptEnded):
                    one.attempts.append(message.attempt)
                elif isinstance(message, RunEnded):
                    ports.forget(one.device.port_path)
                    del left[connection]
                    on_run(log.kept(one.ended(message)))
        except KeyboardInterrupt:
            interrupted = True
            ports.cancel()
    return interrupted


def _plan(settings: Settings, store: BundleStore, bundle: Bundle | None) -> RunPlan:
    """The same for all, but for the run's key and the serial."""
    from station.settings.schema import STEPS

    images = tuple(
        ImagePlan(image.partition, image.alt, str(store.image_path(image)), image.size_bytes, image.sha256)
        for image in (bundle.images if bundle else ())
    )
    tests = tuple(step for step in STEPS.values() if step.test)
    return RunPlan(
        run_id="",
        serial="",
        recipe=Recipe(RECIPE, tests),
        images=(),
        options=settings.run_options,
        tests=settings.functional_tests,
        **flashed_application(store.board, images),
    )


def _begun(settings: Settings, plan: RunPlan, device: Device, log: Log) -> _Tested:
    slot = settings.slot_map.slot_at(device.port_path)
    assert slot is not None
    unit = log.unit_of_application(device.serial) if device.serial else None
    run = RunRecord(
        run_id=new_id(),
        station_id=settings.station_id,
        serial=unit or device.serial,
        identified=unit is not None,
        slot=slot.name,
        port_path=device.port_path,
        batch=settings.run.batch,
        operator=settings.run.operator,
        recipe=RECIPE,
        bundle="",
        bundle_sha256="",
        bootloader=None,
        started_at=now(),
        station_version=__version__,
        application_serial=device.serial or None,
        product_serial=log.history(unit, None).product_serial if unit else None,
        part_number=settings.run.part_number,
        hardware_revision=settings.run.hardware_revision,
        location=settings.station.location,
        time_zone=settings.station.time_zone or machine_zone(),
        purpose=Purpose.ENGINEERING,
    )
    ours, theirs = Pipe()
    named = replace(plan, run_id=run.run_id, serial=run.serial)
    return _Tested(run, named, device, ours, theirs, monotonic_s())
