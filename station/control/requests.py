"""What a screen may ask of a line, by name: the requests that come through the line's socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from station.control.wire import LineStatus
from station.model.batches import NAME_LIMIT, PLANNED_LIMIT
from station.model.slots import SlotView


class Steered(Protocol):
    """What is asked of a line. Every call returns at once and may come from any thread."""

    def status(self) -> LineStatus:
        """How the line stands."""
        ...

    def views(self) -> list[SlotView]:
        """The newest state of every port."""
        ...

    def pause(self) -> None:
        """Start no camera from now on."""
        ...

    def resume(self) -> None:
        """Start what waits."""
        ...

    def stop(self, *, abort: bool = False) -> None:
        """Take no new camera; end running ones too with `abort`."""
        ...

    def cancel(self, port_path: str) -> None:
        """End one slot's run."""
        ...

    def rerun(self, port_path: str) -> None:
        """Run the camera that is in a slot once more."""
        ...

    def restore_slot(self, place: str) -> None:
        """Take cameras again in a slot that was taken out."""
        ...

    def begin_batch(self, name: str, operator: str | None, planned: int | None) -> None:
        """The next runs are of this batch."""
        ...

    def end_batch(self, name: str) -> None:
        """End the batch, if it is the one at the bench."""
        ...

    def go_on_with_batch(self, name: str) -> None:
        """Let the batch have more units than planned."""
        ...


REQUESTS: Mapping[str, Callable[[Steered, Mapping[str, Any]], None]] = {
    "stop": lambda line, given: line.stop(abort=bool(given.get("abort", False))),
    "pause": lambda line, given: line.pause(),
    "resume": lambda line, given: line.resume(),
    "cancel": lambda line, given: line.cancel(_port_path(given)),
    "rerun": lambda line, given: line.rerun(_port_path(given)),
    "restore_slot": lambda line, given: line.restore_slot(_place(given)),
    "begin_batch": lambda line, given: line.begin_batch(_name(given, "name"), _operator(given), _planned(given)),
    "end_batch": lambda line, given: line.end_batch(_named(given)),
    "go_on_with_batch": lambda line, given: line.go_on_with_batch(_named(given)),
}


def carry_out(line: Steered, request: Mapping[str, Any]) -> str:
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


def _place(given: Mapping[str, Any]) -> str:
    return _port_path(given) if "port_path" in given else _name(given, "name")


def _name(given: Mapping[str, Any], key: str) -> str:
    name = given[key]
    if not isinstance(name, str):
        raise TypeError(f"{key} is text")
    if not name.strip() or len(name) > NAME_LIMIT or not name.isprintable():
        raise ValueError(f"{key} is one line of 1 to {NAME_LIMIT} characters")
    return name.strip()


def _named(given: Mapping[str, Any]) -> str:
    """A batch that is at the bench already. Its name is only compared, so an older log's longer one can be ended."""
    name = given["name"]
    if not isinstance(name, str):
        raise TypeError("name is text")
    return name


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
