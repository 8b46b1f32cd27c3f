"""The only place that builds things and knows every package: settings in, a running line out.

Heavy packages are imported inside the functions that need them, so that a command pays only for what it uses.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import BundleError, BusyError, LedgerError, StationError, UsageError
from station.line.line import Line
from station.line.service import LineService
from station.line.setup import LineSetup, OpenLog, Watcher
from station.model.batches import Batch
from station.model.bundles import Bundle
from station.model.devices import Device
from station.model.live import LineAbout
from station.model.runs import ImagePlan, RunRecord
from station.model.units import RunFilter
from station.usb.access import UsbAccess

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.dashboard.records import Records
    from station.ledger.reader import Reader
    from station.settings import Settings

CLOCK_SLACK = timedelta(minutes=1)
"""How far the clocks of stations whose runs meet in one log may be apart."""
RECORDER_CLOSE_S = 15.0
"""How long the end of a station waits for the log to take what is queued."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the cameras are: the bus, and what announces them."""

    access: UsbAccess
    watcher: Watcher
    ready: Callable[[], None] = lambda: None
    """Called once the line is up: plugs virtual cameras in."""
    check: Callable[[], object] = lambda: None
    """Raises UsbAccessError where this machine cannot do it; takes its time on a slow one."""


@contextmanager
def data_folder(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process; BusyError where another station has it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "station.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
    except OSError as error:
        raise LedgerError(
            "ledger.not_writable", f"the data folder {data_dir} cannot be used: {error.strerror}"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError("station.busy", f"another station works in the data folder {data_dir}") from error
        yield
    finally:
        os.close(descriptor)


@contextmanager
def real_bench() -> Iterator[Bench]:
    """The machine's own USB, for this station alone."""
    from station.usb.libusb import libusb_backend
    from station.usb.lock import BusLock
    from station.usb.watcher import UdevWatcher

    with BusLock():
        yield Bench(UsbAccess(), UdevWatcher(), check=libusb_backend)


@contextmanager
def simulated_bench(cameras: int, *, sound: bool = False) -> Iterator[Bench]:
    """A bench of virtual cameras, served by processes of their own; all are plugged in when the line is ready.

    One fails on purpose and one needs its MRAM initialized, unless they are to be `sound`.
    """
    from station.sim.demo import demo_specs
    from station.sim.virtual_line import VirtualLine
    from station.usb.watcher import VirtualWatcher

    with VirtualLine(demo_specs(cameras, sound=sound)) as line:
        access = UsbAccess("usbip", tuple(str(path) for path in line.addresses))
        yield Bench(access, VirtualWatcher(access), line.plug_all)


@contextmanager
def served_bench(directories: Sequence[Path]) -> Iterator[Bench]:
    """A bench of virtual cameras that `station sim` serves in these folders, for this station alone."""
    from station.usb.lock import BusLock
    from station.usb.watcher import VirtualWatcher

    for directory in directories:
        if not (directory / "control.sock").exists():
            raise UsageError("usage.no_sim", f"no virtual cameras are served in {directory}")
    access = UsbAccess("usbip", tuple(str(directory.absolute()) for directory in directories))
    with ExitStack() as stack:
        for directory in sorted({directory.resolve() for directory in directories}):
            stack.enter_context(BusLock.of_virtual(directory))
        yield Bench(access, VirtualWatcher(access))


@contextmanager
def bench_for(simulate: int | None, served: Sequence[Path] | None = None) -> Iterator[Bench]:
    """The real bench, one that `station sim` serves, or a simulated one of `simulate` cameras."""
    if served:
        chosen = served_bench(served)
    elif simulate is not None:
        chosen = simulated_bench(simulate, sound=True)
    else:
        chosen = real_bench()
    with chosen as bench:
        yield bench


def chosen_bundle(store: BundleStore, name: str | None) -> Bundle:
    """The bundle by name (or a release on disk, which is imported), or the one in use; its bytes are hashed again."""
    if name is None:
        name = store.used()
    if name is None:
        raise UsageError("usage.no_bundle", "no bundle is chosen")
    path = Path(name)
    known = {bundle.name for bundle in store.list()}
    bundle = store.import_path(path) if name not in known and path.exists() else store.get(name)
    store.verify(bundle)
    return bundle


def demo_bundle(store: BundleStore) -> Bundle:
    """A made-up release of real sizes, for virtual cameras; made once a data folder."""
    from station.bundle.demo import make_demo_release

    with tempfile.TemporaryDirectory(prefix="ae3-demo-") as folder:
        make_demo_release(Path(folder))
        try:
            return store.import_path(Path(folder), name="demo")
        except BundleError as error:
            if error.code != "bundle.name_taken":
                raise
            return store.import_path(Path(folder))  # the demo of an earlier version has the name, and its runs


def line_setup(
    settings: Settings,
    store: BundleStore,
    bundle: Bundle,
    *,
    stop_after: int | None = None,
    only_present: bool = False,
    accepts: Callable[[Device], bool] | None = None,
) -> LineSetup:
    """What the line is told: BundleError where the recipe needs an image that the bundle does not have."""
    from station.bundle.store import check_complete

    recipe = settings.recipe(settings.run.recipe)
    check_complete(bundle, recipe.partitions)
    by_partition = {image.partition: image for image in bundle.images}
    images = tuple(
        ImagePlan(image.partition, image.alt, str(store.image_path(image)), image.size_bytes, image.sha256)
        for image in (by_partition[name] for name in recipe.partitions)
    )
    setup = LineSetup(
        station_id=settings.station.id,
        recipe=recipe,
        bundle=bundle.name,
        bundle_sha256=bundle.sha256,
        images=images,
        options=settings.run_options,
        bundle_version=bundle.version,
        slots=settings.slot_map,
        batch=settings.run.batch,
        operator=settings.run.operator,
        errors_in_a_row=settings.line.errors_in_a_row,
        workers_spare=settings.line.workers_spare,
        stop_after=stop_after,
        only_present=only_present,
    )
    return setup if accepts is None else replace(setup, accepts=accepts)


def about_line(setup: LineSetup) -> LineAbout:
    """What the screens of a line are told that it works on."""
    return LineAbout(
        station_id=setup.station_id,
        bundle=setup.bundle,
        bundle_version=setup.bundle_version,
        recipe=setup.recipe.name,
        batch=setup.batch,
        operator=setup.operator,
        started_at=datetime.now(UTC),
        images=tuple((image.partition, image.size_bytes) for image in setup.images),
    )


def about_batch(about: LineAbout, batch: Batch | None, operator: str | None) -> LineAbout:
    """The same line under another batch or operator."""
    name, planned = (batch.name, batch.planned) if batch else (None, None)
    return replace(about, batch=name, operator=operator, planned=planned)


def batch_going_on(setup: LineSetup, begun: Batch | None) -> Batch | None:
    """The batch that was begun at the bench and not ended, unless another one is named or the line flashes only what
    is plugged in. An operator who is named takes it over."""
    if begun is None or setup.only_present or setup.batch not in (None, begun.name):
        return None
    return replace(begun, operator=setup.operator or begun.operator)


@contextmanager
def open_records(data_dir: Path) -> Iterator[Records]:
    """What the log answers to a screen. LedgerError where there is no log, or its schema is out of date."""
    from station.dashboard.records import Records
    from station.ledger.reader import Reader

    with closing(Reader(data_dir)) as reader:
        yield Records(
            summary=reader.summary,
            rates=lambda since: reader.rates(RunFilter(since=since)),
            newest=lambda batch, since, limit: reader.newest(RunFilter(batch=batch, since=since), limit),
            found=reader.found,
            unit=reader.unit,
            failed=lambda batch, since: reader.failed(batch, since=since),
            batch_summary=reader.batch_summary,
        )


@contextmanager
def running_line(
    settings: Settings,
    bench: Bench,
    setup: LineSetup,
    on_run: Callable[[RunRecord], None],
    on_plan_reached: Callable[[Batch], None],
) -> Iterator[Line]:
    """A line with its log, served to its screens: the caller calls `run`. The data folder must be held.

    The log is opened while the line already holds cameras: a camera waits 1.5 s in its bootloader, and on a slow
    machine the log's code takes longer to load. What is wrong with the log stops the line.
    """
    about = about_line(setup)
    service = LineService(settings.station.data_dir, about)

    def tell(run: RunRecord) -> None:
        on_run(run)
        service.post_run(run)

    def tell_batch(batch: Batch | None, operator: str | None) -> None:
        service.post_about(about_batch(about, batch, operator))

    line = Line(setup, bench.access, bench.watcher, tell, tell_batch, on_plan_reached)
    with ExitStack() as opened:
        failures: list[Exception] = []
        refusals: list[StationError] = []

        def open_log() -> None:
            try:
                bench.check()
                log = _open_log(settings, setup, line, opened)
                if log.begun is not None:
                    tell_batch(log.begun, log.begun.operator)
                line.log_opened(log)
                opened.enter_context(service.serving(line))
            except StationError as error:
                refusals.append(error)
                line.stop_because(error)
            except Exception as error:
                failures.append(error)
                line.stop_because(StationError("station.internal", repr(error)))

        opening = threading.Thread(target=open_log, name="open-log")
        try:
            line.start()
            opening.start()
            yield line
        finally:
            if opening.ident:
                opening.join()
        if failures:
            raise failures[0]
        if refusals and line.status().code is None:
            # The line had nothing to do, and ended before it could hear it.
            raise refusals[0]


def _open_log(settings: Settings, setup: LineSetup, line: Line, opened: ExitStack) -> OpenLog:
    """The log of the data folder, made where there is none, what an earlier station left over settled."""
    from station.ledger import schema
    from station.ledger.reader import Reader
    from station.ledger.recorder import Recorder

    data_dir = settings.station.data_dir
    schema.create_or_check(data_dir)
    recorder = Recorder(data_dir, line.ledger_replied)
    opened.callback(recorder.close, RECORDER_CLOSE_S)
    recorder.close_interrupted()
    reader = opened.enter_context(closing(Reader(data_dir)))
    _warn_of_a_clock_set_back(reader)
    begun = batch_going_on(setup, reader.open_batch(setup.station_id))
    return OpenLog(recorder.submit, reader.history, reader.counted_units, begun)


def _warn_of_a_clock_set_back(reader: Reader) -> None:
    """Whose result is a unit's latest is told by the time; and many a small machine forgets it while it is off."""
    newest = reader.newest(RunFilter(), 1)
    if newest and newest[0].started_at > datetime.now(UTC) + CLOCK_SLACK:
        logging.getLogger(__name__).warning(
            "the clock of this machine is behind its log, whose newest run began at %s: set it (timedatectl), "
            "or reports take older results for the latest",
            newest[0].started_at.isoformat(timespec="seconds"),
        )


__all__ = [
    "Bench",
    "bench_for",
    "chosen_bundle",
    "data_folder",
    "demo_bundle",
    "line_setup",
    "real_bench",
    "running_line",
    "served_bench",
    "simulated_bench",
]
