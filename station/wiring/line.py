"""A line, its log and its socket, joined: settings in, a running line out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from station.control.server import LineService
from station.control.wire import LineAbout
from station.errors import StationError, UsageError
from station.flash import processes
from station.line.line import Line
from station.line.pool import Programs
from station.line.setup import LineSetup
from station.model.batches import Batch
from station.model.bundles import Bundle
from station.model.devices import Device
from station.model.notices import Notice
from station.model.runs import ImagePlan, Purpose, RunRecord
from station.usb.access import UsbAccess
from station.wiring.bench import Bench
from station.wiring.log import open_log

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.settings import Settings


def line_setup(
    settings: Settings,
    store: BundleStore,
    bundle: Bundle,
    *,
    stop_after: int | None = None,
    only_present: bool = False,
    accepts: Callable[[Device], bool] | None = None,
    attended: bool = False,
    purpose: Purpose | None = None,
) -> LineSetup:
    """What the line is told: UsageError where the recipe needs an image that the bundle does not have."""
    recipe = settings.recipe(settings.run.recipe)
    by_partition = {image.partition: image for image in bundle.images}
    missing = [name for name in recipe.partitions if name not in by_partition]
    if missing:
        raise UsageError("bundle.image_missing", f"bundle {bundle.name} has no image for {', '.join(missing)}")
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
        purpose=purpose or Purpose(settings.run.purpose),
        slots=settings.slot_map,
        batch=settings.run.batch,
        operator=settings.run.operator,
        errors_in_a_row=settings.line.errors_in_a_row,
        same_failures_in_a_row=settings.line.same_failures_in_a_row,
        slot_failures_in_a_row=settings.line.slot_failures_in_a_row,
        attended=attended,
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


@contextmanager
def running_line(
    settings: Settings,
    bench: Bench,
    setup: LineSetup,
    on_run: Callable[[RunRecord], None],
    on_plan_reached: Callable[[Batch], None],
    on_notice: Callable[[Notice], None] = lambda notice: None,
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

    line = Line(setup, programs_for(bench.access), bench.watcher, tell, tell_batch, on_plan_reached, on_notice)
    with ExitStack() as opened:
        failures: list[Exception] = []
        refusals: list[StationError] = []

        def open_the_log() -> None:
            try:
                bench.check()
                log = open_log(settings.station.data_dir, setup, line, opened)
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

        opening = threading.Thread(target=open_the_log, name="open-log")
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


def programs_for(access: UsbAccess) -> Programs:
    """The child processes of a line that works on this bus."""
    return Programs(
        processes.fork_context(), partial(processes.hold, access=access), partial(processes.work, access=access)
    )
