"""`station qualify`: the bench measured with known-good cameras, and what the station believes of them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, OutputOption, new_app, settings_for
from station.cli.output import refuse_unwritable, say, text_output
from station.cli.run import OperatorChoice, RecipeChoice, SimOption
from station.errors import UsageError
from station.model.runs import RunRecord

if TYPE_CHECKING:
    from station.line.setup import LineSetup
    from station.qualification.bench_report import BenchReport
    from station.qualification.bench_run import SlotCycles
    from station.settings import Settings
    from station.wiring.bench import Bench
    from station.wiring.qualifying import Rounds

app = new_app(
    "Measure the bench with known-good cameras: flash, read back, boot, test and back into the bootloader, again and "
    "again."
)

CyclesOption = Annotated[
    int, typer.Option("--cycles", metavar="N", min=1, max=10_000, help="How many runs each slot makes.")
]
SlotsOption = Annotated[
    list[str] | None,
    typer.Option("--slot", metavar="S", help="Only this slot; may be given again. Its camera is waited for."),
]
AcceptOption = Annotated[
    bool,
    typer.Option("--accept", help="Write what was learned (limits, serial form, sensors) into the configuration."),
]


@app.command(epilog="Example: station qualify --cycles 20 --output bench.html")
def qualify(
    cycles: CyclesOption = 5,
    slot: SlotsOption = None,
    accept: AcceptOption = False,
    bundle: Annotated[
        str | None, typer.Option("--bundle", metavar="B", help="What to flash. Default: the one in use.")
    ] = None,
    recipe: RecipeChoice = None,
    operator: OperatorChoice = None,
    output: OutputOption = None,
    sim: SimOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Measure the bench with known-good cameras, and compare them with what the station believes of a camera.

    Every camera is written in each cycle; its runs are engineering, outside every yield and batch. --output takes the
    report as HTML (a name that ends with .json: as JSON), to be mailed; --json prints it. Exit code 0: every cycle of
    every slot passed.
    """
    if output is not None:
        if output.suffix not in (".html", ".htm", ".json"):
            raise UsageError("usage.format", f"{output}: the report's name ends with .html or .json")
        refuse_unwritable(output)
    settings = settings_for(
        config, data_dir, virtual=bool(sim), run__bundle=bundle, run__recipe=recipe, run__operator=operator
    )
    from station.clock import now
    from station.settings import usual_data_dir
    from station.wiring.bench import bench_for
    from station.wiring.bundle_choice import chosen_bundle, store_of
    from station.wiring.log import data_folder
    from station.wiring.qualifying import Rounds, qualifying_setup, report_of

    store = store_of(settings, usual_data_dir(), settings.run.bundle)
    with data_folder(settings.data_dir), bench_for(None, sim) as bench:
        setup = qualifying_setup(settings, store, chosen_bundle(store, settings.run.bundle), slot)
        rounds = Rounds(cycles, slot, _say_run, say)
        started_at = now()
        interrupted = run_rounds(settings, bench, setup, rounds)
        refuse_empty(rounds.cycles)
        report = report_of(settings, setup, bench, cycles, rounds.cycles, started_at)
    _print(report, output, as_json=as_json)
    if accept:
        _accept(report, config)
    return _exit_code(report, interrupted=interrupted)


def refuse_empty(slots: Sequence[SlotCycles]) -> None:
    """UsageError `usage.no_camera` where no slot had a run; it says why."""
    if not any(each.runs for each in slots):
        reasons = "; ".join(f"{each.slot}: {each.gave_up}" for each in slots if each.gave_up)
        raise UsageError("usage.no_camera", f"no camera was run{f' ({reasons})' if reasons else ''}")


def _exit_code(report: BenchReport, *, interrupted: bool) -> int:
    from station.cli.line_command import EXIT_INTERRUPTED, EXIT_NOT_PASSED, EXIT_PASSED

    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_PASSED if report.qualified else EXIT_NOT_PASSED


def run_rounds(settings: Settings, bench: Bench, setup: LineSetup, rounds: Rounds) -> bool:
    """The line until every slot is through; True where somebody interrupted it. Its own reason to stop is raised."""
    from station.cli.engineer import proving
    from station.cli.line_command import interruptions, say_ready
    from station.cli.progress import progress_bars
    from station.wiring.line import running_line

    prove = proving(settings.data_dir, settings.station_id, setup.operator)
    running = running_line(settings, bench, setup, rounds.listeners, prove)
    with running as line, interruptions(line) as heard, progress_bars(line.views):
        watcher = threading.Thread(target=rounds.watch, args=(line,), name="rounds", daemon=True)

        def ready() -> None:
            say_ready(bench)
            watcher.start()

        try:
            reason = line.run(on_ready=ready)
        finally:
            rounds.end()
    if reason is not None:
        raise reason
    return bool(heard)


def _say_run(run: RunRecord) -> None:
    code = f" {run.code}" if run.code else ""
    say(f"{run.slot}: {run.outcome}{code}, {run.duration_s or 0:.1f} s")


def _print(report: BenchReport, output: Path | None, *, as_json: bool) -> None:
    from station.report.bench_html import bench_html, bench_json, bench_text

    sys.stdout.write(bench_json(report) if as_json else bench_text(report))
    sys.stdout.flush()
    if output is not None:
        with text_output(output) as file:
            file.write(bench_json(report) if output.suffix == ".json" else bench_html(report))
        say(f"the report is in {output}")


def _accept(report: BenchReport, config: Path | None) -> None:
    """Write what differs, and say what was changed."""
    from station.settings import slots_file, write_values

    changes = [each for each in report.learned if each.differs]
    file = slots_file(config)
    if not changes:
        say(f"nothing to change in {file}: it says what these cameras teach")
        return
    write_values(file, {each.key: each.suggested for each in changes})
    for each in changes:
        say(f"{file}: {each.key} = {each.suggested_text} (was {each.now_text}): {each.why}")
