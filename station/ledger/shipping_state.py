"""How far the centre has the log, as far as this station knows: kept beside the log for those who ask while it is away.

It is only shown; what is to be sent is decided by what the centre says.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from station.json_lines import line_of, object_of

FILE_NAME = "central.json"


@dataclass(frozen=True, slots=True)
class ShippingState:
    """What was sent, up to which number and when, and what is wrong now. All None or "" where nothing is known yet.

    `waiting` changes of the log are not in the centre; the first of them came at `waiting_since`.
    """

    sent_number: int | None = None
    sent_at: datetime | None = None
    waiting: int = 0
    waiting_since: datetime | None = None
    refused: int = 0
    code: str | None = None
    message: str = ""
    twin_at: datetime | None = None
    """When another log was sent last under this station's id."""

    def to_json(self) -> dict[str, Any]:
        """As `central status --json` prints it."""
        times = {"sent_at": self.sent_at, "waiting_since": self.waiting_since, "twin_at": self.twin_at}
        return {**asdict(self), **{name: time and time.isoformat() for name, time in times.items()}}


def write(data_dir: Path, state: ShippingState) -> None:
    """Keep the state, whole or not at all. A disk that is full has worse consequences elsewhere."""
    incoming = data_dir / f".{FILE_NAME}.incoming"
    with suppress(OSError):
        incoming.write_bytes(line_of(state.to_json()))
        os.replace(incoming, data_dir / FILE_NAME)


def read(data_dir: Path) -> ShippingState:
    """The state that was kept last; nothing known where there is none, or it cannot be read."""
    try:
        given = object_of((data_dir / FILE_NAME).read_bytes())
        sent_at, waiting_since = _time(given["sent_at"]), _time(given["waiting_since"])
        twin_at = _time(given.get("twin_at"))
        return replace(ShippingState(**given), sent_at=sent_at, waiting_since=waiting_since, twin_at=twin_at)
    except (OSError, ValueError, TypeError, KeyError):
        return ShippingState()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
