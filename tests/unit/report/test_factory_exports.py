"""The exports for TofuPilot and WATS, against their owners' own models."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from station.errors import UsageError
from station.model.runs import Outcome, RunRecord
from station.report.run_export import Destination, export_lines
from tests.unit.ledger.builders import SERIAL, a_run, an_attempt
from tests.unit.report.owners_models import RunCreateRequest, SequenceCall, UUTReport, accepted

TO = Destination("FVT1", 10)
RUNS = [
    a_run(product_serial="P-17", part_number="AE3-1", hardware_revision="C", location="hall 3"),
    a_run(Outcome.FAIL, attempts=(an_attempt(1, Outcome.ERROR), an_attempt(2, Outcome.FAIL))),
    a_run(Outcome.ERROR, attempts=()),
    a_run(Outcome.ABORTED, attempts=(an_attempt(1, Outcome.ABORTED),)),
    a_run(serial="", identified=False, batch=None, operator=None, bootloader=None),
]
NO_TESTS = [a_run(Outcome.SKIPPED), a_run(None)]


def exported(runs: Iterable[RunRecord], name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export_lines(runs, name, to=TO)]


def test_every_finished_run_is_one_that_tofupilot_takes() -> None:
    records = exported([*RUNS, *NO_TESTS], "tofupilot")
    taken = [accepted(RunCreateRequest, record) for record in records]
    assert [one.outcome for one in taken] == ["PASS", "FAIL", "ERROR", "ABORTED", "PASS"]
    assert [one.client_run_ref for one in taken] == [run.run_id for run in RUNS]
    first, second = taken[0], taken[1]
    assert (first.serial_number, first.part_number, first.revision_number) == ("P-17", "AE3-1", "C")
    assert (first.metadata["chip_serial"], first.metadata["location"], first.procedure_id) == (SERIAL, "hall 3", "FVT1")
    assert second.serial_number == SERIAL
    assert [(phase.outcome, phase.retry_count) for phase in second.phases] == [("ERROR", 0), ("FAIL", 1)]
    assert taken[3].phases[0].outcome == "ERROR"


def test_tofupilots_measurements_have_their_limits() -> None:
    (record,) = exported(RUNS[:1], "tofupilot")
    found = {one["name"]: one for one in record["phases"][0]["measurements"]}
    assert found["HP_read_back_equal"] == {"name": "HP_read_back_equal", "outcome": "PASS", "measured_value": True}
    assert found["picture_mean"] == {
        "name": "picture_mean",
        "outcome": "FAIL",
        "measured_value": 3.0,
        "validators": [{"operator": ">=", "expected_value": 10.0}, {"operator": "<=", "expected_value": 250.0}],
    }
    assert found["disk_bytes"] == {"name": "disk_bytes", "outcome": "UNSET", "units": "byte"}


def test_every_finished_run_is_one_that_wats_takes() -> None:
    records = exported([*RUNS, *NO_TESTS], "wats")
    taken = [accepted(UUTReport, record) for record in records]
    assert [one.result for one in taken] == ["P", "F", "E", "T", "P"]
    assert [str(one.id) for one in taken] == [run.run_id for run in RUNS]
    first, last = taken[0], taken[-1]
    assert (first.sn, first.pn, first.rev, first.location) == ("P-17", "AE3-1", "C", "hall 3")
    assert (first.processCode, first.machineName, first.purpose) == (10, "bench-1", "Production")
    assert (last.sn, last.pn, last.uut.user) == ("-", "-", "-")
    attempts = taken[1].root.steps
    assert [(type(step), step.name, step.status) for step in attempts] == [
        (SequenceCall, "attempt_1", "E"),
        (SequenceCall, "attempt_2", "F"),
    ]
    assert taken[1].uut.errorMessage == "dfu.err_write: it went wrong"


def test_wats_steps_have_their_limits() -> None:
    (record,) = exported(RUNS[:1], "wats")
    steps = {step["name"]: step for step in record["root"]["steps"][0]["steps"]}
    assert steps["picture_mean"]["numericMeas"] == [
        {"status": "F", "value": 3.0, "unit": "", "compOp": "GELE", "lowLimit": 10.0, "highLimit": 250.0}
    ]
    assert steps["he_answer_s"]["numericMeas"] == [
        {"status": "P", "value": 0.25, "unit": "s", "compOp": "LE", "highLimit": 5.0}
    ]
    assert steps["HP_read_back_equal"]["booleanMeas"] == [{"status": "P", "value": True}]
    assert steps["version"]["stringMeas"][0]["value"] == "OpenMV v5; MicroPython ünï"


def test_an_image_that_was_read_back_as_another_fails_there_too() -> None:
    attempt = an_attempt(1, Outcome.FAIL)
    wrong = replace(attempt, images=(replace(attempt.images[0], readback_sha256="0" * 64),), measurements=())
    run = a_run(Outcome.FAIL, attempts=(wrong,))
    (tofupilot,), (wats,) = exported([run], "tofupilot"), exported([run], "wats")
    assert tofupilot["phases"][0]["measurements"][-1]["outcome"] == "FAIL"
    assert wats["root"]["steps"][0]["steps"][-1]["status"] == "F"


@pytest.mark.parametrize("name", ["tofupilot", "wats"])
def test_what_the_system_must_know_is_asked_for(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(export_lines(RUNS, name))
    assert caught.value.code == "usage.destination"
