"""What a worker is to do with one camera, from what holds for the line and what the slot knows. Pure."""

from __future__ import annotations

from station.line.setup import LineSetup
from station.line.slot_events import StartWorker
from station.model.runs import RunPlan


def plan_of(setup: LineSetup, start: StartWorker) -> RunPlan:
    """The plan of the run that begins."""
    run = start.run
    return RunPlan(
        run.run_id,
        run.serial,
        setup.recipe,
        setup.expectation(run.port_path) if setup.expectation else setup.images,
        setup.options,
        check_first=start.check,
        hold_notes=run.notes,
        tests=setup.tests,
        label=setup.label,
        files_image=setup.files_image,
        read_only=setup.read_only,
        qualifies=setup.qualifies,
        hold_s=start.hold_s,
        recovery=setup.recovery,
    )
