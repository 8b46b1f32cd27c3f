from __future__ import annotations

import json
from dataclasses import replace

from station.model.runs import Outcome
from station.report.run_export import export_lines
from tests.unit.ledger.builders import START, a_run, an_attempt, an_image


def test_a_run_is_a_test_record_and_its_attempts_are_phases() -> None:
    broken = replace(an_image("HP", written=3), readback_sha256=None)
    wrong = replace(an_image("ROMFS0"), readback_sha256="0" * 64)
    run = a_run(attempts=(an_attempt(1, Outcome.FAIL, images=(broken, wrong)), an_attempt(2)))
    (line,) = export_lines([run], "openhtf")
    record = json.loads(line)
    assert (record["dut_id"], record["station_id"], record["outcome"]) == (run.serial, "bench-1", "PASS")
    # 2026-11-22 08:00:00.123 UTC
    assert (record["start_time_millis"], record["end_time_millis"]) == (1795334400123, 1795334460123)
    assert record["start_time_millis"] == round(START.timestamp() * 1000)
    assert record["outcome_details"] == []
    assert record["metadata"]["run_id"] == run.run_id
    assert (record["metadata"]["batch"], record["metadata"]["bundle"]) == ("2026-47", "v4.7.0")
    first, second = record["phases"]
    assert (first["name"], first["outcome"], second["outcome"]) == ("attempt_1", "FAIL", "PASS")
    assert second["end_time_millis"] - second["start_time_millis"] == 12250
    measured = {name: (value["measured_value"], value["outcome"]) for name, value in first["measurements"].items()}
    assert measured["HP_blocks_written"] == (3, "PASS")
    assert measured["HP_read_back_equal"] == (None, "UNSET")
    assert measured["ROMFS0_read_back_equal"] == (False, "FAIL")
    assert measured["code"] == ("dfu.err_write", "PASS")
    assert second["measurements"]["ROMFS0_read_back_equal"]["outcome"] == "PASS"


def test_outcomes_are_those_that_openhtf_has() -> None:
    runs = [a_run(outcome, code=None if outcome is Outcome.PASS else "usb.io") for outcome in Outcome]
    records = [json.loads(line) for line in export_lines([*runs, a_run(None)], "openhtf")]
    assert [record["outcome"] for record in records] == ["PASS", "FAIL", "ERROR", "ABORTED"]
    assert [record["phases"][0]["outcome"] for record in records] == ["PASS", "FAIL", "ERROR", "ERROR"]
    assert records[1]["outcome_details"] == [{"code": "usb.io", "description": "it went wrong"}]
