"""Runs as TofuPilot takes them: one JSON object a run, the body of `POST /v2/runs` of its API.

The names are those of `RunCreateRequest` in its own client (package tofupilot 2.26, MIT). Each attempt is a phase of
one name with its retry's number. Runs that touched no camera (SKIPPED) and open runs are no tests, and left out. Phases
there know no ABORTED: such an attempt's phase is an ERROR, and the run says ABORTED.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from station.json_lines import text_line
from station.model.measurements import Measurement
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunRecord

_FIGURES = (("blocks_written", None), ("size_bytes", "byte"), ("write_s", "s"), ("verify_s", "s"))
_METADATA = ("station_id", "slot", "port_path", "recipe", "bundle", "bundle_sha256", "bundle_version", "bootloader")
_MORE = ("application_serial", "location", "time_zone", "code", "message", "verified", "boot_confirmed")


def tofupilot_lines(runs: Iterable[RunRecord], procedure: str) -> Iterator[str]:
    """One JSON object a line, ASCII; `procedure` is the id of the procedure there."""
    for run in runs:
        if run.outcome not in (None, Outcome.SKIPPED):
            yield text_line(tofupilot_run(run, procedure))


def tofupilot_run(run: RunRecord, procedure: str) -> dict[str, Any]:
    """The run of a finished run that touched a camera. Asked for again, `client_run_ref` says that it is the same."""
    body = {
        "outcome": str(run.outcome),
        "procedure_id": procedure,
        "procedure_version": run.station_version or None,
        "client_run_ref": run.run_id,
        "started_at": run.started_at.isoformat(),
        "ended_at": (run.finished_at or run.started_at).isoformat(),
        "serial_number": run.product_serial or run.serial,
        "part_number": run.part_number,
        "revision_number": run.hardware_revision,
        "batch_number": run.batch,
        "operated_by": run.operator,
        "docstring": "; ".join(run.notes) or None,
        "phases": [_phase(attempt) for attempt in run.attempts],
        "metadata": _given(_metadata(run)),
    }
    return {name: value for name, value in body.items() if value is not None}


def _metadata(run: RunRecord) -> dict[str, Any]:
    """A value of the unit is called by its key, with unit_ before it where a field is called so."""
    own = {"chip_serial": run.serial, **{name: getattr(run, name) for name in (*_METADATA, *_MORE)}}
    return {**{f"unit_{key}" if key in own else key: value for key, value in run.unit_values.pairs}, **own}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Texts, numbers and truth values that say something."""
    return {
        name: str(value) if isinstance(value, str) else value
        for name, value in values.items()
        if value not in ("", None)
    }


def _phase(attempt: AttemptRecord) -> dict[str, Any]:
    outcome = Outcome.ERROR if attempt.outcome is Outcome.ABORTED else attempt.outcome
    said = " ".join(filter(None, (attempt.code, attempt.message)))
    measurements = [one for image in attempt.images for one in _of_image(image)]
    phase = {
        "name": "attempt",
        "outcome": "SKIP" if outcome is Outcome.SKIPPED else str(outcome),
        "started_at": attempt.started_at.isoformat(),
        "ended_at": (attempt.started_at + timedelta(seconds=attempt.duration_s)).isoformat(),
        "retry_count": attempt.number - 1,
        "measurements": measurements + [_tested(one) for one in attempt.measurements],
    }
    return {**phase, "docstring": said} if said else phase


def _of_image(image: ImageRecord) -> Iterator[dict[str, Any]]:
    for name, unit in _FIGURES:
        yield _measurement(f"{image.partition}_{name}", getattr(image, name), unit, "PASS")
    equal = None if image.readback_sha256 is None else image.readback_sha256 == image.sha256
    yield _measurement(f"{image.partition}_read_back_equal", equal, None, _outcome(equal))


def _tested(one: Measurement) -> dict[str, Any]:
    limits = ((">=", one.low), ("<=", one.high))
    validators = [{"operator": sign, "expected_value": limit} for sign, limit in limits if limit is not None]
    made = _measurement(one.name, one.value, one.unit, _outcome(one.passed))
    return {**made, "validators": validators} if validators else made


def _measurement(name: str, value: Any, unit: str | None, outcome: str) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "outcome": outcome}
    if value is not None:
        made["measured_value"] = value
    return {**made, "units": unit} if unit else made


def _outcome(passed: bool | None) -> str:
    return {None: "UNSET", True: "PASS", False: "FAIL"}[passed]
