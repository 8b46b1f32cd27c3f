"""What TofuPilot and WATS take, copied from their own clients (tofupilot 2.26.1 and pywats-api 0.6.0rc1, both MIT): the
fields that the exports use, their types and what must be there. Anything else is refused here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


# ---- TofuPilot: RunCreateRequest


class RunCreateValidator(Strict):
    operator: str | None = None
    expected_value: float | str | bool | None = None


class RunCreateMeasurement(Strict):
    name: str
    outcome: Literal["PASS", "FAIL", "UNSET"]
    measured_value: bool | float | str | None = None
    units: str | list[str] | None = None
    validators: list[RunCreateValidator] | None = None


class RunCreatePhase(Strict):
    name: str
    outcome: Literal["PASS", "FAIL", "SKIP", "ERROR"]
    started_at: datetime
    ended_at: datetime
    docstring: str | None = None
    measurements: list[RunCreateMeasurement] | None = None
    retry_count: int = 0


class RunCreateRequest(Strict):
    outcome: Literal["PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED"]
    procedure_id: str
    started_at: datetime
    ended_at: datetime
    serial_number: str
    client_run_ref: str | None = None
    procedure_version: str | None = None
    operated_by: str | None = None
    part_number: str | None = None
    revision_number: str | None = None
    batch_number: str | None = None
    docstring: str | None = None
    phases: list[RunCreatePhase] | None = None
    metadata: Annotated[dict[str, str | float | bool], Field(max_length=50)] | None = None


# ---- WATS: UUTReport

Named = Annotated[str, Field(min_length=1, max_length=100)]
Status = Literal["P", "F", "S", "D", "E", "T"]
CompOp = Literal["LOG", "EQ", "NE", "LT", "LE", "GT", "GE", "GTLT", "GTLE", "GELT", "GELE", "CASESENSIT", "IGNORECASE"]


class NumericMeasurement(Strict):
    status: Status
    value: float | str | None = None
    unit: str | None = None
    compOp: CompOp | None = None
    highLimit: float | None = None
    lowLimit: float | None = None


class StringMeasurement(Strict):
    status: Status
    value: str | None = None
    compOp: CompOp | None = None


class BooleanMeasurement(Strict):
    status: Status
    value: bool | None = None


class _Step(Strict):
    name: Named
    group: Literal["S", "M", "C"]
    status: Status


class NumericStep(_Step):
    stepType: Literal["ET_NLT"]
    numericMeas: Annotated[list[NumericMeasurement], Field(min_length=1, max_length=1)]


class StringValueStep(_Step):
    stepType: Literal["ET_SVT"]
    stringMeas: Annotated[list[StringMeasurement], Field(min_length=1, max_length=1)]


class PassFailStep(_Step):
    stepType: Literal["ET_PFT"]
    booleanMeas: Annotated[list[BooleanMeasurement], Field(min_length=1, max_length=1)]


class SequenceCallInfo(Strict):
    path: str
    name: str
    version: str


class SequenceCall(_Step):
    stepType: Literal["SequenceCall"]
    errorMessage: str | None = None
    totTime: float | None = None
    seqCall: SequenceCallInfo
    steps: list[NumericStep | StringValueStep | PassFailStep | SequenceCall]


class UUTInfo(Strict):
    user: Named
    execTime: float | None = None
    fixtureId: Named | None = None
    errorMessage: str | None = None
    batchSN: Named | None = None


class MiscInfo(Strict):
    description: Named
    text: str | None = None


class UUTReport(Strict):
    id: UUID
    type: Literal["T"]
    pn: Named
    sn: Named
    rev: Named
    processCode: int
    result: Literal["P", "F", "D", "E", "T"]
    machineName: Named
    location: Named
    purpose: Named
    start: datetime
    uut: UUTInfo
    miscInfos: list[MiscInfo]
    root: SequenceCall


def accepted(model: type[BaseModel], record: Any) -> Any:
    """The record as its owner's client reads it; pydantic's error where it does not."""
    return model.model_validate(record)
