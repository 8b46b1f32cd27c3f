"""Runs shaped like OpenHTF's test records, for the tools that read those.

One JSON object a run, with the fields that OpenHTF's JSON output has; each attempt is a phase, with its figures as
measurements. Runs that touched no camera (SKIPPED) and open runs are no tests, and left out. OpenHTF has no phase that
was aborted, so such an attempt's phase is an ERROR; the record's own outcome still says ABORTED.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from station.json_lines import text_line
from station.model.measurements import Measurement
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunRecord

_FIGURES = (
    ("blocks_total", None),
    ("blocks_written", None),
    ("size_bytes", "byte"),
    ("write_s", "s"),
    ("verify_s", "s"),
)


def openhtf_lines(runs: Iterable[RunRecord]) -> Iterator[str]:
    """One JSON object a line, ASCII."""
    for run in runs:
        if run.outcome not in (None, Outcome.SKIPPED):
            yield text_line(openhtf_record(run))


def openhtf_record(run: RunRecord) -> dict[str, Any]:
    """The record of a finished run that touched a camera."""
    details = [] if run.code is None else [{"code": run.code, "description": run.message}]
    return {
        "dut_id": run.serial,
        "station_id": run.station_id,
        "start_time_millis": _millis(run.started_at),
        "end_time_millis": _millis(run.finished_at or run.started_at),
        "outcome": str(run.outcome),
        "outcome_details": details,
        "marginal": None,
        "code_info": {"name": run.recipe, "docstring": None, "sourcecode": ""},
        "metadata": {"test_name": f"flash {run.recipe}", **_metadata(run)},
        "phases": [_phase(attempt) for attempt in run.attempts],
        "subtests": [],
        "branches": [],
        "checkpoints": [],
        "diagnosers": [],
        "diagnoses": [],
        "log_records": [],
    }


def _metadata(run: RunRecord) -> dict[str, Any]:
    names = ("run_id", "identified", "slot", "port_path", "batch", "operator", "recipe", "bundle", "bundle_sha256")
    more = ("bundle_version", "bootloader", "station_version", "application_serial", "product_serial", "part_number")
    place = ("hardware_revision", "location", "time_zone")
    plain = {name: getattr(run, name) for name in (*names, *more, *place, "verified", "boot_confirmed")}
    return {**plain, "purpose": str(run.purpose), "notes": list(run.notes), "unit_values": run.unit_values.to_json()}


def _phase(attempt: AttemptRecord) -> dict[str, Any]:
    outcome = attempt.outcome if attempt.outcome is not Outcome.ABORTED else Outcome.ERROR
    measurements: dict[str, Any] = {}
    for image in attempt.images:
        measurements |= _measurements(image)
    for one in attempt.measurements:
        measurements[one.name] = _tested(one)
    for name, value in (("last_phase", attempt.phase), ("code", attempt.code), ("message", attempt.message)):
        measurements[name] = _measurement(name, value)
    return {
        "name": f"attempt_{attempt.number}",
        "descriptor_id": 0,
        "codeinfo": {"name": f"attempt_{attempt.number}", "docstring": None, "sourcecode": ""},
        "start_time_millis": _millis(attempt.started_at),
        "end_time_millis": _millis(attempt.started_at + timedelta(seconds=attempt.duration_s)),
        "outcome": "SKIP" if outcome is Outcome.SKIPPED else str(outcome),
        "result": None,
        "marginal": None,
        "measurements": measurements,
        "attachments": {},
        "options": {},
        "diagnosis_results": [],
        "failure_diagnosis_results": [],
        "subtest_name": None,
    }


def _measurements(image: ImageRecord) -> dict[str, Any]:
    figures = {
        f"{image.partition}_{name}": _measurement(f"{image.partition}_{name}", getattr(image, name), unit)
        for name, unit in _FIGURES
    }
    proof = f"{image.partition}_read_back_equal"
    equal = None if image.readback_sha256 is None else image.readback_sha256 == image.sha256
    figures[proof] = {**_measurement(proof, equal), "outcome": {None: "UNSET", True: "PASS", False: "FAIL"}[equal]}
    return figures


def _tested(one: Measurement) -> dict[str, Any]:
    """What a test measured; where nothing was measured or there is nothing to compare with, it is not judged."""
    outcome = "PASS" if one.passed else "UNSET" if one.passed is None else "FAIL"
    return {**_measurement(one.name, one.value, one.unit), "outcome": outcome, "validators": list(one.limits)}


def _measurement(name: str, value: Any, unit: str | None = None) -> dict[str, Any]:
    """A figure without limits passes, as it does in OpenHTF."""
    return {"name": name, "outcome": "PASS", "measured_value": value, "units": unit, "docstring": None}


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
