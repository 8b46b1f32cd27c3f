"""The question to the factory's system before a camera is written to, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from station.model.record_json import record_json


@dataclass(frozen=True, slots=True)
class FlashQuestion:
    """May this unit be flashed with this, here and now?"""

    run_id: str
    station_id: str
    serial: str
    product_serial: str | None
    part_number: str | None
    slot: str
    batch: str | None
    operator: str | None
    recipe: str
    bundle: str
    bundle_sha256: str
    bundle_version: str

    def to_json(self) -> dict[str, Any]:
        """The question as it is sent."""
        return {"question": "may_flash", **record_json(self)}


class Answer(Enum):
    """What the system said."""

    YES = auto()
    NO = auto()
    SILENT = auto()
    """It could not be asked, or said neither."""


@dataclass(frozen=True, slots=True)
class Permission:
    """An answer and its words, on one line: why not, or why there is no answer."""

    answer: Answer
    words: str = ""
