"""What a line says of cameras that it leaves alone: one line each, once an insertion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A camera that was not run, and why. `code` is stable (`notice.application`); `message` is one line."""

    slot: str
    port_path: str
    code: str
    message: str

    @property
    def line(self) -> str:
        """The notice as it is printed."""
        return f"{self.slot}: {self.message}"
