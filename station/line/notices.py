"""Which notices are due: once an insertion, however often the same camera comes and goes meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from station.line.port import Port
from station.model.notices import Notice

RETURNS = 4
"""So many returns within the return window each are a camera that comes and goes for ever."""


@dataclass
class _Insertion:
    told: set[str] = field(default_factory=set)
    returns: int = 0


class Notices:
    """What was told of the camera at each port since it was put there."""

    def __init__(self, on_notice: Callable[[Notice], None], return_window_s: float) -> None:
        self._on_notice = on_notice
        self._return_window_s = return_window_s
        self._insertions: dict[str, _Insertion] = {}

    def arrived(self, port: Port, *, another: bool) -> None:
        """A device came to a port: a new insertion where it is `another` camera or was gone long enough for a hand."""
        insertion = self._insertions.get(port.path)
        if insertion is None or another or port.absent_s > self._return_window_s:
            self._insertions[port.path] = _Insertion()
        elif port.run is None:
            insertion.returns += 1
            if insertion.returns >= RETURNS:
                self.tell(port, "notice.comes_and_goes", "the camera comes and goes without end: try another cable")

    def told(self, port: Port, code: str) -> bool:
        """Whether this was said of the camera at a port."""
        insertion = self._insertions.get(port.path)
        return insertion is not None and code in insertion.told

    def tell(self, port: Port, code: str, message: str) -> None:
        """Say one thing of the camera at a port, once an insertion."""
        insertion = self._insertions.setdefault(port.path, _Insertion())
        if code not in insertion.told:
            insertion.told.add(code)
            self._on_notice(Notice(port.name, port.path, code, message))
