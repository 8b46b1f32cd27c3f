"""Runs read back from their JSON form: the reverse of `RunRecord.to_json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from station.model.measurements import measurement_from_json
from station.model.runs import AttemptRecord, ImageRecord, Outcome, Purpose, RunRecord
from station.model.unit_values import NO_VALUES, UnitValues
from station.problem import restored


def run_from_json(data: Mapping[str, Any]) -> RunRecord:
    """The run of one JSON object. Unknown keys are ignored; what older stations did not record has its default.

    Errors: ValueError where a key is missing or a value cannot be what it should be.
    """
    try:
        return _run(data)
    except KeyError as error:
        raise ValueError(f'"{error.args[0]}" is missing') from error
    except (TypeError, AttributeError) as error:
        raise ValueError("a value in it is of another kind than a run has") from error


_Kind = TypeVar("_Kind")


def _read(kind: Callable[[Any], _Kind], data: Mapping[str, Any], key: str) -> _Kind:
    """The value of this key as one of this kind; ValueError with the key where it cannot be one."""
    try:
        return kind(data[key])
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f'"{key}" cannot be {json.dumps(data[key])[:100]}') from error


def _maybe(kind: Callable[[Any], _Kind], data: Mapping[str, Any], key: str) -> _Kind | None:
    return None if data[key] is None else _read(kind, data, key)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _words(data: Mapping[str, Any], key: str) -> str | None:
    """A text that older records do not have."""
    return _maybe(_text, data, key) if key in data else None


def _run(data: Mapping[str, Any]) -> RunRecord:
    return RunRecord(
        run_id=str(data["run_id"]),
        station_id=str(data["station_id"]),
        serial=str(data["serial"]),
        identified=bool(data.get("identified", True)),
        slot=str(data["slot"]),
        port_path=str(data["port_path"]),
        batch=_maybe(_text, data, "batch"),
        operator=_maybe(_text, data, "operator"),
        recipe=str(data["recipe"]),
        bundle=str(data["bundle"]),
        bundle_sha256=str(data["bundle_sha256"]),
        bootloader=_maybe(_text, data, "bootloader"),
        started_at=_read(_time, data, "started_at"),
        finished_at=_read(_time, data, "finished_at") if data["finished_at"] else None,
        duration_s=_maybe(float, data, "duration_s"),
        outcome=_maybe(Outcome, data, "outcome"),
        code=_maybe(_text, data, "code"),
        message=_message(data),
        verified=bool(data.get("verified", False)),
        boot_confirmed=bool(data.get("boot_confirmed", False)),
        station_version=str(data.get("station_version", "")),
        bundle_version=str(data.get("bundle_version", "")),
        application_serial=_words(data, "application_serial"),
        product_serial=_words(data, "product_serial"),
        part_number=_words(data, "part_number"),
        hardware_revision=_words(data, "hardware_revision"),
        location=_words(data, "location"),
        time_zone=_words(data, "time_zone"),
        proofs_off=_words(data, "proofs_off"),
        central_wait_s=_maybe(float, {"central_wait_s": None, **data}, "central_wait_s"),
        unit_values=_read(UnitValues.of, data, "unit_values") if "unit_values" in data else NO_VALUES,
        purpose=_read(Purpose, data, "purpose") if "purpose" in data else Purpose.PRODUCTION,
        notes=tuple(str(note) for note in data.get("notes", ())),
        attempts=tuple(_attempt(attempt) for attempt in data["attempts"]),
    )


def _message(data: Mapping[str, Any]) -> str:
    return restored(str(data.get("message", "")), data.get("message_form"), data.get("message_values"))


def _attempt(data: Mapping[str, Any]) -> AttemptRecord:
    return AttemptRecord(
        attempt_id=str(data["attempt_id"]),
        number=_read(int, data, "number"),
        outcome=_read(Outcome, data, "outcome"),
        code=_maybe(_text, data, "code"),
        phase=str(data["phase"]),
        started_at=_read(_time, data, "started_at"),
        duration_s=_read(float, data, "duration_s"),
        message=_message(data),
        mram_initialized=bool(data.get("mram_initialized", False)),
        images=tuple(_image(image) for image in data["images"]),
        notes=tuple(str(note) for note in data.get("notes", ())),
        measurements=tuple(measurement_from_json(each) for each in data.get("measurements", ())),
    )


def _image(data: Mapping[str, Any]) -> ImageRecord:
    return ImageRecord(
        partition=str(data["partition"]),
        alt=_read(int, data, "alt"),
        size_bytes=_read(int, data, "size_bytes"),
        sha256=str(data["sha256"]),
        readback_sha256=_maybe(_text, data, "readback_sha256"),
        blocks_total=_read(int, data, "blocks_total"),
        blocks_written=_read(int, data, "blocks_written"),
        write_s=_read(float, data, "write_s"),
        verify_s=_read(float, data, "verify_s"),
    )


def _time(text: str) -> datetime:
    """A time with its offset; a time without one says nothing and is refused."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without an offset from UTC: {text}")
    return moment
