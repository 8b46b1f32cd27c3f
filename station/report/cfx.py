"""Runs as IPC-CFX (IPC-2591) knows them: one `CFX.Production.TestAndInspection.UnitsTested` in its envelope a line.

The names are those of the classes of its own SDK (IPCConnectedFactoryExchange/CFX 2.1.1), as that writes them: what is
null or empty stands there too, and a list of measurements names each one's class. The run is a test, and each attempt
another; what failed one is its symptom. Runs that touched no camera (SKIPPED) and open runs are no tests, and left out.
A unit is known there by one name: the product's serial, else the chip's; the other is a measured text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from station.json_lines import text_line
from station.model.measurements import Measurement
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunRecord

MESSAGE = "CFX.Production.TestAndInspection.UnitsTested"
VERSION = "2.1"
RESULT = {
    Outcome.PASS: "Passed",
    Outcome.FAIL: "Failed",
    Outcome.ERROR: "Error",
    Outcome.ABORTED: "Aborted",
    Outcome.SKIPPED: "Skipped",
}
_FIGURES = (("blocks_written", None), ("size_bytes", "byte"), ("write_s", "s"), ("verify_s", "s"))
_TEXTS = ("slot", "port_path", "batch", "part_number", "hardware_revision", "location", "bundle", "bundle_sha256")
_MORE = ("bundle_version", "bootloader", "application_serial", "station_version")


def cfx_lines(runs: Iterable[RunRecord]) -> Iterator[str]:
    """One envelope a line, ASCII."""
    for run in runs:
        if run.outcome not in (None, Outcome.SKIPPED):
            yield text_line(cfx_envelope(run))


def cfx_envelope(run: RunRecord) -> dict[str, Any]:
    """The envelope of a finished run that touched a camera. Its `UniqueID` follows from the run's key, so that a second
    export is known to be the same."""
    return {
        "MessageName": MESSAGE,
        "Version": VERSION,
        "TimeStamp": (run.finished_at or run.started_at).isoformat(),
        "UniqueID": _id(run.run_id, "envelope"),
        "Source": run.station_id,
        "Target": None,
        "RequestID": None,
        "MessageBody": {"$type": f"{MESSAGE}, CFX", **_units_tested(run)},
    }


def _units_tested(run: RunRecord) -> dict[str, Any]:
    assert run.outcome is not None
    tests = [_test(run, attempt) for attempt in run.attempts]
    unit = {
        "UnitIdentifier": run.product_serial or run.serial,
        "UnitPositionNumber": 1,
        "OverallResult": RESULT[run.outcome],
        "Tests": [_of_the_run(run), *tests],
    }
    return {
        "TransactionId": run.run_id,
        "TestMethod": "Automated",
        "Tester": {
            "OperatorIdentifier": run.operator,
            "ActorType": "Human" if run.operator else "Robot",
            "LastName": None,
            "FirstName": None,
            "LoginName": None,
        },
        "RecipeName": run.recipe,
        "RecipeRevision": run.bundle or None,
        "SamplingInformation": {"SamplingMethod": "NoSampling", "LotSize": None, "SampleSize": None},
        "TestedUnits": [unit],
    }


def _of_the_run(run: RunRecord) -> dict[str, Any]:
    """What holds for all attempts: who and what the unit is, where it was, and how the run ended."""
    assert run.outcome is not None
    texts = [("chip_serial", run.serial), ("purpose", str(run.purpose))]
    texts += [(name, getattr(run, name)) for name in (*_TEXTS, *_MORE)]
    said = [(name, value) for name, value in texts if value]
    return {
        "UniqueIdentifier": run.run_id,
        "TestName": "run",
        "TestStartTime": run.started_at.isoformat(),
        "TestEndTime": (run.finished_at or run.started_at).isoformat(),
        "TestConditions": [],
        "TestProcedure": run.recipe,
        "Comments": "; ".join(run.notes) or None,
        "Result": RESULT[run.outcome],
        **_ended(run.run_id, run.outcome, run.code, run.message, is_symptom=not run.attempts),
        "DefectsFound": [],
        "Measurements": [_text(run.run_id, number, name, value) for number, (name, value) in enumerate(said, 1)],
    }


def _test(run: RunRecord, attempt: AttemptRecord) -> dict[str, Any]:
    key = attempt.attempt_id
    figures = [one for image in attempt.images for one in _of_image(key, image)]
    figures += [_tested(key, one) for one in attempt.measurements]
    return {
        "UniqueIdentifier": key,
        "TestName": f"attempt_{attempt.number}",
        "TestStartTime": attempt.started_at.isoformat(),
        "TestEndTime": (attempt.started_at + timedelta(seconds=attempt.duration_s)).isoformat(),
        "TestConditions": [],
        "TestProcedure": run.recipe,
        "Comments": "; ".join(attempt.notes) or None,
        "Result": RESULT[attempt.outcome],
        **_ended(key, attempt.outcome, attempt.code, attempt.message, is_symptom=True),
        "DefectsFound": [],
        "Measurements": [{**one, "Sequence": number} for number, one in enumerate(figures, 1)],
    }


def _ended(key: str, outcome: Outcome, code: str | None, message: str, *, is_symptom: bool) -> dict[str, Any]:
    """Why it did not pass: a symptom of the unit where that failed, once; else an error."""
    said = ": ".join(filter(None, (code, message))) or None
    is_units = is_symptom and outcome is Outcome.FAIL and code is not None
    symptom: dict[str, Any] = {
        "UniqueIdentifier": _id(key, "symptom"),
        "SymptomCode": code,
        "SymptomCategory": (code or "").partition(".")[0],
        "Description": message or None,
        "Comments": None,
        "Status": "NewlyDiscovered",
        "ComponentsOfInterest": [],
        "RegionOfInterest": None,
        "Priority": 1,
        "RelatedMeasurements": None,
    }
    return {"Error": None if is_units else said, "SymptomsFound": [symptom] if is_units else []}


def _of_image(key: str, image: ImageRecord) -> Iterator[dict[str, Any]]:
    for name, unit in _FIGURES:
        yield _number(key, f"{image.partition}_{name}", getattr(image, name), unit)
    if image.readback_sha256 is not None:
        equal = image.readback_sha256 == image.sha256
        given = {"Value": equal, "ExpectedValue": True}
        yield _measurement(key, "BooleanMeasurement", given, f"{image.partition}_read_back_equal", equal)


def _tested(key: str, one: Measurement) -> dict[str, Any]:
    """CFX has no measurement without a value, and none that is not judged: those are texts, and Skipped where nothing
    was measured."""
    if one.number is not None:
        return _number(key, one.name, one.number, one.unit, one)
    value = None if one.value is None else str(one.value)
    made = _measurement(key, "TextMeasurement", {"Value": value, "ExpectedValue": None}, one.name, one.passed)
    return {**made, "Result": "Skipped"} if one.value is None and one.passed is None else made


def _text(key: str, number: int, name: str, value: str) -> dict[str, Any]:
    made = _measurement(key, "TextMeasurement", {"Value": value, "ExpectedValue": None}, name, None)
    return {**made, "Sequence": number}


def _number(key: str, name: str, value: float, unit: str | None, judged: Measurement | None = None) -> dict[str, Any]:
    low, high = (judged.low, judged.high) if judged else (None, None)
    measured = {
        "Value": float(value),
        "ValueUnits": unit,
        "ExpectedValue": None,
        "ExpectedValueUnits": None,
        "MinimumAcceptableValue": low,
        "MinimumAcceptableValueUnits": unit if low is not None else None,
        "MaximumAcceptableValue": high,
        "MaximumAcceptableValueUnits": unit if high is not None else None,
    }
    passed = judged.passed if judged else None
    return _measurement(key, "NumericMeasurement", {"MeasuredValue": measured}, name, passed)


def _measurement(key: str, kind: str, given: dict[str, Any], name: str, passed: bool | None) -> dict[str, Any]:
    """One of the SDK's kinds. What is not judged passes: CFX knows no other."""
    return {
        "$type": f"CFX.Structures.{kind}, CFX",
        **given,
        "UniqueIdentifier": _id(key, name),
        "MeasurementName": name,
        "TimeRecorded": None,
        "Sequence": 0,
        "Result": "Failed" if passed is False else "Passed",
        "CRDs": None,
    }


def _id(key: str, name: str) -> str:
    return str(uuid5(UUID(key), name))
