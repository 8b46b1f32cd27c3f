"""The fields of a request's JSON object, checked. Errors: UsageError `request.invalid`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from station.errors import UsageError
from station.model.batches import NAME_LIMIT, PLANNED_LIMIT

Given = Mapping[str, Any]


def invalid(what: str) -> UsageError:
    """The refusal of a request in which something is missing or of the wrong kind."""
    return UsageError("request.invalid", what)


def field_of(given: Given, key: str) -> object:
    """What must be there."""
    if key not in given:
        raise invalid(f"{key} is missing")
    return given[key]


def text_of(given: Given, key: str) -> str:
    """Any text."""
    text = field_of(given, key)
    if not isinstance(text, str):
        raise invalid(f"{key} is text")
    return text


def name_of(given: Given, key: str) -> str:
    """One line of text, not too long."""
    name = text_of(given, key)
    if not name.strip() or len(name) > NAME_LIMIT or not name.isprintable():
        raise invalid(f"{key} is one line of 1 to {NAME_LIMIT} characters")
    return name.strip()


def planned_of(given: Given) -> int | None:
    """How many units a batch is to have; None where nobody said."""
    planned = field_of(given, "planned")
    if planned is None:
        return None
    if not isinstance(planned, int) or isinstance(planned, bool) or not 0 < planned <= PLANNED_LIMIT:
        raise invalid(f"planned is a whole number from 1 to {PLANNED_LIMIT}")
    return planned
