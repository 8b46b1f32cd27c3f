"""What a line says of cameras that it leaves alone: one line each, once an insertion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from station.problem import as_json


@dataclass(frozen=True, slots=True)
class Notice:
    """A camera that was not run, and why; or, with no slot, what the whole line waits for.

    `code` is stable (`notice.application`); `message` is one line.
    """

    slot: str
    port_path: str
    code: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """The notice as it goes over the line's socket."""
        return {"slot": self.slot, "port_path": self.port_path, "code": self.code, "message": as_json(self.message)}

    @property
    def line(self) -> str:
        """The notice as it is printed."""
        return f"{self.slot}: {self.message}" if self.slot else self.message
