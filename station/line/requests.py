"""What a screen may ask of a line, by name: the requests that come through the line's socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from station.line.line import Line

REQUESTS: Mapping[str, Callable[[Line, Mapping[str, Any]], None]] = {
    "stop": lambda line, given: line.stop(abort=bool(given.get("abort", False))),
    "pause": lambda line, given: line.pause(),
    "resume": lambda line, given: line.resume(),
    "cancel": lambda line, given: line.cancel(_port_path(given)),
    "rerun": lambda line, given: line.rerun(_port_path(given)),
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
