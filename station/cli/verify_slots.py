"""`station verify-slots`: at the start of a shift, each slot passes the reference camera and refuses a wrong one."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, new_app, settings_for
from station.cli.output import print_json, say
from station.cli.qualify import SlotsOption, refuse_empty, run_rounds
from station.cli.run import OperatorChoice, SimOption
from station.model.runs import RunRecord

if TYPE_CHECKING:
    from station.qualification.bench_run import SlotCycles

app = new_app(
    "Show at the start of a shift that each slot passes a good camera and refuses a wrong one; nothing is written."
)


@app.command(epilog="Example: station verify-slots")
def verify_slots(
    slot: SlotsOption = None,
    wait_s: Annotated[
        float,
        typer.Option("--wait", metavar="S", min=1, max=3600, help="Seconds to wait for the camera in the next slot."),
    ] = 60.0,
    bundle: Annotated[
        str | None,
        typer.Option("--bundle", metavar="B", help="What the reference camera holds. Default: the one in use."),
    ] = None,
    operator: OperatorChoice = None,
    sim: SimOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run the reference camera twice in each slot: with a wrong expectation, which must be refused, and as it is.

    Nothing is written to it. One camera is enough: move it from slot to slot; several do it at once. The runs are of
    purpose verification, outside every yield, and hold for [verification] valid_h hours. Exit code 0: every slot is
    verified.
    """
    settings = settings_for(config, data_dir, virtual=bool(sim), run__bundle=bundle, run__operator=operator)
    from station.cli.line_command import EXIT_INTERRUPTED, EXIT_NOT_PASSED, EXIT_PASSED
    from station.qualification.verification import RUNS
    from station.settings import usual_data_dir
    from station.wiring.bench import bench_for
    from station.wiring.bundle_choice import chosen_bundle, store_of
    from station.wiring.log import data_folder
    from station.wiring.qualifying import Rounds
    from station.wiring.verifying import verifying_setup

    store = store_of(settings, usual_data_dir(), settings.run.bundle)
    wanted = slot or [name for _, name in settings.slot_map.names] or None
    with (
        tempfile.TemporaryDirectory(prefix="ae3-verify-") as folder,
        data_folder(settings.data_dir),
        bench_for(None, sim) as bench,
    ):
        chosen = chosen_bundle(store, settings.run.bundle)
        setup, expected = verifying_setup(settings, store, chosen, Path(folder), slot)

        def on_run(run: RunRecord) -> None:
            expected.heard(run)
            say(f"{run.slot}: {run.outcome} {run.code or ''}".rstrip())

        rounds = Rounds(RUNS, wanted, on_run, say, wait_s)
        interrupted = run_rounds(settings, bench, setup, rounds)
    refuse_empty(rounds.cycles)
    good = _print(rounds.cycles, as_json=as_json)
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_PASSED if good else EXIT_NOT_PASSED


def _print(slots: Sequence[SlotCycles], *, as_json: bool) -> bool:
    """Each slot, verified or why not; whether all are."""
    from station.qualification.verification import complaint

    found = [(each, complaint(each.runs) if each.runs else each.gave_up) for each in slots]
    rows: list[dict[str, Any]] = [
        {
            "slot": each.slot,
            "port_path": each.port_path,
            "serials": list(each.serials),
            "verified": not why,
            "why": why or None,
            "runs": [{"run_id": run.run_id, "outcome": str(run.outcome), "code": run.code} for run in each.runs],
        }
        for each, why in found
    ]
    if as_json:
        print_json({"verified": all(row["verified"] for row in rows), "slots": rows})
    else:
        for each, why in found:
            sys.stdout.write(f"{each.slot:<10} {'NOT verified: ' + why if why else 'verified'}\n")
    return all(row["verified"] for row in rows)
