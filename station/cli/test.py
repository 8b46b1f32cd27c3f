"""`station test`: ask the cameras that run their application, and write nothing to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Annotated

import typer

from station.board.board import Board
from station.cli.options import ConfigOption, DataDirOption, JsonOption, new_app, settings_for
from station.cli.output import say
from station.cli.run import BatchChoice, NewBatch, OperatorChoice, SimOption
from station.errors import UsageError
from station.model.devices import Device
from station.model.serials import canonical_serial

app = new_app(
    "Test the cameras that are plugged in and run their application; nothing is written to them.\n\n"
    "Example: station test --all --json"
)


@app.command(epilog="Example: station test --all --json")
def functional_test(
    serial: Annotated[
        str | None,
        typer.Option("--serial", metavar="S", help="Only the camera with this serial, or its application's."),
    ] = None,
    port: Annotated[str | None, typer.Option("--port", metavar="P", help="Only the camera on this port path.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every camera that is there.")] = False,
    bundle: Annotated[
        str | None,
        typer.Option("--bundle", metavar="B", help="What they should hold. Default: the bundle in use, if any."),
    ] = None,
    batch: BatchChoice = None,
    new_batch: NewBatch = False,
    operator: OperatorChoice = None,
    sim: SimOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Test the cameras that run their application. What is tested, and decides, stands in [test]."""
    settings = settings_for(
        config, data_dir, virtual=bool(sim), run__bundle=bundle, run__batch=batch, run__operator=operator
    )
    from station.board.chosen import BOARD
    from station.cli.line_command import EXIT_INTERRUPTED, EXIT_NOT_PASSED, EXIT_PASSED, RunPrinter
    from station.wiring.bench import bench_for
    from station.wiring.bundle_choice import bundles_of, chosen_bundle
    from station.wiring.camera_tests import run_tests
    from station.wiring.log import data_folder, refuse_nearly_another, units_named

    refuse_nearly_another(settings.data_dir, settings.run.batch, confirmed=new_batch)
    store = bundles_of(settings)
    printer = RunPrinter(as_json=as_json)
    with data_folder(settings.station.data_dir), bench_for(None, sim) as bench, printer.printing():
        name = settings.run.bundle
        held = chosen_bundle(store, name) if name is not None or store.used() is not None else None
        units = units_named(settings.station.data_dir, serial) if serial is not None else None
        choose = _selection(BOARD, units, port, every=every)
        interrupted = run_tests(settings, bench, store, held, choose, printer)
    if interrupted:
        return EXIT_INTERRUPTED
    if not printer.has_runs:
        say(
            "no camera was tested: none of those asked for runs its application. station slots shows what is there; "
            "one that is held in its bootloader starts its application after it was unplugged and plugged in again."
        )
        return EXIT_NOT_PASSED
    return EXIT_PASSED if printer.all_passed else EXIT_NOT_PASSED


def _selection(
    board: Board, units: Collection[str] | None, port: str | None, *, every: bool
) -> Callable[[Sequence[Device]], Sequence[Device]]:
    """The cameras to test; UsageError where it is not plain which one is meant."""

    def choose(devices: Sequence[Device]) -> Sequence[Device]:
        if units is not None or port is not None:
            return [device for device in devices if _fits(board, device, units, port)]
        if len(devices) > 1 and not every:
            found = ", ".join(f"{device.serial or '(no serial)'} on {device.port_path}" for device in devices)
            raise UsageError("usage.which_camera", f"{len(devices)} cameras run their application: {found}")
        return devices

    return choose


def _fits(board: Board, device: Device, units: Collection[str] | None, port: str | None) -> bool:
    """A camera may be named by the serial of its bootloader: its application shows one that is made of it."""
    if port is not None and device.port_path != port:
        return False
    if units is None or canonical_serial(device.serial) in units:
        return True
    return any(board.serial.has_known_form(device.serial, unit) for unit in units)
