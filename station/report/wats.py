"""Runs as WATS takes them: one UUT report a line in its JSON format (WSJF).

The names are those of `UUTReport` in its own client (package pywats-api, MIT). Each attempt is a sequence call with its
figures as steps. Runs that touched no camera (SKIPPED) and open runs are no tests, and left out. WATS wants some texts
that nobody may have given: they are "-" then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from station.json_lines import text_line
from station.model.measurements import Measurement
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunRecord

STATUS = {Outcome.PASS: "P", Outcome.FAIL: "F", Outcome.ERROR: "E", Outcome.ABORTED: "T", Outcome.SKIPPED: "S"}
"""Passed, failed, error, terminated, skipped."""
LONGEST = 100
_FIGURES = (("blocks_written", ""), ("size_bytes", "byte"), ("write_s", "s"), ("verify_s", "s"))
_MISC = ("slot", "port_path", "bundle", "bundle_sha256", "bundle_version", "bootloader", "application_serial", "code")


def wats_lines(runs: Iterable[RunRecord], process_code: int) -> Iterator[str]:
    """One report a line, ASCII; `process_code` is the number of the test operation there."""
    for run in runs:
        if run.outcome not in (None, Outcome.SKIPPED):
            yield text_line(wats_report(run, process_code))


def wats_report(run: RunRecord, process_code: int) -> dict[str, Any]:
    """The report of a finished run that touched a camera. Its `id` is the run's key: again is the same report."""
    assert run.outcome is not None
    status = STATUS[run.outcome]
    uut = {"user": _text(run.operator), "execTime": run.duration_s, "fixtureId": _text(run.slot)}
    uut |= {"batchSN": _text(run.batch)} if run.batch else {}
    uut |= {"errorMessage": f"{run.code}: {run.message}"} if run.code else {}
    misc = [(name, getattr(run, name)) for name in _MISC] + [("chip_serial", run.serial), *run.unit_values.pairs]
    return {
        "type": "T",
        "id": run.run_id,
        "pn": _text(run.part_number),
        "sn": _text(run.product_serial or run.serial),
        "rev": _text(run.hardware_revision),
        "processCode": process_code,
        "result": status,
        "machineName": _text(run.station_id),
        "location": _text(run.location),
        "purpose": str(run.purpose).capitalize(),
        "start": run.started_at.isoformat(),
        "uut": uut,
        "miscInfos": [{"description": name, "text": str(value)} for name, value in misc if value],
        "root": _sequence("MainSequence Callback", status, run, [_attempt(run, attempt) for attempt in run.attempts]),
    }


def _text(value: str | None) -> str:
    return (str(value) if value else "-")[:LONGEST]


def _sequence(name: str, status: str, run: RunRecord, steps: list[dict[str, Any]]) -> dict[str, Any]:
    call = {"path": run.bundle or "-", "name": run.recipe, "version": run.station_version or "-"}
    return {"stepType": "SequenceCall", "group": "M", "name": name, "status": status, "seqCall": call, "steps": steps}


def _attempt(run: RunRecord, attempt: AttemptRecord) -> dict[str, Any]:
    steps = [step for image in attempt.images for step in _of_image(image)]
    steps += [_tested(one) for one in attempt.measurements]
    call = _sequence(f"attempt_{attempt.number}", STATUS[attempt.outcome], run, steps)
    said = ": ".join(filter(None, (attempt.code, attempt.message)))
    return {**call, "totTime": attempt.duration_s, **({"errorMessage": said} if said else {})}


def _of_image(image: ImageRecord) -> Iterator[dict[str, Any]]:
    for name, unit in _FIGURES:
        yield _number(f"{image.partition}_{name}", getattr(image, name), unit, "P", {"compOp": "LOG"})
    if image.readback_sha256 is not None:
        equal = image.readback_sha256 == image.sha256
        yield _step("ET_PFT", f"{image.partition}_read_back_equal", _status(equal), "booleanMeas", {"value": equal})


def _tested(one: Measurement) -> dict[str, Any]:
    status = _status(one.passed)
    if one.number is not None:
        return _number(one.name, one.number, one.unit or "", status, _limits(one))
    if one.value is None:
        return _step("ET_SVT", one.name, "S" if one.passed is None else status, "stringMeas", {"compOp": "LOG"})
    return _step("ET_SVT", one.name, status, "stringMeas", {"value": str(one.value), "compOp": "LOG"})


def _limits(one: Measurement) -> dict[str, Any]:
    if one.low is not None and one.high is not None:
        return {"compOp": "GELE", "lowLimit": one.low, "highLimit": one.high}
    if one.low is not None:
        return {"compOp": "GE", "lowLimit": one.low}
    return {"compOp": "LOG"} if one.high is None else {"compOp": "LE", "highLimit": one.high}


def _number(name: str, value: float, unit: str, status: str, limits: dict[str, Any]) -> dict[str, Any]:
    return _step("ET_NLT", name, status, "numericMeas", {"value": value, "unit": unit, **limits})


def _step(kind: str, name: str, status: str, of: str, measured: dict[str, Any]) -> dict[str, Any]:
    return {"stepType": kind, "name": name, "group": "M", "status": status, of: [{"status": status, **measured}]}


def _status(passed: bool | None) -> str:
    """What is not judged is done."""
    return {None: "D", True: "P", False: "F"}[passed]
