"""What a screen may ask of a line, by name: the requests that come through the line's socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from station.line.line import Line
from station.model.batches import NAME_LIMIT, PLANNED_LIMIT

REQUESTS: Mapping[str, Callable[[Line, Mapping[str, Any]], None]] = {
    "stop": lambda line, given: line.stop(abort=bool(given.get("abort", False))),
    "pause": lambda line, given: line.pause(),
    "resume": lambda line, given: line.resume(),
    "cancel": lambda line, given: line.cancel(_port_path(given)),
    "rerun": lambda line, given: line.rerun(_port_path(given)),
    "begin_batch": lambda line, given: line.begin_batch(_name(given, "name"), _operator(given), _planned(given)),
    "end_batch": lambda line, given: line.end_batch(_name(given, "name")),
    "go_on_with_batch": lambda line, given: line.go_on_with_batch(_name(given, "name")),
}


def carry_out(line: Line, request: Mapping[str, Any]) -> str:
    """Hand a request to the line and return its name. ValueError where there is none of that name; KeyError, TypeError
    where something in it is missing or of the wrong kind."""
    name = request["do"]
    if name not in REQUESTS:
        raise ValueError(f"there is no request {name!r}")
    REQUESTS[name](line, request)
    return str(name)


def _port_path(given: Mapping[str, Any]) -> str:
    port_path = given["port_path"]
    if not isinstance(port_path, str):
        raise TypeError("port_path is text")
    return port_path


def _name(given: Mapping[str, Any], key: str) -> str:
    name = given[key]
    if not isinstance(name, str):
        raise TypeError(f"{key} is text")
    if not name.strip() or len(name) > NAME_LIMIT or not name.isprintable():
        raise ValueError(f"{key} is one line of 1 to {NAME_LIMIT} characters")
    return name.strip()


def _operator(given: Mapping[str, Any]) -> str | None:
    return None if given["operator"] is None else _name(given, "operator")


def _planned(given: Mapping[str, Any]) -> int | None:
    planned = given["planned"]
    if planned is None:
        return None
    if not isinstance(planned, int) or isinstance(planned, bool):
        raise TypeError("planned is a whole number")
    if not 0 < planned <= PLANNED_LIMIT:
        raise ValueError(f"planned is from 1 to {PLANNED_LIMIT}")
    return planned
