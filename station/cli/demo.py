"""`station demo`: a line of virtual cameras."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from station.cli.next_commands import say_what_next
from station.cli.options import ConfigOption, DataDirOption, JsonOption, new_app, settings_for
from station.cli.output import on_terminal, say
from station.cli.run import ServeOption

app = new_app("A line of virtual cameras: the real engine and log, no hardware, no root, no configuration, no network.")

DEMO_BOOT_TIMEOUT_S = 8.0
"""The demo's failing camera never boots: shorter than on a bench, so that nobody waits for it."""


@app.command(epilog="Examples: station demo; station demo --cameras 4 --headless")
def demo(
    cameras: Annotated[int, typer.Option("--cameras", metavar="N", min=1, max=120, help="How many cameras.")] = 8,
    headless: Annotated[bool, typer.Option("--headless", help="Print finished runs; no dashboard.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    serve: ServeOption = False,
) -> int:
    """A line of virtual cameras: the real engine and the real log, no hardware, no root, no configuration, no network.

    One of the cameras fails and one needs its MRAM initialized, so the exit code is 1: a unit did not pass. On the
    screen the keys n, x and i plug new cameras in, pull one out and plug it in again. The log stays, in a folder that
    is named at the end: a new temporary one, unless one is given.
    """
    folder = Path(os.path.expanduser(data_dir or tempfile.mkdtemp(prefix="ae3-demo-data-"))).absolute()
    if headless or as_json or serve or not on_terminal():
        code = _demo_here(cameras, as_json=as_json, serve=serve, config=config, folder=folder)
    else:
        from station.cli.line_and_dashboard import run_attached

        code = run_attached(folder, sys.argv[1:], settings_for(config, folder))
    if not serve:
        say_what_next(folder)
    return code


def _demo_here(cameras: int, *, as_json: bool, serve: bool, config: Path | None, folder: Path) -> int:
    from station.board.chosen import BOARD
    from station.bundle.store import BundleStore
    from station.cli.line_command import RunPrinter, require_files, run_line
    from station.wiring.bench import simulated_bench
    from station.wiring.bundle_choice import demo_bundle
    from station.wiring.line import line_setup
    from station.wiring.log import data_folder
    from station.wiring.virtual_log import claim

    with ExitStack() as stack:
        settings = settings_for(config, folder, run__boot_timeout_s=DEMO_BOOT_TIMEOUT_S, run__already_passed="reflash")
        require_files(settings, cameras)
        stack.enter_context(data_folder(folder))
        claim(folder, virtual=True)
        store = BundleStore(folder, BOARD)
        bundle = demo_bundle(store)
        bench = stack.enter_context(simulated_bench(cameras, movable=True))
        setup = line_setup(settings, store, bundle, stop_after=None if serve else cameras, attended=serve)
        say(f"{cameras} virtual cameras, bundle {bundle.name} ({bundle.version}); the log is in {folder}")
        printer = RunPrinter(as_json=as_json)
        stack.enter_context(printer.printing())
        return run_line(settings, bench, setup, printer)
