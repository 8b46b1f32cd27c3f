"""A record as JSON: its fields, in the order in which they are declared. The dataclass is the only list of them."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from station.problem import stored_parts


def field_names(kind: type[Any]) -> tuple[str, ...]:
    """The names of a record's fields, in order."""
    return tuple(each.name for each in fields(kind))


def record_json(record: Any) -> dict[str, Any]:
    """Every field. A message is there with its form and values: another language can be made of these, and no program
    need read the sentence."""
    given: dict[str, Any] = {}
    for name in field_names(type(record)):
        value = getattr(record, name)
        if name == "message":
            form, values = stored_parts(value)
            given |= {"message": str(value), "message_form": form, "message_values": values}
        else:
            given[name] = _json(value)
    return given


def _json(value: Any) -> Any:
    """Seconds are rounded to microseconds; times have their offset; an outcome or a purpose is its word."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    if isinstance(value, str):
        return str(value)
    return value.to_json() if hasattr(value, "to_json") else value
