"""One list of fields: what reads records back, the tables and the promised names agree with the records."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from station.ledger.tables import ATTEMPTS, IMAGES, MEASUREMENTS, RUNS
from station.model.measurements import Measurement
from station.model.record_json import field_names
from station.model.run_json import run_from_json
from station.model.runs import AttemptRecord, ImageRecord, Outcome, Purpose, RunRecord
from station.model.unit_values import UnitValues
from station.problem import sentence

AT = datetime(2026, 11, 28, 12, 0, 0, 5, tzinfo=UTC)
MEASURED = Measurement("sensor", 2.5, "V", 1.0, 3.0, True)
SAID = sentence("block {n}", n=4)
IMAGE = ImageRecord("HP", 1, 4096, "a" * 64, "b" * 64, 2, 1, 1.25, 0.5)
ATTEMPT = AttemptRecord(
    "a1",
    2,
    Outcome.FAIL,
    "dfu.err_write",
    "write",
    AT,
    3.5,
    sentence("block {n}", n=4),
    True,
    ("odd",),
    (IMAGE,),
    (MEASURED,),
)
RUN = RunRecord(
    run_id="r1",
    station_id="s1",
    serial="3A0F",
    identified=False,
    slot="A1",
    port_path="1-1",
    batch="L1",
    operator="ann",
    recipe="full",
    bundle="b",
    bundle_sha256="c" * 64,
    bundle_version="v5",
    bootloader="1.0.3",
    station_version="0.1",
    application_serial="9fab",
    product_serial="P1",
    part_number="N1",
    hardware_revision="C",
    location="hall 3",
    time_zone="Asia/Shanghai",
    proofs_off="verify",
    central_wait_s=0.02,
    unit_values=UnitValues.of({"panel": "7", "lens": "L-1"}),
    purpose=Purpose.REWORK,
    notes=("something",),
    started_at=AT,
    finished_at=AT,
    duration_s=4.25,
    outcome=Outcome.FAIL,
    code="dfu.err_write",
    message=sentence("block {n}", n=4),
    verified=True,
    boot_confirmed=True,
    attempts=(ATTEMPT,),
)
MESSAGE = {"message_form", "message_values"}
PROMISED = [
    "run_id",
    "station_id",
    "serial",
    "slot",
    "port_path",
    "batch",
    "operator",
    "recipe",
    "bundle",
    "bundle_sha256",
    "bundle_version",
    "bootloader",
    "station_version",
    "application_serial",
    "product_serial",
    "part_number",
    "purpose",
    "notes",
    "started_at",
    "finished_at",
    "duration_s",
    "outcome",
    "code",
    "message",
    "attempts",
]


def test_every_field_of_the_example_is_another_than_its_default() -> None:
    plain = RunRecord(
        **{name: getattr(RUN, name) for name in field_names(RunRecord)[:11]}, bootloader=None, started_at=AT
    )
    others = field_names(RunRecord)[11:]
    assert [name for name in others if getattr(plain, name) == getattr(RUN, name)] == ["started_at"]


def test_json_has_every_field_and_comes_back_as_it_was() -> None:
    data = json.loads(json.dumps(RUN.to_json()))
    assert set(data) == set(field_names(RunRecord)) | MESSAGE
    assert set(data["attempts"][0]) == set(field_names(AttemptRecord)) | MESSAGE
    assert set(data["attempts"][0]["images"][0]) == set(field_names(ImageRecord))
    again = run_from_json(data)
    assert again == RUN
    assert again.to_json() == RUN.to_json()


def test_the_promised_names_are_there_in_the_promised_order() -> None:
    names = [name for name in RUN.to_json() if name in PROMISED]
    assert names == PROMISED


@pytest.mark.parametrize(
    ("table", "record", "further"),
    [
        (RUNS, RunRecord, {"unit_id", "application_key", "ordered_at", "may_have_written", "passed_at_once", *MESSAGE}),
        (ATTEMPTS, AttemptRecord, {"run_id", *MESSAGE}),
        (IMAGES, ImageRecord, {"image_id", "attempt_id", "position"}),
        (MEASUREMENTS, Measurement, {"number", "attempt_id", "position"}),
    ],
)
def test_a_table_has_a_column_for_each_field(table: object, record: type, further: set[str]) -> None:
    columns = {column.name for column in table.columns}  # type: ignore[attr-defined]
    lists = {"attempts", "images", "measurements"}
    assert columns - further == set(field_names(record)) - lists
