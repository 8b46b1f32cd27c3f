"""The export as IPC-CFX, against the classes of its own SDK (`tests.unit.report.cfx.classes`)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from station.model.runs import Outcome
from station.report.run_export import export_lines
from tests.unit.ledger.builders import SERIAL, a_run, an_attempt
from tests.unit.report.cfx import classes

RUNS = [
    a_run(product_serial="P-17", part_number="AE3-1", hardware_revision="C", location="hall 3"),
    a_run(Outcome.FAIL, attempts=(an_attempt(1, Outcome.ERROR), an_attempt(2, Outcome.FAIL))),
    a_run(Outcome.FAIL, attempts=()),
    a_run(Outcome.ERROR, attempts=()),
    a_run(Outcome.ABORTED, attempts=(an_attempt(1, Outcome.ABORTED),)),
    a_run(serial="", identified=False, batch=None, operator=None, bootloader=None),
]


def exported(*runs: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export_lines(runs, "cfx")]


def parts_of(envelope: dict[str, Any]) -> list[dict[str, Any]]:
    (unit,) = envelope["MessageBody"]["TestedUnits"]
    tests: list[dict[str, Any]] = unit["Tests"]
    return tests


def test_every_finished_run_is_one_that_its_sdk_reads() -> None:
    envelopes = exported(*RUNS, a_run(Outcome.SKIPPED), a_run(None))
    assert [classes.problems(one, "CFXEnvelope") for one in envelopes] == [[]] * len(RUNS)
    bodies = [one["MessageBody"] for one in envelopes]
    assert [body["TransactionId"] for body in bodies] == [run.run_id for run in RUNS]
    (unit,) = bodies[0]["TestedUnits"]
    assert (unit["UnitIdentifier"], unit["OverallResult"]) == ("P-17", "Passed")
    results = [body["TestedUnits"][0]["OverallResult"] for body in bodies]
    assert results == ["Passed", "Failed", "Failed", "Error", "Aborted", "Passed"]
    assert bodies[0]["Tester"]["OperatorIdentifier"] == "Ada"
    assert bodies[-1]["Tester"]["ActorType"] == "Robot"


def test_nothing_that_its_sdk_would_write_is_missing() -> None:
    """It writes what is null too: a reader that is not its own may count on the names."""
    (envelope,) = exported(RUNS[1])

    def names(value: Any, kind: str) -> None:
        full = str(value.get("$type", "")).removesuffix(", CFX") or classes.full_name(kind)
        assert value.keys() - {"$type"} == classes.properties_of(full).keys(), full

    names(envelope, "CFXEnvelope")
    body = envelope["MessageBody"]
    names(body, "UnitsTested")
    names(body["Tester"], "Operator")
    names(body["SamplingInformation"], "SamplingInformation")
    names(body["TestedUnits"][0], "TestedUnit")
    for test in parts_of(envelope):
        names(test, "Test")
        for symptom in test["SymptomsFound"]:
            names(symptom, "Symptom")
        for measurement in test["Measurements"]:
            names(measurement, "Measurement")
            if value := measurement.get("MeasuredValue"):
                names(value, "NumericValue")


def test_attempts_are_tests_with_what_failed_them_once() -> None:
    of_run, first, second = parts_of(exported(RUNS[1])[0])
    assert [one["TestName"] for one in (of_run, first, second)] == ["run", "attempt_1", "attempt_2"]
    assert [one["Result"] for one in (of_run, first, second)] == ["Failed", "Error", "Failed"]
    assert (first["Error"], first["SymptomsFound"]) == ("dfu.err_write: block 7 of ROMFS0 was refused", [])
    assert [one["SymptomCode"] for one in second["SymptomsFound"]] == ["dfu.err_write"]
    assert of_run["SymptomsFound"] == []
    (alone,) = parts_of(exported(RUNS[2])[0])
    assert [one["Description"] for one in alone["SymptomsFound"]] == ["it went wrong"]


def test_measurements_have_their_limits_and_what_they_say() -> None:
    of_run, attempt = parts_of(exported(RUNS[0])[0])
    texts = {one["MeasurementName"]: one["Value"] for one in of_run["Measurements"]}
    assert (texts["chip_serial"], texts["location"], texts["slot"]) == (SERIAL, "hall 3", "A1")
    found = {one["MeasurementName"]: one for one in attempt["Measurements"]}
    mean = found["picture_mean"]
    limits = mean["MeasuredValue"]
    assert (mean["Result"], limits["Value"]) == ("Failed", 3.0)
    assert (limits["MinimumAcceptableValue"], limits["MaximumAcceptableValue"]) == (10.0, 250.0)
    assert found["HP_read_back_equal"]["Value"] is True
    assert found["version"]["Value"] == "OpenMV v5; MicroPython ünï"
    assert (found["disk_bytes"]["Result"], found["disk_bytes"]["Value"]) == ("Skipped", None)


def test_an_image_that_was_read_back_as_another_fails_there_too() -> None:
    attempt = an_attempt(1, Outcome.FAIL)
    wrong = replace(attempt, images=(replace(attempt.images[0], readback_sha256="0" * 64),), measurements=())
    (envelope,) = exported(a_run(Outcome.FAIL, attempts=(wrong,)))
    last = parts_of(envelope)[-1]["Measurements"][-1]
    assert (last["MeasurementName"], last["Value"], last["Result"]) == ("HP_read_back_equal", False, "Failed")


def test_a_second_export_is_the_same() -> None:
    assert exported(*RUNS) == exported(*RUNS)


def test_the_sdks_own_example_is_one_that_it_reads() -> None:
    body = json.loads((classes.HERE / "example.json").read_text())
    assert classes.problems(body, "UnitsTested") == []


def _type_last(body: Any) -> None:
    measurement = body["TestedUnits"][0]["Tests"][0]["Measurements"][0]
    measurement["$type"] = measurement.pop("$type")


WRONG: list[Callable[[Any], Any]] = [
    lambda body: body.update(TestMethod="automated"),
    lambda body: body.update(TransactionId="17"),
    lambda body: body.update(Testers={}),
    lambda body: body["TestedUnits"][0].update(UnitPositionNumber="1"),
    lambda body: body["TestedUnits"][0].update(OverallResult="OK"),
    lambda body: body["TestedUnits"][0]["Tests"][0].update(TestStartTime="yesterday"),
    lambda body: body["TestedUnits"][0]["Tests"][0]["Measurements"][0].pop("$type"),
    lambda body: body["TestedUnits"][0]["Tests"][0]["Measurements"][0]["MeasuredValue"].update(Value=None),
    _type_last,
]


@pytest.mark.parametrize("spoil", WRONG)
def test_what_its_sdk_would_not_read_is_seen(spoil: Callable[[Any], Any]) -> None:
    body = copy.deepcopy(json.loads((classes.HERE / "example.json").read_text()))
    spoil(body)
    assert len(classes.problems(body, "UnitsTested")) == 1
