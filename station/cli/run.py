"""`station run`: the line."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.next_commands import say_what_next
from station.cli.options import ConfigOption, DataDirOption, JsonOption, a_path, new_app, settings_for
from station.cli.output import on_terminal, say
from station.errors import UsageError
from station.model.runs import Purpose

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.model.bundles import Bundle
    from station.settings import Settings

app = new_app("The line: flash every camera that is plugged into a slot, until it is stopped.")

BundleChoice = Annotated[
    str | None,
    typer.Option("--bundle", metavar="B", help="The bundle's name, or a release on disk. Default: the one in use."),
]
BatchChoice = Annotated[str | None, typer.Option("--batch", metavar="L", help="The batch that the runs belong to.")]
NewBatch = Annotated[
    bool, typer.Option("--new-batch", help="The batch is a new one, though its name is nearly that of another.")
]
OperatorChoice = Annotated[str | None, typer.Option("--operator", metavar="O", help="Who is at the bench.")]
PartChoice = Annotated[
    str | None, typer.Option("--part-number", metavar="P", help="The part number of the cameras, in every record.")
]
RecipeChoice = Annotated[str | None, typer.Option("--recipe", metavar="R", help="Which steps to take. Default: full.")]

PurposeChoice = Annotated[
    str | None,
    typer.Option(
        "--purpose",
        metavar="P",
        help="production, rework, engineering or verification; only the first two count in yields.",
    ),
]

SimOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--sim", parser=a_path, metavar="DIR", help="The virtual cameras that `station sim serve` serves in DIR."
    ),
]

ServeOption = Annotated[
    bool, typer.Option("--serve", hidden=True, help="The line of a dashboard: it runs until it is asked to stop.")
]


@app.command(
    epilog="Examples: station run --headless --json --batch 2026-47 --operator ann; station run --simulate 4 --headless"
)
def run(
    headless: Annotated[bool, typer.Option("--headless", help="Print finished runs; no dashboard.")] = False,
    stop_after: Annotated[
        int | None, typer.Option("--stop-after", metavar="N", min=1, help="End after N finished runs.")
    ] = None,
    bundle: BundleChoice = None,
    batch: BatchChoice = None,
    new_batch: NewBatch = False,
    operator: OperatorChoice = None,
    part_number: PartChoice = None,
    recipe: RecipeChoice = None,
    purpose: PurposeChoice = None,
    simulate: Annotated[
        int | None,
        typer.Option(
            "--simulate", metavar="N", min=1, max=120, help="N virtual cameras instead of USB, with a log of their own."
        ),
    ] = None,
    sim: SimOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    serve: ServeOption = False,
) -> int:
    """The line: flash every camera that is plugged into a slot, until it is stopped.

    Without --data-dir the log of virtual cameras (--simulate, --sim) is in the folder `simulated` inside the usual data
    folder. With it, --simulate refuses a folder that holds the log of other cameras.
    """
    if simulate is not None and sim:
        raise UsageError("usage.two_benches", "--simulate and --sim are both given")
    attached = not (headless or as_json or serve) and on_terminal()
    virtual = simulate is not None or bool(sim)
    settings = settings_for(
        config,
        data_dir,
        virtual=virtual,
        run__bundle=bundle,
        run__batch=batch,
        run__operator=operator,
        run__part_number=part_number,
        run__recipe=recipe,
        run__purpose=purpose,
    )
    from station.wiring.log import refuse_nearly_another

    refuse_nearly_another(settings.data_dir, settings.run.batch, confirmed=new_batch)
    if simulate is None:
        from station.wiring.slots_due import refuse_unverified

        refuse_unverified(settings, Purpose(settings.run.purpose))
    if attached:
        from station.cli.line_and_dashboard import run_attached

        code = run_attached(settings.data_dir, sys.argv[1:], settings)
    else:
        after = simulate if stop_after is None and not serve else stop_after
        code = _run_line(settings, simulate, sim, stop_after=after, attended=serve, as_json=as_json)
    if virtual and not serve:
        say_what_next(settings.data_dir)
    return code


def _run_line(
    settings: Settings,
    simulate: int | None,
    sim: list[Path] | None,
    *,
    stop_after: int | None,
    attended: bool,
    as_json: bool,
) -> int:
    """The line in this process."""
    from station.cli.line_command import RunPrinter, require_files, run_line
    from station.cli.talk_file import keep_small, talk_file
    from station.wiring.bench import bench_for
    from station.wiring.line import line_setup
    from station.wiring.log import data_folder

    require_files(settings, simulate)
    folder = settings.data_dir
    # The line of a dashboard writes what it says into a file.
    tidy_up = partial(keep_small, talk_file(folder)) if attended else None
    printer = RunPrinter(as_json=as_json, after_each=tidy_up)
    with data_folder(folder), bench_for(simulate, sim) as bench:
        store, chosen = _bundle_to_flash(settings, simulated=simulate is not None)
        setup = line_setup(settings, store, chosen, stop_after=stop_after, attended=attended)
        say(f"bundle {chosen.name} ({chosen.version}), recipe {setup.recipe.name}, station {setup.station_id}")
        if bench.access.kind == "usbip":
            say(f"virtual cameras: their log is in {folder}")
        with printer.printing():
            return run_line(settings, bench, setup, printer)


def _bundle_to_flash(settings: Settings, *, simulated: bool) -> tuple[BundleStore, Bundle]:
    """The bundle that is asked for or in use; the demo's for simulated cameras where there is none."""
    from station.board.chosen import BOARD
    from station.bundle.store import BundleStore
    from station.settings import usual_data_dir
    from station.wiring.bundle_choice import chosen_bundle, demo_bundle, store_of
    from station.wiring.virtual_log import claim

    store = store_of(settings, usual_data_dir(), settings.run.bundle)
    if not simulated or settings.run.bundle is not None or store.used() is not None:
        return store, chosen_bundle(store, settings.run.bundle)
    claim(settings.data_dir, virtual=True)
    store = BundleStore(settings.data_dir, BOARD)
    return store, demo_bundle(store)
