"""`station flash`: flash what is plugged in now, once, and exit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, new_app, settings_for
from station.cli.output import say
from station.cli.run import BatchChoice, NewBatch, OperatorChoice, PartChoice, PurposeChoice, RecipeChoice, SimOption
from station.errors import UsageError
from station.model.devices import Device, DeviceMode
from station.model.notices import Notice
from station.model.runs import Purpose
from station.model.serials import canonical_serial

if TYPE_CHECKING:
    from station.line.setup import LineSetup
    from station.settings import Settings
    from station.wiring.bench import Bench

app = new_app(
    "Flash the cameras that are plugged in now, once, and exit.\n\nExample: station flash ae3-4.7.0 --port 1-1.4 --json"
)


@app.command(epilog="Example: station flash v5.0.0 --port 1-1.4 --json")
def flash(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="The bundle's name, or a release on disk.")],
    serial: Annotated[
        str | None, typer.Option("--serial", metavar="S", help="Only the camera with this serial.")
    ] = None,
    port: Annotated[str | None, typer.Option("--port", metavar="P", help="Only the camera on this port path.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every camera that is there.")] = False,
    enter_bootloader: Annotated[
        bool,
        typer.Option("--enter-bootloader", help="Also those that run their application: they are sent there."),
    ] = False,
    recipe: RecipeChoice = None,
    batch: BatchChoice = None,
    new_batch: NewBatch = False,
    operator: OperatorChoice = None,
    part_number: PartChoice = None,
    purpose: PurposeChoice = "engineering",
    sim: SimOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Flash the cameras that are plugged in now, once, and exit."""
    settings = settings_for(
        config,
        data_dir,
        virtual=bool(sim),
        run__batch=batch,
        run__operator=operator,
        run__part_number=part_number,
        run__recipe=recipe,
        run__purpose=purpose,
    )
    from station.cli.line_command import EXIT_NOT_PASSED, RunPrinter, require_files, run_line, say_notice
    from station.wiring.bench import bench_for
    from station.wiring.log import data_folder, refuse_nearly_another
    from station.wiring.slots_due import refuse_unverified

    refuse_unverified(settings, Purpose(settings.run.purpose))
    require_files(settings)
    refuse_nearly_another(settings.data_dir, settings.run.batch, confirmed=new_batch)
    printer = RunPrinter(as_json=as_json)
    not_entered: set[str] = set()

    def heard(notice: Notice) -> None:
        say_notice(notice)
        if notice.code == "notice.not_entered":
            not_entered.add(notice.port_path)

    with data_folder(settings.station.data_dir), bench_for(None, sim) as bench, printer.printing():
        setup = _setup(settings, bench, bundle, serial, port, every=every, enter_bootloader=enter_bootloader)
        code = run_line(settings, bench, setup, printer, heard)
    if not printer.has_runs:
        say(NONE_ENTERED if enter_bootloader else NONE_IN_DFU_MODE)
    # One that was asked for and did not come has no run, and did not pass all the same.
    return code if printer.has_runs and not not_entered else code or EXIT_NOT_PASSED


def _setup(
    settings: Settings,
    bench: Bench,
    bundle: str,
    serial: str | None,
    port: str | None,
    *,
    every: bool,
    enter_bootloader: bool,
) -> LineSetup:
    """A line for the cameras that are asked for."""
    from station.settings import usual_data_dir
    from station.usb.watcher import list_devices
    from station.wiring.bundle_choice import chosen_bundle, store_of
    from station.wiring.line import line_setup
    from station.wiring.log import units_named

    store = store_of(settings, usual_data_dir(), bundle)
    chosen = chosen_bundle(store, bundle)
    units = units_named(settings.data_dir, serial) if serial is not None else None
    taken = enter_bootloader or settings.run.application == "take"
    devices = [device for device in list_devices(bench.access, bench.board.ids) if _is_candidate(device, taken)]
    asked_for = _asked_for(devices, units, settings.data_dir)
    return line_setup(
        settings,
        store,
        chosen,
        only_present=True,
        accepts=_selection(devices, asked_for, port, every=every),
        enter_bootloader=enter_bootloader,
    )


NONE_IN_DFU_MODE = (
    "no camera was flashed: none of those asked for is in DFU mode. Plug the camera in again and repeat; "
    "or add --enter-bootloader, which takes cameras that run their application."
)
NONE_ENTERED = (
    "no camera was flashed: none of those asked for is in DFU mode, or came there from its application. "
    "Plug the camera in again and repeat."
)


def _is_candidate(device: Device, taken: bool) -> bool:
    return device.mode is DeviceMode.DFU or (taken and device.mode is DeviceMode.APPLICATION)


def _asked_for(devices: Sequence[Device], units: Collection[str] | None, data_dir: Path) -> Collection[str] | None:
    """The serials that are asked for, with those of applications which the log knows to be of such a unit."""
    from station.wiring.log import units_named

    if units is None:
        return None
    running = [device.serial for device in devices if device.mode is DeviceMode.APPLICATION and device.serial]
    theirs = {canonical_serial(serial) for serial in running if units_named(data_dir, serial) & set(units)}
    return set(units) | theirs


def _selection(
    devices: Sequence[Device], units: Collection[str] | None, port: str | None, *, every: bool
) -> Callable[[Device], bool]:
    """Which devices to run; UsageError where it is not plain which one is meant."""
    if units is not None or port is not None:
        return lambda device: _fits(device, units, port)
    if len(devices) > 1 and not every:
        found = ", ".join(f"{device.serial or '(no serial)'} on {device.port_path}" for device in devices)
        raise UsageError("usage.which_camera", f"{len(devices)} cameras are plugged in: {found}")
    return lambda device: True


def _fits(device: Device, units: Collection[str] | None, port: str | None) -> bool:
    return (port is None or device.port_path == port) and (units is None or canonical_serial(device.serial) in units)
