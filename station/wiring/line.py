"""A line, its log and its socket, joined: settings in, a running line out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from station.board.board import Board
from station.board.firmware_image import version_label
from station.control.server import LineService
from station.control.wire import LineAbout
from station.flash import child_processes
from station.line.listeners import Listeners
from station.line.pool import Programs
from station.line.running_line import Line
from station.line.setup import LineSetup, PermissionTerms
from station.local_time import machine_zone
from station.model.batches import Batch
from station.model.bundles import Bundle
from station.model.devices import Device
from station.model.notices import Notice
from station.model.proof_settings import proof_notes, unproven
from station.model.runs import ImagePlan, Purpose, RunRecord
from station.model.sinks import Sink
from station.model.slots import SlotMap
from station.model.stack_lights import StackLight
from station.problem import sentence
from station.usb.access import UsbAccess
from station.usb.controllers import find_slots
from station.wiring.authority import LineAuthority
from station.wiring.batch_marker import mark_batch
from station.wiring.bench import Bench
from station.wiring.bundle_choice import refuse_other_batch, refuse_other_part
from station.wiring.central import asked_elsewhere, lag_of, shipper_for
from station.wiring.configuration_rows import Prove, note_start, refuse
from station.wiring.delivering import delivering
from station.wiring.demo_refusal import with_demo_refused
from station.wiring.log import Replies, open_log
from station.wiring.metrics import measuring
from station.wiring.stack_light import lighting
from station.wiring.virtual_log import claim

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
    attended: bool = False,
    purpose: Purpose | None = None,
    accepts: Callable[[Device], bool] | None = None,
    enter_bootloader: bool = False,
) -> LineSetup:
    """What the line is given: BundleError where the recipe needs an image that the bundle does not have."""
    from station.bundle.store import check_complete

    recipe = settings.recipe(settings.run.recipe)
    check_complete(bundle, recipe.partitions)
    binding = store.signatures.binding(bundle)
    refuse_other_part(bundle, binding, settings.run.part_number)
    if settings.run.batch is not None:
        refuse_other_batch(bundle.name, binding, settings.run.batch)
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
        tests=settings.functional_tests,
        **flashed_application(store.board, images),
        purpose=purpose or Purpose(settings.run.purpose),
        slots=settings.slot_map,
        batch=settings.run.batch,
        operator=settings.run.operator,
        part_number=settings.run.part_number,
        hardware_revision=settings.run.hardware_revision,
        location=settings.station.location,
        time_zone=settings.station.time_zone or machine_zone(),
        binding=binding,
        errors_in_a_row=settings.line.errors_in_a_row,
        same_failures_in_a_row=settings.line.same_failures_in_a_row,
        slot_failures_in_a_row=settings.line.slot_failures_in_a_row,
        notes=((mixed_release(store.board),) if bundle.mixed else ()) + proof_notes(settings.run_options),
        attended=attended,
        workers_spare=settings.line.workers_spare,
        stop_after=stop_after,
        only_present=only_present,
        application="enter" if enter_bootloader else settings.run.application,
        bootloader_timeout_s=settings.run.bootloader_timeout_s,
        power_cycle=settings.line.power_cycle,
        recovery=settings.recovery_limits,
        permission=permission_terms(settings),
        marks=settings.unit_marks,
    )
    return setup if accepts is None else replace(setup, accepts=accepts)


def permission_terms(settings: Settings) -> PermissionTerms | None:
    """Who is asked before a camera is written to; None for nobody."""
    ask = settings.ask
    if ask.kind == "off":
        return None
    from station.factory.permission_ways import AskedSystem, asking

    asked = asking(AskedSystem(ask.kind, ask.to, ask.timeout_s, ask.secret_file))
    return PermissionTerms(asked, ask.silent, ask.timeout_s, ask.again_s)


class _Application(TypedDict):
    label: str
    files_image: ImagePlan | None


def flashed_application(board: Board, images: Sequence[ImagePlan]) -> _Application:
    """What the application says of itself once these images are in a camera, as far as they tell.

    The firmware's label is looked up in its own image: a bundle's version may be that of another core.
    """
    rule, by_partition = board.application, {image.partition: image for image in images}
    if rule is None:
        return {"label": "", "files_image": None}
    firmware = by_partition.get(rule.firmware_image)
    label = firmware and version_label(Path(firmware.path).read_bytes())
    return {"label": label or "", "files_image": by_partition.get(rule.files_image)}


def about_line(setup: LineSetup) -> LineAbout:
    """What the line works on, as its screens show it."""
    return LineAbout(
        station_id=setup.station_id,
        bundle=setup.bundle,
        bundle_version=setup.bundle_version,
        recipe=setup.recipe.name,
        batch=setup.batch,
        operator=setup.operator,
        started_at=datetime.now(UTC),
        images=tuple((image.partition, image.size_bytes) for image in setup.images),
        unproven=unproven(setup.options),
        marks=setup.marks,
    )


def about_batch(about: LineAbout, batch: Batch | None, operator: str | None) -> LineAbout:
    """The same line under another batch or operator."""
    name, planned = (batch.name, batch.planned) if batch else (None, None)
    return replace(about, batch=name, operator=operator, planned=planned)


def mixed_release(board: Board) -> str:
    """What the records of a release say whose cores carry different labels."""
    return sentence("{cores} are of two releases", cores=" and ".join(core.name for core in board.cores))


def slots_of(bench: Bench, settings: Settings) -> SlotMap:
    """The configured slots where their USB controllers are now. Those that are nowhere are reported."""
    found = find_slots(settings.slots, settings.controllers, bench.controllers)
    for absent in found.absent:
        logging.getLogger(__name__).warning("%s; name the slots anew: station slots learn", absent)
    return found.names


@contextmanager
def running_line(
    settings: Settings, bench: Bench, setup: LineSetup, listeners: Listeners, prove: Prove = refuse
) -> Iterator[Line]:
    """A line with its log, served to its screens: the caller calls `run`. The data folder must be held.

    The log is opened first, once a shift: no camera is taken that could not be recorded. `prove` asks for the
    engineer's PIN, where what the line starts with needs it.
    """
    setup = with_demo_refused(replace(setup, slots=slots_of(bench, settings)), settings, bench)
    setup, sinks, light = _factory_of(settings, bench, setup)
    if settings.verification.require_verification:
        from station.wiring.slots_due import verified

        setup = replace(setup, due=verified(settings)[1])
    about = replace(about_line(setup), movable=bench.hands is not None)
    authority = LineAuthority(settings.data_dir, settings.station_id, settings.roles.engineer_minutes * 60.0)

    def on_run(run: RunRecord) -> None:
        listeners.on_run(run)
        service.post_run(run)

    def on_batch(batch: Batch | None, operator: str | None) -> None:
        service.post_about(about_batch(about, batch, operator))
        mark_batch(is_open=batch is not None)

    def on_notice(notice: Notice) -> None:
        listeners.on_notice(notice)
        service.post_notice(notice)

    with ExitStack() as opened:
        bench.check()
        if not bench.served:
            claim(settings.station.data_dir, virtual=bench.access.kind == "usbip")
        replies = Replies()
        # Before the log, so that they end behind it: the last results are delivered and sent too.
        opened.enter_context(delivering(settings.station.data_dir, sinks))
        shipper = shipper_for(settings, opened)
        log = open_log(settings.station.data_dir, setup, replies, opened, sinks)
        log = replace(log, ask_elsewhere=asked_elsewhere(settings, opened))
        _refuse_batch_at_start(setup, log.begun)
        note_start(settings, setup, prove)
        opened.enter_context(authority.noting())
        service = LineService(settings.station.data_dir, about, bench.hands, authority)
        if shipper is not None:
            shipper.start(lambda state: service.post_central(lag_of(state)))
        heard = Listeners(on_run, on_batch, listeners.on_plan_reached, on_notice)
        line = Line(setup, log, programs_for(bench.access, taught(bench.board, settings)), bench.watcher, heard)
        replies.go_to(line.ledger_replied)
        if (left := log.elsewhere) is not None:
            service.post_about(replace(about, left_open=(left.name, left.station_id)))
        if log.begun is not None:
            on_batch(log.begun, log.begun.operator)
        mark_batch(is_open=bool(log.begun or setup.batch))
        opened.callback(mark_batch, is_open=False)
        line.start()
        opened.enter_context(service.serving(line))
        service.log_writes = log.writes
        opened.enter_context(lighting(settings.station.data_dir, light, service.post_notice))
        opened.enter_context(measuring(settings, service.post_notice))
        yield line


def _factory_of(settings: Settings, bench: Bench, setup: LineSetup) -> tuple[LineSetup, Sequence[Sink], StackLight]:
    """The line, whom it tells, and its light. The demo's cameras are none of the factory's: nobody is asked or told.
    Those that somebody serves may be there to try its systems with."""
    if bench.access.kind == "usbip" and not bench.served:
        return replace(setup, permission=None), (), StackLight()
    return setup, settings.sinks, settings.stack_light.light


def _refuse_batch_at_start(setup: LineSetup, begun: Batch | None) -> None:
    """BundleError where the bundle is bound to other batches. At a screen another can be begun: cameras wait."""
    if not setup.attended and not setup.outside_batches:
        refuse_other_batch(setup.bundle, setup.binding, begun.name if begun else setup.batch)


def taught(board: Board, settings: Settings) -> Board:
    """The bench's kind of camera, with the serial forms that the configuration names."""
    return replace(board, serial=settings.board.serial) if board.name == settings.board.name else board


def programs_for(access: UsbAccess, board: Board) -> Programs:
    """The child processes of a line that works on this bus."""
    return Programs(
        child_processes.fork_context(),
        partial(child_processes.hold, access=access, board=board),
        partial(child_processes.work, access=access, board=board),
        partial(child_processes.run_errands, access=access),
    )
