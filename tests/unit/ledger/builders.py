"""Runs as a line would tell them, for the tests of the log and of the reports."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from station.model.ids import new_id
from station.model.measurements import Measurement, within
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunRecord
from station.yields.counting import YieldReport

START = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)
SERIAL = "3A0F5C77B1D2E49600112233"
OTHER_SERIAL = "3A0F5C77B1D2E49600445566"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def an_image(partition: str = "HP", *, written: int = 640, seconds: float = 2.0) -> ImageRecord:
    digest = sha256(partition)
    return ImageRecord(partition, 1, 640 * 4096, digest, digest, 640, written, seconds, 1.0)


def an_attempt(number: int = 1, outcome: Outcome = Outcome.PASS, **changes: Any) -> AttemptRecord:
    attempt = AttemptRecord(
        attempt_id=new_id(),
        number=number,
        outcome=outcome,
        code=None if outcome is Outcome.PASS else "dfu.err_write",
        phase="boot" if outcome is Outcome.PASS else "write",
        started_at=START + timedelta(seconds=number),
        duration_s=12.25,
        message="" if outcome is Outcome.PASS else "block 7 of ROMFS0 was refused",
        mram_initialized=number == 2,
        images=(an_image("HP"), an_image("ROMFS0", written=0)),
        notes=("the reset was retried", "ünïcode ✓"),
        measurements=MEASUREMENTS,
    )
    return replace(attempt, **changes)


MEASUREMENTS = (
    Measurement("version", "OpenMV v5; MicroPython ünï", passed=True),
    Measurement("sensor_id", 0x7936, passed=True),
    within("he_answer_s", 0.25, "s", high=5.0),
    within("picture_mean", 3.0, low=10.0, high=250.0),
    Measurement("disk_bytes", None, "byte"),
)
"""A text, a whole number, one within its limit, one outside, and one that was not measured."""


def a_run(outcome: Outcome | None = Outcome.PASS, minute: float = 0, **changes: Any) -> RunRecord:
    """A finished run (an open one where `outcome` is None) that started `minute` minutes after START."""
    started_at = START + timedelta(minutes=minute)
    touched = outcome not in (None, Outcome.SKIPPED)
    run = RunRecord(
        run_id=new_id(),
        station_id="bench-1",
        serial=SERIAL,
        identified=True,
        slot="A1",
        port_path="1-1.4.2",
        batch="2026-47",
        operator="Ada",
        recipe="full",
        bundle="v4.7.0",
        bundle_sha256=sha256("bundle"),
        bootloader="1.0.3",
        started_at=started_at,
        finished_at=started_at + timedelta(seconds=60) if outcome else None,
        duration_s=60.0 if outcome else None,
        outcome=outcome,
        code=CODES.get(outcome),
        message="" if outcome in (None, Outcome.PASS) else "it went wrong",
        verified=outcome is Outcome.PASS,
        boot_confirmed=outcome is Outcome.PASS,
        attempts=(an_attempt(1, outcome),) if touched and outcome else (),
    )
    return replace(run, **changes)


def rounded(report: YieldReport) -> Any:
    """The report's JSON; sums of floats may differ in their last digits with the order in which they were added."""
    return json.loads(json.dumps(report.to_json()), parse_float=lambda text: float(f"{float(text):.9g}"))


CODES: dict[Outcome | None, str] = {
    Outcome.FAIL: "dfu.err_write",
    Outcome.ERROR: "worker.died",
    Outcome.ABORTED: "operator.unplugged",
    Outcome.SKIPPED: "unit.already_passed",
}


def opened(run: RunRecord) -> RunRecord:
    """The same run as it was when its camera was held."""
    return replace(
        run,
        outcome=None,
        code=None,
        message="",
        finished_at=None,
        duration_s=None,
        verified=False,
        boot_confirmed=False,
        attempts=(),
    )
